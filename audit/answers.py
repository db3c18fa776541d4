"""Answers of two versions side by side: which flipped, which pairs moved most, what the model is still good for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audit import stats
from audit.kinds import kind_of
from audit.matched import known_kind
from audit.measures import codes_of, sample_of
from audit.records import ALL, FLIP_COUNTS, FLIPS, MOVERS, UTILITY, Run
from audit.stats import Floats
from audit.unseen import unseen_difference

if TYPE_CHECKING:
    import pandas as pd

DECISION = "selection_rate"
USEFUL = ("accuracy", "refusal", "unparsed", "missing", "length")
"""Metrics of service, wherever the suite measures them."""
MOST_MOVERS = 10
"""Pairs shown of each decision effect."""
PLACE = ["axis", "group", "template", "name", "stratum", "prompt_id", "cluster"]
IGNORES = "ignores that prompts share templates and names"


def both_scores(baseline: Run, candidate: Run, metric: str) -> pd.DataFrame:
    """Prompts of the swap arm that both runs asked, with `before` and `after`: their scores, NaN without a value."""
    prompts = candidate.prompts.loc[
        (candidate.prompts["arm"] == "swap") & (candidate.prompts["item"] == ""), PLACE
    ]
    found = prompts
    for run, name in ((baseline, "before"), (candidate, "after")):
        scores = run.scores[
            (run.scores["metric"] == metric) & (run.scores["arm"] == "swap") & (run.scores["item"] == "")
        ]
        own = scores[["prompt_id", "value"]].rename(columns={"value": name})
        found = found.merge(own, on="prompt_id", how="inner")
    return found.astype(dict.fromkeys(PLACE, "str"))


# ------------------------------------------------------------- flips


def flipped(baseline: Run, candidate: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables FLIPS and FLIP_COUNTS: decisions that turned, in both directions; empty where nothing is decided."""
    rows = both_scores(baseline, candidate, DECISION)
    known = rows[rows["before"].notna() & rows["after"].notna()]
    before, after = known["before"].to_numpy(float) > 0.5, known["after"].to_numpy(float) > 0.5
    turned = known[before != after]
    told = [_answers(run, set(turned["prompt_id"])) for run in (baseline, candidate)]
    flips = turned.assign(
        metric=DECISION, baseline=[told[0].get(one, "") for one in turned["prompt_id"]],
        candidate=[told[1].get(one, "") for one in turned["prompt_id"]],
    ).rename(columns={"before": "baseline_value", "after": "candidate_value"})  # fmt: skip
    return FLIPS.frame(flips), FLIP_COUNTS.frame(list(_counted(known, before, after)))


def _counted(rows: pd.DataFrame, before: Any, after: Any) -> Iterator[dict[str, object]]:
    """Gains and losses of every axis and of its groups."""
    gained, lost = after & ~before, before & ~after
    axis, group = rows["axis"].to_numpy(object), rows["group"].to_numpy(object)
    for name in dict.fromkeys(axis):
        for own in (ALL, *sorted(set(group[axis == name]))):
            mine = (axis == name) & ((group == own) | (own == ALL))
            counts = int(gained[mine].sum()), int(lost[mine].sum())
            yield {
                "metric": DECISION, "axis": name, "group": own, "n": int(mine.sum()), "gained": counts[0],
                "lost": counts[1], "p_value": mcnemar(*counts), "note": IGNORES,
            }  # fmt: skip


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p-value for as many gained as lost."""
    from scipy.stats import binom

    return min(1.0, 2 * float(binom.cdf(min(gained, lost), gained + lost, 0.5)))


def _answers(run: Run, wanted: set[str]) -> dict[str, str]:
    """The first answer to each prompt: its words, or the most probable label with its probability."""
    mine = run.responses[run.responses["prompt_id"].isin(wanted)].sort_values("repeat")
    first = mine.drop_duplicates("prompt_id")
    columns = (first[name].tolist() for name in ("prompt_id", "text", "scores", "error"))
    return {
        one: _told(str(text), str(scores), str(error))
        for one, text, scores, error in zip(*columns, strict=True)
    }


def _told(text: str, scores: str, error: str) -> str:
    if error:
        return f"no answer: {error}"
    found = json.loads(scores) if scores and scores != "nan" else {}
    if not found:
        return text
    label = max(found, key=lambda name: (found[name], name))
    return f"{label} ({np.exp(found[label]):.2f})"


# ------------------------------------------------------------- movers


def movers(baseline: Run, candidate: Run, table: pd.DataFrame) -> pd.DataFrame:
    """Table MOVERS: of each decision effect the pairs whose difference moved most, with both versions' answers.

    Where the effect's own score is a decision, the strength of it stands in if both runs measured it: it moves in steps
    that can be ordered.
    """
    parts = []
    known = table["metric"].map(lambda name: known_kind(name) is not None)
    for row in table[table["decision"] & table["difference"].notna() & known].to_dict("records"):
        metric = _graded(str(row["metric"]), baseline, candidate)
        mine = _pairs_of(row, metric, baseline, candidate)
        change = (mine["after"] - mine["before"]).to_numpy(float)
        order = np.lexsort((mine["pair_id"].to_numpy(str), -np.abs(change)))[:MOST_MOVERS]
        top = mine.iloc[order[np.abs(change[order]) > 0]]
        parts.append(
            top.assign(effect_id=row["effect_id"], metric=metric, change=top["after"] - top["before"])
        )
    return _with_answers(parts, baseline, candidate)


def _graded(metric: str, baseline: Run, candidate: Run) -> str:
    """The score whose pairs are shown: log-odds for decisions where both runs have them, else the effect's own."""
    kind = kind_of(metric)
    of = kind.name if kind.unsigned else kind.of
    if kind_of(of).card.unit == "rate" and all(
        (run.deltas["metric"] == "choice_logit").any() for run in (baseline, candidate)
    ):
        return "choice_logit"
    return of


def _pairs_of(row: Any, metric: str, baseline: Run, candidate: Run) -> pd.DataFrame:
    """Swap-arm pairs of an effect that both runs have, with both differences."""
    mine = candidate.deltas
    mine = mine[(mine["metric"] == metric) & (mine["arm"] == "swap") & (mine["axis"] == row["axis"])]
    if row["stratum"] != ALL:
        mine = mine[mine["stratum"] == row["stratum"]]
    groups = {row["group_a"], row["group_b"]}
    if ALL in groups or row["contrast"] == "interaction":
        mine = mine[(mine["group_a"] == row["group_b"]) | (mine["group_b"] == row["group_b"])]
    else:
        mine = mine[mine["group_a"].isin(groups) & mine["group_b"].isin(groups)]
    before = baseline.deltas[(baseline.deltas["metric"] == metric) & (baseline.deltas["arm"] == "swap")]
    both = mine.rename(columns={"delta": "after"}).merge(
        before[["pair_id", "delta"]].rename(columns={"delta": "before"}), on="pair_id"
    )
    known: pd.DataFrame = both[both["before"].notna() & both["after"].notna()]
    return known


def _with_answers(parts: Sequence[pd.DataFrame], baseline: Run, candidate: Run) -> pd.DataFrame:
    import pandas as pd

    if not parts:
        return MOVERS.frame()
    rows = pd.concat(parts, ignore_index=True)
    ends = candidate.pairs[["pair_id", "a", "b"]]
    rows = rows.merge(ends, on="pair_id").rename(columns={"before": "baseline", "after": "candidate"})
    wanted = {*rows["a"], *rows["b"]}
    for run, name in ((baseline, "baseline"), (candidate, "candidate")):
        told = _answers(run, wanted)
        rows = rows.assign(**{f"{name}_{side}": [told.get(one, "") for one in rows[side]] for side in "ab"})
    return MOVERS.frame(rows)


# ------------------------------------------------------------- usefulness


def utility(baseline: Run, candidate: Run, *, alpha: float) -> pd.DataFrame:
    """Table UTILITY: mean scores of both versions over all groups and for each, whatever differs between groups."""
    common = set(baseline.scores["metric"].unique()) & set(candidate.scores["metric"].unique())
    graded = [name for name in (DECISION, "rating") if name in common]
    rows = [
        row
        for metric in (*(name for name in USEFUL if name in common), *graded)
        for row in _useful(both_scores(baseline, candidate, metric), metric, alpha)
    ]
    return UTILITY.frame(rows)


def _useful(rows: pd.DataFrame, metric: str, alpha: float) -> Iterator[dict[str, object]]:
    """All prompts, each once; then every group of every axis."""
    if rows.empty:
        return
    places = rows[["axis", "group"]].drop_duplicates().sort_values(["axis", "group"])
    yield _mean(rows.drop_duplicates("prompt_id"), metric, ALL, ALL, alpha)
    for axis, group in places.itertuples(index=False):
        yield _mean(rows[(rows["axis"] == axis) & (rows["group"] == group)], metric, axis, group, alpha)


def _mean(rows: pd.DataFrame, metric: str, axis: str, group: str, alpha: float) -> dict[str, object]:
    """Mean change of a score over prompts, clustered by template and name."""
    before, after = rows["before"].to_numpy(float), rows["after"].to_numpy(float)
    known = np.isfinite(before) & np.isfinite(after)
    codes, _ = codes_of(rows, rows.iloc[:0])
    at = codes.at(np.flatnonzero(known))
    change: Floats = (after - before)[known]
    found = stats.difference(sample_of(np.zeros(len(change), dtype=np.intp), change, None, at, 1))
    level = 1 - alpha
    unseen = unseen_difference(level, found) if kind_of(metric).card.unit == "rate" else (0.0, 0.0)
    low, high = stats.interval(found, level, unseen=unseen)
    means = (float(one[known].mean()) if known.any() else float("nan") for one in (before, after))
    return {
        "metric": metric, "axis": axis, "group": group, "n": int(known.sum()), "missing": int((~known).sum()),
        "cluster_count": int(found.units[0]), **dict(zip(("baseline", "candidate"), means, strict=True)),
        "difference": float(found.value[0]), "se": float(found.se[0]), "df": float(found.df[0]),
        "low": float(low[0]), "high": float(high[0]), "level": level,
    }  # fmt: skip
