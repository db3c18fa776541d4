"""Whether two runs can be compared at all: what each of them is, and what differs that no number can bridge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.errors import InputError
from audit.records import Compared, Run, content_id

PLANNED = ("kind", "ask", "options", "favourable", "low", "high", "max_tokens")
"""What the plan says of the question."""
RULES = ("alpha", "min_clusters", "none_ceiling", "power")


def compared(run: Run) -> Compared:
    """What a run is."""
    model: Any = run.manifest["model"]
    revision = f"@{model['revision']}" if model.get("revision") else ""
    versions: Any = run.manifest.get("versions") or {}
    return Compared(
        source=run.folder,
        suite=str(run.suite["id"]),
        suite_digest=str(run.plan.get("suite_digest", "")),
        model=f"{model['kind']}:{model['name']}{revision}",
        model_id=str(model["id"]),
        policy=str(run.policy["id"]),
        policy_digest=content_id("policy", run.policy),
        plan=str(run.plan["digest"]),
        root=str(run.manifest["root"]),
        finished_at=str(run.manifest["finished_at"]),
        complete=bool(run.manifest["complete"]),
        audit_version=str(versions.get("audit", "")),
    )


def require_two(baseline: Compared, candidate: Compared) -> None:
    """InputError for runs of different suites, and for one run given twice."""
    if baseline.suite != candidate.suite:
        raise InputError(
            f"{candidate.source}: a run of the suite '{candidate.suite}', the baseline {baseline.source} is of "
            f"'{baseline.suite}'; only runs of one suite can be compared"
        )
    if baseline.root == candidate.root:
        raise InputError(
            f"{candidate.source}: the same run as the baseline {baseline.source} (root {candidate.root[:8]}); "
            "name two runs"
        )


def refusal(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> str:
    """Why nothing of two plans can be compared; empty where something can."""
    for what, one, other in (
        *_of_suite(baseline["suite"], candidate["suite"]),
        *_of_question(baseline.get("question") or {}, candidate.get("question") or {}),
        ("alpha of the policy", baseline["policy"].get("alpha"), candidate["policy"].get("alpha")),
    ):
        if one != other:
            return f"{what}: {_short(one)} in the baseline, {_short(other)} in the candidate"
    return ""


def _of_suite(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, object, object]]:
    keys = {"design": "design", "generalise": "what it generalises to", "recorded": "reading of the answers"}
    return [(f"the suite's {title}", one.get(key), other.get(key)) for key, title in keys.items()]


def _of_question(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, object, object]]:
    return [(f"the question's {key}", one.get(key), other.get(key)) for key in PLANNED]


def metric_refusals(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> dict[str, str]:
    """Why metrics cannot be compared, by name: another definition, or another second model that reads the answers."""
    found: dict[str, str] = {}
    known = [plan.get("metrics") or {} for plan in (baseline, candidate)]
    for name in known[0].keys() & known[1].keys():
        if known[0][name] != known[1][name]:
            found[name] = f"{name} is not defined alike in both runs"
    readers = [plan.get("second_models") or {} for plan in (baseline, candidate)]
    for name in readers[0].keys() & readers[1].keys():
        if readers[0][name] != readers[1][name]:
            found[name] = "another second model, or another way of asking it, reads the answers"
    return found


def readers_of(plan: Mapping[str, Any]) -> dict[str, list[object]]:
    """Which second model reads the answers for each metric, and how it is asked."""
    return {
        str(entry["metric"]): [
            (entry.get("model") or {}).get("id"), entry.get("reading_digest"), entry.get("labelled_digest"),
        ]
        for entry in plan.get("second_models") or ()
    }  # fmt: skip


def remarks(baseline: Compared, candidate: Compared) -> tuple[str, ...]:
    """What a reader has to know before any number."""
    found = []
    if baseline.finished_at > candidate.finished_at:
        found.append(
            f"the baseline is newer than the candidate ({baseline.finished_at}, {candidate.finished_at})"
        )
    if baseline.model_id == candidate.model_id:
        found.append("both runs asked the same model with the same settings")
    if baseline.suite_digest != candidate.suite_digest:
        found.append("the suite was changed between the runs; only effects with the same items are compared")
    if baseline.policy_digest != candidate.policy_digest:
        found.append("the policy was changed between the runs; only effects with the same limit are compared")
    if baseline.audit_version != candidate.audit_version:
        found.append(f"made by audit {baseline.audit_version} and {candidate.audit_version}")
    return tuple(found)


def _short(value: object) -> str:
    text = str(value)
    return f"'{text}'" if len(text) <= 60 else f"'{text[:57]}…'"
