from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from audit.mixed import ALONE, WHAT, mixed_model
from audit.stats import Floats, Ints

Pairs = tuple[Floats, Floats, Ints]


def pairs(
    seed: int,
    *,
    templates: int = 40,
    names: int = 8,
    effect: float = 0.2,
    slope: float = 0.3,
    scatter: float = 0.5,
) -> Pairs:
    rng = np.random.default_rng(seed)
    base, own = rng.normal(size=(templates, 1)), effect + slope * rng.normal(size=(templates, 1))
    noise: NDArray[np.float64] = scatter * rng.normal(size=(2, templates, names))
    template = np.repeat(np.arange(templates), names)
    return (base - own / 2 + noise[0]).reshape(-1), (base + own / 2 + noise[1]).reshape(-1), template


def test_the_effect_of_balanced_data_is_the_mean_difference_with_the_error_of_template_means() -> None:
    """In balanced data the restricted maximum likelihood estimate has a closed form."""
    a, b, template = pairs(1)
    found = mixed_model(a, b, template)
    change = np.bincount(template, weights=b - a) / 8
    assert found.estimate == pytest.approx(change.mean(), rel=1e-9)
    assert found.se == pytest.approx(change.std(ddof=1) / np.sqrt(40), rel=1e-3)
    assert found.statistic == pytest.approx(found.estimate / found.se) and found.note == WHAT


def test_the_model_is_the_one_that_statsmodels_fits_without_our_start() -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    a, b, template = pairs(2)
    kept = np.random.default_rng(2).random(len(a)) < 0.7
    side = np.repeat([-0.5, 0.5], int(kept.sum()))
    design = np.column_stack([np.ones_like(side), side])
    both = np.concatenate([template[kept]] * 2)
    oracle = MixedLM(np.concatenate([a[kept], b[kept]]), design, groups=both, exog_re=design).fit(
        method="bfgs"
    )
    found = mixed_model(np.where(kept, a, np.nan), b, template)
    assert found.estimate == pytest.approx(float(oracle.params[1]), rel=1e-4)
    assert found.se == pytest.approx(float(oracle.bse[1]), rel=1e-3)
    assert found.p_value == pytest.approx(float(oracle.pvalues[1]), rel=0.02)


def test_the_planted_effect_is_recovered_with_intervals_that_cover_it() -> None:
    found = [mixed_model(*pairs(seed, templates=30, names=4)) for seed in range(200)]
    inside = [abs(one.estimate - 0.2) <= 1.96 * one.se for one in found]
    assert np.mean([one.estimate for one in found]) == pytest.approx(0.2, abs=0.02)
    assert 0.89 <= np.mean(inside) <= 0.99
    assert not any("did not converge" in one.note for one in found)


def test_exchanging_the_sides_negates_the_effect() -> None:
    a, b, template = pairs(3)
    there, back = mixed_model(a, b, template), mixed_model(b, a, template)
    assert back.estimate == pytest.approx(-there.estimate) and back.p_value == pytest.approx(
        there.p_value, rel=1e-3
    )


BAD: dict[str, tuple[Pairs, str]] = {
    "one template": (pairs(4, templates=1), "1 template: no model"),
    "nothing": ((np.zeros(0), np.zeros(0), np.zeros(0, np.intp)), "0 templates: no model"),
    "nothing known": ((np.full(8, np.nan), np.zeros(8), np.arange(8)), "0 templates: no model"),
    "one name": (pairs(4, names=1), "one pair a template"),
    "constant": (pairs(4, scatter=0), "scores do not vary within templates"),
    "zero": ((np.zeros(80), np.zeros(80), np.repeat(np.arange(10), 8)), "scores are all zero"),
    "too large": ((np.full(80, 1e200), -np.full(80, 1e200), np.repeat(np.arange(10), 8)), "too large for a model"),
}  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_fitted_is_told_and_has_no_number(name: str) -> None:
    data, told = BAD[name]
    found = mixed_model(*data)
    assert told in found.note
    assert np.isnan([found.estimate, found.se, found.statistic, found.p_value]).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "changes", [{"slope": 0.0}, {"scatter": 5.0}, {"slope": 0.0, "effect": 0.0, "names": 2}]
)
def test_slopes_that_do_not_vary_are_left_out_and_never_warned_of(changes: dict[str, Any]) -> None:
    found = [mixed_model(*pairs(seed, **changes)) for seed in range(12)]
    assert any(one.note == ALONE for one in found)
    assert all(np.isfinite(one.estimate) or "did not converge" in one.note for one in found)
    assert sum(np.isfinite(one.estimate) for one in found) >= 11


def test_the_error_without_slopes_is_that_of_the_scatter_of_answers() -> None:
    a, b, template = next(data for data in map(flat, range(20)) if mixed_model(*data).note == ALONE)
    found = mixed_model(a, b, template)
    base = (np.bincount(template, weights=a + b) / 16)[template]
    effect = (b - a).mean()
    scatter = ((a - base + effect / 2) ** 2 + (b - base - effect / 2) ** 2).sum() / (2 * len(a) - 40 - 1)
    assert found.estimate == pytest.approx(effect)
    assert found.se == pytest.approx(np.sqrt(2 * scatter / len(a)), rel=1e-3)


def flat(seed: int) -> Pairs:
    return pairs(seed, slope=0.0)


def test_the_unit_of_the_scores_changes_only_the_scale() -> None:
    a, b, template = pairs(5)
    small, large = mixed_model(a, b, template), mixed_model(a * 1e6, b * 1e6, template)
    assert large.estimate == pytest.approx(small.estimate * 1e6) and large.p_value == pytest.approx(
        small.p_value
    )
