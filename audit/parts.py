"""Answers that are JSON objects: which part of them each metric reads, and what question that part answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from audit.kinds import kind_of
from audit.layout import Part, RecordedLayout
from audit.records import Question

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What some of a suite's metrics are computed from."""

    question: Question
    responses: pd.DataFrame
    metrics: tuple[str, ...]


def asked(
    responses: pd.DataFrame, *, question: Question, metrics: Sequence[str], layout: RecordedLayout | None
) -> list[Asked]:
    """The metrics in one lot for each part that they read; those without a part read the whole answers."""
    parts = layout.parts if layout is not None else {}
    lots: dict[str, list[str]] = {}
    for name in metrics:
        lots.setdefault(_owner(name, question, layout), []).append(name)
    return [
        Asked(
            question=question_of(lot[0], question=question, layout=layout),
            responses=responses
            if not owner
            else responses.assign(text=_read(responses["text"], parts[owner])),
            metrics=tuple(lot),
        )
        for owner, lot in lots.items()
    ]


def question_of(metric: str, *, question: Question, layout: RecordedLayout | None) -> Question:
    """The question that a metric's part of the answer answers: a choice where the part has options."""
    owner = _owner(metric, question, layout)
    part = layout.parts[owner] if layout is not None and owner else None
    if part is None or not part.options:
        return question
    return replace(question, kind="choose", options=tuple(part.options), favourable=part.favourable)


def _owner(metric: str, question: Question, layout: RecordedLayout | None) -> str:
    """The metric whose part is read: its own, or that of the score that it compares; empty for the whole answer."""
    parts = layout.parts if layout is not None else {}
    kind = kind_of(metric)
    made_from = (kind.relative.rests_on(question),) if kind.relative is not None else ()
    return next((name for name in (metric, kind.of, *made_from) if name in parts), "")


def _read(texts: pd.Series[str], part: Part) -> list[str]:
    """What stands at the part's path of every text; empty where nothing does; texts that are no JSON object whole."""
    from jmespath import compile as compile_path

    path = compile_path(part.path)
    found: dict[str, str] = {}
    for text in texts.unique():
        document = _object(text)
        value = text if document is None else path.search(document)
        found[text] = _text(value)
    return [found[text] for text in texts]


def _object(text: str) -> dict[str, object] | None:
    """The JSON object that a text is."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _text(value: object) -> str:
    """A value as a text; empty for nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
