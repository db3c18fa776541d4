"""Scores that only explanations have. These are cards: the values come from `audit.worth`."""

from __future__ import annotations

from dataclasses import dataclass

from audit.records import Card


@dataclass(frozen=True, kw_only=True, slots=True)
class OfExplanations:
    """A score of coalitions that is no metric of a suite."""

    card: Card


SMOOTHED = OfExplanations(
    card=Card(
        name="choice_logit_smoothed",
        title="Smoothed log-odds of the favourable answer",
        definition="How often a model that answers in words gives the favourable answer, as log-odds of its repeats.",
        formula="log (k + ½) / (r − k + ½), k favourable ones of r answers that name an option, natural logarithm",
        range="−log (2r + 1) to log (2r + 1)",
        no_difference=0.0,
        higher_is="favourable",
        source="Haldane 1956, Anscombe 1956; variance 1/(k + ½) + 1/(r − k + ½): Gart and Zweifel 1967",
        critique=(
            "Drawn towards zero where answers are few, so that differences between prompts that are nearly always "
            "answered alike come out too small. Depends on the number of repeats."
        ),
        unit="log_odds",
    )
)
CONTINUATION = OfExplanations(
    card=Card(
        name="continuation",
        title="Log-odds of b's answer against a's",
        definition=(
            "How much more probable the model finds, after a prompt, the text that it wrote for b than the text that "
            "it wrote for a; both are its first answers, given as they are."
        ),
        formula="log p(answer to b | prompt) − log p(answer to a | prompt), sums over tokens, natural logarithm",
        range="−∞ to ∞",
        no_difference=0.0,
        higher_is="neither",
        source="contrast of two targets under teacher forcing: Yin and Neubig 2022, arXiv:2202.10419",
        critique=(
            "Explains why this text was written and not that one, not what is good or bad about them. Two draws differ "
            "by chance too; b's is favoured after b by construction. Longer answers weigh more."
        ),
        unit="log_odds",
    )
)
