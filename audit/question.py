"""The question of a suite: what is asked about every prompt, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field

from audit.records import QuestionKind
from audit.shape import Number, Text, Whole, did_you_mean
from audit.yamlfile import YamlFile
from audit.yamlnodes import Node


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """Keys that a kind of question needs, and those it may have besides."""

    needed: frozenset[str]
    allowed: frozenset[str] = frozenset()


QUESTION_KEYS: Mapping[str, Keys] = {
    "classify": Keys(needed=frozenset({"favourable"})),
    "choose": Keys(needed=frozenset({"ask", "options", "favourable"})),
    "rate": Keys(needed=frozenset({"ask", "low", "high"})),
    "generate": Keys(needed=frozenset(), allowed=frozenset({"ask", "max_tokens"})),
    "likelihood": Keys(needed=frozenset()),
    "next_token": Keys(needed=frozenset(), allowed=frozenset({"ask"})),
}


def _question_rules(schema: dict[str, Any]) -> None:
    """JSON schema: which keys each kind of question needs and may have."""
    others = {"kind", "otherwise"}
    schema["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {
                "required": sorted(keys.needed),
                "properties": {
                    key: False
                    for key in sorted(schema["properties"])
                    if key not in others | keys.needed | keys.allowed
                },
            },
        }
        for kind, keys in QUESTION_KEYS.items()
    ]


class QuestionSpec(
    BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True, json_schema_extra=_question_rules
):
    """What is asked about every prompt."""

    kind: QuestionKind
    """classify: a classifier's label. choose: one of the options. rate: a number. generate: a text. likelihood: how
    probable the prompt itself is. next_token: how probable each next token is."""
    ask: str = ""
    """The question in words, put after the prompt; may hold `$slots`."""
    options: tuple[Text, ...] = ()
    """choose: the answers to choose from, exactly as they would follow the prompt."""
    favourable: str = ""
    """classify: the label, choose: the option that is good for the person."""
    low: Number = 0.0
    """rate: the lowest rating."""
    high: Number = 0.0
    """rate: the highest rating."""
    max_tokens: Annotated[Whole, Field(ge=1, le=100_000)] = 64
    """generate: longest answer."""
    otherwise: QuestionSpec | None = None
    """What is asked instead of a model that cannot answer the first kind."""


def report_question_mistakes(file: YamlFile) -> None:
    """Report to `file` keys that its question lacks or cannot use, and answers that do not fit."""
    question = file.root.get("question")
    if question is None:
        return
    _check_one_question(file, question)
    other = question.get("otherwise")
    if other is not None and isinstance(other.value, dict):
        _check_one_question(file, other)
        second = other.get("otherwise")
        if second is not None:
            file.report(second, "'otherwise' stands within 'otherwise'; one is allowed", at_key=True)
        if other.text("kind") is not None and other.text("kind") == question.text("kind"):
            file.report(
                other,
                f"'otherwise' is of the kind '{other.text('kind')}', as the question itself; choose another kind",
            )


def _check_one_question(file: YamlFile, question: Node) -> None:
    kind = question.text("kind") or ""
    keys = QUESTION_KEYS.get(kind)
    if keys is None:
        return
    every = frozenset().union(*(each.needed | each.allowed for each in QUESTION_KEYS.values()))
    for key in sorted(keys.needed - question.entries().keys()):
        file.report(question, f"a question of the kind '{kind}' needs the key '{key}'")
    for key, node in question.entries().items():
        if key in every - keys.needed - keys.allowed:
            allowed = ", ".join(sorted(keys.needed | keys.allowed))
            file.report(node, f"'{key}' has no use for the kind '{kind}' (its keys: {allowed})", at_key=True)
    _check_answers(file, question, kind)


def _check_answers(file: YamlFile, question: Node, kind: str) -> None:
    """The answers that a question allows."""
    favourable, options = question.get("favourable"), question.get("options")
    texts = [text for node in question.children("options") if (text := node.text()) is not None]
    for key in ("ask", "favourable"):
        node = question.get(key)
        if node is not None and node.value == "" and key in QUESTION_KEYS[kind].needed:
            file.report(node, f"'{key}' is an empty text; write something")
    if kind == "choose" and options is not None:
        if isinstance(options.value, list) and len(options.value) < 2:
            file.report(options, f"a choice needs at least two options; here is {len(options.value)}")
        file.report_repeats(question.children("options"), "option")
        if favourable is not None and favourable.text() and texts and favourable.text() not in texts:
            known = ", ".join(repr(text) for text in texts)
            near = did_you_mean(favourable.text() or "", texts)
            file.report(
                favourable, f"'favourable' is {favourable.value!r}; allowed: one of the options {known}{near}"
            )
    low, high = question.get("low"), question.get("high")
    if kind == "rate" and low is not None and high is not None:
        bounds = (low.value, high.value)
        if all(isinstance(bound, int | float) for bound in bounds) and bounds[0] >= bounds[1]:  # type: ignore[operator]
            file.report(high, f"'high' is {high.value}; allowed: more than 'low', which is {low.value}")
