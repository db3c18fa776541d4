"""The shape of a reference model: a small BERT classifier with its tokenizer, stored as weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

LABELS = ("reject", "invite")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_LENGTH = 256
PIECES = 400
LENGTHS = (2, 3)
SHAPE: Mapping[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 192,
}


def make_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer that has every word of `texts` whole, and pieces for all others."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    plain = [text.replace("$", " ").replace("{", " ").replace("}", " ") for text in texts]
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    split = (splitter.pre_tokenize_str(normalizer.normalize_str(text)) for text in plain)
    words = sorted({word for parts in split for word, _ in parts})
    tokens = dict.fromkeys([*SPECIAL, *_pieces(words), *words])
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )  # fmt: skip
    fast: Any = PreTrainedTokenizerFast
    made: PreTrainedTokenizerFast = fast(
        tokenizer_object=tokenizer, model_max_length=MAX_LENGTH, pad_token="[PAD]", unk_token="[UNK]",
        cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
    )  # fmt: skip
    return made


def _pieces(words: Sequence[str]) -> list[str]:
    """Letters, and the most frequent beginnings and continuations of the words."""
    begins, goes_on = Counter[str](), Counter[str]()
    for word in words:
        for length in LENGTHS:
            begins[word[:length]] += 1
            goes_on.update(f"##{word[at : at + length]}" for at in range(1, len(word) - length + 1))
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    frequent = [
        piece
        for counts in (begins, goes_on)
        for piece, _ in sorted(counts.items(), key=lambda row: (-row[1], row[0]))[:PIECES]
    ]
    return [*letters, *(f"##{letter}" for letter in letters), *frequent]


def make_model(vocabulary: int) -> BertForSequenceClassification:
    """An untrained classifier with the labels reject and invite."""
    from transformers import BertConfig, BertForSequenceClassification

    config: Any = BertConfig(
        vocab_size=vocabulary, max_position_embeddings=MAX_LENGTH, type_vocab_size=2, pad_token_id=0,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **SHAPE,
        id2label=dict(enumerate(LABELS)), label2id={label: number for number, label in enumerate(LABELS)},
    )  # fmt: skip
    return BertForSequenceClassification(config)


def save(model: BertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Weights (safetensors), configuration and tokenizer in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for file in folder.iterdir():
        file.chmod(0o644)
