from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import EXCLUDED, FINDING, PLAN, finished_run, rows, tables

from audit.errors import InputError
from audit.evidence import plan_digest
from audit.machine import now, stamp
from audit.records import RESPONSES, SCORES, TABLES
from audit.runs import append_look, is_finished, read_run, run_folder, write_json, write_plan, write_run

DIGEST = "a1b2c3d4" * 8
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def test_a_run_that_was_written_is_read_back_as_it_was(tmp_path: Path) -> None:
    run = read_run(finished_run(tmp_path))
    for name, frame in tables().items():
        pd.testing.assert_frame_equal(getattr(run, name), frame)
    assert run.findings == (FINDING,)
    assert run.excluded == (EXCLUDED,)
    assert (run.suite, run.policy, run.axes) == (PLAN["suite"], PLAN["policy"], PLAN["axes"])
    assert run.manifest["complete"] is True


@settings(max_examples=20, deadline=None)
@given(value=st.floats(allow_nan=True, allow_infinity=True), text=texts, repeat=st.integers(0, 2**60))
def test_every_number_and_every_letter_survives_the_disk(
    tmp_path_factory: pytest.TempPathFactory, value: float, text: str, repeat: int
) -> None:
    folder = finished_run(tmp_path_factory.mktemp("runs"))
    written = tables() | {
        "scores": rows(SCORES, value=value),
        "responses": rows(RESPONSES, text=text, repeat=repeat),
    }
    write_run(folder, tables=written, findings=[], excluded=[])
    run = read_run(folder)
    pd.testing.assert_frame_equal(run.scores, written["scores"], check_exact=True)
    pd.testing.assert_frame_equal(run.responses, written["responses"], check_exact=True)


def test_equal_results_give_equal_bytes(tmp_path: Path) -> None:
    first, second = finished_run(tmp_path / "one"), finished_run(tmp_path / "two")
    names = [f"{table.name}.parquet" for table in TABLES] + ["findings.json", "excluded.json"]
    assert [(first / name).read_bytes() for name in names] == [(second / name).read_bytes() for name in names]


def test_tables_without_rows_keep_their_columns(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)
    write_run(folder, tables={table.name: table.frame() for table in TABLES}, findings=[], excluded=[])
    run = read_run(folder)
    assert all(list(getattr(run, table.name).columns) == table.names for table in TABLES)
    assert {str(dtype) for dtype in run.scores.dtypes} == {"str", "category", "float64", "int64"}


def test_the_folder_carries_suite_model_and_the_start_of_the_digest(tmp_path: Path) -> None:
    assert run_folder(tmp_path, "hiring", "org/model-7b", DIGEST).name == "hiring-org-model-7b-a1b2c3d4"


@pytest.mark.parametrize(
    "model", ["/data/my models/résumé net/", "../model", "a:b*c?.jsonl.gz", "...", "x" * 300]
)
def test_folder_names_hold_nothing_a_file_system_stumbles_over(tmp_path: Path, model: str) -> None:
    folder = run_folder(tmp_path, "hiring", model, DIGEST)
    folder.mkdir()
    assert folder.parent == tmp_path
    assert set(folder.name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def test_the_same_plan_gives_the_same_folder_until_another_is_asked_for(tmp_path: Path) -> None:
    first = run_folder(tmp_path, "s", "m", DIGEST)
    first.mkdir()
    assert run_folder(tmp_path, "s", "m", DIGEST) == first
    write_json(first / "manifest.json", {"complete": False})
    assert run_folder(tmp_path, "s", "m", DIGEST, again=True) == first  # is gone on with: it is not finished
    write_json(first / "manifest.json", {"complete": True})
    second = run_folder(tmp_path, "s", "m", DIGEST, again=True)
    assert second not in (first, tmp_path)
    second.mkdir()
    assert run_folder(tmp_path, "s", "m", DIGEST) == second
    (second / "manifest.json").write_text("no JSON", encoding="utf-8")
    assert run_folder(tmp_path, "s", "m", DIGEST, again=True) not in (first, second)


def test_going_on_with_a_run_keeps_the_time_its_plan_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    first = write_plan(tmp_path, PLAN, digest=plan_digest(PLAN))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert write_plan(tmp_path, PLAN, digest=plan_digest(PLAN)) == first
    assert first["made_at"] == "1970-01-01T00:00:00Z"


def test_a_folder_with_another_plan_is_refused(tmp_path: Path) -> None:
    write_plan(tmp_path, PLAN, digest=plan_digest(PLAN))
    other = {**PLAN, "seed": 8}
    with pytest.raises(InputError, match="another plan"):
        write_plan(tmp_path, other, digest=plan_digest(other))


def test_a_plan_with_a_number_that_json_cannot_hold_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_plan(tmp_path, {**PLAN, "limit": float("nan")}, digest=DIGEST)
    assert not (tmp_path / "plan.json").exists()


def test_every_look_at_the_results_adds_one_line(tmp_path: Path) -> None:
    for count in (1, 2):
        append_look(tmp_path, answers=count)
    looks = [json.loads(line) for line in (tmp_path / "looks.jsonl").read_text().splitlines()]
    assert [look["answers"] for look in looks] == [1, 2]
    assert all("at" in look for look in looks)


def test_a_run_knows_when_results_were_computed_from_its_plan(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)
    before = len(read_run(folder).looks)
    append_look(folder, answers=3)
    looks = read_run(folder).looks
    assert len(looks) == before + 1 and looks[-1]["answers"] == 3


@pytest.mark.parametrize("line", ["{", "[1]", "words"])
def test_a_damaged_list_of_looks_is_named(tmp_path: Path, line: str) -> None:
    folder = finished_run(tmp_path)
    (folder / "looks.jsonl").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"looks\.jsonl: the file is damaged"):
        read_run(folder)


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plan\.json is missing"):
        read_run(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_run(tmp_path / "nothing")


def test_an_unfinished_run_is_said_to_be_unfinished(tmp_path: Path) -> None:
    write_plan(tmp_path, PLAN, digest=plan_digest(PLAN))
    assert not is_finished(tmp_path)
    with pytest.raises(InputError, match="not finished"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    "name", [*(f"{table.name}.parquet" for table in TABLES), "findings.json", "excluded.json"]
)
def test_a_missing_or_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    folder = finished_run(tmp_path)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        read_run(folder)
    (folder / name).unlink()
    with pytest.raises(InputError, match=name.replace(".", r"\.") + ".*missing"):
        read_run(folder)


@pytest.mark.parametrize("name", ["plan.json", "manifest.json", "findings.json", "excluded.json"])
def test_a_run_of_another_format_version_is_refused_in_words(tmp_path: Path, name: str) -> None:
    folder = finished_run(tmp_path)
    value = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**value, "schema": 99}))
    with pytest.raises(InputError, match="version 99 of the run format, this program reads 2"):
        read_run(folder)


def test_a_finding_with_a_verdict_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)
    text = (folder / "findings.json").read_text()
    (folder / "findings.json").write_text(text.replace("undecided", "splendid"))
    with pytest.raises(InputError, match=r"findings\.json"):
        read_run(folder)


def test_the_clock_obeys_source_date_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert stamp(now()) == "2023-11-14T22:13:20Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(InputError, match="SOURCE_DATE_EPOCH"):
        now()


def test_no_half_written_file_is_left_behind(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)
    assert not [name for name in os.listdir(folder) if name.startswith(".")]
