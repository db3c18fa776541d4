"""Whether two runs can be compared at all: what each of them is, and what differs that no number can bridge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audit.errors import InputError
from audit.records import Compared, Run, content_id

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

PLANNED = ("kind", "ask", "options", "favourable", "low", "high", "max_tokens")
"""What the plan says of the question."""
RULES = ("alpha", "min_clusters", "none_ceiling", "power")
SIDES = ("in the baseline", "in the candidate")
"""How a reason names the earlier and the later run."""
ROUNDED = 1e-5
"""Numbers of a baseline file are rounded to six digits."""


def compared(run: Run) -> Compared:
    """What a run is."""
    return facts(run.folder, {**run.plan, "suite": run.suite, "policy": run.policy}, run.manifest)


def facts(source: str, plan: Mapping[str, Any], manifest: Mapping[str, Any]) -> Compared:
    """What the run in the folder `source` is, by its plan and its manifest."""
    model: Any = manifest["model"]
    revision = f"@{model['revision']}" if model.get("revision") else ""
    versions: Any = manifest.get("versions") or {}
    return Compared(
        source=source,
        suite=str(plan["suite"]["id"]),
        suite_digest=str(plan.get("suite_digest", "")),
        model=f"{model['kind']}:{model['name']}{revision}",
        model_id=str(model["id"]),
        policy=str(plan["policy"]["id"]),
        policy_digest=content_id("policy", plan["policy"]),
        plan=str(plan["digest"]),
        root=str(manifest["root"]),
        finished_at=str(manifest["finished_at"]),
        complete=bool(manifest["complete"]),
        audit_version=str(versions.get("audit", "")),
    )


def planned(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What of a plan has to be alike for two runs to be compared."""
    question: Any = plan.get("question") or {}
    return {
        "suite": {key: plan["suite"].get(key) for key in ("design", "generalise", "recorded")},
        "question": {key: question.get(key) for key in PLANNED},
        "policy": {"alpha": plan["policy"].get("alpha")},
        "metrics": plan.get("metrics") or {},
        "second_models": readers_of(plan),
    }


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


def refusal(
    baseline: Mapping[str, Any], candidate: Mapping[str, Any], *, sides: tuple[str, str] = SIDES
) -> str:
    """Why nothing of two plans can be compared; empty where something can."""
    for what, one, other in (
        *_of_suite(baseline["suite"], candidate["suite"]),
        *_of_question(baseline.get("question") or {}, candidate.get("question") or {}),
        ("alpha of the policy", baseline["policy"].get("alpha"), candidate["policy"].get("alpha")),
    ):
        if one != other:
            return f"{what}: {_short(one)} {sides[0]}, {_short(other)} {sides[1]}"
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


def effect_refusals(both: pd.DataFrame, *, sides: tuple[str, str] = SIDES) -> NDArray[np.object_]:
    """Why effects of two runs (EFFECTS, columns of the earlier with `_before`) cannot be compared; else empty."""
    import numpy as np

    reasons = np.full(len(both), "", dtype=object)
    for column, title in (("scale", "scale"), ("control_arm", "control arm")):
        differ = (both[column] != both[f"{column}_before"]).to_numpy(bool)
        reasons[differ & (reasons == "")] = f"the {title} is another one {sides[1]}"
    moved = _limit_differs(both) & (reasons == "")
    reasons[moved] = [_limits(row, sides) for row in both[moved].to_dict("records")]
    return reasons


def _limit_differs(both: pd.DataFrame) -> NDArray[np.bool_]:
    import numpy as np

    pairs = [
        (both[name].to_numpy(float), both[f"{name}_before"].to_numpy(float))
        for name in ("limit_low", "limit_high")
    ]
    same = [np.isclose(one, other, rtol=ROUNDED, atol=0, equal_nan=True) for one, other in pairs]
    return np.asarray(~(same[0] & same[1]), bool)


def _limits(row: Mapping[Any, Any], sides: tuple[str, str]) -> str:
    before, after = (
        f"{row[f'limit_low{version}']:g} to {row[f'limit_high{version}']:g}" for version in ("_before", "")
    )
    return f"the limit is {before} {sides[0]} and {after} {sides[1]}"


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
