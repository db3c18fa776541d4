"""Under way: which questions of a run were put to a model, so that those that a stop made ask twice can be counted.

A question is noted before it is put, and again if it fails. One that is noted twice without having failed was put
twice: its answer was not kept yet when the command was stopped or killed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from audit.disk import told
from audit.journal import Key

NAME = ".underway"
"""Added to the name of the file in which the answers of a run are kept."""
PUT, FAILED = b"\0", b"\1"
DIGEST = 8
RECORD = DIGEST + 1
"""Bytes of a note: a digest of the question, and what happened."""


class UnderWay:
    """Notes of one model and question in the run's file of them, used in a `with` block; without a path nowhere."""

    def __init__(self, kept: Path | None, *, model: str, question: str) -> None:
        self.path = None if kept is None else _notes(kept)
        self._file: int | None = None
        self._asked = hashlib.blake2b(f"{model}\0{question}\0".encode(), digest_size=DIGEST)

    def __enter__(self) -> Self:
        if self.path is not None:
            with told(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
                os.ftruncate(
                    self._file, os.fstat(self._file).st_size // RECORD * RECORD
                )  # a note that was cut off
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def put(self, keys: Iterable[Key]) -> None:
        """These are put to the model now; it is written down when this returns."""
        self._note(keys, PUT)

    def failed(self, keys: Iterable[Key]) -> None:
        """These came back without an answer: whoever asks them again loses nothing by it."""
        self._note(keys, FAILED)

    def _note(self, keys: Iterable[Key], what: bytes) -> None:
        if self._file is None or self.path is None:
            return
        left = memoryview(b"".join([self._digest(key) + what for key in keys]))
        with told(self.path):
            while left:
                left = left[os.write(self._file, left) :]

    def _digest(self, key: Key) -> bytes:
        mine = self._asked.copy()
        mine.update(f"{key[0]}\0{key[1]}".encode())
        return mine.digest()


def asked_again(kept: Path | None) -> int:
    """How many questions the run put to a model again because their first answers were lost with a stop."""
    import numpy as np

    if kept is None or not _notes(kept).exists():
        return 0
    with told(_notes(kept)):
        content = _notes(kept).read_bytes()
    record = np.dtype([("question", f"V{DIGEST}"), ("failed", "?")])
    notes = np.frombuffer(content[: len(content) // RECORD * RECORD], dtype=record)
    question, failed = np.ascontiguousarray(notes["question"]).view(np.uint64), notes["failed"]
    order = np.argsort(question, kind="stable")
    same = question[order][1:] == question[order][:-1]
    return int((same & ~failed[order][1:] & ~failed[order][:-1]).sum())


def _notes(kept: Path) -> Path:
    return kept.with_name(kept.name + NAME)
