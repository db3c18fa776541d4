"""shap and lime on a pipeline of transformers, as they come and in batches; Shapley values from their definition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np

from audit.games import all_coalitions


def pipeline_of(backend: Any, batch: int | None) -> Any:
    """transformers.pipeline on the same model, as it comes or in batches."""
    import transformers

    loaded = backend._model.loaded
    make: Any = transformers.pipeline
    more = {} if batch is None else {"batch_size": batch}
    return make(
        "text-classification",
        model=loaded.model,
        tokenizer=loaded.tokenizer,
        device="cpu",
        top_k=None,
        **more,
    )


def with_shap(pipe: Any, text: str, batch: int | None) -> Any:
    """`shap.Explainer` of a pipeline, with nothing else said but the batch."""
    import shap

    return shap.Explainer(pipe)([text], **({} if batch is None else {"batch_size": batch}), silent=True)


def with_lime(pipe: Any, text: str, samples: int) -> Any:
    """`LimeTextExplainer` with so many samples."""
    from lime.lime_text import LimeTextExplainer

    def probabilities(texts: Sequence[str]) -> Any:
        rows = pipe(list(texts))
        return np.array([[one["score"] for one in sorted(row, key=lambda one: one["label"])] for row in rows])

    return LimeTextExplainer(random_state=0).explain_instance(text, probabilities, num_samples=samples)


def default_error(pipe: Any, text: str) -> float:
    """Relative error of `shap.Explainer(pipeline)` against the Shapley values of its own tokens."""
    import shap

    found = with_shap(pipe, text, None)[:, :, "LABEL_1"]
    masker = shap.maskers.Text(pipe.tokenizer)
    free = np.flatnonzero(~np.asarray(masker.invariants(text)[0]))
    masks = all_coalitions(len(free))
    texts = []
    for mask in masks:
        whole = np.ones(len(found.values[0]), dtype=bool)
        whole[free] = mask
        texts.append(str(masker(whole, text)[0][0]))
    scores = [next(one["score"] for one in row if one["label"] == "LABEL_1") for row in pipe(texts)]
    table = {mask.tobytes(): score for mask, score in zip(masks, scores, strict=True)}

    def worth(present: frozenset[int]) -> float:
        mask = np.zeros(len(free), dtype=bool)
        mask[list(present)] = True
        return float(table[mask.tobytes()])

    return relative(np.asarray(found.values[0])[free], shapley(worth, len(free)))


def relative(found: np.ndarray, true: np.ndarray) -> float:
    """‖found - true‖ / ‖true‖."""
    return float(np.linalg.norm(found - true) / np.linalg.norm(true))


def shapley(worth: Callable[[frozenset[int]], float], players: int) -> np.ndarray:
    """Shapley values from their definition."""
    others = {player: [one for one in range(players) if one != player] for player in range(players)}
    credits = np.zeros(players)
    for player, rest in others.items():
        for size in range(players):
            weight = factorial(size) * factorial(players - size - 1) / factorial(players)
            for some in combinations(rest, size):
                with_it = worth(frozenset((*some, player)))
                credits[player] += weight * (with_it - worth(frozenset(some)))
    return credits
