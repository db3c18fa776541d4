"""How a command is stopped: Ctrl-C and SIGTERM end it within seconds, and what it has done by then is saved."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

GRACE_S = 5.0
"""How long a command may take to save and end by itself."""
SHOW_CURSOR = "\x1b[?25h"


class Stopped(BaseException):
    """The command was told to stop; nothing but the end of it may catch this."""


class Stop:
    """Whether the command was told to stop, and by which signal."""

    def __init__(self) -> None:
        self.code = 0
        """Exit code of a command that was stopped: 128 and the number of the signal; 0 as long as nobody did."""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Ends what is going on; told again, it goes on ending."""
        if not self.code:
            self.code = 128 + number
            raise Stopped


@contextmanager
def stoppable(tell: Callable[[], None]) -> Iterator[Stop]:
    """Raises `Stopped` in the block when a signal comes; calls `tell` and ends the process if that is not enough.

    It is not where a library swallows the exception, or stays in a long call that is not Python.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    heard, speaking = socket.socketpair()
    speaking.setblocking(False)
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(heard, ended, tell), daemon=True, name="audit-stop")
    watch.start()
    before = {
        number: signal.signal(number, stop)
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    woken = signal.set_wakeup_fd(speaking.fileno(), warn_on_full_buffer=False)
    try:
        yield stop
    finally:
        ended.set()
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        speaking.close()
        watch.join()
        heard.close()


def _watch(heard: socket.socket, ended: threading.Event, tell: Callable[[], None]) -> None:
    """Ends the process where a signal came and the command did not end in time."""
    while told := heard.recv(1):
        number = told[0]
        if number not in (signal.SIGINT, signal.SIGTERM):
            continue
        if not ended.wait(GRACE_S):
            with suppress(Exception):
                if sys.stderr.isatty():
                    sys.stderr.write(SHOW_CURSOR)
                tell()
                sys.stderr.flush()
            os._exit(128 + number)
