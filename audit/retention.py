"""How long runs are kept: the block `keep` of a policy, and what follows from it for one run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from audit.shape import Text, Whole

Count = Annotated[Whole, Field(ge=0, le=100_000)]


class KeepSigned(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How long a signed run is kept."""

    years: Annotated[Whole, Field(ge=1, le=1000)]
    """Years from the end of the run."""
    origin: Text
    """Where the number comes from."""
    clause: Text | None = None
    """The clause it comes from, by its name in `clauses`; none for a house rule."""
    reason: Text
    """Why it is this number."""


class KeepUnsigned(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Which unsigned runs are kept; a run that is old enough and not among the newest may be deleted."""

    days: Count | None = None
    """Younger runs are kept; none: age does not matter."""
    newest: Count | None = None
    """So many of the newest runs of each suite and model are kept; none: their number does not matter."""
    reason: Text
    """Why these numbers."""


class KeepRules(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Which runs `audit evidence prune` keeps; it is no part of a plan."""

    signed: KeepSigned
    """Runs with a signature over their receipt."""
    unsigned: KeepUnsigned | None = None
    """All other runs; without it all of them are kept."""


def of_signed(rule: KeepSigned, finished_at: datetime, *, today: datetime) -> tuple[bool, str]:
    """Whether a signed run may be deleted, and why or why not."""
    until = _years_later(finished_at, rule.years)
    kept = f"kept for {rule.years} years, until {until:%Y-%m-%d}"
    return today >= until, f"signed, {kept}"


def of_unsigned(
    rule: KeepUnsigned | None, finished_at: datetime, *, place: int, today: datetime
) -> tuple[bool, str]:
    """Whether an unsigned run may be deleted, and why; `place` is 1 for the newest of its suite and model."""
    if rule is None:
        return False, "unsigned, and the policy says nothing of unsigned runs"
    age = today - finished_at
    young = rule.days is not None and age < timedelta(days=rule.days)
    new = rule.newest is not None and place <= rule.newest
    told = f"unsigned, {age.days} days old, number {place} of its suite and model from the newest"
    if young:
        return False, f"{told}; kept for {rule.days} days"
    if new:
        return False, f"{told}; the newest {rule.newest} are kept"
    return True, told


def _years_later(moment: datetime, years: int) -> datetime:
    """The same day in another year; for 29 February the day after where there is none."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)
