"""Prefixes: which rows of token ids begin alike, and how what they share is worked out once.

A causal model's work on the beginning of a row does not depend on what follows. Rows that begin alike are a tree, and a
tree is laid out as one sequence in which each token looks at its own ancestors alone. Everything here is a function of
the rows alone, so that a run that is resumed has the passes that it had before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from audit.buckets import PASS_TOKENS, batches

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Ids = tuple[int, ...]
LEAST_SHARED = 3
"""Tokens that rows of one tree have in common at least, the one that begins every text included."""
ATTENTION = 4096
"""Tokens of a tree at which looking at each other costs as much as all else (about six times the width of a model)."""
LEAST_ROOT, ROOT_STEP = 64, 32
"""A beginning that several trees have in common is worked out once for all of them, if it is that long; cut at a step,
so that other passes have the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What a pass may take."""

    budget: int
    """Padded tokens that are worked out in one pass, at most; one row may be longer."""
    longest: int
    """Tokens of the longest tree, root included; longer rows are worked out alone."""
    copies: int = 10**9
    """Tokens of roots in memory at most: every tree of a pass has its root's keys and values beside its own."""

    def batches(self, lengths: Sequence[int], root: int) -> list[list[int]]:
        """Trees of these lengths beyond the root that share a pass, by number."""
        most = max(1, self.copies // root) if root else len(lengths)
        return [
            batch[start : start + most]
            for batch in batches(lengths, budget=self.budget)
            for start in range(0, len(batch), most)
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """Trees that share a pass, each as the numbers of its rows in the order of their ids; all begin with one root."""

    root: int
    """Tokens of the root, which is worked out before, and once; 0: there is none."""
    trees: Sequence[Sequence[int]]
    tokens: int
    """Tokens of the longest tree beyond the root."""


def planned(rows: Sequence[Ids], means: Means) -> list[Pass]:
    """The passes that work out all rows: in trees, or each alone where trees would cost more."""
    fitting = [number for number, row in enumerate(rows) if len(row) <= means.longest]
    others = [number for number, row in enumerate(rows) if len(row) > means.longest]
    return [*_alone(rows, others, means), *_planned(rows, fitting, means)]


def _alone(rows: Sequence[Ids], some: Sequence[int], means: Means) -> list[Pass]:
    """Passes of rows of like length, each worked out whole."""
    lengths = [len(rows[number]) for number in some]
    return [
        Pass(root=0, trees=[[some[at]] for at in batch], tokens=max(lengths[at] for at in batch))
        for batch in batches(lengths, budget=means.budget)
    ]


def _planned(rows: Sequence[Ids], some: Sequence[int], means: Means) -> list[Pass]:
    alone = _alone(rows, some, means)
    line = _Line(
        [_Item(number=at, beginning=rows[at]) for at in sorted(some, key=lambda number: rows[number])]
    )
    plans = [alone]
    for root in sorted({0, _root(line, 0, len(some))}):
        if not some or min(len(rows[at]) for at in some) > root:
            plans.append(_passes(line, _trees(line, 0, len(some), root, means), root, means))
    return min(plans, key=_cost)


def batched(prompts: Sequence[Sequence[Ids]], means: Means) -> list[list[int]]:
    """Batches of prompts, each given as its rows, which go into one pass or a few; every prompt in one batch."""
    items = sorted(
        (_item(number, rows) for number, rows in enumerate(prompts)),
        key=lambda item: (item.beginning, item.number),
    )
    line = _Line(items)
    pooled: list[tuple[int, int]] = []
    found: list[list[int]] = []
    for start, end, root in _groups(line, means):
        trees = _trees(line, start, end, root, means)
        if root:
            found += _together(line, trees, root, means)
        else:
            pooled += trees
    return found + _together(line, pooled, 0, means)


def shared(one: Ids, other: Ids) -> int:
    """How many ids two rows have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@dataclass(frozen=True, kw_only=True, slots=True)
class _Item:
    """A row or a prompt, by number: what all of its rows begin with, and how many tokens its tree has beside that."""

    number: int
    beginning: Ids
    more: int = 0


def _item(number: int, rows: Sequence[Ids]) -> _Item:
    """A prompt by its rows; of several, the beginning ends before the shortest row does."""
    if not rows:
        return _Item(number=number, beginning=())
    ordered = sorted(rows)
    common = min((shared(ordered[0], row) for row in ordered), default=0)
    tokens = len(ordered[0]) + sum(len(b) - shared(a, b) for a, b in pairwise(ordered))
    return _Item(number=number, beginning=ordered[0][:common], more=tokens - common)


class _Line:
    """Items in the order of their beginnings: neighbours have the most in common."""

    def __init__(self, items: Sequence[_Item]) -> None:
        import numpy as np

        self.items = items
        self.common: NDArray[np.int64] = np.array(
            [0, *(shared(a.beginning, b.beginning) for a, b in pairwise(items))], dtype=np.int64
        )
        """What each item has in common with the one before."""

    @cached_property
    def _until(self) -> NDArray[np.int64]:
        import numpy as np

        new = [len(item.beginning) + item.more for item in self.items] - self.common[: len(self.items)]
        return np.concatenate([[0], np.cumsum(new)])

    def tokens(self, start: int, end: int, root: int) -> int:
        """Tokens of a tree of the items `start` to `end` beyond the root."""
        return int(self._until[end] - self._until[start] + self.common[start]) - root

    def cut(self, start: int, end: int) -> int:
        """Where a tree is best divided: where neighbours have the least in common, near the middle."""
        import numpy as np

        inner = self.common[start + 1 : end]
        least = np.flatnonzero(inner == inner.min()) + start + 1
        middle = (self._until[start] + self._until[end]) / 2
        return int(least[np.abs(self._until[least] - middle).argmin()])


def _root(line: _Line, start: int, end: int) -> int:
    """Tokens of the root that these items have; 0 where it is too short for one."""
    common = int(line.common[start + 1 : end].min(initial=10**9)) if end - start > 1 else 0
    return common // ROOT_STEP * ROOT_STEP if common >= LEAST_ROOT else 0


def _groups(line: _Line, means: Means) -> Iterator[tuple[int, int, int]]:
    """(Start, end, root) of items that go together: those of many passes that have a root, and all others."""
    open_ = [(0, len(line.items))] if line.items else []
    while open_:
        start, end = open_.pop()
        if end - start == 1 or line.tokens(start, end, 0) <= means.budget:
            yield start, end, 0
        elif root := _root(line, start, end):
            yield start, end, root
        else:
            middle = line.cut(start, end)
            open_ += [(middle, end), (start, middle)]


def _trees(line: _Line, start: int, end: int, root: int, means: Means) -> list[tuple[int, int]]:
    """The items in trees: divided where that costs less, and where a tree would be too large."""
    found = []
    open_ = [(start, end)] if end > start else []
    while open_:
        first, last = open_.pop()
        if line.common[first + 1 : last].max(initial=0) - root < LEAST_SHARED:
            found += [(at, at + 1) for at in range(first, last)]
            continue
        whole = line.tokens(first, last, root)
        if last - first > 1:
            middle = line.cut(first, last)
            parts = (line.tokens(first, middle, root), line.tokens(middle, last, root))
            apart = line.common[middle] - root < LEAST_SHARED
            large = whole > means.budget or whole + root > means.longest
            if apart or large or sum(map(_work, parts)) < _work(whole):
                open_ += [(middle, last), (first, middle)]
                continue
        found.append((first, last))
    return found


def _work(tokens: int) -> float:
    """What a tree costs, in tokens: each looks at the others."""
    return tokens + tokens * tokens / ATTENTION


def _together(line: _Line, trees: Sequence[tuple[int, int]], root: int, means: Means) -> list[list[int]]:
    """The numbers of the items of trees that share a pass."""
    lengths = [line.tokens(start, end, root) for start, end in trees]
    return [
        [line.items[at].number for tree in batch for at in range(*trees[tree])]
        for batch in means.batches(lengths, root)
    ]


def _passes(line: _Line, trees: Sequence[tuple[int, int]], root: int, means: Means) -> list[Pass]:
    lengths = [line.tokens(start, end, root) for start, end in trees]
    return [
        Pass(
            root=root,
            trees=[[line.items[at].number for at in range(*trees[tree])] for tree in batch],
            tokens=max(lengths[tree] for tree in batch),
        )
        for batch in means.batches(lengths, root)
    ]


def _cost(passes: Sequence[Pass]) -> float:
    """What passes cost, in tokens; their root is worked out once."""
    root = max((one.root for one in passes), default=0)
    trees = sum(len(one.trees) * _work(one.tokens) + PASS_TOKENS for one in passes)
    return trees + (root + PASS_TOKENS if root else 0)
