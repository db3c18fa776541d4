"""Very many prompts: memory and time stay in proportion to their number."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "benchmarks"))

from expand import large_suite  # noqa: E402

MOST_HELD = 1_200
"""Bytes of a prompt in the tables, with its share of pairs and of three scores and deltas for each."""
MOST_BYTES = 8_000
"""Memory of a prompt, with everything that is made and let go on the way."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    prompts: int
    seconds: float
    before_mb: float
    peak_mb: float
    held: int


def seen(suite: Path) -> Seen:
    """What a process that expands and measures this suite needs."""
    done = subprocess.run(
        [sys.executable, str(HERE / "many_prompts.py"), str(suite)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    prompts, seconds, before, peak, held = map(float, done.stdout.split())
    return Seen(prompts=int(prompts), seconds=seconds, before_mb=before, peak_mb=peak, held=int(held))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seen, Seen]:
    place = tmp_path_factory.mktemp("many")
    few, many = (large_suite(place / str(persons), values=1, persons=persons) for persons in (3, 12))
    return seen(few), seen(many)


def test_tables_hold_words_that_repeat_once(runs: tuple[Seen, Seen]) -> None:
    many = runs[1]
    assert many.held / many.prompts < MOST_HELD


def test_memory_grows_by_little_with_each_prompt(runs: tuple[Seen, Seen]) -> None:
    few, many = runs
    assert many.prompts > 20_000
    grown = (many.peak_mb - many.before_mb) - (few.peak_mb - few.before_mb)
    assert grown * 1e6 / (many.prompts - few.prompts) < MOST_BYTES


def test_the_time_a_prompt_takes_does_not_grow(runs: tuple[Seen, Seen]) -> None:
    few, many = runs
    assert many.seconds / many.prompts < 3 * few.seconds / few.prompts


HELD = """
import gc, weakref
from importlib import import_module

class Table:
    pass

def caller():
    mine = Table()
    import_module(MODULE).package()
    return weakref.ref(mine)

left = caller()
gc.collect()
print(left() is None)
"""


def test_a_library_that_explains_holds_nothing_of_those_who_had_it_imported() -> None:
    script = HELD.replace("MODULE", '"audit.shaplibrary"')
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300, cwd=HERE.parent
    )
    assert done.stdout == "True\n", done.stderr
