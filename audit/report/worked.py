"""One explained pair as a page shows it: marked words on both sides, its games, and how far it can be relied on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from audit.records import Run
from audit.report import checks, facts, numbers, scales, swapped
from audit.report.facts import Row
from audit.report.quotes import Mark, passages, spans_of
from audit.report.scales import Sentence
from audit.samples import CHANGED, DECISION

SAMPLES: Mapping[str, str] = {
    "largest": "Among the largest differences",
    "flip": "The decision changed",
    "random": "From the random sample",
    "requested": "Asked for by its id",
}
METHODS: Mapping[str, str] = {"shap": "SHAP", "lime": "LIME"}
UNSIGNED = "saliency"
"""A method whose sizes say nothing of which way a word moves the score."""
MOST_WORDS = 5


def worked(run: Run, pair_id: str, *, most_words: int = MOST_WORDS) -> Mapping[str, object] | None:
    """What the template of a pair needs; None where the pair, its score or its explanation is not in the run."""
    rows = facts.rows(run.attributions[run.attributions["pair_id"] == pair_id])
    pairs = facts.rows(run.pairs[run.pairs["pair_id"] == pair_id])
    delta = _measured(run, pair_id, rows)
    if not pairs or delta is None:
        return None
    pair = pairs[0]
    axis, metric = str(pair["axis"]), str(delta["metric"])
    return {
        "id": pair_id,
        "sample": SAMPLES.get(str(rows[0]["sample"]), str(rows[0]["sample"])),
        "axis": facts.axis_title(run, axis),
        "groups": {side: facts.group_title(run, axis, str(pair[f"group_{side}"])) for side in ("a", "b")},
        "stratum": str(pair["stratum"]),
        "template": str(pair["template"]),
        "metric": facts.card(metric).title,
        "values": {
            side: scales.score(metric, float(delta[f"value_{side}"]), (pair_id, f"value_{side}"))
            for side in ("a", "b")
        },
        "flipped": _flipped(run, pair_id),
        "delta": scales.score_change(metric, float(delta["delta"]), (pair_id, "delta")),
        "unit": scales.change_unit(metric),
        "sides": [_side(run, pair, side, rows, most_words) for side in ("a", "b")],
        "gap": _gap(run, pair, [row for row in rows if row["game"] == "gap"], most_words),
        "swap": swapped.swap_game(pair_id, delta, [row for row in rows if row["game"] == "swap"]),
        "line": _line(rows),
        "doubts": _doubts(rows),
        "quality": checks.lines(run, pair_id, rows),
    }


def _measured(run: Run, pair_id: str, rows: Sequence[Row]) -> Row | None:
    """Both scores of the pair and their difference; from its explanation where the suite does not name the metric."""
    if not rows:
        return None
    metric = str(rows[0]["metric"])
    found = facts.rows(run.deltas[(run.deltas["pair_id"] == pair_id) & (run.deltas["metric"] == metric)])
    if found:
        return found[0]
    for row in rows:
        start, change = float(row["base_value"]), float(row["total"])
        if row["side"] == "pair" and row["game"] in ("swap", "gradient") and math.isfinite(start + change):
            return {"metric": metric, "value_a": start, "value_b": start + change, "delta": change}
    return None


def _flipped(run: Run, pair_id: str) -> str:
    """Which side alone got the favourable decision; empty where both or none did, or there are no decisions."""
    mine = run.deltas[(run.deltas["pair_id"] == pair_id) & (run.deltas["metric"] == DECISION)]
    if not len(mine) or not abs(float(mine["delta"].iloc[0])) >= CHANGED:
        return ""
    return "b" if float(mine["delta"].iloc[0]) > 0 else "a"


def main_method(rows: Sequence[Row]) -> list[Row]:
    """The rows by SHAP, else by the first method there is; those of players alone, not of two together."""
    single = [row for row in rows if int(row.get("partner", -1)) < 0]
    methods = [str(row["method"]) for row in single]
    chosen = "shap" if "shap" in methods else methods[0] if methods else ""
    return [row for row in single if row["method"] == chosen]


def method_title(method: str) -> str:
    """What a method is called in a heading."""
    return METHODS.get(method) or method.replace("_", " ").capitalize()


def size(row: Row) -> float:
    """How large a credit is; 0 where there is none."""
    return abs(float(row["value"])) if math.isfinite(float(row["value"])) else 0.0


def credit(row: Row) -> numbers.Number:
    """A credit with its record."""
    return scales.credit(float(row["value"]), _record(row, "value"))


def _record(row: Row, field: str) -> tuple[str, str]:
    return f"{row['attribution_id']}/{row['player']}", field


def _with_error(row: Row) -> Sentence:
    """A credit, and its standard error where it is not exact."""
    error = float(row["error"])
    if not math.isfinite(error) or error <= 0:
        return (credit(row),)
    return (credit(row), " ± ", numbers.plain(error, _record(row, "error"), beside=[0.0]))


def _side(run: Run, pair: Row, side: str, rows: Sequence[Row], most: int) -> Mapping[str, object]:
    mine = [row for row in rows if row["game"] in ("removal", "gradient") and row["side"] == side]
    first = main_method([row for row in mine if row["game"] == "removal"]) or main_method(mine)
    top = sorted(first, key=lambda row: -size(row))[:most]
    marked = [row for row in top if row["method"] != UNSIGNED]
    methods = list(dict.fromkeys(str(row["method"]) for row in mine if size(row)))
    found = {(str(row["method"]), str(row["spans"])): row for row in mine}
    prompts = run.prompts[run.prompts["prompt_id"] == pair[side]]
    messages = str(prompts["messages"].iloc[0]) if len(prompts) else ""
    return {
        "name": side,
        "group": facts.group_title(run, str(pair["axis"]), str(pair[f"group_{side}"])),
        "passages": passages(messages, [mark for row in marked for mark in _marks(row, "up", "down")]),
        "methods": [method_title(method) for method in methods],
        "words": [
            (_player(row, side), [_cell(found, method, row) for method in methods]) for row in top if methods
        ],
        "reliable": all(row["reliable"] for row in mine),
    }


def _cell(found: Mapping[tuple[str, str], Row], method: str, row: Row) -> Sentence:
    other = found.get((method, str(row["spans"])))
    return ("none",) if other is None else _with_error(other)


def _player(row: Row, side: str) -> str:
    """The player's words on that side; the group's span is said to be that."""
    text = str(row[f"text_{side}"])
    return f"{text} (group)" if row["slot"] == "group" else text


def _marks(row: Row, above: str, below: str) -> list[Mark]:
    """The places of a player, the number beside the first."""
    kind = above if float(row["value"]) > 0 else below
    return [
        Mark(part=part, start=start, end=end, kind=kind, number=credit(row) if place == 0 else None)
        for place, (part, start, end, _) in enumerate(spans_of(str(row["spans"])))
    ]


def _gap(run: Run, pair: Row, rows: Sequence[Row], most: int) -> Mapping[str, object] | None:
    """The text of b with the words on which the difference depends, largest first in the table."""
    first = [row for row in main_method(rows) if size(row)]
    prompts = run.prompts[run.prompts["prompt_id"] == pair["b"]]
    if not first or not len(prompts):
        return None
    top = sorted(first, key=lambda row: -size(row))[:most]
    return {
        "passages": passages(
            str(prompts["messages"].iloc[0]), [mark for row in top for mark in _marks(row, "wider", "lower")]
        ),
        "method": method_title(str(first[0]["method"])),
        "words": [(str(row["text_b"]), str(row["slot"]) or "word", _with_error(row)) for row in top],
        "group": facts.group_title(run, str(pair["axis"]), str(pair["group_b"])),
    }


def _line(rows: Sequence[Row]) -> Sequence[tuple[str, str, str, numbers.Number]]:
    """Credits of the slots on the straight line from a to b inside the model, where a gradient method took it."""
    mine = [row for row in rows if row["game"] == "gradient" and row["side"] == "pair" and size(row)]
    return [
        (str(row["slot"]), str(row["text_a"]), str(row["text_b"]), credit(row)) for row in main_method(mine)
    ]


def _doubts(rows: Sequence[Row]) -> list[str]:
    """The first reason of each game that missed a bar."""
    reasons: dict[str, str] = {}
    for row in rows:
        if not row["reliable"]:
            reasons.setdefault(str(row["game"]), str(row["reason"]) or "a bar was missed")
    return [f"{game.capitalize()} game: {reason}" for game, reason in reasons.items()]
