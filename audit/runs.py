"""A run on disk: where it lies, how it is written, and how it is read back.

The plan is written before the first question and never changes. Tables are Parquet, small things JSON; the
same tables give the same bytes. `read_run` gives a finished run to reports, exports and comparisons.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from audit.comparable import facts, planned
from audit.disk import told, whole
from audit.errors import InputError
from audit.machine import now, stamp
from audit.records import EFFECTS, PROMPTS, TABLES, TRENDS, VERDICTS, Exclusion, Finding, Outline, Run
from audit.tablefiles import read_rows, read_table, with_texts, write_table

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 2
"""Version of the run folder; a reader of another version refuses it in words."""

Entry = TypeVar("Entry", Finding, Exclusion)
TEXTS: Mapping[str, tuple[str, ...]] = {"prompts": ("messages", "spans"), "responses": ("text", "scores")}
"""Columns that are most of a large run's memory, and that few steps read."""
SHARED = tuple(name for name in TRENDS.names if name in EFFECTS.names)
"""Columns of an effect that a history shows."""
LONGEST_NAME = 60
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
ANEW = (
    "move it away and run the same again: the plan is written anew, and says that answers are older than it"
)
NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._]+")


def run_folder(output: Path, suite: str, model: str, digest: str, *, again: bool = False) -> Path:
    """Where the run of this plan lies: the newest folder it has; with `again` a new one if that run is finished."""
    own_name = model.rstrip("/").rsplit("/", 1)[-1] if model.startswith(("/", ".", "~")) else model
    first = output / f"{_safe(suite)}-{_safe(own_name)}-{digest[:8]}"
    newest, number = first, 2
    following = first
    while following.exists():
        newest, following = following, first.with_name(f"{first.name}-{number}")
        number += 1
    return following if again and _is_over(newest) else newest


def is_finished(folder: Path) -> bool:
    """Whether the folder holds a run that came to its end with every answer; InputError where that cannot be read."""
    path = folder / "manifest.json"
    if not path.is_file():
        return False
    try:
        complete = _read_json(path).get("complete")
    except InputError as error:
        raise InputError(f"{error}; --again makes another run of the plan") from error
    if not isinstance(complete, bool):
        raise InputError(
            f"{path}: the file is damaged, 'complete' is missing; --again makes another run of the plan"
        )
    return complete


def _is_over(folder: Path) -> bool:
    """Whether nothing can be added to the folder: its run is finished, or cannot be read."""
    try:
        return is_finished(folder)
    except InputError:
        return True


def write_plan(folder: Path, plan: Mapping[str, object], *, digest: str) -> Mapping[str, object]:
    """The plan as stored, with its digest and time; one that is there already keeps the time it was made."""
    path = folder / "plan.json"
    written = {"schema": SCHEMA, "digest": digest, "made_at": stamp(now()), **plan}
    if path.exists():
        return _same_plan(path, written)
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_json(path, written)
    return _read_json(path)


def _same_plan(path: Path, plan: Mapping[str, object]) -> Mapping[str, object]:
    """The plan as stored, if it is `plan` in all but the time it was made; InputError otherwise."""
    try:
        stored = _read_json(path)
    except InputError as error:
        raise InputError(f"{error}; {ANEW}") from error
    if stored.get("digest") != plan["digest"]:
        raise InputError(f"{path}: holds another plan ({stored.get('digest')}); give another folder with -o")
    same = json.loads(json.dumps({**plan, "made_at": stored.get("made_at")}))
    if stored != same or not MOMENT.fullmatch(str(stored["made_at"])):
        raise InputError(f"{path}: the file is damaged, it is not as it was written; {ANEW}")
    return stored


def append_look(folder: Path, **facts: object) -> None:
    """Records that results were computed from this plan: one line of `looks.jsonl` with the time and `facts`."""
    path = folder / "looks.jsonl"
    line = json.dumps({"at": stamp(now()), **facts}, ensure_ascii=False, allow_nan=False)
    try:
        _looks(path)
    except InputError as error:
        raise InputError(f"{error}; move it away and run the same again") from error
    before = path.read_bytes() if path.exists() else b""
    with whole(path) as waiting:
        waiting.write_bytes(before + line.encode() + b"\n")


def write_run(
    folder: Path,
    *,
    tables: Mapping[str, pd.DataFrame],
    findings: Sequence[Finding],
    excluded: Sequence[Exclusion],
    written: Collection[str] = (),
) -> None:
    """Writes every table of `records.TABLES` by its name but those `written` before, the findings, and exclusions."""
    for table in TABLES:
        if table.name not in written:
            write_table(folder, table, tables[table.name])
    write_json(folder / "findings.json", {"schema": SCHEMA, "findings": [asdict(item) for item in findings]})
    write_json(folder / "excluded.json", {"schema": SCHEMA, "excluded": [asdict(item) for item in excluded]})


def write_json(path: Path, value: object) -> None:
    """Writes `value` as JSON; the file is either whole or not there."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    with whole(path) as waiting:
        waiting.write_text(text + "\n", encoding="utf-8", newline="\n")


def read_run(folder: Path, *, only: Collection[str] | None = None, quoted: bool = False) -> Run:
    """The finished run in `folder`; InputError says which file is missing, damaged or of another version.

    With `only`, tables of other names are empty. `quoted`: as the report needs it, texts only where it quotes them,
    which of very many prompts are few; all other texts are missing values.
    """
    plan = _read_plan(folder)
    if not (folder / "manifest.json").is_file():
        raise InputError(f"{folder}: this run is not finished; run the same command again to go on")
    findings = tuple(_entries(folder / "findings.json", "findings", Finding))
    tables = {
        table.name: table.frame()
        if only is not None and table.name not in only
        else read_table(folder, table, without=TEXTS.get(table.name, ()) if quoted else ())
        for table in TABLES
    }
    if quoted:
        shown = _quoted(tables["pairs"], tables["attributions"], findings)
        tables["prompts"] = with_texts(folder, PROMPTS, tables["prompts"], of=shown)
    return Run(
        folder=str(folder),
        plan=plan,
        manifest=_versioned(folder / "manifest.json"),
        suite=_part(folder, plan, "suite"),
        policy=_part(folder, plan, "policy"),
        axes=_part(folder, plan, "axes"),
        findings=findings,
        excluded=tuple(_entries(folder / "excluded.json", "excluded", Exclusion)),
        looks=_looks(folder / "looks.jsonl"),
        **tables,
    )


def outline(folder: Path) -> Outline:
    """What a history needs of the finished run in `folder`, of its tables some columns; InputError as `read_run`."""
    plan = _read_plan(folder)
    if not (folder / "manifest.json").is_file():
        raise InputError(f"{folder}: this run is not finished")
    manifest = _versioned(folder / "manifest.json")
    try:
        recorded = plan["suite"].get("recorded") is not None
        rows = tuple(read_rows(folder, EFFECTS, columns=SHARED, where="decision"))
        if unknown := {row["verdict"] for row in rows} - set(VERDICTS):
            raise InputError(
                f"{folder}: an effect has the verdict {unknown.pop()!r}, which this program does not know"
            )
        return Outline(
            facts=facts(str(folder), plan, manifest),
            planned=planned(plan),
            prompts="" if recorded else str(plan.get("prompts_digest") or manifest["root"]),
            rows=rows,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder}: plan or manifest are damaged ({error!r})") from error


def _quoted(pairs: pd.DataFrame, attributions: pd.DataFrame, findings: Sequence[Finding]) -> set[str]:
    """Ids of the prompts that a report quotes: of examples, of explained pairs, and of the first pair."""
    named = {finding.example_pair for finding in findings} | set(attributions["pair_id"])
    mine = pairs[pairs["pair_id"].isin(named)]
    first = pairs[pairs["arm"] == "swap"].iloc[:1]
    return {*mine["a"], *mine["b"], *first["a"], *first["b"]}


def _safe(name: str) -> str:
    """`name` with nothing in it that a file system or a shell could stumble over; the end is kept."""
    return NOT_IN_FILE_NAMES.sub("-", name)[-LONGEST_NAME:].strip("-.") or "unnamed"


def _read_plan(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    if not (folder / "plan.json").is_file():
        raise InputError(f"{folder}: this is not the folder of a run, plan.json is missing")
    return _versioned(folder / "plan.json")


def _versioned(path: Path) -> dict[str, Any]:
    value = _read_json(path)
    if value.get("schema") != SCHEMA:
        found = value.get("schema")
        raise InputError(f"{path}: written as version {found} of the run format, this program reads {SCHEMA}")
    return value


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: the file is missing")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: the file is damaged, it is no JSON ({error})") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: the file is damaged, it holds no JSON object")
    return value


def _part(folder: Path, plan: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = plan.get(key)
    if not isinstance(value, dict):
        raise InputError(f"{folder / 'plan.json'}: the file is damaged, '{key}' is missing")
    return value


def _entries(path: Path, key: str, kind: type[Entry]) -> list[Entry]:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(list[kind]).validate_python(_versioned(path).get(key))  # type: ignore[valid-type]
    except ValidationError as error:
        raise InputError(f"{path}: the file is damaged: {error.errors()[0]['msg']}") from error


def _looks(path: Path) -> tuple[dict[str, Any], ...]:
    """The lines of `looks.jsonl`; none where the file is not there."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        found = tuple(json.loads(line) for line in lines if line.strip())
    except ValueError as error:
        raise InputError(f"{path}: the file is damaged, a line is no JSON ({error})") from error
    if not all(isinstance(line, dict) for line in found):
        raise InputError(f"{path}: the file is damaged, a line is no JSON object")
    return found
