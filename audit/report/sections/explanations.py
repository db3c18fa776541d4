"""Worked pairs: which words moved the answer, with the credits of each method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from audit.records import Run
from audit.report import bars, charts, facts, numbers, scales
from audit.report.facts import Row
from audit.report.quotes import Mark, passages, spans_of

MOST = 14
MOST_LARGEST = 8
MOST_WORDS = 5


def section(run: Run) -> Mapping[str, object]:
    """The largest differences first, then the random sample."""
    every = facts.rows(run.attributions)
    if not every:
        return {}
    by_pair: dict[str, list[Row]] = {}
    for row in every:
        by_pair.setdefault(str(row["pair_id"]), []).append(row)
    chosen = _chosen(by_pair)
    shown = [_worked(run, pair, by_pair[pair]) for pair in chosen]
    return {
        "title": "Explanations: which words moved the answer",
        "pairs": [each for each in shown if each is not None],
        "shown": numbers.count(len(chosen), "attributions", "shown"),
        "explained": numbers.count(len(by_pair), "attributions", "pairs"),
        "unreliable": numbers.count(_unreliable(by_pair), "attributions", "unreliable"),
    }


def _chosen(by_pair: Mapping[str, Sequence[Row]]) -> list[str]:
    """The largest by size; the random sample in even steps, so that it is not the variants of one text."""
    largest = [pair for pair, rows in by_pair.items() if rows[0]["sample"] == "largest"]
    first = sorted(largest, key=lambda pair: -_total(by_pair[pair]))[:MOST_LARGEST]
    rest = [pair for pair in by_pair if pair not in set(largest)]
    room = min(MOST - len(first), len(rest))
    return first + [rest[place * len(rest) // room] for place in range(room)]


def _total(rows: Sequence[Row]) -> float:
    """Size of the difference that the swap game explains."""
    return max((abs(float(row["total"])) for row in rows if row["game"] == "swap"), default=0.0)


def _unreliable(by_pair: Mapping[str, Sequence[Row]]) -> int:
    return sum(any(not row["reliable"] for row in rows) for rows in by_pair.values())


def _worked(run: Run, pair_id: str, rows: Sequence[Row]) -> Mapping[str, object] | None:
    found = run.pairs[run.pairs["pair_id"] == pair_id]
    metric = str(rows[0]["metric"])
    deltas = run.deltas[(run.deltas["pair_id"] == pair_id) & (run.deltas["metric"] == metric)]
    if not len(found) or not len(deltas):
        return None
    pair, delta = facts.rows(found)[0], facts.rows(deltas)[0]
    axis = str(pair["axis"])
    return {
        "id": pair_id,
        "sample": str(rows[0]["sample"]),
        "axis": facts.axis_title(run, axis),
        "groups": {side: facts.group_title(run, axis, str(pair[f"group_{side}"])) for side in ("a", "b")},
        "stratum": str(pair["stratum"]),
        "template": str(pair["template"]),
        "metric": facts.card(metric).title,
        "values": {
            side: scales.score(metric, float(delta[f"value_{side}"]), (pair_id, f"value_{side}"))
            for side in ("a", "b")
        },
        "delta": scales.score_change(metric, float(delta["delta"]), (pair_id, "delta")),
        "unit": scales.change_unit(metric),
        "sides": [_side(run, pair, side, rows) for side in ("a", "b")],
        "swap": _swap(pair_id, delta, [row for row in rows if row["game"] == "swap"]),
        "doubts": _doubts(rows),
    }


def _side(run: Run, pair: Row, side: str, rows: Sequence[Row]) -> Mapping[str, object]:
    mine = [row for row in rows if row["game"] == "removal" and row["side"] == side]
    shap = [row for row in mine if row["method"] == "shap"]
    lime = {int(row["player"]): row for row in mine if row["method"] == "lime"}
    top = sorted(shap, key=lambda row: -_size(row))[:MOST_WORDS]
    prompts = run.prompts[run.prompts["prompt_id"] == pair[side]]
    messages = str(prompts["messages"].iloc[0]) if len(prompts) else ""
    return {
        "name": side,
        "group": facts.group_title(run, str(pair["axis"]), str(pair[f"group_{side}"])),
        "passages": passages(messages, [mark for row in top for mark in _marks(row)]),
        "words": [
            {
                "text": _player(row, side),
                "shap": _credit(row),
                "lime": _credit(lime[int(row["player"])]) if int(row["player"]) in lime else None,
            }
            for row in top
        ],
        "reliable": all(row["reliable"] for row in mine),
    }


def _size(row: Row) -> float:
    return abs(float(row["value"])) if math.isfinite(float(row["value"])) else 0.0


def _player(row: Row, side: str) -> str:
    """The player's words on that side; the group's span is said to be that."""
    text = str(row[f"text_{side}"])
    return f"{text} (group)" if row["slot"] == "group" else text


def _credit(row: Row) -> numbers.Number:
    return scales.credit(float(row["value"]), (f"{row['attribution_id']}/{row['player']}", "value"))


def _marks(row: Row) -> list[Mark]:
    kind = "up" if float(row["value"]) > 0 else "down"
    spans = spans_of(str(row["spans"]))
    return [
        Mark(part=part, start=start, end=end, kind=kind, number=_credit(row) if place == 0 else None)
        for place, (part, start, end, _) in enumerate(spans)
    ]


def _swap(pair_id: str, delta: Row, rows: Sequence[Row]) -> Mapping[str, object] | None:
    shap = [row for row in rows if row["method"] == "shap" and math.isfinite(float(row["value"]))]
    if not shap:
        return None
    metric = str(delta["metric"])
    ends = (float(delta["value_a"]), float(delta["value_b"]))
    shown = tuple(
        scales.score(metric, end, (pair_id, f"value_{side}")) for end, side in zip(ends, "ab", strict=True)
    )
    credits = [
        bars.Credit(
            label=str(row["slot"]) or str(row["text_b"]), value=float(row["value"]), number=_credit(row)
        )
        for row in shap
    ]
    largest = max(shap, key=_size)
    share = (
        f"the slot {largest['slot'] or largest['text_b']} moves the score most, by {_credit(largest).text}"
    )
    return {
        "chart": bars.waterfall(ends, credits, (shown[0], shown[1])),
        "alt": charts.shortened(
            f"Changing the group's words moves the score from {shown[0].text} to {shown[1].text}; {share}.",
            250,
        ),
        "rows": [
            {
                "slot": str(row["slot"]) or "word",
                "a": str(row["text_a"]),
                "b": str(row["text_b"]),
                "credit": _credit(row),
            }
            for row in shap
        ],
        "single": len(shap) == 1,
    }


def _doubts(rows: Sequence[Row]) -> list[str]:
    """The first reason of each game that missed a bar."""
    reasons: dict[str, str] = {}
    for row in rows:
        if not row["reliable"]:
            reasons.setdefault(str(row["game"]), str(row["reason"]) or "a bar was missed")
    return [f"{game.capitalize()} game: {reason}" for game, reason in reasons.items()]
