"""How often the numeric core errs in simulated audits: coverage, false verdicts, power, p-values, for each setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from simulated import (
    BY_NAME,
    STRONG,
    WEAK,
    Drawn,
    Floats,
    Kind,
    Scatter,
    Setting,
    draw,
    other_rate,
    paired,
    two_sided,
)

from audit import stats
from audit.bands import Controls, noise_band
from audit.metrics.choice import IMPACT_RATIO
from audit.stats import Estimates
from audit.unseen import unseen_between, unseen_difference, unseen_ratio, unseen_share

ALPHA, POWER = 0.05, 0.8
POWERS = np.linspace(0.02, 0.98, 97)
ROWS = 2_000_000
"""Scores drawn at a time."""
MOST_BANDS = 40
"""Noise bands drawn in one part; beyond that the interval alone decides, so that errors are counted too often."""
FOUR_FIFTHS = float(np.log(1.25))


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One row of the study; shares of audits (coverage, power, false within: of effects)."""

    setting: str
    effects: int
    coverage: float
    """Of the 95 % interval, no difference."""
    coverage_limit: float
    """Of the 95 % interval, true difference at the limit."""
    simultaneous: float
    """All decision effects of an audit covered, no difference."""
    simultaneous_limit: float
    p_05: float
    """Share of p below 0.05 without a difference."""
    p_family: float
    """Some p below 0.05/m in an audit without a difference."""
    beyond_null: float
    beyond_limit: float
    """Some effect falsely `beyond`: no difference; every true difference at its limit."""
    within_limit: float
    """`within` at a true difference at the limit."""
    power_zero: float
    promised_zero: float
    power_beyond: float
    promised_beyond: float
    """Power to tell from zero, to call `beyond`, and what the standard error promises."""
    within_null: float
    """`within` where nothing differs: what the audits can decide."""
    half_width: float
    """Median half-width of the simultaneous interval, no difference."""
    decided: float
    """Share of effects with an interval."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the core says of drawn audits at the two levels."""

    drawn: Drawn
    estimates: Estimates
    plain: tuple[Floats, Floats]
    low: Floats
    high: Floats
    p: Floats
    towards_zero: Floats
    """What widens the interval towards zero, where anything does."""

    def covers(self, ends: tuple[Floats, Floats]) -> NDArray[np.bool_]:
        return (ends[0] <= self.drawn.truth) & (self.drawn.truth <= ends[1])


def found(setting: Setting, drawn: Drawn) -> Found:
    """Estimates, 95 % and simultaneous intervals, p-values of drawn effects, as `effect_rows` makes them."""
    estimates, means = estimated(setting, drawn)
    level = 1 - ALPHA / setting.effects
    rate = setting.kind in ("rate", "share")
    if setting.apart and setting.kind != "score":
        p = stats.inverted_p(estimates, lambda levels: unseen(setting, estimates, means, levels))
    else:
        p = stats.p_values(estimates, 1.0, rate=rate)
    plain, (low, high) = (intervals(setting, estimates, means, at) for at in (0.95, level))
    return Found(
        drawn=drawn, estimates=estimates, plain=plain, low=low, high=high,
        p=p,
        towards_zero=unseen(setting, estimates, means, level)[0]
        if setting.apart and setting.kind != "score"
        else np.zeros(len(p)),
    )  # fmt: skip


def estimated(setting: Setting, drawn: Drawn) -> tuple[Estimates, tuple[Floats, ...]]:
    both = two_sided(drawn, apart=setting.apart)
    if setting.kind == "ratio":
        return stats.jackknife(both, IMPACT_RATIO.between), stats.means(both)
    return stats.difference(both if setting.apart else paired(drawn)), stats.means(both)


def intervals(
    setting: Setting, estimates: Estimates, means: tuple[Floats, ...], level: float
) -> tuple[Floats, Floats]:
    if setting.kind == "score":
        return stats.interval(estimates, level)
    return stats.interval(
        estimates, level, unseen=unseen(setting, estimates, means, level), signed=not setting.apart
    )


def unseen(
    setting: Setting, estimates: Estimates, means: tuple[Floats, ...], level: ArrayLike
) -> tuple[Floats, Floats]:
    if setting.kind == "ratio":
        return unseen_ratio(level, estimates.sides, *means)
    if setting.apart:
        return unseen_between(level, estimates, *means)
    return unseen_difference(level, estimates)


# ------------------------------------------------------------- verdicts


def beyond(setting: Setting, one: Found) -> NDArray[np.bool_]:
    """Verdict `beyond`: wholly outside the limit, and the estimate outside the noise band."""
    called = (one.low > setting.limit) | (one.high < -setting.limit)
    if not setting.apart:
        for effect in np.flatnonzero(called)[:MOST_BANDS]:
            called[effect] = abs(one.estimates.value[effect]) > band(
                setting, one.drawn, int(effect), 1 - ALPHA / setting.effects
            )
    return called


def within(setting: Setting, one: Found) -> NDArray[np.bool_]:
    return (one.low >= -setting.limit) & (one.high <= setting.limit)


def band(setting: Setting, drawn: Drawn, effect: int, level: float) -> float:
    """The wider noise band of one effect: signs drawn by template, and by name."""
    shape = drawn.a.shape[1:]
    template, name = np.indices(shape)
    halves = []
    for unit in (template, name):
        controls = Controls(
            value_a=np.concatenate([drawn.a[effect].ravel(), drawn.b[effect].ravel()]),
            value_b=np.concatenate([drawn.control_a[effect].ravel(), drawn.control_b[effect].ravel()]),
            column=np.repeat([0, 1], unit.size).astype(np.intp),
            unit=np.tile(unit.ravel(), 2).astype(np.intp), columns=2,
        )  # fmt: skip
        known = ~np.isnan(controls.value_a)
        controls = Controls(
            value_a=controls.value_a[known], value_b=controls.value_b[known], column=controls.column[known],
            unit=controls.unit[known], columns=2,
        )  # fmt: skip
        between = IMPACT_RATIO.between if setting.kind == "ratio" else stats.minus
        halves.append(
            noise_band(controls, np.array([[0, 1]]), np.array([level]), between=between, seed=effect)[0]
        )
    return float(max(halves))


# ------------------------------------------------------------- one setting


def measure(setting: Setting, *, audits: int, seed: int) -> Measure:
    """One row of the study: `audits` audits with no difference, as many at the limit, as many for each promise."""
    rng = np.random.default_rng(seed)
    null = _counts(setting, 0.0, audits=audits, rng=rng)
    limit = _counts(setting, _truth(setting, setting.limit), audits=audits, rng=rng)
    zero, past = (_power(setting, start, audits=audits, rng=rng) for start in (0.0, setting.limit))
    effects = setting.effects

    def some(which: NDArray[np.bool_]) -> float:
        return float(which.reshape(-1, effects).any(axis=1).mean())

    return Measure(
        setting=title(setting), effects=effects,
        coverage=float(null["plain"][null["known"]].mean()),
        coverage_limit=float(limit["plain"][limit["known"]].mean()),
        simultaneous=1 - some(~null["both"] & null["known"]),
        simultaneous_limit=1 - some(~limit["both"] & limit["known"]),
        p_05=float((null["p"] < ALPHA).mean()), p_family=some(null["p"] < ALPHA / effects),
        beyond_null=some(null["beyond"]), beyond_limit=some(limit["beyond"]),
        within_limit=float(limit["within"].mean()), within_null=float(null["within"].mean()),
        power_zero=zero[0], promised_zero=zero[1], power_beyond=past[0], promised_beyond=past[1],
        half_width=float(np.nanmedian(null["half"])), decided=float(null["known"].mean()),
    )  # fmt: skip


def _truth(setting: Setting, size: float) -> float:
    """Differences go upwards, or downwards where rates would exceed one; ratios fall."""
    down = setting.kind == "ratio" or (setting.kind != "score" and setting.base + size >= 1)
    return -size if down else size


def _counts(setting: Setting, truth: float, *, audits: int, rng: np.random.Generator) -> dict[str, Any]:
    parts = [_said(setting, one) for one in _drawn(setting, truth, audits=audits, rng=rng)]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _drawn(setting: Setting, truth: float, *, audits: int, rng: np.random.Generator) -> list[Found]:
    total = audits * setting.effects
    size = max(1, min(total, ROWS // (setting.templates * setting.names)))
    return [
        found(setting, draw(setting, truth, audits=min(size, total - start), rng=rng))
        for start in range(0, total, size)
    ]


def _said(setting: Setting, one: Found) -> dict[str, Any]:
    return {
        "plain": one.covers(one.plain), "both": one.covers((one.low, one.high)), "p": one.p,
        "known": np.isfinite(one.low) & np.isfinite(one.high), "half": (one.high - one.low) / 2,
        "beyond": beyond(setting, one), "within": within(setting, one),
        "se": one.estimates.se, "df": one.estimates.df,
        "zero": (one.low > 0) | (one.high < 0), "unseen": one.towards_zero,
    }  # fmt: skip


def _power(setting: Setting, start: float, *, audits: int, rng: np.random.Generator) -> tuple[float, float]:
    """Share of effects told from zero (called `beyond`) where about 0.8 is promised, and what is promised there."""
    size = start
    for _ in range(1 if setting.kind == "score" else 3):
        if not _possible(setting, size):
            return float("nan"), float("nan")
        size = start + _told(setting, _counts(setting, size, audits=200, rng=rng))
    if not _possible(setting, size):
        return float("nan"), float("nan")
    said = _counts(setting, size, audits=max(audits // 2, 100), rng=rng)
    return float(said["beyond" if start else "zero"].mean()), _promise(setting, size - start, said)


def _told(setting: Setting, said: dict[str, Any], power: float = POWER) -> float:
    """Difference that is told from zero with this power; what may have gone unseen where nothing varies."""
    se, df, level = (
        float(np.sqrt(np.nanmean(said["se"] ** 2))),
        float(np.nanmedian(said["df"])),
        1 - ALPHA / setting.effects,
    )
    if se <= 1e-12:
        return float(unseen_share(level, setting.templates))
    error = np.hypot(se, float(np.nanmedian(said["unseen"])) / stats.t_quantile(1 - (1 - level) / 2, df))
    return float(stats.noncentral(level, df, power=power) * error)


def _promise(setting: Setting, size: float, said: dict[str, Any]) -> float:
    """Power that the standard error there promises for a difference of this size."""
    return float(np.interp(size, [_told(setting, said, power) for power in POWERS], POWERS))


def _possible(setting: Setting, truth: float) -> bool:
    return setting.kind == "score" or bool(0.01 < other_rate(setting, truth) < 0.99)


# ------------------------------------------------------------- the settings


def settings() -> list[Setting]:
    """What is simulated of effects; noise bands and comparisons with the best come besides."""
    grid = [(t, n, "strong", STRONG) for t in (8, 20, 40, 60) for n in (1, 5, 12, 20)]
    grid += [(t, n, "weak", WEAK) for t in (8, 40) for n in (12,)]
    made = [
        Setting(name=f"score, {words}", kind="score", templates=t, names=n, scatter=scatter)
        for t, n, words, scatter in grid
    ]
    made.append(setting_of("score, gaps", "score", 20, 12, STRONG, missing=0.3))
    made.append(setting_of("score, 12 effects", "score", 40, 5, STRONG, effects=12))
    made.append(setting_of("score, groups", "score", 20, 5, WEAK, apart=True))
    made.append(setting_of("score, groups, 8 and 60", "score", 8, 1, WEAK, apart=True, others=60))
    return made + _rates() + _ratios()


def setting_of(name: str, kind: Kind, templates: int, names: int, scatter: Scatter, **more: Any) -> Setting:
    return Setting(name=name, kind=kind, templates=templates, names=names, scatter=scatter, **more)


def _rates() -> list[Setting]:
    grid = [
        (8, 12, "strong", STRONG), (20, 1, "weak", WEAK), (20, 12, "weak", WEAK), (20, 12, "strong", STRONG),
        (40, 1, "weak", WEAK), (40, 5, "strong", STRONG), (40, 12, "weak", WEAK), (40, 12, "strong", STRONG),
        (40, 12, "by name", BY_NAME), (60, 20, "weak", WEAK),
    ]  # fmt: skip
    made = [setting_of(f"rate, {words}", "rate", t, n, scatter, limit=0.1) for t, n, words, scatter in grid]
    for templates in (20, 40, 60):
        made.append(setting_of("rate, templates flip", "share", templates, 2, WEAK, limit=0.1))
        made.append(
            setting_of(
                "rate, templates flip, answers vary", "share", templates, 12, WEAK, limit=0.1, noise=0.03
            )
        )
    made.append(setting_of("rate, templates flip, 12 effects", "share", 60, 2, WEAK, limit=0.1, effects=12))
    for words, t, n, scatter, base in (
        ("rate near 0, weak", 40, 12, WEAK, 0.02), ("rate near 0, strong", 40, 12, STRONG, 0.02),
        ("rate near 1, weak", 40, 5, WEAK, 0.98),
    ):  # fmt: skip
        made.append(setting_of(words, "rate", t, n, scatter, limit=0.1, base=base))
    made.append(setting_of("rate, gaps", "rate", 40, 12, STRONG, limit=0.1, missing=0.3))
    made.append(setting_of("rate, groups", "rate", 40, 1, WEAK, limit=0.1, apart=True))
    made.append(setting_of("rate near 0, groups", "rate", 40, 1, WEAK, limit=0.1, apart=True, base=0.02))
    made.append(
        setting_of("rate, groups, 12 and 60", "rate", 12, 1, WEAK, limit=0.1, apart=True, others=60, base=0.3)
    )
    return made


def _ratios() -> list[Setting]:
    limit = FOUR_FIFTHS
    return [
        setting_of("ratio, strong", "ratio", 40, 12, STRONG, limit=limit),
        setting_of("ratio, weak", "ratio", 20, 12, WEAK, limit=limit),
        setting_of("ratio, small rates, weak", "ratio", 40, 12, WEAK, limit=limit, base=0.1),
        setting_of("ratio, small rates, strong", "ratio", 40, 12, STRONG, limit=limit, base=0.1),
        setting_of("ratio, groups", "ratio", 60, 1, WEAK, limit=limit, apart=True, base=0.3),
    ]


def title(setting: Setting) -> str:
    """A setting in words: what, templates x names."""
    return f"{setting.name} {setting.templates}×{setting.names}"
