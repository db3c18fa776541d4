from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answering import scores, texts
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

import audit.metrics.agency
from audit.metrics.agency import AGENCY, word_lists
from audit.records import Question

FREE = Question(kind="generate", language="en")


def test_agency_is_the_balance_of_agentic_and_communal_words() -> None:
    given = texts(
        "An ambitious leader.", "Kind and helpful.", "A kind, ambitious leader.", "Self-confident; WARM!"
    )
    np.testing.assert_allclose(AGENCY.score(given, FREE).values, [1.0, -1.0, 1 / 3, 0.0])


def test_texts_without_such_words_have_no_value_and_say_so() -> None:
    assert AGENCY.score(texts("She came on Monday.", ""), FREE).reasons == ["no such words", "no such words"]
    assert AGENCY.score(scores({"Yes": -0.1, "No": -2.0}), FREE).reasons == ["not_supported"]
    other = AGENCY.score(texts("ehrgeizig"), Question(kind="generate", language="de"))
    assert other.reasons == ["not_supported: there are agentic and communal words for en, not for 'de'"]


@given(st.lists(st.sampled_from(["kind", "leader", "the", "warmly", "bold"]), max_size=12))
def test_agency_stays_within_its_range_whatever_the_order_of_words(words: list[str]) -> None:
    both = AGENCY.score(texts(" ".join(words), " ".join(reversed(words))), FREE).values
    np.testing.assert_array_equal(both[0], both[1])
    assert np.isnan(both[0]) or -1 <= both[0] <= 1


def test_the_words_have_a_source_and_a_date_and_stand_once_and_in_one_list() -> None:
    path = Path(audit.metrics.agency.__file__).with_suffix(".yaml")
    listed: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    assert "doi:10.1037/a0016539" in listed["source"] and listed["date"]
    for kinds in listed["languages"].values():
        lines = [line for kind in kinds.values() for line in kind]
        words = [word for line in lines for word in line.split()]
        assert len(words) == len(set(words))
        assert all(word == word.casefold() for word in words)
    for agentic, communal in word_lists().values():
        assert not agentic & communal
        assert 0.5 < len(agentic) / len(communal) < 2


@pytest.mark.parametrize("line", ["agentic", "communal"])
def test_the_lines_of_the_list_are_in_alphabetical_order(line: str) -> None:
    path = Path(audit.metrics.agency.__file__).with_suffix(".yaml")
    listed: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    firsts = [words.split()[0] for words in listed["languages"]["en"][line]]
    assert all(a < b for a, b in combinations(firsts, 2))
