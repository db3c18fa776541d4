"""The indefinite article of English: `a` or `an` by how a word begins to sound."""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBER_AN = re.compile(r"(8|1[18](?!\d))[\d,]*|(1[18],\d{3}(?!,))")
_SILENT_H = re.compile(r"hour|honou?r|honest|heir")
_SOUNDS_YOU = re.compile(
    r"eu|ew|uni(?!n|m|d(?!irect)|ron)|unesco|us[aeiu]|ut[aeio]|ubiq|ufo|ukr|ukul|uga|ur(an|in|olog|ugu|ea)|uvul|ural"
)
_SOUNDS_ONE = re.compile(r"(one|once|ones)(?![a-z])|ouija")
_LETTERS_AN = frozenset("AEFHILMNORSX")


def article(word: str) -> str:
    """`a` or `an`, as it is said before `word` (a word or a phrase)."""
    first = re.sub(r"^\W+", "", word)
    token = re.match(r"[A-Za-z]+(?:\.[A-Za-z]\b)*|[\d,]+", first)
    if token is None:
        return "an" if first[:1].lower() in "aeiouáàâäãåæéèêëíìîïóòôöõøúùûü" and first else "a"
    return _of_number(token[0]) if token[0][0].isdigit() else _of_word(token[0])


@lru_cache(maxsize=10_000)
def with_article(word: str) -> str:
    """`word` with its article before it: `a nurse`, `an hourly worker`."""
    return f"{article(word)} {word}"


def _of_number(digits: str) -> str:
    return "an" if _NUMBER_AN.match(digits) else "a"


def _of_word(word: str) -> str:
    if _is_spelled(word):
        return "an" if word[0].upper() in _LETTERS_AN else "a"
    lower = word.lower()
    if _SILENT_H.match(lower):
        return "an"
    if _SOUNDS_YOU.match(lower) or _SOUNDS_ONE.match(lower):
        return "a"
    return "an" if lower[0] in "aeiou" else "a"


def _is_spelled(word: str) -> bool:
    """Whether a word is read letter by letter: X-ray, MBA, U.S., PhD; but NATO is read as a word."""
    if len(word) == 1:
        return word not in "aAI"
    if "." in word:
        return True
    if not word[:2].isupper():
        return False
    reads_as_word = len(word) >= 4 and word.isupper() and re.search(r"[AEIOU]", word) is not None
    return not reads_as_word
