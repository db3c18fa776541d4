"""Adapters, quantised weights, number formats: what is put on or packed into the weights."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_models

from audit.backends.huggingface import HuggingFace
from audit.devices import has_instructions
from audit.errors import InputError
from audit.records import Message, Prompt

pytest.importorskip("peft")
TEXTS = ("Emily applies as a nurse.", "Greg has a car, a loan and an old friend.")
ASKED = tuple(Prompt(messages=(Message(role="text", text=text),)) for text in TEXTS)


def opened(folder: Path, **settings: object) -> Any:
    return HuggingFace.model_validate({"model": 1, "kind": "hf", "name": str(folder), **settings}).open()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.classifier(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.causal(tmp_path_factory.mktemp("writer"), "LlamaForCausalLM")


def adapter(folder: Path, base: Path, *, kind: str, task: str, layers: list[str]) -> Path:
    """A LoRA adapter with random weights for the model in `base`."""
    import torch
    import transformers
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    model = getattr(transformers, kind).from_pretrained(base)
    config = LoraConfig(task_type=task, r=4, target_modules=layers, init_lora_weights=False)
    get_peft_model(model, config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def for_base(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("adapter")
    kind = "AutoModelForSequenceClassification"
    return adapter(place, base, kind=kind, task="SEQ_CLS", layers=["query", "value"])


@pytest.fixture(scope="module")
def for_writer(writer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("adapter")
    return adapter(place, writer, kind="AutoModelForCausalLM", task="CAUSAL_LM", layers=["q_proj", "v_proj"])


# --------------------------------------------------------------------- adapters


def test_an_adapted_classifier_answers_as_peft_does_one_by_one(base: Path, for_base: Path) -> None:
    import torch
    import transformers
    from peft import PeftModel

    bare = transformers.AutoModelForSequenceClassification.from_pretrained(base)
    model = PeftModel.from_pretrained(bare, for_base).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    answers = opened(base, adapter=str(for_base)).classify(ASKED)
    for text, answer, without in zip(TEXTS, answers, opened(base).classify(ASKED), strict=True):
        with torch.no_grad():
            expected = model(**tokenizer(text, return_tensors="pt")).logits.log_softmax(-1)[0].tolist()
        assert list(answer.scores.values()) == pytest.approx(expected, abs=1e-5)
        assert answer.scores != pytest.approx(dict(without.scores), abs=1e-2)


def test_an_adapted_causal_model_scores_as_its_merged_weights_do(
    writer: Path, for_writer: Path, tmp_path: Path
) -> None:
    import transformers
    from peft import PeftModel

    bare = transformers.AutoModelForCausalLM.from_pretrained(writer)
    PeftModel.from_pretrained(bare, for_writer).merge_and_unload().save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(writer).save_pretrained(tmp_path)
    options = [" Yes", " an old friend"]
    for one, other in zip(
        opened(writer, adapter=str(for_writer)).choose(ASKED, options),
        opened(tmp_path).choose(ASKED, options),
        strict=True,
    ):
        assert one.scores == pytest.approx(dict(other.scores), abs=1e-4)


def test_a_head_that_the_adapter_brings_is_no_missing_weight(tmp_path: Path, base: Path) -> None:
    headless = tiny_models.save(
        tmp_path / "bare", model="BertModel", tokenizer=tiny_models.wordpiece(), **tiny_models.SMALL
    )
    settings = json.loads((headless / "config.json").read_text())
    settings["architectures"] = ["BertForSequenceClassification"]
    (headless / "config.json").write_text(json.dumps(settings))
    kind = "AutoModelForSequenceClassification"
    made = adapter(tmp_path / "adapter", headless, kind=kind, task="SEQ_CLS", layers=["query"])
    assert opened(headless, adapter=str(made)).classify(ASKED)[0].error is None
    with pytest.raises(InputError, match="2 weights are missing"):
        opened(headless).classify(ASKED)


def test_the_identity_follows_the_adapters_weights_and_not_its_place(
    base: Path, for_base: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(for_base, tmp_path / "copy")
    identity = opened(base, adapter=str(for_base)).identity
    assert {"adapter/adapter_config.json", "adapter/adapter_model.safetensors"} < set(identity.digests)
    assert opened(base, adapter=str(copy)).identity.id == identity.id != opened(base).identity.id
    with (copy / "adapter_model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    assert opened(base, adapter=str(copy)).identity.id != identity.id


def configured(**values: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        file = folder / "adapter_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))

    return change


def only_pickle(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


@pytest.mark.parametrize("spoil, message", [
    (only_pickle, "holds no adapter_model.safetensors; only safetensors are loaded"),
    (lambda folder: (folder / "adapter_config.json").unlink(), "is an adapter only with a file adapter_config.json"),
    (configured(peft_type="PROMPT_TUNING"), "is of the type PROMPT_TUNING, which puts learned tokens before every"),
    (configured(task_type="CAUSAL_LM"), "was made for CAUSAL_LM, but the architecture of the model is BertFor"),
    (configured(target_modules=["key"]), "adapter and model do not fit together, for example in base_model"),
    (configured(target_modules=["nowhere"]), "the model cannot be loaded: "),
])  # fmt: skip
def test_an_adapter_that_does_not_fit_is_refused_in_one_sentence(
    spoil: Callable[[Path], object], message: str, base: Path, for_base: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(for_base, tmp_path / "adapter")
    spoil(folder)
    with pytest.raises(InputError, match=message) as caught:
        opened(base, adapter=str(folder)).classify(ASKED)
    assert "\n" not in str(caught.value)


def test_an_adapter_without_peft_says_what_to_install(
    base: Path, for_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"an adapter needs the package peft: pip install 'audit\[peft\]'"):
        opened(base, adapter=str(for_base))


def test_a_revision_of_no_adapter_and_an_adapter_that_is_nowhere_are_refused(base: Path) -> None:
    with pytest.raises(InputError, match="'adapter_revision' says nothing without 'adapter'"):
        opened(base, adapter_revision="main")
    with pytest.raises(InputError, match="no such folder"):
        opened(base, adapter="./nowhere")


# ------------------------------------------------- quantised weights, number formats


@pytest.mark.parametrize("settings", [
    {"quant_method": "bitsandbytes", "load_in_8bit": True},
    {"quant_method": "gptq", "bits": 4},
    {"quant_method": "awq", "bits": 4},
    {"quant_method": "no-such-method"},
])  # fmt: skip
def test_quantised_weights_that_cannot_be_loaded_here_are_one_sentence(
    settings: dict[str, object], base: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(base, tmp_path / "packed")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": settings}))
    with pytest.raises(InputError, match=r"the model cannot be loaded: \w+") as caught:
        opened(folder, device="cpu").classify(ASKED)
    assert "\n" not in str(caught.value)


def test_quantised_weights_that_transformers_loads_answer_as_a_plain_call_does(
    writer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    import transformers

    pytest.importorskip("accelerate")
    import torch._dynamo

    monkeypatch.setattr(torch._dynamo.config, "disable", True)  # compiling takes most of a minute
    folder = shutil.copytree(writer, tmp_path / "packed")
    config = json.loads((folder / "config.json").read_text())
    packed = {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online"}
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": packed}))
    answers = opened(folder, device="cpu").next_token(ASKED)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, device_map={"": "cpu"}).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for text, answer, without in zip(TEXTS, answers, opened(writer).next_token(ASKED), strict=True):
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        with torch.no_grad():
            best = model(ids).logits[0, -1].double().log_softmax(-1).topk(50)
        names = tokenizer.convert_ids_to_tokens(best.indices.tolist())
        rest = answer.scores[""]
        expected = {**dict(zip(names, best.values.tolist(), strict=True)), "": rest}
        assert answer.scores == pytest.approx(expected, abs=1e-4)
        assert answer.scores != without.scores


def test_bfloat16_is_for_processors_that_have_instructions_for_it(tmp_path: Path) -> None:
    listing = tmp_path / "cpuinfo"
    for flags, has in (
        ("fpu avx2 avx512f", False),
        ("fpu avx512_bf16", True),
        ("fpu amx_bf16 amx_tile", True),
    ):
        listing.write_text(f"model name\t: x\nflags\t\t: {flags}\n")
        assert has_instructions("bfloat16", listing) is has
    assert has_instructions("bfloat16", tmp_path / "nothing")


def test_bfloat16_without_instructions_is_refused_before_anything_is_loaded(base: Path) -> None:
    if has_instructions("bfloat16"):
        assert opened(base, dtype="bfloat16", device="cpu").classify(ASKED)[0].error is None
        return
    with pytest.raises(InputError, match="has no instructions for bfloat16"):
        opened(base, dtype="bfloat16", device="cpu")
