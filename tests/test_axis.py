from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from audit.article import article, with_article
from audit.axis import Axis, load_axis, shipped_axes
from audit.errors import InputError

DATA = Path(__file__).parent / "data"
SMALL = DATA / "small"
VERBS = {"are", "have", "were", "do", "s", "es"}
PRONOUNS = {"they", "them", "their", "theirs", "themself"}


@pytest.fixture
def people() -> Axis:
    return load_axis(str(SMALL / "people.yaml"))


def test_groups_stand_in_alphabetical_order_whatever_the_file_says(tmp_path: Path) -> None:
    head, _, groups = (SMALL / "faith.yaml").read_text(encoding="utf-8").partition("groups:\n")
    first, second = groups.split("  atheist:")
    path = tmp_path / "faith.yaml"
    path.write_text(f"{head}groups:\n  atheist:{second}{first}", encoding="utf-8")
    assert list(load_axis(str(path)).groups) == ["Muslim", "atheist"]


def test_an_axis_gives_its_words_names_and_slots(people: Axis) -> None:
    assert people.words("women")["a_parent"] == "a mother"
    assert people.groups["women"].forms["them"] == "her"
    assert people.first_names("women", "women") == ("Emily", "Anna")
    assert people.first_names("women", "men") == ()
    assert people.last_names("men") == people.last_names("women") == ("Miller", "Baker")
    assert people.groups["men"].names.first["men"][0].share == 0.99
    assert people.slots() == {
        "they", "them", "their", "are", "s", "es", "person", "parent", "a_person", "a_parent", "name", "first_name",
    }  # fmt: skip
    assert people.date == dt.date(2026, 11, 20)


def test_an_article_that_the_file_gives_is_kept(tmp_path: Path) -> None:
    text = (SMALL / "faith.yaml").read_text(encoding="utf-8")
    path = tmp_path / "faith.yaml"
    path.write_text(text.replace("faith: Muslim", "faith: Muslim, a_faith: one Muslim"), encoding="utf-8")
    axis = load_axis("faith.yaml", beside=tmp_path)
    assert axis.words("Muslim")["a_faith"] == "one Muslim"
    assert axis.words("atheist")["a_faith"] == "an atheist"
    assert axis.slots() == {"faith", "a_faith", "place", "a_place"}


def test_surnames_of_a_group_stand_before_shared_ones(tmp_path: Path) -> None:
    text = (SMALL / "people.yaml").read_text(encoding="utf-8").replace("last_names: [Miller, Baker]\n", "")
    text = text.replace("share: 0.99}, Paul]", "share: 0.99}, Paul]\n      last: [Smith]")
    path = tmp_path / "people.yaml"
    path.write_text(text, encoding="utf-8")
    axis = load_axis(str(path))
    assert (axis.last_names("men"), axis.last_names("women")) == (("Smith",), ())
    assert "last_name" in axis.slots()


def test_an_axis_that_was_written_down_is_the_same_axis(people: Axis) -> None:
    written = people.model_dump(mode="json")
    assert written["last_names"][0]["name"] == "Miller"
    assert Axis.model_validate(written).model_dump(mode="json") == written


def test_an_unknown_axis_lists_the_shipped_ones_and_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown axis 'gendr'; did you mean 'gender'") as caught:
        load_axis("gendr")
    assert all(axis in str(caught.value) for axis in shipped_axes())


def test_names_may_be_quoted_words_that_yaml_1_1_would_change(tmp_path: Path) -> None:
    shutil.copy(SMALL / "people.yaml", tmp_path)
    path = tmp_path / "people.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("Paul]", "No, Yes, On]"), encoding="utf-8")
    assert load_axis(str(path)).first_names("men", "men") == ("Greg", "No", "Yes", "On")


@pytest.mark.parametrize("name", shipped_axes())
def test_every_shipped_axis_bears_its_files_name_and_says_where_it_comes_from(name: str) -> None:
    axis = load_axis(name)
    assert axis.id == name
    assert axis.date is not None
    assert any(character.isdigit() for character in axis.source)
    for group in axis.groups.values():
        assert group.wording != group.title


def test_the_shipped_gender_axis_has_every_pronoun_form() -> None:
    axis = load_axis("gender")
    assert list(axis.groups) == ["men", "non-binary", "women"]
    for group in axis.groups.values():
        assert set(group.forms) >= VERBS | PRONOUNS


def rows_of(name: str) -> list[Any]:
    """The table of broken versions of one small axis file."""
    table: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(DATA / "broken" / name)
    return [pytest.param(name, row, id=f"{name} {row['write'].strip()[:40] or 'nothing'}") for row in table]


BROKEN = [case for name in ("home.yaml", "couple.yaml", "calls.yaml") for case in rows_of(name)]


@pytest.mark.parametrize(("name", "row"), BROKEN)
def test_a_mistake_in_rows_agreement_or_shared_names_is_told_at_its_place(
    name: str, row: dict[str, Any], tmp_path: Path
) -> None:
    text = (SMALL / name).read_text(encoding="utf-8")
    assert row["find"] in text
    path = tmp_path / name
    path.write_text(text.replace(row["find"], row["write"], 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_axis(str(path))
    assert [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems] == row["told"]


def test_words_of_one_row_belong_together_and_a_text_alone_stands_for_every_row() -> None:
    home = load_axis(str(SMALL / "home.yaml"))
    assert [home.words("upper", row=row)["address"] for row in range(4)] == [
        "a villa",
        "a manor",
        "an estate",
        "a villa",
    ]
    assert [home.words("lower", row=row)["school"] for row in (2, 0)] == [
        "a night class",
        "an evening school",
    ]
    assert {home.words("lower", row=row)["a_tenure"] for row in range(3)} == {"a tenant"}
    assert home.words("upper", row=2)["a_tenure"] == "an owner"
    assert home.groups["upper"].rows == 3 and load_axis("gender").groups["men"].rows == 1
    assert home.slots() == {"address", "a_address", "school", "a_school", "tenure", "a_tenure"}


def test_words_that_agree_hang_on_the_person() -> None:
    couple = load_axis(str(SMALL / "couple.yaml"))
    assert couple.words("married", person="women")["partner"] == "husband"
    assert couple.words("engaged", person="men")["a_partner"] == "a fiancée"
    assert couple.words("married", person="non-binary") == {"status": "married", "a_status": "a married"}
    assert couple.agrees_with == frozenset({"men", "women"}) and load_axis("gender").agrees_with is None
    assert couple.slots() == {"status", "a_status", "partner", "a_partner"}


def test_names_that_all_groups_share_are_those_of_every_group() -> None:
    calls = load_axis(str(SMALL / "calls.yaml"))
    assert calls.gives_names and not load_axis("religion").gives_names
    assert calls.first_names("he", "he") == calls.first_names("they", "men") == ("Alex", "Blake")
    assert [entry.share for entry in calls.first_entries("he", "he")] == [None, 0.5]
    assert not calls.slots() & {"name", "first_name", "last_name"}
    assert calls.name_slots() == {"name", "first_name", "last_name"}
    assert calls.forms == {"they", "are"}


def test_names_of_a_french_axis_fill_elided_slots_too() -> None:
    french = load_axis("gender-fr")
    assert french.name_slots() == {
        f"{prefix}{name}" for name in ("name", "first_name", "last_name") for prefix in ("", "de_", "que_")
    }
    assert {"de_name", "que_first_name"} <= french.slots() and "de_last_name" not in french.slots()


@pytest.mark.parametrize(
    "name", [*shipped_axes(), *(str(SMALL / f"{name}.yaml") for name in ("home", "couple", "calls"))]
)
def test_an_axis_gives_every_slot_that_it_promises_and_no_other(name: str) -> None:
    axis = load_axis(name)
    promised = axis.slots() - axis.name_slots()
    for group, words in axis.groups.items():
        for row in range(words.rows):
            for person in axis.agrees_with or {""}:
                assert axis.words(group, row=row, person=person).keys() == promised


AN = (
    """
accountant; hour; hourly worker; honest man; honor student; honourable mention; heir; heiress; MBA holder;
X-ray technician; HR manager; F-grade; 8-year-old; 11th grader; 18,000-word essay; 800-page book; unemployed
person; uninsured patient; umpire; undergraduate; urgent case; onerous task; atheist; American; Uzbek; IT
specialist; NGO worker; RN; ulcer; usher; MSc student; unidentified caller; unimportant matter; FBI agent;
'online' shop; honorary member; AIDS nurse; éclair; Orthodox Jew; utter failure; unironic remark
""".replace("\n", " ")
    .strip()
    .split("; ")
)
A = (
    """
nurse; university; European; one-time offer; once-famous singer; union member; unit; unique case; user;
usual case; UK citizen; U.S. citizen; US citizen; Ukrainian; Ugandan; Uruguayan; Unitarian; uniform; utility
worker; ewe; eulogy; hospital; horse; house; historian; Hindu; Hispanic person; T-shirt; PhD student; CEO;
NATO officer; NASA engineer; UN envoy; UFO; UNESCO site; 10-year-old; 110-page book; 1,800-word essay; 100th
visit; unicorn; unidirectional mic; ukulele player; urologist; uranium mine; ubiquitous sign; STEM teacher;
Yemeni; woman; Muslim; 180-degree turn; Honduran; “blue” file; 180 cm tall person
""".replace("\n", " ")
    .strip()
    .split("; ")
)


@pytest.mark.parametrize("word", AN)
def test_an_stands_before_a_vowel_sound(word: str) -> None:
    assert article(word) == "an"


@pytest.mark.parametrize("word", A)
def test_a_stands_before_a_consonant_sound(word: str) -> None:
    assert article(word) == "a"


@given(st.text(max_size=30))
def test_the_article_of_anything_is_a_or_an_and_goes_before_it(word: str) -> None:
    assert article(word) in ("a", "an")
    assert with_article(word) == f"{article(word)} {word}"


CONSONANTS = "bcdfgjklmnpqrstvwxyz"


@given(st.sampled_from(CONSONANTS), st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12))
def test_a_small_word_that_begins_with_a_consonant_other_than_h_takes_a(first: str, rest: str) -> None:
    assert article(first + rest) == "a"


@given(st.sampled_from("ai"), st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12))
def test_a_small_word_that_begins_with_a_or_i_takes_an(first: str, rest: str) -> None:
    assert article(first + rest) == "an"


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=12), st.text(max_size=12))
def test_only_the_first_word_matters_and_capital_first_letters_do_not(word: str, rest: str) -> None:
    assert article(f"{word} {rest}") == article(word) == article(word.capitalize()) == article(f"({word})")
