from __future__ import annotations

import math

import pytest

from audit.forced import named, option_scores, separable, turned
from audit.records import Message, Prompt

YES_NO = (" Yes", " No")


def prompt(*texts: str) -> Prompt:
    return Prompt(messages=tuple(Message(role="user", text=text) for text in texts))


@pytest.mark.parametrize(("before", "after"), [
    ("Invite Ana? Answer Yes or No.\nAnswer:", "Invite Ana? Answer No or Yes.\nAnswer:"),
    ("No file yet, or one? Yes/No", "No file yet, or one? No/Yes"),
    ("Yes or No? Say Yes or No:", "Yes or No? Say No or Yes:"),
    ("Yesterday she came. Yes or No?", "Yesterday she came. No or Yes?"),
    ("Should we?", "Should we?\n(No / Yes)"),
    ("Yes, she came, and much later there was a No.", "Yes, she came, and much later there was a No.\n(No / Yes)"),
])  # fmt: skip
def test_options_that_are_named_in_a_row_change_places_and_others_are_listed(before: str, after: str) -> None:
    asked = turned(prompt("Yes or No before", before), YES_NO)
    assert [message.text for message in asked.messages] == ["Yes or No before", after]


def test_three_options_are_named_in_the_opposite_order() -> None:
    asked = turned(prompt("Choose yes, perhaps or no."), ("yes", "perhaps", "no"))
    assert asked.messages[0].text == "Choose no, perhaps or yes."


def test_options_in_other_languages_keep_the_words_between_them() -> None:
    assert turned(prompt("Antworten Sie mit Ja oder Nein."), ("Ja", "Nein")).messages[0].text == (
        "Antworten Sie mit Nein oder Ja."
    )
    assert turned(prompt("हाँ या नहीं?"), ("हाँ", "नहीं")).messages[0].text == "नहीं या हाँ?"


def test_a_prompt_that_names_its_options_is_asked_as_it_is_and_another_gets_a_list() -> None:
    asks = prompt("Answer Yes or No.")
    assert named(asks, YES_NO) is asks
    assert named(prompt("Should we?"), YES_NO).messages[0].text == "Should we?\n(Yes / No)"


def test_turning_twice_gives_the_prompt_again() -> None:
    asks = prompt("Answer Yes or No.")
    assert turned(turned(asks, YES_NO), YES_NO) == asks


@pytest.mark.parametrize(("options", "apart"), [
    (YES_NO, True), (("1", "2", "3"), True), (("1", "10"), False), (("No", "Not sure"), False), (("yes", "Yes"), False),
    ((), False), (("one",), False), (("-1", "0", "1"), False), (("(a)", "(b)"), False), (("A", "B"), True),
])  # fmt: skip
def test_options_are_separable_when_none_begins_another(options: tuple[str, ...], apart: bool) -> None:
    assert separable(options) is apart


def test_spellings_of_one_option_are_added_up() -> None:
    told = [("Yes", math.log(0.4)), (" yes", math.log(0.2)), ("▁No", math.log(0.3)), ("The", math.log(0.1))]
    scores = option_scores(told, YES_NO)
    assert scores is not None
    assert math.exp(scores[" Yes"]) == pytest.approx(0.6)
    assert math.exp(scores[" No"]) == pytest.approx(0.3)


def test_a_token_that_may_begin_something_else_stands_for_no_option() -> None:
    told = [("I", math.log(0.5)), ("In", math.log(0.2)), ("Inv", math.log(0.1)), ("Rej", math.log(0.05))]
    scores = option_scores(told, ("Invite", "Reject"))
    assert scores is not None
    assert math.exp(scores["Invite"]) == pytest.approx(0.1)
    assert math.exp(scores["Reject"]) == pytest.approx(0.05)


def test_an_option_that_is_not_told_has_at_most_the_smallest_told_and_what_is_left() -> None:
    scores = option_scores([("Yes", math.log(0.6)), ("Maybe", math.log(0.3))], YES_NO)
    assert scores is not None and math.exp(scores[" No"]) == pytest.approx(0.1)
    scores = option_scores([("Yes", math.log(0.6)), ("Maybe", math.log(0.01))], YES_NO)
    assert scores is not None and math.exp(scores[" No"]) == pytest.approx(0.01)


@pytest.mark.parametrize(("options", "told"), [
    (("Hire", "Reject"), {"Re": 0.7, "Hire": 0.25, "I": 0.03}),
    (("Strongly agree", "Agree", "Disagree", "Strongly disagree"), {"Strong": 0.9, "Agree": 0.05, "Dis": 0.04}),
])  # fmt: skip
def test_nothing_is_decided_by_tokens_that_leave_out_a_likelier_option(
    options: tuple[str, ...], told: dict[str, float]
) -> None:
    scores = option_scores([(token, math.log(share)) for token, share in told.items()], options)
    assert scores is not None and not scores


def test_what_is_unclear_but_too_little_to_change_the_decision_is_what_the_other_option_can_have_at_most() -> (
    None
):
    told = [("Hire", math.log(0.7)), ("Re", math.log(0.2)), ("The", math.log(0.05))]
    scores = option_scores(told, ("Hire", "Reject"))
    assert scores is not None
    assert math.exp(scores["Hire"]) == pytest.approx(0.7)
    assert math.exp(scores["Reject"]) == pytest.approx(0.25)


@pytest.mark.parametrize(("unclear", "readable"), [(0.2, False), (0.001, True)])
def test_numbers_of_a_scale_are_read_where_nearly_all_of_it_is_clear(unclear: float, readable: bool) -> None:
    told = [("2", math.log(0.5)), ("3", math.log(0.25)), ("fiv", math.log(unclear))]
    scores = option_scores(told, ("2", "3", "five", "fivefold"), all_of_them=False)
    assert scores is not None and bool(scores) is readable


@pytest.mark.parametrize("least", [-9999.0, -math.inf])
def test_a_token_that_is_told_to_be_impossible_makes_no_answer_unreadable(least: float) -> None:
    scores = option_scores([("Yes", -0.0001), ("Sure", least)], YES_NO)
    assert scores is not None and scores[" Yes"] == pytest.approx(-0.0001)
    assert -14 < scores[" No"] < -9
    assert option_scores([("Yes", least), ("Sure", -0.1)], YES_NO) is None


def test_without_any_option_there_are_no_scores() -> None:
    assert option_scores([("I", -0.1), ("As", -3.0)], YES_NO) is None
    assert option_scores([], YES_NO) is None
