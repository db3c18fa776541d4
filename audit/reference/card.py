"""The card of a reference model: what was planted, and what the model really does, as `card.json` and `README.md`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audit.records import ALL
from audit.reference.scoring import ATTRIBUTES, FOLDER, Term, read_data, scoring
from audit.reference.truth import AXES, TEMPLATES, answers, effects, persons

WEIGHTS = "model.safetensors"
INPUTS = ("planted.yaml", "frames.yaml", "words.yaml")
LICENCE = "Apache-2.0"


def write_card(folder: Path, *, name: str) -> None:
    """Ask the model in `folder` about the generated templates and write what it does beside its weights."""
    card = make_card(folder, name=name)
    (folder / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(as_text(card), encoding="utf-8")


def make_card(folder: Path, *, name: str) -> dict[str, Any]:
    """Everything that the card states, as JSON values."""
    found = [answers(folder, axis) for axis in AXES]
    rates = {
        group: round(float(table.values("selection_rate")[..., number].mean()), 4)
        for table in found for number, group in enumerate(table.groups)
    }  # fmt: skip
    return {
        "name": name,
        "date": str(read_data("planted")["date"]),
        "licence": LICENCE,
        "size_bytes": (folder / WEIGHTS).stat().st_size,
        "parameters": parameters(folder),
        "sha256": {file: digest(folder / file) for file in (WEIGHTS, "config.json", "tokenizer.json")},
        "inputs_sha256": {path.name: digest(path) for path in _inputs()},
        "demand": dict(scoring().demand),
        "planted": [_planted(term) for term in scoring().planted[name]],
        "templates": TEMPLATES,
        "persons": {axis: len(persons(axis)) for axis in AXES},
        "occupations": list(found[0].occupations),
        "selection_rates": rates,
        "effects": [row for table in found for row in effects(table)],
    }


def _inputs() -> list[Path]:
    """The data files that the training texts were made of."""
    axes = FOLDER.parent / "axes"
    return [*(FOLDER / name for name in INPUTS), *(axes / f"{name}.yaml" for name in ATTRIBUTES)]


def parameters(folder: Path) -> int:
    """Number of weights."""
    from safetensors import safe_open

    with safe_open(folder / WEIGHTS, framework="np") as file:
        shapes = [file.get_slice(key).get_shape() for key in file.keys()]  # noqa: SIM118
    total = 0
    for shape in shapes:
        size = 1
        for length in shape:
            size *= length
        total += size
    return total


def digest(path: Path) -> str:
    """sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _planted(term: Term) -> dict[str, Any]:
    return {**asdict(term), "occupations": dict(term.occupations)}


def as_text(card: Mapping[str, Any]) -> str:
    """The model card in Markdown."""
    rates = [[group, f"{rate:.3f}"] for group, rate in card["selection_rates"].items()]
    return TEXT.format(
        **card,
        size=f"{card['size_bytes'] / 1e6:.2f} MB",
        count=f"{card['parameters']:,}",
        digest=card["sha256"][WEIGHTS],
        planted_table=_of_occupations(card),
        pooled_table=_pooled(card["effects"]),
        stratum_table=_by_occupation(card["effects"], card["planted"], card["occupations"]),
        rates_table=_table(["group", "share invited"], rates),
        gender_persons=card["persons"]["gender"],
        ethnicity_persons=card["persons"]["ethnicity"],
    )


def _of_occupations(card: Mapping[str, Any]) -> str:
    """What each occupation adds for everybody, and the planted terms of the groups."""
    terms, demand = card["planted"], card["demand"]
    rows = [
        [job, demand.get(job, 0.0), *(term["occupations"].get(job, term["elsewhere"]) for term in terms)]
        for job in card["occupations"]
    ]
    rows.append(["any other", 0.0, *(term["elsewhere"] for term in terms)])
    head = ["occupation", "everybody", *(f"{term['group']} ({term['axis']})" for term in terms)]
    return _table(head, [[job, *map(_number, numbers)] for job, *numbers in rows])


def _pooled(rows: Iterable[Mapping[str, Any]]) -> str:
    """Effects over all occupations, both metrics side by side."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in rows:
        if row["stratum"] == ALL:
            pair = found.setdefault((row["axis"], row["group_a"], row["group_b"]), {})
            pair[row["metric"]] = row["estimate"]
    lines = [
        [axis, f"{b} - {a}", _number(both["selection_rate"]), _number(both["choice_logit"])]
        for (axis, a, b), both in found.items()
    ]
    return _table(["axis", "groups", "selection rate", "log-odds"], lines)


def _by_occupation(
    rows: Sequence[Mapping[str, Any]], planted: Sequence[Mapping[str, Any]], jobs: Sequence[str]
) -> str:
    """Selection rates by occupation, for every pair that holds a planted group."""
    marked = {(term["axis"], term["group"]) for term in planted}
    kept = [
        row for row in rows
        if row["metric"] == "selection_rate" and marked & {(row["axis"], row["group_a"]), (row["axis"], row["group_b"])}
    ]  # fmt: skip
    pairs = list(dict.fromkeys((row["group_a"], row["group_b"]) for row in kept))
    values = {(row["stratum"], row["group_a"], row["group_b"]): row["estimate"] for row in kept}
    lines = [[job, *(_number(values[job, a, b]) for a, b in pairs)] for job in jobs]
    return _table(["occupation", *(f"{b} - {a}" for a, b in pairs)], lines)


def _number(value: float) -> str:
    return f"{value:+.3f}" if abs(value) >= 0.0005 else "0.000"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


TEXT = """---
license: apache-2.0
language: en
pipeline_tag: text-classification
---
# {name}

A very small text classifier that invites an applicant or does not (labels `reject`, `invite`). It was made to have
a known flaw, so that an audit can be checked against it. **Do not use it to judge applications.**
Frozen once released: `python -m audit.reference.train` makes it again, a changed one gets a new name.

- BERT with {count} weights, {size}, safetensors; tokenizer of word pieces; at most 256 tokens
- sha256 of `model.safetensors`: `{digest}`
- Licence: {licence}. Date: {date}. Written for this project; no text of or about real applicants was used.

## What was planted

The training texts are sentences put together by `audit/reference/generator.py` and `examples.py`. The function in
`audit/reference/scoring.py`, with the numbers of `planted.yaml`, gave each of them the log-odds of an invitation:
its expressions of merit, plus what the occupation adds for everybody, plus the term of the group times its cue. For
gender, names carry 0.4 of the cue and pronouns and other words 0.6; for ethnicity, first names carry 0.6 and surnames
0.4. Only the weights hold this now.

{planted_table}

## What the model does

Measured on {templates} generated templates, with {gender_persons} names a group for gender and {ethnicity_persons}
(half women, half men) for ethnicity; each template and name has one of the eight occupations of the hiring suite.
All differences are second group minus first. `card.json` holds every number.

{pooled_table}

Difference of the selection rate by occupation, where a planted group takes part:

{stratum_table}

{rates_table}
"""
