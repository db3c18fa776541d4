from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

import audit
from audit import cards, display
from audit.display import Card, Grid, Quote
from audit.records import Run
from audit.report.quotes import Passage, Piece

SAMPLE = Path(__file__).parent.parent / "reports" / "sample"
HOSTILE = "<script>alert(1)</script> [red]x[/red] {{7*7}} ]]> \x00 \u202e <img onerror=x> =cmd|"
ALLOWED = {"div", "strong", "em", "small", "span", "table", "caption", "thead", "tbody", "tr", "th", "td"}


class Seen(HTMLParser):
    """Elements, attributes and words of a page; an element that is not closed is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(scope="module")
def run() -> audit.OpenRun:
    return audit.open(SAMPLE)


def shown(run: audit.OpenRun) -> list[audit.api.Shown]:
    return [run, run.finding(0), run.finding(-1), run.pair(run.explained[0])]


def test_a_card_is_plain_elements_without_script_link_or_colour(run: audit.OpenRun) -> None:
    for thing in shown(run):
        seen = Seen(thing._repr_html_())
        assert seen.elements <= ALLOWED
        assert seen.attributes <= {"class", "style", "scope"}
        assert not re.search(r"color|href|src=|url\(", thing._repr_html_())


def test_page_terminal_and_text_say_the_same_words(run: audit.OpenRun) -> None:
    for thing in shown(run):
        card = thing._card()
        wide = Console(file=io.StringIO(), width=400)
        with wide.capture() as captured:
            wide.print(thing)
        for words in [card.title, card.lead, *(words for _, words in card.facts), *card.notes]:
            assert words in Seen(thing._repr_html_()).words
            assert words in captured.get() or len(words) > 300


def test_a_run_shows_every_verdict_as_word_and_symbol(run: audit.OpenRun) -> None:
    text = repr(run)
    for words in ("▲ 5 beyond", "● 4 within", "◊ 0 undecided", "○ 0 not measured"):
        assert words in text
    assert text.count("▲ beyond") == 5 and text.count("● within") == 4


def test_numbers_of_a_card_are_those_of_the_report(run: audit.OpenRun) -> None:
    page = run.report.read_text(encoding="utf-8")
    for row in run._card().grids[0].rows:
        assert f">{row[3]}<" in page


def test_a_pair_marks_the_words_that_differ_and_no_others(run: audit.OpenRun) -> None:
    quotes = run.pair(run.explained[0])._card().quotes
    marked = [
        [piece.text for passage in quote.passages for piece in passage.pieces if piece.kind]
        for quote in quotes
    ]
    plain = [
        [piece.text for passage in quote.passages for piece in passage.pieces if not piece.kind]
        for quote in quotes
    ]
    assert plain[0] == plain[1]
    assert marked[0] and all(a != b for a, b in zip(*marked, strict=True))


def test_the_credits_of_a_pair_are_those_that_are_stored(run: audit.OpenRun) -> None:
    pair = run.explained[0]
    rows = run.record.attributions
    mine = rows[(rows["pair_id"] == pair) & (rows["game"] == "swap") & (rows["method"] == "shap")]
    grid = next(grid for grid in run.pair(pair)._card().grids if "exchanged" in grid.caption)
    assert [row[0] for row in grid.rows] == mine["slot"].tolist()
    shown_credits = [float(row[3].replace("−", "-")) for row in grid.rows]
    assert shown_credits == pytest.approx(mine["value"].tolist(), abs=0.006)


def test_whatever_a_model_answers_is_shown_as_text() -> None:
    passage = Passage(role="user", pieces=(Piece(text=HOSTILE), Piece(text=HOSTILE, kind="slot")), cut=False)
    card = Card(
        title=HOSTILE, lead=HOSTILE, facts=((HOSTILE, HOSTILE),), quotes=(Quote(label=HOSTILE, passages=(passage,)),),
        grids=(Grid(heading=(HOSTILE,), rows=((HOSTILE,),), caption=HOSTILE),), notes=(HOSTILE,),
    )  # fmt: skip
    seen = Seen(display.html(card))
    assert seen.elements <= ALLOWED and "onerror" not in seen.attributes
    assert "<script>alert(1)</script>" in seen.words
    assert "\x00" not in seen.words and "\u202e" not in seen.words
    assert "[red]x[/red]" in display.text(card) and "\x00" not in display.text(card)


def test_hostile_answers_of_a_run_stay_text(run: audit.OpenRun) -> None:
    record = run.record
    answers = record.responses.assign(text=HOSTILE)
    changed: Run = replace(record, responses=answers)
    html = display.html(cards.pair_card(changed, run.explained[0]))
    assert Seen(html).elements <= ALLOWED and "alert(1)" in Seen(html).words


def test_an_incomplete_run_says_so(run: audit.OpenRun) -> None:
    changed = replace(run.record, manifest={**run.record.manifest, "complete": False})
    assert "Incomplete: some answers are missing" in display.text(cards.run_card(changed))


def test_a_run_without_findings_says_that_all_is_exploration(run: audit.OpenRun) -> None:
    card = cards.run_card(replace(run.record, findings=()))
    assert "exploration" in card.lead and not card.grids


def test_plain_text_is_plain_in_a_notebook_too(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(title="title", lead="lead", facts=(("label", "words"),))
    before = display.text(card)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert display.text(card) == before
    assert "\x1b" not in before and "words" in before
