"""Swap proof: that the prompts of a cell differ in their marked words alone, and that each agrees with its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from audit.concord import faults, opens_sentence, written_out
from audit.rendering import Place, Rendered
from audit.slots import NAME_SLOTS
from audit.spans import FORM, is_form


def unproven(
    cell: Mapping[str, Rendered], language: str, *, gendered: bool = False
) -> dict[tuple[str, str], str]:
    """Pair of groups (in order) → why it is no pair; pairs that hold are not in it.

    Proven is, byte for byte: with the words of `a` in the places of `b`, the prompt of `b` is that of `a`. `gendered`
    says that the groups differ in grammatical gender.
    """
    faces = {group: _face(one, language) for group, one in cell.items()}
    wants = gendered and bool(cell) and _gendered(next(iter(cell.values())), language)
    found: dict[tuple[str, str], str] = {}
    for a, b in combinations(sorted(cell), 2):
        one, other = faces[a], faces[b]
        if not (one.holds and other.holds and one.frame == other.frame and one.capitals == other.capitals):
            reason = one.fault or other.fault or _differs(cell[a], cell[b], one.frame == other.frame)
            reason = reason or _case(cell[a], cell[b])
        else:
            reason = "reads the same for both groups" if cell[a].texts == cell[b].texts else ""
        if wants and not reason:
            reason = _written(cell[a], cell[b], language)
        if reason:
            found[a, b] = reason
    return found


@dataclass(frozen=True, slots=True)
class _Face:
    """What of a prompt is compared with the others of its cell, found once."""

    fault: str
    frame: tuple[object, ...]
    capitals: tuple[bool, ...]
    holds: bool
    """Whether it agrees, and comes out byte for byte when its words are put into its frame."""


def _face(one: Rendered, language: str) -> _Face:
    fault, frame = disagreement(one, language), _frame(one)
    whole = not fault and swapped_back(one, one.words) == one.texts
    return _Face(fault, frame, tuple(word[:1].isupper() for word in one.words), whole)


def disagreement(one: Rendered, language: str) -> str:
    """What does not agree in a prompt, in words; empty where nothing was found."""
    found = list(dict.fromkeys(faults(one, language)))
    return f"does not agree: {', '.join(repr(text) for text in found)}" if found else ""


def skeleton(one: Rendered) -> tuple[tuple[str, ...], ...]:
    """The texts around the places, message by message."""
    return tuple(
        tuple(_around(text, [place for place in one.places if place[0] == part]))
        for part, text in enumerate(one.texts)
    )


def swapped_back(b: Rendered, words: Sequence[str]) -> tuple[str, ...]:
    """The texts of `b` with other words in its places, in order."""
    left = iter(words)
    texts = []
    for part in skeleton(b):
        first, *rest = part
        texts.append(first + "".join(next(left) + literal for literal in rest))
    return tuple(texts)


def _around(text: str, places: Sequence[Place]) -> Iterator[str]:
    at = 0
    for _, start, end, _ in places:
        yield text[at:start]
        at = end
    yield text[at:]


def _frame(one: Rendered) -> tuple[object, ...]:
    """Everything of a prompt but the words in its places."""
    return one.roles, tuple((part, slot) for part, _, _, slot in one.places), skeleton(one)


def _differs(a: Rendered, b: Rendered, same_frame: bool) -> str:
    """Why one is not the other with its words exchanged."""
    if not same_frame:
        return "differs outside the marked words"
    if a.texts == b.texts:
        return "reads the same for both groups"
    return "" if swapped_back(b, a.words) == a.texts else "does not give the first prompt when swapped back"


def _case(a: Rendered, b: Rendered) -> str:
    """A sentence that begins with a capital letter for one group only."""
    for (part, start, _, slot), one, other in zip(a.places, a.words, b.words, strict=True):
        if one[:1].isupper() != other[:1].isupper() and opens_sentence(a.texts[part], start):
            known = slot.removeprefix(FORM)
            return f"'{one}' or '{other}' begins a sentence with a small letter: write ${known[:1].upper()}{known[1:]}"
    return ""


def _gendered(one: Rendered, language: str) -> bool:
    """Whether an article that has a gender is written out before some noun; then pairs are looked at."""
    return any(written_out(literal, language) for part in skeleton(one) for literal in part[:-1])


def _written(a: Rendered, b: Rendered, language: str) -> str:
    """An article written out before a noun that changes with the group."""
    last: dict[int, int] = {}
    for (part, start, end, slot), one, other in zip(a.places, a.words, b.words, strict=True):
        literal = a.texts[part][last.get(part, 0) : start]
        last[part] = end
        if one != other and slot not in NAME_SLOTS and not is_form(slot):
            word = written_out(literal, language)
            if word:
                return f"'{word}' is written out before ${slot}, which changes with the group"
    return ""
