"""What a run says about itself: titles, wordings, metric cards, rows. Tolerant of what was not recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audit.kinds import ATTRIBUTION as ATTRIBUTION
from audit.kinds import card_of
from audit.records import ALL, NOT_COUNTED, REFERENCE, Run, content_id
from audit.statuses import Row as Row
from audit.statuses import model as model
from audit.statuses import model_name as model_name

if TYPE_CHECKING:
    import pandas as pd

NOT_RECORDED = "not recorded"
card = card_of
POSITION = "position"
MOST_DECIDED = 200
MOST_ANNEXED = 100
"""Rows that the annex prints: decisions up to the first number, explorations until there are as many as the second."""


def rows(frame: pd.DataFrame) -> list[Row]:
    """The rows of a table as mappings, in order."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def lacking(table: pd.DataFrame) -> pd.Series[bool]:
    """Which rows (of scores or deltas) lack a value that their metric is about; what it does not count is no gap."""
    return (table["reason"] != "") & ~table["reason"].str.startswith(NOT_COUNTED)


def mapping(source: Mapping[str, Any] | Mapping[str, object], key: str) -> Mapping[str, Any]:
    """`source[key]` where it is a mapping, else an empty one."""
    value = source.get(key)
    return value if isinstance(value, Mapping) else {}


def text(source: Mapping[str, Any] | Mapping[str, object], key: str) -> str:
    """`source[key]` as words, or that it was not recorded."""
    value = source.get(key)
    return NOT_RECORDED if value is None or value == "" else str(value)


def number(source: Mapping[str, Any] | Mapping[str, object], key: str) -> float:
    """`source[key]` as a number, NaN where there is none."""
    value = source.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def tested(run: Run) -> list[str]:
    """The attributes that the run varied: not those that only give names and pronouns."""
    named = run.suite.get("axes")
    chosen = [axis for axis in run.axes if isinstance(named, list | tuple) and axis in named]
    return chosen or list(run.axes)


def complete(run: Run) -> bool:
    """Whether everything planned was asked."""
    return run.manifest.get("complete") is True


def answers_are_older(run: Run) -> bool:
    """Whether answers existed before the plan was hashed."""
    return run.manifest.get("answers_older_than_plan") is True


def only_cues(run: Run) -> bool:
    """Whether every finding is about a cue against reference inputs, so that none is about a group."""
    return bool(run.findings) and all(finding.contrast == "reference" for finding in run.findings)


def parts(axis: str) -> list[str]:
    """The axes of an intersection; one for a plain axis."""
    return axis.split("*")


def _group(run: Run, axis: str, group: str) -> Mapping[str, Any]:
    groups = run.axes.get(axis, {}).get("groups")
    found = groups.get(group) if isinstance(groups, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def axis_title(run: Run, axis: str) -> str:
    """The axis in a heading; the parts of an intersection joined by a cross."""
    if axis == POSITION:
        return "Position in the prompt"
    return " × ".join(str(run.axes.get(part, {}).get("title") or part) for part in parts(axis))


def group_title(run: Run, axis: str, group: str) -> str:
    """The group in a table."""
    if group == ALL:
        return "mean of the others"
    if group == REFERENCE:
        return "mean of the reference inputs"
    axes = parts(axis)
    names = group.split("*") if len(axes) > 1 else [group]
    if len(names) != len(axes):
        return group
    pairs = zip(axes, names, strict=True)
    return " × ".join(str(_group(run, part, name).get("title") or name) for part, name in pairs)


def wording(run: Run, axis: str, group: str) -> str:
    """The group in a sentence: what inputs carry, never what persons are."""
    if group == ALL:
        return "inputs of the other groups on average"
    if group == REFERENCE:
        return "the reference inputs on average"
    axes = parts(axis)
    names = group.split("*") if len(axes) > 1 else [group]
    if len(names) != len(axes):
        return f"inputs marked as {group}"
    found = [(_group(run, part, name), name) for part, name in zip(axes, names, strict=True)]
    words = [
        str(each.get("wording") or f"inputs marked as {each.get('title') or name}") for each, name in found
    ]
    return prose(words[0] if len(words) == 1 else "inputs that combine " + " and ".join(words))


def prose(words: str) -> str:
    """Declared prose with typographic apostrophes (quoted inputs are never touched)."""
    return words.replace("'", "’")


def cue(run: Run, axis: str) -> str:
    """What differs between the two inputs of a pair, in words."""
    cues = {str(run.axes.get(part, {}).get("cue") or "") for part in parts(axis)}
    forms = any(_has_forms(run, part) for part in parts(axis))
    if cues == {"names"}:
        return "the name and the pronouns" if forms else "the name"
    return "the stated identity" if cues == {"stated"} else "the words that show the group"


def _has_forms(run: Run, axis: str) -> bool:
    groups = run.axes.get(axis, {}).get("groups")
    values = groups.values() if isinstance(groups, Mapping) else ()
    return any(isinstance(group, Mapping) and group.get("forms") for group in values)


def effect_of(run: Run) -> dict[str, Row]:
    """Effect id → row, of the effects that have a finding."""
    wanted = run.effects["effect_id"].isin([finding.effect_id for finding in run.findings])
    return {str(row["effect_id"]): row for row in rows(run.effects[wanted])}


def annexed(run: Run) -> list[Row]:
    """The effects that the annex prints: decisions first, then single attributes, pooled before strata."""
    order = list(zip(run.effects["decision"], run.effects["axis"], run.effects["stratum"], strict=True))
    places = sorted(range(len(order)), key=lambda place: _annex_order(*order[place]))
    decided = min(MOST_DECIDED, int(run.effects["decision"].sum()))
    return rows(run.effects.iloc[places[: max(MOST_ANNEXED, decided)]])


def _annex_order(decision: bool, axis: str, stratum: str) -> tuple[bool, bool, bool]:
    return not decision, "*" in axis, stratum != ALL


def group_record(row: Row) -> str:
    """Record id of a row of the groups table."""
    return content_id("group", *(str(row[key]) for key in ("metric", "axis", "stratum", "group")))


def subgroup_record(row: Row) -> str:
    """Record id of a row of the subgroups table."""
    return content_id("subgroup", *(str(row[key]) for key in ("metric", "axis", "stratum", "group")))


def classical_record(row: Row) -> str:
    """Record id of a row of the table of classical tests."""
    return content_id("classical", str(row["effect_id"]), str(row["test"]))


def judged_record(row: Row) -> str:
    """Record id of a row of the table of a judge's errors."""
    return content_id("judged", *(str(row[key]) for key in ("metric", "axis", "group")))


def decided_metrics(run: Run) -> list[str]:
    """Metrics of the decision effects first, then the others, in the order of the table."""
    ordered = [*run.effects["metric"][run.effects["decision"]], *run.effects["metric"]]
    return list(dict.fromkeys(str(metric) for metric in ordered))


def contrast(run: Run, row: Row) -> str:
    """`b against a` in titles."""
    first, second = (group_title(run, str(row["axis"]), str(row[key])) for key in ("group_b", "group_a"))
    if is_interaction(row):
        return f"{first} against its parts added up, from {second}"
    return f"{first} against {second}"


def is_interaction(row: Row) -> bool:
    """Whether the row asks if a combination is more than its parts."""
    return str(row.get("contrast")) == "interaction"


def label(run: Run, row: Row) -> str:
    """The contrast, with its stratum where it has one."""
    stratum = "" if row["stratum"] == ALL else f" ({row['stratum']})"
    return contrast(run, row) + stratum
