"""Makes the golden answers again: `python tests/golden/make.py` (needs the reference model, not the network).

The answers of the reference model are recorded once; the golden run starts from them, so that it needs no model and
depends on no processor. Findings and report are pinned byte for byte; change them only on purpose.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from audit import pipeline, runs  # noqa: E402
from audit.job import prepare  # noqa: E402
from audit.report.render import render  # noqa: E402

ANSWERED_AT = "2026-11-01T12:00:00Z"


class Plain:
    """The reference model without its mask word: recorded answers have none, so words are taken out instead."""

    def __init__(self, model: Any) -> None:
        self.identity, self.labels, self.deterministic = model.identity, model.labels, True
        self.classify = model.classify


def main() -> None:
    job = prepare(str(HERE / "suite.yaml"), model="reference:screening-v1")
    write_answers(pipeline.compute(replace(job, backend=Plain(job.backend))).tables["responses"])
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(HERE):
        write_expected(pipeline.run("suite.yaml", model="recorded:answers.jsonl.gz", output=Path(folder)))


def write_answers(responses: pd.DataFrame) -> None:
    """One line an answer, with five decimals."""
    found = responses.drop_duplicates(["prompt_id", "repeat"]).sort_values(["prompt_id", "repeat"])
    lines = []
    for row in found.to_dict("records"):
        scores = {label: round(value, 5) for label, value in json.loads(row["scores"]).items()}
        answer = {
            "prompt_id": row["prompt_id"],
            "repeat": row["repeat"],
            "scores": scores,
            "answered_at": ANSWERED_AT,
        }
        lines.append(json.dumps(answer))
    text = "\n".join(lines) + "\n"
    with (HERE / "answers.jsonl.gz").open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
        file.write(text.encode())


def write_expected(folder: Path) -> None:
    """Findings as they are; the report with the plan and the manifest of this very run."""
    (HERE / "findings.json").write_bytes((folder / "findings.json").read_bytes())
    (HERE / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())
    (HERE / "report.html").write_text(html_of(folder), encoding="utf-8", newline="\n")


def html_of(folder: Path) -> str:
    """The report with what differs from machine to machine (time, versions, digests) taken from the golden manifest."""
    run = runs.read_run(folder)
    manifest = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    return render(
        replace(run, folder="golden", plan={**run.plan, "made_at": "2026-11-20T00:00:00Z"}, manifest=manifest)
    )


if __name__ == "__main__":
    main()
