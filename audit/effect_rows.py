"""One metric's numbers for every contrast → rows of the table EFFECTS, with what has to be said about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit import stats
from audit.contrasts import Contrasts
from audit.measures import Measured
from audit.records import ALL, REFERENCE, Card, Contrast, Design, content_id
from audit.stats import MIN_NAMES, Floats

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]


KINDS: dict[str, Contrast] = {ALL: "others", REFERENCE: "reference"}
"""Kind of contrast by its `group_a`; every other is a pair."""


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

    @property
    def scale(self) -> Floats | float:
        """Size of the numbers, for telling no variation from rounding."""
        if self.logs or self.card.unit == "rate":
            return 1.0
        return np.fmax(np.abs(self.measured.mean_a), np.abs(self.measured.mean_b))

    @property
    def p(self) -> Floats:
        """p-values for no difference."""
        rate = self.card.unit == "rate" and not self.logs
        return stats.p_values(self.measured.estimates, self.scale, rate=rate)

    def floor(self, level: Floats) -> Floats:
        """Least half-width: that of a rate without variation, on the log scale for ratios; else 0."""
        estimates = self.measured.estimates
        still = stats.unvaried(estimates, self.scale)
        if self.card.unit != "rate" or not still.any():
            return np.zeros(len(still))
        half = stats.no_variation_half_width(level, estimates.units)
        if self.logs:
            share = stats.ratio(half, np.fmax(self.measured.mean_a, self.measured.mean_b))
            half = np.where(share < 1, -np.log1p(-np.minimum(share, 0.999999)), np.inf)
        return np.where(still, half, 0.0)


def rows_of(part: Part, level: Floats, p_adjusted: Floats, *, suite: str, power: float) -> pd.DataFrame:
    """The rows of EFFECTS of one metric, in the order of its contrasts."""
    import pandas as pd

    found, contrasts, estimates = part.measured, part.contrasts, part.measured.estimates
    floor = part.floor(level)
    low, high = stats.interval(estimates, level, floor=floor)
    if part.card.unit == "rate" and not part.logs:
        low, high = np.maximum(low, -1.0), np.minimum(high, 1.0)
    bounded = np.isfinite(low) & np.isfinite(high)
    told = np.where(bounded, stats.detectable(estimates, level, power=power, floor=floor), np.nan)
    margin = np.minimum(np.abs(part.limits.low), np.abs(part.limits.high))
    missing = ~part.supported | (found.counts.pairs + found.counts.failed == 0)
    keys = list(zip(contrasts.axis, contrasts.stratum, contrasts.group_a, contrasts.group_b, strict=True))
    return pd.DataFrame({
        "effect_id": [content_id("effect", suite, part.name, *key) for key in keys],
        "metric": part.name, "axis": contrasts.axis, "stratum": contrasts.stratum, "design": part.design,
        "group_a": contrasts.group_a, "group_b": contrasts.group_b, "decision": part.decision,
        "contrast": [KINDS.get(group, "pair") for group in contrasts.group_a],
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
        "verdict": np.where(part.decision & missing, "not_measured", ""), "reason": notes(part, bounded),
    })  # fmt: skip


def notes(part: Part, bounded: Flags) -> list[str]:
    """What has to be said about each effect, whatever its verdict."""
    found, estimates = part.measured, part.measured.estimates
    pairs, failed = found.counts.pairs, found.counts.failed
    answered = pairs > 0
    still = stats.unvaried(estimates, part.scale) & answered
    no_floor = answered & part.unsigned & np.isnan(found.mean_a)
    zero = answered & part.logs & ((found.mean_a <= 0) | (found.mean_b <= 0))
    single = answered & ~no_floor & (estimates.units < 2)
    open_ended = answered & ~bounded & ~no_floor & ~zero & ~single
    few = answered & part.named & (estimates.names < MIN_NAMES) & (not part.fixed)
    remarks: list[tuple[Flags, str | Sequence[str]]] = [
        (np.full(len(pairs), not part.supported), _unsupported(part)),
        (
            part.supported & ~part.present & (pairs + failed == 0),
            [_absent(part, n) for n in range(len(pairs))],
        ),
        (part.supported & part.present & (pairs + failed == 0), "nothing was asked"),
        (part.supported & ~answered & (failed > 0), [f"none of {n} pairs has a value" for n in failed]),
        (no_floor, [f"no control pairs of the arm '{arm}' to compare with" for arm in part.arms]),
        (zero, "a rate is zero, so there is no ratio"),
        (single, "a single cluster gives no interval"),
        (open_ended, "the ratio is not defined when one cluster is left out"),
        (still & bounded, "no variation between clusters"),
        (answered & part.fixed, "for these prompts"),
        (few, "for these names"),
    ]
    return ["; ".join(text if isinstance(text, str) else text[n] for where, text in remarks if where[n])
            for n in range(len(pairs))]  # fmt: skip


def _unsupported(part: Part) -> str:
    if part.unsigned and part.design != "paired":
        return f"{part.name} compares two versions of one text, which the design '{part.design}' has not"
    return f"{part.name} cannot be computed from answers of this kind"


def _absent(part: Part, number: int) -> str:
    groups = (part.contrasts.group_a[number], part.contrasts.group_b[number])
    return f"no prompts to compare {' with '.join(groups)}"
