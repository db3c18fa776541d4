"""The CSV export: columns, precision, and cells that a spreadsheet must not calculate."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import catalogue
from audit.exports import EXPORTERS
from audit.exports.csv import EFFECT_COLUMNS, GROUP_COLUMNS, cell
from audit.records import EFFECTS, GROUPS, TABLES, Run

ISSUE_EFFECTS = [
    "run",
    "suite",
    "metric",
    "axis",
    "stratum",
    "design",
    "group_a",
    "group_b",
    "template_count",
    "name_count",
    "cluster_count",
    "pair_count",
    "failed_count",
    "estimate",
    "scale",
    "low",
    "high",
    "level",
    "p_value",
    "p_adjusted",
    "limit_low",
    "limit_high",
    "control_low",
    "control_high",
    "verdict",
    "reason",
]
ISSUE_GROUPS = [
    "run",
    "suite",
    "metric",
    "axis",
    "stratum",
    "group",
    "n",
    "failed",
    "value",
    "impact_ratio",
    "impact_ratio_low",
    "impact_ratio_high",
]


def filled(table: Any, **values: object) -> pd.DataFrame:
    """One row of a table with plain values."""
    plain: dict[str, object] = {"str": "x", "float64": 0.1, "int64": 3, "bool": False}
    row = {column.name: plain[column.dtype] for column in table.columns}
    return pd.DataFrame(table.frame([{**row, **values}]))


def run_with(effects: pd.DataFrame, groups: pd.DataFrame) -> Run:
    """A run that holds nothing but these two tables."""
    tables = {table.name: table.frame() for table in TABLES}
    return Run(
        folder="/somewhere/hiring-model-0a1b2c3d",
        plan={},
        manifest={},
        suite={"id": "hiring"},
        policy={},
        axes={},
        findings=(),
        excluded=(),
        **{**tables, "effects": effects, "groups": groups},
    )


def exported(run: Run, folder: Path) -> dict[str, list[dict[str, str]]]:
    """The files as a reader of CSV sees them."""
    exporter: Any = catalogue.load(EXPORTERS, "exports", "csv")
    files = exporter(run, folder)
    return {path.name: list(csv.DictReader(path.open(encoding="utf-8", newline=""))) for path in files}


def test_the_columns_are_those_of_the_format_in_order(tmp_path: Path) -> None:
    assert list(EFFECT_COLUMNS) == ISSUE_EFFECTS
    assert list(GROUP_COLUMNS) == ISSUE_GROUPS
    found = exported(run_with(filled(EFFECTS), filled(GROUPS)), tmp_path / "new" / "folder")
    assert {name: list(rows[0]) for name, rows in found.items()} == {
        "effects.csv": ISSUE_EFFECTS,
        "groups.csv": ISSUE_GROUPS,
    }


def test_run_and_suite_are_named_in_every_row(tmp_path: Path) -> None:
    for rows in exported(run_with(filled(EFFECTS), filled(GROUPS)), tmp_path).values():
        assert {(row["run"], row["suite"]) for row in rows} == {("hiring-model-0a1b2c3d", "hiring")}


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_as_the_same_number(value: float) -> None:
    assert float(cell(value)) == value
    assert not cell(value).startswith("'")


def test_no_value_is_an_empty_cell_and_a_negative_number_is_untouched(tmp_path: Path) -> None:
    run = run_with(filled(EFFECTS, estimate=-0.1 / 3, low=math.nan), filled(GROUPS, value=0.1 + 0.2))
    found = exported(run, tmp_path)
    assert found["effects.csv"][0]["estimate"] == repr(-0.1 / 3)
    assert found["effects.csv"][0]["low"] == ""
    assert found["groups.csv"][0]["value"] == "0.30000000000000004"
    assert found["groups.csv"][0]["n"] == "3"


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_a_spreadsheet_would_calculate_gets_an_apostrophe(text: str, tmp_path: Path) -> None:
    found = exported(
        run_with(filled(EFFECTS, group_b=text, reason=text), filled(GROUPS, group=text)), tmp_path
    )
    assert found["effects.csv"][0]["group_b"] == "'" + text
    assert found["effects.csv"][0]["reason"] == "'" + text
    assert found["groups.csv"][0]["group"] == "'" + text


@pytest.mark.parametrize("text", ["line\nbreak", 'quote"d, with comma', "naïve 日本 \u202e", "*"])
def test_other_texts_come_back_unchanged(text: str, tmp_path: Path) -> None:
    found = exported(run_with(filled(EFFECTS, stratum=text), filled(GROUPS)), tmp_path)
    assert found["effects.csv"][0]["stratum"] == text


def test_a_run_without_effects_gives_headers_alone(tmp_path: Path) -> None:
    run = run_with(EFFECTS.frame(), GROUPS.frame())
    assert exported(run, tmp_path) == {"effects.csv": [], "groups.csv": []}
    assert (tmp_path / "effects.csv").read_bytes().decode() == ",".join(ISSUE_EFFECTS) + "\r\n"


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    run = run_with(filled(EFFECTS), filled(GROUPS))
    exported(run, tmp_path / "one")
    exported(run, tmp_path / "two")
    for name in ("effects.csv", "groups.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
