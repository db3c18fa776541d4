"""Credits of words as scores of prompts. These are cards only: the values come from the explanations.

An object of this module has a card but no `score`, which is how `audit.score` knows that it has nothing to
compute: the rows for these names arrive ready-made from `audit.explain`, and `deltas` only joins them with the
pairs whose two prompts were both explained. Effects treat them like every other score, as differences of means.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from audit.records import Card


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """A score of prompts that the explanations give."""

    card: Card


_SHARE = Card(
    name="attribution_share",
    title="Share of the credit on the group's words",
    definition="How much of the score's credit, signs aside, lies on the words that show the group.",
    formula="Σ |credit of the group's words| / Σ |credit of all words|, removal game, on the explained score",
    range="0 to 1",
    no_difference=0.0,
    higher_is="neither",
    source="",
    critique=(
        "Not defined where no word has any credit. A high share says that the group's words matter for this answer, "
        "not that the answer would be another for another group."
    ),
    unit="share",
)
_SHIFT = Card(
    name="attribution_shift",
    title="Credit of the words around the group's",
    definition=(
        "Summed credit of all words that do not show the group; its difference between two groups says how far the "
        "same context is read differently."
    ),
    formula="Σ credit of the other words, removal game, in units of the explained score",
    range="−∞ to ∞",
    no_difference=0.0,
    higher_is="neither",
    source="",
    critique=(
        "Credits of opposite sign cancel in the sum, so the context may be read differently where the shift is zero. "
        "Rests on what the model makes of a text with words taken out."
    ),
    unit="credit",
)
_SOURCES = {
    "shap": "Shapley values: Lundberg and Lee 2017, arXiv:1705.07874; package shap",
    "lime": "weights of a local linear model: Ribeiro et al. 2016, arXiv:1602.04938; package lime",
}


def _by(card: Card, method: str) -> Explained:
    name, title = f"{card.name}_{method}", f"{card.title} ({method.upper()})"
    return Explained(card=replace(card, name=name, title=title, source=_SOURCES[method]))


SHARE_SHAP = _by(_SHARE, "shap")
SHARE_LIME = _by(_SHARE, "lime")
SHIFT_SHAP = _by(_SHIFT, "shap")
SHIFT_LIME = _by(_SHIFT, "lime")
