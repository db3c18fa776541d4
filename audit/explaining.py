"""Explaining a job: prompts are planned, asked and scored in rounds until nothing more is wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from audit.asking import Asker
from audit.errors import InputError
from audit.explain import Explained, ExplainPlan, ExplainSettings, attribute, plan, priced
from audit.inside import Randomises
from audit.job import Job, check_pairs
from audit.kinds import kind_of
from audit.protocols import Masks
from audit.rations import turns
from audit.records import (
    ATTRIBUTIONS,
    DELTAS,
    QUALITY,
    RESPONSES,
    SCORES,
    Exclusion,
    Progress,
    Question,
)
from audit.rounds import Rounds, Task, kept
from audit.samples import CHANGED, DECIDING, DECISION, changed_in, chosen_pairs
from audit.score import deltas, score
from audit.slopes import Asked, Rows, Sought, slopes
from audit.untrained import untrained
from audit.worth import (
    CONTINUATION,
    EVERY_GAME,
    WHY_NOT,
    Worth,
    answers_wanted,
    askable,
    contrast,
    draws_words,
    games_of,
    may_draw_words,
    put_apart,
    worth_of,
    worths,
)

if TYPE_CHECKING:
    import pandas as pd


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
    job: Job, responses: pd.DataFrame, differences: pd.DataFrame, *, ask: Asker, progress: Progress | None = None
) -> Explanations:  # fmt: skip
    """The explanations that the suite wants of a job with these answers and deltas."""
    if not job.suite.explain.some:
        return _nothing()
    worth = worth_of(job, responses)
    if isinstance(worth, str):
        return _nothing(worth)
    with kept(ask) as keeping:
        task = _task(job, worth, responses, ask=keeping, progress=progress)
        known = _ranking(task, responses, differences)
        return _made(task, responses, known, settings_of(task))


def explained_pairs(
    job: Job, pairs: Sequence[str], *, methods: Sequence[str] = (), exact: bool = False, seed: int | None = None,
    ask: Asker | None = None, progress: Progress | None = None,
) -> Explanations:  # fmt: skip
    """Explanations of these pairs alone, outside of any sample; settings that are not given are the suite's.

    InputError for an id that is no pair of the job, or a job without a score to explain.
    """
    check_pairs(job, pairs)
    with kept(ask or Asker(job=job)) as keeping:
        got = keeping(_sides(job, pairs), progress)
        worth = worth_of(job, got.responses, lacking=True)
        if isinstance(worth, str):
            raise InputError(f"suite '{job.suite.id}' cannot be explained: {worth}")
        task = _task(job, worth, got.responses, ask=keeping, progress=progress, seed=seed)
        usual = settings_of(task)
        settings = replace(
            usual, largest=0, flips=0, random=0, pairs=tuple(pairs), methods=tuple(methods) or usual.methods,
            exact=exact or usual.exact,
        )  # fmt: skip
        return _made(task, got.responses, DELTAS.frame(), settings)


def price(job: Job) -> int:
    """About how many answers the explanations of a job will ask for, as far as that can be told before any answer.

    Pairs stand for those with the largest differences and for changed decisions; a server is taken to answer in words.
    Those of an untrained copy are counted where the model may have one.
    """
    import pandas as pd

    if not job.suite.explain.some or job.suite.design != "paired" or not askable(job):
        return 0
    likely = next(worths(job), None)
    if likely is None:
        return 0
    task = Task(
        job=job, worth=likely, words=likely.metric != CONTINUATION and may_draw_words(job), ask=Asker(job=job),
        progress=None, seed=job.suite.sampling.seed,
    )  # fmt: skip
    pairs = job.expansion.pairs
    names = {likely.metric, *([DECISION] if _decides(job) else [])}
    alike = pd.concat([pairs[["pair_id"]].assign(metric=name, delta=1.0) for name in sorted(names)])
    planned = plan(
        job.expansion.prompts, pairs, alike, metric=likely.metric,
        settings=settings_of(task), mask_text=_mask(job), seed=task.seed,
    )  # fmt: skip
    own, copy = priced(planned)
    return own + (copy if isinstance(job.backend, Randomises) else 0)


def settings_of(task: Task) -> ExplainSettings:
    """What the suite says about its explanations, and what the model's answers allow."""
    job, wanted = task.job, task.job.suite.explain
    return ExplainSettings(
        axes=tuple(job.suite.axes), largest=wanted.largest, flips=wanted.changed, random=wanted.random,
        pairs=wanted.pairs, methods=wanted.methods, players=wanted.players or 0, exact=wanted.exact,
        requests=wanted.requests, fixed_suffix=job.question.ask,
        log_odds=kind_of(task.worth.metric).card.unit == "log_odds",
        together=2 if job.question.kind == "choose" else 1,
        games=games_of(job, words=task.words), repeats=answers_wanted(job, words=task.words),
    )  # fmt: skip


def _task(
    job: Job, worth: Worth, responses: pd.DataFrame, *, ask: Asker, progress: Progress | None, seed: int | None = None
) -> Task:  # fmt: skip
    return Task(
        job=job, worth=worth, words=worth.metric != CONTINUATION and draws_words(job, responses), ask=ask,
        progress=_named(progress, "answers for explanations"), seed=job.suite.sampling.seed if seed is None else seed,
    )  # fmt: skip


def _made(
    task: Task, responses: pd.DataFrame, differences: pd.DataFrame, settings: ExplainSettings
) -> Explanations:
    """The explanations, with what is left out of them."""
    one_by_one = task.worth.metric == CONTINUATION
    made = (
        _contrasted(task, responses, differences, settings)
        if one_by_one
        else _once(task, differences, settings)
    )
    return replace(made, excluded=(*made.excluded, *_unplayed(task, settings)))


def _once(task: Task, differences: pd.DataFrame, settings: ExplainSettings) -> Explanations:
    """Plans coalition prompts, has them answered and scored like all others, and turns the scores into credits."""
    job = task.job
    planned = plan(
        job.expansion.prompts, job.expansion.pairs, differences, metric=task.worth.metric, settings=settings,
        mask_text=_mask(job), seed=task.seed,
    )  # fmt: skip
    rounds = Rounds(task=task)
    planned = rounds.played(planned)
    values = SCORES.stack(rounds.scores)
    made = attribute(planned)
    responses = RESPONSES.stack(rounds.responses)
    inner = _inner(task, planned, made, settings, values)
    quality = [made.quality, QUALITY.frame(inner.quality)]
    if settings.largest or settings.random:
        copy = _named(task.progress, "answers of an untrained copy")
        quality.append(untrained(job, planned, progress=copy))
    within = ATTRIBUTIONS.frame(inner.attributions).assign(metric=task.worth.metric)
    return Explanations(
        attributions=ATTRIBUTIONS.stack([made.attributions, within]), quality=QUALITY.stack(quality),
        responses=responses, scores=made.scores,
        deltas=_differences(job, made.scores, responses), excluded=tuple(planned.ration.exclusions()),
        asked=rounds.asked, reused=rounds.reused, unanswered=rounds.unanswered,
    )  # fmt: skip


def _inner(
    task: Task, planned: ExplainPlan, made: Explained, settings: ExplainSettings, scores: pd.DataFrame
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
            explanation=one, peer=peer, credits=credits.get((one.pair_id, one.side, one.kind)),
            players=players,
        )
        for one, players in planned.players
    ]  # fmt: skip
    known = scores[(scores["metric"] == planned.metric) & (scores["arm"] == "swap") & scores["value"].notna()]
    values = dict(zip(known["prompt_id"], known["value"].astype(float), strict=True))
    metric = "choice_logit" if task.worth.metric == CONTINUATION else planned.metric
    asked = Asked(question=task.job.question, metric=metric, scores=values)
    return slopes(task.job.backend, asked, methods, sought)


def _contrasted(
    task: Task, responses: pd.DataFrame, differences: pd.DataFrame, settings: ExplainSettings
) -> Explanations:
    """Pair by pair, because each asks a question of its own: how probable its two answers are."""
    job = task.job
    chosen = chosen_pairs(
        job.expansion.pairs, differences, axes=settings.axes, quotas=settings.quotas,
        changed=changed_in(differences), requested=settings.pairs, seed=task.seed,
    )  # fmt: skip
    first = responses[(responses["repeat"] == 0) & (responses["error"] == "")]
    texts = dict(zip(first["prompt_id"], first["text"], strict=True))
    problems: Counter[str] = Counter()
    found: list[Explanations] = []
    for turn in turns(chosen, differences, games=("swap",), limited=bool(settings.requests), seed=task.seed):
        pair = turn[1]
        question = contrast(texts.get(pair["a"], ""), texts.get(pair["b"], ""))
        if isinstance(question, str):
            problems[question] += 1
            continue
        left = max(1, settings.requests - sum(one.asked for one in found)) if settings.requests else 0
        own = replace(settings, largest=0, flips=0, random=0, pairs=(pair["pair_id"],), requests=left)
        one = _once(task.asking(question), DELTAS.frame(), own)
        found.append(_of_sample(one, str(pair["sample"]), question))
    left_out = tuple(
        Exclusion(what="explanations", reason=why, count=count) for why, count in problems.items()
    )
    return _together(found, left_out)


def _of_sample(made: Explanations, sample: str, question: Question) -> Explanations:
    """Explanations of one pair as part of the sample it belongs to; scores of prompts would be those of this pair."""
    assert made.responses is not None
    return replace(
        made,
        attributions=ATTRIBUTIONS.frame(made.attributions.assign(sample=sample)),
        responses=put_apart(made.responses, question),
        scores=SCORES.frame(),
        deltas=DELTAS.frame(),
    )


def _together(found: Sequence[Explanations], excluded: Sequence[Exclusion]) -> Explanations:
    """All of them in one; what was left out is counted by its reason."""
    counts = Counter[tuple[str, str]]()
    for each in (*excluded, *(item for one in found for item in one.excluded)):
        counts[each.what, each.reason] += each.count
    return Explanations(
        attributions=ATTRIBUTIONS.stack([one.attributions for one in found]),
        quality=QUALITY.stack([one.quality for one in found]),
        responses=RESPONSES.stack([one.responses for one in found if one.responses is not None]),
        scores=SCORES.frame(), deltas=DELTAS.frame(),
        excluded=tuple(Exclusion(what=what, reason=why, count=n) for (what, why), n in counts.items()),
        asked=sum(one.asked for one in found), reused=sum(one.reused for one in found),
        unanswered=sum(one.unanswered for one in found),
    )  # fmt: skip


def _mask(job: Job) -> str | None:
    return job.backend.mask_text if isinstance(job.backend, Masks) else None


def _sides(job: Job, pairs: Sequence[str]) -> pd.DataFrame:
    """The prompts of some pairs."""
    chosen = job.expansion.pairs[job.expansion.pairs["pair_id"].isin(pairs)]
    prompts = job.expansion.prompts
    return prompts[(prompts["arm"] == "swap") & prompts["prompt_id"].isin({*chosen["a"], *chosen["b"]})]


def _ranking(task: Task, responses: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """The differences by which the largest are told, under the name of the explained score, and decisions that changed.

    Of a large run these are millions of rows, so only three columns of DELTAS are kept: pair_id, metric, delta.
    """
    import pandas as pd

    known = _by(task, responses, differences, task.worth.reads).assign(metric=task.worth.metric)
    if not _decides(task.job) or task.worth.metric == DECISION:
        return known
    turned = _by(task, responses, differences, DECISION)
    turned = turned[turned["delta"].abs() >= CHANGED]
    return pd.concat([known, turned], ignore_index=True)


def _by(task: Task, responses: pd.DataFrame, differences: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The differences by one metric, made now where the suite does not measure it."""
    job = task.job
    columns = ["pair_id", "metric", "delta"]
    known = differences.loc[differences["metric"] == metric, columns]
    if len(known):
        return known
    table = score(job.expansion.prompts, responses, question=job.question, metrics=[metric])
    return deltas(job.expansion.pairs, table, responses, question=job.question, metrics=[metric])[columns]


def _decides(job: Job) -> bool:
    """Whether answers are decisions, and pairs in which they changed are explained."""
    return bool(job.suite.explain.changed) and job.question.kind in DECIDING


def _differences(job: Job, scores: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    """Deltas of the pairs whose sides both have scores of their own from explanations."""
    sides = set(scores["prompt_id"])
    pairs = job.expansion.pairs
    ours = (pairs["arm"] == "swap") & pairs["axis"].isin(job.suite.axes)
    both = pairs[ours & pairs["a"].isin(sides) & pairs["b"].isin(sides)]
    return deltas(both, scores, responses, question=job.question, metrics=sorted(set(scores["metric"])))


def _unplayed(task: Task, settings: ExplainSettings) -> list[Exclusion]:
    """The games that are left out because of how the model answers."""
    if task.job.suite.explain.games or set(settings.games) == set(EVERY_GAME):
        return []
    missing = [kind for kind in EVERY_GAME if kind not in settings.games]
    return [Exclusion(what=f"explanations: {' and '.join(missing)} games", reason=WHY_NOT[settings.games])]


def _nothing(reason: str = "") -> Explanations:
    return Explanations(
        attributions=ATTRIBUTIONS.frame(), quality=QUALITY.frame(),
        excluded=(Exclusion(what="explanations", reason=reason),) if reason else (),
    )  # fmt: skip


def _named(progress: Progress | None, what: str) -> Progress | None:
    """The callback under another name, so that a second round of questions has a line of its own."""
    if progress is None:
        return None
    return lambda _, done, total: progress(what, done, total)
