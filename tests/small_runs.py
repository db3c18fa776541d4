"""Run folders made by hand: real files of the real format, with a handful of rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from audit.evidence import plan_digest, write_manifest, write_receipt
from audit.records import TABLES, Exclusion, Finding, Table
from audit.runs import append_look, run_folder, write_plan, write_run

PLAN: dict[str, Any] = {
    "suite": {"id": "letters", "title": "Letters", "design": "paired"},
    "policy": {"id": "default", "alpha": 0.05},
    "axes": {"gender": {"id": "gender", "groups": {"men": {}, "women": {}}}},
    "seed": 7,
    "limits": {"selection_rate": {"low": -0.1, "high": 0.1}},
}
MODEL: dict[str, Any] = {
    "kind": "reference",
    "name": "screening-v1",
    "revision": "",
    "digests": {"model.safetensors": "0" * 64},
    "settings": {"device": "cpu", "threads": 1},
    "id": "0123456789abcdef",
}
FACTS: dict[str, Any] = {
    "model": MODEL,
    "counts": {"prompts": 2, "failed": 0},
    "answered_from": "2026-01-01T00:00:00Z",
    "answered_to": "2026-01-01T00:00:09Z",
    "answers_older_than_plan": False,
    "complete": True,
}
FINDING = Finding(
    id="f1",
    effect_id="e1",
    metric="selection_rate",
    axis="gender",
    stratum="*",
    group_a="men",
    group_b="women",
    verdict="undecided",
    reason="too few templates",
    distinguishable=False,
)
EXCLUDED = Exclusion(what="gender: template t9", reason="no words for $title", count=3)


def rows(table: Table, **values: object) -> pd.DataFrame:
    """One row of `table`: `values`, and an empty value of the right type in every other column."""
    blank: dict[str, object] = {"str": "", "float64": float("nan"), "int64": 0, "bool": False}
    return table.frame([{column.name: blank[column.dtype] for column in table.columns} | values])


def tables() -> dict[str, pd.DataFrame]:
    """Every table of a run with one row each."""
    return {table.name: rows(table) for table in TABLES}


def finished_run(output: Path, *, facts: Mapping[str, Any] = FACTS, plan: Mapping[str, Any] = PLAN) -> Path:
    """A finished run below `output`: plan, tables, manifest, a report of one sentence, and the receipt."""
    digest = plan_digest(plan)
    folder = run_folder(output, "letters", "screening-v1", digest)
    write_plan(folder, plan, digest=digest)
    append_look(folder, effects=1)
    write_run(folder, tables=tables(), findings=[FINDING], excluded=[EXCLUDED])
    write_manifest(folder, facts=facts)
    (folder / "report.html").write_text("<!doctype html><title>Report</title>", encoding="utf-8")
    (folder / "report.pdf").write_bytes(b"%PDF-1.7 nothing else")
    write_receipt(folder)
    return folder
