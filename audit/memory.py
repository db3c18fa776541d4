"""Memory: a pass that does not fit is cut in halves, and one as large is not tried again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeVar

from audit.buckets import batches

T = TypeVar("T")
MARKS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "alloc_failed",
)
"""What the messages of torch say where memory is short: CUDA and MPS, processors, and the libraries of CUDA."""


@dataclass(kw_only=True, slots=True)
class Room:
    """Padded tokens of the smallest pass that did not fit; no limit until then."""

    tokens: float = inf


def in_passes(
    lengths: Sequence[int], ask: Callable[[list[int]], list[T]], *, budget: int, pad: bool, room: Room
) -> Iterator[tuple[int, T]]:
    """Every index of `lengths` with what `ask` gives for it; a pass that does not fit into memory is asked in halves.

    `ask` gets indices and gives one result each, in order. A single row that does not fit raises its error.
    """

    def size(batch: list[int]) -> int:
        return len(batch) * max(lengths[index] for index in batch)

    for batch in batches(lengths, budget=budget, pad=pad):
        yield from fitting(batch, size, ask, room)


def is_memory_short(error: Exception) -> bool:
    """Whether the error says that memory is short, on a graphics card or on the processor."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(mark in text for mark in MARKS)
    )


def fitting(
    batch: list[int], size: Callable[[list[int]], int], ask: Callable[[list[int]], list[T]], room: Room
) -> Iterator[tuple[int, T]]:
    """Every index of a batch with what `ask` gives for it, in as many passes as memory asks for.

    `size` says how many tokens a pass over some indices works out.
    """
    tokens = size(batch)
    found = _tried(batch, ask) if len(batch) == 1 or tokens < room.tokens else None
    if found is not None:
        yield from zip(batch, found, strict=True)
        return
    room.tokens = min(room.tokens, tokens)
    half = len(batch) // 2
    for part in (batch[:half], batch[half:]):
        yield from fitting(part, size, ask, room)


def _tried(batch: list[int], ask: Callable[[list[int]], list[T]]) -> list[T] | None:
    """The results; None where they do not fit into memory together. What was held is given back first."""
    try:
        return ask(batch)
    except (MemoryError, RuntimeError) as error:
        if len(batch) == 1 or not is_memory_short(error):
            raise
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    return None
