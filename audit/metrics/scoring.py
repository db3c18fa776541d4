"""Scoring rate: how often a score lies above the median of the whole sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit.records import Card, Question, QuestionKind

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ScoringRate:
    """1 if the score lies above the sample's median, else 0; as a mean, the share of scores above it."""

    card = Card(
        name="scoring_rate",
        title="Share of scores above the sample median",
        definition=(
            "Share of inputs whose score (the rating, else the log-odds of the favourable decision; the mean over the "
            "repeats) lies above the median of all inputs that show a group. A score at the median is not above it."
        ),
        formula="mean over inputs of 1[score > median of the scores of all swap-arm inputs]",
        range="0 to 1",
        no_difference=0.0,
        higher_is="favourable",
        source="6 RCNY 5-300 (scoring rate), New York City, 2023",
        critique=(
            "Keeps only the order about one point: groups may differ much elsewhere. Where many scores tie at the "
            "median, far less than half of them are above it, and small changes of the sample move the rate much. The "
            "median is that of this sample, so rates of two runs do not compare. Intervals take the median as known."
        ),
        unit="rate",
    )
    kinds: frozenset[QuestionKind] = frozenset({"rate", "classify", "choose"})

    def rests_on(self, question: Question) -> str:
        """The metric whose scores are put in order."""
        return "rating" if question.kind == "rate" else "choice_logit"

    def relative(self, values: NDArray[np.float64], sample: NDArray[np.bool_]) -> NDArray[np.float64]:
        """1 above the median of `values[sample]`, 0 at or below it, NaN where there is no value."""
        known = np.isfinite(values)
        if not (known & sample).any():
            return np.full(len(values), np.nan)
        middle = np.median(values[known & sample])
        return np.where(known, (np.where(known, values, middle) > middle).astype(float), np.nan)


SCORING_RATE = ScoringRate()
