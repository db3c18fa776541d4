"""`summary.md`: a run on one screen, for a pull request or a wiki; every foreign text is shown, none is obeyed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from audit.changenames import CHANGE_NAMES, Changed, changed, counts, figure, gate_line, movement
from audit.disk import whole
from audit.harmless import markdown
from audit.kinds import card_of
from audit.records import ALL, VERDICTS, Comparison, Run
from audit.statuses import STATUSES, Entry, comparison, entries, figures, model_name, run_name

NAME = "summary.md"
MOST_ROWS = 60
LONGEST = 160
TABLE, LIST = 30_000, 8_000
"""Bytes of a table and of a list at most: hosting services refuse texts of more than 65,536."""
SIGNS = {"beyond": "▲", "within": "●", "undecided": "◊", "invalid": "◊", "not_measured": "○"}


def export(run: Run, folder: Path) -> list[Path]:
    """The file, written into `folder` (made if missing)."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / NAME) as waiting:
        waiting.write_text(document(run), encoding="utf-8", newline="\n")
    return [folder / NAME]


def document(run: Run) -> str:
    """The text of the file."""
    return "\n".join(_lines(run)) + "\n"


def _lines(run: Run) -> Iterator[str]:
    found = sorted(entries(run), key=lambda entry: VERDICTS.index(entry.finding.verdict))
    tally = Counter(entry.finding.verdict for entry in found)
    yield f"### Audit of {markdown(model_name(run))} in {markdown(str(run.suite.get('id')))}"
    yield ""
    yield ", ".join(f"{tally[verdict]} {STATUSES[verdict].words}" for verdict in VERDICTS) + "."
    if run.manifest.get("complete") is not True:
        yield "**The run is incomplete.**"
    yield ""
    if found:
        yield "| Verdict | Comparison | Difference | Reason | Effect |"
        yield "| --- | --- | --- | --- | --- |"
        yield from (_row(entry) for entry in found[:MOST_ROWS])
        yield ""
    if len(found) > MOST_ROWS:
        yield f"{len(found) - MOST_ROWS} more are in the report."
        yield ""
    yield f"Run `{run_name(run)}`, root `{run.manifest.get('root')}`: check it with `audit verify`. "
    yield "A difference within its limit is still a difference; what was not varied was not tested."


def _row(entry: Entry) -> str:
    finding = entry.finding
    title, words = card_of(finding.metric).title, STATUSES[entry.status].words
    cells = (
        f"{SIGNS[entry.status]} {words}", markdown(f"{title}: {comparison(finding)}", longest=LONGEST),
        figures(entry.row), markdown(finding.reason, longest=LONGEST), f"`{finding.effect_id}`",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


# ---------------------------------------------------------------- comparisons


def compared(found: Comparison) -> bytes:
    """What changed, for a pull request: the gate, a table of changes, flips, waivers; under 60,000 characters."""
    return ("\n".join(_compared(found)) + "\n").encode()


def _compared(found: Comparison) -> Iterator[str]:
    every = list(changed(found))
    before, now = found.baseline, found.candidate
    yield f"### {markdown(now.model)} against {markdown(before.model)} in {markdown(now.suite)}"
    yield ""
    yield (
        f"**{markdown(gate_line(found))}** "
        + ", ".join(
            f"{count} {CHANGE_NAMES[status].words}" for status, count in counts(found).items() if count
        )
        + "."
    )
    yield from _listed([reason.text for reason in found.gate.closing] if found.gate else [])
    yield ""
    if every:
        yield "| Change | Comparison | Before | Now | Difference (interval) | Reason | Effect |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        rows = [_change(each) for each in sorted(every, key=_order)]
        shown = _first(rows, TABLE)
        yield from shown
        yield ""
        if len(rows) > len(shown):
            yield f"{len(rows) - len(shown)} more are in the report."
            yield ""
    yield from _flips(found)
    yield from _listed(
        [
            f"Waiver of {each.owner} until {each.expires} for {each.finding}: {each.problem or each.reason}"
            for each in found.waivers
        ]
    )
    yield from _listed(found.notes)
    yield ""
    how = "pair by pair" if found.paired else "from the intervals of both, as if they were independent"
    yield f"Compared {how}. Roots: baseline `{before.root}`, candidate `{now.root}`; check them with `audit verify`."


def _order(each: Changed) -> tuple[bool, int]:
    return not each.closing, list(CHANGE_NAMES).index(each.change.status)


def _change(each: Changed) -> str:
    status = f"{each.names.sign} {each.names.words}{', other sign' if each.change.reversed else ''}"
    waived = f" (waived by {markdown(each.waived_by, longest=40)})" if each.waived_by else ""
    cells = (
        f"{'**' + status + '**' if each.closing else status}{waived}", markdown(each.title, longest=LONGEST),
        figure(each.row, "baseline"), figure(each.row, "candidate"), movement(each.row),
        markdown(each.change.reason, longest=LONGEST), f"`{each.change.effect_id}`",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _flips(found: Comparison) -> Iterator[str]:
    for row in found.flip_counts[found.flip_counts["group"] == ALL].to_dict("records"):
        yield (
            f"Answers that flipped ({markdown(row['axis'], longest=40)}): of {row['n']} prompts {row['gained']} turned "
            f"favourable, {row['lost']} unfavourable."
        )


def _listed(sentences: Sequence[str]) -> list[str]:
    """A list of sentences, as many as fit."""
    lines = [f"- {markdown(sentence, longest=2 * LONGEST)}" for sentence in sentences]
    shown = _first(lines, LIST)
    return shown + ([f"- and {len(lines) - len(shown)} more"] if len(lines) > len(shown) else [])


def _first(lines: Sequence[str], size: int) -> list[str]:
    """The first lines that have `size` bytes together at most."""
    ends = accumulate(len(line.encode()) + 1 for line in lines)
    return [line for line, end in zip(lines, ends, strict=True) if end <= size]
