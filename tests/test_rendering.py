"""Filled frames: texts, ids, messages and spans equal those of the records, for any text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import small_suites
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import InputError
from audit.records import Message, Prompt, Span, content_id
from audit.rendering import Rendered, digest, frame, quoted
from audit.slots import fill
from audit.spans import aligned
from audit.suite import load_suite

ANY = st.text(max_size=40)
AWKWARD = st.sampled_from([
    "", "a", '"', "\\", "\n", "\t\r\n", "\x00\x1f\x7f", "\u2028\u2029",
    "é", "नमस्ते", "😀", "\ufeff", "</s>", "'", "\u00ad",
])  # fmt: skip
TEXT = st.one_of(ANY, AWKWARD)
ROLE = st.sampled_from(["system", "user", "assistant", "text"])


@st.composite
def rendered(draw: st.DrawFn) -> Rendered:
    """Any messages, with any places in order."""
    turns = draw(st.lists(st.tuples(ROLE, TEXT), min_size=1, max_size=4))
    places = []
    for part, (_, text) in enumerate(turns):
        cuts = draw(st.lists(st.integers(0, len(text)), max_size=6))
        ends = sorted(cuts[: len(cuts) // 2 * 2])
        places += [
            (part, start, end, draw(st.sampled_from(["name", "they", 'a"b', "form_er", "größe"])))
            for start, end in zip(ends[::2], ends[1::2], strict=True)
        ]
    roles, texts = zip(*turns, strict=True)
    return Rendered(roles=roles, texts=texts, places=tuple(places))


@settings(deadline=None)
@given(rendered())
def test_ids_messages_and_spans_are_those_of_the_record(one: Rendered) -> None:
    record = Prompt(
        messages=tuple(
            Message(role=role, text=text)  # type: ignore[arg-type]
            for role, text in zip(one.roles, one.texts, strict=True)
        ),
        spans=tuple(
            Span(part=part, start=start, end=end, slot=slot) for part, start, end, slot in one.places
        ),
    )
    assert one.prompt() == record
    assert one.id == record.id == content_id("prompt", list(zip(one.roles, one.texts, strict=True)))
    turns = [[role, text] for role, text in zip(one.roles, one.texts, strict=True)]
    assert one.messages == json.dumps(turns, ensure_ascii=False)
    assert one.spans == json.dumps([list(place) for place in one.places], ensure_ascii=False)


@settings(deadline=None)
@given(rendered())
def test_messages_and_spans_are_read_back_as_they_were(one: Rendered) -> None:
    assert [tuple(turn) for turn in json.loads(one.messages)] == list(zip(one.roles, one.texts, strict=True))
    assert [tuple(place) for place in json.loads(one.spans)] == list(one.places)
    assert one.words == tuple(one.texts[part][start:end] for part, start, end, _ in one.places)


@settings(deadline=None)
@given(TEXT)
def test_a_text_is_quoted_as_json_quotes_it(text: str) -> None:
    assert quoted(text) == json.dumps(text, ensure_ascii=False)
    assert digest(json.dumps(["x", text], ensure_ascii=False, separators=(",", ":"))) == content_id("x", text)


@settings(deadline=None)
@given(rendered(), rendered())
def test_ids_are_equal_where_roles_and_texts_are(one: Rendered, other: Rendered) -> None:
    same = (one.roles, one.texts) == (other.roles, other.texts)
    assert (one.id == other.id) is same
    bare = Rendered(roles=one.roles, texts=one.texts, places=())
    assert bare.id == one.id


SLOTS = ("name", "they", "s", "a_job", "er")
LITERAL = st.text(alphabet=st.characters(exclude_characters="$", codec="utf-8"), max_size=15)
PIECE = st.one_of(LITERAL, st.sampled_from([*(f"${{{slot}}}" for slot in SLOTS), "${Name}", "${They}", "$$"]))
TEMPLATE = st.lists(PIECE, max_size=9).map("".join)
WORDS = st.fixed_dictionaries(dict.fromkeys(SLOTS, TEXT))


@settings(deadline=None)
@given(st.lists(st.tuples(ROLE, TEMPLATE), min_size=1, max_size=3), WORDS)
def test_a_frame_fills_as_the_text_is_filled(turns: list[tuple[str, str]], words: dict[str, str]) -> None:
    cut = frame(turns, forms=("they", "s", "er"))
    made = cut.filled(words)
    assert made.roles == tuple(role for role, _ in turns)
    assert made.texts == tuple(fill(text, words) for _, text in turns)
    assert cut.slots <= set(SLOTS)


@settings(deadline=None)
@given(st.lists(st.tuples(ROLE, TEMPLATE), min_size=1, max_size=3), WORDS)
def test_every_slot_has_a_place_that_holds_its_word(
    turns: list[tuple[str, str]], words: dict[str, str]
) -> None:
    made = frame(turns, forms=("they", "s", "er")).filled(words)
    allowed = {word for value in words.values() for word in (value, value[:1].upper() + value[1:])}
    assert len(made.places) == sum(text.count("${") for _, text in turns)
    assert set(made.words) <= allowed
    order = [(part, start) for part, start, _, _ in made.places]
    assert order == sorted(order)
    for (part, _, end, _), (after, start, _, _) in zip(made.places, made.places[1:], strict=False):
        assert part < after or end <= start


@settings(deadline=None)
@given(st.lists(st.tuples(ROLE, TEMPLATE), min_size=1, max_size=3), WORDS, WORDS)
def test_two_fillings_of_a_frame_are_aligned(
    turns: list[tuple[str, str]], words: dict[str, str], others: dict[str, str]
) -> None:
    cut = frame(turns, forms=("they", "s", "er"))
    assert aligned(cut.filled(words).prompt(), cut.filled(others).prompt())


def test_forms_are_known_by_what_they_are() -> None:
    text = "$They need${s} a room. $er ist ein${er} Gast, $name wohn${t}."
    made = frame([("text", text)], forms=("they", "s", "er", "t")).filled(
        {"they": "she", "s": "s", "er": "Sie", "name": "Kim", "t": "t"}
    )
    assert [slot for *_, slot in made.places] == ["they", "s", "form_er", "ending_er", "name", "ending_t"]
    assert made.words == ("She", "s", "Sie", "Sie", "Kim", "t")
    plain = frame([("text", "$er")]).filled({"er": "Sie"})
    assert [slot for *_, slot in plain.places] == ["er"]


def test_a_slot_without_a_word_is_named() -> None:
    with pytest.raises(KeyError, match="they"):
        frame([("text", "$name or $they")]).filled({"name": "Kim"})


@pytest.mark.parametrize("escape", ["\\uD83D", "\\uDE00 \\uD83D"])
def test_half_a_character_never_comes_into_a_prompt(escape: str, tmp_path: Path) -> None:
    text = small_suites.TEXT.replace("$name applies", f"{escape} $name applies")
    path = small_suites.write_suite(tmp_path, text)
    with pytest.raises(InputError, match="half of one"):
        load_suite(path)
