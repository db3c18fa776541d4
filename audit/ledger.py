"""What is known about a server after it was asked: which models answered, what it cost, what it refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from audit.limits import Ceiling, Use
from audit.machine import now, stamp


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
    answered: int = 0
    failed: int = 0
    repeated: int = 0
    """Requests that were sent again after a fault."""
    in_a_row: int = 0
    """Questions one after another without an answer, since the last one that came."""
    changed: list[str] = field(default_factory=list)
    """What was asked otherwise because the server refused it."""
    stopped: str = ""
    """Why nothing more is asked; empty while asking goes on."""
    canaries_before: Mapping[str, str] = field(default_factory=dict)
    canaries_after: Mapping[str, str] = field(default_factory=dict)

    def note_answer(self, model: str, fingerprint: str) -> None:
        """Count an answer and who gave it."""
        at = stamp(now())
        self.answered += 1
        self.in_a_row = 0
        self.models.setdefault(model, Seen()).note(at)
        self.fingerprints.setdefault(fingerprint, Seen()).note(at)

    def moved(self) -> list[str]:
        """The canary prompts that were answered in other words at the end than at the start."""
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
                f"{len(moved)} of {len(self.canaries_after)} canary prompts were answered in other words at the end "
                "than at the start: the model may have been changed meanwhile"
            )
        if self.stopped:
            found.append(f"not everything was asked: {self.stopped}")
        return found

    def facts(self, *, used: Use, ceiling: Ceiling) -> Mapping[str, object]:
        """Everything as plain values, for the manifest."""
        return {
            "models": _plain(self.models),
            "fingerprints": _plain(self.fingerprints),
            "answered": self.answered,
            "failed": self.failed,
            "requests": used.requests,
            "requests_repeated": self.repeated,
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "money": ceiling.cost(used),
            "changed": list(self.changed),
            "stopped": self.stopped,
            "canaries": {
                "asked": len(self.canaries_before),
                "compared": len(set(self.canaries_before) & set(self.canaries_after)),
                "moved": self.moved(),
            },
            "warnings": self.warnings(),
        }


def _plain(seen: Mapping[str, Seen]) -> dict[str, dict[str, object]]:
    """Counts and times by value; a server that names none has the empty text."""
    return {
        name: {"answers": each.answers, "from": each.first, "to": each.last}
        for name, each in sorted(seen.items())
    }
