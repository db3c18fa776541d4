"""The worst subgroup of each metric: searched in one half of the evidence and estimated in the other.

The subgroup that looks worst of many does so partly by chance, so its own numbers flatter the search. Clusters are cut
into two halves by a seeded hash, and names likewise where they are a sample: a name that drew the search to its group
must not vote again. What is reported comes from the half that the search never saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audit import stats
from audit.contrasts import UNKNOWN
from audit.kinds import Kind, kind_of
from audit.policy import Policy
from audit.records import ALL, SUBGROUPS, content_id
from audit.stats import MIN_NAMES, Estimates, Floats, Ints, Sample
from audit.suite import Suite
from audit.unseen import unseen_difference

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Key = tuple[str, str, str]

UNCONFIRMED = "not confirmed: in the half that was not searched the interval includes no difference"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Field:
    """One axis: each row's cell and group; each cell's cluster, name and stratum (-1: none) as numbers."""

    rows: Ints
    cell: Ints
    group: Ints
    cluster: Ints
    name: Ints
    stratum: Ints
    groups: int
    first: int
    """Number of its first subgroup: pooled groups, then those of each stratum."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ground:
    """What all metrics share: prompts by id, axes, the subgroups in order, and the two halves."""

    ids: pd.Index[str]
    code: Ints
    """Number of each prompt row's id."""
    fields: tuple[_Field, ...]
    keys: tuple[Key, ...]
    """Axis, stratum and group of each subgroup."""
    search_cluster: Flags
    search_name: Flags | None
    """None where names are not a sample of their own, so that both halves have all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Searched:
    """What a search came to: the subgroup's number, or why there is none."""

    kind: Kind
    found: int = -1
    count: int = 0
    search: Estimates | None = None
    confirm: Estimates | None = None
    n: int = 0
    size: float = 1.0
    """Largest score, for telling no variation from rounding."""
    reason: str = ""


def subgroups(prompts: pd.DataFrame, scores: pd.DataFrame, *, suite: Suite, policy: Policy) -> pd.DataFrame:
    """The table SUBGROUPS: for every score of single answers the subgroup that differs most clearly from the others.

    A subgroup is a group of an axis or intersection, pooled or in one stratum; the others are the other groups there,
    in the same cell where texts are paired. Metrics with a direction are searched in the unfavourable one.
    """
    kinds = [kind for kind in map(kind_of, dict.fromkeys(suite.metrics)) if _is_searched(kind)]
    ground = _ground(prompts, suite)
    tables = dict(tuple(scores[scores["arm"] == "swap"].groupby("metric", sort=False, observed=True)))
    searched = [_search(kind, tables.get(kind.name), ground, suite=suite, policy=policy) for kind in kinds]
    count = sum(one.found >= 0 for one in searched)
    return SUBGROUPS.frame([_row(one, ground, policy=policy, metrics=count) for one in searched])


def _is_searched(kind: Kind) -> bool:
    return kind.of == kind.name and not kind.unsigned and any((kind.metric, kind.reading))


# ------------------------------------------------------------- what is searched


def _ground(prompts: pd.DataFrame, suite: Suite) -> _Ground:
    """Cells, subgroups and halves; in rankings one answer is one cluster, and has no names."""
    import pandas as pd

    swap = prompts[(prompts["arm"] == "swap") & ~prompts["group"].isin(list(UNKNOWN))].reset_index(drop=True)
    if suite.design == "ranking":
        swap = swap.assign(cluster=swap["prompt_id"], name="")
    code, ids = pd.factorize(_identity(swap))
    clusters, cluster = np.unique(swap["cluster"].to_numpy(object).astype(str), return_inverse=True)
    names, name = np.unique(swap["name"].to_numpy(object).astype(str), return_inverse=True)
    fields: list[_Field] = []
    keys: list[Key] = []
    for axis in (*suite.axes, *suite.intersections):
        rows = np.flatnonzero((swap["axis"] == axis).to_numpy(bool))
        mine = swap.iloc[rows]
        groups, group = np.unique(mine["group"].to_numpy(object).astype(str), return_inverse=True)
        strata, stratum = np.unique(mine["stratum"].to_numpy(object).astype(str), return_inverse=True)
        columns = ["stratum", "template", "cluster", "name"]
        lone = suite.design == "groups"
        cell = np.arange(len(rows)) if lone else np.asarray(mine.groupby(columns, sort=True).ngroup())
        first = np.unique(cell, return_index=True)[1]
        fields.append(_Field(
            rows=rows, cell=np.asarray(cell, np.intp), group=_ints(group), groups=len(groups), first=len(keys),
            cluster=_ints(cluster)[rows[first]], name=_ints(name)[rows[first]],
            stratum=np.where(strata[stratum[first]] == "", -1, stratum[first]).astype(np.intp),
        ))  # fmt: skip
        keys += [(axis, place, each) for place in (ALL, *strata.tolist()) for each in groups.tolist()]
    seed = suite.sampling.seed
    return _Ground(
        ids=pd.Index(ids), code=np.asarray(code, np.intp), fields=tuple(fields), keys=tuple(keys),
        search_cluster=_half(clusters.tolist(), seed=seed, what="cluster"),
        search_name=_half(names.tolist(), seed=seed, what="name") if len(names) >= MIN_NAMES else None,
    )  # fmt: skip


def _identity(table: pd.DataFrame) -> pd.Series[str]:
    """One text for the prompt and, in rankings, the candidate."""
    ranked = bool((table["item"] != "").any())
    return table["prompt_id"] + "\n" + table["item"].astype("str") if ranked else table["prompt_id"]


def _ints(numbers: NDArray[np.int64]) -> Ints:
    return np.asarray(numbers, np.intp).reshape(-1)


def _half(units: Sequence[str], *, seed: int, what: str) -> Flags:
    """Which units are searched: the half that comes first in the order of a seeded hash of their names."""
    order = sorted(range(len(units)), key=lambda place: content_id("subgroups", seed, what, units[place]))
    chosen = np.zeros(len(units), dtype=bool)
    chosen[order[: len(units) // 2]] = True
    return chosen


# ------------------------------------------------------------- one metric


def _search(
    kind: Kind, table: pd.DataFrame | None, ground: _Ground, *, suite: Suite, policy: Policy
) -> _Searched:
    """The subgroup with the smallest p on the side that is searched, and its numbers in both halves."""
    value = _values(table, ground)
    if not np.isfinite(value).any():
        return _Searched(kind=kind, reason="no answer has a value")
    least = policy.min_clusters
    clusters = len(ground.search_cluster)
    if clusters < 2 * least:
        why = f"too few clusters to search one half and confirm in the other: {clusters} of at least {2 * least}"
        return _Searched(kind=kind, reason=why)
    sample = _sample(value, ground, own_texts=suite.design == "groups")
    halves = _halves(sample, ground)
    search, confirm = (stats.difference(half) for half in halves)
    large = np.logical_and.reduce([_least_clusters(half) >= least for half in halves])
    size = float(np.nanmax(np.abs(value)))
    p = stats.p_values(search, _scale(kind, size), rate=kind.card.unit == "rate")
    sign = np.sign(search.value)
    if kind.card.higher_is != "neither":
        sign = np.full_like(sign, -1.0 if kind.card.higher_is == "favourable" else 1.0)
    p = np.where(large & (search.value * sign > 0), p, np.nan)
    count = int(large.sum())
    if not np.isfinite(p).any():
        told = "no subgroup differs" if count else f"no subgroup has {least} clusters in both halves"
        return _Searched(kind=kind, count=count, reason=f"{told}, so nothing could be confirmed")
    found = int(np.lexsort((-np.abs(search.value), p))[0])
    own = (halves[1].effect == found) & (True if halves[1].side is None else halves[1].side == 1)
    return _Searched(
        kind=kind, found=found, count=count, search=search, confirm=confirm, n=int(own.sum()), size=size
    )


def _values(table: pd.DataFrame | None, ground: _Ground) -> Floats:
    """The score of every prompt row; NaN where there is none."""
    known = np.full(len(ground.ids) + 1, np.nan)
    if table is not None and len(ground.ids):
        import pandas as pd

        found = table["value"].to_numpy(float)
        known[ground.ids.get_indexer(pd.Index(_identity(table)))] = np.where(
            np.isfinite(found), found, np.nan
        )
        known[-1] = np.nan
    return known[ground.code]


def _sample(value: Floats, ground: _Ground, *, own_texts: bool) -> Sample:
    """Every subgroup against the other groups there: by cell where texts are paired, else by row and side."""
    parts = [(_by_row if own_texts else _by_cell)(value[field.rows], field) for field in ground.fields]
    effect, values, side, cluster, name = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Sample(
        effect=effect,
        value=values,
        side=side if own_texts else None,
        cluster=cluster,
        name=name,
        count=len(ground.keys),
    )


def _by_cell(value: Floats, field: _Field) -> tuple[Ints, Floats, Ints, Ints, Ints]:
    """Each group's score minus the mean of the others in the same cell: effect, value, side, cluster, name."""
    shape = (len(field.cluster), field.groups)
    flat = field.cell * field.groups + field.group
    size = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    total = np.bincount(flat, weights=value, minlength=shape[0] * shape[1]).reshape(shape)
    mean = stats.ratio(total.astype(float), size)
    known = ~np.isnan(mean)
    others, count = np.where(known, mean, 0.0), known.sum(axis=1, keepdims=True)
    apart = mean - stats.ratio(others.sum(axis=1, keepdims=True) - others, count - known)
    cell, group = np.nonzero(size)
    return _doubled(field, cell, group, apart[cell, group], np.ones(len(cell), np.intp))


def _by_row(value: Floats, field: _Field) -> tuple[Ints, Floats, Ints, Ints, Ints]:
    """Each row on side 1 of its own group and on side 0 of every other."""
    row = np.repeat(np.arange(len(value)), field.groups)
    group = np.tile(np.arange(field.groups), len(value))
    side = (field.group[row] == group).astype(np.intp)
    return _doubled(field, field.cell[row], group, value[row], side)


def _doubled(
    field: _Field, cell: Ints, group: Ints, value: Floats, side: Ints
) -> tuple[Ints, Floats, Ints, Ints, Ints]:
    """The entries for all strata together, then once more for their own stratum."""
    own = np.flatnonzero(field.stratum[cell] >= 0)
    both = np.concatenate([np.arange(len(cell)), own])
    stratum = np.concatenate([np.zeros(len(cell), np.intp), field.stratum[cell[own]] + 1])
    effect = field.first + stratum * field.groups + group[both]
    return effect, value[both], side[both], field.cluster[cell[both]], field.name[cell[both]]


def _halves(sample: Sample, ground: _Ground) -> tuple[Sample, Sample]:
    """The entries with a value whose cluster and name are both searched, and those of which neither is."""
    cluster, known = ground.search_cluster[sample.cluster], ~np.isnan(sample.value)
    name = cluster if ground.search_name is None else ground.search_name[sample.name]
    return _chosen(sample, known & cluster & name), _chosen(sample, known & ~cluster & ~name)


def _chosen(sample: Sample, rows: Flags) -> Sample:
    return replace(
        sample, effect=sample.effect[rows], value=sample.value[rows], cluster=sample.cluster[rows],
        name=sample.name[rows], side=None if sample.side is None else sample.side[rows],
    )  # fmt: skip


def _least_clusters(sample: Sample) -> Ints:
    """Clusters of every subgroup; of the side that has fewer, where there are two."""
    clusters = stats.distinct(sample.group, sample.cluster, 2 * sample.count).reshape(-1, 2)
    return clusters[:, 1] if sample.side is None else clusters.min(axis=1)


# ------------------------------------------------------------- the table


def _row(one: _Searched, ground: _Ground, *, policy: Policy, metrics: int) -> dict[str, object]:
    """A row of SUBGROUPS; `metrics` were searched and share alpha."""
    level = 1 - policy.alpha / max(metrics, 1)
    plain = dict.fromkeys(
        ("search_estimate", "estimate", "se", "df", "low", "high", "p_value", "p_adjusted"), np.nan
    )
    row: dict[str, object] = {
        "metric": one.kind.name, "axis": "", "stratum": "", "group": "", "searched": one.count, "search_clusters": 0,
        "clusters": 0, "n": one.n, "level": level, "confirmed": False, "reason": one.reason, **plain,
    }  # fmt: skip
    if one.search is None or one.confirm is None:
        return row
    place, found, rate = one.found, one.confirm, one.kind.card.unit == "rate"
    low, high = (float(ends[place]) for ends in _interval(found, level, rate=rate))
    p = float(stats.p_values(found, _scale(one.kind, one.size), rate=rate)[place])
    lower = bool(one.search.value[place] < 0)
    confirmed = high < 0 if lower else low > 0
    reasons = [
        "" if confirmed else UNCONFIRMED,
        "for these names" if 1 < found.names[place] < MIN_NAMES else "",
    ]
    return row | {
        "axis": ground.keys[place][0], "stratum": ground.keys[place][1], "group": ground.keys[place][2],
        "search_clusters": int(one.search.clusters[place]), "search_estimate": float(one.search.value[place]),
        "clusters": int(found.clusters[place]), "estimate": float(found.value[place]), "se": float(found.se[place]),
        "df": float(found.df[place]), "low": low, "high": high, "p_value": p, "p_adjusted": min(1.0, metrics * p),
        "confirmed": bool(confirmed), "reason": "; ".join(filter(None, reasons)),
    }  # fmt: skip


def _scale(kind: Kind, size: float) -> float:
    return 1.0 if kind.card.unit == "rate" else size


def _interval(found: Estimates, level: float, *, rate: bool) -> tuple[Floats, Floats]:
    """Intervals; those of rates also hold what so few clusters may not have shown."""
    unseen = unseen_difference(level, found) if rate else (0.0, 0.0)
    low, high = stats.interval(found, level, unseen=unseen)
    return (np.maximum(low, -1.0), np.minimum(high, 1.0)) if rate else (low, high)
