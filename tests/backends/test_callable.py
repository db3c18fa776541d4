from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from math import log
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit.collect import collect
from audit.errors import InputError
from audit.modelfile import open_model
from audit.protocols import Chooses, Classifies, Generates, Rates
from audit.records import PROMPTS, Message, Prompt, Question

SOURCE = """
import numpy as np

CALLS = []

def says(texts) -> list[str]:
    CALLS.append(len(texts))
    if any("boom" in text for text in texts):
        raise KeyError("boom")
    return ["Yes, 7" if "Emily" in text else None if "nothing" in text else "No" for text in texts]

def rates(texts: list[str]) -> "list[float]":
    return [np.float32(len(text)) if "text" not in text else text for text in texts]

def scores(texts) -> list[dict[str, float]]:
    return [{"Yes": 0.75, "No": 0.25} if "Emily" in text else {"Yes": 1.0, "No": 0.0} for text in texts]

def logs(texts):
    return ({"invite": np.log(0.75), "reject": np.log(0.25)} for text in texts) if not texts else [
        {"invite": float(np.log(0.75)), "reject": float(np.log(0.25))} for text in texts]

def odd(texts) -> list[dict[str, float]]:
    found = {"a": {"Yes": 0.9, "No": 0.9}, "b": {"Yes": 0.9}, "c": {"Yes": "x", "No": 0.1}, "d": 0.5,
             "e": {"Yes": 0.6, "No": 0.3, "Perhaps": 0.1}}
    return [found[text] for text in texts]

def short(texts) -> list[str]:
    return ["Yes"] * (len(texts) - 1)

def one(texts) -> list[str]:
    return "Yes"

def silent(texts):
    return texts

def strange(texts) -> dict:
    return {}

RATE = 3
"""
RATING = Question(kind="rate", low=1, high=10)
CHOICE = Question(kind="choose", options=(" Yes", " No"), favourable=" Yes")


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message(role="text", text=text),))


def table(*texts: str) -> pd.DataFrame:
    empty = dict.fromkeys(("item", "axis", "template", "cluster", "name", "group", "stratum", "base_id"), "")
    return PROMPTS.frame(
        {
            **empty, "prompt_id": prompt(text).id, "arm": "swap", "position": 0, "repeats": 1, "spans": "[]",
            "messages": json.dumps([["text", text]]),
        }
        for text in texts
    )  # fmt: skip


@pytest.fixture
def made(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Opens a function of a module that is written for the test; further settings go into a model file."""
    name = f"module_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    path = list(sys.path)

    def opened(function: str, **settings: object) -> Any:
        lines = {"model": 1, "kind": "callable", "name": f"{name}:{function}", **settings}
        file = tmp_path / "model.yaml"
        file.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in lines.items()))
        return (
            open_model(str(file)) if settings else open_model(f"callable:{name}:{function}", beside=tmp_path)
        )

    yield opened
    sys.path[:] = path
    sys.modules.pop(name, None)


# ---------------------------------------------------------------------- answers


def test_texts_answer_choices_ratings_and_free_questions(made: Callable[..., Any]) -> None:
    model = made("says")
    assert isinstance(model, Chooses) and isinstance(model, Rates) and isinstance(model, Generates)
    assert not isinstance(model, Classifies)
    asked = [prompt("Emily applies."), prompt("Greg applies."), prompt("nothing")]
    for answers in (
        model.choose(asked, [" Yes", " No"]), model.rate(asked, RATING),
        model.generate(asked, repeat=0, question=Question(kind="generate")),
    ):  # fmt: skip
        assert [answer.text for answer in answers] == ["Yes, 7", "No", None]
        assert answers[2].error == "the function gave None, not a text"


def test_numbers_are_ratings(made: Callable[..., Any]) -> None:
    model = made("rates")
    assert isinstance(model, Rates) and not isinstance(model, Chooses | Generates | Classifies)
    first, second = model.rate([prompt("abc"), prompt("a text")], RATING)
    assert first.scores == {"rating": 3.0}
    assert second.error == "the function gave a value of the type str, not a number"


def test_scores_of_options_become_log_probabilities(made: Callable[..., Any]) -> None:
    model = made("scores")
    assert isinstance(model, Chooses) and not isinstance(model, Classifies | Generates | Rates)
    first, second = model.choose([prompt("Emily"), prompt("Greg")], [" Yes", "No"])
    assert first.scores == {" Yes": pytest.approx(log(0.75)), "No": pytest.approx(log(0.25))}
    assert second.error == "the model gave no finite number for 'No' (-inf)"


def test_scores_of_labels_make_a_classifier(made: Callable[..., Any]) -> None:
    model = made("logs", gives="scores", scores="log_probabilities", labels=["reject", "invite"])
    assert isinstance(model, Classifies) and not isinstance(model, Chooses)
    assert model.labels == ("reject", "invite")
    scores = model.classify([prompt("Emily")])[0].scores
    assert list(scores.items()) == [
        ("reject", pytest.approx(log(0.25))), ("invite", pytest.approx(log(0.75))),
    ]  # fmt: skip
    other = made("logs", gives="scores", scores="log_probabilities", labels=["reject", "hire"])
    assert other.classify([prompt("Emily")])[0].error == "the function gave no score for 'hire'"


def test_scores_that_cannot_be_read_are_failed_records(made: Callable[..., Any]) -> None:
    answers = made("odd").choose([prompt(text) for text in "abcde"], ["Yes", "No"])
    assert [answer.error for answer in answers] == [
        "the function gave numbers that are no probabilities (0 to 1, together at most 1)",
        "the function gave no score for 'No'",
        "the function gave scores that are no numbers, or two under one name",
        "the function gave a value of the type float, not numbers by name",
        None,
    ]
    labels = made("odd", labels=["Yes", "No"]).classify([prompt("e")])[0]
    assert labels.error == "the function scored 'Perhaps', which is none of its labels"
    logs = made("odd", scores="log_probabilities").choose([prompt("a")], ["Yes", "No"])[0]
    assert logs.error == "the function gave a log-probability above 0"


# ------------------------------------------------------------------- collection


def test_an_exception_is_a_failed_record_of_its_prompt_alone(
    made: Callable[..., Any], tmp_path: Path
) -> None:
    texts = [f"Emily {number}" for number in range(40)]
    prompts = table(*texts, "boom")
    found = collect(prompts, backend=made("says"), question=CHOICE, cache=tmp_path / "cache")
    errors = dict(zip(found.responses["prompt_id"], found.responses["error"], strict=True))
    assert errors.pop(prompt("boom").id) == "KeyError: 'boom'"
    assert set(errors.values()) == {""}
    assert found.failed == 1


@pytest.mark.parametrize("function, message", [
    ("short", "ValueError: the function gave 0 results to 1 texts"),
    ("one", "ValueError: the function gave a value of the type str, not a list with one result a text"),
])  # fmt: skip
def test_results_that_belong_to_no_text_are_never_put_to_one(
    function: str, message: str, made: Callable[..., Any], tmp_path: Path
) -> None:
    found = collect(table("a", "b", "c"), backend=made(function), question=CHOICE, cache=tmp_path / "cache")
    assert found.responses["error"].tolist() == [message] * 3


def test_answers_outlive_a_run_only_where_the_function_is_said_to_be_deterministic(
    made: Callable[..., Any], tmp_path: Path
) -> None:
    prompts = table("Emily", "Greg")
    for settings, reused in (({"gives": "texts"}, 0), ({"deterministic": True}, 2)):
        for expected in (0, reused):
            model = made("says", **settings)
            found = collect(prompts, backend=model, question=CHOICE, cache=tmp_path / "cache")
            assert (found.asked, found.reused) == (2 - expected, expected)
            assert model.deterministic is bool(reused)


# ----------------------------------------------------------- opening and identity


def test_opening_runs_nothing_of_the_module_and_loads_no_library(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text("print('was run')\ndef says(texts) -> list[str]:\n    return texts\n")
    script = (
        "import sys; from audit.modelfile import open_model; b = open_model('callable:loud:says');"
        "print(sorted({'torch', 'transformers', 'pandas', 'loud'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_identity_follows_function_source_and_settings(made: Callable[..., Any], tmp_path: Path) -> None:
    identity = made("says").identity
    assert identity.digests == {}
    assert len({identity.id, made("silent", gives="texts").identity.id, made("scores").identity.id}) == 3
    steady = made("says", deterministic=True).identity
    assert list(steady.digests.values()) == [identity.settings["source"]]
    file = next(tmp_path.glob("module_*.py"))
    file.write_text(SOURCE.replace("Yes, 7", "Yes, 8"))
    assert made("says").identity.id != identity.id
    assert made("says", deterministic=True).identity.id != steady.id


def test_modules_of_packages_are_found_with_what_they_import_beside_them(tmp_path: Path) -> None:
    inner = tmp_path / "parcel_of_mine" / "models"
    inner.mkdir(parents=True)
    (tmp_path / "parcel_of_mine" / "__init__.py").write_text("")
    (tmp_path / "beside_me.py").write_text("WORD = 'Yes'\n")
    (inner / "__init__.py").write_text("")
    (inner / "small.py").write_text(
        "from beside_me import WORD\ndef says(texts) -> list[str]:\n    return [WORD] * len(texts)\n"
    )
    path = list(sys.path)
    model: Any = open_model("callable:parcel_of_mine.models.small:says", beside=tmp_path)
    assert "parcel_of_mine" not in sys.modules
    assert model.choose([prompt("a")], ["Yes", "No"])[0].text == "Yes"
    sys.path[:] = path
    for name in ("parcel_of_mine", "parcel_of_mine.models", "parcel_of_mine.models.small", "beside_me"):
        del sys.modules[name]


@pytest.mark.parametrize("function, settings, message", [
    ("nowhere", {}, r"is not annotated; write one of list\[str\], .*, or say in a model file"),
    ("silent", {}, "the result of the function is not annotated"),
    ("strange", {}, "its result is annotated 'dict'; write one of"),
    ("says", {"labels": ["a", "b"]}, "gives texts; 'labels' is for functions that give scores"),
    ("rates", {"scores": "log_probabilities"}, "gives numbers; 'scores' is for functions that give scores"),
    ("scores", {"labels": ["a"]}, "'labels' needs at least two, each once"),
    ("says", {"gives": "words"}, "'gives' is 'words'; allowed: texts, scores, numbers"),
])  # fmt: skip
def test_what_does_not_fit_is_told_when_the_model_is_opened(
    function: str, settings: dict[str, object], message: str, made: Callable[..., Any]
) -> None:
    with pytest.raises(InputError, match=message):
        made(function, **settings)


@pytest.mark.parametrize("function, message", [
    ("nowhere", r"has no function 'nowhere'$"),
    ("RATE", r"has no function 'RATE'$"),
])  # fmt: skip
def test_a_function_that_is_not_there_ends_the_run_in_one_sentence(
    function: str, message: str, made: Callable[..., Any]
) -> None:
    with pytest.raises(InputError, match=message):
        made(function, gives="texts").choose([prompt("a")], ["Yes", "No"])


@pytest.mark.parametrize("source, message", [
    ("import no_such_library\n", "cannot be imported: ModuleNotFoundError: No module named 'no_such_library'"),
    ("raise SystemExit('bye')\n", "cannot be imported: SystemExit: bye"),
])  # fmt: skip
def test_a_module_that_cannot_be_imported_ends_the_run_in_one_sentence(
    source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "broken_one.py").write_text(source + "def says(texts) -> list[str]:\n    return texts\n")
    model: Any = open_model("callable:broken_one:says", beside=tmp_path)
    with pytest.raises(InputError, match=message):
        model.choose([prompt("a")], ["Yes", "No"])


def test_a_file_with_the_name_of_a_library_stands_in_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "json.py").write_text("def says(texts) -> list[str]:\n    return texts\n")
    model: Any = open_model("callable:json:says", beside=tmp_path)
    with pytest.raises(InputError, match="another module has the name 'json'; give this file another name"):
        model.choose([prompt("a")], ["Yes", "No"])


@pytest.mark.parametrize("spec, message", [
    ("callable:json", "names no function; allowed: callable:MODULE:FUNCTION"),
    ("callable:no_such_module_here:f", "no module 'no_such_module_here' in .* or among the installed packages"),
    ("callable:sys:exit", "there is no module 'sys'"),
    ("callable:broken:f", "no readable Python: invalid syntax"),
])  # fmt: skip
def test_a_module_that_cannot_be_found_or_read_is_told_when_opened(
    spec: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    with pytest.raises(InputError, match=message):
        open_model(spec, beside=tmp_path)
