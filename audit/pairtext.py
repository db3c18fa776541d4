"""One explained pair in the terminal: marked words of both sides, credits with their errors, the waterfall as bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from audit.console import say
from audit.errors import InputError
from audit.harmless import visible
from audit.records import Run
from audit.report.bars import LEFT, RIGHT, Waterfall
from audit.report.numbers import Number
from audit.report.quotes import Passage
from audit.report.worked import worked

COLUMNS = 36
"""Width of the waterfall's bars in characters."""
STYLES = {"up": "bold", "down": "underline", "wider": "bold", "lower": "underline"}
MOST_WORDS = 12


def explained(console: Console, run: Run, pair_id: str) -> None:
    """Prints all that the run knows about why the two answers of a pair differ; InputError where that is nothing."""
    pair: Any = worked(run, pair_id, most_words=MOST_WORDS)
    if pair is None:
        raise InputError(f"{pair_id}: this run has no explanation of a pair with that id")
    groups = pair["groups"]
    place = f", {pair['stratum']}" if pair["stratum"] else ""
    say(console, f"{pair['axis']}: {groups['b']} against {groups['a']}{place}")
    values = pair["values"]
    say(
        console,
        f"{pair['metric']}: a {values['a'].text}, b {values['b'].text}, difference {pair['delta'].text} {pair['unit']}",
    )
    if pair["flipped"]:
        say(console, f"the decision changed: only {pair['flipped']} got the favourable one")
    for doubt in pair["doubts"]:
        say(console, f"NOT RELIABLE  {doubt}")
    for side in pair["sides"]:
        _quoted(console, f"{side['name']}  {side['group']}", side["passages"])
        if side["words"]:
            console.print(_credits(["word", *side["methods"]], side["words"]))
    if pair["swap"]:
        _swap(console, pair["swap"])
    if pair["line"]:
        steps = [(f"{slot}: {a} → {b}", [(credit,)]) for slot, a, b, credit in pair["line"]]
        console.print(_credits(["inside the model, from a to b", "credit"], steps))
    if pair["gap"]:
        _quoted(console, "words on which the difference depends, in the text of b", pair["gap"]["passages"])
        words = [(word, [(kind,), credit]) for word, kind, credit in pair["gap"]["words"]]
        console.print(_credits(["word", "kind", "credit for b - a"], words))
    for title, parts in pair["quality"]:
        say(console, f"{title}: {_plain(parts)}")


def _quoted(console: Console, heading: str, passages: Iterable[Passage]) -> None:
    """A text with its marked words in brackets, each with its credit."""
    console.print()
    say(console, heading)
    for passage in passages:
        text = Text("    " if passage.role == "text" else f"    {passage.role}: ")
        for piece in passage.pieces:
            number = f" {piece.number.text}" if piece.number else ""
            words = visible(piece.text)
            text.append(f"[{words}{number}]" if piece.kind else words, style=STYLES.get(piece.kind, ""))
        console.print(text, soft_wrap=not console.is_terminal)


def _credits(heads: Sequence[str], rows: Sequence[tuple[str, Sequence[Sequence[str | Number]]]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left")
    for word, cells in rows:
        table.add_row(escape(visible(word)), *(escape(_plain(cell)) for cell in cells))
    return table


def _swap(console: Console, swap: Mapping[str, Any]) -> None:
    """The waterfall, one line a step."""
    console.print()
    say(console, "from a to b, one step at a time (# raises the score, - lowers it)")
    chart: Waterfall = swap["chart"]
    width = max(len(step.label) for step in chart.steps)
    for step in chart.steps:
        start, end = (round((x - LEFT) / (RIGHT - LEFT) * COLUMNS) for x in (step.start, step.end))
        first, last = sorted((start, end))
        mark = "|" if step.total else "#" if step.end >= step.start else "-"
        bar = " " * first + mark * max(1, last - first)
        say(console, f"    {step.label:>{width}}  {bar:<{COLUMNS + 1}}  {step.number.text}")


def _plain(parts: Sequence[str | Number]) -> str:
    return "".join(part if isinstance(part, str) else part.text for part in parts)
