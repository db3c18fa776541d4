"""Asking: how the prompts of a job get their answers, and where answers are kept."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audit.batching import Executor
from audit.collect import Collected, collect
from audit.job import Job
from audit.records import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """Prompts of a job → their answers."""

    job: Job
    kept: Path | None = None
    """Where answers of a model without digests are kept."""
    executor: Executor | None = None

    def __call__(self, prompts: pd.DataFrame, progress: Progress | None) -> Collected:
        """The answers to `prompts`: those that came with the records, or asked through `collect`."""
        job = self.job
        if job.recorded is not None:
            failed = int((job.recorded["error"] != "").sum())
            return Collected(responses=job.recorded, asked=0, reused=0, failed=failed)
        return collect(
            prompts, backend=job.backend, question=job.question, cache=cache_file(), progress=progress,
            kept=self.kept, executor=self.executor,
        )  # fmt: skip


def cache_file() -> Path:
    """The journal of answers: in the folder AUDIT_CACHE, else in the user's cache folder."""
    folder = (
        os.environ.get("AUDIT_CACHE")
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "audit"
    )
    return Path(folder) / "answers.sqlite"
