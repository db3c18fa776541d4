"""More than two versions in the order in which they were named: what comparisons with the first say, as a history."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from audit.records import TRENDS, Comparison, History
from audit.report.facts import Row, rows

KEPT = (
    "effect_id", "metric", "axis", "stratum", "design", "group_a", "group_b", "contrast", "scale", "limit_low",
    "limit_high", "pair_count",
)  # fmt: skip
ENDINGS = {"verdict": "_verdict", "low": "_low", "high": "_high", "estimate": ""}
APART = "not comparable with the first version"


def several(found: Sequence[Comparison]) -> History:
    """The versions of comparisons that have one baseline, as runs of a history; decision effects alone."""
    first = found[0].baseline
    made = [row for place, one in enumerate(found) for row in _of(one, place)]
    once = {(row["effect_id"], row["run"]): row for row in made}
    order = {effect: place for place, effect in enumerate(dict.fromkeys(effect for effect, _ in once))}
    ordered = [once[key] for key in sorted(once, key=lambda key: (order[key[0]], key[1]))]
    return History(
        runs=(first, *(one.candidate for one in found)), table=TRENDS.frame(list(_broken(ordered)))
    )


def _of(found: Comparison, place: int) -> Iterator[dict[str, Any]]:
    """Rows of the baseline, which every comparison has again, and of the candidate."""
    decided = [row for row in rows(found.table) if row["decision"]]
    for row in decided:
        yield from _side(row, "baseline", 0, found)
    for row in decided:
        yield from _side(row, "candidate", place + 1, found)


def _side(row: Row, side: str, run: int, found: Comparison) -> Iterator[dict[str, Any]]:
    """The numbers of one version, if it has the effect."""
    if row["status"] == ("new" if side == "baseline" else "gone"):
        return
    own = {name: row[f"{side}{ending}"] for name, ending in ENDINGS.items()}
    refused = side == "candidate" and row["status"] == "not_comparable"
    yield {
        **{name: row[name] for name in KEPT}, **own, "run": run, "suite": found.candidate.suite, "level": math.nan,
        "control_arm": "", "cluster_count": 0, "failed_count": 0, "reason": "",
        "apart": row["reason"] if refused else "",
    }  # fmt: skip


def _broken(ordered: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows, broken too where the version before cannot be compared with the first."""
    before: Mapping[str, Any] = {}
    for row in ordered:
        same = before.get("effect_id") == row["effect_id"]
        yield {**row, "apart": row["apart"] or (APART if same and before["apart"] else "")}
        before = row
