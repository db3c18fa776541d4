"""Exchange: the words of one group in an answer for those of another, so that nothing but the group changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from audit.records import Message, Span

PRONOUNS = ("they", "their", "them", "theirs", "themself")
"""Forms that stand for a person; where one word is two of them ("her"), the first that is listed counts."""
NAMES = ("name", "first_name", "last_name")
Words = Sequence[tuple[str, str]]
"""Pairs of aligned words: of the one group, of the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aligned:
    """Aligned words of two groups: `names` are replaced as they are written, `words` in small letters and capitals."""

    names: Words = ()
    words: Words = ()

    @property
    def turned(self) -> Aligned:
        """The same in the other direction."""
        return Aligned(names=[(b, a) for a, b in self.names], words=[(b, a) for a, b in self.words])


def plain(messages: str) -> str:
    """The messages of a prompt, one below the other, from their JSON."""
    return "\n\n".join(text for _, text in json.loads(messages))


def of_prompts(
    one: tuple[Sequence[Message], Sequence[Span]], other: tuple[Sequence[Message], Sequence[Span]]
) -> Aligned:
    """The words by which two versions of a prompt differ: full names and their parts, then those of other slots."""
    names: list[tuple[str, str]] = []
    words: list[tuple[str, str]] = []
    for left, right in zip(one[1], other[1], strict=False):
        a, b = _at(one[0], left), _at(other[0], right)
        if left.slot != right.slot or a == b:
            continue
        if left.slot in NAMES:
            names.append((a, b))
            parts = (a.split(), b.split())
            names += zip(*parts, strict=True) if len(parts[0]) == len(parts[1]) else ()
        else:
            words.append((a.lower(), b.lower()))
    return Aligned(names=names, words=words)


def of_groups(one: Mapping[str, str], other: Mapping[str, str], *, terms: Iterable[str]) -> Aligned:
    """The aligned words of two groups of an axis: their `terms`, then pronouns."""
    keys = [key for key in (*terms, *PRONOUNS) if key in one and key in other]
    return Aligned(words=[(one[key].lower(), other[key].lower()) for key in keys if one[key] != other[key]])


def joined(*parts: Aligned) -> Aligned:
    """All of them; where a word stands in several, the first counts."""
    return Aligned(
        names=[pair for part in parts for pair in part.names],
        words=[pair for part in parts for pair in part.words],
    )


def exchanged(text: str, aligned: Aligned) -> str:
    """The text with every whole word (or name) of the one group replaced by that of the other, all at once."""
    table: dict[str, str] = {}
    for a, b in aligned.names:
        table.setdefault(a, b)
    for a, b in aligned.words:
        for form in (str.lower, _capital, str.upper):
            table.setdefault(form(a), form(b))
    found = sorted((re.escape(word) for word in table if word.strip()), key=len, reverse=True)
    if not found:
        return text
    return re.sub(rf"(?<!\w)(?:{'|'.join(found)})(?!\w)", lambda match: table[match[0]], text)


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _at(messages: Sequence[Message], span: Span) -> str:
    return messages[span.part].text[span.start : span.end]
