"""Deltas → effects with intervals, levels and noise bands; scores → outcomes of single groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from audit import interactions, measures, stats
from audit.axis import Axis
from audit.contrasts import KINDS, Contrasts, corners, each_against_others, plan_contrasts, plan_interactions
from audit.counted import by_metric, compact, counted, nothing_counted, uncounted
from audit.effect_rows import Limits, Part, rows_of
from audit.floors import edit_floors
from audit.judging import corrected
from audit.kinds import Kind, kind_of, rests_on
from audit.largest import largest, shared_level
from audit.measures import Measured, Terms
from audit.outcomes import Rules, outcomes
from audit.parts import question_of
from audit.policy import Policy
from audit.records import ALL, DELTAS, EFFECTS, GROUPS, PROMPTS, Contrast, Correction, Question
from audit.suite import Suite

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

NOT_SUPPORTED = "not_supported"
POSITION = "position"
PLACES = ["prompt_id", "item", "axis", "template", "cluster", "name", "group", "stratum", "position"]
"""Columns of PROMPTS that numbers are made from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tables:
    """What was asked and measured, and by which rules it is judged."""

    prompts: pd.DataFrame
    scores: Mapping[str, pd.DataFrame]
    deltas: Mapping[str, pd.DataFrame]
    suite: Suite
    axes: Mapping[str, Axis]
    policy: Policy
    question: Question
    uncounted: Mapping[str, str]
    """Why metrics leave out answers that they are not about."""

    @property
    def fixed(self) -> bool:
        """Whether exactly these prompts are meant."""
        return self.suite.generalise == "items"

    def scored(self, metric: str) -> pd.DataFrame:
        """The swap-arm prompts that have a score of `metric`, with its `value`."""
        scores = self.scores[metric]
        prompts = self.prompts.loc[self.prompts["arm"] == "swap", PLACES]
        mine = scores.loc[scores["arm"] == "swap", ["prompt_id", "item", "value", "answers", "lost"]]
        mine["value"] = mine["value"].where(np.isfinite(mine["value"]))
        return prompts.merge(mine, on=["prompt_id", "item"])

    def candidates(self, metric: str) -> pd.DataFrame:
        """The same; in rankings one answer is one cluster and has no names."""
        rows = self.scored(metric)
        return rows.assign(cluster=rows["prompt_id"], name="") if self.suite.design == "ranking" else rows


def effects(
    prompts: pd.DataFrame,
    scores: pd.DataFrame,
    deltas: pd.DataFrame,
    *,
    suite: Suite,
    axes: Mapping[str, Axis],
    policy: Policy,
    question: Question,
    corrections: Sequence[Correction] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables EFFECTS (verdicts still open, but for `not_measured` and what `corrections` hold back) and GROUPS.

    Effects marked for decision have simultaneous intervals at 1 - alpha/m and Bonferroni p-values; all others are
    exploration, with Benjamini-Hochberg p-values and intervals at the level that keeps the false coverage rate.
    """
    scored, paired = by_metric(scores), by_metric(deltas)
    tables = _Tables(
        prompts=compact(prompts), scores=counted(scored), deltas=counted(paired), suite=suite, axes=axes,
        policy=policy, question=question, uncounted=uncounted(scored),
    )  # fmt: skip
    contrasts, combined = _compared(prompts, suite, axes)
    kinds = [_kind(name, tables) for name in _metrics(tables)]
    planned = [(kind, contrasts) for kind in kinds]
    decided = {entry.metric for entry in suite.decision if entry.contrasts == "interaction"}
    planned += [
        (kind, each) for each in combined for kind in kinds if _combines(kind) or kind.name in decided
    ]
    count = sum(int(_decided(kind.name, each, suite).sum()) for kind, each in planned)
    parts = [_part(kind, each, tables, count=count) for kind, each in planned]
    if suite.design == "ranking":
        parts += [part for kind in kinds if kind.metric is not None for part in _positions(kind, tables)]
    rows = corrected(_rows(parts, suite=suite, policy=policy, count=count), corrections)
    single = [kind for kind in kinds if kind.of == kind.name and not kind.unsigned]
    return rows, _group_table(single, contrasts, tables)


def _rows(parts: Sequence[Part], *, suite: Suite, policy: Policy, count: int) -> pd.DataFrame:
    """The table EFFECTS: `count` effects marked for decision share alpha, the rest is one family of exploration."""
    import pandas as pd

    if not parts:
        return EFFECTS.frame()
    decision = np.concatenate([part.decision for part in parts])
    p = np.concatenate([part.p for part in parts])
    adjusted = stats.benjamini_hochberg(np.where(decision, np.nan, p))
    explored = stats.fcr_level(adjusted, policy.alpha)
    level = np.where(decision, 1 - policy.alpha / max(count, 1), explored)
    adjusted = np.where(decision, np.minimum(1.0, count * p), adjusted)
    ends = np.cumsum([len(part.contrasts) for part in parts])[:-1]
    frames = [
        rows_of(part, *numbers, suite=suite.id, power=policy.power)
        for part, *numbers in zip(parts, np.split(level, ends), np.split(adjusted, ends), strict=True)
    ]
    return EFFECTS.frame(pd.concat(frames, ignore_index=True))


# ------------------------------------------------------------- what is compared


def decisions(
    prompts: pd.DataFrame, *, suite: Suite, axes: Mapping[str, Axis]
) -> list[tuple[str, str, str, str, str, Contrast]]:
    """(metric, axis, stratum, group_a, group_b, contrast) of every effect that will have a finding."""
    contrasts, combined = _compared(prompts, suite, axes)
    return [
        (metric, each.axis[n], each.stratum[n], each.group_a[n], each.group_b[n], each.kinds[n])
        for metric in dict.fromkeys(entry.metric for entry in suite.decision)
        for each in (contrasts, *combined)
        for n in np.flatnonzero(_decided(metric, each, suite)).tolist()
    ]


def _compared(
    prompts: pd.DataFrame, suite: Suite, axes: Mapping[str, Axis]
) -> tuple[Contrasts, list[Contrasts]]:
    """All comparisons of groups, and the interactions of intersections."""
    asked = {entry.axis for entry in suite.decision if entry.contrasts == "others"}
    referred = suite.axes if suite.recorded is not None and suite.recorded.reference else ()
    contrasts = plan_contrasts(prompts, _groups(suite, axes, prompts), others=asked, referred=referred)
    return contrasts, plan_interactions(contrasts) if suite.design != "ranking" else []


def _groups(suite: Suite, axes: Mapping[str, Axis], prompts: pd.DataFrame) -> dict[str, Sequence[str]]:
    """Axes and intersections under test with their groups; an intersection that was asked has those asked."""
    found: dict[str, Sequence[str]] = {name: tuple(axes[name].groups) for name in suite.axes if name in axes}
    asked = set(prompts["axis"].unique())
    for name in suite.intersections:
        parts = [axes[part].groups for part in name.split("*") if part in axes]
        found[name] = () if name in asked else tuple("*".join(groups) for groups in product(*parts))
    return found


def _combines(kind: Kind) -> bool:
    """Whether it is a score of single answers or of their means, so that intersections can be more than their parts."""
    return not kind.unsigned and any((kind.metric, kind.summary, kind.reading, kind.differs_in))


def _metrics(tables: _Tables) -> list[str]:
    """The suite's metrics, then the scores that came ready-made: those of mere cards."""
    wanted = list(dict.fromkeys(tables.suite.metrics))
    cards = [name for name in tables.scores if kind_of(name).metric is None]
    return [*wanted, *(name for name in cards if name not in wanted)]


def _kind(name: str, tables: _Tables) -> Kind:
    """The metric of this name; a summary whose score was not asked rests on the suite's score that is like it."""
    kind = kind_of(name)
    asked = (metric for metric in tables.suite.metrics if metric in tables.scores)
    return replace(kind, of=rests_on(kind, [*asked, *tables.scores]))


def _decided(metric: str, contrasts: Contrasts, suite: Suite) -> Flags:
    """Which contrasts of a metric are marked for decision."""
    marked = np.zeros(len(contrasts), dtype=bool)
    axis, stratum = np.array(contrasts.axis, dtype=object), np.array(contrasts.stratum, dtype=object)
    compared = np.array(contrasts.kinds, dtype=object)
    unedited = suite.recorded.unedited if suite.recorded is not None else frozenset()
    judged = np.array([group not in unedited for group in contrasts.group_b], dtype=bool)
    for entry in suite.decision:
        if entry.metric == metric:
            kind = "pair" if entry.contrasts == "pairs" else entry.contrasts
            mine = (axis == entry.axis) & (compared == kind) & judged
            parts = mine & (stratum != ALL)
            marked |= parts if entry.strata and parts.any() else mine & (stratum == ALL)
    return marked


def _arm(axis: str, axes: Mapping[str, Axis]) -> str:
    """The deciding control arm: another name where a name shows the group, else an edit that cannot matter."""
    return "name" if any(axes[part].cue == "names" for part in axis.split("*") if part in axes) else "edit"


# ------------------------------------------------------------- one metric


def _part(kind: Kind, contrasts: Contrasts, tables: _Tables, *, count: int) -> Part:
    """The numbers of one metric; `count` effects of the run are marked for decision."""
    decision = _decided(kind.name, contrasts, tables.suite)
    alpha = tables.policy.alpha
    limits = _limits(kind.name, contrasts, tables)
    terms = _terms(contrasts, np.where(decision, 1 - alpha / max(count, 1), 1 - alpha), tables)
    if kind.card.unit != "rate" and len(contrasts):
        terms = replace(terms, margin=(_or_zero(limits.low[0]), _or_zero(limits.high[0])))
    paired, alone = tables.suite.design == "paired", contrasts.interaction and not _combines(kind)
    return Part(
        name=kind.name, card=kind.card, logs=kind.summary is not None, unsigned=kind.unsigned,
        contrasts=contrasts, decision=decision, limits=limits,
        measured=_measure(kind, terms, tables), design=tables.suite.design, fixed=tables.fixed,
        arms=[_arm(axis, tables.axes) if paired else "" for axis in contrasts.axis],
        supported=_supported(kind, tables) and not alone,
        lacking=f"{kind.name} has no interactions" if alone else _lacking(kind, tables),
        named=_named(tables), present=_present(contrasts, tables),
        uncounted=nothing_counted(kind.differs_in or (kind.of,), tables.uncounted),
    )  # fmt: skip


def _terms(contrasts: Contrasts, levels: NDArray[np.float64], tables: _Tables) -> Terms:
    return Terms(
        contrasts=contrasts, levels=levels, margin=(0.0, 0.0), fixed=tables.fixed,
        seed=tables.suite.sampling.seed, by_answer=tables.suite.design == "ranking",
    )  # fmt: skip


def _or_zero(number: float) -> float:
    return 0.0 if np.isnan(number) else float(number)


def _measure(kind: Kind, terms: Terms, tables: _Tables) -> Measured:
    """The numbers of one metric, by the suite's design."""
    if len(kind.differs_in) > 1:
        together = replace(terms, levels=shared_level(terms.levels, len(kind.differs_in)))
        each = [replace(kind, of=name, differs_in=(name,)) for name in kind.differs_in]
        return largest([_measure(one, together, tables) for one in each])
    if tables.suite.design == "paired":
        deltas = tables.deltas.get(kind.name if kind.unsigned else kind.of, DELTAS.frame())
        swap, controls = deltas[deltas["arm"] == "swap"], deltas[_deciding(deltas, tables.axes)]
        if terms.contrasts.interaction:
            return interactions.paired(_candidates(kind, tables), controls, terms, summary=kind.summary)
        if kind.unsigned:
            return measures.unsigned(swap, controls, terms)
        layout = tables.suite.recorded
        if layout is not None and layout.reference:
            measured = measures.signed(swap, controls.iloc[:0], terms, summary=kind.summary)
            return replace(
                measured, control=edit_floors(swap, terms, controls=layout.controls, summary=kind.summary)
            )
        return measures.signed(swap, controls, terms, summary=kind.summary)
    rows = _candidates(kind, tables)
    if tables.suite.design == "ranking":
        pairs = measures.within_answers(rows)
        return measures.signed(pairs, pairs.iloc[:0], terms, summary=kind.summary)
    if terms.contrasts.interaction:
        return interactions.unpaired(rows, terms, summary=kind.summary)
    return measures.unpaired(rows, terms, summary=kind.summary)


def _deciding(deltas: pd.DataFrame, axes: Mapping[str, Axis]) -> Flags:
    """Which rows are pairs of the deciding control arm of their axis."""
    found = np.zeros(len(deltas), dtype=bool)
    for axis in deltas["axis"].unique():
        found |= ((deltas["axis"] == axis) & (deltas["arm"] == _arm(axis, axes))).to_numpy(bool)
    return found


def _candidates(kind: Kind, tables: _Tables) -> pd.DataFrame:
    """Single scores that a metric of single answers (or their means) rests on; none for a metric of pairs."""
    usable = not kind.unsigned and kind.of in tables.scores
    return tables.candidates(kind.of) if usable else PROMPTS.frame().assign(value=np.zeros(0))


def _supported(kind: Kind, tables: _Tables) -> bool:
    """Whether answers of this kind, in this design, can have the metric at all."""
    if kind.unsigned and tables.suite.design != "paired":
        return False
    if not kind_of(kind.of).fits(
        question_of(kind.of, question=tables.question, layout=tables.suite.recorded)
    ):
        return False
    reasons = _reasons(kind, tables)
    return not reasons or not all(reason.startswith(NOT_SUPPORTED) for reason in reasons)


def _lacking(kind: Kind, tables: _Tables) -> str:
    """What an unsupported metric lacks, in the sentence that stands behind `not_supported:`; empty where none does."""
    told = (reason.removeprefix(NOT_SUPPORTED).removeprefix(": ") for reason in _reasons(kind, tables))
    return min(filter(None, told), default="")


def _reasons(kind: Kind, tables: _Tables) -> list[str]:
    """The distinct reasons of the scores that a metric rests on; for one that compares answers, of its pairs."""
    own = tables.deltas if kind.compares is not None else tables.scores
    return [str(reason) for reason in own[kind.of]["reason"].unique()] if kind.of in own else []


def _named(tables: _Tables) -> bool:
    """Whether prompts are about persons with names, so that few of them are worth a remark."""
    return tables.suite.design != "ranking" and bool((tables.prompts["name"] != "").any())


def _present(contrasts: Contrasts, tables: _Tables) -> Flags:
    """Which contrasts have prompts of all their groups (of the group, if it is compared with all others)."""
    swap = tables.prompts.loc[tables.prompts["arm"] == "swap", ["axis", "stratum", "group"]].drop_duplicates()
    known = {
        (axis, place, group)
        for axis, stratum, group in swap.itertuples(index=False)
        for place in (ALL, stratum)
    }
    every = zip(contrasts.axis, contrasts.stratum, contrasts.group_a, contrasts.group_b, strict=True)
    groups = corners if contrasts.interaction else lambda a, b: (b,) if a in KINDS else (a, b)
    return np.array(
        [all((x, s, group) in known for group in groups(a, b)) for x, s, a, b in every], dtype=bool
    )


def _limits(name: str, contrasts: Contrasts, tables: _Tables) -> Limits:
    """Limit of every contrast; it may depend on how many groups an axis has."""
    asked = tables.question
    found = {
        axis: tables.policy.limit(name, scale_low=asked.low, scale_high=asked.high, groups=len(groups))
        for axis, groups in contrasts.groups.items()
    }
    each = [found[axis] for axis in contrasts.axis]
    return Limits(
        low=np.array([limit.low if limit else np.nan for limit in each], dtype=float),
        high=np.array([limit.high if limit else np.nan for limit in each], dtype=float),
        origin=[limit.origin if limit else "" for limit in each],
    )


def _positions(kind: Kind, tables: _Tables) -> list[Part]:
    """Rankings: each place in the prompt against the others; nothing where places are not known."""
    rows = _by_position(_candidates(kind, tables))
    if rows.empty:
        return []
    contrasts = each_against_others(rows, POSITION)
    nothing = np.full(len(contrasts), np.nan)
    pairs = measures.within_answers(rows)
    terms = _terms(contrasts, np.full(len(contrasts), 1 - tables.policy.alpha), tables)
    return [Part(
        name=kind.name, card=kind.card, logs=kind.summary is not None, unsigned=kind.unsigned,
        contrasts=contrasts, arms=[""] * len(contrasts),
        measured=measures.signed(pairs, pairs.iloc[:0], terms), decision=np.zeros(len(contrasts), dtype=bool),
        limits=Limits(low=nothing, high=nothing, origin=[""] * len(contrasts)), design=tables.suite.design,
        supported=True, named=False, fixed=tables.fixed, present=np.ones(len(contrasts), dtype=bool),
    )]  # fmt: skip


def _by_position(rows: pd.DataFrame) -> pd.DataFrame:
    """Candidates with their place in the prompt as their group."""
    placed = rows[rows["position"] > 0]
    return placed.assign(axis=POSITION, group="position " + placed["position"].astype("str"))


# ------------------------------------------------------------- single groups


def _group_table(kinds: Sequence[Kind], contrasts: Contrasts, tables: _Tables) -> pd.DataFrame:
    """The table GROUPS for every score of single answers."""
    found: list[dict[str, object]] = []
    for kind in kinds:
        rows = _candidates(kind, tables)
        rate = kind.card.unit == "rate"
        rules = Rules(
            rate=rate, ratios=rate and kind.card.higher_is == "favourable", alpha=tables.policy.alpha,
            least_share=tables.policy.min_group_share, fixed=tables.fixed, seed=tables.suite.sampling.seed,
            compares=tables.policy.compares,
        )  # fmt: skip
        table = outcomes(rows, contrasts.groups, rules)
        if tables.suite.design == "ranking":
            placed = _by_position(rows)
            table += outcomes(
                placed, each_against_others(placed, POSITION).groups, replace(rules, ratios=False)
            )
        found += [{"metric": kind.name, **row} for row in table]
    return GROUPS.frame(found)
