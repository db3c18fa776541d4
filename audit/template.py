"""The templates of a suite: prompts with slots, the fillers of slots, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from audit.axis import Axis
from audit.grammar import prefixes
from audit.shape import GroupId, Id, SlotName, Text, did_you_mean, needs_one, one_of
from audit.slots import NAME_SLOTS, Slot, lone_dollars, pieces, slots_of
from audit.yamlfile import YamlFile
from audit.yamlnodes import Node

MOST_CROSSED = 100_000
"""Versions of one template by crossed fillers; each is asked for every person and group."""


class Turn(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    """Who speaks."""
    text: Text
    """What is said, with `$slots`."""


class Template(
    BaseModel,
    extra="forbid",
    frozen=True,
    use_attribute_docstrings=True,
    json_schema_extra=needs_one("text", "messages"),
):
    """A prompt with slots: one text, or the messages of a conversation."""

    id: Id
    """Name of the template within the suite."""
    text: Text | None = None
    """The prompt, with `$slots`."""
    messages: Annotated[tuple[Turn, ...], Field(min_length=1)] | None = None
    """The prompt as a conversation; the question is put after the last message."""
    paraphrases: tuple[Text, ...] = ()
    """Other wordings of the text (or of the last message) that mean the same."""
    fillers: Mapping[SlotName, Annotated[tuple[Text, ...], Field(min_length=1)]] = {}
    """Fillers of which this template takes only some values."""
    group: GroupId | None = None
    """Design `groups`: the group that this text belongs to."""
    expected: Text | None = None
    """The right answer, where one is known: an option, a label or a number; for metrics with labels."""

    @property
    def turns(self) -> tuple[tuple[str, str], ...]:
        """(role, text) of every message; the role of a bare text is `text`."""
        if self.messages:
            return tuple((turn.role, turn.text) for turn in self.messages)
        return (("text", self.text or ""),)

    def slots(self) -> frozenset[str]:
        """Every slot that the template itself uses, without its paraphrases."""
        return frozenset(slot for _, text in self.turns for slot in slots_of(text))


def _filler(value: object) -> object:
    if not isinstance(value, list | dict | Filler):
        raise ValueError("allowed: a list of values, or a mapping with 'values' and 'assign'")
    return {"values": value} if isinstance(value, list) else value


class Filler(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Values of a slot that have nothing to do with the group; a value may hold slots of the axes: `$accountant`."""

    values: Annotated[tuple[Text, ...], Field(min_length=1)]
    """The values."""
    assign: Literal["rotate", "cross"] = "rotate"
    """rotate: each template and person gets one value, all equally often. cross: every template with every value."""


Fillers = Mapping[
    SlotName, Annotated[Filler, BeforeValidator(_filler, json_schema_input_type=list[Text] | Filler)]
]


def report_template_mistakes(file: YamlFile, axes: Mapping[str, Axis] | None) -> None:
    """Report to `file` what is wrong in templates, fillers, and wherever a slot is used."""
    _check_ids(file)
    _check_groups(file, axes)
    _check_fillers(file, axes)
    for template in file.root.children("templates"):
        _check_prompt(file, template)
        _check_crossed(file, template)
        _check_restrictions(file, template)
        _check_expected(file, template)
    known = None if axes is None else sorted(_known_slots(file.root, axes))
    for where, node in _texts(file.root):
        _check_text(file, node, where=where, known=known)
    of_axes = None if axes is None else sorted(slots_of_axes(axes.values()))
    for name, filler in file.root.entries("fillers").items():
        for node in _filler_values(filler):
            _check_text(file, node, where=f"a value of '{name}'", known=of_axes, dollars=True)


def _check_ids(file: YamlFile) -> None:
    ids = [node for template in file.root.children("templates") if (node := template.get("id")) is not None]
    file.report_repeats(ids, "template id")


def _check_prompt(file: YamlFile, template: Node) -> None:
    """A text or messages."""
    name = template.text("id") or "?"
    text, messages = template.get("text"), template.get("messages")
    if text is not None and messages is not None:
        file.report(messages, f"template '{name}' has 'text' and 'messages'; keep one of them", at_key=True)
    if isinstance(template.value, dict) and text is None and messages is None:
        file.report(template, f"template '{name}' has neither 'text' nor 'messages'; it needs one of them")


def _check_groups(file: YamlFile, axes: Mapping[str, Axis] | None) -> None:
    """In the design `groups` each template names its group; in others none does."""
    design = file.root.text("design") or "paired"
    listed = [node.text() or "" for node in file.root.children("axes")]
    axis = axes.get(listed[0]) if axes and len(listed) == 1 else None
    seen: set[str] = set()
    for template in file.root.children("templates"):
        name, group = template.text("id") or "?", template.get("group")
        if design != "groups" and group is not None:
            file.report(
                group, f"template '{name}' names a group; only the design 'groups' does so", at_key=True
            )
        if design == "groups" and group is None:
            file.report(template, f"template '{name}' names no group; the design 'groups' needs one")
        if design == "groups" and axis is not None and group is not None and group.text() not in axis.groups:
            file.report(group, f"'group' {one_of(group.value, list(axis.groups))}")
        seen.add(template.text("group") or "")
    if design == "groups" and axis is not None and file.root.children("templates"):
        for missing in sorted(set(axis.groups) - seen):
            file.report(
                file.root.entries()["templates"], f"no template belongs to the group '{missing}'", at_key=True
            )


def _check_fillers(file: YamlFile, axes: Mapping[str, Axis] | None) -> None:
    taken = set(NAME_SLOTS).union(*(axis.slots() for axis in (axes or {}).values()))
    fillers, language = file.root.entries("fillers"), file.root.text("language") or ""
    for name, filler in fillers.items():
        if name in taken:
            file.report(
                filler,
                f"the filler '{name}' has the name of a slot that an axis fills; rename it",
                at_key=True,
            )
        if name.startswith("a_") and language.startswith("en"):
            file.report(
                filler,
                f"the filler '{name}' looks like an article form; '$a_x' is made of the filler 'x'",
                at_key=True,
            )
        file.report_repeats(_filler_values(filler), "value")
    stratum = file.root.get("stratum")
    if stratum is not None and stratum.text() not in {None, *fillers} and file.root.get("recorded") is None:
        file.report(stratum, f"'stratum' {one_of(stratum.value, fillers, what='the suite has the fillers')}")


def _check_crossed(file: YamlFile, template: Node) -> None:
    """Crossed fillers do not multiply a template beyond what anybody asks."""
    fillers, chosen = file.root.entries("fillers"), template.entries("fillers")
    texts = [template.get("text"), *(message.get("text") for message in template.children("messages"))]
    used = {slot for node in texts if node is not None for slot in slots_of(node.text() or "")}
    versions = 1
    for name, filler in fillers.items():
        if filler.text("assign") == "cross" and used & {name, *(f"{p}_{name}" for p in prefixes(
            file.root.text("language") or "", ("le", "du", "au")
        ))}:  # fmt: skip
            versions *= len(chosen[name].children() if name in chosen else _filler_values(filler)) or 1
    if versions > MOST_CROSSED:
        name = template.text("id") or "?"
        file.report(
            template, f"template '{name}' crosses its fillers to {versions} versions; at most {MOST_CROSSED}"
        )


def _check_restrictions(file: YamlFile, template: Node) -> None:
    """A template takes some of the values of fillers that exist."""
    fillers = file.root.entries("fillers")
    for name, chosen in template.entries("fillers").items():
        if name not in fillers:
            known = ", ".join(fillers) or "none"
            hint = did_you_mean(name, list(fillers))
            file.report(chosen, f"the suite has no filler '{name}' (known: {known}){hint}", at_key=True)
            continue
        values = [text for node in _filler_values(fillers[name]) if (text := node.text()) is not None]
        for node in chosen.children():
            if values and node.text() is not None and node.text() not in values:
                file.report(node, f"a value of '{name}' {one_of(node.value, values)}")
        file.report_repeats(chosen.children(), "value")


def _check_expected(file: YamlFile, template: Node) -> None:
    """The right answer is one that the question, or what is asked instead, allows."""
    expected, question = template.get("expected"), file.root.get("question")
    text = expected.text() if expected is not None else None
    if expected is None or text is None or question is None:
        return
    forms = [form for form in (question, question.get("otherwise")) if form is not None]
    known = [form for form in forms if form.text("kind") in ("classify", "choose", "rate")]
    if forms and not known:
        file.report(
            expected, f"'expected' has no use for the kind '{forms[0].text('kind')}' of question", at_key=True
        )
    elif known and not any(_allows(form, text) for form in known):
        file.report(expected, f"'expected' is {text!r}; allowed: {' or '.join(map(_allowed, known))}")


def _allows(question: Node, answer: str) -> bool:
    """Whether the question can be answered so; which labels a classifier has is not known yet."""
    if question.text("kind") == "rate":
        low, high = (_as_number(question.get(key)) for key in ("low", "high"))
        number = _number(answer)
        return low is None or high is None or (number is not None and low <= number <= high)
    options = [node.text() or "" for node in question.children("options")]
    plain = answer.strip().casefold()
    return question.text("kind") == "classify" or any(one.strip().casefold() == plain for one in options)


def _allowed(question: Node) -> str:
    """The answers to a question, in words."""
    if question.text("kind") == "rate":
        ends = [node.value if (node := question.get(key)) is not None else "?" for key in ("low", "high")]
        return f"a number from {ends[0]} to {ends[1]}"
    options = [repr(node.text()) for node in question.children("options")]
    return f"one of the options {', '.join(options)}"


def _as_number(node: Node | None) -> float | None:
    value = node.value if node is not None else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _filler_values(filler: Node) -> list[Node]:
    return filler.children() or filler.children("values")


def slots_of_axes(axes: Iterable[Axis]) -> set[str]:
    """Every slot that somebody's name, or a group of one of the axes, fills."""
    listed = list(axes)
    return set(NAME_SLOTS).union(*(axis.slots() | axis.name_slots() for axis in listed))


def slots_of_filler(name: str, language: str, axes: Iterable[Axis]) -> set[str]:
    """The slot of a filler and those that the language derives of it."""
    forms = frozenset[str]().union(*(axis.forms for axis in axes))
    return {name, *(f"{prefix}_{name}" for prefix in prefixes(language, forms))}


def _known_slots(root: Node, axes: Mapping[str, Axis]) -> set[str]:
    language = root.text("language") or ""
    fillers = (slots_of_filler(name.lower(), language, axes.values()) for name in root.entries("fillers"))
    return slots_of_axes(axes.values()).union(*fillers)


def _texts(root: Node) -> Iterator[tuple[str, Node]]:
    """Every text that may hold slots, with the words by which a message refers to it."""
    for template in root.children("templates"):
        name = f"template '{template.text('id') or '?'}'"
        messages = [message.get("text") for message in template.children("messages")]
        for node in [template.get("text"), *messages, *template.children("paraphrases")]:
            if node is not None:
                yield name, node
    question = root.get("question")
    while question is not None:
        ask = question.get("ask")
        if ask is not None:
            yield "the question", ask
        question = question.get("otherwise")
    controls = root.get("controls")
    for sentence in controls.children("neutral_sentences") if controls is not None else ():
        yield "this sentence", sentence


def _check_text(
    file: YamlFile, node: Node, *, where: str, known: list[str] | None, dollars: bool = False
) -> None:
    """The slots of a text are known, and its dollar signs are doubled unless `dollars` may stand alone."""
    text = node.text()
    if text is None:
        return
    for lone in () if dollars else dict.fromkeys(lone_dollars(text)):
        file.report(
            node,
            f"{where} has a lone dollar sign at {lone!r}; allowed: '$slot', '${{slot}}', or '$$' for the sign",
        )
    if known is None:
        return
    written = dict.fromkeys(piece for piece in pieces(text) if isinstance(piece, Slot))
    for slot in written:
        if slot.name not in known:
            file.report(node, _unknown_slot(where, slot, known))


def _unknown_slot(where: str, slot: Slot, known: list[str]) -> str:
    near = did_you_mean(slot.name, known).replace("did you mean '", "did you mean '$")
    shown = f" (known: {', '.join('$' + name for name in known)})" if not near else ""
    return f"{where} uses slot '{slot.written}'{near or ', which nothing fills'}{shown}"
