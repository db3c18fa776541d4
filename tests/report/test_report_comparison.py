"""The page of a comparison keeps to the rules of the report: nothing fetched, every number traced, words and signs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from every_change import STATUSES, every_change
from page import all_of, parsed, tag, texts, words

from audit.changenames import CHANGE_NAMES
from audit.comparisonfiles import Wanted, write
from audit.errors import InputError
from audit.records import Comparison
from audit.report.comparison import render_comparison
from audit.report.pdf import write_pdf

HOSTILE = " <script>alert(1)</script> {{ 7*7 }} <img src=x onerror=y> \u202e ]]>"


@pytest.fixture(scope="module")
def found() -> Comparison:
    return every_change()


@pytest.fixture(scope="module")
def page(found: Comparison) -> Any:
    return parsed(render_comparison(found))


def test_the_same_comparison_gives_the_same_bytes(found: Comparison) -> None:
    assert render_comparison(found) == render_comparison(every_change())


def test_nothing_is_fetched_and_nothing_runs(found: Comparison) -> None:
    html = render_comparison(found)
    page = parsed(html)
    assert not all_of(page, "script") and "default-src 'none'" in html
    assert "http" not in html.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"\b(src|href)=", html.partition("<body")[2])


def test_every_number_on_the_page_names_its_record(page: Any) -> None:
    for text, around in texts(page):
        if re.search(r"\d", text):
            traced = any(element.get("data-record") for element in around)
            quoted = any(element.get("class") == "quote" or tag(element) == "code" for element in around)
            assert traced or quoted, (text, [tag(element) for element in around])


def test_every_printed_number_of_a_change_is_that_of_its_record(found: Comparison, page: Any) -> None:
    from test_report_html import agrees

    table = {row["change_id"]: row for row in found.table.to_dict("records")}
    checked = 0
    for element in page.iter():
        record, _, side = (element.get("data-record") or "").partition("/")
        field = element.get("data-field")
        if record in table and field:
            name = {"estimate": side, "low": f"{side}_low", "high": f"{side}_high"}[field] if side else field
            assert agrees(words(element).replace("+", ""), float(table[record][name])), (
                record,
                name,
                words(element),
            )
            checked += 1
    assert checked > 80


def test_counts_gate_waivers_and_refusals_stand_on_the_page(page: Any) -> None:
    summary = words(next(each for each in all_of(page, "section") if each.get("id") == "summary"))
    for status, names in CHANGE_NAMES.items():
        assert f"{STATUSES.count(status)} {names.sign} {names.words}" in summary
    assert "The gate is closed: 2 reasons" in summary and "has expired" in summary
    assert "Ada Example" in words(page) and "the question is another one" in words(page)
    assert "other sign" in summary


def test_tables_headings_and_figures_can_be_heard(page: Any) -> None:
    for table in all_of(page, "table"):
        width = len(all_of(all_of(table, "thead")[0], "th"))
        assert words(all_of(table, "caption")[0])
        assert all(len(row) == width for row in all_of(all_of(table, "tbody")[0], "tr"))
    levels = [int(tag(element)[1]) for element in page.iter() if re.fullmatch(r"h[1-6]", tag(element))]
    assert (
        levels[0] == 1
        and levels.count(1) == 1
        and all(after - before <= 1 for before, after in pairwise(levels))
    )
    ids = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    drawings = all_of(page, "svg")
    assert drawings and all(tag(each[0]) == "title" and 20 < len(each[0].text) <= 250 for each in drawings)


def test_hostile_texts_are_shown_and_create_nothing() -> None:
    page = parsed(render_comparison(every_change(HOSTILE)))
    plain = parsed(render_comparison(every_change(" harmless")))
    assert {tag(each) for each in page.iter() if isinstance(each.tag, str)} == {
        tag(each) for each in plain.iter() if isinstance(each.tag, str)
    }
    assert not [name for element in page.iter() for name in element.attrib if name.startswith("on")]
    assert words(page).count("<script>alert(1)</script>") > 10 and "\\u202e" in words(page)


def test_versions_in_between_have_rows_of_their_own(found: Comparison) -> None:
    page = parsed(render_comparison(found, [found]))
    labels = [words(each) for each in all_of(page, "text")]
    then, now = (sum(label.endswith(when) for label in labels) for when in ("then", "now"))
    assert then == now == 7


@pytest.mark.parametrize("change", [
    {"changes": (), "gate": None, "waivers": (), "notes": (), "refused": ()},
    {"paired": False},
])  # fmt: skip
def test_little_to_show_is_shown_without_an_error(change: dict[str, Any], found: Comparison) -> None:
    few = replace(found, **change)
    empty = {
        name: getattr(few, name).iloc[:0] for name in ("flips", "flip_counts", "movers", "credits", "utility")
    }
    assert "Result on one page" in words(parsed(render_comparison(replace(few, **empty))))


def test_the_pdf_is_tagged_holds_its_data_and_is_the_same_twice(found: Comparison, tmp_path: Path) -> None:
    html, at = render_comparison(found), datetime(2026, 11, 22, 9, tzinfo=UTC)
    for name in ("one.pdf", "two.pdf"):
        write_pdf(html, tmp_path / name, made_at=at, attachments={"comparison.json": b"{}"})
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
    with pikepdf.open(tmp_path / "one.pdf") as document:
        assert bool(document.Root.MarkInfo.Marked) and list(document.attachments) == ["comparison.json"]
        with document.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")


def test_files_are_written_where_they_were_wanted_and_never_into_a_run(
    found: Comparison, tmp_path: Path
) -> None:
    files = {name: tmp_path / "ci" / f"{name}.out" for name in ("json", "junit", "markdown", "sarif")}
    written = write([found], Wanted(folder=tmp_path / "pages", files=files))
    assert [path.name for path in written[4:]] == ["comparison.html", "comparison.pdf", "comparison.json"]
    assert all(path.stat().st_size > 500 for path in written)
    with pikepdf.open(tmp_path / "pages" / "comparison.pdf") as document:
        data = document.attachments["comparison.json"].get_file().read_bytes()
    assert data == (tmp_path / "pages" / "comparison.json").read_bytes() == files["json"].read_bytes()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "plan.json").write_text("{}")
    for wanted in (
        Wanted(folder=tmp_path / "run" / "exports"),
        Wanted(files={"json": tmp_path / "run" / "x.json"}),
    ):
        with pytest.raises(InputError, match="the folder of a run"):
            wanted.require_places()
    with pytest.raises(InputError, match="is a folder"):
        Wanted(files={"json": tmp_path}).require_places()


def test_the_largest_movers_of_every_comparison_are_shown_and_not_only_those_of_the_first(
    found: Comparison,
) -> None:
    import pandas as pd

    one = found.movers.iloc[0]
    moved = [
        {**one, "effect_id": f"e{effect}", "pair_id": f"pair{effect}{place}", "change": 0.1 * effect + 0.01 * place}
        for effect in range(5) for place in (3, 2, 1)
    ]  # fmt: skip
    page = parsed(render_comparison(replace(found, movers=pd.DataFrame(moved))))
    section = next(each for each in all_of(page, "section") if each.get("id") == "movers")
    shown = re.findall(r"Pair (pair\d\d)", words(section))
    assert shown == [
        "pair43",
        "pair42",
        "pair33",
        "pair32",
        "pair23",
        "pair22",
        "pair13",
        "pair12",
        "pair03",
        "pair02",
    ]
