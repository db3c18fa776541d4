"""Suite + axes → every prompt in all its roles, and the pairs among them.

Ids are hashes of content; fillers and edits are drawn per template, so adding a template changes no other prompt.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import TYPE_CHECKING

from audit.article import with_article
from audit.axis import NAME_SLOTS, Axis
from audit.cast import Cast, Words, draw_cast
from audit.errors import InputError
from audit.lint import clusters
from audit.records import PAIRS, PROMPTS, Arm, Exclusion, Expansion, Message, Prompt, Span, content_id
from audit.slots import pieces, slots_of
from audit.suite import Suite, Template

if TYPE_CHECKING:
    import pandas as pd

SHOWN_PERSONS = 3
"""Control arms that are shown but decide nothing are asked for this many persons a template."""
Turn = tuple[str, str]


@dataclass(slots=True)
class _Rows:
    """Rows of the prompts and pairs tables as they are made."""

    prompts: list[dict[str, object]] = field(default_factory=list)
    pairs: list[dict[str, object]] = field(default_factory=list)
    excluded: dict[tuple[str, str], int] = field(default_factory=dict)

    def leave_out(self, what: str, reason: str) -> None:
        """Count something that is not asked."""
        self.excluded[what, reason] = self.excluded.get((what, reason), 0) + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cell:
    """One template with one person and one choice of fillers: the frame that all groups share."""

    axis: str
    template: str
    cluster: str
    name: str
    stratum: str
    repeats: int
    expected: str = ""


def render(turns: Sequence[Turn], words: Words) -> Prompt:
    """The turns with every slot filled, and the places of the slots; KeyError for a slot without a word."""
    messages: list[Message] = []
    spans: list[Span] = []
    for part, (role, text) in enumerate(turns):
        filled: list[str] = []
        length = 0
        for piece in pieces(text):
            value = piece if isinstance(piece, str) else piece.filled(words[piece.name])
            if not isinstance(piece, str):
                spans.append(Span(part=part, start=length, end=length + len(value), slot=piece.name))
            filled.append(value)
            length += len(value)
        messages.append(Message(role=role, text="".join(filled)))  # type: ignore[arg-type]
    return Prompt(messages=tuple(messages), spans=tuple(spans))


def slots_in(turns: Sequence[Turn]) -> set[str]:
    """Names of all slots in the turns."""
    return {slot for _, text in turns for slot in slots_of(text)}


def turns_of(template: Template, ask: str = "", body: str | None = None) -> tuple[Turn, ...]:
    """A template's turns with the question appended; `body` stands in for the text of the last turn."""
    *before, (role, text) = template.turns
    last = text if body is None else body
    return (*before, (role, f"{last}\n\n{ask}" if ask else last))


def expand(suite: Suite, axes: Mapping[str, Axis], *, ask: str = "") -> Expansion:
    """Every prompt and pair of the suite; `ask` is the question in words, with slots, for models that read it."""
    rows = _Rows()
    families = clusters(
        {template.id: " ".join(text for _, text in turns_of(template)) for template in suite.templates}
    )
    for axis_id in (*suite.axes, *suite.intersections):
        cast = draw_cast(
            axis_id,
            axes,
            persons=suite.persons,
            count=suite.sampling.names_per_group,
            seed=suite.sampling.seed,
        )
        for exclusion in cast.excluded:
            rows.leave_out(exclusion.what, exclusion.reason)
        for template in suite.templates:
            if suite.design == "groups":
                _expand_own(rows, suite, cast, template=template, cluster=families[template.id], ask=ask)
            else:
                _expand_template(rows, suite, cast, template=template, cluster=families[template.id], ask=ask)
    excluded = tuple(Exclusion(what=what, reason=why, count=n) for (what, why), n in rows.excluded.items())
    return Expansion(prompts=PROMPTS.frame(rows.prompts), pairs=PAIRS.frame(rows.pairs), excluded=excluded)


def pairs_of(prompts: pd.DataFrame) -> pd.DataFrame:
    """All group pairs within the cells (axis, template, name, stratum) of recorded prompts."""
    rows = _Rows()
    keys = ["axis", "template", "cluster", "name", "stratum", "repeats"]
    for key, cell in prompts[prompts["arm"] == "swap"].groupby(keys, sort=True):
        axis, template, cluster, name, stratum = (str(value) for value in key[:-1])
        frame = _Cell(
            axis=axis,
            template=template,
            cluster=cluster,
            name=name,
            stratum=stratum,
            repeats=int(str(key[-1])),
        )
        ids = dict(zip(cell["group"], cell["prompt_id"], strict=True))
        for a, b in combinations(sorted(ids), 2):
            _add_pair(rows, frame, "swap", groups=(a, b), ids=(ids[a], ids[b]))
    return PAIRS.frame(rows.pairs)


def _expand_template(
    rows: _Rows, suite: Suite, cast: Cast, *, template: Template, cluster: str, ask: str
) -> None:
    """All cells of one template on one axis."""
    turns = turns_of(template, ask)
    needed = slots_in(turns)
    if not slots_in(turns_of(template)) & cast.sets:
        rows.leave_out(f"{cast.axis}: template {template.id}", "uses no slot that this axis sets")
        return
    for index, (person, other) in enumerate(zip(cast.persons, cast.others, strict=True)):
        for fills in _fills(suite, template, index, needed):
            missing = needed - set(next(iter(person.values()))) - set(fills)
            if missing:
                rows.leave_out(
                    f"{cast.axis}: template {template.id}", f"no words for ${', $'.join(sorted(missing))}"
                )
                return
            cell = _Cell(
                axis=cast.axis, template=template.id, cluster=cluster, name=f"{index:02d}",
                stratum=fills.get(suite.stratum or "", ""), repeats=suite.sampling.repeats,
                expected=template.expected or "",
            )  # fmt: skip
            ids = {group: _add_prompt(rows, cell, "swap", group=group, prompt=render(turns, {**person[group], **fills}))
                   for group in cast.groups}  # fmt: skip
            for a, b in combinations(cast.groups, 2):
                _add_pair(rows, cell, "swap", groups=(a, b), ids=(ids[a], ids[b]))
            for group in cast.groups:
                words = {**person[group], **fills}
                for arm, prompt in _controls(
                    suite, cast, template, words=words, other={**other[group], **fills}, index=index, ask=ask
                ):
                    _add_control(rows, cell, arm, group=group, base=ids[group], prompt=prompt)


def _expand_own(rows: _Rows, suite: Suite, cast: Cast, *, template: Template, cluster: str, ask: str) -> None:
    """Design `groups`: a template belongs to one group; there are no pairs."""
    group = template.group or ""
    if group not in cast.groups:
        return
    turns = turns_of(template, ask)
    persons = cast.persons if slots_in(turns) & set(NAME_SLOTS) else cast.persons[:1]
    for index, person in enumerate(persons):
        for fills in _fills(suite, template, index, slots_in(turns)):
            cell = _Cell(
                axis=cast.axis, template=template.id, cluster=cluster, name=f"{index:02d}",
                stratum=fills.get(suite.stratum or "", ""), repeats=suite.sampling.repeats,
                expected=template.expected or "",
            )  # fmt: skip
            _add_prompt(rows, cell, "swap", group=group, prompt=render(turns, {**person[group], **fills}))


def _fills(suite: Suite, template: Template, index: int, needed: set[str]) -> Iterator[dict[str, str]]:
    """The filler words of one cell: `rotate` gives each person one value, `cross` every value."""
    choices: list[list[dict[str, str]]] = []
    for name, filler in sorted(suite.fillers.items()):
        if not needed & {name, f"a_{name}"}:
            continue
        values = list(template.fillers.get(name, filler.values))
        random.Random(content_id("filler", suite.sampling.seed, template.id, name)).shuffle(values)
        taken = values if filler.assign == "cross" else [values[index % len(values)]]
        choices.append([{name: value, f"a_{name}": with_article(value)} for value in taken])
    for combo in product(*choices):
        yield {key: value for part in combo for key, value in part.items()}


def _controls(
    suite: Suite, cast: Cast, template: Template, *, words: Words, other: Words, index: int, ask: str
) -> Iterator[tuple[Arm, Prompt]]:
    """The control arms of one prompt; the deciding arm for every person, the others for the first few."""
    deciding = "name" if cast.cue == "names" else "edit"
    few = index < SHOWN_PERSONS and "*" not in cast.axis
    turns = turns_of(template, ask)
    for arm in suite.controls.arms:
        if arm != deciding and not few:
            continue
        if arm == "again":
            yield "again", render(turns, words)
        elif arm == "name" and slots_in(turns) & set(NAME_SLOTS):
            yield "name", render(turns, other)
        elif arm == "edit":
            yield "edit", edited(template, words, suite=suite, index=index, ask=ask)
        elif arm == "paraphrase" and template.paraphrases:
            text = template.paraphrases[index % len(template.paraphrases)]
            yield "paraphrase", render(turns_of(template, ask, text), words)


def edited(template: Template, words: Words, *, suite: Suite, index: int, ask: str) -> Prompt:
    """The prompt with one edit that cannot matter; edits take turns, one that changes nothing gives way to the next."""
    plain = render(turns_of(template, ask), words)
    body = template.turns[-1][1]
    start = int(content_id("edit", template.id), 16) + index
    kinds = suite.controls.edits
    for step in range(len(kinds)):
        kind = kinds[(start + step) % len(kinds)]
        prompt = render(
            turns_of(template, ask, _edit(kind, body, suite.controls.neutral_sentences, start)), words
        )
        if prompt.id != plain.id:
            return prompt
    return plain


def _edit(kind: str, text: str, sentences: Sequence[str], number: int) -> str:
    """The closed list of edits that cannot matter."""
    if kind == "final_space":
        return text + " "
    if kind == "blank_line":
        return text + "\n\n"
    if kind == "quote_style":
        return text.replace("'", "\u2019") if "'" in text else re.sub(r'"([^"]*)"', "\u201c\\1\u201d", text)
    if kind == "neutral_sentence":
        return f"{text} {sentences[number % len(sentences)]}" if sentences else text
    raise InputError(f"unknown edit '{kind}'")


def _add_prompt(rows: _Rows, cell: _Cell, arm: Arm, *, group: str, prompt: Prompt, base: str = "") -> str:
    """One row of the prompts table; gives back its prompt id."""
    prompt_id = prompt.id
    rows.prompts.append(
        {
            "prompt_id": prompt_id, "item": "", "axis": cell.axis, "arm": arm, "template": cell.template,
            "cluster": cell.cluster, "name": cell.name, "group": group, "stratum": cell.stratum, "position": 0,
            "base_id": base, "repeats": cell.repeats,
            "messages": json.dumps([[m.role, m.text] for m in prompt.messages], ensure_ascii=False),
            "spans": json.dumps([[s.part, s.start, s.end, s.slot] for s in prompt.spans]),
            "expected": cell.expected,
        }
    )  # fmt: skip
    return prompt_id


def _add_control(rows: _Rows, cell: _Cell, arm: Arm, *, group: str, base: str, prompt: Prompt) -> None:
    """A control prompt and its pair; a control that reads like its base is no control and is counted as left out."""
    if arm != "again" and prompt.id == base:
        rows.leave_out(f"{cell.axis}: {arm} control", "reads the same as the prompt it should vary")
        return
    prompt_id = _add_prompt(rows, cell, arm, group=group, prompt=prompt, base=base)
    _add_pair(rows, cell, arm, groups=(group, group), ids=(base, prompt_id))


def _add_pair(rows: _Rows, cell: _Cell, arm: Arm, *, groups: tuple[str, str], ids: tuple[str, str]) -> None:
    """One row of the pairs table."""
    rows.pairs.append(
        {
            "pair_id": content_id("pair", cell.axis, arm, cell.template, cell.name, groups, ids),
            "axis": cell.axis, "arm": arm,
            "template": cell.template, "cluster": cell.cluster, "name": cell.name, "stratum": cell.stratum,
            "group_a": groups[0], "group_b": groups[1], "a": ids[0], "b": ids[1],
        }
    )  # fmt: skip
