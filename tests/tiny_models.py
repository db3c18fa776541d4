"""Tiny transformers with random weights and tokenizers trained on the spot, for every test that needs a model."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

WORDS = (
    "Emily applies as a nurse. She has seven years of experience.",
    "Greg applies as a software engineer. He has two years of experience and good references.",
    "The committee reads the letter, asks three questions and decides. Should they be invited? Answer Yes or No.",
    "Rate the application from 1 to 10: 1 2 3 4 5 6 7 8 9 10.",
    "A loan, a house, a car; an old friend and a new job. Answer: Yes Answer: No",
)
CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def wordpiece(*, mask: bool = True) -> Any:
    """A BERT-like tokenizer."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(["[MASK]"] if mask else [])]
    inner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.train_from_iterator(WORDS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special))
    inner.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    marks = {"mask_token": "[MASK]"} if mask else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        **marks,
    )


def bytepairs(
    *, begins: bool = False, ends: bool = False, chat: bool = False, mask: bool = False, digits: bool = False
) -> Any:
    """A GPT-like tokenizer without a padding token; `begins` and `ends` with a special token, one a digit, if asked."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    inner = Tokenizer(models.BPE())
    parts: list[Any] = [pre_tokenizers.ByteLevel(add_prefix_space=False)]
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), *parts] if digits else parts
    )
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        WORDS, trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet)
    )
    single = f"{'<s> ' if begins else ''}$A{' </s>' if ends else ''}"
    inner.post_processor = processors.TemplateProcessing(
        single=single, special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    marks = {"mask_token": "<mask>", "pad_token": "<pad>"} if mask else {}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>", **marks)
    if chat:
        tokenizer.chat_template = CHAT
    return tokenizer


def save(folder: Path, *, model: str, tokenizer: Any, **config: Any) -> Path:
    """A model of class `model` with random weights (seed 0) and its tokenizer in `folder`."""
    import torch
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    torch.manual_seed(0)
    cls = getattr(transformers, model)
    settings = {"vocab_size": len(tokenizer), "initializer_range": 0.2, "num_labels": 2, **config}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cls(cls.config_class(**settings)).eval().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
GPT = {"n_embd": 32, "n_layer": 2, "n_head": 2, "bos_token_id": 0, "eos_token_id": 2}
LLAMA = {**SMALL, "num_key_value_heads": 1, "bos_token_id": 0, "eos_token_id": 2}
CLASSIFIERS: dict[str, tuple[dict[str, Any], Any]] = {
    "BertForSequenceClassification": (SMALL, wordpiece),
    "DistilBertForSequenceClassification": (
        {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
        wordpiece,
    ),
    "ElectraForSequenceClassification": ({**SMALL, "embedding_size": 16}, wordpiece),
    "RobertaForSequenceClassification": (
        {**SMALL, "max_position_embeddings": 66, "pad_token_id": 1},
        lambda: bytepairs(begins=True, ends=True, mask=True),
    ),
    "ModernBertForSequenceClassification": (
        {
            **SMALL,
            "pad_token_id": 0,
            "cls_token_id": 2,
            "sep_token_id": 3,
            "bos_token_id": 2,
            "eos_token_id": 3,
        },
        wordpiece,
    ),
    "GPT2ForSequenceClassification": (GPT, bytepairs),
    "LlamaForSequenceClassification": (LLAMA, lambda: bytepairs(begins=True, ends=True)),
    "XLNetForSequenceClassification": ({"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64}, wordpiece),
}
CAUSAL: dict[str, tuple[dict[str, Any], Any]] = {
    "GPT2LMHeadModel": (GPT, bytepairs),
    "LlamaForCausalLM": (LLAMA, lambda: bytepairs(begins=True)),
    "Qwen2ForCausalLM": (LLAMA, bytepairs),
    "OPTForCausalLM": (
        {"hidden_size": 32, "word_embed_proj_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 64,
         "max_position_embeddings": 128, "init_std": 0.2, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1},
        lambda: bytepairs(begins=True),
    ),
    "BloomForCausalLM": (
        {"hidden_size": 32, "n_layer": 2, "n_head": 2, "bos_token_id": 0, "eos_token_id": 2},
        bytepairs,
    ),
    "GPTNeoXForCausalLM": ({**SMALL, "bos_token_id": 0, "eos_token_id": 2}, lambda: bytepairs(ends=True)),
}  # fmt: skip
MASKED: dict[str, tuple[dict[str, Any], Any]] = {
    name.replace("ForSequenceClassification", "ForMaskedLM"): made
    for name, made in CLASSIFIERS.items()
    if name.startswith(("Bert", "DistilBert", "Electra", "Roberta", "ModernBert"))
}

ENCODER_DECODERS: dict[str, tuple[dict[str, Any], Any]] = {
    "T5ForConditionalGeneration": (
        {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2, "initializer_factor": 3.0,
         "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1},
        lambda: bytepairs(ends=True),
    ),
    "BartForConditionalGeneration": (
        {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
         "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 128,
         "init_std": 0.2, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2,
         "forced_eos_token_id": None},
        lambda: bytepairs(begins=True, ends=True, mask=True),
    ),
}  # fmt: skip


def encoder_decoder(folder: Path, architecture: str = "T5ForConditionalGeneration", **more: Any) -> Path:
    """A tiny encoder-decoder model of one of `ENCODER_DECODERS`."""
    config, tokenizer = ENCODER_DECODERS[architecture]
    return save(folder, model=architecture, tokenizer=tokenizer(), **{**config, **more})


def masked(
    folder: Path, architecture: str = "BertForMaskedLM", *, tokenizer: Any = None, **more: Any
) -> Path:
    """A tiny masked language model of one of `MASKED`."""
    config, own = MASKED[architecture]
    return save(folder, model=architecture, tokenizer=tokenizer or own(), **{**config, **more})


def classifier(folder: Path, architecture: str = "BertForSequenceClassification", **more: Any) -> Path:
    """A tiny sequence classifier of one of `CLASSIFIERS`."""
    config, tokenizer = CLASSIFIERS[architecture]
    return save(folder, model=architecture, tokenizer=tokenizer(), **{**config, **more})


def causal(
    folder: Path, architecture: str = "GPT2LMHeadModel", *, tokenizer: Any = None, **more: Any
) -> Path:
    """A tiny causal language model of one of `CAUSAL`."""
    config, own = CAUSAL[architecture]
    return save(folder, model=architecture, tokenizer=tokenizer or own(), **{**config, **more})
