"""Suites as tests: `pytest --audit SUITE --audit-model MODEL`, one test for each finding that the suite plans.

Without `--audit` nothing is collected and nothing loaded. A suite is audited once a session, by the first test that
needs it; under xdist the other workers wait for it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from audit.disk import held
from audit.errors import AuditError, IncompleteError, InputError, InUseError
from audit.records import Contrast, Finding, Run

WAIT_S = 0.2
SHARED = "audit_shared"
"""Key under which workers of xdist are told of the folder where the first one leaves what came out."""
SHOWN = ("estimate", "low", "high", "limit_low", "limit_high", "pair_count", "cluster_count")
Planned = tuple[str, str, str, str, str, Contrast]
"""Metric, axis, stratum, group_a, group_b, contrast."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, in a group of their own."""
    group = parser.getgroup("audit", "suites of audit as tests")
    group.addoption(
        "--audit", action="append", default=[], metavar="SUITE", help="a suite file, or a shipped suite"
    )
    group.addoption("--audit-model", default="", metavar="MODEL", help="KIND:NAME or a model file")
    group.addoption("--audit-policy", default="default", metavar="NAME", help="policy file, or a shipped one")
    group.addoption("--audit-output", default="reports", metavar="FOLDER", help="where run folders are made")


@dataclass(slots=True)
class Session:
    """What the options say, and which suites this process knows the outcome of."""

    suites: dict[Path, str]
    """File of each suite → how it was named."""
    model: str
    policy: str
    output: Path
    shared: Path | None
    outcomes: dict[str, Outcome] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The folder of the run, or why there is none."""

    folder: str = ""
    error: str = ""


SESSION = pytest.StashKey[Session]()


def pytest_configure(config: pytest.Config) -> None:
    """Adds the suites to what is collected; they are all of it where no path is named."""
    config.addinivalue_line("markers", "audit: a finding of an audited suite")
    named: list[str] = config.getoption("--audit")
    if not named:
        return
    if not config.getoption("--audit-model"):
        raise pytest.UsageError("--audit needs a model: --audit-model KIND:NAME, or a model file")
    suites = {_file(name): name for name in named}
    told: dict[str, Any] = getattr(config, "workerinput", {})
    config.stash[SESSION] = Session(
        suites=suites,
        model=config.getoption("--audit-model"),
        policy=config.getoption("--audit-policy"),
        output=Path(config.getoption("--audit-output")),
        shared=Path(told[SHARED]) if SHARED in told else None,
    )
    own = [str(path) for path in suites]
    config.args = [*config.args, *own] if config.args_source is config.ArgsSource.ARGS else own
    config.args_source = config.ArgsSource.ARGS


def _file(suite: str) -> Path:
    """The file of a suite."""
    from audit.suite import find_suite

    try:
        found = find_suite(suite).resolve()
    except InputError as error:
        raise pytest.UsageError(f"--audit: {error}") from error
    if not found.is_file():
        raise pytest.UsageError(f"--audit: {suite}: there is no such file")
    return found


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a worker of xdist where outcomes are shared."""
    session = node.config.stash.get(SESSION, None)
    if session is not None:
        session.shared = session.shared or Path(tempfile.mkdtemp(prefix="audit-"))
        node.workerinput[SHARED] = str(session.shared)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Takes away what workers shared; the runs stay."""
    session = config.stash.get(SESSION, None)
    if session is not None and session.shared is not None and not hasattr(config, "workerinput"):
        shutil.rmtree(session.shared, ignore_errors=True)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    """A suite that was named; no other file."""
    session = parent.config.stash.get(SESSION, None)
    if session is None or file_path.resolve() not in session.suites:
        return None
    return SuiteFile.from_parent(parent, path=file_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """An error is one sentence; a skipped finding stands at its suite, not at the line that skipped it."""
    report = yield
    if not isinstance(item, SuiteTest):
        return report
    if isinstance(report.longrepr, tuple):
        report.longrepr = (str(item.path), 1, report.longrepr[2])
    elif call.excinfo is not None and isinstance(call.excinfo.value, AuditError):
        report.longrepr = str(call.excinfo.value)
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Where the reports of the audited suites lie."""
    told = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "audit_run"
    ]
    if told:
        terminalreporter.section("audit")
    for folder in dict.fromkeys(told):
        terminalreporter.line(f"{folder}/report.html")


# --------------------------------------------------------------- collection


class SuiteFile(pytest.File):
    """A suite: a test for each finding that it plans, and one for the run as a whole. Asks no model."""

    def collect(self) -> Iterator[SuiteTest]:
        """Named like the selectors of waivers: metric, axis, stratum, group_a, group_b."""
        from audit.effects import decisions
        from audit.job import prepare

        session = self.config.stash[SESSION]
        try:
            job = prepare(self.source, model=session.model, policy=session.policy)
        except AuditError as error:
            raise self.CollectError(str(error)) from error
        planned = decisions(job.expansion.prompts, suite=job.suite, axes=job.axes)
        for each in planned:
            yield FindingTest.from_parent(self, name=_named(each), planned=each)
        yield RunTest.from_parent(self, name="run", planned=frozenset(planned))

    @property
    def source(self) -> str:
        """The suite as it was named."""
        return self.config.stash[SESSION].suites[self.path.resolve()]


def _named(planned: Planned) -> str:
    *words, contrast = planned
    return " ".join([*words, contrast] if contrast == "interaction" else words)


# -------------------------------------------------------------------- tests


class NotAsWanted(Exception):
    """A finding that fails its test; the message is the finding."""


class SuiteTest(pytest.Item):
    """Something that is told once the suite was audited; what goes wrong before is an error, no failure."""

    record: Run

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.add_marker("audit")

    def setup(self) -> None:
        """The run, made or read; IncompleteError where answers are missing."""
        from audit.runs import read_run

        assert isinstance(self.parent, SuiteFile)
        outcome = audited(self.config.stash[SESSION], self.parent.source)
        if outcome.error:
            raise AuditError(outcome.error)
        self.user_properties.append(("audit_run", outcome.folder))
        self.record = read_run(Path(outcome.folder), only=("effects",))
        _require_answers(self.record)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """One sentence for what was raised on purpose."""
        if isinstance(excinfo.value, NotAsWanted):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """The suite's file and the test's name."""
        return self.path, None, self.name


class FindingTest(SuiteTest):
    """A finding: beyond fails, undecided and not measured are skipped with their reason, within is as wanted."""

    def __init__(self, *, planned: Planned, **how: Any) -> None:
        super().__init__(**how)
        self._planned = planned

    def runtest(self) -> None:
        """Raises the finding as a sentence unless it is within the limit."""
        from audit.cards import sentence

        finding = next((each for each in self.record.findings if _key(each) == self._planned), None)
        if finding is None:
            raise NotAsWanted(f"{self.record.folder}: the run has no such finding, though it was planned")
        self._note(finding)
        told = sentence(self.record, finding)
        if finding.verdict == "beyond":
            raise NotAsWanted(told)
        if finding.verdict != "within":
            pytest.skip(told)

    def _note(self, finding: Finding) -> None:
        """The numbers of the finding, which a JUnit file shows as properties."""
        row = self.record.effects.set_index("effect_id").loc[finding.effect_id]
        self.user_properties += [("audit_effect", finding.effect_id), ("audit_verdict", finding.verdict)]
        self.user_properties += [(f"audit_{name}", f"{row[name]:.6g}") for name in SHOWN]


class RunTest(SuiteTest):
    """The run as a whole: it came to its end, and has the findings that were planned and no others."""

    def __init__(self, *, planned: Iterable[Planned], **how: Any) -> None:
        super().__init__(**how)
        self._planned = frozenset(planned)

    def runtest(self) -> None:
        """Raises what nobody planned: a test for it is missing."""
        more = [_named(_key(each)) for each in self.record.findings if _key(each) not in self._planned]
        if more:
            raise NotAsWanted(f"{self.record.folder}: findings without a test: {'; '.join(more)}")


def _require_answers(run: Run) -> None:
    """IncompleteError where answers are missing, AuditError where there is none at all."""
    counts = cast("Mapping[str, int]", run.manifest["counts"])
    if not run.manifest["complete"]:
        raise IncompleteError(f"{run.folder}: some answers are missing; the same command asks for them again")
    if counts["responses"] and counts["failed"] == counts["responses"]:
        raise AuditError(f"{run.folder}: none of {counts['responses']} questions was answered")


def _key(finding: Finding) -> Planned:
    return (
        finding.metric, finding.axis, finding.stratum, finding.group_a, finding.group_b, finding.contrast,
    )  # fmt: skip


# ------------------------------------------------------------------- audits


def audited(session: Session, suite: str) -> Outcome:
    """What came out of auditing a suite; it is done once, whichever worker asks first."""
    if suite not in session.outcomes:
        session.outcomes[suite] = _shared(session, suite) if session.shared else _audit(session, suite)
    return session.outcomes[suite]


def _shared(session: Session, suite: str) -> Outcome:
    """The outcome that another worker left, or that of an audit in this one, left for the others."""
    assert session.shared is not None
    note = session.shared / f"{list(session.suites.values()).index(suite)}.json"
    with ExitStack() as stack:
        _wait_for(stack, session.shared)
        if note.is_file():
            return Outcome(**json.loads(note.read_text(encoding="utf-8")))
        outcome = _audit(session, suite)
        note.write_text(json.dumps({"folder": outcome.folder, "error": outcome.error}), encoding="utf-8")
        return outcome


def _wait_for(stack: ExitStack, folder: Path) -> None:
    """The folder for this worker alone, as soon as no other works; the system frees it when a worker dies."""
    while True:
        try:
            stack.enter_context(held(folder))
            return
        except InUseError:
            time.sleep(WAIT_S)


def _audit(session: Session, suite: str) -> Outcome:
    from audit import pipeline

    try:
        folder = pipeline.run(suite, model=session.model, output=session.output, policy=session.policy)
    except AuditError as error:
        return Outcome(error=str(error))
    return Outcome(folder=str(folder))
