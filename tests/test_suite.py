from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.axis import shipped_axes
from audit.errors import InputError
from audit.expand import expand
from audit.slots import Slot, fill, lone_dollars, pieces, wording
from audit.suite import Suite, load_axes, load_suite, shipped_suites, suite_schema
from audit.yamlfile import MAX_BYTES, read_yaml
from audit.yamlnodes import MAX_PROBLEMS

DATA = Path(__file__).parent / "data"
SMALL = DATA / "small"
SCHEMA = Path(__file__).parent.parent / "suites" / "suite.schema.json"


def broken(name: str) -> list[Any]:
    """The table of broken versions of one small file."""
    rows = read_yaml_rows(DATA / "broken" / name)
    return [pytest.param(name, row, id=f"{name} {row['write'].strip()[:40] or 'nothing'}") for row in rows]


def read_yaml_rows(path: Path) -> list[dict[str, Any]]:
    from ruamel.yaml import YAML

    rows: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(path)
    return rows


def told(folder: Path, name: str, find: str, write: str) -> list[str]:
    """The mistakes that are told after a change of one small file, without the folder and the file's own name."""
    shutil.copytree(SMALL, folder / "small")
    changed = folder / "small" / name
    text = changed.read_text(encoding="utf-8")
    assert find in text
    changed.write_text(text.replace(find, write, 1), encoding="utf-8")
    suite = name if "suite: 1" in text else "suite.yaml"
    with pytest.raises(InputError) as caught:
        load_suite(folder / "small" / suite)
    assert caught.value.exit_code == 2
    lines = [str(problem).replace(f"{folder / 'small'}/", "") for problem in caught.value.problems]
    return [line.removeprefix(f"{name}:") for line in lines]


def braced(slot: Slot) -> str:
    return "${" + (slot.name[0].upper() if slot.capital else slot.name[0]) + slot.name[1:] + "}"


def same(got: list[str], expected: list[str]) -> bool:
    """Whether the sentences are equal; an ellipsis at the end stands for any rest."""
    pairs = list(zip(got, expected, strict=False))
    return len(got) == len(expected) and all(
        seen.startswith(wanted[:-1]) if wanted.endswith("…") else seen == wanted for seen, wanted in pairs
    )


CASES = [
    case for name in ("suite", "ranking", "own-texts", "people", "faith") for case in broken(f"{name}.yaml")
]


@pytest.mark.parametrize(("name", "row"), CASES)
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(
    name: str, row: dict[str, Any], tmp_path: Path
) -> None:
    got = told(tmp_path, name, row["find"], row["write"])
    assert same(got, row["told"]), "\n".join(got)


def test_there_are_more_than_forty_broken_files() -> None:
    assert len(CASES) > 100


def test_all_mistakes_of_a_suite_and_its_axes_are_told_at_once(tmp_path: Path) -> None:
    shutil.copytree(SMALL, tmp_path / "small")
    suite, axis = tmp_path / "small" / "suite.yaml", tmp_path / "small" / "faith.yaml"
    text = suite.read_text(encoding="utf-8")
    for find, write in (
        ("title:", "titel:"), ("repeats: 1", "repeats: 0"), ("id: t02", "id: t01"), ("cross", "crossed"),
        ('favourable: " Yes"', "favourable: Maybe"), ("stratum: occupation", "stratum: job"),
        ("metric: selection_rate", "metric: rating"),
    ):  # fmt: skip
        text = text.replace(find, write, 1)
    suite.write_text(text, encoding="utf-8")
    axis.write_text(axis.read_text(encoding="utf-8").replace("cue: stated", "cue: said"), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_suite(suite)
    places = [(Path(problem.file).name, problem.line) for problem in caught.value.problems]
    assert places == [("faith.yaml", 6), *(("suite.yaml", n) for n in (1, 3, 16, 19, 20, 25, 35, 38))]


def test_an_unknown_axis_lists_the_shipped_ones(tmp_path: Path) -> None:
    (line,) = told(tmp_path, "suite.yaml", "faith.yaml]", "gendr]")
    assert "did you mean 'gender'?" in line
    assert all(axis in line for axis in shipped_axes())


RAW = {
    "an empty file": (b"", "1:1: the file is empty; expected a suite file, which begins 'suite: 1'"),
    "only a comment": (b"# nothing\n", "1:1: the file is empty; expected a suite file, which begins 'suite: 1'"),
    "a list": (b"- a\n", "1:1: the file holds a list; a suite file is a mapping, which begins 'suite: 1'"),
    "a word": (b"hello\n", "1:1: the file holds 'hello'; a suite file is a mapping, which begins 'suite: 1'"),
    "bytes": (b"suite: 1\nid\0\1", "2:3: the file is binary; expected a suite file (YAML text)"),
    "latin-1": ("suite: 1\nid: f\xe9\n".encode("latin-1"), "2:6: byte 0xe9 is not UTF-8; save the file as UTF-8 text"),
    "utf-16": ("suite: 1\n".encode("utf-16"), "1:1: byte 0xff is not UTF-8; save the file as UTF-8 text"),
    "a control character": (b"suite: 1\nid: a\x07b\n", "2:6: not YAML: the character U+0007 is not allowed; remove it"),
    "no closing quote": (
        b"suite: 1\nid: 'a\n\n\n", "2:5: not YAML: while scanning a quoted scalar, found unexpected end of stream",
    ),
    "too deep": (b"a: " + b"[" * 1000, "1:23: nested more than 20 levels deep; such a file needs far fewer"),
    "too large": (b"#" * (MAX_BYTES + 1), "the file has 1.0 MB; at most 1 MB is read as a suite file"),
    "too many": (b"- a\n" * 40_000, "30000:3: the file holds more than 30000 values; split it into several files"),
}  # fmt: skip


@pytest.mark.parametrize("name", RAW)
def test_what_is_no_suite_at_all_is_told_in_one_sentence(name: str, tmp_path: Path) -> None:
    data, sentence = RAW[name]
    path = tmp_path / "raw.yaml"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        load_suite(path)
    assert str(caught.value) in (f"{path}:{sentence}", f"{path}: {sentence}")


def test_a_bomb_of_aliases_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    layers = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30))
    path = tmp_path / "bomb.yaml"
    path.write_text(f"a0: &a0 lol\n{layers}\n", encoding="utf-8")
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        load_suite(path)
    assert time.monotonic() - start < 1
    assert str(caught.value).endswith(
        "1:5: the anchor '&a0' is not allowed here; write the value where it is used"
    )


def test_no_more_than_a_hundred_mistakes_are_told(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("".join(f"key{i}: x\n" for i in range(200)), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_suite(path)
    assert len(caught.value.problems) == MAX_PROBLEMS + 1


def test_a_missing_file_a_folder_and_an_unknown_name_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: there is no such suite file"):
        load_suite(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="this is not a file; expected a suite file"):
        load_suite(tmp_path)
    with pytest.raises(InputError, match="unknown suite 'hirng'; did you mean 'hiring'"):
        load_suite("hirng")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_a_file_the_answer_is_a_suite_or_an_input_error(
    data: st.DataObject, tmp_path: Path
) -> None:
    text = (SMALL / "suite.yaml").read_text(encoding="utf-8")
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 12))
    new = data.draw(
        st.sampled_from(
            [
                "",
                ": ",
                "- ",
                "[",
                "}",
                "'",
                '"',
                "\n",
                "\n  ",
                "null",
                "1.5",
                "true",
                "&a ",
                "!x ",
                "$",
                "\t",
                "*",
            ]
        )
    )
    for name in ("people.yaml", "faith.yaml"):
        shutil.copy(SMALL / name, tmp_path)
    path = tmp_path / "changed.yaml"
    path.write_text(text[:at] + new + text[at + cut :], encoding="utf-8")
    try:
        assert isinstance(load_suite(path), Suite)
    except InputError as error:
        assert all(problem.line > 0 and problem.column > 0 and problem.message for problem in error.problems)


def test_a_suite_is_what_its_file_says() -> None:
    suite = load_suite(SMALL / "suite.yaml")
    assert suite.axes == ("people", "faith")
    assert suite.persons == "people"
    assert list(load_axes(suite)) == ["people", "faith"]
    assert suite.fillers["occupation"].values == ("nurse", "teacher")
    assert (suite.fillers["occupation"].assign, suite.fillers["town"].assign) == ("rotate", "cross")
    assert suite.templates[0].turns == (("text", "$name is $a_occupation in $town."),)
    assert suite.templates[1].turns[0] == ("system", "You read files.")
    assert suite.templates[1].slots() == {"name", "a_faith", "es", "a_occupation"}
    assert suite.slots_of("$They$s $$5 ${a_faith} $they") == ("they", "s", "a_faith")
    assert suite.question.options == (" Yes", " No")
    assert suite.decision[0].contrasts == "pairs"
    assert suite.path == SMALL / "suite.yaml"
    assert len(suite.digest) == 64


def test_the_axis_of_recorded_answers_is_an_axis() -> None:
    suite = load_suite(SMALL / "ranking.yaml")
    axes = load_axes(suite)
    assert suite.axes == ("demographic",)
    assert list(axes["demographic"].groups) == ["A_M", "B_W"]
    assert axes["demographic"].slots() == frozenset()
    assert suite.recorded is not None
    assert suite.recorded.where[0].lacks == "oversampled"
    assert suite.question.kind == "generate"


def test_a_suite_that_was_written_down_gives_the_same_axes_again() -> None:
    suite = load_suite("hiring")
    again = Suite.model_validate(suite.model_dump(mode="json"))
    assert load_axes(again) == load_axes(suite)
    assert again.model_dump() == suite.model_dump()


def test_yes_and_no_are_words_and_numbers_follow_yaml_1_2(tmp_path: Path) -> None:
    path = tmp_path / "words.yaml"
    path.write_text(
        "a: no\nb: yes\nc: on\nd: 012\ne: 0o14\nf: 1_000\ng: 12:30\nh: 2026-11-20\n"
        "i: ~\nj: True\nk: 1e3\nl: '1'\nm: 0x1F\nn: .5\n",
        encoding="utf-8",
    )
    values = read_yaml(path, what="test").root.plain()
    assert list(values.values()) == [
        "no", "yes", "on", 12, 12, "1_000", "12:30", "2026-11-20", None, True, 1000.0, "1", 31, 0.5,
    ]  # fmt: skip


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    for name in ("people.yaml", "faith.yaml"):
        shutil.copy(SMALL / name, tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + (SMALL / "suite.yaml").read_bytes())
    assert load_suite(path).id == "small"


@pytest.mark.parametrize("name", shipped_suites())
def test_every_shipped_suite_loads_and_fits_the_schema(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    suite = load_suite(name)
    plain = read_yaml(suite.path, what="suite").root.plain()
    jsonschema.Draft202012Validator(suite_schema()).validate(plain)
    assert name.split("/")[-1] == suite.id


def test_the_committed_schema_is_the_generated_one() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == suite_schema()


@pytest.mark.parametrize(
    ("name", "row"), [case for case in broken("suite.yaml") if "unknown key" in str(case.values)]
)
def test_an_editor_sees_unknown_keys_through_the_schema(
    name: str, row: dict[str, Any], tmp_path: Path
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    path = tmp_path / name
    path.write_text(
        (SMALL / name).read_text(encoding="utf-8").replace(row["find"], row["write"], 1), encoding="utf-8"
    )
    assert not jsonschema.Draft202012Validator(suite_schema()).is_valid(
        read_yaml(path, what="suite").root.plain()
    )


@pytest.mark.parametrize("name", ["suite.yaml", "ranking.yaml", "own-texts.yaml"])
def test_every_design_loads_and_fits_the_schema(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    plain = read_yaml(load_suite(SMALL / name).path, what="suite").root.plain()
    jsonschema.Draft202012Validator(suite_schema()).validate(plain)


@given(st.text(alphabet="ab $_{}A1é", max_size=40))
def test_a_text_put_together_from_its_pieces_has_the_same_pieces(text: str) -> None:
    found = pieces(text)
    again = "".join(piece.replace("$", "$$") if isinstance(piece, str) else braced(piece) for piece in found)
    written = [piece if isinstance(piece, str) else (piece.name, piece.capital) for piece in pieces(again)]
    assert written == [piece if isinstance(piece, str) else (piece.name, piece.capital) for piece in found]
    assert lone_dollars(again) == []


def test_slots_take_braces_capitals_and_doubled_dollars() -> None:
    values = {"name": "ada King", "they": "she", "s": "s", "a_job": "an editor"}
    assert fill("$They work$s for $$5. ${They} is $a_job; $A_job! $Name", values) == (
        "She works for $5. She is an editor; An editor! Ada King"
    )
    assert lone_dollars("$5 and $$6 and ${x and $ok") == ["$5 and $$6 a", "${x and $ok"]
    assert wording("$Name is $a_job.").split() == ["is", "."]


def changed(folder: Path, *changes: tuple[str, str]) -> Suite:
    """The small suite with some pieces replaced, beside copies of all small axes."""
    shutil.copytree(SMALL, folder / "small")
    path = folder / "small" / "suite.yaml"
    text = path.read_text(encoding="utf-8")
    for find, write in changes:
        assert find in text
        text = text.replace(find, write, 1)
    path.write_text(text, encoding="utf-8")
    return load_suite(path)


AXES, TAKES_FAITH = "axes: [people.yaml, faith.yaml]", ("$a_faith", "$a_religion")
GROUPS = "axes: [people.yaml, religion]\ngroups: {religion: [Muslim, Christian]}"
PEOPLE_AND_RELIGION = ("people*faith", "people*religion")


def test_a_suite_compares_the_groups_it_names(tmp_path: Path) -> None:
    suite = changed(tmp_path, (AXES, GROUPS), TAKES_FAITH, PEOPLE_AND_RELIGION)
    axes = load_axes(suite)
    assert suite.groups == {"religion": ("Muslim", "Christian")}
    assert list(axes["religion"].groups) == ["Christian", "Muslim"]
    assert list(axes["people"].groups) == ["men", "women"]
    made = expand(suite, axes).prompts
    assert set(made.loc[made["axis"] == "religion", "group"]) == {"Christian", "Muslim"}
    assert set(made.loc[made["axis"] == "people*religion", "group"]) == {
        "men*Christian", "men*Muslim", "women*Christian", "women*Muslim",
    }  # fmt: skip
    held = " ".join(made.loc[(made["axis"] == "people") & (made["template"] == "t02"), "messages"])
    assert "Christian" in held and "Muslim" in held and "Hindu" not in held


def test_groups_are_known_by_the_axis_name_in_the_file_and_kept_by_its_id(tmp_path: Path) -> None:
    suite = changed(tmp_path, (AXES, f"{AXES}\ngroups: {{people.yaml: [women, men]}}"))
    assert suite.groups == {"people": ("women", "men")}
    assert list(load_axes(suite)["people"].groups) == ["men", "women"]


@pytest.mark.parametrize("name", ["lending", "rental-hi"])
def test_a_suite_with_groups_that_was_written_down_gives_the_same_axes_again(name: str) -> None:
    suite = load_suite(name)
    assert suite.groups
    assert load_axes(Suite.model_validate(suite.model_dump(mode="json"))) == load_axes(suite)


def test_three_axes_may_be_combined_and_a_filler_may_hold_the_slot_of_an_axis(tmp_path: Path) -> None:
    suite = changed(
        tmp_path,
        (AXES, "axes: [people.yaml, faith.yaml, home.yaml]"),
        ("people*faith", "people*faith*home"),
        ("[nurse, teacher]", '[nurse, "$tenure"]'),
    )
    assert suite.intersections == ("people*faith*home",)
    assert suite.fillers["occupation"].values == ("nurse", "$tenure")


def test_an_axis_with_shared_names_may_give_the_names(tmp_path: Path) -> None:
    suite = changed(
        tmp_path,
        (AXES, "axes: [calls.yaml, faith.yaml]"),
        ("people*faith", "calls*faith"),
        ("persons: people", "persons: calls"),
        ("teach${es}", "who $are here"),
        ("axis: people", "axis: calls"),
    )
    assert suite.persons == "calls"
    made = expand(suite, load_axes(suite)).prompts
    assert set(made.loc[made["axis"] == "calls", "group"]) == {"he", "they"}
