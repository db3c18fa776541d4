"""Glossary: the metrics of this run with their cards, and the words of this report."""

from __future__ import annotations

from collections.abc import Mapping

from audit.records import Run
from audit.report import facts, numbers, scales
from audit.report.wording import meanings

TERMS: tuple[tuple[str, str], ...] = (
    ("Cluster", "Inputs that share most of their wording; together they count as one piece of evidence."),
    (
        "Control",
        "Two inputs of the same group that differ in something else, such as the name. Their "
        "differences show how far answers move anyway.",
    ),
    (
        "Detectable difference",
        "The size of a true difference that this run would have found with the stated power.",
    ),
    (
        "Effect",
        "A difference between two groups with its interval, b minus a; groups are ordered "
        "alphabetically and none is the default.",
    ),
    ("Exploration", "Everything that was not marked for decision before the run. It carries no verdict."),
    (
        "Interval",
        "The range of values that agree with the evidence at the stated level; simultaneous for "
        "everything that is decided.",
    ),
    ("Limit", "The margin around no difference that was fixed before the first question."),
    ("Noise band", "Where the same statistic lies for pairs of the same group."),
    ("Pair", "Two inputs that differ only in the words that show the group."),
    (
        "Screening line",
        "Four fifths of the highest rate: an orientation used in the United States, not a test of chance.",
    ),
    ("Stratum", "A part of the inputs with one value of a declared feature, such as the occupation."),
)


DIRECTIONS: dict[str, str] = {
    "favourable": "Higher is better for the person the input is about.",
    "unfavourable": "Higher is worse for the person the input is about.",
    "neither": "Higher is neither better nor worse in itself.",
}


def section(run: Run) -> Mapping[str, object]:
    """Metric cards in the order of the effects table, terms, verdicts."""
    return {
        "title": "Glossary and metric cards",
        "cards": [_card(run, metric) for metric in facts.decided_metrics(run)],
        "verdicts": meanings(run),
        "terms": TERMS,
    }


def _card(run: Run, metric: str) -> Mapping[str, object]:
    row = facts.rows(run.effects[run.effects["metric"] == metric].iloc[:1])[0]
    card = facts.card(metric)
    return {
        "title": card.title,
        "card": card,
        "unit": scales.unit(row),
        "no_difference": numbers.exact(f"{card.no_difference:g}", "card", "no_difference"),
        "direction": DIRECTIONS[card.higher_is],
    }
