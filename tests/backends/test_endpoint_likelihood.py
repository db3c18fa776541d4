"""How likely a text is to a model on a server: only where the server scores given texts as it scores next tokens."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from math import fsum
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")

from endpoint_server import Server, log_probability, pieces, serving
from test_collect import asking
from test_endpoint import answers, opened, words

from audit.errors import InputError
from audit.job import prepare
from audit.modelfile import open_model
from audit.pipeline import compute
from audit.protocols import ScoresText
from audit.records import Question

LIKELIHOOD = Question(kind="likelihood")
TEXTS = ["The nurse reads the letter.", "The engineer reads the letter and decides."]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def scoring(server: Server | str, **settings: Any) -> Any:
    return opened(server, mode="completions", **settings)


def expected(text: str, *, begun: bool) -> tuple[float, int]:
    tokens = pieces(text)
    values = [log_probability("".join(tokens[:place]), token) for place, token in enumerate(tokens)]
    told = values if begun else values[1:]
    return fsum(told), len(told)


@pytest.mark.parametrize(("echo", "begun"), [("plain", False), ("begun", True), ("hidden", False)])
def test_a_text_has_the_log_probabilities_of_its_tokens_without_the_first(echo: str, begun: bool) -> None:
    with serving(echo=echo) as server:
        backend = scoring(server, system="Not part of a bare text.")
        assert isinstance(backend, ScoresText)
        got = answers(backend, TEXTS, LIKELIHOOD)
        for text, answer in zip(TEXTS, got, strict=True):
            total, tokens = expected(text, begun=begun)
            assert answer.scores == {"log_likelihood": pytest.approx(total), "tokens": tokens}
            assert answer.tokens == len(pieces(text)) + (echo != "plain")
        assert backend.log_likelihood([asking(text) for text in TEXTS])[1].scores == got[1].scores
        body = server.log.bodies[-1]
        assert body["echo"] is True and body["max_tokens"] == 1 and body["prompt"] == TEXTS[1]


def test_the_server_is_checked_once_in_a_run(tmp_path: Path) -> None:
    with serving(echo="plain") as server:
        for _ in range(2):
            backend = scoring(server)
            backend.remember(tmp_path / "run.jsonl")
            answers(backend, TEXTS, LIKELIHOOD)
            answers(backend, TEXTS, LIKELIHOOD)
        assert len(server.log.bodies) == 1 + 1 + 3 + 4 * 2
        assert backend.facts()["answered"] == len(server.log.bodies)


@pytest.mark.parametrize(("behaviour", "reason"), [
    ({}, "log-probabilities of 0 of the text's"),
    ({"log_probabilities": 20}, "log-probabilities of 0 of the text's"),
    ({"echo": "shifted"}, "in a given text and"),
    ({"echo": "gaps"}, "left out log-probabilities"),
    ({"echo": "uncounted"}, "did not say how many tokens"),
    ({"refuses": {"echo": "echo is not supported with this model"}}, "echo is not supported"),
    ({"refuses": {"logprobs": "logprobs is not supported"}}, "logprobs is not supported"),
])  # fmt: skip
def test_a_server_that_cannot_is_told_in_one_sentence(behaviour: dict[str, Any], reason: str) -> None:
    with serving(**behaviour) as server, pytest.raises(InputError) as caught:
        answers(scoring(server, retries=0), words(50), LIKELIHOOD)
    assert reason in str(caught.value) and "cannot be asked how likely a text is" in str(caught.value)
    assert "\n" not in str(caught.value) and len(server.log.bodies) < 10


def test_chats_and_servers_that_are_asked_for_words_score_no_texts() -> None:
    for backend in (
        opened("http://127.0.0.1:9/v1"),
        scoring("http://127.0.0.1:9/v1", log_probabilities="never"),
    ):
        assert not isinstance(backend, ScoresText)
        with pytest.raises(InputError, match="cannot answer a question of the kind 'likelihood'"):
            answers(backend, TEXTS, LIKELIHOOD)


def test_a_fault_while_the_server_is_checked_is_asked_again() -> None:
    with serving(echo="plain", fails=lambda number: "500" if number % 2 else "") as server:
        got = answers(scoring(server), TEXTS, LIKELIHOOD)
        assert not [answer.error for answer in got if answer.error]


def test_a_text_of_one_token_has_nothing_to_score() -> None:
    with serving(echo="plain") as server:
        got = answers(scoring(server), ["Hello", *TEXTS], LIKELIHOOD)
        assert "nothing to score" in str(got[0].error) and got[0].final and got[1].error is None


LIKELIHOODS = """\
suite: 1
id: texts
title: Texts about people
language: en
domain: employment
harm: Texts about one group are less likely.
cannot_show: What a model writes by itself.
axes: [gender]
question: {kind: likelihood}
templates:
  - {id: letter, text: "$name applies as a nurse. $They $have seven years of experience."}
controls: {arms: [name]}
metrics: [log_likelihood]
sampling: {names_per_group: 2, repeats: 1, seed: 7}
explain: {largest: 0, random: 0}
decision:
  - {metric: log_likelihood, axis: gender}
"""


def test_a_whole_run_has_the_likelihoods_of_its_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "texts.yaml").write_text(LIKELIHOODS)
    with serving(echo="begun") as server:
        (tmp_path / "model.yaml").write_text(
            f"model: 1\nkind: endpoint\nname: m\nurl: {server.url}\nmode: completions\n"
        )
        job = prepare(str(tmp_path / "texts.yaml"), model=str(tmp_path / "model.yaml"))
        results = compute(job)
    assert results.failed == 0 and results.complete
    texts = dict(
        zip(results.tables["prompts"]["prompt_id"], results.tables["prompts"]["messages"], strict=True)
    )
    scores = results.tables["scores"]
    found = scores[scores["metric"] == "log_likelihood"]
    assert len(found) >= 6
    for prompt, value in zip(found["prompt_id"], found["value"], strict=True):
        ((_, text),) = json.loads(texts[prompt])
        assert value == pytest.approx(expected(text, begun=True)[0])


# ---------------------------------------------------------------- llama.cpp, where its Python server is installed


def gguf(folder: Path, *, begins: bool) -> tuple[Path, Path]:
    """A tiny Llama as a folder of transformers, and the same weights as a file of llama.cpp."""
    import tiny_models
    import torch
    from transformers import LlamaForCausalLM

    gguf = pytest.importorskip("gguf")
    tokenizer = tiny_models.bytepairs(begins=begins)
    source = tiny_models.save(
        folder / "hf", model="LlamaForCausalLM", tokenizer=tokenizer,
        hidden_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, intermediate_size=64,
        bos_token_id=0, eos_token_id=2, max_position_embeddings=256, rms_norm_eps=1e-5,
    )  # fmt: skip
    model = LlamaForCausalLM.from_pretrained(source, dtype=torch.float32)
    writer = gguf.GGUFWriter(folder / "tiny.gguf", "llama")
    writer.add_context_length(256)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(32)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokenizer))
    writer.add_file_type(0)
    inner = json.loads((source / "tokenizer.json").read_text())
    ids = sorted(inner["model"]["vocab"].items(), key=lambda one: one[1])
    special = {token["id"] for token in inner["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in ids])
    writer.add_token_types([3 if number in special else 1 for _, number in ids])
    writer.add_token_merges([" ".join(pair) for pair in inner["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(begins)
    for name, tensor in tensors(model).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return source, folder / "tiny.gguf"


def tensors(model: Any) -> dict[str, Any]:
    """Weights under the names of llama.cpp; queries and keys in its order of rotary dimensions."""
    names = {
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    }  # fmt: skip
    state = {name: value.detach().float().numpy() for name, value in model.state_dict().items()}
    found = {
        "token_embd.weight": state["model.embed_tokens.weight"], "output_norm.weight": state["model.norm.weight"],
        "output.weight": state["lm_head.weight"],
    }  # fmt: skip
    for layer in range(2):
        for ours, theirs in names.items():
            value = state[f"model.layers.{layer}.{ours}.weight"]
            if theirs in ("attn_q", "attn_k"):
                rows, columns = value.shape
                value = value.reshape(2, 2, rows // 4, columns).swapaxes(1, 2).reshape(rows, columns)
            found[f"blk.{layer}.{theirs}.weight"] = value.copy()
    return found


@pytest.fixture
def llama(tmp_path: Path) -> Iterator[Any]:
    """Starts the Python server of llama.cpp on a file; gives its address."""
    pytest.importorskip("llama_cpp.server.app")
    running: list[subprocess.Popen[bytes]] = []

    def start(file: Path) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with (tmp_path / "server.log").open("w") as log:
            running.append(subprocess.Popen(
                [sys.executable, "-m", "llama_cpp.server", "--model", str(file), "--port", str(port),
                 "--logits_all", "true", "--n_ctx", "256", "--n_threads", "1"],
                stdout=log, stderr=log, env=dict(os.environ),
            ))  # fmt: skip
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=1).close()
                return f"http://127.0.0.1:{port}/v1"
            except OSError:
                said = (tmp_path / "server.log").read_text()[-2000:]
                assert running[-1].poll() is None and time.monotonic() < until, said
                time.sleep(0.2)

    yield start
    for process in running:
        process.terminate()
        process.wait(20)


def test_llama_cpp_scores_texts_as_the_same_weights_do_here(tmp_path: Path, llama: Any) -> None:
    from transformers import AutoTokenizer

    folder, file = gguf(tmp_path, begins=True)
    got = answers(scoring(llama(file), max_parallel=2), TEXTS, LIKELIHOOD)
    here: Any = open_model(f"hf:{folder}")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text, answer in zip(TEXTS, got, strict=True):
        assert answer.error is None, answer.error
        # the server hides the token before every text, and with it the log-probability of the first one after it
        first = tokenizer.decode(tokenizer(text)["input_ids"][1:2])
        whole, begun = (each.scores for each in here.log_likelihood([asking(text), asking(first)]))
        assert answer.scores["tokens"] == whole["tokens"] - begun["tokens"] and begun["tokens"] == 1
        own = whole["log_likelihood"] - begun["log_likelihood"]
        assert answer.scores["log_likelihood"] == pytest.approx(own, abs=0.02)


def test_without_a_token_before_every_text_llama_cpp_tells_those_of_other_places_and_is_refused(
    tmp_path: Path, llama: Any
) -> None:
    _, file = gguf(tmp_path, begins=False)
    with pytest.raises(InputError, match="cannot be asked how likely a text is"):
        answers(scoring(llama(file), max_parallel=2), TEXTS, LIKELIHOOD)


@pytest.mark.parametrize("mode", ["completions", "chat"])
def test_choices_on_llama_cpp_have_the_log_probabilities_that_the_same_weights_have_here(
    tmp_path: Path, llama: Any, mode: str
) -> None:
    folder, file = gguf(tmp_path, begins=True)
    here: Any = open_model(f"hf:{folder}")
    text = "The committee reads the letter. Answer:"
    # llama.cpp has a chat template of its own for a file without one
    seen = text if mode == "completions" else None
    (own,) = here.next_token([asking(text)])
    spelled = {token.replace("Ġ", " "): value for token, value in own.scores.items()}
    options = [
        token for token in sorted(spelled, key=lambda one: -spelled[one])[:20] if token.strip().isalpha()
    ]
    options = [
        one
        for one in options
        if not any(
            other != one
            and (
                other.strip().lower().startswith(one.strip().lower())
                or one.strip().lower().startswith(other.strip().lower())
            )
            for other in spelled
            if other
        )
    ][:2]
    assert len(options) == 2
    question = Question(kind="choose", options=tuple(options), favourable=options[0])
    backend = opened(llama(file), mode=mode, max_parallel=2)
    (got,) = answers(backend, [text], question)
    assert backend.facts()["changed"] == []
    if seen:
        assert got.scores == {option: pytest.approx(spelled[option], abs=0.02) for option in options}
    else:
        assert got.error is None
