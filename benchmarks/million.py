"""How long a whole audit of very many prompts takes, and how much memory, step by step.

    python benchmarks/million.py                       125,000, 250,000, 500,000 and 1,000,000 prompts
    python benchmarks/million.py --prompts 20000       one size
    python benchmarks/million.py --plan                `audit plan` instead of `audit run`

The hiring suite with as many occupations as it takes is audited by `audit run` in a process of its own, with a function
of two lines as the model, so that what is measured is everything around the model. Memory is the largest resident
memory of the process, beyond that of a run of 3,060 prompts of the same kind. Steps (Linux): their
processor seconds, the largest memory during each, and what is left in use after it.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expand import large_suite

ROOT = Path(__file__).parent.parent
SIZES = (125_000, 250_000, 500_000, 1_000_000)
PERSONS = 12
PER_VALUE = 25_380
"""Prompts of the hiring suite with twelve persons, for each occupation that meets all of them."""
MODEL = """from zlib import crc32


def answer(texts: list[str]) -> list[dict[str, float]]:
    shares = [0.25 + crc32(text.encode()) / 2**33 for text in texts]
    return [{"invite": share, "reject": 1 - share} for share in shares]
"""
STEPS = {
    "audit.job": ("load_suite", "expand"),
    "audit.planning": ("document", "summarise"),
    "audit.asking": ("collect",),
    "audit.pipeline": (
        "score", "deltas", "explained", "effects", "findings", "carriers", "subgroups", "classical",
        "token_differences", "render", "write_pdf",
    ),
    "audit.runs": ("write_run", "read_run"),
    "audit.evidence": ("write_manifest", "write_receipt"),
}  # fmt: skip
"""What is timed: functions under the names by which their callers know them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One process."""

    prompts: int
    seconds: float
    processor_s: float
    """Seconds of processor time, which hangs less on what else the machine does."""
    peak_mb: float
    steps: list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prompts", type=int, nargs="+", default=SIZES)
    parser.add_argument("--plan", action="store_true", help="only plan")
    parser.add_argument("--child", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        _watched(given.child)
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "instant.py").write_text(MODEL, encoding="utf-8")
        small = _run(place, values=1, persons=1, plan=given.plan)
        _row("prompts", "seconds", "processor s", "us a prompt", "peak MB", "MB beyond", "B a prompt")
        _told(small, small)
        found = []
        for wanted in given.prompts:
            values = round(wanted / PER_VALUE)
            found.append(_run(place, values=values, persons=PERSONS, plan=given.plan))
            _told(found[-1], small)
        _show_steps(found)
        _show_growth(found, small)


def _run(place: Path, *, values: int, persons: int, plan: bool) -> Measured:
    """Audits the suite with so many occupations and persons in a process of its own."""
    folder = place / f"suite-{values}-{persons}"
    suite = large_suite(folder, values=values, persons=persons)
    model = {"model": 1, "kind": "callable", "name": "instant:answer", "labels": ["invite", "reject"]}
    (place / "model.yaml").write_text(json.dumps(model | {"deterministic": True}), encoding="utf-8")
    command = ["plan" if plan else "run", str(suite), "--model", str(place / "model.yaml")]
    told = folder / "steps.json"
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--child", str(told), *command, *([] if plan else ["-o", str(folder / "out")])],
        capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "AUDIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"audit {command[0]} ended with {done.returncode}:\n{done.stderr}")
    found = json.loads(told.read_text(encoding="utf-8"))
    return Measured(seconds=seconds, **found)


# ---------------------------------------------------------------- inside the process


def _watched(given: list[str]) -> None:
    """Runs the command line with every step timed; writes what was seen to the file named first."""
    from importlib import import_module

    told, *command = given
    steps: list[dict[str, Any]] = []
    sizes: list[int] = []
    for module, names in STEPS.items():
        owner = import_module(module)
        for name in names:
            setattr(owner, name, _timed(getattr(owner, name), name, steps, sizes))
    sys.argv = ["audit", *command]
    peak, code = 0.0, 0
    try:
        import_module("audit.cli").main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    peak = max([_peak_mb(), *(step["peak_mb"] for step in steps)])
    content = {
        "peak_mb": peak, "prompts": sizes[0] if sizes else 0, "steps": steps, "processor_s": time.process_time(),
    }  # fmt: skip
    Path(told).write_text(json.dumps(content), encoding="utf-8")
    sys.exit(code)


def _timed(
    function: Callable[..., Any], name: str, steps: list[dict[str, Any]], sizes: list[int]
) -> Callable[..., Any]:
    """The function, noting its time, the largest memory before, during, and what is in use after it."""

    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        steps.append({"name": "(between)", "seconds": 0.0, "peak_mb": _peak_mb(reset=True), "after_mb": 0.0})
        began = time.process_time()
        result = function(*args, **kwargs)
        seconds = time.process_time() - began
        if name == "expand":
            sizes.append(len(result.prompts))
        steps.append({
            "name": name, "seconds": seconds, "peak_mb": _peak_mb(reset=True), "after_mb": _in_use_mb(),
        })  # fmt: skip
        return result

    return timed


def _peak_mb(*, reset: bool = False) -> float:
    """Largest memory since the last reset, where there is one; else of the process so far."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    peak = _status("VmHWM:")
    if reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak


def _in_use_mb() -> float:
    return _status("VmRSS:") if sys.platform == "linux" else float("nan")


def _status(key: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(key))


# ---------------------------------------------------------------- tables


def _told(one: Measured, small: Measured) -> None:
    beyond = one.peak_mb - small.peak_mb
    _row(
        f"{one.prompts:,}", f"{one.seconds:.1f}", f"{one.processor_s:.1f}",
        f"{(one.processor_s - small.processor_s) / one.prompts * 1e6:.0f}", f"{one.peak_mb:.0f}",
        f"{beyond:.0f}", f"{beyond * 1e6 / one.prompts:.0f}",
    )  # fmt: skip


def _show_steps(found: list[Measured]) -> None:
    """Seconds and memory of each step, for each size; steps that come several times are added up."""
    names = list(dict.fromkeys(step["name"] for one in found for step in one.steps))
    print("\nprocessor seconds / largest MB during the step / MB in use after it")
    _row("step", *(f"{one.prompts:,}" for one in found))
    for name in names:
        cells = []
        for one in found:
            mine = [step for step in one.steps if step["name"] == name]
            peak = max((step["peak_mb"] for step in mine), default=0.0)
            after = f"{mine[-1]['after_mb']:.0f}" if mine else ""
            cells.append(f"{sum(step['seconds'] for step in mine):.1f} / {peak:.0f} / {after}")
        _row(name, *cells)


def _show_growth(found: list[Measured], small: Measured) -> None:
    """Time and memory a prompt of the largest run beside those of the smallest."""
    first, last = found[0], found[-1]
    if last.prompts == first.prompts:
        return
    times = [(one.processor_s - small.processor_s) / (one.prompts - small.prompts) for one in (last, first)]
    print(
        f"\n{last.prompts / first.prompts:.1f} times the prompts: {times[0] / times[1]:.2f} times the time a prompt "
        "(1: linear)"
    )


def _row(*cells: str) -> None:
    print(
        "".join(f"{cell:>22}" if number else f"{cell:<18}" for number, cell in enumerate(cells)), flush=True
    )


if __name__ == "__main__":
    main()
