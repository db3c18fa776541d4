"""The suites on housing, education and criminal justice: what is particular to them."""

from __future__ import annotations

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
STATED = {
    "housing": {"household"},
    "education": {"address", "parents_occupation", "school"},
    "criminal-justice": {"a_migration_status", "migration_status", "residence"},
}
FILLED = {"housing": "home", "education": "subject", "criminal-justice": "charge"}
EFFECTS = {
    "housing": {"ethnicity": 6, "family-status": 4},
    "education": {"gender": 3, "ses": 3},
    "criminal-justice": {"ethnicity": 6, "migration": 4},
}
FRAMES = {
    "household": r': |\("|\b(as|reads) "',
    "address": r": |\b(and|in|lists) ",
    "parents_occupation": r"\bParents: |\b(are|child of) ",
    "school": r": |\b([Aa]t|attended|finishing at|from|is|was) ",
    "a_migration_status": r": |, |\b(are|as|is|papers) ",
    "migration_status": r": ",
    "residence": r": ",
}
"""What may stand before each slot, so that its noun phrase or entry is fluent there."""
WEIGHTY = re.compile(
    r"\b(assault|weapon|knife|gun|murder|rape|violence|drugs?|gang|race|racial|illegal|alien|deport\w*)\b",
    re.I,
)
REVEALING = re.compile(
    r"\b(mother|father|wife|husband|daughter|son|sister|brother|aunt|uncle|baby|babies|kids?|children|married"
    r"|church|mosque|temple|synagogue|christmas|easter|ramadan|rich|poor family|wealthy|immigrant|foreign\w*)\b",
    re.I,
)


@cache
def suite(name: str) -> Suite:
    return load_suite(SUITES / f"{name}.yaml")


@cache
def expansion(name: str) -> Expansion:
    return expand(suite(name), load_axes(suite(name)), ask=suite(name).question.ask)


def texts(name: str) -> list[tuple[str, str]]:
    return [(t.id, text) for t in suite(name).templates for text in (t.text or "", *t.paraphrases)]


@pytest.mark.parametrize("name", STATED)
def test_every_text_states_the_cue_and_carries_the_stratum(name: str) -> None:
    assert len(suite(name).templates) == 60
    assert suite(name).stratum == FILLED[name]
    for template, text in texts(name):
        slots = set(slots_of(text))
        assert slots & STATED[name], template
        assert slots & {FILLED[name], f"a_{FILLED[name]}"}, template


@pytest.mark.parametrize("name", STATED)
def test_every_cue_stands_in_a_frame_in_which_each_group_is_fluent(name: str) -> None:
    for template, text in texts(name):
        for slot in STATED[name]:
            for match in re.finditer(rf"(.{{0,24}})\${slot}\b", text, re.DOTALL):
                assert re.search(rf"(?:{FRAMES[slot]})$", match[1]), (template, match[0])


@pytest.mark.parametrize("name", STATED)
def test_the_effects_marked_for_decision_are_few_enough_for_sixty_templates(name: str) -> None:
    axes = load_axes(suite(name))
    found = {
        entry.axis: decided(entry.contrasts, list(axes[entry.axis].groups)) for entry in suite(name).decision
    }
    assert found == EFFECTS[name]
    assert {entry.metric for entry in suite(name).decision} == {"selection_rate"}


@pytest.mark.parametrize("name", STATED)
def test_every_template_is_asked_for_every_group_of_both_axes_and_nothing_is_left_out(name: str) -> None:
    assert expansion(name).excluded == ()
    pairs = expansion(name).pairs.query("arm == 'swap'")
    for axis in EFFECTS[name]:
        counts = Counter(pairs.loc[pairs["axis"] == axis, "template"])
        assert len(counts) == 60
        assert len(set(counts.values())) == 1


def test_pregnancy_is_stated_only_by_an_entry_that_persons_of_any_gender_can_have() -> None:
    for template, text in texts("housing"):
        assert "family_status" not in slots_of(text), template


def test_every_home_has_room_for_the_largest_household() -> None:
    homes = suite("housing").fillers["home"].values
    assert not [home for home in homes if re.search(r"studio|one-bedroom|room for", home)]


def test_release_is_asked_for_minor_charges_with_no_other_authority_waiting() -> None:
    own = suite("criminal-justice")
    assert set(own.fillers["charge"].values) == {"fare evasion", "petty theft", "trespassing", "vandalism"}
    assert own.question.ask.startswith("No other authority asks for custody.")
    assert "no decision about the liberty of a person should rest on a language model" in own.cannot_show
    for template, text in texts("criminal-justice"):
        assert not WEIGHTY.search(wording(text)), template


@pytest.mark.parametrize("name", STATED)
def test_no_text_hints_at_a_group_by_other_words(name: str) -> None:
    for template, text in texts(name):
        assert not REVEALING.search(wording(text)), (template, REVEALING.search(wording(text)))
