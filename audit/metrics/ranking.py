"""Rankings: which of the candidates of one answer comes first."""

from __future__ import annotations

import numpy as np

from audit.protocols import Answers, Values
from audit.records import Card, Question, QuestionKind


class RankFirst:
    """1 for the candidate whose name occurs first in the answer, 0 for the others."""

    card = Card(
        name="rank_first",
        title="Share of first places",
        definition="Share of ranking answers in which a candidate of the group is named first.",
        formula="mean over answers of 1[the first name in the answer is of the group]",
        range="0 to 1",
        no_difference=0.0,
        higher_is="favourable",
        source="Yin, Alba and Nicoletti, Bloomberg, 2024-03-07: share of answers that rank a group's résumé first",
        critique=(
            "Candidates of one answer compete, so the shares depend on each other, and the place in the prompt often "
            "matters more than anything else: its effect is reported beside the groups'. Only the first place counts."
        ),
        unit="rate",
    )
    kinds: frozenset[QuestionKind] = frozenset({"generate"})

    def score(self, answers: Answers, question: Question) -> Values:
        """Rows of one answer (prompt and text) are its candidates; `items` are their names, found as whole words."""
        texts = {text: _plain(text) for text in set(answers.texts)}
        names = {item: _plain(item) for item in set(answers.items)}
        best: dict[tuple[str, str], tuple[int, int]] = {}
        found: list[tuple[int, int] | None] = []
        keys = list(zip(answers.prompt_ids, answers.texts, strict=True))
        for key, item in zip(keys, answers.items, strict=True):
            start = _first(texts[key[1]], names[item])
            place = None if start < 0 else (start, -len(names[item]))
            found.append(place)
            if place is not None and place < best.get(key, (len(texts[key[1]]), 0)):
                best[key] = place
        values = np.array(
            [
                float(place == best[key]) if key in best else np.nan
                for key, place in zip(keys, found, strict=True)
            ],
            dtype=float,
        )
        reasons = [
            "" if key in best else "unparsed" if item else "not_supported"
            for key, item in zip(keys, answers.items, strict=True)
        ]
        return Values(values=values, reasons=reasons)


def _plain(text: str) -> str:
    """Case and white space set equal."""
    return " ".join(text.split()).casefold()


def _first(text: str, name: str) -> int:
    """Where `name` first stands in `text` as whole words; -1 where it does not."""
    start = text.find(name) if name else -1
    while start >= 0:
        end = start + len(name)
        before, after = text[start - 1 : start], text[end : end + 1]
        if not (_is_word(before) or _is_word(after)):
            return start
        start = text.find(name, start + 1)
    return -1


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


RANK_FIRST = RankFirst()
