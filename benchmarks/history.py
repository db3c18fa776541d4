"""The history of many runs: seconds and processor time of `audit history` over run folders made from one run.

    python benchmarks/history.py                1,000 runs, about a minute, most of it for making them
    python benchmarks/history.py --runs 40      quick

Each run has the plan, the effects and the manifest of a real run (`--like`, by default the committed sample) with
other numbers, a revision of its own and a day of its own; its other files are links to those of that run. One run in
97 is incomplete, from the middle on the limit is another one, and at the end lie a damaged run and a folder of
something else.
What is measured is the command as a process of its own: reading, the table in the terminal, the page, the JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit import evidence
from audit.records import EFFECTS
from audit.runs import write_json
from audit.tablefiles import read_table, write_table

ROOT = Path(__file__).parent.parent
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
CHANGED = ("plan.json", "effects.parquet", "manifest.json", "receipt.json")
MOVED = ("estimate", "low", "high")


def main() -> None:
    """Makes the runs, runs the command, prints what it took."""
    options = _options()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "runs")
        make(options.like, folder, options.runs)
        words = [
            str(folder),
            "-o",
            str(Path(place, "history.html")),
            "--json",
            str(Path(place, "history.json")),
        ]
        seconds, used = _timed([sys.executable, "-m", "audit", "history", *words])
        size = Path(place, "history.html").stat().st_size
        found = json.loads(Path(place, "history.json").read_text(encoding="utf-8"))
    lines = found["lines"]
    apart = sum(bool(point["apart"]) for line in lines for point in line["points"])
    print(
        f"{len(found['runs']):,} runs, {len(lines)} findings, {len(found['left_out'])} left out, {apart} breaks"
    )
    print(
        f"{seconds:.1f} s, {used:.1f} s of processor time, start of Python included; page {size / 1e6:.1f} MB"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--like", type=Path, default=ROOT / "reports" / "sample")
    return parser.parse_args()


def make(like: Path, output: Path, count: int) -> None:
    """Run folders below `output` that differ from `like` in plan, effects and manifest, and two that are no runs."""
    plan = json.loads((like / "plan.json").read_text(encoding="utf-8"))
    manifest = json.loads((like / "manifest.json").read_text(encoding="utf-8"))
    effects = read_table(like, EFFECTS)
    effects = effects[effects["decision"] | (effects.index < 40)].reset_index(drop=True)
    draw = np.random.default_rng(7)
    drift = np.cumsum(draw.normal(0, 0.01, (count, len(effects))), axis=0)
    for number in range(count):
        moved = _moved(effects, drift[number], number, count)
        _write(like, output / f"run-{number:05d}", number, (plan, manifest, moved))
    damaged = output / f"run-{count:05d}"
    _write(like, damaged, count, (plan, manifest, effects))
    (damaged / "plan.json").write_text("{", encoding="utf-8")
    (output / "pictures").mkdir()


def _moved(effects: pd.DataFrame, drift: Any, number: int, count: int) -> pd.DataFrame:
    """The effects, each moved by its part of `drift`, with another limit from the middle on."""
    wider = 1.0 if number < count // 2 else 1.5
    moved = {name: effects[name] + drift for name in MOVED}
    return effects.assign(**moved, **{name: effects[name] * wider for name in ("limit_low", "limit_high")})


def _write(
    like: Path, folder: Path, number: int, parts: tuple[dict[str, Any], dict[str, Any], pd.DataFrame]
) -> None:
    plan, manifest, effects = parts
    folder.mkdir(parents=True)
    for path in like.iterdir():
        if path.is_file() and path.name not in CHANGED:
            os.symlink(path.resolve(), folder / path.name)
    model = {**manifest["model"], "revision": f"r{number // 10}"}
    own = {**plan, "seed": number, "model": model}
    write_json(folder / "plan.json", {**own, "digest": evidence.plan_digest(own)})
    write_table(folder, EFFECTS, effects)
    files = dict(manifest["files"])
    for name in ("plan.json", "effects.parquet"):
        files[name] = evidence.digest_of_file(folder / name)
    ended = FIRST + timedelta(hours=7 * number)
    told = {
        **manifest, "model": model, "plan": evidence.plan_digest(own), "complete": number % 97 != 96,
        "finished_at": f"{ended:%Y-%m-%dT%H:%M:%SZ}", "files": files, "root": evidence.merkle_root(files),
    }  # fmt: skip
    text = evidence.Manifest.model_validate(told).model_dump_json(by_alias=True, indent=2)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")


def _timed(command: list[str]) -> tuple[float, float]:
    """Seconds, and seconds of processor, of a whole process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} … ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
