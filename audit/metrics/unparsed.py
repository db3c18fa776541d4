"""Texts in which no answer to the question can be read, and answers without a value for whatever reason."""

from __future__ import annotations

from typing import cast

import numpy as np

from audit.catalogue import load
from audit.protocols import Answers, Metric, Values
from audit.records import Card, Question, QuestionKind

READERS: dict[str, str] = {
    "classify": "audit.metrics.choice:SELECTION_RATE",
    "choose": "audit.metrics.choice:SELECTION_RATE",
    "rate": "audit.metrics.rating:RATING",
    "generate": "audit.metrics.ranking:RANK_FIRST",
}
"""The metric that reads the answers to each kind of question."""
REFUSALS = {"refusal": "audit.metrics.refusal:REFUSAL"}
"""What finds texts that decline."""


class Unparsed:
    """1 if the answer to the question cannot be read from the text, else 0."""

    card = Card(
        name="unparsed",
        title="Share of answers that cannot be read",
        definition=(
            "Share of text answers in which the option, the number or the candidate that was asked for cannot be "
            "found, refusals included."
        ),
        formula="mean over answers of 1[the metric that reads this kind of question finds nothing]",
        range="0 to 1",
        no_difference=0.0,
        higher_is="unfavourable",
        source="count of the answers that other metrics leave without a value",
        critique="Says that our reader found nothing, not that a person would find nothing.",
        unit="rate",
    )
    kinds: frozenset[QuestionKind] = frozenset({"classify", "choose", "rate", "generate"})

    def score(self, answers: Answers, question: Question) -> Values:
        """0 or 1; no value for answers that are no texts, and for free texts in which nothing is looked for."""
        reader = cast(Metric, load(READERS, "metrics", question.kind))
        reasons = np.array(reader.score(answers, question).reasons, dtype=object)
        silent = np.isfinite(answers.log_probs).any(axis=1) & (np.array(answers.texts, dtype=object) == "")
        without = silent | (reasons == "not_supported")
        values = np.where(without, np.nan, (reasons == "unparsed").astype(float))
        return Values(values=values, reasons=np.where(without, "not_supported", "").tolist())


class Missing:
    """1 if the answer has no value, for whatever reason, else 0."""

    card = Card(
        name="missing",
        title="Share of answers without a value",
        definition=(
            "Share of answers that have no value under the metric that reads this kind of question: failed, never "
            "given, refused, unreadable, or a tie. Of free texts, in which nothing is looked for: failed, empty or "
            "refused."
        ),
        formula="mean over answers of 1[no value]",
        range="0 to 1",
        no_difference=0.0,
        higher_is="unfavourable",
        source="count of the answers that other metrics leave without a value",
        critique=(
            "Puts together what has different causes: a model that declines, a reader that does not understand it, and "
            "a connection that broke. The reasons stand beside the answers. Refusals of free texts are found by "
            "patterns, with the errors of `refusal`."
        ),
        unit="rate",
    )
    kinds: frozenset[QuestionKind] = frozenset(
        {"classify", "choose", "rate", "generate", "likelihood", "next_token"}
    )
    counts_failures = True
    """Failed answers, and those that were never given, are what this metric counts: they are no gap in it."""

    def score(self, answers: Answers, question: Question) -> Values:
        """0 or 1 for every answer."""
        texts = np.array(answers.texts, dtype=object)
        scored = np.isfinite(answers.log_probs).any(axis=1)
        missing = np.array([not text.strip() for text in answers.texts], dtype=bool) & ~scored
        if question.kind in READERS:
            reader = cast(Metric, load(READERS, "metrics", question.kind)).score(answers, question)
            free = (np.array(answers.items, dtype=object) == "") & (question.kind == "generate")
            refusal = cast(Metric, load(REFUSALS, "metrics", "refusal")).score(answers, question)
            declined = (refusal.values == 1) & (texts != "")
            missing = np.where(free, missing | declined, np.isnan(reader.values))
        missing |= np.array([bool(error) for error in answers.errors], dtype=bool)
        return Values(values=missing.astype(float), reasons=[""] * len(answers.texts))


UNPARSED = Unparsed()
MISSING = Missing()
