"""Coverage and gaps: what was looked at, what had no value, what was left out, what was not tested."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from audit.records import CONTROL_ARMS, NOT_COUNTED, SWAP_PROOF, Run
from audit.report import facts, numbers
from audit.report.numbers import Number

if TYPE_CHECKING:
    import pandas as pd

MOST_LACKING = 40
CONTROL = " control of template "
"""In an entry of the swap proof: the pair of a control arm."""
MOST_LENGTHS = 15
SOME_REPEATS = "some of the repeats have no value"
"""Reason of a score that rests on fewer answers than were given."""


def section(run: Run) -> Mapping[str, object]:
    """One row an axis, then the gaps."""
    lacking = _lacking(run)
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
        "rows": _axis_rows(run),
        "counts": _counts(run),
        "reasons": _reasons(run),
        "lacking": lacking[:MOST_LACKING],
        "more_lacking": len(lacking) > MOST_LACKING,
        "excluded": [
            (each.what, each.reason, numbers.count(each.count, "excluded", str(place)))
            for place, each in enumerate(run.excluded)
        ],
        "not_measured": [
            (facts.axis_title(run, each.axis), facts.card(each.metric).title, each.reason)
            for each in run.findings
            if each.verdict == "not_measured"
        ],
        "proof": _proof(run),
        "lengths": _lengths(run)[:MOST_LENGTHS],
        "more_lengths": len(_lengths(run)) > MOST_LENGTHS,
        "untested": _untested(run),
    }


def _axes(run: Run) -> list[str]:
    seen = [str(axis) for axis in dict.fromkeys(run.prompts["axis"])]
    return [*seen, *(axis for axis in facts.tested(run) if axis not in seen)]


def _axis_rows(run: Run) -> list[Mapping[str, object]]:
    """One row an axis; the ids of very many prompts are told apart once, not once for each axis."""
    import numpy as np
    import pandas as pd

    tables = (run.prompts, run.responses, run.scores)
    codes, known = pd.factorize(pd.concat([table["prompt_id"] for table in tables], ignore_index=True))
    asked, answered, scored = np.split(codes, np.cumsum([len(table) for table in tables])[:-1])
    failed = (run.responses["error"] != "").to_numpy(bool)
    lacking = facts.lacking(run.scores).to_numpy(bool)
    rows = []
    for axis in _axes(run):
        here = np.zeros(len(known), dtype=bool)
        here[asked[(run.prompts["axis"] == axis).to_numpy(bool)]] = True
        mine = here[answered]
        tally = {
            "answers": int(mine.sum()),
            "failed": int((mine & failed).sum()),
            "no_value": int((here[scored] & lacking).sum()),
        }
        rows.append(_axis_row(run, axis, tally))
    return rows


def _axis_row(run: Run, axis: str, tally: Mapping[str, int]) -> Mapping[str, object]:
    columns = ["prompt_id", "template", "name", "group"]
    swap = run.prompts.loc[(run.prompts["axis"] == axis) & (run.prompts["arm"] == "swap"), columns]
    pairs = run.pairs.loc[run.pairs["axis"] == axis, ["arm"]]
    record = f"coverage/{axis}"
    values = {
        "templates": swap["template"].nunique(),
        "names": swap["name"].nunique(),
        "prompts": swap["prompt_id"].nunique(),
        "pairs": int((pairs["arm"] == "swap").sum()),
        "control_pairs": int(pairs["arm"].isin(CONTROL_ARMS).sum()),
        **tally,
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
        ("asked_again", "Questions asked twice, because a stop came before their answers were kept"),
        ("failed", "Answers that failed"),
    )
    tally = facts.mapping(run.manifest, "counts")
    return [
        (label, numbers.count(facts.number(tally, key), "manifest", f"counts.{key}")) for key, label in labels
    ]


def _reasons(run: Run) -> list[tuple[str, str, Number]]:
    by = ["metric", "reason"]
    return [
        (
            facts.card(row["metric"]).title,
            row["reason"],
            numbers.count(row["lost"], f"scores/{row['metric']}", row["reason"]),
        )
        for row in facts.rows(_lost(run).groupby(by, sort=True)["lost"].sum().reset_index())
    ]


def _lost(run: Run) -> pd.DataFrame:
    """The scores that lack some answer or all, with the reason and how many answers they lack."""
    rows = run.scores[(run.scores["reason"] != "") | (run.scores["lost"] > 0)]
    reason = rows["reason"].astype("str")
    return rows.assign(lost=rows["lost"].clip(lower=1), reason=reason.where(reason != "", SOME_REPEATS))


def _lacking(run: Run) -> list[tuple[str, str, str, Number, Number]]:
    """Metric, group, reason, answers without a value for that reason, and all answers of the group; decided first."""
    every_loss = _lost(run)
    lost = every_loss[~every_loss["reason"].str.startswith(NOT_COUNTED)]
    if not len(lost):
        return []
    swap = run.prompts["arm"] == "swap"
    asked = run.prompts.loc[swap, ["prompt_id", "item", "axis", "group"]].drop_duplicates()
    of = ["metric", "axis", "group"]
    every = run.scores[(run.scores["arm"] == "swap") & run.scores["metric"].isin(lost["metric"])]
    every = every.assign(n=(every["answers"] + every["lost"]).clip(lower=1)).merge(
        asked, on=["prompt_id", "item"]
    )
    totals = {tuple(row[key] for key in of): row["n"] for row in _summed(every, of, "n")}
    placed = lost[lost["arm"] == "swap"].merge(asked, on=["prompt_id", "item"])
    ranks = {metric: place for place, metric in enumerate(facts.decided_metrics(run))}
    return [
        (
            facts.card(row["metric"]).title,
            f"{facts.axis_title(run, row['axis'])}: {facts.group_title(run, row['axis'], row['group'])}",
            row["reason"],
            numbers.count(row["lost"], f"scores/{row['metric']}/{row['axis']}/{row['group']}", row["reason"]),
            numbers.count(
                totals[tuple(row[key] for key in of)],
                f"scores/{row['metric']}/{row['axis']}/{row['group']}",
                "answers",
            ),
        )
        for row in sorted(
            _summed(placed, [*of, "reason"], "lost"), key=lambda row: ranks.get(row["metric"], len(ranks))
        )
    ]


def _summed(frame: pd.DataFrame, by: list[str], column: str) -> list[facts.Row]:
    """The column's sum for each combination of `by`, in alphabetical order."""
    return facts.rows(frame.groupby(by, sort=True)[column].sum().reset_index())


def _proof(run: Run) -> tuple[Number, Number] | None:
    """How many pairs were proven to differ in their marked words alone, and how many were not and are left out."""
    if run.suite.get("design") != "paired" or run.suite.get("recorded"):
        return None
    held = int((run.pairs["arm"] == "swap").sum())
    failed = sum(
        each.count for each in run.excluded if each.what.startswith(SWAP_PROOF) and CONTROL not in each.what
    )
    return numbers.count(held, "pairs", "swap"), numbers.count(failed, "excluded", SWAP_PROOF)


def _lengths(run: Run) -> list[tuple[str, str, str, Number, Number, Number, Number]]:
    """Attribute, both groups, pairs, equally long ones, mean and largest difference in tokens; the longest first."""
    found = run.manifest.get("token_differences")
    entries = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    place = "token_differences"
    return [
        (
            facts.axis_title(run, str(each["axis"])),
            facts.group_title(run, str(each["axis"]), str(each["group_a"])),
            facts.group_title(run, str(each["axis"]), str(each["group_b"])),
            numbers.count(facts.number(each, "pairs"), "manifest", f"{place}.pairs"),
            numbers.count(facts.number(each, "equal"), "manifest", f"{place}.equal"),
            numbers.plain(facts.number(each, "mean"), ("manifest", f"{place}.mean"), signed=True),
            numbers.whole(facts.number(each, "largest"), ("manifest", f"{place}.largest")),
        )
        for each in sorted(entries, key=lambda each: -abs(facts.number(each, "mean")))
    ]


def _untested(run: Run) -> list[str]:
    """Titles of shipped attributes of the suite's language that the run did not vary."""
    language = str(run.suite.get("language") or "")[:2]
    return [
        title
        for name, title, spoken in _shipped()
        if name not in facts.tested(run) and spoken[:2] == language
    ]


@cache
def _shipped() -> tuple[tuple[str, str, str], ...]:
    """Id, title and language of every shipped attribute."""
    from audit.axis import shipped_headings

    return tuple(shipped_headings())
