"""Commands in processes of their own, without the seconds that imports take: a parent that has imported all forks them.

A process can be sent a signal after a time, or can end itself (kill -9) right before its n-th change of a file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parent.parent
CHANGES = ("os.rename", "os.remove", "os.mkdir", "sqlite3.connect/handle")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


PRELOADED = (
    "torch", "transformers", "transformers.models.bert.modeling_bert",
    "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto",
    "pandas", "pyarrow.parquet", "scipy.stats",
    "statsmodels.api", "weasyprint", "jinja2", "pydantic", "rich.progress", "rich.table", "openai", "httpx2",
    "audit.cli", "audit.pipeline", "audit.console",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Command:
    """What is run, and how it is disturbed."""

    words: Sequence[str]
    program: str = "audit"
    """`audit` or `pytest`."""
    inside: str = ""
    """The folder that the process is in; that of the project where none is named."""
    environment: Mapping[str, str] = field(default_factory=dict)
    signal: int = 9
    after_s: float | None = None
    """Send the signal after so many seconds."""
    once_there_is: str = ""
    """Send the signal once a file that fits this pattern lies there."""
    before_change: int | None = None
    """Kill -9 right before change number n of a file."""
    changes_in: str = ""
    """The folder in which changes are counted."""
    longest_file: int | None = None
    """A limit on the size of files, in bytes."""
    limit_s: float = 300.0
    """A command that takes longer hangs: it is ended, and the test with it."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str
    seconds: float
    after_signal_s: float
    """Seconds from the signal to its end."""


class Parent:
    """A process that forks commands."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder

    def run(self, *words: object, **how: Any) -> Ended:
        """The end of one command."""
        (ended,) = self.together([Command(words=[str(word) for word in words], **how)])
        return ended

    def together(self, commands: Sequence[Command]) -> list[Ended]:
        """The ends of commands that run at the same time."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(
            json.dumps([str(self._folder), [asdict(command) for command in commands]]) + "\n"
        )
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the parent process has ended"
        ends = json.loads(answer)
        for command, told in zip(commands, ends, strict=True):
            assert not told.pop("hung"), f"took longer than {command.limit_s:g} s: {' '.join(command.words)}"
        return [
            Ended(
                **told,
                out=(self._folder / f"{number}.out").read_text(encoding="utf-8"),
                err=(self._folder / f"{number}.err").read_text(encoding="utf-8"),
            )
            for number, told in enumerate(ends)
        ]


@contextmanager
def parent() -> Iterator[Parent]:
    """A parent process that is ready."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    with TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=ROOT, env=environment,
        )  # fmt: skip
        try:
            assert process.stdout and process.stdout.readline() == "ready\n"
            yield Parent(process, Path(folder))
        finally:
            with suppress(OSError):
                process.communicate(timeout=30)


# ------------------------------------------------------------- in the parent and its children


def serve() -> None:
    """Forks what it is told on standard input, until that ends."""
    import importlib

    for name in PRELOADED:
        with suppress(ImportError):
            importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        folder, commands = json.loads(line)
        answers.write(json.dumps(_together(Path(folder), [Command(**told) for told in commands])) + "\n")
        answers.flush()


def _together(folder: Path, commands: Sequence[Command]) -> list[dict[str, Any]]:
    begun = time.monotonic()
    children = {}
    for number, command in enumerate(commands):
        child = os.fork()
        if child == 0:
            _be(command, folder / f"{number}.out", folder / f"{number}.err")
        children[child] = number
    told: dict[int, dict[str, Any]] = {}
    sent: dict[int, float] = {}
    hung: set[int] = set()
    while len(told) < len(commands):
        for child, number in children.items():
            if number not in told and time.monotonic() - begun > commands[number].limit_s:
                hung.add(number)
                os.kill(child, 9)
            waits = number not in told and number not in sent
            if waits and _is_time(commands[number], time.monotonic() - begun):
                os.kill(child, commands[number].signal)
                sent[number] = time.monotonic()
        child, status = os.waitpid(-1, os.WNOHANG)
        if child:
            number, ended = children[child], time.monotonic()
            told[number] = {
                "code": os.waitstatus_to_exitcode(status),
                "seconds": ended - begun,
                "after_signal_s": ended - sent.get(number, ended),
                "hung": number in hung,
            }
        else:
            time.sleep(0.002)
    return [told[number] for number in range(len(commands))]


def _is_time(command: Command, seconds: float) -> bool:
    """Whether the signal is to be sent now."""
    if command.once_there_is:
        return bool(glob(command.once_there_is))
    return command.after_s is not None and seconds >= command.after_s


def _be(command: Command, out: Path, err: Path) -> None:
    """This process is the command from now on."""
    code = 1
    try:
        for path, number in ((out, 1), (err, 2)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
        _prepare(command)
        if command.program == "pytest":
            import pytest

            code = int(pytest.main(list(command.words)))
        else:
            from audit.cli import main

            sys.argv = ["audit", *command.words]
            main()
            code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _prepare(command: Command) -> None:
    """What this process is told, may do and counts."""
    os.environ.update(command.environment)
    if command.inside:
        os.chdir(command.inside)
        sys.path[0] = command.inside
    if command.longest_file is not None:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (command.longest_file, command.longest_file))
    if command.before_change is not None:
        _count_changes(command.before_change, command.changes_in)


def _count_changes(last: int, folder: str) -> None:
    """Ends the process with kill -9 right before its change number `last` of a file in `folder`."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in ("open", *CHANGES):
            return
        if event == "open" and not arguments[2] & WRITES:
            return
        if event != "sqlite3.connect/handle" and not str(arguments[0]).startswith(folder):
            return
        seen += 1
        if seen == last:
            os.kill(os.getpid(), 9)

    sys.addaudithook(hook)


if __name__ == "__main__":
    serve()
