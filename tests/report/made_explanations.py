"""Explanations of the made run: swap, removal and gap games with credits that add up where they must."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from made_answers import Tables
from made_quality import interactions
from made_rows import Rows, attribution_row


def explained(tables: Tables, rng: np.random.Generator) -> Rows:
    swaps = [row for row in tables.deltas if row["arm"] == "swap" and row["metric"] == "choice_logit"]
    largest = sorted(swaps, key=lambda row: -abs(row["delta"]))[:4]
    rest = [row for row in swaps if row not in largest][:4]
    prompts = {row["prompt_id"]: row for row in tables.prompts}
    pairs = {row["pair_id"]: row for row in tables.pairs}
    found: Rows = []
    for place, row in enumerate([*largest, *rest]):
        pair = pairs[row["pair_id"]]
        sample = "largest" if place < len(largest) else "random"
        shown = (row, prompts[pair["a"]], prompts[pair["b"]])
        swap = _swap_game(shown, sample)
        found += swap + interactions(swap) + _gap_game(shown, sample, rng)
        for side in ("a", "b"):
            for method in ("shap", "lime"):
                found += _removal_game(shown, (side, method, sample), rng, reliable=place != 1)
    return found


def _texts(prompt: Mapping[str, Any]) -> tuple[str, dict[str, list[int]]]:
    text = json.loads(prompt["messages"])[0][1]
    return text, {span[3]: span[:3] for span in json.loads(prompt["spans"])}


def _swap_game(shown: tuple[Mapping[str, Any], ...], sample: str) -> Rows:
    row, a, b = shown
    (text_a, spans_a), (text_b, spans_b) = _texts(a), _texts(b)
    slots = [
        slot
        for slot in ("name", "they")
        if text_a[slice(*spans_a[slot][1:])] != text_b[slice(*spans_b[slot][1:])]
    ]
    shares = {"name": 0.7, "they": 0.3} if len(slots) == 2 else dict.fromkeys(slots, 1.0)
    return [
        attribution_row(
            row["pair_id"],
            "pair",
            "swap",
            "shap",
            sample=sample,
            prompt_id=b["prompt_id"],
            player=player,
            slot=slot,
            text_a=text_a[slice(*spans_a[slot][1:])],
            text_b=text_b[slice(*spans_b[slot][1:])],
            spans=json.dumps([spans_b[slot]]),
            value=shares[slot] * row["delta"],
            base_value=row["value_a"],
            total=row["delta"],
        )
        for player, slot in enumerate(slots)
    ]


def _words(prompt: Mapping[str, Any]) -> list[tuple[str, list[int], str]]:
    text, spans = _texts(prompt)
    taken = {(start, end): slot for slot, (_, start, end) in spans.items()}
    found, place = [], 0
    while place < len(text):
        inside = next((span for span in taken if span[0] == place), None)
        end = (
            inside[1]
            if inside
            else next((at for at in range(place, len(text)) if text[at] in " .,"), len(text))
        )
        if end > place:
            slot = taken.get((place, end), "")
            found.append((text[place:end], [0, place, end], "group" if slot in ("name", "they") else slot))
        place = max(end, place + 1)
    return found


def _removal_game(
    shown: tuple[Mapping[str, Any], ...],
    what: tuple[str, str, str],
    rng: np.random.Generator,
    *,
    reliable: bool,
) -> Rows:
    side, method, sample = what
    row, a, b = shown
    both = _words(a), _words(b)
    prompt, words = (a, both[0]) if side == "a" else (b, both[1])
    values = rng.normal(0, 0.25, len(words))
    return [
        attribution_row(
            row["pair_id"],
            side,
            "removal",
            method,
            sample=sample,
            prompt_id=prompt["prompt_id"],
            player=player,
            slot=slot,
            text_a=both[0][player][0],
            text_b=both[1][player][0],
            spans=json.dumps([span]),
            operator="mask",
            rows=512,
            total=float(values.sum()),
            value=float(values[player]) + (row["delta"] if slot == "group" and side == "b" else 0.0),
            reliable=reliable,
            reason="" if reliable else "SHAP and LIME rank the words differently (Spearman below the bar)",
        )
        for player, (_, span, slot) in enumerate(words)
    ]


def _gap_game(shown: tuple[Mapping[str, Any], ...], sample: str, rng: np.random.Generator) -> Rows:
    row, _, b = shown
    words = [word for word in _words(b) if word[2] != "group"]
    return [
        attribution_row(
            row["pair_id"],
            "pair",
            "gap",
            "shap",
            sample=sample,
            prompt_id=b["prompt_id"],
            player=player,
            slot=slot,
            text_a=word,
            text_b=word,
            spans=json.dumps([span]),
            operator="mask",
            rows=512,
            value=float(rng.normal(0, 0.05)) + (0.5 * row["delta"] if slot == "occupation" else 0.0),
        )
        for player, (word, span, slot) in enumerate(words)
    ]
