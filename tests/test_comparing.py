from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from audits import decide, make_suite
from made_runs import on_disk, run_of
from small_suites import write_suite
from test_compare import logit, rates, scores
from typer.testing import CliRunner

from audit.baselinefile import baseline_of, read_baseline, write_baseline
from audit.cli import app
from audit.compare import compare
from audit.comparing import compare_versions, open_version, set_baseline
from audit.errors import AuditError, InputError
from audit.gate import gated
from audit.policy import load_policy
from audit.records import Waiver
from audit.waivers import load_waivers

DAY = date(2026, 11, 30)
RUNNER = CliRunner()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs on disk: `low` and `high` effects, `half` between them, and one that is not complete."""
    output = tmp_path_factory.mktemp("runs")
    made = {
        "low": logit(0.0, "low", own=1),
        "half": logit(0.25, "half", own=3),
        "high": logit(1.0, "high", own=2),
    }
    found = {name: on_disk(run, output) for name, run in made.items()}
    unfinished = run_of(scores(1.0, own=2), "part", metric="choice_logit", complete=False)
    return {**found, "part": on_disk(unfinished, output)}


def said(*words: object) -> tuple[int, str]:
    """Exit code and output of a command."""
    result = RUNNER.invoke(app, [str(word) for word in words])
    error = result.exception
    code = error.exit_code if isinstance(error, AuditError) else result.exit_code
    return code, f"{result.output}\n{error if isinstance(error, AuditError) else ''}"


def waiver(path: Path, finding: str, expires: str = "2027-03-31") -> Path:
    path.write_text(
        f"waivers: 1\nfindings:\n  - finding: '{finding}'\n    owner: A. Person\n    reason: known\n"
        f"    expires: {expires}\n",
        encoding="utf-8",
    )
    return path


def test_the_gate_ends_with_its_codes(folders: dict[str, Path], tmp_path: Path) -> None:
    assert said("compare", folders["low"], folders["half"], "--gate")[0] == 0
    code, text = said("compare", folders["low"], folders["high"], "--gate")
    assert code == 1 and "the gate is closed, for 2 reasons" in text
    assert said("compare", folders["low"], folders["high"])[0] == 0
    assert said("compare", folders["low"], folders["part"], "--gate")[0] == 3
    assert said("compare", folders["low"], tmp_path / "nothing", "--gate")[0] == 2


def test_a_waiver_opens_the_gate_until_its_day(folders: dict[str, Path], tmp_path: Path) -> None:
    found = compare(logit(0.0, "low", own=1), logit(1.0, "high", own=2))
    policy = load_policy("default")

    def state(**changes: str) -> Any:
        plain = {
            "finding": "choice_logit/colour/*",
            "owner": "A. Person",
            "reason": "known",
            "expires": "2026-11-30",
        }
        outcome = gated(found, policy, waivers=(Waiver(**{**plain, **changes}),), today=DAY).gate
        assert outcome is not None
        return outcome

    assert state().state == "open"
    assert [reason.waived_by for reason in state().reasons] == ["A. Person", "A. Person"]
    assert state(finding=found.changes[0].effect_id).state == "open"
    late = state(expires="2026-11-29")
    assert late.state == "closed" and "expired on 2026-11-29" in late.closing[-1].text
    assert "matches no decision effect" in state(finding="rating/*").closing[-1].text
    path = waiver(tmp_path / "waivers.yaml", "choice_logit/*")
    assert said("compare", folders["low"], folders["high"], "--gate", "--waivers", path)[0] == 0


def test_an_undecided_change_never_opens_a_gate_that_asks_for_within() -> None:
    found = compare(logit(0.0, "low", own=1), logit(0.4, "edge", own=4))
    assert found.changes[0].status == "undecided"
    policy = load_policy("default")
    assert policy.gate is not None
    strict = policy.gate.model_copy(update={"closes": {**policy.gate.closes, "undecided": "asks for within"}})
    for rules, state in ((policy, "open"), (policy.model_copy(update={"gate": strict}), "closed")):
        outcome = gated(found, rules, today=DAY).gate
        assert outcome is not None and outcome.state == state


def test_a_baseline_file_is_small_sorted_and_read_back(tmp_path: Path) -> None:
    kept = baseline_of(logit(0.0, "low", own=1))
    path = tmp_path / "baseline.json"
    write_baseline(kept, path)
    back = read_baseline(path)
    assert (
        back.facts == kept.facts
        and back.items == kept.items
        and dict(back.plan) == json.loads(json.dumps(kept.plan))
    )
    for column in ("estimate", "low", "high", "se", "df", "limit_low"):
        assert back.effects[column].to_numpy() == pytest.approx(kept.effects[column].to_numpy(), rel=1e-5)
    assert sum('"effect_id"' in line for line in path.read_text().splitlines()) == len(kept.effects)
    write_baseline(back, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_a_baseline_file_gives_wider_intervals_than_the_pairs(tmp_path: Path) -> None:
    one, two = logit(0.0, "low", own=1), logit(1.0, "high", own=2)
    file = compare(baseline_of(one), two)
    pairs = compare(one, two)
    assert not file.paired and "baseline file" in file.notes[-1]
    a, b = file.table.iloc[0], pairs.table[pairs.table["decision"]].iloc[0]
    assert a["difference"] == pytest.approx(b["difference"], rel=1e-5)
    assert a["high"] - a["low"] > b["high"] - b["low"]
    assert (
        compare(baseline_of(logit(0.0, "low", own=1, templates=25)), two).changes[0].status
        == "not_comparable"
    )


def test_limits_on_ratios_are_the_same_after_they_were_rounded(tmp_path: Path) -> None:
    suite = make_suite(metrics=("selection_rate", "impact_ratio"), decision=(decide("impact_ratio"),))
    one, two = (
        run_of(rates(shift, own=own), name, suite=suite) for shift, own, name in ((0, 1, "a"), (1.5, 2, "b"))
    )
    write_baseline(baseline_of(one), tmp_path / "baseline.json")
    row = compare(read_baseline(tmp_path / "baseline.json"), two).table.iloc[0]
    assert row["status"] == "worse" and row["scale"] == "log_ratio"


def test_the_run_of_a_baseline_file_is_taken_where_it_lies_beside(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    path = set_baseline(folders["low"], tmp_path / "baseline.json")
    assert open_version(path, beside=folders["high"].parent).__class__.__name__ == "Run"
    assert open_version(path, beside=tmp_path).__class__.__name__ == "Baseline"
    assert compare_versions([path, folders["high"]])[0].paired


def test_more_versions_are_compared_with_the_first_and_with_the_one_before(folders: dict[str, Path]) -> None:
    found = compare_versions([folders[name] for name in ("low", "half", "high")])
    assert [(one.baseline.source, one.candidate.source) for one in found] == [
        (str(folders[a]), str(folders[b])) for a, b in (("low", "half"), ("low", "high"), ("half", "high"))
    ]
    code, text = said("compare", *(folders[name] for name in ("low", "half", "high")))
    assert code == 0 and "Trend" in text


def _schema(folder: Path) -> None:
    path = folder / "baseline.json"
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 2'))


def test_bad_input_is_one_sentence_and_nothing_is_overwritten(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(folders["high"], damaged)
    (damaged / "effects.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match=r"not as it was when it ended: effects.parquet: changed"):
        compare_versions([folders["low"], damaged])
    with pytest.raises(InputError, match="the same run as the baseline"):
        compare_versions([folders["low"], folders["low"]])
    with pytest.raises(InputError, match="incomplete; a baseline needs all its answers"):
        set_baseline(folders["part"], tmp_path / "part.json")
    set_baseline(folders["low"], tmp_path / "baseline.json")
    _schema(tmp_path)
    with pytest.raises(InputError, match="written as version 2 of the baseline format, this program reads 1"):
        compare_versions([tmp_path / "baseline.json", folders["high"]])
    other = tmp_path / "notes.json"
    other.write_text("{}")
    for call in (lambda: open_version(other, beside=tmp_path), lambda: set_baseline(folders["low"], other)):
        with pytest.raises(InputError, match="no baseline file"):
            call()
    assert other.read_text() == "{}"
    cut = tmp_path / "cut.json"
    cut.write_text(json.dumps({"kind": "audit baseline", "schema": 1, "effects": []}))
    with pytest.raises(InputError, match="the file is damaged, 'run' is missing"):
        read_baseline(cut)


def test_a_waiver_file_tells_its_mistakes_with_their_place(tmp_path: Path) -> None:
    path = waiver(tmp_path / "waivers.yaml", "x", expires="soon")
    with pytest.raises(InputError, match=r"waivers.yaml:6:14: 'expires' is 'soon'; allowed: a date such as"):
        load_waivers(path)


def test_a_newer_baseline_and_one_model_twice_are_noted() -> None:
    one, two = logit(0.0, "low", own=1), logit(0.1, "next", own=2)
    newer = replace(one, manifest={**one.manifest, "finished_at": "2026-12-01T00:00:00Z"})
    assert any("newer than the candidate" in note for note in compare(newer, two).notes)
    same = replace(two, manifest={**two.manifest, "model": one.manifest["model"]})
    assert any("the same model" in note for note in compare(one, same).notes)


def test_gate_options_without_a_baseline_are_refused_before_anything_is_asked() -> None:
    code, text = said("run", "hiring", "--model", "reference:screening-v1", "--gate")
    assert code == 2 and "name a run or a baseline file with --baseline" in text


def test_what_other_programs_and_people_read_is_written(folders: dict[str, Path], tmp_path: Path) -> None:
    from xml.etree import ElementTree

    files = {name: tmp_path / f"out.{name}" for name in ("json", "junit", "markdown", "sarif")}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    names = [str(path) for path in list(folders.values())[:2]]
    pages = tmp_path / "pages"
    done = RUNNER.invoke(app, ["compare", *names, "-o", str(pages), *options])
    assert done.exit_code == 0, done.output
    assert done.output.count("written ") == 7
    changes = [row for row in json.loads(files["json"].read_text())["changes"] if row["decision"]]
    cases = list(ElementTree.parse(files["junit"]).getroot().iter("testcase"))
    results = json.loads(files["sarif"].read_text())["runs"][0]["results"]
    assert len(changes) == len(results) == len(cases) - 1 > 0
    html = (pages / "comparison.html").read_text(encoding="utf-8")
    assert all(f'data-record="{row["change_id"]}"' in html for row in changes)
    assert files["markdown"].read_text(encoding="utf-8").startswith("### ")
    again = RUNNER.invoke(app, ["compare", *names, "-o", names[0]])
    assert isinstance(again.exception, InputError) and "folder of a run" in str(again.exception)


def test_a_run_ends_with_the_gate_of_its_comparison(tmp_path: Path) -> None:
    suite = write_suite(tmp_path)
    model = ("--model", "reference:screening-v1", "-o", tmp_path / "one")
    assert said("run", suite, *model)[0] == 0
    (first,) = (tmp_path / "one").iterdir()
    rest = ("--model", "reference:screening-v2", "-o", tmp_path / "two", "--baseline", first, "--gate")
    code, text = said("run", suite, *rest)
    assert code == 0 and "3 undecided" in text and "the gate is open" in text
    path = waiver(tmp_path / "waivers.yaml", "choice_logit/*", expires="2020-01-01")
    code, text = said("run", suite, *rest, "--waivers", path)
    assert code == 1 and "expired on 2020-01-01" in text
