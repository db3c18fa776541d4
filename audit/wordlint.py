"""What the words of a suite could do better: names, group words, slots, articles, capitals, verbs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from audit.agreement import is_third_person
from audit.axis import Axis, Name
from audit.cast import Cast, draw_cast
from audit.concord import opens_sentence
from audit.english import words
from audit.slots import LETTER, NAME_SLOTS, Slot, pieces, slots_of, wording
from audit.suite import Suite, Template
from audit.template import slots_of_filler

AMBIGUOUS = 0.5
"""A name of whose bearers less than this share belong to the group suggests it weakly."""
LENGTHS = 1.5
"""Letters by which the names that are drawn may differ in length between groups."""
SHOWN_NAMES = 3


def lint_words(suite: Suite, axes: Mapping[str, Axis]) -> list[str]:
    """Warnings, one sentence each; none where nothing was found."""
    return [
        *_paraphrases(suite, axes),
        *_leaks(suite, axes),
        *_constant(suite, axes),
        *_grammar(suite, axes),
        *_names(suite, axes),
        *_ambiguous(suite, axes),
        *_lengths(suite, axes),
    ]


def _paraphrases(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Paraphrases that could not mean the same, and a control arm without any."""
    if "paraphrase" in suite.controls.arms and not any(template.paraphrases for template in suite.templates):
        yield "the control arm 'paraphrase' is empty: no template has paraphrases"
    grammar = axes[suite.persons].forms
    for template in suite.templates:
        wanted = set(slots_of(template.turns[-1][1]))
        for number, text in enumerate(template.paraphrases, start=1):
            other = wanted ^ set(slots_of(text))
            extra = sorted(f"${slot}" for slot in other if slot not in grammar)
            if extra:
                yield f"paraphrase {number} of template {template.id} does not use the same slots: {', '.join(extra)}"


def _leaks(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Words of one group that a template writes out for all groups."""
    patterns = {axis.id: _group_words(axis) for axis in axes.values()}
    for template in suite.templates:
        texts = [*(text for _, text in template.turns), *template.paraphrases]
        literal = " \n ".join(wording(text) for text in texts)
        for axis, known in patterns.items():
            for word, group in known.items():
                if _stands_in(word, literal):
                    yield f"template {template.id} writes '{word}', a word of the group '{group}' ({axis}); use a slot"


def _group_words(axis: Axis) -> dict[str, str]:
    """Word → the only group of the axis that uses it; words that are their own key are no sign of a group.

    Forms count in English alone: in languages with grammatical gender they also go with things.
    """
    users: dict[str, set[str]] = {}
    for name, group in axis.groups.items():
        found = [(key, word) for key, listed in group.terms.items() for word in listed]
        found += group.forms.items() if axis.language.startswith("en") else ()
        for key, word in found:
            if len(word) > 1 and word not in group.forms and word != key and not key.startswith("a_"):
                users.setdefault(word, set()).add(name)
    return {word: min(groups) for word, groups in users.items() if len(groups) == 1}


def _stands_in(word: str, text: str) -> bool:
    flags = 0 if any(letter.isupper() for letter in word) else re.IGNORECASE
    return re.search(rf"(?<!{LETTER}){re.escape(word)}(?!{LETTER})", text, flags) is not None


def _names(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Groups with fewer names than are to be drawn."""
    wanted = suite.sampling.names_per_group
    genders = list(axes[suite.persons].groups)
    for axis in (axes[key] for key in suite.axes if axes[key].cue == "names"):
        own = [g for g in genders if all(axis.first_names(group, g) for group in axis.groups)]
        for group in axis.groups:
            per_gender = [group] if axis.id == suite.persons else own
            needed = math.ceil(wanted / max(len(per_gender), 1))
            yield from _too_few(axis, group, per_gender, needed=needed)


def _too_few(axis: Axis, group: str, genders: Sequence[str], *, needed: int) -> Iterator[str]:
    for gender in genders:
        have = len(axis.first_names(group, gender))
        if have < needed:
            which = "" if gender == group else f" ({gender})"
            yield f"axis '{axis.id}' has {have} first names for '{group}'{which}; {needed} are drawn, so names repeat"


def _constant(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Slots that never vary: a term that reads the same in every group, a filler with one value."""
    used = {slot for template in suite.templates for slot in template.slots()} | set(
        slots_of(suite.question.ask)
    )
    for axis in (axes[key] for key in suite.axes):
        terms = [group.terms for group in axis.groups.values()]
        for key in sorted(set.intersection(*(set(each) for each in terms))):
            if key in used and len({each[key] for each in terms}) == 1:
                yield f"${key} never varies: it reads the same in every group of '{axis.id}'"
    for name, filler in suite.fillers.items():
        known = slots_of_filler(name, suite.language, axes.values())
        if len(filler.values) == 1 and "$" not in filler.values[0] and used & known:
            yield f"${name} never varies: the filler has one value; write it into the templates"


def _grammar(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Articles, capitals and verbs that cannot agree with every word that the slot beside them takes."""
    small = {
        slot
        for axis in axes.values() for group in axis.groups
        for slot, word in axis.words(group).items() if word[:1].islower()
    }  # fmt: skip
    for template in suite.templates:
        for text in (*(text for _, text in template.turns), *template.paraphrases):
            found = pieces(text)
            for number, piece in enumerate(found):
                if not isinstance(piece, Slot):
                    continue
                before = found[number - 1] if number else ""
                literal = before if isinstance(before, str) else "x"
                opens = opens_sentence(literal, len(literal)) and (number == 0 or bool(literal.strip()))
                if opens and piece.name in small and not piece.capital:
                    capital = piece.name[0].upper() + piece.name[1:]
                    yield f"template {template.id} begins a sentence with ${piece.name}; write ${capital}"
                if suite.language[:2] == "en":
                    yield from _english(template, found, number, piece, literal)


def _english(
    template: Template, found: Sequence[str | Slot], number: int, slot: Slot, literal: str
) -> Iterator[str]:
    """What is wrong beside one slot of an English text."""
    after = found[number + 1] if number + 1 < len(found) else ""
    article = re.search(r"\b(an?) \Z", literal, re.IGNORECASE)
    if article and not (article[1] == "A" and literal.strip() != "A"):
        yield f"template {template.id} writes '{article[1]}' before ${slot.name}; write $a_{slot.name}"
    if slot.name == "they" and isinstance(after, str):
        joined = number + 2 < len(found) and re.fullmatch(r"(?: \w+)*? ?\w+", after) is not None
        yield from _verb(template, after, joined)


def _verb(template: Template, after: str, joined: bool) -> Iterator[str]:
    """The verb after $they, written out in a form that goes with some groups only; `joined`: an ending slot follows."""
    for word in re.findall(r"\A((?: \w+)+)", after)[:1]:
        for verb in word.split():
            if verb in words("adverbs") or (verb.endswith("ly") and verb not in words("ly_nouns")):
                continue
            if is_third_person(verb):
                yield f"template {template.id} writes '{verb}' after $they; it does not go with 'they'"
            elif verb in words("bare_verbs") - words("past_verbs") and not (
                joined and word.split()[-1] == verb
            ):
                yield f"template {template.id} writes '{verb}' after $they; it does not go with 'she' or 'he'"
            return


def _ambiguous(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Names that suggest their group weakly, or of which nobody knows how much they do."""
    if not any(set(NAME_SLOTS) & template.slots() for template in suite.templates):
        return
    named = {axes[key].id: axes[key] for key in (*suite.axes, suite.persons) if key in axes}
    for axis in named.values():
        for group, entry in axis.groups.items():
            firsts = [name for names in entry.names.first.values() for name in names]
            for kind, names in (("first names", firsts), ("surnames", list(entry.names.last))):
                yield from _weak(axis, group, kind, names)


def _weak(axis: Axis, group: str, kind: str, names: Sequence[Name]) -> Iterator[str]:
    weak = [name for name in names if name.share is not None and name.share < AMBIGUOUS]
    unknown = [name for name in names if name.share is None]
    some = ", ".join(f"{name.name} {name.share:.3f}" for name in weak[:SHOWN_NAMES])
    if weak:
        more = ", …" if len(weak) > SHOWN_NAMES else ""
        yield (
            f"{len(weak)} of {len(names)} {kind} of '{group}' (axis '{axis.id}') are ambiguous: their share is under "
            f"{AMBIGUOUS:g} ({some}{more})"
        )
    if unknown:
        yield (
            f"{len(unknown)} of {len(names)} {kind} of '{group}' (axis '{axis.id}') have no share: how many of their "
            "bearers are of the group is not known"
        )


def _lengths(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Groups whose drawn names are much longer than those of another."""
    for key in suite.axes:
        if axes[key].cue == "names" and suite.design == "paired":
            cast = draw_cast(
                key,
                axes,
                persons=suite.persons,
                count=suite.sampling.names_per_group,
                seed=suite.sampling.seed,
            )
            yield from _long(cast)


def _long(cast: Cast) -> Iterator[str]:
    means = {group: fmean(len(person[group]["name"]) for person in cast.persons) for group in cast.groups}
    if not means:
        return
    longest, shortest = (pick(means, key=lambda group: means[group]) for pick in (max, min))
    if means[longest] - means[shortest] > LENGTHS:
        yield (
            f"the names drawn for '{longest}' (axis '{cast.axis}') have {means[longest]:.1f} letters on average, those "
            f"for '{shortest}' {means[shortest]:.1f}; a difference may come with length"
        )
