"""Files that are whole or not there, one process a folder, and what a disk refuses in a sentence."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from audit.errors import InUseError, StorageError
from audit.machine import now, stamp

LOCK = ".lock"
"""Held by the process that works in a folder; lies there only while it does, or after it was killed."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
BARRED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
FAILING = errno.EIO
LOCKED_BYTE = 2**30
"""Where Windows locks: a place in the file that nobody reads."""


def explained(error: OSError, path: Path | str) -> StorageError:
    """What a person is told where `path` cannot be written."""
    said = error.strerror or str(error)
    if error.errno in FULL:
        return StorageError(
            f"{path}: the disk is full ({said}); make room and run the same again, it goes on from here",
            exit_code=3,
        )
    if error.errno == FAILING:
        return StorageError(
            f"{path}: the disk fails ({said}); nothing was made of it. Run the same again elsewhere"
        )
    other = "; write to another folder with -o" if error.errno in BARRED else ""
    return StorageError(f"{path}: cannot be written here ({said}){other}", exit_code=2)


def refused(error: OSError) -> StorageError | None:
    """A sentence for a file that the system refuses, whatever was to be done with it; None for other errors."""
    path = error.filename or "a file"
    if error.errno in FULL:
        return explained(error, path)
    if error.errno in BARRED or error.errno == FAILING:
        return StorageError(
            f"{path}: the system does not let it be read or written ({error.strerror})", exit_code=2
        )
    return None


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What the system says about writing `path`, as a sentence."""
    try:
        yield
    except OSError as error:
        raise explained(error, path) from error


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write to; what was written is at `path` once the block ends well, and nowhere if it does not.

    StorageError where the disk refuses. A power cut leaves the old or the new: it is on the disk before it gets its
    name.
    """
    temporary = path.with_name(f".{path.name}.part")
    with told(path):
        try:
            yield temporary
            _settle(temporary)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _settle(path.parent)


def half_written(folder: Path) -> list[Path]:
    """What processes that were killed have left in `folder` under the names of `whole`."""
    return sorted(folder.rglob(".*.part"))


def sweep(folder: Path) -> None:
    """Takes away what processes that were killed have left half written in `folder`."""
    with told(folder):
        for path in half_written(folder):
            path.unlink(missing_ok=True)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """`folder` for this process alone; StorageError names the process that has it.

    The system takes the lock away from a process that ends, however it ends.
    """
    if not folder.is_dir():
        raise StorageError(f"{folder}: there is no such folder", exit_code=2)
    with told(folder):
        descriptor = _locked(folder / LOCK)
    try:
        yield
    finally:
        with suppress(OSError):  # not on Windows, where an open file stays
            (folder / LOCK).unlink()
        os.close(descriptor)


def _locked(path: Path) -> int:
    """The open lock file, with who holds it written in it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _lock(descriptor):
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise InUseError(
                f"{path.parent}: {holder} is at work in this folder; run the same again when it has ended, or write "
                "to another folder with -o"
            )
        if _is_same(descriptor, path):
            break
        os.close(descriptor)  # the holder before took the file away while we waited for it
    with suppress(OSError):  # who holds it is good to know; that it is held is what counts
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} (since {stamp(now())})\n".encode())
    return descriptor


def _is_same(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that has this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        """Whether the file is now locked for this process."""
        os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        """Whether the file is now locked for this process; also where the file system knows no locks."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
                raise
        return True


def _settle(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # this file system cannot, which it says in this way
            raise
    finally:
        os.close(descriptor)
