"""What triggers a difference: slots that carry it, strata, words of the context, the credit of the group's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit.records import ALL, Run
from audit.report import carried, facts, numbers, scales
from audit.report.facts import Row

MOST_METRICS = 2
MOST_STRATA = 8


def section(run: Run) -> Mapping[str, object]:
    """Slots, strata, trigger words and attribution effects; left out where the run has none of them."""
    strata, credits = _strata(run), _credits(run)
    slots, words = carried.slots(run), carried.words(run)
    if not (strata or words or credits or slots):
        return {}
    return {
        "title": "What triggers a difference",
        "stratum": str(run.suite.get("stratum") or "stratum"),
        "slots": slots,
        "strata": strata,
        "words": words,
        "lost": carried.lost(run),
        "credits": credits,
    }


def _strata(run: Run) -> list[Mapping[str, object]]:
    """The largest differences of single strata, for the first two metrics that are no ratio."""
    table = run.effects
    kept = table[
        (table["stratum"] != ALL)
        & table["estimate"].notna()
        & (table["scale"] == "difference")
        & table["axis"].isin(list(run.axes))
        & (table["contrast"] != "interaction")
        & ~table["metric"].str.startswith(facts.ATTRIBUTION)
    ]
    metrics = [metric for metric in facts.decided_metrics(run) if bool((kept["metric"] == metric).any())]
    shown = [(metric, axis) for metric in metrics[:MOST_METRICS] for axis in dict.fromkeys(kept["axis"])]
    cells = [kept[(kept["metric"] == metric) & (kept["axis"] == axis)] for metric, axis in shown]
    return [_strata_table(run, facts.rows(cell)) for cell in cells if len(cell)]


def _strata_table(run: Run, rows: Sequence[Row]) -> Mapping[str, object]:
    ranked = sorted(rows, key=lambda row: -abs(float(row["estimate"])))
    return {
        "heading": f"{facts.card(str(rows[0]['metric'])).title}, {facts.axis_title(run, str(rows[0]['axis']))}",
        "unit": scales.unit(ranked[0]),
        "rows": [_effect_line(run, row) for row in ranked[:MOST_STRATA]],
        "cut": len(ranked) > MOST_STRATA,
    }


def _effect_line(run: Run, row: Row) -> Mapping[str, object]:
    record = str(row["effect_id"])
    return {
        "stratum": str(row["stratum"]),
        "label": facts.contrast(run, row),
        "estimate": scales.effect(row, "estimate"),
        "interval": scales.span(row),
        "pairs": numbers.count(float(row["pair_count"]), record, "pair_count"),
        "p": numbers.probability(float(row["p_adjusted"]), (record, "p_adjusted")),
    }


def _credits(run: Run) -> list[Mapping[str, object]]:
    """One table for each attribute: comparisons down, attribution measures across."""
    table = run.effects
    kept = table[
        table["metric"].str.startswith(facts.ATTRIBUTION)
        & (table["stratum"] == ALL)
        & table["estimate"].notna()
        & table["axis"].isin(list(run.axes))
    ]
    return [
        _credit_table(run, facts.rows(kept[kept["axis"] == axis])) for axis in dict.fromkeys(kept["axis"])
    ]


def _credit_table(run: Run, rows: Sequence[Row]) -> Mapping[str, object]:
    metrics = list(dict.fromkeys(str(row["metric"]) for row in rows))
    contrasts: dict[str, dict[str, Row]] = {}
    for row in rows:
        contrasts.setdefault(facts.contrast(run, row), {})[str(row["metric"])] = row
    return {
        "heading": facts.axis_title(run, str(rows[0]["axis"])),
        "columns": [f"{facts.card(metric).title} ({scales.change_unit(metric)})" for metric in metrics],
        "rows": [
            (label, [_credit_cell(found[metric]) if metric in found else () for metric in metrics])
            for label, found in contrasts.items()
        ],
    }


def _credit_cell(row: Row) -> scales.Sentence:
    return (scales.effect(row, "estimate"), " (", *scales.span(row), ")")
