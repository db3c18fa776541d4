"""Runs that are odd in one way: empty, hostile, ranked, with very many groups."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from made_rows import effect_row, finding_of, group_row
from synthetic import make_run

from audit.records import EFFECTS, GROUPS, Exclusion, Run


def short_run(*, explained: int = 1) -> Run:
    """The run with nothing but what is decided and `explained` worked pairs: a short document."""
    run = make_run(templates=1)
    kept = list(dict.fromkeys(run.attributions["pair_id"]))[:explained]
    return replace(
        run,
        effects=run.effects[run.effects["decision"]],
        groups=run.groups[run.groups["metric"] == "selection_rate"],
        attributions=run.attributions[run.attributions["pair_id"].isin(kept)],
    )


def empty_run() -> Run:
    """A run in which nothing was asked."""
    run = make_run(templates=1)
    tables = {
        table: getattr(run, table).iloc[:0]
        for table in (
            "prompts",
            "pairs",
            "responses",
            "scores",
            "deltas",
            "effects",
            "groups",
            "attributions",
            "subgroups",
            "classical",
            "judged",
            "carriers",
            "quality",
        )
    }
    return replace(
        run, **tables, findings=(), excluded=(), plan={}, manifest={}, suite={}, policy={}, axes={}, looks=()
    )


def with_texts(run: Run, change: Callable[[str], str]) -> Run:
    """The same run, every quoted text, title and wording changed."""

    def messages(text: str) -> str:
        return json.dumps([[role, change(words)] for role, words in json.loads(text)])

    prompts = run.prompts.assign(messages=[messages(text) for text in run.prompts["messages"]], spans="[]")
    attributions = run.attributions.assign(
        text_a=[change(text) for text in run.attributions["text_a"]],
        text_b=[change(text) for text in run.attributions["text_b"]],
    )
    declared: Any = run.axes
    axes: dict[str, Any] = {
        axis: {
            **data,
            "title": change(data["title"]),
            "groups": {
                group: {**each, "title": change(each["title"]), "wording": change(each["wording"])}
                for group, each in data["groups"].items()
            },
        }
        for axis, data in declared.items()
    }
    suite = {
        **run.suite,
        "title": change("Hiring"),
        "harm": change("harm"),
        "cannot_show": change("cannot show"),
    }
    excluded = (Exclusion(what=change("what"), reason=change("reason"), count=1),)
    return replace(run, prompts=prompts, attributions=attributions, axes=axes, suite=suite, excluded=excluded)


def ranking_run() -> Run:
    """Recorded rankings of candidates of eight groups within four jobs; answers are older than the plan."""
    run = make_run(templates=1)
    rng = np.random.default_rng(3)
    names = [f"{letters} {word}" for letters in ("A", "B", "H", "W") for word in ("men", "women")]
    axis = {
        "title": "Race and gender of the name",
        "cue": "names",
        "groups": {name: {"title": name, "wording": f"applications with names of {name}"} for name in names},
    }
    effects, groups, findings = [], [], []
    for job in ("*", "analyst", "engineer", "retail"):
        for name in names:
            middle = float(rng.normal(0, 0.03))
            row = effect_row(
                metric="rank_first",
                axis="demographic",
                stratum=job,
                design="ranking",
                group_a="*",
                group_b=name,
                decision=job == "*",
                estimate=middle,
                low=middle - 0.02,
                high=middle + 0.02,
                mean_a=0.125,
                mean_b=0.125 + middle,
                limit_low=-0.05,
                limit_high=0.05,
                limit_origin="policy default",
                verdict="undecided" if job == "*" else "",
                reason="the interval reaches across the limit" if job == "*" else "",
                pair_count=1000,
                cluster_count=1000,
                template_count=0,
                name_count=0,
            )
            effects.append(row)
            groups.append(
                group_row(
                    metric="rank_first",
                    axis="demographic",
                    stratum=job,
                    group=name,
                    n=1000,
                    value=0.125 + middle,
                    impact_ratio=0.8,
                    impact_ratio_low=0.7,
                    impact_ratio_high=0.9,
                    expected_lowest_ratio=0.81,
                )
            )
            if row["decision"]:
                findings.append(finding_of(row, run.deltas))
        groups += [
            group_row(
                metric="rank_first",
                axis="position",
                stratum=job,
                group=f"position {place}",
                n=1000,
                value=0.2 - 0.02 * place,
            )
            for place in range(1, 9)
        ]
    return replace(
        run,
        axes={"demographic": axis},
        effects=EFFECTS.frame(effects),
        groups=GROUPS.frame(groups),
        findings=tuple(findings),
        suite={
            **run.suite,
            "design": "ranking",
            "axes": ["demographic"],
            "intersections": [],
            "stratum": "job",
        },
        manifest={**run.manifest, "answers_older_than_plan": True},
        pairs=run.pairs.iloc[:0],
        deltas=run.deltas.iloc[:0],
        attributions=run.attributions.iloc[:0],
        prompts=run.prompts.assign(axis="demographic"),
    )


def many_groups_run(groups: int = 200) -> Run:
    """One axis with very many groups."""
    names = [f"group {chr(97 + place // 26)}{chr(97 + place % 26)}" for place in range(groups)]
    axis = {
        "title": "Region",
        "cue": "stated",
        "groups": {name: {"title": name, "wording": f"inputs stating {name}"} for name in names},
    }
    effects = [
        effect_row(
            axis="region",
            group_a="*",
            group_b=name,
            decision=True,
            verdict="undecided",
            reason="too few clusters",
        )
        for name in names
    ]
    run = make_run(templates=1)
    findings = tuple(finding_of(row, run.deltas.iloc[:0]) for row in effects)
    rows = [group_row(axis="region", group=name, value=0.5) for name in names]
    return replace(
        run,
        axes={"region": axis},
        effects=EFFECTS.frame(effects),
        groups=GROUPS.frame(rows),
        findings=findings,
        attributions=run.attributions.iloc[:0],
    )
