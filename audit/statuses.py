"""What machine formats say of a finding: one status, its name in each format, and one sentence.

The mapping stands here once, so that the same finding has the same status and the same numbers in every export.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any, Literal

from audit.kinds import card_of
from audit.machine import stamp
from audit.records import ALL, EFFECTS, INVALID, REFERENCE, Change, Finding, Run
from audit.rounding import rounded

Status = Literal["beyond", "within", "undecided", "invalid", "not_measured"]
Row = Mapping[str, Any]
PLACES = 3
NUMBERS = (
    "estimate", "low", "high", "level", "scale", "limit_low", "limit_high", "limit_origin", "p_adjusted",
    "template_count", "name_count", "cluster_count", "pair_count", "failed_count",
)  # fmt: skip
"""Columns of an effect that every format gives in full precision."""
CONTRASTED = ("group_a", "group_b", "axis", "stratum", "contrast")
NOTHING: dict[str, str | int | float] = {"str": "", "int64": 0, "float64": math.nan, "bool": False}
NO_ROW: Row = {column.name: NOTHING[column.dtype] for column in EFFECTS.columns}
"""What stands for an effect that is not in the table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """A status in words and in the formats: the element of JUnit (none: the case is fine), kind and level of SARIF."""

    words: str
    junit: Literal["", "failure", "skipped", "error"]
    kind: Literal["fail", "pass", "open", "review", "notApplicable"]
    level: Literal["error", "warning", "none"] = "none"


STATUSES: dict[Status, Names] = {
    "beyond": Names(words="beyond the limit", junit="failure", kind="fail", level="error"),
    "within": Names(words="within the limit", junit="", kind="pass"),
    "undecided": Names(words="undecided", junit="skipped", kind="open"),
    "invalid": Names(words="undecided, the test did not work", junit="error", kind="review"),
    "not_measured": Names(words="not measured", junit="skipped", kind="notApplicable"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A finding with its effect's row and its status."""

    finding: Finding
    row: Row
    status: Status

    @property
    def names(self) -> Names:
        """The status in every format."""
        return STATUSES[self.status]

    @property
    def numbers(self) -> Row:
        """The numbers of the effect that exist."""
        found = {name: self.row[name] for name in NUMBERS}
        return {
            name: value
            for name, value in found.items()
            if not isinstance(value, float) or math.isfinite(value)
        }

    @property
    def sentence(self) -> str:
        """Metric, contrast, numbers and verdict in one sentence."""
        reason = f" ({self.finding.reason})" if self.finding.reason else ""
        title = card_of(self.finding.metric).title
        return f"{title}: {comparison(self.finding)}: {figures(self.row)}; {self.names.words}{reason}."


def status_of(finding: Finding) -> Status:
    """The verdict; an undecided one whose test did not work is `invalid`."""
    broken = finding.verdict == "undecided" and any(mark in finding.reason for mark in INVALID)
    return "invalid" if broken else finding.verdict


def entries(run: Run) -> Iterator[Entry]:
    """Every finding of a run, in the run's order."""
    wanted = run.effects["effect_id"].isin([finding.effect_id for finding in run.findings])
    rows: dict[str, Any] = {str(row["effect_id"]): row for row in run.effects[wanted].to_dict("records")}
    for finding in run.findings:
        row = rows.get(finding.effect_id, NO_ROW)
        yield Entry(finding=finding, row=row, status=status_of(finding))


def comparison(finding: Finding | Change) -> str:
    """`b against a` with attribute and stratum, by their ids."""
    return contrasted({name: getattr(finding, name) for name in CONTRASTED})


def contrasted(row: Row) -> str:
    """The same from a row that has the columns `CONTRASTED`."""
    against = {ALL: "the others", REFERENCE: "the reference inputs"}.get(row["group_a"], row["group_a"])
    place = row["axis"] if row["stratum"] == ALL else f"{row['axis']}, {row['stratum']}"
    if row["contrast"] == "interaction":
        return f"{row['group_b']} against what its parts add up to, from {against} ({place})"
    return f"{row['group_b']} against {against} ({place})"


def figures(row: Row) -> str:
    """Estimate, interval and limit, rounded so that none crosses the limit."""
    limits = [float(row[name]) for name in ("limit_low", "limit_high")]
    estimate, low, high = (_figure(row, float(row[name]), limits) for name in ("estimate", "low", "high"))
    said = f"{'ratio ' if row['scale'] == 'log_ratio' else ''}{estimate}, interval {low} to {high}"
    if any(math.isnan(limit) for limit in limits):
        return said
    return f"{said}, limit {_figure(row, limits[0], ())} to {_figure(row, limits[1], ())}"


def _figure(row: Row, value: float, beside: list[float] | tuple[()]) -> str:
    """A number on the effect's natural scale; a dash where there is none."""
    if not math.isfinite(value):
        return "-"
    if row["scale"] == "log_ratio":
        return rounded(math.exp(value), PLACES, beside=[math.exp(mark) for mark in beside])
    text = rounded(value, PLACES, beside=beside)
    return text if text.startswith("-") or not float(text) else f"+{text}"


def finished_at(run: Run) -> str:
    """When the run ended, with a Z; empty where that was not recorded."""
    told = run.manifest.get("finished_at")
    return stamp(datetime.fromisoformat(str(told))) if told else ""


def run_name(run: Run) -> str:
    """The run's folder, without where it lies."""
    return PurePath(run.folder).name


def model(run: Run) -> Mapping[str, Any]:
    """The identity of the model: the manifest's where it is there, else the plan's."""
    found = [source.get("model") for source in (run.manifest, run.plan)]
    return next((each for each in found if isinstance(each, Mapping) and each), {})


def model_name(run: Run) -> str:
    """What the model is called, in one word; of a path only its last two parts."""
    identity = model(run)
    kind, name = str(identity.get("kind") or ""), str(identity.get("name") or "not recorded")
    short = "/".join(name.split("/")[-2:]) if name.startswith(("/", ".", "~")) else name
    return f"{kind}:{short}" if kind else short


def version_name(model: str) -> str:
    """KIND:NAME@REVISION without the kind; of a path its last part, of a revision twelve characters."""
    name, at, revision = model.partition(":")[2].partition("@")
    short = name.rstrip("/").rsplit("/", 1)[-1] if name.startswith(("/", ".", "~")) else name
    return f"{short}{at}{revision[:12]}" if short else model
