"""Nodes of a JSON text, for the files that programs write: JSON is YAML too, and quickly read.

Whatever is unusual (an escape by number, a key that comes twice, a mistake) is left to `audit.yamlnodes`, which knows
what to say about it; what is read here is what would be read there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from audit.yamlnodes import MAX_DEPTH, MAX_KEY, MAX_LINES, MAX_VALUES, Node, Scalar

_TOKEN = re.compile(
    r'(?P<space>[ \n]+)|(?P<text>"(?:[^"\\\n]|\\["\\/nrt])*")|(?P<mark>[{}\[\],:])'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?P<rest>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?))|(?P<word>true|false|null)"
)
_UNUSUAL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
LONGEST_NUMBER = 300


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int
    column: int


class _Unusual(ValueError):
    """Something that is not read here."""


def json_node(text: str) -> Node | None:
    """The root of a JSON object, each value with its place; None where it is no plain JSON."""
    if not text.startswith("{") or _UNUSUAL.search(text) or text.count("\n") >= MAX_LINES:
        return None
    try:
        reader = _Reader(_tokens(text))
        root = reader.node(depth=0)
        if next(reader.tokens, None) is not None:
            return None
    except _Unusual:
        return None
    return root


def _tokens(text: str) -> Iterator[_Token]:
    at, line, begun = 0, 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _Unusual
        kind, found = match.lastgroup or "", match[0]
        if match["number"] is not None:
            kind = "float" if match["rest"] else "int"
        if kind == "space":
            line += found.count("\n")
            begun = at + found.rfind("\n") + 1 if "\n" in found else begun
        else:
            yield _Token(kind, found, line, at - begun + 1)
        at = match.end()


class _Reader:
    """Tokens → nodes."""

    def __init__(self, tokens: Iterator[_Token]) -> None:
        self.tokens = tokens
        self.values = 0

    def node(self, *, depth: int, first: _Token | None = None, key: _Token | None = None) -> Node:
        """The value that begins with the token `first`, or with the next one."""
        token = first or self.next()
        self.values += 1
        if self.values > MAX_VALUES or (depth >= MAX_DEPTH and token.kind == "mark"):
            raise _Unusual
        value: Scalar | list[Node] | dict[str, Node]
        if token.text == "{":
            value = self.mapping(depth)
        elif token.text == "[":
            value = self.sequence(depth)
        else:
            value = _scalar(token)
        place = (key.line, key.column) if key is not None else (0, 0)
        return Node(
            value=value,
            line=token.line,
            column=token.column,
            key_line=place[0],
            key_column=place[1],
        )

    def mapping(self, depth: int) -> dict[str, Node]:
        """The entries up to the closing brace."""
        found: dict[str, Node] = {}
        token = self.next()
        while token.text != "}":
            colon = self.next()
            name = _scalar(token)
            if not isinstance(name, str) or colon.text != ":" or colon.line != token.line:
                raise _Unusual
            if name in found or len(name) > MAX_KEY or "\n" in name:
                raise _Unusual
            self.values += 1
            found[name] = self.node(depth=depth + 1, key=token)
            token = self.after("}")
        return found

    def sequence(self, depth: int) -> list[Node]:
        """The members up to the closing bracket."""
        found: list[Node] = []
        token = self.next()
        while token.text != "]":
            found.append(self.node(depth=depth + 1, first=token))
            token = self.after("]")
        return found

    def after(self, end: str) -> _Token:
        """The token after a comma, which begins the next entry, or the `end`."""
        token = self.next()
        if token.text == end:
            return token
        following = self.next()
        if token.text != "," or following.text == end:
            raise _Unusual
        return following

    def next(self) -> _Token:
        """The next token; there has to be one."""
        token = next(self.tokens, None)
        if token is None:
            raise _Unusual
        return token


def _scalar(token: _Token) -> Scalar:
    if token.kind == "text":
        read: str = json.loads(token.text) if "\\" in token.text else token.text[1:-1]
        return read
    if token.kind == "word":
        return _WORDS[token.text]
    if token.kind == "mark" or len(token.text) > LONGEST_NUMBER:
        raise _Unusual
    return int(token.text) if token.kind == "int" else float(token.text)
