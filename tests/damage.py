"""Ways in which a file comes to harm, drawn at random."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path


def bits(data: bytearray, draw: random.Random) -> bytearray:
    """A few bits turned over."""
    for _ in range(draw.choice([1, 1, 1, 3, 20])):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return data


def digits(data: bytearray, draw: random.Random) -> bytearray:
    """One digit is another one: the file is as well-formed as before."""
    places = [place for place, byte in enumerate(data) if 48 <= byte <= 57]
    if places:
        place = draw.choice(places)
        data[place] = draw.choice([byte for byte in range(48, 58) if byte != data[place]])
    return data


def stretch(data: bytearray, draw: random.Random) -> bytearray:
    """A stretch of noise or of nothing."""
    start, length = draw.randrange(len(data)), draw.choice([1, 16, 512, 4096, 20_000])
    end = min(len(data), start + length)
    data[start:end] = draw.randbytes(end - start) if draw.random() < 0.5 else bytes(end - start)
    return data


def cut(data: bytearray, draw: random.Random) -> bytearray:
    """The beginning only."""
    return data[: draw.randrange(len(data))]


def longer(data: bytearray, draw: random.Random) -> bytearray:
    """Something behind its end."""
    return data + draw.randbytes(draw.choice([1, 4096, 9000]))


def pages(data: bytearray, draw: random.Random) -> bytearray:
    """One page in the place of another."""
    size = 4096
    if len(data) >= 2 * size:
        one, other = (draw.randrange(len(data) // size) * size for _ in range(2))
        data[one : one + size] = data[other : other + size]
    return data


def none(data: bytearray, draw: random.Random) -> bytearray:
    """An empty file."""
    return bytearray()


IN_PLACE: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (
    bits, bits, digits, digits, stretch, cut, longer, pages, none,
)  # fmt: skip


def spoil(path: Path, draw: random.Random) -> str:
    """Harms the file; gives the name of what was done."""
    what = draw.choice(IN_PLACE)
    data = bytearray(path.read_bytes())
    path.write_bytes(what(data, draw) if data else draw.randbytes(100))
    return what.__name__


def directory(path: Path) -> None:
    """A folder of the same name."""
    path.unlink()
    path.mkdir()


def foreign(path: Path) -> None:
    """A database of another program."""
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
        connection.execute("PRAGMA user_version = 2")
    connection.close()


def copied(folder: Path, to: Path) -> Path:
    """A copy of a folder, in the place of an earlier copy."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to)
    return to
