"""Workers: processes elsewhere that open the model themselves, and what they say before they are asked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from audit.batching import Cut, Cuts
from audit.errors import AuditError, InputError
from audit.machine import hardware, versions
from audit.modelfile import open_model
from audit.records import Answer, ModelIdentity, Prompt, Question
from audit.ways import asked, way_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """What a worker says of itself before it is asked."""

    identity: ModelIdentity
    versions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """An error raised on purpose in a worker, as it travels: its sentence, and whether it is bad input."""

    message: str
    is_input: bool

    def error(self) -> AuditError:
        """The error to raise here."""
        return InputError(self.message) if self.is_input else AuditError(self.message)


class Worker:
    """A model in a process of its own, opened there and asked there."""

    def __init__(self, model: str, folder: str) -> None:
        self._model = model
        self._folder = folder
        self._asked = False

    def open(self) -> Opened | Refused:
        """Opens the model, files relative to the same folder as in the command; weights load with the first batch."""
        with suppress(OSError):
            os.chdir(self._folder)
        try:
            self._backend = open_model(self._model)
        except AuditError as error:
            return _refused(error)
        return Opened(identity=self._backend.identity, versions=versions())

    def machine(self) -> Mapping[str, str | int]:
        """The machine this runs on; nothing before the first batch, when the library that sees cards is not loaded."""
        return hardware() if self._asked else {}

    def cut(self, prompts: Sequence[Prompt], question: Question) -> Cut | Refused:
        """The batches of the model; it is loaded here and not in the process that asks for them."""
        self._asked = True
        try:
            return cast(Cuts, self._backend).cut(prompts, question)
        except AuditError as error:
            return _refused(error)

    def ask(self, prompts: Sequence[Prompt], repeat: int, question: Question) -> list[Answer] | Refused:
        """The answers to a batch, failures among them."""
        self._asked = True
        try:
            return asked(way_of(self._backend, question), prompts, repeat)
        except AuditError as error:
            return _refused(error)


def _refused(error: AuditError) -> Refused:
    return Refused(message=str(error), is_input=error.exit_code == InputError.exit_code)


def check_same(identity: ModelIdentity, said: Opened) -> None:
    """InputError where a worker would not answer as this process does, with what differs."""
    here, there = versions()["audit"], said.versions["audit"]
    if here != there:
        raise InputError(
            f"a worker has audit {there}, this machine has {here}; install the same on all of them"
        )
    if said.identity.id == identity.id:
        return
    ours, theirs = _flat(identity), _flat(said.identity)
    differing = [
        f"{name}: {ours.get(name, 'nothing')} here, {theirs.get(name, 'nothing')} there"
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    ]
    raise InputError(f"a worker would ask another model than this machine ({'; '.join(differing)})")


def _flat(identity: ModelIdentity) -> dict[str, object]:
    """What makes up the id of a model, by name."""
    digests = {f"digest of {name}": digest[:12] for name, digest in identity.digests.items()}
    place = {"kind": identity.kind, "name": identity.name, "revision": identity.revision}
    return {**place, **digests, **identity.settings}


def got(found: Any) -> Any:
    """What a worker gave back; the error that it refused with."""
    if isinstance(found, Refused):
        raise found.error()
    return found
