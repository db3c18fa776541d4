"""Method in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from audit.records import CONTROL_ARMS, Run
from audit.report import facts, numbers
from audit.report.quotes import passages, slot_marks

EXCERPT = 320


def section(run: Run) -> Mapping[str, object]:
    """Which design was used, which controls, and one pair as an example."""
    cues = list(dict.fromkeys(facts.cue(run, axis) for axis in facts.tested(run)))
    arms = [arm for arm in CONTROL_ARMS if bool((run.pairs["arm"] == arm).any())]
    return {
        "title": "How the test works",
        "design": str(run.suite.get("design") or "paired"),
        "items": run.suite.get("generalise") == "items",
        "cues": ", or only ".join(cues) or "the words that show the group",
        "arms": arms,
        "explained": len(run.attributions) > 0,
        "level": numbers.level(1 - facts.number(run.policy, "alpha"), ("policy", "alpha")),
        "min_clusters": numbers.count(facts.number(run.policy, "min_clusters"), "policy", "min_clusters"),
        "example": _example(run),
    }


def _example(run: Run) -> list[Mapping[str, object]]:
    swaps = run.pairs[run.pairs["arm"] == "swap"]
    if not len(swaps):
        return []
    pair = facts.rows(swaps.iloc[:1])[0]
    sides: list[Mapping[str, object]] = []
    for side in ("a", "b"):
        found = run.prompts[run.prompts["prompt_id"] == pair[side]]
        if not len(found):
            return []
        prompt = facts.rows(found.iloc[:1])[0]
        sides.append(
            {
                "name": side,
                "group": facts.group_title(run, str(pair["axis"]), str(pair[f"group_{side}"])),
                "passages": passages(
                    str(prompt["messages"]), slot_marks(str(prompt["spans"])), longest=EXCERPT
                ),
            }
        )
    return sides
