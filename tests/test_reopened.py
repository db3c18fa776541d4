"""`audit explain RUN PAIR`: pairs of a finished run, as stored or explained now."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_models
from preloaded import Parent
from small_suites import TEXT, write_suite

from audit import evidence, pipeline
from audit.errors import AuditError, InputError
from audit.pairfile import as_data, write_pair
from audit.records import Run
from audit.reopened import explanation, job_of
from audit.runs import read_run

LABELS = {"id2label": {0: "reject", 1: "invite"}, "label2id": {"reject": 0, "invite": 1}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished run of a tiny classifier that explains two cells."""
    place = tmp_path_factory.mktemp("explain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIT_CACHE", str(place / "cache"))
        model = tiny_models.classifier(place / "model", **LABELS)
        suite = write_suite(place, TEXT.replace("explain: {largest: 0,", "explain: {largest: 1,"))
        yield pipeline.run(str(suite), model=f"hf:{model}", output=place / "runs")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return read_run(folder)


def pairs(run: Run, *, explained: bool) -> list[str]:
    swap = run.pairs[run.pairs["arm"] == "swap"]
    known = set(run.attributions["pair_id"])
    return [str(pair) for pair in swap["pair_id"] if (pair in known) == explained]


def test_a_pair_that_was_explained_is_shown_as_it_is_stored(folder: Path, run: Run) -> None:
    pair = pairs(run, explained=True)[0]
    found, pair_id = explanation(folder, pair[:10])
    assert pair_id == pair
    stored = run.attributions[run.attributions["pair_id"] == pair]
    assert found.attributions.equals(stored)


def test_any_other_pair_is_explained_now_and_adds_up_to_its_delta(folder: Path, run: Run) -> None:
    pair = pairs(run, explained=False)[0]
    before = evidence.verify(folder)
    found, _ = explanation(folder, pair, exact=True)
    swap = found.attributions[
        (found.attributions["game"] == "swap") & (found.attributions["method"] == "shap")
    ]
    (delta,) = run.deltas.loc[
        (run.deltas["pair_id"] == pair) & (run.deltas["metric"] == "choice_logit"), "delta"
    ]
    assert swap["value"].sum() == pytest.approx(delta, abs=1e-5)
    assert evidence.verify(folder) == before == []


def test_a_method_is_chosen_by_its_name(folder: Path, run: Run) -> None:
    pair = pairs(run, explained=True)[0]
    found, _ = explanation(folder, pair, methods=["shap_permutation"])
    removal = found.attributions[found.attributions["game"] == "removal"]
    assert set(removal["method"]) == {"shap_permutation"}
    with pytest.raises(InputError, match=r"unknown .*'shapp'"):
        explanation(folder, pair, methods=["shapp"])


def test_an_id_that_is_none_or_of_many_is_told(folder: Path) -> None:
    with pytest.raises(InputError, match="has no pair 'xyz'"):
        explanation(folder, "xyz")
    with pytest.raises(InputError, match="has no pair ''"):
        explanation(folder, "")


def test_another_model_is_refused(folder: Path, run: Run, tmp_path: Path) -> None:
    other = tiny_models.classifier(tmp_path / "other", **LABELS, num_hidden_layers=1)
    with pytest.raises(InputError, match=r"is not the model that answered .* its weights are others"):
        job_of(run, model=f"hf:{other}")


def test_a_model_that_is_gone_is_told_in_a_sentence(folder: Path, run: Run, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    plan = json.loads((folder / "plan.json").read_text())
    place = Path(plan["model"]["name"])
    place.rename(moved)
    try:
        with pytest.raises(InputError, match=r"cannot be opened again: .*; --model says where it is now"):
            explanation(folder, pairs(run, explained=False)[0])
        assert job_of(run, model=f"hf:{moved}").backend.identity.id == plan["model"]["id"]
    finally:
        moved.rename(place)


def test_nothing_is_explained_from_results_that_changed(folder: Path, run: Run, tmp_path: Path) -> None:
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    (copy / "attributions.parquet").write_bytes(b"PAR1")
    with pytest.raises(AuditError, match=r"attributions\.parquet"):
        explanation(copy, pairs(run, explained=True)[0])


def test_the_files_of_a_pair_hold_its_credits(folder: Path, run: Run, tmp_path: Path) -> None:
    pair = pairs(run, explained=True)[0]
    found, _ = explanation(folder, pair)
    for ending in ("html", "json", "pdf"):
        write_pair(found, pair, tmp_path / f"pair.{ending}")
    told = json.loads((tmp_path / "pair.json").read_text(encoding="utf-8"))
    assert told == as_data(found, pair)
    assert len(told["credits"]) == len(found.attributions)
    assert pair in (tmp_path / "pair.html").read_text(encoding="utf-8")
    assert (tmp_path / "pair.pdf").read_bytes().startswith(b"%PDF")


def test_the_command_shows_both_sides_and_names_mistakes(
    forks: Parent, folder: Path, run: Run, tmp_path: Path
) -> None:
    pair = pairs(run, explained=True)[0]
    done = forks.run("explain", folder, pair)
    assert done.code == 0, done.err
    assert "score of a" in done.out and "SHAP" in done.out
    for wrong, said in (
        (["nope"], "has no pair 'nope'"),
        ([pair, "-o", str(tmp_path / "x.doc")], "allowed: .html, .json, .pdf"),
    ):
        done = forks.run("explain", folder, *wrong)
        assert done.code == 2 and said in done.err and "Traceback" not in done.err
