"""What `audit history` prints: each finding from its oldest to its newest run, the newest runs, what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from audit.changenames import figure
from audit.console import STYLES, say, words
from audit.records import VERDICTS, Compared, History
from audit.report.facts import rows
from audit.statuses import contrasted, version_name

SHOWN_FINDINGS = 30
SHOWN_RUNS = 10
SHOWN_LEFT_OUT = 10


def timeline(console: Console, found: History) -> None:
    """The history of each suite, and what could not be read."""
    lines = [list(members) for _, members in groupby(rows(found.table), lambda row: row["effect_id"])]
    for suite in sorted({one.suite for one in found.runs}):
        mine = [line for line in lines if line[-1]["suite"] == suite]
        places = [place for place, one in enumerate(found.runs) if one.suite == suite]
        first, last = (_when(found.runs[place]) for place in (places[0], places[-1]))
        say(console, f"{suite}: {_count(len(places), 'run')}, {first} to {last}")
        if not mine:
            say(console, "no finding: nothing is marked for decision here")
            continue
        console.print(_findings(mine))
        _more(console, len(mine) - SHOWN_FINDINGS, "more findings")
    console.print(_runs(found))
    _more(console, len(found.runs) - SHOWN_RUNS, "older runs")
    for one in found.left_out[:SHOWN_LEFT_OUT]:
        say(console, f"left out   {one.what}: {one.reason}")
    _more(console, len(found.left_out) - SHOWN_LEFT_OUT, "more folders left out")


def _when(one: Compared) -> str:
    return f"{one.finished_at[:10]} ({version_name(one.model)})"


def _more(console: Console, count: int, what: str) -> None:
    if count > 0:
        say(console, f"({count:,} {what}; -o and --json have all)")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _findings(lines: Sequence[Sequence[Mapping[str, Any]]]) -> Table:
    table = Table(
        "newest verdict", "finding", "runs", "oldest", "newest", "range", "limit", "beyond in", "breaks",
        box=box.SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    for line in lines[:SHOWN_FINDINGS]:
        first, last = line[0], line[-1]
        before = line[-2]["verdict"] if len(line) > 1 else last["verdict"]
        was = f" (was {words(before)})" if before != last["verdict"] else ""
        table.add_row(
            Text(f"{words(last['verdict'])}{was}", style=STYLES.get(last["verdict"], "")),
            escape(f"{last['metric']}: {contrasted(last)}"),
            str(len(line)),
            *(figure(row, "estimate") for row in (first, last)),
            f"{figure(last, 'low')} to {figure(last, 'high')}",
            f"{figure(last, 'limit_low')} to {figure(last, 'limit_high')}",
            str(sum(row["verdict"] == "beyond" for row in line)),
            str(sum(bool(row["apart"]) for row in line)),
        )
    return table


def _runs(found: History) -> Table:
    table = Table(
        "ended", "version", "suite", *(words(verdict) for verdict in VERDICTS), "folder", box=box.SIMPLE_HEAD,
        pad_edge=False, title="Newest runs",
    )  # fmt: skip
    counts = found.table.groupby(["run", "verdict"]).size().to_dict()
    for place, one in reversed(list(enumerate(found.runs))[-SHOWN_RUNS:]):
        table.add_row(
            one.finished_at,
            escape(version_name(one.model)) + ("" if one.complete else " (incomplete)"),
            escape(one.suite),
            *(str(counts.get((place, verdict), 0)) for verdict in VERDICTS),
            escape(one.source),
        )
    return table
