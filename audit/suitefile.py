"""A suite and its axis as files: templates of texts that were read, and the aligned words that fill their slots."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from audit.lexicon import Lexicon
from audit.mentions import Mention, Reading, Unsure
from audit.slots import NAME_SLOTS

LARGEST_PART = 900_000
MOST_TEMPLATES = 4_000
SHOWN_TEXT = 160
SHOWN_UNSURE = 500
Asked = Literal["choose", "generate"]

UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ud800-\udfff]")
"""Characters that the reader of suites refuses."""
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_QUESTIONS: Mapping[str, str] = {
    "generate": """\
question:
  kind: generate
  max_tokens: 64                    # the longest answer
metrics: [refusal, length]
""",
    "choose": """\
question:
  kind: choose
  ask: "Answer Yes or No.\\nAnswer:"  # your question; it is put after every prompt
  options: [" Yes", " No"]
  favourable: " Yes"                # the answer that is good for the person
metrics: [selection_rate, choice_logit, flip_rate]
""",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One text of the file: a template if `reading` is kept, otherwise a comment."""

    line: int
    reading: Reading
    is_kept: bool


@dataclass(slots=True)
class Slots:
    """The slots of a suite: each set of words has one name."""

    names: dict[tuple[str, ...], str] = field(default_factory=dict)
    words: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def name(self, mention: Mention) -> str:
        """The slot of a mention's words; a name that others have gets a number."""
        words = tuple(text for _, text in sorted(mention.versions.items()))
        if words not in self.names:
            key = mention.key if mention.key not in NAME_SLOTS and not mention.key.startswith("a_") else ""
            key = key if re.match(r"[a-z]", key) else f"word_{key}".rstrip("_")
            name, number = key, 2
            while name in self.words:
                name, number = f"{key}_{number}", number + 1
            self.names[words] = name
            self.words[name] = mention.versions
        return self.names[words]


def template_of(reading: Reading, slots: Slots) -> str:
    """The text with a slot at every mention."""
    parts, at = [], 0
    for mention in reading.mentions:
        name = ("a_" if mention.with_article else "") + slots.name(mention)
        name = name[0].upper() + name[1:] if mention.capital else name
        glued = re.match(r"\w", reading.text[mention.end : mention.end + 1])
        literal = reading.text[at : mention.start].replace("$", "$$")
        parts += [literal, f"${{{name}}}" if glued else f"${name}"]
        at = mention.end
    return "".join([*parts, reading.text[at:].replace("$", "$$")])


def suite_texts(
    items: Iterable[Item], slots: Slots, *,
    suite_id: str, source: str, axis_file: str, question: Asked, lexicon: Lexicon,
) -> list[str]:  # fmt: skip
    """The suite as YAML; more than one where it is larger than a suite file may be."""
    parts: list[list[str]] = [[]]
    size = templates = shown = 0
    for item in items:
        shown += 0 if item.is_kept else 1
        block = _block(item, slots, is_shown=item.is_kept or shown <= SHOWN_UNSURE)
        if templates and (size + len(block.encode()) > LARGEST_PART or templates >= MOST_TEMPLATES):
            parts.append([])
            size = templates = 0
        parts[-1].append(block)
        size += len(block.encode())
        templates += item.is_kept
    rest = f"# unsure: {shown - SHOWN_UNSURE:,} more texts\n" if shown > SHOWN_UNSURE else ""
    heads = [
        _head(suite_id + (f"-{n}" if n > 1 else ""), source, axis_file, question, lexicon)
        for n in range(1, len(parts) + 1)
    ]
    return [head + "".join(part) + rest for head, part in zip(heads, parts, strict=True)]


def axis_text(slots: Slots, lexicon: Lexicon, *, axis_id: str, attribute: str, source: str, date: str) -> str:
    """The axis of the suite as YAML: the words of every group, aligned."""
    lines = [
        "# The words that differ between the groups, for the suite beside this file. A slot that begins with",
        '# "other_" has words of the other group: where a text is about both, they change places.',
        "axis: 1", f"id: {axis_id}", f"title: {quoted(lexicon.title)}", f"attribute: {attribute}",
        "language: en", "cue: stated", f"source: {quoted(source)}", f"date: {date}", "groups:",
    ]  # fmt: skip
    for group in lexicon.groups:
        title = lexicon.titles[group]
        lines += [
            f"  {quoted(group)}:",
            f"    title: {quoted(title)}",
            f"    wording: {quoted(lexicon.wordings[group])}",
            "    terms:",
            *(f"      {name}: {quoted(words[group])}" for name, words in sorted(slots.words.items())),
        ]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text in double quotes, as YAML and JSON both read it."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def column_of(text: str, place: Unsure) -> int:
    """The column of a place in its text, from 1."""
    return place.start - (text.rfind("\n", 0, place.start) + 1) + 1


def _block(item: Item, slots: Slots, *, is_shown: bool) -> str:
    """A template with its doubts as comments, or the comments alone."""
    lines = list(_comments(item)) if is_shown else []
    if item.is_kept:
        lines += [f"  - id: line-{item.line}", f"    text: {quoted(template_of(item.reading, slots))}"]
    return "".join(f"{line}\n" for line in lines)


def _comments(item: Item) -> Iterator[str]:
    for place in item.reading.unsure:
        column = column_of(item.reading.text, place)
        yield f"  # unsure: line {item.line}, column {column}: {quoted(place.word)}: {_one_line(place.reason)}"
    if not item.is_kept:
        yield f"  #   left out: {_one_line(item.reading.text)}"


def _one_line(text: str) -> str:
    plain = quoted(text)[1:-1].replace('\\"', '"')
    return plain if len(plain) <= SHOWN_TEXT else f"{plain[:SHOWN_TEXT]} …"


def _head(suite_id: str, source: str, axis_file: str, question: Asked, lexicon: Lexicon) -> str:
    """Everything of the suite before its templates, with what a person should look at."""
    groups = _listed([lexicon.titles[group] for group in lexicon.groups])
    return f"""\
# Prompts of {_one_line(source)} with a slot at every word that shows {_one_line(lexicon.title.lower())}.
# Read the templates before use: `audit check THIS-FILE --show` prints each in all its versions.
# Change what is marked with "change".
suite: 1
id: {suite_id}
title: {quoted(f"Own prompts, {lexicon.title.lower()}")}
language: en
domain: own prompts                 # change: employment, credit, health …
harm: {quoted(f"Answers to the same prompt differ between {groups}.")}  # change: what harm is that?
cannot_show: >-
  Whether differences of this kind occur in other prompts. The words were exchanged by rules, not by a person; a prompt
  that was written about one group may read oddly when it is about another.
axes: [{quoted(axis_file)}]
{_QUESTIONS[question]}controls: {{arms: [again, edit]}}
sampling: {{names_per_group: 1, repeats: 1, seed: 7}}
templates:
"""


def _listed(titles: Sequence[str]) -> str:
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
