"""What Python code calls: `run`, `plan`, `check`, `open`, and a run that shows itself. Loads heavy libraries on use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.errors import InputError
from audit.records import Comparison, Finding, Progress, Run
from audit.runs import read_run

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

    from audit.checking import Checked
    from audit.display import Card
    from audit.planning import PlanSummary
    from audit.protocols import Backend

Model = str | Path | Callable[[list[str]], Sequence[object]]
"""KIND:NAME, a model file, or a function that gives an answer for each text."""
SHOWN_OF_EFFECT = (
    "estimate", "low", "high", "level", "limit_low", "limit_high", "scale", "pair_count", "cluster_count",
    "failed_count",
)  # fmt: skip
"""Columns of EFFECTS that stand beside a finding."""


def run(
    suite: str | Path,
    *,
    model: Model,
    output: str | Path = "reports",
    policy: str | Path = "default",
    again: bool | None = None,
    pdf: bool | None = None,
    progress: Progress | bool = False,
) -> OpenRun:
    """Audits a model with one suite and gives the run, whose folder lies below `output`.

    The same call goes on with an unfinished run and gives a finished one as it is; `again=True` makes another. What a
    function answers may depend on more than its own lines, so a function makes another run unless `again=False`.
    `pdf=False` leaves report.pdf out.
    `progress=True` shows a bar; a function is called with (what is done, how many are done, of how many).
    """
    from audit import console, pipeline
    from audit import progress as bars

    anew = again if again is not None else not isinstance(model, str | Path)
    how: dict[str, Any] = {"output": Path(output), "policy": str(policy), "again": anew, "pdf": pdf}
    if isinstance(progress, bool) and progress:
        with bars.shown(console.out(stderr=True)) as shown:
            folder = pipeline.run(str(suite), model=_model(model), progress=shown, **how)
    else:
        folder = pipeline.run(str(suite), model=_model(model), progress=progress or None, **how)
    return OpenRun(folder)


def plan(
    suite: str | Path, *, model: Model, policy: str | Path = "default", like: OpenRun | str | Path | None = None
) -> PlanSummary:  # fmt: skip
    """What a run would ask and which differences it could tell; asks nothing. `like`: scatter of an earlier run."""
    from audit import pipeline

    earlier = None if like is None else _folder(like)
    return pipeline.plan(str(suite), model=_model(model), policy=str(policy), earlier=earlier)


def check(suite: str | Path, *, model: str | Path | None = None, policy: str | Path = "default") -> Checked:
    """What a suite expands to and what it could do better; InputError lists every mistake."""
    from audit import checking

    return checking.check(str(suite), model=None if model is None else str(model), policy=str(policy))


def open(folder: str | Path) -> OpenRun:
    """The finished run in `folder`, or in MLflow (`mlflow:RUN_ID`); InputError says what is missing or damaged.

    >>> sample = open("reports/sample")
    >>> sample.suite, sample.model, len(sample.findings)
    ('hiring', 'reference:screening-v1', 9)
    """
    return OpenRun(folder)


def compare_runs(
    baseline: OpenRun | str | Path,
    candidate: OpenRun | str | Path,
    *,
    policy: str | Path | None = None,
    waivers: str | Path | None = None,
) -> OpenComparison:
    """What became of each finding of the baseline (a run or a baseline file) in the candidate, pair by pair.

    The gate's outcome stands in it, by the rules of `policy`, by default of the candidate's own. Needs no model.
    """
    from audit.comparing import compare_versions

    [found] = compare_versions(
        [_folder(baseline), _folder(candidate)],
        policy=None if policy is None else str(policy),
        waivers=None if waivers is None else Path(waivers),
    )
    return OpenComparison(found)


class Shown:
    """Something that shows itself as a card: in notebooks, in terminals, and as plain text."""

    def _card(self) -> Card:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        """For notebooks."""
        from audit import display

        return display.html(self._card())

    def __rich__(self) -> RenderableType:
        from audit import display

        return display.rich(self._card())

    def __repr__(self) -> str:
        from audit import display

        return display.text(self._card())


class OpenRun(Shown):
    """A finished run: its findings and tables as DataFrames, its report, and comparisons with other runs."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = _folder(folder)
        self._told = read_run(self.folder, only=("effects",))

    @cached_property
    def record(self) -> Run:
        """Everything that is stored, read when it is first asked for."""
        return read_run(self.folder)

    @property
    def suite(self) -> str:
        """Id of the suite."""
        return str(self._told.suite["id"])

    @property
    def model(self) -> str:
        """KIND:NAME of the model."""
        from audit.report.facts import model_name

        return model_name(self._told)

    @property
    def complete(self) -> bool:
        """Whether every question was answered; if not, the same call of `run` asks again for those that were not."""
        return bool(self._told.manifest["complete"])

    @property
    def report(self) -> Path:
        """The report as a page; report.pdf lies beside it."""
        return self.folder / "report.html"

    @cached_property
    def findings(self) -> pd.DataFrame:
        """A row for each finding with its verdict, reason and numbers: by verdict, then the largest first.

        >>> open("reports/sample").findings[["verdict", "group_a", "group_b"]].head(3)
          verdict group_a group_b
        0  beyond     men   women
        1  beyond   Black   white
        2  beyond   Black    East Asian
        """
        return _findings(self._told)

    @property
    def effects(self) -> pd.DataFrame:
        """The table of effects: decisions and explorations, with intervals (see `audit.records.EFFECTS`)."""
        return self._told.effects.copy(deep=False)

    @property
    def groups(self) -> pd.DataFrame:
        """Outcomes of single groups (`audit.records.GROUPS`)."""
        return self.record.groups.copy(deep=False)

    @property
    def pairs(self) -> pd.DataFrame:
        """The pairs with their scores: `audit.records.DELTAS`, a row for each pair and metric."""
        return self.record.deltas.copy(deep=False)

    @cached_property
    def explained(self) -> list[str]:
        """Ids of the pairs whose difference was explained, the largest first."""
        from audit.cards import explained

        return explained(self.record)

    def finding(self, which: int | str = 0) -> OpenFinding:
        """A finding by its place in `findings`, its id, or the id of its effect."""
        from audit.cards import in_order

        ordered = in_order(self._told)
        if isinstance(which, int) and -len(ordered) <= which < len(ordered):
            return OpenFinding(self, ordered[which])
        found = next((item for item in ordered if which in (item.id, item.effect_id)), None)
        if found is None:
            raise InputError(f"{self.folder}: there is no finding {which!r}; the run has {len(ordered)}")
        return OpenFinding(self, found)

    def pair(self, pair_id: str) -> OpenPair:
        """A pair by its id: both texts, answers, scores, and what explains the difference."""
        return OpenPair(self, pair_id)

    def compare(
        self,
        baseline: OpenRun | str | Path,
        *,
        policy: str | Path | None = None,
        waivers: str | Path | None = None,
    ) -> OpenComparison:
        """What became of each finding since `baseline`, an earlier run or a baseline file."""
        return compare_runs(baseline, self, policy=policy, waivers=waivers)

    def verify(self) -> list[str]:
        """One sentence for each file that changed since the run ended; empty where all is as it was.

        >>> open("reports/sample").verify()
        []
        """
        from audit import evidence

        return evidence.verify(self.folder)

    def export(self, format: str, output: str | Path | None = None) -> list[Path]:
        """The files written in a machine format, by default into the run's own folder `exports`."""
        from audit import commands

        place = self.folder / "exports" if output is None else Path(output)
        return commands.export(self.folder, format=format, output=place)

    def _card(self) -> Card:
        from audit.cards import run_card

        return run_card(self._told)


class OpenFinding(Shown):
    """One finding of a run; `str` is one sentence."""

    def __init__(self, run: OpenRun, record: Finding) -> None:
        self._run = run
        self.record = record

    @property
    def verdict(self) -> str:
        """beyond, within, undecided or not_measured."""
        return self.record.verdict

    @property
    def example(self) -> OpenPair | None:
        """The pair with the largest difference in the direction of the estimate, if any."""
        return self._run.pair(self.record.example_pair) if self.record.example_pair else None

    def __str__(self) -> str:
        from audit.cards import sentence

        return sentence(self._run._told, self.record)

    def _card(self) -> Card:
        from audit.cards import finding_card

        return finding_card(self._run._told, self.record)


class OpenPair(Shown):
    """One pair of a run."""

    def __init__(self, run: OpenRun, pair_id: str) -> None:
        self._run = run
        self.id = pair_id
        self._card()

    def _card(self) -> Card:
        from audit.cards import pair_card

        return pair_card(self._run.record, self.id)


class OpenComparison(Shown):
    """Two versions of a model, compared pair by pair."""

    def __init__(self, record: Comparison) -> None:
        self.record = record

    @property
    def changes(self) -> pd.DataFrame:
        """A row for each finding: its status, and both versions and their difference with intervals (CHANGES)."""
        return self.record.table[self.record.table["decision"]].reset_index(drop=True)

    @property
    def effects(self) -> pd.DataFrame:
        """The same for every effect of both runs, explorations too, which have no status."""
        return self.record.table.copy(deep=False)

    @property
    def flips(self) -> pd.DataFrame:
        """The answers that are another decision in the candidate."""
        return self.record.flips.copy(deep=False)

    @property
    def gate(self) -> str:
        """open, closed or incomplete."""
        return self.record.gate.state if self.record.gate is not None else ""

    def _card(self) -> Card:
        from audit.changecard import comparison_card

        return comparison_card(self.record)


def _model(model: Model) -> str | Backend:
    """What the pipeline takes for a model: its name, or a function as a back end."""
    if isinstance(model, str | Path):
        return str(model)
    if not callable(model):
        raise InputError(
            f"a model is KIND:NAME, the path of a model file, or a function, not a {type(model).__name__}"
        )
    from audit.backends.callable import backend_of

    return backend_of(model)


def _folder(of: OpenRun | str | Path) -> Path:
    from audit.tracking import located

    return of.folder if isinstance(of, OpenRun) else located(of)


def _findings(run: Run) -> pd.DataFrame:
    """The findings beside the numbers of their effects."""
    import pandas as pd

    from audit.cards import in_order

    rows = run.effects.set_index("effect_id")
    names = ("verdict", "metric", "axis", "stratum", "group_a", "group_b", "contrast")
    last = ("distinguishable", "reason", "example_pair", "id", "effect_id")
    found = [
        {name: getattr(item, name) for name in names}
        | {name: rows.at[item.effect_id, name] for name in SHOWN_OF_EFFECT}
        | {name: getattr(item, name) for name in last}
        for item in in_order(run)
    ]
    return pd.DataFrame(found, columns=[*names, *SHOWN_OF_EFFECT, *last])
