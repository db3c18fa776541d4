"""Beginnings: a commented suite or axis file without mistakes, and the JSON schema beside it for editors."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from audit.axis import Axis, load_axis, shipped_axes
from audit.catalogue import shipped
from audit.errors import InputError
from audit.machine import now
from audit.shape import one_of
from audit.suite import load_suite, suite_schema
from audit.suitefile import quoted

SCHEMAS = {"suite": "suite.schema.json", "axis": "axis.schema.json"}
"""Kind of file → name of its schema."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def new_suite(
    name: str, *, output: Path, axes: Sequence[str] = (), language: str | None = None
) -> list[Path]:
    """The files written: a suite that tests `axes` (names or paths; gender if none), and its schema if there was none.

    InputError where the suite exists, the axes are not in its language, or there are no texts in that language.
    """
    found = [load_axis(axis) for axis in axes]
    languages = dict.fromkeys(axis.language for axis in found)
    spoken = language or next(iter(languages), "en")
    for axis in found:
        if axis.language[:2] != spoken[:2]:
            raise InputError(
                f"the words of axis '{axis.id}' are in '{axis.language}', those of the suite in '{spoken}'"
            )
    words = _texts(spoken)
    persons = _persons(found, spoken)
    named = [_beside(axis, output) for axis in axes] or [persons]
    note = _note(found)
    text = _render("suite", name, output, language=spoken, axes=named, ids=[a.id for a in found] or [persons],
                   persons=persons, words=_with_note(words, note))  # fmt: skip
    return _write("suite", output, text)


def new_axis(name: str, *, output: Path, language: str | None = None) -> list[Path]:
    """The files written: a stated axis with two groups, and its schema if that was not there."""
    text = _render("axis", name, output, language=language or "en", date=now().date())
    return _write("axis", output, text)


def axis_schema() -> dict[str, Any]:
    """The JSON schema of axis files, for editors."""
    schema = Axis.model_json_schema(mode="validation")
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, **_closed(schema), "title": "audit axis, version 1"}


def schema_text(kind: str) -> str:
    """The schema of a kind of file as it is written beside it; names that are known here are proposed, not demanded."""
    schema = axis_schema() if kind == "axis" else _closed(_proposing(suite_schema()))
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _closed(schema: Any) -> Any:
    """The schema, where keys that have to fit a pattern are the only ones."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(part) for key, part in schema.items()}
    return {**closed, "additionalProperties": False} if "patternProperties" in closed else closed


def _proposing(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of suites in which editors also complete the names of axes and metrics."""
    from audit.catalogue import names
    from audit.metrics import METRICS

    keys = schema["properties"]
    for key, known in (("metrics", names(METRICS, "metrics")), ("axes", shipped_axes())):
        keys[key] = {**keys[key], "items": {"anyOf": [{"enum": known}, keys[key]["items"]]}}
    keys["persons"] = {**keys["persons"], "examples": shipped_axes()}
    return schema


def _texts(language: str) -> Mapping[str, Any]:
    """The texts of a language."""
    from ruamel.yaml import YAML

    every: dict[str, Mapping[str, Any]] = YAML(typ="safe", pure=True).load(
        shipped("templates") / "new" / "texts.yaml"
    )
    if language[:2] not in every:
        raise InputError(
            f"the language {one_of(language, every, what='there are texts in')}; copy a suite and translate it"
        )
    return every[language[:2]]


def _with_note(words: Mapping[str, Any], note: str) -> dict[str, Any]:
    """The texts with the words of the stated axes after the name."""
    filled: dict[str, Any] = {key: value for key, value in words.items() if isinstance(value, str | list)}
    for key in words.keys() - filled.keys():
        filled[key] = {kind: text.replace("{note}", note) for kind, text in words[key].items()}
    return filled


def _note(axes: Collection[Axis]) -> str:
    """The first term of every axis that states its groups, in parentheses; nothing where none does."""
    slots = []
    for axis in axes:
        group = next(iter(axis.groups.values()))
        agreeing = [key for words in group.agree.values() for key in words]
        if axis.cue == "stated":
            slots.append(next(iter([*group.terms, *agreeing])))
    return f" ({', '.join('$' + slot for slot in slots)})" if slots else ""


def _persons(axes: Collection[Axis], language: str) -> str:
    """The axis that gives names and pronouns: one of those under test if it can, else the one of the language."""
    usual = "gender" if language.startswith("en") else f"gender-{language[:2]}"
    forms = load_axis(usual).forms
    return next((axis.id for axis in axes if axis.gives_names and axis.forms >= forms), usual)


def _beside(axis: str, output: Path) -> str:
    """The name of an axis as the suite gives it: paths lead from the suite's folder."""
    if not axis.endswith((".yaml", ".yml")):
        return axis
    return Path(os.path.relpath(axis, output.parent)).as_posix()


def _render(kind: str, name: str, output: Path, **values: object) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    if not _ID.fullmatch(name):
        raise InputError(f"the name is {name!r}; allowed: letters, digits, '-', '_' and '.' without spaces")
    environment = Environment(
        loader=FileSystemLoader(shipped("templates") / "new"), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"quoted": _plain, "listed": lambda texts: f"[{', '.join(map(_plain, texts))}]"}
    title = re.sub(r"[-_.]+", " ", name).strip().capitalize()
    template = environment.get_template(f"{kind}.yaml.j2")
    return template.render(schema=SCHEMAS[kind], id=name, title=title, file=output.name, **values)


def _plain(text: str) -> str:
    """A text as YAML reads it: bare where it is a plain word, else in quotes."""
    bare = re.fullmatch(r"[A-Za-z][A-Za-z0-9 /-]*[A-Za-z0-9]", text)
    return text if bare and text.lower() not in ("null", "true", "false") else quoted(text)


def _write(kind: str, path: Path, text: str) -> list[Path]:
    """The paths written, once the file has no mistake; nothing is kept where it has one."""
    if path.exists():
        raise InputError(f"{path} exists already; name another file with -o")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    try:
        load_suite(path) if kind == "suite" else load_axis(str(path))
    except InputError:
        path.unlink()
        raise
    schema = path.with_name(SCHEMAS[kind])
    if schema.exists():
        return [path]
    schema.write_text(schema_text(kind), encoding="utf-8", newline="\n")
    return [path, schema]
