"""Forward passes: a loaded model with its tokenizer, and rows of token ids in right-padded batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from inspect import signature
from math import isfinite
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from audit.adapters import attach
from audit.devices import is_there
from audit.errors import InputError
from audit.keyvalues import Kept, Past
from audit.memory import Room, in_passes
from audit.projection import Need, hidden_states, of_tokens, output_layer
from audit.records import Answer
from audit.trees import Layout

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
Task = Literal["answer", "classify", "choose", "fill"]
CLASSES: dict[Task, str] = {
    "answer": "AutoModelForSeq2SeqLM",
    "classify": "AutoModelForSequenceClassification",
    "choose": "AutoModelForCausalLM",
    "fill": "AutoModelForMaskedLM",
}
TINY = 5_000_000
SELF_TEST = ("Yes.", "No, the second of these two lines is longer.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Token ids of one text, its token types where the model wants them, and what a decoder is given beside them."""

    ids: list[int]
    types: list[int] | None = None
    target: list[int] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A torch module in evaluation mode, its tokenizer, and what it bears."""

    model: Any
    tokenizer: Any
    device: str
    limit: int
    """Longest row in tokens."""
    pad_id: int
    words: int
    """Size of the vocabulary that the model embeds."""
    head: int
    """How many special tokens the tokenizer puts before a text."""
    tail: int
    """How many special tokens the tokenizer puts after a text."""
    keeps: bool
    """Whether the module can leave out the logits of positions that nobody asked for."""
    pads: bool
    """Whether rows of different lengths may share a pass (right-padded) without changing each other's answers."""
    writes: bool = False
    """Whether it is an encoder with a decoder that is given a target."""
    output_layer: Any = None
    """The layer that makes logits of hidden states, where nothing else happens to them."""
    continues: int = 0
    """The longest row that may be worked out from a beginning that others have too; 0: all are worked out whole."""
    token_bytes: int = 0
    """What is kept of one token of a beginning, in bytes."""
    kept: Kept = field(default_factory=Kept)
    """The root that the last passes had in common."""
    room: Room = field(default_factory=Room)
    """What did not fit into memory so far."""
    lock: Lock = field(default_factory=Lock)
    """Held while the tokenizer is used: the next prompts are tokenised while these are asked."""

    def in_passes(
        self, lengths: Sequence[int], ask: Callable[[list[int]], list[T]], *, budget: int
    ) -> Iterator[tuple[int, T]]:
        """Every index of `lengths` with what `ask` gives for it, in passes of at most `budget` padded tokens."""
        return in_passes(lengths, ask, budget=budget, pad=self.pads, room=self.room)

    def encode(self, texts: Sequence[str], *, special: bool = True) -> list[Row]:
        """One row a text, never cut."""
        if not texts:
            return []
        with self.lock:
            found = self.tokenizer(
                list(texts), add_special_tokens=special, return_attention_mask=False, verbose=False
            )
        ids = found["input_ids"]
        types = found.get("token_type_ids") or [None] * len(ids)
        return [Row(ids=row, types=kinds) for row, kinds in zip(ids, types, strict=True)]

    def logits(
        self,
        rows: Sequence[Row],
        *,
        keep: Sequence[int] = (),
        past: Past | None = None,
        layout: Layout | None = None,
    ) -> Tensor:
        """One pass over right-padded rows: (rows, labels), or (rows, len(keep), words) at the positions `keep`.

        Of rows with a target, the positions are those of the target; of rows that continue a `past`, their own. Rows
        may be trees, as their `layout` says.
        """
        import torch

        inputs: dict[str, Any] = {
            "input_ids": _padded([row.ids for row in rows], self.pad_id),
            "attention_mask": _padded([[1] * len(row.ids) for row in rows], 0),
        }
        if rows[0].types is not None:
            inputs["token_type_ids"] = _padded([row.types or [] for row in rows], 0)
        if rows[0].target is not None:
            targets = [row.target or [] for row in rows]
            inputs["decoder_input_ids"] = _padded(targets, self.pad_id)
            inputs["decoder_attention_mask"] = _padded([[1] * len(target) for target in targets], 0)
        arguments: dict[str, Any] = {
            name: torch.tensor(values, device=self.device) for name, values in inputs.items()
        }
        if layout is not None:
            arguments |= layout.told(self.model.dtype, self.device)
        if past is not None:
            arguments |= {"past_key_values": past.cache, "use_cache": True}
        places = torch.tensor(keep, dtype=torch.long, device=self.device)
        if keep and self.keeps:
            arguments["logits_to_keep"] = places
        with torch.inference_mode():
            found: Tensor = self.model(**arguments).logits
        return found[:, places] if keep and not self.keeps else found

    def logits_at(
        self,
        rows: Sequence[Row],
        places: Sequence[tuple[int, int]],
        *,
        past: Past | None = None,
        layout: Layout | None = None,
    ) -> Tensor:
        """(Places, words): the logits at some places (row, position) of one pass."""
        import torch

        lines = [row for row, _ in places]
        if self.output_layer is not None:
            with hidden_states(self.output_layer) as reached:
                self.logits(rows, past=past, layout=layout)
            with torch.inference_mode():
                found: Tensor = self.output_layer(reached[0][lines, [at for _, at in places]])
            return found
        keep = sorted({at for _, at in places})
        logits = self.logits(rows, keep=keep, past=past, layout=layout)
        return logits[lines, [keep.index(at) for _, at in places]]

    def token_log_probs(
        self,
        rows: Sequence[Row],
        needs: Sequence[Need],
        *,
        past: Past | None = None,
        layout: Layout | None = None,
    ) -> list[float]:
        """log p(token) at position `at` of a row (log-softmax in fp32), for each need (row, at, token).

        Logits are made only for positions that somebody needs, and each position's softmax once. Rows may continue a
        `past`, which then holds them too.
        """
        if self.output_layer is not None:
            with hidden_states(self.output_layer) as reached:
                self.logits(rows, past=past, layout=layout)
            layer = self.output_layer
            return of_tokens(reached[0], needs, words=self.words, layer=layer) if needs else []
        keep = sorted({at for _, at, _ in needs} or {0})
        column = {at: number for number, at in enumerate(keep)}
        logits = self.logits(rows, keep=keep, past=past, layout=layout)
        inner = [(row, column[at], token) for row, at, token in needs]
        return of_tokens(logits, inner, words=self.words) if needs else []

    def too_long(self, tokens: int) -> Answer | None:
        """The failed record of a prompt that the model cannot read whole."""
        if tokens <= self.limit:
            return None
        return Answer(error=f"longer than the model: {tokens} tokens, limit {self.limit}")


def _padded(rows: Sequence[list[int]], filler: int) -> list[list[int]]:
    """Rows of one length, filled up on the right."""
    width = max(len(row) for row in rows)
    return [row + [filler] * (width - len(row)) for row in rows]


def scored(scores: Mapping[str, float]) -> Answer:
    """Log-probabilities as an answer; a failed record where the model gave no number."""
    bad = next((name for name, value in scores.items() if not isfinite(value)), None)
    if bad is not None:
        return Answer(error=f"the model gave no finite number for {bad!r} ({scores[bad]})")
    return Answer(scores=scores)


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """How a model is loaded and run; everything here may change the last digits of an answer."""

    task: Task
    dtype: str
    device: str
    threads: int
    batch_tokens: int


def load(folder: Path, loading: Loading, *, adapter: Path | None = None) -> Loaded:
    """The model of a folder with its adapter, ready to answer; InputError says why it cannot be loaded."""
    import torch
    import transformers

    torch.set_num_threads(loading.threads)
    if not is_there(loading.device):
        raise InputError(
            f"{folder}: 'device' is {loading.device}, but torch finds none here; leave 'device' out, or say cpu"
        )
    safe = {"trust_remote_code": False, "local_files_only": True}
    try:
        with quiet():
            model, missing = _weights(folder, loading, safe)
            if adapter is not None:
                model, given = attach(model, adapter)
                missing -= given
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **safe)
            loaded = _ready(model.eval(), tokenizer, device=loading.device, writes=loading.task == "answer")
    except Exception as error:
        raise InputError(f"{folder}: the model cannot be loaded: {_reason(error)}") from error
    if missing:
        names = sorted(missing)
        raise InputError(
            f"{folder}: {len(names)} weights are missing ({', '.join(names[:3])} …) and random numbers would answer"
        )
    return loaded


def _reason(error: Exception) -> str:
    """What a library says of a model that it cannot load, in one line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    said = " ".join(line.strip() for line in lines[: 1 + lines[0].rstrip().endswith(":")])
    if "ignore_mismatched_sizes" in said:
        return "its weights have other shapes than its config.json says"
    return f"one of its files lacks the key {said}" if isinstance(error, KeyError) else said


def _weights(folder: Path, loading: Loading, safe: Mapping[str, bool]) -> tuple[Any, set[str]]:
    """The module with its weights where they run, and the names of weights that no file holds.

    Quantised weights are put in place while they are read: they cannot be moved afterwards. ValueError where nothing
    here reads their format; the library itself would take the packed numbers for weights.
    """
    import torch
    import transformers
    from transformers.quantizers.auto import AutoHfQuantizer

    known: Any = AutoHfQuantizer
    packed = getattr(transformers.AutoConfig.from_pretrained(folder, **safe), "quantization_config", None)
    if packed is not None and not known.supports_quant_method(packed):
        raise ValueError("its weights are quantised in a way that this transformers does not know")
    model, report = getattr(transformers, CLASSES[loading.task]).from_pretrained(
        folder,
        dtype=getattr(torch, loading.dtype),
        use_safetensors=True,
        output_loading_info=True,
        **({"device_map": {"": loading.device}} if packed is not None else {}),
        **safe,
    )
    return model if packed is not None else model.to(loading.device), set(report["missing_keys"])


def _ready(model: Any, tokenizer: Any, *, device: str, writes: bool) -> Loaded:
    """The limits of a loaded model, with a self-test of padding."""
    config = model.config.get_text_config()
    config.use_cache = False
    end = tokenizer("a", return_special_tokens_mask=True)
    mask = end["special_tokens_mask"]
    head, tail = (
        next((n for n, special in enumerate(side) if not special), 0) for side in (mask, mask[::-1])
    )
    words = int(model.get_input_embeddings().weight.shape[0])
    if config.pad_token_id is None:
        config.pad_token_id = _free_token(tokenizer, last=(end["input_ids"] or [-1])[-1], words=words)
    loaded = Loaded(
        model=model,
        tokenizer=tokenizer,
        device=device,
        limit=_limit(model, tokenizer),
        pad_id=config.pad_token_id,
        words=words,
        head=head,
        tail=tail,
        keeps="logits_to_keep" in signature(model.forward).parameters,
        pads=True,
        writes=writes,
    )
    return replace(loaded, pads=_pads(loaded), output_layer=_output_layer(loaded))


def _output_layer(loaded: Loaded) -> Any:
    """The layer that makes the logits of a language model, tried with two short texts."""
    rows = loaded.encode(SELF_TEST)
    if not all(0 < len(row.ids) <= loaded.limit for row in rows):
        return None
    if loaded.writes:
        rows = [replace(row, target=row.ids) for row in rows]
    return output_layer(loaded.model, lambda: loaded.logits(rows))


def _free_token(tokenizer: Any, *, last: int, words: int) -> int:
    """A known token to pad with that is not the one every text ends in: classifiers look for the last other token."""
    named = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.unk_token_id)
    return next(
        int(token) for token in (*named, 0, 1) if token is not None and token < words and token != last
    )


def _limit(model: Any, tokenizer: Any) -> int:
    """Positions that the model knows (RoBERTa's kin keep some for padding), else the tokenizer's own limit."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 0
    if positions <= 0:
        return int(min(tokenizer.model_max_length, 10**9))
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return int(min(positions, module.num_embeddings) - module.padding_idx - 1)
    return int(positions)


def _pads(loaded: Loaded) -> bool:
    """Whether a short row gives the same logits alone and padded beside a longer one."""
    short, long = loaded.encode(SELF_TEST)
    if len(short.ids) == len(long.ids) or len(long.ids) > loaded.limit or not short.ids:
        return False
    if loaded.writes:
        short, long = replace(short, target=short.ids), replace(long, target=long.ids)
    alone = loaded.logits([short])
    beside = loaded.logits([short, long])[:1]
    if alone.dim() == 3:
        alone, beside = alone[:, -1], beside[:, len(short.ids) - 1]
    allowed = 1e-3 if loaded.model.dtype.itemsize == 4 else 5e-2
    return bool((alone - beside).abs().max() <= allowed * max(1.0, float(alone.abs().max())))


def usable_threads(parameters: int) -> int:
    """OMP_NUM_THREADS where it is set, as torch itself does, else the processors this process may use.

    A tiny model runs on one: its steps are too short to share, and on a busy machine threads that wait for each other
    make it many times slower (screening-v1 on two busy cores: 2,080 answers a second with one thread, 130 with two).
    """
    if parameters < TINY:
        return 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def quiet() -> Iterator[None]:
    """Loading without the library's own progress bars and reports; ours follow."""
    import transformers

    logging: Any = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
