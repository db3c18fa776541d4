"""The PDF: tagged, reproducible, fetching nothing, with its data inside."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from page import all_of, parsed
from run_variants import short_run, with_texts

from audit.errors import AuditError
from audit.report import pdf as pdf_module
from audit.report.pdf import write_pdf
from audit.report.render import render

MADE_AT = datetime(2026, 11, 20, 9, 1, 12, tzinfo=UTC)
DATA = {"plan.json": b'{"seed": 7}', "findings.json": b'{"findings": []}'}
SMALL = (
    "<!doctype html><html lang='en'><head><title>T</title></head><body><h1>Head</h1><p>{}</p></body></html>"
)


@pytest.fixture(scope="module")
def html() -> str:
    return render(short_run())


@pytest.fixture(scope="module")
def file(html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pdf") / "report.pdf"
    write_pdf(html, path, made_at=MADE_AT, attachments=DATA)
    return path


@pytest.fixture(scope="module")
def document(file: Path) -> Any:
    with pikepdf.open(file) as opened:
        yield opened


def structure(node: Any) -> Any:
    """Every structure element below `node`."""
    kids = node.get("/K", [])
    for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
        if isinstance(kid, pikepdf.Dictionary) and kid.get("/S"):
            yield kid
            yield from structure(kid)


def elements(document: Any, kind: str) -> list[Any]:
    return [each for each in structure(document.Root.StructTreeRoot.K[0]) if f"/{kind}" == each.S]


def small(text: str, path: Path, **options: Any) -> bytes:
    write_pdf(SMALL.format(text), path, made_at=MADE_AT, attachments=options.get("attachments", {}))
    return path.read_bytes()


def test_it_calls_itself_pdf_a_3a_and_is_tagged(document: Any) -> None:
    with document.open_metadata() as metadata:
        assert metadata["pdfaid:part"] == "3"
        assert metadata["pdfaid:conformance"] == "A"
    assert bool(document.Root.MarkInfo.Marked)
    assert document.Root.Lang == "en"
    assert bool(document.Root.ViewerPreferences.DisplayDocTitle)
    assert str(document.docinfo["/Title"]).startswith("Audit report: ")
    assert document.Root.OutputIntents[0].S == "/GTS_PDFA1"
    assert document.check_pdf_syntax() == []


def test_it_does_nothing_by_itself(document: Any) -> None:
    names = {
        str(key)
        for each in document.objects
        if isinstance(each, pikepdf.Dictionary)
        for key in each.keys()  # noqa: SIM118
    }
    assert not names & {"/JavaScript", "/JS", "/OpenAction", "/AA", "/Launch", "/URI"}


def test_every_figure_says_what_it_shows(document: Any) -> None:
    figures = elements(document, "Figure")
    assert len(figures) >= 5
    assert all(20 < len(str(figure.get("/Alt", ""))) <= 250 for figure in figures)


def test_header_cells_have_a_scope_and_tables_a_caption(document: Any, html: str) -> None:
    cells = elements(document, "TH")
    assert {str(cell.A.Scope) for cell in cells} == {"/Column", "/Row"}
    captions = ["".join(each.itertext()).split() for each in all_of(parsed(html), "caption")]
    assert len(elements(document, "Table")) >= len(captions) > 8
    assert len(elements(document, "Caption")) >= len(captions)


def test_headings_follow_each_other_without_a_gap(document: Any) -> None:
    kinds = [str(each.S) for each in structure(document.Root.StructTreeRoot.K[0])]
    levels = [int(kind[2]) for kind in kinds if re.fullmatch(r"/H[1-6]", kind)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_data_are_attached_once_each_with_their_dates(document: Any) -> None:
    assert {name: document.attachments[name].get_file().read_bytes() for name in document.attachments} == DATA
    named = [each.objgen for each in document.Root.AF]
    assert len(named) == len(set(named)) == len(DATA)
    for each in document.Root.AF:
        assert each.AFRelationship == "/Data"
        assert str(each.EF.F.Params.CreationDate) == "D:20261120090112Z"


def test_the_dates_are_those_given(document: Any) -> None:
    assert str(document.docinfo["/CreationDate"]).startswith("D:20261120090112")
    assert str(document.docinfo["/ModDate"]).startswith("D:20261120090112")


def test_the_same_page_gives_the_same_bytes_and_the_environment_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "42")
    first = small("Same", tmp_path / "one.pdf", attachments=DATA)
    assert os.environ["SOURCE_DATE_EPOCH"] == "42"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert small("Same", tmp_path / "two.pdf", attachments=DATA) == first
    assert "SOURCE_DATE_EPOCH" not in os.environ


def test_the_whole_report_gives_the_same_bytes_twice(html: str, file: Path, tmp_path: Path) -> None:
    write_pdf(html, tmp_path / "again.pdf", made_at=MADE_AT, attachments=DATA)
    assert (tmp_path / "again.pdf").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("reference", [
    "<img src='http://127.0.0.1:9/x.png' alt='x'>", "<img src='file:///etc/hostname' alt='x'>",
    "<link rel=stylesheet href='https://example.org/x.css'>", "<link rel=attachment href='file:///etc/hostname'>",
    "<p style=\"background:url('file:///etc/hostname')\">x</p>", "<svg><title>x</title><image href='file:///etc/hostname'/></svg>",
])  # fmt: skip
def test_a_reference_to_anything_stops_the_pdf(reference: str, tmp_path: Path) -> None:
    with pytest.raises(AuditError):
        small(reference, tmp_path / "out.pdf")
    assert not (tmp_path / "out.pdf").exists()


def test_a_warning_of_the_renderer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="without loss"):
        small("<a href='#nowhere'>link</a>", tmp_path / "out.pdf")


def test_a_character_that_no_font_has_is_spelled_out(tmp_path: Path) -> None:
    content = small("before \U0010fffd after", tmp_path / "out.pdf")
    assert content.startswith(b"%PDF")
    assert pdf_module._spelled_out("a\U0010fffdb&#1114109;", {0x10FFFD}) == "a[U+10FFFD]b[U+10FFFD]"


def test_hostile_texts_are_printed(tmp_path: Path) -> None:
    html = render(
        with_texts(short_run(explained=0), lambda words: f"{words} <script> \x00\u202e {{{{7*7}}}} 日本")
    )
    write_pdf(html, tmp_path / "hostile.pdf", made_at=MADE_AT, attachments={})
    with pikepdf.open(tmp_path / "hostile.pdf") as opened:
        assert len(opened.pages) > 5
        assert "/JavaScript" not in str(opened.Root.get("/Names", ""))


def test_no_attachment_is_named_by_a_path_or_an_address() -> None:
    source = Path(pdf_module.__file__).read_text(encoding="utf-8")
    assert source.count("Attachment(") == 1
    assert "Attachment(\n            string=" in source
