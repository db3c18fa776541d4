"""The study of corrected effects: how often intervals of a judge's corrected effect cover the true difference.

    python tests/studies/judge_correction.py

prints the table of docs/decisions/009-a-judge-and-its-errors.md in half a minute; a short form is in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from audit import judging, stats
from audit.records import Correction

TEMPLATES, ANSWERS, LEVEL = 40, 12, 0.95
SETTINGS = ((0.9, 0.9, 30), (0.75, 0.8, 30), (0.65, 0.65, 30), (0.65, 0.65, 200))


@dataclass(frozen=True)
class Coverage:
    """Shares of the audits whose judge was not refused; audits without an interval count as covered."""

    fieller: float
    delta: float
    refused: int


def coverage(
    sensitivity: float, specificity: float, items: int, *, truth: float = 0.3, audits: int = 600
) -> Coverage:
    """Audits of `TEMPLATES` x `ANSWERS` judged answers a group, and `items` labelled ones of each label."""
    rng = np.random.default_rng(0)
    t = stats.t_quantile(1 - (1 - LEVEL) / 2, TEMPLATES - 1)
    held: list[tuple[bool, bool]] = []
    for _ in range(audits):
        change = _change(rng, truth, sensitivity, specificity)
        se = change.std(ddof=1) / TEMPLATES**0.5
        found, cleared = rng.binomial(items, sensitivity), rng.binomial(items, specificity)
        pooled = judging.Tally(group="*", favourable=items, found=found, unfavourable=items, cleared=cleared)
        divisor, error = judging.divisor_of(pooled)
        if divisor < judging.LEAST_DIVISOR:
            continue
        row = judging.corrected(effect(change.mean(), t * se, se), [by(divisor, error)]).iloc[0]
        fieller = not (row["low"] > truth or row["high"] < truth)
        held.append((fieller, abs(change.mean() / divisor - truth) <= t * row["se"]))
    shares = np.mean(held, axis=0)
    return Coverage(fieller=float(shares[0]), delta=float(shares[1]), refused=audits - len(held))


def effect(estimate: float, half: float, se: float) -> pd.DataFrame:
    """One row with those columns of EFFECTS that a correction reads."""
    return pd.DataFrame([{
        "metric": "judge", "axis": "gender", "group_b": "women", "contrast": "pair", "estimate": estimate,
        "low": estimate - half, "high": estimate + half, "level": LEVEL, "df": TEMPLATES - 1.0, "se": se,
        "control_low": 0.0, "control_high": 0.0, "detectable_zero": 0.0, "detectable_beyond": 0.0, "reason": "",
    }])  # fmt: skip


def by(divisor: float, error: float) -> Correction:
    return Correction(metric="judge", axis="gender", divisor=divisor, divisor_se=error, note="")


def _change(
    rng: np.random.Generator, truth: float, sensitivity: float, specificity: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Difference of the judged shares of two groups by template."""
    level = rng.normal(0.5, 0.08, TEMPLATES)
    sides = []
    for sign, scatter in ((-1, 0.0), (1, 0.05)):
        share = np.clip(level + sign * truth / 2 + rng.normal(0, scatter, TEMPLATES), 0, 1)
        judged = share * sensitivity + (1 - share) * (1 - specificity)
        sides.append(rng.binomial(ANSWERS, judged) / ANSWERS)
    return sides[1] - sides[0]


def main() -> None:
    """Prints the rows of the table."""
    print("| sensitivity, specificity | items | refused | Fieller covers | delta method covers |")
    print("|---|---|---|---|---|")
    for sensitivity, specificity, items in SETTINGS:
        found = coverage(sensitivity, specificity, items)
        print(
            f"| {sensitivity:.2f}, {specificity:.2f} | {items} | {found.refused} of 600 | {found.fieller:.1%} "
            f"| {found.delta:.1%} |".replace("%", " %")
        )


if __name__ == "__main__":
    main()
