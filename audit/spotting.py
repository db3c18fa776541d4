"""Spotting: the words of a lexicon in a text, each read by what stands around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from audit.adjectives import beside_a_name, read_adjective, read_countable
from audit.english import WORD, Words
from audit.lexicon import Entry, Lexicon
from audit.mentions import Mention, Reading, Tagger
from audit.moments import Guess
from audit.naming import capital_of, check_surname, is_after_title, is_bare_host, is_first_name, is_verb
from audit.pronouns import read_her, read_his

_TAGS = {"PRP": "them", "PRP$": "their"}
_TITLE_CASE = 0.7


def entries_in(
    found: Words, lexicon: Lexicon, protected: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, Entry]]:
    """Every word of the lexicon in the text with its place, phrases as one, protected spans left out."""
    entries, text, done = lexicon.entries, found.text, 0
    for i, low in enumerate(found.low):
        start = found.starts[i]
        if low not in entries or start < done or any(a <= start < b for a, b in protected):
            continue
        for entry in entries[low]:
            lead = WORD.search(entry.written)
            first = start - (lead.start() if lead else 0)
            end = first + len(entry.written)
            if first >= done and _is_here(text, first, end, entry):
                done = end
                if entry.kind != "fixed":
                    yield i, entry
                break


def _is_here(text: str, start: int, end: int, entry: Entry) -> bool:
    """Whether the entry stands at this place as a whole word: names as written or in capitals."""
    written = text[start:end].replace("’", "'")
    if written != entry.written:
        exact = entry.kind in ("name", "surname") or entry.written in ("Miss", "Ms", "Mr", "Mrs", "Mx")
        if written.lower() != entry.written.lower() or (
            exact and not (written.isupper() and len(written) > 3)
        ):
            return False
    return entry.written.endswith(".") or not re.match(r"[^\W_]", text[end : end + 1])


def mention_at(
    found: Words, i: int, entry: Entry, lexicon: Lexicon, *, reading: Reading, tagger: Tagger | None
) -> Mention | None:
    """The mention at word i; None where it is none. What is not sure is noted in the reading."""
    start = found.starts[i]
    end = start + len(entry.written)
    written = found.text[start:end]
    if entry.kind == "doubt":
        reading.doubt(start, written, entry.reason)
        return None
    if entry.kind == "name" and not is_first_name(found, i, lexicon, reading=reading):
        return None
    if entry.kind == "surname":
        check_surname(found, i, lexicon, reading=reading)
    if entry.kind == "word" and lexicon.names and not _is_group_word(found, i, entry, reading=reading):
        return None
    if entry.written == "Miss" and not re.match(r" [A-Z]", found.text[end : end + 2]):
        return None
    missing = [group for group in lexicon.groups if group not in entry.versions]
    if missing:
        reading.doubt(start, written, f"has no counterpart among words for {lexicon.titles[missing[0]]}")
        return None
    key, versions = entry.key, dict(entry.versions)
    if entry.kind == "pronoun":
        key, versions = _pronoun(found, i, entry, lexicon, reading=reading, tagger=tagger)
    elif entry.kind == "word":
        key, versions = _stated(found, i, entry, lexicon, reading=reading)
    _check_edges(found, start, end, versions, reading=reading, is_pronoun=entry.kind == "pronoun")
    return _cased(written, start, entry.group, key, versions)


def _is_group_word(found: Words, i: int, entry: Entry, *, reading: Reading) -> bool:
    """Whether a word of a gender is a noun here and not a verb; doubts are noted."""
    if is_after_title(found, i):
        return False
    if is_verb(found, i, entry):
        if not entry.is_generic:
            reading.doubt(found.starts[i], found.raw(i), "may be a verb")
        return False
    reason = "may be a verb" if is_bare_host(found, i, entry) else capital_of(found, i, entry)
    if reason:
        reading.doubt(found.starts[i], found.raw(i), reason)
    return True


def _cased(written: str, start: int, group: str, key: str, versions: dict[str, str]) -> Mention:
    """The mention in the letters of the text: a capital first letter, all capitals, or a spelling of its own."""
    own, capital = versions[group], False
    plain = written.replace("’", "'")
    if plain == own:
        pass
    elif plain == own[:1].upper() + own[1:] and not own[:1].isupper():
        capital = True
    elif plain.isupper() and len(plain) > 1:
        key, versions = f"{key}_capitals", {each: word.upper() for each, word in versions.items()}
    else:
        key = f"{key}_small" if plain.islower() else f"{key}_spelled"
    if not capital:
        versions[group] = written
    return Mention(
        start=start, end=start + len(written), key=key, group=group, versions=versions, capital=capital
    )


def _pronoun(
    found: Words, i: int, entry: Entry, lexicon: Lexicon, *, reading: Reading, tagger: Tagger | None
) -> tuple[str, dict[str, str]]:
    """The form of the pronoun at word i and its versions; doubts are noted."""
    low, key = found.low[i], entry.key
    if found.raw(i)[0].isupper() and not found.begins(i) and not _is_titled(found):
        reading.doubt(found.starts[i], found.raw(i), "has a capital within a sentence")
    elif found.raw(i)[0].isupper() and _is_enclosed(found, i):
        reading.doubt(found.starts[i], found.raw(i), "may be a title or a sign")
    if low in ("her", "his"):
        guess = read_her(found, i) if low == "her" else read_his(found, i)
        guess = _tagged(guess, found, i, tagger) if guess.reason and tagger else guess
        key = guess.form
        if guess.reason:
            reading.doubt(found.starts[i], found.raw(i), guess.reason)
    words_of = {each.key: each for each in lexicon.entries[low] if each.kind == "pronoun"}
    return key, dict(words_of[key].versions)


def _is_enclosed(found: Words, i: int) -> bool:
    """Whether a word of a longer text stands alone in quotation marks or brackets: Helium (He)."""
    before, after = found.gap(i - 1)[-1:], found.gap(i)[:1]
    return len(found.low) > 2 and before + after in ('""', "“”", "()", "''", "‘’")


def _stated(
    found: Words, i: int, entry: Entry, lexicon: Lexicon, *, reading: Reading
) -> tuple[str, dict[str, str]]:
    """A word of a stated group and its versions, as a noun where it is used as one; doubts are noted."""
    start, low, versions = found.starts[i], entry.written.lower(), dict(entry.versions)
    last = i + len(WORD.findall(entry.written)) - 1
    shown, classes = found.text[start : found.ends[last]], lexicon.classes
    kind = next(
        (key for key in lexicon.adjectives if entry.key == key or entry.key.startswith(f"{key}_")), ""
    )
    reasons = [beside_a_name(found, i, last)] if low in classes["also_names"] else []
    if (
        not kind
        and not lexicon.names
        and shown.islower()
        and not low.endswith("s")
        and entry.written[0].isupper()
    ):
        reasons.append("is written small")
    if low in classes["countable"]:
        reasons.append(read_countable(found, i))
    if kind or (not lexicon.is_listed and last == i):
        use = read_adjective(
            found,
            i,
            last,
            is_color=low in classes["colors"],
            is_language=entry.written in classes["languages"],
        )
        reasons.append(use.reason or ("may be a noun" if use.is_noun and not kind else ""))
        if use.is_noun and kind:
            return f"{entry.key}_noun", {**lexicon.adjectives[kind], entry.group: shown}
    for reason in filter(None, reasons):
        reading.doubt(start, shown, reason)
    return entry.key, versions


def _tagged(guess: Guess, found: Words, i: int, tagger: Tagger | None) -> Guess:
    """What the tagger says about a pronoun that the rules cannot decide."""
    tags = {start: tag for start, _, tag in tagger(found.text)} if tagger else {}
    form = _TAGS.get(tags.get(found.starts[i], ""))
    if form == "them" and found.low[i] == "his":
        form = "theirs"
    return Guess(form=form) if form else guess


def _check_edges(
    found: Words, start: int, end: int, versions: Mapping[str, str], *, reading: Reading, is_pronoun: bool
) -> None:
    """Note what touches a mention: hyphens, slashes, apostrophes without an s."""
    text, word = found.text, found.text[start:end]
    before, after = text[max(start - 1, 0) : start], text[end : end + 2]
    if re.match(r"-[^\W_]", after):
        reading.doubt(start, word, "is the first part of a compound")
    elif before == "-" and re.search(r"[^\W_]-$", text[:start]):
        if not re.search(r"\b(?:ex|step|great|grand|then|now|to-be)-$", text[:start].lower()):
            reading.doubt(start, word, "is the last part of a compound")
    elif before in ("/", "\\") or after[:1] in ("/", "\\"):
        reading.doubt(start, word, "stands beside a slash")
    ends_in_s = {version.endswith("s") for version in versions.values()}
    if (
        re.match(r"['’](?![^\W_])", after + " ")
        and not is_pronoun
        and word.endswith("s")
        and len(ends_in_s) > 1
    ):
        reading.doubt(start, word, "has an apostrophe that another word would write otherwise")


def _is_titled(found: Words) -> bool:
    """Whether the text is written with capitals throughout."""
    capitals = sum(found.raw(i)[0].isupper() for i in range(len(found.low)))
    return capitals > _TITLE_CASE * len(found.low)
