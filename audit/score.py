"""Answers → scores of prompts, and scores of prompts → deltas of pairs. An answer without a value keeps its reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from audit.kinds import Kind, kind_of
from audit.protocols import Answers, Metric, PairMetric
from audit.records import DELTAS, SCORES, Question

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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Side:
    """One side of every pair: its value, why it has none, and whether it was scored at all."""

    value: NDArray[np.float64]
    reason: NDArray[np.object_]
    scored: NDArray[np.bool_]


def score(
    prompts: pd.DataFrame, responses: pd.DataFrame, *, question: Question, metrics: Sequence[str]
) -> pd.DataFrame:
    """One row (table SCORES) a prompt, candidate, arm and metric: the mean over the repeats that have a value.

    Metrics that compare are left to `deltas` and `effects`; the metric that they compare is scored. Mere cards
    (`audit.metrics.attribution`) are left out: their rows come ready-made from the explanations.
    """
    import pandas as pd

    roles = _roles(prompts)
    read = _read(roles, responses)
    tables = []
    for name, metric in _scorable(metrics, question).items():
        value = np.full(len(roles), np.nan)
        reason = np.full(len(roles), NOT_SUPPORTED, dtype=object)
        if question.kind in metric.kinds:
            value, reason = _by_role(read, *_values(metric, read.answers, question), count=len(roles))
        tables.append(roles[["prompt_id", "item", "arm"]].assign(metric=name, value=value, reason=reason))
    return SCORES.frame(pd.concat(tables, ignore_index=True)) if tables else SCORES.frame()


def deltas(
    pairs: pd.DataFrame,
    scores: pd.DataFrame,
    responses: pd.DataFrame,
    *,
    question: Question,
    metrics: Sequence[str],
) -> pd.DataFrame:
    """One row (table DELTAS) a pair and metric: score of b minus score of a, or what a PairMetric makes of both.

    A metric that is a mere card has rows for those pairs of which both prompts were scored.
    """
    import pandas as pd

    tables = []
    for kind in _comparable(metrics, question):
        a, b = _sides(pairs, scores[scores["metric"] == kind.of])
        delta = b.value - a.value
        if kind.pairs is not None:
            delta = _between(kind.pairs, pairs, responses, question=question)
        table = pairs.drop(columns=["a", "b"]).assign(
            metric=kind.name,
            value_a=a.value,
            value_b=b.value,
            delta=delta,
            reason=_why(a, b, np.isnan(delta)),
        )
        tables.append(table if kind.metric or kind.pairs else table[a.scored & b.scored])
    return DELTAS.frame(pd.concat(tables, ignore_index=True)) if tables else DELTAS.frame()


# ------------------------------------------------------------- which metrics


def _scorable(metrics: Sequence[str], question: Question) -> dict[str, Metric]:
    """The metrics that score single answers: those named, and those that the named ones compare."""
    found: dict[str, Metric] = {}
    for kind in map(kind_of, metrics):
        scored = kind_of(kind.of)
        if scored.metric is not None and (kind.of == kind.name or kind.fits(question)):
            found[scored.name] = scored.metric
    return found


def _comparable(metrics: Sequence[str], question: Question) -> list[Kind]:
    """The metrics of pairs: those named; for one that compares group means, the score of those means."""
    kinds = [kind_of(name) for name in metrics]
    plain = [
        kind if kind.summary is None else kind_of(kind.of)
        for kind in kinds
        if not kind.summary or kind.fits(question)
    ]
    return list({kind.name: kind for kind in plain}.values())


# ------------------------------------------------------------- scores of answers


def _roles(prompts: pd.DataFrame) -> pd.DataFrame:
    """What has a score: each prompt and candidate once, and once more where it is asked again."""
    again = prompts["arm"] == "again"
    roles = prompts[["prompt_id", "item", "repeats"]].assign(arm=again.map({True: "again", False: "swap"}))
    roles = roles.drop_duplicates(["prompt_id", "item", "arm"]).reset_index(drop=True)
    return roles.assign(twice=roles["prompt_id"].isin(prompts.loc[again, "prompt_id"]))


def _read(roles: pd.DataFrame, responses: pd.DataFrame) -> _Read:
    """Every answer beside each of its roles: repeats from `repeats` on are those of the arm `again`."""
    scores = _log_probs(responses["scores"].tolist())
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
    )
    return _Read(
        answers=answers, role=both["role"].to_numpy(np.intp), repeat=both["repeat"].to_numpy(np.intp)
    )


def _log_probs(documents: list[str]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Labels in alphabetical order, and log-probabilities of shape (answers, labels); NaN where there are none."""
    parsed = json.loads(f"[{','.join(document or 'null' for document in documents)}]")
    labels = tuple(sorted({label for row in parsed if row for label in row}))
    table = np.full((len(parsed), len(labels)), np.nan)
    for column, label in enumerate(labels):
        table[:, column] = [np.nan if row is None else row.get(label, np.nan) for row in parsed]
    return labels, table


def _values(
    metric: Metric, answers: Answers, question: Question
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Value and reason of every answer; failed answers say how, unread texts that decline are refused."""
    scored = metric.score(answers, question)
    values, reasons = np.array(scored.values, dtype=float), np.array(scored.reasons, dtype=object)
    for row, error in enumerate(answers.errors):
        if error:
            values[row], reasons[row] = np.nan, f"failed: {error}"
    infinite = np.isinf(values)
    values[infinite], reasons[infinite] = np.nan, INFINITE
    if (unread := reasons == "unparsed").any():
        refusal = cast(Metric, kind_of("refusal").metric)
        reasons[unread & (refusal.score(answers, question).values == 1)] = "refused"
    return values, reasons


def _by_role(
    read: _Read, values: NDArray[np.float64], reasons: NDArray[np.object_], *, count: int
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Mean over the repeats with a value; without any, the first repeat's reason."""
    known = ~np.isnan(values)
    totals = np.bincount(read.role[known], weights=values[known], minlength=count)
    numbers = np.bincount(read.role[known], minlength=count)
    reason = np.full(count, NO_ANSWER, dtype=object)
    role, first = np.unique(read.role[~known], return_index=True)
    reason[role] = reasons[~known][first]
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
    sides = []
    for column, arm in (("a", np.zeros(len(pairs), dtype=int)), ("b", again.astype(int))):
        code = ids.get_indexer(pairs[column])
        row = np.where(code >= 0, place[arm, code], -1) if len(ids) else np.full(len(pairs), -1)
        sides.append(_side(row, values, reasons, lacking))
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
    return _Side(value=value, reason=reason, scored=scored)


def _why(a: _Side, b: _Side, missing: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Why a pair has no delta, by side."""
    reasons = np.full(len(missing), "", dtype=object)
    for row in np.flatnonzero(missing):
        given = [f"{name}: {side.reason[row]}" for name, side in (("a", a), ("b", b)) if side.reason[row]]
        reasons[row] = "; ".join(given)
    return reasons


def _between(
    metric: PairMetric, pairs: pd.DataFrame, responses: pd.DataFrame, *, question: Question
) -> NDArray[np.float64]:
    """What a PairMetric makes of the answers to both prompts, repeat by repeat."""
    import pandas as pd

    of = cast(Metric, kind_of(metric.of).metric)
    again = (pairs["arm"] == "again").to_numpy()
    ids = pd.Index(pd.concat([pairs["a"], pairs["b"]]).unique())
    roles = pd.DataFrame({"prompt_id": ids, "item": "", "repeats": 0, "arm": "swap", "twice": False})
    read = _read(roles, responses)
    if question.kind not in of.kinds or not len(read.role):
        return np.full(len(pairs), np.nan)
    table = np.full((len(ids), int(read.repeat.max()) + 1), np.nan)
    table[read.role, read.repeat] = _values(of, read.answers, question)[0]
    n = _repeats(read, ids.isin(pairs.loc[again, "a"]))
    first, second = table[:, :n], table[:, n : 2 * n]
    a, b = ids.get_indexer(pairs["a"]), ids.get_indexer(pairs["b"])
    result = np.full(len(pairs), np.nan)
    result[~again] = metric.between(first[a[~again]], first[b[~again]])
    if again.any():
        result[again] = metric.between(first[a[again]], second[b[again]])
    return result


def _repeats(read: _Read, twice: NDArray[np.bool_]) -> int:
    """How many repeats one side has: all of a prompt that is not asked again, half of one that is."""
    doubled = twice[read.role]
    if not doubled.all():
        return int(read.repeat[~doubled].max()) + 1
    return (int(read.repeat.max()) + 2) // 2
