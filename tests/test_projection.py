from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from torch.utils.flop_counter import FlopCounterMode

from audit.loading import Loading, load
from audit.projection import hidden_states, of_tokens

LOADING = Loading(task="choose", dtype="float32", device="cpu", threads=1, batch_tokens=1000)
CHANGED = {
    "Gemma2ForCausalLM": {"head_dim": 16, "final_logit_softcapping": 3.0},
    "GraniteForCausalLM": {"logits_scaling": 8.0},
    "CohereForCausalLM": {"logit_scale": 0.25},
}
"""Architectures that do something to the logits after the last layer."""


def changed(folder: Path, architecture: str) -> Path:
    config = {**tiny_models.LLAMA, "pad_token_id": 1, **CHANGED[architecture]}
    return tiny_models.save(
        folder, model=architecture, tokenizer=tiny_models.bytepairs(begins=True), **config
    )


@pytest.mark.parametrize("architecture", tiny_models.CAUSAL)
def test_the_layer_that_makes_the_logits_is_found(architecture: str, tmp_path: Path) -> None:
    loaded = load(tiny_models.causal(tmp_path, architecture), LOADING)
    assert loaded.output_layer is loaded.model.get_output_embeddings()


@pytest.mark.parametrize("architecture", CHANGED)
def test_where_logits_are_changed_after_the_layer_it_is_not_used(architecture: str, tmp_path: Path) -> None:
    loaded = load(changed(tmp_path, architecture), LOADING)
    assert loaded.output_layer is None
    rows = loaded.encode(["Emily has a car.", "Greg has a car, a loan and an old friend."])
    with torch.inference_mode():
        logs = loaded.logits(rows).double().log_softmax(-1)
    needs = [(row, at, at + 7) for row in (1, 0) for at in range(len(rows[row].ids))]
    expected = [float(logs[need]) for need in needs]
    assert loaded.token_log_probs(rows, needs) == pytest.approx(expected, abs=1e-5)


def test_the_layer_works_on_the_needed_positions_alone(tmp_path: Path) -> None:
    loaded = load(tiny_models.causal(tmp_path, "LlamaForCausalLM"), LOADING)
    rows = loaded.encode(["Emily has a car.", "Greg has a car, a loan and an old friend."])
    worked: list[int] = []
    loaded.output_layer.register_forward_hook(
        lambda _module, _inputs, out: worked.append(out.numel() // out.shape[-1])
    )
    loaded.token_log_probs(rows, [(0, 2, 5), (1, 4, 9), (1, 4, 11)])
    assert worked == [1, 2]


def test_no_position_is_worked_out_that_nobody_needs() -> None:
    layer = torch.nn.Linear(8, 5000)
    needs = [(row, at, token) for row in range(3) for at in (2, 9) for token in (0, 4999, 17)]
    with FlopCounterMode(display=False) as counted:
        of_tokens(torch.randn(3, 30, 8), needs, words=5000, layer=layer)
    assert counted.get_total_flops() == 2 * 6 * 8 * 5000


def test_a_word_that_cannot_be_and_a_state_that_is_no_number_stay_what_they_are() -> None:
    layer = torch.nn.Linear(4, 600_000)
    with torch.no_grad():
        layer.bias[:550_000] = -torch.inf  # the whole of the first block and a part of another
    states = torch.randn(1, 3, 4)
    states[0, 2] = torch.nan
    with torch.inference_mode():
        logs = layer(states).double().log_softmax(-1)
    needs = [(0, 0, 3), (0, 0, 599_999), (0, 1, 560_000), (0, 2, 599_999)]
    found = of_tokens(states, needs, words=600_000, layer=layer)
    assert found == pytest.approx([float(logs[need]) for need in needs], abs=1e-5, nan_ok=True)
    assert found[0] == -math.inf and math.isnan(found[3])


def test_a_pass_that_fails_leaves_the_layer_as_it_was(tmp_path: Path) -> None:
    loaded = load(tiny_models.causal(tmp_path, "LlamaForCausalLM"), LOADING)
    (row,) = loaded.encode(["Emily has a car."])
    with pytest.raises(RuntimeError, match="memory"), hidden_states(loaded.output_layer):
        raise RuntimeError("out of memory")
    assert loaded.logits([row]).shape[1] == len(row.ids)


@pytest.mark.parametrize("words", [7, 40_000, 150_000])
@pytest.mark.parametrize("made_by", ["a matrix", "a matrix and a bias", "another layer", "nothing"])
@pytest.mark.parametrize("positions", [30, 250])
def test_log_probabilities_are_those_of_a_whole_softmax(words: int, made_by: str, positions: int) -> None:
    torch.manual_seed(0)
    layer: Any = {
        "a matrix": torch.nn.Linear(5, words, bias=False), "a matrix and a bias": torch.nn.Linear(5, words),
        "another layer": torch.nn.Sequential(torch.nn.Linear(5, words)), "nothing": None,
    }[made_by]  # fmt: skip
    states = torch.randn(3, positions, 5 if layer else words)
    draw = random.Random(0)
    needs = [(draw.randrange(3), draw.randrange(positions), draw.randrange(words)) for _ in range(900)]
    with torch.inference_mode():
        logs = (states if layer is None else layer(states)).double().log_softmax(-1)
    found = of_tokens(states, needs, words=words, layer=layer)
    assert found == pytest.approx([float(logs[need]) for need in needs], abs=1e-5)


def test_no_need_is_no_number() -> None:
    assert of_tokens(torch.randn(2, 3, 4), [], words=4) == []
