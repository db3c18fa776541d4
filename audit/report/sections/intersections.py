"""Intersections: combined groups as exploration, and whether a combination is more than its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit.records import ALL, Run
from audit.report import facts, numbers, scales, wording
from audit.report.facts import Row

MOST = 12
MOST_METRICS = 2
SHADES = 4


def section(run: Run) -> Mapping[str, object]:
    """A table of values for each intersection of two attributes, and its largest differences."""
    axes = [axis for axis in _axes(run) if "*" in axis]
    grids = [grid for axis in axes for grid in _grids(run, axis)]
    effects = _largest(run, axes)
    combined = _combined(run)
    if not grids and not effects and not combined:
        return {}
    return {"title": "Intersections", "grids": grids, "effects": effects, "combined": combined}


def _combined(run: Run) -> list[Mapping[str, object]]:
    """Of the decided metrics: a table of interactions for each intersection, those marked for decision first."""
    kept = run.effects[run.effects["contrast"] == "interaction"]
    if not len(kept):
        return []
    metrics = [metric for metric in facts.decided_metrics(run) if bool((kept["metric"] == metric).any())]
    tables = []
    for metric in metrics[:MOST_METRICS]:
        for axis in dict.fromkeys(str(axis) for axis in kept["axis"]):
            mine = kept[(kept["metric"] == metric) & (kept["axis"] == axis)]
            rows = facts.rows(mine[mine["decision"] | (mine["stratum"] == ALL)])
            if rows:
                tables.append(_combinations(run, rows))
    return tables


def _combinations(run: Run, rows: Sequence[Row]) -> Mapping[str, object]:
    ranked = sorted(rows, key=_by_size)
    axis = str(rows[0]["axis"])
    return {
        "heading": f"{facts.card(str(rows[0]['metric'])).title}: {facts.axis_title(run, axis)}",
        "unit": scales.unit(rows[0]),
        "decided": any(row["decision"] for row in rows),
        "rows": [_combination(run, row) for row in ranked[:MOST]],
        "cut": len(rows) > MOST,
    }


def _by_size(row: Row) -> tuple[bool, float]:
    return not row["decision"], -abs(float(row["estimate"])) if scales.known(row, "estimate") else 1.0


def _combination(run: Run, row: Row) -> Mapping[str, object]:
    record, axis = str(row["effect_id"]), str(row["axis"])
    stratum = "" if row["stratum"] == ALL else f" ({row['stratum']})"
    return {
        "record": record,
        "label": facts.group_title(run, axis, str(row["group_b"])) + stratum,
        "start": facts.group_title(run, axis, str(row["group_a"])),
        "estimate": scales.effect(row, "estimate"),
        "interval": scales.span(row),
        "means": [
            scales.score(str(row["metric"]), float(row[key]), (record, key)) for key in ("mean_b", "mean_a")
        ],
        "sets": numbers.count(float(row["pair_count"]), record, "pair_count"),
        "limit": scales.span(row, *scales.LIMITS),
        "verdict": str(row["verdict"]),
        "words": wording.combination_words(row),
    }


def _axes(run: Run) -> list[str]:
    return list(dict.fromkeys(str(axis) for axis in [*run.groups["axis"], *run.effects["axis"]]))


def _grids(run: Run, axis: str) -> list[Mapping[str, object]]:
    rows = facts.rows(run.groups[(run.groups["axis"] == axis) & (run.groups["stratum"] == ALL)])
    metrics = [
        metric for metric in facts.decided_metrics(run) if any(row["metric"] == metric for row in rows)
    ]
    return (
        [
            _grid(run, axis, [row for row in rows if row["metric"] == metric])
            for metric in metrics[:MOST_METRICS]
        ]
        if axis.count("*") == 1
        else []
    )


def _grid(run: Run, axis: str, rows: Sequence[Row]) -> Mapping[str, object]:
    first, second = facts.parts(axis)
    cells = {tuple(str(row["group"]).split("*")): row for row in rows if str(row["group"]).count("*") == 1}
    metric = str(rows[0]["metric"])
    values = [float(row["value"]) for row in cells.values() if scales.known(row, "value")]
    ends = (min(values), max(values)) if values else (0.0, 0.0)
    across = sorted({key[1] for key in cells})
    return {
        "heading": f"{facts.card(metric).title}: {facts.axis_title(run, axis)}",
        "columns": [facts.group_title(run, second, group) for group in across],
        "rows": [
            (
                facts.group_title(run, first, group),
                [_cell(cells.get((group, other)), metric, ends) for other in across],
            )
            for group in sorted({key[0] for key in cells})
        ],
    }


def _cell(row: Row | None, metric: str, ends: tuple[float, float]) -> Mapping[str, object] | None:
    if row is None:
        return None
    record, value = facts.group_record(row), float(row["value"])
    share = (value - ends[0]) / ((ends[1] - ends[0]) or 1.0) if scales.known(row, "value") else 1.0
    return {
        "value": scales.score(metric, value, (record, "value")),
        "n": numbers.count(float(row["n"]), record, "n"),
        "shade": "abcde"[round((1 - share) * SHADES)],
    }


def _largest(run: Run, axes: Sequence[str]) -> list[Mapping[str, object]]:
    """Of the first decided metric: each group against the others where there are such rows, else the largest pairs."""
    table = run.effects
    plain = table["contrast"] != "interaction"
    kept = table[plain & table["axis"].isin(axes) & (table["stratum"] == ALL) & table["estimate"].notna()]
    metrics = [metric for metric in facts.decided_metrics(run) if bool((kept["metric"] == metric).any())]
    rows = facts.rows(kept[kept["metric"] == metrics[0]]) if metrics else []
    others = [row for row in rows if row["group_a"] == ALL]
    ranked = sorted(others or rows, key=lambda row: -abs(float(row["estimate"])))
    return [_line(run, row) for row in ranked[:MOST]]


def _line(run: Run, row: Row) -> Mapping[str, object]:
    record = str(row["effect_id"])
    return {
        "metric": facts.card(str(row["metric"])).title,
        "label": facts.label(run, row),
        "estimate": scales.effect(row, "estimate"),
        "interval": scales.span(row),
        "unit": scales.unit(row),
        "p": numbers.probability(float(row["p_adjusted"]), (record, "p_adjusted")),
        "pairs": numbers.count(float(row["pair_count"]), record, "pair_count"),
    }
