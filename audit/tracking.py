"""Runs in MLflow: a finished run sent to a tracking server, and fetched from it to be compared or explained.

A run is sent with all its files, so what comes back is a run folder like any other and is verified like one. Names and
passwords of a server stand in the variables that MLflow itself reads; an address that holds one is refused.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from audit import evidence, runs
from audit.disk import held, told
from audit.errors import AuditError, IncompleteError, InputError, MissingExtra
from audit.harmless import visible
from audit.records import Run
from audit.tracked import NAME, ROOT, Tracked, tracked

if TYPE_CHECKING:
    from mlflow import MlflowClient

KIND = "mlflow"
FOLDER = "run"
"""Where the files of a run lie among the artifacts."""
ADDRESS = "MLFLOW_TRACKING_URI"
EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Settings of the client, where the environment has no others: with its own, a server that is down costs minutes."""
AT_ONCE, PARAMS_AT_ONCE = 1000, 100
"""What MLflow takes in one request."""
RUN = re.compile(r"mlflow:(?P<id>\w+)(?:@(?P<uri>.+))?")
SAFE_NAME = re.compile(r"\w[\w.\-]*")
LONGEST_REASON = 200

Item = TypeVar("Item")


def server(track: str | None) -> str | None:
    """Where `--track mlflow[:URI]` sends runs; None where nothing is asked. Errors come before anything is asked."""
    if track is None:
        return None
    kind, _, uri = track.partition(":")
    if kind != KIND:
        raise InputError(f"--track {track}: runs are tracked in mlflow; write mlflow, or mlflow:URI")
    found = _checked(uri)
    with _quiet():
        _client(found)
    return found


def track(folder: Path, uri: str) -> tuple[str, bool]:
    """Id of the MLflow run that holds the run in `folder`, and whether it was there before.

    IncompleteError where the server does not take it: the same command sends it.
    """
    with held(folder):
        evidence.require_unchanged(folder)
        finished = runs.read_run(folder, only=("effects",))
        receipt = json.loads((folder / evidence.RECEIPT).read_text(encoding="utf-8"))["digest"]
        what = tracked(finished, receipt=receipt)
        with _connected(uri, f"{folder}: not tracked") as client:
            experiment = _experiment(client)
            known = _known(client, experiment, what.tags[ROOT])
            return (known, True) if known else (_sent(client, experiment, folder, what), False)


def located(of: str | Path) -> Path:
    """The folder or file that a command names; `mlflow:RUN_ID[@URI]` is fetched into the cache, and verified."""
    if not str(of).startswith(f"{KIND}:"):
        return Path(of)
    found = RUN.fullmatch(str(of))
    if found is None:
        raise InputError(f"{of}: a run in MLflow is named mlflow:RUN_ID, or mlflow:RUN_ID@URI")
    return _fetched(found["id"], _checked(found["uri"] or ""))


def named(run: Run) -> Run:
    """The run; one that was fetched is named by its id in MLflow and not by the place of the copy."""
    place = Path(run.folder).parent
    return replace(run, folder=f"{KIND}:{place.name}") if place.parent == _copies() else run


def _copies() -> Path:
    """Where fetched runs lie, each in a folder that is named by its id."""
    from audit.asking import cache_file

    return cache_file().parent / KIND


def _sent(client: MlflowClient, experiment: str, folder: Path, what: Tracked) -> str:
    """Id of a new MLflow run with everything in it; one that could not be filled is marked as failed."""
    plan = json.loads((folder / evidence.PLAN).read_text(encoding="utf-8"))
    ended = _milliseconds(what.tags["audit.finished_at"])
    made = client.create_run(experiment, start_time=_milliseconds(plan["made_at"]), run_name=what.name)
    run_id = str(made.info.run_id)
    try:
        _log(client, run_id, what, at=ended)
        for name in evidence.own_files(folder):
            client.log_artifact(run_id, str(folder / name), (Path(FOLDER) / name).parent.as_posix())
        client.set_terminated(run_id, "FINISHED", ended)
    except BaseException:
        with _ignored():
            client.set_terminated(run_id, "FAILED")
        raise
    return run_id


def _log(client: MlflowClient, run_id: str, what: Tracked, *, at: int) -> None:
    from mlflow.entities import Metric, Param, RunTag

    for params in _portions([Param(*pair) for pair in what.params.items()], PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params)
    client.log_batch(run_id, tags=[RunTag(*pair) for pair in what.tags.items()])
    for metrics in _portions([Metric(*pair, at, 0) for pair in what.metrics.items()], AT_ONCE):
        client.log_batch(run_id, metrics=metrics)


def _portions(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    yield from (items[start : start + size] for start in range(0, len(items), size))


def _experiment(client: MlflowClient) -> str:
    name = os.environ.get(EXPERIMENT) or "audit"
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found is not None else client.create_experiment(name))


def _known(client: MlflowClient, experiment: str, root: str) -> str:
    """Id of a finished MLflow run that holds the run with this root; empty where there is none."""
    wanted = f"tags.`{ROOT}` = '{root}' and attributes.status = 'FINISHED'"
    found = client.search_runs([experiment], filter_string=wanted, max_results=1)
    return str(found[0].info.run_id) if found else ""


def _fetched(run_id: str, uri: str) -> Path:
    """The folder of a run that lies in MLflow; fetched once, and again where the copy is not as it should be."""
    with _connected(uri, f"mlflow:{run_id}: not read") as client:
        tags = _tags(client, run_id, uri)
        name = tags.get(NAME, "")
        folder = _copies() / run_id / (name if SAFE_NAME.fullmatch(name) else FOLDER)
        if _problem(folder, tags[ROOT]):
            _download(client, run_id, folder, tags[ROOT])
    return folder


def _tags(client: MlflowClient, run_id: str, uri: str) -> dict[str, str]:
    """Tags of a run that holds one of ours; InputError for others."""
    from mlflow.exceptions import MlflowException

    try:
        found: Any = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise InputError(f"mlflow:{run_id}: there is no such run on {uri}") from error
        raise
    tags: dict[str, str] = found.data.tags
    if found.info.lifecycle_stage != "active":
        raise InputError(f"mlflow:{run_id}: this run was deleted on {uri}")
    if ROOT not in tags or found.info.status != "FINISHED":
        raise InputError(f"mlflow:{run_id}: holds no finished audit; `audit run --track` makes such runs")
    return tags


def _download(client: MlflowClient, run_id: str, folder: Path, root: str) -> None:
    with told(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as waiting:
        came = Path(client.download_artifacts(run_id, FOLDER, waiting))
        if problem := _problem(came, root):
            raise InputError(f"mlflow:{run_id}: what the server holds is not the run as it ended: {problem}")
        shutil.rmtree(folder, ignore_errors=True)
        came.rename(folder)


def _problem(folder: Path, root: str) -> str:
    """Why `folder` does not hold the run with this root as it ended; empty where it does."""
    try:
        problems = evidence.verify(folder)
    except InputError as error:
        return str(error)
    if problems:
        return problems[0]
    manifest = json.loads((folder / evidence.MANIFEST).read_text(encoding="utf-8"))
    return "" if manifest["root"] == root else f"its root is {manifest['root'][:8]}, the tag says {root[:8]}"


# ------------------------------------------------------------------ client


def _checked(uri: str) -> str:
    """The address of a server; InputError where there is none, or where it holds a name or a password."""
    found = uri or os.environ.get(ADDRESS, "")
    if not found:
        raise InputError(f"mlflow: no server is named; write mlflow:URI or set {ADDRESS}")
    if re.match(r"\w+://[^/]*@", found):
        raise InputError(
            "mlflow: the address holds a name or a password, which others could read; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    return found


def _client(uri: str) -> MlflowClient:
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise MissingExtra("mlflow", "tracking runs in MLflow") from None
    try:
        return MlflowClient(uri)
    except (MlflowException, ImportError) as error:
        raise InputError(f"mlflow:{visible(uri)}: {_reason(error)}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """The client without usage statistics for its makers, bars, and long waits; then the environment is as it was."""
    added = [name for name in QUIET if name not in os.environ]
    os.environ.update({name: QUIET[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _connected(uri: str, what: str) -> Iterator[MlflowClient]:
    """The client; IncompleteError, in one sentence, for whatever the server or the way to it does wrong."""
    with _quiet():
        client = _client(uri)
        with _answering(uri, what):
            yield client


@contextmanager
def _answering(uri: str, what: str) -> Iterator[None]:
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except AuditError:
        raise
    except (MlflowException, requests.RequestException, OSError, ValueError, ImportError) as error:
        raise IncompleteError(
            f"{what}: the MLflow server at {visible(uri)} did not do it ({_reason(error)}); "
            "the same command tries again"
        ) from error


@contextmanager
def _ignored() -> Iterator[None]:
    """A last try that may fail: what went wrong before it is what is told."""
    try:
        yield
    except Exception:
        return


def _reason(error: BaseException) -> str:
    """What went wrong, in a line: of a connection what the system said."""
    said = str(error)
    system = re.findall(r"\[Errno -?\d+\] ([^'\")\]]+)", said)
    line = system[-1] if system else (said.splitlines() or [type(error).__name__])[0]
    return visible(line.strip()[:LONGEST_REASON])


def _milliseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)
