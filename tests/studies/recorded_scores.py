"""What the recorded résumé scores say, and two traps shown on them: the tables of docs/validity.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from audit import pipeline, stats
from audit.bands import compare_with_best
from audit.floors import Edits, edit_floor
from audit.job import prepare
from audit.records import REFERENCE
from audit.suite import load_suite

Floats = NDArray[np.float64]
SUITE = "recorded/resume-scores"
MODELS = ("gemini-2.5-pro", "gemini-3.1-pro-preview", "llama-4-maverick", "mistral-large")
METRICS = ("rating", "selection_rate")
SHUFFLES = 2_000
SEED = 7
ALPHA = 0.05
LAYOUT = load_suite(SUITE).recorded
REFERENCES = LAYOUT.reference if LAYOUT is not None else ()
CONTROLS = LAYOUT.controls if LAYOUT is not None else ()
BASELINE = "baseline"


def file_of(data: Path, model: str) -> Path:
    """The recorded answers of a model."""
    return data / "recorded" / "resume-scores" / f"{model}.jsonl.gz"


@cache
def tables(data: Path, model: str) -> dict[str, pd.DataFrame]:
    """The tables of a run of the shipped suite."""
    results = pipeline.compute(prepare(SUITE, model=f"recorded:{file_of(data, model)}"))
    return dict(results.tables)


@cache
def effects(data: Path, model: str, metric: str) -> pd.DataFrame:
    """Effects of one metric by cue."""
    found = tables(data, model)["effects"]
    return found[(found["metric"] == metric) & (found["group_a"] == REFERENCE)].set_index("group_b")


@cache
def cells(data: Path, model: str, metric: str) -> pd.DataFrame:
    """Mean score of every job (rows) and cue (columns)."""
    made = tables(data, model)
    mine = made["scores"][made["scores"]["metric"] == metric]
    both = mine.merge(made["prompts"][["prompt_id", "template", "group"]], on="prompt_id")
    return both.pivot(index="template", columns="group", values="value")


@cache
def answers(data: Path, model: str, metric: str) -> Floats:
    """Scores of single answers to the reference inputs, shape (inputs, jobs, repeats); NaN without one."""
    made = tables(data, model)
    prompts = made["prompts"][made["prompts"]["group"].isin(REFERENCES)]
    rows = made["responses"].merge(prompts[["prompt_id", "template", "group"]], on="prompt_id")
    key, read = (
        ("score", float) if metric == "rating" else ("recommend_interview", lambda word: float(word == "yes"))
    )
    given = [json.loads(text).get(key) for text in rows["text"]]
    rows["value"] = [np.nan if one is None else read(one) for one in given]
    table = rows.pivot(index=["group", "template"], columns="repeat", values="value")
    return table.to_numpy(float).reshape(len(REFERENCES), -1, table.shape[1])


# ------------------------------------------------------------- what an audit says


def overview(data: Path) -> list[str]:
    """One row a model and metric: verdicts, floor, and how far the baseline lies from the control edits."""
    rows = [
        "| model | measure | unusable | beyond | within | undecided | largest control edit (cues below it) "
        "| floor | baseline |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for model in MODELS:
        for metric in METRICS:
            found = effects(data, model, metric)
            verdicts = found["verdict"].value_counts()
            groups = tables(data, model)["groups"]
            lost = int(groups.loc[groups["metric"] == metric, "failed"].sum())
            controls = found.loc[list(CONTROLS), "estimate"].abs()
            floor = found.loc[~found.index.isin(CONTROLS) & found["decision"], "control_high"].iloc[0]
            counts = " | ".join(str(int(verdicts.get(name, 0))) for name in ("beyond", "within", "undecided"))
            own = found.loc[BASELINE, "estimate"]
            cues = found.loc[~found.index.isin(REFERENCES), "estimate"].abs()
            below = f"{controls.max():.3f} ({int((cues < controls.max()).sum())} of {len(cues)})"
            title = "score" if metric == "rating" else "“yes”"
            rows.append(f"| {model} | {title} | {lost} | {counts} | {below} | {floor:.3f} | {_signed(own)} |")
    return rows


def cues(data: Path, model: str) -> list[str]:
    """One row a cue: both effects with their simultaneous intervals and verdicts."""
    rating, rate = (effects(data, model, metric) for metric in METRICS)
    rows = [
        "| cue | score | interval | verdict | “yes” | interval | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for cue in [*(name for name in rating.index if name not in REFERENCES), *CONTROLS, BASELINE]:
        parts = [_cells(table.loc[cue]) for table in (rating, rate)]
        rows.append(f"| `{cue}` | {' | '.join(parts)} |")
    return rows


def _cells(row: Any) -> str:
    verdict = row["verdict"] or "(shown only)"
    return f"{_signed(row['estimate'])} | {_signed(row['low'])} to {_signed(row['high'])} | {verdict}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A cue whose difference is told from zero, at α/36, when the reference is one input."""

    model: str
    metric: str
    cue: str
    estimate: float
    p: float
    against_mean: float
    p_against_mean: float


def baseline_hits(data: Path) -> list[Hit]:
    """Cues with p < α/36 against the single baseline, and what is left of them against the mean of the reference."""
    found = []
    for model in MODELS:
        for metric in METRICS:
            table = cells(data, model, metric)
            others = [cue for cue in table if cue != BASELINE]
            for cue in others:
                one, p = _t(table[cue] - table[BASELINE])
                mean, p_mean = _t(
                    table[cue] - table[[name for name in REFERENCES if name != cue]].mean(axis=1)
                )
                if p < ALPHA / len(others):
                    found.append(Hit(
                        model=model, metric=metric, cue=str(cue), estimate=one, p=p, against_mean=mean,
                        p_against_mean=p_mean,
                    ))  # fmt: skip
    return found


def hits(data: Path) -> list[str]:
    """The apparent hits as a table."""
    rows = [
        "| model | measure | cue | against the baseline | p | against the mean of the reference | p |",
        "|---|---|---|---|---|---|---|",
    ]
    for hit in baseline_hits(data):
        title = "score" if hit.metric == "rating" else "“yes”"
        ends = (
            f"{_signed(hit.estimate)} | {hit.p:.5f} | {_signed(hit.against_mean)} | {hit.p_against_mean:.3f}"
        )
        rows.append(f"| {hit.model} | {title} | `{hit.cue}` | {ends} |")
    return rows


def months(data: Path) -> list[str]:
    """Whether the answers of May differ from those of August where nothing was meant to: all cues, and the baseline."""
    rows = [
        "| model | measure | 29 cues − control edits | 95 % interval | baseline − control edits | 95 % interval |",
        "|---|---|---|---|---|---|",
    ]
    for model in MODELS:
        for metric in METRICS:
            table = cells(data, model, metric)
            controls = table[list(CONTROLS)].mean(axis=1)
            cues = table[[cue for cue in table if cue not in REFERENCES]].mean(axis=1)
            parts = [_interval(cues - controls), _interval(table[BASELINE] - controls)]
            title = "score" if metric == "rating" else "“yes”"
            rows.append(f"| {model} | {title} | {' | '.join(parts)} |")
    return rows


def _interval(change: pd.Series) -> str:
    found = scipy_stats.ttest_1samp(change, 0.0).confidence_interval(1 - ALPHA)
    return f"{_signed(change.mean())} | {_signed(found.low)} to {_signed(found.high)}"


def _t(change: pd.Series) -> tuple[float, float]:
    """Mean over jobs and p of the one-sample t test."""
    spread = float(change.std(ddof=1))
    p = float(scipy_stats.ttest_1samp(change, 0.0).pvalue) if spread > 1e-12 else 1.0
    return float(change.mean()), p


# ------------------------------------------------------------- trap 1: what counts as one observation


@dataclass(frozen=True, kw_only=True)
class Size:
    """One test on pairs of inputs that differ by nothing that matters."""

    test: str
    found: int
    """Of the real pairs of reference inputs, how many have p < 0.05."""
    pairs: int
    shuffled: float
    """Share of shuffled pairs with p < 0.05."""
    width: float
    """Median half-width of its 95 % interval, relative to ours."""


def sizes(data: Path, model: str, metric: str) -> list[Size]:
    """Every test on all pairs of reference inputs, and on pairs whose labels were shuffled within the jobs."""
    values = answers(data, model, metric)
    first, second = np.triu_indices(len(values), 1)
    rng = np.random.default_rng(SEED)
    order = rng.permuted(np.tile(np.arange(len(values)), (SHUFFLES, values.shape[1], 1)), axis=2)[:, :, :2]
    jobs = np.arange(values.shape[1])
    drawn = [values[order[:, :, side], jobs] for side in (0, 1)]
    found = []
    ours = _tests(values[first], values[second], metric)["clusters"][1]
    for name, (p, half) in _tests(values[first], values[second], metric).items():
        again = _tests(*drawn, metric)[name][0]
        ratio = half[ours > 0] / ours[ours > 0]
        found.append(Size(
            test=name, found=int((p < ALPHA).sum()), pairs=len(p), shuffled=float((again < ALPHA).mean()),
            width=float(np.median(ratio)) if len(ratio) else float("nan"),
        ))  # fmt: skip
    return found


def _tests(a: Floats, b: Floats, metric: str) -> dict[str, tuple[Floats, Floats]]:
    """p-values and 95 % half-widths of each test of b against a, arrays of shape (pairs, jobs, repeats)."""
    flat_a, flat_b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    made = {"answers, unpaired": _unpaired(flat_a, flat_b), "answers, paired": _one_sample(flat_b - flat_a)}
    if metric == "selection_rate":
        made["McNemar on answers"] = (_mcnemar(flat_a, flat_b), made["answers, paired"][1])
    made["clusters"] = _clustered(
        np.nanmean(b, axis=2) - np.nanmean(a, axis=2), rate=metric == "selection_rate"
    )
    return made


def _unpaired(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Welch's t test."""
    n, m = ((~np.isnan(x)).sum(axis=1) for x in (a, b))
    va, vb = np.nanvar(a, axis=1, ddof=1) / n, np.nanvar(b, axis=1, ddof=1) / m
    se = np.sqrt(va + vb)
    df = (va + vb) ** 2 / np.maximum(va**2 / (n - 1) + vb**2 / (m - 1), 1e-300)
    return _p(np.nanmean(b, axis=1) - np.nanmean(a, axis=1), se, df), scipy_stats.t.ppf(
        1 - ALPHA / 2, df
    ) * se


def _one_sample(change: Floats) -> tuple[Floats, Floats]:
    """The paired t test, with every (job, repeat) as a pair."""
    n = (~np.isnan(change)).sum(axis=1)
    se = np.nanstd(change, axis=1, ddof=1) / np.sqrt(n)
    return _p(np.nanmean(change, axis=1), se, n - 1.0), scipy_stats.t.ppf(1 - ALPHA / 2, n - 1) * se


def _p(value: Floats, se: Floats, df: Floats) -> Floats:
    size = np.abs(value) / np.where(se > 0, se, np.inf)
    return 2 * scipy_stats.t.sf(size, df)


def _mcnemar(a: Floats, b: Floats) -> Floats:
    """Exact McNemar test, with every (job, repeat) as a pair."""
    gained, lost = ((a == 0) & (b == 1)).sum(axis=1), ((a == 1) & (b == 0)).sum(axis=1)
    return np.minimum(1.0, 2 * scipy_stats.binom.cdf(np.minimum(gained, lost), gained + lost, 0.5))


def _clustered(change: Floats, *, rate: bool) -> tuple[Floats, Floats]:
    """The audit's own: one number a job."""
    count, jobs = change.shape
    sample = stats.Sample(
        effect=np.repeat(np.arange(count), jobs), value=change.ravel(), side=None,
        cluster=np.tile(np.arange(jobs), count), name=np.zeros(change.size, dtype=np.intp), count=count,
    )  # fmt: skip
    found = stats.difference(sample)
    low, high = stats.interval(found, 1 - ALPHA)
    return stats.p_values(found, 1.0, rate=rate), (high - low) / 2


def one_observation(data: Path) -> list[str]:
    """Trap 1 as a table over all models."""
    rows = [
        "| measure | test | alarms among real pairs | alarms among shuffled pairs | half-width, ours = 1 |",
        "|---|---|---|---|---|",
    ]
    for metric in METRICS:
        every = [sizes(data, model, metric) for model in MODELS]
        for same in zip(*every, strict=True):
            found, pairs = sum(one.found for one in same), sum(one.pairs for one in same)
            shuffled = float(np.mean([one.shuffled for one in same]))
            width = float(np.median([one.width for one in same]))
            title = "score" if metric == "rating" else "“yes”"
            rows.append(
                f"| {title} | {TESTS[same[0].test]} | {found} of {pairs} | {shuffled:.1%} | {width:.2f} |"
            )
    return rows


TESTS = {
    "answers, unpaired": "85 answers against 85, unpaired (Welch)",
    "answers, paired": "85 pairs (job and number of the repeat), paired t",
    "McNemar on answers": "85 pairs, McNemar, exact",
    "clusters": "**17 jobs, repeats averaged (ours)**",
}


# ------------------------------------------------------------- trap 2: a reference picked from the data


@dataclass(frozen=True, kw_only=True)
class Lowest:
    """The lowest ratio to the highest rate where all groups are equal."""

    naive: float
    expected: float
    high: float
    """Upper end of the interval of the comparison with the best, of that group."""
    naive_alarms: float
    """Share of shuffles whose lowest ratio is under 0.80."""
    our_alarms: float
    """Share of shuffles in which an interval lies wholly under 0.80."""


def lowest(values: Floats, *, shuffles: int = 500) -> Lowest:
    """`values` of shape (groups, clusters): real answers; labels are shuffled within clusters."""
    found = _best(values)
    rng = np.random.default_rng(SEED)
    drawn = [_best(rng.permuted(values, axis=0)) for _ in range(shuffles)]
    at = int(np.nanargmin(found.ratio))
    return Lowest(
        naive=float(found.ratio[at]), expected=found.expected_lowest, high=float(found.high[at]),
        naive_alarms=float(np.mean([one.ratio.min() < 0.8 for one in drawn])),
        our_alarms=float(np.mean([np.nanmin(one.high, initial=1.0) < 0.8 for one in drawn])),
    )  # fmt: skip


def _best(values: Floats) -> Any:
    groups, clusters = values.shape
    sample = stats.Sample(
        effect=np.repeat(np.arange(groups), clusters), value=values.ravel(), side=None,
        cluster=np.tile(np.arange(clusters), groups), name=np.zeros(values.size, dtype=np.intp), count=groups,
    )  # fmt: skip
    return compare_with_best(sample, alpha=ALPHA, seed=SEED)


@cache
def winners(data: Path) -> dict[str, Floats]:
    """By job of the recorded rankings: 1 where the group's candidate came first, shape (groups, answers)."""
    folder = data / "recorded" / "bloomberg-gpt-hiring"
    job = prepare("recorded/hiring-ranking", model=f"recorded:{folder}/*.jsonl.gz")
    made = pipeline.compute(job).tables
    rows = made["scores"].merge(
        made["prompts"][["prompt_id", "item", "group", "stratum"]], on=["prompt_id", "item"]
    )
    rows = rows[(rows["metric"] == "rank_first") & rows["value"].notna()]
    return {
        str(name): mine.pivot(index="group", columns="prompt_id", values="value").to_numpy(float)
        for name, mine in rows.groupby("stratum")
    }


def picked_reference(data: Path, *, shuffles: int = 500) -> list[str]:
    """Trap 2 as a table."""
    rows = [
        "| answers | groups | lowest ratio | to expect if equal | upper end of its interval "
        "| shuffled: lowest under 0.80 | shuffled: interval under 0.80 |",
        "|---|---|---|---|---|---|---|",
    ]
    for model in MODELS:
        yes = cells(data, model, "selection_rate")[list(REFERENCES)].to_numpy(float).T
        rows.append(_lowest_row(f"{model}, “yes”, inputs without a cue", yes, shuffles))
    for name, values in winners(data).items():
        rows.append(_lowest_row(f"rankings, {name}, labels shuffled once", _shuffled(values), shuffles))
    return rows


def _shuffled(values: Floats) -> Floats:
    """The same answers, with the labels of the candidates shuffled within every answer."""
    return np.random.default_rng(SEED + 1).permuted(values, axis=0)


def _lowest_row(title: str, values: Floats, shuffles: int) -> str:
    found = lowest(values, shuffles=shuffles)
    numbers = f"{found.naive:.3f} | {found.expected:.3f} | {found.high:.3f}"
    return f"| {title} | {len(values)} | {numbers} | {found.naive_alarms:.0%} | {found.our_alarms:.1%} |"


# ------------------------------------------------------------- the noise floor of single edits


def floor_errors(
    *, edit: float, noise: float, level: float, edits: int = 7, jobs: int = 17, audits: int = 2_000
) -> dict[str, float]:
    """How often a further edit that cannot matter lies outside the floor, by how the floor is drawn.

    Every edit has an effect of its own (standard deviation `edit`), every cell noise (`noise`).
    """
    rng = np.random.default_rng(SEED)
    outside: dict[str, list[bool]] = {"averaged": [], "drawn by job": [], "largest edit": [], "ours": []}
    for number in range(audits):
        cells = rng.normal(0, noise, (edits + 2, jobs)) + rng.normal(0, edit, (edits + 2, 1))
        reference, further = cells[:-1], cells[-1]
        size = abs(float((further - reference.mean(axis=0)).mean()))
        for name, floor in _floors(reference, level, number).items():
            outside[name].append(size > floor)
    return {name: float(np.mean(found)) for name, found in outside.items()}


def _floors(reference: Floats, level: float, seed: int) -> dict[str, float]:
    """Floors from reference cells of shape (inputs, jobs), the first of which is no edit."""
    count, jobs = reference.shape
    left_out = (reference.sum(axis=0) - reference) / (count - 1)
    change = (reference - left_out)[1:]
    rng = np.random.default_rng(seed)
    pick, sign = rng.integers(0, count - 1, (500, jobs)), rng.choice([-1, 1], (500, jobs))
    turned = np.sort(np.abs((change.mean(axis=0) * sign).mean(axis=1)))
    drawn = np.sort(np.abs((change[pick, np.arange(jobs)] * sign).mean(axis=1)))
    rank = min(int(np.ceil(level * 500)), 500) - 1
    edits = Edits(
        value_a=left_out[1:].ravel(), value_b=reference[1:].ravel(),
        edit=np.repeat(np.arange(count - 1), jobs), cluster=np.tile(np.arange(jobs), count - 1),
    )  # fmt: skip
    return {
        "averaged": float(turned[rank]), "drawn by job": float(drawn[rank]),
        "largest edit": float(np.abs(change.mean(axis=1)).max()),
        "ours": edit_floor(edits, level, between=stats.minus, seed=seed),
    }  # fmt: skip


def floors(*, audits: int = 2_000) -> list[str]:
    """How often each floor errs, as a table."""
    rows = [
        "| edits scatter by | noise of a cell | level | edits averaged | drawn by job | largest edit | ours |",
        "|---|---|---|---|---|---|---|",
    ]
    for level in (0.95, 0.99):
        for edit, noise in ((0.0, 0.4), (0.1, 0.4), (0.3, 0.4), (0.3, 0.05)):
            found = floor_errors(edit=edit, noise=noise, level=level, audits=audits)
            rows.append(
                f"| {edit:g} | {noise:g} | {level:.0%} | {' | '.join(f'{x:.1%}' for x in found.values())} |"
            )
    return rows


# ------------------------------------------------------------- the document


def made(data: Path) -> dict[str, str]:
    """Every generated part of docs/validity.md by its name."""
    parts: dict[str, Sequence[str]] = {
        "overview": overview(data), "single baseline": hits(data), "May and August": months(data),
        **{model: cues(data, model) for model in MODELS},
        "one observation": one_observation(data), "picked reference": picked_reference(data), "floors": floors(),
    }  # fmt: skip
    return {f"resume scores: {name}": "\n".join(lines) for name, lines in parts.items()}
