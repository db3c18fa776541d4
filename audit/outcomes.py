"""Scores of single groups: n, mean with its interval, and the ratio to the best group with what chance would show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit import stats
from audit.bands import compare_with_best
from audit.contrasts import UNKNOWN, Members, keys_of, members_of
from audit.records import ALL
from audit.stats import Ints, Sample
from audit.unseen import unseen_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What holds for all groups of one metric."""

    rate: bool
    ratios: bool
    """Whether groups are compared with the best one."""
    alpha: float
    least_share: float
    """Groups that are a smaller share of the sample have no ratio."""
    fixed: bool
    seed: int
    compares: Callable[[str, str], bool] = lambda axis, group: True
    """Whether a group of an axis is one that the policy compares."""


def outcomes(
    rows: pd.DataFrame, groups: Mapping[str, Sequence[str]], rules: Rules
) -> list[dict[str, object]]:
    """Rows of the table GROUPS, without the metric's name, from scores.

    `rows` has the columns axis, stratum, group, cluster, name, value, and may have answers and lost (of SCORES).
    Every group of `groups` (by axis) has a row in every stratum; groups that only the rows know are added.
    """
    places = [
        (axis, stratum, group)
        for axis, known in groups.items()
        for mine in [rows[rows["axis"] == axis]]
        for stratum in (ALL, *sorted(set(mine["stratum"].unique()) - {""}))
        for group in [*known, *sorted(set(mine["group"].unique()) - set(known))]
    ]
    keys = keys_of(
        ("axis", "stratum", "group", "contrast", "side"),
        ((*place, number, 1) for number, place in enumerate(places)),
    )
    members = members_of(keys, rows, ["axis", "group"])
    value = rows["value"].to_numpy(float)[members.row]
    known = ~np.isnan(value)
    sample = _sample(rows, members.row[known], members.contrast[known], count=len(places))
    n, failed = _answers(rows, members, known, count=len(places))
    table = [
        {"axis": axis, "stratum": stratum, "group": group, "n": int(n[place]), "failed": int(failed[place])}
        for place, (axis, stratum, group) in enumerate(places)
    ]
    _add_means(table, sample, rules)
    _add_ratios(table, sample, rules)
    return table


def _answers(rows: pd.DataFrame, members: Members, known: Flags, *, count: int) -> tuple[Ints, Ints]:
    """Answers with and without a value; a row without a value counts as at least one answer without."""
    told = rows if {"answers", "lost"} <= set(rows.columns) else rows.assign(answers=1, lost=0)
    answers, lost = (told[name].to_numpy(np.intp)[members.row] for name in ("answers", "lost"))
    with_value, without = np.where(known, answers, 0), np.where(known, lost, np.maximum(lost, 1))
    n, failed = (
        np.bincount(members.contrast, weights=each, minlength=count) for each in (with_value, without)
    )
    return n.astype(np.intp), failed.astype(np.intp)


def _sample(rows: pd.DataFrame, row: Ints, effect: Ints, *, count: int) -> Sample:
    import pandas as pd

    cluster, name = (
        pd.factorize(rows[column], sort=True)[0].astype(np.intp)[row] for column in ("cluster", "name")
    )
    value = rows["value"].to_numpy(float)[row]
    return Sample(effect=effect, value=value, side=None, cluster=cluster, name=name, count=count)


def _add_means(table: list[dict[str, object]], sample: Sample, rules: Rules) -> None:
    """Mean of each group with its interval."""
    found = stats.difference(sample, fixed=rules.fixed)
    level = 1 - rules.alpha
    unseen = unseen_rate(level, found) if rules.rate else (0.0, 0.0)
    low, high = stats.interval(found, level, unseen=unseen, signed=False)
    if rules.rate:
        low, high = np.maximum(low, 0.0), np.minimum(high, 1.0)
    for place, row in enumerate(table):
        row |= {"value": float(found.value[place]), "low": float(low[place]), "high": float(high[place])}


def _add_ratios(table: list[dict[str, object]], sample: Sample, rules: Rules) -> None:
    """Ratio to the best group of the same axis and stratum; a note where a group has none."""
    blocks: dict[tuple[object, object], list[int]] = {}
    for place, row in enumerate(table):
        row |= dict.fromkeys(
            ("impact_ratio", "impact_ratio_low", "impact_ratio_high", "expected_lowest_ratio"), np.nan
        )
        row["note"] = _apart(str(row["axis"]), str(row["group"]), rules)
        blocks.setdefault((row["axis"], row["stratum"]), []).append(place)
    for places in blocks.values() if rules.ratios else ():
        sizes = np.bincount(sample.effect, minlength=sample.count)
        total = sizes[places].sum()
        usable = [
            place
            for place in places
            if not table[place]["note"] and _is_large(table[place], sizes[place], total, rules)
        ]
        if len(usable) >= 2:
            _compare([table[place] for place in usable], sample, usable, rules)


def _apart(axis: str, group: str, rules: Rules) -> str:
    """Why a group is counted and never compared; empty where it is compared."""
    if UNKNOWN & {group, *group.split("*")}:
        return "unknown group: counted, never compared"
    return "" if rules.compares(axis, group) else "no category of the policy: counted, never compared"


def _is_large(row: dict[str, object], size: int, total: int, rules: Rules) -> bool:
    """Whether a group is large enough for a ratio; says so in its note where it is not."""
    if size == 0:
        row["note"] = "no answers with a value"
    elif size < rules.least_share * total:
        row["note"] = f"under {rules.least_share:.0%} of the sample: no ratio"
    return not row["note"]


def _compare(rows: list[dict[str, object]], sample: Sample, places: list[int], rules: Rules) -> None:
    """Ratios of some groups to the best of them."""
    local = np.full(sample.count, -1, dtype=np.intp)
    local[places] = np.arange(len(places))
    mine = np.flatnonzero(local[sample.effect] >= 0)
    part = Sample(
        effect=local[sample.effect[mine]], value=sample.value[mine], side=None,
        cluster=_dense(sample.cluster[mine]), name=_dense(sample.name[mine]), count=len(places),
    )  # fmt: skip
    best = compare_with_best(part, alpha=rules.alpha, seed=rules.seed, fixed=rules.fixed)
    for place, row in enumerate(rows):
        row["impact_ratio"] = float(best.ratio[place])
        row["impact_ratio_low"], row["impact_ratio_high"] = float(best.low[place]), float(best.high[place])
        row["expected_lowest_ratio"] = best.expected_lowest
        if row["value"] == 0:
            row["note"] = "a rate of zero: no interval of the ratio"


def _dense(unit: Ints) -> Ints:
    return np.asarray(np.unique(unit, return_inverse=True)[1].reshape(-1), np.intp)
