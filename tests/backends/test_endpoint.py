from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")

from endpoint_server import FAULTS, Server, alternatives, asked, one_in_five, serving
from test_collect import asking, table

from audit.backends.endpoint import Endpoint
from audit.collect import Collected, collect
from audit.errors import InputError, MissingExtra
from audit.modelfile import open_model
from audit.protocols import Ask, Backend, Chooses, Classifies, Generates, Streams
from audit.records import Answer, Progress, Question

ROOT = Path(__file__).parent.parent.parent
GENERATE = Question(kind="generate", max_tokens=20)
CHOOSE = Question(kind="choose", options=(" Yes", " No"), favourable=" Yes")
SECRET = "sk-do-not-write-this-anywhere"


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def opened(server: Server | str, **settings: Any) -> Any:
    url = server if isinstance(server, str) else server.url
    return Endpoint.model_validate(
        {"model": 1, "kind": "endpoint", "name": "m", "url": url, **settings}
    ).open()


def answers(
    backend: Any, texts: Sequence[str], question: Question = GENERATE, *, repeat: int = 0
) -> list[Answer]:
    asks = [Ask(prompt=asking(text), repeat=repeat) for text in texts]
    found = list(backend.stream(asks, question))
    assert sorted(number for number, _ in found) == list(range(len(texts)))
    return [answer for _, answer in sorted(found, key=lambda one: one[0])]


def words(count: int) -> list[str]:
    return [f"prompt {number}" for number in range(count)]


def gather(backend: Backend, texts: Sequence[str], kept: Path | None = None, **more: Any) -> Collected:
    told: dict[str, Any] = {"question": GENERATE, **more}
    return collect(table(texts), backend=backend, cache=Path("not-used"), kept=kept, **told)


# ---------------------------------------------------------------- asking


def test_many_questions_are_under_way_at_once_and_each_gets_its_own_answer() -> None:
    with serving(latency_s=0.05) as server:
        backend = opened(server, max_parallel=16)
        got = answers(backend, words(100))
        assert [answer.text for answer in got] == [
            f"prompt {number} {body['seed']}"
            for number, body in enumerate(
                sorted(server.log.bodies, key=lambda body: int(asked(body).split()[1]))
            )
        ]
        assert server.log.most_open == 16
        assert {answer.tokens for answer in got} == {2}
    assert isinstance(backend, Streams) and isinstance(backend, Chooses) and isinstance(backend, Generates)
    assert not isinstance(backend, Classifies)


def test_repeats_have_seeds_of_their_own_that_another_run_has_too() -> None:
    with serving() as server:
        first = [answers(opened(server), ["one"], repeat=repeat)[0].text for repeat in range(3)]
        assert len(set(first)) == 3
        assert [answers(opened(server), ["one"], repeat=repeat)[0].text for repeat in range(3)] == first


def test_collecting_keeps_every_answer_and_asks_only_what_is_missing(tmp_path: Path) -> None:
    kept = tmp_path / "answers.sqlite"
    seen: list[tuple[str, int, int]] = []
    progress: Progress = lambda what, done, total: seen.append((what, done, total))  # noqa: E731
    with serving() as server:
        got = gather(opened(server), words(30), kept, progress=progress)
        assert (got.asked, got.reused, got.failed) == (30, 0, 0)
        assert seen[0] == ("answers", 0, 30) and seen[-1] == ("answers", 30, 30)
        assert set(got.responses["tokens"]) == {2}
        more = gather(opened(server), words(40), kept)
        assert (more.asked, more.reused) == (10, 30)
        assert len(server.log.bodies) == 40
        assert more.responses["text"].tolist()[:30] == got.responses["text"].tolist()
        without = gather(opened(server), words(5))
        assert (without.asked, without.reused) == (5, 0)


def test_completions_have_a_prompt_and_chats_have_messages() -> None:
    with serving() as server:
        answers(opened(server, mode="completions", system="Be brief."), ["one"])
        answers(opened(server, system="Be brief."), ["one"])
        text, chat = server.log.bodies
        assert text["prompt"] == "Be brief.\n\none" and "messages" not in text
        assert [turn["role"] for turn in chat["messages"]] == ["system", "user"]


# ---------------------------------------------------------------- choices


@pytest.mark.parametrize("mode", ["chat", "completions"])
def test_choices_are_read_from_log_probabilities_where_the_server_tells_them(mode: str) -> None:
    with serving(log_probabilities=20) as server:
        got = answers(opened(server, mode=mode), words(5), CHOOSE)
        told = {token: value for token, value in alternatives("prompt 0")}
        assert len(server.log.bodies) == 5
    scores = got[0].scores
    assert scores is not None and list(scores) == [" Yes", " No"]
    assert math.exp(scores[" Yes"]) == pytest.approx(math.exp(told["Yes"]) + math.exp(told[" yes"]))
    assert scores[" No"] == pytest.approx(told[" No"])


def test_choices_are_read_from_words_where_it_tells_none_with_the_options_in_both_orders() -> None:
    with serving(says=lambda body, _: "Yes.") as server:
        backend = opened(server)
        for repeat in range(2):
            got = answers(
                backend, ["Invite? Answer Yes or No.", "Hire? Answer Yes or No."], CHOOSE, repeat=repeat
            )
            assert [(answer.text, answer.scores) for answer in got] == [("Yes.", None)] * 2
        said = [asked(body).partition("? ")[2] for body in server.log.bodies]
        assert (
            said == ["Answer Yes or No."] * 3 + ["Answer No or Yes."] * 2
        )  # the first one also without success
        assert backend.facts()["changed"] == [
            "log-probabilities: the server told none, answers are read as words"
        ]


def test_log_probabilities_are_not_asked_for_where_the_model_file_says_never() -> None:
    with serving(log_probabilities=20, says=lambda body, _: "No") as server:
        got = answers(opened(server, log_probabilities="never"), ["Yes or No?"], CHOOSE)
        assert got[0].text == "No" and "logprobs" not in server.log.bodies[0]


def test_a_server_that_refuses_log_probabilities_or_a_seed_is_asked_without() -> None:
    refused = {"logprobs": "logprobs is not supported", "seed": "Unknown parameter: seed"}
    with serving(refuses=refused, says=lambda body, _: "No") as server:
        backend = opened(server)
        got = answers(backend, ["Yes or No?"] * 3, CHOOSE)
        assert [answer.text for answer in got] == ["No"] * 3
        assert len(backend.facts()["changed"]) == 3
        assert "seed" not in server.log.bodies[-1]


def test_a_server_that_wants_another_name_for_the_longest_answer_gets_it() -> None:
    message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    with serving(refuses={"max_tokens": message}) as server:
        got = answers(opened(server), words(20))
        assert not [answer for answer in got if answer.error]
        assert server.log.bodies[-1]["max_completion_tokens"] == 20


def test_an_answer_that_begins_with_no_option_is_kept_as_words() -> None:
    with serving(log_probabilities=20, says=lambda body, _: "Sorry") as server:
        got = answers(
            opened(server), ["one"], Question(kind="choose", options=("Ja", "Nein"), favourable="Ja")
        )
        assert got[0].text == "Sorry" and got[0].scores is None


def test_ratings_whose_numbers_begin_each_other_are_read_from_words() -> None:
    with serving(log_probabilities=20, says=lambda body, _: "7") as server:
        got = answers(opened(server), words(2), Question(kind="rate", low=1, high=10))
        assert [answer.text for answer in got] == ["7", "7"] and "logprobs" not in server.log.bodies[0]


def test_ratings_are_scores_of_the_numbers_that_are_told() -> None:
    with serving(log_probabilities=20) as server:
        server.behaviour.tells = lambda prompt: [("3", -0.4), (" 4", -1.5), ("The", -3.0)]
        got = answers(opened(server), words(2), Question(kind="rate", low=1, high=5))
        assert got[0].scores == {"3": pytest.approx(-0.4), "4": pytest.approx(-1.5)}


def test_a_model_that_thinks_first_gets_the_room_that_its_file_says() -> None:
    with serving() as server:
        answers(opened(server, max_tokens=900), ["one"])
        answers(opened(server, max_tokens=10), ["one"])
        assert [body["max_tokens"] for body in server.log.bodies] == [900, 20]


def test_a_first_question_that_fails_holds_nobody_up() -> None:
    with serving(log_probabilities=20, fails=lambda number: "500" if number < 1 else "") as server:
        got = answers(opened(server, retries=0), words(50), CHOOSE)
        assert [bool(answer.error) for answer in got] == [True] + [False] * 49
        assert all(answer.scores for answer in got[1:])


def test_facts_are_there_before_anything_is_asked_and_need_no_key() -> None:
    facts = opened("http://127.0.0.1:9/v1", key="NOWHERE_SET").facts()
    assert facts["requests"] == 0 and facts["warnings"] == []


def test_questions_that_no_server_answers_are_refused() -> None:
    with pytest.raises(InputError, match="cannot answer a question of the kind 'likelihood'"):
        answers(opened("http://127.0.0.1:1/v1"), ["one"], Question(kind="likelihood"))


def test_the_plain_methods_answer_in_order() -> None:
    with serving(latency_s=0.01, log_probabilities=20) as server:
        backend = opened(server)
        prompts = [asking(text) for text in words(10)]
        assert [
            answer.text.rpartition(" ")[0]
            for answer in backend.generate(prompts, repeat=1, question=GENERATE)
        ] == (words(10))
        assert all(answer.scores for answer in backend.choose(prompts, (" Yes", " No")))


# ---------------------------------------------------------------- faults


def test_with_a_fault_in_one_request_of_five_every_question_is_answered() -> None:
    with serving(fails=one_in_five) as server:
        backend = opened(server, timeout_s=1.0)
        got = answers(backend, words(250))
        assert [answer.text.rpartition(" ")[0] for answer in got if answer.text] == words(250)
        assert set(server.log.faults) == set(FAULTS)
        facts = backend.facts()
        assert facts["answered"] == 250 and facts["failed"] == 0
        assert facts["requests_repeated"] >= sum(server.log.faults.values()) > 30
        assert facts["requests"] == facts["answered"] + facts["requests_repeated"]


def test_what_fails_without_another_try_is_a_record_and_alone_is_asked_by_the_next_run(
    tmp_path: Path,
) -> None:
    kept = tmp_path / "answers.sqlite"
    with serving(fails=one_in_five) as server:
        got = gather(opened(server, timeout_s=3.0, retries=0), words(200), kept)
        lost = got.responses[got.responses["error"] != ""]
        assert got.failed == got.unanswered == len(lost) == sum(server.log.faults.values()) > 20
        assert got.asked == 200 and (got.responses["text"] != "").sum() == 200 - got.failed
        asked_so_far = len(server.log.bodies)
        server.behaviour.fails = lambda number: ""
        again = gather(opened(server), words(200), kept)
        assert again.failed == 0 and again.asked == got.failed
        assert {asked(body) for body in server.log.bodies[asked_so_far:]} == {
            json.loads(messages)[0][1]
            for messages in table(words(200)).set_index("prompt_id").loc[lost["prompt_id"], "messages"]
        }


@pytest.mark.parametrize(("fault", "reason"), [
    ("429", "the server answered 429: slow down"), ("500", "the server answered 500"),
    ("hang", "no answer within 0.3 s"),
    ("reset", "the connection failed"), ("cut", "no JSON, or only the beginning"), ("empty", "empty answer"),
    ("huge", "more than 8 MiB"), ("html", "no JSON"), ("error-200", "the engine is overloaded"),
    ("null", "without a text"),
])  # fmt: skip
def test_every_fault_has_its_reason(fault: str, reason: str) -> None:
    with serving(fails=lambda _: fault) as server:
        got = answers(opened(server, timeout_s=0.3 if fault == "hang" else 5.0, retries=1), ["one", "two"])
        assert all(answer.text is None and reason in str(answer.error) for answer in got)
        assert "(asked 2 times)" in str(got[0].error)
        assert len(server.log.bodies) == 4


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "no key was sent"), (403, "no key"), (404, "the model's name")]
)
def test_a_server_that_lets_nobody_in_ends_the_run_at_once(status: int, advice: str) -> None:
    with serving(status=status) as server, pytest.raises(InputError, match=advice) as caught:
        answers(opened(server, max_parallel=4), words(1000))
    assert caught.value.exit_code == 2
    assert len(server.log.bodies) <= 8


def test_a_server_that_refuses_every_question_ends_the_run() -> None:
    with serving(status=400) as server, pytest.raises(InputError, match="refuses every question"):
        answers(opened(server, max_parallel=4), words(1000))
    assert len(server.log.bodies) < 40


def test_a_temperature_that_a_server_does_not_take_is_told_at_once() -> None:
    message = "Unsupported value: 'temperature' does not support 0.7 with this model."
    with serving(refuses={"temperature": message}) as server:
        with pytest.raises(InputError, match="set another 'temperature' in a model file, or null"):
            answers(opened(server, temperature=0.7, max_parallel=2), words(100))
        assert len(server.log.bodies) <= 4
        assert answers(opened(server, temperature=None), ["one"])[0].error is None


def test_without_the_extra_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtra, match=r'pip install "audit\[endpoint\]"'):
        answers(opened("http://127.0.0.1:9/v1"), ["one"])


def test_a_server_that_is_not_there_is_told_within_seconds() -> None:
    begun = time.monotonic()
    with pytest.raises(InputError, match="check that the server runs"):
        answers(opened("http://127.0.0.1:9/v1"), words(100))
    assert time.monotonic() - begun < 15


def test_a_server_that_breaks_down_is_left_alone_and_what_was_not_asked_says_so() -> None:
    with serving(fails=lambda number: "500" if number >= 50 else "") as server:
        backend = opened(server, retries=0, max_parallel=8)
        got = answers(backend, words(500))
        assert sum(answer.text is not None for answer in got) == 50
        assert sum("not asked: 20 questions in a row" in str(answer.error) for answer in got) > 400
        assert len(server.log.bodies) < 100
        assert "500" in backend.facts()["stopped"]


@pytest.mark.parametrize(("finish", "text", "error"), [
    ("length", "half an answ", ""), ("length", "", "reached its end of 20 tokens"),
    ("content_filter", "", "content filter withheld"), ("content_filter", "some", ""), ("stop", "", ""),
])  # fmt: skip
def test_how_an_answer_ended_decides_whether_it_is_one(finish: str, text: str, error: str) -> None:
    with serving(finish=finish, says=lambda body, _: text) as server:
        got = answers(opened(server), ["one"])[0]
        assert error in str(got.error) if error else got.text == text and got.error is None
        assert got.final is bool(error)
        assert len(server.log.bodies) == 1


# ---------------------------------------------------------------- limits


def test_no_more_requests_are_sent_than_the_pace_allows() -> None:
    with serving() as server:
        begun = time.monotonic()
        answers(opened(server, requests_per_minute=1200), words(60))
        assert 1.7 < time.monotonic() - begun < 20
        times = sorted(server.log.times)
        assert sum(at < times[0] + 1.0 for at in times) <= 45


def test_tokens_have_a_pace_of_their_own() -> None:
    with serving() as server:
        begun = time.monotonic()
        answers(opened(server, tokens_per_minute=6000), words(80))
        assert 1.5 < time.monotonic() - begun < 20  # 80 questions of five tokens, at 100 tokens a second


def test_a_budget_of_requests_ends_the_asking_and_the_rest_says_so(tmp_path: Path) -> None:
    kept = tmp_path / "answers.sqlite"
    with serving() as server:
        got = gather(opened(server, budget={"requests": 30}), words(100), kept)
        assert len(server.log.bodies) == got.asked == 30 and got.failed == got.unanswered == 70
        told = got.responses[got.responses["error"] != ""]["error"].unique().tolist()
        assert told == ["not asked: the budget of 30 requests is spent"]
        rest = gather(opened(server), words(100), kept)
        assert (rest.asked, rest.failed) == (70, 0)


@pytest.mark.parametrize("budget", [
    {"tokens": 2000}, {"money": 0.002, "price_per_million": {"input": 1.0, "output": 1.0}},
])  # fmt: skip
def test_budgets_of_tokens_and_money_are_never_exceeded(budget: dict[str, Any]) -> None:
    with serving(latency_s=0.01) as server:
        backend = opened(server, budget=budget)
        got = answers(backend, words(1000))
        facts = backend.facts()
        used = facts["input_tokens"] + facts["output_tokens"]
        assert 1700 < used <= 2000
        assert facts["stopped"] and 0 < sum(answer.text is not None for answer in got) < 1000


# ---------------------------------------------------------------- identity, canaries, keys


def test_the_identity_holds_the_model_the_place_and_the_settings_and_no_scheme_of_secrets() -> None:
    identity = opened("http://localhost:8000/v1/", temperature=0.5).identity
    assert (identity.kind, identity.name) == ("endpoint", "m") and not identity.digests
    assert identity.settings["url"] == "localhost:8000/v1" and identity.settings["temperature"] == 0.5
    assert identity.id != opened("http://localhost:8000/v1", temperature=0.4).identity.id
    assert open_model("endpoint:org/model@v2@http://localhost:8000/v1").identity.name == "org/model@v2"


def test_facts_tell_which_models_and_fingerprints_answered() -> None:
    with serving(model="m-2026-01") as server:
        backend = opened(server)
        answers(backend, words(3))
        server.behaviour.fingerprint = "fp_2"
        answers(backend, words(2))
        facts = backend.facts()
        assert facts["models"]["m-2026-01"]["answers"] == 5
        assert {name: told["answers"] for name, told in facts["fingerprints"].items()} == {
            "fp_1": 3,
            "fp_2": 2,
        }
        assert facts["warnings"] == ["the server named 2 fingerprints of its system"]
        json.dumps(facts)


def test_canaries_are_asked_at_both_ends_and_tell_a_model_that_was_changed() -> None:
    with serving() as server:
        backend = opened(server, canaries=4)
        answers(backend, words(10))
        assert len(server.log.bodies) == 18
        assert {body["temperature"] for body in server.log.bodies[:4]} == {0.0}
        assert backend.facts()["canaries"] == {"asked": 4, "compared": 4, "moved": []}
        server.behaviour.says = lambda body, _: "quite another model"
        answers(backend, words(1))
        assert len(backend.facts()["canaries"]["moved"]) == 4
        assert "may have been changed" in backend.facts()["warnings"][0]


def test_canaries_are_asked_after_every_round_of_questions_and_a_warning_stays() -> None:
    def says(body: dict[str, Any], number: int) -> str:
        return "another model" if 6 <= number < 10 else f"as ever: {asked(body)}"

    with serving(says=says) as server:
        backend = opened(server, canaries=4, max_parallel=4)
        for _ in range(3):
            answers(backend, words(2))
        assert len(server.log.bodies) == 4 + 3 * (2 + 4)
        assert len(backend.facts()["canaries"]["moved"]) == 4
        assert "4 of 4 canary prompts were answered in other words" in backend.facts()["warnings"][0]


@pytest.mark.parametrize("left", [0, 2])
def test_canaries_for_which_no_budget_is_left_erase_no_warning(left: int) -> None:
    def says(body: dict[str, Any], number: int) -> str:
        return "another model" if 6 <= number < 10 else f"as ever: {asked(body)}"

    with serving(says=says) as server:
        backend = opened(server, canaries=4, max_parallel=4, budget={"requests": 12 + left})
        for _ in range(2):
            answers(backend, words(2))
        assert len(server.log.bodies) == 12 + left
        told = backend.facts()["canaries"]
        assert (told["asked"], told["compared"], len(told["moved"])) == (4, 4, 4)


def test_canaries_wait_for_one_another_as_questions_do() -> None:
    with serving(latency_s=0.3) as server:
        backend = opened(server, canaries=8, max_parallel=1, timeout_s=2.0, retries=0)
        answers(backend, words(1))
        assert len(server.log.bodies) == 17
        assert backend.facts()["canaries"] == {"asked": 8, "compared": 8, "moved": []}


def test_the_key_comes_from_the_environment_and_is_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    caplog.set_level("DEBUG")
    kept = tmp_path / "answers.sqlite"
    with serving(needs_key=SECRET) as server:
        backend = opened(server, key="MY_KEY")
        got = gather(backend, words(5), kept)
        assert got.failed == 0 and server.log.headers[0]["authorization"] == f"Bearer {SECRET}"
        server.behaviour.needs_key = "another"
        refused = gather(backend, words(8), kept)
        assert refused.failed == 3 and "[key]" in refused.responses["error"].max()
        (tmp_path / "table.csv").write_text(refused.responses.to_csv())
        (tmp_path / "facts.json").write_text(json.dumps([backend.facts(), repr(backend.identity)]))
        with pytest.raises(InputError) as caught:
            gather(opened(server, key="MY_KEY"), words(9), None)
    said = [caplog.text, str(caught.value), repr(backend._courier.terms)]
    assert SECRET not in "".join(said)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3 and not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_the_usual_key_goes_to_this_machine_and_over_https_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    settings = Endpoint.model_validate({"model": 1, "kind": "endpoint", "name": "m"})
    assert settings.secret("https://api.example.org/v1") == SECRET
    assert settings.secret("http://127.0.0.1:8000/v1") == settings.secret("http://localhost/v1") == SECRET
    assert settings.secret("http://api.example.org/v1") == ""
    with pytest.raises(InputError, match="variable NOWHERE_SET, which the model file names, is not set"):
        settings.model_copy(update={"key": "NOWHERE_SET"}).secret("http://localhost/v1")


def test_other_credentials_of_the_environment_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_WEBHOOK_SECRET"):
        monkeypatch.setenv(name, SECRET)
    with serving() as server:
        answers(opened(server), ["one"])
        assert SECRET not in json.dumps(server.log.headers)


# ---------------------------------------------------------------- model files


@pytest.mark.parametrize(("lines", "sentence"), [
    ("name: m", "'m' names no server"),
    ("name: m\nurl: localhost:8000", "is no address of a server"),
    ("name: m\nurl: http://me:pw@host/v1", "holds a user name, a query or a fragment"),
    ("name: m\nurl: http://host/v1?api_key=x", "holds a user name, a query or a fragment"),
    ("name: m\nurl: http://host/v1\nmax_paralel: 3", "unknown key 'max_paralel'; did you mean 'max_parallel'?"),
    ("name: m\nurl: http://host/v1\nmode: talk", "'mode' is 'talk'; allowed: chat, completions"),
    ("name: m\nurl: http://host/v1\ntemperature: 3", "'temperature' is 3; allowed: at most 2"),
    ("name: m\nurl: http://host/v1\nbudget: {money: 3}", "a budget of money needs 'price_per_million'"),
    ("name: m\nurl: http://host/v1\nbudget: {tokens: 0}", "allowed: at least 1"),
    ("name: m\nurl: http://host/v1\nkey: sk-1234", "'key' "),
])  # fmt: skip
def test_a_mistake_in_a_model_file_is_one_sentence(tmp_path: Path, lines: str, sentence: str) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(f"model: 1\nkind: endpoint\n{lines}\n")
    with pytest.raises(InputError) as caught:
        open_model("model.yaml", beside=tmp_path)
    assert sentence in str(caught.value) and "me:pw" not in str(caught.value)


def test_a_model_file_says_everything(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(
        "model: 1\nkind: endpoint\nname: m\nurl: http://localhost:8000/v1\nmode: completions\nsystem: Be.\n"
        "temperature: null\nseed: 3\nlog_probabilities: never\nmax_parallel: 8\nrequests_per_minute: 100\n"
        "tokens_per_minute: 10000\ntimeout_s: 30\nretries: 2\ncanaries: 3\nkey: MY_KEY\n"
        "budget: {requests: 10, tokens: 1000, money: 1.5, price_per_million: {input: 1, output: 2}}\n"
    )
    identity = open_model("model.yaml", beside=tmp_path).identity
    assert identity.settings["temperature"] is None and identity.settings["mode"] == "completions"


def test_the_model_file_in_the_docs_is_one_that_the_schema_takes(tmp_path: Path) -> None:
    page = (ROOT / "docs/backends.md").read_text(encoding="utf-8").split("\n## endpoint\n")[1]
    (tmp_path / "docs.yaml").write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    settings = open_model("docs.yaml", beside=tmp_path)._settings
    assert set(type(settings).model_fields) == settings.model_fields_set
    assert (settings.max_parallel, settings.retries, settings.timeout_s) == (
        Endpoint.model_fields["max_parallel"].default, Endpoint.model_fields["retries"].default,
        Endpoint.model_fields["timeout_s"].default,
    )  # fmt: skip


# ---------------------------------------------------------------- stopped and gone on

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from test_collect import table
from audit.collect import collect
from audit.modelfile import open_model
from audit.records import Question
texts = [f"prompt {number}" for number in range(400)]
try:
    got = collect(table(texts), backend=open_model(f"endpoint:m@{sys.argv[1]}"), cache=Path("not-used"),
                  question=Question(kind="generate", max_tokens=20), kept=Path(sys.argv[2]))
    print(got.asked, got.reused, got.failed, "|".join(got.responses["text"]))
except KeyboardInterrupt:
    print("interrupted")
"""


def script(server: Server, kept: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, server.url, str(kept)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def wait_for(server: Server, requests: int) -> None:
    until = time.monotonic() + 60
    while len(server.log.bodies) < requests:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("after", [1, 100, 250])
def test_killed_at_any_moment_the_same_call_asks_only_what_is_missing(tmp_path: Path, after: int) -> None:
    kept = tmp_path / "answers.sqlite"
    with serving(latency_s=0.1) as server:
        first = script(server, kept)
        wait_for(server, after)
        first.send_signal(signal.SIGKILL)
        first.wait()
        before = len(server.log.bodies)
        out, _ = script(server, kept).communicate(timeout=60)
        asked_now, reused, failed, texts = out.split(" ", 3)
        assert int(asked_now) + int(reused) == 400 and int(failed) == 0
        assert len(server.log.bodies) - before == int(asked_now)
        # what was sent and is asked again was under way, or came in the last moment before the journal was written
        assert before - int(reused) <= 64 + 64 * 4
        whole = gather(opened(server), words(400))
        assert texts.strip().split("|") == whole.responses["text"].tolist()


def test_an_interrupt_ends_within_seconds_and_keeps_what_came(tmp_path: Path) -> None:
    kept = tmp_path / "answers.sqlite"
    with serving(latency_s=0.3) as server:
        first = script(server, kept)
        wait_for(server, 150)
        begun = time.monotonic()
        first.send_signal(signal.SIGINT)
        out, _ = first.communicate(timeout=30)
        assert time.monotonic() - begun < 8
        assert out.strip() == "interrupted"
        before = len(server.log.bodies)
        out, _ = script(server, kept).communicate(timeout=60)
        assert int(out.split()[1]) >= before - 2 * 64
        assert len(server.log.bodies) - before == int(out.split()[0])


def test_closing_the_answers_cancels_what_is_under_way() -> None:
    with serving(latency_s=5) as server:
        backend = opened(server)
        server.behaviour.fails = lambda number: ""
        stream = backend.stream([Ask(prompt=asking(text)) for text in words(10)], GENERATE)
        thread = threading.Timer(0.5, lambda: setattr(server.behaviour, "latency_s", 0.0))
        thread.start()
        begun = time.monotonic()
        assert len(server.log.bodies) == 0
        next(stream)
        stream.close()
        assert time.monotonic() - begun < 9
        assert not [one for one in threading.enumerate() if one.name == "audit-endpoint"]


# ---------------------------------------------------------------- speed


@pytest.mark.slow
def test_sixty_four_at_once_reach_nine_tenths_of_what_latency_allows() -> None:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/endpoint_server.py"), "--latency-s", "1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        backend = opened(process.stdout.readline().strip())
        begun = time.monotonic()
        got = answers(backend, words(64 * 15))
        taken = time.monotonic() - begun
    finally:
        process.kill()
    assert not [answer for answer in got if answer.error]
    assert 15 / taken >= 0.9
