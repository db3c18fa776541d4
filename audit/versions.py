"""Rows of one metric in two versions, row by row, and the change of every contrast between them.

What is linear in the answers needs nothing new: the rows of the candidate minus those of the baseline (and plus them,
for the total) go where the rows of a single run go, so that errors, degrees of freedom, counts and noise band of a
change are made by the same code as those of an effect. Ratios are compared on the logarithmic scale by leaving out
units of all four sides at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audit import interactions, measures, stats
from audit.contrasts import Contrasts, Members
from audit.floors import edit_floors
from audit.measures import Measured, Terms
from audit.protocols import Summary
from audit.records import Design
from audit.stats import Between, Floats, Ints, Sample

if TYPE_CHECKING:
    import pandas as pd

PAIR_KEYS = ("pair_id",)
ANSWER_KEYS = ("axis", "prompt_id", "stratum", "group_a", "group_b")
SINGLE_KEYS = ("axis", "prompt_id", "item", "stratum", "template", "name", "group", "position")
NUMBERS = ("value", "value_a", "value_b", "delta", "lost_a", "lost_b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Aligned:
    """The same rows of two versions, one below the other in the same order; `only` are those of one version alone."""

    baseline: pd.DataFrame
    candidate: pd.DataFrame
    only_baseline: pd.DataFrame
    only_candidate: pd.DataFrame

    def added(self, sign: int) -> pd.DataFrame:
        """The candidate's rows, with their numbers plus `sign` times those of the baseline."""
        numbers = [name for name in NUMBERS if name in self.candidate.columns]
        found = {
            name: self.candidate[name].to_numpy(float) + sign * self.baseline[name].to_numpy(float)
            for name in numbers
        }
        return self.candidate.assign(**found)


def align(baseline: pd.DataFrame, candidate: pd.DataFrame, keys: Sequence[str]) -> Aligned:
    """Rows met by their keys, of which every version has each once; in the order of the candidate."""
    one, other = (_index(table, keys) for table in (baseline, candidate))
    place = one.get_indexer(other)
    both = place >= 0
    left = np.ones(len(baseline), dtype=bool)
    left[place[both]] = False
    return Aligned(
        baseline=baseline.iloc[place[both]].reset_index(drop=True),
        candidate=candidate[both].reset_index(drop=True),
        only_baseline=baseline[left].reset_index(drop=True),
        only_candidate=candidate[~both].reset_index(drop=True),
    )


def _index(rows: pd.DataFrame, keys: Sequence[str]) -> pd.Index[Any]:
    import pandas as pd

    if len(keys) == 1:
        single: pd.Index[Any] = pd.Index(rows[keys[0]].to_numpy(object))
        return single
    found: pd.Index[Any] = pd.MultiIndex.from_frame(rows[list(keys)].astype("str"))
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """How the rows of one metric become its numbers."""

    design: Design
    unsigned: bool = False
    summary: Summary | None = None
    edits: tuple[str, ...] = ()
    """Groups that are single edits that cannot matter: the noise floor of recorded inputs with a reference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """Numbers of candidate - baseline (with its noise band) and of candidate + baseline, for every contrast."""

    difference: Measured
    total: Measured


def moved(rows: Aligned, controls: Aligned, terms: Terms, way: Way) -> Moved:
    """The change of every contrast. `rows` are pairs or single scores by design, `controls` pairs of one group."""
    if way.summary is not None:
        return _of_ratios(rows, controls, terms, way)
    nothing = controls.candidate.iloc[:0]
    held = nothing if way.edits else controls.added(-1)
    difference = _measured(rows.added(-1), held, terms, way)
    if way.edits:
        floors = edit_floors(rows.added(-1), terms, controls=way.edits)
        difference = replace(difference, control=floors)
    lent = controls.added(1) if way.unsigned else nothing
    return Moved(difference=difference, total=_measured(rows.added(1), lent, terms, way))


def _measured(rows: pd.DataFrame, controls: pd.DataFrame, terms: Terms, way: Way) -> Measured:
    """Numbers of rows that are what single runs have."""
    if terms.contrasts.interaction:
        if way.design == "groups":
            return interactions.unpaired(rows, terms)
        return interactions.paired(rows, controls, terms)
    if way.design == "groups":
        return measures.unpaired(rows, terms)
    if way.unsigned:
        return measures.unsigned(rows, controls, terms)
    return measures.signed(rows, controls, terms)


# ------------------------------------------------------------- ratios


def _of_ratios(rows: Aligned, controls: Aligned, terms: Terms, way: Way) -> Moved:
    """Log ratios: `between` of both versions' means, minus and plus, by leaving out units of all four sides."""
    assert way.summary is not None
    between, plain = way.summary.between, replace(way, summary=None)
    template = _measured(rows.added(-1), controls.candidate.iloc[:0], terms, plain)
    sample = _four_sides(rows, terms.contrasts, paired=way.design != "groups")
    band = _band(controls, terms, between) if way.design == "paired" else template.control
    if way.edits:
        floors = (
            edit_floors(version, terms, controls=way.edits, summary=way.summary)
            for version in (rows.baseline, rows.candidate)
        )
        band = np.hypot(*floors)
    found = [
        replace(template, estimates=stats.jackknife(sample, _of_versions(between, sign), fixed=terms.fixed))
        for sign in (-1.0, 1.0)
    ]
    return Moved(difference=replace(found[0], control=band), total=found[1])


def _of_versions(between: Between, sign: float) -> Between:
    """`between` of the candidate's means plus `sign` times that of the baseline's."""

    def compared(a_before: Floats, b_before: Floats, a_after: Floats, b_after: Floats) -> Floats:
        return np.asarray(between(a_after, b_after) + sign * between(a_before, b_before), float)

    return compared


def _four_sides(rows: Aligned, contrasts: Contrasts, *, paired: bool) -> Sample:
    """Values of a and b in the baseline (sides 0, 1) and in the candidate (2, 3), of rows with all values."""
    after = rows.candidate
    codes, _ = measures.codes_of(after, after.iloc[:0])
    known = np.isfinite(rows.added(-1)["delta" if paired else "value"].to_numpy(float))
    every = contrasts.of_pairs(after) if paired else contrasts.of_groups(after)
    kept = known[every.row]
    members = Members(row=every.row[kept], contrast=every.contrast[kept], side=every.side[kept])
    parts = [
        (value, side + shift)
        for version, shift in ((rows.baseline, 0), (after, 2))
        for value, side in (_both_sides(version, members) if paired else _one_side(version, members))
    ]
    times = len(parts)
    at = codes.at(np.tile(members.row, times))
    return Sample(
        effect=np.tile(members.contrast, times), value=np.concatenate([value for value, _ in parts]),
        side=np.concatenate([side for _, side in parts]), cluster=at.cluster, name=at.name,
        count=len(contrasts), sides=4,
    )  # fmt: skip


def _both_sides(rows: pd.DataFrame, members: Members) -> list[tuple[Floats, Ints]]:
    """Values and sides of a and of b of each member pair."""
    a, b = (rows[name].to_numpy(float)[members.row] for name in ("value_a", "value_b"))
    straight = members.side == 1
    zero = np.zeros(len(members.row), dtype=np.intp)
    return [(np.where(straight, a, b), zero), (np.where(straight, b, a), zero + 1)]


def _one_side(rows: pd.DataFrame, members: Members) -> list[tuple[Floats, Ints]]:
    """Value and side of each single member."""
    return [(rows["value"].to_numpy(float)[members.row], np.asarray(members.side, np.intp))]


def _band(controls: Aligned, terms: Terms, between: Between) -> Floats:
    """Noise band of a change of ratios: both versions' bands in squares, as if their controls were independent."""
    found = []
    for version in (controls.baseline, controls.candidate):
        codes, _ = measures.codes_of(version, version.iloc[:0])
        found.append(measures.band(version, codes, terms, between))
    return np.hypot(*found)


# ------------------------------------------------------------- what is missing


@dataclass(frozen=True, kw_only=True, slots=True)
class Lacking:
    """Of each contrast: rows that only one version has, and shares of answers without a value."""

    only_baseline: Ints
    only_candidate: Ints
    baseline: Floats
    """Share of the common rows without a value in the baseline."""
    candidate: Floats
    group_gap: Floats
    """Larger of both versions' gaps between the shares that the two groups lack."""


def lacking(rows: Aligned, contrasts: Contrasts, way: Way) -> Lacking:
    """What rows lack, contrast by contrast."""
    paired = way.design != "groups" and not contrasts.interaction
    count = len(contrasts)
    value = "delta" if paired else "value"
    shares, gaps = [], []
    for version in (rows.baseline, rows.candidate):
        members = contrasts.of_pairs(version) if paired else contrasts.of_groups(version)
        empty = np.isnan(version[value].to_numpy(float))[members.row].astype(float)
        shares.append(_mean(empty, members.contrast, count))
        gaps.append(_gap(version, members, count, paired=paired, unsigned=way.unsigned))
    alone = [_count(table, contrasts, paired=paired) for table in (rows.only_baseline, rows.only_candidate)]
    return Lacking(
        only_baseline=alone[0], only_candidate=alone[1], baseline=shares[0], candidate=shares[1],
        group_gap=np.fmax(*gaps),
    )  # fmt: skip


def _count(rows: pd.DataFrame, contrasts: Contrasts, *, paired: bool) -> Ints:
    members = contrasts.of_pairs(rows) if paired else contrasts.of_groups(rows)
    return np.asarray(np.bincount(members.contrast, minlength=len(contrasts)), np.intp)


def _mean(value: Floats, contrast: Ints, count: int) -> Floats:
    total = np.bincount(contrast, weights=value, minlength=count).astype(float)
    return stats.ratio(total, np.bincount(contrast, minlength=count))


def _gap(rows: pd.DataFrame, members: Members, count: int, *, paired: bool, unsigned: bool) -> Floats:
    """How much more answers one side of each contrast lacks than the other."""
    if not paired:
        empty = np.isnan(rows["value"].to_numpy(float))[members.row].astype(float)
        sides = [
            _mean(empty[members.side == side], members.contrast[members.side == side], count)
            for side in (0, 1)
        ]
        return np.abs(np.nan_to_num(sides[1] - sides[0]))
    if "lost_a" not in rows.columns:
        return np.zeros(count)
    lost = []
    for side in ("a", "b"):
        share = rows[f"lost_{side}"].to_numpy(float)
        if not unsigned:
            share = np.where(np.isnan(rows[f"value_{side}"].to_numpy(float)), 1.0, share)
        lost.append(share[members.row])
    straight = members.side == 1
    first, second = np.where(straight, lost[0], lost[1]), np.where(straight, lost[1], lost[0])
    return np.abs(np.nan_to_num(_mean(second - first, members.contrast, count)))
