"""The journal of answers: a SQLite file in which every answer stands once, so that a killed run goes on where it was.

Answers are keyed by (model identity, question, prompt, repeat). A row carries a checksum of its key and content: a
damaged file ends in a clear sentence, never in a wrong number. Several processes may use one file at once.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from audit.errors import AuditError, IncompleteError, InputError
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

    def read(self, keys: Sequence[Key]) -> dict[Key, Entry]:
        """The entries that exist for `keys`; AuditError where one of them is damaged."""
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
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            raise _explained(error, self.path or Path(":memory:")) from error


def _connect(path: Path | None) -> sqlite3.Connection:
    """An open journal; a new file gets its table."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path or ":memory:", timeout=WAIT_S)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, *OLDER, VERSION):
        raise InputError(f"{path}: answers of format {version}; this version of audit reads format {VERSION}")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(TABLE)
        if connection.execute("PRAGMA user_version").fetchone()[0] in OLDER:
            connection.execute(
                f"ALTER TABLE answers ADD COLUMN tokens INTEGER NOT NULL DEFAULT {UNKNOWN_TOKENS}"
            )
        connection.execute(f"PRAGMA user_version = {VERSION}")
    return connection


def _explained(error: Exception, path: Path) -> AuditError:
    """The error a person is told, by what SQLite or the system says."""
    said = str(error)
    if "full" in said or "No space" in said:
        return IncompleteError(
            f"{path}: the disk is full ({said}); make room and run the same again, it goes on from here"
        )
    if "locked" in said or "busy" in said:
        return IncompleteError(
            f"{path}: another process held this file for {WAIT_S:.0f} s ({said}); run the same again"
        )
    if isinstance(error, OSError) or any(word in said for word in ("unable to open", "readonly", "I/O")):
        return InputError(
            f"{path}: answers cannot be kept here ({said}); name another folder with AUDIT_CACHE"
        )
    return AuditError(
        f"{path}: this file of answers is damaged ({said}); nothing was read from it. Move it away and run the same "
        "again: its answers are asked anew"
    )
