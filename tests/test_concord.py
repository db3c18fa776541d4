"""Concord: sentences that are right and sentences that are wrong; [brackets] mark the words that fill a slot."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.concord import faults, opens_sentence, written_out
from audit.expand import expand
from audit.records import SWAP_PROOF
from audit.rendering import Place, Rendered
from audit.suite import load_axes, load_suite, shipped_suites


def marked(*texts: str) -> Rendered:
    """The messages, with a place wherever [brackets] stand."""
    plain: list[str] = []
    places: list[Place] = []
    for part, text in enumerate(texts):
        found = ""
        for piece in re.split(r"(\[[^\]]*\])", text):
            word = piece[1:-1] if piece.startswith("[") else piece
            if piece.startswith("["):
                places.append((part, len(found), len(found) + len(word), "x"))
            found += word
        plain.append(found)
    return Rendered(roles=("user",) * len(texts), texts=tuple(plain), places=tuple(places))


def found(text: str, language: str) -> list[str]:
    return list(faults(marked(text), language))


def lines(text: str) -> list[str]:
    return [line for line in text.strip().split("\n") if line]


ENGLISH_WRONG = lines("""
a [hour] of work
a [honest] reply
an [university] degree
an [European] firm
a [8-year-old] car
a [11-year] lease
an [nurse] called
a [accountant]
an [user] of the site
She is a [engineer] in Leeds
an [one-time] payment
a [heir] of the owner
an [Hispanic] neighbor
An [nurse] called
A [accountant] called
I know of a [unemployed] cook
an [uniform] price
a [HR manager]
a [RN] on the ward
an [PhD student]
a [18,000] dollar loan
a [MBA]
a [X-ray] technician
an [Ukrainian] baker
an [home]
a [uncle]
as a [hourly] worker
(a [engineer])
[They] is here
[they] has called
yesterday [they] was ill
[they] does not know
[they] doesn't know
[they] isn't here
[they] wasn't here
[they] hasn't paid
says that [they] is late
if [they] is ready
if [they] was ready
did [they] has lunch
[she]'re here
[He]’ve paid
[they]'s new here
[they] isn’t here
[she] haven’t paid
[She] are here
[he] have two cars
[she] were ill
[he] do not mind
[she] don't mind
[he] aren't in
[she] haven't paid
[xe] have paid
[ze] are in
[he] [were] late
because [he] were late
when [she] have time
who said that [she] are ill
if [she] have time
if [she] don't pay
that [he] haven't paid
the rent [she] do not pay
Are [she] in?
Have [he] paid?
Do [she] pay?
Where do [he] live?
When have [xe] paid?
Is [they] in?
Who is [they]?
Why was [they] late?
Has [they] paid?
Does [they] pay?
Here it is: was [they] in?
The note says [they] is new
Costs rise [] every year
[] costs rise
Costs rise [], they say
Costs rise []
""")
ENGLISH_RIGHT = lines("""
an [hour] of work
an [honest] reply
a [university] degree
a [European] firm
an [8-year-old] car
an [11-year] lease
a [nurse] called
an [accountant]
a [user] of the site
She is an [engineer] in Leeds
a [one-time] payment
an [heir] of the owner
a [Hispanic] neighbor
A [nurse] called
An [accountant] called
I know of an [unemployed] cook
a [uniform] price
an [HR manager]
an [RN] on the ward
a [PhD student]
an [18,000] dollar loan
an [MBA]
an [X-ray] technician
a [Ukrainian] baker
a [home]
an [uncle]
as an [hourly] worker
grade A [applicant]
plan A [is] good
vitamin A [intake]
hepatitis A [infection]
[They] are here
[they] have called
yesterday [they] were ill
[they] do not know
[they] don't know
[she] isn't here
[he] wasn't here
[she] hasn't paid
If [he] were late
if [she] were ill
as though [he] were the owner
I wish [she] weren't here
Did [he] have time?
Didn't [she] do it?
did [she] do it?
Should [he] have called?
Why wouldn't [he] have called?
Would [she] have time?
could [they] have called
must [he] do it?
Can [she] do it?
Won't [he] have a copy?
Won’t [she] have a copy?
[they]'re here
[They]’ve paid
[she]'s new here
I wish [he] weren’t late
Does [he] have time?
May [he] have a copy?
They saw [him] do it
make [her] do it
They insist that [she] have a chair
The doctors suggest [he] have a rest
Let [him] do it
Suppose [he] were late
[She] is here
[he] has two cars
[xe] has paid
[ze] is in
Is [she] in?
Has [he] paid?
Does [she] pay?
Are [they] in?
Do [they] pay?
The point is [they] moved
Pronouns are [he/him]
The pronouns on the form are [she/her].
the work that [they] do is good
What [she] does is good
one of [them] has left
[Theirs] is late
[their] has no verb
Those who do [her] work are here
need[] a room
the[] room
""")
FRENCH_WRONG = lines("""
le dossier de [Anne]
le [Anne]
que [elle] vienne
la [infirmière]
le [homme]
la lettre de [Hugo]
la lettre de [Yves]
la lettre de [Álvaro]
la [avocate]
La [ouvrière]
De [Inès]
Que [Anne] vienne
d'[Paul]
qu'[Paul]
l'[héros]
l'[comptable]
l’[comptable]
d'[Yann]
l'[hibou]
d'[hasard]
l'[hâte]
d'[onze] ans
de le [comptable]
à le [comptable]
à les [comptables]
de les [gens]
ne [habite] plus
se [occupe] de tout
je [ai] fini
on me [a] dit
on te [a] dit
ce [est] bien
ce [infirmier]
lorsque [elle] vient
puisque [il] vient
jusque [ici]
s'[Paul]
si [il] vient
Si [ils] viennent
s'[elle] vient
""")
FRENCH_RIGHT = lines("""
le dossier d'[Anne]
le dossier d’[Anne]
qu'[elle] vienne
l'[infirmière]
l'[homme]
la lettre d'[Hugo]
la lettre d'[Yves]
la lettre d'[Álvaro]
l'[avocate]
L'[ouvrière]
D'[Inès]
Qu'[Anne] vienne
de [Paul]
que [Paul]
le [héros]
la [comptable]
de [Yann]
le [hibou]
le [hasard]
la [hâte]
l'[hallucination]
de [onze] ans
du [comptable]
au [comptable]
aux [comptables]
des [gens]
n'[habite] plus
s'[occupe] de tout
j'[ai] fini
on m'[a] dit
c'[est] bien
cet [infirmier]
ce [à] quoi
lorsqu'[elle] vient
lorsque [Paul] vient
jusqu'[ici]
s'[il] vient
si [elle] vient
si [Ilan] vient
puis-je [envoyer] un mot
dis-le [à] Paul
prends-le [et] viens
faites-la [entrer]
parle-t-[elle]
presque [au] bout
à la [comptable]
de l'[infirmier]
à l'[avocate]
de la [Hollandaise]
aujourd'[hui]
la une [du] journal
""")
SPANISH_WRONG = lines("""
Ana y [Inés]
Ana y [Íñigo]
Ana y [Iván]
Ana y [Hilda]
Ana y [hija]
Ana o [Óscar]
Ana o [Olga]
Ana o [Horacio]
siete o [ocho]
uno o [otro]
de [el] contable
a [el] contable
de el [contable]
De el [contable]
a el [contable]
Ana e [Paula]
Ana u [Paula]
agua e [hielo]
Y [Inés] vino
""")
SPANISH_RIGHT = lines("""
Ana e [Inés]
Ana e [Íñigo]
Ana e [Iván]
Ana e [Hilda]
Ana e [hija]
Ana u [Óscar]
Ana u [Olga]
Ana u [Horacio]
siete u [ocho]
uno u [otro]
[del] contable
[al] contable
del [contable]
al [contable]
Ana y [Paula]
Ana o [Paula]
agua y [hielo]
cobre y [hierro]
de [él]
a [él]
de El [Salvador]
Ana y [Yolanda]
Ana y [ella]
Ana o [él]
¿Y [Inés]?
¿Y [Irene] vino?
Ana y [Ian]
la [y] griega
Ana y [hueso]
""")
WRONG = [
    *((t, "en") for t in ENGLISH_WRONG),
    *((t, "fr") for t in FRENCH_WRONG),
    *((t, "es") for t in SPANISH_WRONG),
]
RIGHT = [
    *((t, "en") for t in ENGLISH_RIGHT),
    *((t, "fr") for t in FRENCH_RIGHT),
    *((t, "es") for t in SPANISH_RIGHT),
]


@pytest.mark.parametrize(("text", "language"), WRONG)
def test_a_wrong_sentence_is_found(text: str, language: str) -> None:
    assert found(text, language), text


@pytest.mark.parametrize(("text", "language"), RIGHT)
def test_a_right_sentence_is_left_alone(text: str, language: str) -> None:
    assert found(text, language) == []


def test_the_tables_are_long_enough() -> None:
    assert len(ENGLISH_WRONG) >= 60 and len(ENGLISH_RIGHT) >= 60
    assert len({*WRONG, *RIGHT}) == len(WRONG) + len(RIGHT)


@pytest.mark.parametrize(("text", "language"), [(text, tongue) for text, tongue in WRONG if "[]" not in text])
def test_only_what_touches_a_slot_is_found(text: str, language: str) -> None:
    plain = text.replace("[", "").replace("]", "")
    assert found(f"{plain}. Here is [Kim].", language) == []


PADDING = st.lists(
    st.sampled_from(["red", "roof", "number", "seven", "folder", "green", "Monday", "rain"]), max_size=14
)


@settings(deadline=None)
@given(st.sampled_from([*WRONG, *RIGHT]), PADDING, PADDING)
def test_what_stands_far_away_changes_nothing(
    case: tuple[str, str], before: list[str], after: list[str]
) -> None:
    text, language = case
    start, end = (f"{' '.join(words)}. " if words else "" for words in (before, after))
    alone = found(f"{text} .", language)
    assert bool(found(f"{start}{text} . {end}", language)) == bool(alone)


@settings(deadline=None)
@given(st.sampled_from([*WRONG, *RIGHT]), st.sampled_from([*WRONG, *RIGHT]))
def test_each_message_is_judged_by_itself(one: tuple[str, str], other: tuple[str, str]) -> None:
    both = list(faults(marked(one[0], other[0]), one[1]))
    assert sorted(both) == sorted([*found(one[0], one[1]), *found(other[0], one[1])])


@settings(deadline=None)
@given(st.text(max_size=60), st.sampled_from(["de", "hi", "pt", "tr", "de-AT"]))
def test_a_language_without_rules_has_only_gaps(text: str, language: str) -> None:
    plain = text.replace("[", "").replace("]", "")
    assert found(f"{plain}[x]{plain}", language) == []
    assert found(f"{plain} [] {plain}", language) != []


def test_what_is_found_is_the_piece_of_text() -> None:
    assert found("I know a [accountant] who says that [they] is new.", "en") == ["a accountant", "they is"]
    assert found("la lettre de [Anne], que [elle] lit", "fr") == ["de Anne", "que elle"]


OPENS = ["", "It is so. ", "Really? ", "“", "«", "One. “", "¿", "End!\n", "End.\n\n(", "पूरा। "]
GOES_ON = ["a ", "it is ", "e.g. ", "z. B. ", "Dr. ", "1,", "name: ", "vs. ", "so; ", "p. ej. "]


@pytest.mark.parametrize("before", OPENS)
def test_a_sentence_opens(before: str) -> None:
    assert opens_sentence(f"{before}x", len(before))


@pytest.mark.parametrize("before", GOES_ON)
def test_a_sentence_goes_on(before: str) -> None:
    assert not opens_sentence(f"{before}x", len(before))


@pytest.mark.parametrize(
    ("before", "language", "word"),
    [
        ("Sie ist die ", "de", "die"), ("als ein ", "de", "ein"), ("Der ", "de", "Der"),
        ("mit keiner ", "de", "keiner"),
        ("als ", "de", ""), ("wie viele", "de", ""), ("la ", "fr", "la"), ("cette ", "fr", "cette"), ("de ", "fr", ""),
        ("una ", "es", "una"), ("de la ", "es", "la"), ("como ", "es", ""), ("the ", "en", ""), ("वह ", "hi", ""),
        ("die", "de", ""), ("Die ", "de-CH", "Die"), ("Melodie ", "de", ""),
    ],
)  # fmt: skip
def test_a_gendered_article_before_a_slot_is_seen(before: str, language: str, word: str) -> None:
    assert written_out(before, language) == word


@pytest.mark.parametrize(
    "name", [name for name in shipped_suites() if not name.startswith("recorded/") and "ranking" not in name]
)
def test_no_shipped_prompt_nor_control_has_a_fault(name: str) -> None:
    suite = load_suite(name)
    if suite.recorded is not None:
        pytest.skip("recorded answers are not expanded")
    few = suite.model_copy(update={"sampling": suite.sampling.model_copy(update={"names_per_group": 2})})
    made = expand(few, load_axes(suite))
    assert [one for one in made.excluded if one.what.startswith(SWAP_PROOF)] == []
    once = made.prompts.drop_duplicates("prompt_id")
    for messages, spans in zip(once["messages"], once["spans"], strict=True):
        roles, texts = zip(*json.loads(messages), strict=True)
        one = Rendered(roles=roles, texts=texts, places=tuple(tuple(span) for span in json.loads(spans)))
        assert list(faults(one, suite.language)) == []
