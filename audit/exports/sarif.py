"""`results.sarif`: SARIF 2.1.0, the format of code scanners; rules are metrics, results are findings.

A result lies in the suite's file. Its level is `none` unless it is a failure, as the standard wants it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from audit.changenames import Changed, changed, gate_line
from audit.disk import whole
from audit.harmless import visible
from audit.kinds import card_of
from audit.records import Comparison, Run
from audit.statuses import Entry, entries, finished_at, model_name, run_name

NAME = "results.sarif"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RUNS = uuid.uuid5(uuid.NAMESPACE_OID, "audit run")
"""Name space of the ids of runs, which are made from their roots."""
_SYNTAX = re.compile(r"[\[\]\\]")


def export(run: Run, folder: Path) -> list[Path]:
    """The file, written into `folder` (made if missing)."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / NAME) as waiting:
        waiting.write_text(
            json.dumps(document(run), indent=1, allow_nan=False) + "\n", encoding="utf-8", newline="\n"
        )
    return [folder / NAME]


def document(run: Run) -> dict[str, Any]:
    """The log as JSON values."""
    found = list(entries(run))
    metrics = list(dict.fromkeys(entry.finding.metric for entry in found))
    clauses = _clauses(run, metrics)
    results = [_result(run, entry, metrics.index(entry.finding.metric), clauses) for entry in found]
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(run, results, metrics, clauses)]}


def _run(
    run: Run, results: Sequence[Mapping[str, Any]], metrics: Sequence[str], clauses: Mapping[str, str]
) -> dict[str, Any]:
    driver: dict[str, Any] = {
        "name": "audit", "version": _text(run.plan.get("audit_version")) or "unknown",
        "rules": [_rule(metric) for metric in metrics],
    }  # fmt: skip
    made: dict[str, Any] = {
        "tool": {"driver": driver},
        "automationDetails": {
            "id": f"audit/{_text(run.suite.get('id'))}/{model_name(run)}/", "guid": guid(run.manifest.get("root")),
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(run, found_any=bool(results))],
        "results": list(results),
        "properties": {
            "run": run_name(run), "suite": _text(run.suite.get("id")), "model": model_name(run),
            "policy": _text(run.policy.get("id")), "plan": _text(run.plan.get("digest")),
            "root": _text(run.manifest.get("root")),
        },
    }  # fmt: skip
    if clauses:
        driver["supportedTaxonomies"] = [{"name": _taxonomy(run), "index": 0}]
        made["taxonomies"] = [{"name": _taxonomy(run), "taxa": _taxa(run, sorted(set(clauses.values())))}]
    return made


def guid(root: object) -> str:
    """A GUID that stands for the run with this root."""
    return str(uuid.uuid5(RUNS, str(root)))


def _rule(metric: str) -> dict[str, Any]:
    card = card_of(metric)
    texts = [f"Formula: {card.formula}", f"Range: {card.range}", f"Source: {card.source}", card.critique]
    return {
        "id": metric, "name": _text(card.title),
        "shortDescription": _message([card.title]), "fullDescription": _message([card.definition]),
        "help": _message(texts), "defaultConfiguration": {"level": "error"},
        "properties": {"unit": card.unit, "higher_is": card.higher_is, "no_difference": card.no_difference},
    }  # fmt: skip


def _result(run: Run, entry: Entry, index: int, clauses: Mapping[str, str]) -> dict[str, Any]:
    finding, names = entry.finding, entry.names
    contrast = f"{finding.axis}/{finding.stratum}/{finding.group_b}/{finding.group_a}"
    made: dict[str, Any] = {
        "ruleId": finding.metric, "ruleIndex": index, "kind": names.kind, "level": names.level,
        "message": _message([entry.sentence]),
        "locations": [_location(_text(run.suite.get("id")), contrast)],
        "partialFingerprints": {"effectId/v1": finding.effect_id},
        "properties": {
            "finding": finding.id, "effect": finding.effect_id, "verdict": finding.verdict, "status": entry.status,
            "axis": finding.axis, "stratum": finding.stratum, "group_a": finding.group_a, "group_b": finding.group_b,
            "contrast": finding.contrast, "reason": finding.reason, **entry.numbers,
        },
    }  # fmt: skip
    if finding.metric in clauses:
        made["taxa"] = [{"id": clauses[finding.metric], "toolComponent": {"name": _taxonomy(run)}}]
    return made


def _location(suite: str, contrast: str) -> dict[str, Any]:
    """The suite's file, where shipped suites lie, and the comparison as a logical place."""
    uri = quote(f"suites/{suite}.yaml")
    return {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}},
        "logicalLocations": [{"fullyQualifiedName": contrast}],
    }


def _invocation(run: Run, *, found_any: bool) -> dict[str, Any]:
    complete = run.manifest.get("complete") is True
    service: Any = run.manifest.get("service") or {}
    told = [] if complete else ["The run is incomplete."]
    told += [] if found_any else ["No comparison was marked for decision."]
    made: dict[str, Any] = {
        "executionSuccessful": complete,
        "toolExecutionNotifications": [
            {"level": "warning", "message": _message([text])}
            for text in (*told, *service.get("warnings", ()))
        ],
    }
    if ended := finished_at(run):
        made["endTimeUtc"] = ended
    return made


def _clauses(run: Run, metrics: Iterable[str]) -> dict[str, str]:
    """Metric → the clause that its limit comes from, where the policy names one."""
    limits: Any = run.policy.get("limits") or {}
    known: Any = run.policy.get("clauses") or {}
    named = {metric: str((limits.get(metric) or {}).get("clause")) for metric in metrics}
    return {metric: clause for metric, clause in named.items() if clause in known}


def _taxonomy(run: Run) -> str:
    return f"clauses of policy {_text(run.policy.get('id'))}"


def _taxa(run: Run, names: Sequence[str]) -> list[dict[str, Any]]:
    known: Any = run.policy["clauses"]
    return [
        {
            "id": name, "name": _text(known[name].get("clause")),
            "shortDescription": _message([f"{known[name].get('instrument')}, {known[name].get('clause')}"]),
            "fullDescription": _message([known[name].get("says"), f"It cannot show: {known[name].get('cannot_show')}"]),
            "properties": {
                key: str(known[name].get(key) or "not found out")
                for key in ("status", "applies_from", "last_checked", "source", "confidence")
            },
        }
        for name in names
    ]  # fmt: skip


def _message(sentences: Sequence[object]) -> dict[str, str]:
    """Plain text in which nothing is a link or a place to fill: the standard reads both in plain texts."""
    text = visible(" ".join(str(sentence) for sentence in sentences if sentence))
    return {"text": _SYNTAX.sub(r"\\\g<0>", text).replace("{", "{{").replace("}", "}}")}


def _text(value: object) -> str:
    return visible("" if value is None else str(value))


# ---------------------------------------------------------------- comparisons


def compared(found: Comparison) -> bytes:
    """The candidate's results with `baselineState`; what a waiver covers is suppressed."""
    every = list(changed(found))
    metrics = list(dict.fromkeys(each.change.metric for each in every))
    waived = any(each.waived_by for each in every)
    results = [_change(found, each, metrics.index(each.change.metric), suppressible=waived) for each in every]
    run = {
        "tool": {
            "driver": {
                "name": "audit", "version": _text(found.candidate.audit_version) or "unknown",
                "rules": [_rule(metric) for metric in metrics],
            }
        },
        "automationDetails": {
            "id": f"audit-compare/{_text(found.candidate.suite)}/{_text(found.candidate.model)}/",
            "guid": guid(found.candidate.root),
        },
        "baselineGuid": guid(found.baseline.root), "columnKind": "unicodeCodePoints",
        "invocations": [{
            "executionSuccessful": found.baseline.complete and found.candidate.complete,
            "toolExecutionNotifications": [
                {"level": "note", "message": _message([text])} for text in (gate_line(found), *found.notes)
            ],
        }],
        "results": results,
        "properties": {
            f"{side}_{name}": _text(getattr(one, name))
            for side, one in (("baseline", found.baseline), ("candidate", found.candidate))
            for name in ("model", "plan", "root")
        },
    }  # fmt: skip
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return (json.dumps(log, indent=1, allow_nan=False) + "\n").encode()


def _change(found: Comparison, each: Changed, index: int, *, suppressible: bool) -> dict[str, Any]:
    change, names = each.change, each.names
    fails = names.kind == "fail" or bool(each.closing) or each.is_beyond
    level = "none" if not fails else "error" if each.closing or names.kind == "fail" else "warning"
    contrast = f"{change.axis}/{change.stratum}/{change.group_b}/{change.group_a}"
    made: dict[str, Any] = {
        "ruleId": change.metric, "ruleIndex": index, "kind": "fail" if fails else names.kind, "level": level,
        "baselineState": names.state, "message": _message([each.sentence, *each.closing]),
        "locations": [_location(_text(found.candidate.suite), contrast)],
        "partialFingerprints": {"effectId/v1": change.effect_id},
        "properties": {
            "change": change.id, "effect": change.effect_id, "status": change.status, "reversed": change.reversed,
            "axis": change.axis, "stratum": change.stratum, "group_a": change.group_a, "group_b": change.group_b,
            "reason": change.reason, **each.numbers,
        },
    }  # fmt: skip
    if suppressible:
        accepted = {
            "kind": "external",
            "status": "accepted",
            "justification": _text(f"waived by {each.waived_by}"),
        }
        made["suppressions"] = [accepted] if each.waived_by and not each.closing else []
    return made
