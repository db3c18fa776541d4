"""Ratings: the number that an answer gives on the question's scale."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np

from audit.protocols import RATING as OWN_NUMBER
from audit.protocols import Answers, Values
from audit.records import Card, Question, QuestionKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

NUMBER = r"(?<![\w.,])[-+]?\d+(?:[.,]\d+)?(?!\w|[.,]\d)"
SCALE = re.compile(rf"({NUMBER})\s*(?:-|–|to|and)\s*({NUMBER})")
OUT_OF = re.compile(rf"({NUMBER})\s*(?:/|out of|of)\s*({NUMBER})")
KEYS = ("rating", "score", "value")
"""Keys of a JSON answer that hold the rating."""


class Rating:
    """The rating on the scale of the question."""

    card = Card(
        name="rating",
        title="Rating",
        definition=(
            "The number that the answer gives on the question's scale; where the model gives probabilities of the "
            "numbers, their expected value; where its output is a number (regression), that number as it is, also "
            "outside the scale."
        ),
        formula="number in the answer, or Σ p(x)·x / Σ p(x) over the numbers x of the scale, or the output itself",
        range="the question's scale; outputs of a regression may lie outside",
        no_difference=0.0,
        higher_is="favourable",
        source="mean rating; expected value over answer probabilities",
        critique=(
            "Steps of a scale need not be equally wide, and models crowd on a few numbers. A text with several "
            "numbers of the scale has no value."
        ),
        unit="points",
    )
    kinds: frozenset[QuestionKind] = frozenset({"rate"})

    def score(self, answers: Answers, question: Question) -> Values:
        """A number from `low` to `high` of the question; no value where none, or several, are given.

        A number that is the output itself is neither cut nor left out: that would hide the ends of some groups.
        """
        read = {text: number_in(text, low=question.low, high=question.high) for text in set(answers.texts)}
        values = np.array([read[text] for text in answers.texts], dtype=float)
        expected = _expected(answers, question)
        values = np.where(np.isnan(expected), values, expected)
        if OWN_NUMBER in answers.labels:
            own = answers.log_probs[:, answers.labels.index(OWN_NUMBER)]
            values = np.where(np.isnan(own), values, own)
        return Values(values=values, reasons=np.where(np.isnan(values), "unparsed", "").tolist())


def number_in(text: str, *, low: float, high: float) -> float:
    """The one number of the scale that `text` gives; NaN where it gives none or several.

    Understood are a number alone, `8/10`, `8 out of 10`, and JSON with a rating; the mention of the scale
    itself ("from 1 to 10") does not count.
    """
    written = _from_json(text)
    if written is None:
        plain = SCALE.sub(lambda match: " " if _ends(match) == (low, high) else match[0], text)
        shares = {float(_value(m[1])) for m in OUT_OF.finditer(plain) if _value(m[2]) == high}
        found = shares or {_value(number) for number in re.findall(NUMBER, plain)}
        inside = {number for number in found if low <= number <= high}
        written = inside.pop() if len(inside) == 1 else float("nan")
    return written if low <= written <= high else float("nan")


def _from_json(text: str) -> float | None:
    """The rating of a JSON object in the text; None where there is no JSON object, NaN where it has no rating."""
    start, end = text.find("{"), text.rfind("}")
    try:
        document = json.loads(text[start : end + 1]) if 0 <= start < end else None
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    numbers = {
        str(key).casefold(): number
        for key, value in document.items()
        if (number := _number(value)) is not None
    }
    named = [numbers[key] for key in KEYS if key in numbers]
    if named:
        return named[0]
    return next(iter(numbers.values())) if len(numbers) == 1 else float("nan")


def _number(value: object) -> float | None:
    if isinstance(value, str) and re.fullmatch(NUMBER, value.strip()):
        return _value(value.strip())
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _value(number: str) -> float:
    return float(number.replace(",", "."))


def _ends(match: re.Match[str]) -> tuple[float, float]:
    return _value(match[1]), _value(match[2])


def _expected(answers: Answers, question: Question) -> NDArray[np.float64]:
    """Expected value over the labels that are numbers of the scale; NaN for rows without them."""
    numbers = [number_in(label, low=question.low, high=question.high) for label in answers.labels]
    columns = [place for place, number in enumerate(numbers) if not np.isnan(number)]
    if not columns:
        return np.full(len(answers.texts), np.nan)
    logs = answers.log_probs[:, columns]
    best = np.max(np.where(np.isnan(logs), -np.inf, logs), axis=1)
    finite = np.isfinite(best)
    weights = np.exp(np.where(np.isnan(logs), -np.inf, logs) - np.where(finite, best, 0.0)[:, None])
    total = weights.sum(axis=1)
    return np.where(finite, (weights @ np.array(numbers)[columns]) / np.where(finite, total, 1.0), np.nan)


RATING = Rating()
