"""The judge: a language model that says of each answer what the suite's rubric asks, and how far it moves by itself.

The model, the rubric and the options come from the suite's block `judge`; the reading here only holds their places.
The rows of `judge_swap` come ready-made: the judge's answers to texts in which words of two groups changed places.
"""

from __future__ import annotations

from dataclasses import dataclass

from audit.records import Card, Question, Reading


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """A score of text answers that a second model gives by a rubric."""

    card: Card
    reading: Reading


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeSwap:
    """A score of prompts that comes ready-made."""

    card: Card


JUDGE = Judge(
    card=Card(
        name="judge",
        title="Share of answers judged favourable",
        definition=(
            "Share of text answers of which a second language model says the favourable one of two options, asked by "
            "the rubric of the suite in both orders of the options. With a rating: the mean rating as a share of its "
            "scale."
        ),
        formula=(
            "mean over answers of 1[mean over orders of p(favourable) / (p(favourable) + p(other)) > 1/2]; with a "
            "rating (E[rating] − low) / (high − low). Effects are divided by sensitivity + specificity − 1 where the "
            "judge's errors are shown to be alike for all groups"
        ),
        range="0 to 1",
        no_difference=0.0,
        higher_is="favourable",
        source=(
            "language models as judges: Zheng et al. 2023, arXiv:2306.05685; correction for known error rates: Rogan "
            "and Gladen 1978, doi:10.1093/oxfordjournals.aje.a112510; interval of the ratio: Fieller 1954"
        ),
        critique=(
            "Part of the scoring is done by a model that may itself treat groups differently, prefer long answers, or "
            "follow instructions in the text it judges. Without labelled items its error is not known and nothing is "
            "decided; with them, errors that differ between groups by less than the margin stay in the effect."
        ),
        unit="rate",
    ),
    reading=Reading(metric="judge", model="", question=Question(kind="choose"), decides=True),
)
JUDGE_SWAP = JudgeSwap(
    card=Card(
        name="judge_swap",
        title="How far the judge itself moves",
        definition=(
            "Judgement of an answer with the words of group b minus judgement of the same answer with those of group "
            "a: names, terms and pronouns are exchanged in the answer, and the prompt with them where the rubric "
            "shows it."
        ),
        formula="mean over answers to a and to b of judgement(words of b) − judgement(words of a)",
        range="−1 to 1",
        no_difference=0.0,
        higher_is="neither",
        source="counterfactual test of the judge, as of any classifier: Garg et al. 2019, doi:10.1145/3306618.3317950",
        critique=(
            "Only answers in which a word of the group occurs can be tested. A word with two counterparts (her: him, "
            "his) takes one of them, and verbs are not adjusted, so that some texts read badly after the exchange."
        ),
        unit="rate",
    )
)
