"""A run whose findings have every status there is, one of them about a ratio, one that nearly reaches its limit."""

from __future__ import annotations

import math
from dataclasses import replace

from synthetic import make_run

from audit.records import EFFECTS, Finding, Run

REASONS = (
    ("beyond", ""),
    ("within", ""),
    ("undecided", "the interval reaches across the limit"),
    ("undecided", "inside the noise band: pairs of one group (arm 'name') differ as much"),
    ("not_measured", "nothing was asked"),
    ("undecided", "12 of 12 pairs have no value"),
)
STATUSES = ("beyond", "within", "undecided", "invalid", "not_measured", "invalid")


def every_status(run: Run | None = None) -> Run:
    made = make_run(templates=2) if run is None else run
    told = dict(zip([each.effect_id for each in made.findings], REASONS, strict=False))
    findings = tuple(_told(each, *told[each.effect_id]) for each in made.findings if each.effect_id in told)
    rows = made.effects.to_dict("records")
    for row in rows:
        row["contrast"] = "pair"
        if row["effect_id"] in told:
            row["verdict"], row["reason"] = told[row["effect_id"]]
    decided = [row for row in rows if row["effect_id"] in told]
    decided[0].update(estimate=0.1004, low=0.10002, high=0.35, limit_low=-0.1, limit_high=0.1)
    decided[1].update(
        scale="log_ratio", estimate=math.log(0.7996), limit_low=math.log(0.8), limit_high=math.log(1.25)
    )
    decided[4].update(dict.fromkeys(("estimate", "low", "high", "p_adjusted"), math.nan))
    return replace(made, findings=findings, effects=EFFECTS.frame(rows))


def _told(finding: Finding, verdict: str, reason: str) -> Finding:
    return replace(finding, verdict=verdict, reason=reason)  # type: ignore[arg-type]
