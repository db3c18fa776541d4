"""Loading: the torch module of a model folder and its tokenizer, ready for passes, with what the model bears."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any, Literal

from audit.adapters import attach
from audit.devices import is_there
from audit.errors import InputError
from audit.machine import threads
from audit.passes import SELF_TEST, Loaded
from audit.projection import output_layer

Task = Literal["answer", "classify", "choose", "fill"]
CLASSES: dict[Task, str] = {
    "answer": "AutoModelForSeq2SeqLM",
    "classify": "AutoModelForSequenceClassification",
    "choose": "AutoModelForCausalLM",
    "fill": "AutoModelForMaskedLM",
}
TINY = 5_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """How a model is loaded and run; everything here may change the last digits of an answer."""

    task: Task
    dtype: str
    device: str
    threads: int
    batch_tokens: int


def load(folder: Path, loading: Loading, *, adapter: Path | None = None, seed: int | None = None) -> Loaded:
    """The model of a folder with its adapter, ready to answer; InputError says why it cannot be loaded.

    With a `seed` it has the random weights that its class begins to learn with, and no adapter.
    """
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
            model, missing = (
                _weights(folder, loading, safe) if seed is None else _random(folder, loading, seed)
            )
            if adapter is not None and seed is None:
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


def _random(folder: Path, loading: Loading, seed: int) -> tuple[Any, set[str]]:
    """The module as its class makes it, before it has learned anything; the same for the same seed."""
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = getattr(transformers, CLASSES[loading.task]).from_config(
            config, dtype=getattr(torch, loading.dtype), trust_remote_code=False
        )
    return made.to(loading.device), set()


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
    """As many as are asked for or there (`machine.threads`), and one for a tiny model.

    A tiny model runs on one: its steps are too short to share, and on a busy machine threads that wait for each other
    make it many times slower (screening-v1 on two busy cores: 2,080 answers a second with one thread, 130 with two).
    """
    return 1 if parameters < TINY else threads()


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
