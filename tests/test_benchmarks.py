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


def test_the_quick_form_of_the_likelihood_benchmark_finds_the_numbers_of_unbatched_calls() -> None:
    command = [sys.executable, ROOT / "benchmarks" / "harness.py", "--made", "12", "--tiny", "--alone"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    size, _, ours, plain, same = done.stdout.splitlines()
    assert size.startswith("12 pairs")
    assert ours.startswith("audit run") and plain.startswith("transformers")
    assert ours.split()[-2] == plain.split()[-2] != "1.000000"
    assert same.endswith("the same to 0.0001")


def test_the_likelihood_benchmark_says_where_the_pairs_are_missing(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "benchmarks" / "harness.py", "--pairs", tmp_path / "pairs.csv"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "pairs.csv is not there" in line


def test_the_quick_form_of_the_speed_benchmark_finds_the_same_answers_either_way() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "speed.py", "--quick", "--only", "scoring", "prefixes"],
        capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()
    for part in ("classifier", "causal", "masked", "4 options", "pairs"):
        assert any(part in row for row in rows), part
    last = re.fullmatch(r"largest difference between two ways: ([\d.e-]+)", rows[-1])
    assert last and float(last[1]) <= 1e-4


def test_the_quick_form_of_the_benchmark_of_explanations_errs_less_than_shap_and_asks_few_prompts() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "explain.py", "--quick", "--only", "swap", "peers"],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = {line.partition("  ")[0]: line for line in done.stdout.splitlines()}
    assert re.search(r" 8 +prompts", rows["swap game with three slots"])
    ours, theirs = re.findall(r"[\d.]+e[-+]\d+", rows["error, texts of 5 words"])
    assert float(ours) <= 1e-4 and float(ours) < float(theirs)
    for name in ("shap and lime as they come", "shap and lime batched, LIME with 1,000"):
        assert re.search(r"[\d.]+x$", rows[name])


def test_the_quick_form_of_the_history_benchmark_shows_every_run_and_every_break() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "history.py", "--runs", "8"],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counted, took = done.stdout.splitlines()
    assert counted == "8 runs, 9 findings, 2 left out, 9 breaks"
    assert re.fullmatch(
        r"[\d.]+ s, [\d.]+ s of processor time, start of Python included; page [\d.]+ MB", took
    )
