"""Who is drawn: rows, words that agree, shared names, attributes that are held, intersections, reasons."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.axis import Axis
from audit.cast import Cast, Words, draw_cast
from audit.errors import InputError

PRONOUNS = {
    "men": {"they": "he", "are": "is", "s": "s"},
    "non-binary": {"they": "they", "are": "are", "s": ""},
    "women": {"they": "she", "are": "is", "s": "s"},
}
FIRST = {
    "men": ["Adam", "Brian", "Carl", "David", "Eric", "Frank", "Gordon", "Henry"],
    "non-binary": ["Alex", "Blake", "Casey", "Drew", "Emery", "Frankie", "Gray", "Harper"],
    "women": ["Anna", "Betty", "Clara", "Diane", "Ellen", "Fiona", "Grace", "Helen"],
}


def axis_of(name: str, cue: str, groups: dict[str, dict[str, Any]], **more: Any) -> Axis:
    """An axis with the groups' words."""
    return Axis.model_validate({
        "axis": 1, "id": name, "title": name, "attribute": "x", "language": "en", "cue": cue, "source": "Tests, 2026.",
        "date": "2026-11-20", **more,
        "groups": {key: {"title": key, "wording": f"inputs of {key}", **group} for key, group in groups.items()},
    })  # fmt: skip


def gender() -> Axis:
    groups = {
        key: {"forms": forms, "terms": {"person": key}, "names": {"first": {key: FIRST[key]}}}
        for key, forms in PRONOUNS.items()
    }
    return axis_of("gender", "names", groups, last_names=["Reed", "Shaw", "Todd", "Ward", "York"])


def home(rows: int) -> Axis:
    groups = {
        key: {"terms": {
            "address": [f"{key} address {row}" for row in range(rows)],
            "school": [f"{key} school {row}" for row in range(rows)], "class": key,
        }}
        for key in ("lower", "middle", "upper")
    }  # fmt: skip
    return axis_of("home", "stated", groups)


def stated(name: str, size: int) -> Axis:
    return axis_of(
        name, "stated", {f"{name}{index}": {"terms": {name: f"{name}{index}"}} for index in range(size)}
    )


def couple() -> Axis:
    words = {"engaged": ("fiancée", "fiancé"), "married": ("wife", "husband")}
    groups = {
        key: {"terms": {"status": key}, "agree": {"men": {"partner": his}, "women": {"partner": hers}}}
        for key, (his, hers) in words.items()
    }
    return axis_of("couple", "stated", groups)


def calls() -> Axis:
    groups = {
        key: {"forms": PRONOUNS[of]} for key, of in (("he", "men"), ("she", "women"), ("they", "non-binary"))
    }
    for key, group in groups.items():
        group["terms"] = {"pronoun_set": key}
    return axis_of(
        "calls", "stated", groups, first_names=["Alex", "Blake", "Casey", "Drew"], last_names=["Reed", "Shaw"]
    )


def origin() -> Axis:
    names = {
        "north": {"men": ["Olaf", "Sven", "Nils"], "women": ["Liv", "Ida", "Siv"]},
        "south": {"men": ["Luca", "Enzo", "Ugo"], "women": ["Gia", "Pia", "Lea"]},
    }
    return axis_of("origin", "names", {key: {"names": {"first": first}} for key, first in names.items()})


def cast(
    name: str, *axes: Axis, count: int = 12, persons: str = "gender", held: tuple[str, ...] = ()
) -> Cast:
    known = {axis.id: axis for axis in (gender(), *axes)}
    return draw_cast(name, known, persons=persons, count=count, seed=7, held=held)


def number(text: str) -> int:
    return int(text.split()[-1])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 30))
def test_a_person_has_one_row_in_all_words_and_groups_and_every_row_comes_equally_often(
    rows: int, count: int
) -> None:
    drawn = cast("home", home(rows), count=count)
    seen: Counter[int] = Counter()
    for person in drawn.persons:
        numbers = {number(words[key]) for words in person.values() for key in ("address", "school")}
        assert len(numbers) == 1
        seen[numbers.pop()] += 1
        for group, words in person.items():
            assert words["class"] == group and words["address"].startswith(group)
            assert words["a_class"] in (f"a {group}", f"an {group}")
    assert max(seen.values()) - min(seen[row] for row in range(rows)) <= 1


def test_the_other_name_keeps_row_and_words() -> None:
    drawn = cast("home", home(5), count=10)
    for person, other in zip(drawn.persons, drawn.others, strict=True):
        for group in drawn.groups:
            changed = {key for key in person[group] if person[group][key] != other[group][key]}
            assert "first_name" in changed and changed <= {"name", "first_name", "last_name"}


def test_words_agree_with_the_gender_of_the_person_and_others_are_not_drawn() -> None:
    drawn = cast("couple", couple())
    wanted = {("he", "engaged"): "fiancée", ("she", "engaged"): "fiancé", ("he", "married"): "wife",
              ("she", "married"): "husband"}  # fmt: skip
    for person in drawn.persons:
        for group, words in person.items():
            assert words["partner"] == wanted[words["they"], group]
            assert words["a_partner"] == f"a {words['partner']}"
    assert Counter(person["married"]["they"] for person in drawn.persons) == {"he": 6, "she": 6}


def test_combinations_that_nothing_agrees_with_are_left_out_with_the_reason() -> None:
    drawn = cast("gender*couple", couple())
    assert drawn.groups == ("men*engaged", "men*married", "women*engaged", "women*married")
    assert {(one.what, one.reason) for one in drawn.excluded} == {
        ("gender*couple: non-binary*engaged", "axis 'couple' has no words that agree with non-binary"),
        ("gender*couple: non-binary*married", "axis 'couple' has no words that agree with non-binary"),
    }
    for person in drawn.persons:
        assert person["women*married"]["partner"] == "husband" and person["men*married"]["partner"] == "wife"


def test_combinations_without_names_are_left_out_with_the_reason() -> None:
    drawn = cast("gender*origin", origin(), count=3)
    assert {(one.what, one.reason) for one in drawn.excluded} == {
        (f"gender*origin: non-binary*{group}", "axis 'origin' has no names for this combination")
        for group in ("north", "south")
    }
    people = [words for person in drawn.persons for words in person.values()]
    assert {words["first_name"] for words in people} <= set(
        ["Olaf", "Sven", "Nils", "Liv", "Ida", "Siv", "Luca", "Enzo", "Ugo", "Gia", "Pia", "Lea"]
    )


def test_an_axis_that_nobody_can_stand_for_has_no_persons() -> None:
    only = couple()
    groups = {
        key: group.model_copy(update={"agree": {"elves": {"partner": "elf"}}})
        for key, group in only.groups.items()
    }
    drawn = cast("couple", only.model_copy(update={"groups": groups}))
    assert not drawn.persons and not drawn.others and not drawn.groups
    assert {one.what for one in drawn.excluded} == {"couple: engaged", "couple: married"}


def test_shared_first_names_are_equal_in_all_groups() -> None:
    drawn = cast("calls", calls(), persons="calls", count=6)
    assert drawn.groups == ("he", "she", "they")
    for people in (drawn.persons, drawn.others):
        for person in people:
            names = {
                tuple(words[key] for key in ("name", "first_name", "last_name")) for words in person.values()
            }
            assert len(names) == 1
            assert {group: words["they"] for group, words in person.items()} == {
                "he": "he",
                "she": "she",
                "they": "they",
            }
    for person, other in zip(drawn.persons, drawn.others, strict=True):
        assert person["he"]["first_name"] != other["he"]["first_name"]
    assert {"they", "are", "pronoun_set"} <= drawn.sets and not drawn.sets & {
        "name",
        "first_name",
        "last_name",
    }


def test_groups_of_the_persons_axis_take_turns_where_another_axis_is_tested() -> None:
    drawn = cast("faith", stated("faith", 4))
    for person in drawn.persons:
        assert len({(words["name"], words["they"], words["person"]) for words in person.values()}) == 1
        assert {words["faith"] for words in person.values()} == set(drawn.groups)
        assert person["faith0"]["first_name"] in FIRST[person["faith0"]["person"]]
    assert Counter(person["faith0"]["they"] for person in drawn.persons) == {"he": 4, "she": 4, "they": 4}
    assert len({person["faith0"]["name"] for person in drawn.persons}) == 12


def test_names_of_every_group_are_drawn_once_before_any_comes_twice() -> None:
    drawn = cast("gender", count=8)
    for group in drawn.groups:
        assert {person[group]["first_name"] for person in drawn.persons} == set(FIRST[group])
    surnames = Counter(person["men"]["last_name"] for person in drawn.persons)
    assert len(surnames) == 5 and max(surnames.values()) == 2
    for person in drawn.persons:
        assert len({words["last_name"] for words in person.values()}) == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.sampled_from(["faith", "couple", "calls"]))
def test_an_attribute_that_is_held_is_the_same_in_all_groups_and_every_one_comes_equally_often(
    size: int, tested: str
) -> None:
    persons = "calls" if tested == "calls" else "gender"
    turns = {"faith": 3, "couple": 2, "calls": 1}[tested]
    drawn = cast(
        tested, stated("faith", 4), couple(), calls(), stated("nation", size), count=turns * size, persons=persons,
        held=(tested, "nation", "gender"),
    )  # fmt: skip
    pairs: Counter[tuple[str, str]] = Counter()
    for person in drawn.persons:
        nations = {words["nation"] for words in person.values()}
        assert len(nations) == 1
        words = person[drawn.groups[0]]
        pairs[nations.pop(), words["they"] if turns > 1 else ""] += 1
    assert len(pairs) == turns * size and set(pairs.values()) == {1}


def test_only_stated_axes_that_are_not_tested_are_held() -> None:
    drawn = cast("faith", stated("faith", 2), origin(), home(4), held=("gender", "origin", "home", "faith"))
    words = drawn.persons[0]["faith0"]
    assert words["class"] in ("lower", "middle", "upper") and number(words["address"]) == number(
        words["school"]
    )
    assert words["first_name"] in {name for names in FIRST.values() for name in names}
    assert drawn.sets == {"faith", "a_faith"}


def test_what_is_held_changes_neither_names_nor_forms() -> None:
    def kept(words: Words) -> dict[str, str]:
        return {key: text for key, text in words.items() if "class" not in key and key not in home(4).slots()}

    alone = cast("faith", stated("faith", 3))
    beside = cast("faith", stated("faith", 3), home(4), held=("home",))
    assert [{group: kept(words) for group, words in person.items()} for person in beside.persons] == list(
        alone.persons
    )


def test_words_under_test_count_before_held_ones_and_those_before_the_persons_own() -> None:
    drawn = cast("gender", calls(), held=("calls",))
    for person in drawn.persons:
        assert {group: words["they"] for group, words in person.items()} == {
            group: forms["they"] for group, forms in PRONOUNS.items()
        }
    beside = cast("faith", stated("faith", 2), calls(), held=("calls",))
    for person in beside.persons:
        assert {(words["they"], words["pronoun_set"]) for words in person.values()} in (
            {("he", "he")}, {("she", "she")}, {("they", "they")},
        )  # fmt: skip


def test_held_words_that_agree_are_missing_for_those_they_cannot_agree_with() -> None:
    drawn = cast("faith", stated("faith", 2), couple(), held=("couple",))
    for person in drawn.persons:
        for words in person.values():
            assert ("partner" in words) is (words["they"] != "they")
            assert words["status"] in ("engaged", "married")


def test_three_axes_are_combined_in_the_order_of_their_names_in_the_intersection() -> None:
    drawn = cast("gender*home*faith", home(3), stated("faith", 2), count=6)
    assert len(drawn.groups) == 3 * 3 * 2 and drawn.groups == tuple(sorted(drawn.groups))
    for person in drawn.persons:
        for key, words in person.items():
            of_gender, of_home, of_faith = key.split("*")
            assert (words["person"], words["class"], words["faith"]) == (of_gender, of_home, of_faith)
            assert words["they"] == PRONOUNS[of_gender]["they"] and words["first_name"] in FIRST[of_gender]
        assert len({number(words["address"]) for words in person.values()}) == 1
    assert drawn.sets >= {"they", "name", "address", "school", "faith"} and drawn.cue == "names"


def test_two_axes_cannot_both_give_the_names() -> None:
    other = origin().model_copy(update={"id": "region"})
    with pytest.raises(InputError, match=r"'origin\*region': only one axis can give the names"):
        cast("origin*region", origin(), other)


def test_the_cue_of_a_cast_is_names_where_a_name_tells() -> None:
    assert cast("gender").cue == cast("gender*home", home(2)).cue == cast("origin", origin()).cue == "names"
    assert cast("home", home(2)).cue == cast("calls", calls(), persons="calls").cue == "stated"


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 50))
def test_the_same_seed_draws_the_same_persons_whatever_the_order_of_groups_and_axes(seed: int) -> None:
    known = {axis.id: axis for axis in (gender(), stated("faith", 3), home(4))}
    turned = {
        axis.id: Axis.model_validate({
            **axis.model_dump(mode="json"),
            "groups": dict(reversed(list(axis.model_dump(mode="json")["groups"].items()))),
        })
        for axis in reversed(list(known.values()))
    }  # fmt: skip
    for name in ("gender", "faith", "gender*home"):
        one, other = (
            draw_cast(name, axes, persons="gender", count=5, seed=seed, held=tuple(axes))
            for axes in (known, turned)
        )
        assert one == other


def test_the_order_of_surnames_and_first_names_in_the_file_changes_nothing() -> None:
    plain = gender().model_dump(mode="json")
    turned = {**plain, "last_names": plain["last_names"][::-1]}
    for key, group in turned["groups"].items():
        group["names"]["first"] = {key: group["names"]["first"][key][::-1]}
    axes = [{"gender": Axis.model_validate(axis)} for axis in (gender().model_dump(mode="json"), turned)]
    one, other = (draw_cast("gender", known, persons="gender", count=5, seed=7) for known in axes)
    assert one == other
