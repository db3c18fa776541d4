"""The `shap` package: loaded when it is first wanted, and its loops compiled only where that pays."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from audit.catalogue import imported_apart

COMPILED_AFTER = 150_000
"""Coalitions after which the loops are compiled: compiling takes about as long as twice so many without."""

_played = [0]
"""Coalitions of this process so far."""


@cache
def package() -> Any:
    """The package; what its plots say about other packages' plans is not for us."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=PendingDeprecationWarning)
        return imported_apart("shap")


@contextmanager
def playing(coalitions: int) -> Iterator[Any]:
    """The package for a game of so many coalitions; for the first of a process its loops are plain Python.

    The results are the same to the bit. numba compiles the loops when they are first called, some ten seconds of a
    processor, and `shap` does not keep what was compiled for the next process.
    """
    shap = package()
    _played[0] += coalitions
    swapped = _compiled() if _played[0] < COMPILED_AFTER else ()
    for module, name, function in swapped:
        setattr(module, name, function.py_func)
    try:
        yield shap
    finally:
        for module, name, function in swapped:
            setattr(module, name, function)


@cache
def _compiled() -> tuple[tuple[Any, str, Any], ...]:
    """Every loop of the package that numba compiles, with the modules that name it.

    Links are no loops, are compiled at once, and have to be the same object everywhere.
    """
    from numba.core.dispatcher import Dispatcher

    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "shap"]
    return tuple(
        (module, name, thing)
        for module in modules
        for name, thing in list(vars(module).items())
        if isinstance(thing, Dispatcher) and thing.__module__ != "shap.links"
    )
