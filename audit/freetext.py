"""A person's own prompts, read from CSV, JSON Lines or plain text: one prompt a row or a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.errors import InputError, Problem
from audit.recordings import SUFFIXES, Row, find_recordings, rows_of
from audit.shape import did_you_mean

USUAL_COLUMNS = ("prompt", "text", "question", "input")


@dataclass(frozen=True, kw_only=True, slots=True)
class FreeText:
    """One prompt and the line of its file on which it stands (ends, in CSV)."""

    line: int
    text: str


def read_texts(path: Path, *, column: str | None = None) -> Iterator[FreeText]:
    """The prompts of a file, without empty ones; InputError with the place where one cannot be read."""
    if not path.is_file():
        raise InputError(Problem(file=str(path), message="there is no such file of prompts"))
    has_rows = Path(path.name.lower().removesuffix(".gz")).suffix in SUFFIXES
    if column is not None and not has_rows:
        raise InputError(f"{path}: '--column' is for CSV and JSON Lines; a text file holds one prompt a line")
    try:
        yield from _of_rows(path, column) if has_rows else _of_lines(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def _of_lines(path: Path) -> Iterator[FreeText]:
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, 1):
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                message = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8 text"
                place = Problem(file=str(path), line=number, column=error.start + 1, message=message)
                raise InputError(place) from error
            if text.strip():
                yield FreeText(line=number, text=text)


def _of_rows(path: Path, column: str | None) -> Iterator[FreeText]:
    for recording in find_recordings(str(path)):
        for row in rows_of(recording):
            column = column or _only_column(row)
            text = _cell(row, column)
            if text.strip():
                yield FreeText(line=row.line, text=text)


def _only_column(row: Row) -> str:
    """The column of the prompts where the file leaves no choice."""
    texts = [key for key, value in row.values.items() if isinstance(value, str)]
    usual = [key for key in texts if key.lower() in USUAL_COLUMNS]
    for found in (texts, usual):
        if len(found) == 1:
            return found[0]
    raise row.mistake(f"say which column holds the prompts with --column ({_listed(row.values)})")


def _cell(row: Row, column: str) -> str:
    if column not in row.values:
        hint = did_you_mean(column, list(row.values))
        raise row.mistake(f"there is no '{column}' here ({_listed(row.values)}){hint}")
    value = row.values[column]
    if value is not None and not isinstance(value, str):
        raise row.mistake(f"'{column}' holds {value!r:.40}; allowed: a text")
    return value or ""


def _listed(values: Mapping[str, Any]) -> str:
    return f"its columns: {', '.join(values) or 'none'}"
