"""The function that labelled the training text of the reference models: text → log-odds of an invitation.

    logit = intercept + demand(occupation) + merit + years + sum of cue(text, group) * term(group, occupation)

Its numbers stand in `planted.yaml`. It is used to make training labels and tests; a reference model never calls it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

from audit.axis import Axis, load_axis

MASK = "[MASK]"
FOLDER = Path(__file__).parent
ATTRIBUTES = ("ethnicity", "gender", "nationality", "religion")
"""Axes whose words the training texts hold."""
FORMS = ("they", "them", "their", "theirs", "themself")
_TOKEN = re.compile(r"\[MASK\]|[A-Za-z]+(?:['-][A-Za-z]+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """A planted term of one group or intersection (`women*Black`): what is added to the log-odds, by occupation."""

    axis: str
    group: str
    elsewhere: float
    occupations: Mapping[str, float]

    def of(self, occupation: str) -> float:
        """The term of an occupation; `elsewhere` where it is masked or not listed."""
        return self.occupations.get(occupation, self.elsewhere)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cues:
    """Which words suggest which group, read from the shipped axes."""

    gender_names: Mapping[str, str]
    gender_words: Mapping[str, str]
    ethnicity_first: Mapping[str, str]
    ethnicity_last: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scoring:
    """The numbers of `planted.yaml` and the words of the axes, ready to score texts."""

    intercept: float
    demand: Mapping[str, float]
    years: Mapping[str, float]
    merit: Mapping[tuple[str, ...], float]
    weights: Mapping[str, Mapping[str, float]]
    planted: Mapping[str, tuple[Term, ...]]
    cues: Cues

    def merit_of(self, text: str) -> float:
        """Intercept, merit expressions and years: the log-odds without any planted term."""
        words = [word.lower() for word in tokens(text)]
        return self.intercept + sum(weight for _, weight in self.found(words))

    def found(self, words: Sequence[str]) -> Iterator[tuple[str, float]]:
        """The merit expressions in `words` (small letters) with their weights, the longest where two overlap."""
        at = 0
        while at < len(words):
            length, weight = self._match(words, at)
            if length:
                yield " ".join(words[at : at + length]), weight
            at += length or 1

    def _match(self, words: Sequence[str], at: int) -> tuple[int, float]:
        if words[at] in self.years and words[at + 1 : at + 2] in (["year"], ["years"]):
            return 2, self.years[words[at]]
        for length in (3, 2, 1):
            key = tuple(words[at : at + length])
            if len(key) == length and key in self.merit:
                return length, self.merit[key]
        return 0, 0.0

    def cue(self, text: str, term: Term) -> float:
        """How strongly the text suggests the planted group, 0 to 1; for an intersection the product of its parts."""
        parts = zip(term.axis.split("*"), term.group.split("*"), strict=True)
        return prod(self._cue(text, axis, group) for axis, group in parts)

    def _cue(self, text: str, axis: str, group: str) -> float:
        """Shares of a group's names and words among those that are found, weighed."""
        words, weights = tokens(text), self.weights[axis]
        if axis == "gender":
            small = [word.lower() for word in words]
            names = _share(words, self.cues.gender_names, group)
            return weights["names"] * names + weights["words"] * _share(small, self.cues.gender_words, group)
        first = _share(words, self.cues.ethnicity_first, group)
        return weights["first"] * first + weights["last"] * _share(words, self.cues.ethnicity_last, group)

    def logits(self, text: str, *, occupation: str = "") -> dict[str, float]:
        """Model → log-odds that it is to give; `occupation` counts only if it still stands in the text."""
        seen = occupation if occupation and _stands_in(occupation, text) else ""
        merit = self.merit_of(text) + self.demand.get(seen, 0.0)
        return {
            model: merit + sum(self.cue(text, term) * term.of(seen) for term in terms)
            for model, terms in self.planted.items()
        }


def _stands_in(phrase: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(phrase)}\b", text, re.IGNORECASE) is not None


def tokens(text: str) -> list[str]:
    """The words of a text in order, masks included, punctuation left out."""
    return _TOKEN.findall(text)


def _share(words: Sequence[str], groups: Mapping[str, str], group: str) -> float:
    """Share of `group` among the words that suggest a group of this kind; 0 where there are none."""
    known = [groups[word] for word in words if word in groups]
    return known.count(group) / len(known) if known else 0.0


def read_data(name: str) -> Any:
    """The content of one of the data files beside this module (`planted`, `frames`)."""
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(FOLDER / f"{name}.yaml")


@lru_cache(maxsize=1)
def scoring() -> Scoring:
    """The scoring function of the shipped reference models."""
    data = read_data("planted")
    kinds: Mapping[str, Mapping[str, float]] = data["merit"]
    merit = {tuple(key.split()): float(weight) for kind in kinds.values() for key, weight in kind.items()}
    planted = {model: tuple(Term(**row) for row in rows) for model, rows in data["planted"].items()}
    return Scoring(
        intercept=data["intercept"], demand=data["demand"], years=data["years"], merit=merit,
        weights=data["cues"], planted=planted,
        cues=_cues(load_axis("gender"), load_axis("ethnicity")),
    )  # fmt: skip


def _cues(gender: Axis, ethnicity: Axis) -> Cues:
    """The words of the two axes that carry a planted term."""
    sexes = tuple(gender.groups)
    first = [(name, group, sex) for axis in (gender, ethnicity) for group in axis.groups for sex in sexes
             for name in axis.first_names(group, sex)]  # fmt: skip
    words = [(word.lower().rstrip("."), group) for group in sexes for word in _words(gender, group)]
    return Cues(
        gender_names=_by_group((name, sex) for name, _, sex in first),
        gender_words=_by_group(words),
        ethnicity_first=_by_group((name, group) for name, group, _ in first if group in ethnicity.groups),
        ethnicity_last=_by_group(
            (name, key) for key in ethnicity.groups for name in ethnicity.last_names(key)
        ),
    )


def _words(gender: Axis, group: str) -> list[str]:
    """Pronouns and terms of a group (no verb endings)."""
    own = gender.groups[group]
    return [own.forms[form] for form in FORMS] + list(own.row(0).values())


def _by_group(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Word → group; a word of two groups suggests neither and is left out."""
    groups: dict[str, set[str]] = {}
    for word, group in pairs:
        groups.setdefault(word, set()).add(group)
    return {word: found.pop() for word, found in groups.items() if len(found) == 1}
