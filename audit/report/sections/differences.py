"""Differences between groups: one forest plot and its table for each metric and attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit.records import ALL, Run
from audit.report import charts, facts, numbers, scales
from audit.report.facts import Row

MOST_FIGURES = 24
MOST_ROWS = 30
AGAINST = {"interaction": ", combinations against their parts", "reference": ", against the reference inputs"}
"""What is added to a heading whose rows are no plain comparison of groups."""


def section(run: Run) -> Mapping[str, object]:
    """Figures in the order of the metrics that were marked for decision, then the others."""
    panels = [panel for metric in facts.decided_metrics(run) for panel in _panels(run, metric)]
    paired = str(run.suite.get("design") or "paired") == "paired"
    return {
        "title": "Counterfactual results" if paired else "Differences between groups",
        "paired": paired,
        "panels": panels[:MOST_FIGURES],
        "cut": len(panels) > MOST_FIGURES,
    }


def _panels(run: Run, metric: str) -> list[Mapping[str, object]]:
    """Decisions first, a panel for each stratum; then explorations, pairs apart from each against the others."""
    if metric.startswith(facts.ATTRIBUTION):
        return []
    effects = run.effects[run.effects["metric"] == metric]
    shown: dict[tuple[str, bool, str, str], list[Row]] = {}
    for row in facts.rows(effects[effects["decision"] | (effects["stratum"] == ALL)]):
        if row["decision"] or "*" not in str(row["axis"]):
            kind = "others" if row["group_a"] == ALL else str(row["contrast"])
            key = (str(row["axis"]), not row["decision"], str(row["stratum"]), kind)
            shown.setdefault(key, []).append(row)
    return [panel(run, shown[key]) for key in sorted(shown, key=lambda key: key[1])]


def panel(run: Run, rows: Sequence[Row]) -> Mapping[str, object]:
    """A forest plot with its alternative text, caption and table."""
    axis, stratum = str(rows[0]["axis"]), str(rows[0]["stratum"])
    metric = str(rows[0]["metric"])
    labels = [facts.contrast(run, row) for row in rows]
    return {
        "id": f"differences-{rows[0]['effect_id']}",
        "heading": f"{facts.card(metric).title}: {facts.axis_title(run, axis)}"
        + (f", {stratum}" if stratum != ALL else "")
        + AGAINST.get(str(rows[0]["contrast"]), ""),
        "decision": any(row["decision"] for row in rows),
        "plot": charts.forest(rows[:MOST_ROWS], labels[:MOST_ROWS]),
        "alt": statement(rows, labels),
        "unit": scales.unit(rows[0]),
        "measure": "Ratio of b to a" if scales.is_ratio(rows[0]) else f"Difference in {scales.unit(rows[0])}",
        "counted": "Answers" if rows[0]["design"] == "ranking" else "Pairs",
        "column": "Ratio" if scales.is_ratio(rows[0]) else "Difference",
        "level": numbers.level(float(rows[0]["level"]), (str(rows[0]["effect_id"]), "level")),
        "control": str(rows[0]["control_arm"]),
        "noise": any(scales.known(row, "control_low", "control_high") for row in rows),
        "rows": [_line(run, row, name) for row, name in zip(rows[:MOST_ROWS], labels, strict=False)],
        "cut": len(rows) > MOST_ROWS,
    }


def statement(rows: Sequence[Row], labels: Sequence[str]) -> str:
    """What the figure shows, in one sentence of at most 250 characters."""
    known = [place for place, row in enumerate(rows) if scales.known(row, "estimate")]
    title = facts.card(str(rows[0]["metric"])).title
    if not known:
        return charts.shortened(f"{title}: no difference could be estimated.", 250)
    top = max(known, key=lambda place: abs(float(rows[place]["estimate"])))
    size = f"{charts.shortened(labels[top], 80)}: {scales.effect(rows[top], 'estimate').text} {scales.unit(rows[top])}"
    if not any(row["decision"] for row in rows):
        return charts.shortened(
            f"{title}, exploration without a verdict; the largest difference is {size}.", 250
        )
    beyond = sum(row["verdict"] == "beyond" for row in rows)
    return charts.shortened(
        f"{title}: {beyond} of {len(rows)} differences lie wholly outside the limit; the largest is {size}.",
        250,
    )


def _line(run: Run, row: Row, name: str) -> Mapping[str, object]:
    source = str(row["effect_id"])
    return {
        "record": source,
        "label": name,
        "estimate": scales.effect(row, "estimate"),
        "interval": scales.span(row),
        "p": numbers.probability(float(row["p_adjusted"]), (source, "p_adjusted")),
        "limit": scales.span(row, *scales.LIMITS),
        "noise": scales.span(row, "control_low", "control_high"),
        "pairs": numbers.count(float(row["pair_count"]), source, "pair_count"),
        "verdict": str(row["verdict"]),
    }
