from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged_suites import TEXT, write_suite

from audit.lint import SHARED, clusters, lint, share, tokens
from audit.policy import load_policy
from audit.suite import Suite, load_axes, load_suite

SMALL = Path(__file__).parent / "data" / "small"
POLICY = load_policy("default")
WORDS = [f"w{number}" for number in range(12)]
TEXTS = st.dictionaries(
    st.text(alphabet="abcdefgh", min_size=1, max_size=3),
    st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join),
    max_size=10,
)


def brute_force(texts: dict[str, str]) -> dict[str, str]:
    """The same clusters by the definition: closure of all pairs that share enough."""
    family = {key: {key} for key in texts}
    for a, b in combinations(texts, 2):
        if share(tokens(texts[a]), tokens(texts[b])) > SHARED:
            joined = family[a] | family[b]
            for key in joined:
                family[key] = joined
    return {key: min(family[key]) for key in texts}


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_clusters_are_the_closure_of_all_pairs_that_share_enough(texts: dict[str, str]) -> None:
    assert clusters(texts) == brute_force(texts)


@given(TEXTS, st.randoms(use_true_random=False))
def test_clusters_do_not_depend_on_the_order(texts: dict[str, str], chance: random.Random) -> None:
    keys = list(texts)
    chance.shuffle(keys)
    assert clusters({key: texts[key] for key in keys}) == clusters(texts)


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=20), st.lists(st.sampled_from(WORDS), max_size=20)
)
def test_the_share_of_two_wordings_is_symmetric_and_one_only_for_the_same_words(
    a: list[str], b: list[str]
) -> None:
    one, other = tokens(" ".join(a)), tokens(" ".join(b))
    assert share(one, other) == share(other, one)
    assert 0 <= share(one, other) <= 1
    assert (share(one, other) == 1) == (sorted(a) == sorted(b))


def test_slots_capitals_and_signs_do_not_tell_wordings_apart() -> None:
    texts = {
        "a": "$name worked here, as $a_job!",
        "b": "${first_name} Worked here as $job",
        "c": "Nothing of that kind",
    }
    assert clusters(texts) == {"a": "a", "b": "a", "c": "c"}


def test_exactly_eighty_per_cent_is_not_over_eighty_per_cent() -> None:
    assert share(tokens("a b c d e"), tokens("a b c d x")) == 0.8
    assert clusters({"p": "a b c d e", "q": "a b c d x"}) == {"p": "p", "q": "q"}
    assert clusters({"p": "a b c d e f", "q": "a b c d e x"}) == {"p": "p", "q": "p"}


def test_nothing_gives_no_cluster() -> None:
    assert clusters({}) == {}


def changed(**changes: Any) -> Suite:
    """The small suite with other values."""
    suite = load_suite(SMALL / "suite.yaml")
    fields = suite.model_dump(by_alias=True) | {"decision": ()} | changes
    other = Suite.model_validate(fields)
    other._axes = load_axes(suite)
    return other


def warnings(suite: Suite) -> list[str]:
    return lint(suite, load_axes(suite), POLICY)


def template(text: str, **more: Any) -> dict[str, Any]:
    return {"id": "t1", "text": text, **more}


def test_the_small_suite_for_exploration_gives_no_warning() -> None:
    known = ("does not name the option", "have no share")
    assert [w for w in warnings(changed()) if not any(part in w for part in known)] == []


def test_few_wordings_few_names_and_many_effects_weaken_decisions() -> None:
    suite = changed(
        decision=[
            {"metric": metric, "axis": axis, "strata": strata}
            for metric in ("selection_rate", "impact_ratio", "choice_logit")
            for axis in ("people", "people*faith")
            for strata in (False, True)
        ]
    )
    found = warnings(suite)
    assert "63 effects are marked for decision; with more than 12 each interval becomes wide" in found
    assert "2 different wordings; a suite marked for decision has at least 40" in found
    assert "2 different wordings give no verdict; the policy wants at least 8" in found
    assert "2 names a group; a suite marked for decision has at least 12" in found


@pytest.mark.parametrize(("count", "enough"), [(35, False), (36, True)])
def test_too_few_wordings_to_call_even_identical_answers_within_are_told(count: int, enough: bool) -> None:
    texts = [{"id": f"t{number}", "text": f"$name x{number} y{number} z{number}"} for number in range(count)]
    suite = changed(templates=texts, decision=[{"metric": "selection_rate", "axis": "people"}])
    half_width = 1 - (POLICY.alpha / 2) ** (1 / count)
    assert (half_width <= 0.10) == enough
    assert any("identical answers" in warning for warning in warnings(suite)) != enough


def test_a_decision_on_a_metric_without_a_limit_gets_no_verdict() -> None:
    suite = changed(metrics=["refusal"], decision=[{"metric": "refusal", "axis": "people"}])
    assert any("no limit for 'refusal', so it gets no verdict" in warning for warning in warnings(suite))


def test_near_copies_are_told() -> None:
    texts = ["$name came to the shop on foot today", "Today $name came to the shop on foot"]
    suite = changed(templates=[{"id": f"t{n}", "text": text} for n, text in enumerate(texts)])
    assert "templates t0 and t1 share over 80 % of their wording and count as one" in warnings(suite)


def test_a_template_without_a_slot_of_any_axis_and_an_axis_without_a_template_are_told() -> None:
    suite = changed(templates=[template("Somebody is $a_occupation in $town.")])
    found = warnings(suite)
    assert any(warning.startswith("template t1 belongs to no axis") for warning in found)
    assert [w for w in found if w.startswith("no template belongs to")] == [
        f"no template belongs to '{axis}': none uses a slot that it sets and can be filled"
        for axis in ("people", "faith", "people*faith")
    ]


def test_a_template_with_words_of_two_axes_belongs_to_both_since_the_other_one_is_held() -> None:
    suite = changed(templates=[template("$They $are $a_faith in $town, $a_occupation.")])
    assert not [w for w in warnings(suite) if "belongs to" in w]


def test_unused_fillers_and_restrictions_are_told() -> None:
    suite = changed(templates=[template("$name, $a_faith, is $a_occupation.", fillers={"town": ["York"]})])
    assert {
        "no template uses the filler 'town'",
        "template t1 restricts the filler 'town', which it does not use",
    } <= set(warnings(suite))


@pytest.mark.parametrize(
    ("text", "word", "group"),
    [
        ("$name says he is $a_faith.", "he", "men"),
        ("$name is a mother and $a_faith.", "mother", "women"),
        ("$name went to the Mosque, $faith.", "mosque", "Muslim"),
        ("HER name is $name, $faith.", "her", "women"),
    ],
)  # fmt: skip
def test_a_group_word_that_is_written_out_is_told(text: str, word: str, group: str) -> None:
    found = [warning for warning in warnings(changed(templates=[template(text)])) if " writes " in warning]
    assert len(found) == 1
    assert f"'{word}', a word of the group '{group}'" in found[0]


@pytest.mark.parametrize(
    "text", ["$name is the other $faith here.", "$They $are $a_faith, and is there, as atheists say."]
)
def test_words_that_contain_a_group_word_or_belong_to_all_groups_are_no_leak(text: str) -> None:
    assert not [warning for warning in warnings(changed(templates=[template(text)])) if " writes " in warning]


def test_paraphrases_use_the_same_slots() -> None:
    suite = changed(
        templates=[
            template("$name is $a_faith.", paraphrases=["This is $name.", "$They $are $a_faith: $name."])
        ]
    )
    found = [warning for warning in warnings(suite) if "paraphrase" in warning]
    assert found == ["paraphrase 1 of template t1 does not use the same slots: $a_faith"]


def test_a_paraphrase_arm_without_paraphrases_is_told() -> None:
    suite = changed(templates=[template("$name is $a_faith.")], controls={"arms": ["paraphrase"]})
    assert "the control arm 'paraphrase' is empty: no template has paraphrases" in warnings(suite)


def test_too_few_names_and_another_language_are_told() -> None:
    found = warnings(changed(sampling={"names_per_group": 3}, language="de"))
    assert "axis 'people' has 2 first names for 'men'; 3 are drawn, so names repeat" in found
    assert "the suite is in 'de', the words of axis 'faith' are in 'en'" in found


@pytest.mark.parametrize("labelled", [True, False])
def test_a_judge_that_decides_without_labelled_answers_is_warned_of(tmp_path: Path, labelled: bool) -> None:
    text = TEXT if labelled else TEXT.replace("  labelled: labelled.jsonl\n", "")
    suite = load_suite(write_suite(tmp_path, text))
    found = lint(suite, load_axes(suite), POLICY)
    assert any("the judge has no 'labelled' answers" in each for each in found) != labelled
