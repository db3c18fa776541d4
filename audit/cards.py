"""What is shown of a run, a finding, a pair: their records as cards. Nothing is computed here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from audit.display import Card, Grid, Quote
from audit.errors import InputError
from audit.records import VERDICTS, Finding, Run
from audit.report import facts, numbers, scales, wording
from audit.report.facts import Row
from audit.report.quotes import Mark, passages, spans_of
from audit.report.scales import Sentence
from audit.statuses import comparison

SHOWN_FINDINGS = 15
SHOWN_WORDS = 5
LONGEST = 600
"""Characters of a message or an answer that a card quotes."""


def run_card(run: Run) -> Card:
    """A run: what was asked of whom, how many findings have which verdict, and the findings themselves."""
    effects = facts.effect_of(run)
    ordered = in_order(run)
    rows = tuple(_finding_row(item, effects[item.effect_id]) for item in ordered[:SHOWN_FINDINGS])
    heading = ("verdict", "what", "b against a", "difference", "range", "limit", "unit", "pairs", "reason")
    return Card(
        title=f"{run.suite.get('id')}, {facts.model_name(run)}",
        lead=_words(wording.result_sentence(run)),
        facts=(("verdicts", _tally(run)), ("finished", _finished(run)), ("folder", run.folder)),
        grids=tuple(_grids(_grid(heading, rows))),
        notes=tuple(_run_notes(run, len(ordered))),
    )


def in_order(run: Run) -> list[Finding]:
    """The findings: by verdict, then the largest differences first."""
    effects = facts.effect_of(run)
    return sorted(
        run.findings,
        key=lambda item: (VERDICTS.index(item.verdict), -_size(effects[item.effect_id]["estimate"])),
    )


def finding_card(run: Run, finding: Finding) -> Card:
    """A finding in words, with everything that its verdict rests on."""
    row = facts.effect_of(run)[finding.effect_id]
    found = [
        ("verdict", _verdict(finding)),
        ("reason", finding.reason),
        ("range", _words(wording.interval_sentence(row))),
        ("limit", _words(wording.limit_sentence(row))),
        ("chance", _words(wording.chance_sentence(row))),
        ("basis", _words(wording.basis_sentence(row))),
        ("example", finding.example_pair),
    ]
    lead = " ".join(
        _words(part) for part in (wording.finding_sentence(run, row), wording.frequency_sentence(run, row))
    )
    return Card(
        title=f"{facts.card(finding.metric).title}: {facts.label(run, row)}",
        lead=lead.strip(),
        facts=tuple((label, words) for label, words in found if words),
        notes=(f"finding {finding.id}, effect {finding.effect_id}",),
    )


def sentence(run: Run, finding: Finding) -> str:
    """A finding in one line: verdict, what differs by how much, interval, limit, what it rests on, reason."""
    row = facts.effect_of(run)[finding.effect_id]
    told = [
        _words(wording.finding_sentence(run, row)).rstrip("."),
        f"interval {_words(wording.interval_sentence(row))}",
        f"limit {_words(wording.limit_sentence(row))}",
        _words(wording.basis_sentence(row)),
    ]
    why = f" ({finding.reason})" if finding.reason else ""
    return f"{wording.VERDICT_WORDS[finding.verdict]}{why}: {'; '.join(told)}"


def pair_card(run: Run, pair_id: str) -> Card:
    """A pair: both texts with the differing words marked, the answers and scores, and which words made the change."""
    found = facts.rows(run.pairs[run.pairs["pair_id"] == pair_id])
    if not found:
        raise InputError(f"{run.folder}: there is no pair '{pair_id}'")
    pair = found[0]
    prompts = [_prompt(run, str(pair[side])) for side in ("a", "b")]
    marks = _differing(prompts)
    groups = [facts.group_title(run, str(pair["axis"]), str(pair[f"group_{side}"])) for side in ("a", "b")]
    quotes = tuple(
        Quote(label=f"{side}: {group}", passages=passages(str(prompt["messages"]), mark, longest=LONGEST))
        for side, group, prompt, mark in zip("ab", groups, prompts, marks, strict=True)
    )
    credited = _credits(run, pair_id)
    return Card(
        title=f"pair {pair_id}: {facts.axis_title(run, str(pair['axis']))}, {pair['template']}",
        facts=tuple((key, str(pair[key])) for key in ("arm", "stratum") if pair[key]),
        quotes=quotes,
        grids=tuple(_grids(_answers(run, pair), _scores(run, pair_id), *credited)),
        notes=() if any(grid.rows for grid in credited) else ("This pair is not among those explained.",),
    )


def explained(run: Run) -> list[str]:
    """Ids of the pairs that were explained, those with the largest differences first."""
    mine = run.attributions[run.attributions["game"] == "swap"]
    sizes: dict[str, float] = {}
    for pair, total in zip(mine["pair_id"], mine["total"], strict=True):
        sizes[str(pair)] = max(sizes.get(str(pair), 0.0), _size(total))
    return sorted(sizes, key=lambda pair: -sizes[pair])


def _grid(heading: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str = "") -> Grid:
    """A table without the columns that hold nothing."""
    kept = [place for place in range(len(heading)) if any(row[place] for row in rows)]
    return Grid(
        heading=tuple(heading[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in rows),
        caption=caption,
    )


def _grids(*grids: Grid) -> Iterator[Grid]:
    """Those with anything in them."""
    yield from (grid for grid in grids if grid.rows)


# --------------------------------------------------------------------- runs


def _tally(run: Run) -> str:
    counts = wording.counts(run.findings)
    return ", ".join(
        f"{wording.VERDICT_SYMBOLS[verdict]} {count} {verdict.replace('_', ' ')}"
        for verdict, count in counts.items()
    )


def _finished(run: Run) -> str:
    return f"{run.manifest.get('finished_at')}"


def _run_notes(run: Run, findings: int) -> list[str]:
    notes = []
    if not facts.complete(run):
        notes.append("Incomplete: some answers are missing; the same call asks for them again.")
    if findings > SHOWN_FINDINGS:
        notes.append(f"{findings - SHOWN_FINDINGS} more findings are in .findings.")
    if run.excluded:
        kinds = wording.plural(len(run.excluded), "entry", "entries")
        notes.append(f"{len(run.excluded)} {kinds} of what was left out, and why, in the report.")
    return notes


def _finding_row(finding: Finding, row: Row) -> tuple[str, ...]:
    return (
        _verdict(finding),
        finding.metric,
        comparison(finding),
        scales.effect(row, "estimate").text,
        _words(scales.span(row)),
        _words(scales.span(row, "limit_low", "limit_high")),
        scales.unit(row),
        numbers.count(int(row["pair_count"]), finding.effect_id, "pair_count").text,
        finding.reason,
    )


def _verdict(finding: Finding) -> str:
    return f"{wording.VERDICT_SYMBOLS[finding.verdict]} {finding.verdict.replace('_', ' ')}"


def _words(found: Sentence) -> str:
    return "".join(part if isinstance(part, str) else part.text for part in found)


def _size(value: Any) -> float:
    return abs(float(value)) if value == value else 0.0


# -------------------------------------------------------------------- pairs


def _prompt(run: Run, prompt_id: str) -> Row:
    found = run.prompts[run.prompts["prompt_id"] == prompt_id].iloc[:1]
    return facts.rows(found)[0] if len(found) else {"messages": "", "spans": ""}


def _differing(prompts: Sequence[Row]) -> list[list[Mark]]:
    """The filled slots of both sides; those that read alike on both are left out."""
    spans = [spans_of(str(prompt["spans"])) for prompt in prompts]
    words = [
        [json.loads(str(prompt["messages"]))[part][1][start:end] for part, start, end, _ in places]
        for prompt, places in zip(prompts, spans, strict=True)
    ]
    alike = len(words[0]) == len(words[1])
    same = {place for place, pair in enumerate(zip(*words, strict=False)) if alike and pair[0] == pair[1]}
    return [
        [
            Mark(part=part, start=start, end=end, kind="slot")
            for place, (part, start, end, _) in enumerate(places)
            if place not in same
        ]
        for places in spans
    ]


def _answers(run: Run, pair: Row) -> Grid:
    """What the model answered to both, as it was recorded."""
    rows: dict[tuple[str, str, str], None] = {}
    for side in ("a", "b"):
        mine = run.responses[run.responses["prompt_id"] == pair[side]]
        rows |= {(side, str(row["repeat"]), _answer(row)): None for row in facts.rows(mine)}
    return _grid(("side", "repeat", "answer"), list(rows), caption="Answers")


def _answer(row: Row) -> str:
    if row["error"]:
        return f"no answer: {row['error']}"
    if row["text"]:
        return str(row["text"])[:LONGEST]
    scores = json.loads(str(row["scores"]) or "{}")
    return ", ".join(f"{name.strip()}: {_number(value)}" for name, value in scores.items())


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _scores(run: Run, pair_id: str) -> Grid:
    rows = []
    for row in facts.rows(run.deltas[run.deltas["pair_id"] == pair_id]):
        metric = str(row["metric"])
        sides = [scales.score(metric, float(row[key]), (pair_id, key)).text for key in ("value_a", "value_b")]
        change = scales.score_change(metric, float(row["delta"]), (pair_id, "delta")).text
        unit = scales.change_unit(metric)
        rows.append((facts.card(metric).title, *sides, change, unit, str(row["reason"])))
    return _grid(("score", "a", "b", "b − a", "unit", "reason"), rows, caption="Scores of both sides")


def _credits(run: Run, pair_id: str) -> list[Grid]:
    """What each exchanged slot moved the score by, and the words that count most on each side."""
    mine = facts.rows(run.attributions[run.attributions["pair_id"] == pair_id])
    shap = [row for row in mine if row["method"] == "shap"]
    swap = [
        (str(row["slot"]), str(row["text_a"]), str(row["text_b"]), _credit(row), _doubt(row))
        for row in shap
        if row["game"] == "swap"
    ]
    words = [
        (side, str(row[f"text_{side}"]), _credit(row), _doubt(row))
        for side in ("a", "b")
        for row in _largest([row for row in shap if row["game"] == "removal" and row["side"] == side])
    ]
    return [
        _grid(
            ("slot", "in a", "in b", "credit", "doubt"), swap,
            caption="Credit of each exchanged slot for b − a (Shapley values)",
        ),
        _grid(
            ("side", "words", "credit", "doubt"), words,
            caption="Words with the largest credit (Shapley values)",
        ),
    ]  # fmt: skip


def _largest(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: -_size(row["value"]))[:SHOWN_WORDS]


def _credit(row: Row) -> str:
    return scales.credit(float(row["value"]), (str(row["attribution_id"]), "value")).text


def _doubt(row: Row) -> str:
    return "" if row["reliable"] else str(row["reason"])
