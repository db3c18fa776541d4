"""Functions of other people's Python files: found without running anything, imported when they are called."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from audit.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A module's file, its digest, and the folder that it was found in (None: an installed package)."""

    module: str
    path: Path
    digest: str
    folder: Path | None

    def tree(self) -> ast.Module:
        """The file as Python reads it; InputError where it is no Python."""
        try:
            return ast.parse(self.path.read_bytes(), filename=str(self.path))
        except (SyntaxError, ValueError) as error:
            raise InputError(f"{self.path}: no readable Python: {error}") from error


def find_source(module: str, *, folder: Path) -> Source:
    """The file of `module`, in `folder` or among the installed packages; InputError where there is none."""
    for place in (folder.resolve(), None):
        spec = _spec(module, place)
        if spec is not None and spec.origin is not None and spec.has_location:
            path = Path(spec.origin)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            return Source(module=module, path=path, digest=digest, folder=place)
    raise InputError(f"there is no module '{module}' in {folder.resolve()} or among the installed packages")


def imported(source: Source, function: str) -> Callable[..., Any]:
    """The function; InputError where its module cannot be imported, is another one than was found, or lacks it.

    The folder of the module goes to the end of the search path, so that nothing in it stands in for a library.
    """
    if source.folder is not None and str(source.folder) not in sys.path:
        sys.path.append(str(source.folder))
    try:
        module = import_module(source.module)
    except (Exception, SystemExit) as error:
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        raise InputError(
            f"{source.path} cannot be imported: {type(error).__name__}: {reason[:300]}"
        ) from error
    origin = getattr(module, "__file__", None)
    if origin is None or Path(origin).resolve() != source.path.resolve():
        raise InputError(
            f"{source.path}: another module has the name '{source.module}'; give this file another name"
        )
    found = getattr(module, function, None)
    if not callable(found):
        raise InputError(f"{source.path} has no function '{function}'")
    return found  # type: ignore[no-any-return]


def _spec(module: str, folder: Path | None) -> ModuleSpec | None:
    """Where the module lies, found name by name without importing any of them."""
    places = None if folder is None else [str(folder)]
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for number in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: number + 1]), places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return spec
