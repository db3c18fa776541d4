"""Simulated scores of many audits at once, with the true difference that they were drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from audit.stats import MIN_NAMES, Sample

Floats = NDArray[np.float64]
Kind = Literal["score", "rate", "share", "ratio"]


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """Standard deviations of what a score is made of: the template, template and name within a group, the rest."""

    template: float = 0.0
    by_template: float = 0.0
    by_name: float = 0.0
    rest: float = 1.0

    @property
    def size(self) -> float:
        """Standard deviation of one score."""
        return float(np.sqrt(self.template**2 + self.by_template**2 + self.by_name**2 + self.rest**2))


WEAK = Scatter(template=0.5, by_template=0.1, by_name=0.1, rest=0.5)
STRONG = Scatter(template=0.8, by_template=0.35, by_name=0.35, rest=0.35)
BY_NAME = Scatter(template=0.8, by_template=0.05, by_name=0.4, rest=0.35)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What the audits of one row of the study have in common."""

    name: str
    kind: Kind
    """score: numbers; rate: decisions; share: decisions of which whole templates flip; ratio: log ratio of rates."""
    templates: int
    names: int
    scatter: Scatter = WEAK
    limit: float = 0.4
    base: float = 0.5
    """Rate of group a."""
    missing: float = 0.0
    """Share of scores without a value, more of them in some templates than in others."""
    apart: bool = False
    """Design `groups`: every group has templates of its own."""
    noise: float = 0.0
    """Where whole templates flip: share of single answers that turn round, of both groups alike."""
    others: int = 0
    """How many of them group b has, where not as many."""
    effects: int = 3
    """Decision effects of one audit."""


@dataclass(frozen=True)
class Drawn:
    """Scores of both groups, shape (audits, templates, names), NaN where missing; and of their controls."""

    a: Floats
    b: Floats
    control_a: Floats
    control_b: Floats
    truth: float


def draw(setting: Setting, truth: float, *, audits: int, rng: np.random.Generator) -> Drawn:
    """Audits in which the groups truly differ by `truth` (on the setting's own scale)."""
    if setting.kind == "share":
        return _flips(setting, truth, audits=audits, rng=rng)
    scatter = setting.scatter
    shapes = [
        (audits, count, setting.names) for count in (setting.templates, setting.others or setting.templates)
    ]
    common = [rng.standard_normal((*shape[:2], 1)) * scatter.template for shape in shapes]
    if not setting.apart:
        common[1] = common[0]
    sides = [_side(shape, scatter, rng) for shape in shapes]
    (a, control_a), (b, control_b) = [
        (own + at, again + at) for (own, again), at in zip(sides, common, strict=True)
    ]
    a, b, control_a, control_b = _scored(setting, truth, (a, b, control_a, control_b))
    if setting.apart:
        return Drawn(a, b, control_a, control_b, truth)
    gaps = _gaps(setting, shapes[0], rng)
    return Drawn(*(np.where(gaps, np.nan, values) for values in (a, b)), control_a, control_b, truth)


def _side(shape: tuple[int, int, int], scatter: Scatter, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """One group's part of the scores, and the same with the next name of the group; few names are no sample."""
    audits, templates, names = shape
    by_template = rng.standard_normal((audits, templates, 1)) * scatter.by_template
    spread = scatter.by_name if names >= MIN_NAMES else 0.0
    by_name = rng.standard_normal((audits, 1, names)) * spread
    own = by_template + by_name + rng.standard_normal(shape) * scatter.rest
    if names > 1:
        return own, np.roll(own, -1, axis=2)
    return own, by_template + by_name + rng.standard_normal(shape) * scatter.rest


def _scored(setting: Setting, truth: float, parts: tuple[Floats, ...]) -> list[Floats]:
    a, b, control_a, control_b = parts
    if setting.kind == "score":
        return [a, b + truth, control_a, control_b + truth]
    rates = setting.base, other_rate(setting, truth)
    size = np.sqrt(setting.scatter.size**2 - (setting.names < MIN_NAMES) * setting.scatter.by_name**2)
    first, second = (ndtri(rate) * size for rate in rates)
    at = (first, second, first, second)
    return [
        (values + shift > 0).astype(float)
        for values, shift in zip((a, b, control_a, control_b), at, strict=True)
    ]


def other_rate(setting: Setting, truth: float) -> float:
    """Rate of group b that differs from the base by `truth`."""
    return setting.base * float(np.exp(truth)) if setting.kind == "ratio" else setting.base + truth


def _flips(setting: Setting, truth: float, *, audits: int, rng: np.random.Generator) -> Drawn:
    """Decisions of templates alone, whatever the name; b's differ from a's in a share `truth` of templates."""
    shape = (audits, setting.templates, setting.names)
    level = rng.random((audits, setting.templates, 1))
    flipped = truth / (1 - 2 * setting.noise)
    a, b, control_a, control_b = (
        ((level < setting.base + more) ^ (rng.random(shape) < setting.noise)).astype(float)
        for more in (0.0, flipped, 0.0, flipped)
    )
    return Drawn(a, b, control_a, control_b, truth)


def _gaps(setting: Setting, shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.bool_]:
    if not setting.missing:
        return np.zeros(shape, dtype=bool)
    share = np.minimum(setting.missing * 2 * rng.random((shape[0], shape[1], 1)), 0.95)
    gaps = rng.random(shape) < share
    gaps[:, :, 0] &= rng.random(shape[:2]) < 0.5
    return gaps


# ------------------------------------------------------------- as the numeric core takes it


def paired(drawn: Drawn) -> Sample:
    """Deltas of all audits as one sample: the effect's number is the audit's."""
    return _sample(drawn.b - drawn.a, None)


def two_sided(drawn: Drawn, *, apart: bool = False) -> Sample:
    """Scores of both sides; pairs lacking one are left out. `apart`: each side has templates of its own."""
    a, b = drawn.a, drawn.b
    if not apart:
        lacking = np.isnan(a) | np.isnan(b)
        a, b = np.where(lacking, np.nan, a), np.where(lacking, np.nan, b)
    first, second = _sample(a, 0), _sample(b, 1)
    shift = a.shape[1] if apart else 0
    return Sample(
        effect=np.concatenate([first.effect, second.effect]), value=np.concatenate([first.value, second.value]),
        side=np.concatenate([np.zeros(len(first.value), np.intp), np.ones(len(second.value), np.intp)]),
        cluster=np.concatenate([first.cluster, second.cluster + shift]),
        name=np.concatenate([first.name, second.name]), count=first.count,
    )  # fmt: skip


def _sample(values: Floats, side: int | None) -> Sample:
    known = np.flatnonzero(~np.isnan(values))
    effect, cluster, name = (part.astype(np.intp) for part in np.unravel_index(known, values.shape))
    return Sample(
        effect=effect,
        value=values.reshape(-1)[known],
        side=None,
        cluster=cluster,
        name=name,
        count=len(values),
    )
