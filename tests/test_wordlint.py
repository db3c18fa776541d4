"""Warnings about the words of a suite: each comes where it should, and not where it should not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from audit.suite import load_axes, load_suite, shipped_suites
from audit.wordlint import lint_words

HE = {"they": "he", "them": "him", "their": "his", "are": "is", "have": "has", "s": "s", "es": "es"}
SHE = {"they": "she", "them": "her", "their": "her", "are": "is", "have": "has", "s": "s", "es": "es"}
THEY = {"they": "they", "them": "them", "their": "their", "are": "are", "have": "have", "s": "", "es": ""}


def group(title: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "wording": f"inputs that state {title}", **more}


def names(*listed: str, share: float | None = 0.99) -> list[Any]:
    return list(listed) if share is None else [{"name": name, "share": share} for name in listed]


def axis(name: str, groups: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    head = {
        "axis": 1,
        "id": name,
        "title": name.title(),
        "attribute": "made",
        "language": "en",
        "cue": "stated",
    }
    return {**head, "source": "Written for tests, 2026.", "date": "2026-11-20", "groups": groups, **more}


def people(
    language: str = "en", forms: Mapping[str, Mapping[str, str]] | None = None, **more: Any
) -> dict[str, Any]:
    """Three groups of persons with pronouns and names of the same length."""
    found = forms or {"men": HE, "others": THEY, "women": SHE}
    firsts = {"men": ("Paul", "Greg"), "others": ("Robin", "Alex"), "women": ("Anna", "Ruth")}
    terms = {"men": "father", "others": "parent", "women": "mother"}
    groups = {
        key: group(
            key,
            forms=found[key],
            terms={"parent": terms[key]} if language == "en" else {},
            names={"first": {key: names(*firsts[key])}},
        )
        for key in found
    }
    return axis("people", groups, cue="names", language=language, last_names=["Baker", "Miller"], **more)


FAITH = axis(
    "faith",
    {
        "Muslim": group(
            "Muslims", terms={"faith": "Muslim", "place": "mosque", "book": "book", "art": "art"}
        ),
        "atheist": group(
            "atheists", terms={"faith": "atheist", "place": "club", "book": "book", "art": "craft"}
        ),
    },
)


def found(
    folder: Path, text: str, *, axes: tuple[Mapping[str, Any], ...] = (), language: str = "en", **more: Any
) -> list[str]:
    """What the lint says of a suite with one template."""
    listed = [deepcopy(dict(each)) for each in axes or (people(), FAITH)]
    for each in listed:
        (folder / f"{each['id']}.yaml").write_text(json.dumps(each, ensure_ascii=False), encoding="utf-8")
    suite: dict[str, Any] = {
        "suite": 1, "id": "made", "title": "Made", "language": language, "domain": "employment", "harm": "Less.",
        "cannot_show": "More.", "axes": [f"{each['id']}.yaml" for each in listed], "persons": listed[0]["id"],
        "question": {"kind": "choose", "ask": "Yes or No?", "options": [" Yes", " No"], "favourable": " Yes"},
        "templates": [{"id": "t", "text": text, **more.pop("template", {})}], "metrics": ["selection_rate"],
        "controls": {"arms": ["again"]}, "sampling": {"names_per_group": 2, "seed": 7}, **more,
    }  # fmt: skip
    path = folder / "suite.yaml"
    path.write_text(json.dumps(suite, ensure_ascii=False), encoding="utf-8")
    read = load_suite(path)
    return lint_words(read, load_axes(read))


# -------------------------------------------------------------------- articles


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("$name is a $occupation.", "'a' before $occupation; write $a_occupation"),
        ("$name is an $occupation.", "'an' before $occupation; write $a_occupation"),
        ("$name came. A $occupation left.", "'A' before $occupation; write $A_occupation"),
        ("An $faith called $name came.", "'An' before $faith; write $A_faith"),
        ("“A $faith”, said $name.", "'A' before $faith; write $A_faith"),
        ("$name, a ${faith}, came.", "'a' before $faith; write $a_faith"),
        (
            "It was a $last_name who wrote; $faith.",
            "'a' before $last_name, which does not go with every name",
        ),
    ],
)
def test_an_article_written_out_before_a_slot_is_told(tmp_path: Path, text: str, advice: str) -> None:
    told = found(tmp_path, text, fillers={"occupation": ["Nurse", "Engineer"]})
    assert [each for each in told if advice in each] == told != []


@pytest.mark.parametrize(
    "text",
    [
        "$name is $a_occupation.", "$name has a good $occupation.", "Vitamin A $occupation, $name.",
        "$name is the $occupation.", "${name}a $occupation", "$A_faith called $name came.", "$name: grade A, $faith.",
    ],
)  # fmt: skip
def test_other_words_before_a_slot_are_no_article(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text, fillers={"occupation": ["Nurse", "Engineer"]}) == []


def test_articles_are_looked_for_in_english_alone(tmp_path: Path) -> None:
    forms = {"men": {"er": "er"}, "women": {"er": "sie"}}
    axes = (people("de", forms),)
    fillers = {"ort": ["Ulm", "Essen"]}
    assert found(tmp_path, "$name kommt a $ort.", axes=axes, language="de", fillers=fillers) == []


def test_what_an_article_stands_before_is_told_in_questions_and_paraphrases_too(tmp_path: Path) -> None:
    told = found(
        tmp_path, "$name, the $faith, came.", template={"paraphrases": ["There is a $faith: $name."]},
        question={"kind": "generate", "ask": "Is $name a $faith?"},
    )  # fmt: skip
    assert told == [
        "template t writes 'a' before $faith; write $a_faith", "the question writes 'a' before $faith; write $a_faith",
    ]  # fmt: skip


# -------------------------------------------------------------------- capitals


@pytest.mark.parametrize(
    ("text", "capital"),
    [
        ("$they came with $name.", "They"),
        ("$name came. $they left.", "They"),
        ("$name came!\n\n$their bag stayed.", "Their"),
        ("$name came.\n“$they left.”", "They"),
        ("$name came… $place was open.", "Place"),
        ("$occupation wanted: $name applies.", "Occupation"),
        ("$name came. $a_occupation left.", "A_occupation"),
    ],
)
def test_a_small_letter_where_a_sentence_begins_is_told(tmp_path: Path, text: str, capital: str) -> None:
    told = found(tmp_path, text, fillers={"occupation": ["nurse", "engineer"]})
    small = capital[0].lower() + capital[1:]
    assert told == [f"template t begins a sentence with ${small}; write ${capital}"]


@pytest.mark.parametrize(
    "text",
    [
        "$They came with $name.", "$name came, and $they left.", "$name came. $Place was open.",
        "$name came ($they left).",
        "$name saw e.g. $them.", "$name: $place", "$town is where $name lives.", "$first_name came. $name left.",
        "$name($they)", "$name came.$they left",
    ],
)  # fmt: skip
def test_a_capital_is_wanted_nowhere_else(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text, fillers={"town": ["York", "Leeds"]}) == []


@pytest.mark.parametrize(("word", "slot", "language", "told"), [
    ("il", "il", "fr", True), ("él", "il", "es", True), ("er", "il", "de", True),
    ("वह", "il", "hi", False), ("他", "il", "zh", False),
])  # fmt: skip
def test_capitals_are_wanted_in_scripts_that_have_them(
    tmp_path: Path, word: str, slot: str, language: str, told: bool
) -> None:
    axes = (people(language, {"men": {slot: word}, "women": {slot: f"{word}a"}}),)
    mark = "।" if language == "hi" else "."
    warned = found(tmp_path, f"$name{mark} ${slot} x.", axes=axes, language=language)
    assert bool(warned) is told


def test_words_made_of_a_french_name_begin_with_a_small_letter(tmp_path: Path) -> None:
    axes = (people("fr", {"men": {"il": "il"}, "women": {"il": "elle"}}),)
    assert found(tmp_path, "$de_name on sait peu.", axes=axes, language="fr") == [
        "template t begins a sentence with $de_name; write $De_name"
    ]
    assert found(tmp_path, "$De_name on sait peu, et $que_name vient.", axes=axes, language="fr") == []


# ----------------------------------------------------------------------- verbs


@pytest.mark.parametrize(
    ("text", "verb", "wrong"),
    [
        ("$name says that $they works here.", "works", "'they'"),
        ("$name says that $they always carries it.", "carries", "'they'"),
        ("$name says that $they has left.", "has", "'they'"),
        ("$name says that $they doesn’t know.", "doesn't", "'they'"),
        ("$name says $they's at home.", "'s", "'they'"),
        ("$name says that $they work here.", "work", "'he' or 'she'"),
        ("$name says that $they want a job.", "want", "'he' or 'she'"),
        ("$name says that $they rarely complain.", "complain", "'he' or 'she'"),
        ("$name says that $they are late.", "are", "'he' or 'she'"),
        ("$name says that $they don't know.", "don't", "'he' or 'she'"),
        ("$name says $they’re at home.", "'re", "'he' or 'she'"),
        ("$name says that $they keep $them.", "keep", "'he' or 'she'"),
    ],
)
def test_a_verb_that_goes_with_some_pronouns_only_is_told(
    tmp_path: Path, text: str, verb: str, wrong: str
) -> None:
    assert found(tmp_path, text) == [f"template t writes '{verb}' after $they; it does not go with {wrong}"]


@pytest.mark.parametrize(
    "text",
    [
        "$name says that $they work${s} here.", "$name says that $they also work${s} here.",
        "$name says that $they $are late.", "$name says that $they will come.", "$name says that $they cannot come.",
        "$name says that $they worked there.", "$name says that $they put it down.", "$name says that $they left.",
        "$name says that $they, as always, left.", "$name and $they as a team", "Did $they work with $name?",
        "Should $they be invited? $name asks.", "$name asked that $they be heard.", "$name asks: $have $they come?",
        "$name says $they'll come.", "$name says $they'd come.", "$name, and $they perhaps",
        "Why won’t $they say it, $name?",
    ],
)  # fmt: skip
def test_verbs_that_go_with_every_pronoun_are_not_told(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == []


@pytest.mark.parametrize(("text", "told"), [
    ("$name says that $they works here.", False), ("$name says that $they work here.", True),
])  # fmt: skip
def test_verbs_are_compared_with_the_pronouns_that_there_are(tmp_path: Path, text: str, told: bool) -> None:
    both = people("en", {"men": HE, "women": SHE})
    assert bool(found(tmp_path, text, axes=(both,))) is told
    one = people("en", {"men": {**THEY, "they": "they"}, "women": {**THEY, "they": "they"}})
    assert bool(found(tmp_path, text, axes=(one,))) is not told


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("$name work${s} in York, and $they left.", "s"), ("$first_name often teach${es} there.", "es"),
        ("$name $are late.", "are"), ("$last_name $have come.", "have"),
    ],
)  # fmt: skip
def test_a_form_after_a_name_is_told_since_a_name_is_singular_for_all(
    tmp_path: Path, text: str, form: str
) -> None:
    told = found(tmp_path, text)
    assert len(told) == 1 and f"writes ${form} after $" in told[0] and "write it out" in told[0]
    assert found(tmp_path, text, axes=(people("en", {"men": HE, "women": SHE}),)) == []


@pytest.mark.parametrize("text", [
    "$name works, $they $are late.", "$name and $they work${s}", "$name, who came, $are", "$name: $they $have come.",
    "Where $are $they, $name?",
])  # fmt: skip
def test_forms_that_belong_to_the_pronoun_may_stand_near_a_name(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == []


# ----------------------------------------------------------------- group words


HINDI = axis(
    "dharm",
    {
        "Hindu": group("Hindus", terms={"dharm": "हिंदू", "jagah": "मंदिर"}),
        "Muslim": group("Muslims", terms={"dharm": "मुस्लिम", "jagah": "मस्जिद"}),
    },
    language="hi",
)
HINDI_PEOPLE = people("hi", {"men": {"ta": "ता", "gaya": "गया"}, "women": {"ta": "ती", "gaya": "गई"}})
GERMAN = axis(
    "beruf",
    {
        "m": group("m", terms={"koch": "Koch", "gast": ["Kunde", "Besucher"]}),
        "w": group("w", terms={"koch": "Köchin", "gast": ["Kundin", "Besucherin"]}),
    },
    language="de",
)
GERMAN_PEOPLE = people("de", {"men": {"er": "er", "sein": "sein"}, "women": {"er": "sie", "sein": "ihr"}})


@pytest.mark.parametrize(
    ("text", "word", "owner", "language"),
    [
        ("$name, $dharm, मंदिर के पास रहते हैं।", "मंदिर", "Hindu", "hi"),
        ("$name, $jagah: मुस्लिम", "मुस्लिम", "Muslim", "hi"),
        ("$name, “हिंदू”, $jagah", "हिंदू", "Hindu", "hi"),
        ("$name kocht als $koch wie eine Köchin.", "Köchin", "w", "de"),
        ("$name ist $koch und Besucher.", "Besucher", "m", "de"),
        ("$name is $faith and near the Mosque.", "mosque", "Muslim", "en"),
        ("$name is $faith: the atheist's view", "atheist", "atheist", "en"),
        ("$name is $faith; himself late, he left", "he", "men", "en"),
    ],
)
def test_a_group_word_that_is_written_out_is_told(
    tmp_path: Path, text: str, word: str, owner: str, language: str
) -> None:
    axes = {"hi": (HINDI_PEOPLE, HINDI), "de": (GERMAN_PEOPLE, GERMAN), "en": (people(), FAITH)}[language]
    told = [each for each in found(tmp_path, text, axes=axes, language=language) if "a word of" in each]
    assert len(told) == 1
    assert told[0].startswith(f"template t writes '{word}', a word of the group '{owner}'")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("$name, $dharm, मंदिरों के पास", "hi"), ("$name, $dharm, मस्जिदें", "hi"), ("$name गया, $jagah", "hi"),
        ("$name ist $koch am Kochherd.", "de"), ("$name sagt, sie und er seien $koch, ihr Ziel", "de"),
        ("$name ist $koch, kein Kundinnenkreis", "de"), ("$name of the muslim-like $faith mosques", "en"),
        ("$name is $faith: here, there, other, this", "en"), ("$place ${book}mark, $name", "en"),
    ],
)  # fmt: skip
def test_parts_of_other_words_and_forms_of_gendered_languages_are_no_leak(
    tmp_path: Path, text: str, language: str
) -> None:
    axes = {"hi": (HINDI_PEOPLE, HINDI), "de": (GERMAN_PEOPLE, GERMAN), "en": (people(), FAITH)}[language]
    assert [each for each in found(tmp_path, text, axes=axes, language=language) if "a word of" in each] == []


@pytest.mark.parametrize(
    ("where", "more"),
    [
        ("the question", {"question": {"kind": "generate", "ask": "Should she get it?"}}),
        ("the question", {"question": {"kind": "classify", "favourable": "x", "otherwise": {
            "kind": "generate", "ask": "What does she want?"}}}),
        ("the filler 'thing'", {"fillers": {"thing": ["a bag", "what she has"]}}),
        ("a neutral sentence", {"controls": {"edits": ["neutral_sentence"], "neutral_sentences": ["As she said."]}}),
        ("template t", {"template": {"paraphrases": ["She is $name: $thing."]}}),
        ("template t", {"template": {"text": None, "messages": [
            {"role": "system", "text": "She reads."}, {"role": "user", "text": "$name has $thing."}]}}),
    ],
)  # fmt: skip
def test_group_words_are_looked_for_wherever_a_model_would_read_them(
    tmp_path: Path, where: str, more: dict[str, Any]
) -> None:
    more = {"fillers": {"thing": ["a bag", "a box"]}, "metrics": ["refusal"], **more}
    if more.get("template", {}).get("messages"):
        more["template"] = {key: value for key, value in more["template"].items() if key != "text"}
        told = found_messages(tmp_path, more)
    else:
        told = found(tmp_path, "$name has $thing.", **more)
    leaks = [each for each in told if "a word of" in each]
    assert leaks == [f"{where} writes 'she', a word of the group 'women' (people); use a slot"]


def found_messages(folder: Path, more: dict[str, Any]) -> list[str]:
    """The same for a template that is a conversation."""
    messages = more.pop("template")["messages"]
    return found(folder, "", templates=[{"id": "t", "messages": messages}], **more)


def test_texts_of_a_group_may_hold_its_own_words_and_no_others(tmp_path: Path) -> None:
    texts = [
        {"id": "m", "group": "men", "text": "I am a father."},
        {"id": "o", "group": "others", "text": "I am a parent, not a mother."},
        {"id": "w", "group": "women", "text": "I am a mother."},
    ]
    told = found(tmp_path, "", axes=(people(),), design="groups", templates=texts)
    assert [each for each in told if "a word of" in each] == [
        "template o writes 'mother', a word of the group 'women' (people); use a slot"
    ]


# ------------------------------------------------------- slots that never vary


@pytest.mark.parametrize(("text", "slot"), [
    ("$name reads $book and $faith.", "book"), ("$name has $a_book, $faith.", "a_book"),
])  # fmt: skip
def test_a_term_that_reads_the_same_in_every_group_is_told(tmp_path: Path, text: str, slot: str) -> None:
    assert found(tmp_path, text) == [f"${slot} never varies: it reads the same in every group of 'faith'"]


def test_the_question_counts_as_a_use(tmp_path: Path) -> None:
    question = {
        "kind": "classify",
        "favourable": "x",
        "otherwise": {"kind": "generate", "ask": "Is $book $name's?"},
    }
    told = found(tmp_path, "$name, $faith.", question=question)
    assert told == ["$book never varies: it reads the same in every group of 'faith'"]


@pytest.mark.parametrize("text", ["$name is $faith.", "$name likes $art.", "$name likes $a_art."])
def test_terms_that_vary_or_are_not_used_are_not_told(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == []


def test_rows_that_differ_in_one_place_vary(tmp_path: Path) -> None:
    def town(last: str) -> dict[str, Any]:
        return axis(
            "ort",
            {"a": group("a", terms={"ort": ["Ulm", "Hof"]}), "b": group("b", terms={"ort": ["Ulm", last]})},
        )

    assert found(tmp_path, "$name, $ort", axes=(people(), town("Bonn"))) == []
    told = found(tmp_path, "$name, $ort", axes=(people(), town("Hof")))
    assert told == ["$ort never varies: it reads the same in every group of 'ort'"]


def test_a_french_noun_that_is_the_same_for_all_varies_by_its_article(tmp_path: Path) -> None:
    forms = {"men": {"le": "le", "il": "il"}, "women": {"le": "la", "il": "elle"}}
    trade = axis(
        "metier",
        {"men": group("men", forms={"le": "le"}, terms={"c": "comptable", "a": "artiste"}),
         "women": group("women", forms={"le": "la"}, terms={"c": "comptable", "a": "artiste"})},
        language="fr",
    )  # fmt: skip
    axes = (people("fr", forms), trade)
    assert found(tmp_path, "$name, $le_c", axes=axes, language="fr") == []
    for text, slot in (("$name, comme $c", "c"), ("$name, $le_a", "le_a")):
        told = found(tmp_path, text, axes=axes, language="fr")
        assert told == [f"${slot} never varies: it reads the same in every group of 'metier'"]


@pytest.mark.parametrize(
    ("values", "text", "told"),
    [
        (["nurse"], "$name is $a_trade.", True), (["nurse"], "$name likes the $trade.", True),
        (["nurse", "cook"], "$name is $a_trade.", False), (["$parent"], "$name is the $trade.", False),
        (["nurse"], "$name is late.", False),
    ],
)  # fmt: skip
def test_a_filler_with_one_value_is_told_where_it_is_used(
    tmp_path: Path, values: list[str], text: str, told: bool
) -> None:
    warned = [each for each in found(tmp_path, text, fillers={"trade": values}) if "never varies" in each]
    assert warned == ["$trade never varies: the filler has one value; write it into the templates"] * told


# ----------------------------------------------------------------------- names


def named(*, men: list[Any], women: list[Any], last: list[Any] | None = None) -> dict[str, Any]:
    """Two groups with these names."""
    made = people("en", {"men": HE, "women": SHE})
    made["groups"]["men"]["names"] = {"first": {"men": men}}
    made["groups"]["women"]["names"] = {"first": {"women": women}, **({"last": last} if last else {})}
    return made


SURE = names("Anna", "Ruth")


@pytest.mark.parametrize(
    ("men", "told"),
    [
        (
            [{"name": "Paul", "share": 0.49}, *names("Greg")],
            "1 of 2 first names of 'men' (axis 'people') are ambiguous",
        ),
        (names("Paul", "Greg", share=0.0), "(Paul 0.000, Greg 0.000)"),
        (names("Paul", "Greg", "Luke", "Hugo", share=0.4), "(Paul 0.400, Greg 0.400, Luke 0.400, …)"),
        (names("Paul", "Greg", share=None), "2 of 2 first names of 'men' (axis 'people') have no share"),
        (
            [*names("Paul", share=None), *names("Greg")],
            "1 of 2 first names of 'men' (axis 'people') have no share",
        ),
    ],
)
def test_names_that_are_ambiguous_or_of_unknown_share_are_told(
    tmp_path: Path, men: list[Any], told: str
) -> None:
    warned = found(tmp_path, "$name came.", axes=(named(men=men, women=SURE),))
    assert len(warned) == 1 and told in warned[0]


@pytest.mark.parametrize("share", [0.5, 0.51, 0.75, 0.99, 1.0])
def test_names_of_which_half_or_more_belong_to_the_group_are_not_told(tmp_path: Path, share: float) -> None:
    assert (
        found(tmp_path, "$name came.", axes=(named(men=names("Paul", "Greg", share=share), women=SURE),))
        == []
    )


def test_surnames_are_looked_at_as_well(tmp_path: Path) -> None:
    made = named(men=names("Paul", "Greg"), women=SURE, last=names("Adams", "Evans", share=0.3))
    made["groups"]["men"]["names"]["last"] = names("Baker", "Clark")
    del made["last_names"]
    told = found(tmp_path, "$name came.", axes=(made,))
    assert len(told) == 1 and "2 of 2 surnames of 'women' (axis 'people') are ambiguous" in told[0]
    assert "under 0.5 (Adams 0.300, Evans 0.300)" in told[0]


@pytest.mark.parametrize(
    ("men", "women", "told"),
    [
        (("Maximilian", "Alexandros"), ("Anna", "Ruth"), True), (("Paula", "Grega"), ("Ann", "Eve"), True),
        (("Al", "Bo"), ("Anna", "Ruth"), True), (("लक्ष्मीनारायण", "सत्यनारायण"), ("नीना", "रूबी"), True),
        (("李", "王"), ("欧阳明珠", "司马青青"), True),
        (("Paul", "Greg"), ("Anna", "Ruth"), False), (("Paul", "Greg"), ("Annas", "Ruths"), False),
        (("Al", "Gregor"), ("Anna", "Ruth"), False), (("समीर", "कबीर"), ("नीना", "रूबी"), False),
        (("Hermann", "Ed"), ("Annab", "Ruth"), False),
    ],
)  # fmt: skip
def test_names_much_longer_in_one_group_than_in_another_are_told(
    tmp_path: Path, men: tuple[str, ...], women: tuple[str, ...], told: bool
) -> None:
    axes = (named(men=names(*men), women=names(*women)),)
    warned = found(tmp_path, "$name came.", axes=axes)
    assert bool(warned) is told
    assert not told or "letters on average" in warned[0]


def test_the_lengths_that_are_told_are_those_of_the_names_drawn(tmp_path: Path) -> None:
    axes = (named(men=names("Al", "Bo"), women=names("Annabel", "Ruthann")),)
    # surnames Baker and Miller in turn, a space: 2 + 1 + 5.5 and 7 + 1 + 5.5 letters
    assert found(tmp_path, "$name came.", axes=axes) == [
        "the names drawn for 'women' (axis 'people') have 13.5 letters on average, those for 'men' 8.5; a difference "
        "may come with length"
    ]


@pytest.mark.parametrize(("wanted", "told"), [(2, 0), (3, 2), (12, 2)])
def test_fewer_names_than_are_drawn_are_told(tmp_path: Path, wanted: int, told: int) -> None:
    axes = (named(men=names("Paul", "Greg"), women=SURE),)
    warned = found(tmp_path, "$name came.", axes=axes, sampling={"names_per_group": wanted, "seed": 7})
    assert len([each for each in warned if "so names repeat" in each]) == told


# ----------------------------------------------------------------- paraphrases


@pytest.mark.parametrize(
    ("paraphrase", "extra"),
    [
        ("This is $name.", "$a_faith"), ("$first_name is $a_faith.", "$first_name, $name"),
        ("$name is $faith.", "$a_faith, $faith"), ("$A_faith came.", "$name"), ("$name is $a_faith, $place.", "$place"),
    ],
)  # fmt: skip
def test_a_paraphrase_with_other_slots_is_told(tmp_path: Path, paraphrase: str, extra: str) -> None:
    told = found(tmp_path, "$name is $a_faith.", template={"paraphrases": [paraphrase]})
    assert told == [f"paraphrase 1 of template t does not use the same slots: {extra}"]


@pytest.mark.parametrize("paraphrase", [
    "$A_faith: $name.", "$They $are $a_faith: $name.", "$name ($a_faith) and $their bag",
    "$name is $a_faith, $a_faith.", "${name}: ${a_faith}",
])  # fmt: skip
def test_a_paraphrase_may_have_other_pronouns_and_another_order(tmp_path: Path, paraphrase: str) -> None:
    assert found(tmp_path, "$name is $a_faith.", template={"paraphrases": [paraphrase]}) == []


# --------------------------------------------------------------- shipped suites


@pytest.mark.parametrize("name", [each for each in shipped_suites() if not each.startswith("recorded/")])
def test_shipped_suites_are_warned_of_nothing_but_their_names(name: str) -> None:
    suite = load_suite(name)
    about_names = ("are ambiguous", "have no share", "letters on average")
    assert [
        w for w in lint_words(suite, load_axes(suite)) if not any(each in w for each in about_names)
    ] == []
