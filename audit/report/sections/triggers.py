"""What triggers a difference: strata, words of the context, and the credit that the group's words receive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from audit.records import ALL, Run
from audit.report import facts, numbers, scales
from audit.report.facts import Row

if TYPE_CHECKING:
    import pandas as pd

MOST_METRICS = 2
MOST_STRATA = 8
MOST_WORDS = 10


def section(run: Run) -> Mapping[str, object]:
    """Strata, trigger words and attribution effects; left out where the run has none of them."""
    strata, words, credits = _strata(run), _words(run), _credits(run)
    if not (strata or words or credits):
        return {}
    return {
        "title": "What triggers a difference",
        "stratum": str(run.suite.get("stratum") or "stratum"),
        "strata": strata,
        "words": words,
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


def _words(run: Run) -> list[Mapping[str, object]]:
    gap = run.attributions[(run.attributions["game"] == "gap") & run.attributions["value"].notna()]
    if not len(gap):
        return []
    mine = run.pairs.loc[run.pairs["pair_id"].isin(gap["pair_id"]), ["pair_id", "axis", "group_a", "group_b"]]
    pairs = mine.drop_duplicates("pair_id")
    joined = gap.merge(pairs, on="pair_id")
    joined = joined.assign(size=joined["value"].abs())
    keys = ["axis", "group_a", "group_b", "slot", "text_b"]
    mean = joined.groupby(keys, sort=True).agg(
        n=("value", "size"), value=("value", "mean"), size=("size", "mean")
    )
    table = mean.reset_index()
    return [
        _word_table(run, str(axis), table[table["axis"] == axis]) for axis in dict.fromkeys(table["axis"])
    ]


def _word_table(run: Run, axis: str, table: pd.DataFrame) -> Mapping[str, object]:
    ranked = table.sort_values(["size", "text_b"], ascending=[False, True], kind="stable")
    return {
        "heading": facts.axis_title(run, axis),
        "rows": [_word_line(run, row) for row in facts.rows(ranked.head(MOST_WORDS))],
        "cut": len(ranked) > MOST_WORDS,
    }


def _word_line(run: Run, row: Row) -> Mapping[str, object]:
    record = "gap/" + "/".join(str(row[key]) for key in ("axis", "group_a", "group_b", "slot", "text_b"))
    return {
        "word": str(row["text_b"]),
        "slot": str(row["slot"]) or "word",
        "contrast": facts.contrast(run, row),
        "n": numbers.count(float(row["n"]), record, "n"),
        "value": scales.credit(float(row["value"]), (record, "value")),
        "size": numbers.plain(float(row["size"]), (record, "size")),
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
