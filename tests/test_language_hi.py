"""Hindi: verbs agree with the person, religious terms fit their sentences, every text of the suite in every variant."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from itertools import combinations
from pathlib import Path
from statistics import mean

import pytest

from audit.axis import Axis, load_axis
from audit.expand import expand
from audit.lint import lint
from audit.policy import load_policy
from audit.slots import fill, slots_of, wording
from audit.suite import Suite, load_axes, load_suite

SUITE = Path(__file__).parent.parent / "suites" / "rental-hi.yaml"
COMPARED = ("Christian", "Hindu", "Muslim", "Sikh")
LETTER = "[\u0900-\u0963\u0966-\u097f]"
"""A letter, vowel sign or other mark of the script, without the danda."""
VERB = re.compile(
    rf"(?<!{LETTER})({LETTER}+(?:ता|ती|ते|गा|गी|गे)|रहा|रही|था|थी|थे|गया|गई|गए|आया|आई|आए|चुका|चुकी|मिला|मिली|मिले|लगा|लगी"
    rf"|बोला|बोली|पाया|पाई|हुआ|हुई|हुए|वाला|वाली|वाले)(?!{LETTER})(?!\$\{{)"
)
NOUNS = {
    "आगे", "खाते", "ग़लती", "छोड़ते", "देते", "दोस्ती", "नमस्ते", "नम्रता", "नाता", "नाराज़गी", "पता", "पते", "बता", "भत्ता",
}  # fmt: skip
"""Words that end like verbs of the person and are none (`छोड़ते समय`, `देते हुए` do not change)."""
OTHERS = {
    "after-hostel": "वाला", "bank-papers": "गए हुई", "colleague-recommends": "रहा", "early-and-late": "पाएगी",
    "employer-letter": "जाता", "exam-season": "आते", "family-friend": "मिलेगा रही", "handy-tenant": "लगी",
    "home-office": "रहेगा", "house-cat": "रहेगी", "large-household": "रहता रहेंगे", "late-answer": "हुए", "letter-of-support":
    "आई कहती वाले", "lost-keys": "मिला हुए", "loud-music": "मिली", "damp-wall": "मिला मिले वाली", "many-jobs": "वाले",
    "many-questions": "आता बँटेगा", "new-in-town": "आया", "night-shift": "सकती", "office-transfer": "देगा",
    "owner-sells": "रहा", "phone-call": "होगा", "previous-landlord": "मिला लिखते", "rent-receipt": "मिलता",
    "returned-cheque": "था", "roof-garden": "करते", "society-meeting": "गया मिले लगा", "society-secretary": "लिखते",
    "third-message": "मिला", "three-sharing": "बढ़ेगा रहेंगे", "visit-report": "गया", "waiting-list": "अखरती मिलेगा",
}  # fmt: skip
"""Verbs that are written out because they agree with somebody or something else, each read in its sentence."""
LATIN = {
    "men": (
        "sameer", "kabir", "karan", "sagar", "rohan", "akash", "raju", "rahul", "vijay", "sanjay", "sunil",
        "anil", "arun", "amar", "rohit", "nitin", "anand", "gaurav", "tarun", "robin", "rajiv", "alok", "ayan",
        "manish", "sandeep", "zubin", "ashok", "dilip",
    ),
    "women": (
        "sara", "meena", "naina", "maya", "nisha", "rubi", "sonia", "seema", "reshma", "hina", "rekha",
        "anita", "sunita", "veena", "lata", "rani", "mona", "leena", "tara", "poonam", "simran", "juhi",
        "nina", "roshni", "nikita", "daisy", "zoya", "anjali",
    ),
}  # fmt: skip
"""The first names of the axis in Latin letters, in its order."""


@cache
def gender() -> Axis:
    return load_axis("gender-hi")


@cache
def religion() -> Axis:
    return load_axis("religion-hi")


@cache
def suite() -> Suite:
    return load_suite(SUITE)


def texts() -> list[tuple[str, str]]:
    return [(t.id, text) for t in suite().templates for text in (t.text or "", *t.paraphrases)]


@cache
def variants() -> tuple[tuple[str, str], ...]:
    """Every text for women and men of every compared religion, with every job."""
    made = []
    for person in gender().groups:
        for group in COMPARED:
            for number, job in enumerate(suite().fillers["job"].values):
                name = f"{gender().first_names(person, person)[number]} {gender().last_names(person)[number]}"
                words = gender().words(person) | religion().words(group) | {"name": name}
                words |= {"job": fill(job, words)}
                made += [(template, fill(text, words)) for template, text in texts()]
    return tuple(made)


def multiset(text: str) -> Counter[str]:
    return Counter(re.findall(rf"(?:{LETTER}|\w)+", wording(text)))


# the axes


@pytest.mark.parametrize(
    ("sentence", "man", "woman"),
    [
        ("वह काम कर${ta} है।", "वह काम करता है।", "वह काम करती है।"),
        ("वह काम कर${ta} $tha।", "वह काम करता था।", "वह काम करती थी।"),
        ("वह घर $gaya और नहीं $aaya।", "वह घर गया और नहीं आया।", "वह घर गई और नहीं आई।"),
        ("वह यहाँ रह $raha है।", "वह यहाँ रह रहा है।", "वह यहाँ रह रही है।"),
        ("वह किराया दे${ga}।", "वह किराया देगा।", "वह किराया देगी।"),
        ("वह जा $chuka है।", "वह जा चुका है।", "वह जा चुकी है।"),
        ("वह नहीं दे $saka, नहीं दे $paaya।", "वह नहीं दे सका, नहीं दे पाया।", "वह नहीं दे सकी, नहीं दे पाई।"),
        ("वह चुप $hua, फिर $bola।", "वह चुप हुआ, फिर बोला।", "वह चुप हुई, फिर बोली।"),
        ("$akela रहने $vala", "अकेला रहने वाला", "अकेली रहने वाली"),
        ("$naya, $purana, $achchha", "नया, पुराना, अच्छा", "नई, पुरानी, अच्छी"),
        ("वे काम कर${te} हैं, काम कर${te} $the।", "वे काम करते हैं, काम करते थे।", "वे काम करती हैं, काम करती थीं।"),
        ("वे जा $rahe हैं, देख $chuke हैं, दें${ge}।", "वे जा रहे हैं, देख चुके हैं, देंगे।", "वे जा रही हैं, देख चुकी हैं, देंगी।"),
        ("$title, $teacher और $writer", "श्री, अध्यापक और लेखक", "सुश्री, अध्यापिका और लेखिका"),
    ],
)  # fmt: skip
def test_verbs_and_words_agree_with_the_person(sentence: str, man: str, woman: str) -> None:
    assert [fill(sentence, gender().words(group)) for group in ("men", "women")] == [man, woman]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("Buddhist", "बौद्ध परिवार; बौद्ध धर्म में आस्था; बौद्ध विहार के भिक्षु ने बुद्ध पूर्णिमा पर लिखा"),
        ("Christian", "ईसाई परिवार; ईसाई धर्म में आस्था; गिरजाघर के पादरी ने क्रिसमस पर लिखा"),
        ("Hindu", "हिंदू परिवार; हिंदू धर्म में आस्था; मंदिर के पुजारी ने दीवाली पर लिखा"),
        ("Jain", "जैन परिवार; जैन धर्म में आस्था; जैन मंदिर के पंडित ने महावीर जयंती पर लिखा"),
        ("Muslim", "मुस्लिम परिवार; इस्लाम में आस्था; मस्जिद के इमाम ने ईद पर लिखा"),
        ("Sikh", "सिख परिवार; सिख धर्म में आस्था; गुरुद्वारे के ग्रंथी ने गुरु नानक जयंती पर लिखा"),
    ],
)
def test_terms_of_a_religion_stand_before_postpositions(group: str, expected: str) -> None:
    sentence = "$religion परिवार; $faith में आस्था; $place_of_worship के $chaplain ने $holiday पर लिखा"
    assert fill(sentence, religion().words(group)) == expected


def test_religion_has_the_slots_of_the_english_axis_and_no_word_twice() -> None:
    assert set(religion().groups["Hindu"].terms) == set(load_axis("religion").groups["Hindu"].terms)
    for term in religion().groups["Hindu"].terms:
        assert len({religion().words(group)[term] for group in religion().groups}) == len(
            religion().groups
        ), term


def test_names_are_written_in_devanagari_and_about_as_long_for_women_and_men() -> None:
    lengths = [mean(map(len, gender().first_names(group, group))) for group in ("men", "women")]
    assert abs(lengths[0] - lengths[1]) < 0.5
    names = [name for group in ("men", "women") for name in gender().first_names(group, group)]
    assert len(names) >= 48 and len(gender().shared_last_names) >= 24
    for name in (*names, *gender().last_names("men")):
        assert re.fullmatch(rf"{LETTER}+", name) and unicodedata.is_normalized("NFC", name), name


def test_the_list_of_indian_names_gives_every_name_one_gender(shared_data: Path) -> None:
    rows = (shared_data / "benchmarks" / "nlp-fairness-for-india" / "gender_proxy_idterms.tsv").read_text(
        "utf-8"
    )
    listed: dict[str, set[str]] = {}
    for row in rows.splitlines()[1:]:
        name, _, found = row.partition("\t")
        listed.setdefault(name.strip(), set()).add(found.strip())
    for group, expected in (("men", "male"), ("women", "female")):
        for name, latin in zip(gender().first_names(group, group), LATIN[group], strict=True):
            assert listed[latin] == {expected}, name


# the suite


def test_the_suite_gets_no_warning_but_of_shares_of_names() -> None:
    warnings = lint(suite(), load_axes(suite()), load_policy("default"))
    assert [text for text in warnings if " share" not in text] == []


def test_no_pair_of_the_suite_is_left_out() -> None:
    found = expand(suite(), load_axes(suite()), ask=suite().question.ask)
    assert found.excluded == ()
    assert set(found.prompts["group"]) == set(COMPARED)
    swaps = found.pairs[found.pairs["arm"] == "swap"]
    assert len(swaps) == len(suite().templates) * 12 * 6


def test_there_are_enough_templates_for_four_effects() -> None:
    assert len(suite().templates) >= 50
    for a, b in combinations(suite().templates, 2):
        first, second = multiset(a.text or ""), multiset(b.text or "")
        assert (first & second).total() < 0.6 * min(first.total(), second.total()), (a.id, b.id)


def test_every_text_is_short_and_states_a_name_and_a_religion_and_agrees() -> None:
    for template, text in texts():
        count = len([word for word in text.split() if word != "-"]) + text.count("$name")
        slots = set(slots_of(text))
        assert 20 <= count <= 48, (template, count)
        assert "name" in slots and slots & religion().slots(), template
        assert slots & gender().forms, template


def test_paraphrases_use_the_same_slots_but_for_forms() -> None:
    for template in suite().templates:
        wanted = set(slots_of(template.text or "")) - gender().forms
        assert template.paraphrases, template.id
        for text in template.paraphrases:
            assert set(slots_of(text)) - gender().forms == wanted, template.id


def test_every_verb_that_is_written_out_belongs_to_somebody_or_something_else() -> None:
    found: dict[str, set[str]] = {}
    for template, text in texts():
        plain = re.sub(rf"{LETTER}*\$\{{\w+\}}", "x", text)
        found.setdefault(template, set()).update(set(VERB.findall(plain)) - NOUNS)
    assert {key: verbs for key, verbs in found.items() if verbs} == {
        key: set(v.split()) for key, v in OTHERS.items()
    }


def test_no_word_that_agrees_stands_before_a_noun_whose_gender_differs_between_religions() -> None:
    """A mosque is feminine, a temple is not."""
    agreeing = re.compile(rf"(?<!{LETTER})(?:क|अपन|उसक|आपक|पुरान|बड़)[ाेी] \$\{{?(?:place_of_worship|holiday)")
    assert agreeing.search("पुराने शहर के $place_of_worship से")
    for template, text in texts():
        assert not agreeing.search(text), template


def test_every_variant_reads_as_hindi() -> None:
    assert len(variants()) == len(texts()) * 2 * 4 * 8
    for template, text in variants():
        lines = text.splitlines()
        assert text.endswith("।") or len(lines) > 3, template
        assert unicodedata.is_normalized("NFC", text), template
        wrong = re.search(
            rf" {{2}}|\$| [,;:।?]|[।,;:]{LETTER}|।।|[a-zA-Z.]|(?<!{LETTER})({LETTER}+) \1(?!{LETTER})", text
        )
        assert not wrong, (template, wrong, text)
        assert not re.search(r"ा[ाीे]|ी[ाीे]|े[ाीे]|(?:^| )[ा-्]", text), (template, text)


def test_women_and_men_and_all_religions_read_differently() -> None:
    for template, text in texts():
        plain = dict.fromkeys(slots_of(text), "x")
        assert len({fill(text, {**plain, **gender().words(group)}) for group in gender().groups}) == 2, (
            template
        )
        assert len({fill(text, {**plain, **religion().words(group)}) for group in COMPARED}) == 4, template
