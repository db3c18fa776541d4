"""Options that more than one command has for comparisons."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
