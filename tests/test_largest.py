from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audit import stats
from audit.largest import interval_of_largest, shared_level
from audit.unseen import unseen_difference

AUDITS = 10_000


def test_the_interval_of_the_largest_is_put_together_from_sizes() -> None:
    low, high = np.array([-0.1, 0.05, -0.3]), np.array([0.2, 0.1, -0.2])
    found = interval_of_largest([low, low[::-1]], [high, high[::-1]])
    assert found[0].tolist() == pytest.approx([0.2, 0.05, 0.2])
    assert found[1].tolist() == pytest.approx([0.3, 0.1, 0.3])
    assert shared_level(np.array([0.95]), 2).tolist() == pytest.approx([0.975])


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4))
@settings(deadline=None)
def test_whatever_lies_in_all_intervals_has_its_largest_size_in_theirs(
    parts: list[tuple[float, float, float]],
) -> None:
    low = [np.array([value - below]) for value, below, _ in parts]
    high = [np.array([value + above]) for value, _, above in parts]
    least, most = interval_of_largest(low, high)
    assert least[0] - 1e-12 <= max(abs(value) for value, _, _ in parts) <= most[0] + 1e-12


def test_an_unknown_difference_leaves_the_largest_unknown() -> None:
    least, most = interval_of_largest(
        [np.array([np.nan]), np.array([0.1])], [np.array([np.nan]), np.array([0.2])]
    )
    assert np.isnan(least[0]) and np.isnan(most[0])


def differences(
    truth: float, *, templates: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Intervals at 97.5 % of a difference of two rates over clusters, one for each of many audits."""
    random = np.random.default_rng(seed)
    base = random.beta(2, 2, (AUDITS, templates)) * (1 - truth)
    chance = np.stack([base, base + truth])
    answers = (random.random(chance.shape) < chance).astype(float)
    audit, template = np.divmod(np.arange(AUDITS * templates), templates)
    sample = stats.Sample(
        effect=audit, value=(answers[1] - answers[0]).reshape(-1), side=None, cluster=template,
        name=np.zeros(len(audit), dtype=np.intp), count=AUDITS,
    )  # fmt: skip
    found = stats.difference(sample)
    level = shared_level(np.full(AUDITS, 0.95), 2)
    return stats.interval(found, level, unseen=unseen_difference(level, found))


@pytest.mark.parametrize("templates", [10, 40])
@pytest.mark.parametrize("truth", [(0.0, 0.0), (0.02, 0.0), (0.1, 0.1), (0.3, 0.3), (0.3, 0.1)])
def test_the_interval_of_the_larger_of_two_differences_covers_also_near_zero(
    truth: tuple[float, float], templates: int
) -> None:
    parts = [differences(one, templates=templates, seed=seed) for seed, one in enumerate(truth)]
    low, high = interval_of_largest([part[0] for part in parts], [part[1] for part in parts])
    covered = np.mean((low <= max(truth) + 1e-12) & (max(truth) - 1e-12 <= high))
    assert covered >= 0.95 - 2 * (0.05 * 0.95 / AUDITS) ** 0.5
