"""How to read answers that exist: which rows of a recorded file count, and where in a row each thing stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from audit.shape import Flag, GroupId, Id, Number, Text, Whole, needs_one, one_of
from audit.yamlfile import YamlFile
from audit.yamlnodes import Node


def _scalar(value: object) -> object:
    if isinstance(value, list | dict):
        raise ValueError("allowed: a text, a number, true or false")
    return value


class Where(
    BaseModel,
    extra="forbid",
    frozen=True,
    use_attribute_docstrings=True,
    json_schema_extra=needs_one("lacks", "contains", "equals"),
):
    """A condition on recorded rows; rows that do not meet it are left out and counted."""

    path: Text
    """JMESPath of the value that is looked at."""
    lacks: Text | None = None
    """The value does not contain this text."""
    contains: Text | None = None
    """The value contains this text."""
    equals: Annotated[str | Whole | Number | Flag | None, BeforeValidator(_scalar)] = None
    """The value is exactly this."""


class Candidates(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Design `ranking`: who competes within one answer, in the order of the prompt."""

    names: Text
    """JMESPath of the list of the candidates' names."""
    groups: Text
    """JMESPath of the list of their groups."""


class RecordedGroup(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """A group as recorded answers name it."""

    title: Text
    """Noun for tables."""
    wording: Text
    """What inputs of this group carry, for sentences."""


class RecordedAxis(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """The axis of recorded answers; the keys of `groups` are the values that stand in the records."""

    id: Id
    """Name of the axis."""
    title: Text
    """For headings."""
    cue: Literal["names", "stated"]
    """How the group showed."""
    groups: Annotated[Mapping[GroupId, RecordedGroup], Field(min_length=2)]
    """Groups by their value in the records."""


class Part(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """What one metric reads of an answer that is a JSON object."""

    path: Text
    """JMESPath of the part within the answer."""
    options: tuple[Text, ...] = ()
    """The decisions that may stand there, where the part is a decision."""
    favourable: str = ""
    """The option that is good for the person."""


def _part(value: object) -> object:
    if not isinstance(value, str | dict | Part):
        raise ValueError("allowed: a path, or a mapping with 'path', 'options' and 'favourable'")
    return {"path": value} if isinstance(value, str) else value


class RecordedLayout(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Where to find what in recorded answers; every path is a JMESPath within one row."""

    answer: Text
    """The answer's words, or a JSON object."""
    parts: Annotated[
        Mapping[Text, Annotated[Part, BeforeValidator(_part, json_schema_input_type=str | Part)]],
        Field(default_factory=dict),
    ]
    """Answers that are JSON objects: what each metric reads of them. A metric without a part reads the whole answer."""
    where: tuple[Where, ...] = ()
    """Which rows count."""
    stratum: Text | None = None
    """The stratum, such as the job."""
    template: Text | None = None
    """The item that was asked about."""
    name: Text | None = None
    """The person's name."""
    group: Text | None = None
    """The person's group."""
    repeat: Text | None = None
    """Number of the draw."""
    answered_at: Text | None = None
    """When it was answered: ISO 8601, or seconds since 1970."""
    expected: Text | None = None
    """The right answer, for metrics with labels."""
    reference: tuple[GroupId, ...] = ()
    """Groups that together are the reference of the contrasts `reference`; for one of them, the others are."""
    controls: tuple[GroupId, ...] = ()
    """Groups of the reference that differ from it by an edit that cannot matter: the noise floor."""
    candidates: Candidates | None = None
    """Design `ranking`: the candidates of one answer."""
    axis: RecordedAxis | None = None
    """Groups that the records use; without it they are those of the suite's only axis."""

    @property
    def unedited(self) -> frozenset[str]:
        """Groups of the reference that are no edits: they are shown beside the others and get no verdict."""
        return frozenset(self.reference) - frozenset(self.controls)


def report_recorded_mistakes(file: YamlFile) -> None:
    """Report to `file` what does not fit in its `recorded` block."""
    recorded = file.root.get("recorded")
    if recorded is None or not isinstance(recorded.value, dict):
        return
    ranking = file.root.text("design") == "ranking"
    candidates = recorded.get("candidates")
    if ranking and candidates is None:
        file.report(
            recorded, "the design 'ranking' needs 'candidates' with the paths of their names and groups"
        )
    if candidates is not None and not ranking:
        file.report(candidates, "'candidates' belong to the design 'ranking'", at_key=True)
    if not ranking and recorded.get("group") is None:
        file.report(recorded, "the key 'group' is missing: the path of the group of an answer")
    if ranking and recorded.get("group") is not None:
        file.report(
            recorded.entries()["group"],
            "'group' has no use: the candidates have their own groups",
            at_key=True,
        )
    for condition in recorded.children("where"):
        _check_condition(file, condition)
    for metric, part in recorded.entries("parts").items():
        _check_part(file, metric, part)
    _check_reference(file, recorded)
    _check_paths(file, recorded)


def _check_condition(file: YamlFile, condition: Node) -> None:
    tests = [key for key in ("lacks", "contains", "equals") if key in condition.entries()]
    equals = condition.entries().get("equals")
    if equals is not None and equals.value is None:
        file.report(equals, "'equals' is nothing; allowed: a text, a number, true or false")
    if isinstance(condition.value, dict) and len(tests) != 1:
        found = f"has {' and '.join(tests)}" if tests else "has none of them"
        file.report(
            condition, f"a condition needs exactly one of 'lacks', 'contains' and 'equals'; this one {found}"
        )


def _check_part(file: YamlFile, metric: str, part: Node) -> None:
    """A part belongs to a metric of the suite; a decision has at least two options, one of them favourable."""
    metrics = [text for node in file.root.children("metrics") if (text := node.text())]
    if metrics and metric not in metrics:
        file.report(part, f"this key {one_of(metric, metrics, what='the suite has')}", at_key=True)
    options, favourable = part.get("options"), part.get("favourable")
    texts = [text for node in part.children("options") if (text := node.text()) is not None]
    if favourable is not None and not texts:
        file.report(favourable, "'favourable' is one of the 'options', which are missing", at_key=True)
    elif favourable is not None and favourable.text() not in texts:
        file.report(favourable, f"'favourable' {one_of(favourable.value, texts, what='the options are')}")
    if options is not None and favourable is None:
        file.report(options, "'options' need 'favourable': the one that is good for the person", at_key=True)
    if options is not None and isinstance(options.value, list) and len(options.value) < 2:
        file.report(options, f"a decision needs at least two options; here is {len(options.value)}")
    file.report_repeats(part.children("options"), "option")


def _check_reference(file: YamlFile, recorded: Node) -> None:
    """The reference is made of two or more groups of the axis, and the controls are among them."""
    for key in ("reference", "controls"):
        file.report_repeats(recorded.children(key), "group")
    reference, controls = recorded.get("reference"), recorded.get("controls")
    own = [text for node in recorded.children("reference") if (text := node.text()) is not None]
    if reference is not None and (file.root.text("design") or "paired") != "paired":
        file.report(reference, "a 'reference' has no use but in the design 'paired'", at_key=True)
    if reference is not None and isinstance(reference.value, list) and len(reference.value) < 2:
        file.report(reference, f"a reference is the mean of at least two groups; here is {len(own)}")
    if controls is not None and reference is None:
        file.report(controls, "'controls' are groups of the 'reference', which is missing", at_key=True)
    axis = recorded.get("axis")
    known = list(axis.entries("groups")) if axis is not None else []
    for nodes, allowed, what in (
        (recorded.children("reference"), known, "the axis has"),
        (recorded.children("controls"), own, "the reference has"),
    ):
        for node in nodes:
            if allowed and node.text() is not None and node.text() not in allowed:
                file.report(node, f"this group {one_of(node.value, allowed, what=what)}")


def _check_paths(file: YamlFile, recorded: Node) -> None:
    """Every path is a JMESPath expression."""
    from jmespath import compile as compile_path
    from jmespath.exceptions import JMESPathError

    plain = ("answer", "stratum", "template", "name", "group", "repeat", "answered_at", "expected")
    paths = [recorded.get(key) for key in plain]
    paths += [part.get("path") or part for part in recorded.entries("parts").values()]
    paths += [condition.get("path") for condition in recorded.children("where")]
    paths += [recorded.entries("candidates").get(key) for key in ("names", "groups")]
    for node in paths:
        text = node.text() if node is not None else None
        if node is None or not text:
            continue
        try:
            compile_path(text)
        except JMESPathError as error:
            reason = str(error).split("\n")[0].rstrip(":")
            file.report(node, f"'{text}' is no JMESPath: {reason}")
