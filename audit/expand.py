"""Suite + axes → every prompt in all its roles, and the pairs among them.

Ids are hashes of content; fillers and edits are drawn per template, so adding a template changes no other prompt.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, product
from typing import TYPE_CHECKING

from audit.axis import Axis
from audit.cast import Cast, Words, draw_cast
from audit.errors import InputError
from audit.grammar import ALL_FORMS, derived, prefixes
from audit.lint import clusters
from audit.proof import unproven
from audit.records import PAIRS, PROMPTS, SWAP_PROOF, Arm, Exclusion, Expansion, Table, content_id
from audit.rendering import Frame, Rendered, Turn, digest, frame, quoted
from audit.slots import NAME_SLOTS, pieces, slots_of
from audit.suite import Suite, Template

if TYPE_CHECKING:
    import pandas as pd

SHOWN_PERSONS = 3
"""Control arms that are shown but decide nothing are asked for this many persons a template."""
PART = 50_000
"""Rows of the prompts table that are made at once."""


@dataclass(slots=True)
class _Rows:
    """Rows of the prompts and pairs tables as they are made, in the order of their columns."""

    prompts: list[tuple[object, ...]] = field(default_factory=list)
    pairs: list[tuple[object, ...]] = field(default_factory=list)
    excluded: dict[tuple[str, str], int] = field(default_factory=dict)

    def leave_out(self, what: str, reason: str) -> None:
        """Count something that is not asked."""
        self.excluded[what, reason] = self.excluded.get((what, reason), 0) + 1

    def part(self) -> Expansion:
        """What was made since the last part."""
        prompts, self.prompts = self.prompts, []
        pairs, self.pairs = self.pairs, []
        return Expansion(prompts=_table(PROMPTS, prompts), pairs=_table(PAIRS, pairs))


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


@dataclass(frozen=True, kw_only=True)
class _Value:
    """One value of a filler; it may hold slots of the axes."""

    slot: str
    text: str
    language: str

    @cached_property
    def label(self) -> str:
        """The value as a stratum is called."""
        return "".join(piece if isinstance(piece, str) else piece.name for piece in pieces(self.text))

    @cached_property
    def fixed(self) -> Words | None:
        """Its words where they hang on nobody: no slot stands in it, and the language derives nothing by forms."""
        if "$" in self.text or prefixes(self.language, ALL_FORMS) != prefixes(self.language):
            return None
        return {self.slot: self.text, **derived(self.language, {self.slot: self.text}, {})}

    def words(self, words: Words) -> Words:
        """The filler's slot, and those that the language derives of it, for somebody's words."""
        if self.fixed is not None:
            return self.fixed
        parts = (p if isinstance(p, str) else p.filled(words[p.name]) for p in pieces(self.text))
        value = "".join(parts)
        return {self.slot: value, **derived(self.language, {self.slot: value}, words)}


Fills = tuple[_Value, ...]


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One template on one axis: its frames, cut once."""

    suite: Suite
    cast: Cast
    template: Template
    cluster: str
    ask: str
    forms: frozenset[str]

    @cached_property
    def frame(self) -> Frame:
        """The template with the question."""
        return frame(turns_of(self.template, self.ask), self.forms)

    @cached_property
    def paraphrases(self) -> tuple[Frame, ...]:
        """Its paraphrases, each with the question."""
        bodies = self.template.paraphrases
        return tuple(frame(turns_of(self.template, self.ask, body), self.forms) for body in bodies)

    @cached_property
    def edits(self) -> tuple[Frame, ...]:
        """The template with each edit that cannot matter."""
        body, controls = self.template.turns[-1][1], self.suite.controls
        texts = (_edit(kind, body, controls.neutral_sentences, self.start) for kind in controls.edits)
        return tuple(frame(turns_of(self.template, self.ask, text), self.forms) for text in texts)

    @cached_property
    def start(self) -> int:
        """Where the turns of the edits begin."""
        return int(content_id("edit", self.template.id), 16)

    @cached_property
    def fillers(self) -> Mapping[str, tuple[_Value, ...]]:
        """The values of each filler that the template needs, in the order in which they take turns."""
        found = {}
        for name, filler in sorted(self.suite.fillers.items()):
            known = {name, *derived(self.suite.language, {name: "x"}, dict.fromkeys(self.forms, "x"))}
            if not self.frame.slots & known:
                continue
            values = list(self.template.fillers.get(name, filler.values))
            random.Random(content_id("filler", self.suite.sampling.seed, self.template.id, name)).shuffle(
                values
            )
            found[name] = tuple(
                _Value(slot=name, text=value, language=self.suite.language) for value in values
            )
        return found

    def fills(self, index: int) -> Iterator[Fills]:
        """The filler values of one person: `rotate` gives one value, `cross` every value."""
        choices = [
            values if self.suite.fillers[name].assign == "cross" else (values[index % len(values)],)
            for name, values in self.fillers.items()
        ]
        yield from product(*choices)

    def cell(self, index: int, fills: Fills) -> _Cell:
        """The frame that all groups share."""
        labels = {value.slot: value.label for value in fills}
        return _Cell(
            axis=self.cast.axis, template=self.template.id, cluster=self.cluster, name=f"{index:02d}",
            stratum=labels.get(self.suite.stratum or "", ""), repeats=self.suite.sampling.repeats,
            expected=self.template.expected or "",
        )  # fmt: skip

    def missing(self, words: Words) -> set[str]:
        """Slots for which nobody has a word."""
        needed = set(self.frame.slots)
        for values in self.fillers.values():
            needed |= {slot for value in values for slot in slots_of(value.text)}
            needed -= values[0].words(dict.fromkeys((*self.forms, *slots_of(values[0].text)), "x")).keys()
        return needed - words.keys()


def turns_of(template: Template, ask: str = "", body: str | None = None) -> tuple[Turn, ...]:
    """A template's turns with the question appended; `body` stands in for the text of the last turn."""
    *before, (role, text) = template.turns
    last = text if body is None else body
    return (*before, (role, f"{last}\n\n{ask}" if ask else last))


def expand(suite: Suite, axes: Mapping[str, Axis], *, ask: str = "") -> Expansion:
    """Every prompt and pair of the suite; `ask` is the question in words, with slots, for models that read it."""
    import pandas as pd

    parts = list(expand_parts(suite, axes, ask=ask))
    return Expansion(
        prompts=pd.concat([part.prompts for part in parts], ignore_index=True),
        pairs=pd.concat([part.pairs for part in parts], ignore_index=True),
        excluded=parts[-1].excluded,
    )


def expand_parts(
    suite: Suite, axes: Mapping[str, Axis], *, ask: str = "", size: int = PART
) -> Iterator[Expansion]:
    """The same in parts of about `size` prompts, in the same order; the last part says what was left out of all."""
    rows = _Rows()
    families = clusters(
        {template.id: " ".join(text for _, text in turns_of(template)) for template in suite.templates}
    )
    forms = frozenset[str]().union(*(axis.forms for axis in axes.values()))
    for cast in _casts(suite, axes):
        for exclusion in cast.excluded:
            rows.leave_out(exclusion.what, exclusion.reason)
        for template in suite.templates:
            work = _Work(
                suite=suite, cast=cast, template=template, cluster=families[template.id], ask=ask, forms=forms
            )
            for _ in (_expand_own if suite.design == "groups" else _expand_template)(rows, work):
                if len(rows.prompts) >= size:
                    yield rows.part()
    excluded = tuple(Exclusion(what=what, reason=why, count=n) for (what, why), n in rows.excluded.items())
    last = rows.part()
    yield Expansion(prompts=last.prompts, pairs=last.pairs, excluded=excluded)


def _casts(suite: Suite, axes: Mapping[str, Axis]) -> Iterator[Cast]:
    """The persons of every axis and intersection."""
    for axis_id in (*suite.axes, *suite.intersections):
        yield draw_cast(
            axis_id, axes, persons=suite.persons, count=suite.sampling.names_per_group,
            seed=suite.sampling.seed, held=suite.axes,
        )  # fmt: skip


def pairs_of(prompts: pd.DataFrame) -> pd.DataFrame:
    """All group pairs within the cells (axis, template, name, stratum) of recorded prompts."""
    rows = _Rows()
    keys = ["axis", "template", "cluster", "name", "stratum", "repeats"]
    for key, cell in prompts[prompts["arm"] == "swap"].groupby(keys, sort=True):
        axis, template, cluster, name, stratum = (str(value) for value in key[:-1])
        own = _Cell(
            axis=axis,
            template=template,
            cluster=cluster,
            name=name,
            stratum=stratum,
            repeats=int(str(key[-1])),
        )
        ids = dict(zip(cell["group"], cell["prompt_id"], strict=True))
        for a, b in combinations(sorted(ids), 2):
            _add_pair(rows, own, "swap", groups=(a, b), ids=(ids[a], ids[b]))
    return _table(PAIRS, rows.pairs)


def _expand_template(rows: _Rows, work: _Work) -> Iterator[None]:
    """All cells of one template on one axis; yields after each person's cell."""
    cast, what = work.cast, f"{work.cast.axis}: template {work.template.id}"
    plain = frame(turns_of(work.template), work.forms)
    filled = {slot for values in work.fillers.values() for value in values for slot in slots_of(value.text)}
    if not (plain.slots | filled) & cast.sets:
        rows.leave_out(what, "uses no slot that this axis sets")
        return
    lacking: Counter[tuple[str, str]] = Counter()
    for index, person in enumerate(cast.persons):
        missing = {group: work.missing(words) for group, words in person.items()}
        groups = [group for group in cast.groups if not missing[group]]
        if len(groups) < 2:
            lacking[what, ", $".join(sorted(set().union(*missing.values())))] += 1
            continue
        for group in cast.groups:
            if missing[group]:
                lacking[f"{what}, {group}", ", $".join(sorted(missing[group]))] += 1
        for fills in work.fills(index):
            _expand_cell(rows, work, index=index, fills=fills, groups=groups)
            yield
    for (place, slots), count in lacking.items():
        some = "" if count == len(cast.persons) else f" for {count} of {len(cast.persons)} persons"
        rows.leave_out(place, f"no words for ${slots}{some}")


def _expand_cell(rows: _Rows, work: _Work, *, index: int, fills: Fills, groups: Sequence[str]) -> None:
    """The prompts of one cell, the pairs among them that hold, and their controls."""
    cast, cell = work.cast, work.cell(index, fills)
    person, other = cast.persons[index], cast.others[index]
    words = {group: _filled(person[group], fills) for group in groups}
    prompts = {group: work.frame.filled(words[group]) for group in groups}
    failed = unproven(prompts, work.suite.language, gendered=bool(work.forms & cast.sets))
    for (a, b), reason in failed.items():
        rows.leave_out(f"{SWAP_PROOF}, {cell.axis}: template {cell.template}, {a} and {b}", reason)
    pairs = [pair for pair in combinations(groups, 2) if pair not in failed]
    kept = [group for group in groups if any(group in pair for pair in pairs)]
    ids = {group: _add_prompt(rows, cell, "swap", group=group, prompt=prompts[group]) for group in kept}
    for a, b in pairs:
        _add_pair(rows, cell, "swap", groups=(a, b), ids=(ids[a], ids[b]))
    for group in kept:
        control = _Control(
            work=work,
            index=index,
            words=words[group],
            other=_filled(other[group], fills),
            base=prompts[group],
        )
        for arm, prompt in control.arms():
            _add_control(rows, cell, arm, group=group, base=ids[group], prompt=prompt)


def _filled(words: Words, fills: Fills) -> dict[str, str]:
    """Somebody's words with those of the fillers."""
    found = dict(words)
    for value in fills:
        found |= value.words(words)
    return found


def _expand_own(rows: _Rows, work: _Work) -> Iterator[None]:
    """Design `groups`: a template belongs to one group; there are no pairs."""
    group, cast = work.template.group or "", work.cast
    if group not in cast.groups:
        return
    named = any(slot in work.frame.slots for slot in NAME_SLOTS)
    for index, person in enumerate(cast.persons if named else cast.persons[:1]):
        for fills in work.fills(index):
            prompt = work.frame.filled(_filled(person[group], fills))
            _add_prompt(rows, work.cell(index, fills), "swap", group=group, prompt=prompt)
            yield


@dataclass(frozen=True, kw_only=True, slots=True)
class _Control:
    """What the control arms of one prompt are made of."""

    work: _Work
    index: int
    words: Words
    other: Words
    base: Rendered

    def arms(self) -> Iterator[tuple[Arm, Rendered]]:
        """The control arms of the prompt; the deciding arm for every person, the others for the first few."""
        work = self.work
        deciding = "name" if work.cast.cue == "names" else "edit"
        few = self.index < SHOWN_PERSONS and "*" not in work.cast.axis
        for arm in work.suite.controls.arms:
            if arm != deciding and not few:
                continue
            if arm == "again":
                yield "again", self.base
            elif arm == "name" and any(slot in work.frame.slots for slot in NAME_SLOTS):
                yield "name", work.frame.filled(self.other)
            elif arm == "edit":
                yield "edit", self._edited()
            elif arm == "paraphrase" and work.paraphrases:
                yield "paraphrase", work.paraphrases[self.index % len(work.paraphrases)].filled(self.words)

    def _edited(self) -> Rendered:
        """The prompt with one edit; edits take turns, one that changes nothing gives way to the next."""
        edits = self.work.edits
        for step in range(len(edits)):
            prompt = edits[(self.work.start + self.index + step) % len(edits)].filled(self.words)
            if prompt.texts != self.base.texts:
                return prompt
        return self.base


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


def _add_prompt(rows: _Rows, cell: _Cell, arm: Arm, *, group: str, prompt: Rendered, base: str = "") -> str:
    """One row of the prompts table; gives back its prompt id."""
    prompt_id = prompt.id
    rows.prompts.append((
        prompt_id, "", cell.axis, arm, cell.template, cell.cluster, cell.name, group, cell.stratum, 0,
        base, cell.repeats, prompt.messages, prompt.spans, cell.expected,
    ))  # fmt: skip
    return prompt_id


def _add_control(rows: _Rows, cell: _Cell, arm: Arm, *, group: str, base: str, prompt: Rendered) -> None:
    """A control prompt and its pair; a control that reads like its base is no control and is counted as left out."""
    if arm != "again" and prompt.id == base:
        rows.leave_out(f"{cell.axis}: {arm} control", "reads the same as the prompt it should vary")
        return
    prompt_id = _add_prompt(rows, cell, arm, group=group, prompt=prompt, base=base)
    _add_pair(rows, cell, arm, groups=(group, group), ids=(base, prompt_id))


def _add_pair(rows: _Rows, cell: _Cell, arm: Arm, *, groups: tuple[str, str], ids: tuple[str, str]) -> None:
    """One row of the pairs table."""
    named = ",".join(quoted(text) for text in (cell.axis, arm, cell.template, cell.name))
    both = ",".join(quoted(group) for group in groups)
    pair_id = digest(f'["pair",{named},[{both}],["{ids[0]}","{ids[1]}"]]')
    rows.pairs.append(
        (pair_id, cell.axis, arm, cell.template, cell.cluster, cell.name, cell.stratum, *groups, *ids)
    )


def _table(table: Table, rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """Rows in the order of the table's columns as a DataFrame."""
    import pandas as pd

    columns = zip(*rows, strict=True) if rows else ([] for _ in table.names)
    return table.frame(pd.DataFrame(dict(zip(table.names, columns, strict=True))))
