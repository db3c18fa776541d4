"""Recordings: files of answers that exist (JSON Lines or CSV, gzipped or not), read row by row."""

from __future__ import annotations

import csv
import glob
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from audit.errors import InputError, Problem
from audit.harmless import whole_characters
from audit.machine import stamp

SUFFIXES = (".jsonl", ".ndjson", ".csv")
ALLOWED = ".jsonl, .ndjson or .csv, each also with .gz"
LONGEST_CELL = 2**31 - 1
MILLISECONDS_FROM = 10**11
GZIP_BEGINS = b"\x1f\x8b"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One file of answers; `name` is its path below the folder that all files of the recording share."""

    path: Path
    name: str
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a file."""

    recording: Recording
    line: int
    values: Mapping[str, Any] = field(repr=False)

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.recording.name}:{self.line}"

    def mistake(self, message: str) -> InputError:
        """The error to raise for a mistake in this row."""
        return _mistake(self.recording, self.line, message)


def find_recordings(name: str, *, beside: Path = Path()) -> tuple[Recording, ...]:
    """The files that `name` means, in order, at least one: a file, all that lie in a folder, or what a glob finds."""
    try:
        place = beside / Path(name).expanduser()
    except RuntimeError as error:
        raise InputError(f"{name}: there is no such folder ({error})") from None
    if place.is_file():
        if _suffix(place) not in SUFFIXES:
            raise InputError(f"{name}: recorded answers are read from {ALLOWED}")
        return _recordings([place])
    found = place.iterdir() if place.is_dir() else map(Path, glob.glob(str(place), recursive=True))
    files = sorted(file for file in found if file.is_file() and _suffix(file) in SUFFIXES)
    if not files:
        what = (
            "this folder holds no recorded answers"
            if place.is_dir()
            else "no file or folder, and nothing matches"
        )
        raise InputError(f"{name}: {what} (answers are read from {ALLOWED})")
    return _recordings(files)


def rows_of(recording: Recording) -> Iterator[Row]:
    """The rows of a file in order; InputError with file, line and column where one cannot be read."""
    read = _read_csv if _suffix(recording.path) == ".csv" else _read_lines
    try:
        with recording.path.open("rb") as stream:
            yield from read(recording, _unzipped(stream))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{recording.path}: the gzip file is damaged or cut short ({error})") from error
    except OSError as error:
        raise InputError(f"{recording.path}: cannot be read ({error.strerror or error})") from error


def _recordings(files: Sequence[Path]) -> tuple[Recording, ...]:
    """The files with name and digest; InputError where two are the same, since each answer would count twice."""
    common = Path(os.path.commonpath([file.parent for file in files]))
    found: dict[str, Recording] = {}
    for file in files:
        try:
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror or error})") from error
        if digest in found:
            raise InputError(f"{file} and {found[digest].path} are the same; each answer would count twice")
        found[digest] = Recording(path=file, name=file.relative_to(common).as_posix(), digest=digest)
    return tuple(found.values())


def _suffix(file: Path) -> str:
    """The suffix that names the format, in small letters, without that of gzip."""
    plain = file.name.lower().removesuffix(".gz")
    return Path(plain).suffix


def _mistake(recording: Recording, line: int, message: str, column: int = 1) -> InputError:
    return InputError(Problem(file=str(recording.path), line=line, column=column, message=message))


def _unzipped(stream: BinaryIO) -> BinaryIO:
    """The bytes of a file, unzipped where it begins as gzip files do."""
    begins = stream.read(2)
    stream.seek(0)
    return gzip.GzipFile(fileobj=stream) if begins == GZIP_BEGINS else stream  # type: ignore[return-value]


def _read_lines(recording: Recording, stream: BinaryIO) -> Iterator[Row]:
    """JSON Lines: an object a line; empty lines are skipped."""
    for line, raw in enumerate(stream, 1):
        text = _decoded(recording, line, raw)
        if not text.strip():
            continue
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise _mistake(recording, line, f"no JSON: {error.msg}", column=error.colno) from error
        except RecursionError as error:
            raise _mistake(recording, line, "JSON that is nested too deeply") from error
        if not isinstance(values, dict):
            raise _mistake(recording, line, "a JSON object is expected on every line")
        yield Row(recording=recording, line=line, values=_whole(values) if "\\ud" in text.lower() else values)


def _whole(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values with half characters (an emoji that was cut in two) as U+FFFD, since no file could hold them."""
    found: Mapping[str, Any] = json.loads(whole_characters(json.dumps(values, ensure_ascii=False)))
    return found


def _read_csv(recording: Recording, stream: BinaryIO) -> Iterator[Row]:
    """CSV with a header: a mapping of texts a row; its line is the one it ends on."""
    text = (_decoded(recording, line, raw) for line, raw in enumerate(stream, 1))
    longest = csv.field_size_limit(LONGEST_CELL)
    try:
        reader = csv.reader(text, strict=True)
        header = next(reader, [])
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise _mistake(recording, 1, f"the column '{twice[0]}' stands here twice")
        for cells in reader:
            if cells and len(cells) != len(header):
                message = f"{len(cells)} cells, but the header has {len(header)}"
                raise _mistake(recording, reader.line_num, message)
            if cells:
                yield Row(
                    recording=recording, line=reader.line_num, values=dict(zip(header, cells, strict=True))
                )
    except csv.Error as error:
        raise _mistake(recording, reader.line_num, f"no CSV: {error}") from error
    finally:
        csv.field_size_limit(longest)


def _decoded(recording: Recording, line: int, raw: bytes) -> str:
    """The line as text; a byte order mark before the first one is dropped."""
    try:
        return raw.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise _mistake(recording, line, message, column=error.start + 1) from error


def moment(row: Row, value: object) -> str:
    """A time in a row (ISO 8601, or seconds or milliseconds since 1970) as runs write it; empty for no value."""
    if value is None or value == "":
        return ""
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdecimal():
            time = datetime.fromisoformat(value)
            return stamp(time if time.tzinfo else time.replace(tzinfo=UTC))
        seconds = float(value)  # type: ignore[arg-type]
        return stamp(datetime.fromtimestamp(seconds / 1000 if seconds > MILLISECONDS_FROM else seconds, UTC))
    except (ValueError, TypeError, OverflowError, OSError) as error:
        message = f"{value!r} is no time; allowed: ISO 8601, or seconds since 1970"
        raise row.mistake(message) from error
