from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from audit.axis import load_axis, shipped_axes
from audit.cli import main
from audit.errors import InputError
from audit.new import axis_schema, new_axis, new_suite, schema_text
from audit.suite import load_suite, shipped_suites
from audit.yamlfile import read_yaml

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "audit" / "axes" / "axis.schema.json"
LANGUAGES = ("de", "en", "es", "fr", "hi")


def plain(path: Path, what: str) -> Any:
    return read_yaml(path, what=what).root.plain()


def fits(path: Path, kind: str) -> bool:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(path.with_name(f"{kind}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return bool(jsonschema.Draft202012Validator(schema).is_valid(plain(path, kind)))


def audit(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["audit", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        main()
        raise SystemExit(0)
    return int(caught.value.code or 0)


# ------------------------------------------------------------------- suites


def test_a_new_suite_has_no_mistake_and_is_commented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my-flat.yaml"
    assert audit(monkeypatch, "new", "suite", "my-flat", "-o", path) == 0
    assert capsys.readouterr().out.splitlines() == [str(path), str(tmp_path / "suite.schema.json")]
    assert audit(monkeypatch, "check", path) == 0
    assert "my-flat: no mistakes found" in capsys.readouterr().out
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=suite.schema.json\n")
    assert text.count("#") > 15
    suite = load_suite(path)
    assert (suite.id, suite.title, suite.axes, suite.persons) == ("my-flat", "My flat", ("gender",), "gender")


@pytest.mark.parametrize("axis", shipped_axes())
def test_a_new_suite_can_test_every_shipped_axis_in_its_language(axis: str, tmp_path: Path) -> None:
    path, _ = new_suite("own", output=tmp_path / "own.yaml", axes=[axis])
    suite = load_suite(path)
    assert suite.axes == (axis,)
    assert suite.language == load_axis(axis).language
    assert fits(path, "suite")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_new_suite_expands_in_every_language_that_there_are_texts_in(language: str, tmp_path: Path) -> None:
    from audit.expand import expand
    from audit.suite import load_axes

    path, _ = new_suite("own", output=tmp_path / "own.yaml", language=language)
    suite = load_suite(path)
    prompts = expand(suite, load_axes(suite), ask=suite.question.ask).prompts
    assert suite.language == language
    assert len(prompts) > 50


def test_a_new_suite_takes_several_axes_and_axis_files_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new_axis("tenure", output=Path("axes/tenure.yaml"))
    path, _ = new_suite(
        "own", output=Path("suites/own.yaml"), axes=["gender-in", "religion", "axes/tenure.yaml"]
    )
    suite = load_suite(path)
    assert suite.axes == ("gender-in", "religion", "tenure")
    assert suite.persons == "gender-in"
    assert plain(path, "suite")["axes"] == ["gender-in", "religion", "../axes/tenure.yaml"]
    assert all("($religion, $housing)" in (template.text or "") for template in suite.templates)


def test_an_editor_completes_axes_and_metrics_and_takes_others(tmp_path: Path) -> None:
    path, schema = new_suite("own", output=tmp_path / "own.yaml")
    keys = json.loads(schema.read_text(encoding="utf-8"))["properties"]
    assert "religion" in keys["axes"]["items"]["anyOf"][0]["enum"]
    assert "selection_rate" in keys["metrics"]["items"]["anyOf"][0]["enum"]
    path.write_text(
        path.read_text(encoding="utf-8").replace("axes: [gender]", "axes: [my.yaml]"), encoding="utf-8"
    )
    assert fits(path, "suite")
    path.write_text(path.read_text(encoding="utf-8").replace("axes:", "axis: 1\naxes:"), encoding="utf-8")
    assert not fits(path, "suite")


@pytest.mark.parametrize("name", [name for name in shipped_suites() if "/" not in name])
def test_the_schema_beside_a_new_suite_fits_the_shipped_ones(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(schema_text("suite"))
    jsonschema.Draft202012Validator(schema).validate(plain(load_suite(name).path, "suite"))


# --------------------------------------------------------------------- axes


@pytest.mark.parametrize("language", ["en", "nl"])
def test_a_new_axis_has_no_mistake(language: str, tmp_path: Path) -> None:
    path, schema = new_axis("tenure", output=tmp_path / "tenure.yaml", language=language)
    axis = load_axis(str(path))
    assert (axis.id, axis.language, axis.cue, list(axis.groups)) == (
        "tenure",
        language,
        "stated",
        ["owner", "tenant"],
    )
    assert axis.groups["owner"].rows == 2
    assert schema.name in path.read_text(encoding="utf-8").splitlines()[0]
    assert fits(path, "axis")


def test_the_committed_schema_of_axes_is_the_generated_one() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == axis_schema()


@pytest.mark.parametrize("name", shipped_axes())
def test_every_shipped_axis_fits_the_schema(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(axis_schema())
    validator.validate(plain(load_axis(name).path, "axis"))


@pytest.mark.parametrize(
    ("find", "write"),
    [
        ("title: home owners", "titel: home owners"), ("cue: stated", "cue: said"), ("axis: 1", "axis: 2"),
        ("  owner:", "  own*er:"), ("housing: tenant", "Housing: tenant"), ("housing: tenant", "housing: 7"),
        ("    terms:\n      housing: t", "    names: {last: [{name: A, share: 2}]}\n    terms:\n      housing: t"),
    ],
)  # fmt: skip
def test_an_editor_sees_mistakes_of_an_axis_through_the_schema(find: str, write: str, tmp_path: Path) -> None:
    path, _ = new_axis("tenure", output=tmp_path / "tenure.yaml")
    text = path.read_text(encoding="utf-8")
    assert find in text
    path.write_text(text.replace(find, write, 1), encoding="utf-8")
    assert not fits(path, "axis")


# ----------------------------------------------------------------- refusals


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path, schema = new_suite("own", output=tmp_path / "own.yaml")
    path.write_text("mine", encoding="utf-8")
    schema.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"own\.yaml exists already; name another file with -o"):
        new_suite("own", output=path)
    with pytest.raises(InputError, match="exists already"):
        new_axis("own", output=path)
    assert new_suite("own", output=tmp_path / "other.yaml") == [tmp_path / "other.yaml"]
    assert (path.read_text(encoding="utf-8"), schema.read_text(encoding="utf-8")) == ("mine", "mine")


@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        ("a b", {}, "the name is 'a b'; allowed: letters, digits"),
        ("../own", {}, "the name is '../own'"),
        ("own", {"axes": ["gendr"]}, "unknown axis 'gendr'; did you mean 'gender'"),
        ("own", {"axes": ["none.yaml"]}, "none.yaml: there is no such axis file"),
        ("own", {"language": "nl"}, "the language is 'nl'; there are texts in: en, de, es, fr, hi"),
        ("own", {"axes": ["gender-de"], "language": "fr"}, "the words of axis 'gender-de' are in 'de'"),
        ("own", {"axes": ["gender", "gender"]}, "stands here a second time"),
    ],
)
def test_what_cannot_be_begun_is_told_and_nothing_is_written(
    name: str, words: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        new_suite(name, output=tmp_path / "own.yaml", **words)
    assert not list(tmp_path.iterdir())


def test_a_place_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        new_suite("own", output=tmp_path / "file" / "own.yaml")


def test_an_axis_has_no_axis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert audit(monkeypatch, "new", "axis", "own", "--axis", "gender", "-o", tmp_path / "own.yaml") == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["no", "2026", "x", "true", "null", "a.b_c-d"])
def test_every_id_stays_the_text_that_it_is(name: str, tmp_path: Path) -> None:
    path, _ = new_suite(name, output=tmp_path / "own.yaml")
    assert load_suite(path).id == name
