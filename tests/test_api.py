from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest
from small_suites import write_suite

import audit
from audit import api, errors

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "reports" / "sample"
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.fixture
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.usefixtures("_in_the_repository")
def test_the_examples_of_the_page_and_of_the_docstrings_come_out_as_written() -> None:
    page = doctest.testfile(str(ROOT / "docs/api.md"), module_relative=False, optionflags=FLAGS)
    strings = doctest.testmod(api, optionflags=FLAGS)
    assert page.attempted > 10 and strings.attempted >= 3
    assert page.failed == strings.failed == 0


def test_findings_stand_beside_the_numbers_of_their_effects() -> None:
    run = audit.open(SAMPLE)
    assert list(run.findings["id"]) != [] and set(run.findings["id"]) == {
        finding.id for finding in run.record.findings
    }
    joined = run.findings.merge(run.effects, on="effect_id", suffixes=("", "_stored"))
    assert len(joined) == len(run.findings)
    for column in ("estimate", "low", "high", "limit_low", "limit_high", "pair_count", "verdict", "group_b"):
        assert (joined[column] == joined[f"{column}_stored"]).all(), column


def test_changing_a_table_changes_nothing_in_the_run() -> None:
    run = audit.open(SAMPLE)
    table = run.effects
    table["estimate"] = 0.0
    assert run.effects["estimate"].abs().max() > 0


def test_a_finding_is_found_by_place_id_and_effect() -> None:
    run = audit.open(SAMPLE)
    first = run.finding(0).record
    assert run.finding(first.id).record == run.finding(first.effect_id).record == first
    assert run.finding(-1).record.id == run.findings["id"].iloc[-1]


@pytest.mark.parametrize("which", [99, "nobody"])
def test_a_finding_that_is_not_there_is_named(which: int | str) -> None:
    with pytest.raises(audit.InputError, match=f"no finding {which!r}; the run has 9"):
        audit.open(SAMPLE).finding(which)


def test_a_pair_that_is_not_there_is_named() -> None:
    with pytest.raises(audit.InputError, match="there is no pair 'nothing'"):
        audit.open(SAMPLE).pair("nothing")


def test_a_folder_that_is_no_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(audit.InputError, match=r"not the folder of a run, plan\.json is missing"):
        audit.open(tmp_path)


# ------------------------------------------------------------------ functions


def invites_long_texts(texts: list[str]) -> list[str]:
    return ["Yes" if len(text) % 3 else "No" for text in texts]


def test_a_function_is_audited_as_it_is_and_another_call_is_another_run(tmp_path: Path) -> None:
    suite, seen = write_suite(tmp_path), []
    how = {"model": invites_long_texts, "output": tmp_path / "runs"}
    run = audit.run(suite, progress=lambda what, done, total: seen.append(done), **how)  # type: ignore[arg-type]
    assert run.complete and run.model.endswith("test_api:invites_long_texts")
    assert max(seen) > 0
    told = run.record.responses.set_index("prompt_id")["text"]
    texts = {row.prompt_id: row.messages for row in run.record.prompts.itertuples()}
    assert set(told) == {"Yes", "No"} and set(told.index) <= set(texts)
    with pytest.raises(Told):
        audit.run(suite, progress=stop, **how)  # type: ignore[arg-type]
    assert (run.folder.with_name(f"{run.folder.name}-2") / "plan.json").is_file()


class Told(Exception):
    pass


def stop(what: str, done: int, total: int) -> None:
    """Ends a run at its first step."""
    raise Told


@pytest.mark.parametrize("model, why", [
    (lambda texts: texts, "the result of the function is not annotated; write one of list"),
    (7, "a model is KIND:NAME, the path of a model file, or a function, not a int"),
    ("hf", "'hf' names no model"),
])  # fmt: skip
def test_a_model_that_is_none_is_one_sentence(tmp_path: Path, model: object, why: str) -> None:
    with pytest.raises(audit.InputError, match=why):
        audit.run(write_suite(tmp_path), model=model, output=tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize("annotation, gives", [
    (list[str], "texts"), ("list[str]", "texts"), (list[dict[str, float]], "scores"), (list[int], "numbers"),
])  # fmt: skip
def test_the_annotation_says_what_a_function_gives(annotation: object, gives: str) -> None:
    from audit.backends.callable import backend_of

    def answer(texts: list[str]) -> object:
        return texts

    answer.__annotations__["return"] = annotation
    assert backend_of(answer).identity.settings["gives"] == gives


class Loud:
    def __call__(self, texts: list[str]) -> list[str]:
        return [text.upper() for text in texts]


def test_an_object_that_can_be_called_is_a_function_too() -> None:
    from audit.backends.callable import backend_of

    identity = backend_of(Loud()).identity
    assert identity.name.endswith(":Loud") and identity.settings["source"]
    assert not identity.digests


# ------------------------------------------------------------------- the names


def test_every_error_is_one_of_ours() -> None:
    assert issubclass(audit.InputError, audit.AuditError) and audit.AuditError is errors.AuditError


def test_names_of_the_package_stay_functions_whatever_is_imported() -> None:
    script = """
import audit, pkgutil, importlib
for module in pkgutil.iter_modules(audit.__path__):
    if module.name not in ("__main__", "reference"):
        importlib.import_module(f"audit.{module.name}")
print(*(name for name in audit.__all__ if name[0].islower() and not callable(getattr(audit, name))))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
