"""A baseline in one file, small enough to review: what the run was, and one line for each decision effect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.comparable import compared, planned
from audit.disk import told, whole
from audit.errors import InputError
from audit.records import ALL, EFFECTS, Compared, Run, content_id

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
KIND = "audit baseline"
DIGITS = 6
"""Significant digits of a number."""
COLUMNS = (
    "effect_id", "metric", "axis", "stratum", "design", "group_a", "group_b", "contrast", "verdict", "scale",
    "estimate", "low", "high", "level", "se", "df", "limit_low", "limit_high", "control_arm", "control_high",
    "mean_a", "mean_b", "cluster_count", "name_count", "pair_count", "failed_count",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """What a baseline file holds."""

    facts: Compared
    plan: Mapping[str, Any]
    """What has to be alike for a comparison: suite, question, policy, metrics, second models."""
    effects: pd.DataFrame
    """Decision effects, columns of EFFECTS."""
    items: Mapping[str, str]
    """Digest of the pairs (answers) of each effect."""


def baseline_of(run: Run) -> Baseline:
    """The baseline that a finished run makes; InputError where answers are missing or nothing is decided."""
    facts = compared(run)
    if not facts.complete:
        raise InputError(f"{run.folder}: the run is incomplete; a baseline needs all its answers")
    effects = run.effects[run.effects["decision"]]
    if effects.empty:
        raise InputError(f"{run.folder}: the suite marks no effect for decision, so there is nothing to keep")
    return Baseline(facts=facts, plan=plan_of(run), effects=effects, items=items_of(run, effects))


def plan_of(run: Run) -> dict[str, Any]:
    """What has to be alike for two runs to be compared."""
    return planned({**run.plan, "suite": run.suite, "policy": run.policy})


def items_of(run: Run, effects: pd.DataFrame) -> dict[str, str]:
    """Digest of the swap-arm pairs behind each effect; in other designs of the prompts of its axis and stratum."""
    return digests_of(run.pairs, run.prompts, effects)


def digests_of(pairs: pd.DataFrame, prompts: pd.DataFrame, effects: pd.DataFrame) -> dict[str, str]:
    """The same from the tables PAIRS and PROMPTS."""
    swapped = pairs[pairs["arm"] == "swap"]
    rows = (
        swapped.rename(columns={"pair_id": "id"})
        if len(swapped)
        else prompts.rename(columns={"prompt_id": "id"})
    )
    found: dict[tuple[str, str], str] = {}
    for axis, stratum in effects[["axis", "stratum"]].drop_duplicates().itertuples(index=False):
        mine = rows[(rows["axis"] == axis) & ((rows["stratum"] == stratum) | (stratum == ALL))]
        found[axis, stratum] = content_id("items", sorted(set(mine["id"])))
    keys = zip(effects["effect_id"], effects["axis"], effects["stratum"], strict=True)
    return {effect: found[axis, stratum] for effect, axis, stratum in keys}


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Writes the file: sorted, an effect a line, so that a diff shows what changed."""
    order = ["metric", "axis", "stratum", "group_a", "group_b", "effect_id"]
    rows = baseline.effects.sort_values(order)[list(COLUMNS)].to_dict("records")
    lines = [
        json.dumps({**{key: _plain(value) for key, value in row.items()}, "items": baseline.items[row["effect_id"]]},
                   ensure_ascii=False)
        for row in rows
    ]  # fmt: skip
    head = {"schema": SCHEMA, "kind": KIND, "run": asdict(baseline.facts), "plan": baseline.plan}
    text = json.dumps(head, ensure_ascii=False, indent=2, sort_keys=False)
    body = ",\n".join(f"    {line}" for line in lines)
    with told(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as waiting:
        waiting.write_text(f'{text[:-2]},\n  "effects": [\n{body}\n  ]\n}}\n', encoding="utf-8", newline="\n")


def _plain(value: Any) -> Any:
    """A number with six significant digits, None where there is none; texts as they are."""
    if isinstance(value, float):
        return None if value != value else float(f"{value:.{DIGITS}g}")
    return value


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file; InputError where it is no baseline, damaged, or of another version."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: no baseline file, it cannot be read as JSON ({error})") from error
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise InputError(f"{path}: no baseline file; `audit baseline set RUN -o FILE` writes one")
    if found.get("schema") != SCHEMA:
        raise InputError(
            f"{path}: written as version {found.get('schema')} of the baseline format, this program reads {SCHEMA}; "
            "set the baseline again from its run"
        )
    try:
        effects = _effects(found["effects"])
        items = {str(row["effect_id"]): str(row["items"]) for row in found["effects"]}
        return Baseline(
            facts=Compared(**found["run"]), plan=dict(found["plan"]), effects=effects, items=items
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the file is damaged, {_wrong(error)}") from error


def _wrong(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _effects(rows: list[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows as EFFECTS, with nothing in the columns that the file does not keep."""
    blank: dict[str, Any] = {"str": "", "float64": float("nan"), "int64": 0, "bool": False}
    whole_row = {column.name: blank[column.dtype] for column in EFFECTS.columns}
    own = [
        {**whole_row, "decision": True, **{key: _read(row[key], whole_row[key]) for key in COLUMNS}}
        for row in rows
    ]
    for row in own:
        row["control_low"] = -row["control_high"]
    return EFFECTS.frame(own)


def _read(value: Any, blank: Any) -> Any:
    """The value of a column, if it is of its kind."""
    found = float("nan") if value is None and isinstance(blank, float) else value
    if isinstance(blank, float) and isinstance(found, int):
        found = float(found)
    if type(found) is not type(blank):
        raise ValueError(f"{value!r} stands where {type(blank).__name__} belongs")
    return found
