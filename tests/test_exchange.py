from __future__ import annotations

from audit.axis import load_axis
from audit.exchange import Aligned, exchanged, joined, of_groups, of_prompts
from audit.records import Message, Span


def prompt(text: str, *spans: tuple[str, str]) -> tuple[list[Message], list[Span]]:
    """A prompt whose words at `spans` (slot, word) fill slots, in order."""
    found, at = [], 0
    for slot, word in spans:
        start = text.index(word, at)
        at = start + len(word)
        found.append(Span(part=0, start=start, end=at, slot=slot))
    return [Message(role="text", text=text)], found


ONE = prompt("Emily Walsh asks. She sent her papers as a nurse.",
             ("name", "Emily Walsh"), ("they", "She"), ("their", "her"), ("occupation", "nurse"))  # fmt: skip
OTHER = prompt("Greg Baker asks. He sent his papers as a nurse.",
               ("name", "Greg Baker"), ("they", "He"), ("their", "his"), ("occupation", "nurse"))  # fmt: skip


def test_names_change_whole_and_in_parts_and_words_in_small_letters_and_capitals() -> None:
    words = of_prompts(ONE, OTHER)
    text = "Emily Walsh is kind; Emily says SHE will. Her nurse, Ms. Walsh, agrees."
    assert exchanged(text, words) == "Greg Baker is kind; Greg says HE will. His nurse, Ms. Baker, agrees."


def test_words_within_other_words_stay() -> None:
    assert (
        exchanged("The shelter, there, herself, he", of_prompts(ONE, OTHER))
        == "The shelter, there, herself, he"
    )


def test_both_ways_give_the_text_back_where_each_word_has_one_counterpart() -> None:
    words = of_prompts(ONE, OTHER)
    text = "Emily wrote. She likes her work."
    assert exchanged(exchanged(text, words), words.turned) == text


def test_a_name_that_is_also_a_word_changes_only_as_it_is_written() -> None:
    words = Aligned(names=[("Will", "Grace")])
    assert exchanged("Will will not", words) == "Grace will not"


def test_all_words_change_at_once_so_that_none_changes_twice() -> None:
    assert exchanged("a b", Aligned(words=[("a", "b"), ("b", "a")])) == "b a"


def test_the_words_of_an_axis_are_its_terms_and_pronouns_but_no_verb_endings() -> None:
    gender = load_axis("gender")
    words = of_groups(gender.words("men"), gender.words("non-binary"), terms=gender.groups["men"].terms)
    assert exchanged("He is a good father to his son.", words) == "They is a good parent to their child."


def test_where_a_word_stands_twice_the_first_counterpart_counts() -> None:
    assert exchanged("her", joined(Aligned(words=[("her", "his")]), Aligned(words=[("her", "him")]))) == "his"


def test_without_aligned_words_a_text_stays_as_it_is() -> None:
    assert exchanged("She asks.", Aligned()) == "She asks."
