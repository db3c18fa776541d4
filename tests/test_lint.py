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


# ------------------------------------------------------ balance, and what can be answered


def many(*texts: tuple[str, int], **more: Any) -> list[dict[str, Any]]:
    """So many templates with each text."""
    return [
        {"id": f"t{kind}-{number}", "text": f"{text} {kind}x{number} {kind}y{number}", **more}
        for kind, (text, count) in enumerate(texts)
        for number in range(count)
    ]


NAME, FAITH = "$name came.", "A visitor is $a_faith."


@pytest.mark.parametrize(
    ("by_name", "by_faith", "told"),
    [(4, 1, True), (1, 4, True), (10, 3, True), (7, 2, True), (40, 13, True),
     (3, 1, False), (1, 1, False), (9, 3, False), (40, 14, False), (4, 0, False), (2, 6, False)],
)  # fmt: skip
def test_axes_with_very_different_numbers_of_templates_are_told(
    by_name: int, by_faith: int, told: bool
) -> None:
    found = warnings(changed(templates=many((NAME, by_name), (FAITH, by_faith)), intersections=()))
    unbalanced = [warning for warning in found if "unbalanced" in warning]
    assert bool(unbalanced) is told
    more, less = ("people", "faith") if by_name > by_faith else ("faith", "people")
    counts = max(by_name, by_faith), min(by_name, by_faith)
    start = f"templates are unbalanced: {counts[0]} for the axis '{more}', {counts[1]} for '{less}'"
    assert not told or unbalanced[0].startswith(start)


@pytest.mark.parametrize(
    ("of_nurse", "of_both", "told"),
    [(7, 2, True), (4, 1, True), (20, 5, True), (3, 1, True), (9, 4, True),
     (1, 1, False), (2, 1, False), (0, 5, False), (4, 2, False), (8, 4, False)],
)  # fmt: skip
def test_strata_with_very_different_numbers_of_templates_are_told(
    of_nurse: int, of_both: int, told: bool
) -> None:
    text = "$name, $a_faith, is $a_occupation."
    templates = [
        {**each, "fillers": {"occupation": ["nurse"]}} if each["id"].startswith("t0") else each
        for each in many((text, of_nurse), (text, of_both))
    ]
    found = [warning for warning in warnings(changed(templates=templates)) if "unbalanced" in warning]
    # `nurse` stands in all templates, `teacher` in those that take both values
    assert bool(found) is (of_nurse + of_both > 3 * of_both) is told
    start = (
        f"templates are unbalanced: {of_nurse + of_both} for the value of 'occupation' 'nurse', {of_both} for"
    )
    assert not told or found[0].startswith(start)


def answered(ask: str, options: tuple[str, ...]) -> list[str]:
    """Warnings of a question with options that they cannot be known."""
    question = {"kind": "choose", "ask": ask, "options": options, "favourable": options[0]}
    return [warning for warning in warnings(changed(question=question)) if "can only guess" in warning]


@pytest.mark.parametrize(
    ("ask", "options", "missing"),
    [
        ("Invite $name?", (" Yes", " No"), ["'Yes'", "'No'"]),
        ("Do you know $name? Say yes.", (" Yes", " No"), ["'No'"]),
        ("Yesterday or now?", (" Yes", " No"), ["'Yes'", "'No'"]),
        ("Answer A or b.", (" A", " C"), ["'C'"]),
        ("$name को बुलाएँ? हाँ में उत्तर दें।", (" हाँ", " नहीं"), ["'नहीं'"]),
        ("要邀请吗？请回答是。", ("是", "否"), ["'否'"]),
        ("Grant it or deny it?", (" grant", " deny it all"), ["'deny it all'"]),
    ],
)
def test_options_that_the_question_does_not_name_are_told(
    ask: str, options: tuple[str, ...], missing: list[str]
) -> None:
    found = answered(ask, options)
    assert [
        warning.partition("the option ")[2].partition(" so")[0].rstrip(",") for warning in found
    ] == missing


@pytest.mark.parametrize(
    ("ask", "options"),
    [
        ("Invite $name? Answer Yes or No.", (" Yes", " No")), ("YES/NO?", (" Yes", " No")),
        ("Answer “yes”, or “no”!", (" Yes", " No")), ("$name को बुलाएँ? हाँ या नहीं?", (" हाँ", " नहीं")),
        ("要邀请吗？请回答是或否。", ("是", "否")),
        ("Urgent appointment or routine one?", (" urgent appointment", " routine")),
        ("Ja oder nein?", (" Ja", " Nein")), ("+ or - ?", (" +", " -")),
    ],
)  # fmt: skip
def test_options_that_the_question_names_are_not_told(ask: str, options: tuple[str, ...]) -> None:
    assert answered(ask, options) == []


@pytest.mark.parametrize(
    ("ask", "low", "high", "missing"),
    [
        ("How friendly is it?", 1, 5, ["1", "5"]), ("From 1 to 10?", 1, 5, ["5"]), ("From 10 to 50?", 1, 5, ["1", "5"]),
        ("Up to 5, please", 0, 5, ["0"]), ("2.5 or 15?", 1, 5, ["1", "5"]), ("How much, 1 to five?", 1, 5, ["5"]),
        ("How friendly is it, from 1 to 5?", 1, 5, []), ("1-7", 1, 7, []), ("(0, 100)", 0, 100, []),
        ("Rate: 1 (low), 2, 3 (high).", 1, 3, []), ("१ से ५: 1 5", 1, 5, []),
    ],
)  # fmt: skip
def test_ends_of_a_scale_that_the_question_does_not_name_are_told(
    ask: str, low: int, high: int, missing: list[str]
) -> None:
    question = {"kind": "rate", "ask": ask, "low": low, "high": high}
    found = [w for w in warnings(changed(question=question, metrics=["rating"])) if "can only guess" in w]
    assert found == [
        f"the question does not name the end {end} of its scale, so a model can only guess it"
        for end in missing
    ]


def test_the_question_that_is_asked_otherwise_is_looked_at_too() -> None:
    other = {"kind": "choose", "ask": "Well, $name?", "options": [" Yes", " No"], "favourable": " Yes"}
    question = {"kind": "classify", "favourable": "invite", "otherwise": other}
    assert len([w for w in warnings(changed(question=question)) if "can only guess" in w]) == 2


def test_prompts_after_which_nobody_is_asked_are_told() -> None:
    def turns(*roles: str) -> dict[str, Any]:
        return {
            "id": "t1",
            "messages": [{"role": role, "text": f"$name is $a_faith, {role}."} for role in roles],
        }

    for roles, told in (
        (("user", "assistant"), True), (("assistant",), True), (("system", "user", "assistant"), True),
        (("user",), False), (("user", "assistant", "user"), False), (("system", "user"), False), (("system",), False),
    ):  # fmt: skip
        found = [w for w in warnings(changed(templates=[turns(*roles)])) if "nobody is asked" in w]
        assert bool(found) is told, roles


@pytest.mark.parametrize(
    ("text", "ask", "told"),
    [
        ("$name", "", True), ("$name\n", "", True), ("$a_faith", "", True),
        ("$name", "What next?", False), ("Write of $name.", "", False), ("$name, $a_faith", "", False),
    ],
)  # fmt: skip
def test_a_single_word_that_asks_nothing_is_told(text: str, ask: str, told: bool) -> None:
    question = {"kind": "generate", "ask": ask}
    found = warnings(changed(question=question, templates=[template(text)], metrics=["refusal"]))
    assert bool([w for w in found if "single word" in w]) is told


# ---------------------------------------------- too few wordings, by axis, and near-copies


@pytest.mark.parametrize(
    ("by_name", "by_faith", "told"),
    [(40, 39, "39 different wordings for 'faith'"), (39, 39, "39 different wordings for 'faith'"),
     (39, 60, "39 different wordings for 'people'"), (40, 40, ""), (60, 41, "")],
)  # fmt: skip
def test_the_axis_with_the_fewest_wordings_is_the_one_that_counts(
    by_name: int, by_faith: int, told: str
) -> None:
    decision = [{"metric": "selection_rate", "axis": axis} for axis in ("people", "faith")]
    suite = changed(templates=many((NAME, by_name), (FAITH, by_faith)), intersections=(), decision=decision)
    found = [w for w in warnings(suite) if "has at least 40" in w]
    assert [w.partition(";")[0] for w in found] == ([told] if told else [])


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("$name दुकान में पैदल चलकर आज सुबह आया", "आज सुबह $name दुकान में पैदल चलकर आया", True),
        ("$name ging heute zu Fuß über die Straße", "Heute ging $name zu Fuß über die Straße", True),
        ("$name 今天早上走路去商店买面包", "今天早上 $name 走路去商店买面包", True),
        ("$name, $a_faith: so it is here", "so it is here: $a_faith, $name", True),
        ("$name", "$first_name", True),
        ("$name दुकान में पैदल आया", "$name घर से किताब लेकर गया", False),
        ("$name ging heute zu Fuß los", "$name fuhr gestern im Zug los", False),
        ("$name 今天早上走路去商店", "$name 昨天晚上坐车回家了", False),
        ("$name came", "$name left", False),
        ("a b c d $name", "a b c x $name", False),
    ],
)
def test_near_copies_are_told_in_every_script(one: str, other: str, told: bool) -> None:
    suite = changed(templates=[{"id": "t0", "text": one}, {"id": "t1", "text": other}])
    assert (
        "templates t0 and t1 share over 80 % of their wording and count as one" in warnings(suite)
    ) is told
