"""Suite: what is asked of a model, about whom, and which differences get a verdict; read from YAML 1.2."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, PrivateAttr

from audit.axis import Axis, Group, load_axis, shipped_axes
from audit.catalogue import shipped
from audit.errors import InputError
from audit.layout import Candidates, RecordedAxis, RecordedLayout, Where
from audit.mistakes import report_mistakes
from audit.question import QuestionSpec
from audit.readers import JudgeSpec, TextModel
from audit.records import Design, Game, Generalise
from audit.shape import (
    Document,
    Flag,
    GroupId,
    Id,
    Language,
    SlotName,
    Text,
    Version,
    Whole,
    did_you_mean,
    finished,
    fit,
    needs_one,
    one_of,
)
from audit.slots import slots_of
from audit.template import Filler, Fillers, Template, Turn
from audit.yamlfile import YamlFile, read_yaml
from audit.yamlnodes import Node

__all__ = [
    "Candidates",
    "Controls",
    "DecisionEntry",
    "ExplainSpec",
    "Filler",
    "QuestionSpec",
    "RecordedAxis",
    "RecordedLayout",
    "Sampling",
    "Suite",
    "Template",
    "Turn",
    "Where",
    "find_suite",
    "load_axes",
    "load_suite",
    "shipped_suites",
    "slots_of",
    "suite_schema",
]


class Controls(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Same-group pairs that show how much answers move without any change of group."""

    arms: tuple[Literal["again", "name", "edit", "paraphrase"], ...] = ("again", "name", "edit", "paraphrase")
    """again: asked twice. name: another name of the group. edit: a change that cannot matter. paraphrase: authored."""
    edits: tuple[Literal["final_space", "blank_line", "quote_style", "neutral_sentence"], ...] = (
        "final_space",
        "blank_line",
        "quote_style",
    )
    """Edits that take turns in the arm `edit`."""
    neutral_sentences: tuple[Text, ...] = ()
    """Sentences that cannot matter, for the edit `neutral_sentence`."""


class Sampling(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How much is asked."""

    names_per_group: Annotated[Whole, Field(ge=1, le=10_000)] = 12
    """Persons drawn for each template."""
    repeats: Annotated[Whole, Field(ge=1, le=1000)] = 1
    """Answers wanted for each prompt."""
    seed: Annotated[Whole, Field(ge=0, le=2**63 - 1)] = 7
    """Start of every random choice."""


class ExplainSpec(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Which pairs are explained word by word, and how."""

    largest: Annotated[Whole, Field(ge=0, le=100_000)] = 6
    """How many of the pairs with the largest differences."""
    flips: Annotated[Whole, Field(ge=0, le=100_000)] | None = None
    """How many of the other pairs in which the decision changed, drawn at random; by default half of `largest`."""
    random: Annotated[Whole, Field(ge=0, le=100_000)] = 16
    """How many pairs drawn at random, on which the summary of explanations rests."""
    pairs: tuple[Text, ...] = ()
    """Ids of pairs that are explained as well."""
    methods: Annotated[tuple[Text, ...], Field(min_length=1)] = ("shap", "lime")
    """Explanation methods."""
    players: Annotated[Whole, Field(ge=2, le=40)] | None = None
    """How many words and phrases there are at most to share the credit; by default as many as are computed exactly."""
    exact: Flag = False
    """true: games of up to twelve players are computed from every coalition, instead of up to eight."""
    metric: str = ""
    """Score that is explained; by default that of the first decision which single answers have."""
    games: tuple[Game, ...] = ()
    """Games that are played; by default those that make sense of the model's answers."""
    requests: Annotated[Whole, Field(ge=0, le=1_000_000_000)] = 0
    """Most answers that explanations ask for; 0: no limit."""

    @property
    def some(self) -> bool:
        """Whether any pair is explained."""
        return bool(self.largest or self.changed or self.random or self.pairs)

    @property
    def changed(self) -> int:
        """How many pairs in which the decision changed."""
        return self.largest // 2 if self.flips is None else self.flips


class DecisionEntry(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Effects that get a verdict."""

    metric: Text
    """One of the suite's metrics."""
    axis: Text
    """One of the suite's axes or intersections."""
    contrasts: Literal["pairs", "others", "reference", "interaction"] = "pairs"
    """pairs: every two groups. others: each group against the mean of the others. reference: each group against the
    reference inputs of recorded answers. interaction: whether an intersection is worse than its parts."""
    strata: Flag = False
    """true: one effect for each stratum instead of one over all."""


def _suite_rules(schema: dict[str, Any]) -> None:
    """JSON schema: templates or recorded answers; templates need a question and axes."""
    schema |= needs_one("templates", "recorded")
    schema["dependentRequired"] = {"templates": ["axes", "question"]}


class Suite(Document, json_schema_extra=_suite_rules):
    """A suite file."""

    suite: Version
    """Version of this format."""
    id: Id
    """Name of the suite."""
    title: Text
    """For headings."""
    language: Language
    """Language of the prompts."""
    domain: Text
    """Area of life: employment, credit, health …"""
    harm: Text
    """What harm the suite measures."""
    cannot_show: Text
    """What it cannot show."""
    design: Design = "paired"
    """paired: one text for all groups. groups: texts of each group. ranking: candidates within one answer."""
    generalise: Generalise = "templates"
    """templates: to wordings and names like these. items: to exactly these prompts."""
    axes: tuple[Text, ...] = ()
    """Ids of shipped axes, or paths of axis files relative to this file; once loaded, ids."""
    intersections: tuple[Text, ...] = ()
    """Combinations of two or three of the axes, written `gender*ethnicity`."""
    groups: Annotated[
        Mapping[Text, Annotated[tuple[GroupId, ...], Field(min_length=2)]], Field(default_factory=dict)
    ]
    """Groups of an axis that are compared, where they are not all of them."""
    persons: Text = "gender"
    """Axis that gives forms and names to the person while another axis is under test."""
    question: QuestionSpec = QuestionSpec(kind="generate")
    """What is asked; recorded answers need none where they are texts."""
    fillers: Annotated[Fillers, Field(default_factory=dict)]
    """Values of slots that have nothing to do with the group; a bare list is rotated."""
    stratum: SlotName | None = None
    """Filler whose values are the strata of the effects."""
    templates: tuple[Template, ...] = ()
    """The prompts."""
    controls: Controls = Controls()
    """Same-group pairs for the noise floor."""
    metrics: Annotated[tuple[Text, ...], Field(min_length=1)]
    """What is computed from the answers."""
    text_models: Annotated[Mapping[Text, TextModel], Field(default_factory=dict)]
    """Metrics that a second model reads from the answers: another model than the usual one."""
    embedder: str = ""
    """Model that embeds answers for `embedding_distance`: sentence-transformers name or folder; empty: its own."""
    judge: JudgeSpec | None = None
    """The language model behind the metric `judge`, and its rubric."""
    sampling: Sampling = Sampling()
    """How much is asked."""
    explain: ExplainSpec = ExplainSpec()
    """How many pairs are explained."""
    decision: tuple[DecisionEntry, ...] = ()
    """Which effects get a verdict; all others are exploration."""
    recorded: RecordedLayout | None = None
    """Instead of templates: how to read answers that exist."""

    _axes: dict[str, Axis] = PrivateAttr(default_factory=dict)

    def slots_of(self, text: str) -> tuple[str, ...]:
        """The names of the slots in a text, each once, in the order of their first use."""
        return slots_of(text)


def load_suite(source: str | Path) -> Suite:
    """The suite at a path, or the shipped one of that name; InputError lists every mistake in it and in its axes."""
    file = read_yaml(find_suite(source), what="suite")
    suite = fit(Suite, file)
    axes = _read_axes(file)
    report_mistakes(file, axes)
    return _settled(finished(suite, file), axes or {})


def _settled(suite: Suite, named: Mapping[str, Axis]) -> Suite:
    """The suite with its axes read, and referred to by their ids."""
    recorded = _recorded_axis(suite)
    axes = (recorded,) if recorded else tuple(named.values())
    ids = (recorded.id,) if recorded else tuple(named[name].id for name in suite.axes)
    persons = named[suite.persons].id if suite.persons in named else suite.persons
    kept = {named[name].id if name in named else name: groups for name, groups in suite.groups.items()}
    settled = suite.model_copy(update={"axes": ids, "persons": persons, "groups": kept})
    settled._axes = {axis.id: _restricted(axis, kept.get(axis.id)) for axis in axes}
    return settled


def _restricted(axis: Axis, groups: Collection[str] | None) -> Axis:
    """The axis with the groups that the suite compares."""
    if groups is None:
        return axis
    return axis.model_copy(update={"groups": {key: axis.groups[key] for key in axis.groups if key in groups}})


def load_axes(suite: Suite) -> dict[str, Axis]:
    """Every axis that the suite needs, by id: those under test and the persons axis."""
    if suite._axes:
        return dict(suite._axes)
    recorded = _recorded_axis(suite)
    if recorded is not None:
        return {recorded.id: recorded}
    loaded = [
        load_axis(name) for name in dict.fromkeys((*suite.axes, *([] if suite.recorded else [suite.persons])))
    ]
    return {axis.id: _restricted(axis, suite.groups.get(axis.id)) for axis in loaded}


def shipped_suites() -> list[str]:
    """Names of the suites that come with the package: `hiring`, `recorded/hiring-ranking`."""
    folder = shipped("suites")
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


def suite_schema() -> dict[str, Any]:
    """The JSON schema of suite files, for editors."""
    schema = Suite.model_json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "audit suite, version 1",
    }


def find_suite(source: str | Path) -> Path:
    """The file that `source` means."""
    name = os.fspath(source)
    if isinstance(source, Path) or name.endswith((".yaml", ".yml")) or Path(name).is_file():
        return Path(name)
    known = shipped_suites()
    if name in known:
        return shipped("suites") / f"{name}.yaml"
    near = did_you_mean(name, known)
    raise InputError(
        f"unknown suite '{name}'{near} (shipped: {', '.join(known)}; or give the path of a suite file)"
    )


def _read_axes(file: YamlFile) -> dict[str, Axis] | None:
    """The axes by the names that the suite gives them; None where one is missing or wrong (which is reported)."""
    listed = file.root.children("axes")
    named = {text: node for node in listed if (text := node.text())}
    read = {name: _read_axis(file, name, node) for name, node in named.items()}
    axes = {name: axis for name, axis in read.items() if axis is not None}
    given = file.root.get("axes")
    complete = len(axes) == len(read) and (given is None or isinstance(given.value, list))
    complete = complete and all(node.text() for node in listed)
    persons = file.root.text("persons") or "gender"
    ids = [axis.id for axis in axes.values()]
    if file.root.get("recorded") is not None or persons in named or persons in ids:
        return axes if complete else None
    return _with_persons(file, axes, persons, ids=ids) if complete or _is_readable(persons) else None


def _with_persons(
    file: YamlFile, axes: dict[str, Axis], persons: str, *, ids: list[str]
) -> dict[str, Axis] | None:
    """The axes and the persons axis, which is none of those under test."""
    node = file.root.get("persons") or file.root
    if not _is_readable(persons):
        file.report(
            node, f"'persons' {one_of(persons, [*ids, *shipped_axes()])}; or the path of an axis file"
        )
        return None
    axis = _read_axis(file, persons, node)
    return None if axis is None else {**axes, persons: axis}


def _is_readable(name: str) -> bool:
    """Whether this is the name of an axis file rather than the id of another axis of the suite."""
    return name.endswith((".yaml", ".yml")) or name in shipped_axes()


def _read_axis(file: YamlFile, name: str, node: Node) -> Axis | None:
    """The axis; None where it is missing (told at `node`) or wrong (told at its own places)."""
    try:
        return load_axis(name, beside=file.path.parent)
    except InputError as error:
        if error.problems and error.problems[0].line:
            file.problems.extend(error.problems)
        else:
            file.report(node, str(error))
        return None


def _recorded_axis(suite: Suite) -> Axis | None:
    """The axis that a suite's recorded answers bring along."""
    layout = suite.recorded.axis if suite.recorded else None
    if layout is None:
        return None
    groups = {key: Group(title=group.title, wording=group.wording) for key, group in layout.groups.items()}
    return Axis(
        axis=1, id=layout.id, title=layout.title, attribute=layout.id, language=suite.language, cue=layout.cue,
        source=f"groups as the recorded answers of suite '{suite.id}' name them", date=None, groups=groups,
    )  # fmt: skip
