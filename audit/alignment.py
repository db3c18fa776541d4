"""What is wrong in an axis file beyond its shape: words that are not aligned, names in two groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from audit.grammar import is_derived
from audit.slots import NAME_SLOTS
from audit.yamlfile import YamlFile
from audit.yamlnodes import Node

Groups = Mapping[str, Node]


def report_axis_mistakes(file: YamlFile) -> None:
    """Report to `file` what the shape of an axis does not show."""
    groups = file.root.entries("groups")
    for kind in ("forms", "terms"):
        _check_aligned(file, groups, kind)
    _check_rows(file, groups)
    _check_agree(file, groups)
    for key, group in groups.items():
        _check_words(file, key, group)
    _check_cue(file, groups)
    _check_shared(file, groups)
    _check_names(file, groups)
    date = file.root.entries().get("date")
    if date is not None and date.value is None:
        file.report(date, "'date' is empty; allowed: a date such as 2026-11-20")


def _check_aligned(file: YamlFile, groups: Groups, kind: str) -> None:
    """Every group has the same forms and the same terms; a derived word may be given for one group alone."""
    first_with: dict[str, str] = {}
    for name, group in groups.items():
        known = group.entries(kind)
        for key in known:
            if not is_derived(_language(file), key, known) and not _is_article(file, key):
                first_with.setdefault(key, name)
    for name, group in groups.items():
        given = group.get(kind)
        if given is not None and not isinstance(given.value, dict):
            continue  # told by its shape
        for key in first_with.keys() - group.entries(kind).keys():
            place = group.get(kind) or group
            message = f"group '{name}' lacks the {kind[:-1]} '{key}', which group '{first_with[key]}' has"
            file.report(place, message)


def _check_rows(file: YamlFile, groups: Groups) -> None:
    """Lists of words have the same number of rows everywhere: row i of one belongs to row i of all others."""
    first: tuple[str, str, int] | None = None
    for name, group in groups.items():
        for key, node in group.entries("terms").items():
            if not isinstance(node.value, list) or not node.children():
                continue
            rows = len(node.children())
            first = first or (name, key, rows)
            if rows != first[2]:
                file.report(
                    node,
                    f"the term '{key}' of group '{name}' has {rows} rows, '{first[1]}' of group '{first[0]}' has "
                    f"{first[2]}; rows belong together, so every list of an axis is equally long",
                )


def _check_agree(file: YamlFile, groups: Groups) -> None:
    """Every group has the same words for the same persons, and none of them is also a form or a term."""
    wanted: dict[tuple[str, str], str] = {}
    for name, group in groups.items():
        for person, words in group.entries("agree").items():
            for key in words.entries():
                wanted.setdefault((person, key), name)
    for name, group in groups.items():
        agree = group.entries("agree")
        given = group.get("agree")
        for (person, key), first in wanted.items() if given is None or isinstance(given.value, dict) else ():
            told = person in agree and not isinstance(agree[person].value, dict)
            if not told and (person not in agree or key not in agree[person].entries()):
                place = agree.get(person) or group.get("agree") or group
                file.report(place, f"group '{name}' lacks '{key}' for {person}, which group '{first}' has")
        for person, words in agree.items():
            for key, node in words.entries().items():
                if key in group.entries("terms") or key in group.entries("forms") or key in NAME_SLOTS:
                    file.report(
                        node, f"'{key}' agrees with {person} and is also a form, a term or a name; keep one",
                        at_key=True,
                    )  # fmt: skip


def _check_words(file: YamlFile, name: str, group: Node) -> None:
    forms, terms = group.entries("forms"), group.entries("terms")
    for key, node in [*forms.items(), *terms.items()]:
        if key in NAME_SLOTS:
            file.report(node, f"'{key}' is filled from the names; give this word another key", at_key=True)
    for key, node in terms.items():
        if key in forms:
            file.report(node, f"'{key}' is a form and a term of group '{name}'; keep one", at_key=True)
        if _is_article(file, key) and key[2:] not in terms:
            file.report(
                node, f"'{key}' gives the article of a term '{key[2:]}' that is not there", at_key=True
            )


def _check_cue(file: YamlFile, groups: Groups) -> None:
    """An axis of names has names in every group; a stated one has terms and no names."""
    cue = file.root.text("cue")
    for name, group in groups.items():
        names = group.get("names")
        if cue == "stated" and names is not None:
            file.report(
                names, f"group '{name}' has names, but the cue is 'stated'; names come from the persons axis"
            )
        if cue == "stated" and not (group.entries("terms") or group.entries("agree")):
            file.report(group, f"group '{name}' states nothing: it has no terms")
        if cue == "names" and not (names and (names.entries("first") or names.children("last"))):
            file.report(group, f"group '{name}' has no names, but the cue is 'names'")
        if group.entries("forms") and names is not None:
            _check_gender(file, name, names)


def _check_shared(file: YamlFile, groups: Groups) -> None:
    """Names that all groups share, where they have a use."""
    stated = file.root.text("cue") == "stated"
    named = bool(file.root.children("first_names"))
    for kind in ("first", "last"):
        shared = file.root.get(f"{kind}_names")
        if shared is None:
            continue
        word = "surnames" if kind == "last" else "first names"
        if stated and not (named and any(group.entries("forms") for group in groups.values())):
            file.report(shared, f"'{kind}_names' have no use where the cue is 'stated'", at_key=True)
        for name, group in groups.items():
            names = group.get("names")
            if names is not None and (names.children("last") if kind == "last" else names.entries("first")):
                file.report(
                    shared, f"'{kind}_names' are shared {word}, but group '{name}' has its own", at_key=True
                )


def _check_gender(file: YamlFile, name: str, names: Node) -> None:
    """An axis that sets pronouns gives the names of a group under the group's own id."""
    for key, node in names.entries("first").items():
        if key != name:
            file.report(
                node, f"first names of group '{name}' stand under '{key}'; allowed: '{name}'", at_key=True
            )


def _check_names(file: YamlFile, groups: Groups) -> None:
    """A name stands in one place: in two groups it would suggest neither."""
    places: dict[str, dict[str, str]] = {"first": {}, "last": {}}
    for kind, where, nodes in _listed(file.root, groups):
        for node in nodes:
            name = node.text() or node.text("name")
            if name is None:
                continue
            if name in places[kind]:
                file.report(
                    node, f"the name '{name}' in {where} stands already in {places[kind][name]}; keep one"
                )
            places[kind].setdefault(name, where)


def _listed(root: Node, groups: Groups) -> Iterator[tuple[str, str, Iterable[Node]]]:
    """Every list of names: first or last, where it stands, its entries."""
    for name, group in groups.items():
        names = group.get("names")
        if names is None:
            continue
        for gender, node in names.entries("first").items():
            yield "first", f"'{name}' ({gender})", node.children()
        yield "last", f"'{name}'", names.children("last")
    yield "first", "'first_names'", root.children("first_names")
    yield "last", "'last_names'", root.children("last_names")


def _is_article(file: YamlFile, key: str) -> bool:
    """Whether an English key gives a word with its article."""
    return key.startswith("a_") and _language(file).startswith("en")


def _language(file: YamlFile) -> str:
    return file.root.text("language") or ""
