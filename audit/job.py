"""What is settled before the first question: suite, axes, policy, model, the question as it is asked, the prompts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from audit.axis import Axis
from audit.errors import InputError
from audit.expand import expand, pairs_of
from audit.modelfile import open_model
from audit.policy import Policy, load_policy
from audit.protocols import (
    Backend,
    Chooses,
    Classifies,
    Generates,
    HoldsRecords,
    PredictsNext,
    Rates,
    Replays,
    ScoresText,
)
from audit.records import Expansion, Question, QuestionKind
from audit.references import reference_pairs
from audit.second_models import Reader, open_readers
from audit.suite import QuestionSpec, RecordedAxis, RecordedLayout, Suite, load_axes, load_suite

if TYPE_CHECKING:
    import pandas as pd

CAPABILITIES: dict[QuestionKind, type | tuple[type, ...]] = {
    "classify": Classifies, "choose": Chooses, "rate": (Rates, Chooses, Generates), "generate": Generates,
    "likelihood": ScoresText, "next_token": PredictsNext,
}  # fmt: skip
"""What a back end has to be able to do, by kind of question; one of several is enough."""
TASKS: dict[QuestionKind, str] = {"likelihood": "score texts", "next_token": "predict the next token"}
"""Kinds of question whose name is no verb, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Everything that a plan fixes."""

    suite: Suite
    axes: Mapping[str, Axis]
    policy: Policy
    backend: Backend
    question: Question
    expansion: Expansion
    recorded: pd.DataFrame | None = None
    """Answers that came with prompts of their own; None where the prompts are asked."""
    readers: tuple[Reader, ...] = ()
    """Second models that read text answers."""


def prepare(suite: str, *, model: str | Backend, policy: str = "default", exact: bool = False) -> Job:
    """Reads everything, matches the question with what the model can do, and expands the suite.

    `exact`: explanations as if the suite said `explain: {exact: true}`.
    """
    loaded = load_suite(suite)
    if exact:
        explain = loaded.explain.model_copy(update={"exact": True})
        loaded = loaded.model_copy(update={"explain": explain})
    axes = load_axes(loaded)
    backend = open_model(model) if isinstance(model, str) else model
    fixed = load_policy(policy)
    if loaded.recorded is not None:
        job = _recorded(loaded, axes, backend=backend, policy=fixed)
    else:
        question, expansion = _matching(loaded, axes, backend)
        job = Job(
            suite=loaded, axes=axes, policy=fixed, backend=backend, question=question, expansion=expansion
        )
    check_pairs(job, loaded.explain.pairs)
    return replace(job, readers=open_readers(loaded, axes))


def check_pairs(job: Job, pairs: Sequence[str]) -> None:
    """InputError for an id that is no pair of two groups in the job."""
    known = job.expansion.pairs[job.expansion.pairs["pair_id"].isin(pairs)]
    controls = set(known.loc[known["arm"] != "swap", "pair_id"])
    for pair_id in pairs:
        if pair_id in controls:
            raise InputError(
                f"pair '{pair_id}' compares a group with itself (a control): explain another pair"
            )
        if pair_id not in set(known["pair_id"]):
            where = "ids have 16 hexadecimal digits and stand in pairs.parquet"
            raise InputError(f"'{pair_id}' is no pair of suite '{job.suite.id}'; {where}")


def _recorded(suite: Suite, axes: Mapping[str, Axis], *, backend: Backend, policy: Policy) -> Job:
    """A job whose prompts and answers both come from the records."""
    if not isinstance(backend, HoldsRecords):
        kind = backend.identity.kind
        raise InputError(
            f"suite '{suite.id}' reads answers that exist: give --model recorded:FILE, not {kind}"
        )
    layout = _layout(suite, axes)
    found = backend.records(layout)
    pairs = pairs_of(
        found.prompts if suite.design == "paired" and not layout.reference else found.prompts.iloc[:0]
    )
    if layout.reference:
        pairs = reference_pairs(found.prompts, layout.reference)
    return Job(
        suite=suite,
        axes=axes,
        policy=policy,
        backend=backend,
        question=_question(suite.question, suite),
        expansion=Expansion(prompts=found.prompts, pairs=pairs, excluded=found.excluded),
        recorded=found.responses,
    )


def _layout(suite: Suite, axes: Mapping[str, Axis]) -> RecordedLayout:
    """How the records are read; groups that the suite does not spell out are those of its only axis."""
    layout = suite.recorded
    if layout is None:
        raise InputError(f"suite '{suite.id}' has no block 'recorded'")
    if layout.axis is not None:
        return layout
    axis = axes[suite.axes[0]]
    groups = {key: {"title": group.title, "wording": group.wording} for key, group in axis.groups.items()}
    told = {"id": axis.id, "title": axis.title, "cue": axis.cue, "groups": groups}
    return layout.model_copy(update={"axis": RecordedAxis.model_validate(told)})


def _matching(suite: Suite, axes: Mapping[str, Axis], backend: Backend) -> tuple[Question, Expansion]:
    """The first form of the suite's question that the model can answer, and the prompts that ask it."""
    asked: QuestionSpec | None = suite.question
    kinds: list[str] = []
    while asked is not None:
        kinds.append(TASKS.get(asked.kind, asked.kind))
        if isinstance(backend, Replays) or _can_answer(backend, asked):
            expansion = expand(suite, axes, ask=asked.ask)
            if not isinstance(backend, Replays) or _has_answers(backend, expansion.prompts["prompt_id"]):
                _check_expected(suite, asked, backend)
                return _question(asked, suite), expansion
        asked = asked.otherwise
    name = f"{backend.identity.kind}:{backend.identity.name}"
    raise InputError(f"{name} cannot answer suite '{suite.id}', which asks to {' or to '.join(kinds)}")


def _has_answers(backend: Replays, prompt_ids: Iterable[str]) -> bool:
    """Whether the answers that exist hold one to any of these prompts."""
    return any(answer.error is None for answer in backend.replay(sorted(set(prompt_ids)), repeat=0))


def _can_answer(backend: Backend, asked: QuestionSpec) -> bool:
    """Whether the back end has the capability; a classifier that lacks the favourable label is told so."""
    if (
        asked.kind == "classify"
        and isinstance(backend, Classifies)
        and asked.favourable not in backend.labels
    ):
        raise InputError(
            f"{backend.identity.name} has the labels {', '.join(backend.labels)}; the suite's favourable label "
            f"is '{asked.favourable}': map one to it with `labels:` in a model file, or change the suite"
        )
    return isinstance(backend, CAPABILITIES[asked.kind])


def _check_expected(suite: Suite, asked: QuestionSpec, backend: Backend) -> None:
    """InputError where a template expects a label that the classifier has not."""
    if asked.kind != "classify" or not isinstance(backend, Classifies):
        return
    for template in suite.templates:
        if template.expected is not None and template.expected not in backend.labels:
            raise InputError(
                f"template '{template.id}' of suite '{suite.id}' expects '{template.expected}'; "
                f"{backend.identity.name} has the labels {', '.join(backend.labels)}"
            )


def _question(asked: QuestionSpec, suite: Suite) -> Question:
    """The suite's question as the record that stages work with."""
    return Question(
        kind=asked.kind,
        ask=asked.ask,
        options=tuple(asked.options),
        favourable=asked.favourable,
        low=asked.low,
        high=asked.high,
        max_tokens=asked.max_tokens,
        language=suite.language,
        embedder=suite.embedder,
    )
