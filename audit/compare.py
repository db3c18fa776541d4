"""Two runs of one suite → what became of each effect, pair by pair: worse, better, unchanged or undecided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audit import stats
from audit.answers import flipped, movers, utility
from audit.baselinefile import Baseline, items_of, plan_of
from audit.became import cases_of, status_of
from audit.changed import Numbers, Rules, numbers
from audit.comparable import (
    compared,
    effect_refusals,
    metric_refusals,
    refusal,
    remarks,
    require_two,
)
from audit.credits import credit_changes
from audit.matched import Block, blocks, known_kind
from audit.policy import Policy
from audit.records import (
    CHANGES,
    CREDITS,
    FLIP_COUNTS,
    FLIPS,
    MOVERS,
    UTILITY,
    Change,
    Comparison,
    Exclusion,
    Run,
    content_id,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

FROM_INTERVALS = "from the intervals of both runs, as if they were independent"
"""Said of effects without rows of their own, such as those corrected by a judge's errors."""
UNPAIRED = (
    "compared with a baseline file: the pairs of the baseline are not at hand, so changes come from the intervals of "
    "both runs as if they were independent; where versions answer alike, their intervals are wider than pair by pair"
)
KEYS = ("metric", "axis", "stratum", "design", "group_a", "group_b", "contrast", "scale")


def compare(baseline: Run | Baseline, candidate: Run, *, policy: Policy | None = None) -> Comparison:
    """What became of each effect of the baseline in the candidate; InputError for runs of different suites.

    `policy` gives alpha, power and the bars for a statement; by default the candidate's own, as its plan fixed it.
    """
    paired = isinstance(baseline, Run)
    one, other = compared(baseline) if isinstance(baseline, Run) else baseline.facts, compared(candidate)
    require_two(one, other)
    rules = policy or Policy.model_validate(candidate.policy)
    both = _both(baseline.effects, candidate.effects)
    found = blocks(baseline, candidate, both) if isinstance(baseline, Run) else []
    refused = _refusals(baseline, candidate, both, found)
    decided = both["decision"].to_numpy(bool) & both["decision_before"].to_numpy(bool)
    count = int((decided & (refused == "")).sum())
    change, level = _measured(found, both, decided, count, candidate, rules)
    unfinished = _unfinished(one.complete, other.complete)
    table = _table(both, change, level, decided, count, ids=(one.plan, other.plan))
    cases = cases_of(both, table, found, refused, unfinished=unfinished, policy=rules)
    statuses = [status_of(case) if yes else ("", "") for case, yes in zip(cases, decided, strict=True)]
    apart = _apart(len(both), found) if paired else np.zeros(len(both), dtype=bool)
    table = table.assign(
        status=[status for status, _ in statuses],
        reason=[_joined(why, alone) for (_, why), alone in zip(statuses, apart & decided, strict=True)],
    )
    table = _with_lonely(
        table, baseline, candidate, ids=(one.plan, other.plan), decided=both.loc[decided, "effect_id"]
    )
    more = _details(baseline, candidate, table, rules.alpha)
    return Comparison(
        baseline=one, candidate=other, paired=paired, alpha=rules.alpha, count=count,
        changes=_changes(table), table=table, flips=more["flips"], flip_counts=more["flip_counts"],
        movers=more["movers"], credits=more["credits"], utility=more["utility"], refused=_summed(refused[decided]),
        notes=(*remarks(one, other), *(() if paired else (UNPAIRED,))),
    )  # fmt: skip


def _details(
    baseline: Run | Baseline, candidate: Run, table: pd.DataFrame, alpha: float
) -> dict[str, pd.DataFrame]:
    """Flips, movers, credits and utility; empty where the baseline is a file."""
    if not isinstance(baseline, Run):
        empty = {
            "flips": FLIPS,
            "flip_counts": FLIP_COUNTS,
            "movers": MOVERS,
            "credits": CREDITS,
            "utility": UTILITY,
        }
        return {name: kind.frame() for name, kind in empty.items()}
    flips, counts = flipped(baseline, candidate)
    return {
        "flips": flips, "flip_counts": counts, "movers": movers(baseline, candidate, table),
        "credits": credit_changes(baseline, candidate), "utility": utility(baseline, candidate, alpha=alpha),
    }  # fmt: skip


def _both(baseline: pd.DataFrame, candidate: pd.DataFrame) -> pd.DataFrame:
    """Effects that both runs have, in the candidate's order, with the baseline's columns as `_before`."""
    before = baseline.set_index("effect_id").add_suffix("_before").reset_index()
    return candidate.merge(before, on="effect_id", how="inner")


def _apart(count: int, found: Sequence[Block]) -> Flags:
    """Effects without rows that could be met one by one."""
    without = np.ones(count, dtype=bool)
    for block in found:
        without[block.place] = False
    return without


def _joined(why: str, alone: bool) -> str:
    return "; ".join(filter(None, (why, FROM_INTERVALS if alone else "")))


def _unfinished(baseline: bool, candidate: bool) -> str:
    gone = [name for name, complete in (("baseline", baseline), ("candidate", candidate)) if not complete]
    return f"the run of the {' and of the '.join(gone)} is incomplete" if gone else ""


# ------------------------------------------------------------- what cannot be compared


def _refusals(
    baseline: Run | Baseline, candidate: Run, both: pd.DataFrame, found: Sequence[Block]
) -> NDArray[np.object_]:
    """Why each effect of both runs is not comparable; empty where it is."""
    plans = plan_of(baseline) if isinstance(baseline, Run) else baseline.plan, plan_of(candidate)
    every = refusal(*plans)
    reasons = np.full(len(both), every, dtype=object)
    if every:
        return reasons
    for metric, why in metric_refusals(*plans).items():
        reasons[(both["metric"] == metric).to_numpy(bool)] = why
    reasons = np.where(reasons == "", effect_refusals(both), reasons)
    recorded = candidate.suite.get("recorded") is not None
    for block in found:
        if not (block.ready_made or recorded):
            own = np.array(_items(block), dtype=object)
            reasons[block.place] = np.where(reasons[block.place] == "", own, reasons[block.place])
    if not isinstance(baseline, Run) and not recorded:
        own_items = items_of(candidate, both)
        other = [own_items[effect] != baseline.items[effect] for effect in both["effect_id"]]
        reasons[np.array(other, dtype=bool) & (reasons == "")] = "items differ between baseline and candidate"
    return reasons


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
    kind = known_kind(metric)
    return kind is not None and kind.signless


# ------------------------------------------------------------- new and gone


def _with_lonely(
    table: pd.DataFrame,
    baseline: Run | Baseline,
    candidate: Run,
    *,
    ids: tuple[str, str],
    decided: pd.Series[str],
) -> pd.DataFrame:
    """The table with decision effects of one run alone: new in the candidate, or gone since the baseline."""
    known = set(decided)
    lonely = []
    for run, status, name in ((candidate, "new", "candidate"), (baseline, "gone", "baseline")):
        mine = run.effects[run.effects["decision"] & ~run.effects["effect_id"].isin(known)]
        other = baseline if run is candidate else candidate
        for row in mine.to_dict("records"):
            asked = row["effect_id"] in set(other.effects["effect_id"])
            lonely.append(_alone(row, status, name, asked=asked, ids=ids))
    if not lonely:
        return table
    kept = table[~table["effect_id"].isin([row["effect_id"] for row in lonely])]
    return CHANGES.stack([kept, CHANGES.frame(lonely)])


def _alone(
    row: Mapping[Any, Any], status: str, name: str, *, asked: bool, ids: tuple[str, str]
) -> dict[str, object]:
    """A row of CHANGES of an effect that only one run has, or that only one marks for decision."""
    other = "baseline" if name == "candidate" else "candidate"
    empty: dict[str, object] = {"str": "", "float64": float("nan"), "int64": 0, "bool": False}
    blank: dict[str, object] = {column.name: empty[column.dtype] for column in CHANGES.columns}
    own = {key: row[key] for key in ("effect_id", *KEYS, "limit_low", "limit_high")}
    ends = {"": "estimate", "_low": "low", "_high": "high", "_verdict": "verdict"}
    return {
        **blank, **own, **{f"{name}{end}": row[column] for end, column in ends.items()},
        "change_id": content_id("change", row["effect_id"], *ids), "decision": True, "status": status,
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
