"""Worth: which score of a prompt is explained, by kind of question and model, and how it is read from the answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit.job import Job
from audit.kinds import Kind, kind_of
from audit.noise import Drawn, LogOdds, Means, Noise
from audit.protocols import Chooses, Generates, ScoresText, Streams
from audit.records import RESPONSES, SCORES, Game, Question, content_id
from audit.score import answer_values, score
from audit.ways import way_of

if TYPE_CHECKING:
    import pandas as pd

SMOOTHED, CONTINUATION = "choice_logit_smoothed", "continuation"
BY_KIND = {
    "classify": ("choice_logit", "selection_rate"),
    "choose": ("choice_logit", "selection_rate"),
    "rate": ("rating",),
    "likelihood": ("log_likelihood", "pseudo_log_likelihood"),
}
"""Scores that are explained, the first that the answers have, by kind of question."""
LABELLED = frozenset({"accuracy", "true_positive_rate", "false_positive_rate"})
"""Scores that need the right answer, which nobody knows for a prompt with words left out."""
FIRST = 5000
"""Answers that are looked at first for a score."""
IN_WORDS = 4
"""Least answers to a prompt that are averaged where answers are drawn in words."""
EVERY_GAME: tuple[Game, ...] = ("swap", "removal", "gap")
SWAP_ALONE: tuple[Game, ...] = ("swap",)
WITHOUT_REMOVAL: tuple[Game, ...] = ("swap", "gap")
WHY_NOT = {
    SWAP_ALONE: (
        "the model answers in words or behind a server: prompts with holes get odd answers, and every answer costs; "
        "'games' in the suite's block 'explain' plays them"
    ),
    WITHOUT_REMOVAL: (
        "a word that is left out of a text takes its own improbability with it; 'games' in the suite's block 'explain' "
        "plays them"
    ),
}
NO_SCORE = "the answers carry no score that could be attributed to words"


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """A score that is explained."""

    metric: str
    """Its name beside the credits."""
    reads: str
    """The metric of single answers that it is made from; its differences say which pairs are the largest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """Scores of prompts, and how far their answers scatter; no noise where nothing is drawn."""

    scores: pd.DataFrame
    noise: Noise | None = None


def worths(job: Job) -> Iterator[Worth]:
    """The scores that may be explained, best first.

    That which the suite names, else the metric of the first decision that one answer is enough for: log-odds rather
    than a decision. A text that a model wrote and can score is explained by how probable it is.
    """
    named = job.suite.explain.metric
    if named:
        yield from _under(named, job.question)
        return
    listed = [entry.metric for entry in job.suite.decision]
    if job.question.kind in ("generate", "likelihood"):
        listed += job.suite.metrics
    if job.question.kind == "generate" and scores_continuations(job):
        yield Worth(metric=CONTINUATION, reads=listed[0])
    bases = [base for name in listed for base in _bases(kind_of(name), job.question)]
    for name in dict.fromkeys([*bases, *BY_KIND.get(job.question.kind, ())]):
        if _readable(name, job.question):
            yield Worth(metric=name, reads=name)


def worth_of(job: Job, responses: pd.DataFrame, *, lacking: bool = False) -> Worth | str:
    """The score that is explained, the first that these answers have; in words why there is none.

    If `lacking`, it may be one that none of these few answers has, so that each explanation tells its own reason.
    """
    if job.suite.design != "paired":
        return "only pairs of one text for two groups can be explained"
    if not askable(job):
        return "the answers came with prompts of their own, and those of explanations have none"
    prompts = job.expansion.prompts
    for worth in worths(job):
        if worth.metric == CONTINUATION and scores_continuations(job):
            return worth
        for some in (responses.head(FIRST), responses):
            values = answer_values(prompts, some, question=job.question, metric=worth.reads)
            if values["value"].notna().any():
                return worth
    first = None if job.suite.explain.metric else next(worths(job), None)
    return first if lacking and first is not None else _why_not(job)


def askable(job: Job) -> bool:
    """Whether the model can be asked about prompts that nobody thought of before."""
    return job.recorded is None


def scores_continuations(job: Job) -> bool:
    """Whether the model writes texts and says how probable a given one is after a prompt."""
    backend = job.backend
    able = isinstance(backend, Generates) and isinstance(backend, Chooses) and isinstance(backend, ScoresText)
    return able and not isinstance(backend, Streams)


def draws_words(job: Job, responses: pd.DataFrame) -> bool:
    """Whether these answers are texts that may be others when they are asked for again."""
    return may_draw_words(job) and bool((responses["text"] != "").any())


def may_draw_words(job: Job) -> bool:
    """Whether answers may be texts that differ from one time to the next."""
    return isinstance(job.backend, Streams) or way_of(job.backend, job.question).draws


def answers_wanted(job: Job, *, words: bool) -> int:
    """How many answers a coalition's prompt gets at least; an even number, so that both orders of options are asked."""
    repeats = job.suite.sampling.repeats
    if not words:
        return repeats
    least = max(repeats, IN_WORDS)
    return least + least % 2


def games_of(job: Job, *, words: bool) -> tuple[Game, ...]:
    """The games that are played: those the suite names, else those that make sense of this model's answers."""
    if job.suite.explain.games:
        return job.suite.explain.games
    if words or isinstance(job.backend, Streams):
        return SWAP_ALONE
    return WITHOUT_REMOVAL if job.question.kind == "likelihood" else EVERY_GAME


def read(
    worth: Worth, prompts: pd.DataFrame, responses: pd.DataFrame, *, question: Question, words: bool
) -> Read:
    """The score of every prompt from the answers to it."""
    if worth.metric == CONTINUATION:
        logits = score(prompts, responses, question=question, metrics=["choice_logit"])
        return Read(scores=SCORES.frame(logits.assign(metric=CONTINUATION)))
    table = score(prompts, responses, question=question, metrics=[worth.reads])
    if worth.metric == SMOOTHED:
        return _smoothed(table)
    if not words:
        return Read(scores=table)
    return Read(
        scores=table, noise=_means(answer_values(prompts, responses, question=question, metric=worth.reads))
    )


def contrast(a: str, b: str) -> Question | str:
    """The question how probable the answers to a and b are after a prompt; in words why it cannot be asked."""
    if not a or not b:
        return "a pair has no answer, or an empty one, on one side"
    if a == b:
        return "both answers of a pair are the same text, so that nothing stands against it"
    return Question(kind="choose", options=(a, b), favourable=b)


def put_apart(responses: pd.DataFrame, question: Question) -> pd.DataFrame:
    """The answers to a contrast as rows of their own: under ids that hold the question, answers named a and b."""
    short = dict(zip(question.options, "ab", strict=True))
    return RESPONSES.frame(
        responses.assign(
            prompt_id=[content_id("continuation", name, question.id) for name in responses["prompt_id"]],
            scores=[
                json.dumps({short[text]: value for text, value in json.loads(scores).items()})
                if scores
                else ""
                for scores in responses["scores"]
            ],
        )
    )


def _under(name: str, question: Question) -> Iterator[Worth]:
    """What the suite's own choice means: log-odds of answers in words are those of their repeats."""
    if name != SMOOTHED:
        yield Worth(metric=name, reads=name)
    if name in ("choice_logit", SMOOTHED):
        yield Worth(metric=SMOOTHED, reads="selection_rate")


def _bases(kind: Kind, question: Question) -> list[str]:
    """The scores of single answers that a metric is made from, log-odds before decisions."""
    own = (
        [kind.relative.rests_on(question)]
        if kind.relative is not None
        else list(kind.differs_in or (kind.of,))
    )
    found = [
        name for base in own for name in ([base] if base not in LABELLED else BY_KIND.get(question.kind, ()))
    ]
    return [*(("choice_logit",) if "selection_rate" in found else ()), *found]


def _readable(name: str, question: Question) -> bool:
    metric = kind_of(name).metric
    return metric is not None and question.kind in metric.kinds


def _means(values: pd.DataFrame) -> Means:
    known = values[values["value"].notna()]
    grouped = known.groupby("prompt_id")["value"]
    squares = grouped.var(ddof=0).fillna(0.0) * grouped.count()
    drawn = {
        str(name): Drawn(count=int(count), mean=float(mean), squares=float(square))
        for name, count, mean, square in zip(
            squares.index, grouped.count(), grouped.mean(), squares, strict=True
        )
    }
    return Means(drawn=drawn, binary=set(known["value"].unique()) <= {0.0, 1.0})


def _smoothed(table: pd.DataFrame) -> Read:
    """Log-odds from the share of favourable answers and their number."""
    import numpy as np

    count = table["answers"].to_numpy(float)
    found = table["value"].to_numpy(float) * count
    value = np.log(found + 0.5) - np.log(count - found + 0.5)
    known = table["value"].notna().to_numpy()
    counts = {
        str(name): (float(k), float(r))
        for name, k, r in zip(table["prompt_id"][known], found[known], count[known], strict=True)
    }
    scores = SCORES.frame(table.assign(metric=SMOOTHED, value=np.where(known, value, np.nan)))
    return Read(scores=scores, noise=LogOdds(counts=counts))


def _why_not(job: Job) -> str:
    """Why no score of these answers can be attributed to words."""
    named = job.suite.explain.metric
    if named and kind_of(named).reading is not None:
        return f"'{named}' is read by a second model, which reads no answers of explanations"
    if named:
        return f"the answers have no '{named}', which the suite wants explained"
    if job.question.kind == "next_token":
        return "probabilities of the next token are no score of a single answer"
    return NO_SCORE
