"""Swap: a person's own prompts → a suite whose templates have a slot at every word that shows a group."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from audit.axis import Axis
from audit.errors import InputError
from audit.freetext import FreeText
from audit.lexicon import Lexicon
from audit.machine import now
from audit.mentions import Reading, Tagger, Unsure
from audit.settling import read_text
from audit.suitefile import UNWRITABLE, Asked, Item, Slots, axis_text, column_of, suite_texts

LARGEST_TEXT = 250_000
"""Bytes of a text whose template fits into a suite file whatever its slots are called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Swapped:
    """What became of the texts of a file: kept and unsure ones in their order, and how many were not used."""

    items: tuple[Item, ...]
    without: int
    repeated: int

    @property
    def kept(self) -> int:
        """How many texts become templates."""
        return sum(item.is_kept for item in self.items)

    @property
    def unsure(self) -> tuple[tuple[Item, Unsure], ...]:
        """Every place that is not sure, with its text."""
        return tuple((item, place) for item in self.items for place in item.reading.unsure)

    @property
    def unsure_texts(self) -> int:
        """How many texts have such a place."""
        return sum(bool(item.reading.unsure) for item in self.items)


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """Paths of what is written, with the text of each."""

    suites: tuple[tuple[Path, str], ...]
    axis: tuple[Path, str]
    unsure: tuple[Path, str] | None

    @property
    def all(self) -> tuple[tuple[Path, str], ...]:
        """Every file."""
        return (*self.suites, self.axis, *([self.unsure] if self.unsure else []))


def exchanged(text: str, lexicon: Lexicon) -> str:
    """The text with the words of two groups exchanged; the text itself where it has none or something is not sure."""
    reading = read_text(text, lexicon)
    if not lexicon.is_exchange or not reading.base or reading.unsure:
        return text
    return reading.version(next(group for group in lexicon.groups if group != reading.base))


def swap_texts(
    texts: Iterable[FreeText], lexicon: Lexicon, *, keep_unsure: bool = False, tagger: Tagger | None = None
) -> Swapped:
    """Every text as it was read; what is not sure is left out unless it is to be kept."""
    items: list[Item] = []
    seen: set[str] = set()
    without = repeated = 0
    for each in texts:
        if each.text in seen:
            repeated += 1
            continue
        seen.add(each.text)
        reading = read_text(each.text, lexicon, tagger)
        if not reading.mentions and not reading.unsure:
            without += 1
            continue
        is_restored = bool(reading.mentions) and _is_restored(reading, lexicon)
        if reading.mentions and not is_restored and not reading.unsure:
            reading.doubt(0, each.text[:20], "the version of its own group would not be the text itself")
        unwritable = UNWRITABLE.search(each.text)
        if unwritable:
            reading.doubt(
                unwritable.start(), f"U+{ord(unwritable[0]):04X}", "is a character that no suite may hold"
            )
        is_short = len(each.text.encode(errors="replace")) <= LARGEST_TEXT
        if not is_short:
            reading.doubt(0, each.text[:20], f"begins a text of more than {LARGEST_TEXT:,} bytes")
        is_kept = is_restored and is_short and not unwritable and (keep_unsure or not reading.unsure)
        items.append(Item(line=each.line, reading=reading, is_kept=is_kept))
    return Swapped(items=tuple(items), without=without, repeated=repeated)


def _is_restored(reading: Reading, lexicon: Lexicon) -> bool:
    """Whether the version of the text's own group is the text, and another version differs from it."""
    others = {reading.version(group) for group in lexicon.groups if group != reading.base}
    return reading.version(reading.base) == reading.text and reading.text not in others


def files_of(
    swapped: Swapped, lexicon: Lexicon, axis: Axis, *, source: Path, output: Path, question: Asked
) -> Files:
    """The suite, its axis, and the list of what is not sure; InputError where no text can be kept."""
    if not output.name:
        raise InputError(f"'{output}' names no file; say which with -o mine.yaml")
    if not swapped.kept:
        raise InputError(_nothing(swapped, lexicon, source))
    stem, slots = output.stem, Slots()
    axis_path = output.with_name(f"{stem}-axis.yaml")
    texts = suite_texts(
        swapped.items, slots, suite_id=_id(stem), source=source.name, axis_file=axis_path.name,
        question=question, lexicon=lexicon,
    )  # fmt: skip
    words = axis_text(
        slots, lexicon, axis_id=f"{axis.id}-words", attribute=axis.attribute, date=now().date().isoformat(),
        source=f"Words found in {source.name}; counterparts from axis {axis.id} and the word lists of audit swap.",
    )  # fmt: skip
    paths = [output, *(output.with_name(f"{stem}-{n}.yaml") for n in range(2, len(texts) + 1))]
    return Files(
        suites=tuple(zip(paths, texts, strict=True)),
        axis=(axis_path, words),
        unsure=(output.with_name(f"{stem}-unsure.csv"), _unsure_csv(swapped)) if swapped.unsure else None,
    )


def write(files: Files) -> list[Path]:
    """The paths written; InputError where one of them exists."""
    for path, _ in files.all:
        if _exists(path):
            raise InputError(f"{path} exists already; name another file with -o")
    for path, text in files.all:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    return [path for path, _ in files.all]


def _exists(path: Path) -> bool:
    """Whether there is such a file; InputError where that cannot be told."""
    try:
        return path.exists()
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error


def _nothing(swapped: Swapped, lexicon: Lexicon, source: Path) -> str:
    unsure = swapped.unsure_texts
    if unsure:
        first, place = swapped.unsure[0]
        return (
            f"{source}: no text could be swapped for certain; {unsure} are unsure, the first on line {first.line}: "
            f"'{place.word}' {place.reason} (--keep-unsure keeps them)"
        )
    return f"{source}: no text holds a word that shows {lexicon.title.lower()}, so there is nothing to swap"


def _id(stem: str) -> str:
    """The stem of a file as an id."""
    plain = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in stem
    )
    return plain.strip("-_") or "own-prompts"


def _unsure_csv(swapped: Swapped) -> str:
    """The places that are not sure as CSV: line, column, word, reason, kept, text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["line", "column", "word", "reason", "kept", "text"])
    for item, place in swapped.unsure:
        kept = "yes" if item.is_kept else "no"
        text = item.reading.text
        writer.writerow([item.line, column_of(text, place), place.word, place.reason, kept, text])
    return out.getvalue()
