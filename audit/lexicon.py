"""The words by which free text shows a group of an axis, with the aligned word of every other group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from audit.axis import Axis, Name
from audit.english import WORD, swap_data, words
from audit.errors import InputError

Kind = Literal["word", "pronoun", "name", "surname", "fixed", "doubt"]
PRONOUNS = ("they", "them", "their", "theirs", "themself")
BINARY = frozenset({"he", "she"})
NEUTRAL = "they"
CLASSES = ("colors", "languages", "countable", "also_names")
"""Lists of words that are sure only in some surroundings: colors, languages, nouns with an article, names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A word of one group; `versions` are the words of all groups. A doubt has none, only a reason."""

    written: str
    kind: Kind
    group: str = ""
    key: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    is_generic: bool = False


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """All words of the groups that are exchanged; `entries` by their first word in small letters, longest first.

    `adjectives` are the terms that are adjectives, with the noun of every group; `classes` the words that need care.
    `is_listed` says whether there is a word list beside the axis; without one, single words are read with more care.
    """

    axis: str
    title: str
    groups: tuple[str, ...]
    titles: Mapping[str, str]
    entries: Mapping[str, tuple[Entry, ...]]
    is_listed: bool
    neutral: str
    wordings: Mapping[str, str]
    only: frozenset[str]
    adjectives: Mapping[str, Mapping[str, str]]
    classes: Mapping[str, frozenset[str]]
    names: Mapping[str, frozenset[str]]

    @cached_property
    def has_surnames(self) -> bool:
        """Whether surnames show the group too."""
        return any(entry.kind == "surname" for found in self.entries.values() for entry in found)

    @property
    def is_exchange(self) -> bool:
        """Whether there are two groups, so that words of both can stand in one text and be exchanged."""
        return len(self.groups) == 2


def lexicon_of(axis: Axis, groups: Sequence[str] = ()) -> Lexicon:
    """The words of an axis and of its list in `audit/swaps`; InputError where free text cannot be read for them."""
    if not axis.language.startswith("en"):
        raise InputError(f"axis '{axis.id}' is in '{axis.language}'; free text is read in English only")
    chosen = _chosen(axis, groups)
    is_gender = {"men", "women"} <= axis.groups.keys()
    data = swap_data("gender" if is_gender else axis.id)
    forms = {group: axis.groups[group].forms for group in chosen}
    neutral = next((group for group in chosen if forms[group].get("they") == NEUTRAL), "")
    entries = [
        *_of_forms(axis, chosen, neutral),
        *_of_terms(axis, chosen, neutral),
        *_of_data(data, chosen, neutral),
        *_of_names(axis, chosen, neutral),
        *(Entry(written=text, kind="fixed") for text in data.get("fixed", ())),
        *(Entry(written=word, kind="doubt", reason=why) for word, why in data.get("unsure", {}).items()),
    ]
    if not any(entry.versions for entry in entries):
        raise InputError(f"axis '{axis.id}' has no words that can be found in a text")
    return Lexicon(
        axis=axis.id,
        title=axis.title,
        groups=chosen,
        titles={group: axis.groups[group].title for group in chosen},
        entries=_indexed(entries),
        is_listed=bool(data),
        neutral=neutral,
        wordings=_wordings(axis, chosen),
        adjectives={
            key: _versions(chosen, row, data["groups"]) for key, row in data.get("adjectives", {}).items()
        },
        classes={kind: frozenset(data.get(kind, ())) for kind in CLASSES},
        only=frozenset(word for line in data.get("only", ()) for word in line.split()),
        names=_name_lists() if is_gender else {},
    )


def _chosen(axis: Axis, groups: Sequence[str]) -> tuple[str, ...]:
    """The groups that are exchanged: as asked, else all, of gender those with he or she."""
    unknown = sorted(set(groups) - set(axis.groups))
    if unknown:
        raise InputError(
            f"axis '{axis.id}' has no group '{unknown[0]}' (its groups: {', '.join(axis.groups)})"
        )
    binary = [key for key, group in axis.groups.items() if group.forms.get("they") in BINARY]
    chosen = tuple(sorted(groups or binary or axis.groups))
    if len(chosen) < 2:
        raise InputError(f"axis '{axis.id}': a swap needs two groups or more")
    forms = [axis.groups[group].forms.get("they", "") for group in chosen]
    wrong = [group for group, form in zip(chosen, forms, strict=True) if form not in {*BINARY, NEUTRAL, ""}]
    if wrong:
        raise InputError(
            f"axis '{axis.id}': pronouns of the group '{wrong[0]}' are not known to free-text rules"
        )
    return chosen


def _wordings(axis: Axis, groups: Sequence[str]) -> dict[str, str]:
    """What inputs of each group carry: of stated axes as the axis says it."""
    if axis.cue == "stated":
        return {group: axis.groups[group].wording for group in groups}
    return {group: f"inputs with words for {axis.groups[group].title}" for group in groups}


def _versions(groups: Sequence[str], row: Sequence[str], order: Sequence[str]) -> dict[str, str]:
    """The words of a row by group, as far as it has them."""
    found = dict(zip(order, row, strict=False))
    return {group: found[group] for group in groups if group in found}


def _of_data(data: Mapping[str, Any], groups: Sequence[str], neutral: str) -> Iterator[Entry]:
    """Rows of aligned words, and aliases of one group."""
    order: Sequence[str] = data.get("groups", ())
    generic = {word for line in data.get("generic", ()) for word in line.split()}
    for row in data.get("words", ()):
        versions = _versions(groups, row, order)
        yield from _entries(versions, _slug(row[0]), neutral, generic=generic)
    for group, rows in data.get("aliases", {}).items():
        others = [other for other in order if other != group]
        for written, *rest in rows if group in groups else ():
            versions = {group: written, **_versions(groups, rest, others)}
            yield Entry(written=written, kind="word", group=group, key=_slug(written), versions=versions)
    for group, rows in data.get("same", {}).items():
        for written, term in rows.items() if group in groups else ():
            yield Entry(written=written, kind="word", group=group, key=f"={term}", versions={group: written})


def _of_forms(axis: Axis, groups: Sequence[str], neutral: str) -> Iterator[Entry]:
    """Pronouns of the groups whose members are he or she."""
    if not all(axis.groups[group].forms.get("they") in {*BINARY, NEUTRAL} for group in groups):
        return
    for key in PRONOUNS:
        versions = {group: axis.groups[group].forms[key] for group in groups}
        for group in groups:
            if group != neutral:
                yield Entry(written=versions[group], kind="pronoun", group=group, key=key, versions=versions)


def _of_terms(axis: Axis, groups: Sequence[str], neutral: str) -> Iterator[Entry]:
    """The terms of the axis that are the same in every row."""
    for key, rows in axis.groups[groups[0]].terms.items():
        if len(rows) == 1:
            versions = {group: axis.groups[group].terms[key][0] for group in groups}
            common = {word.lower() for word in versions.values()} & words("never_noun")
            yield from (entry for entry in _entries(versions, key, neutral) if entry.written not in common)


def _of_names(axis: Axis, groups: Sequence[str], neutral: str) -> Iterator[Entry]:
    """First names and surnames: those of the list for gender, and those of the axis by their place in its lists."""
    seen: set[str] = set()
    if {"men", "women"} <= set(groups):
        others = (
            [entry.name for entry in axis.groups[neutral].names.first.get(neutral, ())] if neutral else []
        )
        for number, pair in enumerate(
            pair for line in swap_data("names")["pairs"] for pair in line.split(", ")
        ):
            versions = dict(zip(("men", "women"), pair.split(), strict=True))
            if others:
                versions[neutral] = others[number % len(others)]
            seen.update(versions.values())
            yield from _named(versions, neutral)
    for kind, aligned in _aligned_names(axis, groups):
        if not seen & set(aligned.values()):
            yield from _named(aligned, neutral, kind=kind)


def _aligned_names(axis: Axis, groups: Sequence[str]) -> Iterator[tuple[Kind, dict[str, str]]]:
    """First names and surnames of the axis that stand at the same place in the list of every group."""
    lists = [axis.groups[group].names for group in groups]
    columns: list[tuple[Kind, list[tuple[Name, ...]]]] = []
    if all(axis.groups[group].forms for group in groups):
        own = [names.first.get(group, ()) for names, group in zip(lists, groups, strict=True)]
        columns.append(("name", own))
    else:
        genders = sorted(set[str]().union(*(names.first for names in lists)))
        columns += [("name", [names.first.get(gender, ()) for names in lists]) for gender in genders]
    columns.append(("surname", [names.last for names in lists]))
    for kind, column in columns:
        for row in zip(*column, strict=False):
            yield kind, {group: entry.name for group, entry in zip(groups, row, strict=True)}


def _named(versions: Mapping[str, str], neutral: str, kind: Kind = "name") -> Iterator[Entry]:
    slugs = [_slug(name) for group, name in sorted(versions.items()) if group != neutral]
    key = "_".join([kind, *slugs])[:60].rstrip("_")
    for group, name in versions.items():
        if group != neutral:
            yield Entry(written=name, kind=kind, group=group, key=key, versions=versions)


def _entries(
    versions: Mapping[str, str], key: str, neutral: str, *, generic: Iterable[str] = ()
) -> Iterator[Entry]:
    """One entry for each group with a word that is its own."""
    for group, written in versions.items():
        alone = sum(word == written for word in versions.values()) == 1 or written in generic
        if group != neutral and alone:
            yield Entry(
                written=written,
                kind="word",
                group=group,
                key=key,
                versions=versions,
                is_generic=written in generic,
            )


def _indexed(entries: Iterable[Entry]) -> dict[str, tuple[Entry, ...]]:
    """Entries by their first word, longest first; of two with the same word and group the first counts."""
    found: dict[str, dict[tuple[str, str], Entry]] = {}
    known = {entry.key: entry for entry in entries if entry.versions}
    for entry in entries:
        resolved = _resolved(entry, known)
        first = _first_word(resolved.written)
        doubled = (resolved.written, resolved.group if resolved.kind != "pronoun" else resolved.key)
        found.setdefault(first, {}).setdefault(doubled, resolved)
    return {
        first: tuple(
            sorted(
                each.values(), key=lambda entry: (-len(entry.written), entry.kind not in ("fixed", "doubt"))
            )
        )
        for first, each in found.items()
    }


def _resolved(entry: Entry, known: Mapping[str, Entry]) -> Entry:
    """An entry that is another spelling of a term gets that term's words for the other groups."""
    if not entry.key.startswith("="):
        return entry
    term = known.get(entry.key[1:])
    if term is None:
        raise InputError(f"the word list names a term '{entry.key[1:]}' that the axis does not have")
    return Entry(
        written=entry.written, kind="word", group=entry.group, key=f"{entry.key[1:]}_{_slug(entry.written)}",
        versions={**term.versions, entry.group: entry.written},
    )  # fmt: skip


def _first_word(written: str) -> str:
    match = WORD.search(written)
    return match[0].lower().replace("’", "'") if match else ""


def _slug(written: str) -> str:
    """A slot name made of a word."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in written.lower())
    return plain.strip("_") or "word"


def _name_lists() -> dict[str, frozenset[str]]:
    """Names of the list that are no sure mention, by kind."""
    data = swap_data("names")
    found = {kind: frozenset(data[kind]) for kind in ("unpaired", "both", "unclear", "words", "places")}
    rare = frozenset(name for kind in ("rare", "abroad") for line in data[kind] for name in line.split())
    return {**found, "unpaired": found["unpaired"] | rare}
