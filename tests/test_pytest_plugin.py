"""The plugin in processes of its own, as people start it: real suites, a function as the model, and real files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest
from preloaded import Ended, Parent
from small_runs import FACTS, finished_run
from small_suites import TEXT

from audit import pipeline
from audit.disk import held
from audit.errors import AuditError
from audit.evidence import plan_digest, write_receipt
from audit.job import prepare
from audit.policy import load_policy
from audit.records import Verdict
from audit.runs import read_run, write_plan
from audit.sessions import closing, require_answers
from audit.ways import InProcess

ROOT = Path(__file__).parent.parent
MODEL = """\
from pathlib import Path


def answer(texts: list[str]) -> list[str]:
    with Path("asked.log").open("a") as log:
        log.writelines(f"{len(text)}\\n" for text in texts)
    return ["No" if " She " in text or " her " in text.lower() else "Yes" for text in texts]


def before(texts: list[str]) -> list[str]:
    return ["Yes" for _ in texts]
"""
FRAMES = """\
$name wrote as $a_occupation. $They $have seven years of practice.
$name applies as $a_occupation. $They $have a diploma.
As $a_occupation $name is known to us. $They $have good references.
Our branch had $name as $a_occupation. $They $have time from May.
$name would like to work here as $a_occupation. $They $have two languages.
A friend told us of $name, $a_occupation. $They $have a licence.
$name left a note: $a_occupation, free from June. $They $have a car.
The agency sent us $name, $a_occupation. $They $have every certificate.
$name asked for a post as $a_occupation. $They $have done this for years.
This is the file of $name, $a_occupation. $They $have moved to town.
"""
DECISIONS = """\
decision:
  - {metric: selection_rate, axis: gender}
  - {metric: choice_logit, axis: gender}
"""
BEYOND, WAIVED = "selection_rate/gender/*/non-binary/women", "selection_rate/gender/*/men/women"
OTHERS = "selection_rate/gender/*/men/non-binary"
SHAPELESS = {f"choice_logit/gender/*/{pair}" for pair in ("men/women", "non-binary/women", "men/non-binary")}
EVERY = {BEYOND, WAIVED, OTHERS, "run"} | SHAPELESS
WAIVERS = f"""\
waivers: 1
findings:
  - {{finding: "{WAIVED}", owner: A. Person, reason: known, expires: 2099-12-31}}
  - {{finding: "selection_rate/age/*/*/*", owner: A. Person, reason: known, expires: 2099-12-31}}
"""


@dataclass(frozen=True)
class Place:
    """A folder in which pytest is started."""

    folder: Path
    forks: Parent

    def pytest(self, *words: str) -> Ended:
        """To its end, by a process that has imported nearly everything."""
        environment = {"AUDIT_CACHE": str(self.folder / "cache"), "COLUMNS": "200"}
        words = (*plugin(), "-p", "no:cacheprovider", *words)
        return self.forks.run(*words, program="pytest", inside=str(self.folder), environment=environment)

    def anew(self, *words: str) -> subprocess.CompletedProcess[str]:
        """To its end, by a new process."""
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        return subprocess.run(
            [sys.executable, "-m", "pytest", *plugin(), "-p", "no:cacheprovider", *words],
            cwd=self.folder, capture_output=True, text=True, timeout=540, stdin=subprocess.DEVNULL,
            env={**kept, "PYTHONPATH": paths, "AUDIT_CACHE": str(self.folder / "cache"), "COLUMNS": "200"},
        )  # fmt: skip

    def audit(self, *words: str) -> Ended:
        return self.pytest(*AUDIT, *words)


AUDIT = ("--audit", "applications.yaml", "--audit-model", "callable:screener:answer")


def plugin() -> tuple[str, ...]:
    """What names the plugin where the installed package does not."""
    known = [point.value for point in entry_points(group="pytest11")]
    return () if "audit.pytest_plugin" in known else ("-p", "audit.pytest_plugin")


def make(folder: Path, forks: Parent) -> Place:
    frames = enumerate(FRAMES.splitlines())
    templates = "\n".join(f'  - {{id: t{number}, text: "{frame}"}}' for number, frame in frames)
    head, _, tail = TEXT.partition("templates:\n")
    rest = tail[tail.index("controls:") : tail.index("decision:")].replace("[again, name, edit]", "[name]")
    text = f"{head}templates:\n{templates}\n{rest}{DECISIONS}".replace("id: small", "id: applications")
    (folder / "applications.yaml").write_text(text, encoding="utf-8")
    (folder / "screener.py").write_text(MODEL, encoding="utf-8")
    (folder / "test_own.py").write_text("def test_own():\n    assert True\n", encoding="utf-8")
    return Place(folder, forks)


def run_without_report(place: Place, model: str) -> Path:
    """A finished run as the pipeline makes it, but for the report, which takes most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.folder)
        patch.syspath_prepend(str(place.folder))
        job = prepare("applications.yaml", model=model)
        document = pipeline._document(job)
        folder = place.folder / "earlier"
        plan = write_plan(folder, document, digest=plan_digest(document))
        pipeline._made(folder, job, plan, executor=InProcess(backend=job.backend), progress=None)
    write_receipt(folder)
    (place.folder / "asked.log").unlink(missing_ok=True)
    return folder


@dataclass(frozen=True)
class Told:
    """What a JUnit file of pytest says of one test."""

    status: str
    message: str
    properties: dict[str, str]


def junit(path: Path) -> dict[str, Told]:
    found = {}
    for case in ElementTree.parse(path).iter("testcase"):
        outcome = next((child for child in case if child.tag in ("failure", "skipped", "error")), None)
        properties = {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
        status = "ok" if outcome is None else outcome.tag
        message = "" if outcome is None else f"{outcome.get('message')} {outcome.text}"
        found[case.get("name", "")] = Told(status, message, properties)
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, forks: Parent) -> Place:
    return make(tmp_path_factory.mktemp("pytest"), forks)


@pytest.fixture(scope="module")
def planned(place: Place) -> Ended:
    """`--collect-only`, before anything was asked."""
    done = place.audit("--collect-only", "-q")
    assert not (place.folder / "asked.log").exists() and not (place.folder / "reports").exists()
    return done


@pytest.fixture(scope="module")
def audited(place: Place, planned: object) -> subprocess.CompletedProcess[str]:
    """The audit itself, with two workers, a baseline in which nobody was worse off, and two waivers."""
    earlier = run_without_report(place, "callable:screener:before")
    (place.folder / "waivers.yaml").write_text(WAIVERS, encoding="utf-8")
    judged = ("--audit-baseline", str(earlier), "--audit-waivers", "waivers.yaml")
    return place.anew(*AUDIT, "-n", "2", "-rs", "--junit-xml", "two.xml", *judged)


def test_collecting_asks_no_model_and_lists_what_is_planned(
    planned: Ended,
) -> None:
    assert planned.code == 0, planned.out
    listed = re.findall(r"^applications\.yaml::(.+)$", planned.out, re.M)
    assert set(listed) == EVERY and len(listed) == len(EVERY)


def test_what_closes_the_gate_fails_and_what_is_waived_or_not_decided_is_skipped(
    place: Place, audited: subprocess.CompletedProcess[str]
) -> None:
    assert audited.returncode == 1, audited.stdout + audited.stderr
    found = junit(place.folder / "two.xml")
    assert set(found) == EVERY
    assert {name for name, told in found.items() if told.status == "failure"} == {BEYOND, "run"}
    assert {name for name, told in found.items() if told.status == "skipped"} >= {WAIVED} | SHAPELESS
    assert not [name for name, told in found.items() if told.status == "error"]
    assert "waived by A. Person" in found[WAIVED].message
    assert (
        "waiver for selection_rate/age/*/*/* (A. Person): matches no decision effect" in found["run"].message
    )


def test_a_failure_tells_what_became_of_the_finding_since_the_baseline(
    place: Place, audited: subprocess.CompletedProcess[str]
) -> None:
    told = junit(place.folder / "two.xml")[BEYOND]
    assert told.properties["audit_change"] == "worse"
    assert "worse" in told.message and "0.0 in the baseline, −100.0 in the candidate" in told.message


def test_the_message_of_a_failure_is_the_finding_with_its_numbers(
    place: Place, audited: subprocess.CompletedProcess[str]
) -> None:
    told = junit(place.folder / "two.xml")[BEYOND]
    [folder] = (place.folder / "reports").iterdir()
    rows = {
        each["effect_id"]: each for each in json.loads((folder / "findings.json").read_text())["findings"]
    }
    assert rows[told.properties["audit_effect"]]["verdict"] == told.properties["audit_verdict"] == "beyond"
    assert float(told.properties["audit_estimate"]) == -1.0
    for words in ("got the favourable answer 100.0 percentage points less often", "limit −10.0 to +10.0",
                  "simultaneous interval", "10 templates", "40 pairs"):  # fmt: skip
        assert words in told.message
    assert "Traceback" not in told.message
    assert "pytest_plugin.py" not in audited.stdout
    assert f"{folder.relative_to(place.folder)}/report.html" in audited.stdout


def test_a_reason_is_given_for_what_was_not_measured(
    place: Place, audited: subprocess.CompletedProcess[str]
) -> None:
    told = junit(place.folder / "two.xml")["choice_logit/gender/*/men/women"]
    assert told.status == "skipped" and "cannot be computed from answers of this kind" in told.message


def test_two_workers_make_one_audit(place: Place, audited: subprocess.CompletedProcess[str]) -> None:
    [folder] = (place.folder / "reports").iterdir()
    assert len((folder / "looks.jsonl").read_text().splitlines()) == 1
    counts = json.loads((folder / "manifest.json").read_text())["counts"]
    assert len((place.folder / "asked.log").read_text().splitlines()) == counts["asked"] > 0


def test_suites_stand_beside_other_tests_where_a_path_is_named(place: Place) -> None:
    done = place.audit("test_own.py", "-k", "own or (non-binary and not women)", "--collect-only", "-q")
    listed = {line.partition("::")[2] for line in done.out.splitlines() if "::" in line}
    assert listed == {"test_own", OTHERS, "choice_logit/gender/*/men/non-binary"}


def test_what_goes_wrong_is_an_error_in_one_sentence_and_no_finding(
    place: Place, audited: subprocess.CompletedProcess[str]
) -> None:
    [folder] = (place.folder / "reports").iterdir()
    with held(folder):
        done = place.anew(*AUDIT, "--junit-xml", "held.xml")
    assert done.returncode == 1
    found = junit(place.folder / "held.xml")
    assert {told.status for told in found.values()} == {"error"} and set(found) == EVERY
    assert all("is at work in this folder" in told.message for told in found.values())
    assert "Traceback" not in done.stdout and "_pytest" not in done.stdout


@pytest.mark.parametrize("facts, why", [
    ({"complete": False}, "some answers are missing; the same command asks for them again"),
    ({"counts": {"responses": 2, "failed": 2}}, "none of 2 questions was answered"),
])  # fmt: skip
def test_a_model_that_does_not_answer_is_an_error(tmp_path: Path, facts: dict[str, object], why: str) -> None:
    counts = {"counts": {"responses": 2, "failed": 0}}
    run = read_run(finished_run(tmp_path, facts={**FACTS, **counts, **facts}))
    with pytest.raises(AuditError, match=why):
        require_answers(run)


@pytest.mark.parametrize("verdict, strict, closes", [
    ("beyond", False, True), ("within", False, False), ("within", True, False),
    ("undecided", False, False), ("undecided", True, True), ("not_measured", True, True),
])  # fmt: skip
def test_without_a_baseline_the_policy_says_whether_what_is_not_decided_fails(
    verdict: Verdict, strict: bool, closes: bool
) -> None:
    run = read_run(ROOT / "reports" / "sample", only=("effects",))
    policy = load_policy("default").model_dump(mode="json")
    if strict:
        policy["gate"]["closes"]["undecided"] = policy["gate"]["lets_by"].pop("undecided")
    finding = replace(run.findings[0], verdict=verdict)
    assert bool(closing(replace(run, policy=policy), finding, None)) == closes


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize("words, code, why", [
    (("--audit", "applications.yaml"), 4, "--audit needs a model: --audit-model KIND:NAME"),
    (("--audit", "hirring", "--audit-model", "reference:screening-v1"), 4, "did you mean 'hiring'?"),
    (("--audit", "nowhere.yaml", "--audit-model", "reference:screening-v1"), 4, "nowhere.yaml: there is no such file"),
    (("--audit", "hiring", "--audit-model", "x:y", "--audit-baseline", "gone.json"), 4, "no such file or folder"),
    (("--audit", "hiring", "--audit-model", "x:y", "--audit-waivers", "screener.py"), 4, "is about a comparison"),
    (("--audit", "applications.yaml", "--audit-model", "refrence:x"), 2, "unknown kind of model 'refrence'"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(place: Place, words: tuple[str, ...], code: int, why: str) -> None:
    done = place.pytest(*words)
    assert done.code == code, done.out
    assert why in done.out + done.err
    assert "Traceback" not in done.out + done.err


def test_without_the_option_nothing_is_collected_and_nothing_heavy_loaded(place: Place) -> None:
    (place.folder / "test_light.py").write_text(
        "import sys\n\ndef test_light():\n    heavy = {'torch', 'transformers', 'pandas', 'scipy', 'pydantic'}\n"
        "    assert 'audit.pytest_plugin' in sys.modules and not heavy & sys.modules.keys()\n"
    )
    done = place.anew("test_light.py", "-q")
    assert done.returncode == 0, done.stdout


def test_the_package_names_the_plugin() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points.pytest11]\naudit = "audit.pytest_plugin"' in project
