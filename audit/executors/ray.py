"""Workers of a Ray cluster: each opens the model itself and is asked batches; this process alone keeps the answers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from audit.batching import Batch, Cut, Cuts, Executor, Where
from audit.clusters import connect, library
from audit.errors import AuditError, IncompleteError, InputError, MissingExtra
from audit.pieces import Piece, Pieces
from audit.protocols import Backend, Replays, Streams
from audit.records import Answer, Prompt, Question
from audit.workers import Opened, Worker, check_same, got

AT_ONCE = 3
"""Pieces that a worker has: the one that it answers and two that wait for it."""
LOSSES_IN_A_ROW = 6
"""Lost workers, for each worker wanted, without an answer in between: then something is wrong with all of them."""
PATIENCE_S = 300.0
"""How long no worker at all may be there: a cluster may have to start machines."""
LOOK_EVERY_S = 1.0
FACTS_S = 10.0
SLACK = 1e-6
"""So that three workers of a third of a card fit on one."""


@contextmanager
def on_ray(backend: Backend, where: Where) -> Iterator[Executor]:
    """By workers of a Ray cluster: of one that is running, or of one started on this machine that ends with the run.

    InputError for models that are no weights or function here, and for settings that make no sense. Nothing is
    started before the first batch is asked.
    """
    _refuse(backend, where)
    if find_spec("ray") is None:
        raise MissingExtra("ray", "--executor ray")
    executor = OnRay(backend, where)
    try:
        yield executor
    finally:
        executor.close()


def _refuse(backend: Backend, where: Where) -> None:
    """InputError where workers could not ask this model, or not that way."""
    name = f"{backend.identity.kind}:{backend.identity.name}"
    if isinstance(backend, Replays):
        raise InputError(f"{name} holds answers that exist and has nothing to ask; leave --executor ray out")
    if isinstance(backend, Streams):
        raise InputError(
            f"{name} is asked over a network already; leave --executor ray out and let the server run on more machines"
        )
    if where.workers < 0 or where.gpus < 0:
        raise InputError("--workers and --gpus are not below 0")
    if where.gpus > 1 and where.gpus % 1:
        raise InputError(f"--gpus {where.gpus:g}: a fraction of one graphics card, or a whole number of them")
    if "://" in where.address:
        raise InputError(
            f"--address {where.address}: HOST:PORT of the cluster's head is needed, from a machine of the cluster"
        )
    if backend.identity.settings.get("device") == "cuda" and not where.gpus:
        raise InputError(
            f"{name} runs on a graphics card; --gpus says how much of one each worker gets (--gpus 1, --gpus 0.5)"
        )


@dataclass(kw_only=True, slots=True, eq=False)
class _Member:
    """A worker as this process sees it: its actor, what it was asked in order, and what opening gave so far."""

    actor: Any
    opening: Any
    is_open: bool = False
    under_way: dict[Any, Piece] = field(default_factory=dict)


class OnRay:
    """An executor: workers of a Ray cluster, started with the first batch and kept until it is closed."""

    def __init__(self, backend: Backend, where: Where, *, patience_s: float = PATIENCE_S) -> None:
        self._backend = backend
        self._where = where
        self._patience_s = patience_s
        self._threads = int(str(backend.identity.settings.get("threads") or 1))
        self._members: list[_Member] = []
        self._connected = False
        self._losses_in_a_row = 0
        self._seen_at = 0.0
        self._opened = 0
        self._lost_ever = 0

    def answers(self, batches: Iterator[Batch], question: Question) -> Iterator[tuple[int, list[Answer]]]:
        """Each batch as its answers come; what a lost worker had is asked again.

        InputError where workers cannot open the model, or it is another one there; IncompleteError where no worker is
        left.
        """
        pieces = Pieces(batches=batches)
        try:
            self._start()
            self._seen_at = time.monotonic()
            while True:
                self._hand_out(pieces, question)
                if pieces.is_done:
                    return
                yield from self._come(pieces)
                self._check_anybody()
        except BaseException:
            self.close()
            raise

    def cut(self, prompts: Sequence[Prompt], question: Question) -> Cut:
        """The batches of the model, from a worker that has loaded it; from here only where every worker is lost."""
        import ray

        for member in [member for member in self._members if member.is_open]:
            try:
                found: Cut = got(ray.get(member.actor.cut.remote(prompts, question)))
                return found
            except ray.exceptions.RayTaskError:
                raise
            except ray.exceptions.RayError:
                continue
        return cast(Cuts, self._backend).cut(prompts, question)

    def facts(self) -> Mapping[str, object]:
        """How many workers were started and lost, and the machines of those that are there now, without their names."""
        if not self._members:
            return {}
        import ray

        refs = [member.actor.machine.remote() for member in self._members if member.is_open]
        ready, _ = ray.wait(refs, num_returns=len(refs), timeout=FACTS_S) if refs else ([], [])
        machines: list[object] = []
        for ref in ready:
            with suppress(ray.exceptions.RayError):
                machines.append(ray.get(ref))
        distinct = [machine for number, machine in enumerate(machines) if machine not in machines[:number]]
        return {
            "executor": "ray",
            "workers": self._opened,
            "lost": self._lost_ever,
            "hardware": [machine for machine in distinct if machine],
        }

    def close(self) -> None:
        """Ends the workers, and the cluster where it was started here."""
        if not self._connected and not self._members:
            return
        import ray

        for member in self._members:
            with suppress(Exception):
                ray.kill(member.actor)
        self._members = []
        if self._connected:
            self._connected = False
            ray.shutdown()

    # ------------------------------------------------------------ starting

    def _start(self) -> None:
        """Connects and starts the workers, where that was not done before."""
        if self._members:
            return
        ray = library(own=not self._where.address)
        if not ray.is_initialized():
            self._connected = True
            connect(ray, self._where, self._threads)
        room = self._room(ray)
        if not room and not self._where.address:
            raise InputError(f"this machine has no room for a worker with {self._needs()}")
        self._losses_in_a_row = 0
        self._members = [self._member(ray) for _ in range(self._where.workers or max(1, room))]

    def _room(self, ray: Any) -> int:
        """How many workers the machines of the cluster have room for, when they do nothing else."""
        cpus, gpus, total = self._threads, self._where.gpus, 0
        for node in ray.nodes():
            if node["Alive"]:
                has = node["Resources"]
                fitting = int(has.get("CPU", 0) / cpus)
                total += min(fitting, int(has.get("GPU", 0) / gpus + SLACK)) if gpus else fitting
        return total

    def _needs(self) -> str:
        gpus = self._where.gpus
        cards = f" and {gpus:g} graphics {'card' if gpus == 1 else 'cards'}" if gpus else ""
        return f"{self._threads} {'processor' if self._threads == 1 else 'processors'}{cards}"

    def _member(self, ray: Any) -> _Member:
        """A new worker, somewhere; it has the threads that the plan names."""
        options = {
            "num_cpus": self._threads,
            "num_gpus": self._where.gpus,
            "scheduling_strategy": "SPREAD",
            "runtime_env": {"env_vars": {"OMP_NUM_THREADS": str(self._threads)}},
        }
        actor = ray.remote(Worker).options(**options).remote(self._where.model, str(Path.cwd()))
        return _Member(actor=actor, opening=actor.open.remote())

    # -------------------------------------------------------------- asking

    def _hand_out(self, pieces: Pieces, question: Question) -> None:
        """Gives open workers something to do, those with the least first."""
        members = [member for member in self._members if member.is_open]
        for count in range(AT_ONCE):
            for member in members:
                if len(member.under_way) > count:
                    continue
                piece = pieces.take()
                if piece is None:
                    return
                ref = member.actor.ask.remote(piece.prompts, piece.repeat, question)
                member.under_way[ref] = piece

    def _come(self, pieces: Pieces) -> Iterator[tuple[int, list[Answer]]]:
        """Waits until something happens, a moment at most; the batches that are complete by it."""
        import ray

        owners = {ref: member for member in self._members for ref in member.under_way}
        owners |= {member.opening: member for member in self._members if not member.is_open}
        if not owners:
            raise AuditError("there are batches left that no worker has")
        ray.wait(list(owners), num_returns=1, timeout=LOOK_EVERY_S)
        ready, _ = ray.wait(list(owners), num_returns=len(owners), timeout=0)
        for ref in ready:
            member = owners[ref]
            if member not in self._members:
                continue
            if ref == member.opening:
                self._open(member)
            else:
                yield from self._answered(member, ref, pieces)

    def _open(self, member: _Member) -> None:
        """Notes that a worker is there; InputError where it holds another model than this process, or none."""
        import ray

        try:
            said: Opened = got(ray.get(member.opening))
        except ray.exceptions.RayError as error:
            self._replace(member, _why(error))
            return
        check_same(self._backend.identity, said)
        member.is_open = True
        self._opened += 1

    def _answered(self, member: _Member, ref: Any, pieces: Pieces) -> Iterator[tuple[int, list[Answer]]]:
        """The batch that is complete with an answer; those of a lost worker, where the answer is that it is lost."""
        import ray

        try:
            found: list[Answer] = got(ray.get(ref))
        except ray.exceptions.RayError as error:
            yield from self._lost(member, pieces, _why(error))
            return
        self._losses_in_a_row = 0
        done = pieces.answered(member.under_way.pop(ref), found)
        if done is not None:
            yield done

    def _lost(self, member: _Member, pieces: Pieces, why: str) -> Iterator[tuple[int, list[Answer]]]:
        """Takes back what a lost worker had: the first piece without an answer is the one that it ended over."""
        import ray

        self._replace(member, why)
        unanswered = []
        for ref, piece in member.under_way.items():
            try:
                found: list[Answer] = got(ray.get(ref, timeout=0))
            except ray.exceptions.RayError:
                unanswered.append(piece)
                continue
            done = pieces.answered(piece, found)
            if done is not None:
                yield done
        for piece in reversed(unanswered[1:]):
            pieces.returned(piece)
        done = pieces.lost(unanswered[0], why) if unanswered else None
        if done is not None:
            yield done

    def _replace(self, member: _Member, why: str) -> None:
        """Another worker in the place of a lost one; AuditError where they only ever get lost."""
        import ray

        self._lost_ever += 1
        self._losses_in_a_row += 1
        if self._losses_in_a_row > LOSSES_IN_A_ROW * len(self._members):
            raise AuditError(
                f"{self._losses_in_a_row} workers ended one after the other without an answer; the last: {why}"
            )
        with suppress(Exception):
            ray.kill(member.actor)
        self._members[self._members.index(member)] = self._member(ray)

    def _check_anybody(self) -> None:
        """Raises where no worker has been there for too long."""
        now = time.monotonic()
        if any(member.is_open for member in self._members):
            self._seen_at = now
        if now - self._seen_at < self._patience_s:
            return
        waited = f"for {self._patience_s:g} s the cluster has had no room for a worker with {self._needs()}"
        if self._opened:
            raise IncompleteError(f"{waited}; what was answered is kept, the same command goes on from here")
        raise InputError(waited)


def _why(error: Exception) -> str:
    """Why a worker was lost, in a few words."""
    text = str(error)
    if "OutOfMemory" in type(error).__name__:
        return "its machine ran out of memory"
    if "creation task" in text or "RuntimeEnv" in type(error).__name__:
        return text.strip().splitlines()[-1].strip()
    return "its process or its machine ended"
