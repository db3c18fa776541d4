"""What the random sample of explained pairs adds up to: slots with their shares, and trigger words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from audit.records import Run
from audit.report import facts, numbers, scales
from audit.report.facts import Row
from audit.report.scales import Sentence

if TYPE_CHECKING:
    import pandas as pd

MOST_UNTOLD = 4
"""Words that are not told from zero, of each attribute, that are shown beside those that are."""
MOST_TOLD = 12
KINDS: Mapping[str, str] = {
    "all": "the whole difference",
    "slot": "slot",
    "interaction": "two slots together",
    "stratum": "stratum",
    "value": "slot value",
    "word": "word",
    "other_values": "rare values together",
    "other_words": "rare words together",
}


def slots(run: Run) -> list[Mapping[str, object]]:
    """One table for each attribute: the difference of every two groups, and what its slots have of it."""
    swap = run.carriers[run.carriers["game"] == "swap"]
    return [
        {
            "heading": facts.axis_title(run, axis),
            "unit": scales.change_unit(str(mine["metric"].iloc[0])),
            "rows": [_slot_line(run, row) for row in facts.rows(mine)],
        }
        for axis, mine in _by_axis(swap)
    ]


def _slot_line(run: Run, row: Row) -> Mapping[str, object]:
    whole = row["kind"] == "all"
    return {
        "label": facts.contrast(run, row) if whole else "",
        "slot": KINDS["all"]
        if whole
        else f"{row['slot']}{' together' if row['kind'] == 'interaction' else ''}",
        "whole": whole,
        "comparison": facts.contrast(run, row),
        **_figures(row),
        "share": () if whole else _share(row),
    }


def _share(row: Row) -> Sentence:
    """The share with its interval, or why there is none."""
    if not math.isfinite(float(row["share"])):
        return ("none: difference not told from zero",) if row["kind"] == "slot" else ("in the slots",)
    ends = [
        numbers.percent(float(row[f"share_{end}"]), (_record(row), f"share_{end}")) for end in ("low", "high")
    ]
    share = numbers.percent(float(row["share"]), (_record(row), "share"))
    if not all(math.isfinite(float(row[f"share_{end}"])) for end in ("low", "high")):
        return (share,)
    return (share, " (", ends[0], " to ", ends[1], ")")


def words(run: Run) -> list[Mapping[str, object]]:
    """One table for each attribute: words, slot values and strata that are told from zero, then the largest others."""
    gap = run.carriers[(run.carriers["game"] == "gap") & (run.carriers["kind"] != "all")]
    return [_word_table(run, axis, mine) for axis, mine in _by_axis(gap)]


def _word_table(run: Run, axis: str, table: pd.DataFrame) -> Mapping[str, object]:
    ranked = table.assign(size=table["estimate"].abs()).sort_values("size", ascending=False, kind="stable")
    told, others = ranked[ranked["told"]], ranked[~ranked["told"] & ranked["estimate"].notna()]
    shown = [*facts.rows(told.head(MOST_TOLD)), *facts.rows(others.head(MOST_UNTOLD))]
    return {
        "heading": facts.axis_title(run, axis),
        "unit": scales.change_unit(str(table["metric"].iloc[0])),
        "told": numbers.count(len(told), f"carriers/{axis}", "told"),
        "tested": numbers.count(len(ranked), f"carriers/{axis}", "tested"),
        "rows": [_word_line(run, row) for row in shown],
        "cut": len(told) > MOST_TOLD or len(others) > MOST_UNTOLD,
    }


def _word_line(run: Run, row: Row) -> Mapping[str, object]:
    kind = KINDS.get(str(row["kind"]), str(row["kind"]))
    of = f" of {row['slot']}" if row["slot"] else ""
    return {
        "word": str(row["text"]) or kind,
        "kind": f"{kind}{of}",
        "comparison": facts.contrast(run, row),
        "told": "trigger" if row["told"] else "not told from zero",
        **_figures(row),
    }


def _figures(row: Row) -> Mapping[str, object]:
    """Mean credit, interval, adjusted p, pairs and clusters."""
    record = _record(row)
    ends = [
        numbers.plain(float(row[end]), (record, end), beside=[0.0], signed=True) for end in ("low", "high")
    ]
    known = all(end.text != numbers.NO_VALUE for end in ends)
    return {
        "estimate": scales.credit(float(row["estimate"]), (record, "estimate")),
        "interval": (ends[0], " to ", ends[1]) if known else (ends[0],),
        "p": numbers.probability(float(row["p_adjusted"]), (record, "p_adjusted")),
        "pairs": numbers.count(float(row["pairs"]), record, "pairs"),
        "clusters": numbers.count(float(row["clusters"]), record, "clusters"),
    }


def lost(run: Run) -> Sentence:
    """How many comparisons of pairs were left out of the means, and how many stayed though a bar was missed."""
    whole = run.carriers[run.carriers["kind"] == "all"]
    if not len(whole):
        return ()
    out = {
        name: numbers.count(float(whole[name].sum()), "carriers", name)
        for name in ("pairs", "lost", "unreliable")
    }
    return (
        "Pairs of the random sample, counted once in each game and comparison: ", out["pairs"],
        " are in these means, ", out["unreliable"], " of them although they missed a bar (their credits add up all the "
        "same); ", out["lost"], " have no credits that add up and are left out.",
    )  # fmt: skip


def _by_axis(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(axis, table[table["axis"] == axis]) for axis in dict.fromkeys(table["axis"])]


def _record(row: Row) -> str:
    return str(row["carrier_id"])
