"""What every format says of a change between two versions: its words, its sign, its name in JUnit and SARIF.

A change that could not be decided is never `unchanged`: SARIF, which has no word for it, gets `updated`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from audit.kinds import card_of
from audit.records import CHANGES, Change, ChangeStatus, Comparison
from audit.rounding import rounded
from audit.statuses import Row, comparison

State = Literal["new", "unchanged", "updated", "absent"]
PLACES = 3
NUMBERS = tuple(
    column.name
    for column in CHANGES.columns
    if column.dtype in ("float64", "int64") or column.name == "scale"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """A status of a change in words and in the formats."""

    words: str
    sign: str
    junit: Literal["", "failure", "skipped", "error"]
    kind: Literal["fail", "pass", "open", "review", "notApplicable"]
    state: State


CHANGE_NAMES: Mapping[ChangeStatus, Names] = {
    "worse": Names(words="worse", sign="▲", junit="failure", kind="fail", state="updated"),
    "better": Names(words="better", sign="▼", junit="", kind="pass", state="updated"),
    "unchanged": Names(words="unchanged", sign="●", junit="", kind="pass", state="unchanged"),
    "undecided": Names(words="undecided", sign="◊", junit="skipped", kind="open", state="updated"),
    "new": Names(words="new", sign="+", junit="skipped", kind="open", state="new"),
    "gone": Names(words="gone", sign="−", junit="skipped", kind="notApplicable", state="absent"),
    "not_comparable": Names(words="not comparable", sign="○", junit="error", kind="review", state="updated"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """A change with its row and what the gate says of it."""

    change: Change
    row: Row
    closing: tuple[str, ...] = ()
    """Why it closes the gate; empty where it does not."""
    waived_by: str = ""

    @property
    def names(self) -> Names:
        """The status in every format."""
        return CHANGE_NAMES[self.change.status]

    @property
    def is_beyond(self) -> bool:
        """Whether the candidate's difference lies beyond the limit, whatever became of it."""
        return str(self.row["candidate_verdict"]) == "beyond"

    @property
    def junit(self) -> Literal["", "failure", "skipped", "error"]:
        """The element of JUnit: what closes the gate or lies beyond its limit fails, what is waived is skipped."""
        if self.waived_by and not self.closing:
            return "skipped"
        return "failure" if self.closing or self.is_beyond else self.names.junit

    @property
    def numbers(self) -> Row:
        """The numbers that exist."""
        found = {name: self.row[name] for name in NUMBERS}
        return {
            name: value
            for name, value in found.items()
            if not isinstance(value, float) or math.isfinite(value)
        }

    @property
    def title(self) -> str:
        """Metric and contrast."""
        return f"{card_of(self.change.metric).title}: {comparison(self.change)}"

    @property
    def sentence(self) -> str:
        """Metric, contrast, numbers of both versions and what became of it, in one sentence."""
        status = f"{self.names.words}{', with the other sign' if self.change.reversed else ''}"
        reason = f" ({self.change.reason})" if self.change.reason else ""
        return f"{self.title}: {status}{reason}; {versions(self.row)}; change {movement(self.row)}."


def changed(found: Comparison) -> Iterator[Changed]:
    """Every change of a comparison, in its order."""
    rows: dict[str, Any] = {str(row["change_id"]): row for row in found.table.to_dict("records")}
    reasons = found.gate.reasons if found.gate is not None else ()
    for change in found.changes:
        own = [reason for reason in reasons if reason.effect_id == change.effect_id]
        yield Changed(
            change=change, row=rows[change.id],
            closing=tuple(reason.text for reason in own if not reason.waived_by),
            waived_by=next((reason.waived_by for reason in own if reason.waived_by), ""),
        )  # fmt: skip


def counts(found: Comparison) -> dict[ChangeStatus, int]:
    """How many changes have each status."""
    return {status: sum(each.status == status for each in found.changes) for status in CHANGE_NAMES}


def versions(row: Row) -> str:
    """The estimate in both versions, and the limit."""
    before, after = (figure(row, name) for name in ("baseline", "candidate"))
    if math.isnan(float(row["limit_low"])):
        return f"{before} before, {after} now"
    return f"{before} before, {after} now, limit {figure(row, 'limit_low')} to {figure(row, 'limit_high')}"


def movement(row: Row) -> str:
    """The change with its interval; a dash where it was not measured."""
    if math.isnan(float(row["difference"])):
        return "not measured"
    return f"{figure(row, 'difference')} ({figure(row, 'low')} to {figure(row, 'high')})"


def figure(row: Row, name: str) -> str:
    """A number on the effect's natural scale, on its own side of the limits; a dash where there is none."""
    value = float(row[name])
    marks = [float(row[each]) for each in ("limit_low", "limit_high") if not name.startswith("limit")]
    if not math.isfinite(value):
        return "-"
    if row["scale"] == "log_ratio":
        return rounded(math.exp(value), PLACES, beside=[math.exp(mark) for mark in marks])
    text = rounded(value, PLACES, beside=marks)
    return text if text.startswith("-") or not float(text) else f"+{text}"


def gate_line(found: Comparison) -> str:
    """What the gate says, in one sentence."""
    gate = found.gate
    if gate is None:
        return "No gate was asked for."
    number = len(gate.closing)
    noun = "reason" if number == 1 else "reasons"
    words = {
        "open": "The gate is open.", "closed": f"The gate is closed: {number} {noun}.",
        "incomplete": "The gate cannot be judged: a run is incomplete.",
    }  # fmt: skip
    return f"{words[gate.state]} Rules: policy {gate.policy}."
