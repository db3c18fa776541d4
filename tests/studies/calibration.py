"""How often the numeric core errs in simulated audits: coverage, false verdicts, power, p-values, for each setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
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
from audit.bands import Controls, compare_with_best, noise_band
from audit.metrics.choice import IMPACT_RATIO
from audit.stats import Estimates, Sample
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
    grid += [(t, n, "weak", WEAK) for t in (8, 40) for n in (1, 12)]
    made = [
        Setting(name=f"score, {words}", kind="score", templates=t, names=n, scatter=scatter)
        for t, n, words, scatter in grid
    ]
    made.append(_setting("score, gaps", "score", 20, 12, STRONG, missing=0.3))
    made.append(_setting("score, 12 effects", "score", 40, 5, STRONG, effects=12))
    made.append(_setting("score, groups", "score", 20, 5, WEAK, apart=True))
    made.append(_setting("score, groups, 8 and 60", "score", 8, 1, WEAK, apart=True, others=60))
    return made + _rates() + _ratios()


def _setting(name: str, kind: Kind, templates: int, names: int, scatter: Scatter, **more: Any) -> Setting:
    return Setting(name=name, kind=kind, templates=templates, names=names, scatter=scatter, **more)


def _rates() -> list[Setting]:
    grid = [
        (8, 12, "strong", STRONG), (20, 1, "weak", WEAK), (20, 12, "weak", WEAK), (20, 12, "strong", STRONG),
        (40, 1, "weak", WEAK), (40, 5, "strong", STRONG), (40, 12, "weak", WEAK), (40, 12, "strong", STRONG),
        (60, 12, "strong", STRONG), (40, 12, "by name", BY_NAME), (60, 20, "weak", WEAK),
    ]  # fmt: skip
    made = [_setting(f"rate, {words}", "rate", t, n, scatter, limit=0.1) for t, n, words, scatter in grid]
    for templates in (20, 40, 60):
        made.append(_setting("rate, templates flip", "share", templates, 2, WEAK, limit=0.1))
    made.append(_setting("rate, templates flip, 12 effects", "share", 60, 2, WEAK, limit=0.1, effects=12))
    for words, t, n, scatter, base in (
        ("rate near 0, weak", 40, 12, WEAK, 0.02), ("rate near 0, strong", 40, 12, STRONG, 0.02),
        ("rate near 1, weak", 40, 5, WEAK, 0.98),
    ):  # fmt: skip
        made.append(_setting(words, "rate", t, n, scatter, limit=0.1, base=base))
    made.append(_setting("rate, gaps", "rate", 40, 12, STRONG, limit=0.1, missing=0.3))
    made.append(_setting("rate, groups", "rate", 40, 1, WEAK, limit=0.1, apart=True))
    made.append(_setting("rate near 0, groups", "rate", 40, 1, WEAK, limit=0.1, apart=True, base=0.02))
    made.append(
        _setting("rate, groups, 12 and 60", "rate", 12, 1, WEAK, limit=0.1, apart=True, others=60, base=0.3)
    )
    return made


def _ratios() -> list[Setting]:
    limit = FOUR_FIFTHS
    return [
        _setting("ratio, strong", "ratio", 40, 12, STRONG, limit=limit),
        _setting("ratio, weak", "ratio", 20, 12, WEAK, limit=limit),
        _setting("ratio, small rates, weak", "ratio", 40, 12, WEAK, limit=limit, base=0.1),
        _setting("ratio, small rates, strong", "ratio", 40, 12, STRONG, limit=limit, base=0.1),
        _setting("ratio, groups", "ratio", 60, 1, WEAK, limit=limit, apart=True, base=0.3),
    ]


# ------------------------------------------------------------- noise bands and comparisons with the best


@dataclass(frozen=True, kw_only=True)
class Bands:
    """One setting of the noise band: shares of audits without a difference whose estimate lies outside it."""

    setting: str
    outside_05: float
    outside_family: float


def measure_band(setting: Setting, *, audits: int, seed: int) -> Bands:
    """How often the estimate lies outside the noise band where the groups do not differ; should be 5 % and 5 %/m."""
    rng = np.random.default_rng(seed)
    drawn = draw(setting, 0.0, audits=audits, rng=rng)
    value = np.abs(stats.difference(paired(drawn)).value)
    levels = (0.95, 1 - ALPHA / setting.effects)
    outside = np.array(
        [[value[n] > band(setting, drawn, n, level) for level in levels] for n in range(audits)]
    )
    return Bands(
        setting=title(setting),
        outside_05=float(outside[:, 0].mean()),
        outside_family=float(outside[:, 1].mean()),
    )


def band_settings() -> list[Setting]:
    return [
        _setting("score, by name", "score", 20, 5, BY_NAME, effects=6),
        _setting("score, by name", "score", 12, 12, BY_NAME, effects=6),
        _setting("score, by name", "score", 40, 12, BY_NAME, effects=6),
        _setting("rate, by name", "rate", 40, 12, BY_NAME, effects=6),
    ]


@dataclass(frozen=True, kw_only=True)
class Best:
    """One setting of the comparison with the best."""

    setting: str
    joint: float
    """All ratios of an audit covered by their 95 % intervals."""
    lowest: float
    """The ratio that came out lowest covered."""
    naive: float
    """The same by the interval that takes the reference as given."""
    under: float
    """Lowest ratio under 0.80."""


def measure_best(
    name: str, rates: Sequence[float], *, templates: int, names: int, audits: int, seed: int, first: int = 0
) -> Best:
    """Coverage of the comparison with the best; with several names groups share templates, else each has its own."""
    rng = np.random.default_rng(seed)
    truth = np.array(rates) / max(rates)
    said = []
    for _ in range(audits):
        one = _answers(rates, templates=templates, names=names, rng=rng, first=first)
        found = compare_with_best(one, alpha=ALPHA, seed=1)
        known = np.isfinite(found.low) & np.isfinite(found.high)
        covered = ((found.low <= truth) & (truth <= found.high)) | ~known
        lowest = int(np.nanargmin(found.ratio))
        said.append(
            (covered.all(), covered[lowest], _naive(one, lowest, truth[lowest]), found.ratio[lowest] < 0.8)
        )
    joint, lowest_, naive, under = np.mean(np.array(said, dtype=float), axis=0)
    return Best(setting=name, joint=joint, lowest=lowest_, naive=naive, under=under)


def _answers(
    rates: Sequence[float], *, templates: int, names: int, rng: np.random.Generator, first: int
) -> Sample:
    """Decisions of several groups; with several names of the same templates, else each group of its own."""
    count = len(rates)
    shape = (count, templates, names)
    scatter = BY_NAME if names > 1 else WEAK
    common = rng.standard_normal((1 if names > 1 else count, templates, 1)) * np.hypot(
        scatter.template, scatter.by_template
    )
    by_name = rng.standard_normal((count, 1, names)) * (scatter.by_name if names > 1 else 0.0)
    latent = common + by_name + rng.standard_normal(shape) * scatter.rest
    size = np.sqrt(
        scatter.template**2 + scatter.by_template**2 + scatter.rest**2 + (names > 1) * scatter.by_name**2
    )
    value = (latent < ndtri(np.array(rates))[:, None, None] * size).astype(float)
    group, template, name = (part.ravel() for part in np.indices(shape))
    cluster = template if names > 1 else group * templates + template
    kept = (group > 0) | (template < (first or templates))
    columns = (part[kept] for part in (group, value.ravel(), cluster, name))
    effect, values, clusters, persons = columns
    return Sample(effect=effect, value=values, side=None, cluster=clusters, name=persons, count=count)


def _naive(sample: Sample, lowest: int, truth: float) -> bool:
    """Whether the interval covers that compares the lowest with the highest as if both had been named in advance."""
    means = stats.means(sample)[-1]
    best = int(np.nanargmax(means))
    mine = np.isin(sample.effect, (lowest, best))
    one = Sample(
        effect=np.zeros(int(mine.sum()), dtype=np.intp), value=sample.value[mine],
        side=(sample.effect[mine] == lowest).astype(np.intp), cluster=sample.cluster[mine],
        name=sample.name[mine], count=1,
    )  # fmt: skip
    low, high = stats.interval(stats.jackknife(one, IMPACT_RATIO.between), 0.95)
    return bool(np.exp(low[0]) <= truth <= np.exp(high[0]))


BEST: dict[str, dict[str, Any]] = {
    "best of 8 equal, 125 answers each": {"rates": [0.3] * 8, "templates": 125, "names": 1},
    "best of 4, three equal": {"rates": [0.3, 0.3, 0.3, 0.24], "templates": 300, "names": 1},
    "best of 4 equal, small rates": {"rates": [0.08] * 4, "templates": 150, "names": 1},
    "best of 4 equal, same templates": {"rates": [0.4] * 4, "templates": 40, "names": 12},
    "best of 4 equal, the first small": {"rates": [0.3] * 4, "templates": 200, "names": 1, "first": 25},
}
"""Comparisons with the best: rates of the groups, templates and names of each."""


def title(setting: Setting) -> str:
    """A setting in words: what, templates x names."""
    return f"{setting.name} {setting.templates}×{setting.names}"
