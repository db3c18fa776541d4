"""What a server refuses: whom it concerns, what is told of it, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")

from endpoint_server import serving
from small_suites import write_suite
from test_endpoint import CHOOSE, answers, asked, gather, opened, words

from audit.errors import InputError
from audit.records import Question


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def refusal(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


# ---------------------------------------------------------------- whom it concerns


@pytest.mark.parametrize(("status", "document"), [
    (402, refusal("Insufficient Balance")), (429, refusal("no", code="billing_not_active")),
    (403, refusal("no", type="insufficient_quota")),
])  # fmt: skip
def test_an_account_that_runs_empty_ends_the_asking_and_the_same_command_goes_on(
    tmp_path: Path, status: int, document: dict[str, Any]
) -> None:
    kept = tmp_path / "answers.sqlite"
    with serving(instead=lambda _, number: (status, document) if number >= 10 else None) as server:
        backend = opened(server, max_parallel=4)
        got = gather(backend, words(60), kept)
        assert len(server.log.bodies) <= 14
        assert got.failed == got.unanswered == 50
        assert f"answered {status}" in backend.facts()["stopped"]
        assert sum("not asked" in error for error in got.responses["error"]) >= 46
        server.behaviour.instead = lambda body, number: None
        rest = gather(opened(server), words(60), kept)
        assert (rest.asked, rest.failed) == (50, 0)


def test_a_refusal_of_the_whole_service_is_no_last_word_on_single_prompts() -> None:
    for status in (404, 405, 415):
        with serving(
            instead=lambda _, number, status=status: (status, {}) if number >= 5 else None
        ) as server:
            backend = opened(server, max_parallel=1)
            got = answers(backend, words(100))
            assert not [answer for answer in got if answer.final]
            assert len(server.log.bodies) == 25 and "20 questions in a row" in backend.facts()["stopped"]


def test_a_service_that_takes_no_such_request_is_told_at_once() -> None:
    with serving(status=405) as server, pytest.raises(InputError, match="check the model's name, the url"):
        answers(opened(server, max_parallel=2), words(50))
    assert len(server.log.bodies) <= 4


def test_a_prompt_that_is_refused_by_policy_is_final_and_the_others_are_asked() -> None:
    document = refusal("flagged", code="content_policy_violation")
    with serving(instead=lambda body, _: (403, document) if asked(body) == "prompt 3" else None) as server:
        got = answers(opened(server, max_parallel=1), words(6))
        assert [answer.final for answer in got] == [False, False, False, True, False, False]
        assert len(server.log.bodies) == 6


@pytest.mark.parametrize("mode", ["chat", "completions"])
@pytest.mark.parametrize("filtered", [0, 3])
def test_a_choice_that_a_content_filter_withholds_is_final_and_settles_nothing(
    mode: str, filtered: int
) -> None:
    with serving(log_probabilities=20, withholds=lambda body: asked(body) == f"prompt {filtered}") as server:
        backend = opened(server, mode=mode, max_parallel=2)
        got = answers(backend, words(6), CHOOSE)
        assert got[filtered].final and got[filtered].scores is None
        assert got[filtered].error == "the server's content filter withheld the answer"
        assert all(answer.scores for number, answer in enumerate(got) if number != filtered)
        assert len(server.log.bodies) == 6 and backend.facts()["changed"] == []


def test_a_text_whose_likelihood_a_content_filter_withholds_is_final() -> None:
    with serving(echo="plain", withholds=lambda body: asked(body) == "prompt 2") as server:
        got = answers(opened(server, mode="completions"), words(4), Question(kind="likelihood"))
        assert [answer.final for answer in got] == [False, False, True, False]
        assert got[2].error == "the server's content filter withheld the answer"


@pytest.mark.parametrize("message", [
    "'max_tokens' or 'max_completion_tokens' is too large: 20. This model's maximum context length is 10 tokens",
    "Text that speaks of food at room temperature is not allowed here",
    "Text that speaks of seed is not allowed here",
])  # fmt: skip
@pytest.mark.parametrize("refused", [0, 3])
def test_a_refusal_of_one_prompt_changes_nothing_for_the_others(message: str, refused: int) -> None:
    document = refusal(message)
    instead = lambda body, _: (400, document) if asked(body) == f"prompt {refused}" else None  # noqa: E731
    with serving(instead=instead) as server:
        backend = opened(server, max_parallel=1)
        got = answers(backend, words(6))
        assert [answer.final for answer in got] == [number == refused for number in range(6)]
        assert backend.facts()["changed"] == [] and len(server.log.bodies) == 6
        assert all({"max_tokens", "seed", "temperature"} <= set(body) for body in server.log.bodies)


@pytest.mark.parametrize("mode", ["chat", "completions"])
def test_an_empty_text_is_asked_like_any_other(mode: str) -> None:
    with serving(says=lambda body, _: "said") as server:
        assert [answer.text for answer in answers(opened(server, mode=mode), ["", "one"])] == ["said"] * 2


# ---------------------------------------------------------------- what is told of it

KEY = "sk-" + "A1b2C3d4" * 6


def parts_of(key: str) -> list[str]:
    """Pieces of a key that nobody may read."""
    return [key[at : at + 8] for at in range(3, len(key) - 8, 8)]


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_key_that_a_server_gives_back_late_in_its_message_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    document = refusal("See the manual. " * 11 + "Token received: " + KEY)
    with serving(instead=lambda _, number: (status, document) if number else None) as server:
        backend = opened(server, key="MY_KEY", retries=0, max_parallel=1)
        got = gather(backend, words(4), tmp_path / "answers.sqlite")
        assert got.failed == 3 and "Token received: [key]" in got.responses["error"].max()
        (tmp_path / "facts.json").write_text(repr([backend.facts(), got.responses.to_csv()]))
    for path in tmp_path.iterdir():
        assert not [part for part in parts_of(KEY) if part.encode() in path.read_bytes()]


@pytest.mark.parametrize("value", ["sk-SECRET1\nsk-SECRET2", "sk-SECRETö1", "sk-SEC RET", "sk-SECRET\x07"])
@pytest.mark.parametrize("variable", ["MY_KEY", "OPENAI_API_KEY"])
def test_a_key_that_no_header_can_hold_is_told_at_once_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, value: str, variable: str
) -> None:
    monkeypatch.setenv(variable, value)
    named = {"key": variable} if variable == "MY_KEY" else {}
    with (
        serving() as server,
        pytest.raises(InputError, match=f"variable {variable} holds white space") as caught,
    ):
        answers(opened(server, **named), words(3))
    assert caught.value.exit_code == 2 and "SEC" not in str(caught.value) and not server.log.bodies


def test_a_line_end_after_a_key_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-SECRET\n")
    with serving(needs_key="sk-SECRET") as server:
        assert answers(opened(server, key="MY_KEY"), ["one"])[0].error is None


# ---------------------------------------------------------------- what it costs


def told_tokens(backend: Any) -> int:
    facts = backend.facts()
    return int(facts["input_tokens"] + facts["output_tokens"])


@pytest.mark.parametrize("status", [408, 499, 500, 502, 503, 504, 524])
def test_a_request_that_a_gateway_gave_up_counts_as_the_most_it_may_have_used(status: int) -> None:
    with serving(status=status) as server:
        backend = opened(server, max_parallel=1, retries=0, budget={"tokens": 300})
        got = answers(backend, words(12))
        assert 0 < len(server.log.bodies) < 12 and 200 < told_tokens(backend) <= 300
        assert backend.facts()["stopped"] == "the budget of 300 tokens is spent"
        assert not [answer for answer in got if answer.final]


@pytest.mark.parametrize("status", [400, 413, 429, 529])
def test_a_request_that_was_turned_away_uses_no_tokens(status: int) -> None:
    with serving(status=status) as server:
        backend = opened(server, max_parallel=1, retries=0, budget={"tokens": 300})
        answers(backend, words(12))
        assert (len(server.log.bodies), told_tokens(backend)) == (12, 0)
        assert backend.facts()["requests"] == 12


def test_a_fault_that_tells_its_use_counts_as_that() -> None:
    document = {**refusal("lost"), "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    with serving(instead=lambda body, number: (504, document)) as server:
        backend = opened(server, max_parallel=1, retries=0)
        answers(backend, words(5))
        assert told_tokens(backend) == 5 * 7


# ---------------------------------------------------------------- where it is


@pytest.mark.parametrize("url", [
    "http://[::1/v1", "http://[::1]x/v1", "http://[zz]/v1", "http://localhost:80a0/v1", "http://localhost:99999/v1",
    "http://localhost:0/v1", "http://local host/v1", "http://a..b/v1", "http://<host>/v1", "http://256.1.1.1/v1",
    "http://host/v1\x01", "http:///v1", "ftp://host/v1", "http://me:pw@[::1/v1", "http://me:pw@host:80a0/v1",
    "me:pw@host/v1?key=pw",
])  # fmt: skip
def test_a_mistyped_url_is_one_sentence_that_shows_no_secret(url: str) -> None:
    with pytest.raises(InputError, match="is no address of a server; allowed: http") as caught:
        opened(url)
    assert "pw" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("url", [
    "http://[::1]:8000/v1", "http://127.0.0.1:80/v1", "https://a-b.c_d.example.org/v1", "http://bücher.example/v1",
    "http://host.:80/v1", "http://host:/v1",
])  # fmt: skip
def test_addresses_of_every_form_are_taken(url: str) -> None:
    assert opened(url).identity.settings["url"] in url


def test_a_name_that_the_client_cannot_encode_is_told_before_anything_is_sent() -> None:
    with pytest.raises(InputError, match="is no address of a server"):
        answers(opened("http://\u2603.example/v1"), ["one"])


@pytest.mark.parametrize("url", ["http://[::1/v1", "http://localhost:80a0/v1"])
def test_a_command_with_a_mistyped_url_ends_with_2_and_writes_nothing(tmp_path: Path, url: str) -> None:
    suite = write_suite(tmp_path)
    before = sorted(tmp_path.iterdir())
    command = ["run", str(suite), "--model", f"endpoint:m@{url}", "-o", str(tmp_path / "runs")]
    done = subprocess.run(
        [sys.executable, "-m", "audit", *command], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert sorted(tmp_path.iterdir()) == before
