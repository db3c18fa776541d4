"""Cards, which show one thing in a notebook or a terminal: as HTML without script or colour of its own, and as text."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from audit.harmless import visible
from audit.report.quotes import Passage, Piece

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

TEXT_WIDTH = 120
"""Columns of a card where there is no terminal to fit it to."""
LINE = "1px solid rgba(128,128,128,.45)"
CELL = f"text-align:left;vertical-align:top;padding:.15em .6em .15em 0;border-bottom:{LINE}"
BOX = f"border:{LINE};border-radius:4px;padding:.5em .8em;margin:.3em 0;max-width:72em;line-height:1.4"
MARK = "font-weight:bold;text-decoration:underline"


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A table of words."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """One side of a pair: whose it is, and its messages with the differing words marked."""

    label: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What is shown of one thing, from top to bottom; everything in it is plain text."""

    title: str
    lead: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    quotes: tuple[Quote, ...] = ()
    grids: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()


# ------------------------------------------------------------------- HTML


def html(card: Card) -> str:
    """The card as one element: no script, no link, and the colours of the page around it."""
    return f'<div class="audit-card" style="{BOX}">{"".join(_blocks(card))}</div>'


def _blocks(card: Card) -> Iterator[str]:
    yield f"<div><strong>{_safe(card.title)}</strong></div>"
    if card.lead:
        yield f"<div>{_safe(card.lead)}</div>"
    if card.facts:
        rows = (_html_row((label, words), head=1) for label, words in card.facts)
        yield _html_table("".join(rows))
    yield from (_html_quote(quote) for quote in card.quotes)
    yield from (_html_grid(grid) for grid in card.grids)
    yield from (f"<div><small>{_safe(note)}</small></div>" for note in card.notes)


def _html_grid(grid: Grid) -> str:
    caption = f'<caption style="text-align:left">{_safe(grid.caption)}</caption>' if grid.caption else ""
    head = "".join(f'<th scope="col" style="{CELL}">{_safe(cell)}</th>' for cell in grid.heading)
    body = "".join(_html_row(row) for row in grid.rows)
    return _html_table(f"{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>")


def _html_table(inside: str) -> str:
    return f'<table style="border-collapse:collapse;margin:.4em 0">{inside}</table>'


def _html_row(cells: Sequence[str], *, head: int = 0) -> str:
    shown = (
        f'<th scope="row" style="{CELL}">{_safe(cell)}</th>'
        if place < head
        else f'<td style="{CELL}">{_safe(cell)}</td>'
        for place, cell in enumerate(cells)
    )
    return f"<tr>{''.join(shown)}</tr>"


def _html_quote(quote: Quote) -> str:
    texts = "".join(f"<div>{_html_passage(passage)}</div>" for passage in quote.passages)
    return f'<div style="margin:.4em 0"><div><em>{_safe(quote.label)}</em></div>{texts}</div>'


def _html_passage(passage: Passage) -> str:
    role = "" if passage.role == "text" else f"{_safe(passage.role)}: "
    pieces = "".join(
        f'<span style="{MARK}">{_safe(piece.text)}</span>' if piece.kind else _safe(piece.text)
        for piece in passage.pieces
    )
    return f'<span style="white-space:pre-wrap">{role}{pieces}{" …" if passage.cut else ""}</span>'


def _safe(text: str) -> str:
    """`text` that can neither become an element nor hide what it says."""
    return escape(visible(text))


# --------------------------------------------------------------- terminal


def rich(card: Card) -> RenderableType:
    """The card for a console of rich."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    parts: list[RenderableType] = [Text(visible(card.lead))] if card.lead else []
    parts += [_text_facts(card.facts)] if card.facts else []
    for quote in card.quotes:
        parts += [Text(visible(quote.label), style="italic"), *map(_text_passage, quote.passages)]
    parts += [_text_grid(grid) for grid in card.grids]
    parts += [Text(visible(note), style="dim") for note in card.notes]
    return Panel(Group(*parts), title=Text(visible(card.title), style="bold"), title_align="left")


def text(card: Card) -> str:
    """The card as plain text, without colours."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(), width=TEXT_WIDTH, no_color=True, highlight=False, force_terminal=False,
        force_jupyter=False,
    )  # fmt: skip
    with console.capture() as captured:
        console.print(rich(card))
    return captured.get().rstrip("\n")


def _text_facts(facts: Sequence[tuple[str, str]]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for label, words in facts:
        table.add_row(Text(visible(label), style="dim"), Text(visible(words)))
    return table


def _text_grid(grid: Grid) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    title = Text(visible(grid.caption)) if grid.caption else None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for cell in grid.heading:
        table.add_column(Text(visible(cell)))
    for row in grid.rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    return table


def _text_passage(passage: Passage) -> Text:
    """The words of a message; marked ones are underlined, and in square brackets where nothing can be underlined."""
    from rich.text import Text

    shown = Text("  " if passage.role == "text" else f"  {visible(passage.role)}: ")
    for piece in passage.pieces:
        shown.append(*_text_piece(piece))
    return shown.append(" …" if passage.cut else "")


def _text_piece(piece: Piece) -> tuple[str, str]:
    words = visible(piece.text)
    return (f"[{words}]", "bold underline") if piece.kind else (words, "")
