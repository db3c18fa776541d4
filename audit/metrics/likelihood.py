"""Likelihood: how probable a text is to a model, and how unlike two answers' probabilities are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audit.protocols import Answers, Values
from audit.records import Card, Question, QuestionKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

REST = ""
"""The label that stands for all tokens that an answer does not list."""
NUMBERS_AT_ONCE = 4_000_000
OTHER_MODELS = {
    "log_likelihood": "the model is a causal one, which has a log_likelihood",
    "pseudo_log_likelihood": "the model is a masked one, which has a pseudo_log_likelihood",
}
"""What the score of a back end says about the model that gave it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Likelihood:
    """The sum of a text's log-probabilities under one name of the back ends' scores, or its mean over tokens."""

    card: Card
    column: str
    per_token: bool
    kinds: frozenset[QuestionKind] = frozenset({"likelihood"})

    def score(self, answers: Answers, question: Question) -> Values:
        """Natural logarithms; no value for answers of the other kind of model, and for texts."""
        values = _column(answers, self.column)
        if self.per_token:
            tokens = _column(answers, "tokens")
            values = values / np.where(tokens > 0, tokens, np.nan)
        given = [label for label in answers.labels if label != self.column and label in OTHER_MODELS]
        why = f"not_supported: {OTHER_MODELS[given[0]]}" if given else "not_supported"
        return Values(values=values, reasons=np.where(np.isnan(values), why, "").tolist())


class Divergence:
    """Jensen–Shannon divergence between the probabilities of two answers, in bits."""

    card = Card(
        name="divergence",
        title="Divergence of the answers' probabilities",
        definition=(
            "How unlike the probabilities of two answers are: of the next token, or of the options or labels among "
            "each other. Of next tokens those that both answers list count one by one, all others together."
        ),
        formula=(
            "½·KL(p‖m) + ½·KL(q‖m) with m = ½(p + q), logarithm to base 2, minus the same in the deciding control arm"
        ),
        range="0 to 1; as an excess over the control arm −1 to 1",
        no_difference=0.0,
        higher_is="unfavourable",
        source="Lin 1991, doi:10.1109/18.61115 (Jensen–Shannon divergence)",
        critique=(
            "Has no direction, and counts harmless differences (a name that is repeated) as much as others. For next "
            "tokens it is a lower bound: what happens among the tokens that are not listed in both answers is not seen."
        ),
        unit="bits",
    )
    kinds: frozenset[QuestionKind] = frozenset({"next_token", "choose", "classify"})

    def compare(
        self, answers: Answers, a: NDArray[np.intp], b: NDArray[np.intp], question: Question
    ) -> Values:
        """0 to 1 for each pair of rows; no value for answers without probabilities."""
        rest = list(answers.labels).index(REST) if REST in answers.labels else -1
        values = np.full(len(a), np.nan)
        step = max(1, NUMBERS_AT_ONCE // max(1, len(answers.labels)))
        for start in range(0, len(a), step) if answers.labels else ():
            part = slice(start, start + step)
            logs = answers.log_probs[a[part]], answers.log_probs[b[part]]
            shares = _coarsened(*logs, rest=rest) if question.kind == "next_token" else _renormalised(*logs)
            values[part] = _divergence(*shares)
        return Values(values=values, reasons=np.where(np.isnan(values), "not_supported", "").tolist())


def _column(answers: Answers, name: str) -> NDArray[np.float64]:
    if name not in answers.labels:
        return np.full(len(answers.texts), np.nan)
    return answers.log_probs[:, list(answers.labels).index(name)]


def _shares(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities that add up to 1 in every row; 0 where a label is missing, NaN in rows without any."""
    known = np.where(np.isnan(logs), -np.inf, logs)
    best = known.max(axis=1, keepdims=True)
    found = np.exp(known - np.where(np.isfinite(best), best, 0.0))
    total = found.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, found / np.where(total > 0, total, 1.0), np.nan), float)


def _renormalised(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities of the labels among each other; NaN where the two answers do not have the same labels."""
    same = (np.isnan(a) == np.isnan(b)).all(axis=1, keepdims=True)
    return np.where(same, _shares(a), np.nan), np.where(same, _shares(b), np.nan)


def _coarsened(
    a: NDArray[np.float64], b: NDArray[np.float64], *, rest: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities of the tokens that both answers list, and in a last column of all others together.

    A token that one answer does not list has some probability there, which is part of its rest. Set to 0 it would feign
    a difference; put together with the rest in both answers, the divergence can only become smaller.
    """
    both = ~(np.isnan(a) | np.isnan(b))
    if rest >= 0:
        both[:, rest] = False
    found = []
    for logs in (a, b):
        shares = _shares(logs)
        listed = np.where(both, shares, 0.0)
        others = np.where(both, 0.0, shares).sum(axis=1, keepdims=True)
        found.append(np.concatenate([listed, others], axis=1))
    return found[0], found[1]


def _divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Jensen–Shannon divergence of rows, in bits; NaN where a row is."""
    middle = (p + q) / 2
    lacking = np.isnan(middle).any(axis=1)
    total = np.zeros(len(p))
    for side in (p, q):
        some = side > 0
        terms = np.where(some, side, 0.0) * np.log2(np.where(some, side, 1.0) / np.where(some, middle, 1.0))
        total += terms.sum(axis=1) / 2
    return np.asarray(np.where(lacking, np.nan, np.clip(total, 0.0, 1.0)), float)


_LOG_LIKELIHOOD = Card(
    name="log_likelihood",
    title="Log-likelihood of the text",
    definition=(
        "How probable a causal language model finds the whole text: the sum of the log-probabilities of its tokens, "
        "each after those before it. A first token is counted only after a token that begins texts, where there is one."
    ),
    formula="Σ log p(token | tokens before it), natural logarithm",
    range="−∞ to 0",
    no_difference=0.0,
    higher_is="neither",
    source="log-likelihood of a language model, with log-softmax in single precision",
    critique=(
        "A name of more tokens, or a rarer one, makes every text less likely: a difference is first one of words, "
        "and only against other texts with the same words one of what is said. Compare with names of the same group."
    ),
    unit="nats",
)
_PSEUDO = replace(
    _LOG_LIKELIHOOD,
    name="pseudo_log_likelihood",
    title="Pseudo-log-likelihood of the text",
    definition=(
        "How probable a masked language model finds the whole text: each token in turn is masked, and the "
        "log-probabilities of the right tokens are added up. What the tokenizer puts around a text is not counted."
    ),
    formula="Σ log p(token | all other tokens), natural logarithm",
    source="Salazar et al. 2020, arXiv:1910.14659",
    critique=(
        "A word of several tokens gives itself away: with one token masked, the others show what is missing, so that "
        "rare long words score too high. It is no probability of the text, and compares texts of one model only."
    ),
)


def _per_token(card: Card) -> Card:
    return replace(
        card,
        name=f"{card.name}_per_token",
        title=f"{card.title}, per token",
        definition=f"{card.definition} Divided by the number of tokens that were counted.",
        formula=card.formula.replace("Σ", "1/n·Σ") + ", n tokens counted",
        critique=(
            "Takes the length out of the sum, but not the words: the later tokens of a long word are easy to guess and "
            "raise the mean, so that names of more tokens gain by it as they lose by the sum."
        ),
    )


LOG_LIKELIHOOD = Likelihood(card=_LOG_LIKELIHOOD, column="log_likelihood", per_token=False)
LOG_LIKELIHOOD_PER_TOKEN = Likelihood(
    card=_per_token(_LOG_LIKELIHOOD), column="log_likelihood", per_token=True
)
PSEUDO_LOG_LIKELIHOOD = Likelihood(card=_PSEUDO, column="pseudo_log_likelihood", per_token=False)
PSEUDO_LOG_LIKELIHOOD_PER_TOKEN = Likelihood(
    card=_per_token(_PSEUDO), column="pseudo_log_likelihood", per_token=True
)
DIVERGENCE = Divergence()
