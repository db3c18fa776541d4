"""Two versions of a model, simulated: whether changes are called what they are, and what pairs save."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audit import stats
from audit.growth import Ends, Errors, Told, apart, detectable_growth, told
from audit.stats import MIN_NAMES, Estimates, Sample
from audit.unseen import unseen_difference

Floats = NDArray[np.float64]
ALPHA, POWER = 0.05, 0.8


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What the comparisons of one row of the study have in common."""

    name: str
    templates: int
    names: int
    limit: float
    shared: float
    """Share of the scatter of a template's (name's, pair's) difference that both versions have in common."""
    scatter: tuple[float, float, float] = (0.15, 0.1, 0.4)
    """Standard deviations by template, by name, and of the rest."""
    rate: bool = False
    """Decisions of a latent score instead of scores."""
    effects: int = 4
    before: float = 0.0
    """True effect of the baseline."""


SETTINGS = (
    Setting(name="scores, no effect before", templates=40, names=12, limit=0.4, shared=0.7),
    Setting(name="scores, an effect before", templates=40, names=12, limit=0.4, shared=0.7, before=0.6),
    Setting(name="scores, little in common", templates=40, names=12, limit=0.4, shared=0.1),
    Setting(name="scores, few templates", templates=16, names=5, limit=0.4, shared=0.7),
    Setting(name="scores, one name", templates=60, names=1, limit=0.4, shared=0.7),
    Setting(name="decisions", templates=60, names=12, limit=0.1, shared=0.7, rate=True, scatter=(0.3, 0.1, 0.6)),
    Setting(name="decisions, an effect before", templates=60, names=12, limit=0.1, shared=0.7, rate=True,
            scatter=(0.3, 0.1, 0.6), before=0.15),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Shares of comparisons (families of m effects; power and unchanged: of effects)."""

    setting: str
    worse_null: float
    """Some effect called worse where nothing changed."""
    better_null: float
    worse_limit: float
    """Some effect called worse where every effect grew by exactly the limit."""
    unchanged_null: float
    """Called unchanged where nothing changed."""
    unchanged_limit: float
    """Falsely called unchanged where the effect grew by the limit."""
    promised: float
    """Growth that is promised to be called worse with power 0.8."""
    power: float
    """Called worse at that growth."""
    covered: float
    """Simultaneous intervals of the difference cover the truth, of effects."""
    saved: float
    """How many times as many templates two runs need to be as precise when compared as independent."""
    independent_worse: float
    """Some effect called worse where nothing changed, from the intervals of both runs alone."""
    independent_power: float
    """Called worse at the promised growth, from the intervals of both runs alone."""


def draw(setting: Setting, after: float, *, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Differences b - a of both versions, shape (effects of all comparisons, templates, names)."""
    shape = (count, setting.templates, setting.names)
    sizes = (setting.scatter[0], setting.scatter[1] * (setting.names >= MIN_NAMES), setting.scatter[2])
    parts = [(shape[0], shape[1], 1), (shape[0], 1, shape[2]), shape]
    common = [
        rng.standard_normal(part) * size * setting.shared**0.5
        for part, size in zip(parts, sizes, strict=True)
    ]
    found = []
    for effect in (setting.before, after):
        own = [
            rng.standard_normal(part) * size * (1 - setting.shared) ** 0.5
            for part, size in zip(parts, sizes, strict=True)
        ]
        found.append(effect + sum(common) + sum(own))
    if not setting.rate:
        return found[0], found[1]
    return _decided(setting, found, (setting.before, after), rng)


def _decided(
    setting: Setting, drawn: list[Floats], effects: tuple[float, float], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Decisions at one half for group a; b's rate differs by the effect. `drawn` holds what moves b against a."""
    from scipy.special import ndtri

    level = rng.standard_normal((len(drawn[0]), setting.templates, 1))
    size = float(np.sqrt(1 + sum(one**2 for one in setting.scatter)))
    found = []
    for values, effect in zip(drawn, effects, strict=True):
        shift = float(ndtri(0.5 + effect)) * size
        found.append(((level + values - effect + shift > 0).astype(float)) - (level > 0))
    return found[0], found[1]


def estimates(values: Floats) -> Estimates:
    effect, cluster, name = (part.reshape(-1).astype(np.intp) for part in np.indices(values.shape))
    return stats.difference(Sample(
        effect=effect, value=values.reshape(-1), side=None, cluster=cluster, name=name, count=len(values),
    ))  # fmt: skip


def interval(setting: Setting, found: Estimates) -> tuple[Floats, Floats]:
    level = 1 - ALPHA / setting.effects
    return stats.interval(
        found, level, unseen=unseen_difference(level, found) if setting.rate else (0.0, 0.0)
    )


@dataclass(frozen=True)
class Compared:
    """What is said of drawn versions, pair by pair and from both runs' intervals."""

    pairs: Told
    independent: Told
    difference: Estimates
    total: Estimates
    single: tuple[Estimates, Estimates]
    ends: tuple[Floats, Floats]


def compare(setting: Setting, drawn: tuple[Floats, Floats]) -> Compared:
    before, after = drawn
    difference, total = estimates(after - before), estimates(after + before)
    ends = [interval(setting, one) for one in (difference, total)]
    single = estimates(before), estimates(after)
    alone = [(one.value, *interval(setting, one)) for one in single]
    return Compared(
        told(Ends(low=ends[0][0], high=ends[0][1], total_low=ends[1][0], total_high=ends[1][1]),
             -setting.limit, setting.limit),
        told(apart(alone[0], alone[1])[2], -setting.limit, setting.limit),
        difference, total, single, ends[0],
    )  # fmt: skip


def promised(setting: Setting, found: Compared) -> float:
    """Growth that the standard errors of an average comparison promise to find."""
    se, total = (np.array([np.sqrt(np.mean(one.se**2))]) for one in (found.difference, found.total))
    before, after = (np.mean(one.se**2) for one in found.single)
    errors = Errors(
        difference=se, total=total, df=np.array([np.median(found.difference.df)]),
        total_df=np.array([np.median(found.total.df)]), correlation=(after - before) / (se * total),
    )  # fmt: skip
    size = np.array([abs(setting.before)])
    return float(detectable_growth(errors, size, setting.limit, 1 - ALPHA / setting.effects, power=POWER)[0])


def families(flags: NDArray[np.bool_], setting: Setting) -> float:
    """Share of comparisons in which any of their effects is flagged."""
    return float(flags.reshape(-1, setting.effects).any(axis=1).mean())


def measure(setting: Setting, *, audits: int, seed: int) -> Measure:
    """One row of the study."""
    rng = np.random.default_rng(seed)
    count = audits * setting.effects
    null = compare(setting, draw(setting, setting.before, count=count, rng=rng))
    edge = compare(setting, draw(setting, setting.before + setting.limit, count=count, rng=rng))
    growth = promised(setting, null)
    for _ in range(3):  # the scatter of decisions depends on how far their rates are apart
        grown = compare(setting, draw(setting, setting.before + growth, count=count, rng=rng))
        last, growth = growth, promised(setting, grown)
    before, after, both = (np.mean(one.se**2) for one in (*null.single, null.difference))
    low, high = edge.ends
    return Measure(
        setting=setting.name,
        worse_null=families(null.pairs.worse, setting), better_null=families(null.pairs.better, setting),
        worse_limit=families(edge.pairs.worse, setting), unchanged_null=float(null.pairs.unchanged.mean()),
        unchanged_limit=float(edge.pairs.unchanged.mean()), promised=last,
        power=float(grown.pairs.worse.mean()),
        covered=float(((low <= setting.limit) & (setting.limit <= high)).mean()),
        saved=float((before + after) / both),
        independent_worse=families(null.independent.worse, setting),
        independent_power=float(grown.independent.worse.mean()),
    )  # fmt: skip
