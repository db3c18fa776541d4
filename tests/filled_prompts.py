"""Prompts with slots, cells of them as tables, and scores by a function of the words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import combinations

import pandas as pd

from audit.records import DELTAS, PAIRS, PROMPTS, SCORES, Message, Prompt, Role, Span, content_id

PERSONS: Mapping[str, Mapping[str, str]] = {
    "men": {"name": "Greg Hall", "they": "he", "They": "He", "their": "his", "s": "s"},
    "non-binary": {"name": "Rio Hall", "they": "they", "They": "They", "their": "their", "s": ""},
    "women": {"name": "Emily Hall", "they": "she", "They": "She", "their": "her", "s": "s"},
}
TEXTS: Mapping[str, str] = {
    "t1": "{name} works as {a_occupation}. {They} need{s} a desk, and {their} references are good.",
    "t2": "Dear team, {name} was {a_occupation} for six years; {they} speak{s} two languages.",
    "t3": "Note of today: {a_occupation} named {name} called about {their} papers twice.",
}
OCCUPATIONS = ("a nurse", "an engineer", "a teacher")


def filled(text: str, *, role: Role = "text", **slots: str) -> Prompt:
    """A prompt from a text with `{slots}` and their words."""
    spans: list[Span] = []
    made = ""
    for number, part in enumerate(text.replace("{", "}").split("}")):
        if number % 2:
            spans.append(Span(part=0, start=len(made), end=len(made) + len(slots[part]), slot=part))
            made += slots[part]
        else:
            made += part
    return Prompt(messages=(Message(role=role, text=made),), spans=tuple(spans))


def prompt_row(
    prompt: Prompt, *, template: str, name: str, group: str, axis: str = "gender", **more: object
) -> dict[str, object]:
    """A row of the table `prompts` in the swap arm."""
    return {
        "prompt_id": prompt.id, "item": "", "axis": axis, "arm": "swap", "template": template, "cluster": template,
        "name": name, "group": group, "stratum": "", "position": 0, "base_id": "", "repeats": 1,
        "messages": json.dumps([[m.role, m.text] for m in prompt.messages]),
        "spans": json.dumps([[s.part, s.start, s.end, s.slot] for s in prompt.spans]),
    } | more  # fmt: skip


def pairs_of(prompts: pd.DataFrame) -> pd.DataFrame:
    """All pairs of groups within (axis, template, name, stratum)."""
    rows: list[dict[str, object]] = []
    for _, cell in prompts.groupby(["axis", "template", "name", "stratum"]):
        for a, b in combinations(sorted(cell.to_dict("records"), key=lambda row: str(row["group"])), 2):
            keys = {key: a[key] for key in ("axis", "arm", "template", "cluster", "name", "stratum")}
            ids = {"a": a["prompt_id"], "b": b["prompt_id"], "group_a": a["group"], "group_b": b["group"]}
            rows.append(
                keys | ids | {"pair_id": content_id(a["axis"], "swap", a["prompt_id"], b["prompt_id"])}
            )
    return PAIRS.frame(rows)


def suite_of(texts: Mapping[str, str] = TEXTS, *, names: int = 2) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Prompts and pairs of three groups, `names` occupations a template."""
    rows = [
        prompt_row(
            filled(text, **words, a_occupation=OCCUPATIONS[(number + which) % 3]),
            template=template,
            name=f"{which:02d}",
            group=group,
        )
        for number, (template, text) in enumerate(texts.items())
        for which in range(names)
        for group, words in PERSONS.items()
    ]
    prompts = PROMPTS.frame(rows)
    return prompts, pairs_of(prompts)


def scored(
    prompts: pd.DataFrame, value: Callable[[str], float], *, metric: str = "choice_logit"
) -> pd.DataFrame:
    """Scores of prompts by a function of their last message's text."""
    once = prompts.drop_duplicates("prompt_id")
    values = [value(json.loads(messages)[-1][1]) for messages in once["messages"]]
    rows = {
        "prompt_id": once["prompt_id"],
        "item": "",
        "arm": "swap",
        "metric": metric,
        "value": values,
        "reason": "",
    }
    return SCORES.frame(pd.DataFrame(rows))


def deltas_of(pairs: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """score(b) - score(a) of every pair."""
    known = dict(zip(scores["prompt_id"], scores["value"], strict=True))
    a, b = pairs["a"].map(known), pairs["b"].map(known)
    return DELTAS.frame(pairs.assign(metric="choice_logit", value_a=a, value_b=b, delta=b - a, reason=""))
