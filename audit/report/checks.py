"""How far explanations can be relied on: every criterion with its value, in one line an explanation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from audit.records import Run
from audit.report import facts, numbers
from audit.report.facts import Row
from audit.report.scales import Sentence

RUN = "*"
"""`attribution_id` of what is said about all explanations of a run together."""
TITLES: Mapping[str, str] = {
    "additivity": "credits miss their total by",
    "agreement": "agreement with the other method",
    "comprehensiveness": "comprehensiveness",
    "sufficiency": "sufficiency",
    "stability": "stability over seeds",
    "leave_one_out": "agreement with leaving words out singly",
    "sampling": "largest sampling error",
    "score": "distance from the collected score",
    "completeness": "credits miss the difference of the scores by",
    "rest": "credit of tokens outside the words",
    "tokens": "words without a token of their own",
    "straddling": "tokens in several words",
    "randomisation": "agreement with a model of random weights",
}
"""Criteria of the table `quality` in words; others are printed under their own name."""
GAMES: Mapping[str, str] = {
    "swap": "Swap game", "removal": "Words", "gap": "Gap game", "gradient": "Gradients",
}  # fmt: skip


def lines(run: Run, pair_id: str, rows: Sequence[Row]) -> list[tuple[str, Sentence]]:
    """For every explanation of a pair what it is, and its criteria; what misses a bar says so."""
    found: dict[str, list[Row]] = {}
    for check in facts.rows(run.quality[run.quality["pair_id"] == pair_id]):
        found.setdefault(str(check["attribution_id"]), []).append(check)
    first = {str(row["attribution_id"]): row for row in reversed(rows)}
    shown = [
        (_title(row), _verdict(row, found.get(str(row["attribution_id"]), [])))
        for row in sorted(first.values(), key=_order)
    ]
    return [(title, said) for title, said in shown if said]


def of_the_run(run: Run) -> list[tuple[str, Sentence]]:
    """What was checked once for all explanations: which method, and what came out."""
    rows = facts.rows(run.quality[run.quality["attribution_id"] == RUN])
    return [
        (
            f"{_words(str(row['criterion']))}, {row['method']}"
            if row["method"]
            else _words(str(row["criterion"])),
            (*_value(row), ". ", _said(row)),
        )
        for row in rows
    ]


def _order(row: Row) -> tuple[int, str, str]:
    games = list(GAMES)
    game = str(row["game"])
    method = {"shap": "0", "lime": "1"}.get(str(row["method"]), str(row["method"]))
    return (games.index(game) if game in games else len(games)), str(row["side"]), method


def _title(row: Row) -> str:
    side = f" of {row['side']}" if row["side"] in ("a", "b") else ""
    side = side or (" from a to b" if row["game"] == "gradient" else "")
    method = {"shap": "SHAP", "lime": "LIME"}.get(str(row["method"]), str(row["method"]).replace("_", " "))
    return f"{GAMES.get(str(row['game']), str(row['game']))}{side}, {method}"


def _verdict(row: Row, checks: Sequence[Row]) -> Sentence:
    """Reliable or not with the reason, then the values; empty where nothing was checked and nothing missed."""
    reason = str(row["reason"]) or "a bar was missed"
    head: Sentence = ("reliable",) if row["reliable"] else ("not reliable: ", _quoted(row, reason))
    if not checks:
        return () if row["reliable"] else head
    parts: list[str | numbers.Number] = []
    for check in checks:
        parts += ["; ", *_criterion(check)]
    return (*head, *parts)


def _quoted(row: Row, text: str) -> numbers.Number:
    """Words that hold figures of their own record."""
    return numbers.exact(text, str(row["attribution_id"]), "reason")


def _criterion(check: Row) -> Sentence:
    name = _words(str(check["criterion"]))
    if not math.isfinite(float(check["value"])):
        return (f"{name} cannot be had",)
    if not check["applies"]:
        return (f"{name} ", *_value(check))
    return (f"{name} ", *_value(check), "" if check["met"] else " (missed)")


def _value(check: Row) -> Sentence:
    bar = float(check["bar"])
    source = (f"{check['attribution_id']}/{check['criterion']}/{check['method']}", "value")
    return (numbers.plain(float(check["value"]), source, beside=[bar] if math.isfinite(bar) else []),)


def _said(check: Row) -> str | numbers.Number:
    source = f"{check['attribution_id']}/{check['criterion']}/{check['method']}"
    if str(check["note"]):
        return numbers.exact(str(check["note"]), source, "note")
    return "The bar is met" if check["met"] else "The bar is missed"


def _words(criterion: str) -> str:
    return TITLES.get(criterion) or criterion.replace("_", " ")
