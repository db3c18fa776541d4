"""Grammar: elision and articles by hand-made tables, and which derived slots there are."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.axis import load_axis
from audit.grammar import derived, elides, is_derived, name_prefixes, prefixes


def _words(text: str) -> list[str]:
    return text.split()


ELIDED = _words("""
Anne Étienne Éric Hugo Hubert Henri Hélène Honoré Hortense Hyacinthe Hadrien Hector Yves Yvonne Yvette Yvan Ysaline
Inès Octave Ulysse Álvaro Églantine Îles œil usine âge yeux yeuse avocate infirmier infirmière ouvrière employée
ingénieure huissier hôtesse hôte hôtelier histoire historienne habitant habile heure honneur honnête hôpital
horlogère humoriste hygiéniste herboriste hémisphère hélicoptère héritière héroïne héroïque harmonie haltérophile
haltère haleine hallucination halogène hameçon huître huile humain hippique hiver Haïti Harpagon ouïe uniforme elle
il on eux homme habitude hebdomadaire y
""")
WHOLE = _words("""
Paul Yann Yannick Yasmine Yohan Yoann Younès Yaël Yanis héros hérisson héron hernie hêtre heurt hibou hippie hiérarchie
hideux Hollandais Hollande homard honte hors hors-d'œuvre houle housse hobby hochet hockeyeuse hotte huit huitième
huée hurlement hussard hutte hublot hache haie haine halle halte hamac hamburger hameau hamster hanche handball
handicap handicapée hangar hareng haricot harnais harpe harpiste hasard hausse haut hauteur hautboïste hâte hâtif
havre hardi harcèlement Hongrois hongroise Hans Harry onze onzième oui ouistiti uhlan yaourt yacht yeti yoga Zoé
comptable cuisinière vendeur médecin
""")


@pytest.mark.parametrize("word", ELIDED)
def test_de_and_que_lose_their_vowel_before_a_vowel_or_a_silent_h(word: str) -> None:
    words = derived("fr", {"x": word}, {"le": "la", "du": "de la", "au": "à la"})
    assert words == {
        "de_x": f"d'{word}", "que_x": f"qu'{word}", "le_x": f"l'{word}", "du_x": f"de l'{word}", "au_x": f"à l'{word}",
    }  # fmt: skip


@pytest.mark.parametrize("word", WHOLE)
@pytest.mark.parametrize(
    "forms", [{"le": "la", "du": "de la", "au": "à la"}, {"le": "le", "du": "du", "au": "au"}]
)
def test_nothing_is_elided_before_a_consonant_an_aspirated_h_or_onze(
    word: str, forms: dict[str, str]
) -> None:
    words = derived("fr", {"x": word}, forms)
    assert words == {
        "de_x": f"de {word}", "que_x": f"que {word}", "le_x": f"{forms['le']} {word}", "du_x": f"{forms['du']} {word}",
        "au_x": f"{forms['au']} {word}",
    }  # fmt: skip


@pytest.mark.parametrize("word", [*ELIDED, *WHOLE])
def test_elision_does_not_depend_on_capitals_quotes_or_how_accents_are_stored(word: str) -> None:
    wanted = word in ELIDED
    for written in (
        word.capitalize(),
        word.upper(),
        f"«\u00a0{word}",
        f"“{word}",
        unicodedata.normalize("NFD", word),
    ):
        assert elides(written) is wanted, written


@settings(deadline=None)
@given(st.sampled_from("bcdfgjklmnpqrstvwxzç"), st.text(max_size=12))
def test_nothing_is_elided_before_a_consonant(first: str, rest: str) -> None:
    assert not elides(first + rest)


@settings(deadline=None)
@given(st.sampled_from("aàâeéèêiîïœæ"), st.text(alphabet="abcdefghijklmnopqrstuvwxyzé", max_size=12))
def test_everything_is_elided_before_a_e_and_i(first: str, rest: str) -> None:
    assert elides(first + rest)


def test_articles_of_english_words_stand_in_the_derived_slot() -> None:
    words = derived("en", {"job": "nurse", "other": "hourly worker", "third": "MBA", "age": "8-year-old"}, {})
    assert words == {
        "a_job": "a nurse", "a_other": "an hourly worker", "a_third": "an MBA", "a_age": "an 8-year-old",
    }  # fmt: skip
    assert derived("en-GB", {"job": "user"}, {}) == {"a_job": "a user"}


def test_a_slot_that_is_given_wins_and_is_not_derived_again() -> None:
    assert derived("en", {"rank": "F", "a_rank": "the F"}, {}) == {}
    assert derived("en", {"rank": "F", "a_rank": "the F", "b": "user"}, {}) == {"a_b": "a user"}
    french = derived("fr", {"nom": "Hugues", "de_nom": "de Hugues"}, {})
    assert french == {"que_nom": "qu'Hugues"}


def test_names_take_de_and_que_alone() -> None:
    names = {"name": "Anne Roy", "first_name": "Anne", "last_name": "Roy"}
    assert derived("fr", names, {"le": "la", "du": "de la", "au": "à la"}, names=True) == {
        "de_name": "d'Anne Roy", "de_first_name": "d'Anne", "de_last_name": "de Roy",
        "que_name": "qu'Anne Roy", "que_first_name": "qu'Anne", "que_last_name": "que Roy",
    }  # fmt: skip
    assert derived("en", names, {}, names=True) == {}
    assert name_prefixes("fr-CA") == ("de", "que")
    assert name_prefixes("en") == ()


def test_le_du_and_au_exist_where_the_group_has_such_a_form() -> None:
    assert prefixes("fr") == ("de", "que")
    assert prefixes("fr", ("le", "au")) == ("de", "que", "le", "au")
    assert derived("fr", {"x": "avocat"}, {"le": "le"}).keys() == {"de_x", "que_x", "le_x"}
    assert is_derived("fr", "du_x", {"x"}) and not is_derived("fr", "du_x", {"y"})
    assert not is_derived("de", "a_x", {"x"})


@pytest.mark.parametrize("language", ["de", "es", "hi", "pt-BR", "it"])
@settings(deadline=None)
@given(words=st.dictionaries(st.sampled_from(["x", "le", "job"]), st.text(min_size=1)))
def test_other_languages_derive_nothing(language: str, words: dict[str, str]) -> None:
    assert derived(language, words, {"le": "le"}) == {}
    assert prefixes(language, ("le", "du", "au")) == ()


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["x", "a_x", "y", "de_x"]), st.text(min_size=1, max_size=9), min_size=1)
)
def test_what_is_derived_has_no_key_that_was_given_and_ends_with_the_word(words: dict[str, str]) -> None:
    for language in ("en", "fr"):
        found = derived(language, words, {"le": "la"})
        assert not found.keys() & words.keys()
        for key, text in found.items():
            assert text.endswith(words[key.partition("_")[2]])


def test_every_french_name_and_word_that_is_shipped_reads_right() -> None:
    axis = load_axis("gender-fr")
    for group in axis.groups:
        for name in axis.first_names(group, group):
            plain = unicodedata.normalize("NFD", name)[0].lower()
            silent = name in ("Hugo", "Hyacinthe", "Hélène")
            assert elides(name) is (plain in "aeiou" or silent), name
