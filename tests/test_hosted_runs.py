"""Whole runs of a hosted model: incomplete ones say so, and the same command asks only what is missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from endpoint_server import Server, asked, serving
from judged_suites import TEXT as JUDGED
from judged_suites import write_suite as write_judged
from preloaded import Ended, Parent
from small_suites import write_suite
from whole_runs import counts

from audit.runs import read_run

pytest.importorskip("openai")
WORDS = "log_probabilities: never\n"
ROOT = Path(__file__).parent.parent
MODEL = "model: 1\nkind: endpoint\nname: tiny\nurl: {url}\nretries: 0\ntimeout_s: 5\ntemperature: 0\n{more}"


def started(folder: Path, server: Server, more: str = "", suite: Path | None = None) -> subprocess.Popen[str]:
    """`audit run` in a new process, which can be killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "audit", *words_of(folder, server, more, suite)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "AUDIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def words_of(folder: Path, server: Server, more: str, suite: Path | None) -> list[str]:
    """`audit run` on the small suite or another."""
    (folder / "model.yaml").write_text(MODEL.format(url=server.url, more=more), encoding="utf-8")
    model, out = str(folder / "model.yaml"), str(folder / "out")
    return ["run", str(suite or write_suite(folder)), "--model", model, "-o", out]


def audit_run(
    forks: Parent, folder: Path, server: Server, more: str = "", suite: Path | None = None
) -> Ended:
    """`audit run` to its end."""
    cache = {"AUDIT_CACHE": str(folder / "cache")}
    return forks.run(*words_of(folder, server, more, suite), environment=cache)


def folder_of(out: Path) -> Path:
    (found,) = out.iterdir()
    return found


def yes(body: dict[str, Any], number: int) -> str:
    return "Yes" if "nurse" in asked(body) else "No"


def test_a_run_with_questions_unanswered_is_incomplete_and_the_same_command_asks_those(
    forks: Parent, tmp_path: Path
) -> None:
    with serving(says=yes, fails=lambda number: "500" if number % 3 == 0 else "") as server:
        first = audit_run(forks, tmp_path, server, WORDS)
        assert first.code == 3, first.err
        assert "the same command asks for them again" in first.err and "Traceback" not in first.err
        folder = folder_of(tmp_path / "out")
        run, sent = read_run(folder), len(server.log.bodies)
        lost = int((run.responses["error"] != "").sum())
        assert lost > 0 and run.manifest["complete"] is False and (folder / "report.html").is_file()
        assert {finding.verdict for finding in run.findings} <= {"undecided", "not_measured"}
        assert "Incomplete" in (folder / "report.html").read_text(encoding="utf-8")
        server.behaviour.fails = lambda number: ""
        second = audit_run(forks, tmp_path, server, WORDS)
        assert second.code == 0, second.err
        done = read_run(folder_of(tmp_path / "out"))
        assert done.manifest["complete"] is True and not (done.responses["error"] != "").any()
        assert len(server.log.bodies) - sent == lost
        assert not list(folder.glob("answers.sqlite*"))
        assert len(done.looks) == 2


def test_what_a_server_told_of_itself_stands_in_manifest_and_report(forks: Parent, tmp_path: Path) -> None:
    with serving(says=yes, model="tiny-0521") as server:
        ended = audit_run(forks, tmp_path, server, "canaries: 2\n")
    assert ended.code == 0, ended.err
    folder = folder_of(tmp_path / "out")
    service = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["service"]
    assert set(service["models"]) == {"tiny-0521"} and set(service["fingerprints"]) == {"fp_1"}
    assert service["canaries"]["asked"] == 2 and service["canaries"]["moved"] == []
    assert service["requests"] == len(server.log.bodies)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "What the server told" in page and "tiny-0521" in page and "fp_1" in page


def test_a_model_that_changes_while_it_is_asked_is_warned_of(forks: Parent, tmp_path: Path) -> None:
    def says(body: dict[str, Any], number: int) -> str:
        return f"{number}" if "months" in asked(body) or "prime" in asked(body) else yes(body, number)

    with serving(says=says) as server:
        ended = audit_run(forks, tmp_path, server, "canaries: 2\n")
    assert ended.code == 0, ended.err
    assert "canary prompts were answered in other words" in ended.out
    page = (folder_of(tmp_path / "out") / "report.html").read_text(encoding="utf-8")
    assert "canary prompts were answered in other words" in page


def test_a_plan_for_a_paid_model_says_that_explanations_cost_more_and_how_to_leave_them_out(
    forks: Parent,
) -> None:
    ended = forks.run("plan", "hiring", "--model", "endpoint:x@http://127.0.0.1:9/v1")
    assert ended.code == 0, ended.err
    assert "answers on top" in ended.out and "{largest: 0, random: 0}' leaves them out" in ended.out


def service_of(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["service"]
    return told


def test_a_budget_is_that_of_the_run_and_the_manifest_tells_the_totals_of_all_commands(
    forks: Parent, tmp_path: Path
) -> None:
    with serving(says=yes) as server:
        first = audit_run(forks, tmp_path, server, WORDS + "budget: {requests: 40}\n")
        folder = folder_of(tmp_path / "out")
        assert first.code == 3 and len(server.log.bodies) == service_of(folder)["requests"] == 40
        assert counts(folder)["asked"] == 40
        more = audit_run(forks, tmp_path, server, WORDS + "budget: {requests: 60}\n")
        assert more.code == 3, more.err
        told = service_of(folder)
        assert told["requests"] == told["answered"] == len(server.log.bodies) == 60
        assert told["commands"] == 2 and told["stopped"] == "the budget of 60 requests is spent"
        assert (counts(folder)["asked"], counts(folder)["asked_again"]) == (20, 0)


def test_what_waited_for_its_turn_when_a_run_was_killed_is_not_counted_as_asked_twice(
    forks: Parent, tmp_path: Path
) -> None:
    with serving(says=yes) as server:
        process = started(tmp_path, server, WORDS + "requests_per_minute: 240\n")
        until = time.monotonic() + 120
        while len(server.log.bodies) < 8:
            assert process.poll() is None and time.monotonic() < until, process.communicate()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        sent = len(server.log.bodies)
        ended = audit_run(forks, tmp_path, server, WORDS)
        assert ended.code == 0, ended.err
        told = counts(folder_of(tmp_path / "out"))
        assert told["asked"] == len(server.log.bodies) - sent > 30
        twice = len(server.log.bodies) - len({json.dumps(body) for body in server.log.bodies})
        assert 0 <= told["asked_again"] - twice <= 1  # one may have been noted and not yet sent


def test_killed_with_everything_answered_the_next_command_still_tells_what_it_cost(
    forks: Parent, tmp_path: Path
) -> None:
    with serving(says=yes, latency_s=0.05, model="tiny-0521") as server:
        process = started(tmp_path, server, WORDS)
        until = time.monotonic() + 120
        while not list((tmp_path / "out").glob("*/scores.parquet")) and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if (folder_of(tmp_path / "out") / "manifest.json").exists():
            pytest.skip("the run was too fast to be killed before its end")
        sent = len(server.log.bodies)
        ended = audit_run(forks, tmp_path, server, WORDS)
        assert ended.code == 0, ended.err
        told = service_of(folder_of(tmp_path / "out"))
        assert len(server.log.bodies) == sent == told["requests"]
        assert told["models"]["tiny-0521"]["answers"] == sent


def judged(folder: Path, judge: Server) -> Path:
    """The suite of letters with a judge on a server of its own."""
    file = MODEL.format(url=judge.url, more="name_is: judge\n").replace("name: tiny", "name: judge")
    (folder / "judge.yaml").write_text(file.replace("name_is: judge\n", WORDS), encoding="utf-8")
    return write_judged(folder, JUDGED.replace("hf:judge", "judge.yaml"))


def test_a_judge_on_a_server_is_asked_once_however_often_the_run_is_killed(
    forks: Parent, tmp_path: Path
) -> None:
    def says(body: dict[str, Any], number: int) -> str:
        return f"Dear {asked(body)}"

    with serving(says=says) as server, serving(says=lambda body, _: "Yes", latency_s=0.3) as judge:
        suite = judged(tmp_path, judge)
        process = started(tmp_path, server, suite=suite)
        until = time.monotonic() + 120
        while len(judge.log.bodies) < 70:
            assert process.poll() is None and time.monotonic() < until, process.communicate()
            time.sleep(0.01)
        time.sleep(0.25)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before, letters = len(judge.log.bodies), len(server.log.bodies)
        judge.behaviour.latency_s = 0.0
        ended = audit_run(forks, tmp_path, server, suite=suite)
        assert ended.code == 0, ended.err
        (told,) = json.loads((folder_of(tmp_path / "out") / "manifest.json").read_text())["second_models"]
        assert told["reused"] > 0 and told["asked"] == len(judge.log.bodies) - before
        assert told["service"]["requests"] == len(judge.log.bodies) and told["service"]["commands"] == 2
        assert len(server.log.bodies) == letters


def test_questions_that_a_judge_left_open_are_asked_by_the_same_command(
    forks: Parent, tmp_path: Path
) -> None:
    with (
        serving(says=lambda body, _: f"Dear {asked(body)}") as server,
        serving(says=lambda body, _: "Yes", fails=lambda number: "500" if number % 3 == 0 else "") as judge,
    ):
        suite = judged(tmp_path, judge)
        first = audit_run(forks, tmp_path, server, suite=suite)
        assert first.code == 3, first.err
        (told,) = json.loads((folder_of(tmp_path / "out") / "manifest.json").read_text())["second_models"]
        sent, letters = len(judge.log.bodies), len(server.log.bodies)
        judge.behaviour.fails = lambda number: ""
        second = audit_run(forks, tmp_path, server, suite=suite)
        assert second.code == 0, second.err
        assert len(judge.log.bodies) - sent == told["failed"] > 0 and len(server.log.bodies) == letters
