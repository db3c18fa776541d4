"""What the commands take: arguments and options with their help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Beginning(StrEnum):
    """What `audit new` can begin."""

    suite = "suite"
    axis = "axis"


class Kind(StrEnum):
    """What `audit list` can list."""

    axes = "axes"
    suites = "suites"
    metrics = "metrics"
    backends = "backends"
    executors = "executors"
    policies = "policies"
    models = "models"
    exporters = "exporters"


class Asked(StrEnum):
    """What a suite of `audit swap` can ask."""

    generate = "generate"
    choose = "choose"


Suites = Annotated[
    list[str], typer.Argument(metavar="SUITE", help="Suite files, or names of shipped suites.")
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="reference:NAME, hf:NAME or hf:FOLDER, endpoint:NAME@URL, callable:MODULE:FUNCTION, recorded:FILE, "
        "or a model file (YAML).",
    ),
]
MaybeModel = Annotated[
    str | None, typer.Option("--model", "-m", metavar="MODEL", help="Expand as this model would be asked.")
]
PolicyName = Annotated[
    str, typer.Option("--policy", metavar="NAME", help="Policy file, or name of a shipped one.")
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where run folders are made.")]
Place = Annotated[
    str,
    typer.Option(
        "--executor", metavar="NAME", help="Where the model is asked: local, or ray (workers of a cluster)."
    ),
]
Address = Annotated[
    str,
    typer.Option(
        "--address", metavar="HOST:PORT", help="Cluster to use; without it one is started on this machine."
    ),
]
Workers = Annotated[
    int, typer.Option("--workers", metavar="N", help="How many workers; 0: all there is room for.")
]
Gpus = Annotated[
    float, typer.Option("--gpus", metavar="F", help="Graphics cards of each worker, such as 1 or 0.5.")
]
Track = Annotated[
    str | None,
    typer.Option(
        "--track",
        metavar="mlflow[:URI]",
        help="Send finished runs to an MLflow server, with all their files.",
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.", show_default=False)]


def _located(of: str) -> Path:
    from audit.tracking import located

    return located(of)


RunPlace = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", parser=_located, help="Folder of a run, or mlflow:RUN_ID[@URI].", show_default=False
    ),
]
Versions = Annotated[
    list[Path],
    typer.Argument(
        metavar="BASELINE CANDIDATE…",
        parser=_located,
        help="Run folders, or mlflow:RUN_ID[@URI]; the first may be a baseline file.",
    ),
]
MaybeBaseline = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="RUN|FILE",
        parser=_located,
        help="Compare with an earlier run (folder, or mlflow:RUN_ID[@URI]) or a baseline file.",
    ),
]
Gate = Annotated[
    bool,
    typer.Option(
        "--gate", help="End with 1 where the policy's gate is closed, with 3 where a run is incomplete."
    ),
]
Waivers = Annotated[
    Path | None, typer.Option("--waivers", metavar="FILE", help="Findings that somebody answers for (YAML).")
]
Pages = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="Write comparison.html, comparison.pdf and comparison.json there.",
    ),
]
Markdown = Annotated[
    Path | None, typer.Option("--markdown", metavar="FILE", help="Write the comparison for a pull request.")
]
Junit = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE", help="Write the comparison as JUnit XML.")
]
Sarif = Annotated[Path | None, typer.Option("--sarif", metavar="FILE", help="Write the comparison as SARIF.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the comparison as JSON.")]
PairId = Annotated[
    str,
    typer.Argument(
        metavar="PAIR", help="Id of a pair, or how it begins; the report names them.", show_default=False
    ),
]
Methods = Annotated[
    list[str] | None,
    typer.Option("--method", metavar="NAME", help="How, more than once: shap, lime, shap_partition …"),
]
Exact = Annotated[
    bool,
    typer.Option("--exact", help="Explain with every coalition of up to twelve players, not up to eight."),
]
Pdf = Annotated[
    bool | None,
    typer.Option("--pdf/--no-pdf", help="Make report.pdf, which `audit report RUN` can do later."),
]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", min=0, help="Another start of what is sampled.")
]
WhereNow = Annotated[
    str, typer.Option("--model", "-m", metavar="MODEL", help="Where the model of the run is now.")
]
PairFile = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it too: .html, .pdf or .json.")
]
