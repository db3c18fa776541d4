from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openai")
ROOT = Path(__file__).parent.parent


def test_the_quick_form_of_the_endpoint_benchmark_tells_shares_and_processor_time() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "endpoint.py", "--rounds", "2", "--latency-s", "0.2"],
        capture_output=True, text=True, timeout=120, check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[0].startswith("import of the official client") and len(lines) == 4
    for line, what in zip(lines[2:], ("audit", "official client alone"), strict=True):
        assert re.fullmatch(rf" +0.2s +128 {what} +[\d.]+ +[\d.]+% +[\d.]+ ms", line), line
