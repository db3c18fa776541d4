"""The order of a comparison: find both versions, see that they are as they were, compare, ask the gate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from audit import evidence, runs
from audit.baselinefile import Baseline, baseline_of, read_baseline, write_baseline
from audit.compare import compare
from audit.errors import InputError
from audit.gate import gated
from audit.machine import now
from audit.policy import Policy, load_policy
from audit.records import Comparison, Run
from audit.tracking import named
from audit.waivers import load_waivers

BASELINE = "baseline.json"
"""File that `audit baseline set` writes unless another is named."""


def compare_versions(
    versions: Sequence[Path], *, policy: str | None = None, waivers: Path | None = None
) -> list[Comparison]:
    """Every later version against the first, then each but the second against the one before it.

    With two versions there is one comparison. The first may be a baseline file. The gate's outcome stands in each, by
    the rules of `policy`, by default of the candidate's own.
    """
    if len(versions) < 2:
        raise InputError("name two versions at least: a baseline and a candidate")
    allowed = load_waivers(waivers) if waivers is not None else ()
    rules = load_policy(policy) if policy is not None else None
    first = open_version(versions[0], beside=versions[1].parent)
    later = [open_run(path) for path in versions[1:]]
    pairs: list[tuple[Run | Baseline, Run]] = [(first, run) for run in later]
    pairs += list(pairwise(later))
    return [
        gated(
            compare(baseline, candidate),
            rules or Policy.model_validate(candidate.policy),
            waivers=allowed,
            today=now().date(),
        )
        for baseline, candidate in pairs
    ]


def set_baseline(run: Path, path: Path) -> Path:
    """The baseline file of a run, written; the file is replaced only if it is one."""
    if path.exists():
        read_baseline_any(path)
    write_baseline(baseline_of(open_run(run)), path)
    return path


def read_baseline_any(path: Path) -> None:
    """InputError where the file is something else than a baseline: it is not overwritten."""
    try:
        kind = json.loads(path.read_text(encoding="utf-8")).get("kind")
    except (ValueError, OSError, AttributeError):
        kind = None
    if kind != "audit baseline":
        raise InputError(f"{path}: this is no baseline file and is not overwritten; name another with -o")


def open_version(path: Path, *, beside: Path) -> Run | Baseline:
    """A run, or a baseline file; of the latter its run where that lies beside the file or the candidate."""
    if path.is_dir():
        return open_run(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such run or baseline file")
    found = read_baseline(path)
    for folder in _folders(path.parent, beside):
        if _root(folder) == found.facts.root and not evidence.verify(folder):
            return named(runs.read_run(folder))
    return found


def _folders(*places: Path) -> Iterator[Path]:
    for place in dict.fromkeys(path.resolve() for path in places):
        yield from (path.parent for path in sorted(place.glob("*/manifest.json")))


def _root(folder: Path) -> str:
    """Merkle root that the manifest names; empty where there is none to read."""
    try:
        return str(json.loads((folder / evidence.MANIFEST).read_text(encoding="utf-8")).get("root", ""))
    except (ValueError, OSError, AttributeError):
        return ""


def open_run(folder: Path) -> Run:
    """A finished run whose files are as they were when it ended; InputError otherwise."""
    problems = evidence.verify(folder)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InputError(
            f"{folder}: not compared, the run is not as it was when it ended: {problems[0]}{more}; "
            f"`audit verify {folder}` lists everything"
        )
    return named(runs.read_run(folder))
