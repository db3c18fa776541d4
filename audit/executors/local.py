"""In this process, one batch after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from audit.batching import Executor, Where
from audit.protocols import Backend
from audit.ways import InProcess


@contextmanager
def local(backend: Backend, where: Where) -> Iterator[Executor]:
    """In this process, one batch after the other; it is the default.

    InputError for settings that only workers elsewhere have a use for.
    """
    where.refuse_workers()
    yield InProcess(backend=backend)
