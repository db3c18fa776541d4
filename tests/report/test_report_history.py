"""The page of a history keeps to the rules of the report, and its figures show what the runs say and no more."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from page import all_of, parsed, tag, texts, words
from test_report_html import agrees

from audit.records import TRENDS, Compared, Exclusion, History
from audit.report.facts import rows
from audit.report.history import MOST_ROWS, render_history
from audit.report.trends import BASE, LEFT, RIGHT, TOP, Stop, trend

HOSTILE = " <script>alert(1)</script> {{ 7*7 }} <img src=x onerror=y> \u202e ]]>"
BROKEN = "the limit is -0.1 to 0.1 before and -0.2 to 0.2 now"


def run_of(place: int, mark: str = "") -> Compared:
    return Compared(
        source=f"runs/{place}{mark}", suite=f"hiring{mark}", suite_digest="s",
        model=f"hf:screener{mark}@rev{place // 3}", model_id="m", policy="default", policy_digest="p",
        plan=f"{place:064d}", root=f"{place:012x}{0:052x}", complete=place != 2, audit_version="1",
        finished_at=f"2026-{1 + place // 28:02d}-{1 + place % 28:02d}T08:00:00Z",
    )  # fmt: skip


def row(place: int, estimate: float, verdict: str, mark: str = "", **more: object) -> dict[str, object]:
    made = {
        "run": place, "suite": f"hiring{mark}", "effect_id": "e1", "metric": "selection_rate", "axis": "gender",
        "stratum": "*", "design": "paired", "group_a": "men", "group_b": f"women{mark}", "contrast": "pair",
        "scale": "difference", "estimate": estimate, "low": estimate - 0.03, "high": estimate + 0.04, "level": 0.95,
        "limit_low": -0.1, "limit_high": 0.1, "control_arm": "name", "cluster_count": 30, "pair_count": 720 + place,
        "failed_count": 0, "verdict": verdict, "reason": "", "apart": "",
    }  # fmt: skip
    return {**made, **more}


def history(mark: str = "") -> History:
    """Five runs of two findings: one moves beyond its limit, with a break; one is a ratio, once not measured."""
    wide = {"limit_low": -0.2, "limit_high": 0.2}
    moving = [
        row(0, 0.01, "within", mark), row(1, 0.12, "undecided", mark, reason=f"too few{mark}"),
        row(2, 0.14, "beyond", mark), row(3, 0.15, "within", mark, apart=BROKEN + mark, **wide),
        row(4, 0.26, "beyond", mark, **wide),
    ]  # fmt: skip
    nothing = {name: math.nan for name in ("estimate", "low", "high")}
    ratio = {"effect_id": "e2", "metric": "impact_ratio", "scale": "log_ratio", "limit_low": math.log(0.8),
             "limit_high": math.log(1.25)}  # fmt: skip
    still = [{**row(place, -0.05, "within", mark), **ratio} for place in (1, 2, 3, 4)]
    still[2] |= {**nothing, "verdict": "not_measured"}
    return History(
        runs=tuple(run_of(place, mark) for place in range(5)), table=TRENDS.frame([*moving, *still]),
        left_out=(Exclusion(what=f"runs/photos{mark}", reason="not the folder of a run"),),
    )  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Any:
    return parsed(render_history(history()))


def stops(values: Sequence[float], **more: Any) -> list[Stop]:
    return [
        Stop(row=row(n, value, "within"), label=f"m@v{n}", whole=True, apart="", **more)
        for n, value in enumerate(values)
    ]


# ------------------------------------------------------------- the page


def test_nothing_is_fetched_and_nothing_runs() -> None:
    html = render_history(history())
    assert not all_of(parsed(html), "script") and "default-src 'none'" in html
    assert "http" not in html.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"\b(src|href)=", html.partition("<body")[2])
    assert render_history(history()) == html


def test_every_number_on_the_page_names_its_record_and_agrees_with_it(page: Any) -> None:
    found = history()
    for text, around in texts(page):
        if re.search(r"\d", text):
            assert any(element.get("data-record") for element in around), (
                text,
                [tag(each) for each in around],
            )
    known = {
        (f"{found.runs[one['run']].root[:12]}/{one['effect_id']}", name): one[name]
        for one in rows(found.table) for name in ("estimate", "low", "high", "limit_low", "limit_high", "pair_count")
    }  # fmt: skip
    checked = 0
    for element in page.iter():
        key = element.get("data-record") or "", element.get("data-field") or ""
        if key in known:
            assert agrees(words(element).replace("+", ""), float(known[key])), (key, words(element))
            checked += 1
    assert checked > 50


def test_headings_tables_and_figures_can_be_heard(page: Any) -> None:
    for table in all_of(page, "table"):
        width = len(all_of(all_of(table, "thead")[0], "th"))
        assert words(all_of(table, "caption")[0])
        assert all(len(each) == width for each in all_of(all_of(table, "tbody")[0], "tr"))
    levels = [int(tag(each)[1]) for each in page.iter() if re.fullmatch(r"h[1-6]", tag(each))]
    assert levels[0] == 1 and levels.count(1) == 1 and all(b - a <= 1 for a, b in pairwise(levels))
    ids = [each.get("id") for each in page.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    first, second = all_of(page, "svg")
    told = first[0].text
    assert tag(first[0]) == "title" and len(told) <= 250
    for piece in ("women against men", "from +1.0 in screener@rev0", "to +26.0 percentage points in screener@rev1",
                  "in 2 of 5 runs", "beyond the limit in the newest", "1 break of the line"):  # fmt: skip
        assert piece in told, (piece, told)
    assert "ratio" in second[0].text


def test_what_moved_what_broke_what_is_incomplete_and_what_was_left_out_is_said_in_words(page: Any) -> None:
    summary, trends, runs = (words(each) for each in all_of(page, "section"))
    assert "2 Findings 1 ▲ Beyond the limit 1 ● Within the limit" in summary
    assert "● Within the limit ( +15.0 ), now ▲ Beyond the limit ( +26.0" in summary
    assert f"not comparable with the run before: {BROKEN}" in trends and "incomplete run" in trends
    assert "too few" in trends and "screener@rev0 incomplete" in runs
    assert "runs/photos not the folder of a run" in runs and runs.index("screener@rev0") < runs.index("rev1")


def test_hostile_texts_are_shown_and_create_nothing() -> None:
    page, plain = parsed(render_history(history(HOSTILE))), parsed(render_history(history(" harmless")))
    names = [{tag(each) for each in one.iter() if isinstance(each.tag, str)} for one in (page, plain)]
    assert names[0] == names[1]
    assert not [name for each in page.iter() for name in each.attrib if name.startswith("on")]
    assert words(page).count("<script>alert(1)</script>") > 10 and "\\u202e" in words(page)


def test_tables_of_very_many_runs_are_cut_and_say_so() -> None:
    count = MOST_ROWS + 30
    found = History(
        runs=tuple(run_of(place) for place in range(count)),
        table=TRENDS.frame([row(place, 0.0, "within") for place in range(count)]),
    )  # fmt: skip
    page = parsed(render_history(found))
    trends, runs = all_of(page, "section")[1:]
    assert len(all_of(all_of(trends, "tbody")[0], "tr")) == MOST_ROWS
    assert "30 older runs are in the figure" in words(trends)
    assert len(all_of(all_of(runs, "tbody")[0], "tr")) == count
    assert len(all_of(trends, "svg")[0].findall(".//{*}g")) == count + 1


# ------------------------------------------------------------- the figure


def test_larger_estimates_stand_higher_and_every_interval_and_limit_lies_inside() -> None:
    values = [0.0, 0.3, -0.2, 0.1]
    found = trend(stops(values))
    height = {value: spot.y for value, spot in zip(values, found.spots, strict=True)}
    assert height[0.3] < height[0.1] < height[0.0] < height[-0.2]
    xs = [spot.x for spot in found.spots]
    assert xs == sorted(xs) and xs[0] > LEFT and xs[-1] < RIGHT
    ends = [float(each) for pair in re.findall(r"M\S+ (\S+) V(\S+)", found.intervals) for each in pair]
    assert len(ends) == 8 and all(TOP <= end <= BASE for end in ends)
    (band,) = found.bands
    assert (
        band.top >= TOP and band.top + band.height <= BASE and (band.x, band.x + band.width) == (LEFT, RIGHT)
    )
    for spot, (low, high) in zip(found.spots, zip(ends[::2], ends[1::2], strict=True), strict=True):
        assert high < spot.y < low


def test_the_line_is_lifted_where_runs_cannot_be_compared_or_nothing_was_measured() -> None:
    five = stops([0.1] * 6)
    assert trend(five).line.count("M") == 1 and trend(five).breaks == ()
    five[2] = replace(five[2], apart="another limit")
    five[4] = replace(five[4], row={**five[4].row, "estimate": math.nan, "low": math.nan, "high": math.nan})
    found = trend(five)
    assert re.findall("[ML]", found.line) == ["M", "L", "M", "L"]
    (at,) = found.breaks
    assert found.spots[1].x < at < found.spots[2].x
    assert found.spots[4].shape == "not_measured"
    assert found.intervals.count("M") == 5 and found.leap == ""


def test_a_step_to_another_model_is_another_kind_of_line() -> None:
    four = stops([0.1, 0.2, 0.1, 0.2])
    found = trend([*four[:2], replace(four[2], label="n@v1"), replace(four[3], label="n@v2")])
    (first, second, third, fourth) = (f"{spot.x} {spot.y}" for spot in found.spots)
    assert found.line == f"M{first} L{second} M{third} L{fourth}" and found.leap == f"M{second} L{third}"


def test_another_limit_is_another_band() -> None:
    four = stops([0.1] * 4)
    four[2:] = [replace(one, row={**one.row, "limit_low": -0.3, "limit_high": 0.3}) for one in four[2:]]
    one, other = trend(four).bands
    assert one.height < other.height and one.x + one.width == pytest.approx(other.x)
    none = [replace(each, row={**each.row, "limit_low": math.nan, "limit_high": math.nan}) for each in four]
    assert trend(none).bands == ()


@pytest.mark.parametrize("count", [1, 2, 30, 1000])
def test_versions_are_named_as_far_as_there_is_room_and_the_newest_always(count: int) -> None:
    found = trend(stops([0.1] * count))
    assert found.labels[-1][1] == f"m@v{count - 1}" and found.labels[-1][0] == found.spots[-1].x
    assert all(b[0] - a[0] >= 15 for a, b in pairwise(found.labels))
    same = [replace(one, label="v") for one in stops([0.1] * count)]
    assert [label for _, label in trend(same).labels] == ["v"]
    assert (found.scale == 1.0) == (count <= 30)
