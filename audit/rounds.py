"""Rounds of questions that explanations ask: prompts, answers and scores as they come, until nothing more is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from audit.asking import Asker
from audit.explain import ExplainPlan, more
from audit.job import Job
from audit.noise import Noise, joined
from audit.records import Progress, Question
from audit.worth import Worth, read

if TYPE_CHECKING:
    import pandas as pd

MOST_ROUNDS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What is explained: a score of a job whose question may be that of one pair, and how its answers come."""

    job: Job
    worth: Worth
    words: bool
    ask: Asker
    progress: Progress | None
    seed: int

    def asking(self, question: Question) -> Task:
        """The same with another question."""
        job = replace(self.job, question=question)
        return replace(self, job=job, ask=replace(self.ask, job=job))


@dataclass(slots=True)
class Rounds:
    """Questions asked round by round, and what came back."""

    task: Task
    responses: list[pd.DataFrame] = field(default_factory=list)
    prompts: list[pd.DataFrame] = field(default_factory=list)
    scores: list[pd.DataFrame] = field(default_factory=list)
    noise: Noise | None = None
    asked: int = 0
    reused: int = 0
    unanswered: int = 0

    def played(self, planned: ExplainPlan) -> ExplainPlan:
        """The plan once nothing more is wanted."""
        for _ in range(MOST_ROUNDS):
            if not len(planned.prompts):
                break
            values = self.scored(planned.prompts)
            planned = more(planned, values, noise=self.noise)
        return planned

    def scored(self, prompts: pd.DataFrame) -> pd.DataFrame:
        """The scores of prompts that were asked for now; later ones count where a prompt was asked before."""
        task = self.task
        got = task.ask(prompts, task.progress)
        found = read(task.worth, prompts, got.responses, question=task.job.question, words=task.words)
        self.prompts.append(prompts)
        self.responses.append(got.responses)
        self.scores.append(found.scores)
        self.noise = joined(self.noise, found.noise)
        self.asked, self.reused = self.asked + got.asked, self.reused + got.reused
        self.unanswered += got.unanswered
        return found.scores


@contextmanager
def kept(ask: Asker) -> Iterator[Asker]:
    """The same, with a place for answers that nothing else keeps, since rounds ask for some of them again."""
    if ask.kept is not None or ask.job.backend.identity.digests:
        yield ask
        return
    with TemporaryDirectory() as folder:
        yield replace(ask, kept=Path(folder) / "answers.sqlite")
