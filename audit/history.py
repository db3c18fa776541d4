"""Many runs → what became of each finding from run to run. Every number is that of its run; nothing is averaged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from audit.comparable import effect_refusals, metric_refusals, refusal
from audit.errors import InputError
from audit.records import TRENDS, Compared, Exclusion, History, Outline

if TYPE_CHECKING:
    import pandas as pd

SIDES = ("before", "now")
NEEDED = ("run", "scale", "control_arm", "limit_low", "limit_high")
"""What of the run before tells whether a run can be compared with it."""
Items = Callable[[Compared], Mapping[str, str]]
"""A run → digest of what each of its effects was measured on; asked only where prompts differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which runs and findings are wanted: names or patterns; none means all."""

    suites: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    """KIND:NAME, with or without @REVISION, or NAME alone."""
    axes: tuple[str, ...] = ()


def history(
    found: Sequence[Outline], *, items: Items, wanted: Selection | None = None, left_out: Iterable[Exclusion] = ()
) -> History:  # fmt: skip
    """The history of these runs; InputError where a name of `wanted` fits none of them."""
    ordered, twice = _ordered(found)
    chosen = _chosen(ordered, wanted or Selection())
    rows = [
        {**row, "run": place, "suite": one.facts.suite, "apart": ""}
        for place, one in enumerate(chosen)
        for row in one.rows
    ]
    table = _sorted(TRENDS.frame(rows))
    return History(
        runs=tuple(one.facts for one in chosen),
        table=table.assign(apart=_apart(table, chosen, items)),
        left_out=(*left_out, *twice),
    )


def _ordered(found: Sequence[Outline]) -> tuple[list[Outline], list[Exclusion]]:
    """Runs by the time when they ended, each once, and the copies of runs."""
    first: dict[str, Outline] = {}
    twice = []
    for one in sorted(found, key=lambda one: (one.facts.finished_at, one.facts.source)):
        known = first.setdefault(one.facts.root, one)
        if known is not one:
            twice.append(
                Exclusion(what=one.facts.source, reason=f"the same run as {known.facts.source}: a copy")
            )
    return list(first.values()), twice


# ------------------------------------------------------------- what is wanted


def _chosen(found: Sequence[Outline], wanted: Selection) -> list[Outline]:
    """The runs that are wanted, with the findings that are wanted."""
    chosen = _fitting("suite", wanted.suites, found, lambda one: (one.facts.suite,))
    chosen = _fitting("model", wanted.models, chosen, lambda one: names_of(one.facts.model))
    if not wanted.axes:
        return chosen
    chosen = _fitting("axis", wanted.axes, chosen, _axes)
    return [
        Outline(
            facts=one.facts, planned=one.planned, prompts=one.prompts,
            rows=tuple(row for row in one.rows if _fits(wanted.axes, (str(row["axis"]),))),
        )
        for one in chosen
    ]  # fmt: skip


def _fitting(
    what: str, patterns: Sequence[str], found: Sequence[Outline], names: Callable[[Outline], Collection[str]]
) -> list[Outline]:
    """The runs of which a name fits a pattern; InputError for a pattern that fits none."""
    for pattern in patterns:
        if not any(_fits((pattern,), names(one)) for one in found):
            known = sorted({next(iter(names(one))) for one in found if names(one)})
            raise InputError(f"no run of the {what} '{pattern}' (there are: {', '.join(known) or 'none'})")
    return [one for one in found if not patterns or _fits(patterns, names(one))]


def _fits(patterns: Sequence[str], names: Collection[str]) -> bool:
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns for name in names)


def _axes(one: Outline) -> Collection[str]:
    return dict.fromkeys(str(row["axis"]) for row in one.rows)


def names_of(model: str) -> tuple[str, ...]:
    """What a model may be called: KIND:NAME@REVISION, and that without revision, kind or both."""
    bare = model.rpartition("@")[0] or model
    return tuple(dict.fromkeys((model, bare, *(name.partition(":")[2] or name for name in (model, bare)))))


# ------------------------------------------------------------- the order of findings


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """By suite, then by effect in the order of the newest run that has it, then by run."""
    newest = table.sort_values("run", ascending=False, kind="stable")
    place = {effect: number for number, effect in enumerate(dict.fromkeys(newest["effect_id"]))}
    ranked = table.assign(place=table["effect_id"].map(place))
    return (
        ranked.sort_values(["suite", "place", "run"], kind="stable")
        .drop(columns="place")
        .reset_index(drop=True)
    )


# ------------------------------------------------------------- where a line breaks


def _apart(table: pd.DataFrame, found: Sequence[Outline], items: Items) -> list[str]:
    """Why each row cannot be compared with the one before it; empty where it can, and in the first of each effect."""
    if table.empty:
        return []
    before = table.groupby("effect_id", sort=False)[list(NEEDED)].shift()
    later = before["run"].notna().to_numpy(bool)
    both = table.join(before.add_suffix("_before"))[later]
    reasons = np.full(len(table), "", dtype=object)
    own = effect_refusals(both, sides=SIDES)
    plans = _Plans(found, items)
    keys = zip(both["run_before"].astype(int), both["run"], both["metric"], both["effect_id"], strict=True)
    every = [plans.reason(one, other, metric, effect) for one, other, metric, effect in keys]
    reasons[later] = [plan or row for plan, row in zip(every, own, strict=True)]
    return [str(reason) for reason in reasons]


class _Plans:
    """Why runs cannot be compared by their plans, worked out once for every two of them."""

    def __init__(self, found: Sequence[Outline], items: Items) -> None:
        self._found = found
        self._whole = cache(self._of_plans)
        self._items = cache(lambda place: items(found[place].facts))

    def reason(self, one: int, other: int, metric: str, effect: str) -> str:
        """Why an effect of two runs cannot be compared by the plans; empty where it can."""
        every, metrics = self._whole(one, other)
        return every or metrics.get(metric, "") or self._of_items(one, other, effect)

    def _of_plans(self, one: int, other: int) -> tuple[str, Mapping[str, str]]:
        plans = self._found[one].planned, self._found[other].planned
        return refusal(*plans, sides=SIDES), metric_refusals(*plans)

    def _of_items(self, one: int, other: int, effect: str) -> str:
        if self._found[one].prompts == self._found[other].prompts:
            return ""
        mine, before = self._items(other).get(effect), self._items(one).get(effect)
        if mine is None or before is None:
            return "the prompts differ, and what was measured cannot be read any more"
        return "" if mine == before else "items differ between the run before and this one"
