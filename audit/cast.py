"""Who stands in the prompts: for every axis the persons that are drawn, with the words each group's version uses.

A `Cast` is drawn from axis files with the suite's seed; nothing in it depends on the order of the file or the machine.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from audit.axis import Axis
from audit.balance import ordered, target
from audit.errors import InputError
from audit.grammar import derived
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
    """One group (or combination) of a cast: its key, its group on every axis."""

    key: str
    parts: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draw:
    """What a cast is drawn from: the axes under test, the one that gives names, those that are held, the turns."""

    axes: Mapping[str, Axis]
    members: tuple[str, ...]
    persons: str
    namer: str
    held: tuple[str, ...]
    genders: tuple[str, ...]
    count: int
    seed: int
    orders: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    """Names in the order in which they are drawn, by (first or last, group, gender), as far as they were needed."""

    @property
    def turns(self) -> int:
        """How many groups of the persons axis take turns."""
        return max(len(self.genders), 1)

    @property
    def drawn(self) -> int:
        """How many first names of one gender are drawn."""
        return -(-self.count // self.turns)


def draw_cast(
    axis_id: str, axes: Mapping[str, Axis], *, persons: str, count: int, seed: int, held: Collection[str] = ()
) -> Cast:
    """`count` persons for the axis or intersection `axis_id` (`a*b`); combinations without names are excluded.

    Each person has one group of every stated axis in `held` that is not under test, the same in all compared groups.
    """
    members = tuple(axis_id.split("*"))
    roles = [
        _Role(key="*".join(parts), parts=dict(zip(members, parts, strict=True)))
        for parts in itertools.product(*(sorted(axes[member].groups) for member in members))
    ]
    namer = _namer(members, axes, persons)
    draw = _Draw(
        axes=axes, members=members, persons=persons, namer=namer, count=count, seed=seed,
        held=tuple(key for key in sorted(held) if key not in (*members, persons) and axes[key].cue == "stated"),
        genders=tuple(_genders(members, axes, persons=persons, namer=namer)),
    )  # fmt: skip
    left_out = {role.key: reason for role in roles if (reason := _left_out(role, draw))}
    usable = [role for role in roles if role.key not in left_out]
    draws = [_person(usable, index, draw) for index in range(count)] if usable else []
    return Cast(
        axis=axis_id,
        groups=tuple(sorted(role.key for role in usable)),
        sets=_sets(members, axes),
        cue="names" if any(axes[member].cue == "names" for member in members) else "stated",
        persons=tuple(first for first, _ in draws),
        others=tuple(second for _, second in draws),
        excluded=tuple(Exclusion(what=f"{axis_id}: {key}", reason=why) for key, why in left_out.items()),
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
    """The persons groups that take turns where the persons axis is held.

    Those for which every group has names, and with which every word can agree.
    """
    if persons in members:
        return []
    every = sorted(axes[persons].groups)
    for member in members:
        agrees = axes[member].agrees_with
        every = every if agrees is None else [gender for gender in every if gender in agrees]
    if namer == persons:
        return [gender for gender in every if axes[persons].first_names(gender, gender)]
    return [g for g in every if all(axes[namer].first_names(group, g) for group in axes[namer].groups)]


def _left_out(role: _Role, draw: _Draw) -> str:
    """Why nobody can stand for this combination; empty if somebody can."""
    if draw.persons not in role.parts:
        return "" if draw.genders else f"axis '{draw.namer}' has no names for this combination"
    gender = role.parts[draw.persons]
    if not draw.axes[draw.namer].first_names(role.parts.get(draw.namer, gender), gender):
        return f"axis '{draw.namer}' has no names for this combination"
    for member in draw.members:
        agrees = draw.axes[member].agrees_with
        if agrees is not None and gender not in agrees:
            return f"axis '{member}' has no words that agree with {gender}"
    return ""


def _sets(members: Sequence[str], axes: Mapping[str, Axis]) -> frozenset[str]:
    """Slots whose words change with the group."""
    return frozenset(slot for member in members for slot in axes[member].slots())


def _person(roles: Sequence[_Role], index: int, draw: _Draw) -> tuple[dict[str, Words], dict[str, Words]]:
    """Person `index` and its other name, for every role."""
    first: dict[str, Words] = {}
    second: dict[str, Words] = {}
    held = _held(index, draw)
    for role in roles:
        gender = role.parts.get(draw.persons) or draw.genders[index % draw.turns]
        names, others = _names(role, gender, index, draw)
        tested = {key: role.parts[key] for key in draw.members}
        words = _words([{draw.persons: gender}, held, tested], gender, index, draw)
        first[role.key] = {**words, **names}
        second[role.key] = {**words, **others}
    return first, second


def _names(role: _Role, gender: str, index: int, draw: _Draw) -> tuple[dict[str, str], dict[str, str]]:
    """The name of person `index` in this role, and another name of the same group."""
    source, place, drawn = draw.axes[draw.namer], index // draw.turns, draw.drawn
    group = role.parts.get(draw.namer, gender)
    firsts = _first_names(group, gender, draw)
    own = bool(source.groups[group].names.last)
    lasts = _last_names(group if own else "", gender, draw)
    other = drawn + place if drawn + place < len(firsts) else place + 1
    other_last = lasts[(index + (draw.count if own else 0)) % len(lasts)]
    language = draw.axes[draw.persons].language
    return (
        _name(firsts[place % len(firsts)], lasts[index % len(lasts)], language),
        _name(firsts[other % len(firsts)], other_last, language),
    )


def _first_names(group: str, gender: str, draw: _Draw) -> list[str]:
    """First names of a group in the order in which they are drawn; shared names in one order for all groups."""
    source = draw.axes[draw.namer]
    if not source.groups[group].names.first:
        group = gender = ""
    if ("first", group, gender) not in draw.orders:
        entries = source.first_entries(group or next(iter(source.groups)), gender)
        others = [source.first_entries(each, gender if gender != group else each) for each in source.groups]
        key = ("first", draw.namer, group, gender, draw.seed)
        found = ordered(entries, *key, drawn=draw.drawn, towards=target(others))
        draw.orders["first", group, gender] = found
    return draw.orders["first", group, gender]


def _last_names(group: str, gender: str, draw: _Draw) -> list[str]:
    """Surnames in the order in which they are drawn; those that are shared have one order for all groups."""
    source = draw.axes[draw.namer]
    place = ("last", group, "" if group else gender)
    if place not in draw.orders and group:
        others = [source.last_entries(each) for each in source.groups]
        key = ("last", draw.namer, group, draw.seed)
        own = source.last_entries(group)
        draw.orders[place] = ordered(own, *key, drawn=draw.count, towards=target(others))
    elif place not in draw.orders:
        shared = source.shared_last_names or draw.axes[draw.persons].last_entries(gender)
        draw.orders[place] = _shuffled([entry.name for entry in shared], "last", draw.namer, "", draw.seed)
    return draw.orders[place]


def _held(index: int, draw: _Draw) -> dict[str, str]:
    """The group of person `index` on every axis that is held: each equally often, and with every gender in turn."""
    found = {}
    for key in draw.held:
        groups = _shuffled(list(draw.axes[key].groups), "held", key, draw.seed)
        found[key] = groups[_turn(index, draw.turns, len(groups))]
    return found


def _words(groups: Iterable[Mapping[str, str]], gender: str, index: int, draw: _Draw) -> dict[str, str]:
    """Forms and terms of groups of several axes for a person of that gender; the last one counts for a slot of two."""
    words: dict[str, str] = {}
    for some in groups:
        for key, group in some.items():
            words |= draw.axes[key].words(group, row=_row(index, key, draw), person=gender)
    return words


def _turn(index: int, turns: int, count: int) -> int:
    """Which of `count` things is the turn of person `index`, so that none of them always meets the same of `turns`."""
    return (index + index // math.lcm(turns, count)) % count


def _row(index: int, axis: str, draw: _Draw) -> int:
    """The row of an axis's terms that person `index` gets: each equally often, with every gender in turn."""
    rows = max(group.rows for group in draw.axes[axis].groups.values())
    order = list(range(rows))
    random.Random(content_id("row", axis, draw.seed)).shuffle(order)
    return order[_turn(index, draw.turns, rows)]


def _name(first: str, last: str, language: str) -> dict[str, str]:
    names = {"name": f"{first} {last}", "first_name": first, "last_name": last}
    return {**names, **derived(language, names, {}, names=True)}


def _shuffled(names: Sequence[str], *key: object) -> list[str]:
    """The names in an order that depends on the key alone."""
    order = sorted(names)
    random.Random(content_id(*key)).shuffle(order)
    return order
