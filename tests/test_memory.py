from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import tiny_models

from audit.backends.huggingface import HuggingFace
from audit.memory import Room, in_passes, is_memory_short
from audit.records import Message, Prompt, Question


@dataclass
class Scripted:
    """Doubles each length; refuses passes of more than `most` padded tokens."""

    lengths: list[int]
    most: int
    error: Callable[[], Exception] = lambda: RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
    tried: list[int] = field(default_factory=list)

    def __call__(self, batch: list[int]) -> list[int]:
        tokens = len(batch) * max(self.lengths[index] for index in batch)
        self.tried.append(tokens)
        if tokens > self.most:
            raise self.error()
        return [2 * self.lengths[index] for index in batch]


LENGTHS = [7, 3, 9, 9, 1, 4, 8, 8, 2, 6, 5, 5]


@pytest.mark.parametrize("most", [9, 10, 20, 50, 1000])
def test_a_pass_that_does_not_fit_is_halved_and_nothing_is_lost(most: int) -> None:
    model = Scripted(LENGTHS, most)
    found = dict(in_passes(LENGTHS, model, budget=1000, pad=True, room=Room()))
    assert found == {index: 2 * length for index, length in enumerate(LENGTHS)}


def test_what_did_not_fit_once_is_not_tried_again() -> None:
    model, room = Scripted(LENGTHS, 20), Room()
    dict(in_passes(LENGTHS, model, budget=1000, pad=True, room=room))
    assert max(model.tried) > 20
    model.tried.clear()
    dict(in_passes(LENGTHS, model, budget=1000, pad=True, room=room))
    assert max(model.tried) <= 20
    assert 20 < room.tokens < 1000


def test_a_single_row_that_does_not_fit_raises() -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        dict(in_passes(LENGTHS, Scripted(LENGTHS, 8), budget=1000, pad=True, room=Room()))


def test_other_errors_are_not_taken_for_short_memory() -> None:
    model = Scripted(LENGTHS, 20, error=lambda: RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        dict(in_passes(LENGTHS, model, budget=1000, pad=True, room=Room()))
    assert len(model.tried) == 1


def test_errors_of_short_memory_on_every_device_are_known() -> None:
    import torch

    assert is_memory_short(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_memory_short(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"))
    assert is_memory_short(
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        )
    )
    assert is_memory_short(MemoryError())
    assert not is_memory_short(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_memory_short(ValueError("out of memory"))


def test_torch_itself_says_so_where_a_processor_has_too_little() -> None:
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_memory_short(caught.value)


# ------------------------------------------------------------------ whole models

TEXTS = (
    "Emily",
    "Greg has a car, a loan and an old friend.",
    "Emily applies as a nurse.",
    "A house and a car",
)
ASKED = tuple(Prompt(messages=(Message(role="text", text=text),)) for text in TEXTS)
QUESTION = Question(kind="generate", max_tokens=3)


def opened(folder: Path) -> Any:
    return HuggingFace.model_validate({"model": 1, "kind": "hf", "name": str(folder)}).open()


@pytest.mark.parametrize("make, ask", [
    (tiny_models.classifier, lambda model: model.classify(ASKED)),
    (tiny_models.causal, lambda model: model.choose(ASKED, [" Yes", " an old friend"])),
    (tiny_models.causal, lambda model: model.log_likelihood(ASKED)),
    (tiny_models.causal, lambda model: model.next_token(ASKED)),
    (tiny_models.causal, lambda model: model.generate(ASKED, repeat=0, question=QUESTION)),
    (tiny_models.masked, lambda model: model.choose(ASKED, [" Yes", " an old friend"])),
    (tiny_models.masked, lambda model: model.log_likelihood(ASKED)),
    (tiny_models.encoder_decoder, lambda model: model.choose(ASKED, [" Yes", " an old friend"])),
    (tiny_models.encoder_decoder, lambda model: model.generate(ASKED, repeat=0, question=QUESTION)),
])  # fmt: skip
def test_a_model_with_room_for_one_row_answers_as_one_with_room_for_all(
    make: Callable[[Path], Path], ask: Callable[[Any], Any], tmp_path: Path
) -> None:
    import torch

    folder = make(tmp_path)
    expected = ask(opened(folder))
    small = opened(folder)
    refused: list[int] = []

    def refuse(module: Any, arguments: Any, named: dict[str, Any]) -> None:
        rows = next(v for k, v in named.items() if k in ("input_ids", "decoder_input_ids") and v is not None)
        if len(rows) > 1:
            refused.append(len(rows))
            raise torch.OutOfMemoryError("CUDA out of memory.")

    small._model.loaded.model.register_forward_pre_hook(refuse, with_kwargs=True)
    found = ask(small)
    assert refused
    for one, other in zip(found, expected, strict=True):
        assert one.error is None and one.text == other.text
        assert one.scores == (
            None if other.scores is None else pytest.approx(dict(other.scores), rel=1e-5, abs=1e-5)
        )
