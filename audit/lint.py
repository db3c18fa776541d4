"""What a suite could do better: the warnings of `audit check`, and which templates are near-copies of each other."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from audit.axis import Axis
from audit.contrasts import decided
from audit.policy import Policy
from audit.readers import JUDGE
from audit.slots import WORD, slots_of, wording
from audit.suite import DecisionEntry, QuestionSpec, Suite, Template
from audit.template import slots_of_axes, slots_of_filler
from audit.wordlint import lint_words

SHARED = 0.8
Token = tuple[str, int]
"""A word and the number of its occurrence, so that a set of tokens keeps repeated words apart."""
UNEVEN = 3
"""How many times as many templates one axis, or stratum, may have as another."""
DECISION_TEMPLATES = 40
DECISION_NAMES = 12
DECISION_EFFECTS = 12
LEAST_CONTROLS = 2
"""Control edits of a reference from which there is a noise floor."""


def lint(suite: Suite, axes: Mapping[str, Axis], policy: Policy) -> list[str]:
    """Warnings, one sentence each; none where nothing was found."""
    warnings = [*_decision(suite, axes, policy), *_annex(suite, axes, policy)]
    if suite.recorded is None:
        warnings += [
            *_copies(suite),
            *_unusable(suite, axes),
            *_unused(suite, axes),
            *_balance(suite, axes),
            *_unanswerable(suite),
            *_languages(suite, axes),
            *lint_words(suite, axes),
        ]
    return warnings


def _annex(suite: Suite, axes: Mapping[str, Axis], policy: Policy) -> Iterator[str]:
    """Tables that the policy asks for and the suite cannot fill."""
    tested = {*axes, *suite.axes, *suite.intersections}
    for table in policy.annex.tables if policy.annex else ():
        asked = f"policy '{policy.id}' asks for the table '{table.id}'"
        if not tested & set(table.axes):
            yield f"{asked}, and nothing is tested that it could show (it reads {', '.join(table.axes)})"
        elif not set(suite.metrics) & set(table.metrics):
            yield f"{asked}, and the suite has no metric for it (it shows {', '.join(table.metrics)})"


def _decision(suite: Suite, axes: Mapping[str, Axis], policy: Policy) -> Iterator[str]:
    """Whether the effects marked for decision can get a verdict."""
    if not suite.decision:
        return
    for metric in dict.fromkeys(entry.metric for entry in suite.decision):
        if metric not in policy.limits:
            known = ", ".join(policy.limits) or "none"
            yield f"policy '{policy.id}' has no limit for '{metric}', so it gets no verdict (limits: {known})"
    if (
        suite.judge is not None
        and suite.judge.labelled is None
        and any(e.metric == JUDGE for e in suite.decision)
    ):
        yield "the judge has no 'labelled' answers; its error stays unknown, so that its verdicts are all undecided"
    effects = sum(_effect_count(entry, suite, axes) for entry in suite.decision)
    for entry in suite.decision:
        if entry.contrasts == "interaction" and not _effect_count(entry, suite, axes):
            yield f"'{entry.axis}' has no interaction: no two groups of each part are there in all combinations"
    if effects > DECISION_EFFECTS:
        yield f"{effects} effects are marked for decision; with more than {DECISION_EFFECTS} each interval becomes wide"
    if suite.recorded is not None:
        if suite.recorded.reference and len(suite.recorded.controls) < LEAST_CONTROLS:
            yield (
                f"the reference has {len(suite.recorded.controls)} 'controls'; without a noise floor, for which "
                f"{LEAST_CONTROLS} are needed, nothing is called beyond"
            )
        return
    found, fewest = _fewest(suite, axes)
    if found < DECISION_TEMPLATES:
        where = f" for '{fewest}'" if fewest else ""
        yield f"{found} different wordings{where}; a suite marked for decision has at least {DECISION_TEMPLATES}"
    names = suite.sampling.names_per_group
    if names < DECISION_NAMES:
        yield f"{names} names a group; a suite marked for decision has at least {DECISION_NAMES}"
    yield from _reach(suite, policy, found=found, effects=effects)


def _fewest(suite: Suite, axes: Mapping[str, Axis]) -> tuple[int, str]:
    """The smallest number of different wordings of an axis marked for decision; its name where others have more."""
    families = _clusters(suite)
    every = len(set(families.values()))
    found = {
        entry.axis: len({families[t.id] for t in suite.templates if _belongs(t, entry.axis, suite, axes)})
        for entry in suite.decision if suite.design != "groups"
    }  # fmt: skip
    fewest = min(found, key=lambda axis: (found[axis], axis), default="")
    return (found[fewest], fewest) if fewest and found[fewest] < every else (every, "")


def _reach(suite: Suite, policy: Policy, *, found: int, effects: int) -> Iterator[str]:
    """Verdicts that so few wordings cannot give, even if no answer ever varies."""
    if found < policy.min_clusters:
        yield f"{found} different wordings give no verdict; the policy wants at least {policy.min_clusters}"
        return
    tail = math.log(policy.alpha / max(effects, 1) / 2)
    for metric in dict.fromkeys(entry.metric for entry in suite.decision):
        limit = policy.limit(metric)
        if limit is None or not policy.is_rate(metric):
            continue
        margin = min(abs(limit.low), limit.high)
        needed = math.ceil(tail / math.log1p(-margin)) if 0 < margin < 1 else 0
        if found < needed:
            yield (
                f"even identical answers could not be called within the limit of '{metric}' (±{margin:g}) with {found} "
                f"different wordings and {effects} decision effects; that takes {needed} wordings, or fewer effects"
            )


def _effect_count(entry: DecisionEntry, suite: Suite, axes: Mapping[str, Axis]) -> int:
    groups = _groups(entry.axis, suite, axes)
    if entry.contrasts == "reference" and suite.recorded is not None:
        return len(groups) - len(suite.recorded.unedited)
    strata = 1
    if entry.strata and suite.stratum is not None:
        strata = len(suite.fillers[suite.stratum].values)
    return strata * decided(entry.contrasts, groups)


def _groups(tested: str, suite: Suite, axes: Mapping[str, Axis]) -> list[str]:
    """Groups of an axis; combinations of an intersection that have names."""
    members = tested.split("*")
    if len(members) == 1:
        return list(axes[tested].groups)
    found = []
    for groups in product(*(axes[member].groups for member in members)):
        parts = dict(zip(members, groups, strict=True))
        gender = parts.get(suite.persons)
        named = [axes[m] for m in members if m != suite.persons and axes[m].cue == "names"]
        if gender is None or all(axis.first_names(parts[axis.id], gender) for axis in named):
            found.append("*".join(groups))
    return found


def _clusters(suite: Suite) -> dict[str, str]:
    return clusters(
        {template.id: " ".join(text for _, text in template.turns) for template in suite.templates}
    )


def _copies(suite: Suite) -> Iterator[str]:
    """Templates that count as one."""
    families: dict[str, list[str]] = {}
    for template, cluster in _clusters(suite).items():
        families.setdefault(cluster, []).append(template)
    for members in families.values():
        if len(members) > 1:
            listed = f"{', '.join(members[:-1])} and {members[-1]}"
            yield f"templates {listed} share over 80 % of their wording and count as one"


def _unusable(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Templates that belong to no axis, and axes that no template belongs to."""
    if suite.design == "groups":
        return
    tested = (*suite.axes, *suite.intersections)
    belongs = {axis: [t.id for t in suite.templates if _belongs(t, axis, suite, axes)] for axis in tested}
    used = {template for templates in belongs.values() for template in templates}
    for template in suite.templates:
        if template.id not in used:
            yield f"template {template.id} belongs to no axis: it uses no slot that one sets, or one that stays empty"
    for axis, templates in belongs.items():
        if not templates:
            yield f"no template belongs to '{axis}': none uses a slot that it sets and can be filled"


def _belongs(template: Template, tested: str, suite: Suite, axes: Mapping[str, Axis]) -> bool:
    """Whether a template uses a slot that the axis sets, and all its slots can be filled."""
    members = tested.split("*")
    sets = frozenset[str]().union(*(axes[member].slots() for member in members))
    held = [axes[key] for key in suite.axes if axes[key].cue == "stated"]
    filled = sets | slots_of_axes([axes[suite.persons], *held])
    own = set(template.slots())
    for name, filler in suite.fillers.items():
        known = slots_of_filler(name, suite.language, axes.values())
        filled |= known
        own |= {slot for value in filler.values for slot in slots_of(value)} if own & known else set()
    return bool(own & sets) and {*own, *slots_of(suite.question.ask)} <= filled


def _unused(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Fillers that no template uses, and restrictions of fillers that their template does not use."""
    asked = set(slots_of(suite.question.ask))
    by_template = {template.id: template.slots() | asked for template in suite.templates}
    for name in suite.fillers:
        known = slots_of_filler(name, suite.language, axes.values())
        if not any(known & slots for slots in by_template.values()):
            yield f"no template uses the filler '{name}'"
    for template in suite.templates:
        for name in template.fillers:
            if not slots_of_filler(name, suite.language, axes.values()) & by_template[template.id]:
                yield f"template {template.id} restricts the filler '{name}', which it does not use"


def _balance(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Axes, or strata, of which one has many more templates than another."""
    if suite.design == "groups":
        return
    counts = {axis: sum(_belongs(t, axis, suite, axes) for t in suite.templates) for axis in suite.axes}
    yield from _uneven(counts, "templates", "axis")
    if suite.stratum is not None and suite.stratum in suite.fillers:
        every = suite.fillers[suite.stratum].values
        used = Counter(value for t in suite.templates for value in t.fillers.get(suite.stratum, every))
        yield from _uneven(
            {value: used[value] for value in every}, "templates", f"value of '{suite.stratum}'"
        )


def _uneven(counts: Mapping[str, int], what: str, of: str) -> Iterator[str]:
    """More than three times as many for one as for another."""
    most, least = (pick(counts, key=lambda key: counts[key], default="") for pick in (max, min))
    if most and counts[most] > UNEVEN * counts[least] > 0:
        yield (
            f"{what} are unbalanced: {counts[most]} for the {of} '{most}', {counts[least]} for '{least}'; what is "
            "said about the latter rests on much less"
        )


def _unanswerable(suite: Suite) -> Iterator[str]:
    """Questions that do not say what may be answered, and prompts after which nobody is asked."""
    asked: QuestionSpec | None = suite.question
    while asked is not None:
        yield from _unsaid(asked)
        asked = asked.otherwise
    for template in suite.templates:
        role, text = template.turns[-1]
        if role == "assistant":
            yield f"template {template.id} ends with a message of the assistant, so nobody is asked for an answer"
        if len(text.split()) < 2 and suite.question.kind == "generate" and not suite.question.ask:
            yield f"template {template.id} is a single word and the question asks nothing, so no answer is wanted"


def _unsaid(question: QuestionSpec) -> Iterator[str]:
    """What a question leaves open: that it is one, and which answers it wants."""
    if question.kind in ("choose", "rate") and not question.ask.strip():
        yield f"the question of kind '{question.kind}' asks nothing: write 'ask'"
        return
    if question.kind == "choose":
        for option in (each for each in question.options if not _names(question.ask, each)):
            yield f"the question does not name the option {option.strip()!r}, so a model can only guess it"
    if question.kind == "rate":
        for end in (f"{question.low:g}", f"{question.high:g}"):
            if re.search(rf"(?<![\d.]){re.escape(end)}(?!\d)", question.ask) is None:
                yield f"the question does not name the end {end} of its scale, so a model can only guess it"


def _names(text: str, option: str) -> bool:
    """Whether an option stands in a text as a whole: "no" does not stand in "know"."""
    wanted, said = (WORD.findall(each.casefold()) for each in (option, text))
    if not wanted:
        return option.strip() in text
    return any(said[at : at + len(wanted)] == wanted for at in range(len(said)))


def _languages(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[str]:
    for axis in axes.values():
        if axis.language.split("-")[0] != suite.language.split("-")[0]:
            yield f"the suite is in '{suite.language}', the words of axis '{axis.id}' are in '{axis.language}'"


def clusters(texts: Mapping[str, str]) -> dict[str, str]:
    """Template id → cluster id, the smallest id of the templates it hangs together with; the order does not matter."""
    parent = {key: key for key in texts}
    same: dict[frozenset[Token], str] = {}
    for key in sorted(texts):
        first = same.setdefault(tokens(texts[key]), key)
        parent[key] = first
    distinct = {key: found for found, key in same.items()}
    for a, b in _candidates(distinct):
        one, other = _root(parent, a), _root(parent, b)
        if one != other and share(distinct[a], distinct[b]) > SHARED:
            parent[max(one, other)] = min(one, other)
    return {key: _root(parent, key) for key in texts}


def tokens(text: str) -> frozenset[Token]:
    """The words of a text without its slots, in small letters."""
    counts = Counter(WORD.findall(wording(text).lower()))
    return frozenset((word, number) for word, count in counts.items() for number in range(count))


def share(a: frozenset[Token], b: frozenset[Token]) -> float:
    """Share of both texts' tokens that have a partner in the other text, 0 to 1 (Dice's coefficient)."""
    total = len(a) + len(b)
    return 2 * len(a & b) / total if total else 1.0


def _candidates(texts: Mapping[str, frozenset[Token]]) -> Iterator[tuple[str, str]]:
    """Pairs that may share enough: they meet in one of their rarest tokens.

    2I / (a + b) > s and b >= I give I > a s / (2 - s). Two texts that share so many tokens share one of the rarest
    a - floor(a s / (2 - s)) of each.
    """
    frequency = Counter(token for found in texts.values() for token in found)
    meetings: dict[Token, list[str]] = {}
    for key in sorted(texts):
        rarest: Sequence[Token] = sorted(texts[key], key=lambda token: (frequency[token], token))
        for token in rarest[: len(rarest) - int(len(rarest) * SHARED / (2 - SHARED))]:
            meetings.setdefault(token, []).append(key)
    for keys in meetings.values():
        yield from combinations(keys, 2)


def _root(parent: Mapping[str, str], key: str) -> str:
    while parent[key] != key:
        key = parent[key]
    return key
