"""Suite + axes → every prompt in all its roles, and the pairs among them.

Ids are hashes of content; fillers and edits are drawn per template, so adding a template changes no other prompt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from audit.axis import Axis
from audit.cast import Cast, Words, draw_cast
from audit.filling import Cell, Fills, Work, turns_of
from audit.lint import clusters
from audit.proof import disagreement, unproven
from audit.records import PAIRS, PROMPTS, SWAP_PROOF, Arm, Exclusion, Expansion, Table
from audit.rendering import Rendered, digest, frame, quoted
from audit.slots import slots_of
from audit.suite import Suite

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


def expand(suite: Suite, axes: Mapping[str, Axis], *, ask: str = "") -> Expansion:
    """Every prompt and pair of the suite; `ask` is the question in words, with slots, for models that read it."""
    parts = list(expand_parts(suite, axes, ask=ask))
    return Expansion(
        prompts=PROMPTS.stack([part.prompts for part in parts]),
        pairs=PAIRS.stack([part.pairs for part in parts]),
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
    names = axes[suite.persons].name_slots()
    for cast in _casts(suite, axes):
        for exclusion in cast.excluded:
            rows.leave_out(exclusion.what, exclusion.reason)
        for template in suite.templates:
            work = Work(
                suite=suite, cast=cast, template=template, cluster=families[template.id], ask=ask, forms=forms,
                names=names,
            )  # fmt: skip
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
        own = Cell(
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


def _expand_template(rows: _Rows, work: Work) -> Iterator[None]:
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


def _expand_cell(rows: _Rows, work: Work, *, index: int, fills: Fills, groups: Sequence[str]) -> None:
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
            _add_control(
                rows, cell, arm, group=group, base=ids[group], prompt=prompt, language=work.suite.language
            )


def _filled(words: Words, fills: Fills) -> dict[str, str]:
    """Somebody's words with those of the fillers."""
    found = dict(words)
    for value in fills:
        found |= value.words(words)
    return found


def _expand_own(rows: _Rows, work: Work) -> Iterator[None]:
    """Design `groups`: a template belongs to one group; there are no pairs."""
    group, cast = work.template.group or "", work.cast
    if group not in cast.groups:
        return
    for index, person in enumerate(cast.persons if work.is_named else cast.persons[:1]):
        for fills in work.fills(index):
            prompt = work.frame.filled(_filled(person[group], fills))
            _add_prompt(rows, work.cell(index, fills), "swap", group=group, prompt=prompt)
            yield


@dataclass(frozen=True, kw_only=True, slots=True)
class _Control:
    """What the control arms of one prompt are made of."""

    work: Work
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
            elif arm == "name" and work.is_named:
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


def _add_prompt(rows: _Rows, cell: Cell, arm: Arm, *, group: str, prompt: Rendered, base: str = "") -> str:
    """One row of the prompts table; gives back its prompt id."""
    prompt_id = prompt.id
    rows.prompts.append((
        prompt_id, "", cell.axis, arm, cell.template, cell.cluster, cell.name, group, cell.stratum, 0,
        base, cell.repeats, prompt.messages, prompt.spans, cell.expected,
    ))  # fmt: skip
    return prompt_id


def _add_control(
    rows: _Rows, cell: Cell, arm: Arm, *, group: str, base: str, prompt: Rendered, language: str
) -> None:
    """A control prompt and its pair; one that reads like its base, or does not agree, is counted as left out."""
    if arm not in ("again", "edit") and (reason := disagreement(prompt, language)):
        rows.leave_out(
            f"{SWAP_PROOF}, {cell.axis}: {arm} control of template {cell.template}, {group}", reason
        )
        return
    if arm != "again" and prompt.id == base:
        rows.leave_out(f"{cell.axis}: {arm} control", "reads the same as the prompt it should vary")
        return
    prompt_id = _add_prompt(rows, cell, arm, group=group, prompt=prompt, base=base)
    _add_pair(rows, cell, arm, groups=(group, group), ids=(base, prompt_id))


def _add_pair(rows: _Rows, cell: Cell, arm: Arm, *, groups: tuple[str, str], ids: tuple[str, str]) -> None:
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
