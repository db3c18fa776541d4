from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import FACTS, PLAN, finished_run

from audit.errors import AuditError, InputError
from audit.evidence import finished_at, merkle_root, plan_digest, verify, write_manifest, write_receipt
from audit.runs import is_finished, read_run, write_plan

FILES = (
    "plan.json",
    "looks.jsonl",
    "prompts.parquet",
    "pairs.parquet",
    "responses.parquet",
    "scores.parquet",
    "deltas.parquet",
    "effects.parquet",
    "groups.parquet",
    "attributions.parquet",
    "subgroups.parquet",
    "classical.parquet",
    "judged.parquet",
    "quality.parquet",
    "carriers.parquet",
    "findings.json",
    "excluded.json",
    "manifest.json",
    "receipt.json",
    "report.html",
    "report.pdf",
)


def test_a_run_that_nobody_touched_has_nothing_to_say(tmp_path: Path) -> None:
    assert verify(finished_run(tmp_path)) == []


def test_these_are_all_the_files_of_a_run(tmp_path: Path) -> None:
    assert sorted(path.name for path in finished_run(tmp_path).iterdir()) == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_names_the_file_it_is_in(tmp_path: Path, name: str) -> None:
    folder = finished_run(tmp_path)
    original = (folder / name).read_bytes()
    for place in range(0, len(original), max(len(original) // 40, 1)):
        content = bytearray(original)
        content[place] ^= 1
        (folder / name).write_bytes(bytes(content))
        problems = verify(folder)
        assert problems, f"byte {place} of {name}"
        assert all(problem.startswith(f"{name}:") for problem in problems), f"byte {place}: {problems}"


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("plan.json", "manifest.json")])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = finished_run(tmp_path)
    (folder / name).unlink()
    assert f"{name}: missing" in verify(folder)


@pytest.mark.parametrize("name", ["notes.txt", "exports/more.csv", "deep/er/file"])
def test_a_file_that_does_not_belong_is_named(tmp_path: Path, name: str) -> None:
    folder = finished_run(tmp_path)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("hello")
    assert verify(folder) == [f"{name}: not part of the run"]


def test_exports_belong_once_the_receipt_covers_them(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)
    (folder / "exports").mkdir()
    (folder / "exports" / "effects.csv").write_text("run,suite\n")
    before = (folder / "manifest.json").read_bytes()
    write_receipt(folder)
    assert verify(folder) == []
    assert (folder / "manifest.json").read_bytes() == before


def test_a_plan_rewritten_with_its_file_digest_still_contradicts_itself(tmp_path: Path) -> None:
    folder = finished_run(tmp_path, facts={**FACTS, "complete": False})
    plan = json.loads((folder / "plan.json").read_text())
    plan["limits"]["selection_rate"]["high"] = 0.9
    (folder / "plan.json").write_text(json.dumps(plan))
    write_manifest(folder, facts=FACTS)
    write_receipt(folder)
    assert verify(folder) == ["plan.json: changed, its digest does not fit its content"]


def test_a_finished_manifest_is_never_written_again(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)
    assert is_finished(folder)
    with pytest.raises(AuditError, match="never changes"):
        write_manifest(folder, facts=FACTS)


def test_an_incomplete_run_may_be_finished_later(tmp_path: Path) -> None:
    folder = finished_run(tmp_path, facts={**FACTS, "complete": False})
    assert not is_finished(folder)
    write_manifest(folder, facts=FACTS)
    assert is_finished(folder)


def test_a_manifest_with_a_field_it_does_not_know_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="surprise"):
        finished_run(tmp_path, facts={**FACTS, "surprise": 1})


def test_a_folder_without_a_finished_run_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plan\.json is missing"):
        verify(tmp_path)
    write_plan(tmp_path, PLAN, digest=plan_digest(PLAN))
    with pytest.raises(InputError, match="not finished"):
        verify(tmp_path)


def test_a_manifest_that_points_outside_the_run_is_not_followed(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../../secret"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    problems = verify(folder)
    assert problems
    assert not any("secret: missing" in problem or "secret: changed" in problem for problem in problems)


def test_the_digest_of_a_plan_ignores_its_time_and_nothing_else() -> None:
    digest = plan_digest(PLAN)
    assert plan_digest({**PLAN, "made_at": "2026-01-01T00:00:00Z", "digest": "x"}) == digest
    assert plan_digest(dict(reversed(PLAN.items()))) == digest
    assert plan_digest({**PLAN, "seed": 8}) != digest
    assert plan_digest({**PLAN, "note": ""}) != digest


def test_the_stored_plan_has_the_digest_that_was_computed_before(tmp_path: Path) -> None:
    awkward = {**PLAN, "tuple": (1, 2), "numbers": {1: 0.1, 10: 1e-9, 2: 1.0}, "text": "Zoë – “ü”"}
    stored = write_plan(tmp_path, awkward, digest=plan_digest(awkward))
    assert plan_digest(stored) == stored["digest"] == plan_digest(awkward)


def test_the_root_of_two_files_is_as_documented() -> None:
    a, b = "a" * 64, "b" * 64
    leaves = [hashlib.sha256(b"\0x\0" + a.encode()).digest(), hashlib.sha256(b"\0y\0" + b.encode()).digest()]
    assert merkle_root({"y": b, "x": a}) == hashlib.sha256(b"\1" + leaves[0] + leaves[1]).hexdigest()


@given(
    st.dictionaries(
        st.text("abc./", min_size=1, max_size=4), st.sampled_from(["0" * 64, "f" * 64]), max_size=7
    )
)
def test_the_root_depends_on_every_name_and_digest_and_not_on_their_order(files: dict[str, str]) -> None:
    root = merkle_root(files)
    assert merkle_root(dict(reversed(files.items()))) == root
    for name, digest in files.items():
        rest = {other: value for other, value in files.items() if other != name}
        assert merkle_root(rest) != root
        assert merkle_root({**rest, name: "1" * 64}) != root
        assert merkle_root({**rest, name + "d": digest}) != root


def test_the_manifest_tells_model_machine_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    manifest = read_run(finished_run(tmp_path)).manifest
    assert manifest["model"] == FACTS["model"]
    assert manifest["plan"] == plan_digest(PLAN)
    assert {"python", "torch", "transformers", "shap", "lime"} <= set(manifest["versions"])
    assert set(manifest["hardware"]) == {"system", "machine", "processor", "cores", "accelerator"}
    assert finished_at(manifest).isoformat() == "2023-11-14T22:13:20+00:00"


def test_rendering_again_gives_the_same_receipt(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)
    before = (folder / "receipt.json").read_bytes()
    write_receipt(folder)
    assert (folder / "receipt.json").read_bytes() == before
