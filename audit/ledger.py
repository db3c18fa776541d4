"""What is known about a server after it was asked: which models answered, what it cost, what it refused.

A ledger with an account is that of a whole run, however often the run was stopped: what happens is applied to it and
written down in one, and reading the account applies it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from audit.account import Account, Line
from audit.harmless import whole_characters
from audit.limits import Ceiling, Use
from audit.machine import now, stamp


@runtime_checkable
class Remembers(Protocol):
    """Counts what it is asked for a run as a whole, over all commands that go on with it."""

    def remember(self, path: Path) -> None:
        """Keep the counts in this file of the run, and go on from what stands there; before the first question."""
        ...


def remembered(backend: object, kept: Path | None, role: str) -> None:
    """Tells a back end that counts for a run where: beside the answers that are `kept`, one file a `role`."""
    if kept is not None and isinstance(backend, Remembers):
        backend.remember(kept.with_name(f"{kept.name}.{role}.jsonl"))


@dataclass(kw_only=True, slots=True)
class Seen:
    """One value that a server tells of itself: how often, from when to when."""

    answers: int = 0
    first: str = ""
    last: str = ""

    def note(self, at: str) -> None:
        """Count one more."""
        self.answers += 1
        self.first = self.first or at
        self.last = at


@dataclass(kw_only=True, slots=True)
class Ledger:
    """Counts of everything that was asked of one server."""

    models: dict[str, Seen] = field(default_factory=dict)
    fingerprints: dict[str, Seen] = field(default_factory=dict)
    commands: int = 0
    """How many commands asked."""
    answered: int = 0
    failed: int = 0
    repeated: int = 0
    """Requests that were sent again after a fault."""
    used: Use = field(default_factory=Use)
    changed: list[str] = field(default_factory=list)
    """What was asked otherwise because the server refused it."""
    manner: dict[str, Any] = field(default_factory=dict)
    """How the server has to be asked, as far as its answers showed: fields of `Manner`."""
    canaries_before: Mapping[str, str] = field(default_factory=dict)
    canaries_after: Mapping[str, str] = field(default_factory=dict)
    under_way: dict[int, Use] = field(default_factory=dict)
    """The most that each request can use that has no answer yet."""
    begun: bool = False
    """Whether this command asked."""
    heard: bool = False
    """Whether an answer came to this command."""
    in_a_row: int = 0
    """Questions one after another without an answer, since the last one that came."""
    stopped: str = ""
    """Why nothing more is asked; empty while asking goes on."""
    account: Account = field(default_factory=Account)

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """The ledger as the account in `path` tells it; what had no answer then counts as the most it could use."""
        ledger = cls(account=Account(path))
        for line in ledger.account.read():
            try:
                ledger._apply(line)
            except (ValueError, TypeError, KeyError, AttributeError):
                raise ledger.account.damaged() from None
        ledger.used = sum(ledger.under_way.values(), ledger.used)
        ledger.under_way.clear()
        ledger.heard = False
        return ledger

    @contextmanager
    def open(self) -> Iterator[None]:
        """What is noted until the end of the block is written down too."""
        with self.account.open(self._summary()):
            if not self.begun:
                self.begun = True
                self._note("command")
            yield

    # ------------------------------------------------------------ what happens

    def note_sent(self, number: int, most: Use) -> None:
        """Count a request that is sent now; it is written down when this returns."""
        if self.account.is_long:
            self.account.begin(self._summary())
        self._note("sent", number, most.input_tokens, most.output_tokens)
        self.account.flush()

    def note_used(self, number: int, used: Use) -> None:
        """Count what a request used in truth."""
        self._note("used", number, used.input_tokens, used.output_tokens)

    def note_answer(self, model: str, fingerprint: str) -> None:
        """Count an answer and who gave it."""
        self.in_a_row = 0
        self._note("answer", whole_characters(model), whole_characters(fingerprint), stamp(now()))

    def note_failed(self) -> None:
        """Count a question that got no answer."""
        self._note("failed")

    def note_repeated(self) -> None:
        """Count a request that is sent again."""
        self._note("repeated")

    def note_manner(self, what: str = "", **fields: object) -> None:
        """Keep how the server has to be asked, and `what` was changed, if anything was."""
        self._note("manner", what, fields)

    def note_canaries(self, when: str, answers: Mapping[str, str]) -> None:
        """Keep the answers to canary prompts, `before` all others or `after` a round of them."""
        self._note("canaries", when, dict(answers))

    def _note(self, *line: Any) -> None:
        self._apply(line)
        self.account.add(line)

    def _apply(self, line: Line) -> None:
        """Count what a line tells."""
        match line:
            case ["sent", int(number), int(given), int(taken)]:
                self.under_way[number] = Use(requests=1, input_tokens=given, output_tokens=taken)
            case ["used", int(number), int(given), int(taken)]:
                del self.under_way[number]
                self.used += Use(requests=1, input_tokens=given, output_tokens=taken)
            case ["answer", str(model), str(fingerprint), str(at)]:
                self.answered += 1
                self.heard = True
                self.models.setdefault(model, Seen()).note(at)
                self.fingerprints.setdefault(fingerprint, Seen()).note(at)
            case ["failed"]:
                self.failed += 1
            case ["repeated"]:
                self.repeated += 1
            case ["command"]:
                self.commands += 1
            case ["manner", str(what), dict(fields)]:
                self.changed += [what] * bool(what and what not in self.changed)
                self.manner |= fields
            case ["canaries", "before", dict(answers)]:
                self.canaries_before = answers
            case ["canaries", "after", dict(answers)]:
                self.canaries_after = self._later(answers)
            case ["all", dict(state)]:
                self._restore(state)
            case _:
                raise ValueError(line)

    def _later(self, answers: Mapping[str, str]) -> Mapping[str, str]:
        """The answers to canary prompts after the newest round of questions; other words than at the start stay."""
        moved = self.moved()
        return {
            **self.canaries_after,
            **{prompt: answers[prompt] for prompt in answers if prompt not in moved},
        }

    def _summary(self) -> list[Line]:
        """Lines that say what this ledger holds."""
        state = {name: getattr(self, name) for name in PLAIN}
        state |= {name: {key: asdict(each) for key, each in getattr(self, name).items()} for name in TOLD}
        sent = [["sent", key, use.input_tokens, use.output_tokens] for key, use in self.under_way.items()]
        return [["all", {**state, "used": asdict(self.used)}], *sent]

    def _restore(self, state: Mapping[str, Any]) -> None:
        for name in PLAIN:
            setattr(self, name, state[name])
        for name in TOLD:
            setattr(self, name, {key: Seen(**each) for key, each in state[name].items()})
        self.used = Use(**state["used"])

    # ------------------------------------------------------------ what a reader is told

    def moved(self) -> list[str]:
        """The canary prompts that were answered in other words after a round of questions than at the start."""
        before, after = self.canaries_before, self.canaries_after
        return [prompt for prompt in before if prompt in after and before[prompt] != after[prompt]]

    def warnings(self) -> list[str]:
        """What a reader has to know, in sentences."""
        found = []
        if len(self.models) > 1:
            found.append(f"the server named {len(self.models)} models: {', '.join(sorted(self.models))}")
        if len(self.fingerprints) > 1:
            found.append(f"the server named {len(self.fingerprints)} fingerprints of its system")
        if moved := self.moved():
            found.append(
                f"{len(moved)} of {len(self.canaries_after)} canary prompts were answered in other words after a "
                "round of questions than at the start: the model may have been changed meanwhile"
            )
        if self.stopped:
            found.append(f"not everything was asked: {whole_characters(self.stopped)}")
        return found

    def facts(self, *, ceiling: Ceiling) -> Mapping[str, object]:
        """Everything as plain values, for the manifest."""
        return {
            "models": _plain(self.models),
            "fingerprints": _plain(self.fingerprints),
            "commands": self.commands,
            "answered": self.answered,
            "failed": self.failed,
            "requests": self.used.requests,
            "requests_repeated": self.repeated,
            "input_tokens": self.used.input_tokens,
            "output_tokens": self.used.output_tokens,
            "money": ceiling.cost(self.used),
            "changed": list(self.changed),
            "stopped": whole_characters(self.stopped),
            "canaries": {
                "asked": len(self.canaries_before),
                "compared": len(set(self.canaries_before) & set(self.canaries_after)),
                "moved": self.moved(),
            },
            "warnings": self.warnings(),
        }


PLAIN = (
    "commands", "answered", "failed", "repeated", "changed", "manner", "canaries_before", "canaries_after",
)  # fmt: skip
"""Fields of a ledger that JSON takes as they are."""
TOLD = ("models", "fingerprints")


def _plain(seen: Mapping[str, Seen]) -> dict[str, dict[str, object]]:
    """Counts and times by value; a server that names none has the empty text."""
    return {
        name: {"answers": each.answers, "from": each.first, "to": each.last}
        for name, each in sorted(seen.items())
    }
