from __future__ import annotations

import json
import random
import time
from typing import Any

import httpx2
import openai
import pytest

from audit.faults import FIRST_WAIT_S, LONGEST_WAIT_S, Fault, TooLong, fault_of, told_wait_s, wait_before
from audit.replies import Unreadable

REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1")


def status(code: int, document: Any = None, **headers: str) -> Fault:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    response = httpx2.Response(code, content=content, headers=headers, request=REQUEST)
    return fault_of(openai.APIStatusError("told", response=response, body=None), timeout_s=5)


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504, 529])
def test_trouble_of_the_server_is_worth_another_request(code: int) -> None:
    fault = status(code, {"error": {"message": "busy"}})
    assert fault.again and fault.kind == "server" and fault.reason == f"the server answered {code}: busy"


@pytest.mark.parametrize(("code", "kind"), [(401, "hopeless"), (403, "hopeless"), (404, "hopeless"), (400, "prompt"),
                                            (413, "prompt"), (422, "prompt")])  # fmt: skip
def test_a_refusal_is_not_asked_again(code: int, kind: str) -> None:
    fault = status(code, b"<html>no</html>")
    assert not fault.again and fault.kind == kind and fault.reason == f"the server answered {code}"


@pytest.mark.parametrize(("code", "document"), [
    (402, None), (402, {"error": {"message": "Insufficient Balance"}}),
    (429, {"error": {"message": "no quota", "code": "insufficient_quota"}}),
    (429, {"error": {"message": "not active", "type": "billing_not_active"}}),
    (403, {"error": {"message": "no", "code": "insufficient_balance"}}),
    (400, {"error": {"message": "Your credit balance is too low to access the API", "code": None}}),
])  # fmt: skip
def test_an_empty_account_ends_the_asking(code: int, document: Any) -> None:
    fault = status(code, document)
    assert (fault.kind, fault.again, fault.final) == ("spent", False, False)


@pytest.mark.parametrize(("code", "message"), [
    (429, "You exceeded your current quota of requests a minute"),
    (400, "the prompt 'her credit balance is too low' is too long"),
    (403, "Your key has insufficient scopes"),
])  # fmt: skip
def test_other_refusals_say_nothing_of_the_account(code: int, message: str) -> None:
    assert status(code, {"error": {"message": message}}).kind != "spent"


@pytest.mark.parametrize(("code", "document", "final"), [
    (400, None, True), (413, None, True), (422, None, True),
    (400, {"error": {"message": "no", "code": "content_filter"}}, True),
    (403, {"error": {"message": "no", "code": "content_policy_violation"}}, True),
    (403, {"error": {"message": "no", "metadata": {"flagged_input": "…"}}}, True),
    (403, None, False), (404, None, False), (405, None, False), (410, None, False), (415, None, False),
    (304, None, False), (451, None, False), (499, None, False), (500, None, False),
    (400, {"error": {"message": "not supported", "param": "seed"}}, False),
])  # fmt: skip
def test_only_what_lies_in_the_prompt_is_final(code: int, document: Any, final: bool) -> None:
    assert status(code, document).final is final


def test_an_unknown_error_on_this_side_is_not_final_and_not_repeated_at_once() -> None:
    fault = fault_of(RuntimeError("odd"), timeout_s=5)
    assert (fault.kind, fault.again, fault.final) == ("server", False, False)


KEY = "sk-A1b2'C3d4\\E5f6"
"""With characters that are written otherwise in quotes."""


@pytest.mark.parametrize("form", [KEY, repr(KEY), json.dumps(KEY), repr(KEY.encode()), repr([repr(KEY)])])
@pytest.mark.parametrize("before", [0, 150, 190, 230, 1000])
def test_a_key_is_hidden_before_what_was_told_is_shortened(form: str, before: int) -> None:
    told = "told " * (before // 5) + form
    response = httpx2.Response(401, json={"error": {"message": told}}, request=REQUEST)
    errors = (
        openai.APIStatusError("told", response=response, body=None),
        openai.APIConnectionError(message=told, request=REQUEST),
        RuntimeError(told),
        Unreadable(told),
    )
    for error in errors:
        reason = fault_of(error, timeout_s=5, key=KEY).reason
        assert "sk-A" not in reason and "E5f6" not in reason and len(reason) <= 240


def test_timeouts_connections_and_bodies_without_end_are_worth_another_request() -> None:
    lost = openai.APIConnectionError(request=REQUEST)
    lost.__cause__ = httpx2.ReadError("reset by peer")
    for error in (
        TimeoutError(),
        openai.APITimeoutError(request=REQUEST),
        lost,
        TooLong("long"),
        Unreadable("cut"),
    ):
        assert fault_of(error, timeout_s=5).again
    assert fault_of(TimeoutError(), timeout_s=5).reason == "no answer within 5 s"
    lost.__cause__ = httpx2.ConnectError("refused")
    assert fault_of(lost, timeout_s=5).kind == "unheard"
    assert not fault_of(ValueError("odd"), timeout_s=5).again


@pytest.mark.parametrize(("message", "param", "key"), [
    ("Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.", "max_tokens",
     "max_tokens"),
    ("top_logprobs must be less than 6", None, "top_logprobs"),
    ("logprobs is not supported with this model", None, "logprobs"),
    ("Unexpected fields in the request: {'seed'}", None, "seed"),
    ("This model's maximum context length is 4096 tokens, max_tokens leaves at most 0", None, ""),
    ("The name of the candidate is missing", None, ""),
    ("bad value", "seed", "seed"),
    ("temperature must be at most 1", None, "temperature"),
    ("Unrecognized request argument supplied: seed", None, "seed"),
    ("body -> seed: Extra inputs are not permitted", None, "seed"),
    ("'max_tokens' or 'max_completion_tokens' is too large: 512. This model's maximum context length is 100 tokens "
     "and your request has 90 input tokens", None, ""),
    ("Send max_completion_tokens, max_tokens belongs to older models", None, "max_tokens"),
    ("max_tokens is not supported: its value or that of max_completion_tokens is too large, at most 16", None, ""),
    ("The prompt 'serve it at room temperature' is not allowed", None, ""),
    ("The text about the seed bank is invalid", None, ""),
    ("This model's maximum context length is 4096 tokens; unsupported with logprobs", "logprobs", ""),
])  # fmt: skip
def test_the_key_that_a_server_does_not_take_is_found(message: str, param: str | None, key: str) -> None:
    assert status(400, {"error": {"message": message, "param": param}}).key == key


def test_a_key_that_an_account_may_not_use_is_no_reason_to_give_up() -> None:
    fault = status(403, {"error": {"message": "You are not allowed to request logprobs from this model"}})
    assert (fault.kind, fault.key) == ("prompt", "logprobs")


def test_the_pause_that_a_server_wants_is_read_as_seconds_milliseconds_or_a_date() -> None:
    assert told_wait_s({"retry-after": "3"}) == 3 and told_wait_s({"retry-after-ms": "250"}) == 0.25
    later = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
    assert 25 < told_wait_s({"retry-after": later}) <= 31
    assert told_wait_s({"retry-after": "soon"}) == told_wait_s({}) == 0
    assert not status(429, {}, **{"retry-after": "3600"}).again


def test_waits_double_with_jitter_up_to_a_limit_and_are_never_shorter_than_told() -> None:
    dice, plain = random.Random(1), Fault(reason="", kind="server", again=True)
    for attempt in range(1, 12):
        doubled = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1))
        assert doubled / 2 <= wait_before(attempt, plain, dice=dice) <= doubled
    assert wait_before(1, Fault(reason="", kind="server", again=True, wait_s=7), dice=dice) >= 7
    again = [wait_before(2, plain, dice=random.Random(5)) for _ in range(2)]
    assert again[0] == again[1]
