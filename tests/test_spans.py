"""Pieces of prompts."""

from __future__ import annotations

import pytest
from filled_prompts import filled
from hypothesis import given
from hypothesis import strategies as st

from audit.records import Message, Prompt, Span
from audit.spans import Piece, aligned, cut, frame, slot_pieces, without


def texts(prompt: Prompt, pieces: tuple[Piece, ...]) -> list[tuple[str, str]]:
    return [(prompt.messages[p.part].text[p.start : p.end], p.slot) for p in pieces]


def test_words_lose_their_punctuation_and_slots_stay_whole() -> None:
    prompt = filled('"{name}," says {title} Smith, is (very) good - a 3.5.', name="Ann Lee", title="Ms.")
    assert texts(prompt, cut(prompt)) == [
        ("Ann Lee", "name"), ("says", ""), ("Ms.", "title"), ("Smith", ""), ("is", ""), ("very", ""), ("good", ""),
        ("a", ""), ("3.5", ""),
    ]  # fmt: skip


def test_what_is_glued_to_a_slot_belongs_to_it() -> None:
    prompt = filled("{name}'s ex-{occupation} desk, {religion}/{nationality}.", name="Ann", occupation="nurse",
                    religion="Jewish", nationality="Dutch")  # fmt: skip
    assert texts(prompt, cut(prompt)) == [
        ("Ann's", "name"), ("ex-nurse", "occupation"), ("desk", ""), ("Jewish", "religion"), ("/Dutch", "nationality"),
    ]  # fmt: skip


@pytest.mark.parametrize(("ending", "host"), [("s", "needs"), ("", "need")])
def test_an_ending_lies_inside_its_verb_and_leaves_nothing_behind(ending: str, host: str) -> None:
    prompt = filled("{they} need{s}, now", they="x", s=ending)
    pieces = cut(prompt)
    assert texts(prompt, pieces) == [("x", "they"), (host, ""), (ending, "s"), ("now", "")]
    assert [piece.inside for piece in pieces] == [False, False, True, False]
    text = prompt.messages[0].text
    assert without(text, [pieces[2]], "[M]") == "x need, now"
    assert without(text, [pieces[1], pieces[2]], "[M]") == "x [M], now"
    assert without(text, [pieces[1]], "") == "x, now"


def test_words_of_the_question_are_no_pieces_but_its_slots_are() -> None:
    ask = "Should $name be invited? It pays $$5.\nAnswer:"
    prompt = filled(
        "{name} should be a nurse. \n\nShould {name} be invited? It pays $5.\nAnswer:", name="Ann"
    )
    kept = texts(prompt, cut(prompt, fixed=ask))
    assert kept == [("Ann", "name"), ("should", ""), ("be", ""), ("a", ""), ("nurse", ""), ("Ann", "name")]
    assert len(cut(prompt, fixed="Another question?")) == len(cut(prompt)) == 13


def test_a_question_that_is_only_a_slot_away_from_the_text_is_found_from_the_end() -> None:
    prompt = filled("Hire {name}? Hire {name}?", name="Ann")
    assert texts(prompt, cut(prompt, fixed="Hire $name?")) == [("Hire", ""), ("Ann", "name"), ("Ann", "name")]


def test_every_message_is_cut_and_the_question_is_fixed_in_the_last_only() -> None:
    messages = (Message(role="system", text="Be brief."), Message(role="user", text="Ann writes. Be brief."))
    prompt = Prompt(messages=messages, spans=(Span(part=1, start=0, end=3, slot="name"),))
    pieces = cut(prompt, fixed="Be brief.")
    assert [(piece.part, piece.start) for piece in pieces] == [(0, 0), (0, 3), (1, 0), (1, 4)]


@pytest.mark.parametrize(
    ("text", "removed", "left"),
    [
        ("Ann works as a nurse.", ["nurse"], "Ann works as a."),
        ("Ann works as a nurse", ["nurse"], "Ann works as a"),
        ("Ann works, too", ["Ann"], "works, too"),
        ("Ann works, too", ["works"], "Ann, too"),
        ("Ann works, too", ["Ann", "works"], ", too"),
        ("one two three four", ["two", "three"], "one four"),
        ("one two\nthree", ["two"], "one\nthree"),
        ("one\ntwo three", ["two"], "one\nthree"),
        ("(one) two", ["one"], "() two"),
        ("one", ["one"], ""),
    ],
)
def test_deletion_leaves_clean_spacing(text: str, removed: list[str], left: str) -> None:
    pieces = [Piece(part=0, start=text.index(word), end=text.index(word) + len(word)) for word in removed]
    assert without(text, pieces, "") == left


def test_two_prompts_are_aligned_when_only_their_slots_differ() -> None:
    a, b = (
        filled("{name} is {a_religion} here", name=n, a_religion=r)
        for n, r in (("Jo", "a Sikh"), ("Al", "an atheist"))
    )
    assert aligned(a, b)
    assert frame(a) == ["", " is ", " here"]
    assert not aligned(a, filled("{name} was {a_religion} here", name="Jo", a_religion="a Sikh"))
    assert not aligned(a, filled("{name} is {religion} here", name="Jo", religion="a Sikh"))
    assert not aligned(a, filled("{name} is {a_religion} here", role="user", name="Jo", a_religion="a Sikh"))


WORDS = st.lists(
    st.tuples(
        st.sampled_from(["", "name", "they", "s", "occupation"]),
        st.text("ab .,'\n-()", max_size=6),
        st.text("cd X9", max_size=5),
    ),
    max_size=8,
)


def built(parts: list[tuple[str, str, str]]) -> Prompt:
    text, spans = "", []
    for slot, literal, word in parts:
        text += literal
        if slot:
            spans.append(Span(part=0, start=len(text), end=len(text) + len(word), slot=slot))
        text += word
    return Prompt(messages=(Message(role="text", text=text),), spans=tuple(spans))


@given(WORDS)
def test_pieces_are_in_order_cover_every_slot_and_overlap_only_as_endings(
    parts: list[tuple[str, str, str]],
) -> None:
    prompt = built(parts)
    pieces = cut(prompt)
    text = prompt.messages[0].text
    assert without(text, [], "") == text
    assert sum(bool(piece.slot) for piece in pieces) == len(prompt.spans) == len(slot_pieces(prompt))
    end = 0
    for piece in pieces:
        assert piece.inside or piece.start >= end
        assert piece.inside <= (piece.end <= end or not piece.start < piece.end)
        end = max(end, piece.end)
    slots = [piece for piece in pieces if piece.slot]
    assert all(
        piece.start <= span.start and span.end <= piece.end
        for piece, span in zip(slots, prompt.spans, strict=True)
    )


@given(WORDS, st.sampled_from(["", "[MASK]"]))
def test_without_all_pieces_no_letter_of_a_word_is_left(parts: list[tuple[str, str, str]], off: str) -> None:
    prompt = built(parts)
    left = without(prompt.messages[0].text, cut(prompt), off).replace("[MASK]", "")
    assert not any(letter.isalnum() for letter in left)
