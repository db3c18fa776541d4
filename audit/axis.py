"""A protected attribute as data: its groups, their aligned words and names, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from audit.alignment import report_axis_mistakes
from audit.catalogue import unknown
from audit.errors import InputError
from audit.grammar import derived, is_derived, name_prefixes, prefixes
from audit.shape import (
    Day,
    Document,
    GroupId,
    Id,
    Language,
    Number,
    SlotName,
    Text,
    Version,
    Whole,
    finished,
    fit,
)
from audit.slots import NAME_SLOTS
from audit.yamlfile import read_yaml
from audit.yamlnodes import read_nodes

__all__ = [
    "NAME_SLOTS",
    "Axis",
    "Group",
    "GroupNames",
    "Name",
    "load_axis",
    "shipped_axes",
]


def _name(value: object) -> object:
    if not isinstance(value, str | dict | Name):
        raise ValueError("allowed: a name (in quotes where it reads as a number or as true, false or null)")
    return {"name": value} if isinstance(value, str) else value


def _rows(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(
            "allowed: a text (in quotes where it reads as a number), or a list of one text or more"
        )
    return value


def _sorted(groups: Mapping[str, Group]) -> dict[str, Group]:
    return {key: groups[key] for key in sorted(groups)}


class Name(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """A name that suggests a group."""

    name: Text
    """The name as it is written in a prompt."""
    share: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Share of the bearers that belong to the group, 0 to 1, by the axis's source."""
    count: Annotated[Whole, Field(ge=0)] | None = None
    """How many bearers the source counted."""
    source: Text | None = None
    """Where this entry comes from, if not from the source of the axis."""


Names = Annotated[Name, BeforeValidator(_name, json_schema_input_type=str | Name)]
Rows = Annotated[tuple[Text, ...], BeforeValidator(_rows, json_schema_input_type=Text | list[Text])]
"""The words of one term, a row each; a text alone stands for every row."""


class GroupNames(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """The names of one group."""

    first: Mapping[GroupId, tuple[Names, ...]] = {}
    """First names by the gender that they suggest (a group of the persons axis)."""
    last: tuple[Names, ...] = ()
    """Surnames."""


class Group(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """One value of the attribute."""

    title: Text
    """Noun for tables."""
    wording: Text
    """What inputs of this group carry, for sentences."""
    forms: Mapping[SlotName, str] = {}
    """Pronouns and the verb endings that go with them, by their plural form: `they: she`, `are: is`, `s: s`."""
    terms: Mapping[SlotName, Rows] = {}
    """Aligned words: `parent: mother`. A list gives one word a row; a row of one term belongs to that of the others."""
    agree: Mapping[GroupId, Mapping[SlotName, Text]] = {}
    """Words that also depend on the person's group on the persons axis: `{men: {partner: husband}}`."""
    names: GroupNames = GroupNames()
    """Names that suggest the group."""

    @cached_property
    def rows(self) -> int:
        """How many rows the terms have."""
        return max((len(words) for words in self.terms.values()), default=1)

    def row(self, number: int) -> dict[str, str]:
        """The terms of one row; rows are counted round."""
        return {key: words[number % len(words)] for key, words in self.terms.items()}


class Axis(Document, serialize_by_alias=True):
    """A protected attribute: an axis file."""

    axis: Version
    """Version of this format."""
    id: Id
    """Name by which suites refer to the axis."""
    title: Text
    """For headings."""
    attribute: Id
    """Family: gender, ethnicity, culture …"""
    language: Language
    """Language of the words and names."""
    cue: Literal["names", "stated"]
    """How the group shows: by a name, or by stated identity."""
    source: Text
    """Where names and terms come from, with years."""
    date: Day | None
    """When the data were compiled; none for groups that come with recorded answers."""
    groups: Annotated[Mapping[GroupId, Group], Field(min_length=2), AfterValidator(_sorted)]
    """The groups by id, in alphabetical order."""
    shared_first_names: Annotated[tuple[Names, ...], Field(alias="first_names")] = ()
    """First names held equal between groups, for axes that set pronouns and nothing else about a person."""
    shared_last_names: Annotated[tuple[Names, ...], Field(alias="last_names")] = ()
    """Surnames held equal between groups, for axes whose groups have none of their own."""

    @cached_property
    def gives_names(self) -> bool:
        """Whether persons can bear the names of this axis."""
        return self.cue == "names" or bool(self.shared_first_names)

    @cached_property
    def forms(self) -> frozenset[str]:
        """Every slot that agrees with a person."""
        return frozenset(form for group in self.groups.values() for form in group.forms)

    @cached_property
    def agrees_with(self) -> frozenset[str] | None:
        """Groups of the persons axis with which every word can agree; None where none has to."""
        given = [frozenset(group.agree) for group in self.groups.values() if group.agree]
        return frozenset.intersection(*given) if given else None

    def words(self, group: str, *, row: int = 0, person: str = "") -> dict[str, str]:
        """Text of every slot that forms and terms of `group` fill, with derived slots, for a person of that group."""
        own = self.groups[group]
        terms = {**own.agree.get(person, {}), **own.row(row)}
        return {**own.forms, **derived(self.language, terms, own.forms), **terms}

    def slots(self) -> frozenset[str]:
        """Every slot that this axis sets: forms, terms, what is derived of them, and the names that its groups have."""
        return self._slots

    @cached_property
    def _slots(self) -> frozenset[str]:
        found: set[str] = set()
        for group in self.groups.values():
            terms = {*group.terms, *(key for words in group.agree.values() for key in words)}
            found |= {*group.forms, *terms}
            found |= {f"{prefix}_{key}" for prefix in prefixes(self.language, group.forms)
                      for key in terms if not is_derived(self.language, key, terms)}  # fmt: skip
            found |= self._named(("name", "first_name") if group.names.first else ())
            found |= self._named(("name", "last_name") if group.names.last else ())
        return frozenset(found)

    def name_slots(self) -> frozenset[str]:
        """Every slot that a person's name fills in this language."""
        return frozenset(self._named(NAME_SLOTS))

    def _named(self, slots: Iterable[str]) -> set[str]:
        kept = tuple(slots)
        return {*kept, *(f"{prefix}_{slot}" for prefix in name_prefixes(self.language) for slot in kept)}

    def first_names(self, group: str, gender: str) -> tuple[str, ...]:
        """First names of `group` that suggest `gender` (a group of the persons axis); none where there are none."""
        return tuple(entry.name for entry in self.first_entries(group, gender))

    def first_entries(self, group: str, gender: str) -> tuple[Name, ...]:
        """The same with shares and counts; names that all groups share where the group has none of its own."""
        names = self.groups[group].names
        return names.first.get(gender, ()) if names.first else self.shared_first_names

    def last_names(self, group: str) -> tuple[str, ...]:
        """The group's own surnames, else those that all groups share."""
        return tuple(entry.name for entry in self.last_entries(group))

    def last_entries(self, group: str) -> tuple[Name, ...]:
        """The same with shares and counts."""
        return self.groups[group].names.last or self.shared_last_names


def shipped_axes() -> list[str]:
    """Ids of the axes that come with the package."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def shipped_headings() -> list[tuple[str, str, str]]:
    """Id, title and language of the axes that come with the package, from what stands before their groups."""
    found = []
    for name in shipped_axes():
        path = _folder() / f"{name}.yaml"
        head = path.read_text(encoding="utf-8").partition("\ngroups:")[0]
        root = read_nodes(head, file=str(path), problems=[])
        found.append((root.text("id") or "", root.text("title") or "", root.text("language") or ""))
    return found


def load_axis(name: str, *, beside: Path | None = None) -> Axis:
    """The axis `name`: a shipped id, or the path of an axis file (relative to the folder `beside`).

    InputError lists every mistake of the file with its place.
    """
    file = read_yaml(_find(name, beside), what="axis")
    axis = fit(Axis, file)
    report_axis_mistakes(file)
    return finished(axis, file)


def _folder() -> Path:
    return Path(__file__).parent / "axes"


def _find(name: str, beside: Path | None) -> Path:
    if name.endswith((".yaml", ".yml")):
        return (beside or Path()) / name
    if name in shipped_axes():
        return _folder() / f"{name}.yaml"
    raise InputError(unknown(name, shipped_axes(), what="axis") + "; or give the path of an axis file")
