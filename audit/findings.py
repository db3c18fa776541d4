"""Effects + policy → verdicts. Nothing that is empty, unread or unfinished is ever called within."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from audit import stats
from audit.contrasts import corners, signs_of
from audit.interactions import cells_of
from audit.kinds import kind_of, rests_on
from audit.policy import Policy
from audit.records import ALL, DELTAS, EFFECTS, NOT_COUNTED, REFERENCE, Finding, Verdict, content_id
from audit.unseen import clusters_to_decide, deviation

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MOST_WITHOUT_VALUE = 0.5
"""Share of pairs without a value above which nothing is said, even if no group lacks more than another."""
FEASIBLE = 10
"""More than so many times the clusters that were asked are no advice."""
PLACE = ["stratum", "template", "cluster", "name"]
"""Columns of a set of prompts that differ by group alone."""
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    """One decision effect with what its verdict rests on."""

    row: Row
    pairs: pd.DataFrame
    """Swap-arm pairs of the effect's score: columns of DELTAS and `change`, b against a of the effect.

    Interactions: one row for each template and person, whose `own_a` is what the other combinations add up to.
    """
    lacking: tuple[float, float]
    """Shares of answers without a value on both sides of the pairs; of all sides the least and the most."""
    policy: Policy
    complete: bool
    generalise: str
    signed: bool


def findings(
    effects: pd.DataFrame, deltas: pd.DataFrame, *, policy: Policy, complete: bool, generalise: str
) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """The table EFFECTS with verdict and reason of the effects marked for decision, and a finding for each of these."""
    verdicts, reasons = effects["verdict"].tolist(), effects["reason"].tolist()
    swaps = _swaps(deltas)
    found: list[Finding] = []
    for place in np.flatnonzero(effects["decision"].to_numpy(bool)).tolist():
        row = {str(name): value for name, value in effects.iloc[place].items()}
        pairs, lacking = (_cells_of if row["contrast"] == "interaction" else _pairs_of)(
            row, _scored(row, swaps)
        )
        case = _Case(
            row=row, pairs=pairs, lacking=lacking, policy=policy, complete=complete, generalise=generalise,
            signed=not kind_of(row["metric"]).unsigned,
        )  # fmt: skip
        verdict, why = judge(case)
        reason = "; ".join(part for part in (why, row["reason"]) if part)
        verdicts[place], reasons[place] = verdict, reason
        found.append(_finding(case, verdict, reason))
    return EFFECTS.frame(effects.assign(verdict=verdicts, reason=reasons)), tuple(found)


def _finding(case: _Case, verdict: Verdict, reason: str) -> Finding:
    row = case.row
    return Finding(
        id=content_id("finding", row["effect_id"]),
        effect_id=row["effect_id"],
        metric=row["metric"],
        axis=row["axis"],
        stratum=row["stratum"],
        group_a=row["group_a"],
        group_b=row["group_b"],
        contrast=row["contrast"],
        verdict=verdict,
        reason=reason,
        distinguishable=bool(row["low"] > 0 or row["high"] < 0),
        example_pair=_example(case),
    )


# ------------------------------------------------------------- verdicts


def judge(case: _Case) -> tuple[Verdict, str]:
    """The verdict on one decision effect and why; the first obstacle that applies is named."""
    if settled := case.row["verdict"]:
        return cast(Verdict, settled), ""
    for obstacle in OBSTACLES:
        if why := obstacle(case):
            return "undecided", why
    low, high, limit_low, limit_high = (case.row[name] for name in ("low", "high", "limit_low", "limit_high"))
    if low >= limit_low and high <= limit_high:
        return "within", ""
    if low > limit_high or high < limit_low:
        return _beyond(case)
    return "undecided", _too_wide(case)


def _beyond(case: _Case) -> tuple[Verdict, str]:
    """Beyond the limit, unless the noise band reaches as far or is not known."""
    row = case.row
    if row["design"] != "paired" or not case.signed:
        return "beyond", ""
    if np.isnan(row["control_low"]) or np.isnan(row["control_high"]):
        return (
            "undecided",
            f"no noise band: there are no control pairs of the arm '{row['control_arm']}' with values",
        )
    if row["control_low"] <= row["estimate"] <= row["control_high"]:
        who = "single edits that cannot matter" if row["group_a"] == REFERENCE else "pairs of one group"
        return "undecided", f"inside the noise band: {who} (arm '{row['control_arm']}') differ as much"
    return "beyond", ""


def _unfinished(case: _Case) -> str:
    return "" if case.complete else "the run is incomplete"


def _without_limit(case: _Case) -> str:
    known = not (np.isnan(case.row["limit_low"]) or np.isnan(case.row["limit_high"]))
    return "" if known else f"the policy '{case.policy.id}' sets no limit for {case.row['metric']}"


def _without_values(case: _Case) -> str:
    """Too many answers without a value: all, most, or many more in one group than in the other."""
    failed, valued = int(case.row["failed_count"]), int(case.row["pair_count"])
    share = failed / max(failed + valued, 1)
    unit = "pairs" if case.row["design"] == "paired" else "answers"
    if len(case.pairs) and case.row["contrast"] == "interaction":
        unit = "sets of prompts"
    if valued == 0 or share > MOST_WITHOUT_VALUE:
        return f"{failed} of {failed + valued} {unit} have no value"
    if len(case.pairs):
        lacking_a, lacking_b = case.lacking
        if abs(lacking_b - lacking_a) > case.policy.none_ceiling:
            return f"answers without a value: {lacking_a:.1%} of one group, {lacking_b:.1%} of the other"
    elif case.row["design"] == "groups" and share > case.policy.none_ceiling:
        return (
            f"{failed} of {failed + valued} {unit} have no value, perhaps more in one group than in the other"
        )
    return ""


def _too_few(case: _Case) -> str:
    clusters = int(case.row["cluster_count"])
    return f"too few clusters: {clusters}, at least {case.policy.min_clusters} are needed" if (
        clusters < case.policy.min_clusters) else ""  # fmt: skip


def _without_interval(case: _Case) -> str:
    known = not (np.isnan(case.row["low"]) or np.isnan(case.row["high"]))
    return "" if known else "there is no interval"


OBSTACLES: tuple[Callable[[_Case], str], ...] = (
    _unfinished, _without_values, _too_few, _without_limit, _without_interval,
)  # fmt: skip
"""What stands in the way of any verdict, each as a function that gives the reason or nothing."""


def _too_wide(case: _Case) -> str:
    """The interval crosses the limit; how many clusters would decide, where more would."""
    row = case.row
    unit = "answers" if row["design"] == "ranking" else "templates"
    needed = _needed(case)
    if needed is None or needed > FEASIBLE * row["cluster_count"]:
        return "the interval reaches across the limit"
    return f"the interval reaches across the limit; about {needed} {unit} would decide it"


def _needed(case: _Case) -> int | None:
    """Clusters at which the interval about this estimate would lie on one side of the limit; None if never."""
    row = case.row
    if case.generalise == "items" or len(kind_of(row["metric"]).differs_in) > 1:
        return None
    value, ends = row["estimate"], np.array([row["limit_low"], row["limit_high"]])
    distance = float(np.abs(value - ends).min())
    half = stats.t_quantile(1 - (1 - row["level"]) / 2, row["df"]) * row["se"]
    units = int(row["cluster_count"])
    rate = row["scale"] == "difference" and kind_of(row["metric"]).card.unit == "rate"
    unseen = rate and (row["se"] <= 1e-12 or ends[0] < value < ends[1])
    kept, effective, size = _scatter(case)
    needed = clusters_to_decide(
        half=half, distance=distance, units=units, kept=kept, effective=effective, size=size,
        unseen_level=row["level"] if unseen else None,
    )  # fmt: skip
    return None if needed is None else max(needed, units + 1)


def _scatter(case: _Case) -> tuple[float, float, float]:
    """Share of the variance that more templates leave; on how many clusters the scatter rests, and their size."""
    pairs = case.pairs[case.pairs["change"].notna()]
    if case.row["design"] != "paired" or pairs.empty:
        return 0.0, 0.0, 0.0
    change = pairs["change"].to_numpy(float)
    if case.row["scale"] == "log_ratio":
        own_a, own_b = pairs["own_a"].to_numpy(float), pairs["own_b"].to_numpy(float)
        change = own_b / own_b.mean() - own_a / own_a.mean()
    cluster, name = (np.unique(pairs[key].astype(str), return_inverse=True)[1] for key in ("cluster", "name"))
    sample = stats.Sample(
        effect=np.zeros(len(pairs), dtype=np.intp), value=change, side=None,
        cluster=cluster, name=name, count=1,
    )  # fmt: skip
    found = stats.difference(sample)
    return float(found.kept[0]), float(found.effective[0]), float(deviation(found)[0])


# ------------------------------------------------------------- the pairs behind an effect


def _swaps(deltas: pd.DataFrame) -> Mapping[tuple[str, str], pd.DataFrame]:
    """Swap-arm pairs by metric and axis; words that repeat are categories, so that each effect finds its own fast."""
    swaps = deltas[(deltas["arm"] == "swap") & ~deltas["reason"].str.startswith(NOT_COUNTED)]
    small = swaps.astype({name: "category" for name in ("metric", "axis", "stratum", "group_a", "group_b")})
    groups = small.groupby(["metric", "axis"], observed=True, sort=False).indices
    keyed = cast("Mapping[tuple[str, str], NDArray[np.intp]]", groups)
    return {(str(metric), str(axis)): small.iloc[rows] for (metric, axis), rows in keyed.items()}


def _scored(row: Row, swaps: Mapping[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """Swap-arm pairs of the axis and stratum of an effect, of the score that it rests on."""
    import pandas as pd

    kind = kind_of(row["metric"])
    score = kind.name if kind.unsigned else rests_on(kind, dict.fromkeys(metric for metric, _ in swaps))
    each = [swaps.get((one, row["axis"]), DELTAS.frame()) for one in kind.differs_in or (score,)]
    mine = each[0] if len(each) == 1 else pd.concat(each).astype({"stratum": "str"})
    return mine if row["stratum"] == ALL else cast("pd.DataFrame", mine[mine["stratum"] == row["stratum"]])


def _cells_of(row: Row, mine: pd.DataFrame) -> tuple[pd.DataFrame, tuple[float, float]]:
    """An interaction by template and person, and the shares without a value of its combinations: least and most."""
    import pandas as pd

    groups = corners(row["group_a"], row["group_b"])
    mine = mine[mine["group_a"].isin(groups) & mine["group_b"].isin(groups)]
    sides = [
        mine[[*PLACE, f"group_{side}", f"value_{side}"]].set_axis([*PLACE, "group", "value"], axis=1)
        for side in ("a", "b")
    ]
    rows = pd.concat(sides, ignore_index=True).astype({"group": "str"})
    signs = signs_of(groups)
    cells = cells_of(rows, groups)
    own, change = cells.values[:, -1], (cells.values * signs).sum(axis=1)
    place = rows[["cluster", "name"]].iloc[cells.row].reset_index(drop=True)
    lacking = [float(gone.mean()) for gone in (np.isnan(cells.values) & cells.asked).T if len(gone)]
    found = place.assign(own_a=own - change, own_b=own, change=change)
    return found, (min(lacking, default=0.0), max(lacking, default=0.0))


def _pairs_of(row: Row, mine: pd.DataFrame) -> tuple[pd.DataFrame, tuple[float, float]]:
    """Swap-arm pairs of an effect, with the values of its own a and b and the change; and what they lack."""
    kind = kind_of(row["metric"])
    a, b = mine["group_a"], mine["group_b"]
    own, other = row["group_b"], row["group_a"]
    straight = (b == own) & ((a == other) | (other == ALL))
    turned = (a == own) & ((b == other) | (other == ALL))
    mine, turned = mine[straight | turned], turned[straight | turned]
    first, second = (
        mine["value_a"].where(~turned, mine["value_b"]),
        mine["value_b"].where(~turned, mine["value_a"]),
    )
    change = mine["delta"] if kind.unsigned else second - first
    change = change.abs() if len(kind.differs_in) > 1 else change
    lost_a, lost_b = (
        mine["lost_a"].where(~turned, mine["lost_b"]),
        mine["lost_b"].where(~turned, mine["lost_a"]),
    )
    lacking = (
        float(lost_a.where(first.notna(), 1.0).mean()),
        float(lost_b.where(second.notna(), 1.0).mean()),
    )
    return mine.assign(own_a=first, own_b=second, change=change), lacking


def _example(case: _Case) -> str:
    """The pair with the largest change in the direction of the estimate; the first by id among equals.

    None for interactions, which no single pair shows.
    """
    if case.row["contrast"] == "interaction":
        return ""
    sign = np.sign(case.row["estimate"])
    change = case.pairs["change"] * sign
    best = change.max() if len(change) else np.nan
    if not best > 0:
        return ""
    return str(case.pairs.loc[change == best, "pair_id"].min())
