from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audit import bands, stats
from audit.bands import Controls, compare_with_best, noise_band
from audit.metrics.choice import IMPACT_RATIO
from audit.stats import Sample
from audit.unseen import unseen_ratio

PAIR = np.array([[0, 1]], dtype=np.intp)


def controls(a: NDArray[np.float64], b: NDArray[np.float64]) -> Controls:
    """Values of shape (units, columns), one pair each."""
    unit, column = np.divmod(np.arange(a.size), a.shape[1])
    return Controls(
        value_a=a.reshape(-1), value_b=b.reshape(-1), column=column, unit=unit, columns=a.shape[1]
    )


def random_controls(seed: int, units: int = 20, columns: int = 2) -> Controls:
    rng = np.random.default_rng(seed)
    return controls(rng.random((units, columns)), rng.random((units, columns)))


def band(
    of: Controls,
    contrasts: NDArray[np.intp] = PAIR,
    level: float = 0.95,
    between: stats.Between = stats.minus,
) -> float:
    return float(noise_band(of, contrasts, np.full(len(contrasts), level), between=between, seed=7)[0])


def groups_sample(
    values: list[NDArray[np.float64]], *, clusters: list[NDArray[np.int64]] | None = None
) -> Sample:
    effect = np.repeat(np.arange(len(values)), [len(v) for v in values]).astype(np.intp)
    cluster = np.concatenate(clusters or [np.arange(len(v)) for v in values]).astype(np.intp)
    return Sample(
        effect=effect,
        value=np.concatenate(values),
        side=None,
        cluster=cluster,
        name=np.zeros(len(effect), dtype=np.intp),
        count=len(values),
    )


# ------------------------------------------------------------- noise band


def test_the_band_is_the_central_range_over_all_signs_and_choices_of_group() -> None:
    of = random_controls(1, units=6)
    change = (of.value_b - of.value_a).reshape(6, 2)
    drawn = [
        abs(sum(sign * change[unit, group] for unit, (sign, group) in enumerate(choice))) / 6
        for choice in product(product((-1, 1), (0, 1)), repeat=6)
    ]
    by_spread = stats.t_quantile(0.95, 6) * float(np.sqrt(np.mean(np.square(drawn))))
    assert by_spread > np.quantile(drawn, 0.9)
    assert band(of, level=0.9) == pytest.approx(by_spread, rel=0.05)
    few = random_controls(1, units=4)
    change = (few.value_b - few.value_a).reshape(4, 2)
    drawn = [
        abs(sum(sign * change[unit, group] for unit, (sign, group) in enumerate(choice))) / 4
        for choice in product(product((-1, 1), (0, 1)), repeat=4)
    ]
    assert band(few, level=0.9) == pytest.approx(np.quantile(drawn, 0.9), rel=0.05)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_the_band_is_the_same_whichever_group_is_called_b(seed: int) -> None:
    of = random_controls(seed)
    log_rate = IMPACT_RATIO.between
    assert band(of) == band(of, PAIR[:, ::-1])
    assert band(of, between=log_rate) == pytest.approx(band(of, PAIR[:, ::-1], between=log_rate), rel=1e-12)


def test_control_pairs_without_any_change_give_a_band_of_no_width() -> None:
    same = np.random.default_rng(0).random((20, 2))
    assert band(controls(same, same)) == pytest.approx(0.0, abs=1e-12)


def test_effects_of_names_show_when_signs_are_drawn_by_name() -> None:
    """A name's own effect is common to all templates and cancels where each template has its own sign."""
    rng = np.random.default_rng(3)
    templates, names = 40, 12
    own, other = rng.normal(size=(2, names, 2))
    template, name, column = (part.reshape(-1) for part in np.indices((templates, names, 2)))
    change = (other - own)[name, column] + rng.normal(size=len(name)) * 0.1
    made = {
        unit: Controls(value_a=np.zeros(len(name)), value_b=change, column=column, unit=code, columns=2)
        for unit, code in (("template", template), ("name", name))
    }
    mean_difference = np.sqrt(2 / names)
    assert band(made["template"]) < mean_difference / 2
    assert band(made["name"]) == pytest.approx(2 * mean_difference, rel=0.35)


def test_the_mean_of_many_others_scatters_less_than_one_other_group() -> None:
    of = random_controls(5, units=60, columns=8)
    against_one = noise_band(of, PAIR, np.array([0.95]), between=stats.minus, seed=7)[0]
    against_all = noise_band(of, np.array([[-1, 0]]), np.array([0.95]), between=stats.minus, seed=7)[0]
    assert against_all == pytest.approx(against_one * np.sqrt((1 + 1 / 7) / 2), rel=0.2)


def test_more_units_than_one_draw_holds_are_drawn_in_parts() -> None:
    of = random_controls(2, units=2_500)
    change = (of.value_b - of.value_a).reshape(2_500, 2)
    scatter = np.sqrt((change**2).mean() / 2_500)
    assert band(of) == pytest.approx(1.96 * scatter, rel=0.1)


# ------------------------------------------------------------- comparison with the best


def test_ratios_are_to_the_highest_mean_and_lie_within_their_interval() -> None:
    rng = np.random.default_rng(4)
    found = compare_with_best(
        groups_sample([(rng.random(500) < p).astype(float) for p in (0.5, 0.4, 0.45)]), alpha=0.05, seed=1
    )
    assert found.ratio.max() == 1.0
    assert ((found.low <= found.ratio) & (found.ratio <= found.high) & (found.high <= 1)).all()


def test_two_groups_have_the_interval_of_their_log_ratio() -> None:
    rng = np.random.default_rng(8)
    low_group, high_group = (rng.random(400) < 0.3).astype(float), (rng.random(400) < 0.6).astype(float)
    found = compare_with_best(groups_sample([low_group, high_group]), alpha=0.05, seed=1)
    two_sided = Sample(
        effect=np.zeros(800, dtype=np.intp),
        value=np.concatenate([high_group, low_group]),
        side=np.repeat([0, 1], 400).astype(np.intp),
        cluster=np.tile(np.arange(400), 2),
        name=np.zeros(800, dtype=np.intp),
        count=1,
    )
    estimates = stats.jackknife(two_sided, IMPACT_RATIO.between)
    unseen = unseen_ratio(0.95, estimates.sides, *stats.means(two_sided))
    low, high = stats.interval(estimates, 0.95, unseen=unseen, signed=False)
    assert found.low[0] == pytest.approx(np.exp(low[0]), rel=1e-9)
    assert found.high[0] == pytest.approx(np.exp(high[0]), rel=1e-9)
    assert (found.low[1], found.high[1]) == (1.0, 1.0)


def test_the_interval_of_the_ratio_to_the_best_covers_the_truth() -> None:
    rng = np.random.default_rng(12)
    rates = np.array([0.30, 0.30, 0.30, 0.27])
    truth = rates / rates.max()
    covered = []
    for _ in range(300):
        values = [(rng.random(300) < rate).astype(float) for rate in rates]
        found = compare_with_best(groups_sample(values), alpha=0.05, seed=1)
        covered.append((found.low <= truth) & (truth <= found.high))
    assert np.mean(np.array(covered).all(axis=1)) >= 0.95


def test_eight_equal_groups_are_expected_to_have_a_lowest_ratio_well_below_one() -> None:
    """Of 1,000 first places at even shares, the lowest group is under four fifths in about half of audits."""
    rng = np.random.default_rng(2)
    lowest, expected = [], []
    for _ in range(150):
        winners = rng.integers(0, 8, 1_000)
        values = [(winners == group).astype(float) for group in range(8)]
        found = compare_with_best(groups_sample(values), alpha=0.05, seed=1)
        lowest.append(found.ratio.min())
        expected.append(found.expected_lowest)
    assert np.mean(expected) == pytest.approx(np.median(lowest), abs=0.02)
    assert 0.35 < np.mean(np.array(lowest) < 0.8) < 0.75


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "values",
    [
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]],
        [[1.0], [1.0]],
        [[1.0, 1.0], []],
    ],
)
def test_rates_of_zero_single_answers_and_empty_groups_have_no_interval(values: list[list[float]]) -> None:
    found = compare_with_best(groups_sample([np.array(v, dtype=float) for v in values]), alpha=0.05, seed=1)
    assert not np.isfinite(found.low).any()
    assert np.isnan(found.expected_lowest)


def test_a_table_with_the_others_beside_each_column() -> None:
    np.testing.assert_allclose(bands._with_others(np.array([[1.0, 2.0, 6.0]])), [[1, 2, 6, 4, 3.5, 1.5]])
