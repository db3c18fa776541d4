from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import refusal_error
from answering import scores, texts
from ruamel.yaml import YAML

import audit.metrics.refusal
from audit.metrics.length import LENGTH
from audit.metrics.refusal import REFUSAL, declines
from audit.metrics.unparsed import MISSING, UNPARSED
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
    assert set(listed["languages"]) == {"de", "en", "es", "fr"}
    for groups in listed["languages"].values():
        assert set(groups) == {"declines", "unless", "answers"}
        for patterns in groups.values():
            assert len(patterns) == len(set(patterns))
            assert all(re.compile(pattern) for pattern in patterns)
            assert all(plain_letters(pattern).islower() for pattern in patterns)


def plain_letters(pattern: str) -> str:
    """A pattern without its classes such as \\W."""
    return re.sub(r"\\[A-Za-z]", "", pattern)


def test_the_error_of_the_refusal_patterns_stands_in_docs_and_card_as_it_is_measured() -> None:
    page = refusal_error.DOCS.read_text(encoding="utf-8")
    printed = page.partition(refusal_error.BEGIN)[2].partition(refusal_error.END)[0].strip()
    assert printed == refusal_error.table()
    for refusal in (True, False):
        count, total = refusal_error.right("held_out", refusal)
        share, low, high = refusal_error.percents(count, total)
        assert f"{count} of {total}" in REFUSAL.card.critique
        assert f"({share} %" in REFUSAL.card.critique and f"{low} to {high} %)" in REFUSAL.card.critique


def test_the_labelled_answers_are_many_different_and_of_both_kinds_in_each_language() -> None:
    items = refusal_error.items()
    assert len({(item.language, item.text) for item in items}) == len(items) >= 200
    for language in refusal_error.LANGUAGES:
        mine = [item for item in items if item.language == language]
        assert len(mine) >= 40
        assert 0.4 < np.mean([item.refusal for item in mine]) < 0.6
        assert {"caveat", "idiom", "partial", "quoted", "roleplay"} <= {item.kind for item in mine}


def test_a_quoted_refusal_is_none_unless_the_whole_answer_is_the_quote() -> None:
    assert not declines('The bot said "I cannot answer this." Poor service.')
    assert declines('"I cannot answer this."')


def test_missing_counts_every_reason_for_which_there_is_no_value() -> None:
    given = texts("Yes", "No", "perhaps", "", "I cannot answer.")
    assert MISSING.score(given, YES_NO).values.tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert MISSING.score(
        scores({"Yes": -0.1, "No": -2.0}, {"Yes": -0.7, "No": -0.7}), YES_NO
    ).values.tolist() == [0, 1]
    assert MISSING.score(replace(given, errors=["timeout", *[""] * 4]), YES_NO).values[0] == 1.0
    free = texts("A fine letter.", " ", "I'm sorry, but I can't help with that.")
    assert MISSING.score(free, FREE).values.tolist() == [0.0, 1.0, 1.0]
    ranked = texts("Ann", "none", items=["Ann", "Ann"], prompt_ids=["p", "q"])
    assert MISSING.score(ranked, FREE).values.tolist() == [0.0, 1.0]
    assert MISSING.score(scores({"log_likelihood": -3.0}), Question(kind="likelihood")).values.tolist() == [
        0.0
    ]


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
