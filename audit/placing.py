"""Placing: which characters of a prompt's messages each token stands for, in the text that the model reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from audit.inside import Line, Place
from audit.passes import Loaded
from audit.records import Answer, Message, Prompt

MARK = re.compile("\ue000(\\d+)\ue001")
CHANGED = "the chat template changes the words of the prompt, so that no token can be set against them"
Offset = tuple[int, int]
Find = Callable[[int, int], Place | None]
"""Characters of a text → where they stand in the prompt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A prompt as one text, and the runs of it that are messages."""

    text: str
    runs: tuple[tuple[int, int, int, int], ...]
    """(Number of a message, start and end in `text`, characters of the message before it)."""

    def place(self, start: int, end: int) -> Place | None:
        """The characters [start, end) of the text as characters of a message; None outside all of them."""
        for part, first, last, cut in self.runs:
            if start < last and end > first:
                return part, max(start, first) - first + cut, min(end, last) - first + cut
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Coded:
    """The tokens of a text: ids, types where the model wants them, and where each stands."""

    ids: tuple[int, ...]
    types: tuple[int, ...] | None
    offsets: tuple[Offset, ...]

    def line(self, find: Find) -> Line:
        """The row with the places that `find` gives for the characters of each token."""
        places = tuple(find(start, end) if end > start else None for start, end in self.offsets)
        return Line(ids=self.ids, places=places, types=self.types)


def placed(prompt: Prompt, read: Callable[[Prompt], str | Answer]) -> Placed | Answer:
    """The text that `read` makes of a prompt, with its messages found in it.

    The same frame is read with a mark in each message's stead. Filled in again, with the words as they are or without
    space around them, it has to be the text to the last character.
    """
    text = read(prompt)
    if isinstance(text, Answer):
        return text
    marks = (Message(role=m.role, text=f"\ue000{n}\ue001") for n, m in enumerate(prompt.messages))
    frame = read(Prompt(messages=tuple(marks)))
    if isinstance(frame, Answer):
        return Answer(error=CHANGED)
    words = [message.text for message in prompt.messages]
    for filled in (_filled(frame, words), _filled(frame, words, strip=True)):
        if filled.text == text:
            return filled
    return Answer(error=CHANGED)


def coded(loaded: Loaded, texts: Sequence[str], *, special: bool = True) -> list[Coded]:
    """The tokens of each text, never cut; the same ids as without asking where they stand."""
    if not texts:
        return []
    with loaded.lock:
        found = loaded.tokenizer(
            list(texts), add_special_tokens=special, return_attention_mask=False, return_offsets_mapping=True,
            verbose=False,
        )  # fmt: skip
    types = found.get("token_type_ids") or [None] * len(texts)
    return [
        Coded(
            ids=tuple(ids), types=None if kinds is None else tuple(kinds), offsets=tuple(map(tuple, offsets))
        )
        for ids, kinds, offsets in zip(found["input_ids"], types, found["offset_mapping"], strict=True)
    ]


def line_of(row: Sequence[int], joint: Sequence[Coded], find: Find, *, hidden: int = 0) -> Line:
    """A row as a line, its places taken from a text that begins with it but for at most `hidden` masked tokens."""
    ids = tuple(row)
    one = next(one for one in joint if len(one.ids) >= len(ids) and _others(one.ids, ids) <= hidden)
    return Coded(ids=ids, types=None, offsets=one.offsets[: len(ids)]).line(find)


def _others(whole: Sequence[int], ids: Sequence[int]) -> int:
    return sum(a != b for a, b in zip(whole, ids, strict=False))


def _filled(frame: str, words: Sequence[str], *, strip: bool = False) -> Placed:
    """The frame with each message where its mark stands."""
    text, at = "", 0
    runs = []
    for mark in MARK.finditer(frame):
        number = int(mark[1])
        whole = words[number]
        word = whole.strip() if strip else whole
        text += frame[at : mark.start()]
        cut = len(whole) - len(whole.lstrip()) if strip else 0
        runs.append((number, len(text), len(text) + len(word), cut))
        text, at = text + word, mark.end()
    return Placed(text=text + frame[at:], runs=tuple(runs))
