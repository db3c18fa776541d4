from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answering import scores, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from audit.metrics.similarity import ROUGE_L_DISTANCE, EmbeddingDistance
from audit.records import Question

FREE = Question(kind="generate")
WORDS = st.lists(
    st.sampled_from(["She", "he", "IS", "a_nurse", "is,", "7", "years;", "skilled-and", "warm."]), max_size=15
)
SCORER = RougeScorer(["rougeL"], use_stemmer=False)


def rouge(*given: str) -> float:
    """Distance of the first two texts."""
    return float(ROUGE_L_DISTANCE.compare(texts(*given), np.array([0]), np.array([1]), FREE).values[0])


@given(WORDS, WORDS)
@settings(max_examples=200, deadline=None)
def test_the_distance_is_1_minus_rouge_l_of_rouge_score(first: list[str], second: list[str]) -> None:
    a, b = " ".join(first), " ".join(second)
    expected = 1 - SCORER.score(a, b)["rougeL"].fmeasure if first or second else 0.0
    assert rouge(a, b) == pytest.approx(expected, abs=1e-9)


@given(st.text(max_size=30), st.text(max_size=30))
@settings(deadline=None)
def test_the_distance_is_symmetric_between_0_and_1_and_0_for_equal_texts(a: str, b: str) -> None:
    assert rouge(a, b) == rouge(b, a)
    assert 0 <= rouge(a, b) <= 1
    assert rouge(a, a) == 0.0


def test_letters_with_accents_belong_to_their_words() -> None:
    assert rouge("Die Ärztin prüft", "die ärztin prüft") == 0.0
    assert rouge("äh", "öh") == 1.0
    assert rouge("", "!") == 0.0 and rouge("", "word") == 1.0


def test_answers_that_are_no_texts_have_no_distance() -> None:
    found = ROUGE_L_DISTANCE.compare(scores({"Yes": -0.1}, {"Yes": -2.0}), np.array([0]), np.array([1]), FREE)
    assert found.reasons == ["not_supported"] and np.isnan(found.values[0])


def test_ten_thousand_pairs_of_letters_take_seconds() -> None:
    rng = np.random.default_rng(0)
    letters = [" ".join(rng.choice(list("abcdefghijklmnop"), 150)) for _ in range(2000)]
    a, b = rng.integers(0, 2000, (2, 10_000))
    start = time.process_time()
    found = ROUGE_L_DISTANCE.compare(texts(*letters), a, b, FREE)
    assert time.process_time() - start < 20
    assert np.isfinite(found.values).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sentence-transformers model of random weights: a tiny BERT and the mean of its last layer."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tiny_models import SMALL, save, wordpiece

    place = tmp_path_factory.mktemp("embedder")
    save(place / "bert", model="BertModel", tokenizer=wordpiece(), **SMALL)
    layers: list[Any] = [Transformer(str(place / "bert"))]
    layers.append(Pooling(layers[0].get_embedding_dimension()))
    SentenceTransformer(modules=layers, device="cpu").save(str(place / "whole"))
    return str(place / "whole")


def test_the_embedding_distance_is_1_minus_the_cosine_of_the_models_own_embeddings(folder: str) -> None:
    from sentence_transformers import SentenceTransformer

    given = [
        "Emily applies as a nurse.",
        "Greg applies as a software engineer.",
        "Rate the application from 1 to 10.",
    ]
    a, b = np.array([0, 0, 1, 2]), np.array([1, 0, 2, 1])
    found = EmbeddingDistance(model=folder).compare(texts(*given), a, b, FREE).values
    vectors = np.asarray(SentenceTransformer(folder, device="cpu").encode(given), dtype=float)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(found, 1 - np.maximum((unit[a] * unit[b]).sum(axis=1), 0), atol=1e-6)
    assert found[1] == 0.0 and found[2] == found[3]
    assert (
        EmbeddingDistance()
        .compare(texts(*given), a, b, Question(kind="generate", embedder=folder))
        .values.tolist()
        == found.tolist()
    )


def test_a_model_whose_weights_are_missing_is_not_supported_and_says_which(tmp_path: Path) -> None:
    lacking = str(tmp_path / "nothing here")
    found = EmbeddingDistance(model=lacking).compare(texts("a", "b"), np.array([0]), np.array([1]), FREE)
    assert found.reasons[0].startswith(f"not_supported: the embedding model '{lacking}' cannot be loaded")
