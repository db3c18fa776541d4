"""Coverage and gaps: what was looked at, what had no value, what was left out, what was not tested."""

from __future__ import annotations

from collections.abc import Mapping

from audit.records import CONTROL_ARMS, Run
from audit.report import facts, numbers
from audit.report.numbers import Number


def section(run: Run) -> Mapping[str, object]:
    """One row an axis, then the gaps."""
    return {
        "title": "Coverage and gaps",
        "task": facts.text(run.suite, "title"),
        "language": facts.text(run.suite, "language"),
        "columns": (
            "Templates",
            "Names",
            "Prompts",
            "Pairs",
            "Control pairs",
            "Answers",
            "Failed",
            "No value",
        ),
        "rows": [_axis_row(run, axis) for axis in _axes(run)],
        "counts": _counts(run),
        "reasons": _reasons(run),
        "excluded": [
            (each.what, each.reason, numbers.count(each.count, "excluded", str(place)))
            for place, each in enumerate(run.excluded)
        ],
        "not_measured": [
            (facts.axis_title(run, each.axis), facts.card(each.metric).title, each.reason)
            for each in run.findings
            if each.verdict == "not_measured"
        ],
        "untested": _untested(run),
    }


def _axes(run: Run) -> list[str]:
    seen = [str(axis) for axis in dict.fromkeys(run.prompts["axis"])]
    return [*seen, *(axis for axis in run.axes if axis not in seen)]


def _axis_row(run: Run, axis: str) -> Mapping[str, object]:
    prompts = run.prompts[run.prompts["axis"] == axis]
    swap = prompts[prompts["arm"] == "swap"]
    pairs = run.pairs[run.pairs["axis"] == axis]
    answers = run.responses[run.responses["prompt_id"].isin(prompts["prompt_id"])]
    scores = run.scores[run.scores["prompt_id"].isin(prompts["prompt_id"])]
    record = f"coverage/{axis}"
    values = {
        "templates": swap["template"].nunique(),
        "names": swap["name"].nunique(),
        "prompts": swap["prompt_id"].nunique(),
        "pairs": int((pairs["arm"] == "swap").sum()),
        "control_pairs": int(pairs["arm"].isin(CONTROL_ARMS).sum()),
        "answers": len(answers),
        "failed": int((answers["error"] != "").sum()),
        "no_value": int((scores["reason"] != "").sum()),
    }
    groups = sorted(str(group) for group in dict.fromkeys(swap["group"]))
    return {
        "axis": facts.axis_title(run, axis),
        "groups": [facts.group_title(run, axis, group) for group in groups[:12]],
        "more_groups": len(groups) > 12,
        "values": [numbers.count(value, record, field) for field, value in values.items()],
    }


def _counts(run: Run) -> list[tuple[str, Number]]:
    labels = (
        ("prompts", "Distinct prompts planned"),
        ("pairs", "Pairs planned"),
        ("asked", "Answers asked for now"),
        ("reused", "Answers reused from an earlier start of this run"),
        ("failed", "Answers that failed"),
    )
    tally = facts.mapping(run.manifest, "counts")
    return [
        (label, numbers.count(facts.number(tally, key), "manifest", f"counts.{key}")) for key, label in labels
    ]


def _reasons(run: Run) -> list[tuple[str, str, Number]]:
    missing = run.scores[run.scores["reason"] != ""]
    grouped = missing.groupby(["metric", "reason"], sort=True).size()
    return [
        (facts.card(str(metric)).title, str(reason), numbers.count(amount, f"scores/{metric}", str(reason)))
        for (metric, reason), amount in zip(grouped.index.tolist(), grouped.tolist(), strict=True)
    ]


def _untested(run: Run) -> list[str]:
    from audit.axis import load_axis, shipped_axes

    return [load_axis(name).title for name in shipped_axes() if name not in run.axes]
