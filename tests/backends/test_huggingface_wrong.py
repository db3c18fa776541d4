"""What can be wrong with a folder of weights or a model file: one sentence with exit code 2, no wrong answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from test_collect import asking

from audit.backends.huggingface import CPU_TOKENS, GPU_TOKENS, LEAST_TOKENS, HuggingFace
from audit.errors import InputError
from audit.modelfile import open_model
from audit.weights import read_folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.causal(tmp_path_factory.mktemp("whole") / "tiny")


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "tiny"))


def asked(spec: str, beside: Path = Path()) -> Any:
    """The answer to one question: opening, loading and asking must not fail otherwise than with a sentence."""
    backend: Any = open_model(spec, beside=beside)
    return backend.choose([asking("Invite? Answer:")], [" Yes", " No"])[0]


def remove(*patterns: str) -> Callable[[Path], None]:
    def done(folder: Path) -> None:
        for pattern in patterns:
            for file in folder.glob(pattern):
                file.unlink()

    return done


def write(name: str, content: bytes | str) -> Callable[[Path], None]:
    return lambda folder: (
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content) and None
    )


def configure(**changes: Any) -> Callable[[Path], None]:
    def done(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return done


def cut(share: float) -> Callable[[Path], None]:
    def done(folder: Path) -> None:
        file = folder / "model.safetensors"
        content = file.read_bytes()
        file.write_bytes(content[: int(len(content) * share)])

    return done


def rename(old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: (folder / old).rename(folder / new) and None


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n"


@pytest.mark.parametrize(("damage", "sentence"), [
    (remove("config.json"), "is a model folder only with a config.json"),
    (remove("*.safetensors"), "holds no weights: no .safetensors file"),
    (rename("model.safetensors", "pytorch_model.bin"), "holds pytorch_model.bin but no .safetensors file"),
    (remove("token*", "vocab*", "merges*", "special*"), "holds no tokenizer"),
    (cut(0.999), "no readable safetensors file"), (cut(0.5), "no readable safetensors file"),
    (cut(0.001), "no readable safetensors file"), (write("model.safetensors", LFS), "a Git LFS pointer"),
    (write("model.safetensors", b"\xff" * 200), "no readable safetensors file"),
    (write("config.json", '{"architectures": ['), "config.json: no readable JSON"),
    (write("config.json", "[]"), "a JSON object is expected"), (write("config.json", b"\xff\xfe"), "no readable JSON"),
    (write("tokenizer.json", "{"), "tokenizer.json: no readable JSON"),
    (write("tokenizer.json", '{"a": 1}'), "one of its files lacks the key 'added_tokens'"),
    (write("tokenizer_config.json", ""), "tokenizer_config.json: no readable JSON"),
    (write("generation_config.json", "{"), "generation_config.json: no readable JSON"),
    (write("chat_template.jinja", b"\xff\xfe"), "the model cannot be loaded"),
    (configure(architectures=3), "names no architecture"), (configure(architectures="X"), "names no architecture"),
    (configure(architectures=[]), "names no architecture"),
    (configure(architectures=["Foo"]), "its architecture is Foo"),
    (configure(model_type="nosuch"), "does not recognize this architecture"),
    (configure(n_embd=48), "its weights have other shapes than its config.json says"),
    (configure(n_layer=3), "weights are missing"), (configure(n_embd="x"), "expected int, got str"),
    (configure(quantization_config={"quant_method": "gptq", "bits": 4}), "cannot be loaded: Loading a GPTQ"),
    (configure(quantization_config={"quant_method": "nosuch"}), "in a way that this transformers does not know"),
    (configure(auto_map={"AutoModelForCausalLM": "code.Model"}, model_type="own"), "cannot be loaded"),
])  # fmt: skip
def test_a_damaged_folder_is_told_in_one_sentence(
    copy: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    damage(copy)
    with pytest.raises(InputError) as caught:
        asked(f"hf:{copy}")
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
    assert str(copy) in str(caught.value) and caught.value.exit_code == 2


@pytest.mark.parametrize(("lines", "sentence"), [
    ("device: cuda", "'device' is cuda, but torch finds none here"),
    ("device: mps", "'device' is mps, but torch finds none here"),
    ("device: tpu", "'device' is 'tpu'; allowed: auto, cpu, cuda, mps"),
    ("revision: abc", "has no revision 'abc'"), ("adapter_revision: abc", "says nothing without 'adapter'"),
    ("adapter: ./nowhere", "./nowhere: no such folder"), ("adapter: ./empty", "only with a file adapter_config.json"),
    ("adapter: ./lfs", "lfs/adapter_model.safetensors: no readable safetensors file"),
    ("threads: 0", "'threads' is 0"), ("batch_tokens: 0", "'batch_tokens' is 0"),
    ("temperature: -1", "'temperature' is -1"),
    ("labels: {a: b}", "is a causal language model; 'labels' is for classifiers"),
])  # fmt: skip
def test_a_model_file_that_cannot_be_followed_is_told_in_one_sentence(
    copy: Path, tmp_path: Path, lines: str, sentence: str
) -> None:
    import torch

    device = lines.removeprefix("device: ")
    if (device == "cuda" and torch.cuda.is_available()) or (
        device == "mps" and torch.backends.mps.is_available()
    ):
        pytest.skip(f"this machine has {device}")
    if "adapter:" in lines:
        pytest.importorskip("peft")
    (tmp_path / "empty").mkdir()
    (tmp_path / "lfs").mkdir()
    (tmp_path / "lfs/adapter_config.json").write_text('{"peft_type": "LORA", "task_type": "CAUSAL_LM"}')
    (tmp_path / "lfs/adapter_model.safetensors").write_text(LFS)
    (tmp_path / "model.yaml").write_text(f"model: 1\nkind: hf\nname: ./tiny\n{lines}\n")
    with pytest.raises(InputError) as caught:
        asked("model.yaml", tmp_path)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["no-such-owner/no-such-model", "~nobody-of-this-name/x", "a/b/c", "../..", ".", "x y"]
)
def test_a_name_that_is_no_model_is_told_in_one_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError) as caught:
        open_model(f"hf:{name}")
    assert "\n" not in str(caught.value)


def test_short_numbers_are_refused_where_the_processor_does_not_compute_in_them(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audit.backends import huggingface

    monkeypatch.setattr(huggingface, "has_instructions", lambda dtype: dtype == "float32")
    for dtype in ("float16", "bfloat16"):
        document = HuggingFace(model=1, kind="hf", name=str(whole), dtype=dtype, device="cpu")
        document._path = Path("model")
        with pytest.raises(InputError, match=f"no instructions for {dtype} .* leave 'dtype' out"):
            document.open()


@pytest.mark.parametrize(("device", "parameters", "tokens"), [
    ("cpu", 10**7, CPU_TOKENS), ("cpu", 67 * 10**6, CPU_TOKENS), ("cpu", 7 * 10**9, LEAST_TOKENS),
    ("cuda", 10**8, GPU_TOKENS), ("cuda", 7 * 10**9, 14_285), ("cuda", 70 * 10**9, 1428),
    ("cuda", 10**12, LEAST_TOKENS), ("mps", 10**8, GPU_TOKENS), ("mps", 7 * 10**9, 1428),
])  # fmt: skip
def test_a_pass_is_as_large_as_the_device_and_the_model_let_it_be(
    whole: Path, device: str, parameters: int, tokens: int
) -> None:
    document = HuggingFace.model_validate(
        {"model": 1, "kind": "hf", "name": "m", "device": device, "threads": 1}
    )
    weights = replace(read_folder(whole), parameters=parameters)
    assert document._loading("choose", weights).batch_tokens == tokens
