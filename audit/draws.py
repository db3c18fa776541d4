"""Draws: texts sampled from a causal language model, each from its own stream of random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.passes import Loaded

if TYPE_CHECKING:
    from torch import Generator, Tensor


def draw_texts(
    loaded: Loaded,
    rows: Sequence[Sequence[int]],
    *,
    seeds: Sequence[int],
    max_tokens: int,
    temperature: float,
) -> list[str]:
    """One text a row.

    The highest of logits plus Gumbel noise is a draw from their softmax; the noise depends on the row's seed alone, so
    the neighbours of a row in its batch do not change what it draws. Temperature 0 adds no noise.
    """
    import torch
    from transformers import LogitsProcessorList

    width = max(len(row) for row in rows)
    ids = [[loaded.pad_id] * (width - len(row)) + list(row) for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    noise = [_Noise(seeds, temperature)] if temperature > 0 else []
    with torch.inference_mode():
        found = loaded.model.generate(
            input_ids=torch.tensor(ids, device=loaded.device),
            attention_mask=torch.tensor(mask, device=loaded.device),
            generation_config=_settings(loaded, max_tokens),
            logits_processor=LogitsProcessorList(noise),
        )
    texts: list[str] = loaded.tokenizer.batch_decode(found[:, width:].tolist(), skip_special_tokens=True)
    return texts


def _settings(loaded: Loaded, max_tokens: int) -> Any:
    """Plain decoding: nothing of the model's own sampling habits but where a text ends."""
    from transformers import GenerationConfig

    own = loaded.model.generation_config
    end = own.eos_token_id if own.eos_token_id is not None else loaded.tokenizer.eos_token_id
    make: Any = GenerationConfig
    plain = make(max_new_tokens=max_tokens, do_sample=False, eos_token_id=end, pad_token_id=loaded.pad_id)
    loaded.model.generation_config = plain
    return plain


class _Noise:
    """A logits processor: divides by the temperature and adds Gumbel noise, one generator a row."""

    def __init__(self, seeds: Sequence[int], temperature: float) -> None:
        import torch

        self.temperature = temperature
        self.generators: list[Generator] = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """The scores whose highest is the draw."""
        import torch

        words = scores.shape[-1]
        uniform = torch.stack(
            [torch.rand(words, generator=one, dtype=torch.float64) for one in self.generators]
        )
        gumbel = -torch.log(-torch.log(uniform.clamp(1e-300, 1 - 1e-16)))
        return scores.float() / self.temperature + gumbel.to(scores.device, torch.float32)
