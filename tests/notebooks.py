"""Runs the cells of a notebook in this process, one after the other, as a kernel would.

As a program it writes the outputs: cd docs && python ../tests/notebooks.py notebook.ipynb
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Output = dict[str, Any]


def read(path: Path) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def executed(notebook: dict[str, Any]) -> tuple[list[list[Output]], dict[str, Any]]:
    """The outputs of each code cell, and the names that are defined in the end. An error of a cell is raised."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [list(_outputs("".join(cell["source"]), names)) for cell in code_cells(notebook)], names


def _outputs(source: str, names: dict[str, Any]) -> Iterator[Output]:
    """What a cell prints, then the value of its last line if that is an expression."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    if text := printed.getvalue():
        yield {"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}
    if value is not None:
        yield {
            "data": _shown(value),
            "execution_count": None,
            "metadata": {},
            "output_type": "execute_result",
        }


def _shown(value: object) -> dict[str, list[str]]:
    """The value as HTML where it can be shown so, and as plain text."""
    as_html = getattr(value, "_repr_html_", lambda: None)()
    shown = {} if as_html is None else {"text/html": as_html.splitlines(keepends=True)}
    return {**shown, "text/plain": repr(value).splitlines(keepends=True)}


def text_of(output: Output) -> str:
    """What an output says in plain text."""
    return "".join(output["text"] if "text" in output else output["data"]["text/plain"])


def write_outputs(path: Path) -> None:
    """Runs the notebook in an empty folder and puts what comes out into the file."""
    notebook, here = read(path), Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            outputs, _ = executed(notebook)
        finally:
            os.chdir(here)
    for number, (cell, made) in enumerate(zip(code_cells(notebook), outputs, strict=True), start=1):
        cell["execution_count"] = number
        cell["outputs"] = [
            {**one, "execution_count": number} if "execution_count" in one else one for one in made
        ]
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_outputs(Path(sys.argv[1]))
