from __future__ import annotations

from pathlib import Path

import pytest
import tiny_models

from audit.backends import BACKENDS
from audit.backends.huggingface import Classifier
from audit.errors import InputError
from audit.modelfile import open_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.classifier(tmp_path_factory.mktemp("models") / "mine")


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_folder_can_be_named_on_the_command_line_or_beside_a_model_file(folder: Path) -> None:
    named = open_model(f"hf:{folder}")
    text = "model: 1\nkind: hf\nname: mine\nlabels: {LABEL_0: reject, LABEL_1: invite}\nthreads: 1\nbatch_tokens: 500\n"
    filed = open_model(write(folder.parent / "mine.yaml", text))
    assert isinstance(named, Classifier) and isinstance(filed, Classifier)
    assert filed.identity.digests == named.identity.digests
    assert filed.labels == ("reject", "invite")
    assert (filed.identity.settings["threads"], filed.batch_tokens) == (1, 500)


@pytest.mark.parametrize("spec, message", [
    ("screening-v1", "'screening-v1' names no model; allowed: hf:<name or folder>, reference:<name>"),
    ("hf:", "'hf:' names no model"),
    ("recordings:x", r"unknown kind of model 'recordings'; did you mean 'recorded'\? \(known: callable, endp"),
    ("gguf:gpt", r"unknown kind of model 'gguf' \(known: callable, endpoint, hf, recorded, reference\)"),
    ("hf:/no/such/folder", "/no/such/folder: no such folder, and no name of a model on the hub"),
    ("recorded:/no/such/*.jsonl", r"nothing matches \(answers are read from .jsonl"),
])  # fmt: skip
def test_a_model_that_cannot_be_found_is_told_with_what_is_known(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_model(spec)


@pytest.mark.parametrize("text, message", [
    ("model: 1\nkind: huggingface\nname: mine\n",
     r"2:7: 'kind' is 'huggingface'; allowed: callable, endpoint, hf, recorded, reference"),
    ("model: 1\nname: mine\n", r"1:1: the key 'kind' is missing; allowed: callable, endpoint, hf, recorded, reference"),
    ("model: 2\nkind: hf\nname: mine\n", r"1:8: 'model' is the number 2; allowed: 1"),
    ("model: 1\nkind: hf\nname: mine\ndevise: cpu\n", r"4:1: unknown key 'devise'; did you mean 'device'"),
    ("model: 1\nkind: hf\nname: mine\nthreads: 0\n", r"4:10: 'threads' is 0; allowed: at least 1"),
    ("model: 1\nkind: recorded\nname: x.csv\nthreads: 1\n", r"4:1: unknown key 'threads'"),
    ("model: 1\nkind: hf\nname: mine\ndtype: int8\n", r"4:8: 'dtype' is 'int8'; allowed: float32, bfloat16, float16"),
])  # fmt: skip
def test_a_mistake_in_a_model_file_is_told_at_its_place(text: str, message: str, folder: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        open_model(write(folder.parent / "wrong.yaml", text))
    assert caught.value.problems[0].file.endswith("wrong.yaml")


def test_a_model_file_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"nothing\.yaml: there is no such model file"):
        open_model("nothing.yaml")


def test_a_recording_can_be_named_in_a_model_file(tmp_path: Path) -> None:
    write(tmp_path / "answers.jsonl", '{"prompt_id": "p", "text": "Yes"}\n')
    model = open_model(write(tmp_path / "model.yml", "model: 1\nkind: recorded\nname: '*.jsonl'\n"))
    assert list(model.identity.digests) == ["answers.jsonl"]


def test_the_docs_have_an_example_of_every_kind() -> None:
    page = (Path(__file__).parent.parent / "docs" / "backends.md").read_text(encoding="utf-8")
    for kind in BACKENDS:
        assert f"--model {kind}:" in page
        assert f"\n## {kind}\n" in page


def test_the_model_file_in_the_docs_is_one_that_the_schema_takes(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "backends.md").read_text(encoding="utf-8")
    path = tmp_path / "docs.yaml"
    path.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    with pytest.raises(InputError, match=r"\./my-model: no such folder"):
        open_model(str(path))
