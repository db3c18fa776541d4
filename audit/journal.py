"""The journal of answers: a SQLite file in which every answer stands once, so that a killed run goes on where it was.

Answers are keyed by (model identity, question, prompt, repeat). A row carries a checksum of its key and content: a
damaged file ends in a clear sentence, never in a wrong number. Several processes may use one file at once.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from audit.disk import FULL
from audit.errors import StorageError
from audit.records import UNKNOWN_TOKENS

VERSION = 2
COMMIT_EVERY_S = 0.2
WAIT_S = 60.0
OLDER = (1,)
"""Formats that are brought up to date when a file is opened; answers of format 1 do not say how long a prompt is."""
READ_AT_ONCE = 500
TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    model TEXT NOT NULL, question TEXT NOT NULL, prompt TEXT NOT NULL, repeat INTEGER NOT NULL,
    text TEXT NOT NULL, scores TEXT NOT NULL, answered_at TEXT NOT NULL, checksum BLOB NOT NULL,
    tokens INTEGER NOT NULL DEFAULT -1,
    PRIMARY KEY (model, question, prompt, repeat)
) WITHOUT ROWID
"""
COLUMNS = ("model", "question", "prompt", "repeat", "text", "scores", "answered_at", "checksum")
"""Columns that every format has, in this order."""
REFUSALS = frozenset({"CANTOPEN", "READONLY", "IOERR", "PERM", "AUTH", "PROTOCOL", "NOLFS"})
"""What SQLite says of a place, not of a file's content."""
CUT_OFF = frozenset({"SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_CORRUPTFS"})
"""What it says of a place but means of the content."""
LEAST_FREE = 2**18
"""Bytes without which SQLite cannot work in a folder; it does not always say that the disk is full."""
ELSEWHERE = "name another folder with AUDIT_CACHE"
Key = tuple[str, int]
"""Prompt id and repeat."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An answer as text: words or a JSON object of scores, and when it was given. Errors are not kept in the file."""

    text: str = ""
    scores: str = ""
    error: str = ""
    answered_at: str
    tokens: int = UNKNOWN_TOKENS
    """Length of the prompt as the model read it."""
    final: bool = False
    """Of an error, which is never kept: whether asking again cannot help."""


class Journal:
    """Answers of one model to one question; use it in a `with` block, which saves what was added however it ends.

    Without a path it lives in memory and ends with the block.
    """

    def __init__(self, path: Path | None, *, model: str, question: str) -> None:
        self.path = path
        self.model = model
        self.question = question
        self._waiting: list[tuple[Key, Entry]] = []
        self._committed_at = time.monotonic()
        with self._told():
            self._connection = _connect(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.commit()
        finally:
            self._connection.close()

    def read(self, keys: Sequence[Key], *, whole: bool = False) -> dict[Key, Entry]:
        """The entries that exist for `keys`; StorageError where one of them is damaged, or if `whole` is missing."""
        wanted = set(keys)
        prompts = sorted({prompt for prompt, _ in wanted})
        found: dict[Key, Entry] = {}
        with self._told():
            for start in range(0, len(prompts), READ_AT_ONCE):
                for key, entry, checksum in self._rows(prompts[start : start + READ_AT_ONCE]):
                    if key not in wanted:
                        continue
                    if checksum != self._checksum(key, entry):
                        raise sqlite3.DatabaseError("an answer does not match its checksum")
                    found[key] = entry
            if whole and len(found) < len(wanted):
                raise sqlite3.DatabaseError("an answer that was there a moment ago is gone")
        return found

    def add(self, entries: Mapping[Key, Entry]) -> None:
        """Keep the entries; they are committed together, at most every `COMMIT_EVERY_S` seconds."""
        self._waiting += entries.items()
        if time.monotonic() - self._committed_at >= COMMIT_EVERY_S:
            self.commit()

    def commit(self) -> None:
        """Write what is waiting; an answer that another process wrote first stays as it is."""
        if self._waiting:
            names = (self.model, self.question)
            rows = [
                (
                    *names,
                    *key,
                    entry.text,
                    entry.scores,
                    entry.answered_at,
                    self._checksum(key, entry),
                    entry.tokens,
                )
                for key, entry in self._waiting
            ]
            with self._told(), self._connection:
                self._connection.executemany(
                    "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
                )
            self._waiting.clear()
        self._committed_at = time.monotonic()

    def _rows(self, prompts: Sequence[str]) -> Iterator[tuple[Key, Entry, bytes]]:
        marks = ", ".join("?" * len(prompts))
        query = (
            "SELECT prompt, repeat, text, scores, answered_at, tokens, checksum FROM answers "
            f"WHERE model = ? AND question = ? AND prompt IN ({marks})"
        )
        for prompt, repeat, text, scores, at, tokens, checksum in self._connection.execute(
            query, (self.model, self.question, *prompts)
        ):
            entry = Entry(text=text, scores=scores, answered_at=at, tokens=tokens)
            yield (prompt, repeat), entry, checksum

    def _checksum(self, key: Key, entry: Entry) -> bytes:
        parts = (
            self.model,
            self.question,
            *map(str, key),
            str(entry.text),
            str(entry.scores),
            str(entry.answered_at),
            *([] if entry.tokens == UNKNOWN_TOKENS else [str(entry.tokens)]),
        )
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What SQLite says, in a sentence about the file."""
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError, MemoryError) as error:
            raise _explained(error, self.path or Path(":memory:")) from error


def _connect(path: Path | None) -> sqlite3.Connection:
    """An open journal; a new file gets its table, a file that is none of ours is left as it was."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path or ":memory:", timeout=WAIT_S)
    try:
        current = _is_current(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if not current:
            _bring_up_to_date(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_current(connection: sqlite3.Connection, path: Path | None) -> bool:
    """Whether the file has the table of this version; StorageError where it is another program's or a later one's."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not names and version == 0:
        return False
    columns = [row[1] for row in connection.execute("PRAGMA table_info(answers)")]
    if names != {"answers"} or columns[: len(COLUMNS)] != list(COLUMNS):
        raise StorageError(
            f"{path}: this file was made by another program and was not touched; {ELSEWHERE}", exit_code=2
        )
    if version not in (*OLDER, VERSION):
        raise StorageError(
            f"{path}: answers of format {version}; this version of audit reads format {VERSION}", exit_code=2
        )
    return bool(version == VERSION)


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Makes the table, or adds what an older format lacks; the first of several processes does it."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(TABLE)
        if connection.execute("PRAGMA user_version").fetchone()[0] in OLDER:
            connection.execute(
                f"ALTER TABLE answers ADD COLUMN tokens INTEGER NOT NULL DEFAULT {UNKNOWN_TOKENS}"
            )
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _explained(error: Exception, path: Path) -> StorageError:
    """The error a person is told, by what SQLite or the system says."""
    said = (error.strerror if isinstance(error, OSError) else "") or " ".join(str(error).split())[:200]
    name = str(getattr(error, "sqlite_errorname", ""))
    kind = name.removeprefix("SQLITE_").partition("_")[0]
    number = error.errno if isinstance(error, OSError) else None
    if number in FULL or kind == "FULL" or (kind == "IOERR" and _is_full(path)):
        return StorageError(
            f"{path}: the disk is full ({said}); make room and run the same again, it goes on from here",
            exit_code=3,
        )
    if kind in ("BUSY", "LOCKED"):
        return StorageError(
            f"{path}: another process held this file for {WAIT_S:.0f} s ({said}); run the same again",
            exit_code=3,
        )
    if isinstance(error, OSError) or (kind in REFUSALS and name not in CUT_OFF):
        return StorageError(f"{path}: answers cannot be kept here ({said}); {ELSEWHERE}", exit_code=2)
    return StorageError(
        f"{path}: this file of answers is damaged ({said}); nothing was read from it. Move it away and run the same "
        "again: its answers are asked anew"
    )


def _is_full(path: Path) -> bool:
    """Whether there is no room where `path` lies."""
    try:
        return shutil.disk_usage(path.parent).free < LEAST_FREE
    except OSError:
        return False
