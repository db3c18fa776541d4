"""Runs with nothing, with too little and with too much in them still give a report."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from page import all_of, parsed, words
from run_variants import empty_run, many_groups_run, ranking_run
from synthetic import make_run

from audit.records import Finding, Run
from audit.report.render import render


def all_nan() -> Run:
    run = make_run(templates=1)
    numeric = run.effects.select_dtypes("float64").columns
    return replace(
        run,
        effects=run.effects.assign(**dict.fromkeys(numeric, math.nan)),
        groups=run.groups.assign(**dict.fromkeys(run.groups.select_dtypes("float64").columns, math.nan)),
        scores=run.scores.assign(value=math.nan, reason="refused"),
        deltas=run.deltas.assign(value_a=math.nan, value_b=math.nan, delta=math.nan, reason="refused"),
        attributions=run.attributions.assign(value=math.nan),
        responses=run.responses.assign(error="the back end gave no answer"),
    )


def all_equal() -> Run:
    run = make_run(templates=1)
    same = dict.fromkeys(("estimate", "low", "high", "se", "lower_share", "higher_share"), 0.0)
    return replace(
        run, effects=run.effects.assign(**same), groups=run.groups.assign(value=0.5, low=0.5, high=0.5)
    )


def one_group() -> Run:
    run = make_run(templates=1)
    kept = run.groups[run.groups["group"] == "women"]
    return replace(run, effects=run.effects.iloc[:0], groups=kept, findings=(), pairs=run.pairs.iloc[:0])


def not_measured() -> Run:
    run = make_run(templates=1)
    effects = run.effects.assign(verdict="not_measured", estimate=math.nan, low=math.nan, high=math.nan)
    findings = tuple(
        replace(each, verdict="not_measured", reason="the back end cannot answer") for each in run.findings
    )
    return replace(run, effects=effects, findings=findings)


def finding_without_effect() -> Run:
    run = make_run(templates=1)
    lost: Finding = replace(run.findings[0], effect_id="not in the table", example_pair="nor this pair")
    return replace(run, findings=(lost, *run.findings[1:]))


HOLLOW: tuple[Callable[[], Run], ...] = (
    empty_run, all_nan, all_equal, one_group, not_measured, finding_without_effect, many_groups_run, ranking_run,
)  # fmt: skip


@pytest.mark.parametrize("make", HOLLOW, ids=lambda make: make.__name__)
def test_it_gives_a_page_without_blank_figures(make: Callable[[], Run]) -> None:
    html = render(make())
    page = parsed(html)
    assert "nan" not in words(page).lower().split()
    assert "nan" not in {value.lower() for element in page.iter() for value in element.attrib.values()}
    for drawing in all_of(page, "svg"):
        assert len(list(drawing.iter())) > 4
        assert (drawing[0].text or "").strip()
    assert len(html) < 5_000_000


def test_a_run_without_findings_says_that_nothing_was_decided() -> None:
    first = all_of(parsed(render(empty_run())), "section")[0]
    assert "No comparison was marked for decision" in words(first)


def test_what_was_not_measured_is_counted_on_page_one_with_its_reason_in_the_coverage() -> None:
    page = parsed(render(not_measured()))
    sections = {section.get("id"): words(section) for section in all_of(page, "section")}
    assert "9 could not be measured" in sections["summary"]
    assert "the back end cannot answer" in sections["coverage"]


def test_missing_scores_are_counted_by_reason() -> None:
    page = parsed(render(all_nan()))
    sections = {section.get("id"): words(section) for section in all_of(page, "section")}
    assert "refused" in sections["coverage"]
    assert "the back end gave no answer" in sections["reliability"]


def test_very_many_groups_are_cut_with_a_word_about_the_rest() -> None:
    page = parsed(render(many_groups_run()))
    assert "effects.parquet" in words(page)
    assert max(len(all_of(table, "tr")) for table in all_of(page, "table")) <= 202
