"""Policy: how far from "no difference" is too far, how sure one has to be, and where each number comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from audit.errors import InputError
from audit.records import Limit, Scale
from audit.retention import KeepRules
from audit.shape import Day, Document, Id, Number, Text, Version, Whole, did_you_mean, finished, fit
from audit.yamlfile import YamlFile, read_yaml


class RangeLimit(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Margin for a difference, in the metric's own unit."""

    on: Literal["rate", "score"]
    """rate: a difference of two rates (0 to 1). score: a difference of any other scores."""
    low: Annotated[Number, Field(le=0)]
    """Lowest difference within the limit."""
    high: Annotated[Number, Field(ge=0)]
    """Highest difference within the limit."""
    origin: Text
    """Where the limit comes from."""
    clause: Text | None = None
    """The clause it comes from, by its name in `clauses`; none for a house rule."""
    reason: Text
    """Why it is this number."""


class RatioLimit(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Margin for a ratio of two rates."""

    on: Literal["ratio"]
    """What the margin is laid on."""
    low: Annotated[Number, Field(gt=0, le=1)]
    """Lowest ratio within the limit."""
    high: Annotated[Number, Field(ge=1)]
    """Highest ratio within the limit."""
    origin: Text
    """Where the limit comes from."""
    clause: Text | None = None
    """The clause it comes from, by its name in `clauses`; none for a house rule."""
    reason: Text
    """Why it is this number."""


class ShareLimit(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Margin that is a share of something else, the same each way."""

    on: Literal["scale", "even_share"]
    """scale: of the width of the question's rating scale. even_share: of 1/k, where k groups compete."""
    share: Annotated[Number, Field(gt=0, lt=1)]
    """The share."""
    origin: Text
    """Where the limit comes from."""
    clause: Text | None = None
    """The clause it comes from, by its name in `clauses`; none for a house rule."""
    reason: Text
    """Why it is this number."""


AnyLimit = Annotated[RangeLimit | RatioLimit | ShareLimit, Field(discriminator="on")]


class Clause(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """One clause of an instrument that the policy takes a number or a table from, and how far it was checked."""

    instrument: Text
    """What the clause stands in."""
    clause: Text
    """Which part of it."""
    says: Text
    """What it says, in our own words."""
    cannot_show: Text
    """What an audit of answers cannot show of it."""
    status: Text
    """Whether it is in force, and what is known about its future, at the day of the last check."""
    applies_from: Day | None
    """Since or from when it applies; null where that was not found out."""
    last_checked: Day
    """When this row was last compared with its source."""
    source: Text
    """Where it was read."""
    confidence: Literal["primary", "secondary", "unverified"]
    """primary: read in the instrument itself. secondary: read where somebody quotes it. unverified: neither."""


class RateTable(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """A table of rates and ratios that a rule asks for."""

    id: Id
    """Name of the table."""
    title: Text
    """Its heading."""
    axes: tuple[Text, ...]
    """Axes and intersections of this project that are read as the rule's categories; each has a table of its own."""
    metrics: tuple[Text, ...]
    """Rates that the table shows, where the suite measures them."""
    clause: Text | None = None
    """The clause that asks for it, by its name in `clauses`."""


class Annex(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """What a rule wants to see printed, as an annex of the report."""

    title: Text
    """Heading of the annex."""
    caveats: tuple[Text, ...]
    """What the annex is not; printed before its tables."""
    left_out: tuple[Text, ...] = ()
    """What the rule asks for and this program cannot give."""
    categories: Mapping[Text, Mapping[Text, Text]] = {}
    """Axis -> group -> what the rule calls it. Groups that are not named are counted and never compared."""
    tables: tuple[RateTable, ...]
    """The tables, in order."""


Rule = Literal["worse", "beyond", "undecided", "not_comparable", "gone"]


class GateRules(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """What closes the gate of a comparison, and what does not, each with its reason.

    worse: an effect that grew by more than the limit. beyond: one that is beyond its limit in the candidate. undecided:
    a change or a verdict that is undecided or not measured. not_comparable, gone: an effect of the baseline that cannot
    be compared, or is there no more. Expired and unmatched waivers always close it.
    """

    closes: Mapping[Rule, Text]
    """Rule -> why it closes the gate."""
    lets_by: Mapping[Rule, Text] = {}
    """Rule -> why it does not."""


class Reasons(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Why each of the policy's numbers is what it is."""

    alpha: Text
    """Why this error rate."""
    power: Text
    """Why this power."""
    min_clusters: Text
    """Why so many clusters."""
    none_ceiling: Text
    """Why this ceiling."""
    min_group_share: Text
    """Why this share."""


class Policy(Document):
    """A policy file."""

    policy: Version
    """Version of this format."""
    id: Id
    """Name of the policy."""
    title: Text
    """For headings."""
    alpha: Annotated[Number, Field(gt=0, le=0.5)]
    """Chance of any wrong verdict `beyond` in a run, over all decision effects together."""
    power: Annotated[Number, Field(ge=0.5, lt=1)]
    """Chance with which a difference of the detectable size is found."""
    min_clusters: Annotated[Whole, Field(ge=2)]
    """Fewer clusters than this give no verdict."""
    none_ceiling: Annotated[Number, Field(ge=0, lt=1)]
    """Larger gaps between two groups' shares of answers without a value give no verdict."""
    min_group_share: Annotated[Number, Field(ge=0, lt=1)]
    """Groups that are a smaller share of the sample get no impact ratio."""
    reasons: Reasons
    """Why each of these numbers is what it is."""
    limits: Mapping[Text, AnyLimit]
    """Margin around "no difference" by metric; a metric without one gets no verdict."""
    clauses: Mapping[Id, Clause] = {}
    """The clauses that limits, rules and tables come from, by a name of their own."""
    annex: Annex | None = None
    """Tables that a rule wants to see printed."""
    gate: GateRules | None = None
    """What closes the gate of a comparison; without it the rules of the policy `default`."""
    keep: KeepRules | None = None
    """Which runs are kept; without it the rules of the policy `default`."""

    def limit(
        self, metric: str, *, scale_low: float = 0, scale_high: float = 0, groups: int = 0
    ) -> Limit | None:
        """The limit of `metric` on its effect's scale (log limits for ratios).

        `scale_low` and `scale_high` are the ends of the question's rating scale; `groups` is how many compete in a
        ranking. None where the policy has no limit for the metric, or lacks the scale or groups it is a share of.
        """
        found = self.limits.get(metric)
        match found:
            case RangeLimit():
                return _limit(found, found.low, found.high)
            case RatioLimit():
                return _limit(found, math.log(found.low), math.log(found.high))
            case ShareLimit(on="scale") if scale_high > scale_low:
                margin = found.share * (scale_high - scale_low)
                return _limit(found, -margin, margin)
            case ShareLimit(on="even_share") if groups > 1:
                return _limit(found, -found.share / groups, found.share / groups)
        return None

    def compares(self, axis: str, group: str) -> bool:
        """Whether `group` is a category of the rule (all its parts, for an intersection), so that it has a ratio."""
        named = self.annex.categories if self.annex else {}
        parts, groups = axis.split("*"), group.split("*")
        if len(parts) != len(groups):
            return True
        return all(part not in named or mine in named[part] for part, mine in zip(parts, groups, strict=True))

    def is_rate(self, metric: str) -> bool:
        """Whether the limit of `metric` is laid on a difference of rates."""
        found = self.limits.get(metric)
        return found is not None and found.on == "rate"


def _limit(rule: RangeLimit | RatioLimit | ShareLimit, low: float, high: float) -> Limit:
    scale: Scale = "log_ratio" if rule.on == "ratio" else "difference"
    return Limit(low=low, high=high, scale=scale, origin=rule.origin, reason=rule.reason)


def shipped_policies() -> list[str]:
    """Ids of the policies that come with the package."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def load_policy(source: str) -> Policy:
    """The policy `source`: a shipped id or the path of a policy file; InputError lists every mistake with its place."""
    file = read_yaml(_find(source), what="policy")
    policy = fit(Policy, file)
    _check_margins(file)
    _check_clauses(file)
    _check_gate(file)
    _check_keep(file)
    return finished(policy, file)


def _check_margins(file: YamlFile) -> None:
    """A margin of no width could never hold an interval; rates differ by 1 at most."""
    for metric, limit in file.root.entries("limits").items():
        low, high = limit.get("low"), limit.get("high")
        if low is not None and high is not None and low.value == high.value:
            file.report(high, f"the limit of '{metric}' has no width: 'low' and 'high' are both {high.value}")
        for key, bound in (("low", low), ("high", high)):
            number = bound.value if bound is not None and limit.text("on") == "rate" else 0
            if bound is not None and isinstance(number, int | float) and abs(number) > 1:
                file.report(
                    bound, f"'{key}' is {number}; rates are 0 to 1, so allowed: -1 to 1 (0.1 is 10 %)"
                )


def _check_clauses(file: YamlFile) -> None:
    """Every clause that something refers to is written down; tables have names of their own."""
    known = list(file.root.entries("clauses"))
    annex = file.root.get("annex")
    tables = annex.children("tables") if annex is not None else []
    signed = [rule for key, rule in file.root.entries("keep").items() if key == "signed"]
    for owner in (*file.root.entries("limits").values(), *tables, *signed):
        named = owner.get("clause")
        if named is not None and isinstance(named.value, str) and named.value not in known:
            hint = did_you_mean(named.value, known)
            file.report(named, f"no clause '{named.value}'{hint} (clauses: {', '.join(known) or 'none'})")
    wanted = [(table, key) for table in tables for key in ("axes", "metrics")]
    for holder, key in [*wanted, *((annex, key) for key in ("caveats", "tables") if annex is not None)]:
        listed = holder.get(key)
        if listed is not None and listed.value == []:
            file.report(listed, f"'{key}' has no entries; write at least one")
    file.report_repeats([node for table in tables if (node := table.get("id"))], "table")


def _check_gate(file: YamlFile) -> None:
    """No rule both closes the gate and lets by."""
    gate = file.root.get("gate")
    if gate is None:
        return
    closes = gate.entries("closes")
    for rule, node in gate.entries("lets_by").items():
        if rule in closes:
            file.report(node, f"'{rule}' stands under 'closes' too; keep one", at_key=True)


def _check_keep(file: YamlFile) -> None:
    """What is said of unsigned runs says which of them are kept."""
    rule = file.root.entries("keep").get("unsigned")
    if rule is not None and rule.get("days") is None and rule.get("newest") is None:
        file.report(rule, "'unsigned' says neither 'days' nor 'newest'; give one of them, or leave it out")


def _folder() -> Path:
    return Path(__file__).parent / "policies"


def _find(source: str) -> Path:
    if source.endswith((".yaml", ".yml")) or Path(source).is_file():
        return Path(source)
    known = shipped_policies()
    if source in known:
        return _folder() / f"{source}.yaml"
    near = did_you_mean(source, known)
    raise InputError(
        f"unknown policy '{source}'{near} (shipped: {', '.join(known)}; or give the path of a policy file)"
    )
