"""One template on one axis, cut once and filled often: its frames, the words of its fillers, its edits."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from audit.cast import Cast, Words
from audit.errors import InputError
from audit.grammar import ALL_FORMS, derived, prefixes
from audit.records import content_id
from audit.rendering import Frame, Turn, frame
from audit.slots import pieces, slots_of
from audit.suite import Suite, Template


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One template with one person and one choice of fillers: the frame that all groups share."""

    axis: str
    template: str
    cluster: str
    name: str
    stratum: str
    repeats: int
    expected: str = ""


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value of a filler; it may hold slots of the axes."""

    slot: str
    text: str
    language: str

    @cached_property
    def label(self) -> str:
        """The value as a stratum is called."""
        return "".join(piece if isinstance(piece, str) else piece.name for piece in pieces(self.text))

    @cached_property
    def fixed(self) -> Words | None:
        """Its words where they hang on nobody: no slot stands in it, and the language derives nothing by forms."""
        if "$" in self.text or prefixes(self.language, ALL_FORMS) != prefixes(self.language):
            return None
        return {self.slot: self.text, **derived(self.language, {self.slot: self.text}, {})}

    def words(self, words: Words) -> Words:
        """The filler's slot, and those that the language derives of it, for somebody's words."""
        if self.fixed is not None:
            return self.fixed
        parts = (p if isinstance(p, str) else p.filled(words[p.name]) for p in pieces(self.text))
        value = "".join(parts)
        return {self.slot: value, **derived(self.language, {self.slot: value}, words)}


Fills = tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class Work:
    """One template on one axis: its frames, cut once."""

    suite: Suite
    cast: Cast
    template: Template
    cluster: str
    ask: str
    forms: frozenset[str]
    names: frozenset[str]
    """Every slot that a person's name fills, derived ones too."""

    @cached_property
    def is_named(self) -> bool:
        """Whether the template, or its question, names the person."""
        return bool(self.names & self.frame.slots)

    @cached_property
    def frame(self) -> Frame:
        """The template with the question."""
        return frame(turns_of(self.template, self.ask), self.forms)

    @cached_property
    def paraphrases(self) -> tuple[Frame, ...]:
        """Its paraphrases, each with the question."""
        bodies = self.template.paraphrases
        return tuple(frame(turns_of(self.template, self.ask, body), self.forms) for body in bodies)

    @cached_property
    def edits(self) -> tuple[Frame, ...]:
        """The template with each edit that cannot matter."""
        body, controls = self.template.turns[-1][1], self.suite.controls
        texts = (_edit(kind, body, controls.neutral_sentences, self.start) for kind in controls.edits)
        return tuple(frame(turns_of(self.template, self.ask, text), self.forms) for text in texts)

    @cached_property
    def start(self) -> int:
        """Where the turns of the edits begin."""
        return int(content_id("edit", self.template.id), 16)

    @cached_property
    def fillers(self) -> Mapping[str, tuple[Value, ...]]:
        """The values of each filler that the template needs, in the order in which they take turns."""
        found = {}
        for name, filler in sorted(self.suite.fillers.items()):
            known = {name, *derived(self.suite.language, {name: "x"}, dict.fromkeys(self.forms, "x"))}
            if not self.frame.slots & known:
                continue
            values = list(self.template.fillers.get(name, filler.values))
            random.Random(content_id("filler", self.suite.sampling.seed, self.template.id, name)).shuffle(
                values
            )
            found[name] = tuple(
                Value(slot=name, text=value, language=self.suite.language) for value in values
            )
        return found

    def fills(self, index: int) -> Iterator[Fills]:
        """The filler values of one person: `rotate` gives one value, `cross` every value."""
        choices = [
            values if self.suite.fillers[name].assign == "cross" else (values[index % len(values)],)
            for name, values in self.fillers.items()
        ]
        yield from product(*choices)

    def cell(self, index: int, fills: Fills) -> Cell:
        """The frame that all groups share."""
        labels = {value.slot: value.label for value in fills}
        return Cell(
            axis=self.cast.axis, template=self.template.id, cluster=self.cluster, name=f"{index:02d}",
            stratum=labels.get(self.suite.stratum or "", ""), repeats=self.suite.sampling.repeats,
            expected=self.template.expected or "",
        )  # fmt: skip

    def missing(self, words: Words) -> set[str]:
        """Slots for which nobody has a word."""
        needed = set(self.frame.slots)
        for values in self.fillers.values():
            needed |= {slot for value in values for slot in slots_of(value.text)}
            needed -= values[0].words(dict.fromkeys((*self.forms, *slots_of(values[0].text)), "x")).keys()
        return needed - words.keys()


def turns_of(template: Template, ask: str = "", body: str | None = None) -> tuple[Turn, ...]:
    """A template's turns with the question appended; `body` stands in for the text of the last turn."""
    *before, (role, text) = template.turns
    last = text if body is None else body
    return (*before, (role, f"{last}\n\n{ask}" if ask else last))


def _edit(kind: str, text: str, sentences: Sequence[str], number: int) -> str:
    """The closed list of edits that cannot matter."""
    if kind == "final_space":
        return text + " "
    if kind == "blank_line":
        return text + "\n\n"
    if kind == "quote_style":
        return text.replace("'", "\u2019") if "'" in text else re.sub(r'"([^"]*)"', "\u201c\\1\u201d", text)
    if kind == "neutral_sentence":
        return f"{text} {sentences[number % len(sentences)]}" if sentences else text
    raise InputError(f"unknown edit '{kind}'")
