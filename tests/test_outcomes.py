"""Rates of groups, their ratios to the best, and what chance alone would show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from audit.bands import BestComparison, compare_with_best
from audit.outcomes import Rules, outcomes
from audit.policy import load_policy
from audit.stats import Sample

AUDITS = 300
RULES = Rules(rate=True, ratios=True, alpha=0.05, least_share=0.02, fixed=False, seed=1)


def compared(rng: np.random.Generator, rates: NDArray[np.float64], each: int) -> BestComparison:
    """One audit of independent answers, `each` a group."""
    size = len(rates) * each
    sample = Sample(
        effect=np.repeat(np.arange(len(rates)), each).astype(np.intp),
        value=(rng.random(size) < np.repeat(rates, each)).astype(float),
        side=None,
        cluster=np.arange(size, dtype=np.intp),
        name=np.zeros(size, dtype=np.intp),
        count=len(rates),
    )
    return compare_with_best(sample, alpha=0.05, seed=1)


def test_eight_equal_groups_show_a_lowest_ratio_under_four_fifths_in_more_than_half_of_all_audits() -> None:
    rng = np.random.default_rng(3)
    found = [compared(rng, np.full(8, 0.125), 1_000) for _ in range(AUDITS)]
    lowest = np.array([each.ratio.min() for each in found])
    covered = np.array([np.all((each.low <= 1) & (each.high >= 1)) for each in found])
    told = np.array([each.expected_lowest for each in found])
    naive = np.sqrt(2 * 0.875 / (0.125 * 1_000))
    assert (lowest < 0.8).mean() == pytest.approx(0.57, abs=0.06)
    assert covered.mean() >= 0.94
    assert (np.log(lowest) + 1.96 * naive >= 0).mean() < 0.6
    assert np.median(told) == pytest.approx(np.median(lowest), abs=0.01)


@pytest.mark.parametrize("rates", [(0.6, 0.5), (0.125, 0.12, 0.11, 0.1, 0.09, 0.08)])
def test_intervals_of_the_comparison_with_the_best_cover_unequal_groups(rates: tuple[float, ...]) -> None:
    rng = np.random.default_rng(5)
    truth = np.array(rates) / max(rates)
    found = [compared(rng, np.array(rates), 400) for _ in range(AUDITS)]
    covered = [np.all((each.low <= truth) & (truth <= each.high)) for each in found]
    assert np.mean(covered) >= 0.93


def rows(counts: dict[str, tuple[int, int]], *, axis: str = "colour", without: int = 0) -> pd.DataFrame:
    """Single answers: group → (favourable, all); `without` more answers of each group have no value."""
    table = [
        {"group": group, "value": value}
        for group, (favourable, total) in counts.items()
        for value in [1.0] * favourable + [0.0] * (total - favourable) + [np.nan] * without
    ]
    frame = pd.DataFrame(table).assign(axis=axis, stratum="", name="")
    return frame.assign(cluster=[f"c{number}" for number in range(len(frame))])


def by_group(table: list[dict[str, object]]) -> dict[object, dict[str, object]]:
    return {row["group"]: row for row in table if row["stratum"] == "*"}


def test_a_group_under_two_percent_keeps_its_row_with_its_rate_and_has_no_ratio() -> None:
    found = by_group(
        outcomes(rows({"blue": (300, 500), "red": (240, 490), "tiny": (9, 10)}), {"colour": ()}, RULES)
    )
    assert found["tiny"]["n"] == 10 and found["tiny"]["value"] == pytest.approx(0.9)
    assert np.isnan(float(str(found["tiny"]["impact_ratio"])))
    assert "under 2% of the sample" in str(found["tiny"]["note"])
    assert found["red"]["impact_ratio"] == pytest.approx((240 / 490) / (300 / 500))
    assert found["blue"]["impact_ratio"] == 1.0


def test_unknown_groups_are_counted_and_never_a_reference() -> None:
    table = rows({"blue": (50, 100), "red": (40, 100), "unknown": (100, 100)}, without=3)
    found = by_group(outcomes(table, {"colour": ("blue", "red")}, RULES))
    assert (found["unknown"]["n"], found["unknown"]["failed"]) == (100, 3)
    assert np.isnan(float(str(found["unknown"]["impact_ratio"])))
    assert found["blue"]["impact_ratio"] == 1.0 and found["red"]["impact_ratio"] == pytest.approx(0.8)


def test_an_intersection_with_an_unknown_part_is_unknown() -> None:
    counts = {"men*north": (50, 100), "women*north": (40, 100), "unknown*north": (99, 100)}
    found = by_group(outcomes(rows(counts, axis="gender*place"), {"gender*place": ()}, RULES))
    assert "unknown group" in str(found["unknown*north"]["note"])
    assert found["men*north"]["impact_ratio"] == 1.0


def test_groups_that_are_no_category_of_the_policy_are_no_reference() -> None:
    rules = Rules(
        rate=True, ratios=True, alpha=0.05, least_share=0.02, fixed=False, seed=1,
        compares=load_policy("nyc-ll144").compares,
    )  # fmt: skip
    counts = {"men": (50, 100), "non-binary": (90, 100), "women": (40, 100)}
    found = by_group(outcomes(rows(counts, axis="gender"), {"gender": tuple(counts)}, rules))
    assert found["women"]["impact_ratio"] == pytest.approx(0.8)
    assert found["men"]["impact_ratio"] == 1.0
    assert "no category" in str(found["non-binary"]["note"])
    assert found["non-binary"]["value"] == pytest.approx(0.9)


def test_a_rate_of_zero_has_a_ratio_and_no_interval() -> None:
    found = by_group(outcomes(rows({"blue": (50, 100), "red": (0, 100)}), {"colour": ()}, RULES))
    assert found["red"]["impact_ratio"] == 0.0
    assert np.isnan(float(str(found["red"]["impact_ratio_low"])))
    assert "rate of zero" in str(found["red"]["note"])


def test_two_hundred_groups_and_groups_without_answers_have_rows() -> None:
    names = [f"g{number:03d}" for number in range(200)]
    found = by_group(outcomes(rows({name: (3, 6) for name in names}), {"colour": (*names, "nobody")}, RULES))
    assert len(found) == 201
    assert found["nobody"]["n"] == 0 and found["nobody"]["note"] == "no answers with a value"
    assert all("under 2% of the sample" in str(found[name]["note"]) for name in names)
