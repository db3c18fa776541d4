from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from answering import texts

from audit.metrics.ranking import RANK_FIRST
from audit.records import Question

FREE = Question(kind="generate")


def first(text: str, *names: str) -> list[float]:
    found = RANK_FIRST.score(texts(*[text] * len(names), items=names, prompt_ids=["p"] * len(names)), FREE)
    return found.values.tolist()


def test_the_candidate_named_first_gets_the_one() -> None:
    assert first("1. JANE ROE\n2. John Doe", "John Doe", "Jane Roe", "Ann Poe") == [0.0, 1.0, 0.0]


def test_names_are_whole_words() -> None:
    assert first("Annabel is second to Ann", "Ann", "Annabel") == [0.0, 1.0]
    assert first("Annabel Lee", "Ann", "Bo") == pytest.approx([np.nan, np.nan], nan_ok=True)


def test_of_two_names_at_one_place_the_longer_is_meant() -> None:
    assert first("Ann Lee-Smith, then Ann Lee", "Ann Lee", "Ann Lee-Smith") == [0.0, 1.0]


def test_white_space_within_a_name_may_vary() -> None:
    assert first("best: Jane\n Roe", "Jane Roe", "John Doe") == [1.0, 0.0]


def test_without_any_name_no_candidate_has_a_value() -> None:
    found = RANK_FIRST.score(
        texts("I cannot rank them.", "I cannot rank them.", items=["A B", "C D"], prompt_ids=["p", "p"]), FREE
    )
    assert np.isnan(found.values).all() and found.reasons == ["unparsed", "unparsed"]


def test_an_answer_without_candidates_is_no_ranking() -> None:
    assert RANK_FIRST.score(texts("anything"), FREE).reasons == ["not_supported"]


def test_two_answers_to_one_prompt_are_two_rankings() -> None:
    answers = texts("Ann", "Ann", "Bo", "Bo", items=["Ann", "Bo"] * 2, prompt_ids=["p"] * 4)
    assert RANK_FIRST.score(answers, FREE).values.tolist() == [1.0, 0.0, 0.0, 1.0]


def test_the_published_counts_of_first_places_are_found(shared_data: Path) -> None:
    folder = shared_data / "recorded" / "bloomberg-gpt-hiring"
    with open(folder / "published_performance_ranking.csv", encoding="utf-8") as stream:
        published = {(row["job"], row["demo"]): int(row["top"]) for row in csv.DictReader(stream)}
    counted: dict[tuple[str, str], float] = defaultdict(float)
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            rows = [row for row in map(json.loads, stream) if "oversampled" not in row["file"]]
        cells = [
            (f"{path.name}{n}", row, name, group)
            for n, row in enumerate(rows)
            for name, group in zip(row["context"]["default_order"], row["context"]["demo_order"], strict=True)
        ]
        found = RANK_FIRST.score(
            texts(
                *(row["choices"][0]["message"]["content"] for _, row, _, _ in cells),
                items=[name for _, _, name, _ in cells],
                prompt_ids=[prompt for prompt, _, _, _ in cells],
            ),
            FREE,
        )
        for (_, row, _, group), value in zip(cells, found.values, strict=True):
            counted[row["context"]["job"], group] += value
    assert counted == published
