"""A YAML file as it was read, and all its mistakes at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from audit.errors import InputError, Problem
from audit.jsonnodes import json_node
from audit.yamlnodes import Node, read_nodes, remember, seen

MAX_BYTES = 1_000_000
KINDS = ("axis", "model", "policy", "suite", "waivers")
"""Kinds of files, each by the key with which such a file begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class YamlFile:
    """A file that was read, and the mistakes found in it so far."""

    path: Path
    digest: str
    root: Node
    problems: list[Problem] = field(default_factory=list)
    refused: frozenset[tuple[int, int]] = frozenset()
    """Places whose value was left out when the file was read; nothing more is said about them."""

    def report(self, node: Node, message: str, *, at_key: bool = False) -> None:
        """Remember a mistake at `node` (or at its key)."""
        key = at_key and node.key_line > 0
        line, column = (node.key_line, node.key_column) if key else (node.line, node.column)
        if (line, column) not in self.refused:
            problem = Problem(file=str(self.path), line=line, column=column, message=message)
            remember(self.problems, problem)

    def report_repeats(self, nodes: list[Node], what: str) -> None:
        """A text that stands twice among `nodes` is a mistake; `what` names one of them."""
        first: dict[str, int] = {}
        for node in nodes:
            text = node.text()
            if text is not None and text in first:
                self.report(
                    node,
                    f"the {what} '{text}' stands here a second time (first on line {first[text]}); keep one",
                )
            elif text is not None:
                first[text] = node.line

    def stop_on_mistakes(self) -> None:
        """InputError if anything was reported: by place, each mistake once."""
        if self.problems:
            raise InputError(sorted(set(self.problems)))


def read_yaml(path: Path, *, what: str) -> YamlFile:
    """The file at `path`; `what` names its kind in messages. InputError where it cannot be read as YAML."""
    data = _bytes(path, what)
    text = _decoded(data, path, what)
    problems: list[Problem] = []
    root = json_node(text) or read_nodes(text, file=str(path), problems=problems)
    refused = frozenset((problem.line, problem.column) for problem in problems)
    digest = hashlib.sha256(data).hexdigest()
    file = YamlFile(path=path, digest=digest, root=root, problems=problems, refused=refused)
    _check_kind(file, what)
    return file


def _check_kind(file: YamlFile, what: str) -> None:
    """InputError where the file is no mapping, or says that it is of another kind."""
    root, begins = file.root, f"which begins '{what}: 1'"
    if not isinstance(root.value, dict):
        empty = f"the file is empty; expected {_a(what)} file, {begins}"
        other = f"the file holds {seen(root.value)}; {_a(what)} file is a mapping, {begins}"
        file.report(root, empty if root.value is None else other)
        file.stop_on_mistakes()
    kinds = [kind for kind in KINDS if kind in root.entries()]
    if what in KINDS and what not in kinds and len(kinds) == 1:
        file.report(root, f"this is {_a(kinds[0])} file; expected {_a(what)} file, {begins}")
        file.stop_on_mistakes()


def _bytes(path: Path, what: str) -> bytes:
    try:
        message = _unreadable(path, what)
        if not message:
            return path.read_bytes()
    except (OSError, ValueError) as error:
        message = f"cannot be read ({getattr(error, 'strerror', None) or error})"
    raise InputError(Problem(file=str(path), message=message))


def _unreadable(path: Path, what: str) -> str:
    """Why the file is not even opened; nothing where it may be read."""
    if not path.exists():
        return f"there is no such {what} file"
    if not path.is_file():
        return f"this is not a file; expected {_a(what)} file (YAML)"
    size = path.stat().st_size
    if size > MAX_BYTES:
        return (
            f"the file has {size / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB is read as {_a(what)} file"
        )
    return ""


def _a(what: str) -> str:
    """A kind of file with its article."""
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"


def _decoded(data: bytes, path: Path, what: str) -> str:
    if b"\0" in data[:2] and any(data[:2]):
        message = "the file is not UTF-8, perhaps UTF-16; save it as UTF-8 text"
        raise InputError(Problem(file=str(path), line=1, column=1, message=message))
    if b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        before = data[: data.index(b"\0")].decode("utf-8", "replace")
        raise InputError(_at_end(before, path, f"the file is binary; expected {_a(what)} file (YAML text)"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        seen_byte = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8 text"
        raise InputError(_at_end(before, path, seen_byte)) from error


def _at_end(before: str, path: Path, message: str) -> Problem:
    lines = before.split("\n")
    return Problem(file=str(path), line=len(lines), column=len(lines[-1]) + 1, message=message)
