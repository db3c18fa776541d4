"""Every error a person can meet, and the exit code that goes with it.

AuditError            1  something went wrong that is nobody's input
├── InputError        2  a file, a name or an option is wrong; holds one or more problems
├── MissingExtra      2  an optional library is not installed; says how to install it
├── StorageError  1,2,3  answers or results cannot be kept: 1 they are damaged, 2 not here, 3 not now
│   └── InUseError    3  another process is at work in the folder
└── IncompleteError   3  the run could not be finished; what was answered is kept
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Problem:
    """One mistake in a file: where it stands, what was seen, what is allowed."""

    file: str
    line: int = 0
    column: int = 0
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class AuditError(Exception):
    """Base of every error this package raises on purpose."""

    exit_code = 1


class InputError(AuditError):
    """Bad input: one sentence a problem, each with its place."""

    exit_code = 2

    def __init__(self, problems: str | Problem | Sequence[Problem]) -> None:
        if isinstance(problems, str):
            self.problems: tuple[Problem, ...] = ()
            message = problems
        else:
            self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
            message = "\n".join(str(problem) for problem in self.problems)
        super().__init__(message)


class MissingExtra(AuditError):
    """An optional library is missing; the message is the install command."""

    exit_code = 2

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f'{purpose} needs an extra: pip install "audit[{extra}]"')


class StorageError(AuditError):
    """A file that the program keeps is damaged (exit code 1), must not lie here (2), or cannot be written now (3)."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        self.exit_code = exit_code
        super().__init__(message)


class InUseError(StorageError):
    """Another process is at work in a folder; it is free when that ends."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=3)


class IncompleteError(AuditError):
    """The run stopped before its end; running the same command again goes on."""

    exit_code = 3
