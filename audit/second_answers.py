"""Second models and their answers: every text answer is read by them, and what they say becomes scores of the suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audit.axis import Axis
from audit.collect import collect
from audit.errors import AuditError, StorageError
from audit.judging import Judgement, correction, judged_rows, tallies, unknown_error
from audit.labelled import Item
from audit.ledger import remembered
from audit.parts import asked
from audit.protocols import TellsFacts
from audit.readers import JUDGE
from audit.readings import Number, Text, plan, read, texts_of, values_of
from audit.records import DELTAS, JUDGED, RESPONSES, SCORES, Correction, Exclusion, Progress, Question
from audit.rejudge import METRIC as SWAPPED
from audit.rejudge import Version, moved, versions
from audit.score import NOT_SUPPORTED, score_read
from audit.second_models import Reader, first_line, groups_of
from audit.suite import Suite

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """What all second models are asked about."""

    suite: Suite
    axes: Mapping[str, Axis]
    alpha: float
    prompts: pd.DataFrame
    pairs: pd.DataFrame
    responses: pd.DataFrame
    question: Question
    cache: Path
    progress: Progress | None = None
    kept: Path | None = None
    """Where answers of models without digests are kept until the run is finished."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondAnswers:
    """What the second models add to a run. `swapped`: deltas and scores of `judge_swap`, which are explorations."""

    responses: pd.DataFrame
    scores: pd.DataFrame
    swapped_deltas: pd.DataFrame
    swapped_scores: pd.DataFrame
    judged: pd.DataFrame
    corrections: tuple[Correction, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    facts: tuple[Mapping[str, object], ...] = ()
    asked: int = 0
    reused: int = 0
    unanswered: int = 0
    """Questions to a server that may be answered when they are asked again."""


@dataclass(slots=True)
class _Rows:
    """What one second model adds."""

    responses: list[pd.DataFrame] = field(default_factory=list)
    scores: list[pd.DataFrame] = field(default_factory=list)
    swapped_deltas: list[pd.DataFrame] = field(default_factory=list)
    swapped_scores: list[pd.DataFrame] = field(default_factory=list)
    judged: list[dict[str, object]] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    excluded: list[Exclusion] = field(default_factory=list)
    facts: list[Mapping[str, object]] = field(default_factory=list)
    unanswered: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said:
    """A second model's answers, each text with its number; or why there are none."""

    numbers: Mapping[Text, Number]
    responses: pd.DataFrame
    asked: int = 0
    reused: int = 0
    failed: int = 0
    unanswered: int = 0
    problem: str = ""


# ---------------------------------------------------------------- asking


def second_answers(readers: Sequence[Reader], what: Asking) -> SecondAnswers:
    """Has every second model read all text answers, its labelled items, and the answers in the other groups' words."""
    rows = _Rows()
    for reader in readers:
        _read_by(reader, what, rows)

    return SecondAnswers(
        responses=RESPONSES.stack(rows.responses), scores=SCORES.stack(rows.scores),
        swapped_deltas=DELTAS.stack(rows.swapped_deltas),
        swapped_scores=SCORES.stack(rows.swapped_scores), judged=JUDGED.frame(rows.judged),
        corrections=tuple(rows.corrections), excluded=tuple(rows.excluded), facts=tuple(rows.facts),
        asked=sum(int(str(fact["asked"])) for fact in rows.facts),
        reused=sum(int(str(fact["reused"])) for fact in rows.facts), unanswered=rows.unanswered,
    )  # fmt: skip


def _read_by(reader: Reader, what: Asking, rows: _Rows) -> None:
    """Everything about one second model."""
    reading, layout = reader.reading, what.suite.recorded
    (lot,) = asked(what.responses, question=what.question, metrics=[reading.metric], layout=layout)
    texts = texts_of(reading, what.prompts, lot.responses)
    swapped = _versions(reader, what, lot.responses, texts) if reader.backend is not None else []
    said = _said(reader, what, [text for text in texts if text is not None], swapped)
    if said.problem:
        reasons = np.full(len(texts), f"{NOT_SUPPORTED}: {said.problem}", dtype=object)
        values = np.full(len(texts), np.nan)
    else:
        values, reasons = values_of(texts, said.numbers, lot.responses)
    rows.scores.append(
        score_read(what.prompts, lot.responses, values, reasons=reasons, metric=reading.metric)
    )
    rows.responses.append(said.responses.assign(prompt_id=f"{reading.metric}:" + said.responses["prompt_id"]))
    identity = reader.backend.identity if reader.backend is not None else None
    rows.facts.append({
        "metric": reading.metric, "model": identity.name if identity else reading.model,
        "id": identity.id if identity else "",
        "asked": said.asked, "reused": said.reused, "failed": said.failed, "problem": said.problem,
        "service": dict(reader.backend.facts()) if isinstance(reader.backend, TellsFacts) else {},
    })  # fmt: skip
    rows.unanswered += said.unanswered
    if reading.metric == JUDGE and not said.problem:
        _add_errors(reader, what, said, rows)
        if reader.swap:
            _add_swaps(swapped, what, said, rows)


def _said(reader: Reader, what: Asking, texts: Sequence[Text], swapped: Sequence[Version]) -> _Said:
    """Asks the second model about every distinct text at once."""
    if reader.backend is None:
        return _Said(numbers={}, responses=RESPONSES.frame(), problem=reader.problem)
    others = [version.other for version in swapped if version.other is not None]
    planned = plan(reader.reading, [*texts, *(_text(item) for item in reader.items), *others])
    try:
        remembered(reader.backend, what.kept, reader.reading.metric)
        got = collect(
            planned.prompts, backend=reader.backend, question=reader.question, cache=what.cache, kept=what.kept,
            progress=_named(what.progress, f"answers for {reader.reading.metric}"),
        )  # fmt: skip
    except StorageError:
        raise  # about the place where answers are kept, not about the second model
    except AuditError as error:
        why = f"the model {reader.reading.model} cannot be asked: {first_line(error)}"
        return _Said(numbers={}, responses=RESPONSES.frame(), problem=why)
    problem = ""
    if got.failed and got.failed == len(got.responses):
        problem = f"the model {reader.reading.model} answered nothing: {got.responses['error'].iloc[0]}"
    return _Said(
        numbers=read(planned, got.responses), responses=got.responses,
        asked=got.asked, reused=got.reused, failed=got.failed, unanswered=got.unanswered, problem=problem,
    )  # fmt: skip


def _text(item: Item) -> Text:
    return item.answer, item.prompt


def _named(progress: Progress | None, name: str) -> Progress | None:
    return None if progress is None else lambda _, done, total: progress(name, done, total)


# ---------------------------------------------------------------- the judge


def _add_errors(reader: Reader, what: Asking, said: _Said, rows: _Rows) -> None:
    """What the labelled items say of the judge on every axis."""
    judge = what.suite.judge
    if judge is None or judge.labelled is None:
        why = "there are no labelled items" if reader.reading.decides else "a rating has no labelled items"
        rows.corrections.append(unknown_error(JUDGE, why=why))
        return
    judgements = [
        Judgement(
            axis=item.axis, group=item.group, favourable=item.favourable,
            judged=None if np.isnan(value := said.numbers[_text(item)][0]) else bool(value > 0.5),
        )
        for item in reader.items
    ]  # fmt: skip
    for axis, groups in groups_of(what.suite, what.axes).items():
        compared = _compared(what, axis) or groups
        found = tallies(judgements, compared, axis=axis)
        made = correction(JUDGE, axis, found, alpha=what.alpha, margin=judge.equivalence)
        rows.corrections.append(made)
        rows.judged += judged_rows(JUDGE, axis, found, made, alpha=what.alpha)


def _compared(what: Asking, axis: str) -> list[str]:
    """The groups of an axis that were asked about."""
    return sorted(set(what.prompts.loc[what.prompts["axis"] == axis, "group"]) - {""})


def _versions(
    reader: Reader, what: Asking, responses: pd.DataFrame, texts: Sequence[Text | None]
) -> list[Version]:
    """The answers in the other groups' words, where the suite wants the judge to be tested with them."""
    if not reader.swap:
        return []
    return versions(what.prompts, what.pairs, responses, texts, axes=what.axes)


def _add_swaps(swapped: Sequence[Version], what: Asking, said: _Said, rows: _Rows) -> None:
    """How far the judge itself moves."""
    if not swapped:
        why = "there are no pairs of texts in which the words of two groups could change places"
        rows.excluded.append(Exclusion(what=SWAPPED, reason=why))
        return
    found = moved(swapped, said.numbers, what.pairs)
    rows.swapped_deltas.append(found.deltas)
    rows.swapped_scores.append(found.scores)
    rows.excluded += found.excluded
