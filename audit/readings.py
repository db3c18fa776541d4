"""Text answers + a reading → prompts for a second model (`plan`), and its answers → a number for each text (`read`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from audit.exchange import plain
from audit.kinds import kind_of
from audit.protocols import Answers, Metric
from audit.records import PROMPTS, Message, Prompt, Question, Reading
from audit.slots import pieces, slots_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

Text = tuple[str, str]
"""What is read: an answer, and what it answers (empty where the reading does not show that)."""
Number = tuple[float, str]
"""A value, or NaN with the reason."""
NO_TEXT = "not_supported"
EMPTY = "unparsed"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingPlan:
    """The prompts (arm `reading`) that a second model is asked, and which of them belong to each text, by order."""

    reading: Reading
    prompts: pd.DataFrame
    orders: Mapping[Text, tuple[str, ...]]


def plan(reading: Reading, texts: Iterable[Text]) -> ReadingPlan:
    """One prompt for each distinct text and order of the options."""
    rows: dict[str, dict[str, object]] = {}
    orders: dict[Text, tuple[str, ...]] = {}
    for text in dict.fromkeys(texts):
        prompts = [_prompt(reading, text, order) for order in range(reading.repeats)]
        orders[text] = tuple(prompt.id for prompt in prompts)
        rows |= {prompt.id: _row(prompt) for prompt in prompts}
    return ReadingPlan(reading=reading, prompts=PROMPTS.frame(rows.values()), orders=orders)


def shows_prompt(reading: Reading) -> bool:
    """Whether the second model sees what the audited model was asked."""
    return "prompt" in slots_of(reading.prompt)


def texts_of(reading: Reading, prompts: pd.DataFrame, responses: pd.DataFrame) -> list[Text | None]:
    """The text of every row of `responses`; None where there is no text to read."""
    asked: dict[str, str] = {}
    if shows_prompt(reading):
        unique = prompts.drop_duplicates("prompt_id")
        asked = {
            prompt: plain(messages)
            for prompt, messages in zip(unique["prompt_id"], unique["messages"], strict=True)
        }
    rows = zip(responses["prompt_id"], responses["text"], responses["error"], strict=True)
    return [
        None if error or not text.strip() else (text, asked.get(prompt, "")) for prompt, text, error in rows
    ]


def read(plan: ReadingPlan, responses: pd.DataFrame) -> dict[Text, Number]:
    """The value of every text: the mean over its orders, each of which has to have one."""
    answers, ids = _answers(responses, plan.reading.question)
    values, reasons = _numbers(plan.reading, answers)
    found = {prompt: (float(values[row]), str(reasons[row])) for row, prompt in enumerate(ids)}
    lacking = (float("nan"), "failed: the second model was not asked")
    return {
        text: _together(plan.reading, [found.get(prompt, lacking) for prompt in prompts])
        for text, prompts in plan.orders.items()
    }


def values_of(
    texts: Sequence[Text | None], known: Mapping[Text, Number], responses: pd.DataFrame
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Value and reason of every row of `responses`; an answer without a text keeps its own reason."""
    values, reasons = np.full(len(texts), np.nan), np.full(len(texts), "", dtype=object)
    errors, scores = responses["error"].tolist(), responses["scores"].tolist()
    for row, text in enumerate(texts):
        if text is not None:
            values[row], reasons[row] = known[text]
        elif errors[row]:
            reasons[row] = f"failed: {errors[row]}"
        else:
            reasons[row] = NO_TEXT if scores[row] else EMPTY
    return values, reasons


# ---------------------------------------------------------------- prompts


def _prompt(reading: Reading, text: Text, order: int) -> Prompt:
    """The reading's prompt about one text; what the text itself holds is never taken for a slot."""
    ends = _ends(reading.question)
    first, second = ends if order % 2 == 0 else ends[::-1]
    words = {"answer": text[0], "prompt": text[1], "first": first, "second": second}
    filled = "".join(
        piece if isinstance(piece, str) else words.get(piece.name, piece.written)
        for piece in pieces(reading.prompt)
    )
    return Prompt(messages=(Message(role="text", text=filled),))


def _ends(question: Question) -> tuple[str, str]:
    """The two options as they are named in a sentence, or the ends of the scale."""
    if question.kind == "rate":
        return f"{question.low:g}", f"{question.high:g}"
    options = [option.strip() for option in question.options]
    return (options[0], options[-1]) if options else ("", "")


def _row(prompt: Prompt) -> dict[str, object]:
    messages = [[message.role, message.text] for message in prompt.messages]
    empty = dict.fromkeys(("item", "axis", "template", "cluster", "name", "group", "stratum", "base_id"), "")
    return {
        **empty, "prompt_id": prompt.id, "arm": "reading", "position": 0, "repeats": 1,
        "messages": json.dumps(messages, ensure_ascii=False), "spans": "[]",
    }  # fmt: skip


# ---------------------------------------------------------------- answers of the second model


def _answers(responses: pd.DataFrame, question: Question) -> tuple[Answers, list[str]]:
    """The answers in columns, and the prompt of each."""
    parsed: list[Any] = json.loads(f"[{','.join(text or 'null' for text in responses['scores'])}]")
    labels = tuple(sorted({label for row in parsed if row for label in row}))
    table = np.full((len(parsed), len(labels)), np.nan)
    for row, scores in enumerate(parsed):
        for column, label in enumerate(labels if scores else ()):
            table[row, column] = scores.get(label, np.nan)
    ids = responses["prompt_id"].tolist()
    answers = Answers(
        prompt_ids=ids, items=[""] * len(ids), texts=responses["text"].tolist(), errors=responses["error"].tolist(),
        labels=labels, log_probs=table,
    )  # fmt: skip
    return answers, ids


def _numbers(reading: Reading, answers: Answers) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Value and reason of every answer of the second model."""
    if reading.question.kind == "rate":
        values, reasons = _rated(reading, answers)
    else:
        values, reasons = _weighed(reading, answers)
    for row, error in enumerate(answers.errors):
        if error:
            values[row], reasons[row] = np.nan, f"failed: {reading.metric}: {error}"
    if (unread := reasons == "unparsed").any():
        declined = cast(Metric, kind_of("refusal").metric).score(answers, reading.question).values == 1
        reasons[unread & declined] = "refused"
    return values, reasons


def _rated(reading: Reading, answers: Answers) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """The rating, put between the values of the ends of its scale where the reading gives them values."""
    found = cast(Metric, kind_of("rating").metric).score(answers, reading.question)
    values, reasons = np.array(found.values, dtype=float), np.array(found.reasons, dtype=object)
    if reading.values:
        points = sorted((float(number), value) for number, value in reading.values.items())
        values = np.interp(values, [number for number, _ in points], [value for _, value in points])
    return values, reasons


def _weighed(reading: Reading, answers: Answers) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Σ p(label)·value / Σ p(label) where there are probabilities; else the value of the one label that is named."""
    values, reasons = _named(reading, answers)
    table = np.stack([_column(answers, label) for label in reading.values], axis=1)
    scored = ~np.isnan(table).all(axis=1)
    best = np.max(np.where(np.isnan(table), -np.inf, table), axis=1, initial=-np.inf)
    usable = scored & np.isfinite(best)
    weights = np.exp(np.where(np.isnan(table), -np.inf, table) - np.where(usable, best, 0.0)[:, None])
    counts = np.array(list(reading.values.values()), dtype=float)
    values[usable] = ((weights @ counts)[usable]) / weights.sum(axis=1)[usable]
    reasons[usable] = ""
    lacking = (
        ~usable & (scored | ~np.isnan(answers.log_probs).all(axis=1)) if answers.labels else ~usable & scored
    )
    values[lacking], reasons[lacking] = np.nan, "not_supported"
    return values, reasons


def _named(reading: Reading, answers: Answers) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """The value of the label that a text names, read as decisions are; unparsed where it names none or several."""
    choice = cast(Metric, kind_of("selection_rate").metric)
    plain = replace(answers, labels=(), log_probs=np.zeros((len(answers.texts), 0)))
    labels = tuple(reading.values)
    values = np.full(len(answers.texts), np.nan)
    for label, value in reading.values.items():
        asked = replace(reading.question, kind="choose", options=labels, favourable=label)
        values[choice.score(plain, asked).values == 1] = value
    return values, np.where(np.isnan(values), "unparsed", "").astype(object)


def _column(answers: Answers, label: str) -> NDArray[np.float64]:
    """The log-probabilities of a label, by its name with spaces and case aside; NaN where it is not there."""
    alike = [
        n for n, name in enumerate(answers.labels) if name.strip().casefold() == label.strip().casefold()
    ]
    exact = [n for n in alike if answers.labels[n] == label] or alike
    return answers.log_probs[:, exact[0]] if exact else np.full(len(answers.texts), np.nan)


def _together(reading: Reading, found: Sequence[Number]) -> Number:
    """The mean over the orders; without one of them the first reason. A reading that decides rounds it to 0 or 1."""
    lacking = [reason or "unparsed" for value, reason in found if np.isnan(value)]
    if lacking:
        return float("nan"), lacking[0]
    mean = float(np.mean([value for value, _ in found]))
    if not reading.decides:
        return mean, ""
    return (float("nan"), "tie") if mean == 0.5 else (float(mean > 0.5), "")
