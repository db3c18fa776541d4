"""Texts that try to be more than texts stay texts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from page import all_of, parsed, tag, words
from run_variants import with_texts
from synthetic import make_run

from audit.harmless import visible
from audit.report.quotes import passages
from audit.report.render import render

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</script></style></title></section>",
    "{{ 7*7 }}{% include 'report.html.j2' %}",
    '"><a href="javascript:alert(1)">here</a>',
    "<svg onload=alert(1)><title>x</title></svg>",
    "a{background:url(http://example.org/x)}",
    "]]><!-- -->",
    "=cmd|' /C calc'!A0",
)


HIDDEN = {
    "\x00": "\\x00", "\x1b": "\\x1b", "\x85": "\\x85", "\u2028": "\\u2028", "\u202e": "\\u202e", "\u2066": "\\u2066",
    "\ufeff": "\\ufeff",
}  # fmt: skip


def tags(page: Any) -> set[str]:
    return {tag(element) for element in page.iter() if isinstance(element.tag, str)}


@pytest.fixture(scope="module")
def html() -> str:
    """A report in which every title, wording and quote ends with every hostile text and hidden character."""
    end = " ".join([*HOSTILE, *(f"{character}end" for character in HIDDEN)])
    return render(with_texts(make_run(templates=1), lambda words: f"{words} {end}"))


@pytest.fixture(scope="module")
def page(html: str) -> Any:
    return parsed(html)


def test_hostile_texts_create_nothing(page: Any) -> None:
    harmless = parsed(render(with_texts(make_run(templates=1), lambda words: f"{words} harmless")))
    assert tags(page) == tags(harmless)
    assert not [name for element in page.iter() for name in element.attrib if name.startswith("on")]
    assert all(link.get("href").startswith("#") for link in all_of(page, "a"))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_shown_as_it_is(text: str, page: Any) -> None:
    quotes = [words(element) for element in page.iter() if element.get("class") == "quote"]
    captions = [words(element) for element in all_of(page, "caption")]
    assert any(text in quote for quote in quotes)
    assert any(text in caption for caption in captions)


@pytest.mark.parametrize("character", HIDDEN)
def test_hidden_characters_become_visible_everywhere(character: str, html: str, page: Any) -> None:
    assert character not in html
    assert f"{HIDDEN[character]}end" in words(page)


def test_lines_and_letters_of_all_scripts_stay_as_they_are() -> None:
    text = "naïve\nÅse 日本 العربية न 👩‍⚕️"
    assert visible(text) == text
    assert visible("\ud800") == "\\ud800"


def test_a_text_of_a_million_characters_is_shortened_and_says_so() -> None:
    run = make_run(templates=1)
    long = json.dumps([["text", "x" * 1_000_000]])
    html = render(replace(run, prompts=run.prompts.assign(messages=long, spans="[]")))
    assert len(html) < 1_000_000
    assert "[shortened]" in html


def test_a_quote_keeps_every_character_and_marks_no_text_twice() -> None:
    from audit.report.quotes import Mark

    marks = [
        Mark(part=0, start=2, end=5, kind="up"),
        Mark(part=0, start=4, end=8, kind="down"),
        Mark(part=0, start=90, end=99, kind="up"),
    ]
    (passage,) = passages(json.dumps([["user", "0123456789"]]), marks)
    assert "".join(piece.text for piece in passage.pieces) == "0123456789"
    assert [piece.text for piece in passage.pieces if piece.kind] == ["234"]
    assert not passage.cut
