"""The values of a YAML 1.2 text, each with its line and column.

Scalars follow the core schema of YAML 1.2 (`no` and `yes` are words, a date is a text). Anchors, aliases, tags and
directives are refused: such files need none, and without them a small file cannot unfold into a huge one. Reading ends
at the first anchor or alias, since what follows would only be guessed.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

from audit.errors import InputError, Problem

if TYPE_CHECKING:
    from ruamel.yaml.events import Event, ScalarEvent

MAX_VALUES = 30_000
MAX_DEPTH = 20
MAX_PROBLEMS = 100
MAX_LINES = 100_000
MAX_TAG = 100_000
"""Characters without a space after a "!"; the parser takes the square of their number."""
MAX_KEY = 200
MAX_MESSAGE = 1_500

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ud800-\udfff]")
"""Characters that no text of a file holds, be it by an escape in quotes."""
_HINTS: Mapping[str, str] = {
    "'\\t'": "indent with spaces",
    "mapping values are not allowed here": "put a text that holds ': ' in quotes",
    "cannot start any token": "put a text that begins so in quotes",
    "could not find expected ':'": "the line before has a key without ':', or is not indented far enough",
    "unknown escape character": "write '\\\\' for a backslash",
    "expected <block end>": "it stands too far to the left or right, or a quote or bracket before it is wrong",
    "expected ',' or": "a bracket or a comma before it is missing",
}
"""What a message of the parser holds → what helps."""
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}

Scalar = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One value of a file with its place; `key_line` and `key_column` are those of its key in a mapping."""

    value: Scalar | list[Node] | dict[str, Node]
    line: int
    column: int
    key_line: int = 0
    key_column: int = 0

    def get(self, key: str) -> Node | None:
        """The value under `key`; None where this is no mapping, has no such key, or has nothing under it."""
        node = self.value.get(key) if isinstance(self.value, dict) else None
        return None if node is None or node.value is None else node

    def entries(self, key: str | None = None) -> dict[str, Node]:
        """The entries of this mapping (or of the one under `key`); none where it is something else."""
        node = self if key is None else self.get(key)
        return node.value if node is not None and isinstance(node.value, dict) else {}

    def children(self, key: str | None = None) -> list[Node]:
        """The members of this list (or of the one under `key`); none where it is something else."""
        node = self if key is None else self.get(key)
        return node.value if node is not None and isinstance(node.value, list) else []

    def text(self, key: str | None = None) -> str | None:
        """This text (or the one under `key`); None where it is something else."""
        node = self if key is None else self.get(key)
        return node.value if node is not None and isinstance(node.value, str) else None

    def plain(self) -> Any:
        """The value without places: dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read_nodes(text: str, *, file: str, problems: list[Problem]) -> Node:
    """The root of the text; what the file may not hold is added to `problems`, what cannot be read is an InputError."""
    return _Builder(file=file, problems=problems, text=text).build()


def remember(problems: list[Problem], problem: Problem) -> None:
    """Add `problem` to `problems`, on one line; InputError once there are `MAX_PROBLEMS` of them."""
    problems.append(replace(problem, message=_one_line(problem.message)))
    if len(problems) >= MAX_PROBLEMS:
        more = f"more mistakes may follow; these are the first {MAX_PROBLEMS}"
        raise InputError([*sorted(set(problems)), Problem(file=problem.file, message=more)])


def seen(value: object) -> str:
    """How a value is named in a message: `the number 3`, `'word'`, `a list`."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the value {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return repr(value if len(value) <= 60 else value[:57] + "…")
        case list() | tuple():
            return "a list"
        case _:
            return "a mapping"


def _refused(text: str) -> str:
    """A sentence about the first character that nobody sees or prints; nothing where there is none."""
    match = _REFUSED.search(text)
    if match is None:
        return ""
    code = ord(match[0])
    half = 0xD800 <= code <= 0xDFFF
    reason = "is half of one; write the whole character" if half else "is not allowed; remove it"
    return f"in this text the character U+{code:04X} {reason}"


def _one_line(message: str) -> str:
    """The message without line breaks and control characters, and not longer than anybody reads."""
    short = message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]} …"
    return _UNPRINTABLE.sub(lambda match: repr(match[0])[1:-1], short)


def _scalar(event: ScalarEvent) -> Scalar:
    """The value by the core schema of YAML 1.2; whatever is quoted is a text."""
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]  # type: ignore[return-value]
    if len(text) <= 400 and _INT.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    return float(text) if _FLOAT.fullmatch(text) else text


@dataclass(kw_only=True, slots=True)
class _Builder:
    """Parser events → nodes; what such a file may not hold is reported and left out."""

    file: str
    problems: list[Problem]
    text: str
    open: list[Node] = field(default_factory=list)
    keys: list[tuple[str, int, int] | None] = field(default_factory=list)
    root: Node | None = None
    values: int = 0

    def build(self) -> Node:
        """The node of the only document; a scalar None where there is none."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError
        from ruamel.yaml.reader import ReaderError

        self._check_size()
        try:
            for event in YAML(typ="safe", pure=True).parse(io.StringIO(self.text)):
                self._take(event)
        except MarkedYAMLError as error:
            raise InputError([*self.problems, self._syntax(error)]) from error
        except ReaderError as error:
            code = error.character if isinstance(error.character, int) else ord(error.character)
            message = f"not YAML: the character U+{code:04X} is not allowed; remove it"
            self._stop_at(error.position, message, error)
        return self.root or Node(value=None, line=1, column=1)

    def _check_size(self) -> None:
        """InputError where the text would keep the parser busy for long, or holds what nobody sees."""
        lines = self.text.count("\n") + 1
        if lines > MAX_LINES:
            message = f"the file has {lines} lines; at most {MAX_LINES} are read"
            raise InputError(Problem(file=self.file, line=MAX_LINES + 1, column=1, message=message))
        for match in re.finditer(r"!\S*", self.text):
            if len(match[0]) > MAX_TAG:
                self._stop_at(match.start(), f"{len(match[0])} characters without a space follow a '!' here")
        mark = self.text.find("\ufeff")
        if mark >= 0:
            self._stop_at(mark, "the invisible character U+FEFF (byte order mark) stands here; remove it")

    def _stop_at(self, at: int, message: str, cause: Exception | None = None) -> NoReturn:
        lines = self.text[:at].split("\n")
        problem = Problem(file=self.file, line=len(lines), column=len(lines[-1]) + 1, message=message)
        raise InputError([*self.problems, problem]) from cause

    def _syntax(self, error: Any) -> Problem:
        endless = error.context_mark is not None and "end of stream" in str(error.problem)
        mark = error.context_mark if endless else error.problem_mark
        context = f"{error.context}, " if error.context else ""
        hint = next((f"; {words}" for part, words in _HINTS.items() if part in str(error.problem)), "")
        message = _one_line(f"not YAML: {context}{error.problem}{hint}")
        return Problem(file=self.file, line=mark.line + 1, column=mark.column + 1, message=message)

    def _report(self, event: Event, message: str) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        remember(self.problems, Problem(file=self.file, line=line, column=column, message=message))

    def _take(self, event: Event) -> None:
        from ruamel.yaml import events

        match event:
            case events.DocumentStartEvent():
                self._document(event)
            case events.AliasEvent():
                self._stop(event, f"the alias '*{event.anchor}' is not allowed here; write the value out")
            case events.ScalarEvent():
                self._extras(event)
                self._place(event, _scalar(event))
                self._characters(event)
            case events.MappingStartEvent():
                self._extras(event)
                self._enter(event, {})
            case events.SequenceStartEvent():
                self._extras(event)
                self._enter(event, [])
            case events.MappingEndEvent() | events.SequenceEndEvent():
                self.open.pop()
                self.keys.pop()

    def _stop(self, event: Event, message: str) -> NoReturn:
        """InputError with this mistake and those before it."""
        self._report(event, message)
        raise InputError(self.problems)

    def _characters(self, event: ScalarEvent) -> None:
        """Escapes in quotes can write characters that a file may not hold."""
        sentence = _refused(event.value)
        if sentence:
            self._report(event, sentence)

    def _document(self, event: Any) -> None:
        if self.root is not None:
            self._stop(event, "a second document begins here ('---'); one file holds one document")
        before = self.text.split("\n", event.start_mark.line)[: event.start_mark.line]
        unknown = any(line.startswith("%") and not line.startswith("%YAML") for line in before)
        if event.version not in (None, (1, 2)) or unknown:
            self._report(
                event, "YAML directives ('%YAML', '%TAG') are not allowed here; the file is read as YAML 1.2"
            )

    def _extras(self, event: Any) -> None:
        if event.anchor:
            self._stop(
                event, f"the anchor '&{event.anchor}' is not allowed here; write the value where it is used"
            )
        if event.tag is not None and event.tag != "!":
            self._report(event, f"the tag '{event.tag}' is not allowed here; write the plain value")

    def _enter(self, event: Event, value: dict[str, Node] | list[Node]) -> None:
        if len(self.open) >= MAX_DEPTH:
            self._stop(event, f"nested more than {MAX_DEPTH} levels deep; such a file needs far fewer")
        node = self._place(event, value)
        self.open.append(node)
        self.keys.append(None)

    def _place(self, event: Event, value: Scalar | list[Node] | dict[str, Node]) -> Node:
        """The node of `value`, put where it belongs: the next key, a value, a member, or the root."""
        self.values += 1
        if self.values > MAX_VALUES:
            self._stop(event, f"the file holds more than {MAX_VALUES} values; split it into several files")
        node = Node(value=value, line=event.start_mark.line + 1, column=event.start_mark.column + 1)
        if not self.open:
            self.root = node
            return node
        holder = self.open[-1].value
        if isinstance(holder, list):
            holder.append(node)
        elif isinstance(holder, dict):
            node = self._in_mapping(event, holder, node)
        return node

    def _in_mapping(self, event: Any, holder: dict[str, Node], node: Node) -> Node:
        key = self.keys[-1]
        if key is None:
            if isinstance(node.value, list | dict):
                self._stop(event, f"a key is {seen(node.value)}; keys are words")
            if len(event.value) > MAX_KEY or "\n" in event.value:
                self._stop(
                    event,
                    f"a key is {seen(event.value)}; keys are words on one line, at most {MAX_KEY} characters",
                )
            self.keys[-1] = (event.value, node.line, node.column)
            return node
        self.keys[-1] = None
        name, line, column = key
        empty = getattr(event, "value", None) == ""
        place = (line, column) if node.value is None and empty else (node.line, node.column)
        node = Node(value=node.value, line=place[0], column=place[1], key_line=line, key_column=column)
        if name in holder:
            first = holder[name]
            message = f"the key '{name}' stands here a second time (first on line {first.key_line}); keep one"
            remember(self.problems, Problem(file=self.file, line=line, column=column, message=message))
        else:
            holder[name] = node
        return node
