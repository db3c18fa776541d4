"""The benchmarks run in their quick form."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_quick_form_of_the_expansion_benchmark_finds_the_same_ids_in_another_order() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "expand.py", "--prompts", "2000"],
        capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, ceiling, ids = done.stdout.splitlines()
    made = re.fullmatch(r"([\d,]+) prompts in [\d.]+ s, peak [\d.]+ GB, start of Python included", first)
    assert made and int(made[1].replace(",", "")) >= 2000
    assert re.fullmatch(r"texts put together and hashed, nothing else: [\d.]+ s; share of it [\d.]+", ceiling)
    assert ids == "ids with another order and another hash seed: the same"
