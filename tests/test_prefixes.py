"""What rows have in common is found and laid out once, and never costs more than leaving it."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.buckets import PASS_TOKENS, batches
from audit.prefixes import ATTENTION, LEAST_ROOT, Ids, Means, Pass, batched, planned, shared
from audit.trees import laid_out


@st.composite
def families(draw: st.DrawFn) -> list[Ids]:
    """Rows that grow out of each other's beginnings, as prompts of a suite do."""
    rows: list[Ids] = []
    for _ in range(draw(st.integers(1, 25))):
        beginning = draw(st.sampled_from(rows)) if rows and draw(st.booleans()) else ()
        beginning = beginning[: draw(st.integers(0, len(beginning)))]
        length = draw(st.sampled_from([1, 2, 5, 9, 20, 40, 70]))
        rows.append((*beginning, *(draw(st.integers(0, 3)) for _ in range(length))))
    return rows


MEANS = st.builds(Means, budget=st.integers(1, 600), longest=st.integers(0, 250), copies=st.integers(1, 900))


def distinct(rows: list[Ids]) -> int:
    """Tokens of the tree of some rows: as many as they have beginnings."""
    return len({row[:end] for row in rows for end in range(1, len(row) + 1)})


@settings(max_examples=150)
@given(families(), MEANS)
def test_every_row_is_in_one_tree_and_a_tree_has_each_beginning_once(rows: list[Ids], means: Means) -> None:
    found = planned(rows, means)
    assert sorted(at for one in found for tree in one.trees for at in tree) == list(range(len(rows)))
    for one in found:
        sizes = [distinct([rows[at] for at in tree]) - one.root for tree in one.trees]
        assert one.tokens == max(sizes)
        assert len(sizes) * max(sizes) <= means.budget or len(sizes) == 1
        assert len(sizes) * one.root <= means.copies or len(sizes) == 1
        for tree, size in zip(one.trees, sizes, strict=True):
            assert len(tree) == 1 or size + one.root <= means.longest
            assert len({rows[at][: one.root] for at in tree}) == 1
            assert all(len(rows[at]) > one.root for at in tree)
        assert len({rows[tree[0]][: one.root] for tree in one.trees}) == 1


@settings(max_examples=150)
@given(families(), MEANS)
def test_it_never_costs_more_than_whole_rows_in_batches_by_length(rows: list[Ids], means: Means) -> None:
    def cost(count: int, tokens: int) -> float:
        return count * (tokens + tokens * tokens / ATTENTION) + PASS_TOKENS

    plain = 0.0
    for some in (
        [row for row in rows if len(row) <= means.longest],
        [row for row in rows if len(row) > means.longest],
    ):
        lengths = [len(row) for row in some]
        for batch in batches(lengths, budget=means.budget):
            plain += cost(len(batch), max(lengths[at] for at in batch))
    ours = sum(cost(len(one.trees), one.tokens) for one in planned(rows, means))
    assert ours <= plain + 1e-6


@settings(max_examples=100)
@given(families(), MEANS, st.randoms())
def test_batches_hold_every_prompt_once_and_do_not_hang_on_the_order(
    rows: list[Ids], means: Means, turn: Random
) -> None:
    prompts = [[(*row, 9, option) for option in range(3)] for row in dict.fromkeys(rows)]
    found = batched(prompts, means)
    assert sorted(number for batch in found for number in batch) == list(range(len(prompts)))
    turned = list(prompts)
    turn.shuffle(turned)

    def texts(some: list[list[Ids]]) -> list[list[Ids]]:
        return [[some[number][0] for number in batch] for batch in batched(some, means)]

    assert texts(prompts) == texts(turned)


@settings(max_examples=100)
@given(families())
def test_in_a_tree_every_token_looks_at_its_own_row_and_at_nothing_else(rows: list[Ids]) -> None:
    order = sorted(range(len(rows)), key=lambda at: rows[at])
    half = len(order) // 2
    trees = [tree for tree in (order[:half], order[half:]) if tree]
    layout = laid_out(rows, trees, 0)
    numbers = [at for tree in trees for at in tree]
    for at, (tree, path) in zip(numbers, layout.places, strict=True):
        assert tuple(layout.ids[tree][place] for place in path) == rows[at]
        assert list(layout.positions[tree, path]) == list(range(len(rows[at])))
        for depth, place in enumerate(path):
            assert list(np.flatnonzero(layout.seen[tree, place])) == sorted(path[: depth + 1])
    assert all(
        len(ids) == distinct([rows[at] for at in tree]) for ids, tree in zip(layout.ids, trees, strict=True)
    )
    assert layout.seen.any(axis=2).all()


@given(st.lists(st.integers(0, 2), max_size=9), st.lists(st.integers(0, 2), max_size=9))
def test_what_two_rows_have_in_common_is_what_both_begin_with(one: list[int], other: list[int]) -> None:
    length = shared(tuple(one), tuple(other))
    assert one[:length] == other[:length]
    assert length == min(len(one), len(other)) or one[length] != other[length]


WIDE = Means(budget=1800, longest=10**4)


def test_options_after_a_long_prompt_cost_the_prompt_once() -> None:
    prompt = tuple(range(100))
    rows = [(*prompt, 200 + option, 1, 2) for option in range(4)]
    assert planned(rows, WIDE) == [Pass(root=0, trees=[[0, 1, 2, 3]], tokens=100 + 4 * 3)]


def test_prompts_of_one_system_prompt_have_it_as_their_root_and_their_options_share_the_prompt() -> None:
    system = tuple(range(1000, 1200))
    prompts = [
        [(*system, *(300 + text,) * 40, 400 + option, 1, 2) for option in range(4)] for text in range(100)
    ]
    found = batched(prompts, WIDE)
    assert max(map(len, found)) > 20
    for batch in found:
        for one in planned([row for number in batch for row in prompts[number]], WIDE):
            assert LEAST_ROOT <= one.root <= 200 and 200 - one.root < 32
            assert all(len(tree) % 4 == 0 for tree in one.trees)


def test_pairs_that_part_late_are_put_together_whatever_stands_between_them() -> None:
    rows = [
        ((text * 7) % 200, *(text,) * (20 + text % 50), last, 9) for last in (1, 2) for text in range(200)
    ]
    found = batched([[row] for row in rows], WIDE)
    place = {number: at for at, batch in enumerate(found) for number in batch}
    assert all(place[text] == place[text + 200] for text in range(200))
    passes = [one for batch in found for one in planned([rows[at] for at in batch], WIDE)]
    assert sum(one.tokens * len(one.trees) for one in passes) < 0.6 * sum(len(row) for row in rows)


def test_rows_longer_than_a_model_may_continue_are_worked_out_alone() -> None:
    prompt = tuple(range(100))
    rows = [(*prompt, option, 1) for option in range(4)]
    for longest in (101, 103):
        found = planned(rows, Means(budget=1800, longest=longest))
        assert all(len(tree) == 1 for one in found for tree in one.trees)


def test_a_beginning_that_everybody_has_makes_no_tree() -> None:
    assert all(len(tree) == 1 for one in planned([(1, 2, 3, 4), (1, 2, 5, 6)], WIDE) for tree in one.trees)


def test_trees_that_would_copy_a_long_root_too_often_go_into_more_passes() -> None:
    root = tuple(range(1000, 1200))
    rows = [(*root, number) for number in range(30)]
    assert {len(one.trees) for one in planned(rows, Means(budget=1800, longest=10**4, copies=600))} <= {
        1,
        2,
        3,
    }
