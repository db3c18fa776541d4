"""Ways: how a back end is asked a question, and a prompt that makes it fail set apart from its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from audit.batching import Batch
from audit.errors import AuditError, InputError
from audit.protocols import Backend, Chooses, Classifies, Generates, PredictsNext, Rates, Replays, ScoresText
from audit.records import Answer, Prompt, Question


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """How a back end is asked: prompts and the number of a repeat → answers."""

    ask: Callable[[Sequence[Prompt], int], list[Answer]]
    draws: bool
    """Whether a repeat can differ from the one before."""


def way_of(backend: Backend, question: Question) -> Way:
    """The capability that answers the question; ratings by the probabilities of their numbers where there are any."""
    kind, steady = question.kind, backend.deterministic
    if isinstance(backend, Replays):
        return Way(
            ask=lambda prompts, n: backend.replay([prompt.id for prompt in prompts], repeat=n), draws=True
        )
    if kind == "classify" and isinstance(backend, Classifies):
        return Way(ask=lambda prompts, _: backend.classify(prompts), draws=not steady)
    if kind == "choose" and isinstance(backend, Chooses):
        options = question.options
        return Way(ask=lambda prompts, _: backend.choose(prompts, options), draws=not steady)
    if kind == "rate" and isinstance(backend, Rates):
        return Way(ask=lambda prompts, _: backend.rate(prompts, question), draws=not steady)
    if kind == "rate" and isinstance(backend, Chooses):
        numbers = options_of(question)
        return Way(ask=lambda prompts, _: _rated(backend, prompts, numbers), draws=not steady)
    if kind == "likelihood" and isinstance(backend, ScoresText):
        return Way(ask=lambda prompts, _: backend.log_likelihood(prompts), draws=not steady)
    if kind == "next_token" and isinstance(backend, PredictsNext):
        return Way(ask=lambda prompts, _: backend.next_token(prompts), draws=not steady)
    if kind in ("rate", "generate") and isinstance(backend, Generates):
        return Way(ask=lambda prompts, n: backend.generate(prompts, repeat=n, question=question), draws=True)
    name = f"{backend.identity.kind}:{backend.identity.name}"
    raise InputError(f"{name} cannot answer a question of the kind '{kind}'")


def options_of(question: Question) -> tuple[str, ...]:
    """What may follow the prompt: the options of a choice, the whole numbers of a rating; nothing else has any."""
    if question.kind != "rate":
        return question.options if question.kind == "choose" else ()
    if question.low % 1 or question.high % 1:
        raise InputError(
            f"a rating by probabilities needs whole numbers, not {question.low:g} to {question.high:g}"
        )
    return tuple(f" {number}" for number in range(int(question.low), int(question.high) + 1))


def asked(way: Way, prompts: Sequence[Prompt], repeat: int) -> list[Answer]:
    """The answers to a batch; where it fails, to ever smaller parts, until what fails is one prompt and a record."""
    try:
        found = way.ask(prompts, repeat)
    except AuditError:
        raise
    except Exception as error:
        if len(prompts) == 1:
            return [_failure(error)]
        half = len(prompts) // 2
        return asked(way, prompts[:half], repeat) + asked(way, prompts[half:], repeat)
    if len(found) != len(prompts):
        raise AuditError(f"the back end gave {len(found)} answers to {len(prompts)} prompts")
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class InProcess:
    """An executor: the back end is asked here, one batch after the other."""

    backend: Backend

    def answers(self, batches: Iterator[Batch], question: Question) -> Iterator[tuple[int, list[Answer]]]:
        """Each batch as it comes."""
        way = way_of(self.backend, question)
        for batch in batches:
            yield batch.number, asked(way, batch.prompts, batch.repeat)


def _failure(error: Exception) -> Answer:
    reason = (str(error).strip() or "no reason given").splitlines()[0]
    return Answer(error=f"{type(error).__name__}: {reason[:300]}")


def _rated(backend: Chooses, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Answer]:
    """Log-probability of each number, under the number itself."""
    return [
        answer
        if answer.scores is None
        else replace(answer, scores={k.strip(): v for k, v in answer.scores.items()})
        for answer in backend.choose(prompts, options)
    ]
