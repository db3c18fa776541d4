"""How long work is shown: a bar with rate and time left on a terminal, plain lines without one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit.records import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

LINE_EVERY_S = 5.0


@contextmanager
def shown(console: Console) -> Iterator[Progress]:
    """A progress callback that draws on `console` while the block runs."""
    if not console.is_terminal:
        yield Lines(write=lambda text: console.print(text, soft_wrap=True, markup=False, highlight=False))
        return
    with _bar(console) as bar:
        yield Bars(bar)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """How far a step was at a moment."""

    what: str
    moment: float
    done: int


class Lines:
    """Progress in plain lines: the first and the last count of every step, and one every few seconds between."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._first = self._last = Mark(what="", moment=0.0, done=0)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Writes a line if it is time for one."""
        here = Mark(what=what, moment=self._clock(), done=done)
        if what != self._last.what or done < self._last.done:
            self._first = self._last = here
            self._write(f"{what}: {done:,} of {total:,}")
        elif done >= total and self._last.done < total:
            self._write(_line(self._first, here, total))
            self._last = here
        elif done < total and here.moment - self._last.moment >= LINE_EVERY_S:
            self._write(_line(self._last, here, total))
            self._last = here


def _line(since: Mark, here: Mark, total: int) -> str:
    """`answers: 1,200 of 4,800, 310/s, 12 s left`, with the rate and time from `since` to `here`."""
    text = f"{here.what}: {here.done:,} of {total:,}"
    seconds = here.moment - since.moment
    rate = (here.done - since.done) / seconds if seconds > 0 else 0.0
    if not rate:
        return text
    left = (total - here.done) / rate
    return f"{text}, {per_second(rate)}, {f'{duration(left)} left' if left else duration(seconds)}"


class Bars:
    """Progress as one bar a step."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Moves the bar of `what`."""
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total, completed=done)
        self._bar.update(self._tasks[what], completed=done, total=total)


def per_second(rate: float) -> str:
    """A rate with as many digits as tell something."""
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 05 min`."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def _bar(console: Console) -> Bar:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(per_second(speed) if speed else "")

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), Rate())
    return Bar(*columns, TimeRemainingColumn(elapsed_when_finished=True), console=console)
