"""The largest of several differences, signs aside, with an interval that holds although the largest was picked.

With simultaneous intervals of all differences, at 1 - alpha/k each for k of them, each size lies between the ends of
its own interval without its sign (from zero, if that interval reaches across zero), so the largest size lies between
the largest lower and the largest upper end. This is wider than needed, and holds near zero too, where leaving out one
cluster at a time does not: there the largest of several sizes is not smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from audit.measures import Counts, Measured
from audit.stats import Estimates, Floats


def shared_level(level: Floats, count: int) -> Floats:
    """Level of each of `count` intervals that hold together at `level`."""
    return 1 - (1 - level) / count


def largest(members: Sequence[Measured]) -> Measured:
    """The numbers of the member with the largest difference; NaN where one of them is not known.

    Pairs and failures are those of all members, numbers of units the fewest of any, the noise band the widest.
    Shares of pairs that score lower or higher are not known.
    """
    values = np.stack([one.estimates.value for one in members])
    pick = np.argmax(np.where(np.isnan(values), -1.0, np.abs(values)), axis=0)
    lacking = np.isnan(values).any(axis=0)

    def picked(of: Sequence[Floats]) -> Floats:
        return np.where(lacking, np.nan, np.choose(pick, of))

    columns = {
        field.name: [getattr(one.estimates, field.name) for one in members] for field in fields(Estimates)
    }
    estimates: dict[str, Any] = {
        name: np.minimum.reduce(of) if of[0].dtype.kind == "i" else picked(of) for name, of in columns.items()
    }
    nothing = np.full(len(pick), np.nan)
    return Measured(
        estimates=Estimates(**{**estimates, "value": np.abs(estimates["value"])}),
        mean_a=picked([one.mean_a for one in members]), mean_b=picked([one.mean_b for one in members]),
        standardised=np.abs(picked([one.standardised for one in members])), shares=(nothing, nothing),
        counts=_counts([one.counts for one in members]),
        control=np.maximum.reduce([one.control for one in members]), members=tuple(members),
    )  # fmt: skip


def interval_of_largest(low: Sequence[Floats], high: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Interval of the largest size, from simultaneous intervals of the signed differences; NaN where one is."""
    least = [np.maximum(0.0, np.maximum(one, -other)) for one, other in zip(low, high, strict=True)]
    most = [np.maximum(-one, other) for one, other in zip(low, high, strict=True)]
    return np.maximum.reduce(least), np.maximum.reduce(most)


def _counts(counts: Sequence[Counts]) -> Counts:
    """Those of all members together; none at all where a member has nothing to count."""
    empty = np.logical_or.reduce([one.pairs + one.failed == 0 for one in counts])
    templates, pairs, failed = (
        np.where(empty, 0, sum(parts))
        for parts in zip(*((one.templates, one.pairs, one.failed) for one in counts), strict=True)
    )
    return Counts(templates=templates, pairs=pairs, failed=failed)
