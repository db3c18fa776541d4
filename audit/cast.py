"""Who stands in the prompts: for every axis the persons that are drawn, with the words each group's version uses.

A `Cast` is drawn from axis files with the suite's seed; nothing in it depends on the order of the file or the machine.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.axis import Axis
from audit.errors import InputError
from audit.records import Exclusion, content_id

Words = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cast:
    """The groups of one axis or intersection and, for every drawn person, each group's words.

    persons[i][group] are the words of person i; others[i][group] are those of another name of the same group.
    """

    axis: str
    groups: tuple[str, ...]
    sets: frozenset[str]
    cue: str
    persons: tuple[Mapping[str, Words], ...]
    others: tuple[Mapping[str, Words], ...]
    excluded: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Role:
    """One group (or combination) of a cast: its key, its group on every axis, the gender of its persons."""

    key: str
    parts: Mapping[str, str]


def draw_cast(axis_id: str, axes: Mapping[str, Axis], *, persons: str, count: int, seed: int) -> Cast:
    """`count` persons for the axis or intersection `axis_id` (`a*b`); combinations without names are excluded."""
    members = axis_id.split("*")
    roles = [
        _Role(key="*".join(parts), parts=dict(zip(members, parts, strict=True)))
        for parts in itertools.product(*(sorted(axes[member].groups) for member in members))
    ]
    namer = _namer(members, axes, persons)
    genders = _genders(members, axes, persons=persons, namer=namer)
    usable = [role for role in roles if _gender_pool(role, genders, persons, axes[namer], namer)]
    dropped = [role for role in roles if role not in usable]
    draws = [
        _draw(usable, genders, index, axes=axes, persons=persons, namer=namer, count=count, seed=seed)
        for index in range(count)
    ]
    return Cast(
        axis=axis_id,
        groups=tuple(sorted(role.key for role in usable)),
        sets=_sets(members, axes),
        cue="names" if any(axes[member].cue == "names" for member in members) else "stated",
        persons=tuple(first for first, _ in draws),
        others=tuple(second for _, second in draws),
        excluded=tuple(
            Exclusion(
                what=f"{axis_id}: {role.key}", reason=f"axis '{namer}' has no names for this combination"
            )
            for role in dropped
        ),
    )


def _namer(members: Sequence[str], axes: Mapping[str, Axis], persons: str) -> str:
    """The axis whose names the persons bear: a name-cued member, else the persons axis."""
    named = [member for member in members if member != persons and axes[member].cue == "names"]
    if len(named) > 1:
        raise InputError(
            f"intersection '{'*'.join(members)}': only one axis can give the names, these do: {', '.join(named)}"
        )
    return named[0] if named else persons


def _genders(members: Sequence[str], axes: Mapping[str, Axis], *, persons: str, namer: str) -> list[str]:
    """The persons groups that take turns where the persons axis is held: those for which every group has names."""
    if persons in members:
        return []
    every = sorted(axes[persons].groups)
    if namer == persons:
        return [gender for gender in every if axes[persons].first_names(gender, gender)]
    return [g for g in every if all(axes[namer].first_names(group, g) for group in axes[namer].groups)]


def _gender_pool(role: _Role, genders: Sequence[str], persons: str, names: Axis, namer: str) -> bool:
    """Whether this role has names at all."""
    if persons not in role.parts:
        return bool(genders)
    gender = role.parts[persons]
    return bool(names.first_names(role.parts.get(namer, gender), gender))


def _sets(members: Sequence[str], axes: Mapping[str, Axis]) -> frozenset[str]:
    """Slots whose words change with the group."""
    return frozenset(slot for member in members for slot in axes[member].slots())


def _draw(
    roles: Sequence[_Role], genders: Sequence[str], index: int, *,
    axes: Mapping[str, Axis], persons: str, namer: str, count: int, seed: int,
) -> tuple[dict[str, Words], dict[str, Words]]:  # fmt: skip
    """Person `index` and its other name, for every role."""
    turns = max(len(genders), 1)
    place, drawn = index // turns, -(-count // turns)
    first: dict[str, Words] = {}
    second: dict[str, Words] = {}
    for role in roles:
        gender = role.parts.get(persons) or genders[index % turns]
        source = axes[namer]
        group = role.parts.get(namer, gender)
        names = _shuffled(source.first_names(group, gender), "first", namer, group, gender, seed)
        own = bool(source.groups[group].names.last)
        last = source.last_names(group) or axes[persons].last_names(gender)
        shared = _shuffled(last, "last", namer, group if own else "", seed)
        other_last = shared[(index + (count if own else 0)) % len(shared)]
        other = drawn + place if drawn + place < len(names) else place + 1
        words = _words(role, gender, axes, persons)
        first[role.key] = {**words, **_name(names[place % len(names)], shared[index % len(shared)])}
        second[role.key] = {**words, **_name(names[other % len(names)], other_last)}
    return first, second


def _words(role: _Role, gender: str, axes: Mapping[str, Axis], persons: str) -> dict[str, str]:
    """Forms and terms of a role: those of the person's gender, then those of each axis under test."""
    words = dict(axes[persons].groups[gender].words)
    for member, group in role.parts.items():
        words |= axes[member].groups[group].words
    return words


def _name(first: str, last: str) -> dict[str, str]:
    return {"name": f"{first} {last}", "first_name": first, "last_name": last}


def _shuffled(names: Sequence[str], *key: object) -> list[str]:
    """The names in an order that depends on the key alone."""
    order = sorted(names)
    random.Random(content_id(*key)).shuffle(order)
    return order
