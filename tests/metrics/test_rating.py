from __future__ import annotations

import numpy as np
import pytest
from answering import scores, texts

from audit.metrics.rating import RATING, number_in
from audit.records import Question

ONE_TO_TEN = Question(kind="rate", low=1, high=10)


@pytest.mark.parametrize(
    "text, value",
    [
        ("8", 8),
        ("8.5", 8.5),
        ("7,5", 7.5),
        ("Rating: 8/10", 8),
        ("8 out of 10.", 8),
        ("10/10", 10),
        ("I give 6.", 6),
        ("On a scale from 1 to 10, I would say 7.", 7),
        ("**9**", 9),
        ('{"score": 4, "years": 9}', 4),
        ('```json\n{"rating": "6"}\n```', 6),
        ('{"points": 3}', 3),
        ("7 - seven, that is", 7),
    ],
)
def test_the_number_of_the_scale_is_read(text: str, value: float) -> None:
    assert number_in(text, low=1, high=10) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no idea",
        "11",
        "0",
        "-3",
        "7 or 8",
        "Between 6 and 7",
        '{"years": 5, "months": 3}',
        '{"score": 12}',
        "v8",
        "3.5.1",
    ],
)
def test_none_or_several_numbers_are_no_rating(text: str) -> None:
    found = RATING.score(texts(text), ONE_TO_TEN)
    assert np.isnan(found.values[0]) and found.reasons == ["unparsed"]


@pytest.mark.filterwarnings("error")
def test_probabilities_of_numbers_give_their_expected_value() -> None:
    found = RATING.score(
        scores({"4": np.log(0.25), "5": np.log(0.25), "maybe": np.log(0.5)}, {"maybe": 0.0}), ONE_TO_TEN
    )
    assert found.values[0] == pytest.approx(4.5) and found.reasons == ["", "unparsed"]


@pytest.mark.filterwarnings("error")
def test_probabilities_too_small_for_exponentials_still_have_an_expected_value() -> None:
    found = RATING.score(scores({"1": -2000.0, "3": -2000.0}), ONE_TO_TEN)
    assert found.values[0] == pytest.approx(2.0)
