"""Annex: classical tests, for readers who expect them. They decide nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit.records import ALL, Run
from audit.report import facts, numbers
from audit.report.facts import Row

MOST_ROWS = 60
MOST_NOTES = 6
TESTS: dict[str, str] = {
    "two_proportion_z": "two-proportion z",
    "fisher_exact": "Fisher’s exact",
    "mcnemar_exact": "exact McNemar",
    "mixed_model": "mixed model",
}


def section(run: Run) -> Mapping[str, object]:
    """One table a metric: tests of decided effects first, pooled before strata; left out where none was made."""
    if not len(run.classical):
        return {}
    decided = set(run.effects["effect_id"][run.effects["decision"]])
    rows = sorted(facts.rows(run.classical), key=lambda row: _order(row, decided))
    shown = rows[:MOST_ROWS]
    return {
        "title": "Annex: classical tests",
        "tables": [
            _table(run, metric, [row for row in shown if row["metric"] == metric])
            for metric in dict.fromkeys(str(row["metric"]) for row in shown)
        ],
        "cut": len(rows) > len(shown),
    }


def _order(row: Row, decided: set[str]) -> tuple[bool, bool, bool]:
    return row["effect_id"] not in decided, row["stratum"] != ALL, "*" in str(row["axis"])


def _table(run: Run, metric: str, rows: Sequence[Row]) -> Mapping[str, object]:
    return {
        "heading": facts.card(metric).title,
        "rows": [_line(run, row) for row in rows],
        "notes": _notes(rows),
    }


def _notes(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """What each test ignores, once."""
    told = ((TESTS.get(str(row["test"]), str(row["test"])), str(row["note"])) for row in rows if row["note"])
    return list(dict.fromkeys(told))[:MOST_NOTES]


def _line(run: Run, row: Row) -> Mapping[str, object]:
    record = facts.classical_record(row)

    def plain(field: str) -> numbers.Number:
        return numbers.plain(float(row[field]), (record, field), beside=(0.0,), signed=field != "se")

    return {
        "label": f"{facts.axis_title(run, str(row['axis']))}: {facts.label(run, row)}",
        "test": TESTS.get(str(row["test"]), str(row["test"])),
        "n": numbers.count(float(row["n"]), record, "n"),
        "estimate": plain("estimate"),
        "se": plain("se"),
        "statistic": plain("statistic"),
        "p": numbers.probability(float(row["p_value"]), (record, "p_value")),
    }
