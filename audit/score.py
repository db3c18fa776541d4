"""Answers → scores of prompts, and scores of prompts → deltas of pairs. An answer without a value keeps its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from audit.columns import columns_of
from audit.errors import MissingExtra
from audit.kinds import Kind, kind_of
from audit.protocols import Answers, Compares, Metric, PairMetric
from audit.records import DELTAS, NOT_COUNTED, SCORES, Question
from audit.relative import with_bases, with_relative

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

NO_ANSWER = "no answer"
NOT_SUPPORTED = "not_supported"
INFINITE = "infinite"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """Answers in columns, and for each the role (row of a table of prompts) and the repeat that it is."""

    answers: Answers
    role: NDArray[np.intp]
    repeat: NDArray[np.intp]
    row: NDArray[np.intp]
    """Which of the responses it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Repeats:
    """The answers to both sides of every pair: rows of `answers`, shape (pairs, repeats), -1 where there is none."""

    answers: Answers
    a: NDArray[np.intp]
    b: NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Side:
    """One side of every pair: its value, why it has none, and whether it was scored at all."""

    value: NDArray[np.float64]
    reason: NDArray[np.object_]
    scored: NDArray[np.bool_]
    lost: NDArray[np.float64]
    """Share of its answers that have no value."""


def score(
    prompts: pd.DataFrame, responses: pd.DataFrame, *, question: Question, metrics: Sequence[str]
) -> pd.DataFrame:
    """One row (table SCORES) a prompt, candidate, arm and metric: the mean over the repeats that have a value.

    Metrics that compare are left to `deltas` and `effects`; the metric that they compare is scored. Mere cards
    (`audit.metrics.attribution`) are left out: their rows come ready-made from the explanations. Relative metrics are
    made from the others at the end.
    """
    roles = _roles(prompts)
    read = _read(roles, responses)
    tables = []
    for name, metric in _scorable(with_bases(metrics, question), question).items():
        columns = _scored(metric, read, question, count=len(roles))
        tables.append(SCORES.frame(roles[["prompt_id", "item", "arm"]].assign(metric=name, **columns)))
    table = SCORES.stack(tables)
    return with_relative(table, prompts, question=question, metrics=metrics)


def score_read(
    prompts: pd.DataFrame,
    responses: pd.DataFrame,
    values: NDArray[np.float64],
    *,
    reasons: NDArray[np.object_],
    metric: str,
) -> pd.DataFrame:
    """The same rows for a metric whose values a second model gave: one value or reason for each of the responses."""
    roles = _roles(prompts)
    read = _read(roles, responses)
    given = values[read.row]
    value, reason = _averaged(read.role, given, reasons[read.row], count=len(roles))
    answers = np.bincount(read.role[~np.isnan(given)], minlength=len(roles))
    lost = np.bincount(read.role[np.isnan(given)], minlength=len(roles))
    places = roles[["prompt_id", "item", "arm"]]
    return SCORES.frame(places.assign(metric=metric, value=value, reason=reason, answers=answers, lost=lost))


def answer_values(
    prompts: pd.DataFrame, responses: pd.DataFrame, *, question: Question, metric: str
) -> pd.DataFrame:
    """One row an answer in the arm `swap`: `prompt_id` and what the metric reads in it, NaN where it reads nothing."""
    import pandas as pd

    roles = _roles(prompts)
    read = _read(roles[roles["arm"] == "swap"].reset_index(drop=True), responses)
    scorer = kind_of(metric).metric
    values = np.full(len(read.role), np.nan)
    if scorer is not None and question.kind in scorer.kinds and len(values):
        values, _ = _values(scorer, read.answers, question)
    return pd.DataFrame({"prompt_id": read.answers.prompt_ids, "value": values})


def deltas(
    pairs: pd.DataFrame,
    scores: pd.DataFrame,
    responses: pd.DataFrame,
    *,
    question: Question,
    metrics: Sequence[str],
) -> pd.DataFrame:
    """One row (table DELTAS) a pair and metric: score of b minus score of a, or how unlike the two answers are.

    A metric that is a mere card has rows for those pairs of which both prompts were scored.
    """
    tables = []
    for kind in _comparable(metrics, question):
        if kind.compares is not None:
            tables.append(DELTAS.frame(_compared(kind.compares, pairs, responses, question=question)))
            continue
        a, b = _sides(pairs, scores[scores["metric"] == kind.of])
        delta = b.value - a.value
        if kind.pairs is not None:
            delta = _between(kind.pairs, pairs, responses, question=question)
        table = pairs.drop(columns=["a", "b"]).assign(
            metric=kind.name,
            value_a=a.value,
            value_b=b.value,
            lost_a=a.lost,
            lost_b=b.lost,
            delta=delta,
            reason=_why(a, b, np.isnan(delta)),
        )
        tables.append(DELTAS.frame(table if kind.metric or kind.pairs else table[a.scored & b.scored]))
    return DELTAS.stack(tables)


# ------------------------------------------------------------- which metrics


def _scorable(metrics: Sequence[str], question: Question) -> dict[str, Metric]:
    """The metrics that score single answers: those named, and those that the named ones compare."""
    found: dict[str, Metric] = {}
    for kind in map(kind_of, metrics):
        for scored in map(kind_of, kind.differs_in or (kind.of,)):
            if scored.metric is not None and (scored.name == kind.name or kind.fits(question)):
                found[scored.name] = scored.metric
    return found


def _comparable(metrics: Sequence[str], question: Question) -> list[Kind]:
    """The metrics of pairs: those named; for one that compares group means, the score of those means."""
    plain: list[Kind] = []
    for kind in map(kind_of, metrics):
        if kind.summary is None and not kind.differs_in:
            plain.append(kind)
        elif kind.fits(question):
            plain += map(kind_of, kind.differs_in or (kind.of,))
    return list({kind.name: kind for kind in plain}.values())


# ------------------------------------------------------------- scores of answers


def _roles(prompts: pd.DataFrame) -> pd.DataFrame:
    """What has a score: each prompt and candidate once, and once more where it is asked again."""
    again = prompts["arm"] == "again"
    roles = prompts[["prompt_id", "item", "repeats", "expected"]].assign(
        arm=again.map({True: "again", False: "swap"})
    )
    roles = roles.drop_duplicates(["prompt_id", "item", "arm"]).reset_index(drop=True)
    return roles.assign(twice=roles["prompt_id"].isin(prompts.loc[again, "prompt_id"]))


def _read(roles: pd.DataFrame, responses: pd.DataFrame) -> _Read:
    """Every answer beside each of its roles: repeats from `repeats` on are those of the arm `again`."""
    scores = columns_of(responses["scores"].tolist())
    numbered = responses[["prompt_id", "repeat", "text", "error"]].assign(row=np.arange(len(responses)))
    both = numbered.merge(roles.assign(role=np.arange(len(roles))), on="prompt_id", how="inner")
    second = both["repeat"] >= both["repeats"]
    both = both[~both["twice"] | ((both["arm"] == "again") == second)]
    both = both.sort_values(["repeat", "role"], kind="stable")
    answers = Answers(
        prompt_ids=both["prompt_id"].tolist(),
        items=both["item"].tolist(),
        texts=both["text"].tolist(),
        errors=both["error"].tolist(),
        labels=scores[0],
        log_probs=scores[1][both["row"].to_numpy()],
        expected=both["expected"].tolist(),
    )
    return _Read(
        answers=answers, role=both["role"].to_numpy(np.intp), repeat=both["repeat"].to_numpy(np.intp),
        row=both["row"].to_numpy(np.intp),
    )  # fmt: skip


def _scored(metric: Metric, read: _Read, question: Question, *, count: int) -> dict[str, NDArray[Any]]:
    """Value and reason of every role, and how many of its answers have a value and how many lack one.

    A metric whose library is missing says how to install it.
    """
    none = {"answers": np.zeros(count, dtype=np.intp), "lost": np.bincount(read.role, minlength=count)}
    unsupported = {
        "value": np.full(count, np.nan),
        "reason": np.full(count, NOT_SUPPORTED, dtype=object),
        **none,
    }
    if question.kind not in metric.kinds:
        return unsupported
    try:
        values, reasons = _values(metric, read.answers, question)
    except MissingExtra as error:
        return {**unsupported, "reason": np.full(count, f"{NOT_SUPPORTED}: {error}", dtype=object)}
    value, reason = _averaged(read.role, values, reasons, count=count)
    unasked = (reason == NO_ANSWER) & _counts_failures(metric)
    known = ~np.isnan(values)
    lost = ~known & np.array([not str(why).startswith(NOT_COUNTED) for why in reasons], dtype=bool)
    return {
        "value": np.where(unasked, 1.0, value), "reason": np.where(unasked, "", reason),
        "answers": np.bincount(read.role[known], minlength=count),
        "lost": np.bincount(read.role[lost], minlength=count),
    }  # fmt: skip


def _counts_failures(metric: Metric) -> bool:
    """Whether the metric is about answers that are not there, so that they are no gap in it (`missing`)."""
    return bool(getattr(metric, "counts_failures", False))


def _values(
    metric: Metric, answers: Answers, question: Question
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Value and reason of every answer; failed answers say how, unread texts that decline are refused.

    A metric with the attribute `counts_failures` is asked about failed answers too, and its word stands.
    """
    scored = metric.score(answers, question)
    values, reasons = np.array(scored.values, dtype=float), np.array(scored.reasons, dtype=object)
    for row, error in enumerate(answers.errors):
        if error and not _counts_failures(metric) and not str(reasons[row]).startswith(NOT_COUNTED):
            values[row], reasons[row] = np.nan, f"failed: {error}"
    infinite = np.isinf(values)
    values[infinite], reasons[infinite] = np.nan, INFINITE
    if (unread := reasons == "unparsed").any():
        refusal = cast(Metric, kind_of("refusal").metric)
        reasons[unread & (refusal.score(answers, question).values == 1)] = "refused"
    return values, reasons


def _averaged(
    owner: NDArray[np.intp], values: NDArray[np.float64], reasons: NDArray[np.object_], *, count: int
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Mean over the repeats (of pairs: their combinations) with a value; without any, the first one's reason."""
    known = ~np.isnan(values)
    totals = np.bincount(owner[known], weights=values[known], minlength=count)
    numbers = np.bincount(owner[known], minlength=count)
    reason = np.full(count, NO_ANSWER, dtype=object)
    lacking, first = np.unique(owner[~known], return_index=True)
    reason[lacking] = reasons[~known][first]
    reason[numbers > 0] = ""
    return np.where(numbers > 0, totals / np.maximum(numbers, 1), np.nan), reason


# ------------------------------------------------------------- deltas of pairs


def _sides(pairs: pd.DataFrame, scores: pd.DataFrame) -> tuple[_Side, _Side]:
    """The scores of both sides; b of an `again` pair is the second set of repeats."""
    import pandas as pd

    table = scores[scores["item"] == ""]
    lacking = NO_ANSWER if len(scores) else NOT_SUPPORTED
    ids = pd.Index(table["prompt_id"].unique())
    again, second = ((rows["arm"] == "again").to_numpy(bool) for rows in (pairs, table))
    place = np.full((2, len(ids)), -1, dtype=np.intp)
    place[second.astype(int), ids.get_indexer(table["prompt_id"])] = np.arange(len(table))
    values, reasons = table["value"].to_numpy(float), table["reason"].to_numpy(object)
    answers, lost = (table[name].to_numpy(float) for name in ("answers", "lost"))
    share = np.append(lost / np.maximum(answers + lost, 1), 0.0)
    sides = []
    for column, arm in (("a", np.zeros(len(pairs), dtype=int)), ("b", again.astype(int))):
        code = ids.get_indexer(pairs[column])
        row = np.where(code >= 0, place[arm, code], -1) if len(ids) else np.full(len(pairs), -1)
        sides.append(replace(_side(row, values, reasons, lacking), lost=share[row]))
    return sides[0], sides[1]


def _side(
    row: NDArray[np.intp], values: NDArray[np.float64], reasons: NDArray[np.object_], lacking: str
) -> _Side:
    """Values and reasons at the rows of a table of scores; row -1 is lacking, an infinite score is none."""
    scored = row >= 0
    value, reason = np.full(len(row), np.nan), np.full(len(row), lacking, dtype=object)
    value[scored], reason[scored] = values[row[scored]], reasons[row[scored]]
    infinite = np.isinf(value)
    value[infinite], reason[infinite] = np.nan, INFINITE
    return _Side(value=value, reason=reason, scored=scored, lost=np.zeros(len(row)))


def _why(a: _Side, b: _Side, missing: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Why a pair has no delta, by side."""
    reasons = np.full(len(missing), "", dtype=object)
    for row in np.flatnonzero(missing):
        sides = [(name, str(side.reason[row])) for name, side in (("a", a), ("b", b)) if side.reason[row]]
        uncounted = next((why for _, why in sides if why.startswith(NOT_COUNTED)), "")
        reasons[row] = uncounted or "; ".join(f"{name}: {why}" for name, why in sides)
    return reasons


def _between(
    metric: PairMetric, pairs: pd.DataFrame, responses: pd.DataFrame, *, question: Question
) -> NDArray[np.float64]:
    """What a PairMetric makes of the answers to both prompts, repeat by repeat."""
    of = cast(Metric, kind_of(metric.of).metric)
    both = _repeats_of(pairs, responses)
    if question.kind not in of.kinds or not both.a.size:
        return np.full(len(pairs), np.nan)
    value = np.append(_values(of, both.answers, question)[0], np.nan)
    return metric.between(value[both.a], value[both.b])


def _compared(
    metric: Compares, pairs: pd.DataFrame, responses: pd.DataFrame, *, question: Question
) -> pd.DataFrame:
    """Rows of DELTAS: the mean over all combinations of both sides' repeats; the sides have no values of their own."""
    nothing = np.full(len(pairs), np.nan)
    delta, reason = nothing, np.full(len(pairs), NOT_SUPPORTED, dtype=object)
    lost = np.zeros((2, len(pairs)))
    if question.kind in metric.kinds:
        both = _repeats_of(pairs, responses)
        given = [f"failed: {error}" if error else "" for error in both.answers.errors]
        lacking = np.array([*given, NO_ANSWER], dtype=object)
        a, b = lacking[both.a], lacking[both.b]
        lost = np.array([(side != "").sum(axis=1) / max(side.shape[1], 1) for side in (a, b)])
        owner, r, s = np.nonzero((a == "")[:, :, None] & (b == "")[:, None, :])
        try:
            found = metric.compare(both.answers, both.a[owner, r], both.b[owner, s], question)
            values, reasons = np.array(found.values, dtype=float), np.array(found.reasons, dtype=object)
            infinite = np.isinf(values)
            values[infinite], reasons[infinite] = np.nan, INFINITE
            delta, reason = _averaged(owner, values, reasons, count=len(pairs))
            reason = _gaps(a, b, reason)
        except MissingExtra as error:
            reason = np.full(len(pairs), f"{NOT_SUPPORTED}: {error}", dtype=object)
    columns = {
        "metric": metric.card.name,
        "value_a": nothing,
        "value_b": nothing,
        "lost_a": lost[0],
        "lost_b": lost[1],
        "delta": delta,
        "reason": reason,
    }
    return pairs.drop(columns=["a", "b"]).assign(**columns)


def _gaps(a: NDArray[np.object_], b: NDArray[np.object_], reason: NDArray[np.object_]) -> NDArray[np.object_]:
    """The reasons of pairs, by side where a side has no answer in any repeat."""
    found = reason.copy()
    for row in np.flatnonzero(reason == NO_ANSWER):
        sides = (("a", a[row]), ("b", b[row]))
        without = [f"{name}: {why[0]}" for name, why in sides if len(why) and (why != "").all()]
        found[row] = "; ".join(without) or NO_ANSWER
    return found


def _repeats_of(pairs: pd.DataFrame, responses: pd.DataFrame) -> _Repeats:
    """The answers to both sides of every pair; b of an `again` pair has the second set of repeats."""
    import pandas as pd

    again = (pairs["arm"] == "again").to_numpy(bool)
    ids = pd.Index(pd.concat([pairs["a"], pairs["b"]]).unique())
    plain = {"item": "", "repeats": 0, "expected": "", "arm": "swap", "twice": False}
    roles = pd.DataFrame({"prompt_id": ids, **plain})
    read = _read(roles, responses)
    n = _repeats(read, ids.isin(pairs.loc[again, "a"])) if len(read.role) else 0
    table = np.full((len(ids), max(2 * n, int(read.repeat.max(initial=-1)) + 1)), -1, dtype=np.intp)
    table[read.role, read.repeat] = np.arange(len(read.role))
    a, b = table[ids.get_indexer(pairs["a"])], table[ids.get_indexer(pairs["b"])]
    second = np.where(again[:, None], b[:, n : 2 * n], b[:, :n])
    return _Repeats(answers=read.answers, a=a[:, :n], b=second)


def _repeats(read: _Read, twice: NDArray[np.bool_]) -> int:
    """How many repeats one side has: all of a prompt that is not asked again, half of one that is."""
    doubled = twice[read.role]
    if not doubled.all():
        return int(read.repeat[~doubled].max()) + 1
    return (int(read.repeat.max()) + 2) // 2
