"""Verbs that go with a person's pronoun: he works, they work; where that is not certain, it says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from audit.english import Words, words

PLURAL: Mapping[str, str] = {
    "is": "are", "was": "were", "has": "have", "does": "do",
    "isn't": "aren't", "wasn't": "weren't", "hasn't": "haven't", "doesn't": "don't",
}  # fmt: skip
"""Verbs in the third person with a form of their own, and what stands with "they"."""
_ES = re.compile(r"(ch|sh|ss|x|zz|o)es$")
_USES: Mapping[str, str] = {
    "focuses": "focus", "refocuses": "refocus", "biases": "bias", "gases": "gas", "quizzes": "quiz",
}  # fmt: skip
_SHORT_IES = frozenset({"dies", "lies", "ties", "vies"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Verb:
    """A verb that changes with "they": its place in the text and both forms."""

    start: int
    end: int
    plural: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreed:
    """The verbs that agree with a pronoun; `reason` says why they are not certain."""

    verbs: tuple[Verb, ...] = ()
    reason: str = ""


def verbs_of(text: Words, i: int) -> Agreed:
    """The verbs that have to change where the "he" or "she" at word i becomes "they"."""
    short = _short_form(text, i)
    if short is not None:
        return short if short.reason else Agreed(verbs=short.verbs, reason=_later_verb(text, i, i + 2))
    before = text.before(i)
    at = _verb_after(text, i)
    verb = text.low[at] if at is not None else ""
    changes = at is not None and is_third_person(verb)
    if before in PLURAL and changes:
        return Agreed(reason=f"'{before} {text.low[i]} {verb}' has two verbs that may agree")
    if before in PLURAL:
        return Agreed(verbs=(_verb(text, i - 1),))
    if at is None:
        return _without_verb(text, i)
    if changes:
        return _with_joined(text, i, at)
    if verb in ("who", "that", "which"):
        return Agreed(reason=f"before '{verb}'")
    return Agreed(reason=_later_verb(text, i, at))


def is_third_person(word: str) -> bool:
    """Whether a word right after "he" is a verb whose form changes with "they"."""
    if word in PLURAL:
        return True
    if word in words("never_noun") or word in words("adverbs") or word in words("prepositions"):
        return False
    return word.endswith("s") and not word.endswith(("ss", "us")) and len(word) > 3


def plural(verb: str) -> str:
    """The form that goes with "they": works → work, carries → carry, watches → watch."""
    if verb in PLURAL:
        return PLURAL[verb]
    if verb in _SHORT_IES:
        return verb[:-1]
    if verb in _USES:
        return _USES[verb]
    if verb.endswith("ies"):
        return f"{verb[:-3]}y"
    return verb[:-2] if _ES.search(verb) else verb[:-1]


def _verb(text: Words, at: int) -> Verb:
    word = text.raw(at)
    changed = plural(text.low[at])
    if "’" in word:
        changed = changed.replace("'", "’")
    return Verb(
        start=text.starts[at],
        end=text.ends[at],
        plural=_cased(changed, word, text.raw(at - 1), text.raw(at + 1)),
    )


def _cased(changed: str, word: str, before: str, after: str) -> str:
    """The changed verb in the letters of the one that it stands for."""
    if word.isupper() and (before.isupper() or after.isupper()):
        return changed.upper()
    return changed[0].upper() + changed[1:] if word[0].isupper() else changed


def _verb_after(text: Words, i: int) -> int | None:
    """The word after the pronoun that should be its verb, past adverbs; None where something else comes first."""
    at = i
    while text.is_plain(at):
        at += 1
        word = text.low[at]
        if word == "no" and text.after(at) == "longer":
            at += 1
            continue
        is_adverb = (
            word in words("adverbs")
            or word in ("himself", "herself", "alone")
            or (word.endswith("ly") and word not in words("ly_nouns"))
        )
        if not is_adverb:
            return at
    return None


def _short_form(text: Words, i: int) -> Agreed | None:
    """he's: "they're" or "they've" by what follows; None where there is no such ending."""
    if not re.match(r"['’]s\b", text.text[text.ends[i] :]):
        return None
    at, following = i + 1, ""
    while text.is_plain(at) and (not following or following in words("adverbs")):
        at += 1
        following = text.low[at]
    mark = text.text[text.ends[i]]
    span = (text.ends[i], text.ends[i] + 2)
    if following in ("been", "got", "had"):
        return Agreed(verbs=(Verb(start=span[0], end=span[1], plural=f"{mark}ve"),))
    is_state = following in words("states")
    if (
        not following
        or following in words("participles")
        or (following.endswith(("ed", "en")) and not is_state)
    ):
        return Agreed(reason=f"'{text.raw(i)}{mark}s {following}' may be is or has")
    return Agreed(verbs=(Verb(start=span[0], end=span[1], plural=f"{mark}re"),))


def _without_verb(text: Words, i: int) -> Agreed:
    """No verb follows: fine at the end of a clause (than he, said he), not where a clause is put in between."""
    plain = text.gap(i).strip()
    if plain.startswith((",", "(", "—", "–", "-")) and i < len(text.low) - 1:
        return Agreed(reason="the verb is set off by punctuation")
    return Agreed()


def _later_verb(text: Words, i: int, at: int) -> str:
    """Why a verb that is joined to one that stays may have to change: he left and has a cold; empty without one."""
    for later in range(at + 1, len(text.low)):
        if not set(text.gap(later - 1)).isdisjoint(".;:!?\n"):
            break
        word = text.low[later]
        follows = text.after(later) in words("never_noun") or text.closes(later)
        is_verb = word in PLURAL or (is_third_person(word) and follows)
        if is_verb and text.before(later) in ("and", "but", "or", "then"):
            return f"'{word}' may be a second verb of '{text.low[i]}'"
    return ""


def _with_joined(text: Words, i: int, at: int) -> Agreed:
    """The verb; not certain where a second one may be joined to it: he works and earns."""
    for later in range(at + 1, len(text.low)):
        if not set(text.gap(later - 1)).isdisjoint(".;:!?\n"):
            break
        word, before = text.low[later], text.low[later - 1]
        joined = before in ("and", "but", "or", "then") or "," in text.gap(later - 1)
        if joined and is_third_person(word):
            return Agreed(
                verbs=(_verb(text, at),), reason=f"'{word}' may be a second verb of '{text.low[i]}'"
            )
    return Agreed(verbs=(_verb(text, at),))
