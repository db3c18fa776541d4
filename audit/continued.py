"""Rows that begin alike, worked out together: what they share once, and then each to its own end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, pairwise
from typing import TYPE_CHECKING, TypeVar

from audit.keyvalues import Kept, Past, nothing_yet, repeated, token_bytes
from audit.memory import fitting
from audit.passes import SELF_TEST, Loaded, Row
from audit.prefixes import Ids, Means, Pass, planned, shared
from audit.trees import Layout, laid_out

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
KEPT_ON_A_CPU, KEPT_ON_A_CARD = 2**30, 2**33
"""Bytes of keys and values of roots in one pass, at most."""
At = tuple[int, int]
"""A position in a row, and the token whose probability after it is wanted."""
Need = tuple[int, int, int]


def log_probs(
    loaded: Loaded, rows: Sequence[Ids], wanted: Sequence[Sequence[At]], *, budget: int
) -> Iterator[tuple[int, list[float]]]:
    """Number of a row, and log p(token) after each wanted position of it (log-softmax in fp32)."""
    if loaded.continues:
        ask = partial(_log_probs, loaded, rows, wanted)
        yield from _in_passes(loaded, rows, ask, budget=budget)
        return

    def whole(batch: list[int]) -> list[list[float]]:
        return _whole(loaded, [rows[at] for at in batch], [wanted[at] for at in batch])

    yield from loaded.in_passes([len(row) for row in rows], whole, budget=budget)


def last_logits(
    loaded: Loaded, rows: Sequence[Ids], read: Callable[[Tensor], T], *, budget: int
) -> Iterator[tuple[int, T]]:
    """Number of a row, and what `read` makes of the logits after its last token."""

    def ask(one: Pass, batch: list[int]) -> list[T]:
        trees = _left(one, batch)
        if _is_plain(one, trees):
            return whole([tree[0] for tree in trees])
        layout = laid_out(rows, trees, one.root)
        places = [(tree, path[-1]) for tree, path in layout.places]
        past = _of_root(loaded, rows[batch[0]][: one.root], trees) if one.root else None
        return [read(line) for line in loaded.logits_at(_rows(layout), places, layout=layout, past=past)]

    def whole(batch: list[int]) -> list[T]:
        places = [(line, len(rows[at]) - 1) for line, at in enumerate(batch)]
        return [read(line) for line in loaded.logits_at([Row(ids=list(rows[at])) for at in batch], places)]

    if loaded.continues:
        return _in_passes(loaded, rows, ask, budget=budget)
    return loaded.in_passes([len(row) for row in rows], whole, budget=budget)


def means_of(loaded: Loaded, budget: int) -> Means:
    """What a pass of this model may take."""
    room = KEPT_ON_A_CPU if loaded.device == "cpu" else KEPT_ON_A_CARD
    return Means(budget=budget, longest=loaded.continues, copies=room // max(1, loaded.token_bytes))


def with_continuing(loaded: Loaded) -> Loaded:
    """The model as one whose rows share what they begin with, if a trial gives what whole rows give; else as it is.

    Models that keep something else than keys and values, or that do not look where they are told to, are found out
    here, whatever they are.
    """
    ids = tuple(loaded.encode(SELF_TEST)[1].ids)
    longest = _continuable(loaded)
    half = len(ids) // 2
    rows = sorted([ids, ids[:-1], ids[:half] + ids[half:][::-1], ids[1:]])
    trees = [[at for at, row in enumerate(rows) if row[0] == first] for first in ids[:2]]
    if not loaded.pads or half < 2 or ids[0] == ids[1] or 2 * len(ids) > longest:
        return loaded
    wanted = [[(at, row[at + 1]) for at in range(len(row) - 1)] for row in rows]
    begun = [tree for tree in trees if rows[tree[0]][0] == ids[0]]
    trials = [Pass(root=0, trees=trees, tokens=0), Pass(root=half // 2, trees=[*begun, *begun], tokens=0)]
    whole = _whole(loaded, rows, wanted)
    allowed = 1e-4 if loaded.model.dtype.itemsize == 4 else 5e-2
    for one in trials:
        batch = [at for tree in one.trees for at in tree]
        try:
            found = _log_probs(loaded, rows, wanted, one, batch)
        except Exception:
            return loaded
        pairs = zip(chain(*found), chain(*(whole[at] for at in batch)), strict=True)
        if not all(abs(a - b) <= allowed * max(1.0, abs(b)) for a, b in pairs):
            return loaded
    kept = loaded.kept.past
    size = token_bytes(kept, len(loaded.kept.ids)) if kept is not None else 0
    return replace(loaded, continues=longest, token_bytes=size, kept=Kept())


def _continuable(loaded: Loaded) -> int:
    """The longest row in which every position looks at all before it, in one way for every length of the row."""
    config = loaded.model.config.get_text_config()
    windows = [
        getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size", "window_size")
    ]
    turning = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    if turning.get("rope_type") in ("dynamic", "longrope"):
        known = turning.get("original_max_position_embeddings")
        windows.append(known or getattr(config, "original_max_position_embeddings", None) or 1)
    return min([loaded.limit, *(int(window) for window in windows if window)])


def _in_passes(
    loaded: Loaded, rows: Sequence[Ids], ask: Callable[[Pass, list[int]], list[T]], *, budget: int
) -> Iterator[tuple[int, T]]:
    """Every row's number with what `ask` gives for it; a pass that does not fit into memory is asked in halves."""
    for one in planned(rows, means_of(loaded, budget)):
        numbers = [at for tree in one.trees for at in tree]
        yield from fitting(numbers, partial(_tokens, rows, one), partial(ask, one), loaded.room)


def _left(one: Pass, batch: Sequence[int]) -> list[list[int]]:
    """The trees of a pass with no other rows than these."""
    mine = set(batch)
    trees = [[at for at in tree if at in mine] for tree in one.trees]
    return [tree for tree in trees if tree]


def _tokens(rows: Sequence[Ids], one: Pass, batch: list[int]) -> int:
    """Padded tokens of a pass over these rows."""
    trees = _left(one, batch)
    lengths = [
        len(rows[tree[0]]) + sum(len(rows[b]) - shared(rows[a], rows[b]) for a, b in pairwise(tree))
        for tree in trees
    ]
    return len(trees) * (max(lengths) - one.root)


def _is_plain(one: Pass, trees: Sequence[Sequence[int]]) -> bool:
    return not one.root and all(len(tree) == 1 for tree in trees)


def _whole(loaded: Loaded, rows: Sequence[Ids], wanted: Sequence[Sequence[At]]) -> list[list[float]]:
    """What is wanted of rows, each worked out whole."""
    needs = [(line, at, token) for line, some in enumerate(wanted) for at, token in some]
    values = iter(loaded.token_log_probs([Row(ids=list(row)) for row in rows], needs))
    return [[next(values) for _ in some] for some in wanted]


def _log_probs(
    loaded: Loaded, rows: Sequence[Ids], wanted: Sequence[Sequence[At]], one: Pass, batch: list[int]
) -> list[list[float]]:
    """What is wanted of the rows of a batch, in the trees of a pass."""
    trees = _left(one, batch)
    if _is_plain(one, trees):
        return _whole(loaded, [rows[at] for at in batch], [wanted[at] for at in batch])
    layout = laid_out(rows, trees, one.root)
    inner: dict[Need, float] = {}
    outer: dict[Need, float] = {}
    homes: list[list[tuple[dict[Need, float], Need]]] = []
    for at, (tree, path) in zip(batch, layout.places, strict=True):
        mine: list[tuple[dict[Need, float], Need]] = []
        for position, token in wanted[at]:
            beyond = position - one.root
            mine.append(
                (outer, (tree, path[beyond], token)) if beyond >= 0 else (inner, (0, position, token))
            )
        homes.append(mine)
    for mine in homes:
        for where, need in mine:
            where[need] = 0.0
    past = _of_root(loaded, rows[batch[0]][: one.root], trees, inner) if one.root else None
    values = loaded.token_log_probs(_rows(layout), list(outer), layout=layout, past=past)
    outer.update(zip(outer, values, strict=True))
    return [[where[need] for where, need in mine] for mine in homes]


def _rows(layout: Layout) -> list[Row]:
    return [Row(ids=ids) for ids in layout.ids]


def _of_root(
    loaded: Loaded, ids: Ids, trees: Sequence[object], needs: dict[Need, float] | None = None
) -> Past:
    """What the root left for each tree; what is wanted of the root itself is put into `needs`.

    The last root is remembered: many passes have one in common.
    """
    if loaded.kept.past is None or loaded.kept.ids != ids or needs:
        past = nothing_yet()
        some = needs if needs is not None else {}
        some.update(
            zip(some, loaded.token_log_probs([Row(ids=list(ids))], list(some), past=past), strict=True)
        )
        loaded.kept.ids, loaded.kept.past = ids, past
    return repeated(loaded.kept.past, len(ids), len(trees))
