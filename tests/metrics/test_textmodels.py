from __future__ import annotations

import pytest

from audit.kinds import kind_of
from audit.protocols import ReadByModel
from audit.records import Question

NAMES = ["refusal_model", "regard", "sentiment", "toxicity"]


@pytest.mark.parametrize("name", NAMES)
def test_a_score_that_a_second_model_gives_says_what_it_is_asked_and_what_its_labels_count(name: str) -> None:
    kind = kind_of(name)
    assert isinstance(kind.reading, ReadByModel) and kind.metric is None
    reading = kind.reading.reading
    assert reading.metric == name == kind.card.name
    assert reading.model.startswith("hf:") and reading.model.removeprefix("hf:") in kind.card.definition
    assert reading.question.kind == "classify" and reading.question.favourable in reading.values
    assert all(label in kind.card.source for label in reading.values)
    assert min(reading.values.values()) in (-1.0, 0.0) and max(reading.values.values()) == 1.0
    assert "itself unmeasured" in kind.card.critique


def test_second_models_read_texts_only() -> None:
    kind = kind_of("sentiment")
    assert kind.fits(Question(kind="generate")) and kind.fits(Question(kind="choose"))
    assert not kind.fits(Question(kind="likelihood")) and not kind.fits(Question(kind="next_token"))
