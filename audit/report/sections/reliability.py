"""Reliability: how far answers move without any change of group, and what had no answer."""

from __future__ import annotations

from collections.abc import Mapping

from audit.records import ALL, Run
from audit.report import facts, numbers, scales

ARMS: dict[str, str] = {
    "again": "asked again",
    "edit": "an edit that cannot matter",
    "name": "another name of the same group",
    "paraphrase": "another wording of the same content",
    "swap": "another group",
}


def section(run: Run) -> Mapping[str, object]:
    """Mean size of the change in each arm, beside that of the swap arm; failures by reason."""
    return {
        "title": "Reliability",
        "tables": _tables(run),
        "errors": _errors(run),
        "judges": _judges(run),
        "repeats": numbers.count(
            facts.number(facts.mapping(run.suite, "sampling"), "repeats"), "suite", "sampling.repeats"
        ),
        "computed": run.plan.get("deterministic") is True,
        "answers": numbers.count(len(run.responses), "responses", "rows"),
    }


def _tables(run: Run) -> list[Mapping[str, object]]:
    """One table for each attribute: arms down, metrics across."""
    if not len(run.deltas):
        return []
    told = run.deltas["delta"].notna() | facts.lacking(run.deltas)
    plain = ~run.deltas["metric"].str.startswith(facts.ATTRIBUTION)
    frame = run.deltas.loc[told & plain, ["axis", "arm", "metric", "delta"]]
    frame = frame.assign(size=frame["delta"].abs())
    sums = frame.groupby(["axis", "arm", "metric"], sort=True).agg(
        n=("size", "count"), pairs=("delta", "size"), size=("size", "mean")
    )
    table = facts.rows(sums.reset_index())
    return [
        _table(run, axis, [row for row in table if row["axis"] == axis])
        for axis in dict.fromkeys(frame["axis"])
    ]


def _table(run: Run, axis: str, rows: list[facts.Row]) -> Mapping[str, object]:
    present = [str(row["metric"]) for row in rows]
    metrics = list(
        dict.fromkeys([metric for metric in facts.decided_metrics(run) if metric in present] + present)
    )
    cells = {(str(row["arm"]), str(row["metric"])): row for row in rows}
    arms = [arm for arm in ARMS if any(row["arm"] == arm for row in rows)]
    return {
        "heading": facts.axis_title(run, axis),
        "columns": [f"{facts.card(metric).title} ({scales.change_unit(metric)})" for metric in metrics],
        "rows": [_line(axis, arm, [cells.get((arm, metric)) for metric in metrics]) for arm in arms],
    }


def _line(axis: str, arm: str, cells: list[facts.Row | None]) -> Mapping[str, object]:
    found = [cell for cell in cells if cell is not None]
    record = f"deltas/{axis}/{arm}"
    missing = sum(float(cell["pairs"]) - float(cell["n"]) for cell in found)
    return {
        "arm": ARMS[arm],
        "swap": arm == "swap",
        "pairs": numbers.count(max(float(cell["pairs"]) for cell in found), record, "pairs"),
        "missing": numbers.count(missing, record, "missing"),
        "sizes": [None if cell is None else _size(cell, record) for cell in cells],
    }


def _size(cell: facts.Row, record: str) -> numbers.Number:
    metric, size = str(cell["metric"]), float(cell["size"])
    source = (f"{record}/{metric}", "size")
    if scales.is_rate(facts.card(metric)):
        return numbers.points(size, source, signed=False)
    return numbers.plain(size, source)


def _judges(run: Run) -> list[Mapping[str, object]]:
    """How often a judging model was right, by metric, attribute and group."""
    rows = facts.rows(run.judged)
    keys = dict.fromkeys((str(row["metric"]), str(row["axis"])) for row in rows)
    return [
        {
            "heading": f"{facts.card(metric).title}: {facts.axis_title(run, axis)}",
            "rows": [_judge(run, row) for row in rows if (row["metric"], row["axis"]) == (metric, axis)],
            "notes": list(
                dict.fromkeys(
                    str(row["note"])
                    for row in rows
                    if row["note"] and (row["metric"], row["axis"]) == (metric, axis)
                )
            ),
        }
        for metric, axis in keys
    ]


def _judge(run: Run, row: facts.Row) -> Mapping[str, object]:
    record = facts.judged_record(row)

    def share(field: str) -> scales.Sentence:
        value, low, high = (
            numbers.percent(float(row[name]), (record, name))
            for name in (field, f"{field}_low", f"{field}_high")
        )
        return (value, " (", low, " to ", high, ")") if scales.known(row, f"{field}_low") else (value,)

    return {
        "group": "all groups"
        if row["group"] == ALL
        else facts.group_title(run, str(row["axis"]), str(row["group"])),
        "counts": [
            numbers.count(float(row[name]), record, name) for name in ("favourable", "unfavourable", "failed")
        ],
        "sensitivity": share("sensitivity"),
        "specificity": share("specificity"),
    }


def _errors(run: Run) -> list[tuple[str, numbers.Number]]:
    failed = run.responses[run.responses["error"] != ""].groupby("error", sort=True).size()
    return [
        (str(error), numbers.count(amount, "responses/error", str(error)))
        for error, amount in zip(failed.index.tolist(), failed.tolist(), strict=True)
    ][:12]
