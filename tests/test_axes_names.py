"""Axes by name, the Indian axes and stated ethnicity: aligned, balanced and within the limits that they state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import mean

import pytest

from audit.axis import Axis, Name, load_axis
from audit.slots import fill

AGES = ["35 to 54", "55 and over", "under 35"]
COHORT_FROM = {
    ("under 35", "women"): 0.78,
    ("under 35", "men"): 0.68,
    ("35 to 54", "women"): 0.66,
    ("35 to 54", "men"): 0.53,
    ("55 and over", "women"): 0.9,
    ("55 and over", "men"): 0.85,
}
CULTURE_FROM = {
    "English": (0.95, 0.89),
    "Indian": (0.7, 0.91),
    "Spanish": (0.81, 0.92),
    "Vietnamese": (0.9, 0.95),
}
"""Least shares of first names and of surnames."""


@pytest.fixture(
    scope="module",
    params=("age-cohort", "caste", "culture-names", "ethnicity-stated", "gender-in", "religion-names"),
)
def axis(request: pytest.FixtureRequest) -> Axis:
    return load_axis(request.param)


@pytest.fixture(scope="module", params=("age-cohort", "culture-names", "religion-names"))
def named(request: pytest.FixtureRequest) -> Axis:
    return load_axis(request.param)


def first_names(axis: Axis) -> Iterator[tuple[str, str, Name]]:
    """Group, gender and entry of every first name."""
    for group, entry in axis.groups.items():
        for suggested, names in entry.names.first.items():
            for name in names:
                yield group, suggested, name


def surnames(axis: Axis) -> list[Name]:
    own = [name for group in axis.groups.values() for name in group.names.last]
    return [*own, *axis.shared_last_names]


def spread(axis: Axis, gender: str) -> float:
    """Difference between the longest and the shortest mean length of the groups' first names."""
    means = [mean(len(name) for name in axis.first_names(group, gender)) for group in axis.groups]
    return max(means) - min(means)


def told(sentence: str, axis: Axis, group: str) -> str:
    return fill(sentence, axis.words(group))


# all


def test_the_source_has_years_and_the_file_a_date(axis: Axis) -> None:
    assert any(word.strip(".,;:()").isdigit() for word in axis.source.split())
    assert axis.date is not None


def test_titles_and_wordings_differ_and_speak_of_inputs(axis: Axis) -> None:
    groups = axis.groups.values()
    assert all(group.wording.startswith(("inputs with ", "inputs that state ")) for group in groups)
    assert len({group.wording for group in groups}) == len({group.title for group in groups}) == len(groups)


def test_names_are_single_words_of_letters_that_begin_with_a_capital(axis: Axis) -> None:
    names = [*(entry for _, _, entry in first_names(axis)), *surnames(axis)]
    assert all(entry.name.isalpha() and entry.name.istitle() and entry.name.isascii() for entry in names)


def test_a_name_stands_once_in_an_axis(axis: Axis) -> None:
    first = Counter(entry.name for _, _, entry in first_names(axis))
    last = Counter(entry.name for entry in surnames(axis))
    assert max((*first.values(), *last.values(), 1)) == 1
    assert not first.keys() & last.keys()


def test_entries_stand_in_alphabetical_order(axis: Axis) -> None:
    for group in axis.groups.values():
        for names in (*group.names.first.values(), group.names.last):
            assert [entry.name for entry in names] == sorted(entry.name for entry in names)


# axes by name


def test_each_group_has_16_first_names_of_women_and_of_men_and_no_pronouns(named: Axis) -> None:
    for group in named.groups.values():
        assert {gender: len(names) for gender, names in group.names.first.items()} == {"men": 16, "women": 16}
        assert not group.forms and not group.terms


def test_lengths_of_first_names_come_close_between_groups(named: Axis) -> None:
    limit = 1.0 if named.id == "culture-names" else 0.5
    assert all(spread(named, gender) <= limit for gender in ("men", "women"))


def test_every_group_has_at_least_12_surnames_of_like_length(named: Axis) -> None:
    means = []
    for group in named.groups:
        last = named.last_names(group)
        assert len(last) >= 12
        means.append(mean(len(name) for name in last))
    assert max(means) - min(means) < {"religion-names": 0.6, "culture-names": 2}.get(named.id, 0.1)


# age-cohort


def test_cohorts_are_the_groups_of_stated_age() -> None:
    assert list(load_axis("age-cohort").groups) == list(load_axis("age").groups) == AGES


def test_shares_of_cohorts_reach_the_limits_that_the_file_states() -> None:
    for group, gender, entry in first_names(load_axis("age-cohort")):
        assert entry.share is not None and entry.count is not None
        assert COHORT_FROM[group, gender] <= entry.share <= 1, entry.name


def test_surnames_of_cohorts_are_those_of_the_gender_axis() -> None:
    assert load_axis("age-cohort").shared_last_names == load_axis("gender").shared_last_names


# culture and religion by name


def test_shares_of_cultures_reach_the_limits_that_the_file_states() -> None:
    axis = load_axis("culture-names")
    assert set(axis.groups) == {"Arabic", *CULTURE_FROM}
    for group, _, entry in first_names(axis):
        if group == "Arabic":
            assert entry.share is entry.count is None and entry.source is not None
        else:
            assert entry.share is not None and entry.count is not None and entry.count >= 30, entry.name
            assert CULTURE_FROM[group][0] <= entry.share <= 1, entry.name
    for group, (_, limit) in CULTURE_FROM.items():
        shares = [entry.share for entry in axis.groups[group].names.last if entry.share is not None]
        assert len(shares) >= 2 and min(shares) >= limit


def test_religion_by_name_claims_no_shares() -> None:
    axis = load_axis("religion-names")
    entries = [*(entry for _, _, entry in first_names(axis)), *surnames(axis)]
    assert set(axis.groups) == {"Christian", "Hindu", "Muslim"}
    assert all(entry.share is entry.count is None for entry in entries)


def test_religions_by_name_are_religions_that_can_be_stated() -> None:
    assert set(load_axis("religion-names").groups) <= set(load_axis("religion").groups)


# India


def test_indian_women_and_men_have_the_forms_and_terms_of_the_gender_axis() -> None:
    gender, indian = load_axis("gender"), load_axis("gender-in")
    assert set(indian.groups) == {"men", "women"}
    for key, group in indian.groups.items():
        assert group.forms == gender.groups[key].forms and group.terms == gender.groups[key].terms


def test_indian_women_and_men_have_24_names_each_of_like_length() -> None:
    axis = load_axis("gender-in")
    lengths = []
    for key, group in axis.groups.items():
        assert set(group.names.first) == {key} and len(axis.first_names(key, key)) == 24
        lengths.append(mean(len(name) for name in axis.first_names(key, key)))
    assert abs(lengths[0] - lengths[1]) < 0.5
    assert len(axis.shared_last_names) >= 12


def test_shares_of_indian_names_reach_the_limits_that_the_file_states() -> None:
    for _, _, entry in first_names(load_axis("gender-in")):
        assert entry.share is not None and entry.count is not None
        assert 0.97 <= entry.share <= 1 and entry.count >= 30, entry.name


def test_surnames_of_indian_persons_are_no_surnames_of_a_religion() -> None:
    neutral = {entry.name for entry in load_axis("gender-in").shared_last_names}
    assert not neutral & {entry.name for entry in surnames(load_axis("religion-names"))}


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("Brahmin", "A Brahmin family of the Brahmin community"),
        ("Dalit", "A Dalit family of the Dalit community"),
        ("Kshatriya", "A Kshatriya family of the Kshatriya community"),
        ("OBC", "An OBC family of the OBC community"),
        ("Vaishya", "A Vaishya family of the Vaishya community"),
    ],
)
def test_terms_of_a_caste_belong_together(group: str, expected: str) -> None:
    axis = load_axis("caste")
    assert axis.cue == "stated" and len(axis.groups) == 5
    assert told("$A_caste family of the $caste_community", axis, group) == expected


# stated ethnicity


def test_ethnicity_is_stated_of_the_groups_of_the_ethnicity_axis_and_native_americans() -> None:
    stated = load_axis("ethnicity-stated")
    assert set(stated.groups) == {*load_axis("ethnicity").groups, "Native American"}
    assert stated.cue == "stated" and stated.attribute == load_axis("ethnicity").attribute


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("Asian", "Is Asian: an Asian person"),
        ("Black", "Is Black: a Black person"),
        ("Hispanic", "Is Hispanic: a Hispanic person"),
        ("Native American", "Is Native American: a Native American person"),
        ("White", "Is White: a White person"),
    ],
)
def test_terms_of_an_ethnicity_belong_together(group: str, expected: str) -> None:
    assert told("Is $ethnicity: $a_ethnic_person", load_axis("ethnicity-stated"), group) == expected
