"""How often `audit swap` is wrong: on sentences whose right swap is known, and on "his" and "him" written as "her".

`python tests/swap_error.py` writes the table in docs/swap.md. Benchmarks: WinoBias (pro and anti lines), Winogender.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audit.axis import load_axis
from audit.english import cut
from audit.lexicon import lexicon_of
from audit.pronouns import read_her
from audit.settling import read_text
from audit.swap import exchanged
from audit.yamlfile import read_yaml

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs" / "swap.md"
BEGIN, END = "<!-- swap error: begin -->", "<!-- swap error: end -->"
PAIRS = {
    frozenset(pair)
    for pair in (("he", "she"), ("him", "her"), ("his", "her"), ("his", "hers"), ("himself", "herself"))
}
PRONOUNS = {word for pair in PAIRS for word in pair}
NOUNS = re.compile(r"\b(man|woman|mom|dad|son|daughter|mother|father|husband|wife)\b")


@dataclass
class Count:
    """What became of the sentences of one benchmark."""

    what: str
    swapped: int = 0
    wrong: int = 0
    unsure: int = 0

    @property
    def row(self) -> str:
        every = self.swapped + self.unsure
        return (
            f"| {self.what} | {every:,} | {self.unsure:,} ({100 * self.unsure / every:.1f} %) | {self.swapped:,} "
            f"| {self.wrong:,} ({100 * self.wrong / self.swapped:.2f} %) |"
        )

    def add(self, *, unsure: bool, right: bool) -> None:
        self.unsure += unsure
        self.swapped += not unsure
        self.wrong += not unsure and not right


def winobias(data: Path) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """(sentence, its right swap) in both directions, and what is left out, by reason."""
    pairs: list[tuple[str, str]] = []
    left = {"other words differ": 0, "a pronoun stays": 0, "a noun of a group stays": 0}
    for kind in ("type1", "type2"):
        for part in ("dev", "test"):
            pro, anti = (
                (data / "winobias" / f"{side}_stereotyped_{kind}.txt.{part}")
                .read_text(encoding="utf-8")
                .splitlines()
                for side in ("pro", "anti")
            )
            for one, other in zip(map(_plain, pro), map(_plain, anti), strict=True):
                why = _unusable(one, other)
                if why:
                    left[why] += 1
                else:
                    pairs += [(one, other), (other, one)]
    return pairs, left


def _plain(line: str) -> str:
    return re.sub(r"[\[\]]", "", re.sub(r"^\d+ ", "", line.strip()))


def _unusable(one: str, other: str) -> str:
    """Why two lines are not swaps of each other; empty if they are."""
    a, b = one.split(), other.split()
    if len(a) != len(b):
        return "other words differ"
    words = [(re.sub(r"\W", "", x).lower(), re.sub(r"\W", "", y).lower()) for x, y in zip(a, b, strict=True)]
    if any(x != y and frozenset((x, y)) not in PAIRS for x, y in words) or one == other:
        return "other words differ"
    if any(x == y and x in PRONOUNS for x, y in words):
        return "a pronoun stays"
    return "a noun of a group stays" if NOUNS.search(one) else ""


def winogender(data: Path) -> dict[str, dict[str, str]]:
    """The versions (male, female, neutral) of every sentence."""
    versions: dict[str, dict[str, str]] = {}
    with (data / "winogender" / "all_sentences.tsv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            key, kind = row["sentid"].removesuffix(".txt").rsplit(".", 1)
            versions.setdefault(key, {})[kind] = row["sentence"]
    return versions


def pronoun_texts(data: Path) -> Iterator[str]:
    """Sentences of StereoSet and CrowS-Pairs that hold "his" or "him", and no "her" or "hers"."""
    found: set[str] = set()
    stereoset = json.loads((data / "stereoset" / "dev.json").read_text(encoding="utf-8"))
    found.update(_texts(stereoset))
    with (data / "crows-pairs" / "crows_pairs_anonymized.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            found.update((row["sent_more"], row["sent_less"]))
    for text in sorted(found):
        if re.search(r"\b(his|him)\b", text, re.I) and not re.search(r"\b(her|hers)\b", text, re.I):
            yield text


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def counts(data: Path) -> list[Count]:
    """Every row of the table."""
    two = lexicon_of(load_axis("gender"))
    three = lexicon_of(load_axis("gender"), ("men", "non-binary", "women"))
    first = Count("WinoBias, he and she exchanged")
    for text, right in winobias(data)[0]:
        reading = read_text(text, two)
        group = "women" if reading.base == "men" else "men"
        first.add(unsure=bool(reading.unsure), right=reading.version(group) == right)
    second, third = Count("Winogender, he and she exchanged"), Count("Winogender, they instead of he or she")
    for versions in winogender(data).values():
        for own, other in (("male", "female"), ("female", "male")):
            reading = read_text(versions[own], two)
            group = "women" if own == "male" else "men"
            second.add(unsure=bool(reading.unsure), right=reading.version(group) == versions[other])
            reading = read_text(versions[own], three)
            neutral = reading.version("non-binary")
            third.add(unsure=bool(reading.unsure), right=neutral == versions["neutral"])
    return [first, second, third, her_for_his(data), own_sentences()]


def own_sentences() -> Count:
    """Sentences of our own that were written after the rules."""
    lexicon, count = lexicon_of(load_axis("gender")), Count("Sentences of our own, written after the rules")
    file = read_yaml(ROOT / "tests" / "data" / "swap-own.yaml", what="sentences")
    file.stop_on_mistakes()
    for text, right in file.root.plain()["sentences"]:
        reading = read_text(text, lexicon)
        count.add(unsure=bool(reading.unsure), right=exchanged(text, lexicon) == right)
    return count


def her_for_his(data: Path) -> Count:
    """ "his" and "him" written as "her": is each read as what it was?"""
    count = Count("StereoSet and CrowS-Pairs, “his” and “him” written as “her”, read back")
    for text in pronoun_texts(data):
        right = {i: word for i, word in enumerate(cut(text).low) if word in ("his", "him")}
        found = cut(re.sub(r"\b([Hh])(is|im)\b", lambda match: f"{match[1]}er", text))
        for i, word in right.items():
            guess = read_her(found, i)
            count.add(unsure=bool(guess.reason), right=guess.form == ("them" if word == "him" else "their"))
    return count


def table(data: Path) -> str:
    """The table of docs/swap.md with its markers."""
    head = "| sentences | all | marked unsure | swapped | of them wrong |\n|---|---|---|---|---|"
    left = winobias(data)[1]
    note = "WinoBias: " + ", ".join(f"{why}: {count}" for why, count in left.items())
    rows = "\n".join(count.row for count in counts(data))
    return f"{BEGIN}\n{head}\n{rows}\n\nLeft out of {note} (pairs of lines).\n{END}"


if __name__ == "__main__":
    text = DOCS.read_text(encoding="utf-8")
    start, end = text.index(BEGIN), text.index(END) + len(END)
    DOCS.write_text(
        text[:start] + table(ROOT.parent / "shared" / "data" / "benchmarks") + text[end:], encoding="utf-8"
    )
