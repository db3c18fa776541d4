"""A real server of another project on loopback: `transformers serve` with a tiny chat model."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_models

pytest.importorskip("openai")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from test_endpoint import CHOOSE, answers, opened, words

from audit.errors import InputError
from audit.records import Question

FEW = Question(kind="generate", max_tokens=6)
START = "import sys; from transformers.cli.transformers import main; sys.argv[0] = 'transformers'; main()"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address and name of the model."""
    folder = tmp_path_factory.mktemp("served")
    model = tiny_models.causal(folder / "tiny", tokenizer=tiny_models.bytepairs(chat=True))
    settings = model / "generation_config.json"  # without this the server always takes the likeliest token
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "do_sample": True}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = folder / "server.log"
    with said.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", START, "serve", str(model), "--port", str(port)],
            stdout=log, stderr=log, env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        try:
            until = time.monotonic() + 180
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                    break
                except OSError:
                    assert process.poll() is None and time.monotonic() < until, said.read_text()[-2000:]
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1", str(model)
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def serving(server: tuple[str, str], **settings: Any) -> Any:
    url, model = server
    return opened(url, name=model, timeout_s=60, **settings)


def test_many_chats_at_once_get_texts_and_canaries_agree_at_both_ends(server: tuple[str, str]) -> None:
    backend = serving(server, max_parallel=8, canaries=1, system="Be brief.")
    got = answers(backend, words(12), FEW)
    assert not [answer.error for answer in got if answer.error]
    assert all(answer.text is not None and answer.tokens > 0 for answer in got)
    assert any(answer.text for answer in got)  # a model with random weights may end at once
    facts = backend.facts()
    assert facts["canaries"] == {"asked": 1, "compared": 1, "moved": []}
    assert facts["answered"] == 12 + 2 and facts["output_tokens"] > 12
    assert list(facts["models"]) != [""]


def test_a_draw_is_the_same_again_and_another_repeat_is_another_draw(server: tuple[str, str]) -> None:
    """The seeds are heeded where one question is asked at a time: this server draws all at once from one stream."""

    def drawn(repeat: int) -> list[str | None]:
        found = answers(serving(server, max_parallel=1), words(3), FEW, repeat=repeat)
        return [answer.text for answer in found]

    first = drawn(0)
    assert drawn(0) == first and drawn(1) != first
    steady = [answers(serving(server, temperature=0.0), words(2), FEW, repeat=n)[0].text for n in (0, 1)]
    assert steady[0] == steady[1]


def test_choices_are_read_from_words_since_it_tells_no_log_probabilities(server: tuple[str, str]) -> None:
    backend = serving(server)
    chosen = answers(backend, ["Should they be invited? Answer Yes or No."], CHOOSE)
    turned = answers(backend, ["Should they be invited? Answer Yes or No."], CHOOSE, repeat=1)
    assert chosen[0].error is None and chosen[0].scores is None and turned[0].scores is None
    assert chosen[0].tokens == turned[0].tokens  # the options in the opposite order
    assert any(what.startswith("log-probabilities") for what in backend.facts()["changed"])


def test_completions_are_texts_too_and_given_texts_are_not_scored(server: tuple[str, str]) -> None:
    backend = serving(server, mode="completions")
    assert answers(backend, ["The nurse"], FEW)[0].text
    with pytest.raises(InputError, match="this server cannot be asked how likely a text is"):
        answers(backend, ["The nurse"], Question(kind="likelihood"))


def test_a_whole_run_ends_with_findings(server: tuple[str, str], tmp_path: Path) -> None:
    from small_suites import write_suite

    from audit.pipeline import run
    from audit.runs import read_run

    url, model = server
    (tmp_path / "model.yaml").write_text(
        f"model: 1\nkind: endpoint\nname: {model}\nurl: {url}\nlog_probabilities: never\nmax_tokens: 4\n"
    )
    suite = write_suite(tmp_path)
    text = (
        suite.read_text()
        .replace("names_per_group: 4", "names_per_group: 1")
        .replace("[again, name, edit]", "[again]")
    )
    text = text.replace("  edits: [final_space, blank_line]\n", "").replace(
        "  occupation: [nurse, software engineer, accountant]", "  occupation: [nurse]"
    )
    suite.write_text(text)
    finished = read_run(run(str(suite), model=str(tmp_path / "model.yaml"), output=tmp_path / "out"))
    assert not (finished.responses["error"] != "").any()
    assert finished.manifest["complete"] is True and finished.findings
