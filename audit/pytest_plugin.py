"""Suites as tests: `pytest --audit SUITE --audit-model MODEL`, one test for each finding that the suite plans.

Without `--audit` nothing is collected and nothing loaded. A suite is audited once a session, by the first test that
needs it; under xdist the other workers wait for it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.errors import AuditError, InputError
from audit.records import Comparison, Contrast, Finding, Run
from audit.sessions import Session, audited, closing, compared, require_answers

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
    group.addoption(
        "--audit-baseline", default="", metavar="RUN|FILE", help="compare with a run or a baseline file"
    )
    group.addoption("--audit-waivers", default="", metavar="FILE", help="findings that somebody answers for")
    group.addoption("--audit-output", default="reports", metavar="FOLDER", help="where run folders are made")


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
    baseline, waivers = (
        _path(str(config.getoption(name))) for name in ("--audit-baseline", "--audit-waivers")
    )
    if waivers and not baseline:
        raise pytest.UsageError(
            "--audit-waivers is about a comparison; name a run or a file with --audit-baseline"
        )
    if baseline and len(suites) > 1:
        raise pytest.UsageError("--audit-baseline is a run of one suite; name one suite")
    told: dict[str, Any] = getattr(config, "workerinput", {})
    config.stash[SESSION] = Session(
        suites=suites,
        model=config.getoption("--audit-model"),
        policy=config.getoption("--audit-policy"),
        output=Path(config.getoption("--audit-output")),
        baseline=baseline,
        waivers=waivers,
        shared=Path(told[SHARED]) if SHARED in told else None,
    )
    own = [str(path) for path in suites]
    config.args = [*config.args, *own] if config.args_source is config.ArgsSource.ARGS else own
    config.args_source = config.ArgsSource.ARGS


def _path(name: str) -> Path | None:
    """A path that an option names, if any; UsageError where nothing is there."""
    if name and not Path(name).exists():
        raise pytest.UsageError(f"{name}: there is no such file or folder")
    return Path(name) if name else None


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
    return "/".join([*words, contrast] if contrast == "interaction" else words)


# -------------------------------------------------------------------- tests


class NotAsWanted(Exception):
    """A finding that fails its test; the message is the finding."""


class SuiteTest(pytest.Item):
    """Something that is told once the suite was audited; what goes wrong before is an error, no failure."""

    record: Run
    comparison: Comparison | None

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.add_marker("audit")

    def setup(self) -> None:
        """The run, made or read; IncompleteError where answers are missing."""
        from audit.runs import read_run

        assert isinstance(self.parent, SuiteFile)
        session = self.config.stash[SESSION]
        outcome = audited(session, self.parent.source)
        if outcome.error:
            raise AuditError(outcome.error)
        self.user_properties.append(("audit_run", outcome.folder))
        self.record = read_run(Path(outcome.folder), only=("effects",))
        require_answers(self.record)
        self.comparison = compared(session, outcome.folder)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """One sentence for what was raised on purpose."""
        if isinstance(excinfo.value, NotAsWanted):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """The suite's file and the test's name."""
        return self.path, None, self.name


class FindingTest(SuiteTest):
    """A finding: beyond fails, undecided and not measured are skipped with their reason unless the gate closes on them.

    With a baseline the gate of the policy decides alone, and a waiver skips what it covers.
    """

    def __init__(self, *, planned: Planned, **how: Any) -> None:
        super().__init__(**how)
        self._planned = planned

    def runtest(self) -> None:
        """Raises the finding as a sentence if it closes the gate; skips it if it is not within the limit."""
        from audit.cards import sentence

        finding = next((each for each in self.record.findings if _key(each) == self._planned), None)
        if finding is None:
            raise NotAsWanted(f"{self.record.folder}: the run has no such finding, though it was planned")
        self._note(finding)
        told = "\n".join([sentence(self.record, finding), *self._since(finding)])
        reasons = closing(self.record, finding, self.comparison)
        if any(not reason.waived_by for reason in reasons):
            raise NotAsWanted(told)
        if reasons:
            pytest.skip(f"waived by {reasons[0].waived_by}: {told}")
        if finding.verdict != "within":
            pytest.skip(told)

    def _since(self, finding: Finding) -> list[str]:
        """What became of the finding since the baseline, in a sentence."""
        from audit.changecard import change_sentence

        found = self.comparison
        if found is None:
            return []
        mine = [change for change in found.changes if change.effect_id == finding.effect_id]
        self.user_properties += [("audit_change", change.status) for change in mine]
        return [change_sentence(found, change) for change in mine]

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
        found = self.comparison
        if found is None or found.gate is None:
            return
        own = {each.effect_id for each in self.record.findings}
        others = [reason.text for reason in found.gate.closing if reason.effect_id not in own]
        if others:
            raise NotAsWanted("\n".join(others))


def _key(finding: Finding) -> Planned:
    return (
        finding.metric, finding.axis, finding.stratum, finding.group_a, finding.group_b, finding.contrast,
    )  # fmt: skip
