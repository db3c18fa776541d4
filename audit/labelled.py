"""Labelled items: answers with the judgement that people gave them, on which a judge's errors are measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audit.errors import InputError, Problem
from audit.recordings import Row, find_recordings, rows_of
from audit.shape import one_of

MOST_PROBLEMS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One labelled answer; `prompt` is what it answers, where the judge is shown that."""

    answer: str
    prompt: str
    axis: str
    group: str
    favourable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """The items of a file, the file's digest, and what is wrong in it, by place."""

    items: tuple[Item, ...]
    digest: str
    problems: tuple[Problem, ...]


def read_labelled(
    path: Path, *, options: Sequence[str], favourable: str, groups: Mapping[str, Sequence[str]], with_prompt: bool
) -> Labelled | str:  # fmt: skip
    """The items of a file (.jsonl, .csv) with `answer`, `group` and `label`; a text says why it cannot be read at all.

    `groups` are those of every axis and intersection under test; `axis` is needed where a group stands in several.
    """
    try:
        (recording,) = find_recordings(str(path))
    except InputError as error:
        return str(error).partition(": ")[2] or str(error)
    problems: list[Problem] = []
    items: list[Item] = []
    try:
        for row in rows_of(recording):
            found = _item(row, options, favourable, groups, with_prompt=with_prompt)
            if isinstance(found, Item):
                items.append(found)
            elif len(problems) < MOST_PROBLEMS:
                problems += row.mistake(found).problems
    except InputError as error:
        problems += error.problems
    if not items and not problems:
        return "the file holds no items"
    return Labelled(items=tuple(items), digest=recording.digest, problems=tuple(problems))


def _item(
    row: Row, options: Sequence[str], favourable: str, groups: Mapping[str, Sequence[str]], *, with_prompt: bool
) -> Item | str:  # fmt: skip
    """The item of a row, or what is wrong with it."""
    for key in ("answer", "group", "label", *(["prompt"] if with_prompt else [])):
        value = row.values.get(key)
        if not isinstance(value, str) or not value.strip():
            state = "is missing" if value in (None, "") else "is no text"
            shown = " (the rubric shows it)" if key == "prompt" else ""
            return f"'{key}' {state}; an item has 'answer', 'group' and 'label'{shown}"
    label = {_plain(option): option for option in options}.get(_plain(row.values["label"]))
    if label is None:
        return f"'label' {one_of(row.values['label'], [option.strip() for option in options])}"
    axis = _axis_of(row, groups)
    if axis not in groups:
        return axis
    return Item(
        answer=row.values["answer"], prompt=str(row.values["prompt"]) if with_prompt else "",
        axis=axis, group=row.values["group"], favourable=label == favourable,
    )  # fmt: skip


def _axis_of(row: Row, groups: Mapping[str, Sequence[str]]) -> str:
    """The axis of the row's group, or what is wrong with the group."""
    group, axis = row.values["group"], row.values.get("axis")
    if axis and axis not in groups:
        return f"'axis' {one_of(axis, groups, what='the suite has')}"
    found = [name for name, known in groups.items() if group in known and axis in (None, "", name)]
    if len(found) == 1:
        return found[0]
    if found:
        return f"'group' is {group!r}, a group of {' and '.join(found)}; say which with the key 'axis'"
    known = [name for own, names in groups.items() if axis in (None, "", own) for name in names]
    return f"'group' {one_of(group, known, what='the suite has')}"


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
