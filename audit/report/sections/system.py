"""System under test: what exactly was run, and how it was asked."""

from __future__ import annotations

from collections.abc import Mapping

from audit.records import Run
from audit.report import facts, numbers
from audit.report.numbers import Number
from audit.report.scales import Sentence


def section(run: Run) -> Mapping[str, object]:
    """Identity, settings, digests and the question."""
    model = facts.model(run)
    return {
        "title": "System under test",
        "recorded": model.get("kind") == "recorded",
        "identity": [
            ("Kind", numbers.exact(facts.text(model, "kind"), "model", "kind")),
            ("Name", numbers.exact(facts.text(model, "name"), "model", "name")),
            ("Revision", numbers.exact(facts.text(model, "revision"), "model", "revision")),
        ],
        "settings": _entries(facts.mapping(model, "settings"), "model", "settings"),
        "digests": _entries(facts.mapping(model, "digests"), "model", "digests"),
        "question": _question(run),
        "environment": _environment(run),
    }


def _entries(found: Mapping[str, object], record: str, field: str) -> list[tuple[str, Number]]:
    return [
        (str(key), numbers.exact(_plain(found[key]), record, f"{field}.{key}"))
        for key in sorted(found, key=str)
    ]


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(each) for each in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_plain(each)}" for key, each in value.items())
    return str(value)


def _question(run: Run) -> list[tuple[str, Number]]:
    question = facts.mapping(run.plan, "question") or facts.mapping(run.suite, "question")
    labels = (
        ("kind", "Kind of question"),
        ("ask", "Asked after each input"),
        ("options", "Options offered"),
        ("favourable", "Favourable answer"),
    )
    found = [(label, _plain(question[key])) for key, label in labels if question.get(key)]
    if question.get("kind") == "rate":
        found.append(("Scale", f"{question.get('low')} to {question.get('high')}"))
    if question.get("kind") == "generate":
        found.append(("Longest answer in tokens", _plain(question.get("max_tokens"))))
    return [(label, numbers.exact(value, "plan", "question")) for label, value in found]


def _environment(run: Run) -> list[tuple[str, Sentence]]:
    """Hardware line by line, library versions in one line."""
    found: list[tuple[str, Sentence]] = [
        (label, (value,))
        for label, value in _entries(facts.mapping(run.manifest, "hardware"), "manifest", "hardware")
    ]
    versions: list[str | Number] = []
    for name, value in _entries(facts.mapping(run.manifest, "versions"), "manifest", "versions"):
        versions += [f", {name} " if versions else f"{name} ", value]
    return [*found, ("versions", tuple(versions))] if versions else found
