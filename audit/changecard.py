"""What is shown of two versions: what became of each finding, the gate, and what flipped. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.console import words
from audit.display import Card, Grid
from audit.records import CHANGE_STATUSES, Change, ChangeStatus, Comparison
from audit.report import numbers, scales
from audit.report.facts import Row, rows
from audit.statuses import comparison

SHOWN_CHANGES = 20
SYMBOLS: Mapping[ChangeStatus, str] = {
    "worse": "▲", "better": "▽", "unchanged": "●", "undecided": "◊", "new": "+", "gone": "−", "not_comparable": "○",
}  # fmt: skip
GATES = {
    "open": "open",
    "closed": "closed",
    "incomplete": "waits: a run is incomplete",
}
HEADING = (
    "status",
    "what",
    "b against a",
    "baseline",
    "candidate",
    "change",
    "range",
    "limit",
    "unit",
    "reason",
)


def comparison_card(found: Comparison) -> Card:
    """Both versions, how many findings became what, each of them with its numbers, and whether the gate is open."""
    table = {str(row["effect_id"]): row for row in rows(found.table)}
    ordered = sorted(found.changes, key=lambda change: CHANGE_STATUSES.index(change.status))
    grid = Grid(
        heading=HEADING,
        rows=tuple(_change(change, table[change.effect_id]) for change in ordered[:SHOWN_CHANGES]),
    )
    told = [
        ("baseline", f"{found.baseline.model}, {found.baseline.source}"),
        ("candidate", f"{found.candidate.model}, {found.candidate.source}"),
        ("findings", _counts(found)),
        (
            "compared",
            "pair by pair" if found.paired else "by the two intervals, as if the runs were independent",
        ),
        *((f"flips, {row['axis']}", _flips(row)) for row in rows(found.flip_counts) if row["group"] == "*"),
        ("gate", "" if found.gate is None else GATES[found.gate.state]),
    ]
    return Card(
        title=f"{found.candidate.suite}: {found.baseline.model} → {found.candidate.model}",
        facts=tuple((label, said) for label, said in told if said),
        grids=(grid,) if grid.rows else (),
        notes=(*_gate_notes(found), *found.notes, *_left(len(ordered))),
    )


def change_sentence(found: Comparison, change: Change) -> str:
    """A change in one line: status, both estimates, the interval of the change, the limit, the reason."""
    row = next(each for each in rows(found.table) if each["effect_id"] == change.effect_id)
    _, what, groups, before, after, moved, ends, limit, unit, reason = _change(change, row)
    why = f" ({reason})" if reason else ""
    return (
        f"{words(change.status)}{why}: {what}, {groups}: {before} in the baseline, {after} in the candidate; "
        f"change {moved}, interval {ends}, limit {limit} {unit}; {int(row['pair_count'])} pairs"
    )


def _change(change: Change, row: Row) -> tuple[str, ...]:
    reversed_ = "reversed" if change.reversed else ""
    return (
        f"{SYMBOLS[change.status]} {words(change.status)}",
        change.metric,
        comparison(change),
        *(scales.effect(row, field).text for field in ("baseline", "candidate", "difference")),
        "".join(part if isinstance(part, str) else part.text for part in scales.span(row)),
        "".join(
            part if isinstance(part, str) else part.text
            for part in scales.span(row, "limit_low", "limit_high")
        ),
        scales.unit(row),
        "; ".join(part for part in (reversed_, change.reason) if part),
    )


def _counts(found: Comparison) -> str:
    counts = {status: sum(one.status == status for one in found.changes) for status in CHANGE_STATUSES}
    return ", ".join(f"{SYMBOLS[status]} {count} {words(status)}" for status, count in counts.items())


def _flips(row: Mapping[str, Any]) -> str:
    gained, lost, of = (numbers.count(int(row[key]), "flips", key).text for key in ("gained", "lost", "n"))
    return f"{gained} answers turned favourable, {lost} unfavourable, of {of}"


def _gate_notes(found: Comparison) -> list[str]:
    if found.gate is None:
        return []
    return [
        f"gate, {words(reason.rule)}: {reason.text}"
        + (f"; waived by {reason.waived_by}" if reason.waived_by else "")
        for reason in found.gate.reasons
    ]


def _left(changes: int) -> list[str]:
    more = changes - SHOWN_CHANGES
    return [f"{more} more are in .changes."] if more > 0 else []
