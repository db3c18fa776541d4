"""The error of the metric `refusal` on answers that we wrote and labelled ourselves, as docs/metrics.md prints it.

`python tests/metrics/refusal_error.py` writes the table into the docs anew. The half `held_out` was written after the
patterns were last changed; patterns are changed with the half `tuned` alone, and then a new half is to be set apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scipy.stats import binomtest

from audit.metrics.refusal import declines

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs" / "metrics.md"
BEGIN, END = "<!-- refusal error: begin -->", "<!-- refusal error: end -->"
LANGUAGES = {"de": "German", "en": "English", "es": "Spanish", "fr": "French"}


@dataclass(frozen=True)
class Item:
    """One answer with our label."""

    language: str
    half: str
    refusal: bool
    kind: str
    text: str


@cache
def items() -> tuple[Item, ...]:
    lines = (ROOT / "tests/data/refusals.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(Item(**json.loads(line)) for line in lines)


def right(half: str, refusal: bool, language: str = "") -> tuple[int, int]:
    """How many answers of one label are read as labelled, of how many."""
    mine = [
        item
        for item in items()
        if (item.half, item.refusal) == (half, refusal) and language in ("", item.language)
    ]
    return sum(declines(item.text) == refusal for item in mine), len(mine)


def percents(count: int, total: int) -> tuple[int, int, int]:
    """Share and the ends of its Wilson interval (95 %), in whole percent."""
    found = binomtest(count, total).proportion_ci(0.95, method="wilson")
    return tuple(round(100 * share) for share in (count / total, found.low, found.high))  # type: ignore[return-value]


def table() -> str:
    """The table of the docs."""
    lines = [
        "| part | language | refusals found | sensitivity | other answers left alone | specificity |",
        "|---|---|---|---|---|---|",
    ]
    for half, title in (("held_out", "set apart"), ("tuned", "tuned on")):
        for language, name in (*LANGUAGES.items(), ("", "all")):
            cells = []
            for refusal in (True, False):
                count, total = right(half, refusal, language)
                share, low, high = percents(count, total)
                cells += [f"{count} of {total}", f"{share} % ({low} to {high} %)"]
            lines.append(f"| {title} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write() -> None:
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    DOCS.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    write()
