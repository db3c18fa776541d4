"""Worked pairs: which words moved the answer, with the credits of each method and how far they can be relied on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit.records import Run
from audit.report import checks, facts, numbers
from audit.report.facts import Row
from audit.report.scales import Sentence
from audit.report.wording import listed
from audit.report.worked import worked

MOST = 20
MOST_OF: Mapping[str, int] = {"requested": MOST, "largest": 8, "flip": 6}
"""Pairs of each sample that are shown; the random sample has the room that is left."""
COUNTED: Mapping[str, str] = {
    "largest": "with the largest differences",
    "flip": "in which the decision changed",
    "random": "drawn at random with the suite’s seed",
    "requested": "asked for by their ids",
}


def section(run: Run) -> Mapping[str, object]:
    """Pairs asked for by id, the largest differences, changed decisions, then the random sample."""
    every = facts.rows(run.attributions)
    if not every:
        return {}
    by_pair: dict[str, list[Row]] = {}
    for row in every:
        by_pair.setdefault(str(row["pair_id"]), []).append(row)
    shown = [each for each in (worked(run, pair) for pair in _chosen(by_pair)) if each is not None]
    return {
        "title": "Explanations: which words moved the answer",
        "pairs": shown,
        "shown": numbers.count(len(shown), "attributions", "shown"),
        "chosen": _how_chosen(by_pair),
        "unreliable": numbers.count(_unreliable(by_pair), "attributions", "unreliable"),
        "run_checks": checks.of_the_run(run),
        "gaps": any(each["gap"] for each in shown),
    }


def _how_chosen(by_pair: Mapping[str, Sequence[Row]]) -> Sentence:
    """How many pairs were explained, and why these."""
    samples = [str(rows[0]["sample"]) for rows in by_pair.values()]
    parts: list[Sentence] = [
        (numbers.count(samples.count(name), "attributions", name), f" {words}")
        for name, words in COUNTED.items()
        if name in samples
    ]
    other = sum(name not in COUNTED for name in samples)
    parts += [(numbers.count(other, "attributions", "other"), " of other kinds")] if other else []
    found: list[str | numbers.Number] = [
        numbers.count(len(samples), "attributions", "pairs"),
        " pairs were explained: ",
    ]
    for place, part in enumerate(parts):
        found += [listed(["", ""]) if place == len(parts) - 1 and place else ", " if place else "", *part]
    return tuple(found)


def _chosen(by_pair: Mapping[str, Sequence[Row]]) -> list[str]:
    """The largest of each sample; of the random sample some in the order of their ids, which are hashes."""
    found: list[str] = []
    for sample, most in MOST_OF.items():
        mine = [pair for pair, rows in by_pair.items() if rows[0]["sample"] == sample]
        found += sorted(mine, key=lambda pair: -_total(by_pair[pair]))[: min(most, MOST - len(found))]
    rest = sorted(pair for pair, rows in by_pair.items() if rows[0]["sample"] not in MOST_OF)
    return found + rest[: MOST - len(found)]


def _total(rows: Sequence[Row]) -> float:
    """Size of the difference that the swap game explains."""
    return max((abs(float(row["total"])) for row in rows if row["game"] == "swap"), default=0.0)


def _unreliable(by_pair: Mapping[str, Sequence[Row]]) -> int:
    return sum(any(not row["reliable"] for row in rows) for rows in by_pair.values())
