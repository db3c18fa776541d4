"""Whole runs of a hosted model that fails in one request of five: every prompt has its end, every request is told."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import judged_suites
import pytest
from endpoint_server import FAULTS, Server, asked, serving
from preloaded import Parent
from whole_runs import (
    Place,
    assert_equal_results,
    assert_never_looks_finished,
    assert_whole,
    counts,
    undisturbed,
)

from audit.runs import read_run

pytest.importorskip("openai")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
MODEL = """\
model: 1
kind: endpoint
name: tiny
url: {url}
retries: {retries}
timeout_s: 3
temperature: 0
log_probabilities: never
max_parallel: 8
"""
REASONS = {
    "429": "429", "429-date": "429", "500": "500", "503": "503", "529": "529", "hang": "no answer within",
    "reset": "the connection failed", "cut": "no JSON", "empty": "empty answer", "huge": "more than 8 MiB",
    "html": "no JSON", "error-200": "overloaded", "null": "without a text",
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(says=lambda body, number: "Yes" if "nurse" in asked(body) else "No") as running:
        yield running


def hosted(folder: Path, server: Server, *, retries: int) -> Place:
    folder.mkdir(exist_ok=True)
    (folder / "tiny.yaml").write_text(MODEL.format(url=server.url, retries=retries), encoding="utf-8")
    return Place(folder, str(folder / "tiny.yaml"))


def every_fifth(number: int) -> str:
    """A fault for every fifth request, each kind in its turn."""
    return FAULTS[number // 5 % len(FAULTS)] if number % 5 == 2 else ""


def service(place: Place) -> dict[str, Any]:
    return dict(read_run(place.run).manifest["service"])  # type: ignore[call-overload]


def assert_totals_reconcile(place: Place, server: Server, *, before: int = 0, asked_before: int = 0) -> None:
    """What the manifest says of the run is what the server saw of it after `before` requests.

    `asked_before` are the questions that earlier commands of the run asked.
    """
    told, counted = service(place), counts(place.run)
    assert told["requests"] == len(server.log.bodies) - before
    assert told["requests"] == told["answered"] + told["failed"] + told["requests_repeated"]
    assert asked_before + counted["asked"] == told["answered"] + told["failed"]
    responses = read_run(place.run).responses
    assert counted["responses"] == len(responses)
    assert counted["failed"] == (responses["error"] != "").sum()
    assert (
        (responses["error"] != "") ^ (responses["text"] != "")
    ).all()  # an answer or a reason, never both or none


def test_with_a_fault_in_one_request_of_five_a_run_is_complete_and_its_totals_reconcile(
    forks: Parent, server: Server, tmp_path: Path
) -> None:
    whole = hosted(tmp_path / "whole", server, retries=6)
    undisturbed(forks, whole)
    before = len(server.log.bodies)
    server.behaviour.fails = lambda number: every_fifth(number - before)
    place = hosted(tmp_path / "faulty", server, retries=6)
    ended = place.go(forks)
    assert ended.code == 0, ended.err
    assert set(server.log.faults) == set(FAULTS)
    assert_totals_reconcile(place, server, before=before)
    assert service(place)["requests_repeated"] == sum(server.log.faults.values()) > 20
    assert_whole(place)
    assert_equal_results(whole.run, place.run, but=("answered_at",))


def test_what_stays_without_an_answer_is_told_and_the_same_command_asks_nothing_else(
    forks: Parent, server: Server, tmp_path: Path
) -> None:
    whole = hosted(tmp_path / "whole", server, retries=0)
    undisturbed(forks, whole)
    before = len(server.log.bodies)
    server.behaviour.fails = lambda number: every_fifth(number - before)
    place = hosted(tmp_path / "faulty", server, retries=0)
    ended = place.go(forks)
    assert ended.code == 3 and "the same command asks for them again" in ended.err, ended.err
    run, faults = read_run(place.run), server.log.faults
    assert_totals_reconcile(place, server, before=before)
    assert run.manifest["complete"] is False and service(place)["failed"] == sum(faults.values())
    lost = run.responses[run.responses["error"] != ""].drop_duplicates(["prompt_id", "repeat"])
    told = Counter(next(name for name in REASONS.values() if name in error) for error in lost["error"])
    assert told == Counter({
        reason: sum(faults[fault] for fault in FAULTS if REASONS[fault] == reason)
        for reason in set(REASONS.values())
    })  # fmt: skip
    assert {finding.verdict for finding in run.findings} <= {"undecided", "not_measured"}
    assert "Incomplete" in (place.run / "report.html").read_text(encoding="utf-8")
    server.behaviour.fails, so_far = (lambda number: ""), len(server.log.bodies)
    undisturbed(forks, place)
    first = server.log.bodies[before:so_far]
    failed = [json.dumps(body) for number, body in enumerate(first) if every_fifth(number)]
    assert sorted(json.dumps(body) for body in server.log.bodies[so_far:]) == sorted(failed)
    assert len(failed) == len(lost) == sum(faults.values())
    assert_totals_reconcile(place, server, before=before, asked_before=run.manifest["counts"]["asked"])  # type: ignore[index]
    assert counts(place.run)["reused"] == counts(whole.run)["asked"] - len(lost)
    assert_whole(place)
    assert_equal_results(whole.run, place.run, but=("answered_at",))
    undisturbed(forks, place)
    assert len(server.log.bodies) == so_far + len(lost)  # a finished run asks nothing


def test_a_run_in_which_most_is_missing_decides_nothing(
    forks: Parent, server: Server, tmp_path: Path
) -> None:
    server.behaviour.fails = lambda number: "" if number % 4 == 0 else "500"
    place = hosted(tmp_path, server, retries=0)
    ended = place.go(forks)
    assert ended.code == 3, ended.err
    run = read_run(place.run)
    assert run.findings and {finding.verdict for finding in run.findings} <= {"undecided", "not_measured"}
    assert_totals_reconcile(place, server)


def test_half_an_emoji_in_what_a_server_says_is_no_reason_to_lose_an_answer(
    forks: Parent, server: Server, tmp_path: Path
) -> None:
    def refused_now_and_then(number: int) -> str:
        server.behaviour.refuses = {"model": "no such text: \ud83d"} if number % 7 == 3 else {}
        return ""

    server.behaviour.says = lambda body, number: "Yes \ud83d" if "nurse" in asked(body) else "No \ud83d\ude00"
    server.behaviour.fails, server.behaviour.fingerprint = refused_now_and_then, "fp \ud83d"
    place = hosted(tmp_path, server, retries=0)
    undisturbed(forks, place)
    assert_totals_reconcile(place, server)
    assert_whole(place)
    responses = read_run(place.run).responses
    assert set(responses["text"]) == {"Yes \ufffd", "No \U0001f600", ""}
    assert set(responses["error"]) == {"", "the server answered 400: no such text: \ufffd"}
    assert list(service(place)["fingerprints"]) == ["fp \ufffd"]


def test_a_run_that_ends_with_half_an_emoji_says_so_in_a_sentence(
    forks: Parent, server: Server, tmp_path: Path
) -> None:
    server.behaviour.refuses = {"model": "no such text: \ud83d"}
    ended = hosted(tmp_path, server, retries=0).go(forks)
    assert ended.code == 2 and ended.err.count("audit: ") == 1, ended.err
    assert "refuses every question" in ended.err and "Traceback" not in ended.err


JUDGED = (
    judged_suites.TEXT.replace("hf:judge", "judge.yaml")
    .replace("labelled: labelled.jsonl", "")
    .replace("controls: {arms: [again, name]}\n", "")
)


def test_a_judge_on_a_server_that_fails_leaves_the_run_incomplete_and_is_asked_again_for_the_rest(
    forks: Parent, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "judge.yaml").write_text(
        MODEL.format(url=server.url, retries=0).replace("tiny", "judge"), encoding="utf-8"
    )
    place = hosted(tmp_path, server, retries=0)
    (tmp_path / "small.yaml").write_text(JUDGED, encoding="utf-8")

    def judging(number: int) -> bool:
        return bool(server.log.bodies[number]["model"] == "judge")

    server.behaviour.fails = lambda number: "500" if judging(number) and number % 5 == 0 else ""
    ended = place.go(forks)
    assert ended.code == 3, ended.err
    (told,) = read_run(place.run).manifest["second_models"]  # type: ignore[misc]
    assert 0 < told["failed"] < told["asked"]
    assert {finding.verdict for finding in read_run(place.run).findings} <= {"undecided", "not_measured"}
    server.behaviour.fails, so_far = (lambda number: ""), len(server.log.bodies)
    undisturbed(forks, place)
    assert len(server.log.bodies) - so_far == told["failed"]
    assert all(judging(number) for number in range(so_far, len(server.log.bodies)))
    assert_whole(place)


def killed(forks: Parent, server: Server, folder: Path, *, kills: int, seed: int) -> None:
    """Kill -9 of a run of a faulty server, until it comes to its end; paid answers stay."""
    whole = hosted(folder / "whole", server, retries=6)
    whole_s = undisturbed(forks, whole).seconds
    once, draw = len(server.log.bodies), random.Random(seed)
    server.behaviour.latency_s = 0.02
    server.behaviour.fails = lambda number: every_fifth(number) if number > once else ""
    place = hosted(folder / "killed", server, retries=6)
    for number in range(kills):
        place.go(forks, after_s=0.3 + whole_s * (number + draw.random()) / kills)
        assert_never_looks_finished(place)
    undisturbed(forks, place)
    faults = sum(server.log.faults.values())
    assert len(server.log.bodies) - once - faults <= once + kills * (8 + 0.2 / 0.02 * 8)
    assert_whole(place)
    assert_equal_results(whole.run, place.run, but=("answered_at",))


def test_a_run_of_a_faulty_server_that_is_killed_ends_as_an_undisturbed_one_does(
    forks: Parent, server: Server, tmp_path: Path
) -> None:
    killed(forks, server, tmp_path, kills=1, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_many_moments_while_a_server_fails(
    forks: Parent, server: Server, tmp_path: Path, seed: int
) -> None:
    killed(forks, server, tmp_path, kills=6, seed=seed)
