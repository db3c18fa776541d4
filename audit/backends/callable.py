"""A Python function that answers: it is given texts and gives back a text, scores or a number for each.

Opening finds the function's source file and reads what it gives back; the file is run with the first question.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf, log
from numbers import Real
from typing import Any, Literal

from audit.errors import InputError
from audit.functions import Source, find_source, imported
from audit.passes import scored
from audit.protocols import RATING, Backend
from audit.reading import plain_text
from audit.records import Answer, ModelIdentity, Prompt, Question
from audit.shape import Document, Flag, Text

Gives = Literal["texts", "scores", "numbers"]
ANNOTATIONS: Mapping[str, Gives] = {
    "list[str]": "texts", "list[dict[str, float]]": "scores", "list[float]": "numbers", "list[int]": "numbers",
}  # fmt: skip
"""What a function gives back, by the annotation of its result."""
Ask = Callable[[Sequence[Prompt]], list[object]]
Function = Callable[..., Any]
LEAST = 1e-3
"""How far probabilities may add up to more than 1."""


class PythonFunction(Document):
    """A model file of the kind `callable`."""

    model: Literal[1]
    """Version of this format."""
    kind: Literal["callable"]
    """A Python function."""
    name: Text
    """MODULE:FUNCTION; the module is looked for in this file's folder, then among the installed packages."""
    gives: Gives | None = None
    """What the function gives back for each text; by default what the annotation of its result says."""
    labels: tuple[Text, ...] = ()
    """scores: the labels, where the function is a classifier; without them it scores a suite's options."""
    scores: Literal["probabilities", "log_probabilities"] = "probabilities"
    """scores: what they are."""
    deterministic: Flag = False
    """Whether the same text gets the same answer every time; then answers are kept for later runs."""

    def open(self) -> Backend:
        """The back end with the capabilities of what the function gives back; its module is not imported yet."""
        module, colon, function = self.name.partition(":")
        if not colon or not module or not function:
            raise InputError(
                f"callable:{self.name} names no function; allowed: callable:MODULE:FUNCTION, such as "
                "callable:my_model:answer"
            )
        source = find_source(module, folder=self.path.parent)
        gives = self.gives or _annotated(source, function)
        self._refuse_useless(gives)
        ask = _Asked(partial(imported, source, function))
        identity = self._identity(source, module=module, function=function, gives=gives)
        if gives == "numbers":
            return Numbers(ask, identity=identity, deterministic=self.deterministic)
        if gives == "texts":
            return Texts(ask, identity=identity, deterministic=self.deterministic)
        read = _Scores(logs=self.scores == "log_probabilities")
        if self.labels:
            return LabelScores(
                ask, read, identity=identity, deterministic=self.deterministic, labels=self.labels
            )
        return OptionScores(ask, read, identity=identity, deterministic=self.deterministic)

    def _refuse_useless(self, gives: Gives) -> None:
        """InputError for settings that say something about scores where there are none."""
        given = {"labels": bool(self.labels), "scores": self.scores != "probabilities"}
        unused = next((name for name, is_given in given.items() if is_given), None)
        if gives != "scores" and unused:
            raise InputError(
                f"callable:{self.name} gives {gives}; '{unused}' is for functions that give scores"
            )
        if len(self.labels) == 1 or len(set(self.labels)) < len(self.labels):
            raise InputError(f"callable:{self.name}: 'labels' needs at least two, each once")

    def _identity(self, source: Source, *, module: str, function: str, gives: Gives) -> ModelIdentity:
        """The file's digest is always part of it, but only of a deterministic function do answers outlive a run."""
        settings: dict[str, object] = {
            "module": module, "function": function, "source": source.digest, "gives": gives,
            "labels": list(self.labels), "scores": self.scores if gives == "scores" else "",
        }  # fmt: skip
        digests = {source.path.name: source.digest} if self.deterministic else {}
        return ModelIdentity(kind=self.kind, name=self.name, digests=digests, settings=settings)


def backend_of(function: Function) -> Backend:
    """A function that somebody holds, such as one of a notebook, as a model whose answers belong to one run.

    What it gives back is read from its annotation; the digest is of its own lines alone, not of what it calls.
    """
    module = getattr(function, "__module__", None) or "__main__"
    name = getattr(function, "__qualname__", type(function).__qualname__)
    called = f"{module}:{name}"
    gives = _gives(_told(function), called, way_out="or name a model file that says it")
    settings: dict[str, object] = {
        "module": module, "function": name, "source": _lines_digest(function), "gives": gives,
        "labels": [], "scores": "probabilities" if gives == "scores" else "",
    }  # fmt: skip
    identity = ModelIdentity(kind="callable", name=called, settings=settings)
    ask = _Asked(lambda: function)
    if gives == "numbers":
        return Numbers(ask, identity=identity, deterministic=False)
    if gives == "texts":
        return Texts(ask, identity=identity, deterministic=False)
    return OptionScores(ask, _Scores(logs=False), identity=identity, deterministic=False)


class Texts:
    """A function that gives a text for each text."""

    def __init__(self, ask: Ask, *, identity: ModelIdentity, deterministic: bool) -> None:
        self.identity = identity
        self.deterministic = deterministic
        self._ask = ask

    def choose(self, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Answer]:
        """What the function says; which option that is, is read from it later."""
        return [_text(result) for result in self._ask(prompts)]

    def rate(self, prompts: Sequence[Prompt], question: Question) -> list[Answer]:
        """What the function says; which number that is, is read from it later."""
        return [_text(result) for result in self._ask(prompts)]

    def generate(self, prompts: Sequence[Prompt], *, repeat: int, question: Question) -> list[Answer]:
        """What the function says, as it is: it is not told the number of the repeat, nor how long it may be."""
        return [_text(result) for result in self._ask(prompts)]


class Numbers:
    """A function that gives a number for each text."""

    def __init__(self, ask: Ask, *, identity: ModelIdentity, deterministic: bool) -> None:
        self.identity = identity
        self.deterministic = deterministic
        self._ask = ask

    def rate(self, prompts: Sequence[Prompt], question: Question) -> list[Answer]:
        """The number as the function gives it."""
        return [
            _other(result, "a number") if (number := _number(result)) is None else scored({RATING: number})
            for result in self._ask(prompts)
        ]


class OptionScores:
    """A function that gives the score of each option."""

    def __init__(self, ask: Ask, read: _Scores, *, identity: ModelIdentity, deterministic: bool) -> None:
        self.identity = identity
        self.deterministic = deterministic
        self._ask = ask
        self._read = read

    def choose(self, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Answer]:
        """Log-probability of each option; spaces around it are no part of its name, other scores are left out."""
        return [self._read(result, options, others=True) for result in self._ask(prompts)]


class LabelScores:
    """A function that gives the score of each label."""

    def __init__(
        self,
        ask: Ask,
        read: _Scores,
        *,
        identity: ModelIdentity,
        deterministic: bool,
        labels: tuple[str, ...],
    ) -> None:
        self.identity = identity
        self.deterministic = deterministic
        self.labels = labels
        self._ask = ask
        self._read = read

    def classify(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Log-probability of each label; a failed record where the function scores another."""
        return [self._read(result, self.labels, others=False) for result in self._ask(prompts)]


class _Asked:
    """The function, found (a module imported) with the first question."""

    def __init__(self, find: Callable[[], Function]) -> None:
        self._find = find

    def __call__(self, prompts: Sequence[Prompt]) -> list[object]:
        """One result a prompt; ValueError where the function gives another number of them."""
        results = self._find()([plain_text(prompt) for prompt in prompts])
        if isinstance(results, str | Mapping) or not hasattr(results, "__len__"):
            raise ValueError(f"the function gave {_kind(results)}, not a list with one result a text")
        if len(results) != len(prompts):
            raise ValueError(f"the function gave {len(results)} results to {len(prompts)} texts")
        return list(results)


class _Scores:
    """Reads scores by name as log-probabilities."""

    def __init__(self, *, logs: bool) -> None:
        self._logs = logs

    def __call__(self, result: object, names: Sequence[str], *, others: bool) -> Answer:
        """The log-probability of each name, or why there is none; `others`: whether it may score more than these."""
        if not isinstance(result, Mapping):
            return _other(result, "numbers by name")
        given = {
            str(name).strip(): number
            for name, value in result.items()
            if (number := _number(value)) is not None
        }
        if len(given) < len(result):
            return Answer(error="the function gave scores that are no numbers, or two under one name")
        lacking = next((name for name in names if name.strip() not in given), None)
        strange = next((name for name in given if name not in {known.strip() for known in names}), None)
        if lacking is not None:
            return Answer(error=f"the function gave no score for {lacking!r}")
        if strange is not None and not others:
            return Answer(error=f"the function scored {strange!r}, which is none of its labels")
        values = list(given.values())
        if not self._logs and (min(values) < 0 or sum(values) > 1 + LEAST):
            return Answer(
                error="the function gave numbers that are no probabilities (0 to 1, together at most 1)"
            )
        if self._logs and max(values) > 0:
            return Answer(error="the function gave a log-probability above 0")
        read = {name: given[name.strip()] for name in names}
        return scored(read if self._logs else {name: _log(value) for name, value in read.items()})


def _annotated(source: Source, function: str) -> Gives:
    """What the annotation of the function's result says; InputError where there is no function, or it says nothing."""
    tree = source.tree()
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    node = found.get(function)
    told = ast.unparse(node.returns).strip("'\"") if node is not None and node.returns is not None else ""
    way_out = "or say in a model file what it gives ('gives': texts, scores or numbers)"
    return _gives(told, f"{source.module}:{function}", way_out=way_out)


def _told(function: Function) -> str:
    """The annotation of what a function (or an object that can be called) gives back; empty without one."""
    held = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    told = getattr(held, "__annotations__", {}).get("return", "")
    if isinstance(told, str):
        return told.strip("'\"")
    return told.__name__ if isinstance(told, type) and not hasattr(told, "__args__") else str(told)


def _gives(told: str, called: str, *, way_out: str) -> Gives:
    """What an annotation says that a function gives back; InputError where it says nothing known."""
    if told in ANNOTATIONS:
        return ANNOTATIONS[told]
    seen = f"its result is annotated '{told}'" if told else "the result of the function is not annotated"
    raise InputError(f"callable:{called}: {seen}; write one of {', '.join(ANNOTATIONS)}, {way_out}")


def _lines_digest(function: Function) -> str:
    """SHA-256 of the lines that a function was written in; empty where they cannot be had."""
    try:
        lines = inspect.getsource(function if inspect.isroutine(function) else type(function))
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(lines.encode()).hexdigest()


def _text(result: object) -> Answer:
    return Answer(text=result) if isinstance(result, str) else _other(result, "a text")


def _other(result: object, wanted: str) -> Answer:
    return Answer(error=f"the function gave {_kind(result)}, not {wanted}")


def _kind(result: object) -> str:
    return "None" if result is None else f"a value of the type {type(result).__name__}"


def _number(value: object) -> float | None:
    """The value as a number, of numpy too; None where it is none."""
    return None if type(value) is bool or not isinstance(value, Real) else float(value)


def _log(probability: float) -> float:
    return log(probability) if probability > 0 else -inf
