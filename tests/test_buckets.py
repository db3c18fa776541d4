from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from audit.buckets import PASS_TOKENS, batches

LENGTHS = st.lists(st.integers(0, 300), max_size=200)
BUDGETS = st.integers(1, 5000)


def padded(lengths: list[int], found: list[list[int]]) -> int:
    return sum(len(batch) * max(lengths[index] for index in batch) for batch in found)


@given(LENGTHS, BUDGETS)
def test_every_prompt_is_in_exactly_one_batch_and_no_batch_of_several_is_over_budget(
    lengths: list[int], budget: int
) -> None:
    found = batches(lengths, budget=budget)
    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or padded(lengths, [batch]) <= budget for batch in found)


@given(LENGTHS, BUDGETS)
def test_batches_come_longest_first_and_the_order_of_the_prompts_moves_no_length(
    lengths: list[int], budget: int
) -> None:
    found = [[lengths[index] for index in batch] for batch in batches(lengths, budget=budget)]
    assert [length for batch in found for length in batch] == sorted(lengths, reverse=True)
    turned = lengths[::-1]
    assert found == [[turned[index] for index in batch] for batch in batches(turned, budget=budget)]


@given(LENGTHS, BUDGETS)
def test_without_padding_a_batch_holds_one_length(lengths: list[int], budget: int) -> None:
    found = batches(lengths, budget=budget, pad=False)
    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    assert all(len({lengths[index] for index in batch}) == 1 for batch in found)


@given(LENGTHS, st.integers(300, 5000))
def test_padding_and_passes_cost_no_more_than_one_length_a_pass_does(lengths: list[int], budget: int) -> None:
    ours, apart = (batches(lengths, budget=budget, pad=pad) for pad in (True, False))
    assert padded(lengths, ours) + PASS_TOKENS * len(ours) <= padded(lengths, apart) + PASS_TOKENS * len(
        apart
    )


def test_a_short_prompt_is_not_padded_to_the_length_of_a_long_one() -> None:
    assert batches([500, 10, 10], budget=5000) == [[0], [1, 2]]
    assert batches([20, 19, 18], budget=5000) == [[0, 1, 2]]
