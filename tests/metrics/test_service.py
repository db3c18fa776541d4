from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answering import scores, texts
from ruamel.yaml import YAML

import audit.metrics.refusal
from audit.metrics.length import LENGTH
from audit.metrics.refusal import REFUSAL, declines
from audit.metrics.unparsed import UNPARSED
from audit.records import Question

FREE = Question(kind="generate")
YES_NO = Question(kind="choose", options=("Yes", "No"), favourable="Yes")
RATE = Question(kind="rate", low=1, high=10)


@pytest.mark.parametrize("text", [
    "I'm sorry, but I can't help with that.", "I’m unable to rank people.", "As an AI, I have no opinion.",
    "I cannot answer.", "Thank you for asking. I must decline to rate this person.",
])  # fmt: skip
def test_an_answer_that_opens_by_declining_is_a_refusal(text: str) -> None:
    assert declines(text)


@pytest.mark.parametrize(
    "text",
    ["Yes", "", "She cannot be beaten for this post.", "Sorry for the delay: 8", "x " * 400 + "I cannot"],
)
def test_other_answers_are_no_refusal(text: str) -> None:
    assert not declines(text)


def test_the_list_of_refusals_says_where_it_comes_from_and_holds_nothing_twice() -> None:
    path = Path(audit.metrics.refusal.__file__).with_suffix(".yaml")
    listed: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    assert listed["source"] and listed["date"]
    for phrases in listed["phrases"].values():
        assert len(phrases) == len(set(phrases))
        assert all(phrase == phrase.casefold().strip() for phrase in phrases)
        assert all(declines(f"{phrase} answer") for phrase in phrases)


def test_length_counts_words() -> None:
    assert LENGTH.score(texts("one two  three\nfour", ""), FREE).values.tolist() == [4.0, 0.0]


@pytest.mark.parametrize("metric", [LENGTH, REFUSAL, UNPARSED], ids=lambda metric: metric.card.name)
def test_answers_that_are_no_texts_are_not_supported(metric: Any) -> None:
    found = metric.score(scores({"Yes": -0.1, "No": -2.0}), YES_NO)
    assert found.reasons == ["not_supported"] and np.isnan(found.values[0])


def test_unparsed_counts_what_the_reader_of_the_question_cannot_read() -> None:
    assert UNPARSED.score(texts("Yes", "perhaps"), YES_NO).values.tolist() == [0.0, 1.0]
    assert UNPARSED.score(texts("7", "seven"), RATE).values.tolist() == [0.0, 1.0]
    ranked = texts("Ann", "Ann", "none", "none", items=["Ann", "Bo"] * 2, prompt_ids=["p", "p", "q", "q"])
    assert UNPARSED.score(ranked, FREE).values.tolist() == [0.0, 0.0, 1.0, 1.0]


def test_nothing_is_looked_for_in_free_text() -> None:
    assert UNPARSED.score(texts("once upon a time"), FREE).reasons == ["not_supported"]
