"""Whole runs of a hosted model: incomplete ones say so, and the same command asks only what is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from endpoint_server import Server, asked, serving
from small_suites import write_suite

from audit.runs import read_run

pytest.importorskip("openai")
WORDS = "log_probabilities: never\n"
ROOT = Path(__file__).parent.parent
MODEL = "model: 1\nkind: endpoint\nname: tiny\nurl: {url}\nretries: 0\ntimeout_s: 5\ntemperature: 0\n{more}"


def audit_run(folder: Path, server: Server, more: str = "") -> subprocess.CompletedProcess[str]:
    """`audit run` in a process of its own, on the small suite."""
    (folder / "model.yaml").write_text(MODEL.format(url=server.url, more=more), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "audit", "run", str(write_suite(folder)), "--model", str(folder / "model.yaml"),
         "-o", str(folder / "out")],
        capture_output=True, text=True, cwd=ROOT, check=False,
        env={**os.environ, "AUDIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def folder_of(out: Path) -> Path:
    (found,) = out.iterdir()
    return found


def yes(body: dict[str, Any], number: int) -> str:
    return "Yes" if "nurse" in asked(body) else "No"


def test_a_run_with_questions_unanswered_is_incomplete_and_the_same_command_asks_those(
    tmp_path: Path,
) -> None:
    with serving(says=yes, fails=lambda number: "500" if number % 3 == 0 else "") as server:
        first = audit_run(tmp_path, server, WORDS)
        assert first.returncode == 3, first.stderr
        assert "the same command asks for them again" in first.stderr and "Traceback" not in first.stderr
        folder = folder_of(tmp_path / "out")
        run, sent = read_run(folder), len(server.log.bodies)
        lost = int((run.responses["error"] != "").sum())
        assert lost > 0 and run.manifest["complete"] is False and (folder / "report.html").is_file()
        assert {finding.verdict for finding in run.findings} <= {"undecided", "not_measured"}
        assert "Incomplete" in (folder / "report.html").read_text(encoding="utf-8")
        server.behaviour.fails = lambda number: ""
        second = audit_run(tmp_path, server, WORDS)
        assert second.returncode == 0, second.stderr
        done = read_run(folder_of(tmp_path / "out"))
        assert done.manifest["complete"] is True and not (done.responses["error"] != "").any()
        assert len(server.log.bodies) - sent == lost
        assert not list(folder.glob("answers.sqlite*"))
        assert len(done.looks) == 2


def test_what_a_server_told_of_itself_stands_in_manifest_and_report(tmp_path: Path) -> None:
    with serving(says=yes, model="tiny-0521") as server:
        ended = audit_run(tmp_path, server, "canaries: 2\n")
    assert ended.returncode == 0, ended.stderr
    folder = folder_of(tmp_path / "out")
    service = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["service"]
    assert set(service["models"]) == {"tiny-0521"} and set(service["fingerprints"]) == {"fp_1"}
    assert service["canaries"]["asked"] == 2 and service["canaries"]["moved"] == []
    assert service["requests"] == len(server.log.bodies)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "What the server told" in page and "tiny-0521" in page and "fp_1" in page


def test_a_model_that_changes_while_it_is_asked_is_warned_of(tmp_path: Path) -> None:
    def says(body: dict[str, Any], number: int) -> str:
        return f"{number}" if "months" in asked(body) or "prime" in asked(body) else yes(body, number)

    with serving(says=says) as server:
        ended = audit_run(tmp_path, server, "canaries: 2\n")
    assert ended.returncode == 0, ended.stderr
    assert "canary prompts were answered in other words" in ended.stdout
    page = (folder_of(tmp_path / "out") / "report.html").read_text(encoding="utf-8")
    assert "canary prompts were answered in other words" in page


def test_a_plan_for_a_paid_model_says_that_explanations_cost_more_and_how_to_leave_them_out() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "audit", "plan", "hiring", "--model", "endpoint:x@http://127.0.0.1:9/v1"],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    assert "explanations ask more" in ended.stdout and "explain: {largest: 0, random: 0}" in ended.stdout
