from __future__ import annotations

from math import exp, fsum, isfinite, log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.continuations import ROUNDING, ended, option_rows
from audit.records import Question, content_id

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


def test_an_option_that_others_begin_with_is_told_where_they_go_on() -> None:
    plan = option_rows([1, 2], [[1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 5, 6], [1, 2, 3, 5, 7], [1, 2, 9]])
    assert plan is not None
    assert {(need.position, need.token, need.option) for need in plan.onward} == {(2, 4, 0), (2, 5, 0)}
    assert all(plan.rows[need.row][:3] == (1, 2, 3) for need in plan.onward)
    assert ended(log(0.25), 0.8) == pytest.approx(log(0.05))
    assert ended(-1.5, 0.0) == -1.5 and isfinite(ended(-1.5, 1.0))


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), min_size=1, max_size=6, unique_by=tuple))
def test_options_share_no_probability(options: list[list[int]]) -> None:
    """Of a model that makes each of three tokens as likely as the others, always."""
    plan = option_rows([9], [[9, *option] for option in options])
    assert plan is not None
    sums, onward = [0.0] * len(options), [0.0] * len(options)
    for need in plan.needs:
        sums[need.option] += log(1 / 3)
    for need in plan.onward:
        onward[need.option] += 1 / 3
    found = [exp(ended(*one)) for one in zip(sums, onward, strict=True)]
    assert fsum(found) <= 1 + 1e-5
    texts = [tuple(option) for option in options]
    for option, probability in zip(texts, found, strict=True):
        further = {other[: len(option) + 1] for other in texts if other[: len(option)] == option != other}
        assert probability == pytest.approx(3.0 ** -len(option) * max(1 - len(further) / 3, ROUNDING))


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


@pytest.mark.parametrize(("asked", "other"), [
    ({"kind": "rate", "low": 1, "high": 10}, True), ({"kind": "rate", "low": -10, "high": 0}, True),
    ({"kind": "rate", "low": 1, "high": 5}, False), ({"kind": "choose", "options": (" Yes", " No")}, False),
    ({"kind": "choose", "options": (" No", " Not sure")}, True), ({"kind": "generate"}, False),
])  # fmt: skip
def test_questions_with_options_that_begin_others_have_ids_of_their_own(
    asked: dict[str, Any], other: bool
) -> None:
    """Their answers of earlier versions gave the shorter option the share of the longer."""
    question = Question(**asked)
    parts = [question.kind, list(question.options), question.low, question.high, question.max_tokens]
    assert (question.id != content_id("question", *parts)) is other
