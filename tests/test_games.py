"""Coalition games and their tables."""

from __future__ import annotations

import numpy as np
import pytest
from filled_prompts import PERSONS, filled
from hypothesis import given
from hypothesis import strategies as st

from audit.attribution.shap_values import Shap
from audit.games import (
    Coalitions,
    all_coalitions,
    gap_game,
    own_random_numbers,
    removal_game,
    requested,
    swap_game,
)
from audit.players import differing, players, slot_players
from audit.records import Message, Prompt, Span
from audit.spans import cut

TEXT = "{They} need{s} {a_occupation} desk, says {name}'s boss. {name} smiles: {their} day."
A, B = (filled(TEXT, **PERSONS[group], a_occupation="a nurse") for group in ("non-binary", "women"))
GROUP = frozenset({"name", "pronoun"})


def text(prompt: Prompt) -> str:
    return prompt.messages[-1].text


def test_a_swap_mixes_whole_players_and_ends_at_a_and_at_b() -> None:
    game = swap_game(A, B, slot_players(B, differing(A, B), limit=8))
    ((_, view),) = game.terms
    assert [player.slot for player in game.players] == ["pronoun", "name"]
    assert view([False, False]).id == A.id
    assert view([True, True]).id == B.id
    assert (
        text(view([True, False])) == "She needs a nurse desk, says Rio Hall's boss. Rio Hall smiles: her day."
    )


@pytest.mark.parametrize(
    ("mask_text", "expected"),
    [
        ("[MASK]", "[MASK] need a nurse desk, says [MASK] boss. [MASK] smiles: [MASK] day."),
        (None, "need a nurse desk, says boss. smiles: day."),
    ],
)
def test_without_the_group_all_groups_read_the_same(mask_text: str | None, expected: str) -> None:
    pieces = cut(A), cut(B)
    found = players(A, pieces[0], group=GROUP, limit=12)
    mask = [player.kind != "group" for player in found]
    for prompt, own in zip((A, B), pieces, strict=True):
        ((_, view),) = removal_game(prompt, own, found, mask_text=mask_text).terms
        assert text(view(mask)) == expected
        assert view([True] * len(found)).id == prompt.id


def test_the_gap_keeps_the_group_and_takes_b_minus_a() -> None:
    pieces = cut(A), cut(B)
    context = [player for player in players(A, pieces[0], group=GROUP, limit=4) if player.kind != "group"]
    game = gap_game(A, B, pieces=pieces, players=context, mask_text=None)
    table = Coalitions(game=game)
    made = list(table.add(all_coalitions(len(context))))
    assert len(made) == 2 * 2 ** len(context)
    scores = {prompt.id: float(len(text(prompt))) for prompt in made}
    full = table.values(np.ones((1, len(context)), dtype=bool), scores)
    assert full == pytest.approx([len(text(B)) - len(text(A))])
    assert all("Rio Hall" in text(prompt) or "Emily Hall" in text(prompt) for prompt in made)


def test_every_message_of_a_conversation_takes_part() -> None:
    one = filled("Be kind to {name}.", role="system", name="Jo")
    two = filled("{name} asks.", role="user", name="Jo")
    spans = (*one.spans, *(type(s)(part=1, start=s.start, end=s.end, slot=s.slot) for s in two.spans))
    prompt = Prompt(messages=(*one.messages, *two.messages), spans=spans)
    pieces = cut(prompt)
    found = players(prompt, pieces, group=frozenset({"name"}), limit=9)
    ((_, view),) = removal_game(prompt, pieces, found, mask_text="#").terms
    assert [m.text for m in view([player.kind != "group" for player in found]).messages] == [
        "Be kind to #.",
        "# asks.",
    ]
    assert [m.role for m in view([True] * len(found)).messages] == ["system", "user"]


def built(parts: list[tuple[str, str, str]], last: str) -> Prompt:
    """Literals, slots and their words one after the other."""
    text, spans = "", []
    for literal, slot, word in parts:
        text += literal + word
        spans.append(Span(part=0, start=len(text) - len(word), end=len(text), slot=slot))
    return Prompt(messages=(Message(role="text", text=text + last),), spans=tuple(spans))


SLOTS = st.sampled_from(["name", "they", "s", "occupation", "religion"])
LITERALS = st.text("abcd ,.'X\n-", max_size=9)
WORDS = st.text("uv Z", max_size=5)


@given(
    st.lists(st.tuples(LITERALS, SLOTS, WORDS, WORDS), max_size=7), LITERALS, st.sampled_from([None, "[M]"])
)
def test_with_every_player_present_each_game_reads_as_the_original_byte_for_byte(
    parts: list[tuple[str, str, str, str]], last: str, mask_text: str | None
) -> None:
    a, b = (built([(lit, slot, words[side]) for lit, slot, *words in parts], last) for side in (0, 1))
    swap = swap_game(a, b, slot_players(b, differing(a, b), limit=8))
    view = swap.terms[0][1]
    assert view([True] * len(swap.players)).id == b.id
    assert view([False] * len(swap.players)).id == a.id
    pieces = cut(a)
    found = players(a, pieces, group=differing(a, b), limit=6)
    whole = removal_game(a, pieces, found, mask_text=mask_text).terms[0][1]
    assert whole([True] * len(found)).messages == a.messages


def test_a_table_makes_each_coalition_once_and_misses_what_has_no_score() -> None:
    game = swap_game(A, B, slot_players(B, differing(A, B), limit=8))
    table = Coalitions(game=game)
    masks = all_coalitions(2)
    assert len(list(table.add(masks))) == 4
    assert not list(table.add(masks))
    assert len(table.needed(masks)) == 4
    scores = dict.fromkeys(table.needed(masks[1:]), 1.0)
    assert np.isnan(table.values(masks, scores)).tolist() == [True, False, False, False]


def test_all_coalitions_are_distinct_and_go_from_none_to_all() -> None:
    masks = all_coalitions(4)
    assert masks.shape == (16, 4)
    assert len(np.unique(masks, axis=0)) == 16
    assert not masks[0].any()
    assert masks[-1].all()


def test_what_is_requested_does_not_depend_on_numpys_random_state_and_leaves_it_alone() -> None:
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    first = requested(Shap(exact_up_to=4, passes=3), 6, seed=11)
    assert (np.random.get_state()[1] == before).all()
    np.random.seed(2)
    assert (requested(Shap(exact_up_to=4, passes=3), 6, seed=11) == first).all()
    assert not np.array_equal(requested(Shap(exact_up_to=4, passes=3), 6, seed=12), first)


def test_the_random_state_comes_back_even_after_an_error() -> None:
    before = np.random.get_state()[1].copy()
    with pytest.raises(ZeroDivisionError), own_random_numbers():
        np.random.seed(3)
        raise ZeroDivisionError
    assert (np.random.get_state()[1] == before).all()
