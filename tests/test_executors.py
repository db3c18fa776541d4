"""More than one machine: a real Ray cluster of several nodes on loopback, workers killed, a node ended on the way."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from small_suites import TEXT, write_suite
from test_collect import table

from audit import pipeline
from audit.batching import Where
from audit.clusters import QUIET
from audit.collect import Collected, collect
from audit.errors import AuditError, InputError
from audit.executors.ray import OnRay, on_ray
from audit.job import prepare
from audit.machine import hardware
from audit.modelfile import open_model
from audit.records import Question
from audit.runs import read_run

if find_spec("ray") is None:  # it may not be imported before the cluster says where it listens
    pytest.skip("the extra 'ray' is not installed", allow_module_level=True)

ROOT = Path(__file__).parent.parent
MODEL = "reference:screening-v1"
CLASSIFY = Question(kind="classify", favourable="invite")
FUNCTION = """\
import os, pathlib, signal, time

HERE = pathlib.Path(__file__).parent

def answer(texts: list[str]) -> list[dict[str, float]]:
    (HERE / f"pid-{os.getpid()}").touch()
    if any("poison" in text for text in texts):
        os.kill(os.getpid(), signal.SIGKILL)
    if any("odd" in text for text in texts):
        raise ValueError("an odd text")
    time.sleep(0 if os.getpid() == HERE_NO_SLEEP else SLEEP)
    return [{"reject": 0.25, "invite": 0.5 + len(text) / 1000} for text in texts]
"""


def write_function(folder: Path, *, sleep: float = 0.15) -> str:
    """A model file of a function that notes who runs it, ends its process over `poison` and fails over `odd`."""
    module = f"function_{folder.name}"
    (folder / f"{module}.py").write_text(
        FUNCTION.replace("HERE_NO_SLEEP", str(os.getpid())).replace("SLEEP", str(sleep))
    )
    (folder / "model.yaml").write_text(
        f"model: 1\nkind: callable\nname: {module}:answer\nlabels: [reject, invite]\ndeterministic: true\n"
    )
    return str(folder / "model.yaml")


def processes(folder: Path) -> list[int]:
    return [int(path.name.removeprefix("pid-")) for path in folder.glob("pid-*")]


def local_and_far(
    model: str, texts: list[str], folder: Path, executor: Any, **more: Any
) -> tuple[Collected, Collected]:
    """The same prompts asked here and by the executor, each with a cache of its own."""
    found = []
    for number, where in enumerate((None, executor)):
        backend = open_model(model)
        cache = folder / str(number) / "answers.sqlite"
        asking = {"backend": backend, "question": CLASSIFY, "cache": cache, "executor": where}
        found.append(collect(table(texts), **{**asking, **(more if where else {})}))
    return found[0], found[1]


def same(one: Collected, other: Collected) -> bool:
    """Whether both hold the same answers, byte for byte."""
    columns = ["prompt_id", "repeat", "text", "scores", "error", "tokens"]
    return bool(one.responses[columns].equals(other.responses[columns]))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster whose head has room for two workers and says it has a graphics card; it listens on loopback alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        for name, value in QUIET.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        made = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 2,
                "num_gpus": 1,
                "include_dashboard": False,
                "object_store_memory": 80 * 2**20,
            },
        )
        yield made
        made.shutdown()


def opened(cluster: Any, model: str, *, workers: int = 2, patience_s: float = 300.0) -> OnRay:
    where = Where(model=model, executor="ray", address=cluster.address, workers=workers)
    return OnRay(open_model(model), where, patience_s=patience_s)


# -------------------------------------------------------------- the same numbers


def test_an_audit_on_workers_has_the_same_tables_and_findings_as_one_here(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    suite = write_suite(tmp_path, TEXT)
    executor = opened(cluster, MODEL)
    results = []
    for number, place in enumerate((None, executor)):
        monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / str(number)))
        job = prepare(str(suite), model=MODEL)
        results.append(pipeline.compute(job, executor=place))
    assert "_loaded" not in vars(job.backend._model), "the weights were loaded beside the workers too"
    facts = executor.facts()
    executor.close()
    here, far = results
    assert here.tables.keys() == far.tables.keys()
    assert here.asked == far.asked > 0 and here.findings == far.findings
    for name, rows in here.tables.items():
        assert rows.to_csv() == far.tables[name].to_csv(), name
    assert (facts["executor"], facts["workers"], facts["lost"]) == ("ray", 2, 0)
    assert [sorted(machine) for machine in facts["hardware"]] == [sorted(hardware())]  # type: ignore[attr-defined]


def test_errors_come_back_as_failed_records_and_the_next_question_meets_the_same_workers(
    cluster: Any, tmp_path: Path
) -> None:
    model = write_function(tmp_path, sleep=0.1)
    texts = [f"text number {n}" for n in range(160)] + ["an odd one"]
    where = Where(model=model, executor="ray", address=cluster.address, gpus=0.5)
    executor = OnRay(open_model(model), where)  # half a card each: there is room for two
    here, far = local_and_far(model, texts, tmp_path, executor)
    assert far.failed == 1 and same(here, far)
    workers = processes(tmp_path)
    here, far = local_and_far(model, [f"another {text}" for text in texts], tmp_path, executor)
    executor.close()
    assert far.failed == 1 and same(here, far)
    later = processes(tmp_path)
    assert os.getpid() in workers and set(workers) <= set(later)
    assert (
        2 <= len(workers) <= len(later) <= 3
    )  # on a busy machine one worker may end before the other begins


# ------------------------------------------------------------- what is survived


def test_workers_that_are_killed_and_a_node_that_ends_change_no_answer(
    cluster: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    psutil = pytest.importorskip("psutil")
    node = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    model = write_function(tmp_path)
    texts = [f"text number {n} {'x' * (n % 7)}" for n in range(2400)]
    executor = opened(cluster, model, workers=3)
    events: list[int] = []

    def progress(what: str, done: int, total: int) -> None:
        workers = [pid for pid in processes(tmp_path) if pid != os.getpid()]
        if not events and len(workers) == 3:
            events.append(done)
            cluster.remove_node(node, allow_graceful=False)
        elif len(events) == 1 and done >= events[0] + 320:
            left = [pid for pid in workers if psutil.pid_exists(pid)]
            if len(left) == 2:  # those of the node have ended
                events.append(done)
                os.kill(left[0], signal.SIGKILL)

    here, far = local_and_far(model, texts, tmp_path, executor, progress=progress)
    facts = executor.facts()
    executor.close()
    assert len(events) == 2
    assert same(here, far) and far.failed == 0
    assert int(str(facts["lost"])) >= 2
    assert capfd.readouterr() == ("", "")


def test_a_prompt_that_ends_its_worker_is_a_failed_record_and_its_neighbours_are_answered(
    cluster: Any, tmp_path: Path
) -> None:
    model = write_function(tmp_path, sleep=0.0)
    texts = [f"text number {n}" for n in range(5)]
    executor = opened(cluster, model, workers=1)
    backend = open_model(model)
    got = collect(
        table([*texts, "poison"]), backend=backend, question=CLASSIFY, cache=tmp_path / "c", executor=executor
    )
    executor.close()
    assert got.failed == 1
    row = got.responses[got.responses["error"] != ""].iloc[0]
    assert row["error"] == "every worker that was asked this ended: its process or its machine ended"
    assert json.loads(got.responses["scores"].iloc[0])["reject"] < 0


@pytest.mark.slow
def test_workers_that_only_ever_end_are_given_up(cluster: Any, tmp_path: Path) -> None:
    model = write_function(tmp_path, sleep=0.0)
    with pytest.raises(AuditError, match="workers ended one after the other without an answer"):
        collect(
            table([f"poison {n}" for n in range(200)]), backend=open_model(model), question=CLASSIFY,
            cache=tmp_path / "c", executor=opened(cluster, model, workers=1),
        )  # fmt: skip


# ------------------------------------------------------------------ bad input


def test_a_model_that_workers_cannot_load_is_one_sentence(cluster: Any, tmp_path: Path) -> None:
    folder = tiny_models.save(
        tmp_path / "tiny", model="BertForSequenceClassification", tokenizer=tiny_models.wordpiece(),
        **tiny_models.SMALL,
    )  # fmt: skip
    model = f"hf:{folder}"
    executor = opened(cluster, model, workers=1)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="holds no weights"):
        list(executor.answers(iter([]), CLASSIFY))


def test_another_model_on_the_workers_is_refused_with_what_differs(cluster: Any, tmp_path: Path) -> None:
    model = write_function(tmp_path)
    executor = opened(cluster, model, workers=1)
    with (next(tmp_path.glob("function_*.py"))).open("a") as file:
        file.write("# changed\n")
    with pytest.raises(InputError, match=r"another model than this machine \(digest of function_.*source: "):
        list(executor.answers(iter([]), CLASSIFY))


def test_a_cluster_without_room_is_given_up_after_a_time(cluster: Any, tmp_path: Path) -> None:
    model = write_function(tmp_path)
    where = Where(model=model, executor="ray", address=cluster.address, gpus=2)
    executor = OnRay(open_model(model), where, patience_s=2.0)
    with pytest.raises(InputError, match="no room for a worker with 1 processor and 2 graphics cards"):
        list(executor.answers(iter([]), CLASSIFY))


@pytest.mark.parametrize("more, complaint", [
    ({"address": "ray://127.0.0.1:10001"}, "HOST:PORT"),
    ({"gpus": 1.5}, "a fraction of one graphics card, or a whole number"),
    ({"workers": -1}, "not below 0"),
    ({"gpus": -0.5}, "not below 0"),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(more: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint), on_ray(open_model(MODEL), Where(model=MODEL, **more)):
        pass


@pytest.mark.parametrize("model, complaint", [
    ("recorded", "holds answers that exist"),
    ("endpoint:small@http://127.0.0.1:9/v1", "let the server run on more machines"),
])  # fmt: skip
def test_what_is_not_computed_here_has_no_use_for_workers(
    model: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "answers.jsonl").write_text(json.dumps({"prompt_id": "p", "text": "Yes"}) + "\n")
    spec = f"recorded:{tmp_path / 'answers.jsonl'}" if model == "recorded" else model
    with pytest.raises(InputError, match=complaint), on_ray(open_model(spec), Where(model=spec)):
        pass


# ------------------------------------------------------------ the command line


def running(*words: object, folder: Path, suite: Path | None = None) -> subprocess.Popen[str]:
    """`audit run` of the small suite in a process group of its own, as a terminal would have it."""
    suite = suite or write_suite(folder)
    command = [sys.executable, "-m", "audit", "run", suite, "-o", folder / "runs", *words]
    return subprocess.Popen(
        [str(word) for word in command], text=True, start_new_session=True, cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "AUDIT_CACHE": str(folder / "cache")},
    )  # fmt: skip


def wait_for(what: Any, *, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_ctrl_c_ends_the_cluster_that_was_started_and_keeps_what_was_answered(tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    model = write_function(tmp_path, sleep=2.0)
    started = running("-m", model, "--executor", "ray", "--workers", 2, folder=tmp_path)
    cache = tmp_path / "cache" / "answers.sqlite"
    wait_for(lambda: kept_in(cache) > 0 or started.poll() is not None)
    family = psutil.Process(started.pid).children(recursive=True)
    assert len([each for each in family if each.pid in processes(tmp_path)]) == 2
    heard_at = {
        place.laddr.ip for each in [psutil.Process(started.pid), *family] if each.is_running()
        for place in each.net_connections("inet") if place.status == psutil.CONN_LISTEN
    }  # fmt: skip
    assert {ip.removeprefix("::ffff:") for ip in heard_at} == {"127.0.0.1"}
    began = time.monotonic()
    os.killpg(started.pid, signal.SIGINT)
    _, complaints = started.communicate(timeout=60)
    assert time.monotonic() - began < 20 and started.returncode == 130
    assert complaints.splitlines()[-1].startswith("audit: stopped; what was answered is kept")
    assert all(line.startswith(("answers", "audit: ")) for line in complaints.splitlines()), complaints
    wait_for(lambda: not any(each.is_running() and each.status() != "zombie" for each in family), seconds=20)
    assert kept_in(cache) > 0


def kept_in(cache: Path) -> int:
    """How many answers a journal holds, none where there is no journal yet."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{cache}?mode=ro", uri=True)) as database:
            (name,) = database.execute("select name from sqlite_master where name like '%answer%'").fetchone()
            return int(database.execute(f"select count(*) from {name}").fetchone()[0])
    except (sqlite3.Error, TypeError):
        return 0


def test_a_cluster_that_is_not_there_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    done = running("-m", MODEL, "--executor", "ray", "--address", address, folder=tmp_path)
    out, complaints = done.communicate(timeout=120)
    assert done.returncode == 2, complaints
    assert complaints.splitlines()[-1].startswith(
        f"audit: --address {address}: no cluster can be joined there"
    )
    assert "Traceback" not in complaints and not out


@pytest.mark.parametrize("words, complaint", [
    (["--workers", "2"], "--workers is for workers elsewhere; add --executor ray"),
    (["--executor", "rya"], "unknown executor 'rya'; did you mean 'ray'? (known: local, ray)"),
])  # fmt: skip
def test_options_for_workers_without_workers_are_refused(
    words: list[str], complaint: str, tmp_path: Path
) -> None:
    done = running("-m", MODEL, *words, folder=tmp_path)
    _, complaints = done.communicate(timeout=60)
    assert (done.returncode, complaints) == (2, f"audit: {complaint}\n")


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['ray'] = None; from audit.cli import main; "
        f"sys.argv = ['audit', 'run', {str(write_suite(tmp_path))!r}, '-m', '{MODEL}', '--executor', 'ray']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 2
    assert done.stderr == 'audit: --executor ray needs an extra: pip install "audit[ray]"\n'


@pytest.mark.slow
def test_a_whole_run_on_a_cluster_of_its_own_leaves_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    digests = []
    for words in ((), ("--executor", "ray", "--workers", 2)):
        folder = tmp_path / str(len(words))
        folder.mkdir()
        write_suite(folder, TEXT.replace("{largest: 0, random: 0}", "{largest: 2, random: 2}"))
        done = running("-m", MODEL, *words, folder=folder, suite=folder / "small.yaml")
        _, complaints = done.communicate(timeout=300)
        assert done.returncode == 0, complaints
        (run,) = (folder / "runs").iterdir()
        digests.append({
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in run.iterdir()
            if path.suffix == ".parquet" or path.name in ("findings.json", "excluded.json", "plan.json")
        })  # fmt: skip
        assert read_run(run).manifest["complete"]
    assert len(digests[0]) > 10 and digests[0] == digests[1]
    service: Any = read_run(run).manifest["service"]
    assert (service["executor"], service["workers"], service["lost"]) == ("ray", 2, 0)


@pytest.mark.slow
def test_a_command_that_is_killed_leaves_no_worker_behind(tmp_path: Path) -> None:
    """Two small agents of Ray itself notice it a minute or two later than the others."""
    psutil = pytest.importorskip("psutil")
    model = write_function(tmp_path, sleep=2.0)
    started = running("-m", model, "--executor", "ray", "--workers", 2, folder=tmp_path)
    wait_for(lambda: kept_in(tmp_path / "cache" / "answers.sqlite") > 0)
    family = psutil.Process(started.pid).children(recursive=True)
    family = [each for each in family if "Agent" not in each.name()]
    assert any(each.pid in processes(tmp_path) for each in family)
    os.kill(started.pid, signal.SIGKILL)
    wait_for(lambda: not any(each.is_running() and each.status() != "zombie" for each in family), seconds=60)
