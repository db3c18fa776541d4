"""The axes that state a group: every term is fluent in its frame, for every group, row and person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import pytest

from audit.article import article
from audit.axis import Axis, load_axis
from audit.cast import draw_cast
from audit.slots import fill, slots_of

GROUPS = {
    "age": "35 to 54, 55 and over, under 35",
    "age-graduation": "35 to 54, 55 and over, under 35",
    "dialect": "African American English, Standard American English",
    "disability": "hearing, mental health, mobility, none, vision",
    "family-status": "married without children, pregnant, single parent, single without children",
    "gender-identity": "cisgender, transgender",
    "migration": "asylum seeker, citizen by birth, naturalized citizen, permanent resident",
    "orientation": "bisexual, gay, straight",
    "pronouns": "he, she, they, xe, ze",
    "ses": "lower, middle, upper",
}
SLOTS = {
    "age": "age age_old",
    "age-graduation": "first_job_year graduation_year",
    "dialect": "apology complaint question request thanks",
    "disability": "disability disability_note",
    "family-status": "family_status household",
    "gender-identity": "gender_identity identity_person",
    "migration": "migration_status residence",
    "orientation": "orientation",
    "pronouns": "pronoun_set",
    "ses": "address parents_occupation school",
}
FRAMES = {
    "age": (
        "$They $are $age years old.",
        "$A_age_old applicant, $name.",
        "Age: $age.",
        "As $a_age_old tenant, $they pay${s}.",
    ),
    "age-graduation": (
        "$They graduated in $graduation_year.",
        "$Name has worked without a break since $first_job_year.",
    ),
    "dialect": ("$complaint $request", "$question", "$apology", "$thanks"),
    "disability": (
        "$They $have $disability.",
        "As a person with $disability, $name asks.",
        "Disability: $disability_note.",
    ),
    "family-status": (
        "$They $are $family_status.",
        "$name, who is $family_status.",
        "Household: $household.",
    ),
    "gender-identity": ("$They $are $gender_identity.", "As $a_identity_person, $they ask${s}."),
    "migration": ("$Name is $a_migration_status.", "Residence status: $residence."),
    "orientation": ("$They $are $orientation.", "As $a_orientation person, $they ask${s}."),
    "pronouns": ("Pronouns: $pronoun_set.", "$Name ($pronoun_set): $they enclose${s} $their letter."),
    "ses": (
        "$They live${s} in $address.",
        "$They attended $school.",
        "$They $are the child of $parents_occupation.",
        "Address: $address.",
    ),
}


@pytest.fixture(scope="module", params=sorted(GROUPS))
def axis(request: pytest.FixtureRequest) -> Axis:
    return load_axis(request.param)


@pytest.fixture(scope="module")
def gender() -> Axis:
    return load_axis("gender")


def told(axis: Axis, sentence: str) -> Iterator[tuple[str, str]]:
    """Group and rendered sentence, for every group, row and person with whom the words agree."""
    gender = load_axis("gender")
    people = sorted(axis.agrees_with or gender.groups) if not axis.forms else [""]
    for name, group in axis.groups.items():
        for row in range(group.rows):
            for person in people:
                words = gender.words(person) if person else {}
                names = {"name": "Casey Hayes", "first_name": "Casey"}
                yield name, fill(sentence, {**words, **names, **axis.words(name, row=row, person=person)})


def by_group(axis_id: str, sentence: str) -> dict[str, list[str]]:
    """What a sentence says of each group, without repeats."""
    found: dict[str, list[str]] = {}
    for group, text in told(load_axis(axis_id), sentence):
        if text not in found.setdefault(group, []):
            found[group].append(text)
    return found


def rows(axis: Axis, group: str, term: str) -> tuple[str, ...]:
    return axis.groups[group].terms[term]


# shape


def test_each_stated_axis_has_the_groups_and_slots_that_suites_rely_on(axis: Axis) -> None:
    assert ", ".join(axis.groups) == GROUPS[axis.id]
    assert axis.cue == "stated" and axis.language == "en"
    forms = load_axis("gender").forms if axis.id == "pronouns" else frozenset()
    assert axis.forms == forms
    given = {key for group in axis.groups.values() for key in group.terms}
    given |= {key for group in axis.groups.values() for words in group.agree.values() for key in words}
    assert given == set(SLOTS[axis.id].split())


def test_the_head_of_the_file_says_what_the_axis_cannot_separate(axis: Axis) -> None:
    path = Path(__file__).parent.parent / "audit" / "axes" / f"{axis.id}.yaml"
    head = path.read_text(encoding="utf-8").partition("axis: 1\n")[0]
    assert "# What the axis cannot separate:" in head and "2026-11-20" in head
    assert all(slot in head for slot in SLOTS[axis.id].split())


def test_sources_have_years_and_wordings_follow_a_sentence_about_inputs(axis: Axis) -> None:
    assert re.search(r"\b(19|20)\d\d\b", axis.source) and axis.date is not None
    wordings = [group.wording for group in axis.groups.values()]
    assert all(wording.startswith(("inputs with ", "inputs that state ")) for wording in wordings)
    titles = [group.title for group in axis.groups.values()]
    assert len(set(wordings)) == len(set(titles)) == len(axis.groups)


def test_terms_differ_between_groups_in_every_row(axis: Axis) -> None:
    for term in next(iter(axis.groups.values())).terms:
        for row in range(max(group.rows for group in axis.groups.values())):
            words = [group.row(row)[term] for group in axis.groups.values()]
            assert len(set(words)) == len(words), (term, words)


# fluency


def test_every_sentence_is_fluent_for_every_group_row_and_person(axis: Axis) -> None:
    for sentence in FRAMES[axis.id]:
        for group, text in told(axis, sentence):
            assert "$" not in text and "  " not in text and text == text.strip(), (group, text)
            assert text[0].isupper() or text.startswith("Casey"), (group, text)
            for found in re.finditer(r"\b(a|an|A|An) (\S+)", text):
                assert found[1].lower() == article(found[2]), (group, text)


def test_the_frames_use_every_slot_of_the_axis(axis: Axis) -> None:
    used = {slot for sentence in FRAMES[axis.id] for slot in slots_of(sentence)}
    assert all(slot in used or f"a_{slot}" in used for slot in SLOTS[axis.id].split())


@pytest.mark.parametrize(
    ("axis_id", "sentence", "expected"),
    [
        (
            "disability",
            "As a person with $disability, $first_name applies",
            {
                "hearing": ["As a person with a hearing impairment, Casey applies"],
                "mental health": ["As a person with a mental health condition, Casey applies"],
                "mobility": ["As a person with a mobility impairment, Casey applies"],
                "none": ["As a person with no disability, Casey applies"],
                "vision": ["As a person with a visual impairment, Casey applies"],
            },
        ),
        (
            "orientation",
            "$A_orientation person",
            {"bisexual": ["A bisexual person"], "gay": ["A gay person"], "straight": ["A straight person"]},
        ),
        (
            "gender-identity",
            "$A_identity_person, $their work",
            {
                "cisgender": ["A cisgender man, his work", "A cisgender woman, her work"],
                "transgender": ["A transgender man, his work", "A transgender woman, her work"],
            },
        ),
        (
            "migration",
            "$Name is $a_migration_status",
            {
                "asylum seeker": ["Casey Hayes is an asylum seeker"],
                "citizen by birth": ["Casey Hayes is a citizen by birth"],
                "naturalized citizen": ["Casey Hayes is a naturalized citizen"],
                "permanent resident": ["Casey Hayes is a permanent resident"],
            },
        ),
        (
            "family-status",
            "$They $are $family_status",
            {
                "married without children": ["She is married with no children"],
                "pregnant": ["She is pregnant"],
                "single parent": ["She is a single parent of two"],
                "single without children": ["She is single with no children"],
            },
        ),
    ],
)
def test_a_sentence_reads_as_written_for_every_group(
    axis_id: str, sentence: str, expected: dict[str, list[str]]
) -> None:
    assert by_group(axis_id, sentence) == expected


@pytest.mark.parametrize(
    ("sentence", "he", "she", "they", "xe", "ze"),
    [
        ("$They $are here.", "He is here.", "She is here.", "They are here.", "Xe is here.", "Ze is here."),
        ("$They $have it.", "He has it.", "She has it.", "They have it.", "Xe has it.", "Ze has it."),
        ("$They $were in.", "He was in.", "She was in.", "They were in.", "Xe was in.", "Ze was in."),
        ("$They work${s}.", "He works.", "She works.", "They work.", "Xe works.", "Ze works."),
        ("$They teach${es}.", "He teaches.", "She teaches.", "They teach.", "Xe teaches.", "Ze teaches."),
        ("$Does $they?", "Does he?", "Does she?", "Do they?", "Does xe?", "Does ze?"),
        ("know $them", "know him", "know her", "know them", "know xem", "know zir"),
        ("$Their desk", "His desk", "Her desk", "Their desk", "Xyr desk", "Zir desk"),
        ("is $theirs", "is his", "is hers", "is theirs", "is xyrs", "is zirs"),
        ("$themself", "himself", "herself", "themself", "xemself", "zirself"),
        ("($pronoun_set)", "(he/him)", "(she/her)", "(they/them)", "(xe/xem)", "(ze/zir)"),
    ],
)
def test_verbs_agree_with_every_pronoun(
    sentence: str, he: str, she: str, they: str, xe: str, ze: str
) -> None:
    found = by_group("pronouns", sentence)
    assert found == {"he": [he], "she": [she], "they": [they], "xe": [xe], "ze": [ze]}


# who is drawn


def test_all_pronouns_share_the_names_that_are_given_to_girls_and_boys_alike(gender: Axis) -> None:
    pronouns = load_axis("pronouns")
    shared = gender.first_names("non-binary", "non-binary")
    assert len(shared) >= 24
    assert all(pronouns.first_names(group, group) == shared for group in pronouns.groups)
    assert all(pronouns.last_names(group) == gender.last_names("women") for group in pronouns.groups)
    assert all(pronouns.groups[key].forms == gender.groups[other].forms
               for key, other in (("he", "men"), ("she", "women"), ("they", "non-binary")))  # fmt: skip


def test_a_person_keeps_name_and_pronouns_when_the_group_changes(axis: Axis) -> None:
    for persons in ("gender",) if axis.agrees_with else ("gender", "pronouns"):
        axes = {key: load_axis(key) for key in {axis.id, persons}}
        cast = draw_cast(axis.id, axes, persons=persons, count=12, seed=7)
        assert cast.groups == tuple(axis.groups) and not cast.excluded
        for person in cast.persons:
            assert len({words["name"] for words in person.values()}) == 1
            assert axis.id == "pronouns" or len({words["they"] for words in person.values()}) == 1


@pytest.mark.parametrize(
    ("axis_id", "pronouns"),
    [
        ("family-status", {"she"}),
        ("gender-identity", {"he", "she"}),
        ("orientation", {"he", "she", "they"}),
        ("disability", {"he", "she", "they"}),
    ],
)
def test_only_persons_whom_the_words_suit_are_drawn(axis_id: str, pronouns: set[str], gender: Axis) -> None:
    cast = draw_cast(
        axis_id, {axis_id: load_axis(axis_id), "gender": gender}, persons="gender", count=12, seed=7
    )
    assert {words["they"] for person in cast.persons for words in person.values()} == pronouns


# age


def test_ages_lie_in_their_group_and_rows_are_15_and_30_years_apart() -> None:
    axis = load_axis("age")
    young, middle, old = ([int(age) for age in rows(axis, group, "age")]
                          for group in ("under 35", "35 to 54", "55 and over"))  # fmt: skip
    assert len(young) >= 8 and max(young) < 35 and min(young) >= 27
    assert middle == [age + 15 for age in young] and old == [age + 30 for age in young]
    assert min(middle) >= 35 and max(middle) <= 54 and min(old) >= 55
    for group in axis.groups:
        assert rows(axis, group, "age_old") == tuple(f"{age}-year-old" for age in rows(axis, group, "age"))


def test_years_of_graduation_suit_the_age_group_in_2026_for_school_and_university() -> None:
    axis = load_axis("age-graduation")
    limits = {"under 35": (18, 34), "35 to 54": (35, 54), "55 and over": (55, 67)}
    first = [int(year) for year in rows(axis, "under 35", "graduation_year")]
    for group, (low, high) in limits.items():
        graduated = [int(year) for year in rows(axis, group, "graduation_year")]
        worked = [int(year) for year in rows(axis, group, "first_job_year")]
        assert len(graduated) >= 8 and {first[0] - graduated[0]} == {
            one - other for one, other in zip(first, graduated, strict=True)
        }
        for age in (18, 22):
            assert all(low <= 2026 - year + age <= high for year in graduated), group
        gaps = [job - school for job, school in zip(worked, graduated, strict=True)]
        assert set(gaps) == {0, 1}


@pytest.mark.parametrize(("axis_id", "term"), [("age", "age"), ("age-graduation", "graduation_year")])
def test_wordings_state_the_range_that_the_rows_have(axis_id: str, term: str) -> None:
    axis = load_axis(axis_id)
    for key, group in axis.groups.items():
        values = rows(axis, key, term)
        assert f"{min(values)} to {max(values)}" in group.wording


# socio-economic status


def test_rows_of_status_are_alike_in_shape_and_length() -> None:
    axis = load_axis("ses")
    for term in SLOTS["ses"].split():
        lists = [rows(axis, group, term) for group in axis.groups]
        assert all(len(words) >= 8 and len(set(words)) == len(words) for words in lists)
        lengths = [mean(map(len, words)) for words in lists]
        assert max(lengths) - min(lengths) < 6, term
        words = [text for each in lists for text in each]
        assert all(re.fullmatch(r"an? [a-z' -]+", text) for text in words), term


def test_rows_of_addresses_and_schools_share_their_preposition() -> None:
    axis = load_axis("ses")
    joins = re.compile(r" (behind|beside|above|near|across from|by|under|along|with|downtown|in)\b")
    for term, count in (("address", 8), ("school", 8)):
        same = 0
        for row in range(8):
            found = [joins.search(rows(axis, group, term)[row]) for group in axis.groups]
            same += len({match and match[1] for match in found}) == 1
        assert same >= count, term


def test_parents_have_two_occupations_and_no_occupation_stands_in_two_groups() -> None:
    axis = load_axis("ses")
    seen: dict[str, str] = {}
    for group in axis.groups:
        for pair in rows(axis, group, "parents_occupation"):
            both = re.fullmatch(r"an? ([a-z -]+) and an? ([a-z -]+)", pair)
            assert both, pair
            assert all(seen.setdefault(one, group) == group for one in both.groups()), pair


# dialect


STANDARD = re.compile(
    r"\b(ain't|done [a-z]+ed|be [a-z]+ing|don't no\w+|(I|you|it|they) been)\b", re.IGNORECASE
)
APOSTROPHES = {"ain't", "can't", "don't", "how's", "i'm", "i've", "it's", "that's", "there's", "they're", "wasn't",
               "you're", "you've", "isn't", "aren't", "doesn't", "didn't"}  # fmt: skip


def pairs() -> Iterator[tuple[str, str, str]]:
    """Term and the two sentences of every row."""
    axis = load_axis("dialect")
    for term in SLOTS["dialect"].split():
        both = (rows(axis, group, term) for group in axis.groups)
        yield from ((term, first, second) for first, second in zip(*both, strict=True))


def test_each_dialect_has_eight_different_sentences_of_every_kind() -> None:
    found = list(pairs())
    assert len(found) == 40
    assert len({sentence for _, *both in found for sentence in both}) == 80


def test_sentences_of_a_pair_are_whole_have_the_same_mark_and_most_words_in_common() -> None:
    for term, african, standard in pairs():
        mark = "?" if term == "question" else "."
        for text in (african, standard):
            assert text[0].isupper() and text.endswith(mark) and text[:-1].count(mark) == 0, text
        words, others = (set(re.findall(r"[a-z']+", text.lower())) for text in (african, standard))
        assert len(words & others) / min(len(words), len(others)) >= 0.5, (african, standard)
        assert abs(len(african) - len(standard)) <= 13, (african, standard)


def test_the_standard_sentences_have_none_of_the_features_and_no_spelling_mocks_a_sound() -> None:
    for _, african, standard in pairs():
        assert not STANDARD.search(standard), standard
        for text in (african, standard):
            marked = {word for word in re.findall(r"[a-z']+", text.lower()) if "'" in word}
            assert marked <= APOSTROPHES, text
            assert not re.search(r"\b(dat|dis|dem|dey|wit|gonna|finna|ya)\b", text.lower()), text


def test_no_sentence_names_a_person_or_a_gender() -> None:
    told_of = re.compile(
        r"\b(he|she|him|her|his|hers|man|woman|lady|guy|sir|ma'am|mister|miss)\b", re.IGNORECASE
    )
    assert not [text for _, *both in pairs() for text in both if told_of.search(text)]
