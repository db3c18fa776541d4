"""What became of one decision effect: its status, and the reason where nothing can be said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audit.growth import Ends, Told, told
from audit.matched import Block, known_kind
from audit.policy import Policy
from audit.records import ChangeStatus

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MOST_WITHOUT_VALUE = 0.5
"""Share of rows without a value above which nothing is said."""
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What the status of one effect of both runs rests on."""

    row: Row
    """EFFECTS of the candidate, those of the baseline with `_before`, and the numbers of the change."""
    policy: Policy
    refused: str
    unfinished: str
    gaps: str


def cases_of(
    both: pd.DataFrame, table: pd.DataFrame, found: Sequence[Block], refused: NDArray[np.object_],
    *, unfinished: str, policy: Policy,
) -> list[Case]:  # fmt: skip
    """One case for each effect of both runs."""
    gaps = _gaps(both, found, policy)
    columns = table[["difference", "low", "high", "total", "total_low", "total_high", "cluster_count"]]
    rows = both.assign(**columns.add_prefix("change_"), noise=table["control_high"]).to_dict("records")
    said = told_of(table)
    return [
        Case(
            row={str(key): value for key, value in row.items()} | {
                "worse": said.worse[n], "better": said.better[n], "unchanged": said.unchanged[n],
            },
            policy=policy, refused=str(refused[n]), unfinished=unfinished, gaps=gaps[n],
        )
        for n, row in enumerate(rows)
    ]  # fmt: skip


def told_of(table: pd.DataFrame) -> Told:
    """What the intervals of the table CHANGES say."""
    ends = Ends(**{name: table[name].to_numpy(float) for name in Ends.__slots__})
    return told(ends, table["limit_low"].to_numpy(float), table["limit_high"].to_numpy(float))


def _gaps(both: pd.DataFrame, found: Sequence[Block], policy: Policy) -> list[str]:
    """Too many answers without a value: most, or many more in one version or group than in the other."""
    gaps = [""] * len(both)
    for block in found:
        lacks = block.lacks
        for n, place in enumerate(block.place):
            shares = float(lacks.baseline[n]), float(lacks.candidate[n])
            gaps[place] = _gap(shares, float(lacks.group_gap[n]), policy)
    return gaps


def _gap(shares: tuple[float, float], between_groups: float, policy: Policy) -> str:
    told = f"without a value: {shares[0]:.1%} in the baseline, {shares[1]:.1%} in the candidate"
    if max(shares) > MOST_WITHOUT_VALUE or abs(shares[1] - shares[0]) > policy.none_ceiling:
        return told
    if between_groups > policy.none_ceiling:
        return f"one group lacks values for {between_groups:.1%} more of its answers than the other"
    return ""


def status_of(case: Case) -> tuple[ChangeStatus, str]:
    """What became of a decision effect of both runs, and why."""
    if case.refused:
        return "not_comparable", case.refused
    for obstacle in OBSTACLES:
        if why := obstacle(case):
            return "undecided", why
    row = case.row
    if row["unchanged"]:
        return "unchanged", ""
    if row["worse"]:
        return _outside_noise(case, "worse")
    if row["better"]:
        return _outside_noise(case, "better")
    return "undecided", "the interval of the change reaches across the limit"


def _outside_noise(case: Case, status: ChangeStatus) -> tuple[ChangeStatus, str]:
    """Worse or better, unless pairs of one group changed as much."""
    row = case.row
    kind = known_kind(row["metric"])
    if row["design"] != "paired" or (kind is not None and kind.unsigned):
        return status, ""
    if np.isnan(row["noise"]):
        return (
            "undecided",
            f"no noise band: there are no control pairs of the arm '{row['control_arm']}' with values",
        )
    if abs(row["change_difference"]) <= row["noise"]:
        return (
            "undecided",
            f"inside the noise band: pairs of one group (arm '{row['control_arm']}') changed as much",
        )
    return status, ""


def _without_measurement(case: Case) -> str:
    gone = [
        name
        for name, version in (("baseline", "_before"), ("candidate", ""))
        if case.row[f"verdict{version}"] == "not_measured"
    ]
    return f"not measured in the {' and in the '.join(gone)}" if gone else ""


def _without_limit(case: Case) -> str:
    known = np.isfinite(case.row["limit_low"]) and np.isfinite(case.row["limit_high"])
    return "" if known else f"the policy '{case.policy.id}' sets no limit for {case.row['metric']}"


def _too_few(case: Case) -> str:
    clusters, least = int(case.row["change_cluster_count"]), case.policy.min_clusters
    return "" if clusters >= least else f"too few clusters: {clusters}, at least {least} are needed"


def _without_interval(case: Case) -> str:
    ends = (case.row[f"change_{name}"] for name in ("low", "high", "total_low", "total_high"))
    return "" if np.isfinite(list(ends)).all() else "there is no interval of the change"


OBSTACLES: tuple[Callable[[Case], str], ...] = (
    lambda case: case.unfinished, _without_measurement, _without_limit, lambda case: case.gaps, _too_few,
    _without_interval,
)  # fmt: skip
"""What stands in the way of any statement, each as a function that gives the reason or nothing."""
