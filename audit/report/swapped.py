"""The swap game of one pair: a waterfall from the score of a to the score of b, and the slots that make it up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.report import bars, charts, numbers, scales
from audit.report.facts import Row

INTERACTIONS = "shap_interactions"


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """What one slot does alone, or two do together beyond that."""

    label: str
    value: float
    number: numbers.Number


def swap_game(pair_id: str, delta: Row, rows: Sequence[Row]) -> Mapping[str, object] | None:
    """What the template needs; None where no method has credits that add up."""
    single = [row for row in rows if int(row.get("partner", -1)) < 0 and math.isfinite(float(row["value"]))]
    methods = [str(row["method"]) for row in single]
    if not methods:
        return None
    chosen = "shap" if "shap" in methods else methods[0]
    slots = [row for row in single if row["method"] == chosen]
    together = terms([row for row in rows if row["method"] == INTERACTIONS])
    metric = str(delta["metric"])
    ends = (float(delta["value_a"]), float(delta["value_b"]))
    shown = [
        scales.score(metric, end, (pair_id, f"value_{side}")) for end, side in zip(ends, "ab", strict=True)
    ]
    steps = together or [
        Term(label=_label(row), value=float(row["value"]), number=_credit(row)) for row in slots
    ]
    credits = [bars.Credit(label=step.label, value=step.value, number=step.number) for step in steps]
    largest = max(steps, key=lambda step: abs(step.value))
    return {
        "chart": bars.waterfall(ends, credits, (shown[0], shown[1])),
        "alt": charts.shortened(
            f"Changing the group’s words moves the score from {shown[0].text} to {shown[1].text}; "
            f"{largest.label} moves it most, by {largest.number.text}.",
            250,
        ),
        "rows": [
            {"slot": _label(row), "a": str(row["text_a"]), "b": str(row["text_b"]), "credit": _credit(row)}
            for row in slots
        ],
        "together": [(step.label, step.number) for step in together],
        "single": len(slots) == 1,
    }


def terms(rows: Sequence[Row]) -> list[Term]:
    """What each slot does alone, then what every two do together; they add up. Empty for fewer than two slots."""
    known = [row for row in rows if math.isfinite(float(row["value"]))]
    names = {int(row["player"]): str(row["slot"]) for row in known if row["partner"] == row["player"]}
    if len(names) < 2:
        return []
    alone = [row for row in known if row["partner"] == row["player"]]
    found = [
        Term(label=f"{_label(row)} alone", value=float(row["value"]), number=_credit(row, partner=True))
        for row in alone
    ]
    for row in known:
        one, other = int(row["player"]), int(row["partner"])
        if one != other:
            label = f"{names.get(one, 'word')} × {names.get(other, 'word')}"
            found.append(Term(label=label, value=float(row["value"]), number=_credit(row, partner=True)))
    return found


def _label(row: Row) -> str:
    return str(row["slot"]) or str(row["text_b"]) or "word"


def _credit(row: Row, *, partner: bool = False) -> numbers.Number:
    record = f"{row['attribution_id']}/{row['player']}" + (f"/{row['partner']}" if partner else "")
    return scales.credit(float(row["value"]), (record, "value"))
