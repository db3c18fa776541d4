"""The account of a server: a file with a line for everything that was asked of it, written as it happens.

A line about a request is written before the request is sent, so that a process that is killed has counted it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audit.disk import explained
from audit.errors import AuditError

LINES = 100_000
"""So many lines are replaced by a summary of them."""
Line = Sequence[Any]
"""What happened, and the particulars: plain values."""


class Account:
    """Lines in a file; without a path they are kept nowhere."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._file: int | None = None
        self._waiting: list[str] = []
        self._written = 0

    def read(self) -> Iterator[list[Any]]:
        """Every line so far; AuditError where one of them is damaged. A last line that was cut off is left out."""
        if self.path is None or not self.path.exists():
            return
        with self._told():
            *whole, _ = self.path.read_bytes().split(b"\n")
        for line in whole:
            try:
                found = json.loads(line)
            except ValueError:
                found = None
            if not isinstance(found, list) or not found:
                raise self.damaged()
            yield found

    @contextmanager
    def open(self, summary: Iterable[Line]) -> Iterator[None]:
        """Takes lines until the end of the block; the file begins anew with `summary`."""
        try:
            self.begin(summary)
            yield
        finally:
            self._close()

    def begin(self, summary: Iterable[Line]) -> None:
        """Put `summary` in place of all lines so far, whole or not at all."""
        if self.path is None:
            return
        self._waiting.clear()
        self._written = 0
        new = self.path.with_name(f"{self.path.name}.part")
        with self._told():
            self._let_go()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text("".join(map(_line, summary)), encoding="utf-8")
            new.replace(self.path)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)

    def add(self, line: Line) -> None:
        """Keep a line; it is in the file by the next `flush` at the latest."""
        if self._file is not None:
            self._waiting.append(_line(line))

    def flush(self) -> None:
        """Write what is waiting; where that fails nothing more is written, so that only a last line can be cut off."""
        if self._file is None or not self._waiting:
            return
        left = memoryview("".join(self._waiting).encode())
        self._written += len(self._waiting)
        self._waiting.clear()
        with self._told():
            try:
                while left:
                    left = left[os.write(self._file, left) :]
            except OSError:
                self._let_go()
                raise

    @property
    def is_long(self) -> bool:
        """Whether it is time for a summary."""
        return self._written >= LINES

    def damaged(self) -> AuditError:
        """What a person is told where the lines make no sense."""
        return AuditError(
            f"{self.path}: this account of what was asked of the server is damaged; move it away and run the same "
            "again: budgets and counts then begin anew"
        )

    def _close(self) -> None:
        try:
            self.flush()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the system says, in a sentence about the file."""
        try:
            yield
        except OSError as error:
            raise explained(error, self.path or "the account of a server") from error


def _line(line: Line) -> str:
    return json.dumps(line, separators=(",", ":")) + "\n"
