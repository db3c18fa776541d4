"""How long a suite takes to expand, how much memory, and whether its ids hang on order, machine or hash seed.

    python benchmarks/expand.py                        1,000,000 prompts
    python benchmarks/expand.py --prompts 20000

The hiring suite with as many occupations as it takes is checked as a process of its own: `audit check FILE --prompts
OUT.parquet` reads, expands, proves every swap and writes every prompt. Then it runs again with the groups of its axes
and its templates turned around and another hash seed; the ids of both files have to be the same. The ceiling is what
Python needs to put the same texts together and hash them, with nothing proven, paired or kept.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prompts", type=int, default=1_000_000)
    wanted = parser.parse_args().prompts
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        per_value = _checked(large_suite(place / "one", values=1))[0]
        values = -(-wanted // per_value)
        rows, seconds, peak, ids, messages = _measured(large_suite(place / "many", values=values), seed="0")
        print(f"{rows:,} prompts in {seconds:.1f} s, peak {peak:.2f} GB, start of Python included")
        ceiling = _ceiling(messages)
        print(
            f"texts put together and hashed, nothing else: {ceiling:.1f} s; share of it {ceiling / seconds:.2f}"
        )
        other = _measured(large_suite(place / "turned", values=values, turned=True), seed="1")[3]
        print(
            f"ids with another order and another hash seed: {'the same' if ids == other else 'NOT the same'}"
        )
        if ids != other:
            sys.exit(1)


def large_suite(folder: Path, *, values: int, persons: int = 12, turned: bool = False) -> Path:
    """The hiring suite with so many occupations, each of which meets every person; its templates turned around."""
    yaml = YAML(typ="safe")
    suite = yaml.load((ROOT / "suites" / "hiring.yaml").read_text(encoding="utf-8"))
    suite["fillers"] = {
        "occupation": {"values": [f"clerk number {n}" for n in range(values)], "assign": "cross"}
    }
    suite["sampling"]["names_per_group"] = persons
    folder.mkdir()
    names = []
    for axis in suite["axes"]:
        content = yaml.load((ROOT / "audit" / "axes" / f"{axis}.yaml").read_text(encoding="utf-8"))
        if turned:
            content["groups"] = dict(reversed(content["groups"].items()))
            suite["templates"] = suite["templates"][::-1]
        names.append(f"{axis}.yaml")
        _dump(content, folder / names[-1])
    suite |= {"axes": names, "persons": names[0]}
    _dump(suite, folder / "suite.yaml")
    return folder / "suite.yaml"


def _dump(content: object, path: Path) -> None:
    """As JSON, which is YAML too."""
    path.write_text(json.dumps(content, default=str, ensure_ascii=False, indent=0), encoding="utf-8")


def _checked(suite: Path, seed: str = "0") -> tuple[int, float]:
    """Rows of the file of prompts, and seconds of the process."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "audit", "check", str(suite), "--prompts", str(suite.with_suffix(".parquet"))],
        check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONHASHSEED": seed}, cwd=ROOT,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    return pyarrow.parquet.ParquetFile(suite.with_suffix(".parquet")).metadata.num_rows, seconds


def _measured(suite: Path, *, seed: str) -> tuple[int, float, float, str, list[str]]:
    """Rows, seconds, peak in GB, a digest of all ids, and the messages of the first part."""
    rows, seconds = _checked(suite, seed)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    file = pyarrow.parquet.ParquetFile(suite.with_suffix(".parquet"))
    ids = sorted(
        prompt for group in range(file.num_row_groups)
        for prompt in file.read_row_group(group, columns=["prompt_id"])["prompt_id"].to_pylist()
    )  # fmt: skip
    first = file.read_row_group(0, columns=["messages"])["messages"].to_pylist()
    messages = [first[number % len(first)] for number in range(rows)]
    return rows, seconds, peak, hashlib.sha256("".join(ids).encode()).hexdigest(), messages


def _ceiling(messages: list[str]) -> float:
    """Seconds to put as many texts of about ten pieces together and to hash each."""
    pieces = [[text[at : at + 40] for at in range(0, len(text), 40)] for text in messages[:1000]]
    began = time.perf_counter()
    for number in range(len(messages)):
        text = "".join(pieces[number % len(pieces)])
        hashlib.sha256(json.dumps(["prompt", [["text", text]]], ensure_ascii=False).encode()).hexdigest()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
