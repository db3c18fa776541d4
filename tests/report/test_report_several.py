"""More than two versions: a figure and a table for each comparison, with the numbers that the comparisons have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from every_change import every_change
from page import all_of, parsed, words

from audit.records import Comparison
from audit.report.comparison import render_comparison
from audit.report.several import APART, several

NAMES = {"estimate": "", "low": "_low", "high": "_high", "verdict": "_verdict"}


@pytest.fixture(scope="module")
def first() -> Comparison:
    return every_change()


@pytest.fixture(scope="module")
def second(first: Comparison) -> Comparison:
    """A later candidate, of which everything can be compared."""
    ends = {
        f"candidate{ending}": first.table[f"candidate{ending}"] + 0.01 for ending in ("", "_low", "_high")
    }
    status = first.table["status"].replace("not_comparable", "unchanged")
    table = first.table.assign(**ends, status=status)
    return replace(first, table=table, candidate=replace(first.candidate, model="hf:third", root="9" * 64))


def test_every_version_has_the_numbers_that_its_comparison_has(first: Comparison, second: Comparison) -> None:
    found = several([first, second])
    assert [one.model for one in found.runs] == [first.baseline.model, first.candidate.model, "hf:third"]
    checked = 0
    for row in found.table.to_dict("records"):
        table, side = (
            (second.table if row["run"] == 2 else first.table),
            "candidate" if row["run"] else "baseline",
        )
        (own,) = table[(table["effect_id"] == row["effect_id"]) & table["decision"]].to_dict("records")
        for name, ending in NAMES.items():
            value = own[f"{side}{ending}"]
            assert row[name] == value or (row[name] != row[name] and value != value), (row, name)
            checked += 1
    assert checked > 40


def test_what_is_new_has_no_beginning_and_what_is_gone_no_end(first: Comparison, second: Comparison) -> None:
    table = several([first, second]).table
    places = {effect: list(rows["run"]) for effect, rows in table.groupby("effect_id")}
    for change in first.changes:
        wanted = {"new": [1, 2], "gone": [0]}.get(change.status, [0, 1, 2])
        assert places[change.effect_id] == wanted, change.status


def test_a_version_that_cannot_be_compared_breaks_the_line_on_both_sides(
    first: Comparison, second: Comparison
) -> None:
    table = several([first, second]).table
    (refused,) = [change for change in first.changes if change.status == "not_comparable"]
    rows = table[table["effect_id"] == refused.effect_id]
    reason = first.table.set_index("effect_id").loc[refused.effect_id, "reason"]
    assert list(rows["apart"]) == ["", reason, APART]
    assert set(table[table["effect_id"] != refused.effect_id]["apart"]) == {""}


def test_two_versions_need_no_trend_and_three_have_one_for_each_comparison(
    first: Comparison, second: Comparison
) -> None:
    def trends(*found: Comparison) -> list[Any]:
        page = parsed(render_comparison(found[-1], found[:-1]))
        return [each for each in all_of(page, "figure") if (each.get("id") or "").startswith("trend-")]

    assert trends(first) == []
    drawn = trends(first, second)
    assert len(drawn) == len(first.changes)
    assert all(
        "screening-v1" in words(each) or "1 run" in words(each) or "2 run" in words(each) for each in drawn
    )
