"""A whole text: its mentions, and what concerns all of them (two groups, agreement, articles, other signs)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from audit.agreement import verbs_of
from audit.article import article
from audit.english import Words, cut, words
from audit.lexicon import Lexicon
from audit.mentions import Mention, Reading, Tagger
from audit.naming import SHORT, is_introduced, is_name, is_small_name, without_accents
from audit.spotting import entries_in, mention_at

PROTECTED = re.compile(
    r"```.*?```|`[^`\n]*`|<[^<>\n]*>|\{\{.*?\}\}|\{[^{}\n]*\}|\$\w+|\$\{\w+\}"
    r"|(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+\.[\w.-]+|[@#]\w+|\w*_\w+|\b[\w-]+\.(?:com|org|net|edu|gov|io|html?)\b"
    r"|(?:[A-Za-z]:)?(?:[\\/][\w.-]+){2,}",
    re.DOTALL,
)
"""Code, placeholders, addresses and paths: never touched."""
_UNDERLINED = re.compile(r"_[^\W_]+_")
_FOREIGN_SHARE = 0.15
_GROUP_END = re.compile(r"[^\W_]{2}(?:m[ae]n|wom[ae]n|boys?|girls?|lad(?:y|ies)|lords?|dads?|moms?|mums?)$")
_MAY_BE_PROTECTED = re.compile(r"[`<{$@#_/\\]|www|\.(?:com|org|net|edu|gov|io|htm)")


def read_text(text: str, lexicon: Lexicon, tagger: Tagger | None = None) -> Reading:
    """The text as the lexicon's rules read it; a tagger decides pronouns that the rules cannot."""
    found = cut(text)
    reading = Reading(text=text)
    protected = _protected(text)
    generic: list[Mention] = []
    for i, entry in entries_in(found, lexicon, protected):
        mention = mention_at(found, i, entry, lexicon, reading=reading, tagger=tagger)
        if mention is not None and entry.is_generic:
            generic.append(mention)
        elif mention is not None:
            reading.mentions.append(mention)
    _settle_generic(reading, generic)
    if reading.mentions:
        _settle(reading, found, lexicon, protected)
    return reading


def _protected(text: str) -> list[tuple[int, int]]:
    """Where code, placeholders, addresses and paths stand; a word between underscores is none of them."""
    if not _MAY_BE_PROTECTED.search(text):
        return []
    return [match.span() for match in PROTECTED.finditer(text) if not _UNDERLINED.fullmatch(match[0])]


def _settle_generic(reading: Reading, generic: Sequence[Mention]) -> None:
    """Words that are said of everybody count where all the rest of the text is of their group."""
    groups = {mention.group for mention in reading.mentions}
    for mention in generic:
        if groups == {mention.group}:
            reading.mentions.append(mention)
        elif mention.group in groups:
            reading.doubt(mention.start, reading.text[mention.start : mention.end], "may be said of anybody")
    reading.mentions.sort(key=lambda mention: mention.start)


def _settle(reading: Reading, found: Words, lexicon: Lexicon, protected: Sequence[tuple[int, int]]) -> None:
    """What concerns the whole text: two groups, agreement, articles, other signs of a group."""
    reading.base = reading.mentions[0].group
    if _is_foreign(found):
        first = reading.mentions[0]
        reading.doubt(
            first.start, reading.text[first.start : first.end], "stands in a text that may not be English"
        )
    _settle_groups(reading, lexicon)
    if lexicon.neutral:
        _agree(reading, found)
    _settle_articles(reading, found)
    _note_other_signs(reading, found, lexicon, protected)
    reading.unsure.sort(key=lambda place: place.start)


def _settle_groups(reading: Reading, lexicon: Lexicon) -> None:
    """Words of the other group change places with those of the first; among more than two groups, that is not sure."""
    for number, mention in enumerate(reading.mentions):
        if mention.group == reading.base:
            continue
        if not lexicon.is_exchange:
            shown = reading.text[mention.start : mention.end]
            reading.doubt(
                mention.start, shown, f"is of another group than the first mention ({reading.base})"
            )
            continue
        turned = {
            reading.base: mention.versions[mention.group],
            mention.group: mention.versions[reading.base],
        }
        reading.mentions[number] = replace(
            mention, key=f"other_{mention.key}", group=reading.base, versions=turned
        )


def _agree(reading: Reading, found: Words) -> None:
    """Verbs that change with "they" become mentions of their own."""
    place = {start: i for i, start in enumerate(found.starts)}
    added: list[Mention] = []
    for mention in reading.mentions:
        if not mention.key.startswith("they"):
            continue
        agreed = verbs_of(found, place[mention.start])
        if agreed.reason:
            reading.doubt(mention.start, reading.text[mention.start : mention.end], agreed.reason)
        for verb in agreed.verbs:
            written = reading.text[verb.start : verb.end]
            plural = {group for group, word in mention.versions.items() if word.lower() == "they"}
            versions = {group: verb.plural if group in plural else written for group in mention.versions}
            key = f"verb_{re.sub(r'[^a-z]', '', written.lower())}" + (
                "_first" if written[0].isupper() else ""
            )
            added.append(
                Mention(start=verb.start, end=verb.end, key=key, group=mention.group, versions=versions)
            )
    reading.mentions = sorted([*reading.mentions, *added], key=lambda mention: mention.start)


def _settle_articles(reading: Reading, found: Words) -> None:
    """An article before a mention becomes part of it, since groups may need another one."""
    place = {start: i for i, start in enumerate(found.starts)}
    for number, mention in enumerate(reading.mentions):
        i = place.get(mention.start, 0)
        before = found.raw(i - 1) if found.gap(i - 1) == " " else ""
        if before.lower() not in ("a", "an") or (before.isupper() and before != "A"):
            continue
        own = mention.versions[reading.base]
        if not mention.capital and before.lower() == article(own):
            start, capital = found.starts[i - 1], before[0].isupper()
            reading.mentions[number] = replace(mention, start=start, with_article=True, capital=capital)
        elif len({article(word) for word in mention.versions.values()}) > 1:
            reading.doubt(mention.start, own, f"'{before} {own}': the article cannot be told")


def _note_other_signs(
    reading: Reading, found: Words, lexicon: Lexicon, protected: Sequence[tuple[int, int]]
) -> None:
    """Words that fit one group only, names that are not paired, and group words within what is never touched."""
    taken = {start for m in reading.mentions for start in _starts_within(found, m)}
    is_small = reading.text.islower()
    for i, low in enumerate(found.low):
        start, raw = found.starts[i], found.raw(i)
        if is_small and is_small_name(found, i, lexicon):
            reading.doubt(start, raw, "may be a first name in small letters")
        if low in lexicon.only:
            reading.doubt(start, raw, "fits a person of one group only")
        elif start in taken or _is_surname(found, i, lexicon):
            continue
        elif lexicon.names and low not in lexicon.entries and _ends_in_a_group(found, i):
            reading.doubt(start, raw, "has no counterpart in the list")
        elif lexicon.names and is_introduced(found, i, lexicon):
            reading.doubt(start, raw, "may be a first name that no list holds")
        elif raw in lexicon.names.get("unpaired", ()) or _is_accented_name(raw, lexicon):
            reading.doubt(start, raw, "is a name of one group without a counterpart")
        elif raw in lexicon.names.get("unclear", ()):
            reading.doubt(start, raw, "is a name that mostly, but not always, shows a group")
    if lexicon.names:
        for match in SHORT.finditer(reading.text):
            reading.doubt(match.start(), match[0], "is a short form that may tell a group")
    every = {reading.text[m.start : m.end].lower() for m in reading.mentions}
    long = {word for word in every if len(word) > 3}
    for start, end in protected:
        inside = {part.lower() for part in re.findall(r"[^\W_]+", reading.text[start:end])}
        is_block = reading.text[start] == "{" and " " in reading.text[start:end]
        if inside & (every if is_block else long):
            reading.doubt(
                start, reading.text[start:end][:40], "repeats a word of the group and is never touched"
            )


def _starts_within(found: Words, mention: Mention) -> tuple[int, ...]:
    """The beginnings of the words that a mention covers."""
    first, last = bisect_left(found.starts, mention.start), bisect_left(found.starts, mention.end)
    return found.starts[first:last]


def _is_foreign(found: Words) -> bool:
    """Whether many words of a text are common words of other languages."""
    known = words("foreign")
    foreign = sum(low in known and found.raw(i).islower() for i, low in enumerate(found.low))
    return foreign >= _FOREIGN_SHARE * len(found.low)


def _ends_in_a_group(found: Words, i: int) -> bool:
    """Whether a word of no list ends as a word for a man or a woman does: the milkman, a ballgirl."""
    low, raw = found.low[i], found.raw(i)
    if raw[0].isupper() and not raw.isupper() and not found.begins(i):
        return False
    return bool(_GROUP_END.search(low)) and low not in words("not_of_a_group")


def _is_accented_name(raw: str, lexicon: Lexicon) -> bool:
    """Whether a capitalised word with an accent may be a first name: José, François; not Résumé."""
    if raw.isascii() or not lexicon.names or not raw[0].isupper() or raw.lower() in words("accented"):
        return False
    plain = without_accents(raw)
    return plain.isascii() and plain != raw


def _is_surname(found: Words, i: int, lexicon: Lexicon) -> bool:
    """Whether a capitalised word follows a first name or a title, or stands where a place would."""
    before = found.raw(i - 1)
    low = before.lower()
    return low in words("titles") or low in ("in", "at", "near") or is_name(before, lexicon)
