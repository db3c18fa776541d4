"""Annex: the effects and group tables in full, as far as paper can carry them."""

from __future__ import annotations

from collections.abc import Mapping

from audit.records import Run
from audit.report import facts, numbers, scales
from audit.report.facts import Row


def section(run: Run) -> Mapping[str, object]:
    """One table for each metric and attribute, as far as `facts.annexed` goes."""
    shown = facts.annexed(run)
    keys = dict.fromkeys((str(row["metric"]), str(row["axis"])) for row in shown)
    return {
        "title": "Annex: all effects",
        "tables": [
            _table(run, key, [row for row in shown if (row["metric"], row["axis"]) == key]) for key in keys
        ],
        "shown": numbers.count(len(shown), "effects", "shown"),
        "total": numbers.count(len(run.effects), "effects", "rows"),
        "cut": len(run.effects) > len(shown),
    }


def _table(run: Run, key: tuple[str, str], rows: list[Row]) -> Mapping[str, object]:
    metric, axis = key
    return {
        "heading": f"{facts.card(metric).title}: {facts.axis_title(run, axis)}",
        "unit": scales.unit(rows[0]),
        "rows": [_line(run, row) for row in rows],
    }


COUNTS = ("template_count", "name_count", "cluster_count", "pair_count", "failed_count")


def _line(run: Run, row: Row) -> Mapping[str, object]:
    record = str(row["effect_id"])
    return {
        "record": record,
        "label": facts.label(run, row),
        "estimate": scales.effect(row, "estimate"),
        "interval": scales.span(row),
        "level": numbers.level(float(row["level"]), (record, "level")),
        "p": numbers.probability(float(row["p_value"]), (record, "p_value")),
        "p_adjusted": numbers.probability(float(row["p_adjusted"]), (record, "p_adjusted")),
        "limit": scales.span(row, *scales.LIMITS),
        "noise": scales.span(row, "control_low", "control_high"),
        "means": _means(row, record),
        "counts": [numbers.count(float(row[field]), record, field) for field in COUNTS],
        "verdict": str(row["verdict"]),
        "reason": str(row["reason"]),
    }


def _means(row: Row, record: str) -> scales.Sentence:
    a, b = (
        scales.score(str(row["metric"]), float(row[field]), (record, field)) for field in ("mean_a", "mean_b")
    )
    return (a, " / ", b)
