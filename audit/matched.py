"""The rows of two runs met by content: what each effect of both rests on, one block a metric and kind of contrast.

Effects without a block (a judge's correction, the largest of several differences, interactions of ratios, places in a
ranking) have no rows that could be met one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audit.contrasts import Contrasts
from audit.counted import compact
from audit.errors import InputError
from audit.kinds import Kind, kind_of, rests_on
from audit.measures import within_answers
from audit.records import ALL, DELTAS, NOT_COUNTED, PROMPTS, REFERENCE, Run
from audit.stats import Ints
from audit.versions import (
    ANSWER_KEYS,
    PAIR_KEYS,
    SINGLE_KEYS,
    Aligned,
    Lacking,
    Way,
    align,
    lacking,
)

if TYPE_CHECKING:
    import pandas as pd

POSITION = "position"
PLACES = ["prompt_id", "item", "axis", "template", "cluster", "name", "group", "stratum", "position"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """One run's rows, by metric."""

    prompts: pd.DataFrame
    scores: Mapping[str, pd.DataFrame]
    deltas: Mapping[str, pd.DataFrame]

    @classmethod
    def of(cls, run: Run) -> Tables:
        """Those of a run as it lies on disk."""
        return cls(prompts=compact(run.prompts), scores=_split(run.scores), deltas=_split(run.deltas))

    def candidates(self, metric: str, design: str) -> pd.DataFrame:
        """Single scores of the swap arm; in rankings one answer is one cluster."""
        prompts = self.prompts.loc[self.prompts["arm"] == "swap", PLACES]
        if metric not in self.scores:
            return PROMPTS.frame().assign(value=np.zeros(0), reason="")
        scores = self.scores[metric]
        mine = scores.loc[scores["arm"] == "swap", ["prompt_id", "item", "value", "reason"]]
        rows = prompts.merge(mine, on=["prompt_id", "item"])
        return rows.assign(cluster=rows["prompt_id"], name="") if design == "ranking" else rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Contrasts of one metric with what both runs answered; `place` are their rows in the table of both."""

    kind: Kind
    contrasts: Contrasts
    place: Ints
    rows: Aligned
    controls: Aligned
    way: Way
    lacks: Lacking
    ready_made: bool
    """Whether its scores came ready-made for some pairs, so that fewer pairs in one run are no other suite."""


# ------------------------------------------------------------- rows of both runs


def blocks(baseline: Run, candidate: Run, both: pd.DataFrame) -> list[Block]:
    """What can be compared row by row; `both` has the columns of EFFECTS of the candidate, for effects of both runs."""
    tables = Tables.of(baseline), Tables.of(candidate)
    corrected = {str(name) for run in (baseline, candidate) for name in run.judged["metric"].unique()}
    recorded: Any = candidate.suite.get("recorded") or {}
    edits = tuple(recorded.get("controls") or ()) if recorded.get("reference") else ()
    groups = _groups(both)
    found = []
    for metric, place in _by_metric(both):
        kind = known_kind(metric)
        if kind is None or metric in corrected or len(kind.differs_in) > 1:
            continue
        for numbers in _alike(both.iloc[place], place):
            block = _block(kind, both.iloc[numbers], numbers, groups, tables)
            if block is not None:
                found.append(replace(block, way=replace(block.way, edits=_edits(block, edits))))
    return found


def _split(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each metric."""
    small = compact(table)
    codes, names = _factorized(table["metric"])
    return {name: small.iloc[np.flatnonzero(codes == number)] for number, name in enumerate(names)}


def _by_metric(both: pd.DataFrame) -> Iterator[tuple[str, Ints]]:
    codes, names = _factorized(both["metric"])
    for number, name in enumerate(names):
        yield name, np.flatnonzero(codes == number)


def _factorized(column: pd.Series[str]) -> tuple[Ints, list[str]]:
    import pandas as pd

    codes, names = pd.factorize(column)
    return np.asarray(codes, np.intp), [str(name) for name in names]


def _alike(rows: pd.DataFrame, place: Ints) -> Iterator[Ints]:
    """Places of plain contrasts, then of interactions by their number of parts; places in a ranking are left out."""
    axis = rows["axis"].to_numpy(object)
    combined = (rows["contrast"] == "interaction").to_numpy(bool)
    parts = np.array([str(name).count("*") for name in axis]) * combined
    for number in np.unique(parts):
        mine = (parts == number) & (axis != POSITION)
        if mine.any():
            yield place[mine]


def known_kind(metric: str) -> Kind | None:
    """The metric, if the program has it: a run may have been made with metrics of another package."""
    try:
        return kind_of(metric)
    except InputError:
        return None


def _groups(both: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Groups of each axis, in alphabetical order."""
    found: dict[str, set[str]] = {}
    for axis, *groups in both[["axis", "group_a", "group_b"]].drop_duplicates().itertuples(index=False):
        found.setdefault(axis, set()).update(set(groups) - {ALL, REFERENCE})
    return {axis: tuple(sorted(groups)) for axis, groups in found.items()}


def _block(
    kind: Kind, rows: pd.DataFrame, place: Ints, groups: Mapping[str, tuple[str, ...]],
    tables: tuple[Tables, Tables],
) -> Block | None:  # fmt: skip
    """One block; None where the rows of its kind are not told apart by version."""
    contrasts = Contrasts(
        axis=tuple(rows["axis"]), stratum=tuple(rows["stratum"]), group_a=tuple(rows["group_a"]),
        group_b=tuple(rows["group_b"]), groups=groups, interaction=bool((rows["contrast"] == "interaction").all()),
    )  # fmt: skip
    if contrasts.interaction and (kind.summary is not None or kind.unsigned):
        return None
    design = str(rows["design"].iloc[0])
    of = rests_on(kind, [*tables[1].scores, *tables[1].deltas])
    single = design != "paired" or contrasts.interaction
    source = [table.candidates(of, design) for table in tables] if single else [
        _swaps(table, kind.name if kind.unsigned else of) for table in tables]  # fmt: skip
    if design == "ranking":
        source = [within_answers(one) for one in source]
    keys = ANSWER_KEYS if design == "ranking" else SINGLE_KEYS if single else PAIR_KEYS
    before, after = source if design == "ranking" else _counted(source[0], source[1], keys)
    aligned = align(before, after, keys)
    arms = dict(zip(rows["axis"], rows["control_arm"], strict=True))
    held = [_controls(table, kind.name if kind.unsigned else of, arms) for table in tables]
    way = Way(design=design, unsigned=kind.unsigned, summary=kind.summary)  # type: ignore[arg-type]
    ready = of == kind.name and not any((kind.metric, kind.pairs, kind.compares, kind.reading, kind.relative))
    return Block(
        kind=kind, contrasts=contrasts, place=place, rows=aligned, controls=align(held[0], held[1], PAIR_KEYS),
        way=way, lacks=lacking(aligned, contrasts, way), ready_made=ready,
    )  # fmt: skip


def _swaps(table: Tables, metric: str) -> pd.DataFrame:
    """Pairs of different groups."""
    rows = _deltas(table, metric)
    return rows[rows["arm"] == "swap"]


def _controls(table: Tables, metric: str, arms: Mapping[str, str]) -> pd.DataFrame:
    """Pairs of one group, of each axis' deciding arm."""
    rows = _deltas(table, metric)
    wanted = rows["axis"].astype("str").map(arms).fillna("")
    return rows[(rows["arm"].astype("str") == wanted) & (rows["arm"] != "swap")]


def _deltas(table: Tables, metric: str) -> pd.DataFrame:
    rows = table.deltas.get(metric)
    return DELTAS.frame() if rows is None else rows


def _counted(one: pd.DataFrame, other: pd.DataFrame, keys: tuple[str, ...]) -> list[pd.DataFrame]:
    """The rows without those that the metric is not about in one of the runs, which are no failures either."""
    gone = [table[table["reason"].astype("str").str.startswith(NOT_COUNTED)] for table in (one, other)]
    if gone[0].empty and gone[1].empty:
        return [one, other]
    left_out = {key for table in gone for key in table[list(keys)].itertuples(index=False)}
    return [
        table[[key not in left_out for key in table[list(keys)].itertuples(index=False)]]
        for table in (one, other)
    ]


def _edits(block: Block, edits: tuple[str, ...]) -> tuple[str, ...]:
    return edits if all(a == REFERENCE for a in block.contrasts.group_a) else ()
