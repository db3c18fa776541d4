from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from preloaded import Parent
from small_runs import finished_run
from small_suites import TEXT, write_suite

from audit.cli import main
from audit.runs import read_run

ROOT = Path(__file__).parent.parent
MODEL = "reference:screening-v1"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command line in this process: exit code, what it printed, what it complained about."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["audit", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            main()
            raise SystemExit(0)
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out, printed.err

    return run


@pytest.fixture(scope="module")
def audited(forks: Parent, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a run that the command made of the small suite, and what it printed."""
    folder = tmp_path_factory.mktemp("audited")
    suite = write_suite(folder)
    words = ("run", suite, "--model", MODEL, "--pdf", "-o", folder / "runs")
    done = forks.run(*words, environment={"AUDIT_CACHE": str(folder / "cache")})
    assert done.code == 0, done.err
    return next((folder / "runs").iterdir()), done.out + done.err


def commands() -> list[str]:
    return re.findall(r"^\| `audit (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)


# -------------------------------------------------------------------- asking


def test_help_and_readme_name_the_same_commands(command: Command) -> None:
    code, out, _ = command("--help")
    assert code == 0
    assert sorted(re.findall(r"^  (\w+)  +\S", out.partition("Commands:")[2], re.M)) == sorted(commands())


def test_every_option_of_the_readme_exists(command: Command) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, rest in re.findall(r"^\| `audit (\w+(?: (?:set|prune)\b)?)([^`]*)`", readme, re.M):
        _, out, _ = command(*name.split(), "--help")
        missing = [option for option in re.findall(r"--?[a-z]+", rest) if not re.search(rf"{option}\b", out)]
        assert not missing, f"{name}: {missing}"


def test_the_version_is_printed(command: Command) -> None:
    code, out, _ = command("--version")
    assert code == 0
    assert re.fullmatch(r"audit \d+\.\d+\.\d+\n", out)


@pytest.mark.parametrize("kind, expected", [
    ("axes", "non-binary"), ("suites", "recorded/hiring-ranking"), ("metrics", "selection_rate"), ("backends", "hf"),
    ("policies", "default"), ("models", "reference:screening-v1"), ("exporters", "csv"),
    ("executors", "ray"),
])  # fmt: skip
def test_what_ships_is_listed(command: Command, kind: str, expected: str) -> None:
    code, out, err = command("list", kind)
    assert (code, err) == (0, "")
    assert expected in out


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize("words", [
    ("run", "no-such-suite", "--model", MODEL),
    ("run", "hiring", "--model", "nonsense"),
    ("run", "hiring", "--model", "reference:no-such-model"),
    ("run", "hiring", "--model", MODEL, "--policy", "no-such-policy"),
    ("plan", "no-such-suite", "--model", MODEL),
    ("check", "no-such-suite"),
    ("verify", "no-such-folder"),
    ("report", "no-such-folder"),
    ("export", "no-such-folder", "--format", "csv"),
], ids=" ".join)  # fmt: skip
def test_bad_input_is_one_message_and_exit_code_2(command: Command, words: Sequence[str]) -> None:
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert err.startswith("audit: ")
    assert "Traceback" not in err


def test_an_unknown_format_lists_the_known_ones(command: Command, tmp_path: Path) -> None:
    code, _, err = command("export", finished_run(tmp_path), "--format", "cvs")
    assert code == 2
    assert "did you mean 'csv'?" in err


def test_every_mistake_of_every_suite_is_told_with_its_place(command: Command, tmp_path: Path) -> None:
    first = write_suite(
        tmp_path, TEXT.replace("$their patience", "$thier patience").replace("metrics:", "metrix:")
    )
    code, out, err = command("check", first, "no-such-suite")
    assert (code, out) == (2, "")
    assert re.search(r"small\.yaml:\d+:\d+: .*thier", err)
    assert re.search(r"small\.yaml:\d+:\d+: .*metrix", err)
    assert "no-such-suite" in err


def test_no_suite_is_asked_if_one_of_them_is_wrong(command: Command, tmp_path: Path) -> None:
    code, _, _ = command(
        "run", write_suite(tmp_path), "no-such-suite", "--model", MODEL, "-o", tmp_path / "runs"
    )
    assert code == 2
    assert not (tmp_path / "runs").exists()


# ---------------------------------------------------------------- check, plan


def test_check_counts_what_a_suite_expands_to(command: Command, tmp_path: Path) -> None:
    code, out, _ = command("check", write_suite(tmp_path))
    assert code == 0
    assert "36 swap" in out  # 3 templates, 4 persons, 3 groups
    assert "warning" in out


def test_check_shows_every_template_with_the_differing_words_marked(command: Command, tmp_path: Path) -> None:
    _, out, _ = command("check", write_suite(tmp_path), "--show")
    assert re.search(r"\[\w+ \w+\] applies as an? [\w ]+\. \[They\] \[have\] worked in this field", out)
    assert re.search(r"\[\w+ \w+\] applies as an? [\w ]+\. \[She\] \[has\] worked in this field", out)
    assert all(name in out for name in ("letter", "referral", "note", "men", "non-binary", "women"))


def test_plan_says_what_would_be_asked_and_what_it_could_tell(command: Command, tmp_path: Path) -> None:
    code, out, _ = command("plan", write_suite(tmp_path), "--model", MODEL)
    assert code == 0
    assert re.search(r"prompts +\d+ distinct", out)
    assert re.search(r"decisions +3, each at level 0\.98", out)
    assert "told from zero" in out


# ------------------------------------------------------------------------ run


def test_a_run_ends_with_its_verdicts_and_the_place_of_its_report(audited: tuple[Path, str]) -> None:
    folder, printed = audited
    assert f"report.html  {folder / 'report.html'}" in printed
    assert f"report.pdf   {folder / 'report.pdf'}" in printed
    assert (folder / "report.html").is_file()
    assert (folder / "report.pdf").is_file()
    counts = {
        word: int(count)
        for count, word in re.findall(r"(\d+) (beyond|within|undecided|not measured)", printed)
    }
    assert sum(counts.values()) == len(read_run(folder).findings) == 3


def test_without_a_terminal_progress_is_plain_lines(audited: tuple[Path, str]) -> None:
    _, printed = audited
    assert re.search(r"^\S.*: [\d,]+ of [\d,]+", printed, re.M)
    assert "\x1b" not in printed


def test_a_finished_run_verifies_and_a_changed_one_does_not(
    command: Command, audited: tuple[Path, str]
) -> None:
    folder, _ = audited
    assert command("verify", folder)[0] == 0
    original = (folder / "scores.parquet").read_bytes()
    (folder / "scores.parquet").write_bytes(original[:-1] + b"x")
    code, _, err = command("verify", folder)
    assert code == 1
    assert "scores.parquet: changed" in err
    for words in (("report", folder), ("export", folder, "--format", "csv")):
        code, _, err = command(*words)
        assert code == 1
        assert "scores.parquet: changed" in err
    (folder / "scores.parquet").write_bytes(original)
    assert command("verify", folder)[0] == 0


def test_the_report_is_made_again_byte_for_byte_without_the_model(
    command: Command, audited: tuple[Path, str]
) -> None:
    folder, _ = audited
    before = {name: (folder / name).read_bytes() for name in ("report.html", "receipt.json")}
    (folder / "report.html").unlink()
    code, out, _ = command("report", folder)
    assert code == 0
    assert str(folder / "report.html") in out
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_what_a_killed_command_left_half_written_is_named_and_holds_nobody_up(
    command: Command, audited: tuple[Path, str]
) -> None:
    folder, _ = audited
    left = folder / ".report.html.part"
    left.write_text("<html", encoding="utf-8")
    code, _, err = command("verify", folder)
    assert code == 1 and f"{left.name}: not part of the run, left half written" in err
    assert command("export", folder, "--format", "csv")[0] == 0
    assert left.name not in (folder / "receipt.json").read_text(encoding="utf-8")
    assert command("report", folder)[0] == 0
    assert not left.exists() and command("verify", folder)[0] == 0


def test_exports_go_into_the_run_and_under_its_receipt(command: Command, audited: tuple[Path, str]) -> None:
    folder, _ = audited
    code, out, _ = command("export", folder, "--format", "csv")
    assert code == 0
    assert str(folder / "exports" / "effects.csv") in out
    assert command("verify", folder)[0] == 0


def test_exports_elsewhere_leave_the_run_alone(
    command: Command, audited: tuple[Path, str], tmp_path: Path
) -> None:
    folder, _ = audited
    before = (folder / "receipt.json").read_bytes()
    code, _, _ = command("export", folder, "--format", "csv", "-o", tmp_path / "new" / "csv")
    assert code == 0
    assert {path.name for path in (tmp_path / "new" / "csv").iterdir()} == {"effects.csv", "groups.csv"}
    assert (folder / "receipt.json").read_bytes() == before


def test_the_same_command_finds_the_same_run_and_again_starts_another(
    command: Command, audited: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = audited
    home = first.parent.parent
    monkeypatch.setenv("AUDIT_CACHE", str(home / "cache"))
    words = ("run", home / "small.yaml", "--model", MODEL, "-o", home / "runs")
    manifest = (first / "manifest.json").read_bytes()
    code, out, _ = command(*words)
    assert code == 0
    assert "finished before; --again starts another" in out
    assert list((home / "runs").iterdir()) == [first]
    assert (first / "manifest.json").read_bytes() == manifest
    assert command(*words, "--again")[0] == 0
    second = next(path for path in (home / "runs").iterdir() if path != first)
    for name in ("scores.parquet", "effects.parquet", "attributions.parquet", "findings.json"):
        assert (second / name).read_bytes() == (first / name).read_bytes()


def test_a_stopped_run_says_that_it_goes_on_and_does(forks: Parent, tmp_path: Path) -> None:
    suite = write_suite(tmp_path)
    words = [sys.executable, "-m", "audit", "run", suite, "--model", MODEL, "-o", tmp_path / "runs"]
    environment = {**os.environ, "AUDIT_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen([*map(str, words)], env=environment, stderr=subprocess.PIPE, text=True)
    plan = until(lambda: next((tmp_path / "runs").glob("*/plan.json"), None))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "the same command goes on" in err
    assert "Traceback" not in err
    made_at = plan.read_bytes()
    done = forks.run(*words[3:], environment={"AUDIT_CACHE": str(tmp_path / "cache")})
    assert done.code == 0, done.err
    assert plan.read_bytes() == made_at
    assert (plan.parent / "report.html").is_file()


def until(found: Callable[[], Path | None]) -> Path:
    """What `found` gives once it gives something."""
    for _ in range(3000):
        path = found()
        if path is not None:
            return path
        time.sleep(0.02)
    raise AssertionError("it never came")


def test_check_reads_a_suite_of_recorded_answers_without_them(command: Command) -> None:
    code, printed, _ = command("check", "recorded/hiring-ranking", "--show")
    assert code == 0 and "no mistakes found" in printed


def test_check_warns_by_the_limits_of_the_policy_that_is_named(command: Command, tmp_path: Path) -> None:
    suite = write_suite(tmp_path)
    policy = tmp_path / "house.yaml"
    text = (ROOT / "audit/policies/default.yaml").read_text(encoding="utf-8")
    policy.write_text(text.replace("  choice_logit:\n", "  length:\n"), encoding="utf-8")
    assert "no limit for 'choice_logit'" not in command("check", suite)[1]
    assert "no limit for 'choice_logit'" in command("check", suite, "--policy", policy)[1]
    assert command("check", suite, "--policy", "defualt")[0] == 2


# ------------------------------------------------------------ prompts in a file


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_check_writes_the_prompts_that_it_counts(command: Command, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"prompts.{ending}"
    code, out, err = command("check", write_suite(tmp_path), "--prompts", path)
    assert (code, err) == (0, "")
    table = pd.read_json(path, lines=True, dtype=False) if ending == "jsonl" else pd.read_parquet(path)
    assert f"{table['prompt_id'].nunique():,} distinct" in out
    assert [each.name for each in tmp_path.glob("prompts*")] == [path.name]


@pytest.mark.parametrize(("name", "reason"), [
    ("prompts.csv", "prompts are written as .jsonl or .parquet"),
    ("prompts", "prompts are written as .jsonl or .parquet"),
    ("missing/prompts.jsonl", "cannot be written here (No such file or directory)"),
    ("missing/prompts.parquet", "cannot be written here (No such file or directory)"),
    ("small.yaml/prompts.jsonl", "cannot be written here (Not a directory)"),
    ("folder.parquet", "cannot be written here (Is a directory)"),
])  # fmt: skip
def test_a_file_that_cannot_be_written_is_one_sentence(
    command: Command, tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "folder.parquet").mkdir()
    code, _, err = command("check", write_suite(tmp_path), "--prompts", tmp_path / name)
    assert code == 2
    assert (
        err.startswith(f"audit: {tmp_path / name}: ") and err.endswith(f"{reason}\n") and err.count("\n") == 1
    )


def test_prompts_of_two_suites_do_not_go_into_one_file(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text("old", encoding="utf-8")
    code, out, err = command("check", write_suite(tmp_path), "hiring-fr", "--prompts", path)
    assert (code, out, err) == (2, "", "audit: --prompts writes one file; name one suite\n")
    assert path.read_text(encoding="utf-8") == "old"


def test_a_suite_with_mistakes_leaves_the_file_of_prompts_as_it_was(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text("old", encoding="utf-8")
    suite = write_suite(tmp_path, TEXT.replace("$their patience", "$thier patience"))
    code, _, err = command("check", suite, "--prompts", path)
    assert code == 2 and "thier" in err
    assert path.read_text(encoding="utf-8") == "old"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_answers_to_the_prompts_of_a_file_are_audited(command: Command, tmp_path: Path, ending: str) -> None:
    """A rule that invites where the text says "She" with log-odds 1, else with -1, is found as it is."""
    suite, prompts, answers = (
        write_suite(tmp_path),
        tmp_path / f"prompts.{ending}",
        tmp_path / "answers.jsonl",
    )
    assert command("check", suite, "--prompts", prompts)[0] == 0
    table = pd.read_json(prompts, lines=True, dtype=False) if ending == "jsonl" else pd.read_parquet(prompts)
    with answers.open("w", encoding="utf-8") as file:
        for row in table.drop_duplicates("prompt_id").to_dict("records"):
            odds = 1.0 if " She " in str(row["messages"]) else -1.0
            scores = {"invite": -math.log1p(math.exp(-odds)), "reject": -math.log1p(math.exp(odds))}
            both = ending == "parquet" and row["prompt_id"] in set(
                table.loc[table["arm"] == "again", "prompt_id"]
            )
            for repeat in range(row["repeats"] * (2 if both else 1)):
                answer = {"prompt_id": row["prompt_id"], "repeat": repeat, "scores": scores}
                file.write(json.dumps(answer) + "\n")
    code, _, err = command("run", suite, "--model", f"recorded:{answers}", "-o", tmp_path / "runs")
    assert code == 0, err
    folder = next((tmp_path / "runs").iterdir())
    finished = read_run(folder)
    assert finished.manifest["complete"] and (folder / "report.html").is_file()
    assert finished.manifest["counts"]["failed"] == 0
    deltas = finished.deltas[
        (finished.deltas["metric"] == "choice_logit") & (finished.deltas["arm"] == "swap")
    ]
    of_letter = deltas[
        (deltas["template"] == "letter") & (deltas["group_a"] == "men") & (deltas["group_b"] == "women")
    ]
    assert len(of_letter) == 4 and of_letter["delta"].to_numpy() == pytest.approx([2.0] * 4)
    assert deltas.loc[deltas["template"] != "letter", "delta"].to_numpy() == pytest.approx(0.0, abs=1e-9)
