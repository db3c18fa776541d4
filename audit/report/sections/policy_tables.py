"""Annex: the tables that the policy asks for, in the words of its rule. Left out where it asks for none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from audit.contrasts import UNKNOWN
from audit.records import ALL, Question, QuestionKind, Run
from audit.report import facts, numbers, scales
from audit.report.facts import Row

MOST_ROWS = 60


def section(run: Run) -> Mapping[str, object]:
    """Every table with a block for each axis and metric that the run can fill, and why the others are empty."""
    annex = facts.mapping(run.policy, "annex")
    if not annex:
        return {}
    return {
        "title": "Annex: tables that the policy asks for",
        "heading": facts.text(annex, "title"),
        "caveats": _texts(annex, "caveats"),
        "left_out": _texts(annex, "left_out"),
        "basis": _basis(run),
        "tables": [_table(run, table) for table in _entries(annex, "tables")],
        "dropped": numbers.count(sum(each.count for each in run.excluded), "excluded", "rows"),
        "recorded": bool(run.suite.get("recorded")) and bool(run.excluded),
        "finished": numbers.day(run.manifest.get("finished_at"), "manifest", "finished_at"),
        "model": numbers.exact(facts.model_name(run), "model", "name"),
        "least": numbers.percent(facts.number(run.policy, "min_group_share"), ("policy", "min_group_share")),
    }


def _texts(source: Mapping[str, Any], key: str) -> list[str]:
    value = source.get(key)
    return [str(each) for each in value] if isinstance(value, Sequence) and not isinstance(value, str) else []


def _entries(source: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = source.get(key)
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [each for each in listed if isinstance(each, Mapping)]


def _basis(run: Run) -> str:
    """Where the answers come from, as the rule wants it explained."""
    if run.suite.get("recorded"):
        return (
            "Answers that were recorded elsewhere. Whether they are historical data of the tool, and where they come "
            "from, has to be said by whoever recorded them."
        )
    return (
        "Inputs that were written for this test and differ only in what suggests a category. They are no historical "
        "data, and no individual applied with them: every number of inputs below is the number of test inputs."
    )


def _table(run: Run, table: Mapping[str, Any]) -> Mapping[str, object]:
    blocks = [_block(run, axis, metric, rows) for axis, metric, rows in _filled(run, table)]
    return {
        "title": facts.text(table, "title"),
        "clause": _clause(run, table),
        "blocks": blocks,
        "lacking": "" if blocks else _lacking(run, table),
    }


def _clause(run: Run, table: Mapping[str, Any]) -> str:
    found = facts.mapping(facts.mapping(run.policy, "clauses"), str(table.get("clause")))
    return str(found.get("clause") or "")


def _filled(run: Run, table: Mapping[str, Any]) -> Iterator[tuple[str, str, list[Row]]]:
    """Axis, metric and rows of every block that the run has."""
    groups = run.groups[run.groups["stratum"] == ALL]
    for axis in _texts(table, "axes"):
        for metric in _texts(table, "metrics"):
            rows = facts.rows(groups[(groups["axis"] == axis) & (groups["metric"] == metric)])
            if any(row["n"] or row["failed"] for row in rows):
                yield axis, metric, rows


def _lacking(run: Run, table: Mapping[str, Any]) -> str:
    axes, metrics = _texts(table, "axes"), _texts(table, "metrics")
    if not set(axes) & set(run.groups["axis"]):
        return f"not in this run: nothing was tested that this table could show ({', '.join(axes)})"
    return f"not in this run: the suite measures none of {', '.join(metrics)} on these inputs"


def _block(run: Run, axis: str, metric: str, rows: Sequence[Row]) -> Mapping[str, object]:
    known = [row for row in rows if not UNKNOWN & {str(row["group"]), *str(row["group"]).split("*")}]
    record = f"groups/{metric}/{axis}"
    unknown = sum(int(row["n"]) + int(row["failed"]) for row in rows if row not in known)
    return {
        "heading": f"{facts.card(metric).title}: {facts.axis_title(run, axis)}",
        "rows": [_line(run, row) for row in known[:MOST_ROWS]],
        "notes": any(row["note"] for row in known),
        "cut": len(known) > MOST_ROWS,
        "unknown": numbers.count(unknown, record, "unknown"),
        "expected": next(
            (_expected(row) for row in rows if scales.known(row, "expected_lowest_ratio")), None
        ),
        "median": _median(run, metric),
    }


def _line(run: Run, row: Row) -> Mapping[str, object]:
    record, metric = facts.group_record(row), str(row["metric"])
    low, high = (_ratio(row, record, field) for field in ("impact_ratio_low", "impact_ratio_high"))
    bounded = scales.known(row, "impact_ratio_low", "impact_ratio_high")
    return {
        "category": _category(run, str(row["axis"]), str(row["group"])),
        "n": numbers.count(float(row["n"]), record, "n"),
        "failed": numbers.count(float(row["failed"]), record, "failed"),
        "rate": scales.score(metric, float(row["value"]), (record, "value")),
        "ratio": _ratio(row, record, "impact_ratio"),
        "interval": (low, " to ", high) if bounded else (low,),
        "note": str(row["note"]),
    }


def _ratio(row: Row, record: str, field: str) -> numbers.Number:
    return numbers.ratio(float(row[field]), (record, field), beside=(1.0,))


def _expected(row: Row) -> numbers.Number:
    source = (facts.group_record(row), "expected_lowest_ratio")
    return numbers.ratio(float(row["expected_lowest_ratio"]), source)


def _category(run: Run, axis: str, group: str) -> str:
    """What the rule calls the group; where it has no word for it, what the run calls it."""
    named = facts.mapping(facts.mapping(run.policy, "annex"), "categories")
    axes, groups = facts.parts(axis), group.split("*")
    if len(axes) != len(groups):
        return group
    words = [facts.mapping(named, part).get(own) for part, own in zip(axes, groups, strict=True)]
    titles = (
        str(word) if word else facts.group_title(run, part, own)
        for word, part, own in zip(words, axes, groups, strict=True)
    )
    return " × ".join(titles)


def _median(run: Run, metric: str) -> numbers.Number | None:
    """The sample median that a scoring rate counts from; None for other rates."""
    from audit.kinds import kind_of
    from audit.metrics import METRICS

    relative = kind_of(metric).relative if metric in METRICS else None
    if relative is None:
        return None
    asked = cast(QuestionKind, str(facts.mapping(run.plan, "question").get("kind") or "classify"))
    base = relative.rests_on(Question(kind=asked))
    swap = run.prompts.loc[run.prompts["arm"] == "swap", ["prompt_id", "item"]].drop_duplicates()
    mine = run.scores[(run.scores["metric"] == base) & (run.scores["arm"] == "swap")]
    values = mine.merge(swap, on=["prompt_id", "item"])["value"]
    return numbers.plain(float(values.median()), (f"scores/{base}", "median"))
