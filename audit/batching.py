"""Batching: which prompts are asked together, and the contract of what asks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from audit.errors import InputError
from audit.protocols import Backend
from audit.records import Answer, Prompt, Question


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """Prompts cut into batches: their indices, each prompt in one batch, and how long each prompt is to the model."""

    batches: Sequence[Sequence[int]]
    tokens: Sequence[int]
    """Tokens of each prompt; UNKNOWN_TOKENS where that is not known."""


@runtime_checkable
class Cuts(Protocol):
    """Knows which prompts had best share a forward pass: a back end, or an executor whose workers know it."""

    def cut(self, prompts: Sequence[Prompt], question: Question) -> Cut:
        """The batches of `prompts`, a function of prompts and question alone.

        It may be called in another thread while a batch is asked, and may remember what it worked out (token ids)
        until the prompts are asked; at most two cuts lie ahead. A prompt that cannot be read raises.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Prompts that are asked together, all of them as draw number `repeat`."""

    number: int
    prompts: Sequence[Prompt]
    repeat: int


@runtime_checkable
class Executor(Protocol):
    """Where batches are asked: in this process, or by workers elsewhere."""

    def answers(self, batches: Iterator[Batch], question: Question) -> Iterator[tuple[int, list[Answer]]]:
        """(Number of a batch, the answers to its prompts in order), each batch once, in any order.

        `batches` is an iterator that works as it is read: a batch is taken from it when somebody is about to be free.
        What a model cannot answer is an answer with an error. Closing the iterator ends what is under way.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """Where a model is asked, as the command line says it."""

    model: str
    """As `--model` names it; workers elsewhere open it themselves."""
    executor: str = "local"
    address: str = ""
    """Of a running cluster; empty: one is started on this machine."""
    workers: int = 0
    """How many; 0: as many as the cluster has room for."""
    gpus: float = 0.0
    """Graphics cards of each worker; a fraction shares one among several."""

    def refuse_workers(self) -> None:
        """InputError where something is said of workers, and there are none."""
        given = {"--address": self.address, "--workers": self.workers, "--gpus": self.gpus}
        for option, value in given.items():
            if value:
                raise InputError(f"{option} is for workers elsewhere; add --executor ray")


Place = Callable[[Backend, Where], AbstractContextManager[Executor]]
"""What a row of the table of executors stands for: nothing is started before the first batch is asked."""
