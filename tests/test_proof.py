"""The swap proof: what it lets through, what it finds, and that expansion leaves out exactly that."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from audit.expand import expand
from audit.proof import disagreement, skeleton, swapped_back, unproven
from audit.records import SWAP_PROOF, Expansion
from audit.rendering import Rendered, frame
from audit.spans import FORM
from audit.suite import load_axes, load_suite

SLOTS = ("name", "they", "job")
LITERAL = st.text(alphabet=st.characters(exclude_characters="$", codec="utf-8"), max_size=12)
PIECES = st.lists(
    st.one_of(LITERAL, st.sampled_from([f"${{{slot}}}" for slot in SLOTS])), min_size=1, max_size=8
)
TURNS = st.lists(st.tuples(st.sampled_from(["system", "user"]), PIECES.map("".join)), min_size=1, max_size=3)
WORD = st.text(alphabet="abcdéžλ नमπ-'\"\n", min_size=1, max_size=8)
WORDS = st.fixed_dictionaries(dict.fromkeys(SLOTS, WORD))
CELL = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), WORDS, min_size=2)
NO_RULES = "xx"


def cell_of(turns: list[tuple[str, str]], words: dict[str, dict[str, str]]) -> dict[str, Rendered]:
    cut = frame(turns)
    return {group: cut.filled(one) for group, one in words.items()}


@settings(deadline=None)
@given(TURNS, CELL)
def test_prompts_of_one_frame_are_pairs_unless_they_read_the_same(
    turns: list[tuple[str, str]], words: dict[str, dict[str, str]]
) -> None:
    cell = cell_of(turns, words)
    found = unproven(cell, NO_RULES)
    wanted = {
        (a, b): "reads the same for both groups"
        for a in cell for b in cell if a < b and cell[a].texts == cell[b].texts
    }  # fmt: skip
    assert found == wanted


@settings(deadline=None)
@given(TURNS, WORDS, WORDS)
def test_swapping_back_gives_the_first_prompt_byte_for_byte(
    turns: list[tuple[str, str]], one: dict[str, str], other: dict[str, str]
) -> None:
    a, b = frame(turns).filled(one), frame(turns).filled(other)
    assert swapped_back(b, a.words) == a.texts
    assert swapped_back(a, b.words) == b.texts
    assert swapped_back(a, a.words) == a.texts
    assert skeleton(a) == skeleton(b)


@settings(deadline=None)
@given(TURNS, WORDS, WORDS, st.data())
def test_one_changed_letter_outside_the_places_is_found(
    turns: list[tuple[str, str]], one: dict[str, str], other: dict[str, str], data: st.DataObject
) -> None:
    a, b = frame(turns).filled(one), frame(turns).filled(other)
    free = [
        (part, at)
        for part, text in enumerate(b.texts)
        for at in range(len(text))
        if not any(p == part and start <= at < end for p, start, end, _ in b.places)
    ]
    assume(free)
    part, at = data.draw(st.sampled_from(free))
    letter = "x" if b.texts[part][at] != "x" else "y"
    changed = b.texts[part][:at] + letter + b.texts[part][at + 1 :]
    tampered = replace(b, texts=(*b.texts[:part], changed, *b.texts[part + 1 :]))
    assert unproven({"a": a, "b": tampered}, NO_RULES) == {("a", "b"): "differs outside the marked words"}


@settings(deadline=None)
@given(WORDS, WORDS)
def test_another_slot_another_order_or_another_role_is_found(
    one: dict[str, str], other: dict[str, str]
) -> None:
    wrong = {("a", "b"): "differs outside the marked words"}
    a = frame([("user", "$name, $they: $job")]).filled(one)
    for turns in (
        [("user", "$name, $job: $they")],
        [("system", "$name, $they: $job")],
        [("user", "$name, $they: $job"), ("user", "")],
        [("user", "$name, $they: $job ")],
        [("user", "$name, $they: job")],
    ):
        assert unproven({"a": a, "b": frame(turns).filled(other)}, NO_RULES) == wrong


def test_a_place_that_moved_is_found() -> None:
    a = frame([("user", "$name here")]).filled({"name": "Kim"})
    b = replace(a, places=((0, 0, 4, "name"),))
    assert unproven({"a": a, "b": b}, NO_RULES) == {("a", "b"): "differs outside the marked words"}


def test_reasons_are_told_for_the_pairs_they_concern_alone() -> None:
    cut = frame([("text", "$name is a $job.")])
    words = {"x": ("Ada", "nurse"), "y": ("Bo", "engineer"), "z": ("Cy", "cook"), "zz": ("Cy", "cook")}
    cell = {group: cut.filled({"name": name, "job": job}) for group, (name, job) in words.items()}
    wrong = "does not agree: 'a engineer'"
    assert unproven(cell, "en") == {
        ("x", "y"): wrong, ("y", "z"): wrong, ("y", "zz"): wrong, ("z", "zz"): "reads the same for both groups",
    }  # fmt: skip
    assert disagreement(cell["y"], "en") == wrong
    assert disagreement(cell["x"], "en") == disagreement(cell["y"], "de") == ""


def pair(text: str, language: str, *, slot: str, one: str, other: str, forms: tuple[str, ...] = ()) -> str:
    """Why the two versions of a text are no pair; empty where they are one."""
    cut = frame([("text", text)], forms)
    cell = {"a": cut.filled({slot: one}), "b": cut.filled({slot: other})}
    return unproven(cell, language, gendered=True).get(("a", "b"), "")


@pytest.mark.parametrize(
    ("text", "capital"),
    [
        ("It rained. $faith is known.", True), ("$faith is known.", True), ("“$faith”, it said.", True),
        ("End!\n$faith goes on.", True), ("She is $faith.", False), ("e.g. $faith people", False),
        ("It rained. $Faith is known.", False),
    ],
)  # fmt: skip
def test_a_sentence_that_begins_with_a_small_letter_for_one_group_is_found(text: str, capital: bool) -> None:
    reason = pair(text, "xx", slot="faith", one="Muslim", other="atheist")
    assert bool(reason) is capital
    assert not capital or "begins a sentence with a small letter: write $Faith" in reason


def test_the_slot_is_named_as_the_suite_writes_it_where_it_is_a_form() -> None:
    reason = pair("Gut. $er kommt.", "de", slot="er", one="Dey", other="er", forms=("er",))
    assert reason == "'Dey' or 'er' begins a sentence with a small letter: write $Er"
    assert FORM not in reason


@pytest.mark.parametrize(
    ("text", "language", "one", "other", "article"),
    [
        ("Wir suchen einen $beruf.", "de", "Koch", "Köchin", "einen"),
        ("Der $beruf kommt.", "de", "Koch", "Köchin", "Der"),
        ("Wir suchen als $beruf jemanden.", "de", "Koch", "Köchin", ""),
        ("Le $beruf arrive.", "fr", "cuisinier", "cuisinière", "Le"),
        ("une $beruf arrive", "fr", "cuisinier", "cuisinière", "une"),
        ("comme $beruf", "fr", "cuisinier", "cuisinière", ""),
        ("El $beruf llega.", "es", "cocinero", "cocinera", "El"),
        ("con una $beruf", "es", "cocinero", "cocinera", "una"),
        ("como $beruf", "es", "cocinero", "cocinera", ""),
        ("la $beruf", "es", "contable", "contable", ""),
        ("the $beruf came", "en", "actor", "actress", ""),
    ],
)
def test_an_article_written_out_before_a_word_that_changes_is_found(
    text: str, language: str, one: str, other: str, article: str
) -> None:
    told = f"'{article}' is written out before $beruf, which changes with the group" if article else ""
    same = "reads the same for both groups" if one == other else ""
    assert pair(text, language, slot="beruf", one=one, other=other) == (told or same)


def test_articles_are_looked_at_only_where_groups_differ_in_gender() -> None:
    cut = frame([("text", "Der $glaube ist bekannt.")])
    cell = {"a": cut.filled({"glaube": "Christ"}), "b": cut.filled({"glaube": "Jude"})}
    assert unproven(cell, "de") == {}
    assert unproven(cell, "de", gendered=True) != {}


def test_names_and_forms_may_follow_an_article() -> None:
    assert pair("die $name", "de", slot="name", one="Ada", other="Bo") == ""
    assert pair("la $elle", "fr", slot="elle", one="sienne", other="sien", forms=("elle",)) == ""


AXIS = """\
axis: 1
id: kin
title: Kin
attribute: family
language: en
cue: stated
source: Written for tests, 2026.
date: 2026-11-20
groups:
  aunt: {title: aunts, wording: inputs that state an aunt, terms: {kin: aunt, same: x, begin: Aunts}}
  cousin: {title: cousins, wording: inputs that state a cousin, terms: {kin: cousin, same: x, begin: cousins}}
  uncle: {title: uncles, wording: inputs that state an uncle, terms: {kin: uncle, same: y, begin: Uncles}}
"""
SUITE = """\
suite: 1
id: kin
title: Kin
language: en
domain: housing
harm: Fewer replies.
cannot_show: Anything else.
axes: [kin.yaml]
question: {kind: classify, favourable: yes}
templates:
  - {id: all, text: "$name is $a_kin.", paraphrases: ["There $are $a_kin called $name."]}
  - {id: one, text: "$name is an $kin of mine."}
  - {id: same, text: "$name wrote $same."}
  - {id: start, text: "$name came. $begin are here."}
  - {id: none, text: "$name, the $kin, says that $they is late."}
controls: {arms: [again, name, edit, paraphrase], edits: [final_space]}
metrics: [selection_rate]
sampling: {names_per_group: 4, seed: 3}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Expansion:
    folder: Path = tmp_path_factory.mktemp("kin")
    (folder / "kin.yaml").write_text(AXIS, encoding="utf-8")
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    suite = load_suite(folder / "suite.yaml")
    return expand(suite, load_axes(suite))


def swaps(made: Expansion, template: str) -> pd.DataFrame:
    rows = made.pairs[(made.pairs["template"] == template) & (made.pairs["arm"] == "swap")]
    return rows[["name", "group_a", "group_b"]]


def left_out(made: Expansion, template: str) -> dict[tuple[str, str], int]:
    """Reasons and pairs of what was left out of a template, with how often."""
    start = f"{SWAP_PROOF}, kin: template {template}, "
    return {
        (one.what.removeprefix(start), one.reason): one.count
        for one in made.excluded
        if one.what.startswith(start)
    }


def test_pairs_that_hold_are_all_there(made: Expansion) -> None:
    assert len(swaps(made, "all")) == 3 * 4
    assert left_out(made, "all") == {}


def test_a_group_whose_prompt_does_not_agree_is_in_no_pair_and_neither_are_its_controls(
    made: Expansion,
) -> None:
    kept = swaps(made, "one")
    assert len(kept) == 4 and set(zip(kept["group_a"], kept["group_b"], strict=True)) == {("aunt", "uncle")}
    wrong = "does not agree: 'an cousin'"
    assert left_out(made, "one") == {("aunt and cousin", wrong): 4, ("cousin and uncle", wrong): 4}
    of_template = made.prompts[made.prompts["template"] == "one"]
    assert set(of_template["group"]) == {"aunt", "uncle"}
    assert not of_template["messages"].str.contains("an cousin").any()
    assert set(of_template["arm"]) == {"swap", "again", "name", "edit"}


def test_pairs_that_read_the_same_are_left_out_and_the_others_stay(made: Expansion) -> None:
    kept = swaps(made, "same")
    assert sorted({*zip(kept["group_a"], kept["group_b"], strict=True)}) == [
        ("aunt", "uncle"),
        ("cousin", "uncle"),
    ]
    assert left_out(made, "same") == {("aunt and cousin", "reads the same for both groups"): 4}
    assert set(made.prompts.loc[made.prompts["template"] == "same", "group"]) == {"aunt", "cousin", "uncle"}


def test_a_small_letter_at_the_start_of_a_sentence_leaves_the_capitals_alone(made: Expansion) -> None:
    assert len(swaps(made, "start")) == 4
    assert {pair for pair, _ in left_out(made, "start")} == {"aunt and cousin", "cousin and uncle"}
    assert all("write $Begin" in reason for _, reason in left_out(made, "start"))


def test_a_person_for_whom_nothing_agrees_is_left_out_wholly(made: Expansion) -> None:
    agreeing = made.prompts[(made.prompts["template"] == "none") & (made.prompts["arm"] == "swap")]
    assert not agreeing["messages"].str.contains("they is").any()
    assert agreeing["messages"].str.contains("she is|he is").all()
    disagreeing = sum(count for (_, reason), count in left_out(made, "none").items() if "they is" in reason)
    persons = agreeing["name"].nunique()
    assert 0 < persons < 4 and disagreeing == 3 * (4 - persons)


def test_every_row_belongs_to_a_pair_and_every_pair_to_rows(made: Expansion) -> None:
    in_pairs = {*made.pairs["a"], *made.pairs["b"]}
    assert in_pairs == set(made.prompts["prompt_id"])
    bases = made.prompts.loc[made.prompts["arm"] != "swap", "base_id"]
    assert set(bases) <= set(made.prompts.loc[made.prompts["arm"] == "swap", "prompt_id"])


def test_planned_pairs_are_either_made_or_counted_as_left_out(made: Expansion) -> None:
    counted = sum(one.count for one in made.excluded if one.what.startswith(SWAP_PROOF))
    kept = len(made.pairs[made.pairs["arm"] == "swap"])
    assert kept + counted == 5 * 4 * 3


def test_what_is_kept_swaps_back_from_the_tables_alone(made: Expansion) -> None:
    rows = made.prompts[made.prompts["arm"] == "swap"].drop_duplicates("prompt_id").set_index("prompt_id")
    for _, one in made.pairs[made.pairs["arm"] == "swap"].iterrows():
        a, b = (rows.loc[one[side]] for side in ("a", "b"))
        turns = [text for _, text in json.loads(b["messages"])]
        words = [
            json.loads(a["messages"])[part][1][start:end] for part, start, end, _ in json.loads(a["spans"])
        ]
        for (part, start, end, _), word in reversed(list(zip(json.loads(b["spans"]), words, strict=True))):
            turns[part] = turns[part][:start] + word + turns[part][end:]
        assert turns == [text for _, text in json.loads(a["messages"])]
