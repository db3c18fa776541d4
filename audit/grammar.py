"""Words that the grammar of a language makes of other words: `a nurse`, `d'Anne`, `l'infirmière`.

A derived slot is written `$<prefix>_<slot>`; which prefixes a language has is said here, so that no suite guesses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping

from audit.article import with_article

Forms = Mapping[str, str]
"""Words that agree with the person: `le: la`."""

_VOWEL = re.compile(r"[aeiouœæh]|y(?![aeiou])|ye(?:ux|use)", re.IGNORECASE)
_NO_ELISION = re.compile(
    r"""onz|oui\b|ouistiti|uhlan|ulul|h(?:ans|arry)\b|
    ha(?:bleu|ch|ddock|gard|ie|ill|in|ir\b|iss|lag|le(?:\b|r|t)|ll(?!ow|uc)|los?\b|lt(?!er[eo])|mac|mburger|meau|
      mpe|mster|nche|nd[bi]|ngar|nneton|nt|pp|rang|ras|rcel|rd|rem|reng|rgn|ricot|rnach|rnais|rp(?!ag)|sard|sch|t[ei]|
      uss|ut|va|ve\b|vre|yon)|
    he(?:aume|nn[ei]|raut|riss|rnie|ron|ros\b|rse|tre|urt)|
    hi(?:bou|de|erarch|p-hop|pp(?:ie|y)|ss|ts?\b)|
    ho(?:bb|che|ckey|ld|lland|mard|nd|ngr|nni|nt|quet|rde|rs|t-dog|ttes?\b|u)|
    hu(?:blot|che|e|guenot|it(?!r)|lul|n|ppe|r[lo]|ssard|tte)""",
    re.IGNORECASE | re.VERBOSE,
)
"""French words, without their accents, before which nothing is elided although they begin with a vowel or an h."""


def elides(word: str) -> bool:
    """Whether French `de`, `que`, `le` lose their vowel before `word`: d'Anne, l'homme; but le héros, de Yann."""
    plain = _without_accents(word.lstrip("«\" '“\u00a0\u202f"))
    return _VOWEL.match(plain) is not None and _NO_ELISION.match(plain) is None


def _without_accents(word: str) -> str:
    """The letters without what stands above or below them."""
    return "".join(
        letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter)
    )


def _elided(short: str, full: str) -> Callable[[str, Forms], str]:
    """A word that is `short` before a vowel and else `full`, or the form of that name."""
    return lambda word, forms: f"{short}{word}" if elides(word) else f"{forms.get(full, full)} {word}"


_DERIVED: Mapping[str, Mapping[str, Callable[[str, Forms], str]]] = {
    "en": {"a": lambda word, _: with_article(word)},
    "fr": {
        "de": _elided("d'", "de"),
        "que": _elided("qu'", "que"),
        "le": _elided("l'", "le"),
        "du": _elided("de l'", "du"),
        "au": _elided("à l'", "au"),
    },
}
ALL_FORMS = frozenset({"le", "du", "au"})
"""Forms that derived slots are made with: their prefixes exist where the person's group has a form of that name."""
_OF_NAMES = frozenset({"de", "que"})
"""Prefixes that names take too."""


def prefixes(language: str, forms: Collection[str] = ()) -> tuple[str, ...]:
    """The prefixes of a language's derived slots, given the forms that there are."""
    return tuple(
        prefix for prefix in _DERIVED.get(_plain(language), {}) if prefix not in ALL_FORMS or prefix in forms
    )


def name_prefixes(language: str) -> tuple[str, ...]:
    """The prefixes that names take."""
    return tuple(prefix for prefix in prefixes(language) if prefix in _OF_NAMES)


def derived(language: str, words: Mapping[str, str], forms: Forms, *, names: bool = False) -> dict[str, str]:
    """Every derived slot of `words`, with its text; a slot that `words` gives itself is left to it."""
    makers = _DERIVED.get(_plain(language), {})
    found = name_prefixes(language) if names else prefixes(language, forms)
    given = words.keys()
    return {
        f"{prefix}_{key}": makers[prefix](word, forms)
        for prefix in found
        for key, word in words.items()
        if f"{prefix}_{key}" not in given and not is_derived(language, key, given)
    }


def is_derived(language: str, key: str, known: Collection[str]) -> bool:
    """Whether `key` is a derived slot of one of the `known` slots: `a_parent` of `parent`."""
    prefix, _, rest = key.partition("_")
    return rest in known and prefix in _DERIVED.get(_plain(language), {})


def _plain(language: str) -> str:
    """The first letters of a language code (`en-GB`: `en`)."""
    return language[:2].lower()
