"""Words for stated groups: an adjective (a Muslim student), a noun (a Muslim), or not of a person (a German car)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from audit.english import Words, swap_data, words


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """How a word for a group is used: as a noun or not; `reason` says why that is not sure."""

    is_noun: bool = False
    reason: str = ""


def read_adjective(text: Words, first: int, last: int, *, is_color: bool, is_language: bool) -> Use:
    """The use of the adjective from word `first` to word `last`."""
    before, following = text.before(first), text.after(last)
    if is_language and before in (
        "speak",
        "speaks",
        "spoke",
        "speaking",
        "in",
        "into",
        "learn",
        "learns",
        "learning",
    ):
        return Use(reason="may be a language")
    if following in words("persons") or (_is_labelled(text, first) and text.closes(last)):
        return Use()
    if is_color and (not text.raw(first)[0].isupper() or text.begins(first)):
        return Use(reason="may be a color")
    ends = text.closes(last) or (following in words("never_noun") or following in words("modals"))
    if ends and before in words("articles"):
        return Use(is_noun=True)
    if ends and before in words("predicates"):
        return Use()
    if ends and not before and "," not in text.gap(first - 1) and _is_after_a_label(text, first):
        return Use()
    return Use(reason="may not be said of a person" if following and not ends else "may be a noun")


@cache
def first_names() -> frozenset[str]:
    """First names of the list for genders."""
    data = swap_data("names")
    pairs = (name for line in data["pairs"] for pair in line.split(", ") for name in pair.split())
    return frozenset((*pairs, *data["unpaired"], *data["both"], *data["unclear"])) | frozenset(
        name for kind in ("rare", "abroad") for line in data[kind] for name in line.split()
    )


def _is_after_a_label(text: Words, first: int) -> bool:
    return text.gap(first - 1).rstrip().endswith((":", "="))


def _is_labelled(text: Words, first: int) -> bool:
    """Whether the field of a form that tells a group stands before: Race: Black."""
    return _is_after_a_label(text, first) and text.low[max(first - 1, 0)] in words("labels")


def read_countable(text: Words, first: int) -> str:
    """Why a countable noun is not sure: went to church; nothing where a determiner stands before it."""
    near = {text.before(first), text.before(first, 2)}
    return "" if near & words("determiners") else "has no article"


def beside_a_name(text: Words, first: int, last: int) -> str:
    """Why a word that is a name too is not sure; nothing where it is none here."""
    before, following = text.raw(first - 1), text.raw(last + 1)
    if _is_labelled(text, first):
        return ""
    is_named = not text.begins(first - 1) or before in first_names()
    named = text.is_plain(first - 1) and before.istitle() and is_named
    titled = text.gap(first - 1) in (" ", ". ") and before.lower() in words("titles")
    if (
        named
        or titled
        or (text.is_plain(last) and following.istitle() and following.lower() not in words("persons"))
    ):
        return "may be part of a name"
    if text.begins(first) and text.after(last) not in words("persons"):
        return "may be a name"
    return ""
