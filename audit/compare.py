"""Two runs of one suite → what became of each effect, pair by pair: worse, better, unchanged or undecided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audit import stats
from audit.changed import Numbers, Rules, numbers
from audit.comparable import compared, metric_refusals, refusal, remarks, require_two
from audit.growth import Told, told
from audit.kinds import kind_of
from audit.matched import Block, blocks
from audit.policy import Policy
from audit.records import (
    CHANGES,
    CREDITS,
    FLIP_COUNTS,
    FLIPS,
    MOVERS,
    UTILITY,
    Change,
    ChangeStatus,
    Comparison,
    Exclusion,
    Run,
    content_id,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

MOST_WITHOUT_VALUE = 0.5
"""Share of rows without a value above which nothing is said."""
KEYS = ("metric", "axis", "stratum", "design", "group_a", "group_b", "contrast", "scale")
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    """What the status of one effect of both runs rests on."""

    row: Row
    """EFFECTS of the candidate, those of the baseline with `_before`, and the numbers of the change."""
    policy: Policy
    refused: str
    unfinished: str
    items: str
    gaps: str


def compare(baseline: Run, candidate: Run, *, policy: Policy | None = None) -> Comparison:
    """What became of each effect of the baseline in the candidate; InputError for runs of different suites.

    `policy` gives alpha, power and the bars for a statement; by default the candidate's own, as its plan fixed it.
    """
    one, other = compared(baseline), compared(candidate)
    require_two(one, other)
    rules = policy or Policy.model_validate(candidate.policy)
    both = _both(baseline.effects, candidate.effects)
    found = blocks(baseline, candidate, both)
    refused = _refusals(baseline, candidate, both, found)
    decided = both["decision"].to_numpy(bool) & both["decision_before"].to_numpy(bool)
    count = int((decided & (refused == "")).sum())
    change, level = _measured(found, both, decided, count, candidate, rules)
    unfinished = _unfinished(one.complete, other.complete)
    table = _table(both, change, level, decided, count, ids=(one.plan, other.plan))
    cases = _cases(both, table, found, refused, unfinished=unfinished, policy=rules)
    statuses = [_status(case) if yes else ("", "") for case, yes in zip(cases, decided, strict=True)]
    table = table.assign(status=[status for status, _ in statuses], reason=[reason for _, reason in statuses])
    table = _with_lonely(table, baseline, candidate, decided=both.loc[decided, "effect_id"])
    return Comparison(
        baseline=one, candidate=other, paired=True, alpha=rules.alpha, count=count,
        changes=_changes(table), table=table,
        flips=FLIPS.frame(), flip_counts=FLIP_COUNTS.frame(), movers=MOVERS.frame(), credits=CREDITS.frame(),
        utility=UTILITY.frame(), refused=_summed(refused[decided]), notes=remarks(one, other),
    )  # fmt: skip


def _both(baseline: pd.DataFrame, candidate: pd.DataFrame) -> pd.DataFrame:
    """Effects that both runs have, in the candidate's order, with the baseline's columns as `_before`."""
    before = baseline.set_index("effect_id").add_suffix("_before").reset_index()
    return candidate.merge(before, on="effect_id", how="inner")


def _unfinished(baseline: bool, candidate: bool) -> str:
    gone = [name for name, complete in (("baseline", baseline), ("candidate", candidate)) if not complete]
    return f"the run of the {' and of the '.join(gone)} is incomplete" if gone else ""


# ------------------------------------------------------------- what cannot be compared


def _refusals(
    baseline: Run, candidate: Run, both: pd.DataFrame, found: Sequence[Block]
) -> NDArray[np.object_]:
    """Why each effect of both runs is not comparable; empty where it is."""
    plans = {"suite": baseline.suite, **baseline.plan}, {"suite": candidate.suite, **candidate.plan}
    every = refusal(*plans)
    reasons = np.full(len(both), every, dtype=object)
    if every:
        return reasons
    for metric, why in metric_refusals(*plans).items():
        reasons[(both["metric"] == metric).to_numpy(bool)] = why
    for column, title in (("scale", "scale"), ("control_arm", "control arm")):
        differ = (both[column] != both[f"{column}_before"]).to_numpy(bool)
        reasons[differ & (reasons == "")] = f"the {title} is another one in the candidate"
    moved = _limit_differs(both) & (reasons == "")
    reasons[moved] = [_limits(row) for row in both[moved].to_dict("records")]
    recorded = candidate.suite.get("recorded") is not None
    for block in found:
        if not (block.ready_made or recorded):
            own = np.array(_items(block), dtype=object)
            reasons[block.place] = np.where(reasons[block.place] == "", own, reasons[block.place])
    return reasons


def _limit_differs(both: pd.DataFrame) -> Flags:
    sides = [
        (both[name].to_numpy(float), both[f"{name}_before"].to_numpy(float))
        for name in ("limit_low", "limit_high")
    ]
    same = [(one == other) | (np.isnan(one) & np.isnan(other)) for one, other in sides]
    return np.asarray(~(same[0] & same[1]), bool)


def _limits(row: Mapping[Any, Any]) -> str:
    before, after = (
        f"{row[f'limit_low{version}']:g} to {row[f'limit_high{version}']:g}" for version in ("_before", "")
    )
    return f"the limit is {before} in the baseline and {after} in the candidate"


def _items(block: Block) -> list[str]:
    """What only one run has, of the rows of each effect."""
    unit = "answers" if block.way.design != "paired" or block.contrasts.interaction else "pairs"
    sides = zip(block.lacks.only_baseline, block.lacks.only_candidate, strict=True)
    return [
        f"items differ: {one} {unit} are in the baseline alone, {other} in the candidate alone"
        if one or other
        else ""
        for one, other in sides
    ]


def _summed(reasons: NDArray[np.object_]) -> tuple[Exclusion, ...]:
    """Reasons with the number of decision effects they apply to."""
    given = [str(reason) for reason in reasons if reason]
    return tuple(
        Exclusion(what="not comparable", reason=reason, count=given.count(reason))
        for reason in dict.fromkeys(given)
    )


# ------------------------------------------------------------- numbers


def _measured(
    found: list[Block], both: pd.DataFrame, decided: Flags, count: int, candidate: Run, policy: Policy
) -> tuple[Numbers, NDArray[np.float64]]:
    """The numbers of every change and its level: simultaneous for decisions, else that of the false coverage rate."""
    how = Rules(
        fixed=candidate.suite.get("generalise") == "items", seed=int(str(candidate.plan.get("seed", 0))),
        power=policy.power,
    )  # fmt: skip
    strict = 1 - policy.alpha / max(count, 1)
    level = np.where(decided, strict, 1 - policy.alpha)
    change = numbers(found, both, level, how)
    adjusted = stats.benjamini_hochberg(np.where(decided, np.nan, change.p))
    explored = stats.fcr_level(adjusted, policy.alpha)
    if (decided | (explored == 1 - policy.alpha)).all():
        return change, level
    level = np.where(decided, strict, explored)
    return numbers(found, both, level, how), level


def _table(
    both: pd.DataFrame, change: Numbers, level: NDArray[np.float64], decided: Flags, count: int,
    *, ids: tuple[str, str],
) -> pd.DataFrame:  # fmt: skip
    """The table CHANGES of effects of both runs; status and reason still open."""
    adjusted = stats.benjamini_hochberg(np.where(decided, np.nan, change.p))
    signs = [np.where(both[f"low{v}"] > 0, 1, np.where(both[f"high{v}"] < 0, -1, 0)) for v in ("_before", "")]
    signless = np.array([_signless(metric) for metric in both["metric"]], dtype=bool)
    versions = {"baseline": "_before", "candidate": ""}
    own = {
        f"{name}{end}": both[f"{column}{version}"]
        for name, version in versions.items()
        for end, column in (("", "estimate"), ("_low", "low"), ("_high", "high"), ("_verdict", "verdict"))
    }
    return CHANGES.frame(both[["effect_id", *KEYS, "limit_low", "limit_high"]].assign(
        change_id=[content_id("change", effect, *ids) for effect in both["effect_id"]],
        decision=decided, status="", reversed=(signs[0] * signs[1] < 0) & ~signless, **own,
        difference=change.difference, se=change.se, df=change.df, low=change.ends.low, high=change.ends.high,
        level=level, total=change.total, total_low=change.ends.total_low, total_high=change.ends.total_high,
        p_value=change.p, p_adjusted=np.where(decided, np.minimum(1.0, count * change.p), adjusted),
        control_low=-change.control, control_high=change.control, detectable=change.detectable,
        pair_count=change.pairs, missing_count=change.missing, cluster_count=change.clusters,
        name_count=change.names, reason="",
    ))  # fmt: skip


def _signless(metric: str) -> bool:
    from audit.errors import InputError

    try:
        return kind_of(metric).signless
    except InputError:
        return False


# ------------------------------------------------------------- statuses


def _cases(
    both: pd.DataFrame, table: pd.DataFrame, found: Sequence[Block], refused: NDArray[np.object_],
    *, unfinished: str, policy: Policy,
) -> list[_Case]:  # fmt: skip
    """One case for each effect of both runs."""
    gaps = _gaps(both, found, policy)
    columns = table[["difference", "low", "high", "total", "total_low", "total_high", "cluster_count"]]
    rows = both.assign(**columns.add_prefix("change_"), noise=table["control_high"]).to_dict("records")
    said = told_of(table)
    return [
        _Case(
            row={str(key): value for key, value in row.items()} | {
                "worse": said.worse[n], "better": said.better[n], "unchanged": said.unchanged[n],
            },
            policy=policy, refused=str(refused[n]), unfinished=unfinished, items="", gaps=gaps[n],
        )
        for n, row in enumerate(rows)
    ]  # fmt: skip


def told_of(table: pd.DataFrame) -> Told:
    """What the intervals of the table CHANGES say."""
    from audit.growth import Ends

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


def _status(case: _Case) -> tuple[ChangeStatus, str]:
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


def _outside_noise(case: _Case, status: ChangeStatus) -> tuple[ChangeStatus, str]:
    """Worse or better, unless pairs of one group changed as much."""
    row = case.row
    if row["design"] != "paired" or kind_of(row["metric"]).unsigned:
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


def _without_measurement(case: _Case) -> str:
    gone = [
        name
        for name, version in (("baseline", "_before"), ("candidate", ""))
        if case.row[f"verdict{version}"] == "not_measured"
    ]
    return f"not measured in the {' and in the '.join(gone)}" if gone else ""


def _without_limit(case: _Case) -> str:
    known = np.isfinite(case.row["limit_low"]) and np.isfinite(case.row["limit_high"])
    return "" if known else f"the policy '{case.policy.id}' sets no limit for {case.row['metric']}"


def _too_few(case: _Case) -> str:
    clusters, least = int(case.row["change_cluster_count"]), case.policy.min_clusters
    return "" if clusters >= least else f"too few clusters: {clusters}, at least {least} are needed"


def _without_interval(case: _Case) -> str:
    ends = (case.row[f"change_{name}"] for name in ("low", "high", "total_low", "total_high"))
    return "" if np.isfinite(list(ends)).all() else "there is no interval of the change"


OBSTACLES: tuple[Callable[[_Case], str], ...] = (
    lambda case: case.unfinished, _without_measurement, _without_limit, lambda case: case.gaps, _too_few,
    _without_interval,
)  # fmt: skip
"""What stands in the way of any statement, each as a function that gives the reason or nothing."""


# ------------------------------------------------------------- new and gone


def _with_lonely(
    table: pd.DataFrame, baseline: Run, candidate: Run, *, decided: pd.Series[str]
) -> pd.DataFrame:
    """The table with decision effects of one run alone: new in the candidate, or gone since the baseline."""
    known = set(decided)
    lonely = []
    for run, status, name in ((candidate, "new", "candidate"), (baseline, "gone", "baseline")):
        mine = run.effects[run.effects["decision"] & ~run.effects["effect_id"].isin(known)]
        other = baseline if run is candidate else candidate
        for row in mine.to_dict("records"):
            asked = row["effect_id"] in set(other.effects["effect_id"])
            lonely.append(_alone(row, status, name, asked=asked, ids=(baseline, candidate)))
    if not lonely:
        return table
    kept = table[~table["effect_id"].isin([row["effect_id"] for row in lonely])]
    return CHANGES.stack([kept, CHANGES.frame(lonely)])


def _alone(
    row: Mapping[Any, Any], status: str, name: str, *, asked: bool, ids: tuple[Run, Run]
) -> dict[str, object]:
    """A row of CHANGES of an effect that only one run has, or that only one marks for decision."""
    other = "baseline" if name == "candidate" else "candidate"
    empty: dict[str, object] = {"str": "", "float64": float("nan"), "int64": 0, "bool": False}
    blank: dict[str, object] = {column.name: empty[column.dtype] for column in CHANGES.columns}
    own = {key: row[key] for key in ("effect_id", *KEYS, "limit_low", "limit_high")}
    ends = {"": "estimate", "_low": "low", "_high": "high", "_verdict": "verdict"}
    plans = [str(run.plan["digest"]) for run in ids]
    return {
        **blank, **own, **{f"{name}{end}": row[column] for end, column in ends.items()},
        "change_id": content_id("change", row["effect_id"], *plans), "decision": True, "status": status,
        "reason": f"not marked for decision in the {other}" if asked else f"the {other} has no such effect",
    }  # fmt: skip


def _changes(table: pd.DataFrame) -> tuple[Change, ...]:
    """One change for each decision effect."""
    return tuple(
        Change(
            id=row["change_id"], effect_id=row["effect_id"], metric=row["metric"], axis=row["axis"],
            stratum=row["stratum"], group_a=row["group_a"], group_b=row["group_b"], contrast=row["contrast"],
            decision=True, status=row["status"], reversed=row["reversed"], reason=row["reason"],
        )
        for row in table[table["decision"]].to_dict("records")
    )  # fmt: skip
