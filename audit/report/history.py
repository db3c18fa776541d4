"""Many runs as one HTML page, by the rules of the report: no script, nothing fetched, every number that of its run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from audit.catalogue import shipped
from audit.kinds import card_of
from audit.machine import versions
from audit.records import VERDICTS, Compared, History
from audit.report import numbers, scales
from audit.report.charts import shortened
from audit.report.facts import Row, rows
from audit.report.numbers import Number
from audit.report.render import environment
from audit.report.trends import Stop, trend
from audit.report.wording import VERDICT_WORDS
from audit.statuses import contrasted, version_name

LONGEST_ALT = 250
MOST_VERSIONS = 12
MOST_ROWS = 200
"""Newest runs that the table under a figure has; the figure has all of them."""


def render_history(found: History) -> str:
    """The page."""
    from markupsafe import Markup

    lines = [_Line(found.runs, members) for members in by_effect(found)]
    newest = [line.members[-1] for line in lines]
    return environment().get_template("history.html.j2").render(
        style=Markup((shipped("templates") / "style.css").read_text(encoding="utf-8")),
        count=numbers.count(len(found.runs), "history", "runs"),
        suites=sorted({one.suite for one in found.runs}),
        first=_day(found.runs[0]), last=_day(found.runs[-1]), one=len(found.runs) == 1,
        days=len({_day(one).text for one in (found.runs[0], found.runs[-1])}),
        tested=numbers.count(len(lines), "history", "findings"),
        boxes=[
            (verdict, numbers.count(sum(row["verdict"] == verdict for row in newest), "history", verdict))
            for verdict in VERDICTS
        ],
        moved=[line.moved for line in lines if line.moved], versions=_versions(found.runs),
        parts=[
            (suite, [line.panel() for line in members])
            for suite, members in groupby(lines, key=lambda line: str(line.newest["suite"]))
        ],
        runs=[_run(one, own) for one, own in zip(found.runs, _verdicts(found), strict=True)],
        incomplete=any(not one.complete for one in found.runs),
        left_out=found.left_out, version=versions()["audit"],
    )  # fmt: skip


def panels(found: History) -> list[Mapping[str, object]]:
    """A figure and its table for each finding."""
    return [_Line(found.runs, members).panel() for members in by_effect(found)]


def by_effect(found: History) -> list[list[Row]]:
    """The rows of each effect, oldest run first."""
    return [list(members) for _, members in groupby(rows(found.table), key=lambda row: row["effect_id"])]


def _verdicts(found: History) -> list[Mapping[str, int]]:
    """How many findings of each run have each verdict."""
    table = found.table.groupby(["run", "verdict"]).size().to_dict()
    return [
        {verdict: int(table.get((place, verdict), 0)) for verdict in VERDICTS}
        for place in range(len(found.runs))
    ]


def _version(one: Compared) -> Number:
    return numbers.exact(version_name(one.model), one.root[:12], "model")


def _versions(runs: Sequence[Compared]) -> list[Number]:
    """Each version once, in the order in which they came; of very many the first and the last few."""
    first = {version_name(one.model): one for one in reversed(runs)}
    every = [_version(first[name]) for name in dict.fromkeys(version_name(one.model) for one in runs)]
    if len(every) <= MOST_VERSIONS:
        return every
    few = MOST_VERSIONS // 2
    return [*every[:few], Number(text="…", record="history"), *every[-few:]]


def _day(one: Compared) -> Number:
    return numbers.day(one.finished_at, one.root[:12], "finished_at")


def _run(one: Compared, verdicts: Mapping[str, int]) -> Mapping[str, object]:
    record = one.root[:12]
    return {
        "finished": numbers.moment(one.finished_at, record, "finished_at"), "version": _version(one),
        "identity": numbers.short(one.model_id, record, "model_id"), "suite": one.suite, "complete": one.complete,
        "source": numbers.exact(one.source, record, "source"),
        "counts": [numbers.count(count, record, verdict) for verdict, count in verdicts.items()],
    }  # fmt: skip


class _Line:
    """One effect over all its runs."""

    def __init__(self, runs: Sequence[Compared], members: Sequence[Row]) -> None:
        self.members = members
        self._runs = runs

    @property
    def newest(self) -> Row:
        return self.members[-1]

    @property
    def title(self) -> str:
        return f"{card_of(str(self.newest['metric'])).title}: {contrasted(self.newest)}"

    @property
    def moved(self) -> Mapping[str, object] | None:
        """The verdict of the newest run, where it is not that of the run before."""
        if len(self.members) < 2 or self.newest["verdict"] == self.members[-2]["verdict"]:
            return None
        before = self.members[-2]
        return {
            "id": self._record(self.newest), "title": self.title, "before": before["verdict"],
            "now": self.newest["verdict"],
            "was": self._number(before, "estimate"), "is": self._number(self.newest, "estimate"),
            "unit": scales.unit(self.newest), "apart": self.newest["apart"],
        }  # fmt: skip

    def panel(self) -> Mapping[str, object]:
        """A figure and its table."""
        stops = [
            Stop(
                row=row,
                label=version_name(self._run(row).model),
                whole=self._run(row).complete,
                apart=str(row["apart"]),
            )
            for row in self.members
        ]
        return {
            "id": f"trend-{self.newest['effect_id']}", "heading": self.title, "unit": scales.unit(self.newest),
            "plot": trend(stops), "alt": self._alt(), "caption": self._caption(),
            "lines": [self._cells(row) for row in reversed(self.members[-MOST_ROWS:])],
            "cut": numbers.count(max(0, len(self.members) - MOST_ROWS), str(self.newest["effect_id"]), "cut"),
        }  # fmt: skip

    def _run(self, row: Row) -> Compared:
        return self._runs[int(row["run"])]

    def _record(self, row: Row) -> str:
        return f"{self._run(row).root[:12]}/{row['effect_id']}"

    def _own(self, row: Row) -> Row:
        return {**row, "effect_id": self._record(row)}

    def _number(self, row: Row, name: str) -> Number:
        return scales.effect(self._own(row), name)

    def _cells(self, row: Row) -> Mapping[str, object]:
        own, run = self._own(row), self._run(row)
        return {
            "record": own["effect_id"], "day": _day(run), "version": _version(run), "complete": run.complete,
            "estimate": scales.effect(own, "estimate"), "range": scales.span(own),
            "limit": scales.span(own, *scales.LIMITS),
            "pairs": numbers.count(float(row["pair_count"]), str(own["effect_id"]), "pair_count"),
            "verdict": row["verdict"], "reason": row["reason"], "apart": row["apart"],
        }  # fmt: skip

    def _caption(self) -> Iterable[str | Number]:
        count = len(self.members)
        first, last = (_day(self._run(row)) for row in (self.members[0], self.newest))
        return (
            numbers.count(count, str(self.newest["effect_id"]), "runs"),
            f" {'run' if count == 1 else 'runs'}, ",
            first,
            *((" to ", last) if last.text != first.text else ()),
        )

    def _alt(self) -> str:
        """The finding of the figure in one sentence."""
        first, last, count = self.members[0], self.newest, len(self.members)
        unit = scales.unit(last)
        if count == 1:
            told = f"{self._number(last, 'estimate').text} {unit} in the only run"
        else:
            told = (
                f"from {self._number(first, 'estimate').text} in {self._label(first)} to "
                f"{self._number(last, 'estimate').text} {unit} in {self._label(last)}"
            )
        beyond = sum(row["verdict"] == "beyond" for row in self.members)
        apart = sum(bool(row["apart"]) for row in self.members)
        now = VERDICT_WORDS[last["verdict"]].lower()
        tail = f"; beyond the limit in {beyond} of {count} runs, {now} in the newest"
        broken = f"; {apart} {'break' if apart == 1 else 'breaks'} of the line" if apart else ""
        return shortened(shortened(self.title, 100) + f", {told}{tail}{broken}.", LONGEST_ALT)

    def _label(self, row: Row) -> str:
        return shortened(version_name(self._run(row).model), 30)
