"""Mentions: where free text shows a group, the words that every other group has there, and what is not sure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from audit.article import with_article

Tagger = Callable[[str], Sequence[tuple[int, int, str]]]
"""A tagger of parts of speech: (start, end, tag of the Penn Treebank) of every word."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mention:
    """A span of the text and the words of every group there; `with_article`: "a" or "an" belongs to the span."""

    start: int
    end: int
    key: str
    group: str
    versions: Mapping[str, str]
    capital: bool = False
    with_article: bool = False

    def version(self, group: str) -> str:
        """What stands here in the version of a group."""
        value = self.versions[group]
        value = with_article(value) if self.with_article else value
        return value[:1].upper() + value[1:] if self.capital else value


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsure:
    """A place that the rules cannot decide, and why."""

    start: int
    word: str
    reason: str


@dataclass(slots=True)
class Reading:
    """A text as it was read: its mentions in order, the group of the first, and what is not sure."""

    text: str
    mentions: list[Mention] = field(default_factory=list)
    unsure: list[Unsure] = field(default_factory=list)
    base: str = ""

    def doubt(self, start: int, word: str, reason: str) -> None:
        """Remember a place that is not sure."""
        self.unsure.append(Unsure(start=start, word=word, reason=reason))

    def version(self, group: str) -> str:
        """The text of a group; that of `base` is the text itself."""
        parts, at = [], 0
        for mention in self.mentions:
            parts += [self.text[at : mention.start], mention.version(group)]
            at = mention.end
        return "".join([*parts, self.text[at:]])
