"""Concord: where a text is ungrammatical because of a word that was put into a slot.

Rules of thumb of each language, applied at slots only: they find what a template does wrong, not all that a grammar
calls wrong. A language without rules of its own has one: no gap stays where a word is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from audit.article import article
from audit.grammar import elides
from audit.rendering import Place, Rendered
from audit.slots import NAME_SLOTS

NEAR = 20
"""Letters around a place that a rule looks at, at most."""
_OPENED = re.compile(r"(?:\A|[.!?…।]\s+)[\"“«„'(¿¡]*\Z")
_SHORT = re.compile(
    r"\b(?:e\.g|i\.e|etc|vs|no|nr|z\.\s?b|bzw|ca|approx|p\.\s?ej|mrs?|ms|dr|st)\.\s+\Z", re.IGNORECASE
)
"""Abbreviations whose full stop ends no sentence."""
_EN_ARTICLE = re.compile(r"\b([Aa]n?) ([\w'-]+)")
_AFTER_ARTICLE = re.compile(r"\ban? $", re.IGNORECASE)
_EN_VERB = re.compile(
    r"\b(?:(?:he|she|xe|ze) (?P<verb>are|have|were|do|(?:do|are|have|were)n['’]t)|(?:he|she|xe|ze)['’](?:re|ve)|"
    r"they (?:(?:is|has|was|does)(?:n['’]t)?)|they['’]s|(?:are|have|do) (?:he|she|xe|ze)|(?:has|does) they|"
    r"(?:\A|(?<=[.!?:;,\n] )|(?<=\n)|(?<=where )|(?<=when )|(?<=why )|(?<=how )|(?<=who )|(?<=and )|(?<=or ))"
    r"(?:is|was) they)\b(?!/)",
    re.IGNORECASE,
)
_EN_MODAL = (
    r"(?:(?:did|would|should|could|can|may|might|must|will|shall|do|does|have|had|is|was)(?:n['’]t)?|can['’]t|won['’]t|"
    r"that|lest|(?:suggest|recommend|insist|request|ask|demand|propose)(?:s|ed)?)"
)
_EN_CLAUSES = {
    verb: re.compile(rf"\b{before}\W*\Z", re.IGNORECASE)
    for verb, before in {
        "have": _EN_MODAL,
        "do": _EN_MODAL,
        "were": r"(?:if|though|wish|wishes|wished|suppose|supposing|lest|unless|than|that|rather)",
    }.items()
}
"""Words after which `she have`, `she do` and `she were` are no mistakes, by the verb (`weren't` goes with `were`)."""
_FR_ELISION = re.compile(
    r"(?<![\w·.*:'’-])(?:de|le|la|que|se|ne|je|me|te|ce(?! (?:à|aux?)\b)|jusque|lorsque|puisque|quoique) ([\w'’-]+)",
    re.IGNORECASE,
)
_FR_ELIDED = re.compile(
    r"(?<![\w·.*:-])(?:d|l|qu|s|n|j|m|t|c|jusqu|lorsqu|puisqu)['’]([\w-]+)", re.IGNORECASE
)
_FR_SI = re.compile(r"\b(?:si ils?|s['’]elles?)\b", re.IGNORECASE)
_FR_CONTRACTED = re.compile(r"\b(?:de le|à le|de les|à les) \w+", re.IGNORECASE)
_ES_CONTRACTED = re.compile(r"\b(?:[Dd]e|[Aa]) el \w+")
_ES_CONJUNCTION = re.compile(
    r"(?<!¿)\b(?:y h?[ií](?![aeoáéó])\w*|o h?[oó]\w*|e (?:(?!h?[ií])|hie)\w+|u (?!h?[oó])\w+)", re.IGNORECASE
)
_GENDERED: Mapping[str, re.Pattern[str]] = {
    "de": re.compile(
        r"\b(d(?:er|ie|as|en|em|es)|k?ein(?:e|en|em|er|es)?|jede[rnms]?|diese[rnms]?)\s\Z", re.IGNORECASE
    ),
    "fr": re.compile(r"\b(le|la|une?|ce|cet|cette|du|au)\s\Z", re.IGNORECASE),
    "es": re.compile(r"\b(el|la|los|las|un|una|unos|unas|del|al|est[ae]|es[ae])\s\Z", re.IGNORECASE),
}
"""Words that agree with the person and so cannot stand written out before a word that changes."""


def faults(rendered: Rendered, language: str) -> Iterator[str]:
    """The pieces of text that do not agree, each with what touches a slot in it."""
    plain = language.partition("-")[0]
    suspects = set()
    for part, start, end, slot in rendered.places:
        text = rendered.texts[part]
        if start == end and _is_gap(text, start):
            yield text[max(start - 12, 0) : end + 12]
        if plain == "en" and slot in NAME_SLOTS and not _AFTER_ARTICLE.search(text, max(start - 4, 0), start):
            continue
        if _suspicious(_near(text, start, end), plain):
            suspects.add(part)
    for part in sorted(suspects):
        places = [place for place in rendered.places if place[0] == part]
        for start, end in _of_language(rendered.texts[part], plain):
            if _touches(places, start, end):
                yield rendered.texts[part][start:end]


def _is_gap(text: str, at: int) -> bool:
    """Whether a word that is empty leaves a gap here: nothing but space before, and space or a stop behind."""
    return text[max(at - 1, 0) : at] in " \n" and text[at : at + 1] in " \n,.;:!?"


def _near(text: str, start: int, end: int) -> str:
    """The text around a place, to whole words."""
    before, after = text[max(start - NEAR, 0) : start], text[end : end + NEAR]
    before = before.partition(" ")[2] if start > NEAR else before
    after = after.rpartition(" ")[0] if end + NEAR < len(text) else after
    return before + text[start:end] + after


@lru_cache(maxsize=100_000)
def _suspicious(near: str, language: str) -> bool:
    """Whether the text around a place may hold a fault; most are seen often, so that few are looked at whole."""
    return any(True for _ in _of_language(near, language))


def opens_sentence(text: str, at: int) -> bool:
    """Whether a sentence begins at this place."""
    before = text[:at]
    return _OPENED.search(before) is not None and _SHORT.search(before) is None


def written_out(before: str, language: str) -> str:
    """The gendered article with which the text `before` a slot ends; empty where it ends with none."""
    pattern = _GENDERED.get(language.partition("-")[0])
    found = pattern.search(before) if pattern else None
    return found[1] if found else ""


def _touches(places: Sequence[Place], start: int, end: int) -> bool:
    return any(first < end and start < last for _, first, last, _ in places)


def _of_language(text: str, language: str) -> Iterator[tuple[int, int]]:
    if language == "en":
        yield from _english(text)
    elif language == "fr":
        yield from _french(text)
    elif language == "es":
        for pattern in (_ES_CONTRACTED, _ES_CONJUNCTION):
            yield from (match.span() for match in pattern.finditer(text))


def _english(text: str) -> Iterator[tuple[int, int]]:
    for match in _EN_ARTICLE.finditer(text):
        is_letter = match[1] == "A" and not _starts_sentence(text, match.start())
        if article(match[2]) != match[1].lower() and not is_letter:
            yield match.span()
    for match in _EN_VERB.finditer(text):
        clause = _EN_CLAUSES.get(_subjunctive(match["verb"]))
        if clause is None or not clause.search(text[: match.start()]):
            yield match.span()


def _subjunctive(verb: str | None) -> str:
    """The verb as it may stand after a singular pronoun in some clauses; `don't` and `haven't` may in none."""
    plain = (verb or "").lower().replace("’", "'")
    return "were" if plain == "weren't" else plain


def _starts_sentence(text: str, at: int) -> bool:
    """Whether `A` at this place is an article rather than a letter (grade A, plan A)."""
    before = text[:at].rstrip("\"“'( ")
    return not before or before[-1] in ".!?:\n"


def _french(text: str) -> Iterator[tuple[int, int]]:
    for match in _FR_ELISION.finditer(text):
        if elides(match[1]):
            yield match.span()
    for match in _FR_ELIDED.finditer(text):
        if not elides(match[1]):
            yield match.span()
    for pattern in (_FR_CONTRACTED, _FR_SI):
        yield from (match.span() for match in pattern.finditer(text))
