from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.readings import Text, plan, read, texts_of, values_of
from audit.records import PROMPTS, RESPONSES, Question, Reading

CLASSES = Reading(
    metric="warmth", model="hf:x", question=Question(kind="classify"), values={"cold": -1.0, "warm": 1.0}
)
JUDGED = Reading(
    metric="judge", model="hf:x", question=Question(kind="choose", options=(" Yes", " No"), favourable=" Yes"),
    prompt="Q: $prompt\nA: $answer\nWarm? $first or $second:",
    values={" Yes": 1.0, " No": 0.0}, repeats=2, decides=True,
)  # fmt: skip
RATED = Reading(
    metric="grade", model="hf:x", question=Question(kind="rate", low=1, high=5), prompt="$answer: 1 to 5?"
)


def answer(prompt: str, **given: Any) -> dict[str, object]:
    row: dict[str, object] = {
        "prompt_id": prompt,
        "repeat": 0,
        "text": "",
        "scores": "",
        "error": "",
        "answered_at": "",
    }
    if "scores" in given:
        given["scores"] = json.dumps({k: math.log(p) if p else -1e9 for k, p in given["scores"].items()})
    return row | given


def told(reading: Reading, *answers: dict[str, Any], text: Text = ("a letter", "")) -> tuple[float, str]:
    """What the second model's answers, one for each order, say of one text."""
    planned = plan(reading, [text])
    rows = [answer(prompt, **given) for prompt, given in zip(planned.orders[text], answers, strict=True)]
    return read(planned, RESPONSES.frame(rows))[text]


# ---------------------------------------------------------------- prompts


def test_each_distinct_text_is_asked_once_in_every_order() -> None:
    planned = plan(JUDGED, [("good", "p"), ("bad", "p"), ("good", "p")])
    assert len(planned.prompts) == 4
    assert set(planned.prompts["arm"]) == {"reading"}
    texts = [json.loads(messages)[0][1] for messages in planned.prompts["messages"]]
    assert texts[:2] == ["Q: p\nA: good\nWarm? Yes or No:", "Q: p\nA: good\nWarm? No or Yes:"]


def test_slots_and_dollar_signs_in_an_answer_are_words_of_the_answer() -> None:
    planned = plan(JUDGED, [("$prompt costs $5, $$ $answer", "$first")])
    text = json.loads(planned.prompts["messages"][0])[0][1]
    assert text == "Q: $first\nA: $prompt costs $5, $$ $answer\nWarm? Yes or No:"


def test_the_ends_of_a_scale_are_asked_in_both_orders() -> None:
    both = Reading(
        metric="grade", model="x", question=RATED.question, prompt="$answer $first-$second", repeats=2
    )
    texts = [json.loads(messages)[0][1] for messages in plan(both, [("t", "")]).prompts["messages"]]
    assert texts == ["t 1-5", "t 5-1"]


def test_the_prompt_of_an_answer_is_shown_only_where_the_reading_asks_for_it() -> None:
    messages = json.dumps([["system", "Be brief."], ["user", "Write."]])
    row = dict.fromkeys(PROMPTS.names, "") | {
        "prompt_id": "p",
        "position": 0,
        "repeats": 1,
        "messages": messages,
    }
    prompts = PROMPTS.frame([row])
    responses = RESPONSES.frame(
        [answer("p", text="A letter"), answer("p", repeat=1, error="timeout"), answer("p", text=" ")]
    )
    assert texts_of(JUDGED, prompts, responses) == [("A letter", "Be brief.\n\nWrite."), None, None]
    assert texts_of(CLASSES, prompts, responses)[0] == ("A letter", "")


# ---------------------------------------------------------------- values


@settings(deadline=None)
@given(st.floats(0.001, 1), st.floats(0.001, 1), st.floats(0, 1))
def test_the_value_is_the_mean_over_the_labels_that_count(cold: float, warm: float, other: float) -> None:
    total = cold + warm + other
    scores = {"cold": cold / total, "warm": warm / total, "neutral": other / total}
    value, reason = told(CLASSES, {"scores": scores})
    assert value == pytest.approx((warm - cold) / (warm + cold))
    assert reason == ""


def test_labels_are_found_whatever_their_case_and_spaces() -> None:
    assert told(CLASSES, {"scores": {"Cold ": 0.25, "WARM": 0.75}})[0] == pytest.approx(0.5)


def test_a_model_without_the_labels_gives_no_value() -> None:
    value, reason = told(CLASSES, {"scores": {"LABEL_0": 0.5, "LABEL_1": 0.5}})
    assert np.isnan(value)
    assert reason == "not_supported"


def test_a_written_answer_counts_as_the_one_label_that_it_names() -> None:
    assert told(CLASSES, {"text": "That is warm."}) == (1.0, "")
    assert told(CLASSES, {"text": "warm or cold"})[1] == "unparsed"
    assert told(CLASSES, {"text": "I cannot help with that."})[1] == "refused"
    assert told(CLASSES, {"error": "timeout"})[1] == "failed: warmth: timeout"


def test_a_judge_decides_by_the_mean_of_both_orders() -> None:
    sure, unsure = {"scores": {" Yes": 0.9, " No": 0.1}}, {"scores": {" Yes": 0.3, " No": 0.7}}
    assert told(JUDGED, sure, unsure) == (1.0, "")
    assert told(JUDGED, unsure, unsure) == (0.0, "")


def test_a_judge_that_follows_the_order_alone_has_no_value() -> None:
    value, reason = told(JUDGED, {"text": "Yes"}, {"text": "No"})
    assert np.isnan(value)
    assert reason == "tie"


def test_an_order_without_an_answer_leaves_the_text_without_a_value() -> None:
    assert told(JUDGED, {"text": "Yes"}, {"text": "Perhaps"})[1] == "unparsed"
    assert told(JUDGED, {"text": "Yes"}, {"error": "gone"})[1] == "failed: judge: gone"


def test_a_rating_is_its_expected_value_or_the_number_in_the_text() -> None:
    assert told(RATED, {"scores": {"1": 0.5, "5": 0.5}})[0] == pytest.approx(3.0)
    assert told(RATED, {"text": "4"}) == (4.0, "")


def test_a_rating_becomes_a_share_of_its_scale_where_the_ends_have_values() -> None:
    share = Reading(metric="judge", model="x", question=RATED.question, values={"1": 0.0, "5": 1.0})
    assert told(share, {"text": "4"})[0] == pytest.approx(0.75)


def test_a_text_that_was_never_answered_says_so() -> None:
    planned = plan(CLASSES, [("t", "")])
    value, reason = read(planned, RESPONSES.frame())[("t", "")]
    assert np.isnan(value)
    assert reason == "failed: the second model was not asked"


def test_an_answer_without_a_text_keeps_its_own_reason() -> None:
    responses = RESPONSES.frame(
        [answer("p", text="t"), answer("p", error="timeout"), answer("p", scores={"a": 1.0}), answer("p")]
    )
    values, reasons = values_of([("t", ""), None, None, None], {("t", ""): (0.5, "")}, responses)
    assert values[0] == 0.5
    assert reasons.tolist() == ["", "failed: timeout", "not_supported", "unparsed"]
    assert isinstance(responses, pd.DataFrame)
