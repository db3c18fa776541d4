"""Names and capitals: whether a word is a person's first name, a word of a group, or part of another name."""

from __future__ import annotations

import re
import unicodedata

from audit.english import Words, words
from audit.lexicon import Entry, Lexicon
from audit.mentions import Reading

SHORT = re.compile(
    r"(?<![\w$€£.])\d{1,3}\s?[MF]\b(?!\w)|\b\d{1,3}\s?[Yy]/?[Oo]\s+[MFmf]\b"
    r"|\b(?:sex|gender)\s*[:=]\s*[\"']?[MFmf]\b",
    re.IGNORECASE,
)
"""Short forms by which notes tell a sex: 54M, 34 yo F, Sex: M."""


def is_first_name(found: Words, i: int, lexicon: Lexicon, *, reading: Reading) -> bool:
    """Whether the name at word i is a person's first name; doubts are noted."""
    name, before = found.raw(i), found.raw(i - 1) if found.is_plain(i - 1) or found.gap(i - 1) == ". " else ""
    following = found.raw(i + 1) if found.is_plain(i) else ""
    low = before.lower()
    if low in words("titles"):
        if low in ("st", "saint") or not _is_surname_here(found, i + 1, following):
            return False
    elif before.istitle() and is_name(before, lexicon):
        return False
    elif before.istitle() and _belongs_to(found, i - 1, low, lexicon):
        reading.doubt(found.starts[i], name, f"may be part of '{before} {name}'")
        return True
    reason = _other_than_a_person(found, i, lexicon, following=following, low=low)
    if reason:
        reading.doubt(found.starts[i], name, reason)
    return True


def _belongs_to(found: Words, i: int, low: str, lexicon: Lexicon) -> bool:
    """Whether the capitalised word i before a name makes both one name: Santa Barbara, the Estate Thomas."""
    is_within = not found.begins(i) and low not in lexicon.entries and found.is_plain(i)
    return low in words("place_parts") or is_within


def _is_surname_here(found: Words, i: int, following: str) -> bool:
    """Whether a capitalised word that can be a surname follows a title and a name: Dr. Emily Stone."""
    return following.istitle() and len(following) > 1 and following.lower() not in words("days")


def _other_than_a_person(found: Words, i: int, lexicon: Lexicon, *, following: str, low: str) -> str:
    """Why a first name may be no first name, or not the only one, of one person; empty if it is."""
    name, next_low = found.raw(i), following.lower()
    if lexicon.has_surnames and following.istitle() and not is_name(following, lexicon):
        return f"the surname '{following}' has no counterpart"
    if low in words("royal_titles") or re.fullmatch(r"[IVX]{2,}|V|X", following):
        return "may be a known person"
    if next_low in words("organisations") and low not in words("titles"):
        return f"may be part of '{name} {following}'"
    if found.gap(i).strip() == "&" or found.gap(i - 1).strip() == "&":
        return "may be part of the name of a firm"
    is_month = name.lower() in words("months") and (
        low in words("month_prepositions") or low.isdigit() or following.isdigit()
    )
    if is_month or (name in lexicon.names.get("places", ()) and low in words("place_prepositions")):
        return "may be a place or a time"
    if name in lexicon.names.get("places", ()) and next_low in ("is", "was", "has"):
        return "may be a place or a time"
    if name in lexicon.names.get("words", ()) and found.begins(i) and not following.istitle():
        return "may be a word of the language"
    return _second_name(found, i, lexicon, following)


def _second_name(found: Words, i: int, lexicon: Lexicon, following: str) -> str:
    """Why the first name after a first name has to change too: Mary Ann, Mary Elizabeth Smith, John Paul."""
    if not lexicon.names or not following.istitle() or not is_name(following, lexicon):
        return ""
    third = found.raw(i + 2) if found.is_plain(i + 1) else ""
    if (third.istitle() and len(third) > 1) or next_is_no_surname(following):
        return f"'{following}' may be a first name too"
    return ""


def next_is_no_surname(name: str) -> bool:
    """Whether a first name is hardly a surname."""
    return name.lower() not in words("surnames")


def check_surname(found: Words, i: int, lexicon: Lexicon, *, reading: Reading) -> None:
    """Note a surname that does not follow a first name or a title: it may be a place or a firm."""
    before = found.raw(i - 1) if found.gap(i - 1) in (" ", ". ") else ""
    if before.lower() not in words("titles") and not is_name(before, lexicon):
        reading.doubt(found.starts[i], found.raw(i), "may be no surname here")


def is_name(word: str, lexicon: Lexicon) -> bool:
    """Whether the word is a name that the lexicon knows, with a counterpart or without."""
    known = any(
        entry.kind in ("name", "surname") and entry.written.lower() == word.lower()
        for entry in lexicon.entries.get(word.lower(), ())
    )
    return known or any(word in lexicon.names.get(kind, ()) for kind in ("unpaired", "both", "unclear"))


def without_accents(word: str) -> str:
    """The word in plain letters: José → Jose."""
    return "".join(
        letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter)
    )


def capital_of(found: Words, i: int, entry: Entry) -> str:
    """Why a word of a group that is written with a capital may be part of a name or an exclamation; empty if not."""
    raw, low, last = found.raw(i), found.low[i], i + len(re.findall(r"[^\W_]+", entry.written)) - 1
    if low in words("exclaimed") and found.begins(i) and found.gap(i).startswith((",", "!")):
        return "may be an exclamation"
    if low in words("exclaimed") and _is_vocative(found, i):
        return "may be said to anybody"
    if low in words("royal") and found.begins(i) and raw.istitle() and found.raw(i + 1):
        return "may be a name"
    if entry.written[:1].isupper() or not raw[:1].isupper() or (raw.isupper() and len(raw) > 1):
        return ""
    following = found.raw(last + 1) if found.is_plain(last) else ""
    is_followed = following.istitle() and following != "I"
    if (
        found.begins(i)
        and found.after(last) in ("in", "for", "of", "with", "without")
        and found.raw(last + 2).istitle()
    ):
        return "may be part of a name"
    if found.begins(i) or found.before(i) in words("salutations") or low in words("address"):
        return "may be part of a name" if is_followed and low not in words("before_names") else ""
    if is_followed and low in words("before_names"):
        return ""
    return "may be part of a name"


def _is_vocative(found: Words, i: int) -> bool:
    """Whether a person is called: Thanks, man."""
    before = found.low[i - 1] if i else ""
    if not found.closes(i):
        return False
    after_comma = found.gap(i - 1) == ", " and found.low[i] in ("man", "girl")
    return before in words("salutations") or (after_comma and found.gap(i).strip()[:1] in (".", "!", "?", ""))


def is_after_title(found: Words, i: int) -> bool:
    """Whether a word of a group is a surname: Mr. King."""
    is_titled = found.gap(i - 1) in (" ", ". ") and found.low[i - 1 if i else 0] in words("titles")
    return i > 0 and is_titled and found.raw(i).istitle()


def is_small_name(found: Words, i: int, lexicon: Lexicon) -> bool:
    """Whether a word in small letters is a first name in a text without capitals: emma lost her keys."""
    titled = found.raw(i).title()
    return titled not in lexicon.names.get("words", ()) and any(
        entry.kind == "name" and entry.written == titled for entry in lexicon.entries.get(found.low[i], ())
    )


def is_introduced(found: Words, i: int, lexicon: Lexicon) -> bool:
    """Whether an unknown word with a capital follows a word for a person: my friend Saoirse."""
    raw, before = found.raw(i), found.before(i)
    if not raw.istitle() or len(raw) < 3 or is_name(raw, lexicon) or found.low[i] in words("days"):
        return False
    return found.raw(i - 1).islower() and (before in words("persons") or before in ("named", "called"))


def is_verb(found: Words, i: int, entry: Entry) -> bool:
    """Whether a word of a group is a verb: he hosts a show, to man the desk."""
    return entry.written in words("verbs_too") and found.before(i) in words("subjects")


def is_bare_host(found: Words, i: int, entry: Entry) -> bool:
    """Whether a word that is a verb too has no determiner before it: the show hosts a band."""
    return (
        entry.is_generic
        and entry.written in words("verbs_too")
        and found.before(i) not in words("determiners")
    )
