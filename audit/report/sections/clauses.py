"""Annex: the clauses that the policy refers to, with what is known of each and how far it was checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from audit.records import Run
from audit.report import facts, numbers

STALE = timedelta(days=90)
"""Clauses that were last checked longer before the end of the run than this are named first."""
CONFIDENCE: dict[str, str] = {
    "primary": "read in the instrument itself",
    "secondary": "read where others quote it, not compared with the instrument",
    "unverified": "not compared with any text",
}


def section(run: Run) -> Mapping[str, object]:
    """One block a clause; left out where the policy refers to none."""
    clauses = _clauses(run)
    if not clauses:
        return {}
    return {
        "title": "Annex: clauses that the policy refers to",
        "clauses": clauses,
        "stale": [clause["name"] for clause in clauses if clause["stale"]],
        "stale_after": numbers.count(STALE.days, "constant", "stale_days"),
    }


def _clauses(run: Run) -> list[Mapping[str, object]]:
    """The clauses that the policy refers to, with what is known of each."""
    return [
        {
            "name": facts.text(clause, "clause"),
            "instrument": facts.text(clause, "instrument"),
            "says": facts.text(clause, "says"),
            "cannot_show": facts.text(clause, "cannot_show"),
            "status": facts.text(clause, "status"),
            "applies_from": facts.text(clause, "applies_from"),
            "applied": clause.get("applies_from") is not None,
            "last_checked": facts.text(clause, "last_checked"),
            "source": facts.text(clause, "source"),
            "confidence": CONFIDENCE.get(facts.text(clause, "confidence"), facts.text(clause, "confidence")),
            "stale": _is_stale(facts.text(clause, "last_checked"), facts.text(run.manifest, "finished_at")),
        }
        for clause in facts.mapping(run.policy, "clauses").values()
        if isinstance(clause, Mapping)
    ]


def _is_stale(checked: str, finished: str) -> bool:
    """Whether a clause was last checked long before the run ended; not where a date is missing."""
    try:
        return datetime.fromisoformat(finished).date() - datetime.fromisoformat(checked).date() > STALE
    except ValueError:
        return False
