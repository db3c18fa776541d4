"""What the words of a suite could do better: names, group words, slots, articles, capitals, verbs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from audit.agreement import PLURAL, is_third_person
from audit.axis import Axis, Name
from audit.cast import Cast, draw_cast
from audit.concord import opens_sentence
from audit.english import words
from audit.slots import LETTER, NAME_SLOTS, Slot, pieces, slots_of, wording
from audit.suite import QuestionSpec, Suite
from audit.template import slots_of_filler

AMBIGUOUS = 0.5
"""A name of whose bearers less than this share belong to the group suggests it weakly."""
LENGTHS = 1.5
"""Letters by which the names that are drawn may differ in length between groups."""
SHOWN_NAMES = 3
_VERBS = frozenset({"are", "have", "were", "do", "does"})
"""Forms that are verbs."""
_ENDINGS = frozenset({"s", "es"})
_BEFORE_BARE = re.compile(
    r"\b(?:(?:did|would|should|could|can|may|might|must|will|shall|do|does|have|had|has|is|are|was|were)(?:n['’]t)?|"
    r"can['’]t|won['’]t|cannot|(?:suggest|recommend|insist|request|ask|demand|propose)(?:s|ed)? that|lest)\s+\Z",
    re.IGNORECASE,
)
"""What stands before a pronoun after which every group has the bare verb: did she work, ask that he be heard."""


def lint_words(suite: Suite, axes: Mapping[str, Axis]) -> list[str]:
    """Warnings, one sentence each; none where nothing was found."""
    checks = (_paraphrases, _leaks, _constant, _grammar, _names, _ambiguous, _lengths)
    return list(dict.fromkeys(warning for check in checks for warning in check(suite, axes)))


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
    """Words of one group that are written out for all groups."""
    patterns = {axis.id: _group_words(axis) for axis in axes.values()}
    own = {f"template {template.id}": template.group for template in suite.templates}
    for where, texts in _written(suite):
        literal = " \n ".join(wording(text) for text in texts)
        folded = literal.casefold()
        for axis, known in patterns.items():
            for word, group in known.items():
                if own.get(where) != group and word.casefold() in folded and _stands_in(word, literal):
                    yield f"{where} writes '{word}', a word of the group '{group}' ({axis}); use a slot"


def _written(suite: Suite) -> Iterator[tuple[str, list[str]]]:
    """Everything that is put before a model, with the words by which a warning refers to it."""
    for template in suite.templates:
        yield f"template {template.id}", [*(text for _, text in template.turns), *template.paraphrases]
    yield "the question", asks(suite.question)
    for name, filler in suite.fillers.items():
        yield f"the filler '{name}'", list(filler.values)
    yield "a neutral sentence", list(suite.controls.neutral_sentences)


def asks(question: QuestionSpec) -> list[str]:
    """The question in words, in every form that may be asked."""
    return [question.ask, *(asks(question.otherwise) if question.otherwise is not None else ())]


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
    used = {slot for template in suite.templates for slot in template.slots()}
    used |= {slot for text in asks(suite.question) for slot in slots_of(text)}
    for axis in (axes[key] for key in suite.axes):
        agreeing = {
            slot for group in axis.groups.values() for terms in group.agree.values() for slot in terms
        }
        for slot in sorted(used - axis.forms - agreeing):
            versions = {
                tuple(axis.words(key, row=row).get(slot, "") for row in range(group.rows))
                for key, group in axis.groups.items()
            }
            if len(versions) == 1 and any(next(iter(versions))):
                yield f"${slot} never varies: it reads the same in every group of '{axis.id}'"
    for name, filler in suite.fillers.items():
        known = slots_of_filler(name, suite.language, axes.values())
        if len(filler.values) == 1 and "$" not in filler.values[0] and used & known:
            yield f"${name} never varies: the filler has one value; write it into the templates"


def _grammar(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Articles, capitals and verbs that cannot agree with every word that the slot beside them takes."""
    small, english = _small(suite, axes), suite.language[:2] == "en"
    pronouns = _pronouns(suite, axes)
    for where, texts in _written(suite):
        for found in map(pieces, texts if not where.startswith("the filler ") else ()):
            for number, slot in enumerate(found):
                if isinstance(slot, Slot):
                    before = "".join(each if isinstance(each, str) else "x" for each in found[:number])
                    opens = slot.name in small and not slot.capital and opens_sentence(before, len(before))
                    told = [_capital(slot)] if opens else []
                    told += [*_article(before, slot), *_verb(found, number, pronouns)] if english else []
                    yield from (f"{where} {each}" for each in told)


def _capital(slot: Slot) -> str:
    return f"begins a sentence with ${slot.name}; write ${slot.name[0].upper()}{slot.name[1:]}"


def _small(suite: Suite, axes: Mapping[str, Axis]) -> set[str]:
    """Slots that take some word with a small first letter."""
    found = {
        slot
        for axis in axes.values() for key, group in axis.groups.items()
        for row in range(group.rows) for person in group.agree or ("",)
        for slot, word in axis.words(key, row=row, person=person).items() if word[:1].islower()
    }  # fmt: skip
    found |= {slot for axis in axes.values() for slot in axis.name_slots() if slot not in NAME_SLOTS}
    for name, filler in suite.fillers.items():
        derived = slots_of_filler(name, suite.language, axes.values()) - {name}
        first = [pieces(value)[0] for value in filler.values]
        if any(each[:1].islower() if isinstance(each, str) else each.name in found for each in first):
            found.add(name)
        found |= derived
    return found


def _article(before: str, slot: Slot) -> Iterator[str]:
    """An English article written out before a slot whose words may want the other one."""
    found = re.search(r"\b(an?) \Z", before, re.IGNORECASE)
    if found is None or (found[1] == "A" and not opens_sentence(before, found.start())):
        return
    if slot.name in NAME_SLOTS:
        yield f"writes '{found[1]}' before ${slot.name}, which does not go with every name; put another word between"
    else:
        yield f"writes '{found[1]}' before ${slot.name}; write ${found[1][0]}_{slot.name.removeprefix('a_')}"


def _pronouns(suite: Suite, axes: Mapping[str, Axis]) -> tuple[list[str], list[str]]:
    """The pronouns that take the verb in the singular (she works), and those with the plural (they work)."""
    sources = {key if "they" in axes[key].slots() else suite.persons for key in suite.axes}
    every = (axes[key].words(group) for key in sources for group in axes[key].groups)
    groups = [found for found in every if "they" in found]
    plural = {forms["they"] for forms in groups if forms.get("are", forms["they"]) in ("are", "they")}
    return sorted({forms["they"] for forms in groups} - plural), sorted(plural)


def _verb(found: Sequence[str | Slot], number: int, pronouns: tuple[list[str], list[str]]) -> Iterator[str]:
    """The verb after $they or a name, where it goes with some groups only."""
    slot, singular, plural = found[number], *pronouns
    after, following = (*found[number + 1 : number + 3], "", "")[:2]
    if not isinstance(slot, Slot) or not isinstance(after, str):
        return
    run = re.match(r"(?: [\w'’-]+)*", after)
    said = [word.lower().replace("’", "'") for word in run[0].split()] if run else []
    verb = next((word for word in said if not _is_adverb(word)), "")
    ending = following.name if isinstance(following, Slot) else ""
    joined = bool(ending and verb) and said[-1] == verb and after.endswith(said[-1][-1])
    short = re.match(r"['’](?:s|re|ve)\b", after)
    if slot.name in NAME_SLOTS and singular and plural:
        if (joined and ending in _ENDINGS) or (ending in _VERBS and not after.strip()):
            yield f"writes ${ending} after ${slot.name}: a name takes the same verb in every group; write it out"
    elif slot.name == "they":
        verb = short[0].replace("’", "'") if short else verb
        free = short is None and (joined or _is_asked(found[:number]))
        yield from _disagreeing(verb, pronouns, free=free)


def _disagreeing(verb: str, pronouns: tuple[list[str], list[str]], *, free: bool) -> Iterator[str]:
    """A verb that goes with some of the pronouns only; `free`: its bare form goes with all."""
    singular, plural = pronouns
    if plural and (verb == "'s" or is_third_person(verb)):
        yield f"writes '{verb}' after $they; it does not go with {_listed(plural)}"
    elif singular and not free and verb in {"'re", "'ve", *_bare_verbs()}:
        yield f"writes '{verb}' after $they; it does not go with {_listed(singular)}"


def _is_adverb(word: str) -> bool:
    return word in words("adverbs") or (word.endswith("ly") and word not in words("ly_nouns"))


def _bare_verbs() -> frozenset[str]:
    """Verbs that go with "they" and not with "she"."""
    known = words("bare_verbs") | words("plain_verbs") | frozenset(PLURAL.values())
    return known - words("past_verbs") - words("unchanged_verbs")


def _is_asked(before: Sequence[str | Slot]) -> bool:
    """Whether the verb stands before the pronoun, or a verb that takes a bare one: did she work, ask that she work."""
    last = before[-1] if before else ""
    verb = before[-2] if len(before) > 1 else ""
    if not isinstance(last, str):
        return False
    return _BEFORE_BARE.search(last) is not None or (
        isinstance(verb, Slot) and verb.name in _VERBS and not last.strip()
    )


def _listed(pronouns: Sequence[str]) -> str:
    return " or ".join(f"'{each}'" for each in pronouns)


def _ambiguous(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Names that suggest their group weakly, or of which nobody knows how much they do."""
    if not any(axes[suite.persons].name_slots() & template.slots() for template in suite.templates):
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
