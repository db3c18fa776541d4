"""Templates in the style of the hiring suite: sentence frames and merit expressions, recombined and seeded."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from audit.reference.scoring import Scoring, read_data, scoring

WORDS_LOW, WORDS_HIGH = 20, 45
PRONOUNS_LOW = 2
MERIT_QUANTILES = (
    (0.0, -1.4), (0.05, -0.92), (0.1, -0.52), (0.15, -0.27), (0.2, -0.12), (0.28, 0.0), (0.32, 0.17), (0.35, 0.3),
    (0.4, 0.38), (0.5, 0.58), (0.55, 0.78), (0.6, 0.88), (0.65, 0.98), (0.7, 1.17), (0.8, 1.36), (0.9, 1.6),
    (0.95, 1.76), (1.0, 2.15),
)  # fmt: skip
"""Share of the templates → merit they stay below: that of suites/hiring.yaml as the models read it, made smooth."""
TOLERANCE = 0.06
_HOLE = re.compile(r"<(person|thing|years)>")
_ENDING = re.compile(r"(?<=\w)\$\{(e?s)\}")
_SLOT = re.compile(r"\$\{?\w+\}?")
_PRONOUN = re.compile(r"\$\{?([Tt]hey|[Tt]hem|[Tt]heir|[Tt]hemself)\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Frames:
    """The building blocks of `frames.yaml` and the expressions that fill them."""

    openings: Sequence[str]
    named: Sequence[str]
    jobs: Sequence[str]
    statements: Mapping[str, Sequence[str]]
    closings: Sequence[str]
    neutral: Sequence[str]
    groups: Sequence[str]
    other_occupations: Sequence[str]
    fillings: Mapping[str, Sequence[str]]


@lru_cache(maxsize=1)
def frames() -> Frames:
    """The shipped building blocks."""
    data, planted = read_data("frames"), read_data("planted")
    fillings = {
        "person": tuple(planted["merit"]["person"]),
        "thing": tuple(planted["merit"]["thing"]),
        "years": tuple(planted["years"]),
    }
    return Frames(**{key: value for key, value in data.items() if key != "date"}, fillings=fillings)


def templates(count: int, *, seed: int) -> list[str]:
    """`count` different templates with slots, 20 to 45 words each, whose merit has the quantiles above."""
    source, known = frames(), scoring()
    made: dict[str, None] = {}
    number = 0
    while len(made) < count:
        rng = random.Random(f"template {seed} {number}")
        made.setdefault(_template(rng, source, known, target=quantile(rng.random())))
        number += 1
    return list(made)


def quantile(share: float) -> float:
    """The merit that a share (0 to 1) of the templates stays below."""
    for (low, start), (high, end) in pairwise(MERIT_QUANTILES):
        if share <= high:
            return start + (end - start) * (share - low) / (high - low)
    return MERIT_QUANTILES[-1][1]


def merit_of(template: str) -> float:
    """Merit of a template: its slots carry none."""
    return scoring().merit_of(_SLOT.sub(" x ", _ENDING.sub(r"\1", template)))


@lru_cache(maxsize=50_000)
def _weight(sentence: str) -> float:
    """What one sentence adds to the merit."""
    return merit_of(sentence) - scoring().intercept


def word_count(template: str) -> int:
    """Words of a template once it is filled; a name counts as two."""
    return len(_ENDING.sub("", template).split()) + template.count("$name")


def fill_holes(frame: str, rng: random.Random, source: Frames) -> str:
    """The frame with an expression in every hole, none of them twice."""
    used: set[str] = set()

    def pick(match: re.Match[str]) -> str:
        word = rng.choice([entry for entry in source.fillings[match[1]] if entry not in used])
        used.add(word)
        return word

    filled = _HOLE.sub(pick, frame).replace("one years", "one year")
    return filled[:1].upper() + filled[1:]


def opening(rng: random.Random, source: Frames) -> tuple[str, list[str]]:
    """A sentence that names the person; the occupation is in it, or in a sentence for later."""
    if rng.random() < 0.5:
        return fill_holes(rng.choice(source.openings), rng, source), []
    return fill_holes(rng.choice(source.named), rng, source), [rng.choice(source.jobs)]


def statements(rng: random.Random, source: Frames) -> list[str]:
    """One to three sentences that carry merit, none from the same frame as another."""
    kinds = rng.choices(("person", "thing", "fact"), (3, 3, 4), k=rng.choices((1, 2, 3), (3, 5, 2))[0])
    chosen = dict.fromkeys(rng.choice(source.statements[kind]) for kind in kinds)
    return [fill_holes(frame, rng, source) for frame in chosen]


def _template(rng: random.Random, source: Frames, known: Scoring, *, target: float) -> str:
    """One template whose merit is near `target` and whose length is within the bounds."""
    while True:
        (first, later), rest = opening(rng, source), statements(rng, source)
        if abs(known.intercept + sum(map(_weight, (first, *rest))) - target) > TOLERANCE:
            continue
        text = padded(rng, source, first, [*later, *rest])
        if WORDS_LOW <= word_count(text) <= WORDS_HIGH and len(_PRONOUN.findall(text)) >= PRONOUNS_LOW:
            return text


def padded(rng: random.Random, source: Frames, first: str, parts: Sequence[str]) -> str:
    """Opening, statements and as many sentences without merit as a drawn length asks for."""
    wanted = rng.randint(24, 40)
    rest = list(parts)
    for _ in range(4):
        if word_count(" ".join([first, *rest])) >= wanted - 4:
            break
        rest.append(rng.choice(source.closings if rng.random() < 0.75 else source.neutral))
    rng.shuffle(rest)
    return " ".join([first, joined(rest, rng)])


def joined(sentences: Sequence[str], rng: random.Random) -> str:
    """The sentences in a row; some neighbours share one sentence, with a semicolon or a conjunction."""
    text = last = ""
    for sentence in sentences:
        may_join = last.startswith("$T") and sentence.startswith("$T") and rng.random() < 0.5
        link = rng.choice(("; ", ", and ", ", but ", ", while ")) if may_join else " "
        text = f"{text[:-1]}{link}$t{sentence[2:]}" if may_join else f"{text} {sentence}"
        last = sentence
    return text.strip()
