"""Many questions under way at once: an event loop in a thread of its own, seen as a plain iterator."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
Tell = Callable[[int, T], None]
"""Called with the number of a question and its answer."""
STOP_WITHIN_S = 2.0
TOGETHER_S = 0.01
"""Answers that come within so many seconds are handed on together: two threads that wake each other cost more than
the answers do."""


class _End:
    """The last thing in the queue."""


def flown(
    session: Callable[[Tell[T]], Coroutine[object, object, None]],
) -> Generator[tuple[int, T], None, None]:
    """What `session` tells, as it tells it; closing the iterator cancels the session and everything it has begun.

    An error of the session is raised here once everything that was told before it has been given.
    """
    told: SimpleQueue[list[tuple[int, T]] | BaseException | _End] = SimpleQueue()
    loop = asyncio.new_event_loop()
    waiting: list[tuple[int, T]] = []
    running: list[asyncio.Task[None]] = []
    closing = threading.Event()

    def pass_on() -> None:
        told.put(waiting.copy())
        waiting.clear()

    def tell(number: int, answer: T) -> None:
        if not waiting:
            loop.call_later(TOGETHER_S, pass_on)
        waiting.append((number, answer))

    async def begin() -> None:
        if closing.is_set():
            return
        task = asyncio.ensure_future(session(tell))
        running.append(task)
        try:
            await task
        finally:
            pass_on()

    thread = threading.Thread(target=_run, args=(loop, begin, told.put), daemon=True, name="audit-endpoint")
    thread.start()
    try:
        while not isinstance(item := told.get(), _End):
            if isinstance(item, BaseException):
                raise item
            yield from item
    finally:
        closing.set()
        with suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(lambda: [task.cancel() for task in running])
        thread.join(STOP_WITHIN_S)


def _run(
    loop: asyncio.AbstractEventLoop,
    begin: Callable[[], Coroutine[object, object, None]],
    put: Callable[[BaseException | _End], None],
) -> None:
    """The session from begin to end, in this thread."""
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(begin())
    except asyncio.CancelledError:
        pass
    except BaseExceptionGroup as group:
        put(_first(group))
    except BaseException as error:
        put(error)
    finally:
        put(_End())


def _first(error: BaseException) -> BaseException:
    """The first error of a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def side_by_side(work: Callable[[int], Awaitable[None]], numbers: Iterator[int], *, most: int) -> None:
    """`work` of every number, `most` of them at once; the first error cancels the others."""

    async def one_after_another() -> None:
        for number in numbers:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(most):
            group.create_task(one_after_another())
