"""Evidence: what a second party needs to check this report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from audit.records import Run
from audit.report import facts, numbers


def section(run: Run) -> Mapping[str, object]:
    """The chain from plan to report, the digests of the files, and the command that checks them."""
    files = facts.mapping(run.manifest, "files")
    return {
        "title": "Evidence",
        "folder": PurePath(run.folder).name,
        "root": numbers.exact(facts.text(run.manifest, "root"), "manifest", "root"),
        "version": numbers.exact(facts.text(run.plan, "audit_version"), "plan", "audit_version"),
        "steps": [
            (
                "Criteria and questions fixed",
                numbers.moment(run.plan.get("made_at"), "plan", "made_at"),
                numbers.exact(facts.text(run.plan, "digest"), "plan", "digest"),
            ),
            (
                "Answers, scores, effects and verdicts stored",
                numbers.moment(run.manifest.get("finished_at"), "manifest", "finished_at"),
                numbers.exact(facts.text(run.manifest, "root"), "manifest", "root"),
            ),
        ],
        "files": [
            (str(name), numbers.exact(files[name], "manifest", f"files.{name}"))
            for name in sorted(files, key=str)
        ],
    }
