"""What chance leaves outside noise bands, and how often the comparison with the best covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from calibration import ALPHA, band, setting_of, title
from scipy.special import ndtri
from simulated import BY_NAME, WEAK, Setting, draw, paired

from audit import stats
from audit.bands import compare_with_best
from audit.metrics.choice import IMPACT_RATIO
from audit.stats import Sample


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
        setting_of("score, by name", "score", 20, 5, BY_NAME, effects=6),
        setting_of("score, by name", "score", 12, 12, BY_NAME, effects=6),
        setting_of("score, by name", "score", 40, 12, BY_NAME, effects=6),
        setting_of("rate, by name", "rate", 40, 12, BY_NAME, effects=6),
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
