"""The judge's own lean: every judged answer once more with the other group's words, and how far the judgement moves."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from audit.axis import Axis
from audit.exchange import Aligned, exchanged, joined, of_groups, of_prompts, plain
from audit.records import DELTAS, SCORES, Exclusion, Message, Span

if TYPE_CHECKING:
    import pandas as pd

METRIC = "judge_swap"
NO_WORD = "no word of the group occurs"
Text = tuple[str, str]
Number = tuple[float, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One answer to one side of a pair, as it is and in the words of the other group (None: there are none in it)."""

    pair_id: str
    prompt_id: str
    side: Literal["a", "b"]
    own: Text
    other: Text | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """How far the judge moves: rows of DELTAS by pair and of SCORES by prompt, and what could not be tested."""

    deltas: pd.DataFrame
    scores: pd.DataFrame
    excluded: tuple[Exclusion, ...] = ()


def versions(
    prompts: pd.DataFrame, pairs: pd.DataFrame, responses: pd.DataFrame, texts: Sequence[Text | None], *,
    axes: Mapping[str, Axis],
) -> list[Version]:  # fmt: skip
    """Every text of `texts` (one for each of the responses) that answers a pair of two groups, in both wordings."""
    answers = _answers(prompts, responses, texts)
    asked = {
        (axis, prompt): (messages, spans)
        for axis, prompt, messages, spans in zip(
            prompts["axis"], prompts["prompt_id"], prompts["messages"], prompts["spans"], strict=True
        )
    }
    found: list[Version] = []
    two = pairs["group_a"].astype("str") != pairs["group_b"].astype("str")
    swap = pairs[(pairs["arm"] == "swap") & two]
    columns = ("pair_id", "axis", "group_a", "group_b", "a", "b")
    for pair_id, axis, group_a, group_b, a, b in zip(*(swap[name] for name in columns), strict=True):
        one, other = asked.get((axis, a)), asked.get((axis, b))
        if one is None or other is None:
            continue
        words = joined(of_prompts(_prompt(one), _prompt(other)), _of_axis(axis, group_a, group_b, axes))
        found += [
            Version(pair_id=pair_id, prompt_id=a, side="a", own=text, other=_other(text, words, other[0]))
            for text in answers[a]
        ]
        found += [
            Version(
                pair_id=pair_id, prompt_id=b, side="b", own=text, other=_other(text, words.turned, one[0])
            )
            for text in answers[b]
        ]
    return found


def moved(found: Sequence[Version], known: Mapping[Text, Number], pairs: pd.DataFrame) -> Moved:
    """Judgement with the words of b minus that with those of a, by pair; with its own minus the other's, by prompt."""
    shifts: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    leans: defaultdict[str, list[float]] = defaultdict(list)
    reasons: dict[str, str] = {}
    for version in found:
        own, other = (
            known[version.own],
            known[version.other] if version.other is not None else (np.nan, NO_WORD),
        )
        if np.isnan(own[0]) or np.isnan(other[0]):
            why = NO_WORD if version.other is None else own[1] or other[1]
            reasons.setdefault(version.pair_id, why)
            reasons.setdefault(version.prompt_id, why)
            continue
        shifts[version.pair_id].append((own[0], other[0]) if version.side == "a" else (other[0], own[0]))
        leans[version.prompt_id].append(own[0] - other[0])
    wordless = Counter((version.prompt_id, version.own) for version in found if version.other is None)
    excluded = (
        (Exclusion(what=METRIC, reason=f"answers in which {NO_WORD}", count=len(wordless)),)
        if wordless
        else ()
    )
    return Moved(
        deltas=_deltas(pairs, {version.pair_id for version in found}, shifts, reasons),
        scores=_scores(dict.fromkeys(version.prompt_id for version in found), leans, reasons),
        excluded=excluded,
    )


# ---------------------------------------------------------------- texts


def _answers(
    prompts: pd.DataFrame, responses: pd.DataFrame, texts: Sequence[Text | None]
) -> defaultdict[str, list[Text]]:
    """The texts of every prompt, without those of the arm `again`."""
    repeats = dict(zip(prompts["prompt_id"], prompts["repeats"], strict=True))
    found: defaultdict[str, list[Text]] = defaultdict(list)
    for prompt, repeat, text in zip(responses["prompt_id"], responses["repeat"], texts, strict=True):
        if text is not None and repeat < repeats.get(prompt, 0):
            found[prompt].append(text)
    return found


def _other(text: Text, aligned: Aligned, messages: str) -> Text | None:
    """The text in the other group's words, beside the other group's prompt where prompts are shown."""
    found = (exchanged(text[0], aligned), plain(messages) if text[1] else "")
    return None if found == text else found


def _prompt(side: tuple[str, str]) -> tuple[list[Message], list[Span]]:
    messages = [Message(role=role, text=text) for role, text in json.loads(side[0])]
    spans = [
        Span(part=part, start=start, end=end, slot=slot) for part, start, end, slot in json.loads(side[1])
    ]
    return messages, spans


def _of_axis(axis: str, group_a: str, group_b: str, axes: Mapping[str, Axis]) -> Aligned:
    """Terms and pronouns of the two groups, member by member of an intersection."""
    found: list[Aligned] = []
    members = zip(axis.split("*"), group_a.split("*"), group_b.split("*"), strict=False)
    for member, one, other in members:
        groups = axes[member].groups if member in axes else {}
        if one in groups and other in groups:
            words = axes[member].words
            found += [
                of_groups(words(one, row=row), words(other, row=row), terms=groups[one].terms)
                for row in range(groups[one].rows)
            ]
    return joined(*found)


# ---------------------------------------------------------------- tables


def _deltas(
    pairs: pd.DataFrame,
    tested: set[str],
    shifts: Mapping[str, list[tuple[float, float]]],
    reasons: Mapping[str, str],
) -> pd.DataFrame:
    rows = pairs[pairs["pair_id"].isin(tested)].drop(columns=["a", "b"])
    ids = rows["pair_id"].tolist()
    both = np.array([np.mean(shifts[pair], axis=0) if shifts.get(pair) else (np.nan, np.nan) for pair in ids])
    both = both.reshape(-1, 2)
    why = ["" if shifts.get(pair) else reasons.get(pair, NO_WORD) for pair in ids]
    return DELTAS.frame(
        rows.assign(
            metric=METRIC, value_a=both[:, 0], value_b=both[:, 1], delta=both[:, 1] - both[:, 0], reason=why
        )
    )


def _scores(
    prompts: Mapping[str, None], leans: Mapping[str, list[float]], reasons: Mapping[str, str]
) -> pd.DataFrame:
    return SCORES.frame(
        {
            "prompt_id": prompt, "item": "", "arm": "swap", "metric": METRIC,
            "value": float(np.mean(leans[prompt])) if leans.get(prompt) else np.nan,
            "reason": "" if leans.get(prompt) else reasons.get(prompt, NO_WORD),
        }
        for prompt in prompts
    )  # fmt: skip
