"""Quoted prompts: the messages cut into pieces, with what is marked in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from audit.report.numbers import Number

LONGEST = 1200
"""Characters of one message that are quoted; the rest is in prompts.parquet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """The characters [start, end) of message `part`, how they are marked, and the number beside them."""

    part: int
    start: int
    end: int
    kind: str
    number: Number | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Words that are marked alike."""

    text: str
    kind: str = ""
    number: Number | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """One message of a prompt."""

    role: str
    pieces: tuple[Piece, ...]
    cut: bool


def spans_of(text: str) -> list[tuple[int, int, int, str]]:
    """The JSON of a `spans` column as (part, start, end, slot); no slot gives an empty one."""
    found = json.loads(text) if text else []
    return [
        (int(span[0]), int(span[1]), int(span[2]), str(span[3]) if len(span) > 3 else "") for span in found
    ]


def slot_marks(spans: str) -> list[Mark]:
    """Every filled slot of a prompt, marked alike."""
    return [Mark(part=part, start=start, end=end, kind="slot") for part, start, end, _ in spans_of(spans)]


def passages(messages: str, marks: Sequence[Mark], *, longest: int = LONGEST) -> tuple[Passage, ...]:
    """The messages of a prompt with marked pieces; each message at most `longest` characters, around its first mark."""
    found = json.loads(messages) if messages else []
    return tuple(
        _passage(str(role), str(text), [mark for mark in marks if mark.part == part], longest)
        for part, (role, text) in enumerate(found)
    )


def _passage(role: str, text: str, marks: Sequence[Mark], longest: int) -> Passage:
    kept = _without_overlap(marks, len(text))
    start = 0
    if len(text) > longest and kept:
        start = max(0, min(kept[0].start - longest // 4, len(text) - longest))
    stop = min(len(text), start + longest)
    pieces: list[Piece] = []
    place = start
    for mark in kept:
        if mark.start < start or mark.end > stop:
            continue
        if mark.start > place:
            pieces.append(Piece(text=text[place : mark.start]))
        pieces.append(Piece(text=text[mark.start : mark.end], kind=mark.kind, number=mark.number))
        place = mark.end
    if place < stop:
        pieces.append(Piece(text=text[place:stop]))
    return Passage(role=role, pieces=tuple(pieces), cut=start > 0 or stop < len(text))


def _without_overlap(marks: Sequence[Mark], length: int) -> list[Mark]:
    kept: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: (mark.start, -mark.end)):
        if mark.start < mark.end <= length and (not kept or mark.start >= kept[-1].end):
            kept.append(mark)
    return kept
