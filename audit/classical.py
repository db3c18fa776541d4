"""Tests that readers know from other audits, beside ours: labelled with what they ignore, and never deciding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit.kinds import Kind, kind_of
from audit.mixed import Mixed, mixed_model
from audit.records import ALL, CLASSICAL
from audit.stats import Floats, Ints
from audit.suite import Suite

if TYPE_CHECKING:
    import pandas as pd

LOGIT = "choice_logit"
"""The score that mixed models are fitted to."""
MOST_TESTS = 200
"""Comparisons of one metric that are tested: those marked for decision first, then in the order of the effects."""
MOST_TEMPLATES = 600
"""Templates in all mixed models of a run together; a fit takes about a millisecond for each."""
IGNORES = "ignores clustering"
AVERAGED = "answers are averaged over repeats, so they are not 0 or 1"
KEYS = ["axis", "group_a", "group_b"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Test:
    """What one test says."""

    test: str
    n: int
    note: str
    estimate: float = float("nan")
    se: float = float("nan")
    statistic: float = float("nan")
    p_value: float = float("nan")


def classical(
    effects: pd.DataFrame, deltas: pd.DataFrame, prompts: pd.DataFrame, scores: pd.DataFrame, *, suite: Suite
) -> pd.DataFrame:
    """The table CLASSICAL for pairs of groups; rankings have none, for their answers are not independent trials.

    Design `groups`: two-proportion z and Fisher's exact test of every rate. Design `paired`: McNemar's exact test of
    every rate, with one pair a template, and a mixed model of the log-odds.
    """
    rows: list[dict[str, object]] = []
    for kind in map(kind_of, dict.fromkeys(suite.metrics)):
        mine = _chosen(effects[effects["metric"] == kind.name])
        if suite.design == "groups" and _is_rate(kind):
            rows += _of_counts(mine, _values(prompts, scores, kind.name))
        if suite.design == "paired" and (_is_rate(kind) or kind.name == LOGIT):
            pairs = _by_contrast(deltas, kind.name)
            rows += _of_models(mine, pairs) if kind.name == LOGIT else _of_pairs(mine, pairs)
    return CLASSICAL.frame(rows)


def _is_rate(kind: Kind) -> bool:
    own = kind.of == kind.name and not kind.unsigned and any((kind.metric, kind.reading))
    return own and kind.card.unit == "rate"


def _chosen(effects: pd.DataFrame) -> pd.DataFrame:
    """Pairs of groups, over all strata or marked for decision; decisions first, single axes before intersections.

    Comparisons of exploration that have no pairs are left out.
    """
    mine = effects[(effects["contrast"] == "pair") & ((effects["stratum"] == ALL) | effects["decision"])]
    mine = mine[mine["decision"] | (mine["pair_count"] > 0)]
    combined = mine["axis"].str.contains("*", regex=False)
    return mine.iloc[np.lexsort((np.arange(len(mine)), combined, ~mine["decision"].to_numpy(bool)))]


def _tested(effects: pd.DataFrame) -> Iterator[tuple[Mapping[str, object], str]]:
    """The comparisons that are tested, with a remark where they are not all."""
    cut = f"; the first {MOST_TESTS} of {len(effects)} comparisons" if len(effects) > MOST_TESTS else ""
    for row in effects.head(MOST_TESTS).to_dict("records"):
        yield {str(name): value for name, value in row.items()}, cut


def _line(effect: Mapping[str, object], found: _Test, more: str = "") -> dict[str, object]:
    keys = ("effect_id", "metric", "axis", "stratum", "group_a", "group_b")
    return {
        **{key: effect[key] for key in keys}, "test": found.test, "n": found.n, "estimate": found.estimate,
        "se": found.se, "statistic": found.statistic, "p_value": found.p_value, "note": found.note + more,
    }  # fmt: skip


# ------------------------------------------------------------- texts of each group


def _values(prompts: pd.DataFrame, scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Score of every answer with its axis, stratum and group."""
    swap = prompts.loc[prompts["arm"] == "swap", ["prompt_id", "item", "axis", "stratum", "group"]]
    mine = scores.loc[
        (scores["arm"] == "swap") & (scores["metric"] == metric), ["prompt_id", "item", "value"]
    ]
    return swap.merge(mine[np.isfinite(mine["value"])], on=["prompt_id", "item"])


def _of_counts(effects: pd.DataFrame, values: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Both tests of two shares; not where answers were averaged, so that they are no longer 0 or 1."""
    own = values.groupby(["axis", "stratum", "group"])["value"].agg(["size", "sum"])
    pooled = values.groupby(["axis", "group"])["value"].agg(["size", "sum"])
    plain = bool(values["value"].isin([0, 1]).all())
    for effect, cut in _tested(effects):
        place = (effect["axis"],) if effect["stratum"] == ALL else (effect["axis"], effect["stratum"])
        table = pooled if effect["stratum"] == ALL else own
        counts = np.array([
            table.loc[(*place, effect[key])] if (*place, effect[key]) in table.index else (0, 0)
            for key in ("group_a", "group_b")
        ], dtype=float)  # fmt: skip
        for found in _two_tests(counts, plain=plain):
            yield _line(effect, found, cut)


def _two_tests(counts: Floats, *, plain: bool) -> tuple[_Test, _Test]:
    """`counts` holds for a and b the number of answers and of those that are 1."""
    (size_a, yes_a), (size_b, yes_b) = counts
    n = int(size_a + size_b)
    names = ("two_proportion_z", "fisher_exact")
    why = "" if plain else AVERAGED
    why = why or ("" if size_a and size_b else "a group has no answers with a value")
    if why:
        return _Test(test=names[0], n=n, note=why), _Test(test=names[1], n=n, note=why)
    from scipy.stats import fisher_exact

    exact = fisher_exact(np.array([[yes_b, size_b - yes_b], [yes_a, size_a - yes_a]]))
    change = yes_b / size_b - yes_a / size_a
    fisher = _Test(test=names[1], n=n, estimate=change, p_value=float(exact[1]), note=IGNORES)
    share = (yes_a + yes_b) / n
    se = float(np.sqrt(share * (1 - share) * (1 / size_a + 1 / size_b)))
    if se == 0:
        return _Test(
            test=names[0], n=n, estimate=change, note=f"{IGNORES}; all answers are the same: no statistic"
        ), fisher
    return _Test(
        test=names[0],
        n=n,
        estimate=change,
        se=se,
        statistic=change / se,
        p_value=_two_sided(change / se),
        note=IGNORES,
    ), fisher


def _two_sided(z: float) -> float:
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(z)))


# ------------------------------------------------------------- paired texts


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pairs:
    """Swap-arm pairs with both values of one metric, and where those of each axis and two groups are."""

    rows: pd.DataFrame
    places: Mapping[tuple[str, ...], Ints]

    def of(self, effect: Mapping[str, object]) -> pd.DataFrame:
        """The pairs of an effect."""
        found = self.places.get(tuple(str(effect[key]) for key in KEYS), np.zeros(0, np.intp))
        mine = self.rows.iloc[found]
        return mine if effect["stratum"] == ALL else mine[mine["stratum"] == effect["stratum"]]


def _by_contrast(deltas: pd.DataFrame, metric: str) -> _Pairs:
    mine = deltas[(deltas["metric"] == metric) & (deltas["arm"] == "swap")]
    mine = mine[np.isfinite(mine["value_a"]) & np.isfinite(mine["value_b"])]
    found = mine.astype(dict.fromkeys(KEYS, "category")).groupby(KEYS, observed=True, sort=False).indices
    return _Pairs(
        rows=mine, places={tuple(map(str, key)): np.asarray(at, np.intp) for key, at in found.items()}
    )


def _of_pairs(effects: pd.DataFrame, pairs: _Pairs) -> Iterator[dict[str, object]]:
    """McNemar's exact test, with the first pair of every template."""
    for effect, cut in _tested(effects):
        yield _line(effect, _mcnemar(pairs.of(effect)), cut)


def _mcnemar(pairs: pd.DataFrame) -> _Test:
    """One pair a template, so that templates are the trials: the first by name, then by stratum and id."""
    from scipy.stats import binom

    first = pairs.sort_values(["template", "name", "stratum", "pair_id"]).drop_duplicates("template")
    a, b = first["value_a"].to_numpy(float), first["value_b"].to_numpy(float)
    plain = bool(np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all())
    if not len(a) or not plain:
        return _Test(test="mcnemar_exact", n=len(a), note=AVERAGED if len(a) else "no pairs with values")
    lost, won = int((a > b).sum()), int((a < b).sum())
    p = min(1.0, 2 * float(binom.cdf(min(lost, won), lost + won, 0.5)))
    note = f"{IGNORES}: one pair a template, that of its first name, {lost + won} of them with two decisions"
    return _Test(test="mcnemar_exact", n=len(a), estimate=(won - lost) / len(a), p_value=p, note=note)


def _of_models(effects: pd.DataFrame, pairs: _Pairs) -> Iterator[dict[str, object]]:
    """Mixed models over all strata, as many as the templates of a run allow."""
    left = MOST_TEMPLATES
    for effect, _ in _tested(effects[effects["stratum"] == ALL]):
        mine = pairs.of(effect)
        codes, count = _codes(mine["template"])
        left -= count
        if left < 0:
            why = f"not fitted: models of a run together have at most {MOST_TEMPLATES} templates"
            yield _line(effect, _Test(test="mixed_model", n=len(mine), note=why))
            return
        model = mixed_model(mine["value_a"].to_numpy(float), mine["value_b"].to_numpy(float), codes)
        yield _line(effect, _of_model(model, len(mine)))


def _codes(templates: pd.Series[str]) -> tuple[Ints, int]:
    found, codes = np.unique(templates.to_numpy(object).astype(str), return_inverse=True)
    return codes.reshape(-1), len(found)


def _of_model(model: Mixed, n: int) -> _Test:
    return _Test(
        test="mixed_model", n=n, estimate=model.estimate, se=model.se, statistic=model.statistic,
        p_value=model.p_value, note=model.note,
    )  # fmt: skip
