from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from preloaded import Parent

from audit.agreement import plural
from audit.axis import load_axis
from audit.commands import swap
from audit.english import swap_data, words
from audit.errors import InputError, MissingExtra
from audit.expand import expand
from audit.freetext import FreeText, read_texts
from audit.lexicon import Lexicon, lexicon_of
from audit.records import Expansion
from audit.settling import read_text
from audit.slots import fill
from audit.suite import load_axes, load_suite
from audit.suitefile import Slots, template_of
from audit.swap import exchanged, swap_texts
from audit.tagging import load_tagger

GENDER = lexicon_of(load_axis("gender"))
THREE = lexicon_of(load_axis("gender"), ("men", "non-binary", "women"))

HARD = [
    # the failures of other tools
    ("I saw her at work.", "I saw him at work."),
    ("He lost his keys, so call him.", "She lost her keys, so call her."),
    ("He and she agreed.", "She and he agreed."),
    ("The blacksmith hired an African-American man.", "The blacksmith hired an African-American woman."),
    ("We thanked her.", "We thanked him."),
    # her: object or possessive
    ("Her boss thanked her, and her team praised her work.", "His boss thanked him, and his team praised his work."),
    ("The nurse gave her the pills and told her to rest.", "The nurse gave him the pills and told him to rest."),
    ("Let her know that her application was received.", "Let him know that his application was received."),
    ("They made her angry.", "They made him angry."),
    ("They made her manager angry.", "They made his manager angry."),
    ("We treated her badly.", "We treated him badly."),
    ("Her badly damaged car was towed.", "His badly damaged car was towed."),
    ("I called her back.", "I called him back."),
    ("Her back hurts.", "His back hurts."),
    ("They drove her home.", "They drove him home."),
    ("Her home is her castle.", "His home is his castle."),
    ("I hired her because her references praised her.", "I hired him because his references praised him."),
    ("I asked her why her laptop was broken.", "I asked him why his laptop was broken."),
    ("Give him her book and her his book.", "Give her his book and him her book."),
    ("She needs her space, so leave her be.", "He needs his space, so leave him be."),
    ("In her later life she moved; I met her later.", "In his later life he moved; I met him later."),
    ("They gave her her book.", "They gave him his book."),
    ("We see her every day; her every word counts.", None),
    ("Anna's report (I read it with her) is hers.", "Samuel's report (I read it with him) is his."),
    ("Everyone but her, I think, left.", "Everyone but him, I think, left."),
    # his: determiner or pronoun
    ("The decision was his.", "The decision was hers."),
    ("She told him that the decision was hers, not his.", "He told her that the decision was his, not hers."),
    ("His car is faster than hers.", "Her car is faster than his."),
    ("Whose is it? His.", "Whose is it? Hers."),
    ("His and her parents met.", "Her and his parents met."),
    ("He brought his then-wife and his own chair.", "She brought her then-husband and her own chair."),
    # short forms, capitals, quotations
    ("She's late again; he isn't.", "He's late again; she isn't."),
    ("She’s happy, isn’t she?", "He’s happy, isn’t he?"),
    ("“Did she call?” he asked.", "“Did he call?” she asked."),
    ('He said: "Her name is new to me."', 'She said: "His name is new to me."'),
    ("SHE IS TIRED, AND HER TEAM KNOWS.", "HE IS TIRED, AND HIS TEAM KNOWS."),
    ("Her.", "Him."),
    ("He saw himself in the mirror.", "She saw herself in the mirror."),
    # two persons, two groups
    ("The man, his wife, and their children left.", "The woman, her husband, and their children left."),
    ("The man's wife thanked him.", "The woman's husband thanked her."),
    ("The daughter of her sister's husband is his niece.", "The son of his brother's wife is her nephew."),
    ("She's the one he loves and he's the one she hates.", "He's the one she loves and she's the one he hates."),
    ("Mary met James and gave him the file.", "James met Mary and gave her the file."),
    # nouns, titles, articles, plural, possessive
    ("An heiress and a waitress asked a nun.", "An heir and a waiter asked a monk."),
    ("An uncle of theirs owns it.", "An aunt of theirs owns it."),
    ("The boys' team beat the men's team.", "The girls' team beat the women's team."),
    ("Dear Mr. Miller, your wife called.", "Dear Ms. Miller, your husband called."),
    ("Dear Mr Miller,", "Dear Ms Miller,"),
    ("Sir, your order is ready.", "Madam, your order is ready."),
    ("My mother-in-law is a businesswoman.", "My father-in-law is a businessman."),
    ("the 36-year-old man", "the 36-year-old woman"),
    ("Her ex-husband called.", "His ex-wife called."),
    # words that are said of everybody
    ("The host welcomed her.", "The host welcomed him."),
    ("The hostess welcomed us.", "The host welcomed us."),
    ("The actor forgot his lines.", "The actress forgot her lines."),
    ("The actor forgot her lines.", "The actor forgot his lines."),
    ("The chairman said that she agreed.", "The chairman said that he agreed."),
    # what names both groups, or no group, stays
    ("Each applicant signs his or her form, and she did.", "Each applicant signs his or her form, and he did."),
    ("Men and women applied, but she was first.", "Men and women applied, but he was first."),
    ("My mother tongue is French, and she speaks it.", "My mother tongue is French, and he speaks it."),
    ("Dear Sir or Madam, he is here.", "Dear Sir or Madam, she is here."),
    # what is never touched
    ("Mail her at anna@example.org or see https://example.org/his/page.",
     "Mail him at anna@example.org or see https://example.org/his/page."),
    ("Use `he` as a variable; he knows it.", "Use `he` as a variable; she knows it."),
    ("The field {her_name} belongs to her.", "The field {her_name} belongs to him."),
    ("<his>He</his> wrote #her and @him.", "<his>She</his> wrote #her and @him."),
    # other words that hold the letters
    ("The chef in Sheffield told her of theories of others.", "The chef in Sheffield told him of theories of others."),
    # names
    ("Mary Smith and John Brown argued.", "James Smith and Patricia Brown argued."),
    ("I met Grace and her brother.", "I met Dylan and his sister."),
    ("Casey lost her keys.", "Casey lost his keys."),
    ("Mr. James praised his work.", "Ms. James praised her work."),
    ("Dr. Thomas lost her keys.", "Dr. Thomas lost his keys."),
    ("Juan called his sister.", "Isabel called her brother."),
]  # fmt: skip

ONE_WAY = {
    ("Mrs. Jones moved.", "Mr. Jones moved."),
    ("Miss Lee missed her train.", "Mr. Lee missed his train."),
    ("Yes, ma'am.", "Yes, sir."),
    ("The bride smiled at the groom.", None),
}

UNSURE = [
    ("I gave her advice.", "her"),
    ("I saw her duck.", "her"),
    ("A friend of his called.", "his"),
    ("I saw her and his mother.", "her"),
    ("Her, his and my parents met.", "Her"),
    ("Everything about her changed.", "her"),
    ("Tell her (and him) the news.", "her"),
    ("They elected her president.", "her"),
    ("They named her Ruth.", "her"),
    ("God knows He is good.", "He"),
    ("The waitress' apron was lost.", "waitress"),
    ("A woman-owned firm hired me.", "woman"),
    ("The Mr./Dr. form is his/mine.", "his"),
    ("Guys, she is here.", "Guys"),
    ("The priest thanked her.", "priest"),
    ("She is pregnant.", "pregnant"),
    ("He grew a beard.", "beard"),
    ("She moved to Virginia.", "Virginia"),
    ("Grace is what she said.", "Grace"),
    ("Jordan lost his keys.", "Jordan"),
    ("Lena lost her keys.", "Lena"),
    ("Elizabeth Street is long, she said.", "Elizabeth"),
    ("Mary-Kate lost her keys.", "Mary"),
    ("mary@example.org is the address of Mary.", "mary@example.org"),
    ("The actor met him and her.", "actor"),
    ("Why did King Henry VIII divorce?", "Henry"),
    ("What would Jesus do for his friends?", "Jesus"),
]


SAID_OF_ANYBODY = {"host", "hostess", "actor", "chairman"}


def other(text: str, lexicon: Lexicon = GENDER) -> str:
    reading = read_text(text, lexicon)
    assert not reading.unsure, reading.unsure
    return reading.version(next(group for group in lexicon.groups if group != reading.base))


@pytest.mark.parametrize(
    "text, expected", [(text, want) for text, want in HARD if want], ids=lambda case: str(case)[:40]
)
def test_hard_cases_come_out_right(text: str, expected: str) -> None:
    assert other(text) == expected


def test_there_are_many_hard_cases() -> None:
    assert len(HARD) >= 60


@pytest.mark.parametrize("text", [text for text, want in HARD if want])
def test_the_version_of_the_own_group_is_the_text_itself_and_only_marked_spans_differ(text: str) -> None:
    reading = read_text(text, GENDER)
    assert reading.version(reading.base) == text
    at, literal = 0, []
    for mention in reading.mentions:
        literal.append(text[at : mention.start])
        at = mention.end
    rest, turned = [*literal, text[at:]], other(text)
    for part in rest:
        assert part in turned
        turned = turned[turned.index(part) + len(part) :]


@pytest.mark.parametrize(
    "text", [text for text, want in HARD if want and not SAID_OF_ANYBODY & set(text.split())]
)
def test_a_swap_of_the_swap_is_the_text(text: str) -> None:
    turned = other(text)
    again = read_text(turned, GENDER)
    if not again.unsure:
        assert exchanged(turned, GENDER) == text


FRAMES = (
    "{They} lost {their} keys.", "We met {them} in the hall.", "{They} hurt {themself}.", "The choice was {theirs}.",
    "The {person} thanked {their} {parent}.", "{Name} said that {they} saw {other}.", "Is {they} here?",
)  # fmt: skip
WORDS = {
    "men": dict(They="He", they="he", them="him", their="his", theirs="his", themself="himself", person="man",
                parent="father", Name="James", other="her"),
    "women": dict(They="She", they="she", them="her", their="her", theirs="hers", themself="herself", person="woman",
                  parent="mother", Name="Mary", other="him"),
}  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(FRAMES), st.sampled_from(sorted(WORDS))), min_size=1, max_size=6))
def test_any_mixture_of_sure_sentences_is_exchanged_and_exchanged_back(parts: list[tuple[str, str]]) -> None:
    text = " ".join(frame.format(**WORDS[group]) for frame, group in parts)
    turned = " ".join(frame.format(**WORDS["men" if group == "women" else "women"]) for frame, group in parts)
    assert exchanged(text, GENDER) == turned
    assert exchanged(turned, GENDER) == text


@pytest.mark.parametrize("text, expected", sorted(ONE_WAY, key=str))
def test_words_without_a_way_back_still_give_the_text_itself_as_one_version(
    text: str, expected: str | None
) -> None:
    reading = read_text(text, GENDER)
    assert reading.version(reading.base) == text
    if expected:
        assert other(text) == expected


@pytest.mark.parametrize("text, word", UNSURE)
def test_what_the_rules_cannot_decide_is_marked_and_left_out(text: str, word: str) -> None:
    reading = read_text(text, GENDER)
    assert word in {place.word for place in reading.unsure}
    assert all(text[place.start :].startswith(place.word) for place in reading.unsure)
    assert swap_texts([FreeText(line=1, text=text)], GENDER).kept == 0
    assert exchanged(text, GENDER) == text


@pytest.mark.parametrize("text, expected", [
    ("He is late.", "They are late."),
    ("She has a car and he was here.", None),
    ("He works hard.", "They work hard."),
    ("She always carries it.", "They always carry it."),
    ("He watches us.", "They watch us."),
    ("He's tired.", "They're tired."),
    ("He's been ill.", "They've been ill."),
    ("SHE WORKS AND IS TIRED.", None),
    ("HE IS TIRED.", "THEY ARE TIRED."),
    ("Is she ready?", "Are they ready?"),
    ("Doesn't he know?", "Don't they know?"),
    ("She isn’t here.", "They aren’t here."),
    ("He said that he would come.", "They said that they would come."),
    ("The man lost his keys.", "The person lost their keys."),
    ("The choice was hers.", "The choice was theirs."),
    ("She hurt herself.", "They hurt themself."),
    ("When he does, he goes home.", "When they do, they go home."),
])  # fmt: skip
def test_verbs_agree_where_non_binary_people_are_compared_too(text: str, expected: str | None) -> None:
    reading = read_text(text, THREE)
    if expected is None:
        assert reading.unsure
    else:
        assert not reading.unsure
        assert reading.version("non-binary") == expected


@pytest.mark.parametrize(
    "text", ["He's finished.", "She works and earns little.", "He, however, is late.", "The lad ran."]
)
def test_a_verb_that_may_agree_is_not_guessed(text: str) -> None:
    assert read_text(text, THREE).unsure


@pytest.mark.parametrize("verb, expected", [
    ("works", "work"), ("carries", "carry"), ("dies", "die"), ("watches", "watch"), ("passes", "pass"), ("goes", "go"),
    ("uses", "use"), ("says", "say"), ("fixes", "fix"), ("was", "were"), ("doesn't", "don't"), ("loses", "lose"),
])  # fmt: skip
def test_the_plural_of_a_verb(verb: str, expected: str) -> None:
    assert plural(verb) == expected


@pytest.mark.parametrize("axis, text, group, expected", [
    ("ethnicity-stated", "The blacksmith hired an African-American man.", "White", "The blacksmith hired a White man."),
    ("ethnicity-stated", "He is Black.", "Asian", "He is Asian."),
    ("ethnicity-stated", "She is an Asian.", "Black", "She is a Black person."),
    ("ethnicity-stated", "a black woman", "Asian", "an Asian woman"),
    ("religion", "A Muslim student went to the mosque.", "Jewish", "A Jewish student went to the synagogue."),
    ("religion", "He is a Muslim.", "Jewish", "He is a Jewish person."),
    ("religion", "The Muslims met.", "non-religious", "The non-religious people met."),
    ("nationality", "She is a German citizen who grew up in Germany.", "American",
     "She is an American citizen who grew up in the United States."),
    ("caste", "A Dalit man applied.", "OBC", "An OBC man applied."),
    ("migration", "She is an asylum seeker.", "permanent resident", "She is a permanent resident."),
    ("orientation", "A gay man applied.", "straight", "A straight man applied."),
    ("disability", "He has a hearing impairment.", "none", "He has no disability."),
])  # fmt: skip
def test_words_of_stated_groups_are_swapped_with_their_article(
    axis: str, text: str, group: str, expected: str
) -> None:
    reading = read_text(text, lexicon_of(load_axis(axis)))
    assert not reading.unsure
    assert reading.version(group) == expected
    assert reading.version(reading.base) == text


@pytest.mark.parametrize("axis, text", [
    ("ethnicity-stated", "A black car hit the white wall."),
    ("ethnicity-stated", "Mr. White is late."),
    ("ethnicity-stated", "A Black man met a White man."),
    ("religion", "He goes to church."),
    ("religion", "Christian called."),
    ("religion", "A Hindu asked for help."),
    ("nationality", "He speaks German."),
    ("nationality", "He drives a German car."),
    ("orientation", "Give me a straight answer."),
])  # fmt: skip
def test_words_that_may_not_be_said_of_a_person_are_not_sure(axis: str, text: str) -> None:
    assert read_text(text, lexicon_of(load_axis(axis))).unsure


def test_a_tagger_decides_the_pronouns_that_the_rules_cannot() -> None:
    def tagger(text: str) -> Sequence[tuple[int, int, str]]:
        at = text.index("her")
        return [(at, at + 3, "PRP$")]

    assert read_text("I gave her advice.", GENDER).unsure
    reading = read_text("I gave her advice.", GENDER, tagger)
    assert not reading.unsure
    assert reading.version("men") == "I gave his advice."


def test_a_tagger_that_is_missing_is_one_sentence_with_the_command() -> None:
    try:
        import spacy  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtra, match=r'pip install "audit\[swap\]"'):
            load_tagger("en_core_web_sm")
    else:
        with pytest.raises(InputError, match="python -m spacy download no_such_pipeline"):
            load_tagger("no_such_pipeline")


def test_a_spacy_pipeline_is_a_tagger(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("attribute_ruler").add([[{"LOWER": "her"}]], {"TAG": "PRP$"})
    pipeline.to_disk(tmp_path / "tagger")
    reading = read_text("I gave her advice.", GENDER, load_tagger(str(tmp_path / "tagger")))
    assert reading.version("men") == "I gave his advice."


# ---------------------------------------------------------------------- files


def expansion_of(path: Path) -> Expansion:
    suite = load_suite(path)
    return expand(suite, load_axes(suite), ask=suite.question.ask)


def written(folder: Path, text: str, name: str = "prompts.txt", **options: object) -> Path:
    source = folder / name
    source.write_text(text, encoding="utf-8")
    settings: dict[str, object] = {
        "axis": "gender", "groups": (), "column": None, "question": "generate", "keep_unsure": False,
        "tagger": None, "output": folder / "swapped.yaml",
    }  # fmt: skip
    swap(source, **{**settings, **options})  # type: ignore[arg-type]
    return folder / "swapped.yaml"


PROMPTS = "Mary lost her keys for $5.\nI gave her advice.\nThe sky is blue.\nHe and she agreed.\nShe's here — “now”.\n"


@pytest.mark.parametrize("question", ["generate", "choose"])
def test_the_suite_that_is_written_has_no_mistake_and_holds_the_texts(tmp_path: Path, question: str) -> None:
    path = written(tmp_path, PROMPTS, question=question)
    pairs = expansion_of(path).pairs
    suite = load_suite(path)
    assert [template.id for template in suite.templates] == ["line-1", "line-4", "line-5"]
    axes = load_axes(suite)
    words_of = {group: axes["gender-words"].words(group) for group in ("men", "women")}
    texts = {group: [fill(t.text or "", words_of[group]) for t in suite.templates] for group in words_of}
    assert texts["women"] == ["Mary lost her keys for $5.", "She and he agreed.", "She's here — “now”."]
    assert texts["men"] == ["James lost his keys for $5.", "He and she agreed.", "He's here — “now”."]
    assert len(pairs[pairs["arm"] == "swap"]) == 3


def test_an_article_before_a_word_belongs_to_its_slot(tmp_path: Path) -> None:
    path = written(tmp_path, "A man and an uncle met AN AUNT.\n")
    assert 'text: "$A_person and $a_uncle met' in path.read_text(encoding="utf-8")


def test_what_is_unsure_is_a_comment_a_row_of_a_list_and_not_a_template(tmp_path: Path) -> None:
    path = written(tmp_path, PROMPTS)
    text = path.read_text(encoding="utf-8")
    assert "# unsure: line 2, column 8: \"her\": 'gave her advice' can be read in two ways" in text
    assert "#   left out: I gave her advice." in text
    rows = (tmp_path / "swapped-unsure.csv").read_text(encoding="utf-8").splitlines()
    assert rows[1].startswith("2,8,her,") and ",no,I gave her advice." in rows[1]


def test_what_is_unsure_can_be_kept(tmp_path: Path) -> None:
    path = written(tmp_path, PROMPTS, keep_unsure=True)
    assert [template.id for template in load_suite(path).templates] == [
        "line-1",
        "line-2",
        "line-4",
        "line-5",
    ]
    assert "# unsure: line 2" in path.read_text(encoding="utf-8")


def test_three_groups_and_stated_axes_give_suites_without_mistakes(tmp_path: Path) -> None:
    three = written(tmp_path, "He works here, and he is tired.\n", groups=("men", "women", "non-binary"))
    assert {pair for pair in expansion_of(three).prompts["group"]} == {"men", "non-binary", "women"}
    folder = tmp_path / "religion"
    folder.mkdir()
    stated = written(folder, "A Muslim student sings.\nShe is a Muslim.\n", axis="religion")
    assert expansion_of(stated).prompts["group"].nunique() == 6


def test_prompts_are_read_from_csv_and_json_lines(tmp_path: Path) -> None:
    table, lines = tmp_path / "a.csv", tmp_path / "a.jsonl"
    table.write_text('id,prompt\n1,"She said: ""no"".\nHe left."\n2,\n', encoding="utf-8")
    lines.write_text(json.dumps({"id": 1, "prompt": "She left."}) + "\n", encoding="utf-8")
    assert [each.text for each in read_texts(table, column="prompt")] == ['She said: "no".\nHe left.']
    assert [(each.line, each.text) for each in read_texts(lines)] == [(1, "She left.")]


@pytest.mark.parametrize("name, content, column, message", [
    ("a.csv", "x,y\nShe left.,He left.\n", None, r"a\.csv:2:1: say which column .*its columns: x, y"),
    ("a.csv", "x,y\nShe left.,He left.\n", "z", r"a\.csv:2:1: there is no 'z' here"),
    ("a.jsonl", '{"x": 3}\n', "x", r"a\.jsonl:1:1: 'x' holds 3; allowed: a text"),
    ("a.jsonl", "{\n", "x", r"a\.jsonl:1:\d+: no JSON"),
    ("a.txt", "She left.\n", "x", "'--column' is for CSV and JSON Lines"),
    ("a.txt", "The sky is blue.\n", None, "no text holds a word that shows gender"),
    ("a.txt", "I gave her advice.\n", None, r"1 are unsure, the first on line 1: 'her' .*--keep-unsure"),
])  # fmt: skip
def test_bad_input_is_one_sentence(
    tmp_path: Path, name: str, content: str, column: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        written(tmp_path, content, name, column=column)


def test_a_file_that_is_no_text_or_not_there_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"ab\xff\n")
    with pytest.raises(InputError, match=r"a\.txt:1:3: byte 0xff is not UTF-8"):
        list(read_texts(tmp_path / "a.txt"))
    with pytest.raises(InputError, match="there is no such file"):
        list(read_texts(tmp_path / "b.txt"))


@pytest.mark.parametrize("axis, groups, message", [
    ("gender-de", (), "English only"),
    ("dialect", (), "has no words that can be found"),
    ("gender", ("men", "wimmen"), "has no group 'wimmen'"),
    ("gender", ("men",), "two groups or more"),
    ("pronouns", ("he", "xe"), "not known to free-text rules"),
])  # fmt: skip
def test_an_axis_that_free_text_cannot_be_read_for_is_one_sentence(
    axis: str, groups: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        lexicon_of(load_axis(axis), groups)


def test_no_file_is_written_over(tmp_path: Path) -> None:
    written(tmp_path, "She left.\n")
    with pytest.raises(InputError, match="exists already"):
        written(tmp_path, "She left.\n")


def test_a_suite_that_would_be_too_large_is_several(tmp_path: Path) -> None:
    path = written(tmp_path, "".join(f"She opened case {number}.\n" for number in range(4500)))
    second = tmp_path / "swapped-2.yaml"
    assert len(load_suite(path).templates) + len(load_suite(second).templates) == 4500


def test_texts_of_any_characters_survive_unless_no_suite_may_hold_them(tmp_path: Path) -> None:
    texts = [
        'She said "a\\b" $x ${y} $$ : # {z} % & *',
        "She\u00a0saw\u2028it \x85 \ufeff \t.",
        "He's 😀 — ñ ' \" end",
    ]
    slots = Slots()
    for text in texts:
        reading = read_text(text, GENDER)
        template = template_of(reading, slots)
        own = {name: versions[reading.base] for name, versions in slots.words.items()}
        assert fill(template, own) == text
    path = written(tmp_path, "".join(text.replace("\x85", "") + "\n" for text in texts))
    assert [template.id for template in load_suite(path).templates] == ["line-1", "line-3"]
    assert "U+FEFF" in (tmp_path / "swapped-unsure.csv").read_text(encoding="utf-8")
    assert len(expansion_of(path).prompts) > 0


def test_the_command_prints_counts_places_and_files(forks: Parent, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text(PROMPTS, encoding="utf-8")
    command = ("swap", "p.txt", "--axis", "gender", "-o", "out.yaml")
    done = forks.run(*command, inside=str(tmp_path))
    assert done.code == 0, done.err
    assert "kept       3 texts" in done.out
    assert "unsure     1 texts, 1 places; 1 texts left out" in done.out
    assert "1 without a word of the axis" in done.out
    assert "'gave her advice' can be read in two ways" in done.out
    for name in ("out.yaml", "out-axis.yaml", "out-unsure.csv"):
        assert f"written    {name}" in done.out
    again = forks.run(*command, inside=str(tmp_path))
    assert again.code == 2
    assert again.err.startswith("audit: ") and again.err.count("\n") == 1


def test_ten_thousand_lines_are_swapped_at_once() -> None:
    texts = [
        FreeText(line=n, text=f"Case {n}: Mary told him that her boss saw him, and he gave her a copy.")
        for n in range(10_000)
    ]
    assert swap_texts(texts, GENDER).kept == 10_000


# ---------------------------------------------------------------------- word lists


@pytest.mark.parametrize("name", sorted(path.stem for path in Path("audit/swaps").glob("*.yaml")))
def test_every_word_list_names_its_source_and_date(name: str) -> None:
    data = swap_data(name)
    assert data["swaps"] == 1 and data["source"] and str(data["date"]).startswith("2026-")


def test_rows_of_gender_words_are_aligned_and_no_word_stands_in_two_rows() -> None:
    rows = swap_data("gender")["words"]
    assert all(2 <= len(row) <= 3 for row in rows)
    for column in (0, 1):
        twice = [word for word, count in Counter(row[column] for row in rows).items() if count > 1]
        assert not twice
    assert not {row[0] for row in rows} & {row[1] for row in rows}


def test_every_word_said_of_everybody_is_a_word_of_a_row() -> None:
    generic = {word for line in swap_data("gender")["generic"] for word in line.split()}
    assert generic <= {row[0] for row in swap_data("gender")["words"]}


def test_a_first_name_stands_in_one_list_once() -> None:
    data = swap_data("names")
    pairs = [name for line in data["pairs"] for pair in line.split(", ") for name in pair.split()]
    rare = [name for line in data["rare"] for name in line.split()]
    every = [*pairs, *rare, *data["unpaired"], *data["both"], *data["unclear"]]
    assert not [name for name, count in Counter(every).items() if count > 1]
    assert {*data["words"], *data["places"]} <= set(every)


def test_the_first_names_of_the_gender_axis_are_paired() -> None:
    data, axis = swap_data("names"), load_axis("gender")
    pairs = {name for line in data["pairs"] for pair in line.split(", ") for name in pair.split()}
    lists = {
        *pairs,
        *data["unpaired"],
        *data["unclear"],
        *(name for line in data["rare"] for name in line.split()),
    }
    for group in ("men", "women"):
        assert set(axis.first_names(group, group)) <= lists


def test_classes_of_english_words_are_small_letters_and_those_that_exclude_each_other_do() -> None:
    for kind in swap_data("english")["lists"]:
        assert all(word == word.lower() for word in words(kind)), kind
    assert not words("never_noun") & words("either_way")
    assert not words("owned") & words("never_noun")
    assert words("bare_or_noun") <= words("bare_verbs") | {"write-up"}
    assert words("mostly_given") <= words("two_objects")
