"""Responsibilities: who answers for what, and what this document is not."""

from __future__ import annotations

from collections.abc import Mapping

from audit.records import Run
from audit.report import facts, numbers


def section(run: Run) -> Mapping[str, object]:
    """The split of responsibilities and the basis of the work."""
    return {
        "title": "Responsibilities and basis",
        "rows": [
            (
                "Provider or deployer of the system",
                "The system, its declared use, the setting in which it runs, and what is done about the "
                "findings.",
            ),
            (
                "Whoever ran this audit",
                "The choice of suite, attributes, limits and model version, and the circulation of this "
                "report.",
            ),
            (
                "The tool",
                "Carrying out the plan as recorded, the arithmetic, and naming what it could not measure.",
            ),
            (
                "Reader",
                "Judging whether the tested tasks resemble the use at hand, and what the differences "
                "mean there.",
            ),
        ],
        "criteria": numbers.exact(facts.text(run.policy, "title"), "policy", "title"),
        "version": numbers.exact(facts.text(run.plan, "audit_version"), "plan", "audit_version"),
    }
