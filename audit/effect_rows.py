"""One metric's numbers for every contrast → rows of the table EFFECTS, with what has to be said about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audit import stats
from audit.contrasts import Contrasts
from audit.interactions import told
from audit.largest import interval_of_largest, shared_level
from audit.measures import Measured
from audit.records import Card, Design, content_id
from audit.stats import MIN_NAMES, Floats, Ints
from audit.unseen import unseen_between, unseen_difference, unseen_ratio

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limit of every contrast, NaN without one, and where it comes from."""

    low: Floats
    high: Floats
    origin: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One metric with its contrasts and their numbers."""

    name: str
    card: Card
    logs: bool
    """Whether effects are log ratios."""
    unsigned: bool
    """Whether effects are excesses over control pairs."""
    contrasts: Contrasts
    measured: Measured
    decision: Flags
    arms: Sequence[str]
    supported: bool
    """Whether answers of this kind, and this design, can have the metric at all."""
    named: bool
    """Whether prompts differ by person, so that few names are worth a remark."""
    limits: Limits
    design: Design
    fixed: bool
    """Whether exactly these prompts are meant."""
    present: Flags
    """Where both groups were asked about."""
    uncounted: str = ""
    """Why answers may be none that the metric counts; empty where it counts all."""
    lacking: str = ""
    """What an unsupported metric lacks, in a sentence; empty where the answers themselves are of the wrong kind."""

    @property
    def scale(self) -> Floats | float:
        """Size of the numbers, for telling no variation from rounding."""
        if self.logs or self.card.unit == "rate":
            return 1.0
        return np.fmax(np.abs(self.measured.mean_a), np.abs(self.measured.mean_b))

    @property
    def reach(self) -> float:
        """How far a difference of rates can be from zero; interactions add up several."""
        return len(self.contrasts.signs) / 2 if self.contrasts.interaction else 1.0

    @property
    def separate(self) -> bool:
        """Whether rates of groups with prompts of their own are compared, so that each may have missed something."""
        return self.card.unit == "rate" and self.design == "groups"

    @property
    def members(self) -> list[Part]:
        """The differences of which this is the largest."""
        return [replace(self, measured=one) for one in self.measured.members]

    @property
    def p(self) -> Floats:
        """p-values for no difference."""
        if members := self.members:
            least = np.minimum.reduce([one.p for one in members])
            return np.asarray(np.minimum(1.0, len(members) * least), float)
        rate = self.card.unit == "rate" and not self.logs
        found = self.measured.estimates
        if self.separate:
            return stats.inverted_p(found, self.unseen)
        if rate and self.reach > 1:
            found = replace(found, value=found.value / self.reach, se=found.se / self.reach)
        return stats.p_values(found, self.scale, rate=rate)

    def interval(self, level: Floats) -> tuple[Floats, Floats]:
        """Simultaneous intervals, NaN or infinite where nothing can be said; those of rates stay within their range."""
        if members := self.members:
            ends = [one.interval(shared_level(level, len(members))) for one in members]
            return interval_of_largest([low for low, _ in ends], [high for _, high in ends])
        low, high = stats.interval(
            self.measured.estimates, level, unseen=self.unseen(level), signed=not self.separate
        )
        if self.card.unit == "rate" and not self.logs:
            return np.maximum(low, -self.reach), np.minimum(high, self.reach)
        return low, high

    def detectable(self, level: Floats, *, power: float) -> Floats:
        """Differences that are told from zero with this power."""
        if members := self.members:
            shared = shared_level(level, len(members))
            each = [one.detectable(shared, power=power) for one in members]
            return np.asarray(np.maximum.reduce(each), float)
        unseen = np.fmax(*self.unseen(level)) if self.separate else 0.0
        return stats.detectable(
            self.measured.estimates, level, power=power, floor=self.floor(level), unseen=unseen
        )

    def floor(self, level: Floats) -> Floats:
        """Least difference to be told: that of rates without variation; else 0."""
        still = stats.unvaried(self.measured.estimates, self.scale)
        return np.where(still, np.fmax(*self.unseen(level)), 0.0)

    def unseen(self, level: Floats) -> tuple[Floats, Floats]:
        """How far down and up clusters that were not seen may move a difference (log ratio) of rates; else 0."""
        estimates = self.measured.estimates
        if self.card.unit != "rate":
            return np.zeros(len(estimates.value)), np.zeros(len(estimates.value))
        if self.logs:
            rates = self.measured.rates or (self.measured.mean_a, self.measured.mean_b)
            sides = estimates.least[:, None] if self.contrasts.interaction else estimates.sides
            down, up = unseen_ratio(level, sides, *rates)
        elif self.separate and not self.contrasts.interaction:
            down, up = unseen_between(level, estimates, self.measured.mean_a, self.measured.mean_b)
        else:
            down, up = unseen_difference(level, estimates)
        return self.reach * down, self.reach * up


def rows_of(part: Part, level: Floats, p_adjusted: Floats, *, suite: str, power: float) -> pd.DataFrame:
    """The rows of EFFECTS of one metric, in the order of its contrasts."""
    import pandas as pd

    found, contrasts, estimates = part.measured, part.contrasts, part.measured.estimates
    low, high = part.interval(level)
    bounded = np.isfinite(low) & np.isfinite(high)
    told = np.where(bounded, part.detectable(level, power=power), np.nan)
    margin = np.minimum(np.abs(part.limits.low), np.abs(part.limits.high))
    missing = ~part.supported | (found.counts.pairs + found.counts.failed == 0)
    keys = list(zip(contrasts.axis, contrasts.stratum, contrasts.group_a, contrasts.group_b, strict=True))
    more = ("interaction",) if contrasts.interaction else ()
    side = np.where(bounded & (low > 0), 1, np.where(bounded & (high < 0), -1, 0))
    return pd.DataFrame({
        "effect_id": [content_id("effect", suite, part.name, *key, *more) for key in keys],
        "metric": part.name, "axis": contrasts.axis, "stratum": contrasts.stratum, "design": part.design,
        "group_a": contrasts.group_a, "group_b": contrasts.group_b, "decision": part.decision,
        "contrast": contrasts.kinds,
        "template_count": found.counts.templates, "name_count": estimates.names if part.named else 0,
        "cluster_count": estimates.units, "pair_count": found.counts.pairs, "failed_count": found.counts.failed,
        "estimate": estimates.value, "scale": "log_ratio" if part.logs else "difference",
        "se": estimates.se, "df": estimates.df,
        "low": np.where(bounded, low, np.nan), "high": np.where(bounded, high, np.nan), "level": level,
        "p_value": part.p, "p_adjusted": p_adjusted, "standardised": found.standardised,
        "limit_low": part.limits.low, "limit_high": part.limits.high, "limit_origin": part.limits.origin,
        "control_arm": part.arms, "control_low": -found.control, "control_high": found.control,
        "detectable_zero": told, "detectable_beyond": told + margin,
        "mean_a": found.mean_a, "mean_b": found.mean_b,
        "lower_share": found.shares[0], "higher_share": found.shares[1],
        "verdict": np.where(part.decision & missing, "not_measured", ""), "reason": notes(part, bounded, side),
    })  # fmt: skip


def notes(part: Part, bounded: Flags, side: Ints) -> list[str]:
    """What has to be said about each effect, whatever its verdict; `side` of zero on which its interval lies."""
    found, estimates = part.measured, part.measured.estimates
    pairs, failed = found.counts.pairs, found.counts.failed
    answered = pairs > 0
    still = stats.unvaried(estimates, part.scale) & answered
    no_floor = answered & part.unsigned & np.isnan(found.mean_a)
    zero = answered & part.logs & ~((found.mean_a > 0) & (found.mean_b > 0))
    single = answered & ~no_floor & (estimates.units < 2)
    open_ended = answered & ~bounded & ~no_floor & ~zero & ~single
    few = answered & part.named & (estimates.names < MIN_NAMES) & (not part.fixed)
    remarks: list[tuple[Flags, str | Sequence[str]]] = [
        (np.full(len(pairs), not part.supported), _unsupported(part)),
        (
            part.supported & ~part.present & (pairs + failed == 0),
            [_absent(part, n) for n in range(len(pairs))],
        ),
        (part.supported & part.present & (pairs + failed == 0), part.uncounted or "nothing was asked"),
        (part.supported & ~answered & (failed > 0), [f"none of {n} pairs has a value" for n in failed]),
        (no_floor, [f"no control pairs of the arm '{arm}' to compare with" for arm in part.arms]),
        (zero, "a rate is zero, so there is no ratio"),
        (single, "a single cluster gives no interval"),
        (open_ended, "the ratio is not defined when one cluster is left out"),
        (still & bounded, "no variation between clusters"),
        (answered & part.fixed, "for these prompts"),
        (few, "for these names"),
        (
            answered & part.contrasts.interaction,
            [told(int(each), part.card.higher_is, logs=part.logs) for each in side],
        ),
    ]
    return ["; ".join(text if isinstance(text, str) else text[n] for where, text in remarks if where[n])
            for n in range(len(pairs))]  # fmt: skip


def _unsupported(part: Part) -> str:
    if part.lacking:
        return part.lacking
    if part.unsigned and part.design != "paired":
        return f"{part.name} compares two versions of one text, which the design '{part.design}' has not"
    return f"{part.name} cannot be computed from answers of this kind"


def _absent(part: Part, number: int) -> str:
    groups = (part.contrasts.group_a[number], part.contrasts.group_b[number])
    return f"no prompts to compare {' with '.join(groups)}"
