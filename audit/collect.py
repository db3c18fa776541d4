"""Prompts + back end → responses: each distinct question once, in batches, from the journal where it was asked before.

Batches are a function of the full list of prompts, and of each batch only what the journal lacks is asked. Batches are
committed whole, so a run that was killed and is resumed asks the same batches as an undisturbed one and gets the same
numbers; after a change of the suite only what is new is asked (scores then agree to 1e-5, the noise of other batches).
A back end that asks many things at once (`Streams`) gets all that is missing, and each answer is kept as it comes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, overload, runtime_checkable

from audit.buckets import batches
from audit.errors import AuditError, InputError
from audit.journal import Entry, Journal, Key
from audit.machine import now, stamp
from audit.protocols import (
    Ask,
    Backend,
    Chooses,
    Classifies,
    Generates,
    PredictsNext,
    Rates,
    Replays,
    ScoresText,
    Streams,
)
from audit.records import RESPONSES, Answer, Message, Progress, Prompt, Question

if TYPE_CHECKING:
    import pandas as pd

PROMPTS_AT_ONCE = 32
"""Batch size for back ends that do not say how long a prompt is to them."""
MEASURED_AT_ONCE = 1000
T = TypeVar("T")


@runtime_checkable
class Batches(Protocol):
    """Knows how long a prompt is to the model, and how much goes into one pass."""

    @property
    def batch_tokens(self) -> int:
        """Tokens of one pass at most."""
        ...

    def lengths(self, prompts: Sequence[Prompt]) -> list[int]:
        """Tokens of each prompt."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """Responses, one row a prompt and repeat, and where they came from.

    `asked` and `reused` count distinct questions put to the model now and earlier; `failed` counts rows with an error.
    `unanswered` counts questions to a server that failed for reasons of the world: asked again, they may be answered.
    """

    responses: pd.DataFrame
    asked: int
    reused: int
    failed: int
    unanswered: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Way:
    """How a back end is asked: prompt ids and the number of a repeat → answers."""

    ask: Callable[[Sequence[str], int], list[Answer]]
    draws: bool
    """Whether a repeat can differ from the one before."""


class _Asks(Sequence[Ask]):
    """Keys as asks; each prompt is read when it is looked at."""

    def __init__(self, keys: Sequence[Key], texts: Mapping[str, str]) -> None:
        self._keys = keys
        self._texts = texts

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> Ask: ...
    @overload
    def __getitem__(self, index: slice) -> _Asks: ...
    def __getitem__(self, index: int | slice) -> Ask | _Asks:
        if isinstance(index, slice):
            return _Asks(self._keys[index], self._texts)
        prompt, repeat = self._keys[index]
        return Ask(prompt=_read([prompt], self._texts)[0], repeat=repeat)


def collect(
    prompts: pd.DataFrame,
    *,
    backend: Backend,
    question: Question,
    cache: Path,
    progress: Progress | None = None,
    kept: Path | None = None,
) -> Collected:
    """The answer to every prompt of a PROMPTS table, as often as its rows want it; a failure is a row with an error.

    Answers of weights with digests are kept in the file `cache` and not asked again; what failed is. Answers of a
    model without digests are kept in the file `kept`, so that the same run goes on from it; nowhere if there is none.
    A model whose repeated scores are equal by definition is asked once, and its answer stands for every repeat.
    InputError where the back end cannot answer the question.
    """
    wanted = _wanted(prompts)
    texts = dict(zip(prompts["prompt_id"], prompts["messages"], strict=True))
    way = None if isinstance(backend, Streams) else _way(backend, question, texts)
    draws = way is None or way.draws
    keys = wanted if draws else list(dict.fromkeys((prompt, 0) for prompt, _ in wanted))
    kept_in = None if isinstance(backend, Replays) else cache if backend.identity.digests else kept
    tell = _silent if progress is None else progress
    failures: dict[Key, Entry] = {}
    with Journal(kept_in, model=backend.identity.id, question=question.id) as journal:
        found = journal.read(keys)
        reused = done = len(found)
        tell("answers", done, len(keys))
        if reused < len(keys):
            missing = [key for key in keys if key not in found]
            coming = (
                _streamed(backend, question, _Asks(missing, texts), missing)
                if isinstance(backend, Streams)
                else _batched(backend, way, keys, found, texts)
            )
            with closing(coming):
                for entries in coming:
                    journal.add({key: entry for key, entry in entries.items() if not entry.error})
                    failures |= {key: entry for key, entry in entries.items() if entry.error}
                    done += len(entries)
                    tell("answers", done, len(keys))
            journal.commit()
            found = journal.read(keys)
    responses = _responses(wanted, {**failures, **found}, once=not draws)
    failed = int((responses["error"] != "").sum())
    open_again = [entry for entry in failures.values() if isinstance(backend, Streams) and not entry.final]
    return Collected(
        responses=responses,
        asked=len(keys) - reused,
        reused=reused,
        failed=failed,
        unanswered=len(open_again),
    )


def _batched(
    backend: Backend,
    way: _Way | None,
    keys: Sequence[Key],
    found: Mapping[Key, Entry],
    texts: Mapping[str, str],
) -> Generator[dict[Key, Entry], None, None]:
    """The answers that are missing, batch by batch of the full list of keys."""
    if way is None:
        raise AssertionError("a back end that streams has no batches")
    lengths = _lengths(sorted({prompt for prompt, _ in keys}), texts, backend)
    for batch in _batches(keys, lengths, backend):
        missing = [key for key in batch if key not in found]
        yield _asked(way, missing, lengths if isinstance(backend, Batches) else {})


def _streamed(
    backend: Streams, question: Question, asks: Sequence[Ask], keys: Sequence[Key]
) -> Generator[dict[Key, Entry], None, None]:
    """The answer to each ask, one at a time, as they come; AuditError where one comes twice or not at all."""
    open_asks = set(range(len(keys)))
    answers = backend.stream(asks, question)
    try:
        for number, answer in answers:
            if number not in open_asks:
                raise AuditError(f"the back end answered question {number} twice, or was never asked it")
            open_asks.remove(number)
            yield {keys[number]: _entry(answer, stamp(now()))}
    finally:
        if isinstance(answers, Generator):
            answers.close()
    if open_asks:
        raise AuditError(f"the back end left {len(open_asks)} of {len(keys)} questions without an answer")


def _silent(what: str, done: int, total: int) -> None:
    """Tells nobody."""


def _wanted(prompts: pd.DataFrame) -> list[Key]:
    """Every answer that the rows want, once: repeats 0 … n-1, and n … 2n-1 for the arm `again`."""
    rows = zip(prompts["prompt_id"], prompts["repeats"], prompts["arm"] == "again", strict=True)
    return list(
        dict.fromkeys(
            (prompt, repeat)
            for prompt, count, again in rows
            for repeat in range(count if again else 0, 2 * count if again else count)
        )
    )


def _way(backend: Backend, question: Question, texts: Mapping[str, str]) -> _Way:
    """The capability that answers the question; ratings by the probabilities of their numbers where there are any."""
    kind, steady = question.kind, backend.deterministic
    if isinstance(backend, Replays):
        return _Way(ask=lambda ids, n: backend.replay(ids, repeat=n), draws=True)
    if kind == "classify" and isinstance(backend, Classifies):
        return _Way(ask=lambda ids, _: backend.classify(_read(ids, texts)), draws=not steady)
    if kind == "choose" and isinstance(backend, Chooses):
        options = question.options
        return _Way(ask=lambda ids, _: backend.choose(_read(ids, texts), options), draws=not steady)
    if kind == "rate" and isinstance(backend, Rates):
        return _Way(ask=lambda ids, _: backend.rate(_read(ids, texts), question), draws=not steady)
    if kind == "rate" and isinstance(backend, Chooses):
        numbers = _numbers(question)
        return _Way(ask=lambda ids, _: _rated(backend, _read(ids, texts), numbers), draws=not steady)
    if kind == "likelihood" and isinstance(backend, ScoresText):
        return _Way(ask=lambda ids, _: backend.log_likelihood(_read(ids, texts)), draws=not steady)
    if kind == "next_token" and isinstance(backend, PredictsNext):
        return _Way(ask=lambda ids, _: backend.next_token(_read(ids, texts)), draws=not steady)
    if kind in ("rate", "generate") and isinstance(backend, Generates):
        ask = partial(backend.generate, question=question)
        return _Way(ask=lambda ids, n: ask(_read(ids, texts), repeat=n), draws=True)
    name = f"{backend.identity.kind}:{backend.identity.name}"
    raise InputError(f"{name} cannot answer a question of the kind '{kind}'")


def _numbers(question: Question) -> tuple[str, ...]:
    """The whole numbers of a rating as they would follow the prompt."""
    if question.low % 1 or question.high % 1:
        raise InputError(
            f"a rating by probabilities needs whole numbers, not {question.low:g} to {question.high:g}"
        )
    return tuple(f" {number}" for number in range(int(question.low), int(question.high) + 1))


def _batches(keys: Sequence[Key], lengths: Mapping[str, int], backend: Backend) -> Iterator[list[Key]]:
    """All keys in batches: a function of the keys alone, whatever their order and whatever was answered before."""
    budget = backend.batch_tokens if isinstance(backend, Batches) else PROMPTS_AT_ONCE
    by_repeat: defaultdict[int, list[str]] = defaultdict(list)
    for prompt, repeat in sorted(keys):
        by_repeat[repeat].append(prompt)
    for repeat, asked in sorted(by_repeat.items()):
        for batch in batches([lengths[prompt] for prompt in asked], budget=budget):
            yield [(asked[index], repeat) for index in batch]


def _lengths(prompts: Sequence[str], texts: Mapping[str, str], backend: Backend) -> dict[str, int]:
    """How long each prompt is to the model; 1 where the back end does not say, 0 where it fails to read it."""
    if not isinstance(backend, Batches):
        return dict.fromkeys(prompts, 1)
    found: list[int] = []
    for start in range(0, len(prompts), MEASURED_AT_ONCE):
        some = prompts[start : start + MEASURED_AT_ONCE]
        found += _each(lambda ids: backend.lengths(_read(ids, texts)), some, lambda _: 0)
    return dict(zip(prompts, found, strict=True))


def _asked(way: _Way, keys: Sequence[Key], lengths: Mapping[str, int]) -> dict[Key, Entry]:
    """The answers to one batch, all of one repeat; a prompt that makes the back end fail is a record of its own.

    `lengths` are the tokens of each prompt where they are known.
    """
    if not keys:
        return {}
    repeat = keys[0][1]
    answers = _each(lambda ids: way.ask(ids, repeat), [prompt for prompt, _ in keys], _failure)
    at = stamp(now())
    return {
        key: replace(_entry(answer, at), tokens=lengths.get(key[0]) or answer.tokens)
        for key, answer in zip(keys, answers, strict=True)
    }


def _each(
    function: Callable[[Sequence[str]], list[T]], prompts: Sequence[str], otherwise: Callable[[Exception], T]
) -> list[T]:
    """`function` of all prompts; where it fails, of ever smaller parts, until what fails is one prompt."""
    try:
        found = function(prompts)
    except AuditError:
        raise
    except Exception as error:
        if len(prompts) == 1:
            return [otherwise(error)]
        half = len(prompts) // 2
        return _each(function, prompts[:half], otherwise) + _each(function, prompts[half:], otherwise)
    if len(found) != len(prompts):
        raise AuditError(f"the back end gave {len(found)} answers to {len(prompts)} prompts")
    return found


def _failure(error: Exception) -> Answer:
    reason = (str(error).strip() or "no reason given").splitlines()[0]
    return Answer(error=f"{type(error).__name__}: {reason[:300]}")


def _read(ids: Sequence[str], texts: Mapping[str, str]) -> list[Prompt]:
    """The prompts by their ids, from the JSON of their messages."""
    return [
        Prompt(messages=tuple(Message(role=role, text=text) for role, text in json.loads(texts[prompt])))
        for prompt in ids
    ]


def _rated(backend: Chooses, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Answer]:
    """Log-probability of each number, under the number itself."""
    return [
        answer
        if answer.scores is None
        else replace(answer, scores={k.strip(): v for k, v in answer.scores.items()})
        for answer in backend.choose(prompts, options)
    ]


def _entry(answer: Answer, at: str) -> Entry:
    """The answer as it is kept; scores that are no numbers, or nothing at all, are failures."""
    at, tokens = answer.answered_at or at, answer.tokens
    if answer.error is not None:
        reason = answer.error or "failed without a reason"
        return Entry(error=reason, answered_at=at, tokens=tokens, final=answer.final)
    if answer.scores is None:
        missing = "no answer" if answer.text is None else ""
        return Entry(text=answer.text or "", error=missing, answered_at=at, tokens=tokens)
    try:
        scores = json.dumps(dict(answer.scores), ensure_ascii=False, allow_nan=False)
    except ValueError:
        return Entry(error="the model gave scores that are no finite numbers", answered_at=at, tokens=tokens)
    return Entry(scores=scores, answered_at=at, tokens=tokens)


def _responses(wanted: Sequence[Key], entries: Mapping[Key, Entry], *, once: bool) -> pd.DataFrame:
    """One row a wanted answer, in the order of the prompts."""
    import pandas as pd

    rows = [entries[prompt, 0 if once else repeat] for prompt, repeat in wanted]
    columns = {
        "prompt_id": [prompt for prompt, _ in wanted],
        "repeat": [repeat for _, repeat in wanted],
        **{
            name: [getattr(row, name) for row in rows]
            for name in ("text", "scores", "error", "answered_at", "tokens")
        },
    }
    return RESPONSES.frame(pd.DataFrame(columns))
