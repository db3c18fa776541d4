"""The audits of one session of pytest: each suite once, whichever worker asks first, and beside the baseline if any."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

from audit.disk import held
from audit.errors import AuditError, IncompleteError, InUseError
from audit.records import Comparison, Finding, GateReason, Run

WAIT_S = 0.2


@dataclass(slots=True)
class Session:
    """What the options say, and which suites this process knows the outcome of."""

    suites: dict[Path, str]
    """File of each suite → how it was named."""
    model: str
    policy: str
    output: Path
    shared: Path | None
    baseline: Path | None
    waivers: Path | None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    """Of the runs in these folders with the baseline."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The folder of the run, or why there is none."""

    folder: str = ""
    error: str = ""


def audited(session: Session, suite: str) -> Outcome:
    """What came out of auditing a suite; it is done once, whichever worker asks first."""
    if suite not in session.outcomes:
        session.outcomes[suite] = _shared(session, suite) if session.shared else _audit(session, suite)
    return session.outcomes[suite]


def _shared(session: Session, suite: str) -> Outcome:
    """The outcome that another worker left, or that of an audit in this one, left for the others."""
    assert session.shared is not None
    note = session.shared / f"{list(session.suites.values()).index(suite)}.json"
    with ExitStack() as stack:
        _wait_for(stack, session.shared)
        if note.is_file():
            return Outcome(**json.loads(note.read_text(encoding="utf-8")))
        outcome = _audit(session, suite)
        note.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
        return outcome


def _wait_for(stack: ExitStack, folder: Path) -> None:
    """The folder for this worker alone, as soon as no other works; the system frees it when a worker dies."""
    while True:
        try:
            stack.enter_context(held(folder))
            return
        except InUseError:
            time.sleep(WAIT_S)


def _audit(session: Session, suite: str) -> Outcome:
    from audit import pipeline

    try:
        folder = pipeline.run(suite, model=session.model, output=session.output, policy=session.policy)
    except AuditError as error:
        return Outcome(error=str(error))
    return Outcome(folder=str(folder))


def require_answers(run: Run) -> None:
    """IncompleteError where answers are missing, AuditError where there is none at all."""
    counts = cast("Mapping[str, int]", run.manifest["counts"])
    if not run.manifest["complete"]:
        raise IncompleteError(f"{run.folder}: some answers are missing; the same command asks for them again")
    if counts["responses"] and counts["failed"] == counts["responses"]:
        raise AuditError(f"{run.folder}: none of {counts['responses']} questions was answered")


def closing(run: Run, finding: Finding, comparison: Comparison | None) -> list[GateReason]:
    """Why a finding closes the gate, waived or not. Without a baseline: beyond, and what the policy does not let by."""
    if comparison is not None and comparison.gate is not None:
        return [reason for reason in comparison.gate.reasons if reason.effect_id == finding.effect_id]
    if finding.verdict == "beyond" or (finding.verdict != "within" and _asks_for_within(run)):
        rule = "beyond" if finding.verdict == "beyond" else "undecided"
        return [GateReason(rule=rule, text=finding.reason, effect_id=finding.effect_id)]
    return []


def _asks_for_within(run: Run) -> bool:
    """Whether the policy of the run closes its gate on what is undecided."""
    from audit.gate import rules_of
    from audit.policy import Policy

    return "undecided" in rules_of(Policy.model_validate(run.policy)).closes


def compared(session: Session, folder: str) -> Comparison | None:
    """The run beside the baseline, with the outcome of the gate; None without a baseline."""
    if session.baseline is None:
        return None
    if folder not in session.comparisons:
        from audit.comparing import compare_versions

        versions = [session.baseline, Path(folder)]
        [found] = compare_versions(versions, policy=session.policy, waivers=session.waivers)
        session.comparisons[folder] = found
    return session.comparisons[folder]
