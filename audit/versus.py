"""What `audit compare` prints: what became of each effect, the gate, and the trend of several versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from audit.console import number, say, words
from audit.records import CHANGE_STATUSES, Change, Comparison

SHOWN = 20
STYLES = {"worse": "bold", "better": "", "unchanged": "", "undecided": "italic"}
GATES = {
    "open": "the gate is open",
    "closed": "the gate is closed",
    "incomplete": "the gate waits: a run is incomplete",
}


def comparison(console: Console, found: Comparison) -> None:
    """One comparison: both versions, counts, changes, what flipped, notes, the gate."""
    say(console, f"{found.candidate.suite}: {found.baseline.model} → {found.candidate.model}")
    say(console, f"baseline   {found.baseline.source} (root {found.baseline.root[:8]})")
    say(console, f"candidate  {found.candidate.source} (root {found.candidate.root[:8]})")
    counts = {status: sum(one.status == status for one in found.changes) for status in CHANGE_STATUSES}
    say(console, ", ".join(f"{n} {words(s)}" for s, n in counts.items() if n) or "no decision effects")
    if found.changes:
        console.print(_changes(found))
    if len(found.changes) > SHOWN:
        say(console, f"({len(found.changes) - SHOWN} more)")
    for row in found.flip_counts[found.flip_counts["group"] == "*"].to_dict("records"):
        say(
            console,
            f"flips      {row['axis']}: {row['gained']} turned favourable, {row['lost']} unfavourable, of {row['n']}",
        )
    for note in found.notes:
        say(console, f"note       {note}")
    gate(console, found)


def gate(console: Console, found: Comparison) -> None:
    """The outcome of the gate and every reason for it."""
    if found.gate is None:
        return
    say(console, f"gate       {GATES[found.gate.state]} (rules of the policy '{found.gate.policy}')")
    for reason in found.gate.reasons:
        waived = f"; waived by {reason.waived_by}" if reason.waived_by else ""
        say(console, f"           {words(reason.rule)}: {reason.text}{waived}")


def trend(
    console: Console, against_first: Sequence[Comparison], against_previous: Sequence[Comparison]
) -> None:
    """Every decision effect in every version, with what became of it since the first one."""
    first = against_first[0].baseline
    names = [first.model, *(one.candidate.model for one in against_first)]
    table = Table(
        "effect", *(escape(name) for name in names), box=box.SIMPLE_HEAD, pad_edge=False, title="Trend"
    )
    rows = [_rows(one) for one in against_first]
    before = [_rows(one) for one in against_previous]
    changes = {change.effect_id: change for one in against_first for change in one.changes}
    for effect, change in changes.items():
        own = [row.get(effect, {}) for row in rows]
        start = next((number(row["baseline"], signed=True) for row in own if row), "-")
        cells = [start]
        for place, row in enumerate(own):
            since = before[place - 1].get(effect, {}) if place and before else {}
            cells.append(_cell(row, since))
        table.add_row(escape(_name(change)), *cells)
    console.print(table)
    say(console, "each version: estimate, against the first version; in brackets against the one before it")


def _cell(row: Mapping[str, Any], since: Mapping[str, Any]) -> str:
    if not row:
        return "-"
    last = f" ({words(since['status'])})" if since else ""
    return f"{number(row['candidate'], signed=True)} {words(row['status'])}{last}"


def _rows(found: Comparison) -> dict[str, dict[str, Any]]:
    mine = found.table[found.table["decision"]]
    return {
        str(row["effect_id"]): {str(key): value for key, value in row.items()}
        for row in mine.to_dict("records")
    }


def _changes(found: Comparison) -> Table:
    rows = _rows(found)
    table = Table(
        "what became", "what", "b against a", "baseline", "candidate", "change", "range", "limit", "reason",
        box=box.SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    ordered = sorted(found.changes, key=lambda one: CHANGE_STATUSES.index(one.status))
    for change in ordered[:SHOWN]:
        row = rows[change.effect_id]
        status = f"{words(change.status)}, reversed" if change.reversed else words(change.status)
        table.add_row(
            Text(status, style=STYLES.get(change.status, "dim")),
            escape(change.metric),
            escape(_name(change, metric=False)),
            *(number(row[name], signed=True) for name in ("baseline", "candidate", "difference")),
            f"{number(row['low'], signed=True)} to {number(row['high'], signed=True)}",
            f"{number(row['limit_low'], signed=True)} to {number(row['limit_high'], signed=True)}",
            escape(change.reason),
        )
    return table


def _name(change: Change, *, metric: bool = True) -> str:
    against = {"*": "the others"}.get(change.group_a, change.group_a)
    stratum = "" if change.stratum == "*" else f", {change.stratum}"
    prefix = f"{change.metric}: " if metric else ""
    return f"{prefix}{change.group_b} against {against} ({change.axis}{stratum})"
