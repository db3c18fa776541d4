"""What the commands print: results, plans, previews and lists. It shows what others computed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from audit.records import CONTROL_ARMS, VERDICTS, Run
from audit.statuses import comparison

if TYPE_CHECKING:
    import pandas as pd

    from audit.checking import Checked
    from audit.planning import PlanSummary
    from audit.swap import Swapped

WIDTH_WITHOUT_TERMINAL = 140
SHOWN_FINDINGS = 15
SHOWN_UNSURE = 15
STYLES = {"beyond": "bold", "within": "", "undecided": "italic", "not_measured": "dim"}
RENDERED = ("report.html", "report.pdf")


def out(*, stderr: bool = False) -> Console:
    """A console that keeps tables whole where there is no terminal to fit them to."""
    console = Console(stderr=stderr, highlight=False)
    return (
        console
        if console.is_terminal
        else Console(stderr=stderr, highlight=False, width=WIDTH_WITHOUT_TERMINAL)
    )


def say(console: Console, text: str) -> None:
    """One line as it is: no markup, no wrapping, so that paths can be copied."""
    console.print(text, markup=False, soft_wrap=True)


def results(console: Console, run: Run) -> None:
    """What came out of a run: the count of each verdict, the findings, and where the report is."""
    model: Any = run.manifest["model"]
    say(console, f"{run.suite['id']}, {model['kind']}:{model['name']}")
    counts = {verdict: sum(item.verdict == verdict for item in run.findings) for verdict in VERDICTS}
    say(console, ", ".join(f"{count} {words(verdict)}" for verdict, count in counts.items()))
    if run.findings:
        console.print(_findings(run))
    else:
        say(console, "The suite marks no effect for decision: everything is exploration.")
    if len(run.findings) > SHOWN_FINDINGS:
        say(console, f"({len(run.findings) - SHOWN_FINDINGS} more findings are in the report)")
    service: Any = run.manifest.get("service") or {}
    for warning in service.get("warnings", ()):
        say(console, f"warning    {warning}")
    reports(console, Path(run.folder))


def reports(console: Console, folder: Path) -> None:
    """Where the report of a run lies."""
    for name in RENDERED:
        if (folder / name).is_file():
            say(console, f"{name:12} {folder / name}")


def plan(console: Console, summary: PlanSummary) -> None:
    """What a run would ask, and what it could tell."""
    say(console, f"{summary.suite}, {summary.model}, question: {summary.question}")
    arms = ", ".join(f"{count:,} {arm}" for arm, count in summary.prompts_by_arm.items())
    say(console, f"prompts    {summary.distinct_prompts:,} distinct ({arms})")
    say(console, f"answers    {summary.answers:,}, about {summary.tokens:,} tokens")
    if summary.explanation_answers:
        fewer = (
            "'explain: {requests: N}' in the suite sets a limit, '{largest: 0, random: 0}' leaves them out"
        )
        say(console, f"explained  about {summary.explanation_answers:,} answers on top; {fewer}")
        say(console, f"           pairs of each attribute: {', '.join(summary.explanation_pairs)}")
    groups = ", ".join(f"{axis} ({count})" for axis, count in summary.groups.items())
    for line in summary.second_models:
        say(console, f"read by    {line}")
    say(console, f"material   {summary.templates} template clusters, {summary.names} names, groups: {groups}")
    say(console, f"time       {_times(summary)}")
    say(console, f"decisions  {summary.decision_count}, each at level {summary.level:.4f}")
    for line in summary.excluded:
        say(console, f"left out   {line}")
    if summary.decision_count:
        console.print(_detectable(summary))


def checked(console: Console, found: Checked) -> None:
    """What a suite expands to, and what it could do better."""
    say(console, f"{found.suite.id}: no mistakes found")
    arms = ", ".join(f"{found.arms[arm]:,} {arm}" for arm in ("swap", *CONTROL_ARMS) if arm in found.arms)
    say(console, f"prompts    {found.distinct:,} distinct ({arms or 'none'})")
    say(console, f"pairs      {found.pairs:,}")
    for exclusion in found.excluded:
        say(console, f"left out   {exclusion.what}: {exclusion.reason} ({exclusion.count:,})")
    for warning in found.warnings:
        say(console, f"warning    {warning}")


def swapped(console: Console, found: Swapped, written: Iterable[Path]) -> None:
    """What became of a person's own prompts: counts, the places that are not sure, the files."""
    dropped = sum(not item.is_kept for item in found.items)
    say(console, f"kept       {found.kept:,} texts")
    say(
        console,
        f"unsure     {found.unsure_texts:,} texts, {len(found.unsure):,} places; {dropped:,} texts left out",
    )
    say(console, f"not used   {found.without:,} without a word of the axis, {found.repeated:,} repeated")
    if found.unsure:
        table = Table("line", "word", "why it is not sure", "text", box=box.SIMPLE)
        for item, place in found.unsure[:SHOWN_UNSURE]:
            around = item.reading.text[max(place.start - 30, 0) : place.start + 40]
            table.add_row(str(item.line), escape(place.word), escape(place.reason), escape(around))
        console.print(table)
    if len(found.unsure) > SHOWN_UNSURE:
        say(console, f"({len(found.unsure) - SHOWN_UNSURE:,} more are in the list)")
    for path in written:
        say(console, f"written    {path}")


def preview(console: Console, prompts: pd.DataFrame) -> None:
    """Every template in all its versions for one person, with the words that differ between groups marked."""
    for (axis, template), versions in prompts.groupby(["axis", "template"], sort=False):
        console.print(Text(f"{axis}, {template}", style="bold"), soft_wrap=True)
        differing = _differing(versions["messages"].tolist(), versions["spans"].tolist())
        for row in versions.itertuples():
            console.print(Text(f"  {row.group}", style="dim"), soft_wrap=True)
            for text in _marked(console, str(row.messages), str(row.spans), differing):
                console.print(text, soft_wrap=True)


def listing(console: Console, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain table."""
    table = Table(*heading, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


def words(verdict: str) -> str:
    """A verdict as people write it."""
    return verdict.replace("_", " ")


def _findings(run: Run) -> Table:
    effects = {str(row["effect_id"]): row for row in run.effects.to_dict("records")}
    table = Table(
        "verdict",
        "what",
        "b against a",
        "difference",
        "range",
        "limit",
        "reason",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    ordered = sorted(
        run.findings, key=lambda item: (VERDICTS.index(item.verdict), -_size(effects[item.effect_id]))
    )
    for finding in ordered[:SHOWN_FINDINGS]:
        row = effects[finding.effect_id]
        table.add_row(
            Text(words(finding.verdict), style=STYLES[finding.verdict]),
            escape(finding.metric),
            escape(comparison(finding)),
            number(row["estimate"], signed=True),
            f"{number(row['low'], signed=True)} to {number(row['high'], signed=True)}",
            f"{number(row['limit_low'], signed=True)} to {number(row['limit_high'], signed=True)}",
            escape(finding.reason),
        )
    return table


def _size(effect: Mapping[Any, Any]) -> float:
    size = abs(float(effect["estimate"]))
    return size if math.isfinite(size) else 0.0


def number(value: float, *, signed: bool = False) -> str:
    """Three decimals; a dash where there is no number."""
    if not math.isfinite(value):
        return "-"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def _times(summary: PlanSummary) -> str:
    """How long the answers take: at the speed of an earlier run, else for three speeds."""
    if summary.recorded:
        return "none: the answers exist"
    note = "; explanations on top" if summary.explanation_answers else ""
    if math.isfinite(summary.answers_per_s):
        rate = summary.answers_per_s
        return f"{_duration(summary.answers / rate)} at {rate:,.1f} answers a second, as in that run{note}"
    speeds = ", ".join(f"{_duration(summary.answers / rate)} at {rate}" for rate in (1, 10, 100))
    return f"{speeds} answers a second{note}"


def _duration(seconds: float) -> str:
    """A time in the unit that fits."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _detectable(summary: PlanSummary) -> Table:
    table = Table(
        "metric", "limit", "if clusters scatter by (SD)", "half-width", "told from zero", "called beyond",
        "within possible", title="What the plan can tell", box=box.SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    for row in summary.detectable:
        scatter = number(row.deviation) + ("" if row.source == "assumed" else f" ({row.source})")
        cells = (number(cell) for cell in (row.half_width, row.from_zero, row.beyond))
        within = "no limit" if math.isnan(row.limit) else "yes" if row.within_possible else "no"
        table.add_row(escape(row.metric), number(row.limit), escape(scatter), *cells, within)
    return table


def _differing(messages: Sequence[str], spans: Sequence[str]) -> frozenset[int]:
    """Numbers of the spans whose text is not the same in all versions."""
    versions = [_pieces(text, places) for text, places in zip(messages, spans, strict=True)]
    if len({len(version) for version in versions}) != 1:
        return frozenset(range(max(map(len, versions))))
    return frozenset(index for index, texts in enumerate(zip(*versions, strict=True)) if len(set(texts)) > 1)


def _pieces(messages: str, spans: str) -> list[str]:
    turns = json.loads(messages)
    return [turns[part][1][start:end] for part, start, end, _ in json.loads(spans)]


def _marked(console: Console, messages: str, spans: str, differing: frozenset[int]) -> list[Text]:
    """The turns of a prompt; differing spans are bold on a terminal and in square brackets without one."""
    places = json.loads(spans)
    turns = []
    for part, (role, content) in enumerate(json.loads(messages)):
        own = sorted((s, e) for i, (p, s, e, _) in enumerate(places) if p == part and i in differing)
        text = Text("    " if role == "text" else f"    {role}: ")
        position = 0
        for start, end in own:
            text.append(content[position:start])
            text.append(
                content[start:end] if console.is_terminal else f"[{content[start:end]}]",
                style="bold underline",
            )
            position = end
        turns.append(text.append(content[position:]))
    return turns
