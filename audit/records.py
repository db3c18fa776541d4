"""Every noun of an audit, on one page: read this first.

Single things are frozen dataclasses. Many things of one kind are a pandas DataFrame whose columns are
named and explained here (`PROMPTS`, `PAIRS`, `RESPONSES`, `SCORES`, `DELTAS`, `EFFECTS`, `GROUPS`,
`ATTRIBUTIONS`, `QUALITY`, `CARRIERS`, `SUBGROUPS`, `CLASSICAL`, `JUDGED`; of two runs `CHANGES`, `FLIPS`,
`FLIP_COUNTS`, `MOVERS`, `CREDITS`, `UTILITY`; of many `TRENDS`). Ids are hashes of content, so the same suite gives the same ids on
every machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Role = Literal["text", "system", "user", "assistant"]
QuestionKind = Literal["classify", "choose", "rate", "generate", "likelihood", "next_token"]
Design = Literal["paired", "groups", "ranking"]
Generalise = Literal["templates", "items"]
Arm = Literal["swap", "again", "name", "edit", "paraphrase", "explain", "reading"]
Contrast = Literal["pair", "others", "reference", "interaction"]
"""pair: b against a. others: b against the mean of the other groups. reference: b against the mean of reference inputs.
interaction: whether the two changes of an intersection together do more than one after the other."""
Scale = Literal["difference", "log_ratio"]
Verdict = Literal["beyond", "within", "undecided", "not_measured"]
ChangeStatus = Literal["worse", "better", "unchanged", "undecided", "new", "gone", "not_comparable"]
"""What became of an effect from the baseline to the candidate."""
GateState = Literal["open", "closed", "incomplete"]
Game = Literal["swap", "removal", "gap", "gradient"]
Progress = Callable[[str, int, int], None]
"""Called with (what is being done, how many are done, how many there are)."""

VERDICTS: tuple[Verdict, ...] = ("beyond", "within", "undecided", "not_measured")
CHANGE_STATUSES: tuple[ChangeStatus, ...] = (
    "worse", "better", "unchanged", "undecided", "new", "gone", "not_comparable",
)  # fmt: skip
CONTROL_ARMS: tuple[Arm, ...] = ("again", "name", "edit", "paraphrase")
ALL = "*"
"""Stratum: all strata together. `group_a`: the mean of the other groups."""
NOT_COUNTED = "not_counted"
"""A reason that begins so: the metric is not about this answer, which is therefore no failure either."""
INVALID = (
    "inside the noise band", "no noise band", "have no value", "answers without a value",
    "the judge's error is not known", "the judge's errors are not shown to be alike",
)  # fmt: skip
"""An `undecided` whose reason says one of these: the test itself did not work, so that more of it would not help."""
SWAP_PROOF = "swap proof"
"""How the entry of every pair begins that was excluded because it differs in more than its marked words."""
UNKNOWN_TOKENS = -1
"""Length of a prompt where nobody knows it."""
REFERENCE = "reference"
"""`group_a` of a contrast with the mean of reference inputs."""


def content_id(*parts: object) -> str:
    """Sixteen hexadecimal digits that depend on nothing but the content of `parts` (JSON values)."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a prompt. The role `text` is a bare text that is no conversation."""

    role: Role
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """The characters [start, end) of message `part` that a slot was filled with."""

    part: int
    start: int
    end: int
    slot: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """What a model is asked: its messages, and where the slots lie in them."""

    messages: tuple[Message, ...]
    spans: tuple[Span, ...] = ()

    @property
    def id(self) -> str:
        """Content id of the messages alone: two prompts that read the same are the same."""
        return content_id("prompt", [[message.role, message.text] for message in self.messages])


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is wanted of the answer, after the suite's question was matched with what the model can do.

    classify: the label `favourable` among the model's labels. choose: one of `options`.
    rate: a number from `low` to `high`. generate: free text of at most `max_tokens` tokens.
    likelihood: how probable the prompt itself is. next_token: how probable each next token is.
    `ask` (already appended to the prompts) is kept for the report.
    """

    kind: QuestionKind
    ask: str = ""
    options: tuple[str, ...] = ()
    favourable: str = ""
    low: float = 0.0
    high: float = 0.0
    max_tokens: int = 64
    language: str = ""
    """Language of prompts and answers, as the suite names it; empty where nobody said."""
    embedder: str = ""
    """Model that embeds answers for `embedding_distance`, by hub name or folder; empty: the metric's own."""

    @property
    def id(self) -> str:
        """Content id: answers to another question, or of options that were not told apart as now, are never reused."""
        scale = ("1", "10") if self.kind == "rate" and max(self.high, -self.low) >= 10 else ()
        words = self.options or scale
        ended = ["ended"] * any(a != b and b.startswith(a) for a in words for b in words)
        return content_id(
            "question", self.kind, list(self.options), self.low, self.high, self.max_tokens, *ended
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a back end gives back for one prompt: a text, log-probabilities by label or option, or an error."""

    text: str | None = None
    scores: Mapping[str, float] | None = None
    error: str | None = None
    answered_at: str | None = None
    """ISO 8601 in UTC where the answer carries its own time (recorded answers); else the collector's clock."""
    tokens: int = UNKNOWN_TOKENS
    """Length of the prompt as the model read it, where the answer itself says so."""
    final: bool = False
    """Of an error: whether it lies in the prompt, so that asking again cannot help."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelIdentity:
    """Which model answered. `digests` (file → sha256) is empty where there are no weights to hash."""

    kind: str
    name: str
    revision: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    """Everything that may change an answer: dtype, device, threads, label names, system prompt …"""

    @property
    def id(self) -> str:
        """Key of the answer cache: weights and settings where there are weights, else kind and name too."""
        place = ["", "", ""] if self.digests else [self.kind, self.name, self.revision]
        return content_id("model", *place, dict(self.digests), dict(self.settings))


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How a second model reads the text answers for one metric: what it is asked, and what its answer counts.

    `prompt` holds `$answer`, and may hold `$prompt` (what the audited model was asked). The value of an answer is
    Σ p(label)·value(label) / Σ p(label) over the labels of `values`; for the question `rate` it is the rating, put
    between the ends that `values` gives to the numbers of the scale where there are any.
    """

    metric: str
    model: str
    """KIND:NAME, or the path of a model file."""
    question: Question
    prompt: str = "$answer"
    """Repeats differ by order alone: `$first` and `$second` are the two options, or the ends of the scale."""
    values: Mapping[str, float] = field(default_factory=dict)
    repeats: int = 1
    decides: bool = False
    """Whether the mean over the orders is rounded to 0 or 1; exactly one half is a tie, without a value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """What the measured errors of a judge do to the effects of its metric: estimate / divisor, errors included."""

    metric: str
    axis: str = ALL
    """Axis or intersection whose effects are meant; `*`: all of them."""
    divisor: float
    """Sensitivity + specificity - 1; 1 where nothing is corrected."""
    divisor_se: float
    allowance: float = 0.0
    """How far a judged difference may come from errors that differ between groups; the interval leaves room for it."""
    note: str
    """Added to the reason of every effect of the metric."""
    refused: str = ""
    """Why the metric's effects are `not_measured`; empty where they are."""
    undecided: str = ""
    """Why no effect of the metric gets another verdict than `undecided`; empty where it may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exclusion:
    """Something that was planned or found but is not counted, and why."""

    what: str
    reason: str
    count: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """The margin around "no difference" that was fixed before the first question, on the effect's scale."""

    low: float
    high: float
    scale: Scale
    origin: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What a metric is, for docs and report alike."""

    name: str
    title: str
    definition: str
    formula: str
    range: str
    no_difference: float
    higher_is: Literal["favourable", "unfavourable", "neither"]
    source: str
    critique: str
    unit: Literal["rate", "log_odds", "points", "words", "share", "credit", "grades", "nats", "bits"] = "rate"
    version: int = 1
    """Raised whenever the same answers get other values, so that runs before and after are not compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One decision effect with its verdict; every number of it stands in the effects table under `effect_id`."""

    id: str
    effect_id: str
    metric: str
    axis: str
    stratum: str
    group_a: str
    group_b: str
    verdict: Verdict
    reason: str
    distinguishable: bool
    """Whether the simultaneous interval excludes zero."""
    example_pair: str = ""
    """The pair with the largest delta in the direction of the estimate (for the report), if any."""
    contrast: Contrast = "pair"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a table: its name, pandas dtype, and meaning."""

    name: str
    dtype: Literal["str", "float64", "int64", "bool"]
    meaning: str
    default: str | int | float | None = None
    """What stands in rows that were made without this column; None: they are refused."""
    word: bool = False
    """Whether few different texts stand in very many rows: in memory a pandas category, in files text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """The columns of a DataFrame that stages hand to each other and runs store."""

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]

    def frame(self, rows: Iterable[Mapping[str, object]] | pd.DataFrame = ()) -> pd.DataFrame:
        """`rows` as a DataFrame with exactly these columns and dtypes; KeyError where one is missing."""
        import pandas as pd

        source = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
        if source.empty and not len(source.columns):
            source = pd.DataFrame({name: [] for name in self.names})
        for column in self.columns:
            if column.default is not None and column.name not in source.columns:
                source = source.assign(**{column.name: [column.default] * len(source)})
        typed = {column.name: _typed(source[column.name], column) for column in self.columns}
        return pd.DataFrame(typed, copy=False).reset_index(drop=True)

    def stack(self, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """Such tables, one below the other; the words of all of them are the categories of each column."""
        import pandas as pd

        filled = [frame for frame in frames if len(frame)]
        if len(filled) < 2:
            return self.frame(filled[0]) if filled else self.frame()
        columns = {column.name: _below(filled, column) for column in self.columns}
        return pd.DataFrame(columns)


def _typed(values: pd.Series[Any], column: Column) -> pd.Series[Any]:
    """The values with the column's dtype; the categories of words are in alphabetical order."""
    import pandas as pd

    if not column.word:
        return values.astype(column.dtype)
    if isinstance(values.dtype, pd.CategoricalDtype):
        known = values.cat.categories
        if known.dtype == "str":
            return (
                values
                if known.is_monotonic_increasing
                else values.cat.reorder_categories(known.sort_values())
            )
    return values.astype("str").astype("category")


def _below(frames: Sequence[pd.DataFrame], column: Column) -> Any:
    """One column of several tables."""
    import pandas as pd

    parts = [_typed(frame[column.name], column) for frame in frames]
    if not column.word:
        return pd.concat(parts, ignore_index=True)
    return pd.api.types.union_categoricals(parts, sort_categories=True)


def _table(name: str, /, **columns: tuple[str, str] | tuple[str, str, str | int | float]) -> Table:
    return Table(name=name, columns=tuple(_column(key, *column) for key, column in columns.items()))


def _column(name: str, kind: str, meaning: str, default: str | int | float | None = None) -> Column:
    """A column of this kind: a dtype, or `word`."""
    dtype = "str" if kind == "word" else kind
    return Column(name=name, dtype=dtype, meaning=meaning, default=default, word=kind == "word")  # type: ignore[arg-type]


PROMPTS = _table(
    "prompts",
    prompt_id=("str", "content id of the messages; the same text in two roles has two rows with one id"),
    item=("word", "candidate within one ranking answer; empty elsewhere"),
    axis=("word", "axis or intersection (`gender*ethnicity`) under test"),
    arm=("word", "swap, or the control arm: again, name, edit, paraphrase"),
    template=("word", "template id, or the recorded item"),
    cluster=("word", "near-copies of one wording share a cluster: the unit of evidence"),
    name=("word", "aligned person (name draw) within the axis; the same value in every group of a cell"),
    group=("word", "group of the axis; `women*Asian` for an intersection"),
    stratum=("word", "stratum value such as the occupation; empty if the suite has none"),
    position=("int64", "place in the prompt, from 1, of a ranking candidate; 0 elsewhere"),
    base_id=("str", "control arms: prompt id of the swap-arm prompt it is paired with; empty for swap"),
    repeats=("int64", "how many answers are wanted; the again arm uses repeats n … 2n-1 of its base"),
    messages=("str", "JSON list of [role, text]"),
    spans=("str", "JSON list of [part, start, end, slot]"),
    expected=("word", "the right answer (an option, a label, a number), where one is known", ""),
)
PAIRS = _table(
    "pairs",
    pair_id=("str", "content id of (axis, arm, a, b)"),
    axis=("word", "axis or intersection"),
    arm=("word", "swap or control arm"),
    template=("word", "template id"),
    cluster=("word", "template cluster"),
    name=("word", "aligned person"),
    stratum=("word", "stratum value"),
    group_a=("word", "group of a; alphabetically before group_b; equal to it for controls"),
    group_b=("word", "group of b"),
    a=("str", "prompt id; repeats 0 … n-1"),
    b=("str", "prompt id; repeats 0 … n-1 (again arm: n … 2n-1 of the same prompt)"),
)
RESPONSES = _table(
    "responses",
    prompt_id=("str", "which prompt"),
    repeat=("int64", "which draw, from 0"),
    text=("str", "the answer's words; empty for scores"),
    scores=("str", "JSON object label or option → log-probability; empty for texts"),
    error=("str", "why there is no answer; empty if there is one"),
    answered_at=("str", "ISO 8601, UTC"),
    tokens=("int64", "length of the prompt as the model reads it; -1 where the back end does not say", -1),
)
SCORES = _table(
    "scores",
    prompt_id=("str", "which prompt"),
    item=("word", "ranking candidate; empty elsewhere"),
    arm=("word", "`again` for the second set of repeats; `swap` for every other answer"),
    metric=("word", "metric name"),
    value=("float64", "mean over repeats; NaN where `reason` says why"),
    reason=("word", "refused, unparsed, failed, tie, not_supported …; empty where there is a value"),
    answers=("int64", "how many repeats have a value", 1),
    lost=("int64", "how many repeats have none", 0),
)
DELTAS = _table(
    "deltas",
    pair_id=("str", "which pair"),
    metric=("word", "metric name"),
    axis=("word", "axis"),
    arm=("word", "arm"),
    template=("word", "template id"),
    cluster=("word", "template cluster"),
    name=("word", "aligned person"),
    stratum=("word", "stratum"),
    group_a=("word", "group of a"),
    group_b=("word", "group of b"),
    value_a=("float64", "score of a"),
    value_b=("float64", "score of b"),
    delta=("float64", "value_b - value_a (PairMetric: its unsigned value); NaN where `reason` says why"),
    reason=("word", "why there is no delta"),
    lost_a=("float64", "share of the answers of a without a value", 0.0),
    lost_b=("float64", "share of the answers of b without a value", 0.0),
)
EFFECTS = _table(
    "effects",
    effect_id=(
        "str",
        "content id of (suite, metric, axis, stratum, group_a, group_b); of the contrast in interactions",
    ),
    metric=("str", "metric name"),
    axis=("str", "axis"),
    stratum=("str", "stratum or `*`"),
    design=("str", "paired, groups, ranking"),
    group_a=(
        "str",
        "group; `*`: the mean of the other groups; `reference`: the mean of the reference inputs",
    ),
    group_b=("str", "group; interactions: the intersection in which both parts differ from group_a"),
    contrast=("str", "pair, others, reference, interaction", "pair"),
    decision=("bool", "marked for decision in the suite; everything else is exploration"),
    template_count=("int64", "distinct templates with a value"),
    name_count=("int64", "distinct aligned persons with a value"),
    cluster_count=("int64", "clusters the interval rests on"),
    pair_count=("int64", "pairs (answers for rankings, sets of prompts for interactions) with a value"),
    failed_count=("int64", "pairs without a value"),
    estimate=("float64", "effect, b against a, on `scale`"),
    scale=("str", "difference or log_ratio"),
    se=("float64", "cluster-robust standard error"),
    df=("float64", "degrees of freedom of the t interval"),
    low=("float64", "interval, lower end"),
    high=("float64", "interval, upper end"),
    level=("float64", "level of that interval: 1 - alpha/m for decisions"),
    p_value=("float64", "two-sided, null of no difference"),
    p_adjusted=("float64", "Bonferroni over decisions; Benjamini-Hochberg over the rest"),
    standardised=("float64", "estimate / SD of the pair deltas; NaN where undefined"),
    limit_low=("float64", "limit on the same scale; NaN without one"),
    limit_high=("float64", "limit on the same scale; NaN without one"),
    limit_origin=("str", "where the limit comes from"),
    control_arm=("str", "deciding control arm"),
    control_low=("float64", "noise band of the same statistic over control pairs"),
    control_high=("float64", "noise band, upper end"),
    detectable_zero=("float64", "(t_alpha + t_0.8) * se: told from zero with 80 % power"),
    detectable_beyond=("float64", "limit + that: called beyond with 80 % power"),
    mean_a=("float64", "mean score of a; interactions: what the other combinations lead one to expect of b"),
    mean_b=("float64", "mean score of b"),
    lower_share=(
        "float64",
        "share of pairs where b scored lower (by more than the limit, for scores that are not decisions)",
    ),
    higher_share=("float64", "share of pairs where b scored higher, likewise"),
    verdict=("str", "beyond, within, undecided, not_measured; empty for exploration"),
    reason=("str", "why, in words"),
)
GROUPS = _table(
    "groups",
    metric=("str", "metric name"),
    axis=("str", "axis"),
    stratum=("str", "stratum or `*`"),
    group=("str", "group; `position 1` … in rows of the axis `position`"),
    n=("int64", "answers with a value"),
    failed=("int64", "answers without a value"),
    value=("float64", "mean score"),
    low=("float64", "interval of the mean, lower end, level 1 - alpha"),
    high=("float64", "interval of the mean, upper end"),
    impact_ratio=(
        "float64",
        "value / highest group's value; NaN for scores that are not rates and for small groups",
    ),
    impact_ratio_low=("float64", "comparison with the best, lower end"),
    impact_ratio_high=("float64", "comparison with the best, upper end"),
    expected_lowest_ratio=("float64", "median of the lowest ratio if all groups had one rate"),
    note=("str", "for example: under 2 % of the sample, no ratio"),
)
ATTRIBUTIONS = _table(
    "attributions",
    attribution_id=("str", "content id of (pair_id, side, game, method)"),
    pair_id=("str", "pair that is explained"),
    side=("str", "a, b, or pair (swap and gap games)"),
    prompt_id=("str", "prompt of that side (b for pair)"),
    game=("str", "swap, removal, gap, gradient"),
    method=("str", "explanation method"),
    sample=("str", "largest, flip (the decision changed), random, or requested (asked for by its id)"),
    in_random=("bool", "whether the pair is in the random sample, which alone stands for the suite", False),
    metric=("str", "score that is explained"),
    player=("int64", "number of the player"),
    partner=(
        "int64",
        "interactions: number of the other player of the two, that of the player itself for what it does alone; else -1",
        -1,
    ),
    slot=("str", "slot name of the player, `group` for the group's merged span, empty for words"),
    text_a=("str", "the player's text in a"),
    text_b=("str", "the player's text in b"),
    spans=("str", "JSON list of [part, start, end] in the prompt of `side`"),
    value=("float64", "credit, in units of the metric; pair rows: b - a"),
    error=("float64", "standard error or bound; 0 where exact"),
    base_value=("float64", "score with every player off"),
    total=("float64", "score with every player on minus base_value"),
    operator=(
        "str",
        "what an absent player was replaced with: counterpart, mask, deletion; gradients: an embedding",
    ),
    rows=("int64", "distinct prompts the game needed; gradients: steps on the way"),
    incongruent=("int64", "how many of these mix the cues of groups and are the prompt of none", 0),
    reliable=("bool", "whether every bar for this explanation was met"),
    reason=("str", "which bar was missed"),
)
QUALITY = _table(
    "quality",
    attribution_id=("str", "explanation that is judged; `*`: all of the run together"),
    pair_id=("str", "pair that is explained; empty for the run"),
    side=("str", "a, b, or pair; empty for the run"),
    game=("str", "game of the explanation"),
    method=("str", "explanation method"),
    criterion=(
        "str",
        "additivity, agreement, comprehensiveness, sufficiency, stability, leave_one_out, sampling …",
    ),
    value=("float64", "what was found; NaN where it cannot be had"),
    bar=("float64", "limit of the value; NaN where there is none, or where it cannot be applied"),
    applies=("bool", "whether there is a bar and it can be applied; where not, `met` says nothing"),
    met=("bool", "whether the value is on the right side of the bar"),
    note=("str", "in words: what misses the bar, or why it cannot be applied"),
)
CARRIERS = _table(
    "carriers",
    carrier_id=("str", "content id of (metric, game, axis, group_a, group_b, kind, slot, text)"),
    metric=("str", "score that is explained"),
    game=("str", "swap: where the difference comes from; gap: what it depends on"),
    axis=("str", "axis"),
    group_a=("str", "group; `*`: the mean of the other groups"),
    group_b=("str", "group"),
    kind=(
        "str",
        "swap: all (the whole difference), slot, interaction (what two slots do together beyond what each does alone; half "
        "of it is in the credit of either); gap: all (all words around the group's), stratum, value (of a slot), "
        "word, other_values and other_words (the rare ones together)",
    ),
    slot=("str", "slot; empty for words, strata and the whole"),
    text=("str", "word, slot value or stratum, in small letters; empty elsewhere"),
    pooled=("int64", "different words or values in this row"),
    pairs=("int64", "pairs of the random sample that it rests on"),
    lost=(
        "int64",
        "pairs of the random sample and these groups without credits that add up; not counted above",
    ),
    unreliable=("int64", "pairs counted above whose explanation missed a bar"),
    clusters=("int64", "clusters of templates"),
    names=("int64", "aligned persons"),
    estimate=(
        "float64",
        "mean credit, b - a: of slots over all pairs, of words over the pairs that have them",
    ),
    se=("float64", "cluster-robust standard error"),
    df=("float64", "degrees of freedom of the t interval"),
    low=("float64", "interval, lower end"),
    high=("float64", "interval, upper end"),
    level=("float64", "level of that interval, which keeps the false coverage rate of the game's rows"),
    p_value=("float64", "two-sided, null of no credit"),
    p_adjusted=("float64", "Benjamini-Hochberg over the rows of the game"),
    told=("bool", "whether it is told from zero: adjusted p and interval"),
    share=(
        "float64",
        "swap, slots: summed credit / summed difference; NaN where the difference is not told from zero",
    ),
    share_low=("float64", "jackknife interval of the share, same level"),
    share_high=("float64", "jackknife interval of the share, upper end"),
    reason=("str", "what has to be said beside it"),
)
SUBGROUPS = _table(
    "subgroups",
    metric=("str", "metric name"),
    axis=("str", "axis or intersection"),
    stratum=("str", "stratum or `*`"),
    group=("str", "group of the axis"),
    searched=("int64", "how many subgroups of this metric were compared in the search half"),
    search_clusters=("int64", "clusters of the half that was searched"),
    search_estimate=(
        "float64",
        "mean of the subgroup minus mean of all others, in the half that was searched",
    ),
    clusters=("int64", "clusters of the other half, on which everything below rests"),
    n=("int64", "answers of the subgroup in that half"),
    estimate=("float64", "the same difference in the other half"),
    se=("float64", "cluster-robust standard error"),
    df=("float64", "degrees of freedom"),
    low=("float64", "interval, lower end"),
    high=("float64", "interval, upper end"),
    level=("float64", "level of that interval: 1 - alpha / number of metrics searched"),
    p_value=("float64", "two-sided, null of no difference, other half"),
    p_adjusted=("float64", "times the number of metrics searched"),
    confirmed=(
        "bool",
        "whether the interval of the other half excludes zero on the side that the search showed",
    ),
    reason=("str", "why nothing could be searched or confirmed; `for these names` where names are few"),
)
CLASSICAL = _table(
    "classical",
    effect_id=("str", "the effect that the test is about"),
    metric=("str", "metric name"),
    axis=("str", "axis"),
    stratum=("str", "stratum or `*`"),
    group_a=("str", "group"),
    group_b=("str", "group"),
    test=("str", "two_proportion_z, fisher_exact, mcnemar_exact, mixed_model"),
    n=("int64", "answers or pairs the test counts"),
    estimate=("float64", "what the test compares with no difference, b - a"),
    se=("float64", "its standard error; NaN for exact tests"),
    statistic=("float64", "test statistic; NaN for exact tests"),
    p_value=("float64", "two-sided"),
    note=("str", "what the test ignores, or why it could not be computed"),
)
JUDGED = _table(
    "judged",
    metric=("str", "metric name"),
    axis=("str", "axis or intersection"),
    group=("str", "group; `*`: all groups of the axis together"),
    favourable=("int64", "labelled items whose label is the favourable option, with a judgement"),
    found=("int64", "those of them that were judged favourable"),
    sensitivity=("float64", "found / favourable"),
    sensitivity_low=("float64", "interval, lower end"),
    sensitivity_high=("float64", "interval, upper end"),
    unfavourable=("int64", "labelled items with the other label, with a judgement"),
    cleared=("int64", "those of them that were judged unfavourable"),
    specificity=("float64", "cleared / unfavourable"),
    specificity_low=("float64", "interval, lower end"),
    specificity_high=("float64", "interval, upper end"),
    failed=("int64", "labelled items without a judgement"),
    level=("float64", "level of these intervals"),
    note=("str", "row `*`: what follows for the effects of the metric"),
)
CHANGES = _table(
    "changes",
    change_id=("str", "content id of (effect_id, digests of both plans or of the baseline file)"),
    effect_id=("str", "the effect, the same in both runs"),
    metric=("str", "metric name"),
    axis=("str", "axis or intersection"),
    stratum=("str", "stratum or `*`"),
    design=("str", "paired, groups, ranking"),
    group_a=("str", "group, `*` or `reference`, as in EFFECTS"),
    group_b=("str", "group"),
    contrast=("str", "pair, others, reference, interaction"),
    decision=(
        "bool",
        "marked for decision in both runs (new, gone: in the run that has it); else exploration",
    ),
    status=(
        "str",
        "worse, better, unchanged, undecided, new, gone, not_comparable; empty for exploration",
    ),
    reversed=("bool", "whether both runs tell the effect from zero, on opposite sides"),
    scale=("str", "difference or log_ratio"),
    baseline=("float64", "estimate of the baseline, as in its run"),
    baseline_low=("float64", "its interval in that run, lower end"),
    baseline_high=("float64", "its interval in that run, upper end"),
    baseline_verdict=("str", "its verdict in that run; empty for exploration"),
    candidate=("float64", "estimate of the candidate, as in its run"),
    candidate_low=("float64", "its interval in that run, lower end"),
    candidate_high=("float64", "its interval in that run, upper end"),
    candidate_verdict=("str", "its verdict in that run; empty for exploration"),
    difference=("float64", "candidate - baseline, pair by pair over what both runs have"),
    se=("float64", "standard error of the difference"),
    df=("float64", "degrees of freedom of its t interval"),
    low=("float64", "interval of the difference, lower end"),
    high=("float64", "interval of the difference, upper end"),
    level=("float64", "level of the intervals of difference and total: 1 - alpha/m for decisions"),
    total=(
        "float64",
        "candidate + baseline, pair by pair: with the difference it tells which is larger in size",
    ),
    total_low=("float64", "interval of the total, lower end"),
    total_high=("float64", "interval of the total, upper end"),
    p_value=("float64", "two-sided, null of no change"),
    p_adjusted=("float64", "Bonferroni over decisions; Benjamini-Hochberg over the rest"),
    limit_low=("float64", "limit on the same scale; NaN without one"),
    limit_high=("float64", "limit on the same scale; NaN without one"),
    control_low=("float64", "noise band of the change: the same statistic over control pairs of both runs"),
    control_high=("float64", "noise band, upper end"),
    detectable=(
        "float64",
        "growth in size, from that of the baseline, that is called worse with the policy's power",
    ),
    pair_count=("int64", "pairs (answers, sets of prompts) with a value in both runs"),
    missing_count=("int64", "pairs that lack a value in one run or in both"),
    cluster_count=("int64", "clusters the interval of the difference rests on"),
    name_count=("int64", "persons among them"),
    reason=("str", "why, in words"),
)
FLIPS = _table(
    "flips",
    metric=("str", "the decision that flipped: `selection_rate` where it was scored"),
    axis=("str", "axis or intersection"),
    group=("str", "group of the prompt"),
    template=("str", "template id"),
    name=("str", "aligned person"),
    stratum=("str", "stratum value"),
    prompt_id=("str", "the prompt, the same in both runs"),
    baseline=("str", "answer of the baseline"),
    candidate=("str", "answer of the candidate"),
    baseline_value=("float64", "score of the baseline's answer"),
    candidate_value=("float64", "score of the candidate's answer"),
)
FLIP_COUNTS = _table(
    "flip_counts",
    metric=("str", "the decision that is counted"),
    axis=("str", "axis or intersection"),
    group=("str", "group; `*`: all groups of the axis"),
    n=("int64", "prompts with a decision in both runs"),
    gained=("int64", "of them those that turned favourable"),
    lost=("int64", "of them those that turned unfavourable"),
    p_value=("float64", "exact McNemar test of as many gained as lost"),
    note=("str", "what the test ignores"),
)
MOVERS = _table(
    "movers",
    effect_id=("str", "decision effect that the pair belongs to"),
    metric=("str", "score that moved"),
    axis=("str", "axis or intersection"),
    pair_id=("str", "the pair, the same in both runs"),
    group_a=("str", "group of a"),
    group_b=("str", "group of b"),
    template=("str", "template id"),
    name=("str", "aligned person"),
    stratum=("str", "stratum value"),
    a=("str", "prompt id of a"),
    b=("str", "prompt id of b"),
    baseline=("float64", "delta of the baseline, b - a"),
    candidate=("float64", "delta of the candidate"),
    change=("float64", "candidate - baseline"),
    baseline_a=("str", "the baseline's answer to a"),
    baseline_b=("str", "the baseline's answer to b"),
    candidate_a=("str", "the candidate's answer to a"),
    candidate_b=("str", "the candidate's answer to b"),
)
CREDITS = _table(
    "credits",
    metric=("str", "score that is explained"),
    axis=("str", "axis"),
    group_a=("str", "group of a"),
    group_b=("str", "group of b"),
    game=("str", "swap, removal, gap"),
    method=("str", "shap or lime"),
    slot=("str", "slot name of the player, `group` for the group's words, empty for other words"),
    text=("str", "the player's text where it is one word or phrase in all of them; else its slot alone"),
    pairs=("int64", "explained pairs that both runs have and in which the player occurs"),
    baseline=("float64", "mean credit in the baseline, b - a, in units of the metric"),
    candidate=("float64", "mean credit in the candidate"),
    baseline_share=("float64", "share of the total absolute credit in the baseline"),
    candidate_share=("float64", "share of the total absolute credit in the candidate"),
    unreliable=("int64", "of the pairs those whose explanation missed a bar in either run"),
)
UTILITY = _table(
    "utility",
    metric=("str", "accuracy, refusal, unparsed, missing, length, or the score that decides"),
    axis=("str", "axis or intersection; `*`: all prompts of the suite"),
    group=("str", "group; `*`: all groups"),
    n=("int64", "prompts with a value in both runs"),
    missing=("int64", "prompts that lack a value in one run or in both"),
    cluster_count=("int64", "clusters the interval rests on"),
    baseline=("float64", "mean of the baseline over these prompts"),
    candidate=("float64", "mean of the candidate over these prompts"),
    difference=("float64", "candidate - baseline"),
    se=("float64", "cluster-robust standard error"),
    df=("float64", "degrees of freedom"),
    low=("float64", "interval of the difference, lower end"),
    high=("float64", "interval of the difference, upper end"),
    level=("float64", "level of that interval: 1 - alpha; these are exploration"),
)
TRENDS = _table(
    "trends",
    run=("int64", "place of the run in the history, from 0, by the time when it ended"),
    suite=("str", "suite id"),
    effect_id=("str", "decision effect, the same in every run of the suite"),
    metric=("str", "metric name"),
    axis=("str", "axis or intersection"),
    stratum=("str", "stratum or `*`"),
    design=("str", "paired, groups, ranking"),
    group_a=("str", "group, `*` or `reference`, as in EFFECTS"),
    group_b=("str", "group"),
    contrast=("str", "pair, others, reference, interaction"),
    scale=("str", "difference or log_ratio"),
    estimate=("float64", "effect, b against a, as in its run"),
    low=("float64", "its interval in that run, lower end"),
    high=("float64", "its interval in that run, upper end"),
    level=("float64", "level of that interval"),
    limit_low=("float64", "limit on the same scale; NaN without one"),
    limit_high=("float64", "limit on the same scale; NaN without one"),
    control_arm=("str", "deciding control arm"),
    cluster_count=("int64", "clusters the interval rests on"),
    pair_count=("int64", "pairs (answers, sets of prompts) with a value"),
    failed_count=("int64", "pairs without a value"),
    verdict=("str", "its verdict in that run"),
    reason=("str", "why, in words"),
    apart=(
        "str",
        "why it cannot be compared with the run before that has the effect; empty where it can, and in the first",
    ),
)
TABLES: tuple[Table, ...] = (
    PROMPTS, PAIRS, RESPONSES, SCORES, DELTAS, EFFECTS, GROUPS, ATTRIBUTIONS, QUALITY, CARRIERS, SUBGROUPS, CLASSICAL,
    JUDGED,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Expansion:
    """What a suite asks: prompts in all their roles, the pairs among them, and what was left out."""

    prompts: pd.DataFrame
    pairs: pd.DataFrame
    excluded: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """Answers that exist, read by a suite's `recorded:` block: the prompts they answer and the answers."""

    prompts: pd.DataFrame
    responses: pd.DataFrame
    excluded: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A finished run as it lies on disk: what reports, exports and comparisons read."""

    folder: str
    plan: Mapping[str, object]
    manifest: Mapping[str, object]
    suite: Mapping[str, object]
    policy: Mapping[str, object]
    axes: Mapping[str, Mapping[str, object]]
    prompts: pd.DataFrame
    pairs: pd.DataFrame
    responses: pd.DataFrame
    scores: pd.DataFrame
    deltas: pd.DataFrame
    effects: pd.DataFrame
    groups: pd.DataFrame
    attributions: pd.DataFrame
    findings: tuple[Finding, ...]
    excluded: tuple[Exclusion, ...]
    quality: pd.DataFrame = field(default_factory=lambda: QUALITY.frame())
    subgroups: pd.DataFrame = field(default_factory=lambda: SUBGROUPS.frame())
    classical: pd.DataFrame = field(default_factory=lambda: CLASSICAL.frame())
    judged: pd.DataFrame = field(default_factory=lambda: JUDGED.frame())
    carriers: pd.DataFrame = field(default_factory=lambda: CARRIERS.frame())
    looks: tuple[Mapping[str, object], ...] = ()
    """Every time results were computed from this plan: `at` and what was counted then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One of the versions that are compared: what it is, and the digests by which it can be found again."""

    source: str
    """Folder of the run, or the baseline file."""
    suite: str
    suite_digest: str
    model: str
    """KIND:NAME, with the revision where there is one."""
    model_id: str
    policy: str
    policy_digest: str
    plan: str
    """Digest of the plan."""
    root: str
    """Merkle root of the manifest."""
    finished_at: str
    complete: bool
    audit_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """A finished run without its prompts and answers: what a history reads of it."""

    facts: Compared
    planned: Mapping[str, Any]
    """What has to be alike for a comparison: suite, question, policy, metrics, second models."""
    prompts: str
    """Digest of all prompts, or one of its own where there is none; empty where answers are read that existed before."""
    rows: tuple[Mapping[str, Any], ...]
    """Decision effects: columns of EFFECTS that TRENDS has too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """Finished runs by the time when they ended, and what became of each finding from run to run."""

    runs: tuple[Compared, ...]
    table: pd.DataFrame
    """TRENDS: all runs of one effect after another, by suite and in the order of the newest run."""
    left_out: tuple[Exclusion, ...] = ()
    """Folders that are not shown, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What became of one decision effect; every number of it stands in the table CHANGES under `id`."""

    id: str
    effect_id: str
    metric: str
    axis: str
    stratum: str
    group_a: str
    group_b: str
    contrast: Contrast
    decision: bool
    status: ChangeStatus
    reversed: bool
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiver:
    """A finding that somebody answers for until a day; `used` says for what, `problem` why it does not hold."""

    finding: str
    """Effect id, or a selector such as `selection_rate gender * men women`."""
    owner: str
    reason: str
    expires: str
    """Last day on which it holds, YYYY-MM-DD."""
    effect_ids: tuple[str, ...] = ()
    """The effects that it matches."""
    problem: str = ""
    """Expired or unmatched, in words; empty where it holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GateReason:
    """One thing that closes the gate, or that would without its waiver."""

    rule: str
    """worse, beyond, undecided, not_comparable, gone, not_measured, waiver, incomplete."""
    text: str
    effect_id: str = ""
    waived_by: str = ""
    """Owner of the waiver; empty where there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GateOutcome:
    """Whether a candidate may pass on, by the rules of a policy, and what closes the gate."""

    state: GateState
    policy: str
    rules: Mapping[str, bool]
    """Which rules the policy has, by name: whether they close the gate."""
    reasons: tuple[GateReason, ...] = ()
    """Everything that the rules met, waived or not."""

    @property
    def closing(self) -> tuple[GateReason, ...]:
        """What nobody waived."""
        return tuple(reason for reason in self.reasons if not reason.waived_by)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two versions side by side: what reports and exports of a comparison read."""

    baseline: Compared
    candidate: Compared
    paired: bool
    """Whether the change was taken pair by pair; else from the two intervals, as if the runs were independent."""
    alpha: float
    count: int
    """m: decision effects that were compared; each has intervals of level 1 - alpha/m."""
    changes: tuple[Change, ...]
    """Decision effects alone, in the order of the candidate's table."""
    table: pd.DataFrame
    """CHANGES, with the effects of exploration."""
    flips: pd.DataFrame
    flip_counts: pd.DataFrame
    movers: pd.DataFrame
    credits: pd.DataFrame
    utility: pd.DataFrame
    refused: tuple[Exclusion, ...] = ()
    """What could not be compared, and why."""
    notes: tuple[str, ...] = ()
    """What a reader has to know beside it: same model twice, baseline newer than candidate …"""
    waivers: tuple[Waiver, ...] = ()
    gate: GateOutcome | None = None
