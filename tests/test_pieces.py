from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from audit.batching import Batch
from audit.pieces import TRIES, TRIES_ALONE, Pieces
from audit.records import Answer, Message, Prompt


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message(role="text", text=text),))


def batch(number: int, *texts: str) -> Batch:
    return Batch(number=number, prompts=[prompt(text) for text in texts], repeat=3)


def said(prompts: Sequence[Prompt]) -> list[Answer]:
    return [Answer(text=each.messages[0].text.upper()) for each in prompts]


def test_a_batch_is_taken_when_somebody_is_free_and_not_before() -> None:
    taken: list[int] = []

    def batches() -> Iterator[Batch]:
        for number in range(3):
            taken.append(number)
            yield batch(number, f"text {number}")

    pieces = Pieces(batches=batches())
    assert taken == []
    first = pieces.take()
    assert taken == [0] and first is not None and (first.number, first.repeat) == (0, 3)
    assert not pieces.is_done


def test_what_a_lost_worker_had_not_begun_goes_to_the_next_one_without_blame() -> None:
    pieces = Pieces(batches=iter([batch(0, "a"), batch(1, "b")]))
    one, other = pieces.take(), pieces.take()
    assert one is not None and other is not None
    pieces.returned(other)
    assert pieces.lost(one, "killed") is None
    assert (one.losses, other.losses) == (1, 0)
    assert [pieces.take(), pieces.take(), pieces.take()] == [one, other, None]


def test_a_batch_that_ends_workers_is_asked_prompt_by_prompt_and_only_the_guilty_prompt_fails() -> None:
    pieces = Pieces(batches=iter([batch(7, "a", "poison", "c")]))
    found, tries = [], []
    while (piece := pieces.take()) is not None:
        tries.append([each.messages[0].text for each in piece.prompts])
        ends = "poison" in tries[-1]
        found.append(pieces.lost(piece, "killed") if ends else pieces.answered(piece, said(piece.prompts)))
    assert tries == [["a", "poison", "c"]] * TRIES + [["a"], *[["poison"]] * TRIES_ALONE, ["c"]]
    failed = Answer(error="every worker that was asked this ended: killed")
    assert found == [None] * (len(tries) - 1) + [(7, [Answer(text="A"), failed, Answer(text="C")])]
    assert pieces.is_done


def test_a_batch_of_one_prompt_is_not_asked_alone_a_second_time() -> None:
    pieces = Pieces(batches=iter([batch(0, "poison")]))
    for _ in range(TRIES - 1):
        piece = pieces.take()
        assert piece is not None and pieces.lost(piece, "killed") is None
    piece = pieces.take()
    assert piece is not None
    number, answers = pieces.lost(piece, "killed") or (None, [])
    assert number == 0 and answers[0].error and pieces.take() is None and pieces.is_done


@pytest.mark.parametrize("seed", range(20))
def test_every_batch_comes_once_with_its_own_answers_however_workers_are_lost(seed: int) -> None:
    chance = random.Random(seed)
    batches = [batch(n, *(f"text {n} {k}" for k in range(chance.randint(1, 5)))) for n in range(30)]
    pieces = Pieces(batches=iter(batches))
    found: dict[int, list[Answer]] = {}
    held = []
    while not pieces.is_done:
        while len(held) < 4 and (piece := pieces.take()) is not None:
            held.append(piece)
        if not held:
            continue
        piece = held.pop(chance.randrange(len(held)))
        fate = chance.random()
        if fate < 0.3:
            pieces.returned(piece)
            continue
        done = pieces.lost(piece, "killed") if fate < 0.5 else pieces.answered(piece, said(piece.prompts))
        if done is not None:
            assert done[0] not in found
            found[done[0]] = done[1]
    assert sorted(found) == list(range(30))
    for each in batches:
        for answer, wanted in zip(found[each.number], said(each.prompts), strict=True):
            assert answer == wanted or answer.error
