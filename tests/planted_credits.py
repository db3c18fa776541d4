"""Credits of explained pairs as tables, drawn from known means: what a run with planted games would have stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from audit.records import ATTRIBUTIONS, PAIRS

Credit = tuple[str, str, float]
"""Slot, text, credit of one player."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """One pair with the credits of its two games."""

    swap: Sequence[Credit] = ()
    gap: Sequence[Credit] = ()
    together: Sequence[Credit] = ()
    """What two slots do together in the swap game; already in their credits."""
    template: str = "t0"
    name: str = "p0"
    stratum: str = ""
    groups: tuple[str, str] = ("men", "women")
    axis: str = "gender"
    in_random: bool = True
    reliable: bool = True
    total: float | None = None
    """What the credits should add up to, where they do not."""


def tables(played: Sequence[Played]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Attributions and pairs."""
    attributions: list[Mapping[str, Any]] = []
    pairs: list[Mapping[str, Any]] = []
    for number, one in enumerate(played):
        pair_id = f"pair {number:05d}"
        place = {"axis": one.axis, "arm": "swap", "template": one.template, "cluster": one.template}
        sides = {"group_a": one.groups[0], "group_b": one.groups[1], "a": f"{number} a", "b": f"{number} b"}
        pairs.append({"pair_id": pair_id, "name": one.name, "stratum": one.stratum, **place, **sides})
        for game, credits in (("swap", one.swap), ("gap", one.gap)):
            attributions += _rows(one, (pair_id, game), credits)
        both = _rows(one, (pair_id, "swap"), one.together)
        attributions += [{**row, "method": "shap_interactions", "partner": 7} for row in both]
    return ATTRIBUTIONS.frame(attributions), PAIRS.frame(pairs)


def _rows(one: Played, what: tuple[str, str], credits: Sequence[Credit]) -> list[Mapping[str, Any]]:
    total = sum(value for *_, value in credits) if one.total is None else one.total
    blank = {
        "side": "pair",
        "prompt_id": "",
        "method": "shap",
        "metric": "choice_logit",
        "reason": "",
        "partner": -1,
        "spans": "[]",
        "error": 0.0,
    }
    return [
        {"attribution_id": "/".join(what), "pair_id": what[0], "game": what[1], "player": player, "slot": slot,
         "text_a": text, "text_b": text, "value": value, "total": total, "base_value": 0.0, "rows": 4,
         "sample": "random", "in_random": one.in_random, "operator": "", "reliable": one.reliable, **blank}
        for player, (slot, text, value) in enumerate(credits)
    ]  # fmt: skip


TRUTH = {"name": 0.3, "pronoun": 0.6, "nurse": -0.4, "together": 0.5, "elsewhere": 0.0}


def drawn(
    rng: np.random.Generator, axis: str = "gender", *, templates: int = 16, names: int = 8, error: float = 0.0
) -> list[Played]:
    """One audit: every template once, each with a person; credits scatter by template, by person, and by themselves.

    `error`: standard deviation of the error that sampled coalitions would add to every credit.
    """
    by_template = rng.normal(0, 0.25, (templates, len(TRUTH)))
    by_name = rng.normal(0, 0.1, (names, len(TRUTH)))
    found = []
    for template in range(templates):
        noise = rng.normal(0, np.hypot(0.15, error), len(TRUTH))
        person = template % names
        values = np.array(list(TRUTH.values())) + by_template[template] + by_name[person] + noise
        credit = dict(zip(TRUTH, values.tolist(), strict=True))
        found.append(Played(
            swap=[("name", "Ann", credit["name"]), ("pronoun", "she", credit["pronoun"])],
            gap=[("occupation", "nurse" if template % 2 else "cook", credit["nurse"]),
                 ("", "together", credit["together"]), ("", "elsewhere", credit["elsewhere"])],
            template=f"t{template:02d}", name=f"p{person}", axis=axis,
        ))  # fmt: skip
    return found
