"""What a metric of the catalogue is: a score of answers, a comparison of pairs or of means, or a mere card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from audit.catalogue import load
from audit.metrics import METRICS
from audit.protocols import Metric, PairMetric, Summary
from audit.records import Card, Question


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One metric; exactly one of `metric`, `pairs`, `summary` is there, or none for a mere card."""

    name: str
    card: Card
    of: str
    """The score that it rests on; its own name if it is one."""
    metric: Metric | None = None
    pairs: PairMetric | None = None
    summary: Summary | None = None

    def fits(self, question: Question) -> bool:
        """Whether answers to this question can have it; scores that come ready-made always can."""
        if self.of != self.name:
            return kind_of(self.of).fits(question)
        return self.metric is None or question.kind in self.metric.kinds


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
    return Kind(name=name, card=card, of=name, metric=found if isinstance(found, Metric) else None)
