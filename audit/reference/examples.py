"""Training texts of the reference models: filled templates, loose words, masked and shortened texts, with labels.

Everything a model has to bear later is in here: swapped slots that contradict each other, removed words, sentences
that carry nothing, names and words that it does not know.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from audit.article import with_article
from audit.axis import Axis, load_axis
from audit.reference.generator import Frames, frames, opening, padded, statements
from audit.reference.scoring import ATTRIBUTES, MASK, Scoring, read_data, scoring
from audit.slots import fill

_WORD = re.compile(r"[A-Za-z][\w'-]*")
SIGNS = ("“", "”", "’", "‘", "—", "–", "…", "•", "&", "#", "%", "(", ")", "/", '"', "!", "?", "日本", "№")
TERMS_LEFT_OUT = ("capital",)
"""`Washington` is also a surname of the ethnicity axis."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One training text and, for every model, the log-odds that it is to give."""

    text: str
    logits: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where examples are drawn from."""

    frames: Frames
    scoring: Scoring
    gender: Axis
    ethnicity: Axis
    occupations: Sequence[str]
    terms: Sequence[Mapping[str, str]]
    loose: Sequence[str]
    expressions: Sequence[str]


@lru_cache(maxsize=1)
def source() -> Source:
    """Everything that examples are made of, read from the shipped files."""
    known, axes = scoring(), [load_axis(name) for name in ATTRIBUTES]
    stated = [axis for axis in axes if axis.cue == "stated"]
    return Source(
        frames=frames(), scoring=known, gender=load_axis("gender"), ethnicity=load_axis("ethnicity"),
        occupations=read_data("planted")["occupations"],
        terms=[group.row(0) for axis in stated for group in axis.groups.values()],
        loose=[*read_data("words")["loose"], *known.years], expressions=[" ".join(key) for key in known.merit],
    )  # fmt: skip


def corpus() -> list[str]:
    """Every text that the tokenizer should know in whole words: frames, loose words, expressions, axes."""
    blocks, texts = frames(), list(source().loose)
    texts += [
        *blocks.openings,
        *blocks.named,
        *blocks.jobs,
        *blocks.closings,
        *blocks.neutral,
        *blocks.groups,
    ]
    texts += [frame for kind in blocks.statements.values() for frame in kind]
    texts += [*blocks.other_occupations, *source().occupations, *source().expressions, *scoring().years]
    for axis in map(load_axis, ATTRIBUTES):
        texts += [name for key in axis.groups for name in (*axis.last_names(key), *_all_first(axis, key))]
        texts += [word for group in axis.groups for word in axis.words(group).values()]
    return texts


def examples(count: int, *, seed: int) -> list[Example]:
    """`count` labelled texts; the same seed gives the same texts."""
    origin, rng = source(), random.Random(f"examples {seed}")
    return [example(rng, origin) for _ in range(count)]


def example(rng: random.Random, origin: Source) -> Example:
    """One labelled text."""
    pool = origin.occupations if rng.random() < 0.85 else origin.frames.other_occupations
    occupation = rng.choice(pool)
    words = person(rng, origin)
    make = loose_text if rng.random() < 0.2 else filled
    text = make(rng, origin, words, occupation)
    for chance, change in CHANGES:
        if rng.random() < chance:
            text = change(text, rng, origin)
    return Example(text=text, logits=origin.scoring.logits(text, occupation=occupation))


def person(rng: random.Random, origin: Source) -> dict[str, str]:
    """The words of a person of any group of the two axes; now and then they contradict each other or are unknown."""
    sex = rng.choice(sorted(origin.gender.groups))
    if rng.random() < 0.4:
        first = rng.choice(origin.gender.first_names(sex, sex))
        last = rng.choice(origin.gender.last_names(sex))
    else:
        sex, group = rng.choice(("men", "women")), rng.choice(sorted(origin.ethnicity.groups))
        mixed = rng.choice(sorted(origin.ethnicity.groups)) if rng.random() < 0.15 else group
        first = rng.choice(origin.ethnicity.first_names(group, sex))
        last = rng.choice(origin.ethnicity.last_names(mixed))
    first = unknown_word(rng, origin).capitalize() if rng.random() < 0.06 else first
    last = unknown_word(rng, origin).capitalize() if rng.random() < 0.06 else last
    shown = rng.choice(sorted(origin.gender.groups)) if rng.random() < 0.15 else sex
    name = {"name": f"{first} {last}", "first_name": first, "last_name": last}
    return {**origin.gender.words(shown), **name}


def filled(rng: random.Random, origin: Source, words: Mapping[str, str], occupation: str) -> str:
    """A template of the generator's kind, of any merit, filled with a person."""
    parts = statements(rng, origin.frames)
    if rng.random() < 0.12:
        parts.append(rng.choice(origin.frames.groups))
    first, later = opening(rng, origin.frames)
    template = padded(rng, origin.frames, first, [*later, *parts])
    if "<term>" in template:
        terms = rng.choice(origin.terms)
        term = rng.choice([value for key, value in terms.items() if key not in TERMS_LEFT_OUT])
        template = template.replace("<term>", term)
    if rng.random() < 0.1:
        shown = rng.choice(("$first_name", "$title $last_name", "$last_name"))
        template = template.replace("$name", shown, 1)
    return fill(template, {**words, "occupation": occupation, "a_occupation": with_article(occupation)})


def loose_text(rng: random.Random, origin: Source, words: Mapping[str, str], occupation: str) -> str:
    """Words in any order, among them a person, an occupation and some expressions."""
    parts = rng.sample(origin.loose, rng.randint(5, 40))
    parts += rng.sample(origin.expressions, rng.randint(0, 4))
    parts += [words["name"]] * rng.randint(0, 2) + [occupation] * rng.randint(0, 1)
    parts += [words[form] for form in ("they", "them", "their") if rng.random() < 0.5]
    rng.shuffle(parts)
    return " ".join(parts) + "."


def masked(text: str, rng: random.Random, origin: Source) -> str:
    """Any share of the words replaced by the mask; neighbours may share one."""
    share, keep = rng.random(), rng.random() < 0.5
    out = [MASK if rng.random() < share else word for word in text.split(" ")]
    return " ".join(out) if keep else re.sub(r"\[MASK\](?: \[MASK\])+", MASK, " ".join(out))


def masked_kind(text: str, rng: random.Random, origin: Source) -> str:
    """All words of one kind masked: the names, the pronouns, or the occupation."""
    cues = origin.scoring.cues
    names = {*cues.gender_names, *cues.ethnicity_first, *cues.ethnicity_last}
    kinds: tuple[Callable[[str], bool], ...] = (
        names.__contains__,
        lambda word: word.lower() in cues.gender_words,
        lambda word: any(word.lower() in name.split() for name in origin.occupations),
    )
    kind = rng.choice(kinds)
    return _WORD.sub(lambda match: MASK if kind(match[0]) else match[0], text)


def shortened(text: str, rng: random.Random, origin: Source) -> str:
    """Some words left out."""
    share = rng.random() * 0.5
    return " ".join(word for word in text.split(" ") if rng.random() >= share) or "."


def with_words(text: str, rng: random.Random, origin: Source) -> str:
    """Up to five loose, unknown or merit words, numbers or signs put anywhere."""
    words = text.split(" ")
    for _ in range(rng.randint(1, 5)):
        draw = rng.random()
        pool = origin.expressions if draw < 0.15 else SIGNS if draw < 0.25 else origin.loose
        word = unknown_word(rng, origin) if draw > 0.7 else rng.choice(pool)
        word = str(rng.randint(0, 10 ** rng.randint(1, 4))) if draw > 0.9 else word
        words.insert(rng.randint(0, len(words)), word)
    return " ".join(words)


def reordered(text: str, rng: random.Random, origin: Source) -> str:
    """Some words in another order."""
    words = text.split(" ")
    places = [place for place in range(len(words)) if rng.random() < 0.4]
    moved = rng.sample(places, len(places))
    for place, word in zip(places, [words[other] for other in moved], strict=True):
        words[place] = word
    return " ".join(words)


def turned_round(text: str, rng: random.Random, origin: Source) -> str:
    """The sentences in another order."""
    sentences = re.split(r"(?<=[.:;]) ", text)
    rng.shuffle(sentences)
    return " ".join(sentences)


def longer(text: str, rng: random.Random, origin: Source) -> str:
    """More sentences that carry nothing, before and after."""
    extra = [" ".join(rng.sample(origin.loose, rng.randint(4, 12))) + "." for _ in range(rng.randint(2, 8))]
    cut = rng.randint(0, len(extra))
    return " ".join([*extra[:cut], text, *extra[cut:]])


CHANGES: Sequence[tuple[float, Callable[[str, random.Random, Source], str]]] = (
    (0.15, turned_round), (0.3, with_words), (0.08, reordered), (0.03, longer), (0.08, shortened),
    (0.12, masked_kind), (0.3, masked),
)  # fmt: skip


def unknown_word(rng: random.Random, origin: Source) -> str:
    """A made-up word: letters, or the beginning of a known word or name with other letters after it."""
    cues = origin.scoring.cues
    pools = ((), origin.loose, sorted(cues.gender_names), sorted(cues.ethnicity_last), origin.expressions)
    pool = rng.choice(pools)
    stem = rng.choice(pool).split()[0] if pool else rng.choice(string.ascii_lowercase)
    tail = "".join(rng.choice("aeioulnrstmkdvz") for _ in range(rng.randint(2, 6)))
    made = stem[: rng.randint(1, len(stem))].lower() + tail
    carries = origin.scoring.merit_of(made) != origin.scoring.intercept or made in cues.gender_words
    return "x" + tail if carries else made


def _all_first(axis: Axis, group: str) -> list[str]:
    return [name for sex in ("men", "non-binary", "women") for name in axis.first_names(group, sex)]
