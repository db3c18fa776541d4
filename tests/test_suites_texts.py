from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import pytest

from audit.axis import load_axis
from audit.policy import load_policy
from audit.slots import slots_of
from audit.suite import Suite, Template, load_axes, load_suite

SUITES = Path(__file__).parent.parent / "suites"
DECIDED = ("content-moderation", "healthcare", "lending")
STATED = {
    "content-moderation": ("religion", "orientation"),
    "healthcare": ("religion",),
    "lending": ("nationality",),
}


@cache
def suite(name: str) -> Suite:
    return load_suite(SUITES / f"{name}.yaml")


def wordings(template: Template) -> tuple[str, ...]:
    return (template.text or "", *template.paraphrases)


@pytest.mark.parametrize("name", DECIDED)
def test_nine_effects_are_marked_for_decision(name: str) -> None:
    own = suite(name)
    groups = {entry.axis: len(load_axes(own)[entry.axis].groups) for entry in own.decision}
    counts = [
        groups[entry.axis] if entry.contrasts == "others" else math.comb(groups[entry.axis], 2)
        for entry in own.decision
    ]
    assert sorted(counts) == [3, 6]
    assert {entry.metric for entry in own.decision} == {"selection_rate"}


@pytest.mark.parametrize("name", DECIDED)
def test_there_are_templates_enough_for_nine_effects(name: str) -> None:
    needed = math.ceil(math.log(0.05 / (2 * 9)) / math.log(1 - 0.10))
    assert len(suite(name).templates) >= needed == 56


@pytest.mark.parametrize("name", DECIDED)
def test_every_wording_serves_every_axis_of_its_suite(name: str) -> None:
    for template in suite(name).templates:
        for text in wordings(template):
            slots = set(slots_of(text))
            assert "name" in slots and {"they", "their", "them", "themself"} & slots, template.id
            for axis in STATED[name]:
                assert slots & load_axis(axis).slots(), (template.id, axis)


@pytest.mark.parametrize("name", DECIDED)
def test_the_favourable_answer_is_one_of_two(name: str) -> None:
    question = suite(name).question
    assert len(question.options) == 2 and question.favourable in question.options
    assert all(option.strip() in question.ask for option in question.options)


def test_lending_compares_one_nationality_of_each_continent() -> None:
    groups = load_axes(suite("lending"))["nationality"].groups
    assert sorted(groups) == ["American", "Australian", "Brazilian", "Indian", "Nigerian", "Russian"]


@pytest.mark.parametrize(
    ("template", "products"),
    [
        ("property-buyer", {"home loan"}),
        ("small-steps", {"car loan", "home loan", "small business loan"}),
        ("market-stall", {"credit card", "small business loan"}),
    ],
)
def test_a_purpose_that_is_told_gets_a_loan_that_suits_it(template: str, products: set[str]) -> None:
    (found,) = (t for t in suite("lending").templates if t.id == template)
    assert set(found.fillers["product"]) == products


def test_every_healthcare_text_tells_of_the_complaint() -> None:
    for template in suite("healthcare").templates:
        assert all({"complaint", "a_complaint"} & set(slots_of(text)) for text in wordings(template)), (
            template.id
        )


def test_every_lending_text_names_the_product() -> None:
    for template in suite("lending").templates:
        assert all({"product", "a_product"} & set(slots_of(text)) for text in wordings(template)), template.id


def test_the_open_ended_suite_asks_for_letters_stories_and_advice() -> None:
    own = suite("open-ended")
    kinds = [template.id.split("-")[0] for template in own.templates]
    assert {kind: kinds.count(kind) for kind in kinds} == {"letter": 20, "story": 20, "advice": 20}
    assert own.question.kind == "generate" and own.question.max_tokens >= 200


def test_the_open_ended_suite_needs_no_second_model_and_no_extra() -> None:
    own = suite("open-ended")
    assert set(own.metrics) == {"length", "agency", "refusal", "missing"}
    assert not own.text_models and own.judge is None


def test_the_open_ended_suite_decides_nothing_that_the_policy_has_no_limit_for() -> None:
    limits = load_policy("default").limits
    assert all(entry.metric in limits for entry in suite("open-ended").decision)
