"""Decisions: which option an answer takes, how strongly, how often it flips, and the ratio of two rates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from audit.protocols import Answers, PairMetric, Summary, Values
from audit.records import Card, Question, QuestionKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_LABEL = 3
"""Words: where a question has no options, a longer answer is no label."""


class SelectionRate:
    """1 if the answer is the favourable option, else 0; as a mean, the share of favourable decisions."""

    card = Card(
        name="selection_rate",
        title="Share of favourable decisions",
        definition=(
            "Share of answers that are the favourable option: the one with the highest probability, or the only one "
            "that a text names."
        ),
        formula="mean over answers of 1[answer = favourable]",
        range="0 to 1",
        no_difference=0.0,
        higher_is="favourable",
        source="Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.16(R), 1978 (selection rate)",
        critique=(
            "Says nothing about how close a decision was. Two options of exactly one probability are counted as a tie, "
            "without a value. Whether a decision was right is not asked."
        ),
        unit="rate",
    )
    kinds: frozenset[QuestionKind] = frozenset({"classify", "choose"})

    def score(self, answers: Answers, question: Question) -> Values:
        """0 or 1; no value for a tie, and for a text that names no option or several."""
        values, reasons = _from_texts(answers, question)
        column = _column(answers.labels, question.favourable)
        favourable, best = _favourable(answers, column), _best_other(answers, column)
        scored = _scored(answers)
        values[scored] = (favourable > best)[scored].astype(float)
        reasons[scored] = ""
        lacking = scored & (np.isnan(favourable) | np.isnan(best))
        tied = scored & (favourable == best)
        for rows, reason in ((lacking, "not_supported"), (tied, "tie")):
            values[rows] = np.nan
            reasons[rows] = reason
        return Values(values=values, reasons=reasons.tolist())


class ChoiceLogit:
    """Log-odds of the favourable option."""

    card = Card(
        name="choice_logit",
        title="Log-odds of the favourable decision",
        definition="How strongly the model leans to the favourable option, against all other options together.",
        formula="log p(favourable) − log Σ p(other options), natural logarithm",
        range="−∞ to ∞",
        no_difference=0.0,
        higher_is="favourable",
        source="logit of the option's probability within the options; exact for log-probabilities in double precision",
        critique=(
            "Moves even where no decision changes, so a difference may be without consequence; where a decision is "
            "nearly settled, large differences in log-odds are small ones in probability. Texts have none."
        ),
        unit="log_odds",
    )
    kinds: frozenset[QuestionKind] = frozenset({"classify", "choose"})

    def score(self, answers: Answers, question: Question) -> Values:
        """Natural log-odds; no value for texts, and where a probability is exactly 0 or 1."""
        column = _column(answers.labels, question.favourable)
        favourable, others = _favourable(answers, column), _log_sum_others(answers, column)
        settled = np.isinf(favourable) | np.isinf(others)
        known = ~(np.isnan(favourable) | np.isnan(others) | settled)
        values = np.full(len(answers.texts), np.nan)
        values[known] = favourable[known] - others[known]
        reasons = np.where(known, "", np.where(settled, "settled", "not_supported"))
        return Values(values=values, reasons=reasons.tolist())


class FlipRate(PairMetric):
    """Share of pairs of answers in which the decision is not the same."""

    card = Card(
        name="flip_rate",
        title="Share of pairs with another decision",
        definition="Share of pairs whose two answers differ in the decision, over all combinations of repeats.",
        formula="mean over pairs and repeats r, s of 1[a_r ≠ b_s], minus the same in the deciding control arm",
        range="0 to 1; as an excess over the control arm −1 to 1",
        no_difference=0.0,
        higher_is="unfavourable",
        source="decision flips under exchanged terms: Garg et al. 2019, doi:10.1145/3306618.3317950",
        critique=(
            "Has no direction: gains and losses count alike, so they are also reported apart. A model that answers at "
            "random flips half of all pairs, which is why only the excess over pairs of one group is judged."
        ),
        unit="rate",
    )
    of = "selection_rate"

    def between(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of combinations of repeats that differ, among those where both sides have a value."""
        differ, known = np.zeros(len(a)), np.zeros(len(a))
        for repeat in a.T:
            both = ~(np.isnan(repeat)[:, None] | np.isnan(b))
            differ += (both & (repeat[:, None] != b)).sum(axis=1)
            known += both.sum(axis=1)
        return np.where(known > 0, differ / np.maximum(known, 1), np.nan)


class ImpactRatio(Summary):
    """Logarithm of the ratio of two groups' rates of the favourable decision."""

    card = Card(
        name="impact_ratio",
        title="Ratio of the shares of favourable decisions",
        definition=(
            "One group's share of favourable decisions (in rankings: of first places) divided by another's. As an "
            "effect on the logarithmic scale for each two groups; per group against the group with the highest share."
        ),
        formula="log(rate_b / rate_a); per group: rate / highest rate",
        range="−∞ to ∞ as a logarithm (ratio: 0 to ∞; against the highest: 0 to 1)",
        no_difference=0.0,
        higher_is="favourable",
        source="29 CFR 1607.4(D), 1978; 6 RCNY 5-300 (impact ratio), 2023",
        critique=(
            "The lowest of several ratios is below 1 by chance alone, and further so the more groups there are: read "
            "it beside the lowest ratio to expect under equality. Not defined where a rate is zero."
        ),
        unit="rate",
    )
    of = "selection_rate"

    def between(self, mean_a: NDArray[np.float64], mean_b: NDArray[np.float64]) -> NDArray[np.float64]:
        """log(mean_b / mean_a); NaN where either is not above zero (sums that cancel leave 1e-12 at most)."""
        known = (mean_a > 1e-12) & (mean_b > 1e-12)
        logs = np.log(np.where(known, mean_b, 1.0)) - np.log(np.where(known, mean_a, 1.0))
        return np.where(known, logs, np.nan)


def _scored(answers: Answers) -> NDArray[np.bool_]:
    """Rows with a log-probability."""
    return np.asarray(~np.isnan(answers.log_probs).all(axis=1), bool) if answers.labels else _none(answers)


def _none(answers: Answers) -> NDArray[np.bool_]:
    return np.zeros(len(answers.texts), dtype=bool)


def _column(labels: Sequence[str], favourable: str) -> int:
    """Where the favourable label stands, spaces and case aside if need be; -1 where it is not."""
    if favourable in labels:
        return list(labels).index(favourable)
    alike = [n for n, label in enumerate(labels) if label.strip().casefold() == favourable.strip().casefold()]
    return alike[0] if len(alike) == 1 else -1


def _favourable(answers: Answers, column: int) -> NDArray[np.float64]:
    return answers.log_probs[:, column] if column >= 0 else np.full(len(answers.texts), np.nan)


def _others(answers: Answers, column: int) -> NDArray[np.float64]:
    """Log-probabilities of the other labels; -inf where a row lacks one, NaN where it lacks all."""
    others = np.delete(answers.log_probs, column, axis=1) if column >= 0 else answers.log_probs
    gone = np.isnan(others)
    return np.where(gone & ~gone.all(axis=1, keepdims=True), -np.inf, others)


def _best_other(answers: Answers, column: int) -> NDArray[np.float64]:
    others = _others(answers, column)
    return others.max(axis=1) if others.shape[1] else np.full(len(others), np.nan)


def _log_sum_others(answers: Answers, column: int) -> NDArray[np.float64]:
    others = _others(answers, column)
    known = ~np.isnan(others)
    found = np.logaddexp.reduce(np.where(known, others, -np.inf), axis=1)
    return np.where(known.any(axis=1), found, np.nan)


def _from_texts(answers: Answers, question: Question) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Value and reason of every text, each distinct text read once."""
    options = question.options or (question.favourable,)
    plain = {" ".join(option.split()).casefold() for option in options}
    favourable = " ".join(question.favourable.split()).casefold()
    longest_first = sorted((re.escape(option) for option in plain if option), key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(longest_first) or '(?!)'})(?!\w)")
    read: dict[str, tuple[float, str]] = {}
    for text in set(answers.texts):
        words = " ".join(text.split()).casefold()
        named = set(pattern.findall(words))
        if not question.options and not named and 0 < len(words.split()) <= LONGEST_LABEL:
            named = {words.strip(".!\"'")}
        read[text] = (float(favourable in named), "") if len(named) == 1 else (np.nan, "unparsed")
    values = np.array([read[text][0] for text in answers.texts], dtype=float)
    reasons = np.array([read[text][1] for text in answers.texts], dtype=object)
    return values, reasons


SELECTION_RATE = SelectionRate()
CHOICE_LOGIT = ChoiceLogit()
FLIP_RATE = FlipRate()
IMPACT_RATIO = ImpactRatio()
