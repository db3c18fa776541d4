"""What a run found (`results.json`), and what a comparison found, as documents with schemas.

docs/results.schema.json and docs/comparison.schema.json are made of the classes here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from audit.changenames import changed, gate_line
from audit.disk import whole
from audit.records import (
    CHANGES,
    CREDITS,
    EFFECTS,
    FLIP_COUNTS,
    FLIPS,
    GROUPS,
    MOVERS,
    UTILITY,
    Compared,
    Comparison,
    Contrast,
    Exclusion,
    GateOutcome,
    GateReason,
    Run,
    Table,
    Verdict,
    Waiver,
)
from audit.statuses import Entry, Status, entries, finished_at, model, run_name

if TYPE_CHECKING:
    import pandas as pd

NAME = "results.json"
TYPES: dict[str, Any] = {"str": str, "float64": float | None, "int64": int, "bool": bool}


class Wire(BaseModel):
    """Exactly these fields."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True
    )


def _row(name: str, table: Table) -> type[BaseModel]:
    """One row of a table; a number that does not exist is null."""
    fields: dict[str, Any] = {
        column.name: (TYPES[column.dtype], Field(description=column.meaning)) for column in table.columns
    }
    return create_model(name, __base__=Wire, __doc__=f"One row of the table `{table.name}`.", **fields)


EffectRow, GroupRow = _row("EffectRow", EFFECTS), _row("GroupRow", GROUPS)


class FindingRow(Wire):
    """One comparison marked for decision; its numbers stand under `effect_id` in `effects`."""

    id: str
    """Content id of the finding."""
    effect_id: str
    """The effect that was judged."""
    metric: str
    """Metric name."""
    axis: str
    """Axis or intersection."""
    stratum: str
    """Stratum, or `*`: all of them."""
    group_a: str
    """Group; `*`: the mean of the others, `reference`: the mean of the reference inputs."""
    group_b: str
    """Group."""
    contrast: Contrast
    """What is compared with what."""
    verdict: Verdict
    """What was concluded."""
    status: Status
    """The verdict; `invalid` for an undecided one whose test did not work. The same in every export."""
    reason: str
    """Why, in words; empty where numbers and limit say it all."""
    distinguishable: bool
    """Whether the simultaneous interval excludes no difference."""
    example_pair: str
    """The pair with the largest difference in the direction of the estimate."""
    sentence: str
    """The finding in one sentence."""


class LeftOut(Wire):
    """Something that is not counted."""

    what: str
    """What it is."""
    reason: str
    """Why."""
    count: int
    """How much of it."""


class Document(Wire):
    """What a finished run found. No difference beyond a limit is no proof that there is none."""

    version: Literal[1] = Field(default=1, alias="schema", description="Version of this format.")
    run: str
    """Name of the run's folder."""
    root: str
    """Merkle root of the run's files, from manifest.json."""
    plan: str
    """Digest of the plan that was fixed before the first question."""
    made_with: str
    """Version of audit that the plan was made with."""
    finished_at: str
    """When the run ended, ISO 8601 in UTC."""
    complete: bool
    """Whether everything planned was answered."""
    answers_older_than_plan: bool
    """Whether answers existed before the criteria were fixed."""
    suite: dict[str, str]
    """id, title, domain and digest of the suite."""
    policy: dict[str, str]
    """id and title of the policy."""
    alpha: float | None
    """Chance of any wrong verdict `beyond`, over all decision effects together."""
    model: dict[str, Any]
    """Kind, name, revision, digests and settings of the model."""
    counts: dict[str, int]
    """Prompts, pairs, answers; how many were asked, reused, failed."""
    findings: list[FindingRow]
    """Every comparison marked for decision."""
    effects: list[EffectRow]  # type: ignore[valid-type]
    """Every effect; those that are not marked for decision are exploration."""
    groups: list[GroupRow]  # type: ignore[valid-type]
    """Every group's mean."""
    excluded: list[LeftOut]
    """What was planned or found but is not counted."""


def export(run: Run, folder: Path) -> list[Path]:
    """The file, written into `folder` (made if missing)."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document(run).model_dump(by_alias=True, mode="json"), indent=1, allow_nan=False)
    with whole(folder / NAME) as waiting:
        waiting.write_text(text + "\n", encoding="utf-8", newline="\n")
    return [folder / NAME]


def document(run: Run) -> Document:
    """The run as this format says it."""
    manifest, policy = run.manifest, run.policy
    counts: Any = manifest.get("counts") or {}
    return Document.model_validate({
        "run": run_name(run), "root": _text(manifest, "root"), "plan": _text(run.plan, "digest"),
        "made_with": _text(run.plan, "audit_version"), "finished_at": finished_at(run),
        "complete": manifest.get("complete") is True,
        "answers_older_than_plan": manifest.get("answers_older_than_plan") is True,
        "suite": {
            **{key: _text(run.suite, key) for key in ("id", "title", "domain")},
            "digest": _text(run.plan, "suite_digest"),
        },
        "policy": {key: _text(policy, key) for key in ("id", "title")}, "alpha": policy.get("alpha"),
        "model": dict(model(run)), "counts": dict(counts),
        "findings": [_finding(entry) for entry in entries(run)],
        "effects": _rows(run.effects, EFFECTS), "groups": _rows(run.groups, GROUPS),
        "excluded": [{"what": each.what, "reason": each.reason, "count": each.count} for each in run.excluded],
    })  # fmt: skip


def _finding(entry: Entry) -> dict[str, object]:
    names = set(FindingRow.model_fields) - {"status", "sentence"}
    own = {name: getattr(entry.finding, name) for name in names}
    return {**own, "status": entry.status, "sentence": entry.sentence}


def _rows(frame: pd.DataFrame, table: Table) -> list[dict[str, object]]:
    columns = [
        [_known(value, column.dtype) for value in frame[column.name].tolist()] for column in table.columns
    ]
    return [dict(zip(table.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _known(value: object, dtype: str) -> object:
    """The value; of one that does not exist null, or an empty text."""
    if isinstance(value, float) and not math.isfinite(value):
        return "" if dtype == "str" else None
    return value


def _text(source: Mapping[str, object], key: str) -> str:
    value = source.get(key)
    return "" if value is None else str(value)


# ---------------------------------------------------------------- comparisons

COMPARED: Mapping[str, Table] = {
    "changes": CHANGES, "flips": FLIPS, "flip_counts": FLIP_COUNTS, "movers": MOVERS, "credits": CREDITS,
    "utility": UTILITY,
}  # fmt: skip


def _alike(kind: type, **more: Any) -> type[BaseModel]:
    """What a record of this kind is in the document: exactly its fields, and `more`."""
    types = get_type_hints(kind)
    own: dict[str, Any] = {each.name: (types[each.name], ...) for each in fields(kind)}
    return create_model(kind.__name__, __base__=Wire, __doc__=kind.__doc__, **{**own, **more})


Version, Waived, NotCompared = _alike(Compared), _alike(Waiver), _alike(Exclusion)
Reason = _alike(GateReason)
Gate = _alike(GateOutcome, reasons=(list[Reason], ...), sentence=(str, ...))  # type: ignore[valid-type]
ROW_TYPES: dict[str, Any] = {
    name: _row(f"{name.title().replace('_', '')}Row", table) for name, table in COMPARED.items()
}
ROWS: dict[str, Any] = {
    name: (list[ROW_TYPES[name]], Field(description=f"Table `{table.name}`."))  # type: ignore[valid-type]
    for name, table in COMPARED.items()
}


class Head(Wire):
    """Two versions of a model, compared. No change beyond a limit is no proof that there is none."""

    version: Literal[1] = Field(default=1, alias="schema", description="Version of this format.")
    kind: Literal["comparison"]
    """What the document is."""
    baseline: Version  # type: ignore[valid-type]
    """The version before."""
    candidate: Version  # type: ignore[valid-type]
    """The version that is compared with it."""
    paired: bool
    """Whether the change was taken pair by pair; else from the two intervals."""
    alpha: float
    """Chance of any wrong statement about a change, over all decision effects together."""
    decisions: int
    """How many decision effects were compared."""
    gate: Gate | None  # type: ignore[valid-type]
    """The outcome of the gate, with a sentence; null where none was asked."""
    waivers: list[Waived]  # type: ignore[valid-type]
    """Findings that somebody answers for."""
    notes: list[str]
    """What a reader has to know beside it."""
    refused: list[NotCompared]  # type: ignore[valid-type]
    """What could not be compared, and why."""
    sentences: dict[str, str]
    """Each change of a decision effect in a sentence, by its id."""


ComparisonDocument = create_model("ComparisonDocument", __base__=Head, __doc__=Head.__doc__, **ROWS)


def compared(found: Comparison) -> bytes:
    """Both versions, the gate, waivers, and every table of the comparison; a number that does not exist is null."""
    frames = {name: found.table if name == "changes" else getattr(found, name) for name in COMPARED}
    made = ComparisonDocument.model_validate({
        "kind": "comparison", "baseline": asdict(found.baseline), "candidate": asdict(found.candidate),
        "paired": found.paired, "alpha": found.alpha, "decisions": found.count,
        "gate": None if found.gate is None else {**asdict(found.gate), "sentence": gate_line(found)},
        "waivers": [asdict(each) for each in found.waivers], "notes": list(found.notes),
        "refused": [asdict(each) for each in found.refused],
        "sentences": {each.change.id: each.sentence for each in changed(found)},
        **{name: _rows(frames[name], table) for name, table in COMPARED.items()},
    })  # fmt: skip
    return (
        json.dumps(made.model_dump(by_alias=True, mode="json"), indent=1, allow_nan=False) + "\n"
    ).encode()
