"""Name → object, loaded on use.

A folder of plug-ins holds a table in its `__init__`: `{"selection_rate": "audit.metrics.choice:SELECTION_RATE"}`.
Other packages add rows through entry points of the group `audit.<folder>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from audit.errors import InputError


def names(table: Mapping[str, str], folder: str) -> list[str]:
    """All names that `load` knows: the table's rows and other packages' entry points, sorted."""
    return sorted({*table, *(point.name for point in entry_points(group=f"audit.{folder}"))})


def load(table: Mapping[str, str], folder: str, name: str) -> object:
    """The object that `name` stands for; InputError lists the known names and the nearest."""
    if name in table:
        module, _, attribute = table[name].partition(":")
        return getattr(import_module(module), attribute)
    for point in entry_points(group=f"audit.{folder}"):
        if point.name == name:
            return point.load()
    raise InputError(unknown(name, names(table, folder), what=folder.rstrip("s")))


def imported_apart(module: str) -> Any:
    """The module, imported in a thread of its own, with nobody's tables on its stack.

    Some libraries remember what they could not import themselves as exceptions (`shap`: one for each optional part that
    is missing), whose tracebacks hold the frames of all callers, and so everything that these had in hand, for good.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(import_module, module).result()


def unknown(name: str, known: list[str], *, what: str) -> str:
    """One sentence for a name that is not known."""
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"unknown {what} '{name}'{hint} (known: {', '.join(known)})"


def shipped(folder: str) -> Path:
    """Where the shipped `templates` or `suites` lie: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent
    inside = package / "_data" / folder
    return inside if inside.is_dir() else package.parent / folder
