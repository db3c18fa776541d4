"""What may have gone unseen, against exact binomial probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as oracle

from audit import stats
from audit.metrics.choice import IMPACT_RATIO
from audit.stats import Estimates, Sample
from audit.unseen import (
    clusters_to_decide,
    unseen_between,
    unseen_difference,
    unseen_rate,
    unseen_ratio,
    unseen_share,
)

SETTINGS = settings(max_examples=40, deadline=None)
Ends = tuple[NDArray[np.float64], NDArray[np.float64]]


def flips(units: int) -> Estimates:
    """Of so many clusters 0, 1, 2 … all have flipped: one effect each."""
    value = np.tri(units + 1, units, -1)
    effect, cluster = (part.ravel().astype(np.intp) for part in np.indices(value.shape))
    return stats.difference(
        Sample(
            effect=effect, value=value.ravel(), side=None, cluster=cluster, name=0 * cluster, count=units + 1
        )
    )


def ends(units: int, level: float) -> Ends:
    found = flips(units)
    return stats.interval(found, level, unseen=unseen_difference(level, found))


# ------------------------------------------------------------- whole clusters flip


@pytest.mark.parametrize("units", [20, 40, 60])
@pytest.mark.parametrize("effects", [1, 3, 12])
def test_a_share_of_clusters_that_flip_is_missed_about_as_rarely_as_by_the_exact_interval(
    units: int, effects: int
) -> None:
    level = 1 - 0.05 / effects
    low, high = ends(units, level)
    count = np.arange(units + 1)
    for share in np.linspace(0.005, 0.5, 100):
        weight = oracle.binom.pmf(count, units, share)
        missed = weight[(high < share - 1e-12) | (low > share + 1e-12)].sum()
        assert missed <= (1.8 if (units, effects) == (20, 12) else 1.2) * (1 - level)


@pytest.mark.parametrize("units", [20, 40, 60, 100])
def test_the_upper_end_is_close_to_that_of_clopper_and_pearson(units: int) -> None:
    _, high = ends(units, 0.95)
    few = np.arange(4)
    exact = oracle.beta.ppf(0.975, few + 1, units - few)
    np.testing.assert_allclose(high[few], exact, rtol=0.1)
    assert high[0] == pytest.approx(exact[0], rel=1e-9)


@pytest.mark.parametrize("units", [20, 40, 60])
@pytest.mark.parametrize("effects", [1, 6])
def test_a_difference_as_large_as_the_limit_is_seldom_called_within(units: int, effects: int) -> None:
    _, high = ends(units, 1 - 0.05 / effects)
    chance = oracle.binom.pmf(np.arange(units + 1), units, 0.10)
    assert chance[high <= 0.10].sum() <= 0.025


def test_more_clusters_that_flip_never_lower_an_end() -> None:
    low, high = ends(30, 0.98)
    assert (np.diff(low[:-1]) > -1e-3).all() and (np.diff(high[:16]) > 0).all()


def test_the_more_clusters_differ_a_little_the_less_may_have_gone_unseen() -> None:
    rng = np.random.default_rng(3)
    small = rng.normal(size=(2, 60)) * np.array([[0.05], [0.3]])
    effect, cluster = (part.ravel().astype(np.intp) for part in np.indices(small.shape))
    found = stats.difference(
        Sample(effect=effect, value=small.ravel(), side=None, cluster=cluster, name=0 * cluster, count=2)
    )
    share = unseen_share(0.95, 60)
    weak, strong = unseen_difference(0.95, found)[1] / share
    assert 0.3 < weak < 0.5 <= strong < 0.7
    assert unseen_difference(0.95, flips(60))[1][:4] == pytest.approx(np.full(4, share), rel=0.1)
    assert flips(60).effective[[1, 2, 30]] == pytest.approx([1, 2, 60], rel=0.1)


def test_the_end_towards_zero_is_that_of_t_where_t_alone_excludes_zero() -> None:
    found = flips(40)
    plain, wide = stats.interval(found, 0.95), ends(40, 0.95)
    told = (plain[0] > 0) & (found.se > 0)
    np.testing.assert_array_equal(wide[0][told], plain[0][told])
    assert ((wide[0] > 0) == (stats.p_values(found, 1.0, rate=True) < 0.05)).all()
    assert (wide[0][~told] < plain[0][~told]).all()


# ------------------------------------------------------------- one rate, two sides, ratios


def test_one_rate_stays_between_none_and_all_and_its_ends_mirror() -> None:
    found = flips(25)
    low, high = stats.interval(found, 0.95, unseen=unseen_rate(0.95, found), signed=False)
    assert low[0] == pytest.approx(0) and high[-1] == pytest.approx(1)
    np.testing.assert_allclose(low, 1 - high[::-1], atol=1e-12)
    assert high[0] == pytest.approx(1 - 0.025 ** (1 / 25))


@pytest.mark.parametrize("units", [20, 40, 60])
@pytest.mark.parametrize("rate", [0.02, 0.05, 0.1, 0.5, 0.95, 0.98])
def test_the_interval_of_one_rate_covers_also_where_nearly_all_answers_agree(units: int, rate: float) -> None:
    found = flips(units)
    low, high = stats.interval(found, 0.95, unseen=unseen_rate(0.95, found), signed=False)
    weight = oracle.binom.pmf(np.arange(units + 1), units, rate)
    assert weight[(low <= rate) & (rate <= high)].sum() >= 0.945


def sides(seed: int, *, clusters: tuple[int, int] = (12, 40), rate: float = 0.2) -> Sample:
    rng = np.random.default_rng(seed)
    value = (rng.random(sum(clusters)) < rate).astype(float)
    cluster = np.arange(sum(clusters))
    return Sample(
        effect=np.zeros(len(value), np.intp), value=value, side=np.repeat([0, 1], clusters).astype(np.intp),
        cluster=cluster.astype(np.intp), name=np.zeros(len(value), np.intp), count=1,
    )  # fmt: skip


def turned(one: Sample) -> Sample:
    assert one.side is not None
    return Sample(
        effect=one.effect, value=one.value, side=1 - one.side, cluster=one.cluster, name=one.name, count=1
    )


def between(one: Sample, level: float = 0.95) -> Ends:
    found = stats.difference(one)
    return stats.interval(found, level, unseen=unseen_between(level, found, *stats.means(one)), signed=False)


def log_ratio(one: Sample, level: float = 0.95) -> Ends:
    found = stats.jackknife(one, IMPACT_RATIO.between)
    return stats.interval(found, level, unseen=unseen_ratio(level, found.sides, *stats.means(one)))


@given(st.integers(0, 10_000))
@SETTINGS
def test_swapping_the_groups_turns_the_interval_of_rates_round(seed: int) -> None:
    for interval in (between, log_ratio):
        before, after = interval(sides(seed)), interval(turned(sides(seed)))
        np.testing.assert_allclose(before[0], -after[1], atol=1e-12)
        np.testing.assert_allclose(before[1], -after[0], atol=1e-12)


@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
@SETTINGS
def test_the_p_value_of_separate_rates_is_where_the_interval_touches_zero(seed: int, rate: float) -> None:
    one = sides(seed, rate=rate)
    found = stats.difference(one)
    p = float(stats.inverted_p(found, lambda level: unseen_between(level, found, *stats.means(one)))[0])
    low, high = between(one, 1 - p)
    if p < 1:
        assert min(abs(low[0]), abs(high[0])) < 1e-6
    for level in (0.9, 0.95, 0.99):
        low, high = between(one, level)
        assert (low[0] > 0 or high[0] < 0) == (p < 1 - level - 1e-9) or p == pytest.approx(1 - level)


def test_a_group_of_twenty_without_a_favourable_answer_is_not_told_from_a_low_rate() -> None:
    """The t interval alone rests on the other group, whose 300 answers leave no doubt."""
    value = np.concatenate([np.zeros(20), np.tile([1.0] + [0.0] * 9, 30)])
    one = Sample(
        effect=np.zeros(320, np.intp), value=value, side=np.repeat([0, 1], [20, 300]).astype(np.intp),
        cluster=np.arange(320), name=np.zeros(320, np.intp), count=1,
    )  # fmt: skip
    assert stats.interval(stats.difference(one), 0.95)[0][0] > 0
    low, high = between(one)
    assert low[0] < 0 < high[0]
    assert oracle.fisher_exact([[0, 20], [30, 270]]).pvalue > 0.05


# ------------------------------------------------------------- how many would decide


@given(st.integers(10, 80), st.floats(0.01, 0.3), st.floats(0.02, 0.5), st.floats(0, 0.3))
@SETTINGS
def test_so_many_clusters_decide_and_one_fewer_does_not(
    units: int, half: float, distance: float, kept: float
) -> None:
    needed = clusters_to_decide(half=half, distance=distance, units=units, kept=kept, unseen_level=0.99)

    def reach(count: int) -> float:
        scatter = half * np.sqrt(kept + (1 - kept) * units / count)
        return float(np.hypot(scatter, unseen_share(0.99, count)))

    if needed is None:
        assert reach(100_000) > distance * 0.99
    else:
        assert reach(needed) <= distance * (1 + 1e-6)
        assert needed == 1 or reach(needed - 1) > distance * (1 - 1e-6)
