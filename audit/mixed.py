"""A linear mixed model of two groups: random intercepts and slopes by template, as published audits use it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from audit.stats import Floats, Ints

WHAT = "random intercepts and slopes by template, names ignored"
ALONE = "random intercepts by template, names ignored; slopes that do not vary are left out"
LEAST_VARIANCE = 1e-3
"""Least variance of intercepts and slopes, in units of the residual one: the search starts no lower, for at zero it
could not move. Slopes that vary less have no part in the model, which would be singular."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixed:
    """The fixed effect of the group with its Wald test; NaN where the model says nothing, with the reason in `note`."""

    estimate: float = float("nan")
    se: float = float("nan")
    statistic: float = float("nan")
    p_value: float = float("nan")
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Start:
    """Moments of the template means: where the search for the likelihood's maximum begins."""

    fixed: Floats
    covariance: Floats
    """Of intercepts and slopes, in units of the residual variance; of intercepts alone where slopes do not vary."""
    residual: float


def mixed_model(value_a: Floats, value_b: Floats, template: Ints) -> Mixed:
    """y = β₀ + β₁·x + u₀ + u₁·x + e with x = -½ for a and ½ for b, by restricted maximum likelihood (statsmodels).

    Arrays of pairs; those with a missing side are left out. Source: Tamkin et al. 2023, arXiv:2312.03689, where y is
    the log-odds of the favourable decision.
    """
    known = np.isfinite(value_a) & np.isfinite(value_b)
    a, b = value_a[known], value_b[known]
    codes = np.unique(template[known], return_inverse=True)[1].reshape(-1)
    count = int(codes.max(initial=-1)) + 1
    if count < 2:
        return Mixed(note=f"{count} template{'s' if count == 0 else ''}: no model")
    if len(codes) <= count:
        return Mixed(note="one pair a template: its own slope cannot be told from the scatter of answers")
    size = max(float(np.abs(a).max()), float(np.abs(b).max()))
    if not 1e-100 < size < 1e100:
        return Mixed(note="scores are all zero, or too large for a model")
    start = _start(a / size, b / size, codes, count)
    if start.residual <= 1e-24:
        return Mixed(note="scores do not vary within templates: no model")
    return _scaled(_fitted(a / size, b / size, codes, start), size)


def _scaled(found: Mixed, size: float) -> Mixed:
    return Mixed(
        estimate=found.estimate * size, se=found.se * size, statistic=found.statistic, p_value=found.p_value,
        note=found.note,
    )  # fmt: skip


def _start(a: Floats, b: Floats, codes: Ints, count: int) -> _Start:
    pairs = np.bincount(codes)
    mean_a, mean_b = (np.bincount(codes, weights=side) / pairs for side in (a, b))
    scatter = float(((a - mean_a[codes]) ** 2).sum() + ((b - mean_b[codes]) ** 2).sum())
    residual = scatter / (2 * (len(codes) - count))
    centre, slope = (mean_a + mean_b) / 2, mean_b - mean_a
    noise = residual * float((1 / pairs).mean()) * np.diag([0.5, 2.0])
    moments = (np.cov(centre, slope) - noise) / max(residual, 1e-300)
    kept = 2 if moments[1, 1] > LEAST_VARIANCE else 1
    sizes, directions = np.linalg.eigh(moments[:kept, :kept])
    return _Start(
        fixed=np.array([centre.mean(), slope.mean()]), residual=residual,
        covariance=(directions * np.maximum(sizes, LEAST_VARIANCE)) @ directions.T,
    )  # fmt: skip


def _fitted(a: Floats, b: Floats, codes: Ints, start: _Start) -> Mixed:
    """The fit; what the library would warn of is in the note."""
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

    side = np.repeat([-0.5, 0.5], len(a))
    design = np.column_stack([np.ones_like(side), side])
    kept = len(start.covariance)
    what = WHAT if kept == 2 else ALONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = MixedLM(
                np.concatenate([a, b]),
                design,
                groups=np.concatenate([codes, codes]),
                exog_re=design[:, :kept],
            )
            first = MixedLMParams.from_components(fe_params=start.fixed, cov_re=start.covariance)
            found = model.fit(reml=True, method=["lbfgs"], start_params=first)
            estimate, se = float(found.params[1]), float(found.bse[1])
            converged = bool(found.converged)
        except (np.linalg.LinAlgError, ValueError) as error:
            return Mixed(note=f"{what}; could not be fitted: {str(error).splitlines()[0]}")
    if not converged or not np.isfinite(estimate) or not se > 0:
        return Mixed(note=f"{what}; did not converge")
    edge = np.linalg.eigvalsh(found.cov_re)[0] < LEAST_VARIANCE * float(found.scale)
    z = estimate / se
    note = f"{what}; singular: intercepts and slopes vary as one, or not at all" if edge else what
    return Mixed(estimate=estimate, se=se, statistic=z, p_value=_two_sided(z), note=note)


def _two_sided(z: float) -> float:
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(z)))
