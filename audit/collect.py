"""Prompts + back end → responses: each distinct question once, in batches, from the journal where it was asked before.

Batches are a function of the full list of prompts, whatever its order. They are committed whole, so a run that was
killed and is resumed asks the same batches as an undisturbed one and gets the same numbers. Of batches that are known
in part, as after a change of the suite, only what is new is asked, gathered into batches of its own (scores then agree
to 1e-5, the noise of other batches). A back end that asks many things at once (`Streams`) gets all that is missing,
and each answer is kept as it comes.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from audit.batching import Batch, Cut, Cuts, Executor
from audit.errors import AuditError
from audit.harmless import whole_characters
from audit.journal import Entry, Journal, Key
from audit.machine import now, stamp
from audit.protocols import Backend, Replays, Streams
from audit.records import UNKNOWN_TOKENS, Answer, Progress, Prompt, Question
from audit.underway import UnderWay
from audit.wanted import Asks, Portion, Wanted, part, prompt_of, wanted_answers
from audit.ways import InProcess, way_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

T = TypeVar("T")
PROMPTS_AT_ONCE = 32
"""Batch size for back ends that do not say which prompts belong together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """Responses, one row a prompt and repeat, and where they came from.

    `asked` and `reused` count distinct questions put to the model now and earlier; what a budget or a server that broke
    down left unasked is in neither. `failed` counts rows with an error. `unanswered` counts questions to a server that
    failed for reasons of the world, or were left unasked: asked again, they may be answered.
    """

    responses: pd.DataFrame
    asked: int
    reused: int
    failed: int
    unanswered: int = 0


@dataclass(kw_only=True, slots=True)
class _Work:
    """A collection under way: what is wanted, where it is kept, what failed, and who is told how far it is."""

    wanted: Wanted
    journal: Journal
    underway: UnderWay
    progress: Progress
    done: int = 0
    asked: int = 0
    failures: dict[Key, Entry] = field(default_factory=dict)

    def tell(self) -> None:
        """Says how many answers there are."""
        self.progress("answers", self.done, len(self.wanted))

    def keep(self, entries: Mapping[Key, Entry], *, put: bool = True) -> None:
        """New answers into the journal, failures aside; `put` where the model was asked for them."""
        self.journal.add({key: entry for key, entry in entries.items() if not entry.error})
        failures = {key: entry for key, entry in entries.items() if entry.error}
        if put:
            self.underway.failed(failures)
        self.failures |= failures
        self.done += len(entries)
        self.tell()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Open:
    """A portion of which something is missing."""

    portion: Portion
    found: frozenset[Key]


def collect(
    prompts: pd.DataFrame,
    *,
    backend: Backend,
    question: Question,
    cache: Path,
    progress: Progress | None = None,
    kept: Path | None = None,
    executor: Executor | None = None,
) -> Collected:
    """The answer to every prompt of a PROMPTS table, as often as its rows want it; a failure is a row with an error.

    Answers of weights with digests are kept in the file `cache` and not asked again; what failed is. Answers of a
    model without digests are kept in the file `kept`, so that the same run goes on from it; nowhere if there is none.
    Beside `kept` stands what was put to the model (`audit.underway`).
    A model whose repeated scores are equal by definition is asked once, and its answer stands for every repeat.
    The `executor` says where batches are asked; by default in this process. InputError where the back end cannot
    answer the question.
    """
    draws = isinstance(backend, Streams) or way_of(backend, question).draws
    wanted = wanted_answers(prompts, once=not draws)
    kept_in = None if isinstance(backend, Replays) else cache if backend.identity.digests else kept
    mine = {"model": backend.identity.id, "question": question.id}
    noted = None if isinstance(backend, Replays) else kept
    with Journal(kept_in, **mine) as journal, UnderWay(noted, **mine) as underway:
        work = _Work(wanted=wanted, journal=journal, underway=underway, progress=progress or _silent)
        parts, missing = _known(work)
        reused = work.done = len(wanted) - missing
        work.tell()
        if missing:
            if isinstance(backend, Streams):
                _stream(work, backend, question)
            else:
                _ask(work, backend, question, executor or InProcess(backend=backend))
            journal.commit()
            parts = _all(work, parts)
    responses = wanted.responses([made for made in parts if made is not None])
    failed = int((responses["error"] != "").sum())
    open_again = [
        entry for entry in work.failures.values() if isinstance(backend, Streams) and not entry.final
    ]
    return Collected(
        responses=responses, asked=work.asked, reused=reused, failed=failed, unanswered=len(open_again)
    )


def _silent(what: str, done: int, total: int) -> None:
    """Tells nobody."""


# ------------------------------------------------------------ what is known


def _known(work: _Work) -> tuple[list[pa.Table | None], int]:
    """The part of each portion that the journal holds whole, else None, and how many answers are missing."""
    parts: list[pa.Table | None] = []
    missing = 0
    for portion in work.wanted.portions():
        found = work.journal.read(list(portion.keys))
        whole = len(found) == len(portion.keys)
        parts.append(part(portion.keys, found) if whole else None)
        missing += len(portion.keys) - len(found)
    return parts, missing


def _all(work: _Work, parts: Sequence[pa.Table | None]) -> list[pa.Table | None]:
    """The same parts once all was asked: what was missing is read from the journal, or is a failure."""
    return [
        part(portion.keys, _entries(work, portion)) if made is None else made
        for portion, made in zip(work.wanted.portions(), parts, strict=True)
    ]


def _entries(work: _Work, portion: Portion) -> dict[Key, Entry]:
    """Every entry of a portion that was asked: from the journal, which has to have it, or a failure."""
    answered = [key for key in portion.keys if key not in work.failures]
    return {**work.failures, **work.journal.read(answered, whole=True)}


def _open(work: _Work) -> Iterator[_Open]:
    """The portions of which something is missing."""
    for portion in work.wanted.portions():
        found = work.journal.read(list(portion.keys))
        if len(found) < len(portion.keys):
            yield _Open(portion=portion, found=frozenset(found))


# ------------------------------------------------------------------ batches


def _ask(work: _Work, backend: Backend, question: Question, executor: Executor) -> None:
    """Everything that is missing, batch by batch of the full list, wherever the executor asks."""
    under_way: dict[int, tuple[list[Key], list[int]]] = {}
    measuring = executor if isinstance(executor, Cuts) else backend
    cuts = measuring if isinstance(backend, Cuts) and isinstance(measuring, Cuts) else None

    def batches() -> Iterator[Batch]:
        for number, (keys, prompts, tokens) in enumerate(_batches(work, cuts, question)):
            under_way[number] = keys, tokens
            work.underway.put(keys)
            work.asked += len(keys)
            yield Batch(number=number, prompts=prompts, repeat=keys[0][1])

    with closing(_generator(executor.answers(batches(), question))) as coming:
        for number, answers in coming:
            keys, tokens = under_way.pop(number)
            at = stamp(now())
            entries = zip(keys, answers, tokens, strict=True)
            work.keep({key: _measured(_entry(answer, at), count) for key, answer, count in entries})
    if under_way:
        raise AuditError(f"{len(under_way)} batches came back without an answer")


def _batches(
    work: _Work, cuts: Cuts | None, question: Question
) -> Iterator[tuple[list[Key], list[Prompt], list[int]]]:
    """Keys, prompts and their tokens of each batch that has to be asked."""
    for some, cut in _cut(_open(work), cuts, question):
        ids, messages = some.portion.ids, some.portion.messages
        place = {name: at for at, name in enumerate(ids)}
        for repeat in sorted({repeat for _, repeat in some.portion.keys}):
            keys = ([(ids[at], repeat) for at in batch] for batch in cut.batches)
            wanted = ([key for key in batch if key in some.portion.keys] for batch in keys)
            for batch in _gathered(wanted, some.found):
                places = [place[name] for name, _ in batch]
                yield batch, [prompt_of(messages[at]) for at in places], [cut.tokens[at] for at in places]


def _gathered(batches: Iterable[list[Key]], found: frozenset[Key]) -> Iterator[list[Key]]:
    """Batches of which nothing is known as they are; the rest of the others, one after the other, in full batches.

    Each gathered batch begins where the one before ended: when the first ones are known, the others are the same.
    """
    pool: list[Key] = []
    room = 0
    for batch in batches:
        missing = [key for key in batch if key not in found]
        if len(missing) == len(batch):
            if batch:
                yield batch
            continue
        if pool and len(pool) + len(missing) > room:
            yield pool
            pool = []
        room = room if pool else len(batch)
        pool += missing
    if pool:
        yield pool


def _cut(portions: Iterator[_Open], cuts: Cuts | None, question: Question) -> Iterator[tuple[_Open, Cut]]:
    """Each portion with its batches; the next one is tokenised in another thread while this one is asked.

    The first is cut here, so that weights load where Ctrl-C is heard.
    """
    if cuts is None:
        for some in portions:
            yield some, _plain(len(some.portion.ids))
        return
    first = next(portions, None)
    if first is None:
        return
    with ThreadPoolExecutor(1) as thread:
        waiting: deque[tuple[_Open, Future[Cut]]] = deque()
        now_cut = _cut_of(cuts, first.portion, question)
        for some in portions:
            waiting.append((some, thread.submit(_cut_of, cuts, some.portion, question)))
            yield first, now_cut
            first, future = waiting.popleft()
            now_cut = future.result()
        yield first, now_cut


def _plain(count: int) -> Cut:
    """Batches of one size, for prompts whose length is not known."""
    starts = range(0, count, PROMPTS_AT_ONCE)
    return Cut(
        batches=[range(start, min(start + PROMPTS_AT_ONCE, count)) for start in starts],
        tokens=[UNKNOWN_TOKENS] * count,
    )


def _cut_of(cuts: Cuts, portion: Portion, question: Question) -> Cut:
    return _readable(cuts, [prompt_of(messages) for messages in portion.messages], question)


def _readable(cuts: Cuts, prompts: Sequence[Prompt], question: Question) -> Cut:
    """The batches of the back end; where it cannot read a prompt, those of ever smaller parts."""
    try:
        return cuts.cut(prompts, question)
    except AuditError:
        raise
    except Exception:
        if len(prompts) == 1:
            return Cut(batches=[[0]], tokens=[UNKNOWN_TOKENS])
    half = len(prompts) // 2
    one, other = (_readable(cuts, some, question) for some in (prompts[:half], prompts[half:]))
    moved = [[half + at for at in batch] for batch in other.batches]
    return Cut(batches=[*one.batches, *moved], tokens=[*one.tokens, *other.tokens])


# ------------------------------------------------------------------ streams


def _stream(work: _Work, backend: Streams, question: Question) -> None:
    """Everything that is missing, all at once; AuditError where an answer comes twice or not at all."""
    missing = sorted(
        number for some in _open(work) for key, number in some.portion.keys.items() if key not in some.found
    )
    is_open = bytearray(b"\1") * len(missing)
    left = len(missing)
    is_put = bytearray(len(work.wanted))

    def put(number: int) -> None:
        if not is_put[number]:
            is_put[number] = 1
            work.underway.put([work.wanted.key(number)])

    asks = Asks(work.wanted, missing, put)
    with closing(_generator(backend.stream(asks, question))) as answers:
        for number, answer in answers:
            if not (0 <= number < len(missing) and is_open[number]):
                raise AuditError(f"the back end answered question {number} twice, or was never asked it")
            is_open[number] = 0
            left -= 1
            which, entry = missing[number], _entry(answer, stamp(now()))
            is_put[which] |= not entry.error
            work.keep({work.wanted.key(which): entry}, put=bool(is_put[which]))
    work.asked = sum(is_put)
    if left:
        raise AuditError(f"the back end left {left} of {len(missing)} questions without an answer")


def _generator(
    answers: Iterator[tuple[int, T]],
) -> Generator[tuple[int, T], None, None]:
    """The iterator as one that can be closed, which closes it where it can be."""
    try:
        yield from answers
    finally:
        if isinstance(answers, Generator):
            answers.close()


# ------------------------------------------------------------------ entries


def _measured(entry: Entry, tokens: int) -> Entry:
    """The entry with the length of its prompt, where that was measured."""
    return replace(entry, tokens=tokens) if tokens > 0 else entry


def _entry(answer: Answer, at: str) -> Entry:
    """The answer as it is kept, in whole characters; scores that are no numbers, or nothing at all, are failures."""
    at, tokens = answer.answered_at or at, answer.tokens
    if answer.error is not None:
        reason = whole_characters(answer.error) or "failed without a reason"
        return Entry(error=reason, answered_at=at, tokens=tokens, final=answer.final)
    if answer.scores is None:
        missing = "no answer" if answer.text is None else ""
        return Entry(text=whole_characters(answer.text or ""), error=missing, answered_at=at, tokens=tokens)
    named = {whole_characters(name): value for name, value in answer.scores.items()}
    if len(named) < len(answer.scores):
        return Entry(error="the model gave two scores under one name", answered_at=at, tokens=tokens)
    try:
        scores = json.dumps(named, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return Entry(error="the model gave scores that are no finite numbers", answered_at=at, tokens=tokens)
    return Entry(scores=scores, answered_at=at, tokens=tokens)
