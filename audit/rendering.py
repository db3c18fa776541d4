"""Templates filled with words: the texts of a prompt, the places of its slots, and both as the tables hold them.

A `Frame` is cut once and filled many times; a million prompts are made of a few hundred frames.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from audit.records import Message, Prompt, Span
from audit.slots import pieces
from audit.spans import ENDING, FORM, PRONOUNS, SUFFIXES

Turn = tuple[str, str]
"""Role and text of a message, with slots."""
Piece = tuple[str, str, bool, str]
"""A piece of a frame: a literal text; or the name of a slot, whether it gets a capital, how explanations know it."""
Place = tuple[int, int, int, str]
"""A filled slot: part, start, end, and the slot as explanations know it."""
quoted = json.encoder.encode_basestring
"""A text as JSON, other letters than those of ASCII kept."""


@lru_cache(maxsize=10_000)
def _quoted(slot: str) -> str:
    """The name of a slot as JSON."""
    return quoted(slot)


def digest(text: str) -> str:
    """The content id of parts whose JSON (without spaces) is `text`; see `content_id`."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """The texts of a prompt, one a message, and the places of its slots in order."""

    roles: tuple[str, ...]
    texts: tuple[str, ...]
    places: tuple[Place, ...]

    @cached_property
    def id(self) -> str:
        """The same as the id of the `Prompt`."""
        turns = ",".join(
            f"[{quoted(role)},{quoted(text)}]" for role, text in zip(self.roles, self.texts, strict=True)
        )
        return digest(f'["prompt",[{turns}]]')

    @cached_property
    def messages(self) -> str:
        """JSON list of [role, text]."""
        turns = zip(self.roles, self.texts, strict=True)
        return f"[{', '.join(f'[{quoted(role)}, {quoted(text)}]' for role, text in turns)}]"

    @property
    def spans(self) -> str:
        """JSON list of [part, start, end, slot]."""
        places = [f"[{part}, {start}, {end}, {_quoted(slot)}]" for part, start, end, slot in self.places]
        return f"[{', '.join(places)}]"

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The text in each place."""
        return tuple(self.texts[part][start:end] for part, start, end, _ in self.places)

    def prompt(self) -> Prompt:
        """As the record that models are asked with."""
        turns = zip(self.roles, self.texts, strict=True)
        return Prompt(
            messages=tuple(Message(role=role, text=text) for role, text in turns),  # type: ignore[arg-type]
            spans=tuple(Span(part=p, start=s, end=e, slot=slot) for p, s, e, slot in self.places),
        )


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The messages of a template, cut at their slots."""

    roles: tuple[str, ...]
    parts: tuple[tuple[Piece, ...], ...]

    @cached_property
    def slots(self) -> frozenset[str]:
        """Names of all slots."""
        return frozenset(name for part in self.parts for _, name, _, _ in part if name)

    def filled(self, words: Mapping[str, str]) -> Rendered:
        """The prompt with these words; KeyError for a slot without a word."""
        texts: list[str] = []
        places: list[Place] = []
        for number, part in enumerate(self.parts):
            found: list[str] = []
            at = 0
            for literal, name, capital, known_as in part:
                if not name:
                    found.append(literal)
                    at += len(literal)
                    continue
                value = words[name]
                if capital:
                    value = value[:1].upper() + value[1:]
                end = at + len(value)
                places.append((number, at, end, known_as))
                found.append(value)
                at = end
            texts.append("".join(found))
        return Rendered(roles=self.roles, texts=tuple(texts), places=tuple(places))


def frame(turns: Sequence[Turn], forms: Collection[str] = ()) -> Frame:
    """The turns cut at their slots; `forms` are the slots that agree with a person."""
    return Frame(
        roles=tuple(role for role, _ in turns), parts=tuple(_holes(text, forms) for _, text in turns)
    )


def _holes(text: str, forms: Collection[str]) -> tuple[Piece, ...]:
    """Literal texts and holes of a text, in order."""
    found: list[Piece] = []
    for piece in pieces(text):
        if isinstance(piece, str):
            found.append((piece, "", False, ""))
            continue
        before = found[-1][0] if found else ""
        found.append(("", piece.name, piece.capital, _known_as(piece.name, forms, before)))
    return tuple(found)


def _known_as(name: str, forms: Collection[str], before: str) -> str:
    """A form has its own name where explanations know it, else one that says it is a form, or the ending of a word."""
    if name not in forms or name in PRONOUNS or name in SUFFIXES:
        return name
    return f"{ENDING if before[-1:].isalpha() else FORM}{name}"
