from __future__ import annotations

import io

import pytest
from rich.console import Console

from audit.progress import LINE_EVERY_S, Lines, duration, per_second, shown


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_lines_come_at_the_start_at_the_end_and_every_few_seconds() -> None:
    lines: list[str] = []
    clock = Clock()
    progress = Lines(lines.append, clock)
    for done in range(0, 1001, 10):
        progress("asking", done, 1000)
        clock.time += LINE_EVERY_S / 10
    assert lines[0] == "asking: 0 of 1,000"
    assert lines[-1].startswith("asking: 1,000 of 1,000")
    assert len(lines) == 11


def test_a_line_tells_the_rate_and_the_time_left() -> None:
    lines: list[str] = []
    clock = Clock()
    progress = Lines(lines.append, clock)
    progress("asking", 200, 4800)
    clock.time += 10
    progress("asking", 1200, 4800)
    assert lines[-1] == "asking: 1,200 of 4,800, 100/s, 36 s left"


def test_a_slow_start_is_soon_forgotten() -> None:
    lines: list[str] = []
    clock = Clock()
    progress = Lines(lines.append, clock)
    progress("asking", 1, 10_001)
    clock.time += 100
    progress("asking", 1, 10_001)
    clock.time += 10
    progress("asking", 5_001, 10_001)
    assert lines[1:] == ["asking: 1 of 10,001", "asking: 5,001 of 10,001, 500/s, 10 s left"]


def test_a_step_that_is_done_says_so_once() -> None:
    lines: list[str] = []
    progress = Lines(lines.append, Clock())
    for done in (0, 5, 5, 5):
        progress("asking", done, 5)
    assert lines == ["asking: 0 of 5", "asking: 5 of 5"]


def test_what_was_there_before_does_not_count_as_speed() -> None:
    lines: list[str] = []
    clock = Clock()
    progress = Lines(lines.append, clock)
    progress("asking", 4000, 4100)
    clock.time += 50
    progress("asking", 4050, 4100)
    assert lines[-1].endswith("1.0/s, 50 s left")


def test_a_new_step_starts_its_own_count() -> None:
    lines: list[str] = []
    progress = Lines(lines.append, Clock())
    for step in ("reading", "asking", "explaining"):
        progress(step, 0, 5)
        progress(step, 5, 5)
    assert [line.partition(":")[0] for line in lines] == ["reading"] * 2 + ["asking"] * 2 + ["explaining"] * 2


@pytest.mark.parametrize("seconds, text", [(0, "0 s"), (99.4, "99 s"), (150, "2 min"), (7500, "2 h 05 min")])
def test_durations_are_written_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("rate, text", [(0.25, "0.2/s"), (9.96, "10.0/s"), (12345.6, "12,346/s")])
def test_rates_have_the_digits_that_tell_something(rate: float, text: str) -> None:
    assert per_second(rate) == text


def test_a_terminal_gets_a_bar_with_rate_and_time() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with shown(console) as progress:
        progress("asking [odd] names", 0, 10)
        progress("asking [odd] names", 10, 10)
    assert "asking [odd] names" in screen.getvalue()
    assert "10/10" in screen.getvalue()
    assert "━" in screen.getvalue()


def test_a_file_gets_plain_lines() -> None:
    screen = io.StringIO()
    with shown(Console(file=screen)) as progress:
        progress("asking", 3, 3)
    assert screen.getvalue() == "asking: 3 of 3\n"
