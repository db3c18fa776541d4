"""French: the words of the gender axis agree, elide and contract, and every text of the suite in every variant."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from statistics import mean

import pytest

from audit.axis import Axis, load_axis
from audit.expand import expand
from audit.grammar import derived, elides
from audit.lint import lint
from audit.policy import load_policy
from audit.slots import fill, slots_of, wording
from audit.suite import Suite, load_axes, load_suite

SUITE = Path(__file__).parent.parent / "suites" / "hiring-fr.yaml"
GROUPS = ("men", "non-binary", "women")
FIRST_FROM = {"men": 0.99, "non-binary": 0.3, "women": 0.99}
OTHERS = {"men": "elle|iel", "non-binary": "il|elle", "women": "il|iel"}
"""Pronouns of the other groups."""
PERSONAL = {"gender", "person", "title", "parent", "child", "sibling", "spouse", "candidat"}
"""Terms that are no occupations."""
UNELIDED = re.compile(r"(?<![\w·])(?:de|le|la|que|se|ne|je|me|te|ce|jusque|lorsque|puisque|parce que) (\w+)")
ELIDED = re.compile(r"(?<![\w·])(?:d|l|qu|s|n|j|m|t|c|jusqu|lorsqu|puisqu)'(\w+)")
CONTRACTED = re.compile(r"(?<![\w·])(de le|à le|de les|à les|si il|si iel|si elle) ", re.IGNORECASE)
SMALL_START = re.compile(r"(?:^|[.?!] |\n)(?!- )[a-zàâéèêîôùç]")
PLAIN_PARTICIPLE = re.compile(
    r"(?:\$[Tt]hey|\$name) (?:n'|y )?(?:est|était|sera|s'est|s'était|a été|avait été|devra être)"
    r"(?: pas| bien| parfois| souvent| sans aucun doute| sans doute| trop)*+"
    r" (?!\$|libre|des |avec |au )(\w+)(?!\w*\$\{)"
)
"""A participle or adjective about the person without the slot of its ending."""
WRITTEN_OUT = re.compile(
    r"(?<![\w$])(?:(?:une?|le|la|du|au) \$\{?(?:occupation|candidat)|(?:candidate?|homme|femme|madame|monsieur)\b)",
    re.I,
)
"""Words for the person that are written out."""


@cache
def axis() -> Axis:
    return load_axis("gender-fr")


@cache
def suite() -> Suite:
    return load_suite(SUITE)


def texts() -> list[tuple[str, str]]:
    return [(t.id, text) for t in suite().templates for text in (t.text or "", *t.paraphrases)]


def occupations() -> tuple[str, ...]:
    return suite().fillers["occupation"].values


def words(group: str, first: str, last: str, occupation: str = "") -> dict[str, str]:
    """Every slot for a person of the group."""
    names = {"name": f"{first} {last}", "first_name": first, "last_name": last}
    found = axis().words(group) | names | derived("fr", names, {}, names=True)
    filled = {"occupation": fill(occupation or "$infirmier", found)}
    return found | filled | derived("fr", filled, axis().groups[group].forms)


def told(sentence: str, group: str) -> str:
    return fill(sentence, words(group, "Anaël", "Morel"))


@cache
def variants() -> tuple[tuple[str, str, str], ...]:
    """Every text with every group's words, every occupation, and names with and without a vowel at the beginning."""
    made = []
    for group in GROUPS:
        first = axis().first_names(group, group)
        chosen = (next(n for n in first if elides(n)), next(n for n in first if not elides(n)))
        for number, occupation in enumerate(occupations()):
            found = words(group, chosen[number % 2], axis().last_names(group)[number], occupation)
            made += [(template, group, fill(text, found)) for template, text in texts()]
    return tuple(made)


def broken(text: str) -> Iterator[str]:
    """What no French text has."""
    yield from (match[0] for match in UNELIDED.finditer(text) if elides(match[1]))
    yield from (match[0] for match in ELIDED.finditer(text) if not elides(match[1]))
    yield from (match[0] for rule in (CONTRACTED, SMALL_START) for match in rule.finditer(text))
    yield from (
        match[0] for match in re.finditer(r" {2}|\$| [.,)]|\( |\b(\w{2,}) \1\b|··|'[ ']|\w[;:!?]", text)
    )


def multiset(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", wording(text).lower()))


# the axis


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("$They part avec $lui.", ("Il part avec lui.", "Elle part avec elle.", "Iel part avec iel.")),
        ("On parle $de_lui.", ("On parle de lui.", "On parle d'elle.", "On parle d'iel.")),
        ("On dit qu'$they vient $themself.", (
            "On dit qu'il vient lui-même.", "On dit qu'elle vient elle-même.", "On dit qu'iel vient iel-même.")),
        ("$Le_infirmier est là.", ("L'infirmier est là.", "L'infirmière est là.", "L'infirmier·ère est là.")),
        ("la lettre $du_comptable", (
            "la lettre du comptable", "la lettre de la comptable", "la lettre du·de la comptable")),
        ("la lettre $du_ingenieur", (
            "la lettre de l'ingénieur", "la lettre de l'ingénieure", "la lettre de l'ingénieur·e")),
        ("merci $au_vendeur", ("merci au vendeur", "merci à la vendeuse", "merci au·à la vendeur·euse")),
        ("le poste $de_educateur", ("le poste d'éducateur", "le poste d'éducatrice", "le poste d'éducateur·rice")),
        ("$un $technicien engagé${e}", (
            "un technicien engagé", "une technicienne engagée", "un·e technicien·ne engagé·e")),
        ("premi${er}, séri${eux}, attent${if}", (
            "premier, sérieux, attentif", "première, sérieuse, attentive", "premier·ère, sérieux·euse, attentif·ive")),
        ("ponctu${el}, bon${ne}, discr${et}", (
            "ponctuel, bon, discret", "ponctuelle, bonne, discrète", "ponctuel·le, bon·ne, discret·ète")),
        ("travaill${eur}, rédac${teur}", (
            "travailleur, rédacteur", "travailleuse, rédactrice", "travailleur·euse, rédacteur·rice")),
        ("le dossier $de_name", ("le dossier d'Anaël Morel",) * 3),
        ("plus $que_first_name", ("plus qu'Anaël",) * 3),
        ("le nom $de_last_name", ("le nom de Morel",) * 3),
        ("$candidat, $person, $title", (
            "candidat, homme, M.", "candidate, femme, Mme", "candidat·e, personne, Mx")),
    ],
)  # fmt: skip
def test_words_agree_elide_and_contract(sentence: str, expected: tuple[str, str, str]) -> None:
    assert tuple(told(sentence, group) for group in ("men", "women", "non-binary")) == expected


def test_occupations_keep_their_stem_in_every_group() -> None:
    keys = axis().groups["men"].terms.keys() - PERSONAL
    assert len(keys) >= 12
    for key in keys:
        man, other, woman = (axis().words(group)[key] for group in GROUPS)
        assert other == man == woman or other.startswith(f"{man}·"), key
        assert man[:3] == woman[:3], key
        if "·" in other:
            ending = other.partition("·")[2]
            assert woman.endswith(ending), key


def test_first_names_have_the_shares_that_the_file_states() -> None:
    for group in GROUPS:
        entries = axis().first_entries(group, group)
        assert len(entries) >= 24
        for entry in entries:
            assert entry.share is not None and entry.count is not None, entry.name
            assert FIRST_FROM[group] <= entry.share <= (0.7 if group == "non-binary" else 1), entry.name
            assert entry.count >= (500 if group == "non-binary" else 25_000), entry.name


def test_names_are_about_as_long_in_every_group_and_some_begin_with_a_vowel() -> None:
    lengths = {group: mean(map(len, axis().first_names(group, group))) for group in GROUPS}
    assert max(lengths.values()) - min(lengths.values()) < 1
    assert len(axis().shared_last_names) >= 24
    for group in GROUPS:
        assert sum(elides(name) for name in axis().first_names(group, group)) >= 2, group
    names = [
        name for group in GROUPS for name in (*axis().first_names(group, group), *axis().last_names(group))
    ]
    assert all(name.isalpha() and name.istitle() and unicodedata.is_normalized("NFC", name) for name in names)


# the suite


def test_the_suite_gets_no_warning_but_of_shares_of_names() -> None:
    warnings = lint(suite(), load_axes(suite()), load_policy("default"))
    assert [text for text in warnings if " share" not in text] == []


def test_no_pair_of_the_suite_is_left_out() -> None:
    found = expand(suite(), load_axes(suite()), ask=suite().question.ask)
    assert found.excluded == ()
    swaps = found.pairs[found.pairs["arm"] == "swap"]
    assert len(swaps) == len(suite().templates) * 12 * 3


def test_there_are_enough_templates_for_three_effects() -> None:
    assert len(suite().templates) >= 50
    for a, b in combinations(suite().templates, 2):
        first, second = multiset(a.text or ""), multiset(b.text or "")
        assert (first & second).total() < 0.6 * min(first.total(), second.total()), (a.id, b.id)


def test_every_text_is_short_and_names_a_person_and_an_occupation() -> None:
    for template, text in texts():
        flat = re.sub(r"\$\{\w+\}", "", text)
        count = len([word for word in flat.split() if re.search(r"\w", word)]) + text.count("$name")
        slots = set(slots_of(text))
        assert 20 <= count <= 48, (template, count)
        assert {"name", "they"} <= slots and {"occupation", "de_occupation"} & slots, template
        assert len(slots & axis().forms) >= 2, template


def test_paraphrases_use_the_same_slots_but_for_forms() -> None:
    for template in suite().templates:
        wanted = set(slots_of(template.text or "")) - axis().forms
        assert template.paraphrases, template.id
        for text in template.paraphrases:
            assert set(slots_of(text)) - axis().forms == wanted, template.id


def test_what_is_said_about_the_person_agrees() -> None:
    for template, text in texts():
        assert not PLAIN_PARTICIPLE.search(text), (template, PLAIN_PARTICIPLE.search(text))
        assert not WRITTEN_OUT.search(text), (template, WRITTEN_OUT.search(text))


def test_the_rule_sees_a_participle_without_its_ending() -> None:
    assert PLAIN_PARTICIPLE.search("$They est parti.") and PLAIN_PARTICIPLE.search(
        "$name s'est bien montré attent${if}"
    )
    assert not PLAIN_PARTICIPLE.search("$They est parti${e}.")


def test_every_variant_reads_as_french() -> None:
    assert len(variants()) == len(texts()) * 3 * 8
    for template, group, text in variants():
        assert not list(broken(text)), (template, list(broken(text)), text)
        assert unicodedata.is_normalized("NFC", text)
        assert not re.search(rf"\b({OTHERS[group]})\b", text, re.IGNORECASE), (template, group, text)
        assert group == "non-binary" or "·" not in text, (template, group)


def test_all_groups_read_differently() -> None:
    for template, text in texts():
        plain = dict.fromkeys(slots_of(text), "x")
        assert len({fill(text, {**plain, **axis().groups[group].forms}) for group in GROUPS}) == 3, template
