"""Expansion: prompts, pairs and controls of a suite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from audit.expand import expand, expand_parts, pairs_of
from audit.records import PAIRS, PROMPTS, Expansion, content_id
from audit.rendering import frame
from audit.suite import Suite, load_axes, load_suite

SUITE = """\
suite: 1
id: small
title: Small
language: en
domain: employment
harm: allocation
cannot_show: anything else
axes: [gender, ethnicity, religion]
intersections: ["gender*ethnicity"]
question: {kind: classify, favourable: invite}
fillers:
  job: [nurse, accountant, engineer, teacher]
stratum: job
templates:
  - id: one
    text: "$Name asks to work as $a_job. $They $have 'good' references and trust${s} $themself; it costs $$5."
    paraphrases: ["As $a_job, $name hopes to start. $Their references are good."]
  - id: two
    messages:
      - {role: system, text: "You read files."}
      - {role: user, text: "$first_name wrote: I am $a_religion, says $they."}
  - id: three
    text: "Nobody is named here, only $a_job."
controls:
  arms: [again, name, edit, paraphrase]
  edits: [final_space, blank_line, quote_style, neutral_sentence]
  neutral_sentences: ["It rained on Monday."]
metrics: [selection_rate]
sampling: {names_per_group: 6, repeats: 2, seed: 3}
"""


def _suite(folder: Path, text: str = SUITE) -> Suite:
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return load_suite(path)


@pytest.fixture
def expansion(tmp_path: Path) -> Expansion:
    suite = _suite(tmp_path)
    return expand(suite, load_axes(suite))


def _text(row: pd.Series) -> str:
    return "\n".join(text for _, text in json.loads(row["messages"]))


def test_every_cell_has_every_group_and_all_pairs_in_alphabetical_order(expansion: Expansion) -> None:
    swap = expansion.prompts[expansion.prompts["arm"] == "swap"]
    sizes = swap[swap["axis"] == "gender"].groupby(["template", "name", "stratum"])["group"].agg(list)
    assert sizes.map(lambda groups: groups == ["men", "non-binary", "women"]).all()
    pairs = expansion.pairs[expansion.pairs["arm"] == "swap"]
    assert (pairs["group_a"].astype("str") < pairs["group_b"].astype("str")).all()
    assert len(pairs[pairs["axis"] == "gender"]) == 3 * len(sizes)


def test_the_variants_of_a_cell_differ_only_inside_their_spans(expansion: Expansion) -> None:
    swap = expansion.prompts[expansion.prompts["arm"] == "swap"]
    for _, cell in swap.groupby(["axis", "template", "name", "stratum"]):
        frames = set()
        for _, row in cell.iterrows():
            messages = [list(message) for message in json.loads(row["messages"])]
            for part, start, end, slot in reversed(json.loads(row["spans"])):
                text = messages[part][1]
                messages[part][1] = f"{text[:start]}<{slot}>{text[end:]}"
            frames.add(json.dumps(messages))
        assert len(frames) == 1


def test_articles_capitals_verbs_and_dollars_come_out_right(expansion: Expansion) -> None:
    texts = [_text(row) for _, row in expansion.prompts.iterrows()]
    whole = " ".join(texts)
    assert "a accountant" not in whole and "an nurse" not in whole and "an accountant" in whole
    assert "it costs $5." in whole and "$" not in whole.replace("$5", "")
    assert "They have 'good' references and trust themself" in whole
    assert "She has 'good' references and trusts herself" in whole
    assert "an atheist" in whole or "a Muslim" in whole or "a Hindu" in whole


def test_a_template_without_a_slot_of_the_axis_is_left_out_and_counted(expansion: Expansion) -> None:
    assert "three" not in set(expansion.prompts["template"])
    assert any("template three" in e.what for e in expansion.excluded)
    assert set(expansion.prompts.loc[expansion.prompts["axis"] == "religion", "template"]) == {"two"}


def test_combinations_without_names_are_left_out_and_counted(expansion: Expansion) -> None:
    groups = set(expansion.prompts.loc[expansion.prompts["axis"] == "gender*ethnicity", "group"])
    assert len(groups) == 8 and not any("non-binary" in group for group in groups)
    assert sum("non-binary*" in e.what for e in expansion.excluded) == 4


def test_controls_stay_in_the_group_and_the_deciding_arm_is_asked_for_every_person(
    expansion: Expansion,
) -> None:
    controls = expansion.pairs[expansion.pairs["arm"] != "swap"]
    assert (controls["group_a"] == controls["group_b"]).all()
    counts = controls.groupby(["axis", "arm"])["name"].nunique()
    assert counts["gender", "name"] == 6 and counts["gender", "edit"] == 3
    assert counts["religion", "edit"] == 6 and counts["religion", "name"] == 3
    again = controls[controls["arm"] == "again"]
    assert (again["a"] == again["b"]).all()
    others = controls[controls["arm"] != "again"]
    assert (others["a"] != others["b"]).all()


def test_another_name_keeps_gender_surname_and_job(expansion: Expansion) -> None:
    prompts = expansion.prompts
    rows = prompts[
        (prompts["arm"] == "name") & (prompts["axis"] == "gender") & (prompts["template"] == "one")
    ]
    bases = prompts[(prompts["arm"] == "swap") & (prompts["axis"] == "gender")].set_index(
        ["prompt_id", "group"]
    )
    for _, row in rows.iterrows():
        base = _text(bases.loc[(row["base_id"], row["group"])])
        first, rest = _text(row).split(" ", 1)
        assert base.split(" ", 1)[0] != first and base.split(" ", 1)[1] == rest


def test_ethnicity_cells_hold_the_gender_and_use_both(expansion: Expansion) -> None:
    prompts = expansion.prompts
    rows = prompts[
        (prompts["axis"] == "ethnicity") & (prompts["arm"] == "swap") & (prompts["template"] == "one")
    ]
    kinds = rows.groupby("name")["messages"].agg(lambda texts: {("She " in t) for t in texts})
    assert kinds.map(len).eq(1).all() and {next(iter(kind)) for kind in kinds} == {True, False}


def test_fillers_rotate_so_that_each_is_used(expansion: Expansion) -> None:
    rows = expansion.prompts[
        (expansion.prompts["axis"] == "gender") & (expansion.prompts["template"] == "one")
    ]
    assert set(rows["stratum"]) == {"nurse", "accountant", "engineer", "teacher"}


def test_ids_do_not_depend_on_the_other_templates_or_their_order(
    tmp_path: Path, expansion: Expansion
) -> None:
    start, rest = SUITE.split("templates:\n")
    one, rest = rest.split("  - id: two\n")
    two, rest = rest.split("  - id: three\n")
    three, end = rest.split("controls:\n")
    swapped = f"{start}templates:\n  - id: two\n{two}{one}controls:\n{end}"
    assert three
    other = _suite(tmp_path, swapped)
    again = expand(other, load_axes(other))
    assert set(again.prompts["prompt_id"]) == set(expansion.prompts["prompt_id"])
    assert set(again.pairs["pair_id"]) == set(expansion.pairs["pair_id"])


def test_the_question_is_put_after_the_last_turn_and_after_edits(tmp_path: Path) -> None:
    suite = _suite(tmp_path)
    made = expand(suite, load_axes(suite), ask="Should $they be invited?")
    for _, row in made.prompts.iterrows():
        assert json.loads(row["messages"])[-1][1].endswith("be invited?")
    edited = made.prompts[made.prompts["arm"] == "edit"]
    assert any("It rained on Monday.\n\nShould" in _text(row) for _, row in edited.iterrows())


def test_design_groups_has_texts_of_their_own_and_no_pairs(tmp_path: Path) -> None:
    text = SUITE.split("templates:\n")[0].replace("axes: [gender, ethnicity, religion]", "axes: [gender]")
    text = (
        text.replace('intersections: ["gender*ethnicity"]\n', "design: groups\n")
        .replace("stratum: job\n", "")
        .replace("fillers:\n  job: [nurse, accountant, engineer, teacher]\n", "")
    )
    text += """\
templates:
  - {id: w, group: women, text: "Write about a woman."}
  - {id: m, group: men, text: "Write about $name, a man."}
  - {id: n, group: non-binary, text: "Write about somebody."}
metrics: [selection_rate]
sampling: {names_per_group: 4}
"""
    suite = _suite(tmp_path, text)
    made = expand(suite, load_axes(suite))
    assert made.pairs.empty
    assert made.prompts.groupby("group").size().to_dict() == {"men": 4, "non-binary": 1, "women": 1}


def test_cross_fillers_ask_every_value(tmp_path: Path) -> None:
    suite = _suite(
        tmp_path,
        SUITE.replace(
            "job: [nurse, accountant, engineer, teacher]", "job: {values: [nurse, engineer], assign: cross}"
        ),
    )
    made = expand(suite, load_axes(suite))
    rows = made.prompts[
        (made.prompts["axis"] == "gender")
        & (made.prompts["arm"] == "swap")
        & (made.prompts["template"] == "one")
    ]
    assert rows.groupby(["name", "group"])["stratum"].nunique().eq(2).all()


def test_recorded_cells_are_paired_across_groups() -> None:
    rows = [{"template": t, "group": g, "prompt_id": f"{t}{g}"} for t in ("x", "y") for g in ("b", "a", "c")]
    frame = pd.DataFrame(rows).assign(axis="cue", arm="swap", cluster="k", name="", stratum="", repeats=1)
    pairs = pairs_of(frame)
    assert len(pairs) == 6 and (pairs["group_a"].astype("str") < pairs["group_b"].astype("str")).all()


def test_a_slot_without_a_word_is_an_error_of_the_caller() -> None:
    with pytest.raises(KeyError):
        frame([("text", "$nobody")]).filled({})


HOME = (Path(__file__).parent / "data" / "small" / "home.yaml").read_text(encoding="utf-8")
COUPLE = (Path(__file__).parent / "data" / "small" / "couple.yaml").read_text(encoding="utf-8")
PEOPLE = """\
axis: 1
id: people
title: People
attribute: gender
language: en
cue: names
source: Written for tests, 2026.
date: 2026-11-20
last_names: [Miller, Baker, Cole]
groups:
  women:
    title: women
    wording: inputs with a woman's name
    forms: {they: she, their: her, are: is, s: s}
    terms: {waiter: waitress, nurse: nurse}
    names: {first: {women: [Emily, Anna, Carol, Diane, Helen]}}
  men:
    title: men
    wording: inputs with a man's name
    forms: {they: he, their: his, are: is, s: s}
    terms: {waiter: waiter, nurse: male nurse}
    names: {first: {men: [Greg, Paul, Adam, Brian, Carl]}}
  others:
    title: others
    wording: inputs with a name of both
    forms: {they: they, their: their, are: are, s: ""}
    terms: {waiter: server, nurse: nurse}
    names: {first: {others: [Alex, Casey, Drew, Gray, Robin]}}
"""
CROSSED = """\
suite: 1
id: crossed
title: Crossed
language: en
domain: housing
harm: Fewer replies.
cannot_show: anything else
axes: [people.yaml, home.yaml, couple.yaml]
intersections: ["people*home", "people*home*couple"]
persons: people
question: {kind: classify, favourable: invite}
fillers:
  job: ["$waiter", "$nurse", cook]
stratum: job
templates:
  - id: work
    text: "$name works as $a_job and says that $they $are free. $They live${s} in $address, which is small."
    paraphrases: ["In $address $they live${s}: $name, $a_job. $They $are free today."]
  - id: home
    text: "$name went to $school and lives in $address now. $Their job is quiet."
  - id: pair
    text: "$name, $status, comes with $their $partner to see the flat."
controls: {arms: [again, name, edit, paraphrase], edits: [final_space, blank_line]}
metrics: [selection_rate]
sampling: {names_per_group: 6, seed: 3}
"""


def _crossed(folder: Path, text: str = CROSSED, **files: str) -> Expansion:
    for name, axis in {"people": PEOPLE, "home": HOME, "couple": COUPLE, **files}.items():
        (folder / f"{name}.yaml").write_text(axis, encoding="utf-8")
    suite = _suite(folder, text)
    return expand(suite, load_axes(suite))


@pytest.fixture
def crossed(tmp_path: Path) -> Expansion:
    return _crossed(tmp_path)


def _swaps(made: Expansion, axis: str, template: str = "") -> pd.DataFrame:
    rows = made.prompts[(made.prompts["axis"] == axis) & (made.prompts["arm"] == "swap")]
    return rows[rows["template"] == template] if template else rows


def test_a_filler_that_holds_a_slot_changes_with_the_group_and_its_stratum_does_not(
    crossed: Expansion,
) -> None:
    rows = _swaps(crossed, "people", "work")
    assert set(rows["stratum"]) == {"waiter", "nurse", "cook"}
    wanted = {
        ("waiter", "men"): "a waiter", ("waiter", "women"): "a waitress", ("waiter", "others"): "a server",
        ("nurse", "men"): "a male nurse", ("nurse", "women"): "a nurse", ("nurse", "others"): "a nurse",
    }  # fmt: skip
    for _, row in rows.iterrows():
        said = wanted.get((row["stratum"], row["group"]), "a cook")
        assert f"works as {said} and says" in _text(row)
    assert rows.groupby("name")["stratum"].nunique().eq(1).all()


def test_a_slot_of_a_held_axis_is_the_same_word_in_all_groups(crossed: Expansion) -> None:
    homes = ("a hostel", "a shared room", "a trailer", "a villa", "a manor", "an estate")
    lived = set()
    for _, cell in _swaps(crossed, "people", "work").groupby("name"):
        found = {
            home for text in map(_text, (row for _, row in cell.iterrows())) for home in homes if home in text
        }
        assert len(found) == 1
        lived |= found
    assert lived & set(homes[:3]) and lived & set(homes[3:])


def test_rows_belong_together_in_every_prompt_of_the_tested_axis(crossed: Expansion) -> None:
    rows = {"a hostel": "an evening school", "a shared room": "a village school", "a trailer": "a night class",
            "a villa": "a boarding school", "a manor": "an academy", "an estate": "a college"}  # fmt: skip
    places = list(rows)
    for _, cell in _swaps(crossed, "home", "home").groupby("name"):
        texts = {row["group"]: _text(row) for _, row in cell.iterrows()}
        found = {group: next(place for place in places if place in text) for group, text in texts.items()}
        assert all(rows[found[group]] in text for group, text in texts.items())
        assert places.index(found["lower"]) == places.index(found["upper"]) - 3


def test_persons_for_whom_no_words_agree_are_left_out_and_counted(crossed: Expansion) -> None:
    kept = _swaps(crossed, "people", "pair")
    assert set(kept["group"]) == {"men", "women"}
    for _, row in kept.iterrows():
        text = _text(row)
        assert "his wife" in text or "his fiancée" in text or "her husband" in text or "her fiancé" in text
    reasons = {one.what: one.reason for one in crossed.excluded}
    assert reasons["people: template pair, others"] == "no words for $partner"
    assert reasons["home: template pair"] == "uses no slot that this axis sets"
    words = _swaps(crossed, "couple", "pair")
    assert len(words) == 6 * 2 and not words["messages"].str.contains(" their ").any()


def test_persons_whose_held_words_do_not_agree_are_left_out_and_counted(tmp_path: Path) -> None:
    made = _crossed(tmp_path, CROSSED.replace("to see the flat.", "to see $address."))
    rows = _swaps(made, "home", "pair")
    assert len(rows) == 4 * 2 and rows["name"].nunique() == 4
    reasons = {one.what: one.reason for one in made.excluded}
    assert reasons["home: template pair"] == "no words for $partner for 2 of 6 persons"


def test_three_axes_together_have_every_group_that_has_words(crossed: Expansion) -> None:
    groups = set(_swaps(crossed, "people*home*couple")["group"])
    assert groups == {f"{who}*{home}*{status}" for who in ("men", "women") for home in ("lower", "upper")
                      for status in ("engaged", "married")}  # fmt: skip
    gone = {
        one.what: one.reason for one in crossed.excluded if one.what.startswith("people*home*couple: others")
    }
    assert len(gone) == 4 and set(gone.values()) == {"axis 'couple' has no words that agree with others"}
    pairs = crossed.pairs[crossed.pairs["axis"] == "people*home*couple"]
    assert set(pairs["group_a"]) | set(pairs["group_b"]) == groups


def test_nothing_planned_gets_lost(crossed: Expansion) -> None:
    made = crossed.pairs[crossed.pairs["arm"] == "swap"].groupby(["axis", "template"]).size().to_dict()
    lost = {
        tuple(one.what.removeprefix("swap proof, ").partition(", ")[0].split(": template ")): 0
        for one in crossed.excluded if one.what.startswith("swap proof")
    }  # fmt: skip
    for one in crossed.excluded:
        if one.what.startswith("swap proof"):
            lost[tuple(one.what.removeprefix("swap proof, ").partition(", ")[0].split(": template "))] += (
                one.count
            )
    for axis, template, pairs in (
        ("people", "work", 3), ("people", "home", 3), ("home", "work", 1), ("home", "home", 1), ("couple", "pair", 1),
        ("people*home", "work", 15), ("people*home", "home", 15),
    ):  # fmt: skip
        assert made[axis, template] + lost.get((axis, template), 0) == 6 * pairs, (axis, template)


def _ids(made: Expansion) -> tuple[str, ...]:
    return (content_id("prompts", made.prompts.to_csv()), content_id("pairs", made.pairs.to_csv()))


@pytest.mark.parametrize("size", [1, 7, 40, 1_000_000])
def test_parts_of_any_size_put_together_are_the_whole(size: int, tmp_path: Path) -> None:
    whole = _crossed(tmp_path)
    suite = load_suite(tmp_path / "small.yaml")
    parts = list(expand_parts(suite, load_axes(suite), size=size))
    prompts = PROMPTS.stack([part.prompts for part in parts])
    pairs = PAIRS.stack([part.pairs for part in parts])
    pd.testing.assert_frame_equal(prompts, whole.prompts)
    pd.testing.assert_frame_equal(pairs, whole.pairs)
    assert parts[-1].excluded == whole.excluded and not any(part.excluded for part in parts[:-1])
    assert (len(parts) > 5) is (size <= 40)
    for part in parts:
        assert set(part.pairs["a"]) | set(part.pairs["b"]) <= set(part.prompts["prompt_id"])


def test_the_order_of_groups_in_the_axis_file_changes_nothing(tmp_path: Path, crossed: Expansion) -> None:
    head, _, groups = PEOPLE.partition("groups:\n")
    women, men = groups.split("  men:")
    turned = f"{head}groups:\n  men:{men}{women}"
    (tmp_path / "other").mkdir()
    assert _ids(_crossed(tmp_path / "other", people=turned)) == _ids(crossed)


def test_another_template_changes_no_prompt_of_the_others(tmp_path: Path, crossed: Expansion) -> None:
    more = CROSSED.replace(
        "templates:\n", 'templates:\n  - {id: new, text: "$name wrote; $they $are in $address as $a_job."}\n'
    )
    (tmp_path / "other").mkdir()
    made = _crossed(tmp_path / "other", more)
    assert set(made.prompts["template"]) == {*crossed.prompts["template"], "new"}
    kept = made.prompts[made.prompts["template"] != "new"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, crossed.prompts, check_categorical=False)
    assert set(crossed.pairs["pair_id"]) < set(made.pairs["pair_id"])


def test_another_axis_changes_no_prompt_of_the_others(tmp_path: Path) -> None:
    less = CROSSED.replace(", couple.yaml]", "]").replace(', "people*home*couple"', "")
    less = "".join(
        line for line in less.splitlines(keepends=True) if "id: pair" not in line and "$partner" not in line
    )
    before, after = _crossed(tmp_path, less), _crossed(tmp_path)
    rows = after.prompts[
        (after.prompts["template"] != "pair") & ~after.prompts["axis"].str.contains("couple")
    ]
    pd.testing.assert_frame_equal(rows.reset_index(drop=True), before.prompts, check_categorical=False)


PRINT_IDS = """
import sys
from audit.expand import expand
from audit.records import content_id
from audit.suite import load_axes, load_suite

suite = load_suite(sys.argv[1])
made = expand(suite, load_axes(suite))
print(content_id("prompts", made.prompts.to_csv()), content_id("pairs", made.pairs.to_csv()))
"""


def test_nothing_hangs_on_the_hash_seed_of_the_process(tmp_path: Path) -> None:
    wanted = " ".join(_ids(_crossed(tmp_path)))
    for seed in ("0", "1", "4711"):
        run = subprocess.run(
            [sys.executable, "-c", PRINT_IDS, f"{tmp_path}/small.yaml"],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        assert run.stdout.strip() == wanted


def test_the_same_seed_gives_the_same_tables_and_another_seed_others(
    tmp_path: Path, crossed: Expansion
) -> None:
    (tmp_path / "other").mkdir()
    assert _ids(_crossed(tmp_path / "other")) == _ids(crossed)
    assert _ids(_crossed(tmp_path / "other", CROSSED.replace("seed: 3", "seed: 4"))) != _ids(crossed)


def test_every_prompt_is_told_by_its_spans_and_reads_without_slots(crossed: Expansion) -> None:
    for _, row in crossed.prompts.iterrows():
        text = _text(row)
        assert "$" not in text and "  " not in text.rstrip()
        for part, start, end, slot in json.loads(row["spans"]):
            word = json.loads(row["messages"])[part][1][start:end]
            assert word or slot == "s"
    assert crossed.pairs["pair_id"].is_unique


def test_a_name_in_a_derived_slot_has_the_controls_of_a_name(tmp_path: Path) -> None:
    text = (
        "suite: 1\nid: fr\ntitle: T\nlanguage: fr\ndomain: d\nharm: h\ncannot_show: c\naxes: [gender-fr]\n"
        "persons: gender-fr\nquestion: {kind: classify, favourable: oui}\nmetrics: [selection_rate]\n"
        "sampling: {names_per_group: 4}\ncontrols: {arms: [name]}\n"
        "templates: [{id: t, text: 'Voici le dossier $de_name, reçu lundi.'}]\n"
    )
    made = _suite(tmp_path, text)
    prompts = expand(made, load_axes(made)).prompts
    swaps, controls = (prompts[prompts["arm"] == arm] for arm in ("swap", "name"))
    assert len(swaps) == len(controls) == 12 and not set(swaps["prompt_id"]) & set(controls["prompt_id"])
