"""Group outcomes: the rate or mean score of each group, and its ratio to the highest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit.records import ALL, Run
from audit.report import charts, facts, numbers, scales
from audit.report.facts import Row

MOST_BLOCKS = 24
MOST_ROWS = 30
MOST_COLUMNS = 8


def section(run: Run) -> Mapping[str, object]:
    """A block for each metric and attribute; strata in one table each, for rankings as blocks of their own."""
    order = _order(run)
    ranking = run.suite.get("design") == "ranking"
    shown = [key for key in order if key[1] == ALL or ranking]
    if not shown:
        return {}
    return {
        "title": "Group outcomes",
        "blocks": [_block(run, _rows(run, key)) for key in shown[:MOST_BLOCKS]],
        "grids": [] if ranking else _grids(run, order),
        "stratum": str(run.suite.get("stratum") or "stratum"),
        "cut": len(shown) > MOST_BLOCKS,
    }


def _order(run: Run) -> list[tuple[str, str, str]]:
    """(metric, stratum, axis) of every block: decided metrics first, pooled before strata, position after groups."""
    ranks = {metric: place for place, metric in enumerate(facts.decided_metrics(run))}
    crossed = run.groups["axis"].str.contains("*", regex=False)
    groups = run.groups[~crossed & ~run.groups["metric"].str.startswith(facts.ATTRIBUTION)]
    keys = zip(groups["metric"], groups["stratum"], groups["axis"], strict=True)
    found = dict.fromkeys((str(metric), str(stratum), str(axis)) for metric, stratum, axis in keys)
    return sorted(
        found,
        key=lambda key: (key[1] != ALL, ranks.get(key[0], len(ranks)), key[1], key[2] == facts.POSITION),
    )


def _rows(run: Run, key: tuple[str, str, str]) -> list[Row]:
    table = run.groups
    return facts.rows(
        table[(table["metric"] == key[0]) & (table["stratum"] == key[1]) & (table["axis"] == key[2])]
    )


def _grids(run: Run, order: Sequence[tuple[str, str, str]]) -> list[Mapping[str, object]]:
    """Of the decided metrics: one table for each attribute, strata down and groups across."""
    decided = set(run.effects["metric"][run.effects["decision"]])
    found: dict[tuple[str, str], list[str]] = {}
    for metric, stratum, axis in order:
        if stratum != ALL and metric in decided:
            found.setdefault((metric, axis), []).append(stratum)
    return [_grid(run, key, strata[:MOST_ROWS]) for key, strata in found.items()]


def _grid(run: Run, key: tuple[str, str], strata: Sequence[str]) -> Mapping[str, object]:
    metric, axis = key
    cells = {
        (stratum, str(row["group"])): row for stratum in strata for row in _rows(run, (metric, stratum, axis))
    }
    groups = list(dict.fromkeys(group for _, group in cells))[:MOST_COLUMNS]
    return {
        "heading": f"{facts.card(metric).title}: {facts.axis_title(run, axis)}",
        "columns": [facts.group_title(run, axis, group) for group in groups],
        "rows": [(stratum, [_cell(cells.get((stratum, group))) for group in groups]) for stratum in strata],
    }


def _cell(row: Row | None) -> numbers.Number | None:
    if row is None:
        return None
    return scales.score(str(row["metric"]), float(row["value"]), (facts.group_record(row), "value"))


def _key(row: Row) -> tuple[str, str, str]:
    return str(row["metric"]), str(row["stratum"]), str(row["axis"])


def _block(run: Run, rows: Sequence[Row]) -> Mapping[str, object]:
    metric, stratum, axis = _key(rows[0])
    labels = [facts.group_title(run, axis, str(row["group"])) for row in rows]
    records = [facts.group_record(row) for row in rows]
    card = facts.card(metric)
    return {
        "id": f"outcomes-{facts.group_record(rows[0])}",
        "heading": f"{card.title}: {facts.axis_title(run, axis)}"
        + ("" if stratum == ALL else f", {stratum}"),
        "pooled": stratum == ALL,
        "position": axis == facts.POSITION,
        "plot": charts.dots(rows[:MOST_ROWS], labels[:MOST_ROWS], records[:MOST_ROWS]),
        "alt": _statement(rows, labels, card.title),
        "value_name": "Rate" if scales.is_rate(card) else "Mean",
        "ratios": any(scales.known(row, "impact_ratio") for row in rows),
        "screen": numbers.plain(charts.FOUR_FIFTHS, ("constant", "four_fifths")),
        "expected": _expected(rows, records),
        "rows": [_line(row, name, record) for row, name, record in zip(rows, labels, records, strict=True)][
            :MOST_ROWS
        ],
        "notes": any(row["note"] for row in rows),
        "cut": len(rows) > MOST_ROWS,
    }


def _expected(rows: Sequence[Row], records: Sequence[str]) -> numbers.Number | None:
    for row, record in zip(rows, records, strict=True):
        if scales.known(row, "expected_lowest_ratio"):
            return numbers.ratio(float(row["expected_lowest_ratio"]), (record, "expected_lowest_ratio"))
    return None


def _statement(rows: Sequence[Row], labels: Sequence[str], title: str) -> str:
    known = [place for place, row in enumerate(rows) if scales.known(row, "value")]
    if not known:
        return charts.shortened(f"{title}: no group has a value.", 250)
    low = min(known, key=lambda place: float(rows[place]["value"]))
    high = max(known, key=lambda place: float(rows[place]["value"]))
    metric = str(rows[0]["metric"])
    ends = [scales.score(metric, float(rows[place]["value"]), ("", "")).text for place in (low, high)]
    names = [charts.shortened(labels[place], 70) for place in (low, high)]
    return charts.shortened(f"{title} ranges from {ends[0]} for {names[0]} to {ends[1]} for {names[1]}.", 250)


def _line(row: Row, label: str, record: str) -> Mapping[str, object]:
    metric = str(row["metric"])
    low, high = (scales.score(metric, float(row[field]), (record, field)) for field in ("low", "high"))
    return {
        "label": label,
        "n": numbers.count(float(row["n"]), record, "n"),
        "failed": numbers.count(float(row["failed"]), record, "failed"),
        "value": scales.score(metric, float(row["value"]), (record, "value")),
        "interval": (low, " to ", high) if scales.known(row, "low", "high") else (low,),
        "ratio": _ratio(row, record, "impact_ratio"),
        "ratio_interval": _ratio_interval(row, record),
        "note": str(row["note"]),
    }


def _ratio(row: Row, record: str, field: str) -> numbers.Number:
    return numbers.ratio(float(row[field]), (record, field), beside=(charts.FOUR_FIFTHS, 1.0))


def _ratio_interval(row: Row, record: str) -> scales.Sentence:
    low, high = (_ratio(row, record, field) for field in ("impact_ratio_low", "impact_ratio_high"))
    return (low, " to ", high) if scales.known(row, "impact_ratio_low", "impact_ratio_high") else (low,)
