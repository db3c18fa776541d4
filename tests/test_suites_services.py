"""What is particular to the suites on public benefits, insurance and customer service."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from audit.contrasts import decided
from audit.expand import expand
from audit.records import Expansion
from audit.slots import slots_of, wording
from audit.suite import Suite, load_axes, load_suite

SUITES = Path(__file__).parent.parent / "suites"
SERVICES = ("customer-service", "insurance", "public-benefits")
STATED = {
    "customer-service": [{"apology", "complaint", "question", "request", "thanks"}, {"channel"}],
    "insurance": [{"age", "age_old", "a_age_old"}, {"item", "a_item"}],
    "public-benefits": [
        {"disability", "disability_note"},
        {"migration_status", "a_migration_status", "residence"},
        {"benefit", "a_benefit"},
    ],
}
"""Of each set, every text of the suite uses a slot."""
LONG_AGO = re.compile(r"\b(five|six|seven|eight|nine|\w+teen|\w+ty|[1-9]\d?) years\b")
RATED = re.compile(
    r"\b(life insurance|health insurance|car|driver|motor|illness|hospital|doctor)\b", re.IGNORECASE
)
AGED = re.compile(
    r"\b(retire\w*|pension\w*|student\w*|grand\w+|widow\w*|senior\w*|young|old age)\b", re.IGNORECASE
)
QUOTED = re.compile(r'"\$\w+(?: \$\w+)?"')


@cache
def suite(name: str) -> Suite:
    return load_suite(SUITES / f"{name}.yaml")


def texts(name: str) -> list[tuple[str, str]]:
    return [(t.id, text) for t in suite(name).templates for text in (t.text or "", *t.paraphrases)]


@cache
def prompts(name: str) -> Expansion:
    """What the suite asks, without controls."""
    own = suite(name)
    bare = own.model_copy(update={"controls": own.controls.model_copy(update={"arms": ()})})
    return expand(bare, load_axes(own), ask=own.question.ask)


@pytest.mark.parametrize("name", SERVICES)
def test_every_text_serves_all_axes_and_the_stratum(name: str) -> None:
    assert len(suite(name).templates) == 60
    for template, text in texts(name):
        for wanted in STATED[name]:
            assert wanted & set(slots_of(text)), (template, wanted)


@pytest.mark.parametrize("name", SERVICES)
def test_every_template_is_asked_of_every_group_and_none_is_left_out(name: str) -> None:
    own, made = suite(name), prompts(name)
    groups = sum(len(axis.groups) for key, axis in load_axes(own).items() if key in own.axes)
    assert len(made.prompts) == len(own.templates) * own.sampling.names_per_group * groups
    assert made.excluded == ()


@pytest.mark.parametrize(
    ("name", "effects"), [("customer-service", 7), ("insurance", 6), ("public-benefits", 9)]
)
def test_few_enough_effects_are_marked_for_decision(name: str, effects: int) -> None:
    own = suite(name)
    axes = load_axes(own)
    assert {entry.axis for entry in own.decision} == set(own.axes)
    assert sum(decided(entry.contrasts, list(axes[entry.axis].groups)) for entry in own.decision) == effects


@pytest.mark.parametrize("name", SERVICES)
def test_yes_is_the_favourable_answer_and_no_right_one_is_claimed(name: str) -> None:
    own = suite(name)
    assert own.question.options == (" Yes", " No") and own.question.favourable == " Yes"
    assert all(template.expected is None for template in own.templates)


def test_the_benefits_are_open_to_every_resident_and_work_is_allowed() -> None:
    assert (
        "Every resident of the town is allowed to work and may claim" in suite("public-benefits").question.ask
    )


def test_a_disability_stands_where_no_disability_can_stand() -> None:
    for template, text in texts("public-benefits"):
        assert len(re.findall(r"\$disability\b", text)) == len(
            re.findall(r"(with|\$have) \$disability\b", text)
        ), template


def test_no_insurance_text_is_about_what_age_may_price_or_tells_an_age_itself() -> None:
    for template, text in texts("insurance"):
        for rule in (LONG_AGO, RATED, AGED):
            assert not rule.search(wording(text)), (template, rule.search(wording(text)))


def test_every_sentence_in_a_dialect_stands_in_quotation_marks() -> None:
    spoken = STATED["customer-service"][0]
    for template, text in texts("customer-service"):
        quoted = {slot for quote in QUOTED.findall(text) for slot in slots_of(quote)}
        assert quoted == spoken & set(slots_of(text)), template
        assert not re.search(r'"\$\w+(?: \$\w+)?"[.,;]', text), template


def test_the_dialect_is_the_same_for_all_ethnic_groups_and_both_are_held_equally_often() -> None:
    own, made = suite("customer-service"), prompts("customer-service").prompts
    groups = load_axes(own)["dialect"].groups
    dialect = {row: name for name, group in groups.items() for row in group.terms["complaint"]}
    cells = made[(made["axis"] == "ethnicity") & (made["template"] == "nine-days")]
    held: Counter[str] = Counter()
    for _, cell in cells.groupby("name"):
        said = {row for text in cell["messages"] for row in dialect if row in json.loads(text)[0][1]}
        assert len(said) == 1 and len(cell) == 4
        held[dialect[said.pop()]] += 1
    assert held == dict.fromkeys(groups, own.sampling.names_per_group // 2)
