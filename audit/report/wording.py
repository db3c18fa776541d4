"""Sentences of the report. They speak of inputs and answers, never of persons, intentions or law."""

from __future__ import annotations

import math
from collections import Counter

from audit.kinds import kind_of
from audit.records import ALL, REFERENCE, VERDICTS, Finding, Run, Verdict
from audit.report import numbers, scales
from audit.report.facts import Row, answers_are_older, card, cue, is_interaction, only_cues, wording
from audit.report.numbers import Number
from audit.report.scales import Sentence

VERDICT_WORDS: dict[Verdict, str] = {
    "beyond": "Beyond the limit",
    "within": "Within the limit",
    "undecided": "Undecided",
    "not_measured": "Not measured",
}
VERDICT_SYMBOLS: dict[Verdict, str] = {"beyond": "▲", "within": "●", "undecided": "◊", "not_measured": "○"}
VERDICT_MEANINGS: dict[Verdict, str] = {
    "beyond": "The whole interval lies outside the limit, and the estimate lies outside "
    "what controls of the same group produce.",
    "within": "The whole interval lies inside the limit. A difference smaller than the limit may still exist.",
    "undecided": "The evidence does not reach far enough to say either; the reason is given.",
    "not_measured": "There was nothing to measure; the reason is given.",
}
MORE_OFTEN: dict[str, str] = {
    "selection_rate": "got the favourable answer",
    "rank_first": "were ranked first",
    "scoring_rate": "scored above the sample median",
}
"""Metrics that count how often something happens, and what happens."""


def upper(words: str) -> str:
    """`words` with a capital first letter."""
    return words[:1].upper() + words[1:]


def listed(words: list[str]) -> str:
    """`a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def plural(amount: int, one: str, many: str) -> str:
    """The form of a noun that goes with `amount`."""
    return one if amount == 1 else many


def counts(findings: tuple[Finding, ...]) -> dict[Verdict, int]:
    """How many findings have each verdict; every verdict is a key."""
    found = Counter(finding.verdict for finding in findings)
    return {verdict: found[verdict] for verdict in VERDICTS}


def meanings(run: Run) -> dict[Verdict, str]:
    """What the verdicts mean in this run."""
    if not only_cues(run):
        return VERDICT_MEANINGS
    floor = (
        "The whole interval lies outside the limit, and the estimate lies outside what a single edit that "
        "cannot matter produces."
    )
    return {**VERDICT_MEANINGS, "beyond": floor}


def _what_differs(run: Run) -> str:
    return "the cue" if only_cues(run) else "a person’s apparent group"


def result_sentence(run: Run) -> Sentence:
    """The outcome of the whole audit in two or three short sentences."""
    tally = counts(run.findings)
    if not run.findings:
        return (
            "No comparison was marked for decision: everything in this report is exploration, without a verdict.",
        )
    total = len(run.findings)
    if run.policy.get("limits") == {}:
        return (
            _counted(total, "tested"),
            f" {plural(total, 'comparison was', 'comparisons were')} marked for decision. The policy sets no limit, so "
            "none has a verdict; the sizes of the differences follow.",
        )
    first: Sentence = (
        "In ",
        _counted(tally["beyond"], "beyond"),
        " of ",
        _counted(total, "tested"),
        f" {plural(total, 'comparison', 'comparisons')} the answers differed with {_what_differs(run)} by more "
        f"than the limit{'' if answers_are_older(run) else ' fixed in advance'}.",
    )
    rest = (
        (" ", _counted(tally["within"], "within"), " stayed within it."),
        (" ", _counted(tally["undecided"], "undecided"), " could not be decided."),
        (" ", _counted(tally["not_measured"], "not_measured"), " could not be measured."),
    )
    shown = [part for part, verdict in zip(rest, VERDICTS[1:], strict=True) if tally[verdict]]
    return first + tuple(piece for part in shown for piece in part)


def _counted(amount: int, what: str) -> Number:
    return numbers.count(amount, "findings", what)


def finding_sentence(run: Run, row: Row) -> Sentence:
    """What an effect says, in one sentence with the groups' wordings."""
    axis = str(row["axis"])
    a, b = (wording(run, axis, str(row[key])) for key in ("group_a", "group_b"))
    if not scales.known(row, "estimate"):
        return (f"{card(str(row['metric'])).title}: {b} compared with {a}, without an estimate.",)
    if is_interaction(row):
        return _combined_sentence(row, a, b)
    if scales.is_ratio(row):
        return (f"{upper(b)} had ", scales.effect(row, "estimate"), f" times the rate of {a}.")
    size = scales.effect(row, "estimate", unsigned=True)
    below = float(row["estimate"]) < 0
    if kind_of(str(row["metric"])).signless:
        return _signless_sentence(row, a, b)
    if str(row["metric"]) in MORE_OFTEN:
        words = f" {scales.unit(row)} {'less' if below else 'more'} often than {a}."
        return (f"{upper(b)} {MORE_OFTEN[str(row['metric'])]} ", size, words)
    title = card(str(row["metric"])).title
    return (
        f"{title}: {b} came out ",
        size,
        f" {scales.unit(row)} {'lower' if below else 'higher'} than {a}.",
    )


def _signless_sentence(row: Row, a: str, b: str) -> Sentence:
    """How unlike two groups' answers are, where neither comes out higher."""
    title, size = card(str(row["metric"])).title, scales.effect(row, "estimate", unsigned=True)
    if not kind_of(str(row["metric"])).unsigned:
        return (f"{title}: ", size, f" {scales.unit(row)} between {b} and {a}.")
    less = "less" if float(row["estimate"]) < 0 else "more"
    words = f" {scales.unit(row)} {less} between {b} and {a} than between inputs of one group."
    return (f"{title}: ", size, words)


def _combined_sentence(row: Row, a: str, b: str) -> Sentence:
    """Where a combination came out, against what its parts add up to."""
    parts = f"what each change from {a}, made alone, adds up to"
    if scales.is_ratio(row):
        return (f"{upper(b)} had ", scales.effect(row, "estimate"), f" times {parts}.")
    size, below = scales.effect(row, "estimate", unsigned=True), float(row["estimate"]) < 0
    return (
        f"{card(str(row['metric'])).title}: {b} came out ",
        size,
        f" {scales.unit(row)} {'below' if below else 'above'} {parts}.",
    )


def combination_words(row: Row) -> str:
    """Whether the changes of a combination do more or less together, as far as the interval tells."""
    if not scales.known(row, "low", "high") or float(row["low"]) <= 0 <= float(row["high"]):
        return "It cannot be told whether this is more or less than its parts."
    above = float(row["low"]) > 0
    side = {"favourable": above, "unfavourable": not above}.get(card(str(row["metric"])).higher_is)
    place = f"Together the changes lead {'higher' if above else 'lower'} than one after the other"
    return f"{place}." if side is None else f"{place}: {'better' if side else 'worse'} for these inputs."


def is_of_pairs(row: Row) -> bool:
    """Whether both sides of the effect are single inputs, so that pairs can be counted."""
    return row["group_a"] not in (ALL, REFERENCE) and not is_interaction(row)


def frequency_sentence(run: Run, row: Row) -> Sentence:
    """`Of 1,000 pairs …`: how often each side came off worse; empty where no pair was counted."""
    found = card(str(row["metric"]))
    if row["design"] == "ranking":
        return _ranking_sentence(run, row)
    if not scales.known(row, "lower_share", "higher_share") or not is_of_pairs(row):
        return ()
    source = str(row["effect_id"])
    lower = numbers.frequency(float(row["lower_share"]), (source, "lower_share"))
    higher = numbers.frequency(float(row["higher_share"]), (source, "higher_share"))
    b = wording(run, str(row["axis"]), str(row["group_b"]))
    if row["design"] == "groups":
        start: Sentence = ("Of ", numbers.per(), " inputs matched between the groups, ")
    else:
        start = ("Of ", numbers.per(), " paired inputs, ")
    if found.unit == "rate" and found.higher_is != "neither":
        worse, better = (lower, higher) if found.higher_is == "favourable" else (higher, lower)
        why = f" got a worse answer for {b} only because {cue(run, str(row['axis']))} changed; "
        return (*start, worse, why, better, " got a better one.")
    return (*start, lower, f" scored lower for {b} by more than the limit; ", higher, " scored higher.")


def _ranking_sentence(run: Run, row: Row) -> Sentence:
    if not scales.known(row, "mean_a", "mean_b") or not scales.is_rate(card(str(row["metric"]))):
        return ()
    source, axis = str(row["effect_id"]), str(row["axis"])
    means = [numbers.frequency(float(row[key]), (source, key)) for key in ("mean_b", "mean_a")]
    b, a = (wording(run, axis, str(row[key])) for key in ("group_b", "group_a"))
    return ("Of ", numbers.per(), f" rankings, {b} came first in ", means[0], f"; {a} in ", means[1], ".")


def chance_sentence(row: Row) -> Sentence:
    """Whether the difference may be chance: said apart from whether it is large."""
    p = numbers.probability(float(row["p_adjusted"]), (str(row["effect_id"]), "p_adjusted"))
    if not scales.known(row, "low", "high"):
        return ("No interval could be computed.",)
    apart = float(row["low"]) > 0 or float(row["high"]) < 0
    words = "Unlikely to be chance alone" if apart else "Chance alone could explain it"
    if not math.isfinite(float(row["p_adjusted"])):
        return (f"{words}: the interval {'excludes' if apart else 'includes'} no difference.",)
    return (f"{words} (adjusted p ", p, ").")


def interval_sentence(row: Row) -> Sentence:
    """The interval with its level."""
    if not scales.known(row, "low", "high"):
        return ("No interval.",)
    level = numbers.level(float(row["level"]), (str(row["effect_id"]), "level"))
    kind = "simultaneous " if row["decision"] else ""
    return (*scales.span(row), f" {scales.unit(row)} ({kind}interval at level ", level, ")")


def limit_sentence(row: Row) -> Sentence:
    """The limit with its origin."""
    if not scales.known(row, "limit_low", "limit_high"):
        return ("No limit was set.",)
    origin = (
        f" {scales.unit(row)}; origin: {row['limit_origin']}"
        if row["limit_origin"]
        else f" {scales.unit(row)}"
    )
    return (*scales.span(row, "limit_low", "limit_high"), origin)


PAIRED = (
    ("template_count", "template", "templates"),
    ("name_count", "name", "names"),
    ("pair_count", "pair", "pairs"),
)
RANKED = (("pair_count", "ranking", "rankings"), ("cluster_count", "cluster", "clusters"))


def basis_sentence(row: Row) -> Sentence:
    """How much evidence an effect rests on."""
    source = str(row["effect_id"])
    ranking = row["design"] == "ranking"
    pieces: list[str | Number] = []
    for field, one, many in RANKED if ranking else PAIRED:
        amount = int(row[field])
        pieces += [
            ", " if pieces else "",
            numbers.count(amount, source, field),
            f" {plural(amount, one, many)}",
        ]
    failed = int(row["failed_count"])
    tail = (", ", numbers.count(failed, source, "failed_count"), " without a value") if failed else ()
    return (*pieces[1:], *tail)
