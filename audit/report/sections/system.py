"""System under test: what exactly was run, and how it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
        "second": _second_models(run),
        "service": _service(run),
        "warnings": _warnings(run),
    }


def _service(run: Run) -> list[tuple[str, Number]]:
    """What a server told of itself and what was counted; nothing where the model runs here."""
    told = facts.mapping(run.manifest, "service")
    kept = {
        key.replace("_", " "): told[key]
        for key in told
        if key != "warnings" and told[key] not in ("", [], {})
    }
    return _entries(kept, "manifest", "service")


def _warnings(run: Run) -> list[str]:
    """What servers told that a reader has to know, of the audited model and of those that read its answers."""
    found = list(facts.mapping(run.manifest, "service").get("warnings") or ())
    readers: Any = run.manifest.get("second_models") or ()
    for reader in readers:
        told = facts.mapping(reader, "service").get("warnings") or ()
        found += [f"{facts.text(reader, 'metric')} by {facts.text(reader, 'model')}: {each}" for each in told]
    return [str(each) for each in found]


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


def _second_models(run: Run) -> list[Mapping[str, object]]:
    """The models that read answers for a metric, as the plan names them, with how often they were asked."""
    planned, asked = run.plan.get("second_models"), run.manifest.get("second_models")
    counted = {
        str(fact.get("metric")): fact
        for fact in (asked if isinstance(asked, Sequence) else ())
        if isinstance(fact, Mapping)
    }
    return [
        _second_model(reader, counted.get(str(reader.get("metric")), {}))
        for reader in (planned if isinstance(planned, Sequence) else ())
        if isinstance(reader, Mapping)
    ]


def _second_model(reader: Mapping[str, object], counted: Mapping[str, object]) -> Mapping[str, object]:
    metric, model, reading = (
        facts.text(reader, "metric"),
        facts.mapping(reader, "model"),
        facts.mapping(reader, "reading"),
    )
    name = (
        f"{facts.text(model, 'kind')}:{facts.text(model, 'name')}" if model else facts.text(reading, "model")
    )
    record = f"second_models/{metric}"
    return {
        "metric": facts.card(metric).title,
        "name": numbers.exact(name, record, "name"),
        "id": numbers.exact(model.get("id") or facts.NOT_RECORDED, record, "id"),
        "repeats": numbers.count(facts.number(reading, "repeats"), record, "repeats"),
        "labelled": numbers.count(facts.number(reader, "labelled_items"), record, "labelled_items"),
        "asked": numbers.count(facts.number(counted, "asked"), record, "asked"),
        "failed": numbers.count(facts.number(counted, "failed"), record, "failed"),
        "problem": str(reader.get("problem") or ""),
        "record": record,
    }


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
