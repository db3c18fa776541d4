"""Sentences of the kinds that users bring: what comes out, what is not sure, what the command says about bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import tiny_models
from preloaded import Parent

from audit.axis import load_axis
from audit.commands import swap
from audit.english import swap_data
from audit.errors import InputError
from audit.freetext import FreeText, read_texts
from audit.lexicon import lexicon_of
from audit.pipeline import run as audit_run
from audit.runs import read_run
from audit.settling import read_text
from audit.swap import LARGEST_TEXT, exchanged, swap_texts

GENDER = lexicon_of(load_axis("gender"))
THREE = lexicon_of(load_axis("gender"), ("men", "non-binary", "women"))

SURE = [
    ("Mr. King solved his case.", "Ms. King solved her case."),
    (
        "He's been promoted twice, and he'd like a third step.",
        "She's been promoted twice, and she'd like a third step.",
    ),
    ("It is hard for her to say no.", "It is hard for him to say no."),
    ("This is between her and I.", "This is between him and I."),
    ("I will ask her.", "I will ask him."),
    ("His is the blue one.", "Hers is the blue one."),
    ("Mr Smith forgot his umbrella.", "Ms Smith forgot her umbrella."),
    ("The women left, but the girls stayed.", "The men left, but the boys stayed."),
    ("The cowgirl fell off her horse.", "The cowboy fell off his horse."),
    ("Every guest brings his/her own plate.", "Every guest brings his/her own plate."),
    ("If a tenant complains, s/he must write.", "If a tenant complains, s/he must write."),
    ("(S)he may apply online.", "(S)he may apply online."),
    ("He/she should sign here.", "He/she should sign here."),
    ("The German manager told him about human rights.", "The German manager told her about human rights."),
    ("By the grace of the court, he was freed.", "By the grace of the court, she was freed."),
    ("• Her references were excellent", "• His references were excellent"),
    ("WHY SHE SHOULD GET THE JOB", "WHY HE SHOULD GET THE JOB"),
    (
        "I am writing to recommend her for the post of analyst.",
        "I am writing to recommend him for the post of analyst.",
    ),
    (
        "Patient is a 54-year-old male with chest pain; he denies fever.",
        "Patient is a 54-year-old female with chest pain; she denies fever.",
    ),
    ("The nurse found her unresponsive.", "The nurse found him unresponsive."),
    ("Once upon a time a king lived with his daughter.", "Once upon a time a queen lived with her son."),
    ("“I love her,” he whispered.", "“I love him,” she whispered."),
    ("My sister and her husband want a loan.", "My brother and his wife want a loan."),
    ("Write a poem about a girl and her dog.", "Write a poem about a boy and his dog."),
    ("Rewrite: 'She is a good nurse.'", "Rewrite: 'He is a good nurse.'"),
    ("I know him better than her.", "I know her better than him."),
    ("All her life she worked.", "All his life he worked."),
    ("She washed and dressed her son.", "He washed and dressed his daughter."),
    ("The company promoted her last week.", "The company promoted him last week."),
    ("We saw her last night.", "We saw him last night."),
    ("We saw her first film.", "We saw his first film."),
    ("I told her once.", "I told him once."),
    ("I like her more than him.", "I like him more than her."),
    ("I helped her up.", "I helped him up."),
    ("They let her go.", "They let him go."),
    ("I watched her performance closely.", "I watched his performance closely."),
    ("I asked her politely.", "I asked him politely."),
    ("I believe her completely.", "I believe him completely."),
    ("They fired her illegally.", "They fired him illegally."),
    ("They fired her Monday.", "They fired him Monday."),
    ("We interviewed her Tuesday morning.", "We interviewed him Tuesday morning."),
    ("We hired her full time.", "We hired him full time."),
    ("We hired her part-time.", "We hired him part-time."),
    ("We hired her full-time in 2019.", "We hired him full-time in 2019."),
    ("We need her ASAP.", "We need him ASAP."),
    ("They moved her upstairs.", "They moved him upstairs."),
    ("They took her downtown.", "They took him downtown."),
    ("They flew her abroad.", "They flew him abroad."),
    ("I walked her dog.", "I walked his dog."),
    ("She gave him hers and he gave her his.", "He gave her his and she gave him hers."),
    ("That friend of hers lied.", "That friend of his lied."),
    ("Yours truly, and hers too.", "Yours truly, and his too."),
    ("She is in her late 50s.", "He is in his late 50s."),
    ("He is the eldest of four brothers.", "She is the eldest of four sisters."),
    ("My boys' school was strict.", "My girls' school was strict."),
    ("My ex-wife's lawyer wrote.", "My ex-husband's lawyer wrote."),
    ("The salesman gave a discount.", "The salesman gave a discount."),
    ("A businesswoman from Ohio won.", "A businessman from Ohio won."),
    ("The landlady raised the rent.", "The landlord raised the rent."),
    ("The widow inherited everything.", "The widower inherited everything."),
    ("Burger King hired her.", "Burger King hired him."),
    ("Husband and wife both signed, but she paid.", "Husband and wife both signed, but he paid."),
    ("He is a family man.", "She is a family woman."),
    ("She was the only woman on the board.", "He was the only man on the board."),
    ("Wei lost his keys.", "Wei lost her keys."),
    ("Apple praised her design.", "Apple praised his design."),
    ("McDonald's fired her.", "McDonald's fired him."),
    ("Parkinson's made him weak.", "Parkinson's made her weak."),
    ("Don't call her.", "Don't call him."),
    ("Pat him down.", "Pat her down."),
    ("He has a bachelor's degree in biology.", "She has a bachelor's degree in biology."),
    ("He holds a master's degree.", "She holds a master's degree."),
    ("He hosts a weekly podcast.", "She hosts a weekly podcast."),
    ("She hosts dinners for her team.", "He hosts dinners for his team."),
    ("Dr. Hoffman said she was late.", "Dr. Hoffman said he was late."),
    ("Dr. Emily Stone finished her shift.", "Dr. Jacob Stone finished his shift."),
    ("Mr. Robert Hill signed his name.", "Ms. Barbara Hill signed her name."),
    ("Gender: Female. She wants to quit.", "Gender: Male. He wants to quit."),
    ("My stepdad hid his money.", "My stepmom hid her money."),
    ("I told Mom that she was wrong.", "I told Dad that he was wrong."),
    ("she'd've called him", "he'd've called her"),
    ("Not his, hers.", "Not hers, his."),
    ("His to win or lose.", "Hers to win or lose."),
    ("His older brother is his boss.", "Her older sister is her boss."),
    ("I saw his, then left.", "I saw hers, then left."),
    ("her and me", "him and me"),
    ("With her arms folded, she waited.", "With his arms folded, he waited."),
    ("We consider her a strong candidate.", "We consider him a strong candidate."),
    ("The bank approved her loan.", "The bank approved his loan."),
    ("The judge sentenced her to prison.", "The judge sentenced him to prison."),
    ("I want her back.", "I want him back."),
    ("It cost her dearly.", "It cost him dearly."),
    ("It took her years.", "It took him years."),
    ("It took her hours to finish.", "It took him hours to finish."),
    ("It took her ages.", "It took him ages."),
    ("That left her speechless.", "That left him speechless."),
    ("They accused her of theft.", "They accused him of theft."),
    ("They paid her poorly.", "They paid him poorly."),
    ("They treat her family unfairly.", "They treat his family unfairly."),
    ("We love her so much.", "We love him so much."),
    ("We trust her completely.", "We trust him completely."),
    ("We trust her blindly.", "We trust him blindly."),
    ("I met her online.", "I met him online."),
    ("I met her online friends.", "I met his online friends."),
    ("I met her earlier.", "I met him earlier."),
    ("I met her halfway.", "I met him halfway."),
    ("I met her years ago.", "I met him years ago."),
    ("I met her parents.", "I met his parents."),
    ("I met her weeks later.", "I met him weeks later."),
    ("We visit her weekly.", "We visit him weekly."),
    ("We pay her monthly.", "We pay him monthly."),
    ("We contacted her regarding the post.", "We contacted him regarding the post."),
    ("We contacted her concerning a refund.", "We contacted him concerning a refund."),
    ("We supported her throughout.", "We supported him throughout."),
    ("We supported her throughout the trial.", "We supported him throughout the trial."),
    ("We pushed her forward.", "We pushed him forward."),
    ("We saw her there.", "We saw him there."),
    ("We chose her unanimously.", "We chose him unanimously."),
    ("Call her maybe.", "Call him maybe."),
    ("Get her out!", "Get him out!"),
    ("Bless her heart.", "Bless his heart."),
    ("Lucky her.", "Lucky him."),
    ("Her/him", "Her/him"),
    (
        "Led a team of 12 and mentored her junior analysts.",
        "Led a team of 12 and mentored his junior analysts.",
    ),
    (
        "Reference: I have known Ms. Lopez since she was my intern.",
        "Reference: I have known Mr. Lopez since he was my intern.",
    ),
    (
        "Mr. A was admitted after his wife found him on the floor.",
        "Ms. A was admitted after her husband found her on the floor.",
    ),
    ("The old woman and the sea", "The old man and the sea"),
    ("He watched her car drive off.", "She watched his car drive off."),
    ("Ask her husband if he agrees.", "Ask his wife if she agrees."),
    ("I showed her around the house.", "I showed him around the house."),
    ("I can't stand her.", "I can't stand him."),
    ("Tell me about her work.", "Tell me about his work."),
    ("Judge her by her deeds.", "Judge him by his deeds."),
    ("Help her.", "Help him."),
    ("I want her to stay.", "I want him to stay."),
    ("I see her Tuesdays.", "I see him Tuesdays."),
    ("I sent her a card and him a book.", "I sent him a card and her a book."),
    ("I met her ex.", "I met his ex."),
    ("I ran into her at the store.", "I ran into him at the store."),
    ("I spoke with her briefly.", "I spoke with him briefly."),
    ("I am proud of her achievements.", "I am proud of his achievements."),
    ("Listen to her carefully.", "Listen to him carefully."),
    ("It's good for her health.", "It's good for his health."),
    ("According to her, he lied.", "According to him, she lied."),
    ("Like her mother, she sings.", "Like his father, he sings."),
    ("He's taller than her brother.", "She's taller than his sister."),
    ("They think her rude.", "They think him rude."),
    ("They kept her job open.", "They kept his job open."),
    ("They put her through college.", "They put him through college."),
    ("They gave her until May.", "They gave him until May."),
    ("They cut her pay.", "They cut his pay."),
    ("They hired her despite her age.", "They hired him despite his age."),
    ("They turned her away.", "They turned him away."),
    (
        "Thomas called his sister; she didn't answer, so he called her husband instead.",
        "Linda called her brother; he didn't answer, so she called his wife instead.",
    ),
    ("Two sisters inherited their father's farm.", "Two brothers inherited their mother's farm."),
    ('> She wrote: "He lied"', '> He wrote: "She lied"'),
    ("**Her** job, *his* house, _her_ car", "**His** job, *her* house, _his_ car"),
    ("@her #her", "@her #her"),
    ("He;she", "She;he"),
    ("he or his wife", "she or her husband"),
    ('"he"', '"she"'),
    ("Your Honor, she lied.", "Your Honor, he lied."),
    ("My father's mother and my mother's father met.", "My mother's father and my father's mother met."),
    ("Men are stronger than women.", "Women are stronger than men."),
    ("A female engineer and a male nurse", "A male engineer and a female nurse"),
    ("Manchester hired him.", "Manchester hired her."),
    ("The heroine saves her brother.", "The hero saves his sister."),
    ("He is a male model.", "She is a female model."),
    ("They're brothers.", "They're sisters."),
    ("Yes, sir!", "Yes, madam!"),
    ("Ladies and Gentlemen, she won.", "Ladies and Gentlemen, he won."),
    ("landlady's cat", "landlord's cat"),
    ("He's the father of my child.", "She's the mother of my child."),
    ("I'm a mother, wife and nurse.", "I'm a father, husband and nurse."),
]  # fmt: skip

THEY = [
    ("She has worked here for ten years.", "They have worked here for ten years."),
    ("He's a good cook.", "They're a good cook."),
    ("He'd rather stay.", "They'd rather stay."),
    ("She teaches math.", "They teach math."),
    ("He misses his son.", "They miss their child."),
    ("He focuses on work.", "They focus on work."),
    ("She only eats rice.", "They only eat rice."),
    ("If she leaves, we lose.", "If they leave, we lose."),
    ("The man says he is ill.", "The person says they are ill."),
    ("Whatever he does is fine.", "Whatever they do is fine."),
    ("She is, however, ill.", "They are, however, ill."),
    ("When he's hungry he eats.", "When they're hungry they eat."),
    ("Her sister thinks she is smart.", "Their sibling thinks they are smart."),
    ("She eats fish but never meat.", "They eat fish but never meat."),
    ("She might leave.", "They might leave."),
    ("My mom says I am late.", "My parent says I am late."),
    ("He's married.", "They're married."),
    ("Her boss thinks that she lies.", "Their boss thinks that they lie."),
    ("So does she.", "So do they."),
    ("Dear Mr. Cole,", "Dear Mx. Cole,"),
    ("The waitress smiled.", "The server smiled."),
    ("A businessman lost his ring.", "A businessperson lost their ring."),
    ("He needn't come.", "They needn't come."),
    ("He analyses data.", "They analyse data."),
    ("He quizzes us.", "They quiz us."),
    ("She apologises a lot.", "They apologise a lot."),
    ("He undergoes surgery.", "They undergo surgery."),
]  # fmt: skip

UNSURE = [
    ("Isle of Man residents vote, he said.", "Man"),
    ("The Invisible Man is her favourite book.", "Man"),
    ("I saw Wonder Woman with him.", "Wonder Woman"),
    ("She plays for the Women's National Team.", "Women"),
    ("Men in Black is his film.", "Men"),
    ("Father Brown solved his last case.", "Father"),
    ("Mother Teresa helped him.", "Mother"),
    ("Sir Ian praised her.", "Sir"),
    ("King Street is closed, he said.", "King"),
    ("Stephen King writes his books at night.", "King"),
    ("The First Lady opened her garden.", "First Lady"),
    ("Boy, was he tired!", "Boy"),
    ("Oh boy, she did it.", "Oh boy"),
    ("Man, she is fast.", "Man"),
    ("Man up, he told me.", "Man up"),
    ("Thanks, man.", "man"),
    ("Prince sang his hit.", "Prince"),
    ("Helium (He) is light; he knows.", "He"),
    ("emma lost her keys", "emma"),
    ("My friend Saoirse lost her keys.", "Saoirse"),
    ("You go, girl!", "girl"),
    ("We need to man the desk until noon.", "man the"),
    ("May the best man win.", "best man"),
    ("Beauty queen sues.", "Beauty queen"),
    ("Women's rights matter to him.", "Women's rights"),
    ("She is very ladylike.", "ladylike"),
    ("He fathered three children.", "fathered"),
    ("She gave birth in May.", "gave birth"),
    ("The cow lost her calf.", "cow"),
    ("The mailman lost his keys.", "mailman"),
    ("The foreman said he was late.", "foreman"),
    ("Jane Doe, née Smith, sold her car.", "née"),
    ("The trans woman signed her lease.", "trans"),
    ("54M presents with his wife, c/o headache.", "54M"),
    ("Pt is a 67 y/o F, her daughter is present.", "67 y/o F"),
    ("Sex: M. He reports chest pain.", "Sex: M"),
    ("I (28F) live with my boyfriend (30M).", "28F"),
    ("Mary Ann lost her keys.", "Mary"),
    ("Mary Elizabeth Smith lost her keys.", "Mary"),
    ("John Paul lost his keys.", "John"),
    ("José lost his keys.", "José"),
    ("Zoë lost her keys.", "Zoë"),
    ("Santa Barbara suits her.", "Barbara"),
    ("Madison is the capital; he lives there.", "Madison"),
    ("She was born on June 3.", "June"),
    ("Ernest & Young? She works there.", "Ernest"),
    ("Alexa, call her.", "Alexa"),
    ("Look at her go!", "her"),
    ("Listen to her sing.", "her"),
    ("They called her names.", "her"),
    ("They made her partner.", "her"),
    ("They appointed her director.", "her"),
    ("They crowned her champion.", "her"),
    ("We filmed her dancing.", "her"),
    ("With her gone, we rested.", "her"),
    ("The company promoted her last year's intern.", "her"),
    ("We beat her 3-0.", "her"),
    ("Man kann das nicht.", "Man"),
    ("Son frère est une idiot.", "Son"),
]  # fmt: skip

UNSURE_OF_THREE = [
    "He left early and has a cold.",
    "She's tired and has a cold.",
    "He works nights and supports his mother.",
    "He who pays wins.",
]

STATED = [
    ("religion", "Write a joke about a Muslim.", "Jewish", "Write a joke about a Jewish person."),
    ("religion", "Our Christian neighbors are kind.", "Jewish", "Our Jewish neighbors are kind."),
    ("religion", "Religion: Hindu", "Jewish", "Religion: Jewish"),
    ("religion", "Christian Dior hired a Muslim woman.", "Jewish", "Christian Dior hired a Jewish woman."),
    ("nationality", "The Mexican applicant moved here from Mexico.",
     "German", "The German applicant moved here from Germany."),
    ("nationality", "An Indian engineer asked for a visa.", "German", "A German engineer asked for a visa."),
    ("nationality", "He was born in New Mexico; a Russian student was not.", "German",
     "He was born in New Mexico; a German student was not."),
    ("ethnicity-stated", "Two Black men were arrested.", "White", "Two White men were arrested."),
    ("ethnicity-stated", "Race: Black", "White", "Race: White"),
    ("ethnicity-stated", "An Asian woman and her son asked for help.",
     "White", "A White woman and her son asked for help."),
    ("orientation", "A bisexual man asked his doctor.", "straight", "A straight man asked his doctor."),
    ("orientation", "Orientation: gay", "bisexual", "Orientation: bisexual"),
]  # fmt: skip

STATED_UNSURE = [
    ("religion", "A Muslim woman wearing a hijab applied."),
    ("religion", "A Jewish family keeps kosher."),
    ("religion", "a Muslim-majority country"),
    ("religion", "Christian Brothers University"),
    ("nationality", "She collects china."),
    ("nationality", "George Washington was here."),
    ("nationality", "An Indian engineer from Mumbai asked for a visa."),
    ("nationality", "Made in China"),
    ("ethnicity-stated", "South Asian student"),
    ("ethnicity-stated", "a half-Asian boy"),
    ("ethnicity-stated", "Jack Black is an Asian student."),
    ("ethnicity-stated", "Snow White met a Black prince."),
    ("orientation", "A gay man and his husband applied."),
    ("orientation", "He came out as gay."),
    ("orientation", "A straight-A student"),
]  # fmt: skip


@pytest.mark.parametrize("text, expected", SURE, ids=[text[:40] for text, _ in SURE])
def test_sentences_of_users_come_out_right_or_stay(text: str, expected: str) -> None:
    assert not read_text(text, GENDER).unsure
    assert exchanged(text, GENDER) == expected


def test_there_are_many_sentences_of_users() -> None:
    assert len(SURE) + len(UNSURE) + len(THEY) + len(STATED) + len(STATED_UNSURE) >= 200


@pytest.mark.parametrize("text, word", UNSURE, ids=[text[:40] for text, _ in UNSURE])
def test_what_may_be_read_in_another_way_is_marked(text: str, word: str) -> None:
    places = read_text(text, GENDER).unsure
    assert word in {place.word for place in places}
    assert all(text[place.start :].startswith(place.word) for place in places)


@pytest.mark.parametrize("text, expected", THEY, ids=[text[:40] for text, _ in THEY])
def test_sentences_of_users_agree_with_they(text: str, expected: str) -> None:
    reading = read_text(text, THREE)
    assert not reading.unsure
    assert reading.version("non-binary") == expected
    assert reading.version(reading.base) == text


@pytest.mark.parametrize("text", UNSURE_OF_THREE)
def test_a_second_verb_that_may_agree_is_marked(text: str) -> None:
    assert read_text(text, THREE).unsure


@pytest.mark.parametrize("axis, text, group, expected", STATED)
def test_stated_groups_in_sentences_of_users(axis: str, text: str, group: str, expected: str) -> None:
    reading = read_text(text, lexicon_of(load_axis(axis)))
    assert not reading.unsure, reading.unsure
    assert reading.version(group) == expected
    assert reading.version(reading.base) == text


@pytest.mark.parametrize("axis, text", STATED_UNSURE)
def test_signs_that_fit_one_stated_group_are_marked(axis: str, text: str) -> None:
    assert read_text(text, lexicon_of(load_axis(axis))).unsure


def test_a_text_of_a_megabyte_is_read_in_seconds_and_left_out() -> None:
    text = "She said that her boss thanked her. " * 30_000
    kept = swap_texts(
        [FreeText(line=1, text=text), FreeText(line=2, text="He left.")], GENDER, keep_unsure=True
    )
    assert len(text) > LARGEST_TEXT
    assert [item.is_kept for item in kept.items] == [False, True]
    assert "250,000 bytes" in kept.unsure[0][1].reason


def test_line_ends_marks_and_tabs_are_read(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes("\ufeffShe left.\r\n\r\n😀\tHe smiled.\r\n".encode())
    assert [each.text for each in read_texts(source)] == ["She left.", "😀\tHe smiled."]


def swapped(folder: Path, text: str, output: Path) -> None:
    source = folder / "prompts.txt"
    source.write_text(text, encoding="utf-8")
    swap(
        source,
        axis="gender",
        groups=(),
        column=None,
        question="generate",
        keep_unsure=False,
        tagger=None,
        output=output,
    )


@pytest.mark.parametrize("output, message", [
    ("prompts.txt/a.yaml", "cannot be written"),
    ("a" * 300 + ".yaml", "cannot be written"),
    (".", "exists already|names no file"),
])  # fmt: skip
def test_an_output_that_cannot_be_written_is_one_sentence(tmp_path: Path, output: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        swapped(tmp_path, "She left.\n", Path(output) if output == "." else tmp_path / output)


@pytest.mark.parametrize("arguments", [
    ["missing.txt", "--axis", "gender"],
    ["empty.txt", "--axis", "gender"],
    ["a.jsonl", "--axis", "gender"],
    ["a.csv", "--axis", "gender", "--column", "nope"],
    ["a.csv", "--axis", "nope"],
    ["a.csv", "--axis", "gender-de"],
    ["a.csv", "--axis", "gender", "--group", "xx"],
    ["a.csv", "--axis", "gender", "-o", "a.csv/b.yaml"],
    [".", "--axis", "gender"],
])  # fmt: skip
def test_the_command_says_in_one_sentence_what_is_wrong(
    forks: Parent, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    (tmp_path / "a.jsonl").write_text('{"prompt": "She left."\n', encoding="utf-8")
    (tmp_path / "a.csv").write_text("prompt\nShe left.\n", encoding="utf-8")
    done = forks.run("swap", *arguments, inside=str(tmp_path))
    assert done.code == 2
    assert done.err.startswith("audit: ") and done.err.count("\n") == 1


@pytest.mark.parametrize("question", ["choose", "generate"])
def test_a_suite_that_was_written_is_asked_of_a_model(
    tmp_path: Path, question: Literal["choose", "generate"]
) -> None:
    source, suite = tmp_path / "prompts.txt", tmp_path / "own.yaml"
    source.write_text(
        "She asks for a loan.\nMary hired him last week.\nHe said her car is old.\n", encoding="utf-8"
    )
    swap(
        source,
        axis="gender",
        groups=(),
        column=None,
        question=question,
        keep_unsure=False,
        tagger=None,
        output=suite,
    )
    suite.write_text(
        suite.read_text(encoding="utf-8").replace("max_tokens: 64 ", "max_tokens: 4 "), encoding="utf-8"
    )
    model = tiny_models.causal(tmp_path / "model")
    run = read_run(audit_run(str(suite), model=f"hf:{model}", output=tmp_path / "runs"))
    assert set(run.prompts["group"]) == {"men", "women"}
    assert len(run.pairs[run.pairs["arm"] == "swap"]) == 3
    assert (run.responses["error"] == "").all()
    assert len(run.effects)


def test_first_names_of_other_axes_are_on_no_other_list() -> None:
    data = swap_data("names")
    abroad = [name for line in data["abroad"] for name in line.split()]
    others = {name for line in data["pairs"] for pair in line.split(", ") for name in pair.split()}
    others |= {name for line in data["rare"] for name in line.split()}
    others |= {*data["unpaired"], *data["both"], *data["unclear"]}
    assert len(set(abroad)) == len(abroad) > 200
    assert not others & set(abroad)
