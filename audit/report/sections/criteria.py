"""Criteria fixed in advance: what counted as too large before anybody looked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from audit.records import Run
from audit.report import facts, numbers, scales
from audit.report.facts import Row

MOST = 60
MOST_LOOKS = 20


def section(run: Run) -> Mapping[str, object]:
    """The plan's digest and time, every limit with origin and reason, and what could be detected."""
    decided = [row for row in facts.rows(run.effects) if row["decision"]]
    return {
        "title": "Criteria fixed in advance",
        "digest": numbers.exact(facts.text(run.plan, "digest"), "plan", "digest"),
        "made_at": numbers.moment(run.plan.get("made_at"), "plan", "made_at"),
        "seed": numbers.exact(facts.text(run.plan, "seed"), "plan", "seed"),
        "decisions": numbers.count(facts.number(run.plan, "decision_count"), "plan", "decision_count"),
        "alpha": numbers.percent(facts.number(run.policy, "alpha"), ("policy", "alpha")),
        "power": numbers.percent(facts.number(run.policy, "power"), ("policy", "power")),
        "policy": facts.text(run.policy, "title"),
        "older": facts.answers_are_older(run),
        "limits": _limits(run, facts.rows(run.effects)),
        "rules": _rules(run),
        "looks": _looks(run),
        "look_count": numbers.count(len(run.looks), "looks.jsonl", "lines"),
        "detectable": [
            _detectable(run, metric, [row for row in decided[:MOST] if row["metric"] == metric])
            for metric in dict.fromkeys(str(row["metric"]) for row in decided[:MOST])
        ],
        "cut": len(decided) > MOST,
    }


def _limits(run: Run, rows: list[Row]) -> list[Mapping[str, object]]:
    seen: dict[tuple[str, ...], Row] = {}
    for row in rows:
        if scales.known(row, *scales.LIMITS):
            seen.setdefault((str(row["metric"]), str(row["limit_low"]), str(row["limit_high"])), row)
    return [
        {
            "metric": facts.card(str(row["metric"])).title,
            "limit": scales.span(row, *scales.LIMITS),
            "unit": scales.unit(row),
            "origin": str(row["limit_origin"]) or facts.NOT_RECORDED,
            "reason": _reason(run, str(row["metric"])),
        }
        for row in seen.values()
    ]


def _reason(run: Run, metric: str) -> str:
    for source in (run.plan, run.policy):
        limits = source.get("limits")
        entries = limits.items() if isinstance(limits, Mapping) else ()
        for key, entry in entries:
            if key == metric and isinstance(entry, Mapping) and entry.get("reason"):
                return str(entry["reason"])
    return facts.NOT_RECORDED


def _rules(run: Run) -> list[tuple[str, numbers.Number, str]]:
    reasons = facts.mapping(run.policy, "reasons")
    return [
        (label, printed(facts.number(run.policy, key), key), facts.text(reasons, key))
        for key, label, printed in RULES
    ]


def _looks(run: Run) -> list[tuple[numbers.Number, numbers.Number, numbers.Number]]:
    """When results were computed from this plan, where that was more than once."""
    if len(run.looks) < 2:
        return []
    return [
        (
            numbers.moment(look.get("at"), "looks.jsonl", f"{place}.at"),
            numbers.count(facts.number(look, "answers"), "looks.jsonl", f"{place}.answers"),
            numbers.count(facts.number(look, "effects"), "looks.jsonl", f"{place}.effects"),
        )
        for place, look in enumerate(run.looks[:MOST_LOOKS])
    ]


def _share(value: float, key: str) -> numbers.Number:
    return numbers.percent(value, ("policy", key))


def _whole(value: float, key: str) -> numbers.Number:
    return numbers.count(value, "policy", key)


RULES: tuple[tuple[str, str, Callable[[float, str], numbers.Number]], ...] = (
    ("alpha", "Chance of any wrong verdict beyond the limit", _share),
    ("power", "Chance of finding a difference of the detectable size", _share),
    ("min_clusters", "Fewest clusters that give a verdict", _whole),
    ("none_ceiling", "Largest gap between the groups in scores without a value", _share),
    ("min_group_share", "Smallest share of the sample with an impact ratio", _share),
)


def _detectable(run: Run, metric: str, rows: list[Row]) -> Mapping[str, object]:
    return {
        "metric": facts.card(metric).title,
        "unit": scales.unit(rows[0]),
        "rows": [
            {
                "label": facts.label(run, row),
                "clusters": numbers.count(
                    float(row["cluster_count"]), str(row["effect_id"]), "cluster_count"
                ),
                "zero": scales.effect(row, "detectable_zero"),
                "beyond": scales.effect(row, "detectable_beyond"),
            }
            for row in rows
        ],
    }
