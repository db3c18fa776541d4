"""What a metric of the catalogue is: a score of answers, a comparison of pairs or of means, or a mere card."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import cast

from audit.catalogue import load
from audit.errors import InputError
from audit.metrics import METRICS
from audit.protocols import Compares, Differs, Metric, PairMetric, ReadByModel, Relative, Summary
from audit.records import Card, Question, QuestionKind

WITHOUT_TEXT: frozenset[QuestionKind] = frozenset({"likelihood", "next_token"})
"""Questions that are never answered by a text, so that no second model can read the answers."""
ATTRIBUTION = "attribution_"
"""How the names of metrics about explanations begin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One metric; at most one of the last six is there, and none for a mere card."""

    name: str
    card: Card
    of: str
    """The score that it rests on; its own name if it is one."""
    metric: Metric | None = None
    pairs: PairMetric | None = None
    summary: Summary | None = None
    compares: Compares | None = None
    reading: ReadByModel | None = None
    relative: Relative | None = None
    differs_in: tuple[str, ...] = ()
    """The scores whose differences it is: of one with its sign, of several the largest without."""

    @property
    def unsigned(self) -> bool:
        """Whether it compares two answers without a sign, so that its effects are excesses over control pairs."""
        return self.pairs is not None or self.compares is not None

    @property
    def signless(self) -> bool:
        """Whether its effects do not say which group comes out higher."""
        return self.unsigned or len(self.differs_in) > 1

    def fits(self, question: Question) -> bool:
        """Whether answers to this question can have it; scores that come ready-made always can."""
        if self.of != self.name:
            return kind_of(self.of).fits(question)
        if self.reading is not None:
            return question.kind not in WITHOUT_TEXT
        own = self.metric or self.compares or self.relative
        return own is None or question.kind in own.kinds


def kind_of(name: str) -> Kind:
    """What the catalogue has under this name; InputError for a name that is not known.

    PairMetric and Summary have the same members, so a metric says which it is by inheriting from it.
    """
    found = load(METRICS, "metrics", name)
    card = cast(Metric, found).card
    if Summary in type(found).__mro__:
        summary = cast(Summary, found)
        return Kind(name=name, card=card, of=summary.of, summary=summary)
    if PairMetric in type(found).__mro__:
        pairs = cast(PairMetric, found)
        return Kind(name=name, card=card, of=pairs.of, pairs=pairs)
    if isinstance(found, Differs):
        return Kind(name=name, card=card, of=found.differs_in[0], differs_in=found.differs_in)
    return Kind(
        name=name, card=card, of=name,
        metric=found if isinstance(found, Metric) else None,
        compares=found if isinstance(found, Compares) else None,
        reading=found if isinstance(found, ReadByModel) else None,
        relative=found if isinstance(found, Relative) else None,
    )  # fmt: skip


def rests_on(kind: Kind, known: Iterable[str]) -> str:
    """The score that a metric rests on; for a summary whose own is not among `known`, the first like it."""
    names = list(known)
    if kind.summary is None or kind.of in names:
        return kind.of
    own = kind_of(kind.of).card
    single = (other for other in map(kind_of, names) if other.metric or other.relative)
    like = (o.name for o in single if (o.card.unit, o.card.higher_is) == (own.unit, own.higher_is))
    return next(like, kind.of)


@cache
def card_of(metric: str) -> Card:
    """The metric's card; a plain one where no such metric is installed."""
    try:
        found = getattr(load(METRICS, "metrics", metric), "card", None)
    except InputError:
        found = None
    return found if isinstance(found, Card) else _unknown(metric)


def _unknown(metric: str) -> Card:
    return Card(
        name=metric, title=metric.replace("_", " ").capitalize(), definition="No card is installed for this metric.",
        formula="", range="", no_difference=0.0, higher_is="neither", source="", critique="",
        unit="credit" if metric.startswith(ATTRIBUTION) else "points",
    )  # fmt: skip
