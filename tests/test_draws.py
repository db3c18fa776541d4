from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import tiny_models

from audit.draws import draw_texts
from audit.loading import Loading, load
from audit.passes import Loaded


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder: Path = tiny_models.causal(tmp_path_factory.mktemp("gpt"))
    return load(folder, Loading(task="choose", dtype="float32", device="cpu", threads=1, batch_tokens=1000))


@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_draws_are_distributed_as_the_softmax_of_the_logits(loaded: Loaded, temperature: float) -> None:
    import numpy as np
    from scipy.stats import chisquare

    row = loaded.encode(["Emily applies as a"])[0]
    logits = loaded.logits([row])[0, -1].double() / temperature
    shares = logits.softmax(-1).numpy()
    count = 4000
    texts = draw_texts(loaded, [row.ids] * count, seeds=range(count), max_tokens=1, temperature=temperature)
    words = loaded.tokenizer.batch_decode([[token] for token in range(len(shares))], skip_special_tokens=True)
    expected: Counter[str] = Counter()
    for word, share in zip(words, shares, strict=True):
        expected[word] += float(share) * count
    seen = Counter(texts)
    frequent = [word for word, times in expected.items() if times >= 10]
    rest = count - sum(expected[word] for word in frequent)
    found = np.array([*(seen[word] for word in frequent), count - sum(seen[word] for word in frequent)])
    assert len(frequent) > 10
    assert chisquare(found, [*(expected[word] for word in frequent), rest]).pvalue > 0.001


def test_the_same_seed_draws_the_same_words(loaded: Loaded) -> None:
    row = loaded.encode(["Emily applies as a"])[0].ids
    one = draw_texts(loaded, [row, row, row], seeds=[5, 6, 5], max_tokens=5, temperature=1.0)
    assert one[0] == one[2] != one[1]
