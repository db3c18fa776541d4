"""One explained pair as a file: a page, a document, or its numbers for other programs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.disk import whole
from audit.errors import InputError
from audit.records import ATTRIBUTIONS, DELTAS, PAIRS, QUALITY, Run, Table

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
OF_A_CREDIT = ("attribution_id", "pair_id", "spans")
"""Columns of the table `attributions` that a reader of one pair does not need, or needs as lists."""


def require_known(path: Path) -> None:
    """InputError for an ending that says no format."""
    if path.suffix.lower() not in WRITERS:
        raise InputError(f"{path}: no format is known for '{path.suffix}'; allowed: {', '.join(WRITERS)}")


def write_pair(run: Run, pair_id: str, path: Path) -> None:
    """All that the run knows about why the two answers of a pair differ, as the ending of `path` says."""
    require_known(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[path.suffix.lower()](run, pair_id, path)


def as_data(run: Run, pair_id: str) -> dict[str, object]:
    """The pair, its texts, its scores, the credits of its words and what is said for them, as JSON values."""
    (pair,) = _rows(PAIRS, run.pairs[run.pairs["pair_id"] == pair_id].iloc[:1])
    prompts = run.prompts.drop_duplicates("prompt_id").set_index("prompt_id")["messages"]
    credits = [_credit(row) for row in _rows(ATTRIBUTIONS, run.attributions)]
    return {
        "schema": SCHEMA,
        "run": {"suite": run.suite.get("id"), "model": run.plan.get("model"), "root": run.manifest.get("root")},
        "pair": pair,
        "texts": {side: json.loads(prompts[pair[side]]) for side in ("a", "b")},
        "scores": _rows(DELTAS, run.deltas[run.deltas["pair_id"] == pair_id]),
        "credits": credits,
        "quality": _rows(QUALITY, run.quality),
    }  # fmt: skip


def _credit(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in OF_A_CREDIT}
    return {**kept, "spans": json.loads(row["spans"])}


def _rows(table: Table, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table; null where there is no number."""
    rows = table.frame(frame).to_dict("records")
    return [{str(name): _known(value) for name, value in row.items()} for row in rows]


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json(run: Run, pair_id: str, path: Path) -> None:
    text = json.dumps(as_data(run, pair_id), ensure_ascii=False, indent=2, allow_nan=False)
    _write(path, text + "\n")


def _html(run: Run, pair_id: str, path: Path) -> None:
    from audit.report.render import render_pair

    _write(path, render_pair(run, pair_id))


def _pdf(run: Run, pair_id: str, path: Path) -> None:
    from audit import evidence
    from audit.report.pdf import write_pdf
    from audit.report.render import render_pair

    html = render_pair(run, pair_id)
    write_pdf(html, path, made_at=evidence.finished_at(run.manifest), attachments={})


def _write(path: Path, text: str) -> None:
    with whole(path) as waiting:
        waiting.write_text(text, encoding="utf-8", newline="\n")


WRITERS: Mapping[str, Callable[[Run, str, Path], None]] = {".html": _html, ".json": _json, ".pdf": _pdf}
"""Ending of a file → what writes it."""
