"""The golden run: recorded answers in, pinned findings and report out."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path

import pytest

from audit import pipeline

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def made() -> object:
    spec = importlib.util.spec_from_file_location("golden_make", GOLDEN / "make.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with contextlib.chdir(GOLDEN):
        return pipeline.run(
            "suite.yaml", model="recorded:answers.jsonl.gz", output=tmp_path_factory.mktemp("golden")
        )


def test_findings_are_what_they_were_to_the_byte(run_folder: Path) -> None:
    assert (run_folder / "findings.json").read_bytes() == (GOLDEN / "findings.json").read_bytes()


def test_the_report_is_what_it_was_to_the_byte(run_folder: Path, made) -> None:  # type: ignore[no-untyped-def]
    assert made.html_of(run_folder) == (GOLDEN / "report.html").read_text(encoding="utf-8")


def test_the_golden_answers_are_complete(run_folder: Path) -> None:
    from audit.runs import read_run

    run = read_run(run_folder)
    assert (run.responses["error"] == "").all()
    assert run.manifest["counts"]["failed"] == 0  # type: ignore[index]
    assert run.attributions["reason"].ne("no recorded answer").all() and len(run.attributions)
