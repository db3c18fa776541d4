"""Which groups are compared with which, and which rows of a table belong to each comparison."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np

from audit.records import ALL, REFERENCE, Contrast

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Ints = NDArray[np.intp]

UNKNOWN = frozenset({"", "unknown"})
"""Groups that are counted but never compared."""
KINDS: dict[str, Contrast] = {ALL: "others", REFERENCE: "reference"}
"""Kind of contrast by its `group_a`; every other is a pair."""
MANY_GROUPS = 4
"""With more groups than this, each is also compared with the mean of the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """Which row belongs to which contrast; `side` is 1 where the row (its b) speaks for the contrast's b.

    In interactions it is the number of the corner.
    """

    row: Ints
    contrast: Ints
    side: Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class Entries:
    """The same, one entry for each kind of row and contrast, so that the members of some contrasts can be had alone."""

    kind: Ints
    """Which kind each row is of."""
    owner: Ints
    """The kind that each entry belongs to; they are sorted by it."""
    contrast: Ints
    side: Ints

    def sizes(self, count: int) -> Ints:
        """How many members each of `count` contrasts has."""
        rows = np.bincount(self.kind, minlength=int(self.owner.max(initial=-1)) + 1)
        found = np.bincount(self.contrast, weights=rows[self.owner], minlength=count)
        return np.asarray(found, np.intp)

    def members(self, start: int, stop: int) -> Members:
        """Those of the contrasts from `start` to before `stop`, which are numbered from 0."""
        mine = (self.contrast >= start) & (self.contrast < stop)
        return _expand(self.kind, self.owner[mine], self.contrast[mine] - start, self.side[mine])


@dataclass(frozen=True, kw_only=True)
class Contrasts:
    """All comparisons of a run, in order. `group_a` is `*` for the mean of the other groups.

    Interactions: group_b is the combination in which every part differs from group_a; all have as many parts.
    """

    axis: tuple[str, ...]
    stratum: tuple[str, ...]
    group_a: tuple[str, ...]
    group_b: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    """The groups of every axis, in alphabetical order."""
    interaction: bool = False

    def __len__(self) -> int:
        return len(self.axis)

    @cached_property
    def against_others(self) -> NDArray[np.bool_]:
        """Where a group is compared with the mean of the others."""
        return np.array([group == ALL for group in self.group_a], dtype=bool)

    @cached_property
    def kinds(self) -> tuple[Contrast, ...]:
        """What is compared with what."""
        if self.interaction:
            return tuple("interaction" for _ in self.axis)
        return tuple(KINDS.get(group, "pair") for group in self.group_a)

    @cached_property
    def signs(self) -> NDArray[np.float64]:
        """What each corner of an interaction counts."""
        return signs_of(
            corners(self.group_a[0], self.group_b[0]) if self.interaction and len(self) else ("", "")
        )

    @cached_property
    def blocks(self) -> dict[tuple[str, str], Ints]:
        """Numbers of the contrasts of each axis and stratum."""
        found: dict[tuple[str, str], list[int]] = {}
        for number, key in enumerate(zip(self.axis, self.stratum, strict=True)):
            found.setdefault(key, []).append(number)
        return {key: np.array(numbers, dtype=np.intp) for key, numbers in found.items()}

    def columns(self, numbers: Ints) -> Ints:
        """Places of both groups of contrasts of one axis, shape (contrasts, 2); -1 - g for the others than g.

        Interactions: places of all corners, shape (contrasts, corners).
        """
        groups = self.groups[self.axis[numbers[0]]] if len(numbers) else ()
        place = {group: number for number, group in enumerate(groups)}
        if self.interaction:
            sides = (corners(self.group_a[number], self.group_b[number]) for number in numbers)
            return np.array([[place[group] for group in each] for each in sides], dtype=np.intp)
        b = [place[self.group_b[number]] for number in numbers]
        a = [place.get(self.group_a[number], -1 - own) for number, own in zip(numbers, b, strict=True)]
        return np.array([a, b], dtype=np.intp).T.reshape(-1, 2)

    def part(self, start: int, stop: int) -> Contrasts:
        """The contrasts from `start` to before `stop`."""
        columns = {
            name: getattr(self, name)[start:stop] for name in ("axis", "stratum", "group_a", "group_b")
        }
        return replace(self, **columns)

    def of_pairs(self, pairs: pd.DataFrame) -> Members:
        """Contrasts of pairs (columns axis, stratum, group_a, group_b): pooled, by stratum, against the others."""
        return self.entries_of_pairs(pairs).members(0, len(self))

    def of_groups(self, rows: pd.DataFrame) -> Members:
        """Contrasts of single rows (columns axis, stratum, group): side 1 for b, 0 for a or for the others."""
        return self.entries_of_groups(rows).members(0, len(self))

    def of_controls(self, pairs: pd.DataFrame) -> Members:
        """Contrasts of same-group pairs: those of both groups, each side with equal weight."""
        return self.entries_of_controls(pairs).members(0, len(self))

    def entries_of_pairs(self, pairs: pd.DataFrame) -> Entries:
        """What `of_pairs` is made of."""
        return entries_of(self._pair_keys, pairs, ["axis", "group_a", "group_b"])

    def entries_of_groups(self, rows: pd.DataFrame) -> Entries:
        """What `of_groups` is made of."""
        return entries_of(self._group_keys, rows, ["axis", "group"])

    def entries_of_controls(self, pairs: pd.DataFrame) -> Entries:
        """What `of_controls` is made of."""
        rows = pairs[["axis", "stratum"]].assign(group=pairs["group_a"])
        return entries_of(self._control_keys, rows, ["axis", "group"])

    @cached_property
    def _pair_keys(self) -> pd.DataFrame:
        return keys_of(
            ("axis", "stratum", "group_a", "group_b", "contrast", "side"),
            (
                (axis, stratum, first, second, number, side)
                for number, axis, stratum, a, b in self._each()
                for other in self._against(axis, a, b)
                for first, second, side in ((other, b, 1), (b, other, 0))
            ),
        )

    @cached_property
    def _group_keys(self) -> pd.DataFrame:
        return keys_of(
            ("axis", "stratum", "group", "contrast", "side"),
            (
                (axis, stratum, group, number, side)
                for number, axis, stratum, a, b in self._each()
                for group, side in self.sides(axis, a, b)
            ),
        )

    @cached_property
    def _control_keys(self) -> pd.DataFrame:
        return keys_of(
            ("axis", "stratum", "group", "contrast", "side"),
            (
                (axis, stratum, group, number, 0)
                for number, axis, stratum, a, b in self._each()
                for other in self._against(axis, a, b)
                for group in (other, b)
            ),
        )

    def _each(self) -> Iterator[tuple[int, str, str, str, str]]:
        yield from zip(range(len(self)), self.axis, self.stratum, self.group_a, self.group_b, strict=True)

    def sides(self, axis: str, a: str, b: str) -> list[tuple[str, int]]:
        """The groups that a contrast rests on, each with its side; in interactions the number of its corner."""
        if self.interaction:
            return [(group, side) for side, group in enumerate(corners(a, b))]
        return [(b, 1), *((other, 0) for other in self._against(axis, a, b))]

    def _against(self, axis: str, a: str, b: str) -> tuple[str, ...]:
        """The groups that b is compared with."""
        return tuple(group for group in self.groups[axis] if group != b) if a == ALL else (a,)


def plan_contrasts(
    prompts: pd.DataFrame,
    groups: Mapping[str, Sequence[str]],
    *,
    others: Collection[str] = (),
    referred: Collection[str] = (),
) -> Contrasts:
    """Every comparison within the axes of `groups` (axis → groups known beforehand), pooled and by stratum.

    Groups that only the prompts know are added. Axes named in `others`, and those with many groups, also compare each
    group with the mean of the others. On axes named in `referred` each group is compared with the reference alone.
    """
    swap = prompts[prompts["arm"] == "swap"]
    rows: list[tuple[str, str, str, str]] = []
    every: dict[str, tuple[str, ...]] = {}
    for axis, known in groups.items():
        mine = swap[swap["axis"] == axis]
        every[axis] = tuple(sorted((set(known) | set(mine["group"].unique())) - UNKNOWN))
        strata = [ALL, *sorted(set(mine["stratum"].unique()) - {""})]
        alone = every[axis] if axis in others or len(every[axis]) > MANY_GROUPS else ()
        for stratum in strata:
            if axis in referred:
                rows += [(axis, stratum, REFERENCE, b) for b in every[axis]]
                continue
            rows += [(axis, stratum, a, b) for a, b in combinations(every[axis], 2)]
            rows += [(axis, stratum, ALL, b) for b in alone]
    return _contrasts(rows, every)


def corners(a: str, b: str) -> tuple[str, ...]:
    """Every combination of the parts of two combined groups, from a to b; the first part changes first."""
    parts = list(zip(a.split("*"), b.split("*"), strict=True))
    return tuple("*".join(reversed(chosen)) for chosen in product(*reversed(parts)))


def signs_of(groups: Sequence[str]) -> NDArray[np.float64]:
    """What each corner of an interaction counts: 1 for the last, -1 where one part is another, and so on."""
    last = (len(groups) - 1).bit_count()
    return np.array([(-1.0) ** (last - number.bit_count()) for number in range(len(groups))])


def interactions_of(groups: Collection[str]) -> list[tuple[str, str]]:
    """Each two combined groups that differ in every part, if all the combinations of their parts are there too.

    Parts are in alphabetical order: `blue*big` and `red*small` for (blue, red) and (big, small).
    """
    known = set(groups)
    parts = [
        sorted(set(values)) for values in zip(*(group.split("*") for group in sorted(known)), strict=True)
    ]
    if len(parts) < 2:
        return []
    found = []
    for chosen in product(*(combinations(values, 2) for values in parts)):
        a, b = ("*".join(pair[side] for pair in chosen) for side in (0, 1))
        if known.issuperset(corners(a, b)):
            found.append((a, b))
    return found


def decided(contrasts: str, groups: Collection[str]) -> int:
    """How many effects a decision on `contrasts` (as suites write it) of these groups has in one stratum."""
    if contrasts == "interaction":
        return len(interactions_of(groups))
    return len(groups) if contrasts in ("others", "reference") else len(groups) * (len(groups) - 1) // 2


def plan_interactions(contrasts: Contrasts) -> list[Contrasts]:
    """The interactions of every intersection that is compared, pooled and by stratum; by number of parts."""
    rows: dict[int, list[tuple[str, str, str, str]]] = {}
    each = {axis: interactions_of(groups) for axis, groups in contrasts.groups.items() if "*" in axis}
    for axis, stratum in contrasts.blocks:
        if each.get(axis):
            rows.setdefault(axis.count("*"), []).extend((axis, stratum, a, b) for a, b in each[axis])
    return [replace(_contrasts(mine, contrasts.groups), interaction=True) for _, mine in sorted(rows.items())]


def each_against_others(rows: pd.DataFrame, axis: str) -> Contrasts:
    """Comparisons of each group of `rows` (columns stratum, group) with the mean of the others."""
    groups = tuple(sorted(set(rows["group"].unique()) - UNKNOWN, key=_natural))
    strata = [ALL, *sorted(set(rows["stratum"].unique()) - {""})]
    return _contrasts([(axis, stratum, ALL, b) for stratum in strata for b in groups], {axis: groups})


def _contrasts(rows: list[tuple[str, str, str, str]], groups: Mapping[str, tuple[str, ...]]) -> Contrasts:
    axis, stratum, a, b = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Contrasts(axis=axis, stratum=stratum, group_a=a, group_b=b, groups=groups)


def _natural(group: str) -> tuple[str, int]:
    """`position 10` after `position 9`."""
    word, _, number = group.rpartition(" ")
    return (word, int(number)) if number.isdecimal() else (group, 0)


def keys_of(columns: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> pd.DataFrame:
    """A table of what belongs where: its last columns are the number of the contrast (or group) and the side."""
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns))


def members_of(keys: pd.DataFrame, rows: pd.DataFrame, on: list[str]) -> Members:
    """Rows met with keys by their columns `on`, for all strata together and for the row's own stratum."""
    found = entries_of(keys, rows, on)
    return found.members(0, int(found.contrast.max(initial=-1)) + 1)


def entries_of(keys: pd.DataFrame, rows: pd.DataFrame, on: list[str]) -> Entries:
    """The same as entries of kinds of rows: rows that are alike in stratum and in the columns `on` are of one kind."""
    import pandas as pd

    if keys.empty or rows.empty:
        none = np.zeros(0, dtype=np.intp)
        return Entries(kind=none, owner=none, contrast=none, side=none)
    groups = rows.groupby(["stratum", *on], sort=False, observed=True)
    kind = np.asarray(groups.ngroup(), np.intp)
    first = np.unique(kind, return_index=True)[1]
    kinds = rows[["stratum", *on]].iloc[first].astype("str").assign(kind=np.arange(len(first)))
    own = kinds.merge(keys[keys["stratum"] != ALL], on=["stratum", *on])
    pooled = kinds.drop(columns="stratum").merge(keys[keys["stratum"] == ALL], on=on)
    table = pd.concat([own, pooled]).sort_values("kind", kind="stable")
    columns = {name: table[name].to_numpy(np.intp) for name in ("contrast", "side")}
    return Entries(kind=kind, owner=table["kind"].to_numpy(np.intp), **columns)


def _expand(kind: Ints, owner: Ints, contrast: Ints, side: Ints) -> Members:
    """For every row the entries of its kind, which stand together in the order of their owners."""
    sizes = np.bincount(owner, minlength=int(kind.max(initial=-1)) + 1)
    starts = np.cumsum(sizes) - sizes
    times = sizes[kind]
    row = np.repeat(np.arange(len(kind)), times)
    entry = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times) + starts[kind[row]]
    return Members(row=row, contrast=contrast[entry], side=side[entry])
