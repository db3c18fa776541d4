"""Adapters: small sets of weights (LoRA and its kin) that are put on the weights of another model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

from audit.errors import InputError
from audit.weights import UNSAFE, WeightFolder, digest, locate, parameters, read_json

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PROMPTS = (
    "ADAPTION_PROMPT", "CARTRIDGE", "CPT", "MULTITASK_PROMPT_TUNING", "PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING",
)  # fmt: skip
"""Types that put learned tokens before a text: every position of the text is another one then."""
TASKS = {
    "SEQ_CLS": ("ForSequenceClassification",),
    "CAUSAL_LM": ("ForCausalLM", "LMHeadModel"),
    "SEQ_2_SEQ_LM": ("ForConditionalGeneration",),
}
"""What an adapter was made for, and the architectures that do it."""
OUTER = "base_model.model."
"""What every name of an adapter's weights begins with."""


def with_adapter(weights: WeightFolder, name: str, *, beside: Path, revision: str = "") -> WeightFolder:
    """The weights with the adapter `name` on them, its digests among theirs.

    InputError where there is no such adapter, or none that can be put on these weights.
    """
    if find_spec("peft") is None:
        raise InputError("an adapter needs the package peft: pip install 'audit[peft]'")
    folder, _ = locate(name, revision=revision, beside=beside, files=(CONFIG, WEIGHTS))
    config = read_json(folder / CONFIG, f"is an adapter only with a file {CONFIG}")
    if not (folder / WEIGHTS).is_file():
        unsafe = any(
            file for pattern in UNSAFE for file in folder.glob(pattern.replace("pytorch", "adapter"))
        )
        why = "; only safetensors are loaded, because other formats can run code" if unsafe else ""
        raise InputError(f"{folder} holds no {WEIGHTS}{why}")
    parameters(folder / WEIGHTS)
    _check(name, config, weights)
    digests = {f"adapter/{file}": digest(folder / file) for file in (CONFIG, WEIGHTS)}
    return replace(weights, adapter=folder, digests={**weights.digests, **digests})


def attach(model: Any, folder: Path) -> tuple[Any, set[str]]:
    """The model with the adapter's layers in it, and the names of weights that the adapter brings whole (a head).

    The adapter stays beside the weights: merging them would round where numbers are short. ValueError where the
    adapter's file holds other weights than its layers need; the library itself would only warn.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(folder / WEIGHTS, framework="pt") as file:
        names = set(file.keys())
    with catch_warnings():
        simplefilter("ignore")
        adapted = PeftModel.from_pretrained(model, folder, is_trainable=False, local_files_only=True)
        needed = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    strange = sorted(needed - names) or sorted(names - needed - set(adapted.state_dict()))
    if strange:
        raise ValueError(f"adapter and model do not fit together, for example in {strange[0]}")
    return adapted.get_base_model(), {name.removeprefix(OUTER) for name in names}


def _check(name: str, config: Mapping[str, Any], weights: WeightFolder) -> None:
    """InputError where the adapter cannot be put on these weights."""
    kind, task = str(config.get("peft_type")), str(config.get("task_type"))
    if kind in PROMPTS:
        raise InputError(
            f"adapter {name} is of the type {kind}, which puts learned tokens before every text; "
            "allowed: types that change weights, such as LORA"
        )
    if task in TASKS and not weights.architecture.endswith(TASKS[task]):
        raise InputError(
            f"adapter {name} was made for {task}, but the architecture of the model is {weights.architecture}"
        )
