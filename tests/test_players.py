"""Players made of pieces."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from filled_prompts import filled
from hypothesis import given
from hypothesis import strategies as st

from audit.players import Player, differing, family, marks, players, slot_players, text_of
from audit.records import Prompt
from audit.spans import Piece, cut, slot_pieces

TEXT = (
    "{name} works as {a_occupation} in the old town. {They} need{s} a new MBA and {their} {occupation} desk."
)
WOMAN = filled(
    TEXT, name="Emily Hall", a_occupation="a nurse", occupation="nurse", They="She", s="s", their="her"
)
OTHER = filled(
    TEXT, name="Rio Hall", a_occupation="a nurse", occupation="nurse", They="They", s="", their="their"
)
GROUP = frozenset({"name", "pronoun"})


def shown(prompt: Prompt, *, limit: int = 99, group: frozenset[str] = GROUP) -> list[tuple[str, str]]:
    pieces = cut(prompt)
    return [
        (player.slot, text_of(prompt, pieces, player))
        for player in players(prompt, pieces, group=group, limit=limit)
    ]


@pytest.mark.parametrize(
    ("slot", "expected"),
    [
        ("they", "pronoun"), ("They", "pronoun"), ("have", "pronoun"), ("s", "pronoun"), ("last_name", "name"),
        ("a_religion", "religion"), ("A_occupation", "occupation"), ("occupation", "occupation"), ("title", "title"),
    ],
)  # fmt: skip
def test_slots_are_one_player_whatever_their_capital_article_or_case(slot: str, expected: str) -> None:
    assert family(slot) == expected


def test_the_group_is_one_player_each_filler_one_and_short_words_join_their_neighbour() -> None:
    assert shown(WOMAN) == [
        ("group", "Emily Hall … She … her"), ("", "works as"), ("occupation", "a nurse … nurse"),
        ("", "in the old town"),
        ("", "needs"), ("", "a new MBA and"), ("", "desk"),
    ]  # fmt: skip


def test_slots_that_the_axis_does_not_change_are_players_of_their_own() -> None:
    found = dict(shown(WOMAN, group=frozenset({"name"})))
    assert found["group"] == "Emily Hall"
    assert found["pronoun"] == "She … her"


def test_above_the_limit_words_are_joined_within_a_sentence_before_all_else() -> None:
    assert shown(WOMAN, limit=6) == [
        ("group", "Emily Hall … She … her"), ("", "works as"), ("occupation", "a nurse … nurse"),
        ("", "in the old town"),
        ("", "needs a new MBA and"), ("", "desk"),
    ]  # fmt: skip
    assert [slot for slot, _ in shown(WOMAN, limit=3)] == ["group", "", "occupation"]
    assert [slot for slot, _ in shown(WOMAN, limit=2)] == ["group", "occupation"]
    assert shown(WOMAN, limit=1) == shown(WOMAN, limit=2)


def test_prompts_of_a_cell_are_cut_into_the_same_players() -> None:
    pieces = cut(WOMAN), cut(OTHER)
    assert [piece.slot for piece in pieces[0]] == [piece.slot for piece in pieces[1]]
    found = players(WOMAN, pieces[0], group=GROUP, limit=99)
    assert [text_of(OTHER, pieces[1], player) for player in found[:5]] == [
        "Rio Hall … They … their", "works as", "a nurse … nurse", "in the old town", "need",
    ]  # fmt: skip


def test_places_of_words_run_over_commas_but_not_over_lines_or_words() -> None:
    prompt = filled("punctual, quick\nand late but {name} old", name="Jo")
    pieces = cut(prompt)
    words = Player(
        kind="words", slot="", members=tuple(i for i, piece in enumerate(pieces) if not piece.slot)
    )
    assert marks(prompt, pieces, words) == [(0, 0, 15), (0, 16, 28), (0, 32, 35)]
    assert text_of(prompt, pieces, words) == "punctual, quick … and late but … old"


def test_the_swap_has_one_player_a_family_that_differs() -> None:
    assert differing(WOMAN, OTHER) == {"name", "pronoun"}
    assert differing(WOMAN, WOMAN) == frozenset()
    found = slot_players(WOMAN, differing(WOMAN, OTHER), limit=8)
    assert [(player.slot, text_of(WOMAN, slot_pieces(WOMAN), player)) for player in found] == [
        ("name", "Emily Hall"), ("pronoun", "She … her"),
    ]  # fmt: skip


def test_a_swap_of_more_slots_than_the_limit_joins_neighbours() -> None:
    slots = ["name", "parent", "title", "child"]
    prompt = filled(" ".join(f"{{{slot}}}" for slot in slots), **{slot: slot for slot in slots})
    found = slot_players(prompt, frozenset(slots), limit=2)
    assert len(found) == 2
    assert sorted(slot for player in found for slot in player.slot.split(" + ")) == sorted(slots)


PARTS = st.lists(
    st.tuples(
        st.sampled_from(["", "", "", "name", "they", "s", "occupation", "religion"]),
        st.text("abcd ,.X", max_size=12),
    ),
    max_size=14,
)


@given(PARTS, st.integers(2, 12))
def test_players_share_out_every_piece_exactly_once(parts: Sequence[tuple[str, str]], limit: int) -> None:
    text = " ".join(f"{word} {{{slot}}}" if slot else word for slot, word in parts)
    prompt = filled(text, name="Jo", they="she", s="s", occupation="nurse", religion="Sikh")
    pieces: tuple[Piece, ...] = cut(prompt)
    for group in (frozenset[str](), GROUP):
        found = players(prompt, pieces, group=group, limit=limit)
        assert sorted(index for player in found for index in player.members) == list(range(len(pieces)))
        assert len(found) <= max(limit, 2)
        assert all(player.members == tuple(sorted(player.members)) for player in found)
        assert sum(player.kind == "group" for player in found) == any(
            family(p.slot) in group for p in pieces if p.slot
        )
