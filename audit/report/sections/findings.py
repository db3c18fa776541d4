"""The findings that matter: at most five cards, the largest differences first."""

from __future__ import annotations

from collections.abc import Mapping

from audit.records import Finding, Run, Verdict
from audit.report import bars, facts, numbers, scales, wording
from audit.report.facts import Row
from audit.report.quotes import Passage, passages, slot_marks

MOST = 5
EXAMPLES = 1
EXCERPT = 260
ORDER: tuple[Verdict, ...] = ("beyond", "undecided", "within", "not_measured")


def section(run: Run) -> Mapping[str, object]:
    """The cards, and a sentence that says how they were chosen."""
    effects = facts.effect_of(run)
    chosen = _chosen(run.findings, effects)
    cards = [_card(run, finding, effects[finding.effect_id], place) for place, finding in enumerate(chosen)]
    linked = {str(row["effect_id"]) for row in facts.annexed(run)}
    return {"title": "The findings that matter", "cards": cards, "linked": linked, "lead": _lead(run)}


def _lead(run: Run) -> scales.Sentence:
    if not run.findings:
        return ("No comparison was marked for decision, so there is no finding.",)
    tally = wording.counts(run.findings)
    total = numbers.count(len(run.findings), "findings", "tested")
    if tally["beyond"]:
        return ("Of ", total, " comparisons, these show the largest differences relative to the limit.")
    if run.policy.get("limits") == {}:
        return ("The policy sets no limit. Of ", total, " comparisons, these show the largest differences.")
    return (
        "No comparison went beyond the limit. Of ",
        total,
        " comparisons, these came closest or could not be decided.",
    )


def _chosen(findings: tuple[Finding, ...], effects: Mapping[str, Row]) -> list[Finding]:
    known = [finding for finding in findings if finding.effect_id in effects]
    ranked = sorted(
        known, key=lambda finding: (ORDER.index(finding.verdict), -_relative(effects[finding.effect_id]))
    )
    beyond = [finding for finding in ranked if finding.verdict in ("beyond", "undecided")]
    return (beyond if any(finding.verdict == "beyond" for finding in ranked) else ranked)[:MOST]


def _relative(row: Row) -> float:
    if not scales.known(row, "estimate"):
        return -1.0
    limit = float(row["limit_high"]) if scales.known(row, *scales.LIMITS) else 1.0
    return abs(float(row["estimate"])) / (limit or 1.0)


def _card(run: Run, finding: Finding, row: Row, place: int) -> Mapping[str, object]:
    shares = (
        scales.known(row, "lower_share", "higher_share")
        and row["design"] != "ranking"
        and wording.is_of_pairs(row)
    )
    return {
        "record": finding.effect_id,
        "verdict": finding.verdict,
        "about": f"{facts.card(finding.metric).title}, {facts.axis_title(run, finding.axis)}",
        "stratum": "" if finding.stratum == "*" else finding.stratum,
        "sentence": wording.finding_sentence(run, row),
        "frequency": wording.frequency_sentence(run, row),
        "bar": bars.frequency(float(row["lower_share"]), float(row["higher_share"])) if shares else None,
        "bar_numbers": _bar_numbers(row) if shares else (),
        "facts": [
            ("Range", wording.interval_sentence(row)),
            ("Limit", wording.limit_sentence(row)),
            ("Chance", wording.chance_sentence(row)),
            ("Basis", wording.basis_sentence(row)),
        ],
        "reason": wording.upper(finding.reason.rstrip(".")),
        "example": _example(run, finding) if place < EXAMPLES else None,
    }


def _bar_numbers(row: Row) -> tuple[numbers.Number, numbers.Number, numbers.Number]:
    source, lower, higher = str(row["effect_id"]), float(row["lower_share"]), float(row["higher_share"])
    return (
        numbers.frequency(lower, (source, "lower_share")),
        numbers.frequency(max(0.0, 1 - lower - higher), (source, "equal_share")),
        numbers.frequency(higher, (source, "higher_share")),
    )


def _example(run: Run, finding: Finding) -> Mapping[str, object] | None:
    pairs = run.pairs[run.pairs["pair_id"] == finding.example_pair]
    deltas = run.deltas[
        (run.deltas["pair_id"] == finding.example_pair) & (run.deltas["metric"] == finding.metric)
    ]
    if not len(pairs):
        return None
    pair = facts.rows(pairs)[0]
    sides = []
    for side in ("a", "b"):
        quoted = _quoted(run, str(pair[side]))
        if quoted is None:
            return None
        value = None
        if len(deltas):
            source = (finding.example_pair, f"value_{side}")
            value = scales.score(finding.metric, float(deltas[f"value_{side}"].iloc[0]), source)
        group = facts.group_title(run, finding.axis, str(pair[f"group_{side}"]))
        sides.append({"name": side, "group": group, "passages": quoted, "value": value})
    return {"pair": finding.example_pair, "sides": sides, "metric": facts.card(finding.metric).title}


def _quoted(run: Run, prompt_id: str) -> tuple[Passage, ...] | None:
    found = run.prompts[run.prompts["prompt_id"] == prompt_id]
    if not len(found):
        return None
    prompt = facts.rows(found)[0]
    return passages(str(prompt["messages"]), slot_marks(str(prompt["spans"])), longest=EXCERPT)
