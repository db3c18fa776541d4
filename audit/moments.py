"""The "her" before a time, a number or a place: met her online, took her years, fired her Monday, her Monday shift."""

from __future__ import annotations

import re
from dataclasses import dataclass

from audit.english import Words, words

OBJECT, OWNER, OWNED = "them", "their", "theirs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Guess:
    """The form of a pronoun, by its plural (`them`, `their`, `theirs`); `reason` says why that is not sure."""

    form: str
    reason: str = ""


def read_her_and_time(text: Words, i: int) -> Guess | None:
    """What a "her" before a time or place is: met her online, took her years, fired her Monday; None before others."""
    before, word, rest = text.before(i), text.low[i + 1], text.after(i, 2)
    opens = not before or before in words("openers") or before in words("prepositions")
    told = f"'{before} her {word}' can be read in two ways"
    ends = text.closes(i + 1) or rest in words("never_noun")
    if word[0].isdigit():
        return _before_a_number(text, i, opens=opens)
    if word in ("part", "full") and (rest == "time" or text.is_compound(i + 1)):
        return _before_part_time(text, i, opens=opens)
    if word in words("place_adverbs"):
        if opens:
            return Guess(form=OWNER, reason=told if ends else "")
        doubtful = before in words("two_objects") | words("complements") and not ends
        return Guess(form=OBJECT if ends else OWNER, reason=told if doubtful else "")
    if word in words("durations"):
        return _before_a_duration(before, word, rest, opens=opens)
    if word in words("days"):
        at_end = ends or (
            rest in words("times") and (text.closes(i + 2) or text.after(i, 3) in words("never_noun"))
        )
        sure = at_end and not opens and before not in words("spending")
        return Guess(form=OBJECT if sure else OWNER, reason="" if sure or (opens and not at_end) else told)
    if word in ("last", "next") and rest in words("times") | words("days"):
        return _before_last_week(text, i, opens=opens)
    return None


def _before_a_number(text: Words, i: int, *, opens: bool) -> Guess | None:
    """in her 40s, beat her 3-0; None where a number alone follows."""
    word = text.low[i + 1]
    if opens and re.fullmatch(r"\d0s|\d+(?:st|nd|rd|th)", word):
        return Guess(form=OWNER)
    if text.is_compound(i + 1) and text.low[i + 2][0].isdigit():
        return Guess(form=OBJECT, reason=f"before '{word}-{text.low[i + 2]}'")
    return Guess(form=OWNER) if text.is_compound(i + 1) else None


def _before_part_time(text: Words, i: int, *, opens: bool) -> Guess:
    """hired her part-time, her part-time job."""
    ends = text.closes(i + 2) or text.after(i + 2) in words("never_noun")
    doubtful = opens == ends or text.before(i) in words("two_objects")
    reason = f"before '{text.low[i + 1]} {text.raw(i + 2)}'" if doubtful else ""
    return Guess(form=OBJECT if ends else OWNER, reason=reason)


def _before_a_duration(before: str, word: str, rest: str, *, opens: bool) -> Guess | None:
    if before in words("takes") or (rest in words("ago") and not opens):
        return Guess(form=OBJECT)
    return None if opens else Guess(form=OWNER, reason=f"'{before} her {word}' can be read in two ways")


def _before_last_week(text: Words, i: int, *, opens: bool) -> Guess:
    """promoted her last week, her last week at work."""
    following = text.after(i, 3)
    if opens:
        return Guess(form=OWNER)
    ends = text.closes(i + 2) or following in words("never_noun")
    is_owner = text.gap(i + 2).startswith(("'", "’"))
    doubtful = (
        not ends
        or is_owner
        or following in ("of", "at", "in", "as", "with")
        or text.before(i) in words("spending")
    )
    reason = f"before '{text.low[i + 1]} {text.low[i + 2]}'" if doubtful else ""
    return Guess(form=OBJECT if ends else OWNER, reason=reason)
