"""A server's budget and facts are those of a run, however often it is stopped and gone on with."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")

from endpoint_server import Server, serving
from test_endpoint import CHOOSE, ROOT, answers, opened, words

from audit.ledger import Ledger, Remembers, remembered

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from test_collect import asking
from audit.backends.endpoint import Endpoint
from audit.protocols import Ask
from audit.records import Question
backend = Endpoint.model_validate({"model": 1, "kind": "endpoint", "name": "m", "url": sys.argv[1],
                                   "budget": {"requests": 300}, "max_parallel": 16}).open()
backend.remember(Path(sys.argv[2]))
asks = [Ask(prompt=asking(f"prompt {number}")) for number in range(400)]
for _ in backend.stream(asks, Question(kind="generate", max_tokens=20)):
    pass
"""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def counting(server: Server, path: Path, **settings: Any) -> Any:
    """A back end of a new command of the same run."""
    backend = opened(server, **settings)
    assert isinstance(backend, Remembers)
    backend.remember(path)
    return backend


def test_a_budget_is_that_of_the_run_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with serving() as server:
        for texts, sent in ((20, 20), (100, 30), (100, 30)):
            backend = counting(server, path, budget={"requests": 30})
            got = answers(backend, words(texts))
            assert len(server.log.bodies) == backend.facts()["requests"] == sent
        assert got[0].error == "not asked: the budget of 30 requests is spent"
        backend = counting(server, path, budget={"requests": 50})
        answers(backend, words(100))
        assert len(server.log.bodies) == backend.facts()["requests"] == backend.facts()["answered"] == 50
        assert backend.facts()["commands"] == 4


@pytest.mark.parametrize("budget", [
    {"tokens": 3000}, {"money": 0.003, "price_per_million": {"input": 1.0, "output": 1.0}},
])  # fmt: skip
def test_tokens_and_money_are_those_of_the_run(tmp_path: Path, budget: dict[str, Any]) -> None:
    path = tmp_path / "run.jsonl"
    with serving() as server:
        for _ in range(3):
            backend = counting(server, path, budget=budget)
            answers(backend, words(200))
        facts = backend.facts()
        assert 2700 < facts["input_tokens"] + facts["output_tokens"] <= 3000
        assert facts["answered"] == len(server.log.bodies)
        if "money" in budget:
            assert 0.0027 < facts["money"] <= 0.003


def test_models_dates_and_canaries_are_of_the_first_and_the_last_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.jsonl"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    with serving(model="m-1") as server:
        answers(counting(server, path, canaries=2), words(3))
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000086400")
        server.behaviour.model, server.behaviour.says = "m-2", lambda body, _: "quite another model"
        answers(counting(server, path, canaries=2), words(3))
        bodies = len(server.log.bodies)
        facts = counting(server, path, canaries=2).facts()
        assert len(server.log.bodies) == bodies  # told without asking
    assert bodies == 2 + 3 + 2 + 3 + 2
    assert facts["models"]["m-1"] == {
        "answers": 7,
        "from": "2001-09-09T01:46:40Z",
        "to": "2001-09-09T01:46:40Z",
    }
    assert facts["models"]["m-2"]["from"] == "2001-09-10T01:46:40Z"
    assert len(facts["canaries"]["moved"]) == 2 and "named 2 models" in facts["warnings"][0]


def test_a_command_that_goes_on_asks_as_the_first_one_did(tmp_path: Path) -> None:
    """Answers of one run are all read from log-probabilities, or all from words."""
    path = tmp_path / "words.jsonl"
    with serving(says=lambda body, _: "Yes", refuses={"seed": "Unknown parameter: seed"}) as server:
        answers(counting(server, path), words(3), CHOOSE)
        server.behaviour.log_probabilities = 20
        sent = len(server.log.bodies)
        backend = counting(server, path)
        got = answers(backend, words(3), CHOOSE)
        assert all(answer.scores is None and answer.text == "Yes" for answer in got)
        assert len(server.log.bodies) - sent == 3 and "seed" not in server.log.bodies[-1]
        assert len(backend.facts()["changed"]) == 2
    path = tmp_path / "tokens.jsonl"
    with serving(log_probabilities=20) as server:
        answers(counting(server, path), words(3), CHOOSE)
        server.behaviour.log_probabilities = 0
        got = answers(counting(server, path, retries=0), words(3), CHOOSE)
        assert all("as they did with others" in str(answer.error) for answer in got)


def test_a_refusal_of_a_later_command_is_still_told_at_once(tmp_path: Path) -> None:
    from audit.errors import InputError

    path = tmp_path / "run.jsonl"
    with serving() as server:
        answers(counting(server, path), words(3))
        server.behaviour.needs_key = "another"
        with pytest.raises(InputError, match="answered 401"):
            answers(counting(server, path), words(30))


def test_each_role_has_an_account_of_its_own_beside_the_answers(tmp_path: Path) -> None:
    with serving() as server:
        for role in ("model", "judge_decision"):
            backend = opened(server)
            remembered(backend, tmp_path / "answers.sqlite", role)
            answers(backend, words(2))
        remembered(backend, None, "model")
        remembered(object(), tmp_path / "answers.sqlite", "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "answers.sqlite.judge_decision.jsonl", "answers.sqlite.model.jsonl",
    ]  # fmt: skip


def test_killed_at_random_moments_a_run_never_goes_beyond_its_budget(tmp_path: Path) -> None:
    path, dice = tmp_path / "run.jsonl", random.Random(3)
    with serving(latency_s=0.05) as server:
        for _ in range(4):
            sent = len(server.log.bodies)
            process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT, server.url, str(path)],
                cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
            until = time.monotonic() + 30
            while len(server.log.bodies) == sent and process.poll() is None and time.monotonic() < until:
                time.sleep(0.005)
            time.sleep(dice.random() * 0.25)
            process.send_signal(signal.SIGKILL)
            process.wait()
        time.sleep(0.1)  # what was sent arrives
        used = Ledger.read(path).used
        assert 0 <= used.requests - len(server.log.bodies) <= 4 * 16
        subprocess.run([sys.executable, "-c", SCRIPT, server.url, str(path)], cwd=ROOT, check=True, timeout=60,
                       env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
        assert 300 - 4 * 16 <= len(server.log.bodies) <= 300
        assert Ledger.read(path).used.requests == 300
    assert json.loads(path.read_text().splitlines()[0])[0] == "all"
