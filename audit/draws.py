"""Draws: texts sampled from a language model, each from its own stream of random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.passes import Loaded
from audit.records import Answer, Prompt, Question, content_id

if TYPE_CHECKING:
    from torch import Generator, Tensor


def drawn(
    loaded: Loaded,
    prompts: Sequence[Prompt],
    rows: Sequence[Sequence[int] | Answer],
    *,
    repeat: int,
    question: Question,
    temperature: float,
    budget: int,
) -> list[Answer]:
    """One sampled text a prompt, given as token ids or as the failed record it stays.

    Draw number `repeat` of a prompt is the same in whatever batch it is asked.
    """
    most = question.max_tokens
    lengths = [0 if isinstance(row, Answer) else len(row) for row in rows]
    answers = [
        row if isinstance(row, Answer) else loaded.too_long(length if loaded.writes else length + most)
        for row, length in zip(rows, lengths, strict=True)
    ]
    fitting = [index for index, answer in enumerate(answers) if answer is None]

    def ask(batch: list[int]) -> list[str]:
        places = [fitting[number] for number in batch]
        seeds = [int(content_id("draw", prompts[index].id, repeat), 16) >> 1 for index in places]
        chosen = [row for index in places if not isinstance(row := rows[index], Answer)]
        return draw_texts(loaded, chosen, seeds=seeds, max_tokens=most, temperature=temperature)

    for number, text in loaded.in_passes([lengths[at] + most for at in fitting], ask, budget=budget):
        answers[fitting[number]] = Answer(text=text)
    return [answer for answer in answers if answer is not None]


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
    ids = [_filled(row, loaded.pad_id, width, right=loaded.writes) for row in rows]
    mask = [_filled([1] * len(row), 0, width, right=loaded.writes) for row in rows]
    noise = [_Noise(seeds, temperature)] if temperature > 0 else []
    with torch.inference_mode():
        found = loaded.model.generate(
            input_ids=torch.tensor(ids, device=loaded.device),
            attention_mask=torch.tensor(mask, device=loaded.device),
            generation_config=_settings(loaded, max_tokens),
            logits_processor=LogitsProcessorList(noise),
        )
    start = 0 if loaded.writes else width
    texts: list[str] = loaded.tokenizer.batch_decode(found[:, start:].tolist(), skip_special_tokens=True)
    return texts


def _filled(row: Sequence[int], filler: int, width: int, *, right: bool) -> list[int]:
    """A row of the given width: an encoder is padded on the right; a decoder goes on at the right, so on the left."""
    padding = [filler] * (width - len(row))
    return [*row, *padding] if right else [*padding, *row]


def _settings(loaded: Loaded, max_tokens: int) -> Any:
    """Plain decoding: nothing of the model's own sampling habits but where a text ends."""
    from transformers import GenerationConfig

    own = loaded.model.generation_config
    end = own.eos_token_id if own.eos_token_id is not None else loaded.tokenizer.eos_token_id
    make: Any = GenerationConfig
    plain = make(
        max_new_tokens=max_tokens, do_sample=False, eos_token_id=end, pad_token_id=loaded.pad_id,
        decoder_start_token_id=own.decoder_start_token_id, forced_bos_token_id=own.forced_bos_token_id,
    )  # fmt: skip
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
