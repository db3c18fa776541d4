"""Runs sent to MLflow from the command line: a line that says where a run is, or a warning that it is not there."""

from __future__ import annotations

from pathlib import Path

from audit import console, tracking
from audit.errors import IncompleteError


def send(folder: Path, server: str | None, *, complete: bool) -> bool:
    """Whether nothing is left to do: nowhere to send it, not finished, or sent. What is left to do is told."""
    if server is None:
        return True
    if not complete:
        console.say(console.out(stderr=True), "not tracked: the run is incomplete")
        return True
    try:
        run_id, known = tracking.track(folder, server)
    except IncompleteError as error:
        console.say(console.out(stderr=True), f"audit: warning: {error}")
        return False
    console.say(console.out(), f"tracked    mlflow:{run_id}{' (was there before)' if known else ''}")
    return True
