"""What carries the differences: credits of the random sample of explained pairs, averaged over the suite.

Swap game: which slots the difference comes from, and which share of it each has. Gap game: on which words, slot values
and strata it depends. The unit of evidence is the cluster of templates, and the name where there are enough of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from audit import stats
from audit.contrasts import MANY_GROUPS, Contrasts
from audit.quality import ADDITIVITY, NOTHING
from audit.records import ALL, CARRIERS, content_id
from audit.stats import MIN_NAMES, Estimates, Floats, Ints, Sample

if TYPE_CHECKING:
    import pandas as pd

MIN_CLUSTERS = 5
"""A word or slot value in fewer clusters of templates has no row of its own."""
ORDER = ("all", "slot", "interaction", "stratum", "value", "word", "other_values", "other_words")
PLACE = ["axis", "group_a", "group_b", "stratum", "cluster", "name"]
ITEM = ["contrast", "kind", "slot", "text"]
NOT_TOLD = "not told from zero"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Field:
    """One game: its pairs (columns of PAIRS, `lost`, `unreliable`), the credits of each, and who is compared."""

    game: str
    pairs: pd.DataFrame
    credits: pd.DataFrame
    """Columns pair (row of `pairs`), kind, slot, text, value."""
    contrasts: Contrasts


def carriers(attributions: pd.DataFrame, pairs: pd.DataFrame, *, alpha: float) -> pd.DataFrame:
    """The table CARRIERS: mean credits of the random sample for every two groups, b - a.

    On axes with more than four groups each group is compared with the mean of the others. All rows of one game are one
    family: Benjamini-Hochberg p-values and intervals at the level that keeps the false coverage rate at `alpha`.
    """
    import pandas as pd

    sampled = attributions[attributions["in_random"]]
    found: list[pd.DataFrame] = []
    for game in ("swap", "gap"):
        mine = sampled[sampled["game"] == game]
        rows = _one_method(mine[mine["partner"] < 0])
        together = mine[(mine["partner"] >= 0) & (mine["partner"] != mine["player"])]
        if len(rows):
            found.append(_rows(_field(game, rows, together, pairs), str(rows["metric"].iloc[0]), alpha=alpha))
    return CARRIERS.frame(pd.concat(found, ignore_index=True) if found else ())


def _one_method(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows by SHAP, else by the first method whose credits there are."""
    methods = list(dict.fromkeys(rows["method"]))
    return rows[rows["method"] == ("shap" if "shap" in methods else methods[0])] if methods else rows


# ------------------------------------------------------------- what was explained


def _field(game: str, rows: pd.DataFrame, together: pd.DataFrame, pairs: pd.DataFrame) -> _Field:
    """The pairs of a game with their credits; pairs without credits that add up are lost, and counted."""
    import pandas as pd

    known = pairs.loc[pairs["pair_id"].isin(rows["pair_id"]), ["pair_id", *PLACE]].astype("str")
    known = known.drop_duplicates("pair_id").sort_values("pair_id").set_index("pair_id")
    each = rows.groupby("pair_id")
    sums = each.agg(total=("total", "first"), reliable=("reliable", "all"))
    sums = sums.assign(credit=each["value"].sum(skipna=False)).reindex(known.index)
    misses = ~((sums["credit"] - sums["total"]).abs() <= ADDITIVITY * sums["total"].abs().clip(lower=1.0))
    known = known.assign(lost=misses, unreliable=~misses & ~sums["reliable"].astype(bool)).reset_index()
    number = dict(zip(known["pair_id"], range(len(known)), strict=True))
    used = pd.concat([rows, together[together["value"].notna()]])
    used = used[used["pair_id"].isin(known.loc[~known["lost"], "pair_id"])]
    credits = used[["slot"]].assign(
        together=used["partner"] >= 0,
        pair=used["pair_id"].map(number).astype(np.intp), text=[_plain(text) for text in used["text_b"]],
        value=used["value"].where(used["value"].abs() > NOTHING, 0.0),
    )  # fmt: skip
    return _Field(game=game, pairs=known, credits=_items(game, credits, known), contrasts=_contrasts(known))


def _plain(text: str) -> str:
    """A word as it is counted: whatever its capitals and spaces."""
    return " ".join(text.casefold().split())


def _items(game: str, credits: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """What has credit in each pair: slots and their sum; or slot values, words, the pair's stratum, and their sum."""
    import pandas as pd

    single = credits[~credits["together"]]
    whole: pd.DataFrame = (
        single.groupby("pair", as_index=False)["value"].sum().assign(kind="all", slot="", text="")
    )
    if game == "swap":
        kind = np.where(credits["together"], "interaction", "slot")
        return pd.concat([whole, credits.assign(kind=kind, text="")], ignore_index=True)
    named = credits.assign(kind=np.where(credits["slot"] == "", "word", "value"))
    by_stratum = whole.assign(kind="stratum", text=pairs["stratum"].to_numpy()[whole["pair"]])
    return pd.concat([whole, by_stratum[by_stratum["text"] != ""], named], ignore_index=True)


def _contrasts(pairs: pd.DataFrame) -> Contrasts:
    """Every two groups of an axis; of many groups each against the mean of the others."""
    rows: list[tuple[str, str, str]] = []
    groups: dict[str, tuple[str, ...]] = {}
    for axis, mine in pairs.groupby("axis", sort=True):
        groups[str(axis)] = every = tuple(sorted({*mine["group_a"], *mine["group_b"]}))
        two = combinations(every, 2) if len(every) <= MANY_GROUPS else ((ALL, group) for group in every)
        rows += [(str(axis), a, b) for a, b in two]
    axes, a, b = zip(*rows, strict=True) if rows else ((), (), ())
    return Contrasts(axis=axes, stratum=(ALL,) * len(rows), group_a=a, group_b=b, groups=groups)


# ------------------------------------------------------------- estimates


def _rows(field: _Field, metric: str, *, alpha: float) -> pd.DataFrame:
    """The rows of one game, in the order in which they are read."""
    entries = _entries(field)
    keys = entries.groupby(ITEM, sort=False)
    items = keys.agg(pairs=("pair", "nunique"), pooled=("pooled", "max"), unreliable=("unreliable", "sum"))
    effect = np.asarray(keys.ngroup(), np.intp)
    sample = _sample(effect, entries["value"].to_numpy(float), entries, field, count=len(items))
    found = stats.difference(sample)
    p = stats.p_values(found, float(np.abs(sample.value).max(initial=NOTHING)))
    adjusted = stats.benjamini_hochberg(p)
    level = stats.fcr_level(adjusted, alpha)
    low, high = stats.interval(found, level)
    told = (adjusted <= alpha) & ((low > 0) | (high < 0))
    table = items.reset_index().assign(
        metric=metric, game=field.game, clusters=found.clusters, names=found.names, estimate=found.value,
        se=found.se, df=found.df, low=low, high=high, level=level, p_value=p, p_adjusted=adjusted, told=told,
    )  # fmt: skip
    table = table.assign(**_shares(field, entries, effect, table))
    return _described(table, field, found)


def _entries(field: _Field) -> pd.DataFrame:
    """One row for each contrast, item and pair: the credits that an item has in a pair are added up, b - a."""
    import pandas as pd

    members = field.contrasts.of_pairs(field.pairs)
    places = pd.DataFrame({
        "contrast": members.contrast, "pair": members.row, "sign": 2.0 * members.side - 1.0,
        "unreliable": field.pairs["unreliable"].to_numpy(bool)[members.row],
        "lost": field.pairs["lost"].to_numpy(bool)[members.row],
    })  # fmt: skip
    kept = places[~places["lost"]]
    rows = kept.merge(field.credits, on="pair")
    rows = _pooled(rows.assign(value=rows["value"] * rows["sign"]), field)
    rows = rows.groupby([*ITEM, "pair"], as_index=False).agg(
        value=("value", "sum"), pooled=("pooled", "max"), unreliable=("unreliable", "max")
    )
    if field.game == "swap":
        rows = _with_zeros(rows, kept)
    lost = sorted(set(places["contrast"]) - set(rows["contrast"]))
    nothing = {
        "kind": "all",
        "slot": "",
        "text": "",
        "pair": -1,
        "value": np.nan,
        "pooled": 1,
        "unreliable": False,
    }
    rows = pd.concat([rows, *(pd.DataFrame([{"contrast": number, **nothing}]) for number in lost)])
    order = rows["kind"].map({kind: place for place, kind in enumerate(ORDER)})
    return (
        rows.assign(order=order)
        .sort_values(["contrast", "order", "slot", "text", "pair"])
        .reset_index(drop=True)
    )


def _pooled(rows: pd.DataFrame, field: _Field) -> pd.DataFrame:
    """Rare words, and rare values of each slot, as one item each, with how many different ones it holds."""
    cluster = field.pairs["cluster"].to_numpy(object)[rows["pair"].to_numpy(np.intp)]
    spread = rows.assign(cluster=cluster).groupby(ITEM, sort=False)["cluster"].transform("nunique")
    rare = (spread < MIN_CLUSTERS) & rows["kind"].isin(["word", "value"])
    plural = rows["kind"].map({"word": "other_words", "value": "other_values"})
    named = rows.assign(
        kind=plural.where(rare, rows["kind"]), text=rows["text"].where(~rare, ""), was=rows["text"]
    )
    return named.assign(pooled=named.groupby(ITEM, sort=False)["was"].transform("nunique"))


def _with_zeros(rows: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """Swap game: a slot that reads the same in a and b has no credit, which is a credit of zero."""
    items = rows[[*ITEM, "pooled"]].drop_duplicates(ITEM)
    every = items.merge(kept[["contrast", "pair", "unreliable"]], on="contrast")
    full = every.merge(rows[[*ITEM, "pair", "value"]], on=[*ITEM, "pair"], how="left")
    return full.assign(value=full["value"].fillna(0.0))


def _sample(effect: Ints, value: Floats, entries: pd.DataFrame, field: _Field, *, count: int) -> Sample:
    """Entries as rows of effects; those of contrasts whose every pair is lost have no row."""
    import pandas as pd

    known = np.isfinite(value)
    pair = entries["pair"].to_numpy(np.intp)[known]
    cluster, name = (pd.factorize(field.pairs[column], sort=True)[0] for column in ("cluster", "name"))
    return Sample(
        effect=effect[known], value=value[known], side=None,
        cluster=cluster[pair].astype(np.intp), name=name[pair].astype(np.intp), count=count,
    )  # fmt: skip


def _shares(field: _Field, entries: pd.DataFrame, effect: Ints, table: pd.DataFrame) -> dict[str, Floats]:
    """Swap game: summed credits / summed differences with its jackknife interval; else, or untold, NaN."""
    shown = {name: np.full(len(table), np.nan) for name in ("share", "share_low", "share_high")}
    whole = table[(table["kind"] == "all") & table["told"]].set_index("contrast")
    mine = ((table["kind"] == "slot") & table["contrast"].isin(whole.index)).to_numpy(bool)
    if field.game != "swap" or not mine.any():
        return shown
    totals = entries[entries["kind"] == "all"].set_index(["contrast", "pair"])["value"]
    rows = np.flatnonzero(mine[effect])
    keys = list(zip(entries["contrast"].to_numpy()[rows], entries["pair"].to_numpy()[rows], strict=True))
    credit = _sample(
        effect[rows], entries["value"].to_numpy(float)[rows], entries.iloc[rows], field, count=len(table)
    )
    found = _ratios(credit, totals.loc[keys].to_numpy(float))
    low, high = stats.interval(found, float(table["level"].iloc[0]), signed=False)
    for name, values in zip(shown, (found.value, low, high), strict=True):
        shown[name] = np.where(mine, values, np.nan)
    return shown


def _ratios(credit: Sample, total: Floats) -> Estimates:
    """Mean credit / mean difference of every effect, by leaving out clusters and names."""
    both = Sample(
        effect=np.tile(credit.effect, 2), value=np.concatenate([total, credit.value]),
        side=np.repeat(np.array([0, 1], np.intp), len(total)), cluster=np.tile(credit.cluster, 2),
        name=np.tile(credit.name, 2), count=credit.count,
    )  # fmt: skip
    return stats.jackknife(both, _quotient)


def _quotient(total: Floats, credit: Floats) -> Floats:
    return np.asarray(np.sign(total) * stats.ratio(credit, np.abs(total)), float)


# ------------------------------------------------------------- what is said


def _described(table: pd.DataFrame, field: _Field, found: Estimates) -> pd.DataFrame:
    """With the groups' names, an id, what was lost, a reason; the largest first within each kind."""
    contrasts, number = field.contrasts, table["contrast"].to_numpy(np.intp)
    members = contrasts.of_pairs(field.pairs)
    lost = np.bincount(
        members.contrast, weights=field.pairs["lost"].to_numpy(float)[members.row], minlength=len(contrasts)
    ).astype(np.int64)
    columns = {
        name: np.array(getattr(contrasts, name), dtype=object)[number]
        for name in ("axis", "group_a", "group_b")
    }
    named = table.assign(**columns, lost=lost[number], pairs=table["pairs"].where(table["clusters"] > 0, 0))
    key = ["metric", "game", "axis", "group_a", "group_b", "kind", "slot", "text"]
    named["carrier_id"] = [content_id("carrier", *row) for row in named[key].itertuples(index=False)]
    named["reason"] = [
        "; ".join(_remarks(row, share=field.game == "swap")) for row in named.to_dict("records")
    ]
    order = named["kind"].map({kind: place for place, kind in enumerate(ORDER)})
    named = named.assign(order=order, size=-named["estimate"].abs())
    return named.sort_values(["contrast", "order", "size", "slot", "text"], kind="stable")


def _remarks(row: Mapping[Hashable, Any], *, share: bool) -> Iterator[str]:
    """What has to be said beside a row."""
    if row["clusters"] == 0:
        yield "no pair of the random sample has credits"
        return
    if row["clusters"] == 1:
        yield "a single cluster gives no interval"
    elif not row["told"]:
        yield NOT_TOLD
    if 1 < row["names"] < MIN_NAMES:
        yield "for these names"
    if share and row["kind"] == "slot" and not np.isfinite(row["share"]):
        yield "no share, because the difference itself is not told from zero"
