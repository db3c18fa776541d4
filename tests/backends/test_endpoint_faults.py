"""What a server refuses: whom it concerns, what is told of it, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")

from endpoint_server import serving
from test_endpoint import answers, asked, gather, opened, words

from audit.errors import InputError


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
