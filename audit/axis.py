"""A protected attribute as data: its groups, their aligned words and names, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from audit.article import article, with_article
from audit.catalogue import unknown
from audit.errors import InputError
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
from audit.yamlfile import YamlFile, read_yaml
from audit.yamlnodes import Node

__all__ = [
    "NAME_SLOTS",
    "Axis",
    "Group",
    "GroupNames",
    "Name",
    "article",
    "load_axis",
    "shipped_axes",
    "with_article",
]

NAME_SLOTS = ("name", "first_name", "last_name")


def _name(value: object) -> object:
    if not isinstance(value, str | dict | Name):
        raise ValueError("allowed: a name (in quotes where it reads as a number or as true, false or null)")
    return {"name": value} if isinstance(value, str) else value


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
    terms: Mapping[SlotName, Text] = {}
    """Aligned words: `parent: mother`."""
    names: GroupNames = GroupNames()
    """Names that suggest the group."""

    @cached_property
    def words(self) -> Mapping[str, str]:
        """Value of every slot that forms and terms fill, with the derived `a_<term>`."""
        derived = {
            f"a_{key}": with_article(term) for key, term in self.terms.items() if not key.startswith("a_")
        }
        return {**self.forms, **derived, **self.terms}


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
    shared_last_names: Annotated[tuple[Names, ...], Field(alias="last_names")] = ()
    """Surnames held equal between groups, for axes whose groups have none of their own."""

    def slots(self) -> frozenset[str]:
        """Every slot that this axis sets: forms, terms with `a_<term>`, and the names that its groups have."""
        set_by_groups: set[str] = set()
        for group in self.groups.values():
            set_by_groups.update(group.words)
            set_by_groups.update(("name", "first_name") if group.names.first else ())
            set_by_groups.update(("name", "last_name") if group.names.last else ())
        return frozenset(set_by_groups)

    def first_names(self, group: str, gender: str) -> tuple[str, ...]:
        """First names of `group` that suggest `gender` (a group of the persons axis); none where there are none."""
        return tuple(entry.name for entry in self.groups[group].names.first.get(gender, ()))

    def last_names(self, group: str) -> tuple[str, ...]:
        """The group's own surnames, else those that all groups share."""
        return tuple(entry.name for entry in self.groups[group].names.last or self.shared_last_names)


def shipped_axes() -> list[str]:
    """Ids of the axes that come with the package."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def load_axis(name: str, *, beside: Path | None = None) -> Axis:
    """The axis `name`: a shipped id, or the path of an axis file (relative to the folder `beside`).

    InputError lists every mistake of the file with its place.
    """
    file = read_yaml(_find(name, beside), what="axis")
    axis = fit(Axis, file)
    check(file)
    return finished(axis, file)


def _folder() -> Path:
    return Path(__file__).parent / "axes"


def _find(name: str, beside: Path | None) -> Path:
    if name.endswith((".yaml", ".yml")):
        return (beside or Path()) / name
    if name in shipped_axes():
        return _folder() / f"{name}.yaml"
    raise InputError(unknown(name, shipped_axes(), what="axis") + "; or give the path of an axis file")


def check(file: YamlFile) -> None:
    """Report what the shape of an axis does not show: words that are not aligned, names in two groups."""
    groups = file.root.entries("groups")
    for kind in ("forms", "terms"):
        _check_aligned(file, groups, kind)
    for key, group in groups.items():
        _check_words(file, key, group)
    _check_cue(file, groups)
    _check_names(file, groups)
    date = file.root.entries().get("date")
    if date is not None and date.value is None:
        file.report(date, "'date' is empty; allowed: a date such as 2026-11-20")


def _check_aligned(file: YamlFile, groups: Mapping[str, Node], kind: str) -> None:
    """Every group has the same forms and the same terms; an article may be given for one group alone."""
    first_with: dict[str, str] = {}
    for name, group in groups.items():
        for key in group.entries(kind):
            if not key.startswith("a_"):
                first_with.setdefault(key, name)
    for name, group in groups.items():
        for key in first_with.keys() - group.entries(kind).keys():
            place = group.get(kind) or group
            message = f"group '{name}' lacks the {kind[:-1]} '{key}', which group '{first_with[key]}' has"
            file.report(place, message)


def _check_words(file: YamlFile, name: str, group: Node) -> None:
    forms, terms = group.entries("forms"), group.entries("terms")
    for key, node in [*forms.items(), *terms.items()]:
        if key in NAME_SLOTS:
            file.report(node, f"'{key}' is filled from the names; give this word another key", at_key=True)
    for key, node in terms.items():
        if key in forms:
            file.report(node, f"'{key}' is a form and a term of group '{name}'; keep one", at_key=True)
        if key.startswith("a_") and key[2:] not in terms:
            file.report(
                node, f"'{key}' gives the article of a term '{key[2:]}' that is not there", at_key=True
            )


def _check_cue(file: YamlFile, groups: Mapping[str, Node]) -> None:
    """An axis of names has names in every group; a stated one has terms and no names."""
    cue = file.root.text("cue")
    shared = file.root.get("last_names")
    for name, group in groups.items():
        names = group.get("names")
        if cue == "stated" and names is not None:
            file.report(
                names, f"group '{name}' has names, but the cue is 'stated'; names come from the persons axis"
            )
        if cue == "stated" and not group.entries("terms"):
            file.report(group, f"group '{name}' states nothing: it has no terms")
        if cue == "names" and not (names and (names.entries("first") or names.children("last"))):
            file.report(group, f"group '{name}' has no names, but the cue is 'names'")
        if shared is not None and names is not None and names.children("last"):
            file.report(
                shared, f"'last_names' are shared surnames, but group '{name}' has its own", at_key=True
            )
        if group.entries("forms") and names is not None:
            _check_gender(file, name, names)
    if cue == "stated" and shared is not None:
        file.report(shared, "'last_names' have no use where the cue is 'stated'", at_key=True)


def _check_gender(file: YamlFile, name: str, names: Node) -> None:
    """An axis that sets pronouns gives the names of a group under the group's own id."""
    for key, node in names.entries("first").items():
        if key != name:
            file.report(
                node, f"first names of group '{name}' stand under '{key}'; allowed: '{name}'", at_key=True
            )


def _check_names(file: YamlFile, groups: Mapping[str, Node]) -> None:
    """A name stands in one place: in two groups it would suggest neither."""
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    for name, group in groups.items():
        names = group.get("names")
        if names is None:
            continue
        for gender, node in names.entries("first").items():
            _check_once(file, node.children(), f"'{name}' ({gender})", first)
        _check_once(file, names.children("last"), f"'{name}'", last)
    _check_once(file, file.root.children("last_names"), "'last_names'", {})


def _check_once(file: YamlFile, nodes: Iterable[Node], place: str, places: dict[str, str]) -> None:
    for node in nodes:
        name = node.text() or node.text("name")
        if name is None:
            continue
        if name in places:
            file.report(node, f"the name '{name}' in {place} stands already in {places[name]}; keep one")
        places.setdefault(name, place)
