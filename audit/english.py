"""English words by class, and a text cut into words, for the rules that read free text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from audit.yamlfile import read_yaml

WORD = re.compile(r"[^\W_]+?n['’]t(?![^\W_])|[^\W_]+")
SENTENCE_ENDS = frozenset('.!?:>\n\r"“”(')
_PLAIN_GAP = re.compile(r"[ \t*_]*\n?[ \t*_]*")
_CLOSING = frozenset(",.;:!?)]}…—–-\"”'’%|")


@cache
def swap_data(name: str) -> Mapping[str, Any]:
    """The word lists of `audit/swaps/<name>.yaml`; empty where there is no such file."""
    path = Path(__file__).parent / "swaps" / f"{name}.yaml"
    if not path.is_file():
        return {}
    file = read_yaml(path, what="swaps")
    file.stop_on_mistakes()
    plain: Mapping[str, Any] = file.root.plain()
    return plain


@cache
def words(kind: str) -> frozenset[str]:
    """One class of words of `audit/swaps/english.yaml`."""
    return frozenset(word for entry in swap_data("english")["lists"][kind] for word in entry.split())


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """A text cut into words: word i is `text[starts[i]:ends[i]]`."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    low: tuple[str, ...]

    def raw(self, i: int) -> str:
        """Word i as it is written; empty outside of the text."""
        return self.text[self.starts[i] : self.ends[i]] if 0 <= i < len(self.low) else ""

    def gap(self, i: int) -> str:
        """What stands between word i and the next one (or the end)."""
        if i < 0:
            return self.text[: self.starts[0]] if self.low else self.text
        end = self.starts[i + 1] if i + 1 < len(self.low) else len(self.text)
        return self.text[self.ends[i] : end]

    def is_plain(self, i: int) -> bool:
        """Whether word i is followed by another word with nothing but a space (or markup) between."""
        return 0 <= i < len(self.low) - 1 and _PLAIN_GAP.fullmatch(self.gap(i)) is not None

    def after(self, i: int, steps: int = 1) -> str:
        """The word `steps` later in small letters; empty where punctuation or the end comes first."""
        return self.low[i + steps] if all(self.is_plain(i + step) for step in range(steps)) else ""

    def before(self, i: int, steps: int = 1) -> str:
        """The word `steps` earlier in small letters; empty where punctuation or the beginning stands between."""
        return self.low[i - steps] if all(self.is_plain(i - 1 - step) for step in range(steps)) else ""

    def begins(self, i: int) -> bool:
        """Whether word i stands at the beginning of a sentence, a line or a quotation."""
        gap = self.gap(i - 1)
        return i == 0 or not SENTENCE_ENDS.isdisjoint(gap) or gap.lstrip(" ").startswith(("-", "*", "•", "|"))

    def closes(self, i: int) -> bool:
        """Whether word i is followed by the end of the text or by punctuation that ends a phrase."""
        gap = self.gap(i)
        plain = gap.strip()
        if gap == "-":
            return False
        if not plain:
            return i == len(self.low) - 1 or gap.count("\n") > 1
        return plain[0] in _CLOSING and not self.opens(i)

    def is_compound(self, i: int) -> bool:
        """Whether word i is the first part of a compound with a hyphen: then-wife."""
        return self.gap(i) == "-" and i < len(self.low) - 1

    def opens(self, i: int) -> bool:
        """Whether word i is followed by a quotation mark or a bracket that opens."""
        gap = self.gap(i)
        return bool(re.match(r"\s+[\"“'‘(\[]", gap)) and i < len(self.low) - 1


def cut(text: str) -> Words:
    """The words of a text."""
    found = [match.span() for match in WORD.finditer(text)]
    return Words(
        text=text,
        starts=tuple(start for start, _ in found),
        ends=tuple(end for _, end in found),
        low=tuple(text[start:end].lower().replace("’", "'") for start, end in found),
    )
