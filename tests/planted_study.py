"""The study of planted effects: 200 audits of each of six models with known effects, and what is said of them."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import planted
from planted import BY_OCCUPATION, INTERSECTIONS, POOLED, Look

from audit.reference import truth
from audit.reference.scoring import FOLDER
from audit.reference.studies import make_study_model

DRAWS = 200
WORKERS = 2
SMALL = 0.05
"""Effects smaller than this have no sign that an audit of this size could be asked to find."""
LOOKS: Mapping[str, Sequence[Look]] = {
    "null": (POOLED, BY_OCCUPATION, INTERSECTIONS),
    "main": (POOLED,),
    "occupation": (POOLED, BY_OCCUPATION),
    "intersection": (POOLED, INTERSECTIONS),
    "screening-v1": (POOLED, BY_OCCUPATION),
    "screening-v2": (POOLED,),
}
"""What is looked at in the audits of each model."""


# ------------------------------------------------------------- one model


@dataclass(frozen=True)
class Studied:
    """One row an effect and draw (and look), with the truth; and what the model does."""

    model: str
    simultaneous: pd.DataFrame
    plain: pd.DataFrame
    endless: pd.DataFrame
    """As `plain`, with names and templates drawn as if there were endlessly many."""


def study(model: str, draws: int = DRAWS) -> Studied:
    """Makes the model (released ones are there), asks it everything, and draws audits."""
    with tempfile.TemporaryDirectory() as folder:
        released = FOLDER / model
        place = released if released.is_dir() else make_study_model(Path(folder), model, progress=_silent)
        asked = planted.population(place)
    return studied(model, asked, draws=draws)


def _silent(what: str, done: int, total: int) -> None:
    pass


def studied(
    model: str, asked: planted.Population, *,
    draws: int, looks: Sequence[Look] | None = None, replacement: bool = False,
) -> Studied:  # fmt: skip
    """What drawn audits say of a model that was asked everything; with `replacement`, all are drawn like `endless`."""
    endless = planted.Drawer(asked, replacement=True)
    drawer = endless if replacement else planted.Drawer(asked)
    rows: dict[str, list[pd.DataFrame]] = {"simultaneous": [], "plain": [], "endless": []}
    for number in range(draws):
        drawn = drawer.draw(number)
        for look in looks or LOOKS[model]:
            tables = planted.measured(drawn, look)
            place = {"look": look.name, "draw": number}
            rows["simultaneous"].append(planted.judged(tables, look).assign(**place))
            if look.plain:
                rows["plain"].append(planted.plain(tables, look).assign(**place))
        if not replacement:
            tables = planted.measured(endless.draw(number), POOLED)
            rows["endless"].append(planted.plain(tables, POOLED).assign(look=POOLED.name, draw=number))
    found = {name: with_truth(pd.concat(each), asked) for name, each in rows.items() if each}
    return Studied(model, **{"endless": found["plain"], **found})


def with_truth(rows: pd.DataFrame, asked: planted.Population) -> pd.DataFrame:
    """The rows with the columns `truth`, `covered`, and `near`: covered, give or take a twentieth of the limit."""
    keys = rows[planted.KEY].drop_duplicates()
    true = keys.assign(truth=[asked.true(row) for row in keys.to_dict("records")])
    found = rows.merge(true, on=planted.KEY, how="left")
    outside = np.maximum(found["low"] - found["truth"], found["truth"] - found["high"])
    return found.assign(covered=outside <= 0, near=outside <= found["limit_high"] / 20)


def study_all(models: Sequence[str] = tuple(LOOKS), *, draws: int = DRAWS, workers: int = 2) -> list[Studied]:
    """Every model, two at a time."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(study, models, [draws] * len(models)))


# ------------------------------------------------------------- what is said of it


def by_effect(rows: pd.DataFrame) -> pd.DataFrame:
    """One row an effect: truth, mean estimate, shares of draws that cover it, have its sign, and each verdict."""
    right = np.sign(rows["estimate"]) == np.sign(rows["truth"])
    shares = {verdict: rows["verdict"] == verdict for verdict in ("beyond", "within", "undecided")}
    told = (rows["low"] > 0) | (rows["high"] < 0)
    table = rows.assign(sign=right, told=told, half=(rows["high"] - rows["low"]) / 2, **shares)
    columns = ["truth", "estimate", "limit_high", "half", "covered", "near", "sign", "told", *shares]
    return table.groupby(["look", *planted.KEY], sort=False)[columns].mean().reset_index()


def by_draw(rows: pd.DataFrame) -> dict[str, float]:
    """Shares of the draws of one look: all effects covered, some false verdict, the order right."""
    large = rows["truth"].abs() > rows["limit_high"]
    known = rows.assign(
        false_beyond=(rows["verdict"] == "beyond") & ~large, false_within=(rows["verdict"] == "within") & large,
        size=rows["truth"].abs(), seen=rows["estimate"].abs(), large=large,
    )  # fmt: skip
    draws = known.groupby("draw")
    return {
        "together": float(draws["covered"].all().mean()),
        "false_beyond": float(draws["false_beyond"].any().mean()),
        "false_within": float(draws["false_within"].any().mean()),
        "first": float(np.mean([_largest_first(rows) for _, rows in draws])),
        "order": float(np.mean([_ordered(rows) for _, rows in draws])),
    }


def _largest_first(rows: pd.DataFrame) -> bool:
    """Whether the largest estimate is that of an effect as large as any (give or take `SMALL`)."""
    return bool(rows["size"].to_numpy()[rows["seen"].to_numpy().argmax()] >= rows["size"].max() - SMALL)


def _ordered(rows: pd.DataFrame) -> bool:
    """Whether every effect beyond the limit is estimated larger than every small one."""
    large, small = rows.loc[rows["large"], "seen"], rows.loc[rows["size"] < SMALL, "seen"]
    return bool(large.empty or small.empty or large.min() > small.max())


# ------------------------------------------------------------- in words


def parts(found: Sequence[Studied], *, seconds: float) -> dict[str, str]:
    """The tables of docs/validity.md, by the names of their markers."""
    pooled = {one.model: _of(one, POOLED) for one in found}
    by_job, crossed = (
        {one.model: _of(one, look) for one in found if look in LOOKS[one.model]}
        for look in (BY_OCCUPATION, INTERSECTIONS)
    )
    return {
        "planted bias: made": _made(found, seconds=seconds),
        "planted bias: coverage": _coverage(found),
        "planted bias: verdicts": _overview(found),
        "planted bias: affected effects": _effects(pooled, least=0.02),
        "planted bias: occupations": _families(by_job),
        "planted bias: one occupation": _effects({"occupation": by_job["occupation"]}, least=0.02),
        "planted bias: intersections": _families(crossed),
        "planted bias: one intersection": _effects({"intersection": crossed["intersection"]}, least=0.0),
    }


def _of(one: Studied, look: Look) -> pd.DataFrame:
    return one.simultaneous[one.simultaneous["look"] == look.name]


def _made(found: Sequence[Studied], *, seconds: float) -> str:
    day = datetime.datetime.now(datetime.UTC).date()
    draws = found[0].simultaneous["draw"].nunique()
    return (
        f"Made on {day} in {seconds / 60:.0f} minutes with {WORKERS} processes: {draws} audits of each model, all drawn"
        f" with the seed {planted.SEED}."
    )


def _coverage(found: Sequence[Studied]) -> str:
    kinds = ("all", "least, rates", "least, log-odds", "least, nearly covered")
    head = ["model", *kinds, *(f"endless: {kind}" for kind in kinds), "all nine"]
    lines = []
    for one in found:
        shares = []
        for rows in (one.plain[one.plain["look"] == POOLED.name], one.endless):
            table = by_effect(rows)
            least = table.groupby("metric")["covered"].min()
            shares += [table["covered"].mean(), *(least[name] for name in truth.METRICS), table["near"].min()]
        shares.append(by_draw(_of(one, POOLED))["together"])
        lines.append([f"`{one.model}`", *map(_share, shares)])
    return _table(head, lines)


def _overview(found: Sequence[Studied]) -> str:
    head = [
        "model", "sign right", "largest first", "large before small", "large called `beyond`", "false `beyond`",
        "false `within`", "small called `within`",
    ]  # fmt: skip
    lines = []
    for one in found:
        rows = _of(one, POOLED)
        numbers, effects = by_draw(rows), by_effect(rows)
        signed, large = effects["truth"].abs() >= SMALL, effects["truth"].abs() > effects["limit_high"]
        ranked = [numbers["first"], numbers["order"]] if large.any() else [np.nan, np.nan]
        shares = [effects.loc[signed, "sign"].min(), *ranked, *_verdicts(effects, numbers)]
        lines.append([f"`{one.model}`", *map(_share, shares)])
    return _table(head, lines)


def _families(rows_of: Mapping[str, pd.DataFrame]) -> str:
    head = [
        "model", "decision effects", "coverage", "least", "all covered", "large called `beyond`", "false `beyond`",
        "false `within`", "small called `within`",
    ]  # fmt: skip
    lines = []
    for model, rows in rows_of.items():
        numbers, effects = by_draw(rows), by_effect(rows)
        covered = effects["covered"]
        shares = [covered.mean(), covered.min(), numbers["together"], *_verdicts(effects, numbers)]
        lines.append([f"`{model}`", str(len(effects)), *map(_share, shares)])
    return _table(head, lines)


def _verdicts(effects: pd.DataFrame, numbers: Mapping[str, float]) -> list[float]:
    """Large effects called beyond, audits with a false beyond and with a false within, small effects called within."""
    large = effects["truth"].abs() > effects["limit_high"]
    power, within = effects.loc[large, "beyond"].mean(), effects.loc[~large, "within"].mean()
    return [float(power), numbers["false_beyond"], numbers["false_within"], float(within)]


def _effects(rows_of: Mapping[str, pd.DataFrame], *, least: float) -> str:
    lines = [
        _line(model, row)
        for model, rows in rows_of.items()
        for row in by_effect(rows).to_dict("records")
        if abs(row["truth"]) > least
    ]
    return _table(HEAD, lines)


HEAD = (
    "model", "effect", "truth", "mean estimate", "half-width", "covered", "sign right", "`beyond`", "`within`",
    "`undecided`",
)  # fmt: skip


def _line(model: str, row: Mapping[Any, Any]) -> list[str]:
    return [
        f"`{model}`", _name(row), _number(row["truth"]), _number(row["estimate"]), f"{row['half']:.3f}",
        _share(row["covered"]), _share(row["sign"] if abs(row["truth"]) >= SMALL else np.nan),
        *(_share(row[name]) for name in ("beyond", "within", "undecided")),
    ]  # fmt: skip


def _number(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _name(row: Mapping[Any, Any]) -> str:
    a, b = row["group_a"], row["group_b"]
    text = {
        "pair": f"{b} − {a}",
        "others": f"{b} − mean of the others",
        "interaction": f"{a} to {b}, beyond its parts",
    }[row["contrast"]]
    return text if row["stratum"] == "*" else f"{text}, {row['stratum']}"


def _share(value: float) -> str:
    return "" if np.isnan(value) else f"{100 * value:.1f}%"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("*", r"\*") for cell in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *lines])
