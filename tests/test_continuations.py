from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from audit.continuations import option_rows

IDS = st.lists(st.integers(0, 4), min_size=1, max_size=6)


def test_options_of_one_token_share_the_prompts_own_row() -> None:
    plan = option_rows([1, 2], [[1, 2, 7], [1, 2, 8]])
    assert plan is not None
    assert plan.rows == ((1, 2),)
    assert [(need.row, need.position, need.token, need.option) for need in plan.needs] == [
        (0, 1, 7, 0),
        (0, 1, 8, 1),
    ]


def test_an_option_that_another_begins_with_costs_no_row_of_its_own() -> None:
    plan = option_rows([1, 2], [[1, 2, 3], [1, 2, 3, 4]])
    assert plan is not None and plan.rows == ((1, 2, 3),)


def test_where_prompt_and_option_grow_together_scoring_begins_where_they_part() -> None:
    plan = option_rows([1, 2, 3], [[1, 2, 9, 5]])
    assert plan is not None
    assert [(need.position, need.token) for need in plan.needs] == [(1, 9), (2, 5)]


def test_options_without_a_token_of_their_own_or_without_a_beginning_cannot_be_scored() -> None:
    assert option_rows([1, 2], [[1, 2]]) is None
    assert option_rows([1, 2], [[3, 4]]) is None
    assert option_rows([], [[3]]) is None


@given(IDS, st.lists(IDS, min_size=1, max_size=5))
def test_the_needs_of_an_option_spell_it_out_after_its_own_beginning(
    prompt: list[int], options: list[list[int]]
) -> None:
    joint = [prompt + option for option in options]
    plan = option_rows(prompt, joint)
    assert plan is not None
    for number, option in enumerate(options):
        mine = [need for need in plan.needs if need.option == number]
        assert [need.token for need in mine] == option
        for need in mine:
            before = plan.rows[need.row][: need.position + 1]
            assert (*before, need.token) == tuple(joint[number][: need.position + 2])
    assert not any(a != b and b[: len(a)] == a for a in plan.rows for b in plan.rows)
