"""`summary.md`: a run on one screen, for a pull request or a wiki; every foreign text is shown, none is obeyed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from audit.disk import whole
from audit.harmless import markdown
from audit.kinds import card_of
from audit.records import VERDICTS, Run
from audit.statuses import STATUSES, Entry, comparison, entries, figures, model_name, run_name

NAME = "summary.md"
MOST_ROWS = 60
LONGEST = 160
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
