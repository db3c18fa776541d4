"""Readers: the second models that a suite names to read text answers, and the judge with its rubric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field

from audit.axis import Axis
from audit.catalogue import names
from audit.kinds import kind_of
from audit.labelled import read_labelled
from audit.metrics import METRICS
from audit.shape import Flag, Number, Text, Whole, did_you_mean, needs_one, one_of
from audit.slots import Slot, lone_dollars, pieces, slots_of
from audit.yamlfile import YamlFile
from audit.yamlnodes import Node

JUDGE = "judge"
"""The metric that the block `judge` is for."""
SLOTS = ("answer", "prompt", "first", "second")
LARGEST_SCALE = 100


class TextModel(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Another model than the usual one for a metric that a second model reads from the answers."""

    model: Text
    """KIND:NAME, or a model file relative to this file."""
    revision: str = ""
    """Branch, tag or commit on the hub."""
    labels: Mapping[Text, Number] = {}
    """What each label of the model counts; without it those of the metric."""


class JudgeQuestion(
    BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True, json_schema_extra=needs_one("options", "low")
):  # fmt: skip
    """What the judge says of an answer: one of two options, or a number."""

    options: tuple[Text, ...] = ()
    """The two options, exactly as they would follow the rubric."""
    favourable: str = ""
    """The option that counts 1; the other counts 0."""
    low: Whole | None = None
    """Lowest rating, which counts 0."""
    high: Whole | None = None
    """Highest rating, which counts 1."""


class JudgeSpec(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """A language model that judges the answers."""

    model: Text
    """KIND:NAME, or a model file relative to this file."""
    revision: str = ""
    """Branch, tag or commit on the hub."""
    rubric: Text
    """What the judge is asked: holds $answer, and may hold $prompt (what the audited model was asked), and $first and
    $second: the two options, or the ends of the scale, in the order of the repeat."""
    question: JudgeQuestion
    """What the judge says."""
    repeats: Annotated[Whole, Field(ge=1, le=2)] | None = None
    """2: both orders of $first and $second are asked, 1: only the order of the file. By default 2 where the rubric has
    them. The judge does not draw lots, so that more repeats would say the same again."""
    labelled: Text | None = None
    """File (.jsonl or .csv, relative to this file) of items with `answer`, `group` and `label`: the options that
    people chose. The judge's errors are measured on them."""
    equivalence: Annotated[Number, Field(gt=0, lt=0.5)] = 0.1
    """Largest difference of the judge's sensitivity, or specificity, between two groups at which its errors count as
    the same, so that effects are corrected."""
    swap: Flag = True
    """Whether every answer is judged once more with the words of the other group, to see how far the judge itself
    moves."""

    @property
    def orders(self) -> int:
        """How often an answer is judged: once, or in both orders."""
        return self.repeats or (2 if "first" in slots_of(self.rubric) else 1)

    @property
    def shows_prompt(self) -> bool:
        """Whether the judge sees what the audited model was asked."""
        return "prompt" in slots_of(self.rubric)


# ---------------------------------------------------------------- mistakes


def report_reader_mistakes(file: YamlFile, axes: Mapping[str, Axis] | None) -> None:
    """Report to `file` what does not fit in its blocks `text_models` and `judge`."""
    metrics = {text: node for node in file.root.children("metrics") if (text := node.text())}
    for metric, block in file.root.entries("text_models").items():
        if metric == JUDGE:
            file.report(block, "the metric 'judge' has a block 'judge' of its own", at_key=True)
        elif metrics and metric not in metrics:
            file.report(block, f"this key {one_of(metric, metrics, what='the suite has')}", at_key=True)
        elif metric in names(METRICS, "metrics") and kind_of(metric).reading is None:
            file.report(block, f"no second model reads the metric '{metric}'", at_key=True)
        _check_model(file, block)
    judge = file.root.get(JUDGE)
    if judge is None and JUDGE in metrics:
        file.report(
            metrics[JUDGE], "the metric 'judge' needs a block 'judge' with a model, a rubric and a question"
        )
    if judge is None or not isinstance(judge.value, dict):
        return
    if metrics and JUDGE not in metrics:
        file.report(judge, "'judge' has no use without the metric 'judge'; add it to 'metrics'", at_key=True)
    _check_model(file, judge)
    _check_question(file, judge)
    _check_rubric(file, judge)
    _check_labelled(file, judge, axes)


def _check_model(file: YamlFile, block: Node) -> None:
    """A model is named as it is on the command line."""
    node = block.get("model")
    name = node.text() if node is not None else None
    if node is None or not name:
        return
    kind, colon, rest = name.partition(":")
    if name.endswith((".yaml", ".yml")) and ":" not in kind.partition("/")[0]:
        if block.get("revision") is not None:
            file.report(
                block.entries()["revision"], "'revision' stands in the model file, not here", at_key=True
            )
        if not (file.path.parent / name).is_file():
            file.report(node, f"there is no model file {name!r} beside this file")
    elif not (kind and colon and rest):
        file.report(
            node, f"'model' is {name!r}; allowed: KIND:NAME such as 'hf:owner/name', or a YAML model file"
        )


def _check_question(file: YamlFile, judge: Node) -> None:
    question = judge.get("question")
    if question is None or not isinstance(question.value, dict):
        return
    given = question.entries()
    choice, scale = {"options", "favourable"} & given.keys(), {"low", "high"} & given.keys()
    if choice and scale:
        extra = sorted(scale)[0]
        file.report(
            given[extra], f"'{extra}' has no use beside 'options'; keep options or a scale", at_key=True
        )
    elif choice:
        _check_options(file, question)
    elif scale:
        _check_scale(file, question)
    else:
        file.report(
            question, "neither 'options' nor 'low' and 'high' stand here; the judge needs one of them"
        )


def _check_options(file: YamlFile, question: Node) -> None:
    options = question.get("options")
    texts = [text for node in question.children("options") if (text := node.text())]
    for key in sorted({"options", "favourable"} - question.entries().keys()):
        file.report(question, f"the key '{key}' is missing")
    if options is not None and isinstance(options.value, list) and len(options.value) != 2:
        file.report(options, f"'options' has {len(options.value)} entries; a judge chooses between two")
    file.report_repeats(question.children("options"), "option")
    favourable = question.get("favourable")
    if favourable is not None and texts and favourable.text() not in texts:
        shown = ", ".join(repr(text) for text in texts)
        near = did_you_mean(favourable.text() or "", texts)
        file.report(
            favourable, f"'favourable' is {favourable.value!r}; allowed: one of the options {shown}{near}"
        )


def _check_scale(file: YamlFile, question: Node) -> None:
    for key in sorted({"low", "high"} - question.entries().keys()):
        file.report(question, f"the key '{key}' is missing")
    low, high = (node.value if (node := question.get(key)) is not None else None for key in ("low", "high"))
    if type(low) is int and type(high) is int and not low < high <= low + LARGEST_SCALE:
        allowed = f"more than 'low', which is {low}, by at most {LARGEST_SCALE}"
        file.report(question.entries()["high"], f"'high' is {high}; allowed: {allowed}")


def _check_rubric(file: YamlFile, judge: Node) -> None:
    rubric = judge.get("rubric")
    text = rubric.text() if rubric is not None else None
    if rubric is None or not text:
        return
    for lone in dict.fromkeys(lone_dollars(text)):
        file.report(
            rubric, f"the rubric has a lone dollar sign at {lone!r}; allowed: '$slot', or '$$' for the sign"
        )
    slots = dict.fromkeys(piece for piece in pieces(text) if isinstance(piece, Slot))
    written = {slot.name for slot in slots if not slot.capital}
    for slot in slots:
        if slot.name not in SLOTS or slot.capital:
            known = ", ".join("$" + name for name in SLOTS)
            file.report(
                rubric, f"the rubric uses slot '{slot.written}', which nothing fills (known: {known})"
            )
    if "answer" not in written:
        file.report(rubric, "the rubric holds no $answer, so that the judge would not see what it judges")
    ends = {"first", "second"} & written
    if len(ends) == 1:
        file.report(rubric, f"the rubric holds ${ends.pop()} alone; allowed: $first and $second, or neither")
    repeats = judge.get("repeats")
    if repeats is not None and repeats.value == 2 and not ends:
        why = "the rubric names no $first and $second, so that both would be one question"
        file.report(repeats, f"'repeats' is 2, but {why}")


def _check_labelled(file: YamlFile, judge: Node, axes: Mapping[str, Axis] | None) -> None:
    """The labelled items are read, so that their mistakes are known before anything is asked."""
    labelled = judge.get("labelled")
    name = labelled.text() if labelled is not None else None
    if labelled is None or not name:
        return
    question = judge.get("question")
    options = [text for node in question.children("options") if (text := node.text())] if question else []
    if question is not None and not options and question.get("low") is not None:
        file.report(
            labelled,
            "'labelled' is for judges with options: a rating is neither right nor wrong",
            at_key=True,
        )
    if len(set(options)) != 2 or axes is None:
        return
    path = file.path.parent / name
    if not path.is_file():
        file.report(labelled, f"'labelled' is {name!r}; there is no such file beside this file")
        return
    shows = "prompt" in slots_of(judge.text("rubric") or "")
    found = read_labelled(
        path, options=options, favourable=options[0], groups=groups_under_test(file, axes), with_prompt=shows
    )
    if isinstance(found, str):
        file.report(labelled, f"'labelled' is {name!r}; {found}")
    else:
        for problem in found.problems:
            file.problems.append(problem)


def groups_under_test(file: YamlFile, axes: Mapping[str, Axis]) -> dict[str, list[str]]:
    """Groups of every axis and intersection that the suite file names."""
    own = file.root.entries("recorded").get("axis")
    if own is not None:
        return {own.text("id") or "": list(own.entries("groups"))}
    named = {
        axes[name].id: list(axes[name].groups)
        for node in file.root.children("axes")
        if (name := node.text() or "") in axes
    }
    return with_intersections(
        named, [text for node in file.root.children("intersections") if (text := node.text())]
    )


def with_intersections(groups: Mapping[str, list[str]], intersections: list[str]) -> dict[str, list[str]]:
    """The axes and, for each intersection of them, every combination of their groups."""
    found = dict(groups)
    for name in intersections:
        combined = [""]
        for part in name.split("*"):
            combined = [
                f"{left}*{group}" if left else group for left in combined for group in groups.get(part, [])
            ]
        found[name] = combined
    return found
