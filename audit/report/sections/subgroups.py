"""Worst subgroups: searched in one half of the texts, measured again in the other."""

from __future__ import annotations

from collections.abc import Mapping

from audit.records import ALL, Run
from audit.report import facts, numbers, scales, wording
from audit.report.facts import Row


def section(run: Run) -> Mapping[str, object]:
    """One row a metric that was searched; left out where no search was made."""
    rows = facts.rows(run.subgroups)
    if not rows:
        return {}
    found = [row for row in rows if scales.known(row, "search_estimate")]
    return {
        "title": "Worst subgroups",
        "stratum": str(run.suite.get("stratum") or "stratum"),
        "rows": [_line(run, row) for row in found],
        "without": [(facts.card(str(row["metric"])).title, _why(row)) for row in rows if row not in found],
        "confirmed": numbers.count(sum(bool(row["confirmed"]) for row in found), "subgroups", "confirmed"),
        "total": numbers.count(len(found), "subgroups", "rows"),
    }


def _why(row: Row) -> str:
    return str(row["reason"]) or "nothing could be searched"


def _line(run: Run, row: Row) -> Mapping[str, object]:
    record, metric = facts.subgroup_record(row), str(row["metric"])

    def size(field: str) -> numbers.Number:
        return scales.score_change(metric, float(row[field]), (record, field))

    ends = (size("low"), " to ", size("high")) if scales.known(row, "low", "high") else (size("low"),)
    return {
        "record": record,
        "metric": f"{facts.card(metric).title} ({scales.change_unit(metric)})",
        "subgroup": wording.upper(_subgroup(run, row)),
        "searched": numbers.count(float(row["searched"]), record, "searched"),
        "first": size("search_estimate"),
        "again": size("estimate"),
        "interval": ends,
        "p": numbers.probability(float(row["p_adjusted"]), (record, "p_adjusted")),
        "n": numbers.count(float(row["n"]), record, "n"),
        "clusters": (
            numbers.count(float(row["search_clusters"]), record, "search_clusters"),
            " / ",
            numbers.count(float(row["clusters"]), record, "clusters"),
        ),
        "words": _words(row),
    }


def _subgroup(run: Run, row: Row) -> str:
    group = facts.group_title(run, str(row["axis"]), str(row["group"]))
    return group if row["stratum"] == ALL else f"{group}, {row['stratum']}"


def _words(row: Row) -> str:
    if bool(row["confirmed"]):
        return f"confirmed, {row['reason']}" if row["reason"] else "confirmed"
    why = str(row["reason"])
    return why if why.startswith("not confirmed") else f"not confirmed: {why}" if why else "not confirmed"
