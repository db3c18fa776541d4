from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from audits import decide, make_suite
from damage import spoil
from made_runs import on_disk, run_of
from many_runs import another
from test_compare import logit, scores
from typer.testing import CliRunner

from audit.cli import app
from audit.comparable import SIDES
from audit.compare import compare
from audit.errors import AuditError
from audit.evidence import verify
from audit.histories import history_of
from audit.history import Selection, names_of
from audit.historyfiles import text_of
from audit.records import TRENDS, History
from audit.runs import read_run
from audit.statuses import version_name

RUNNER = CliRunner()


def day(number: int) -> str:
    return f"2026-10-{number:02d}T12:00:00Z"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run on disk."""
    return on_disk(logit(0.3, "screener-v1", own=1), tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def place(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five runs, named against the order in which they ended: the last one incomplete, one with a revision."""
    output = tmp_path_factory.mktemp("runs")

    def shifted(by: float) -> Any:
        return lambda table: table.assign(**{name: table[name] + by for name in ("estimate", "low", "high")})

    for number, (name, by, more) in enumerate((
        ("v1", 0.0, {}), ("v2", 0.2, {}), ("v2", 0.21, {"model": {"revision": "0123456789abcdef"}}), ("v3", -0.1, {}),
        ("v4", 0.0, {"complete": False}),
    )):  # fmt: skip
        told = {"finished_at": day(number + 1), **more}
        another(
            base,
            output / f"{9 - number}-run",
            name=name,
            manifest=told,
            effects=shifted(by),
            plan={"seed": number},
        )
    return output


@pytest.fixture(scope="module")
def whole(place: Path) -> History:
    """The history of the five runs."""
    return history_of([place])


def said(*words: object) -> tuple[int, str]:
    result = RUNNER.invoke(app, [str(word) for word in words])
    error = result.exception
    assert error is None or isinstance(error, AuditError | SystemExit), result.exc_info
    code = error.exit_code if isinstance(error, AuditError) else result.exit_code
    return code, f"{result.output}\n{error if isinstance(error, AuditError) else ''}"


def apart(*folders: Path) -> list[str]:
    return list(history_of(folders).table["apart"])


# ------------------------------------------------------------- what is shown


def test_every_number_is_that_of_its_run_and_runs_stand_in_the_order_in_which_they_ended(place: Path) -> None:
    found = history_of([place])
    assert [one.finished_at for one in found.runs] == [day(number) for number in range(1, 6)]
    assert list(found.table["run"]) == list(range(5))
    for row in found.table.to_dict("records"):
        effects = read_run(Path(found.runs[row["run"]].source)).effects
        (own,) = effects[effects["decision"]].to_dict("records")
        for name in set(TRENDS.names) & set(own):
            assert row[name] == own[name] or (row[name] != row[name] and own[name] != own[name]), name
    assert list(found.table["apart"]) == [""] * 5 and found.left_out == ()


def test_findings_stand_in_the_order_of_the_newest_run_and_explorations_not_at_all(
    base: Path, tmp_path: Path
) -> None:
    suite = make_suite(
        metrics=("choice_logit", "flip_rate"), decision=(decide("choice_logit"), decide("flip_rate"))
    )
    two = on_disk(run_of(scores(0.3), "two", metric="choice_logit", suite=suite), tmp_path / "runs")
    effects = read_run(two).effects
    another(
        two,
        tmp_path / "runs" / "later",
        manifest={"finished_at": "2027-01-01T12:00:00Z"},
        effects=lambda table: table[::-1],
    )
    found = history_of([tmp_path / "runs"])
    wanted = list(effects[effects["decision"]]["effect_id"])[::-1]
    assert list(dict.fromkeys(found.table["effect_id"])) == wanted
    assert len(found.table) == 2 * len(wanted)


def test_a_copy_of_a_run_is_shown_once_and_said(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "9-run", tmp_path / "copy")
    found = history_of([place, tmp_path])
    assert len(found.runs) == 5
    (one,) = found.left_out
    assert "the same run as" in one.reason


def test_a_folder_that_is_a_run_is_one_run_and_names_of_folders_may_repeat(place: Path) -> None:
    assert len(history_of([place / "9-run", place / "9-run", place / "8-run"]).runs) == 2


# ------------------------------------------------------------- where lines break


def plan_of(base: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((base / "plan.json").read_text(encoding="utf-8"))
    return found


def variants(base: Path) -> Mapping[str, Mapping[str, Any]]:
    """Changes of a run, by what is changed."""
    plan = plan_of(base)

    def limit(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(limit_low=-0.5, limit_high=0.5)

    reader = [
        {"metric": "choice_logit", "model": {"id": "another"}, "reading_digest": "r", "labelled_digest": None}
    ]
    return {
        "alpha": {"plan": {"policy": {**plan["policy"], "alpha": 0.01}}},
        "metric": {"plan": {"metrics": {"choice_logit": "another"}}},
        "reader": {"plan": {"second_models": reader}},
        "limit": {"effects": limit},
        "title": {"plan": {"suite": {**plan["suite"], "title": "Another"}, "suite_digest": "another"}},
    }


@pytest.mark.parametrize("what", ["alpha", "metric", "reader", "limit", "title"])
def test_a_line_breaks_where_a_comparison_refuses_and_nowhere_else(
    what: str, base: Path, tmp_path: Path
) -> None:
    known = {
        "metrics": {"choice_logit": "one"},
        "second_models": [{"metric": "choice_logit", "model": {"id": "m"}}],
    }
    first = another(base, tmp_path / "a", plan=known, manifest={"finished_at": day(1)})
    change = variants(base)[what]
    later = another(
        base, tmp_path / "b", name="later", manifest={"finished_at": day(2)}, effects=change.get("effects"),
        plan={**known, "seed": 8, **change.get("plan", {})},
    )  # fmt: skip
    (row,) = compare(read_run(first), read_run(later)).changes
    refused = row.reason if row.status == "not_comparable" else ""
    assert bool(refused) == (what != "title")
    for side, word in zip(SIDES, ("before", "now"), strict=True):
        refused = refused.replace(side, word)
    assert apart(tmp_path) == ["", refused]


def test_a_line_breaks_where_items_differ_and_only_there(base: Path, tmp_path: Path) -> None:
    fewer = on_disk(run_of(scores(0.3, templates=25), "fewer", metric="choice_logit"), tmp_path)
    shutil.copytree(base, tmp_path / "base")
    another(
        base,
        tmp_path / "other",
        name="other",
        plan={"prompts_digest": "new"},
        manifest={"finished_at": day(1)},
    )
    found = history_of([tmp_path])
    assert Path(found.runs[0].source).name == "other"
    reasons = dict(zip((Path(one.source).name for one in found.runs), found.table["apart"], strict=True))
    assert sorted(bool(reason) for reason in reasons.values()) == [False, False, True]
    assert "items differ" in max(reasons.values()) and fewer.name in reasons


def test_items_are_read_from_the_tables_only_if_these_are_as_they_were(base: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        another(
            base, tmp_path / str(number), name=str(number), manifest={"finished_at": day(number)},
            plan={"prompts_digest": str(number)},
        )  # fmt: skip
    assert apart(tmp_path) == ["", ""]
    (tmp_path / "1" / "pairs.parquet").write_bytes(b"PAR1")
    assert "cannot be read any more" in apart(tmp_path)[1]


# ------------------------------------------------------------- what cannot be read


def test_damaged_foreign_and_unfinished_folders_are_listed_with_the_reason(
    place: Path, tmp_path: Path
) -> None:
    output = Path(shutil.copytree(place, tmp_path / "runs"))
    first = output / "9-run"
    for name in ("unfinished", "plan", "manifest", "earlier", "effects", "gone", "undated"):
        shutil.copytree(first, output / name)
    another(first, output / "verdict", effects=lambda table: table.assign(verdict="splendid"))
    (output / "unfinished" / "manifest.json").unlink()
    (output / "plan" / "plan.json").write_text('{"schema": 2, "suite": {"id": "x"}}')
    (output / "manifest" / "manifest.json").write_text("{")
    text = (output / "earlier" / "plan.json").read_text()
    (output / "earlier" / "plan.json").write_text(text.replace('"schema": 2', '"schema": 1', 1))
    table = pd.read_parquet(output / "effects" / "effects.parquet")
    table.assign(estimate=9.0).to_parquet(output / "effects" / "effects.parquet", index=False)
    (output / "gone" / "effects.parquet").unlink()
    told = (output / "undated" / "manifest.json").read_text()
    (output / "undated" / "manifest.json").write_text(told.replace(day(1), "some day"))
    (output / "photos").mkdir()
    (output / "notes.txt").write_text("mine")
    found = history_of([output])
    assert len(found.runs) == 5
    reasons = {Path(one.what).name: one.reason for one in found.left_out}
    for name, words in {
        "unfinished": "this run is not finished", "plan": "damaged", "manifest": "no JSON", "earlier": "version 1",
        "effects": "not as it was", "gone": "is missing", "undated": "does not say when",
        "photos": "plan.json is missing", "verdict": "verdict 'splendid', which this program does not know",
    }.items():  # fmt: skip
        assert words in reasons.pop(name)
    assert not reasons
    code, text = said("history", output)
    assert code == 0 and text.count("left out") == 9


@pytest.mark.parametrize("seed", range(12))
def test_a_file_that_comes_to_harm_leaves_its_run_out_and_never_changes_a_number(
    seed: int, place: Path, whole: History, tmp_path: Path
) -> None:
    draw = random.Random(seed)
    output = Path(shutil.copytree(place, tmp_path / "runs"))
    name = ("plan.json", "manifest.json", "effects.parquet")[seed % 3]
    before = (output / "7-run" / name).read_bytes()
    spoil(output / "7-run" / name, draw)
    found = history_of([output])
    assert len(found.runs) + len(found.left_out) == 5
    if (output / "7-run" / name).read_bytes() != before and name != "manifest.json":
        assert [Path(one.what).name for one in found.left_out] == ["7-run"]
    known = {one.root: row for one, row in zip(whole.runs, whole.table["estimate"], strict=True)}
    assert all(known[one.root] == row for one, row in zip(found.runs, found.table["estimate"], strict=True))


def test_no_folder_and_no_run_are_one_sentence(tmp_path: Path) -> None:
    code, text = said("history", tmp_path / "no")
    assert code == 2 and "there is no such folder" in text
    (tmp_path / "photos").mkdir()
    code, text = said("history", tmp_path)
    assert code == 2 and "no finished run is in there" in text and "plan.json is missing" in text


# ------------------------------------------------------------- what is wanted


@pytest.mark.parametrize("wanted, versions", [
    (Selection(), ["v1", "v2", "v2@0123456789ab", "v3", "v4"]),
    (Selection(models=("v2",)), ["v2", "v2@0123456789ab"]),
    (Selection(models=("made:v3", "v1")), ["v1", "v3"]),
    (Selection(models=("*@0123*",)), ["v2@0123456789ab"]),
    (Selection(suites=("t*",), axes=("colour",)), ["v1", "v2", "v2@0123456789ab", "v3", "v4"]),
])  # fmt: skip
def test_runs_are_chosen_by_name_or_pattern(wanted: Selection, versions: list[str], place: Path) -> None:
    found = history_of([place], wanted=wanted)
    assert [version_name(one.model) for one in found.runs] == versions
    assert len(found.table) == len(versions)


@pytest.mark.parametrize("option, value, known", [
    ("--suite", "hiring", "test"), ("--model", "gpt", "made:v1, made:v2"), ("--axis", "gender", "colour"),
])  # fmt: skip
def test_a_name_that_fits_nothing_is_told_with_those_that_there_are(
    option: str, value: str, known: str, place: Path
) -> None:
    code, text = said("history", place, option, value)
    assert code == 2 and f"'{value}' (there are: {known}" in text


def test_a_model_has_all_its_names() -> None:
    assert names_of("hf:org/model@abc") == ("hf:org/model@abc", "hf:org/model", "org/model@abc", "org/model")
    assert names_of("made:v1") == ("made:v1", "v1")
    assert version_name("hf:/long/way/to/model@0123456789abcdef") == "model@0123456789ab"


# ------------------------------------------------------------- terminal and files


def test_the_terminal_shows_oldest_newest_and_what_moved(place: Path, tmp_path: Path) -> None:
    code, text = said("history", place, "-o", tmp_path / "h.html", "--json", tmp_path / "h.json")
    assert code == 0 and "test: 5 runs, 2026-10-01 (v1) to 2026-10-05 (v4)" in text
    assert "choice_logit: red" in text
    assert "v4 (incomplete)" in text and f"written    {tmp_path / 'h.html'}" in text
    found = history_of([place])
    row = found.table.iloc[0]
    assert f"{row['estimate']:+.3f}" in text


def test_the_json_file_holds_the_table(place: Path, tmp_path: Path) -> None:
    found = history_of([place])
    told = json.loads(text_of(found))
    assert [one["source"] for one in told["runs"]] == [one.source for one in found.runs]
    (line,) = told["lines"]
    rows = found.table.to_dict("records")
    for point, row in zip(line["points"], rows, strict=True):
        for name, value in row.items():
            written = {**line, **point}[str(name)]
            assert written == value or (written is None and value != value)


def test_nothing_is_written_into_a_run(place: Path, tmp_path: Path) -> None:
    output = Path(shutil.copytree(place, tmp_path / "runs"))
    for name in ("-o", "--json"):
        code, text = said("history", output, name, output / "9-run" / "history.html")
        assert code == 2 and "the folder of a run" in text
    said("history", output, "-o", output / "history.html")
    assert all(verify(folder) == [] for folder in output.iterdir() if folder.is_dir())
    assert (output / "history.html").is_file()


def test_a_run_without_findings_is_counted_and_has_no_line(place: Path, tmp_path: Path) -> None:
    another(
        place / "9-run",
        tmp_path / "runs" / "a",
        effects=lambda table: table.assign(decision=False, verdict=""),
    )
    found = history_of([tmp_path / "runs"])
    assert len(found.runs) == 1 and found.table.empty
    code, text = said("history", tmp_path / "runs", "-o", tmp_path / "h.html")
    assert code == 0 and "nothing is marked for decision" in text
    assert "nothing was marked for decision" in (tmp_path / "h.html").read_text(encoding="utf-8")
