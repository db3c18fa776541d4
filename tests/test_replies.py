from __future__ import annotations

import json
from typing import Any

import pytest

from audit.limits import Use
from audit.records import Message, Prompt, Question
from audit.replies import Manner, Unreadable, most_used, options_of, read_reply, request_body, seed_of

CHAT = Manner(mode="chat", model="m")
CHOOSE = Question(kind="choose", options=(" Yes", " No"), favourable=" Yes")
ASKS = Prompt(messages=(Message(role="text", text="Answer Yes or No."),))


def read(document: Any) -> Any:
    return read_reply(json.dumps(document).encode())


def test_a_chat_request_has_the_system_prompt_first_and_a_bare_text_as_the_user() -> None:
    body = request_body(
        ASKS, Question(kind="generate", max_tokens=9), 0, Manner(mode="chat", model="m", system="Be.")
    )
    assert body["messages"] == [
        {"role": "system", "content": "Be."}, {"role": "user", "content": "Answer Yes or No."}
    ]  # fmt: skip
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("m", 9, 1.0)
    assert "logprobs" not in body


def test_a_completion_request_is_one_text() -> None:
    manner = Manner(mode="completions", model="m", system="Be.", alternatives=5)
    body = request_body(ASKS, CHOOSE, 0, manner)
    assert body["prompt"] == "Be.\n\nAnswer Yes or No." and body["logprobs"] == 5 and body["max_tokens"] == 1


def test_every_draw_of_every_prompt_has_a_seed_of_its_own() -> None:
    seeds = {seed_of(ASKS, repeat, seed) for repeat in range(5) for seed in range(5)}
    assert len(seeds) == 25 and seed_of(ASKS, 1, 0) == seed_of(ASKS, 1, 0)
    assert request_body(ASKS, CHOOSE, 1, CHAT)["seed"] == seed_of(ASKS, 1, 0)
    assert "seed" not in request_body(ASKS, CHOOSE, 1, Manner(mode="chat", model="m", seed=None))


def test_a_choice_in_words_is_asked_in_both_orders_and_one_by_log_probabilities_in_one() -> None:
    said = [request_body(ASKS, CHOOSE, repeat, CHAT)["messages"][0]["content"] for repeat in range(3)]
    assert said == ["Answer Yes or No.", "Answer No or Yes.", "Answer Yes or No."]
    manner = Manner(mode="chat", model="m", alternatives=20, temperature=0.3)
    bodies = [request_body(ASKS, CHOOSE, repeat, manner) for repeat in range(2)]
    assert [body["messages"][0]["content"] for body in bodies] == ["Answer Yes or No."] * 2
    assert bodies[0]["temperature"] == 1.0 and bodies[0]["top_logprobs"] == 20


def test_whole_numbers_of_a_scale_are_options_and_other_scales_have_none() -> None:
    assert options_of(Question(kind="rate", low=1, high=4)) == ("1", "2", "3", "4")
    assert options_of(Question(kind="rate", low=0.5, high=4)) == ()
    assert options_of(Question(kind="generate")) == ()


@pytest.mark.parametrize(("sent", "reason"), [
    (b"", "empty"), (b"  \n", "empty"), (b"{\"choices\": [", "no JSON"), (b"<html>", "no JSON"), (b"[1]", "no object"),
    (b"{}", "without choices"), (b"{\"choices\": []}", "without choices"), (b"{\"choices\": 3}", "without choices"),
    (b"{\"error\": {\"message\": \"too\\n busy\"}}", "an error as an answer: too\n busy"), (b"[" * 100_000, "no JSON"),
])  # fmt: skip
def test_what_is_no_answer_is_told_as_such(sent: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_reply(sent)


def test_answers_are_read_in_the_forms_that_servers_use() -> None:
    assert read({"choices": [{"message": {"content": "a"}}]}).text == "a"
    assert read({"choices": [{"text": "b", "finish_reason": "stop"}]}).text == "b"
    assert read({"choices": [{"message": {"content": [{"type": "text", "text": "c"}]}}]}).text == "c"
    assert read({"choices": [{"message": {"content": None, "refusal": "No."}}]}).text == "No."
    assert read({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}).text == ""
    assert read({"choices": [{"message": {"content": None}}]}).text is None


def test_alternatives_are_read_in_both_forms_and_what_is_no_number_is_left_out() -> None:
    chat = {
        "content": [{"top_logprobs": [{"token": "Yes", "logprob": -0.5}, {"token": "x", "logprob": None}]}]
    }
    assert read({"choices": [{"text": "", "logprobs": chat}]}).alternatives == (("Yes", -0.5),)
    plain = {"top_logprobs": [{"Yes": -0.5, " No": -1}]}
    assert read({"choices": [{"text": "", "logprobs": plain}]}).alternatives == (("Yes", -0.5), (" No", -1.0))
    assert read({"choices": [{"text": "", "logprobs": {"content": []}}]}).alternatives == ()


def test_use_is_read_where_it_is_told_and_bounded_where_it_is_not() -> None:
    told = read({"choices": [{"text": ""}], "usage": {"prompt_tokens": 7, "completion_tokens": 2}})
    assert told.use == Use(requests=1, input_tokens=7, output_tokens=2)
    assert read({"choices": [{"text": ""}]}).use is None
    most = most_used(request_body(ASKS, CHOOSE, 0, CHAT), 64)
    assert most.output_tokens == 64 and most.input_tokens >= len("Answer Yes or No.")


def test_an_empty_text_has_a_bound_too() -> None:
    empty = Prompt(messages=(Message(role="text", text=""),))
    for mode in ("chat", "completions"):
        body = request_body(empty, Question(kind="generate"), 0, Manner(mode=mode, model="m"))
        assert 0 < most_used(body, 9).input_tokens <= 32 and most_used(body, 9).output_tokens == 9
