"""What a history leaves behind: its page, and its numbers for other programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from audit.comparisonfiles import Wanted
from audit.disk import told, whole
from audit.records import History
from audit.report.facts import rows
from audit.report.history import render_history

SCHEMA = 1
OF_LINE = ("suite", "effect_id", "metric", "axis", "stratum", "design", "group_a", "group_b", "contrast")
"""What is the same in every run of a line."""


def places(page: Path | None, data: Path | None) -> Wanted:
    """Where the page and the numbers go, if anywhere; InputError, before anything is read, where they cannot."""
    found = Wanted(files={name: path for name, path in (("html", page), ("json", data)) if path is not None})
    found.require_places()
    return found


def write(found: History, wanted: Wanted) -> list[Path]:
    """The files written."""
    made = {"html": render_history, "json": text_of}
    for name, path in wanted.files.items():
        with told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as waiting:
            waiting.write_text(made[name](found), encoding="utf-8", newline="\n")
    return list(wanted.files.values())


def text_of(found: History) -> str:
    """Runs, lines and what was left out as JSON; a number that does not exist is null."""
    content = {
        "schema": SCHEMA,
        "kind": "history",
        "runs": [asdict(one) for one in found.runs],
        "lines": [
            _line(list(members)) for _, members in groupby(rows(found.table), lambda row: row["effect_id"])
        ],
        "left_out": [{"folder": one.what, "reason": one.reason} for one in found.left_out],
    }
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _line(members: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    points = [{name: _known(value) for name, value in row.items() if name not in OF_LINE} for row in members]
    return {**{name: members[-1][name] for name in OF_LINE}, "points": points}


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
