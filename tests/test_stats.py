from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from audit import stats
from audit.metrics.choice import IMPACT_RATIO
from audit.stats import Sample
from audit.unseen import clusters_to_decide, unseen_share

SETTINGS = settings(max_examples=40, deadline=None)


def sample(
    value: NDArray[np.float64],
    *,
    cluster: NDArray[np.int64],
    name: NDArray[np.int64] | None = None,
    side: NDArray[np.int64] | None = None,
    effect: NDArray[np.int64] | None = None,
) -> Sample:
    zeros = np.zeros(len(value), dtype=np.intp)
    effects = zeros if effect is None else effect.astype(np.intp)
    return Sample(
        effect=effects, value=np.asarray(value, float), side=None if side is None else side.astype(np.intp),
        cluster=cluster.astype(np.intp), name=zeros if name is None else name.astype(np.intp),
        count=int(effects.max(initial=0)) + 1,
    )  # fmt: skip


def crossed(templates: int, names: int, seed: int, *, by_name: float = 0.3) -> Sample:
    """Deltas with an effect of the template and of the name."""
    rng = np.random.default_rng(seed)
    value = rng.normal(size=(templates, 1)) * 0.3 + rng.normal(size=(1, names)) * by_name
    value = value + rng.normal(size=(templates, names))
    cluster, name = np.divmod(np.arange(templates * names), names)
    return sample(value.reshape(-1), cluster=cluster, name=name)


def turned(one: Sample) -> Sample:
    side = None if one.side is None else 1 - one.side
    value = -one.value if one.side is None else one.value
    return Sample(
        effect=one.effect, value=value, side=side, cluster=one.cluster, name=one.name, count=one.count
    )


def at(one: Sample, rows: NDArray[np.int64]) -> Sample:
    side = None if one.side is None else one.side[rows]
    return Sample(effect=one.effect[rows], value=one.value[rows], side=side, cluster=one.cluster[rows],
                  name=one.name[rows], count=one.count)  # fmt: skip


def two_sided(seed: int, clusters: int = 15, rows: int = 200) -> Sample:
    rng = np.random.default_rng(seed)
    value = rng.integers(0, 2, rows)
    return sample(value, cluster=rng.integers(0, clusters, rows), side=rng.integers(0, 2, rows))


# ------------------------------------------------------------- oracles


@pytest.mark.parametrize("seed", range(6))
def test_the_two_way_error_is_that_of_statsmodels(seed: int) -> None:
    one = crossed(20 + seed, 5 + seed, seed)
    fit = sm.OLS(one.value, np.ones(len(one.value)))
    both, by_cluster, by_name = (
        fit.fit(cov_type="cluster", cov_kwds={"groups": groups}).cov_params()[0, 0]
        for groups in (np.column_stack([one.cluster, one.name]), one.cluster, one.name)
    )
    found = stats.difference(one)
    assert found.value[0] == pytest.approx(one.value.mean(), abs=1e-12)
    assert found.se[0] ** 2 == pytest.approx(max(both, by_cluster, by_name), rel=1e-9)


def test_with_fewer_than_five_names_the_error_is_one_way_over_clusters() -> None:
    one = crossed(12, 4, 1)
    fit = sm.OLS(one.value, np.ones(48)).fit(cov_type="cluster", cov_kwds={"groups": one.cluster})
    found = stats.difference(one)
    assert found.se[0] == pytest.approx(fit.bse[0], rel=1e-9)
    assert (found.df[0], found.units[0], found.names[0]) == (11, 12, 4)


def test_fixed_clusters_leave_the_names_as_the_sample() -> None:
    one = crossed(12, 7, 1)
    fit = sm.OLS(one.value, np.ones(84)).fit(cov_type="cluster", cov_kwds={"groups": one.name})
    found = stats.difference(one, fixed=True)
    assert found.se[0] == pytest.approx(fit.bse[0], rel=1e-9)
    assert (found.df[0], found.units[0]) == (6, 7)


def test_a_difference_of_means_in_shared_clusters_is_that_of_a_regression_with_clustered_errors() -> None:
    one = two_sided(3)
    assert one.side is not None
    fit = sm.OLS(one.value, sm.add_constant(one.side))
    plain = fit.fit(cov_type="cluster", cov_kwds={"groups": one.cluster, "use_correction": False})
    found = stats.difference(one)
    assert found.value[0] == pytest.approx(plain.params[1], rel=1e-9)
    assert found.se[0] == pytest.approx(plain.bse[1] * np.sqrt(15 / 14), rel=1e-9)


def test_means_of_separate_clusters_have_separate_corrections() -> None:
    rng = np.random.default_rng(0)
    value, side = rng.normal(size=60), np.repeat([0, 1], 30)
    cluster = np.concatenate([np.arange(30) % 4, 4 + np.arange(30) % 10])
    a = stats.difference(sample(value[:30], cluster=cluster[:30]))
    b = stats.difference(sample(value[30:], cluster=cluster[30:]))
    found = stats.difference(sample(value, cluster=cluster, side=side))
    assert found.se[0] ** 2 == pytest.approx(a.se[0] ** 2 + b.se[0] ** 2, rel=1e-9)


def test_the_degrees_of_freedom_are_those_of_satterthwaite_and_never_below_the_smaller_way() -> None:
    ways = stats.Ways(
        cluster=np.array([2.0, 1.0, 0.0]), name=np.array([1.0, 0.0, 0.0]), cell=np.array([0.5, 3.0, 0.0]),
        clusters=np.array([20, 20, 20]), names=np.array([6, 6, 6]),
        cluster_df=np.full(3, 19.0), name_df=np.full(3, 5.0),
        side_clusters=np.full((3, 1), 20), side_names=np.full((3, 1), 6),
    )  # fmt: skip
    variance, df = stats.two_way(ways)
    assert variance.tolist() == [2.5, 1.0, 0.0]
    by_cluster, by_name = 2 * (19 / 17) ** 2, (5 / 3) ** 2
    assert df[0] == pytest.approx((by_cluster + by_name - 0.5) ** 2 / (by_cluster**2 / 19 + by_name**2 / 5))
    assert df[1:].tolist() == [19.0, 5.0]


@pytest.mark.parametrize("names", [1, 8])
def test_the_jackknife_leaves_out_one_unit_at_a_time(names: int) -> None:
    rng = np.random.default_rng(names)
    rows = 300
    cluster, name, side = rng.integers(0, 9, rows), rng.integers(0, names, rows), rng.integers(0, 2, rows)
    value = rng.random(rows)

    def log_ratio(keep: NDArray[np.bool_]) -> float:
        return float(np.log(value[keep & (side == 1)].mean() / value[keep & (side == 0)].mean()))

    def variance(unit: NDArray[np.int64]) -> float:
        left = np.array([log_ratio(unit != u) for u in np.unique(unit)])
        return float((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum())

    found = stats.jackknife(sample(value, cluster=cluster, name=name, side=side), IMPACT_RATIO.between)
    expected = variance(cluster)
    if names >= stats.MIN_NAMES:
        by_name = variance(name)
        expected = max(expected + by_name - variance(cluster * 100 + name), expected, by_name)
    assert found.value[0] == pytest.approx(log_ratio(np.ones(rows, bool)), rel=1e-9)
    assert found.se[0] == pytest.approx(np.sqrt(expected), rel=1e-9)


def test_the_jackknife_of_a_mean_difference_is_the_clustered_error_where_clusters_are_balanced() -> None:
    rng = np.random.default_rng(5)
    value, side, cluster = rng.normal(size=120), np.tile([0, 1], 60), np.repeat(np.arange(12), 10)
    one = sample(value, cluster=cluster, side=side)
    assert stats.jackknife(one, stats.minus).se[0] == pytest.approx(stats.difference(one).se[0], rel=1e-9)


def test_intervals_and_p_values_are_those_of_student() -> None:
    one = crossed(30, 1, 4)
    found = stats.difference(one)
    low, high = stats.interval(found, 0.95)
    test = scipy_stats.ttest_1samp(one.value, 0.0)
    expected = test.confidence_interval(0.95)
    assert (low[0], high[0]) == (
        pytest.approx(expected.low, rel=1e-9),
        pytest.approx(expected.high, rel=1e-9),
    )
    assert stats.p_values(found, 1.0)[0] == pytest.approx(test.pvalue, rel=1e-9)
    assert stats.t_quantile(0.975, 7) == pytest.approx(scipy_stats.t.ppf(0.975, 7), rel=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@SETTINGS
def test_benjamini_hochberg_is_that_of_statsmodels_and_skips_what_is_missing(p: list[float]) -> None:
    with_gaps = np.array([*p, np.nan])
    found = stats.benjamini_hochberg(with_gaps)
    np.testing.assert_allclose(found[:-1], multipletests(p, method="fdr_bh")[1], rtol=1e-9, atol=1e-300)
    assert np.isnan(found[-1])


def test_the_level_of_explored_intervals_grows_with_what_is_selected() -> None:
    assert stats.fcr_level(np.array([0.01, 0.02, 0.5, 0.9, np.nan]), 0.05) == pytest.approx(1 - 0.05 * 2 / 4)
    assert stats.fcr_level(np.array([0.5, 0.9]), 0.05) == pytest.approx(1 - 0.05 / 2)
    assert stats.fcr_level(np.zeros(0), 0.05) == 0.95


def test_the_spread_is_the_standard_deviation_of_the_rows() -> None:
    one = crossed(6, 3, 2)
    assert stats.spread(one)[0] == pytest.approx(one.value.std(ddof=1), rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_means_of_separate_answers_have_the_degrees_of_freedom_of_welch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=8 + seed), rng.normal(size=60) * 3
    one = sample(
        np.concatenate([a, b]), cluster=np.arange(len(a) + len(b)), side=np.repeat([0, 1], [len(a), len(b)])
    )
    test = scipy_stats.ttest_ind(b, a, equal_var=False)
    for found in (stats.difference(one), stats.jackknife(one, stats.minus)):
        assert found.value[0] / found.se[0] == pytest.approx(test.statistic, rel=1e-9)
        assert found.df[0] == pytest.approx(test.df, rel=1e-9)
        assert stats.p_values(found, 1.0)[0] == pytest.approx(test.pvalue, rel=1e-9)


@pytest.mark.parametrize("df", [4, 7.5, 11, 39, 1e6])
@pytest.mark.parametrize("level", [0.95, 0.99, 0.999])
def test_the_difference_that_is_told_has_the_power_of_the_noncentral_t(df: float, level: float) -> None:
    needed = stats.t_quantile(1 - (1 - level) / 2, df)
    told = float(stats.noncentral(level, df, power=0.8))
    assert scipy_stats.nct.sf(needed, min(df, 1e5), told) == pytest.approx(0.8, abs=0.02)


@given(st.integers(0, 10_000), st.floats(-3, 3), st.booleans())
@SETTINGS
def test_identical_answers_of_both_groups_have_no_difference_at_any_level(
    seed: int, at: float, rate: bool
) -> None:
    rng = np.random.default_rng(seed)
    value = rng.integers(0, 2, 60).astype(float) if rate else rng.normal(size=60) + at
    twice = sample(
        np.concatenate([value, value]), cluster=np.tile(np.arange(60) // 5, 2), name=np.tile(np.arange(60) % 5, 2),
        side=np.repeat([0, 1], 60),
    )  # fmt: skip
    paired = sample(value - value, cluster=np.arange(60) // 5, name=np.arange(60) % 5)
    assert (
        stats.difference(paired).value[0] == 0
        and stats.p_values(stats.difference(paired), 1.0, rate=rate)[0] == 1
    )
    for found in (stats.difference(paired), stats.difference(twice), stats.jackknife(twice, stats.minus)):
        low, high = stats.interval(found, 0.5)
        assert found.value[0] == pytest.approx(0, abs=1e-12)
        assert low[0] <= 1e-12 and high[0] >= -1e-12


# ------------------------------------------------------------- no variation


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_clusters_that_all_agree_hide_less_than_the_least_half_width(share: float) -> None:
    """A share of deviating clusters as large as the half-width goes unseen with probability (1 - level)/2."""
    clusters = 30
    level = 1 - 2 * (1 - share) ** clusters
    assert unseen_share(level, clusters) == pytest.approx(share)
    needed = clusters_to_decide(half=0.0, distance=share, units=clusters, unseen_level=level)
    assert needed in (clusters, clusters + 1)


def test_without_variation_the_p_value_is_that_of_the_sign_test() -> None:
    found = stats.difference(sample(np.ones(10), cluster=np.arange(10)))
    assert stats.p_values(found, 1.0)[0] == pytest.approx(scipy_stats.binomtest(10, 10).pvalue)
    nothing = stats.difference(sample(np.zeros(10), cluster=np.arange(10)))
    assert stats.p_values(nothing, 1.0, rate=True)[0] == 1.0


def test_rounding_is_no_variation() -> None:
    shifted = np.linspace(3, 7, 20) + 0.1 - np.linspace(3, 7, 20)
    assert len(set(shifted)) > 1
    found = stats.difference(sample(shifted, cluster=np.arange(20)))
    assert stats.unvaried(found, 5.0)[0]


# ------------------------------------------------------------- properties


@given(st.integers(0, 10_000), st.floats(-5, 5))
@SETTINGS
def test_swapping_the_groups_negates_every_estimate_and_keeps_its_error(seed: int, shift: float) -> None:
    one = crossed(8, 6, seed)
    one = Sample(
        effect=one.effect, value=one.value + shift, side=None, cluster=one.cluster, name=one.name, count=1
    )
    for before, after in [
        (stats.difference(one), stats.difference(turned(one))),
        (stats.difference(two_sided(seed)), stats.difference(turned(two_sided(seed)))),
        (
            stats.jackknife(two_sided(seed), IMPACT_RATIO.between),
            stats.jackknife(turned(two_sided(seed)), IMPACT_RATIO.between),
        ),
    ]:
        np.testing.assert_allclose(after.value, -before.value, atol=1e-12)
        np.testing.assert_allclose(after.se, before.se, atol=1e-12)
        np.testing.assert_allclose(after.df, before.df, rtol=1e-9)


@given(st.integers(0, 10_000))
@SETTINGS
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(48)
    before, after = stats.difference(crossed(8, 6, seed)), stats.difference(at(crossed(8, 6, seed), order))
    np.testing.assert_allclose(after.se, before.se, rtol=1e-9)
    np.testing.assert_allclose(after.value, before.value, rtol=1e-9, atol=1e-12)


@given(st.integers(0, 10_000), st.integers(2, 5))
@SETTINGS
def test_repeating_every_prompt_of_its_cluster_adds_no_evidence(seed: int, times: int) -> None:
    one = crossed(8, 6, seed)
    again = at(one, np.tile(np.arange(48), times))
    ratios = two_sided(seed)
    again_ratios = at(ratios, np.tile(np.arange(200), times))
    for before, after in [
        (stats.difference(one), stats.difference(again)),
        (stats.jackknife(ratios, IMPACT_RATIO.between), stats.jackknife(again_ratios, IMPACT_RATIO.between)),
    ]:
        np.testing.assert_allclose(after.se, before.se, rtol=1e-9)
        np.testing.assert_allclose(after.df, before.df, rtol=1e-9)


@given(st.integers(0, 10_000), st.floats(-100, 100))
@SETTINGS
def test_a_shift_of_both_groups_changes_no_difference(seed: int, shift: float) -> None:
    one = two_sided(seed)
    moved = Sample(
        effect=one.effect, value=one.value + shift, side=one.side, cluster=one.cluster, name=one.name, count=1
    )
    before, after = stats.difference(one), stats.difference(moved)
    np.testing.assert_allclose(after.value, before.value, atol=1e-9)
    np.testing.assert_allclose(after.se, before.se, atol=1e-9)


def test_many_effects_at_once_are_each_what_they_are_alone() -> None:
    parts = [crossed(7 + k, 3 + k, k) for k in range(5)]
    together = Sample(
        effect=np.repeat(np.arange(5), [len(part.value) for part in parts]),
        value=np.concatenate([part.value for part in parts]), side=None,
        cluster=np.concatenate([part.cluster for part in parts]),
        name=np.concatenate([part.name for part in parts]), count=5,
    )  # fmt: skip
    found = stats.difference(together)
    alone = [stats.difference(part) for part in parts]
    for field in ("value", "se", "df", "units", "clusters", "names", "kept"):
        expected = [getattr(one, field)[0] for one in alone]
        np.testing.assert_allclose(getattr(found, field), expected, rtol=1e-9, err_msg=field)


def test_sparse_cluster_numbers_give_the_same_as_dense_ones() -> None:
    one = crossed(30, 6, 3)
    sparse = Sample(
        effect=one.effect, value=one.value, side=None, cluster=one.cluster * 10**6, name=one.name, count=1
    )
    assert stats.difference(sparse).se[0] == pytest.approx(stats.difference(one).se[0], rel=1e-12)


# ------------------------------------------------------------- bad numbers


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value, cluster", [
    ([], []), ([1.0], [0]), ([0.0, 0.0], [0, 0]), ([1.0, 2.0, 3.0], [0, 0, 0]),
])  # fmt: skip
def test_too_little_gives_no_error_instead_of_a_wrong_one(value: list[float], cluster: list[int]) -> None:
    found = stats.difference(sample(np.array(value), cluster=np.array(cluster, dtype=np.int64)))
    assert np.isnan(found.se[0])
    assert np.isnan(stats.p_values(found, 1.0)[0])
    assert np.isnan(stats.interval(found, 0.95)[0][0])


@pytest.mark.filterwarnings("error")
def test_an_empty_side_gives_no_estimate() -> None:
    found = stats.difference(sample(np.arange(5.0), cluster=np.arange(5), side=np.ones(5, np.int64)))
    assert np.isnan(found.value[0])


@pytest.mark.filterwarnings("error")
def test_a_rate_of_zero_gives_no_ratio_even_if_only_without_one_cluster() -> None:
    value = np.array([0.0, 0, 0, 0, 1, 1, 1, 1])
    one = sample(value, cluster=np.tile(np.arange(4), 2), side=np.repeat([0, 1], 4))
    assert np.isnan(stats.jackknife(one, IMPACT_RATIO.between).value[0])
    value[0] = 1.0
    barely = stats.jackknife(
        sample(value, cluster=one.cluster, side=np.repeat([0, 1], 4)), IMPACT_RATIO.between
    )
    assert np.isfinite(barely.value[0]) and np.isnan(barely.se[0])


# ------------------------------------------------------------- planning, coverage


def test_more_clusters_decide_only_what_clusters_can_decide() -> None:
    assert clusters_to_decide(half=0.2, distance=0.1, units=40) == 160
    assert clusters_to_decide(half=0.2, distance=0.1, units=40, kept=0.25) is None
    assert clusters_to_decide(half=0.2, distance=0.15, units=40, kept=0.25) == 96
    assert clusters_to_decide(half=0.2, distance=0.0, units=40) is None


def test_the_detectable_difference_is_found_with_the_promised_power() -> None:
    rng = np.random.default_rng(11)
    clusters, audits = 40, 2_000
    se = 1 / np.sqrt(clusters)
    shift = (stats.t_quantile(0.975, clusters - 1) + stats.t_quantile(0.8, clusters - 1)) * se
    value = (rng.normal(size=(audits, clusters)) + shift).reshape(-1)
    effect, cluster = np.divmod(np.arange(audits * clusters), clusters)
    found = stats.difference(sample(value, cluster=cluster, effect=effect))
    assert np.mean(stats.p_values(found, 1.0) < 0.05) == pytest.approx(0.8, abs=0.03)
    np.testing.assert_allclose(np.median(stats.detectable(found, 0.95, power=0.8)), shift, rtol=0.03)


@pytest.mark.parametrize("templates, names", [(8, 12), (20, 5), (40, 12)])
def test_intervals_of_means_and_ratios_cover_the_truth(templates: int, names: int) -> None:
    rng = np.random.default_rng(templates)
    audits = 800
    shape = (audits, templates, names)
    common = rng.normal(size=(audits, templates, 1)) * 0.5

    def group() -> NDArray[np.float64]:
        own = rng.normal(size=(audits, templates, 1)) * 0.3 + rng.normal(size=(audits, 1, names)) * 0.3
        return (common + own + rng.normal(size=shape) * 0.5 + 0.3).reshape(-1)

    a, b = group(), group()
    effect = np.repeat(np.arange(audits), templates * names)
    cluster = np.tile(np.repeat(np.arange(templates), names), audits)
    name = np.tile(np.arange(names), audits * templates)
    mean = stats.difference(sample(b - a, cluster=cluster, name=name, effect=effect))
    rates = sample(
        np.concatenate([a > 0, b > 0]).astype(float), cluster=np.tile(cluster, 2), name=np.tile(name, 2),
        effect=np.tile(effect, 2), side=np.repeat([0, 1], len(effect)),
    )  # fmt: skip
    for found in (mean, stats.difference(rates), stats.jackknife(rates, IMPACT_RATIO.between)):
        low, high = stats.interval(found, 0.95)
        assert np.mean((low <= 0) & (high >= 0)) >= 0.93
