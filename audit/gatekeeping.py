"""Comparisons on the command line: what is printed, and with which error a gate ends that does not open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audit import comparing, console, versus
from audit.comparisonfiles import Wanted, write
from audit.errors import AuditError, IncompleteError, InputError
from audit.waivers import load_waivers


def wanted(folder: Path | None = None, **files: Path | None) -> Wanted:
    """Where the report and the formats named by `files` go; InputError where they cannot."""
    made = Wanted(folder=folder, files={name: path for name, path in files.items() if path is not None})
    made.require_places()
    return made


def compare(
    versions: Sequence[Path], *, policy: str | None, waivers: Path | None, gate: bool, to: Wanted
) -> None:
    """Compares, prints, writes what is wanted, and ends with an error where the gate is asked and does not open."""
    found = comparing.compare_versions(versions, policy=policy, waivers=waivers)
    count = len(versions) - 1
    for one in found if count == 1 else found[:count]:
        versus.comparison(console.out(), one)
    if count > 1:
        versus.trend(console.out(), found[:count], found[count:])
    for path in write(found[:count], to):
        console.say(console.out(), f"written    {path}")
    outcome = found[count - 1].gate
    if gate and outcome is not None and outcome.state == "incomplete":
        raise IncompleteError("a run is incomplete; the gate decides nothing before it is finished")
    if gate and outcome is not None and outcome.state == "closed":
        raise AuditError(f"the gate is closed, for {len(outcome.closing)} reasons")


def check(
    baseline: Path | None, *, gate: bool, waivers: Path | None, suites: Sequence[str], wanted: Wanted
) -> None:
    """InputError, before anything is asked, where options of the comparison cannot mean anything."""
    if baseline is None and wanted.files:
        raise InputError(
            f"--{next(iter(wanted.files))} writes a comparison; name a baseline, or use audit export"
        )
    if baseline is None and (gate or waivers is not None):
        raise InputError(
            "--gate and --waivers are about a comparison; name a run or a baseline file with --baseline"
        )
    if baseline is None:
        return
    if len(suites) > 1:
        raise InputError("--baseline is a run of one suite; name one suite")
    comparing.open_version(baseline, beside=baseline.parent)
    if waivers is not None:
        load_waivers(waivers)
