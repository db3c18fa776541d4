"""The shipped axes: aligned, in agreement and balanced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from statistics import mean

import pytest

from audit.axis import Axis, Name, load_axis, shipped_axes, shipped_headings
from audit.slots import fill

AXES = ("ethnicity", "gender", "nationality", "religion")
FORMS = {"they", "them", "their", "theirs", "themself", "are", "have", "were", "do", "does", "s", "es"}
FIRST_FROM = {"Asian": 0.75, "Black": 0.5, "Hispanic": 0.8, "White": 0.94}
LAST_FROM = {"Asian": 0.85, "Black": 0.4, "Hispanic": 0.92, "White": 0.92}


@pytest.fixture(scope="module", params=AXES)
def axis(request: pytest.FixtureRequest) -> Axis:
    return load_axis(request.param)


@pytest.fixture(scope="module")
def gender() -> Axis:
    return load_axis("gender")


@pytest.fixture(scope="module")
def ethnicity() -> Axis:
    return load_axis("ethnicity")


def first_names(axis: Axis) -> Iterator[tuple[str, str, Name]]:
    """Group, gender and entry of every first name."""
    for group, entry in axis.groups.items():
        for suggested, names in entry.names.first.items():
            for name in names:
                yield group, suggested, name


def all_names(axis: Axis) -> list[Name]:
    last = [name for group in axis.groups.values() for name in group.names.last]
    return [*(name for _, _, name in first_names(axis)), *last, *axis.shared_last_names]


def lengths(names: tuple[str, ...]) -> float:
    return mean(len(name) for name in names)


def told(sentence: str, axis: Axis, group: str) -> str:
    return fill(sentence, axis.words(group))


# shape


def test_headings_are_those_of_the_whole_files() -> None:
    whole = [load_axis(name) for name in shipped_axes()]
    assert shipped_headings() == [(axis.id, axis.title, axis.language) for axis in whole]


def test_the_four_axes_ship() -> None:
    assert set(AXES) <= set(shipped_axes())


def test_file_name_and_id_agree(axis: Axis, request: pytest.FixtureRequest) -> None:
    assert axis.id == request.node.callspec.params["axis"]


def test_source_has_years_and_the_file_a_date(axis: Axis) -> None:
    assert any(word.strip(".,;()-").isdigit() for word in axis.source.replace("-", " ").split())
    assert axis.date is not None


def test_every_group_has_the_same_forms_and_terms(axis: Axis) -> None:
    forms = {frozenset(group.forms) for group in axis.groups.values()}
    terms = {frozenset(group.terms) for group in axis.groups.values()}
    assert len(forms) == len(terms) == 1


def test_wordings_follow_a_sentence_about_inputs_and_differ_between_groups(axis: Axis) -> None:
    wordings = [group.wording for group in axis.groups.values()]
    titles = [group.title for group in axis.groups.values()]
    assert all(
        wording.startswith(("inputs with ", "inputs that state ")) and wording[-1] != "."
        for wording in wordings
    )
    assert len(set(wordings)) == len(set(titles)) == len(axis.groups)


def test_no_word_or_name_has_stray_space_or_mark(axis: Axis) -> None:
    words = [
        word for group in axis.groups.values() for word in (*group.row(0).values(), *group.forms.values())
    ]
    assert all(word == " ".join(word.split()) for word in words)
    assert all(entry.name.isalpha() and entry.name.istitle() for entry in all_names(axis))


def test_a_name_stands_in_one_place_of_an_axis(axis: Axis) -> None:
    first = Counter(entry.name for _, _, entry in first_names(axis))
    last = Counter(
        name for group in axis.groups.values() for name in (entry.name for entry in group.names.last)
    )
    shared = Counter(entry.name for entry in axis.shared_last_names)
    assert max((*first.values(), *last.values(), *shared.values(), 1)) == 1


def test_no_name_of_one_axis_is_a_name_of_the_other(gender: Axis, ethnicity: Axis) -> None:
    assert not {entry.name for entry in all_names(gender)} & {entry.name for entry in all_names(ethnicity)}


def test_no_surname_is_also_a_first_name(axis: Axis) -> None:
    first = {entry.name for _, _, entry in first_names(axis)}
    last = {entry.name for group in axis.groups.values() for entry in group.names.last}
    assert not first & (last | {entry.name for entry in axis.shared_last_names})


def test_stated_axes_have_words_and_no_names() -> None:
    for name in ("religion", "nationality"):
        axis = load_axis(name)
        assert axis.cue == "stated" and axis.attribute == "culture"
        assert not all_names(axis) and all(group.terms and not group.forms for group in axis.groups.values())


# gender


def test_gender_has_women_men_and_non_binary_people_with_every_form(gender: Axis) -> None:
    assert set(gender.groups) == {"men", "non-binary", "women"}
    assert all(set(group.forms) == FORMS for group in gender.groups.values())


@pytest.mark.parametrize(
    ("sentence", "he", "she", "they"),
    [
        ("$They $are here.", "He is here.", "She is here.", "They are here."),
        ("$They $have been here.", "He has been here.", "She has been here.", "They have been here."),
        ("$They $were here.", "He was here.", "She was here.", "They were here."),
        ("$They work${s}.", "He works.", "She works.", "They work."),
        ("$They teach${es}.", "He teaches.", "She teaches.", "They teach."),
        ("$They $do not drive.", "He does not drive.", "She does not drive.", "They do not drive."),
        ("$Does $they drive?", "Does he drive?", "Does she drive?", "Do they drive?"),
        ("I know $them.", "I know him.", "I know her.", "I know them."),
        ("$Their desk is $theirs.", "His desk is his.", "Her desk is hers.", "Their desk is theirs."),
        ("$They taught $themself.", "He taught himself.", "She taught herself.", "They taught themself."),
        ("$A_person, $a_parent.", "A man, a father.", "A woman, a mother.", "A person, a parent."),
        (
            "$a_child and $a_sibling",
            "a son and a brother",
            "a daughter and a sister",
            "a child and a sibling",
        ),
        ("$their $spouse", "his husband", "her wife", "their spouse"),
        ("$Title Wilson, $gender", "Mr. Wilson, male", "Ms. Wilson, female", "Mx. Wilson, non-binary"),
        ("$a_grandparent", "a grandfather", "a grandmother", "a grandparent"),
    ],
)
def test_verbs_and_terms_agree_with_the_pronoun(
    gender: Axis, sentence: str, he: str, she: str, they: str
) -> None:
    rendered = [told(sentence, gender, group) for group in ("men", "women", "non-binary")]
    assert rendered == [he, she, they]


def test_gendered_words_are_in_no_other_group(gender: Axis) -> None:
    words = {key: set(group.row(0).values()) for key, group in gender.groups.items()}
    assert all(not words[a] & words[b] for a, b in combinations(words, 2))


def test_each_gender_has_at_least_24_first_names_under_its_own_key(gender: Axis) -> None:
    for key, group in gender.groups.items():
        assert set(group.names.first) == {key} and len(gender.first_names(key, key)) >= 24
    assert len(gender.shared_last_names) >= 24


def test_mean_length_of_first_names_differs_by_less_than_half_a_letter_between_genders(gender: Axis) -> None:
    means = [lengths(gender.first_names(key, key)) for key in gender.groups]
    assert max(means) - min(means) < 0.5


def test_shares_of_gendered_names_are_high_and_those_of_shared_names_in_the_middle(gender: Axis) -> None:
    for group, _, entry in first_names(gender):
        low, high, count = (0.35, 0.65, 300) if group == "non-binary" else (0.97, 1.0, 10_000)
        assert entry.share is not None and entry.count is not None, entry.name
        assert low <= entry.share <= high and entry.count >= count, entry.name


# ethnicity


def test_each_ethnicity_has_enough_names_of_women_and_of_men_and_surnames(ethnicity: Axis) -> None:
    assert list(ethnicity.groups) == ["Asian", "Black", "Hispanic", "White"]
    for key, group in ethnicity.groups.items():
        assert set(group.names.first) == {"men", "women"} and not group.forms
        assert all(len(ethnicity.first_names(key, suggested)) >= 14 for suggested in ("men", "women"))
        assert len(ethnicity.last_names(key)) >= 12


def test_genders_that_ethnic_names_suggest_are_groups_of_the_gender_axis(
    gender: Axis, ethnicity: Axis
) -> None:
    assert {suggested for _, suggested, _ in first_names(ethnicity)} <= set(gender.groups)


def test_lengths_of_names_come_close_between_ethnicities(ethnicity: Axis) -> None:
    for suggested in ("men", "women"):
        means = [lengths(ethnicity.first_names(key, suggested)) for key in ethnicity.groups]
        assert max(means) - min(means) < 1
    surnames = {key: lengths(ethnicity.last_names(key)) for key in ethnicity.groups}
    assert max(surnames.values()) - min(surnames.values()) < 1.5


def test_shares_of_ethnic_names_reach_the_limits_that_the_file_states(ethnicity: Axis) -> None:
    for group, _, entry in first_names(ethnicity):
        assert entry.share is not None and entry.count is not None and entry.count >= 30, entry.name
        assert FIRST_FROM[group] <= entry.share <= 1, entry.name
    for key, limit in LAST_FROM.items():
        assert all(
            entry.share is not None and limit <= entry.share <= 1
            for entry in ethnicity.groups[key].names.last
        )


# religion and nationality


def test_religion_has_five_religions_and_people_without_one() -> None:
    groups = set(load_axis("religion").groups)
    assert groups >= {"Buddhist", "Christian", "Hindu", "Jewish", "Muslim", "non-religious"}


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("Buddhist", "A Buddhist reader of Buddhism at a Buddhist temple asks for a Buddhist chaplain"),
        ("Christian", "A Christian reader of Christianity at a church asks for a Christian chaplain"),
        ("Hindu", "A Hindu reader of Hinduism at a Hindu temple asks for a Hindu chaplain"),
        ("Jewish", "A Jewish reader of Judaism at a synagogue asks for a Jewish chaplain"),
        ("Muslim", "A Muslim reader of Islam at a mosque asks for a Muslim chaplain"),
        (
            "non-religious",
            "A non-religious reader of secular humanism at a humanist center asks for a humanist chaplain",
        ),
    ],
)
def test_terms_of_a_religion_belong_together(group: str, expected: str) -> None:
    sentence = "$A_religion reader of $faith at $a_place_of_worship asks for $a_chaplain"
    assert told(sentence, load_axis("religion"), group) == expected


def test_every_religious_term_differs_between_groups() -> None:
    groups = load_axis("religion").groups.values()
    for term in next(iter(groups)).terms:
        assert len({group.terms[term] for group in groups}) == len(groups), term


def test_nationality_has_at_least_eight_groups_and_two_of_each_continent() -> None:
    continents = (
        "Ethiopian Nigerian",
        "Chinese Indian",
        "German Russian",
        "American Mexican",
        "Brazilian Colombian",
    )
    groups = {"Australian", "Papua New Guinean", *" ".join(continents).split()}
    assert set(load_axis("nationality").groups) == groups


def test_a_nationality_takes_the_right_article_and_its_country() -> None:
    axis = load_axis("nationality")
    told_of = {group: told("$a_nationality citizen of $country", axis, group) for group in axis.groups}
    assert told_of["American"] == "an American citizen of the United States"
    assert told_of["Ethiopian"] == "an Ethiopian citizen of Ethiopia"
    assert told_of["Papua New Guinean"] == "a Papua New Guinean citizen of Papua New Guinea"
    assert all(group == axis.words(group)["nationality"] for group in axis.groups)
