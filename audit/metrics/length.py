"""Length of a text answer."""

from __future__ import annotations

import numpy as np

from audit.protocols import Answers, Values
from audit.records import Card, Question, QuestionKind


class Length:
    """Words of the answer."""

    card = Card(
        name="length",
        title="Length of the answer",
        definition="Number of words of a text answer.",
        formula="words between white space",
        range="0 to ∞",
        no_difference=0.0,
        higher_is="neither",
        source="word count",
        critique="More words are not more help. Languages without spaces between words cannot be counted this way.",
        unit="words",
    )
    kinds: frozenset[QuestionKind] = frozenset({"classify", "choose", "rate", "generate"})

    def score(self, answers: Answers, question: Question) -> Values:
        """Words; no value for answers that are no texts."""
        counts = {text: float(len(text.split())) for text in set(answers.texts)}
        silent = np.isfinite(answers.log_probs).any(axis=1) & (np.array(answers.texts, dtype=object) == "")
        values = np.where(silent, np.nan, np.array([counts[text] for text in answers.texts], dtype=float))
        return Values(values=values, reasons=np.where(silent, "not_supported", "").tolist())


LENGTH = Length()
