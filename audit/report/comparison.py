"""Two or more versions as one HTML page, by the rules of the report: no script, nothing fetched, no statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.catalogue import shipped
from audit.changenames import CHANGE_NAMES, Changed, changed, counts, gate_line, movement, versions
from audit.kinds import card_of
from audit.records import ALL, Compared, Comparison
from audit.report import charts, numbers, scales
from audit.report.facts import Row, rows
from audit.report.history import panels
from audit.report.numbers import Number
from audit.report.render import environment
from audit.report.several import several
from audit.statuses import comparison

if TYPE_CHECKING:
    import pandas as pd

MOST_PANELS = 30
MOST_ROWS = 12
"""Effects of one figure."""
MOST_MOVERS, MOST_OF_ONE = 10, 2
"""Pairs that are shown, and how many of one comparison of groups."""
MOST_CREDITS = 20
MOST_FLIPS = 20
LONGEST = 400
SIDES = ("baseline", "candidate")
MEANINGS = {
    "worse": "The difference between the groups grew, in size, by more than the limit.",
    "better": "It shrank by more than the limit.",
    "unchanged": "Whatever changed is smaller than the limit.",
    "undecided": "The evidence does not reach far enough to say; never read it as unchanged.",
    "new": "The baseline has no such comparison.",
    "gone": "The candidate has no such comparison.",
    "not_comparable": "Question, items, metric or limit differ, so nothing was compared.",
}


def render_comparison(found: Comparison, between: Sequence[Comparison] = ()) -> str:
    """The page. `between` are comparisons of the versions in between with the same baseline, oldest first."""
    from markupsafe import Markup

    every = list(changed(found))
    return environment().get_template("comparison.html.j2").render(
        style=Markup((shipped("templates") / "style.css").read_text(encoding="utf-8")),
        names=CHANGE_NAMES, meanings=MEANINGS, gate=found.gate, gate_line=gate_line(found),
        before=_exact(found.baseline.model, "baseline", "model"),
        now=_exact(found.candidate.model, "candidate", "model"),
        suite=_exact(found.candidate.suite, "candidate", "suite"),
        version=found.candidate.audit_version, complete=found.baseline.complete and found.candidate.complete,
        tested=numbers.count(len(every), "changes", "compared"),
        boxes=[(status, numbers.count(count, "changes", status)) for status, count in counts(found).items()],
        identity=_identity(found), paired=found.paired, level=_level(every), notes=found.notes,
        refused=found.refused, waivers=found.waivers,
        headline=[_headline(each) for each in every if each.closing or each.change.status in ("worse", "better")][:5],
        panels=_panels(every, [*between, found])[:MOST_PANELS], cut=len(_panels(every, [])) > MOST_PANELS,
        flips=_flips(found), flipped=_flipped(found), movers=_movers(found), credits=_credits(found),
        utility=_utility(found), more_versions=[each.candidate for each in between],
        trends=panels(several([*between, found]))[:MOST_PANELS] if between else [],
        root=_exact(found.candidate.root, "candidate", "root"), digests=_digests(found),
    )  # fmt: skip


def _exact(value: object, record: str, field: str) -> Number:
    return numbers.exact(value or "not recorded", record, field)


def _identity(found: Comparison) -> list[tuple[str, list[Number]]]:
    """What both versions are, side by side."""
    titles = {
        "model": "Model", "suite": "Suite", "policy": "Policy", "audit_version": "Made with audit",
    }  # fmt: skip
    sides = list(zip(SIDES, (found.baseline, found.candidate), strict=True))
    lines = [
        (title, [_exact(getattr(one, field), side, field) for side, one in sides])
        for field, title in titles.items()
    ]
    lines.append(
        ("Identity of the model", [numbers.short(one.model_id, side, "model_id") for side, one in sides])
    )
    lines.append(
        ("Run finished", [numbers.moment(one.finished_at, side, "finished_at") for side, one in sides])
    )
    lines.append(
        (
            "Everything answered",
            [_exact("yes" if one.complete else "no", side, "complete") for side, one in sides],
        )
    )
    return lines


def _digests(found: Comparison) -> list[tuple[str, list[Number]]]:
    def of(one: Compared, side: str) -> list[Number]:
        return [
            _exact(getattr(one, name), side, name)
            for name in ("plan", "root", "suite_digest", "policy_digest")
        ]

    return [("Baseline", of(found.baseline, "baseline")), ("Candidate", of(found.candidate, "candidate"))]


def _level(every: Sequence[Changed]) -> Number:
    known = [each for each in every if math.isfinite(float(each.row["level"]))]
    if not known:
        return _exact("none", "changes", "level")
    return numbers.level(float(known[0].row["level"]), (known[0].change.id, "level"))


def _headline(each: Changed) -> Mapping[str, object]:
    return {
        "id": each.change.id, "status": each.change.status, "title": each.title, "versions": versions(each.row),
        "movement": movement(each.row), "closing": each.closing, "waived_by": each.waived_by,
        "reversed": each.change.reversed,
    }  # fmt: skip


# ---------------------------------------------------------------- changes


def _panels(every: Sequence[Changed], found: Sequence[Comparison]) -> list[Mapping[str, object]]:
    """A figure and its table for each metric and attribute."""
    groups: dict[tuple[str, str, int], list[Changed]] = {}
    sizes: dict[tuple[str, str], int] = {}
    for each in every:
        key = (each.change.metric, each.change.axis)
        place = sizes.get(key, 0)
        sizes[key] = place + 1
        groups.setdefault((*key, place // MOST_ROWS), []).append(each)
    return [_panel(members, found) for members in groups.values()]


def _panel(members: Sequence[Changed], found: Sequence[Comparison]) -> Mapping[str, object]:
    shown, labels = _rows_of(members, found)
    first = members[0]
    return {
        "id": f"change-{first.change.id}", "heading": f"{card_of(first.change.metric).title}: {first.change.axis}",
        "plot": charts.forest(shown, labels) if shown else None, "alt": _alt(members),
        "unit": scales.unit(first.row), "lines": [_line(each) for each in members],
    }  # fmt: skip


def _rows_of(members: Sequence[Changed], found: Sequence[Comparison]) -> tuple[list[Row], list[str]]:
    """Each effect in every version that has it: a row of its own, as the figure wants it."""
    shown: list[Row] = []
    labels: list[str] = []
    tables = [{str(row["effect_id"]): row for row in rows(each.table)} for each in found]
    for each in members:
        name = comparison(each.change).rpartition(" (")[0]
        mine: list[tuple[str, Row | None]] = [("before", _side(each.row, "baseline"))]
        for place, table in enumerate(tables):
            row = table.get(each.change.effect_id)
            later = "now" if place == len(tables) - 1 else "then"
            mine.append((later, _side(row, "candidate") if row is not None else None))
        for number, (when, row) in enumerate((when, row) for when, row in mine if row is not None):
            shown.append(row)
            labels.append(f"{charts.shortened(name, 32)}, {when}" if number == 0 else when)
    return shown, labels


def _side(row: Row, side: str) -> Row | None:
    """One version's numbers under the names that an effect has; None where it has no estimate."""
    if not math.isfinite(float(row[side])):
        return None
    return {
        **row, "effect_id": f"{row['change_id']}/{side}", "estimate": row[side], "low": row[f"{side}_low"],
        "high": row[f"{side}_high"], "verdict": row[f"{side}_verdict"],
        "control_low": math.nan, "control_high": math.nan,
    }  # fmt: skip


def _alt(members: Sequence[Changed]) -> str:
    """The finding of the figure in one sentence."""
    moved = [each for each in members if math.isfinite(float(each.row["difference"]))]
    title = card_of(members[0].change.metric).title
    if not moved:
        return charts.shortened(f"{title}: no change could be measured.", 250)
    worse = sum(each.change.status == "worse" for each in members)
    most = max(moved, key=lambda each: abs(float(each.row["difference"])))
    told = f"{charts.shortened(comparison(most.change), 90)}: {versions(most.row)}"
    number = f"{worse} of {len(members)} differences became worse"
    return charts.shortened(f"{title}: {number}; the largest change is {told}.", 250)


def _line(each: Changed) -> Mapping[str, object]:
    row: Row = {**each.row, "effect_id": each.change.id}
    return {
        "id": each.change.id, "label": comparison(each.change).rpartition(" (")[0],
        "stratum": "" if each.change.stratum == ALL else each.change.stratum,
        "before": scales.effect(row, "baseline"), "before_range": scales.span(row, "baseline_low", "baseline_high"),
        "now": scales.effect(row, "candidate"), "now_range": scales.span(row, "candidate_low", "candidate_high"),
        "change": scales.effect(row, "difference"), "range": scales.span(row),
        "limit": scales.span(row, *scales.LIMITS), "noise": scales.span(row, "control_low", "control_high"),
        "detectable": scales.effect(row, "detectable"),
        "pairs": numbers.count(float(row["pair_count"]), each.change.id, "pair_count"),
        "missing": numbers.count(float(row["missing_count"]), each.change.id, "missing_count"),
        "status": each.change.status, "reversed": each.change.reversed, "reason": each.change.reason,
        "waived_by": each.waived_by,
    }  # fmt: skip


# ---------------------------------------------------------------- what is beside them


def _flips(found: Comparison) -> list[Mapping[str, object]]:
    return [
        {
            "axis": row["axis"], "group": "all groups" if row["group"] == ALL else row["group"], "note": row["note"],
            **{
                name: numbers.count(float(row[name]), f"flips/{row['axis']}/{row['group']}", name)
                for name in ("n", "gained", "lost")
            },
            "p": numbers.probability(float(row["p_value"]), (f"flips/{row['axis']}/{row['group']}", "p_value")),
        }
        for row in rows(found.flip_counts)
    ]  # fmt: skip


def _flipped(found: Comparison) -> list[Mapping[str, object]]:
    return [
        {**row, **{side: _cut(row[side]) for side in SIDES}} for row in rows(found.flips.head(MOST_FLIPS))
    ]


def _cut(text: object) -> str:
    words = str(text)
    return words if len(words) <= LONGEST else words[:LONGEST].rstrip() + " [shortened]"


def _movers(found: Comparison) -> list[Mapping[str, object]]:
    made: list[Mapping[str, object]] = []
    for row in rows(_largest(found)):
        record = f"movers/{row['pair_id']}/{row['metric']}"
        made.append({
            "title": f"{card_of(str(row['metric'])).title}: {row['group_b']} against {row['group_a']} ({row['axis']})",
            "record": record, "pair": row["pair_id"], "template": row["template"],
            **{name: _delta(row, name, record) for name in ("baseline", "candidate", "change")},
            "answers": [
                (f"{letter}: {row[f'group_{letter}']}", [_cut(row[f"{side}_{letter}"]) for side in SIDES])
                for letter in "ab"
            ],
        })  # fmt: skip
    return made


def _largest(found: Comparison) -> pd.DataFrame:
    """Of each comparison of groups its largest movers; of all of these the largest, of one metric before the next."""
    few = found.movers.groupby(["metric", "effect_id"], sort=False).head(MOST_OF_ONE)
    sizes = few.assign(size=few["change"].abs(), place=few.groupby("metric", sort=False).ngroup())
    return sizes.sort_values(["place", "size"], ascending=[True, False], kind="stable").head(MOST_MOVERS)


def _delta(row: Row, name: str, record: str) -> Number:
    return scales.score_change(str(row["metric"]), float(row[name]), (record, name))


def _credits(found: Comparison) -> list[Mapping[str, object]]:
    """The words whose credit moved most."""
    table = found.credits
    order = (table["candidate"] - table["baseline"]).abs().sort_values(ascending=False, kind="stable").index
    made: list[Mapping[str, object]] = []
    for place, row in enumerate(rows(table.loc[order[:MOST_CREDITS]])):
        record = f"credits/{place}"
        made.append({
            "record": record, "what": f"{row['text'] or row['slot'] or 'other words'}",
            "slot": row["slot"] or "word", "contrast": f"{row['group_b']} against {row['group_a']}",
            "method": f"{row['method']}, {row['game']}",
            **{side: scales.credit(float(row[side]), (record, side)) for side in SIDES},
            **{
                name: numbers.percent(float(row[name]), (record, name))
                for name in ("baseline_share", "candidate_share")
            },
            "pairs": numbers.count(float(row["pairs"]), record, "pairs"),
            "unreliable": numbers.count(float(row["unreliable"]), record, "unreliable"),
        })  # fmt: skip
    return made


def _utility(found: Comparison) -> list[Mapping[str, object]]:
    made: list[Mapping[str, object]] = []
    for row in rows(found.utility[found.utility["group"] == ALL]):
        metric, record = str(row["metric"]), f"utility/{row['metric']}/{row['axis']}/{row['group']}"
        made.append({
            "metric": card_of(metric).title, "axis": "all prompts" if row["axis"] == ALL else row["axis"],
            **{side: scales.score(metric, float(row[side]), (record, side)) for side in SIDES},
            "change": scales.score_change(metric, float(row["difference"]), (record, "difference")),
            "range": _range(metric, row, record), "unit": scales.change_unit(metric),
            "n": numbers.count(float(row["n"]), record, "n"),
        })  # fmt: skip
    return made


def _range(metric: str, row: Mapping[str, Any], record: str) -> scales.Sentence:
    low, high = (scales.score_change(metric, float(row[name]), (record, name)) for name in ("low", "high"))
    return (low, " to ", high)
