"""Runs in MLflow. Most tests use its own store in a folder; the slow one a server with a database, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from made_runs import on_disk
from small_suites import write_suite
from test_compare import logit
from typer.testing import CliRunner

import audit
from audit import evidence, sending, tracking
from audit.cli import app
from audit.errors import AuditError, IncompleteError, InputError, MissingExtra
from audit.runs import read_run
from audit.tracked import tracked

pytest.importorskip("mlflow")
ROOT = Path(__file__).parent.parent
SERVER = Path(os.environ.get("AUDIT_MLFLOW", ROOT / "build" / "mlflow"))
"""What a server needs beside the client; `make studies` puts it there."""
RUNNER = CliRunner()


def said(*words: object) -> tuple[int, str]:
    """Exit code, and everything that a command says."""
    result = RUNNER.invoke(app, [str(word) for word in words])
    error = result.exception
    if error is not None and not isinstance(error, AuditError | SystemExit):
        raise error
    code = error.exit_code if isinstance(error, AuditError) else result.exit_code
    return code, f"{result.output}{error if isinstance(error, AuditError) else ''}"


def closed() -> str:
    """An address on which nobody answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{held.getsockname()[1]}"


def client(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(uri)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two runs with a report each."""
    output = tmp_path_factory.mktemp("runs")
    found = {}
    for number, name in enumerate(("low", "high")):
        folder = on_disk(logit(float(number), name, own=number + 1), output)
        (folder / "report.html").write_text("<!doctype html><title>Report</title>", encoding="utf-8")
        (folder / "exports").mkdir()
        (folder / "exports" / "summary.md").write_text("summary\n", encoding="utf-8")
        evidence.write_receipt(folder)
        found[name] = folder
    return found


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty store of MLflow in a folder."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return (tmp_path / "store").as_uri()


def artifacts(store: str, run_id: str) -> Path:
    return Path(client(store).get_run(run_id).info.artifact_uri.removeprefix("file://"))


# ---------------------------------------------------------- there and back


def test_a_run_that_comes_back_is_the_run_that_was_sent(folders: dict[str, Path], store: str) -> None:
    run_id, known = tracking.track(folders["low"], store)
    assert not known
    back = tracking.located(f"mlflow:{run_id}@{store}")
    assert back != folders["low"] and back.name == folders["low"].name and evidence.verify(back) == []
    names = evidence.own_files(folders["low"])
    assert {"receipt.json", "report.html", "exports/summary.md", "effects.parquet"} <= set(names)
    for name in names:
        assert (back / name).read_bytes() == (folders["low"] / name).read_bytes()


def test_what_is_logged_are_the_effects_the_verdicts_and_the_digests(
    folders: dict[str, Path], store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "AT_ONCE", 2)
    monkeypatch.setattr(tracking, "PARAMS_AT_ONCE", 2)
    run_id, _ = tracking.track(folders["high"], store)
    logged, run = client(store).get_run(run_id), read_run(folders["high"])
    [row] = run.effects[run.effects["decision"]].to_dict("records")
    for key in ("estimate", "low", "high"):
        assert logged.data.metrics[f"effect/choice_logit/colour/all/blue/red/{key}"] == row[key]
    assert logged.data.metrics[f"verdicts/{row['verdict']}"] == 1.0
    receipt = json.loads((folders["high"] / "receipt.json").read_text(encoding="utf-8"))
    assert logged.data.tags["audit.receipt"] == receipt["digest"]
    assert logged.data.tags["audit.root"] == receipt["root"]
    assert logged.data.params["model.name"] == "high" and logged.data.params["suite"] == run.suite["id"]
    assert logged.info.status == "FINISHED" and logged.info.run_name == folders["high"].name


def test_a_run_is_sent_once(folders: dict[str, Path], store: str) -> None:
    first = tracking.track(folders["low"], store)
    assert tracking.track(folders["low"], store) == (first[0], True)
    assert len(client(store).search_runs([client(store).get_experiment_by_name("audit").experiment_id])) == 1


def test_versions_in_mlflow_compare_as_folders_do(
    folders: dict[str, Path], store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    ids = {name: f"mlflow:{tracking.track(folder, store)[0]}" for name, folder in folders.items()}
    code, _ = said("compare", folders["low"], folders["high"], "--json", tmp_path / "here.json", "--gate")
    there, text = said("compare", ids["low"], ids["high"], "--json", tmp_path / "there.json", "--gate")
    assert code == there == 1 and "worse" in text
    one, other = (
        json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")) for name in ("here", "there")
    )
    for side in ("baseline", "candidate"):
        del one[side]["source"], other[side]["source"]
    assert one == other
    change = audit.compare_runs(ids["low"], f"{ids['high']}@{store}")
    assert list(change.changes["status"]) == ["worse"]


def test_a_run_in_mlflow_can_be_a_baseline_and_be_verified(
    folders: dict[str, Path], store: str, tmp_path: Path
) -> None:
    place = f"mlflow:{tracking.track(folders['low'], store)[0]}@{store}"
    assert said("baseline", "set", place, "-o", tmp_path / "there.json")[0] == 0
    assert said("baseline", "set", folders["low"], "-o", tmp_path / "here.json")[0] == 0
    here, there = (
        json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")) for name in ("here", "there")
    )
    assert json.dumps(there).replace(place.partition("@")[0], str(folders["low"])) == json.dumps(here)
    assert said("verify", place)[0] == 0 and audit.open(place).model == "made:low"


# ------------------------------------------------------------- what is wrong


def test_files_that_changed_on_the_server_are_refused_and_not_kept(
    folders: dict[str, Path], store: str, tmp_path: Path
) -> None:
    run_id, _ = tracking.track(folders["low"], store)
    held = artifacts(store, run_id) / "run" / "findings.json"
    whole = held.read_bytes()
    held.write_bytes(whole.replace(b"choice_logit", b"choice_logic", 1))
    with pytest.raises(
        InputError, match=r"not the run as it ended: findings\.json: changed since the run ended"
    ):
        tracking.located(f"mlflow:{run_id}@{store}")
    assert not list((tmp_path / "cache" / "mlflow").glob("*/*"))
    held.write_bytes(whole)
    assert tracking.located(f"mlflow:{run_id}@{store}").is_dir()


def test_another_run_in_the_place_of_the_one_that_the_tags_name_is_refused(
    folders: dict[str, Path], store: str
) -> None:
    run_id, _ = tracking.track(folders["low"], store)
    place = artifacts(store, run_id) / "run"
    shutil.rmtree(place)
    shutil.copytree(folders["high"], place)
    with pytest.raises(InputError, match=r"its root is .* the tag says"):
        tracking.located(f"mlflow:{run_id}@{store}")


def test_a_copy_that_changed_here_is_fetched_again(folders: dict[str, Path], store: str) -> None:
    place = f"mlflow:{tracking.track(folders['low'], store)[0]}@{store}"
    copy = tracking.located(place)
    (copy / "effects.parquet").write_bytes(b"nothing")
    assert evidence.verify(tracking.located(place)) == []


def test_a_run_that_changed_here_is_not_sent(folders: dict[str, Path], store: str, tmp_path: Path) -> None:
    folder = shutil.copytree(folders["low"], tmp_path / "changed")
    (folder / "findings.json").write_text("{}", encoding="utf-8")
    with pytest.raises(AuditError, match=r"findings\.json: changed since the run ended"):
        tracking.track(folder, store)
    assert not (tmp_path / "store").exists()


def test_runs_that_are_no_audits_are_refused_in_a_sentence(folders: dict[str, Path], store: str) -> None:
    mlflow = client(store)
    other = mlflow.create_run(mlflow.create_experiment("theirs")).info.run_id
    with pytest.raises(InputError, match="holds no finished audit"):
        tracking.located(f"mlflow:{other}@{store}")
    with pytest.raises(InputError, match="there is no such run on file:"):
        tracking.located(f"mlflow:{'0' * 32}@{store}")
    run_id, _ = tracking.track(folders["low"], store)
    mlflow.delete_run(run_id)
    with pytest.raises(InputError, match="was deleted"):
        tracking.located(f"mlflow:{run_id}@{store}")


def test_what_could_not_be_sent_whole_is_marked_and_sent_anew(
    folders: dict[str, Path], store: str, tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be", encoding="utf-8")
    experiment = client(store).create_experiment("audit", artifact_location=blocked.as_uri())
    with pytest.raises(IncompleteError, match=r"not tracked: the MLflow server at file:.* did not do it"):
        tracking.track(folders["low"], store)
    [failed] = client(store).search_runs([experiment])
    assert failed.info.status == "FAILED"
    with pytest.raises(InputError, match="holds no finished audit"):
        tracking.located(f"mlflow:{failed.info.run_id}@{store}")
    blocked.unlink()
    run_id, known = tracking.track(folders["low"], store)
    assert not known and run_id != failed.info.run_id


@pytest.mark.parametrize(
    ("track", "told"),
    [
        ("wandb", "runs are tracked in mlflow"),
        ("mlflow", "no server is named; write mlflow:URI or set MLFLOW_TRACKING_URI"),
        ("mlflow:http://me:secret@127.0.0.1:9", "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        ("mlflow:ftp://127.0.0.1", "mlflow:ftp://127.0.0.1: "),
    ],
)
@pytest.mark.usefixtures("store")
def test_an_address_that_cannot_be_meant_is_told_before_anything_is_asked(
    track: str, told: str, tmp_path: Path
) -> None:
    code, text = said(
        "run", write_suite(tmp_path), "-m", "reference:screening-v1", "-o", tmp_path / "r", "--track", track
    )
    assert code == 2 and told in text and "secret" not in text
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("of", ["mlflow:", "mlflow:a b", "mlflow:../x", "mlflow:@http://127.0.0.1"])
def test_a_name_that_is_no_run_of_mlflow_is_told(of: str) -> None:
    code, text = said("verify", of)
    assert code == 2 and "mlflow:RUN_ID" in text


def test_without_the_extra_the_command_that_installs_it_is_told(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtra, match=r'pip install "audit\[mlflow\]"'):
        tracking.server(f"mlflow:{store}")
    with pytest.raises(MissingExtra, match=r'pip install "audit\[mlflow\]"'):
        tracking.located(f"mlflow:abc@{store}")


def test_an_incomplete_run_is_not_sent(folders: dict[str, Path], store: str, tmp_path: Path) -> None:
    assert sending.send(folders["low"], store, complete=False)
    assert not (tmp_path / "store").exists()


def test_the_environment_is_as_it_was(folders: dict[str, Path], store: str) -> None:
    before = dict(os.environ)
    tracking.track(folders["low"], store)
    assert dict(os.environ) == before


# -------------------------------------------------------------- a whole run


@pytest.mark.usefixtures("store")
def test_a_run_whose_server_is_down_is_saved_and_the_same_command_sends_it(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("run", write_suite(tmp_path), "-m", "reference:screening-v1", "-o", tmp_path / "r", "--no-pdf")
    nobody = closed()
    code, text = said(*command, "--track", f"mlflow:{nobody}")
    assert code == 3
    assert text.replace("\n", " ").count("warning: ") == 1 and nobody in text and "tries again" in text
    [folder] = (tmp_path / "r").iterdir()
    assert evidence.verify(folder) == [] and read_run(folder).manifest["complete"]
    stored = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    code, text = said(*command, "--track", f"mlflow:{store}")
    assert code == 0 and "finished before" in text
    [line] = [line for line in text.splitlines() if line.startswith("tracked ")]
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == stored
    place = f"{line.split()[1]}@{store}"
    again = said(*command, "--track", f"mlflow:{nobody}", "--baseline", place, "--gate", "--again")
    assert again[0] == 3 and "the gate is open" in again[1]


# ------------------------------------------------------------ a real server


@contextmanager
def server(place: Path) -> Iterator[str]:
    """A server of MLflow with its own database and its own artifacts, on loopback."""
    address = closed()
    log = place / "server.log"
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", address.rpartition(":")[2],
        "--workers", "1", "--backend-store-uri", f"sqlite:///{place / 'mlflow.sqlite'}",
        "--artifacts-destination", str(place / "artifacts"),
    ]  # fmt: skip
    own = {
        "PYTHONPATH": str(SERVER),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=place,
            env={**os.environ, **own},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for(address, process, log)
            yield address
        finally:
            os.killpg(process.pid, 15)
            process.wait(30)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text(errors="replace")
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(log.read_text(errors="replace"))


@pytest.mark.slow
@pytest.mark.skipif(not SERVER.is_dir(), reason="make studies installs what a server of MLflow needs")
def test_a_server_with_a_database_keeps_runs_and_gives_them_back(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with server(tmp_path) as uri:
        sent = {name: tracking.track(folder, uri)[0] for name, folder in folders.items()}
        assert tracking.track(folders["low"], uri) == (sent["low"], True)
        logged, run = client(uri).get_run(sent["high"]), read_run(folders["high"])
        [row] = run.effects[run.effects["decision"]].to_dict("records")
        name = "effect/choice_logit/colour/all/blue/red"
        assert [logged.data.metrics[f"{name}/{key}"] for key in ("estimate", "low", "high")] == [
            row["estimate"], row["low"], row["high"],
        ]  # fmt: skip
        listed = {item.path for item in client(uri).list_artifacts(sent["high"], "run")}
        assert {"run/report.html", "run/receipt.json", "run/plan.json"} <= listed
        places = [f"mlflow:{sent[name]}@{uri}" for name in ("low", "high")]
        code, text = said("compare", *places, "--gate")
        assert code == 1 and "1 worse" in text
        with pytest.raises(InputError, match="there is no such run on http"):
            tracking.located(f"mlflow:{'0' * 32}@{uri}")
        sample = tracking.track(ROOT / "reports" / "sample", uri)[0]
        everything = tracked(read_run(ROOT / "reports" / "sample"), receipt="").metrics
        assert len(everything) > 500 and client(uri).get_run(sample).data.metrics == everything
        assert said("verify", f"mlflow:{sample}@{uri}")[0] == 0
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    code, text = said("compare", *places)
    assert code == 3 and "Connection refused" in text
