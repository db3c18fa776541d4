"""The gate: whether a candidate may pass on, by the rules that its policy wrote down beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from audit.policy import GateRules, Policy, load_policy
from audit.records import Change, Comparison, GateOutcome, GateReason, Waiver
from audit.waivers import matched, selector

RULES = ("worse", "beyond", "undecided", "not_comparable", "gone")
UNSURE = ("undecided", "not_measured")


def rules_of(policy: Policy) -> GateRules:
    """The gate rules of a policy; of one without any those of the policy `default`."""
    found = policy.gate or load_policy("default").gate
    assert found is not None, "the shipped policy has gate rules"
    return found


def gated(
    comparison: Comparison, policy: Policy, *, waivers: tuple[Waiver, ...] = (), today: date
) -> Comparison:
    """The comparison with its waivers matched and the gate's outcome."""
    known = matched(waivers, comparison.changes, today=today)
    closes = {rule: rule in rules_of(policy).closes for rule in RULES}
    rows = {str(row["effect_id"]): row for row in comparison.table.to_dict("records")}
    reasons = [
        replace(reason, waived_by=_owner(reason.effect_id, known))
        for change in comparison.changes
        for reason in _met(change, rows[change.effect_id])
        if closes[reason.rule]
    ]
    reasons += [
        GateReason(rule="waiver", text=f"waiver for {one.finding} ({one.owner}): {one.problem}")
        for one in known
        if one.problem
    ]
    unfinished = [side.source for side in (comparison.baseline, comparison.candidate) if not side.complete]
    reasons += [
        GateReason(rule="incomplete", text=f"{source}: the run is incomplete") for source in unfinished
    ]
    closed = any(not reason.waived_by for reason in reasons)
    state = "incomplete" if unfinished else "closed" if closed else "open"
    outcome = GateOutcome(state=state, policy=policy.id, rules=closes, reasons=tuple(reasons))  # type: ignore[arg-type]
    return replace(comparison, waivers=known, gate=outcome)


def _met(change: Change, row: Mapping[Any, Any]) -> Iterator[GateReason]:
    """The rules that a change meets."""
    name = selector(change)
    verdict = str(row["candidate_verdict"])
    why = f": {change.reason}" if change.reason else ""
    if change.status in ("worse", "not_comparable", "gone"):
        words = change.status.replace("_", " ")
        yield GateReason(rule=change.status, text=f"{name} is {words}{why}", effect_id=change.effect_id)
    if verdict == "beyond":
        yield GateReason(
            rule="beyond", text=f"{name} is beyond its limit in the candidate", effect_id=change.effect_id
        )
    if change.status == "undecided" or verdict in UNSURE:
        what = (
            "is undecided"
            if change.status == "undecided"
            else f"is {verdict.replace('_', ' ')} in the candidate"
        )
        yield GateReason(rule="undecided", text=f"{name} {what}{why}", effect_id=change.effect_id)


def _owner(effect_id: str, waivers: tuple[Waiver, ...]) -> str:
    """Who answers for an effect; empty where nobody does."""
    return next((one.owner for one in waivers if effect_id in one.effect_ids and not one.problem), "")
