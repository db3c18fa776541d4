"""A file against its model: what pydantic finds wrong, as sentences with the place in the file."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
)

from audit.yamlfile import YamlFile
from audit.yamlnodes import Node, seen


def _version(value: object) -> object:
    if type(value) is not int:
        raise ValueError("allowed: 1")
    return value


def _day(value: object) -> object:
    if isinstance(value, dt.date):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        raise ValueError("allowed: a date such as 2026-11-20")
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such day; allowed: a date such as 2026-11-20") from None


Text = Annotated[str, StringConstraints(min_length=1)]
Day = Annotated[dt.date, BeforeValidator(_day, json_schema_input_type=dt.date)]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
GroupId = Annotated[str, StringConstraints(pattern=r"^[^\s*]([^*\n]*[^\s*])?$")]
SlotName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
Version = Annotated[Literal[1], BeforeValidator(_version, json_schema_input_type=Literal[1])]
Whole = StrictInt
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = StrictBool

_PATTERNS = {
    r"^[^\s*]([^*\n]*[^\s*])?$": "a group's id: one line without '*'",
    r"^[A-Za-z0-9][A-Za-z0-9_.-]*$": "an id: letters, digits, '-', '_' and '.' without spaces",
    r"^[a-z][a-z0-9_]*$": "a slot name: small letters, digits and '_', beginning with a letter",
    r"^[a-z]{2,3}(-[A-Z]{2})?$": "a language code such as 'en' or 'en-US'",
}
_KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


class Document(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """A file that was read: where it lies and the digest of its bytes."""

    _path: Path = PrivateAttr(default=Path())
    _digest: str = PrivateAttr(default="")

    @property
    def path(self) -> Path:
        """The file this was read from."""
        return self._path

    @property
    def digest(self) -> str:
        """The sha256 of the file's bytes."""
        return self._digest


D = TypeVar("D", bound=Document)


def fit(model: type[D], file: YamlFile) -> D | None:
    """The file as a `model`; None where its shape is wrong, and then every mistake is reported to `file`."""
    try:
        document = model.model_validate(file.root.plain())
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _report(file, model, detail)
        return None
    document._path, document._digest = file.path, file.digest
    return document


def finished(document: D | None, file: YamlFile) -> D:
    """The document, once nothing was reported to `file`; InputError with all mistakes otherwise."""
    file.stop_on_mistakes()
    if document is None:
        raise AssertionError(f"{file.path}: refused without a reason")
    return document


def needs_one(*keys: str) -> dict[str, Any]:
    """JSON schema of a mapping that holds exactly one of the keys."""
    return {"oneOf": [{"required": [key]} for key in keys]}


def did_you_mean(word: str, known: list[str]) -> str:
    """`; did you mean 'x'?` or nothing."""
    near = get_close_matches(word, known, n=1) or get_close_matches(word.lower(), known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def one_of(word: object, known: Iterable[str], *, what: str = "allowed") -> str:
    """The rest of a sentence about a word that is none of `known`; `what` names those."""
    choices = list(dict.fromkeys(known))
    hint = did_you_mean(word, choices) if isinstance(word, str) else ""
    return f"is {seen(word)}; {what}: {', '.join(choices)}{hint}"


def _report(file: YamlFile, model: type[BaseModel], detail: Mapping[str, Any]) -> None:
    location: tuple[int | str, ...] = detail["loc"]
    kind: str = detail["type"]
    node, steps = _at(file.root, location)
    if kind == "extra_forbidden":
        known, word = sorted(_keys(model, location[:-1])), str(location[-1])
        file.report(
            node, f"unknown key '{word}'{did_you_mean(word, known)} (known: {', '.join(known)})", at_key=True
        )
    elif kind == "too_short" and len(node.children() or node.entries()) >= detail["ctx"]["min_length"]:
        return  # its members are wrong, and told by themselves
    elif kind == "missing":
        file.report(node, f"the key '{location[-1]}' is missing")
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        _report_tag(file, node, detail["ctx"])
    elif location and location[-1] == "[key]":
        file.report(node, f"this key {_sentence(kind, detail, location[-2])}", at_key=True)
    else:
        file.report(node, f"{_subject(steps)} {_sentence(kind, detail, node.value)}")


def _sentence(kind: str, detail: Mapping[str, Any], value: object) -> str:
    """What was seen and what is allowed, after the subject of the sentence."""
    context: Mapping[str, Any] = detail.get("ctx", {})
    if kind == "literal_error":
        return one_of(value, _choices(context["expected"]))
    if kind in _KINDS:
        quotes = (
            "; put it in quotes" if kind == "string_type" and isinstance(value, bool | int | float) else ""
        )
        return f"is {seen(value)}; allowed: {_KINDS[kind]}{quotes}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"is {value}; allowed: {words} {context[key]:g}"
    if kind == "string_pattern_mismatch":
        return f"is {seen(value)}; allowed: {_PATTERNS.get(context['pattern'], context['pattern'])}"
    if kind == "string_too_short":
        return "is an empty text; write something"
    if kind == "too_short":
        count = context["actual_length"]
        return f"has {count} {'entry' if count == 1 else 'entries'}; allowed: {context['min_length']} or more"
    return f"is {seen(value)}; {context.get('error', detail['msg'])}"


def _report_tag(file: YamlFile, node: Node, context: Mapping[str, Any]) -> None:
    """The key that says which of several kinds this is."""
    key = str(context["discriminator"]).strip("'")
    if "tag" in context:
        kind = node.get(key) or node
        file.report(kind, f"'{key}' {one_of(kind.value, _choices(context['expected_tags']))}")
    else:
        file.report(node, f"the key '{key}' is missing")


def _choices(expected: str) -> list[str]:
    """The choices in pydantic's list `'a', 'b' or 'c'`."""
    return [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]


def _subject(steps: list[int | str]) -> str:
    words = [step for step in steps if isinstance(step, str)]
    if not words:
        return "the file"
    return f"an entry of '{words[-1]}'" if isinstance(steps[-1], int) else f"'{words[-1]}'"


def _at(node: Node, location: tuple[int | str, ...]) -> tuple[Node, list[int | str]]:
    """The deepest node on the way and the steps to it; what is no place in the file is skipped (tags, short forms)."""
    steps: list[int | str] = []
    for step in location:
        members, entries = node.children(), node.entries()
        if isinstance(step, int) and step < len(members):
            node = members[step]
        elif isinstance(step, str) and step in entries:
            node = entries[step]
        else:
            continue
        steps.append(step)
    return node, steps


def _keys(annotation: Any, location: tuple[int | str, ...]) -> set[str]:
    """The keys that the model at `location` knows."""
    for origin in _models(annotation):
        fields = {field.alias or name: field for name, field in origin.model_fields.items()}
        if not location:
            return set(fields)
        step = str(location[0])
        if step in fields:
            return _keys(fields[step].annotation, location[1:])
        if any(step in get_args(field.annotation) for field in origin.model_fields.values()):
            return _keys(origin, location[1:])
    inner = [part for part in get_args(annotation) if _models(part) or get_args(part)]
    if get_origin(annotation) in (Union, UnionType, Annotated):
        found = (_keys(part, location) for part in inner)
    else:
        found = (_keys(part, location[1:]) for part in inner if location)
    return next((keys for keys in found if keys), set())


def _models(annotation: Any) -> list[type[BaseModel]]:
    is_model = (
        isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel)
    )
    return [annotation] if is_model else []
