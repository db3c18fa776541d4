"""Slots in a text: `$slot` or `${slot}`; `$$` is a dollar sign; `$Slot` wants its value with a capital letter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

NAME_SLOTS = ("name", "first_name", "last_name")
"""Slots that a person's name fills."""

LETTER = r"[\w\u0300-\u036f\u0900-\u0963\u0966-\u0dff]"
"""A letter, or a sign that belongs to the letter before it, as in Devanagari."""
WORD = re.compile(rf"[\u3040-\u30ff\u3400-\u9fff]|(?:(?![\u3040-\u30ff\u3400-\u9fff]){LETTER})+")
"""A word; in scripts without spaces a sign."""
_DOLLAR = re.compile(r"\$(?:(?P<escaped>\$)|(?P<bare>[^\W\d]\w*)|\{(?P<braced>[^\W\d]\w*)\})?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A hole in a text: the slot's name, whether its value gets a capital first letter, and how it was written."""

    name: str
    capital: bool
    written: str

    def filled(self, value: str) -> str:
        """`value` as it stands in the text."""
        return value[:1].upper() + value[1:] if self.capital else value


def pieces(text: str) -> list[str | Slot]:
    """The text cut at its slots: literal parts (with `$$` already a dollar sign) and slots, in order."""
    found: list[str | Slot] = []
    literal: list[str] = []
    at = 0
    for match in _DOLLAR.finditer(text):
        literal.append(text[at : match.start()])
        at = match.end()
        name = match["bare"] or match["braced"]
        if name is None:
            literal.append("$")
            continue
        found += ["".join(literal)] if any(literal) else []
        found.append(Slot(name=name[0].lower() + name[1:], capital=name[0].isupper(), written=match[0]))
        literal = []
    literal.append(text[at:])
    return [*found, "".join(literal)] if any(literal) else found


def slots_of(text: str) -> tuple[str, ...]:
    """The names of the slots in a text, each once, in the order of their first use."""
    return tuple(dict.fromkeys(piece.name for piece in pieces(text) if isinstance(piece, Slot)))


def wording(text: str) -> str:
    """The text without its slots."""
    return " ".join(piece for piece in pieces(text) if isinstance(piece, str))


def lone_dollars(text: str) -> list[str]:
    """What follows each dollar sign that begins no slot and is not doubled (at most 12 characters)."""
    lone = (match for match in _DOLLAR.finditer(text) if match[0] == "$")
    return [text[match.start() : match.start() + 12] for match in lone]


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with every slot filled; KeyError names a slot that has no value."""
    return "".join(
        piece if isinstance(piece, str) else piece.filled(values[piece.name]) for piece in pieces(text)
    )
