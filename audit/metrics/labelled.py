"""Metrics with labels: how often answers are the expected ones, as fairlearn defines it, and how groups differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from audit.catalogue import load
from audit.errors import MissingExtra
from audit.protocols import Answers, Metric, Values
from audit.records import NOT_COUNTED, Card, Question, QuestionKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

READERS: dict[str, str] = {
    "classify": "audit.metrics.choice:SELECTION_RATE",
    "choose": "audit.metrics.choice:SELECTION_RATE",
    "rate": "audit.metrics.rating:RATING",
}
"""The metric that reads the answers to each kind of question."""
HALF_A_POINT = 0.5
UNLABELLED = f"{NOT_COUNTED}: no expected answer is known"
NO_SUCH_ANSWER = f"{NOT_COUNTED}: the expected answer is none that the question allows"
EXPECTED_OTHER = f"{NOT_COUNTED}: the expected answer is not the favourable one"
EXPECTED_FAVOURABLE = f"{NOT_COUNTED}: the expected answer is the favourable one"


class Accuracy:
    """1 if the answer is the expected one, else 0."""

    card = Card(
        name="accuracy",
        title="Share of answers that are right",
        definition=(
            "Share of answers that are the expected one, of those with a known one. A rating is right if it is less "
            "than half a point from the expected number."
        ),
        formula="mean over answers of 1[answer = expected]",
        range="0 to 1",
        no_difference=0.0,
        higher_is="favourable",
        source="accuracy_score of scikit-learn, as in fairlearn's MetricFrame",
        critique=(
            "Counts both kinds of error alike, although one may harm a person and the other not. Only as right as the "
            "expected answers, whose own errors may differ between groups."
        ),
        unit="rate",
    )
    kinds: frozenset[QuestionKind] = frozenset({"classify", "choose", "rate"})

    def score(self, answers: Answers, question: Question) -> Values:
        """0 or 1; answers whose expected answer is not known are not counted."""
        value = _by_fairlearn("accuracy", "accuracy_score")
        expected = _expected(answers)
        reasons = np.where(expected == "", UNLABELLED, NO_SUCH_ANSWER).astype(object)
        values = np.full(len(expected), np.nan)
        for label in sorted(set(expected) - {""}):
            rows = np.flatnonzero(expected == label)
            if meant := _meant(label, answers, question):
                right, why = _right(meant, answers, question)
                values[rows], reasons[rows] = _looked_up(right[rows], value, expected=1), why[rows]
        return Values(values=values, reasons=reasons.tolist())


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """1 if the answer is favourable, else 0, among answers whose expected answer is favourable, or among the others."""

    card: Card
    among: int
    """1: the expected answer is the favourable one. 0: it is another."""
    kinds: frozenset[QuestionKind] = frozenset({"classify", "choose"})

    def score(self, answers: Answers, question: Question) -> Values:
        """0 or 1; answers with another expected answer, or without one, are not counted."""
        value = _by_fairlearn(self.card.name, self.card.name)
        reader = cast(Metric, load(READERS, "metrics", question.kind))
        read = reader.score(answers, question)
        values, reasons = np.array(read.values, dtype=float), np.array(read.reasons, dtype=object)
        expected = _expected(answers)
        good = _meant(question.favourable, answers, question)
        for label in set(expected):
            rows, meant = expected == label, _meant(label, answers, question)
            if not meant:
                reasons[rows] = NO_SUCH_ANSWER if label else UNLABELLED
            elif (meant == good) != bool(self.among):
                reasons[rows] = EXPECTED_OTHER if self.among else EXPECTED_FAVOURABLE
            else:
                values[rows] = _looked_up(values[rows], value, expected=self.among)
                continue
            values[rows] = np.nan
        return Values(values=values, reasons=reasons.tolist())


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A difference of group means under the name that the literature has for it."""

    card: Card
    differs_in: tuple[str, ...]


def _by_fairlearn(metric: str, name: str) -> Callable[[int, int], float]:
    """fairlearn's value of one answer, from what was expected and what was given; 1 is the favourable answer."""
    try:
        from fairlearn import metrics
        from sklearn.metrics import accuracy_score  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtra("labels", f"the metric '{metric}'") from None
    if name == "accuracy_score":
        return lambda expected, given: float(accuracy_score([expected], [given]))
    rate: Any = getattr(metrics, name)
    return lambda expected, given: float(rate([expected], [given], pos_label=1))


def _looked_up(
    given: NDArray[np.float64], value: Callable[[int, int], float], *, expected: int
) -> NDArray[np.float64]:
    """fairlearn's value of each answer; NaN where nothing was read."""
    each = np.array([value(expected, 0), value(expected, 1), np.nan])
    return np.asarray(each[np.where(np.isnan(given), 2, given).astype(int)], float)


def _expected(answers: Answers) -> NDArray[np.object_]:
    return np.array(answers.expected or [""] * len(answers.texts), dtype=object)


def _meant(label: str, answers: Answers, question: Question) -> str:
    """The option, label or number that `label` names, spaces and case aside if need be; empty if it names none."""
    if question.kind == "rate":
        return label if _number(label) is not None else ""
    known, plain = question.options or answers.labels, label.strip().casefold()
    if not known or label in known:
        return label if label in known else plain
    alike = [one for one in known if one.strip().casefold() == plain]
    return alike[0] if len(alike) == 1 else ""


def _right(
    label: str, answers: Answers, question: Question
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Whether each answer is `label`, and why that cannot be said."""
    reader = cast(Metric, load(READERS, "metrics", question.kind))
    read = reader.score(answers, replace(question, favourable=label))
    values, reasons = np.array(read.values, dtype=float), np.array(read.reasons, dtype=object)
    number = _number(label)
    if question.kind == "rate" and number is not None:
        near = (np.abs(values - number) < HALF_A_POINT).astype(float)
        values = np.where(np.isnan(values), np.nan, near)
    return values, reasons


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


_TRUE = Card(
    name="true_positive_rate",
    title="Share of favourable decisions where they are right",
    definition="Share of favourable answers among those whose expected answer is the favourable one.",
    formula="mean over answers with expected = favourable of 1[answer = favourable]",
    range="0 to 1",
    no_difference=0.0,
    higher_is="favourable",
    source="true_positive_rate of fairlearn",
    critique=(
        "Says nothing about answers that should not be favourable. Where the expected answers themselves are worse for "
        "a group, equal rates keep that up."
    ),
    unit="rate",
)
_FALSE = Card(
    name="false_positive_rate",
    title="Share of favourable decisions where they are wrong",
    definition="Share of favourable answers among those whose expected answer is another one.",
    formula="mean over answers with expected ≠ favourable of 1[answer = favourable]",
    range="0 to 1",
    no_difference=0.0,
    higher_is="neither",
    source="false_positive_rate of fairlearn",
    critique=(
        "A wrong favourable answer helps the person and may harm others, or harm later; which of the two is not asked."
    ),
    unit="rate",
)
_PARITY = Card(
    name="demographic_parity_difference",
    title="Difference of the shares of favourable decisions",
    definition=(
        "Difference of two groups' shares of favourable answers, whatever the expected answers are. fairlearn prints "
        "the largest of them without its sign."
    ),
    formula="selection_rate_b − selection_rate_a",
    range="−1 to 1",
    no_difference=0.0,
    higher_is="favourable",
    source="demographic_parity_difference of fairlearn",
    critique="Groups of different qualification may have different shares for good reasons, and equal ones for bad.",
    unit="rate",
)
_OPPORTUNITY = Card(
    name="equal_opportunity_difference",
    title="Difference of the shares of favourable decisions where they are right",
    definition=(
        "Difference of two groups' shares of favourable answers among those whose expected answer is the favourable "
        "one. fairlearn prints the largest of them without its sign."
    ),
    formula="true_positive_rate_b − true_positive_rate_a",
    range="−1 to 1",
    no_difference=0.0,
    higher_is="favourable",
    source="Hardt et al. 2016, arXiv:1610.02413; equal_opportunity_difference of fairlearn",
    critique=(
        "Rests on the expected answers: where these are skewed, the difference is too. Wrong favourable answers are "
        "not seen."
    ),
    unit="rate",
)
_ODDS = Card(
    name="equalized_odds_difference",
    title="Larger difference of right and of wrong favourable decisions",
    definition=(
        "The larger of two differences between two groups, signs aside: of the shares of favourable answers where they "
        "are right, and where they are wrong."
    ),
    formula="max(|true_positive_rate_b − true_positive_rate_a|, |false_positive_rate_b − false_positive_rate_a|)",
    range="0 to 1",
    no_difference=0.0,
    higher_is="unfavourable",
    source="Hardt et al. 2016, arXiv:1610.02413; equalized_odds_difference of fairlearn",
    critique=(
        "Above zero by chance alone, and without a direction. The interval is put together from those of both "
        "differences at half the error each, so it is wider than needed; its lower end is zero where neither of them "
        "can be told from zero."
    ),
    unit="rate",
)

ACCURACY = Accuracy()
TRUE_POSITIVE_RATE = Rate(card=_TRUE, among=1)
FALSE_POSITIVE_RATE = Rate(card=_FALSE, among=0)
DEMOGRAPHIC_PARITY_DIFFERENCE = Difference(card=_PARITY, differs_in=("selection_rate",))
EQUAL_OPPORTUNITY_DIFFERENCE = Difference(card=_OPPORTUNITY, differs_in=("true_positive_rate",))
EQUALIZED_ODDS_DIFFERENCE = Difference(card=_ODDS, differs_in=("true_positive_rate", "false_positive_rate"))
