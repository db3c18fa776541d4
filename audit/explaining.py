"""Explaining a job: prompts are planned, asked and scored in rounds until nothing more is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from audit.asking import Asker
from audit.errors import InputError
from audit.explain import Explained, ExplainPlan, ExplainSettings, attribute, more, plan
from audit.job import Job, check_pairs
from audit.kinds import kind_of
from audit.protocols import Masks
from audit.records import ATTRIBUTIONS, DELTAS, QUALITY, RESPONSES, SCORES, Exclusion, Progress
from audit.score import deltas, score
from audit.slopes import Asked, Rows, Sought, slopes
from audit.untrained import untrained

if TYPE_CHECKING:
    import pandas as pd

MOST_ROUNDS = 1000
NO_SCORE = "the answers carry no score that could be attributed to words"


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanations:
    """Explanations of a job, in the tables that they add to."""

    attributions: pd.DataFrame
    quality: pd.DataFrame
    responses: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    deltas: pd.DataFrame | None = None
    excluded: tuple[Exclusion, ...] = ()
    asked: int = 0
    reused: int = 0
    unanswered: int = 0


def explained(
    job: Job, scores: pd.DataFrame, differences: pd.DataFrame, *, ask: Asker, progress: Progress | None = None
) -> Explanations:
    """The explanations that the suite wants of a job with these scores and deltas."""
    known = scores[(scores["metric"] == job.explained) & scores["value"].notna()]
    if not job.explained or known.empty or job.suite.design != "paired":
        return _nothing(NO_SCORE)
    return _made(job, differences, settings_of(job), ask=ask, progress=progress, known=scores)


def explained_pairs(
    job: Job, pairs: Sequence[str], *, methods: Sequence[str] = (), exact: bool = False, seed: int | None = None,
    ask: Asker | None = None, progress: Progress | None = None,
) -> Explanations:  # fmt: skip
    """Explanations of these pairs alone, outside of any sample; settings that are not given are the suite's.

    InputError for an id that is no pair of the job, or a job without a score to explain.
    """
    check_pairs(job, pairs)
    if not job.explained or job.suite.design != "paired":
        raise InputError(f"suite '{job.suite.id}' cannot be explained: {NO_SCORE}")
    usual = settings_of(job)
    settings = replace(
        usual, largest=0, random=0, pairs=tuple(pairs), methods=tuple(methods) or usual.methods,
        exact=exact or usual.exact,
    )  # fmt: skip
    return _made(job, DELTAS.frame(), settings, ask=ask or Asker(job=job), progress=progress, seed=seed)


def settings_of(job: Job) -> ExplainSettings:
    """What the suite says about its explanations."""
    wanted = job.suite.explain
    return ExplainSettings(
        axes=tuple(job.suite.axes), largest=wanted.largest, random=wanted.random, pairs=wanted.pairs,
        methods=wanted.methods, players=wanted.players or 0, exact=wanted.exact, fixed_suffix=job.question.ask,
        log_odds=bool(job.explained) and kind_of(job.explained).card.unit == "log_odds",
    )  # fmt: skip


def _made(
    job: Job, differences: pd.DataFrame, settings: ExplainSettings, *, ask: Asker, progress: Progress | None,
    seed: int | None = None, known: pd.DataFrame | None = None,
) -> Explanations:  # fmt: skip
    """Plans coalition prompts, has them answered and scored like all others, and turns the scores into credits."""
    planned = plan(
        job.expansion.prompts, job.expansion.pairs, differences, metric=job.explained, settings=settings,
        mask_text=job.backend.mask_text if isinstance(job.backend, Masks) else None,
        seed=job.suite.sampling.seed if seed is None else seed,
    )  # fmt: skip
    rounds = _Rounds(job=job, ask=ask, progress=_named(progress, "answers for explanations"))
    planned = rounds.played(planned)
    values = SCORES.stack(rounds.scores)
    made = attribute(planned, values)
    responses = RESPONSES.stack(rounds.responses)
    inner = _inner(job, planned, made, settings, values if known is None else SCORES.stack([known, values]))
    quality = [made.quality, QUALITY.frame(inner.quality)]
    if settings.largest or settings.random:
        copy = _named(progress, "answers of an untrained copy")
        quality.append(untrained(job, planned, progress=copy))
    return Explanations(
        attributions=ATTRIBUTIONS.stack([made.attributions, ATTRIBUTIONS.frame(inner.attributions)]),
        quality=QUALITY.stack(quality), responses=responses, scores=made.scores,
        deltas=_differences(job, made.scores, responses), asked=rounds.asked, reused=rounds.reused,
        unanswered=rounds.unanswered,
    )  # fmt: skip


def _inner(
    job: Job, planned: ExplainPlan, made: Explained, settings: ExplainSettings, scores: pd.DataFrame
) -> Rows:
    """Explanations by gradients, beside those of the games with the same players."""
    methods = settings.gradients()
    peer = next(iter(planned.attributors), "")
    beside = made.attributions[made.attributions["method"] == peer] if methods else ATTRIBUTIONS.frame()
    credits = {
        key: rows.sort_values("player")["value"].to_numpy(float)
        for key, rows in beside.groupby(["pair_id", "side", "game"])
        if rows["value"].notna().all()
    }
    sought = [
        Sought(
            explanation=one, peer=peer, credits=credits.get((one.pair_id, one.side, one.kind)), players=players,
        )
        for one, players in planned.players
    ]  # fmt: skip
    known = scores[(scores["metric"] == planned.metric) & (scores["arm"] == "swap") & scores["value"].notna()]
    values = dict(zip(known["prompt_id"], known["value"].astype(float), strict=True))
    return slopes(
        job.backend, Asked(question=job.question, metric=planned.metric, scores=values), methods, sought
    )


@dataclass(slots=True)
class _Rounds:
    """Questions asked round by round, and what came back."""

    job: Job
    ask: Asker
    progress: Progress | None
    responses: list[pd.DataFrame] = field(default_factory=list)
    scores: list[pd.DataFrame] = field(default_factory=list)
    asked: int = 0
    reused: int = 0
    unanswered: int = 0

    def played(self, planned: ExplainPlan) -> ExplainPlan:
        """The plan once nothing more is wanted."""
        for _ in range(MOST_ROUNDS):
            if not len(planned.prompts):
                break
            got = self.ask(planned.prompts, self.progress)
            values = score(
                planned.prompts, got.responses, question=self.job.question, metrics=[self.job.explained]
            )
            self.responses.append(got.responses)
            self.scores.append(values)
            self.asked, self.reused = self.asked + got.asked, self.reused + got.reused
            self.unanswered += got.unanswered
            planned = more(planned, values)
        return planned


def _differences(job: Job, scores: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    """Deltas of the pairs whose sides both have scores of their own from explanations."""
    sides = set(scores["prompt_id"])
    pairs = job.expansion.pairs
    ours = (pairs["arm"] == "swap") & pairs["axis"].isin(job.suite.axes)
    both = pairs[ours & pairs["a"].isin(sides) & pairs["b"].isin(sides)]
    return deltas(both, scores, responses, question=job.question, metrics=sorted(set(scores["metric"])))


def _nothing(reason: str) -> Explanations:
    return Explanations(
        attributions=ATTRIBUTIONS.frame(), quality=QUALITY.frame(),
        excluded=(Exclusion(what="explanations", reason=reason),),
    )  # fmt: skip


def _named(progress: Progress | None, what: str) -> Progress | None:
    """The callback under another name, so that a second round of questions has a line of its own."""
    if progress is None:
        return None
    return lambda _, done, total: progress(what, done, total)
