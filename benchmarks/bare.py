"""Models of well-known sizes with random weights, texts for them, and the bare model as the ceiling."""

from __future__ import annotations

import json
import random
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from audit.records import PROMPTS, Message, Prompt

BATCHES = (8, 16, 32, 64, 128)
OPTIONS = (" yes without doubt", " no not at all", " it depends on that", " nobody can tell")


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the models are, how many texts they read, and how often each way is timed."""

    texts: int
    turns: int
    prompts: int
    hidden: int
    layers: int
    vocabulary: int


FULL = Size(texts=384, turns=3, prompts=10_000, hidden=768, layers=6, vocabulary=30_522)
QUICK = Size(texts=24, turns=1, prompts=300, hidden=32, layers=2, vocabulary=2_000)


class Bare:
    """The bare model on texts that are tokenised already, in batches of one size."""

    def __init__(self, backend: Any, kind: str, texts: Sequence[str]) -> None:
        self.loaded = backend._model.loaded
        rows = [row.ids for row in self.loaded.encode(list(texts))]
        if kind == "masked":
            mask = self.loaded.tokenizer.mask_token_id
            rows = [[*ids[:at], mask, *ids[at + 1 :]] for ids in rows for at in range(1, len(ids) - 1)]
        if kind == "causal":
            rows = [row[:-1] for row in rows]
        self.rows = sorted(rows, key=len, reverse=True)
        self.size = BATCHES[0]

    def best(self) -> tuple[int, float]:
        """The batch size that is best on a part of the rows (every eighth, 256 at least), and its seconds for all."""
        every = self.rows
        self.rows = every[:: max(1, min(8, len(every) // 256))]
        times = {}
        for size in BATCHES:
            self.size = size
            times[size] = self.timed()
        self.rows = every
        self.size = min(times, key=lambda size: times[size])
        return self.size, self.timed()

    def timed(self) -> float:
        """Seconds of all passes."""
        import torch

        batches = []
        for start in range(0, len(self.rows), self.size):
            some = self.rows[start : start + self.size]
            width = len(some[0])
            ids = torch.tensor([row + [self.loaded.pad_id] * (width - len(row)) for row in some])
            mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in some])
            batches.append({"input_ids": ids, "attention_mask": mask})
        began = time.perf_counter()
        with torch.inference_mode():
            for batch in batches:
                self.loaded.model(**batch)
        return time.perf_counter() - began


def made(folder: Path, kind: str, size: Size, words: Sequence[str]) -> None:
    """A model with random weights and a tokenizer that knows the words."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    inner = Tokenizer(models.BPE(unk_token="[UNK]"))
    byte_level: Any = pre_tokenizers.ByteLevel
    inner.pre_tokenizer = byte_level(add_prefix_space=False)
    known = [" ".join(words), *OPTIONS]
    trainer = trainers.BpeTrainer(
        vocab_size=size.vocabulary,
        special_tokens=special,
        initial_alphabet=byte_level.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(known, trainer)
    single = "[CLS] $A" if kind == "causal" else "[CLS] $A [SEP]"
    inner.post_processor = processors.TemplateProcessing(
        single=single, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="[UNK]", pad_token="[PAD]", bos_token="[CLS]", sep_token="[SEP]",
        **({} if kind == "causal" else {"mask_token": "[MASK]"}),
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.utils.logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module: Any = architecture(kind, size)
        module.eval().save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def architecture(kind: str, size: Size) -> Any:
    """DistilBERT of 67 million parameters or Llama of 35 million; small where all is small."""
    import transformers

    if kind == "causal":
        hidden = size.hidden * 2 // 3 // 8 * 8
        config: Any = transformers.LlamaConfig(
            vocab_size=size.vocabulary, hidden_size=hidden, num_hidden_layers=size.layers,
            num_attention_heads=max(2, hidden // 64), num_key_value_heads=max(2, hidden // 64),
            intermediate_size=hidden * 43 // 16, tie_word_embeddings=True, initializer_range=0.06,
            bos_token_id=2, eos_token_id=3, pad_token_id=0,
        )  # fmt: skip
        return transformers.LlamaForCausalLM(config)
    config = transformers.DistilBertConfig(
        vocab_size=size.vocabulary, dim=size.hidden, hidden_dim=4 * size.hidden, n_layers=size.layers,
        n_heads=max(2, size.hidden // 64), num_labels=2, initializer_range=0.06,
    )  # fmt: skip
    if kind == "masked":
        return transformers.DistilBertForMaskedLM(config)
    return transformers.DistilBertForSequenceClassification(config)


def vocabulary(chance: random.Random, count: int) -> list[str]:
    """Words of two or three syllables."""
    syllables = [
        first + vowel + last for first in "bdfgklmnprst" for vowel in "aeiou" for last in ("", "n", "r")
    ]
    words = {"".join(chance.choices(syllables, k=chance.choice((2, 3)))) for _ in range(count)}
    return sorted(words)


def table(texts: Sequence[str]) -> pd.DataFrame:
    """Prompts of a suite that has nothing but texts."""
    plain = {
        "item": "", "axis": "gender", "arm": "swap", "template": "t", "cluster": "t", "name": "", "group": "women",
        "stratum": "", "position": 0, "base_id": "", "repeats": 1, "spans": "[]",
    }  # fmt: skip
    return PROMPTS.frame(
        {
            **plain,
            "prompt_id": Prompt(messages=(Message(role="text", text=text),)).id,
            "messages": json.dumps([["text", text]]),
        }
        for text in texts
    )


def rate(texts: Sequence[str], seconds: float) -> str:
    return f"{len(texts) / seconds:,.1f}/s"


def apart(found: Sequence[dict[str, float]], expected: Sequence[dict[str, float]]) -> float:
    """The largest difference of two scores of one name."""
    return max(
        abs(one[name] - float(other[name]))
        for one, other in zip(found, expected, strict=True)
        for name in one
    )
