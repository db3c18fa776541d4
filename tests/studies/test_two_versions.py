"""Promises about changes between versions, kept in simulations and on a real model against itself."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import validity
from recorded_scores import MODELS
from same_model import against_itself
from test_calibration import _share, _table, slack
from two_versions import POWER, SETTINGS, Measure, measure

DATA = Path(__file__).parents[3] / "shared" / "data"
AUDITS, SPLITS = 2_000, 500


def broken(one: Measure, *, audits: int, effects: int = 4) -> list[str]:
    """The promises that a setting breaks, beyond what chance does in so many comparisons."""
    family, own = 0.05 + slack(0.05, audits), 0.05 / 4 + slack(0.05 / 4, audits * effects)
    most = {
        "worse without a change": (one.worse_null, family), "better without a change": (one.better_null, family),
        "worse at the limit": (one.worse_limit, family), "unchanged at the limit": (one.unchanged_limit, own),
        "worse from intervals": (one.independent_worse, family),
    }  # fmt: skip
    wrong = [f"{one.setting}: {name} {value:.3f}" for name, (value, bound) in most.items() if value > bound]
    room = 0.05 + slack(POWER, audits * effects)
    if abs(one.power - POWER) > room:
        wrong.append(f"{one.setting}: power {one.power:.3f}")
    if one.covered < 1 - 0.05 / 4 - 0.005 - slack(0.0125, audits * effects):
        wrong.append(f"{one.setting}: coverage {one.covered:.3f}")
    return wrong


@pytest.mark.parametrize("number", [1, 4, 6])
def test_a_few_settings_keep_the_promises(number: int) -> None:
    assert not broken(measure(SETTINGS[number], audits=100, seed=number), audits=100)


def test_meeting_pair_by_pair_saves_templates_where_versions_answer_alike() -> None:
    alike, unlike = (measure(SETTINGS[number], audits=60, seed=9) for number in (0, 2))
    assert alike.saved > 2.5 and 0.9 < unlike.saved < 1.5


needs_answers = pytest.mark.skipif(not DATA.is_dir(), reason="the recorded answers are not on this machine")


@needs_answers
def test_a_model_against_itself_is_not_worse() -> None:
    said = against_itself(DATA, MODELS[0], splits=40, seed=1)
    assert said.worse.any(axis=1).mean() <= 0.05 + slack(0.05, 40)


@needs_answers
@pytest.mark.slow
def test_the_full_study_keeps_the_promises_and_writes_its_tables() -> None:
    rows = [measure(setting, audits=AUDITS, seed=number) for number, setting in enumerate(SETTINGS)]
    split = {model: against_itself(DATA, model, splits=SPLITS, seed=1) for model in MODELS}
    cells = [
        {"model": model, "some cue worse": _share(said.worse.any(axis=1).mean()),
         "some cue better": _share(said.better.any(axis=1).mean()), "cues unchanged": _share(said.unchanged.mean())}
        for model, said in split.items()
    ]  # fmt: skip
    validity.put("versions", "\n\n".join([
        f"Made on {date.today().isoformat()}: {AUDITS:,} comparisons of 4 effects a setting, its number is its seed.",
        _table(_cells(one) for one in rows),
        f"A model against itself: the recorded repeats of each résumé split in two, {SPLITS} times.",
        _table(cells),
    ]))  # fmt: skip
    assert not [text for one in rows for text in broken(one, audits=AUDITS)]
    assert all(said.worse.any(axis=1).mean() <= 0.05 + slack(0.05, SPLITS) for said in split.values())


def _cells(one: Measure) -> dict[str, str]:
    return {
        "setting": one.setting,
        "some `worse` / `better`, no change": f"{_share(one.worse_null)} / {_share(one.better_null)}",
        "some `worse` at the limit": _share(one.worse_limit), "`unchanged`, no change": _share(one.unchanged_null),
        "`unchanged` at the limit": _share(one.unchanged_limit), "promised growth": f"{one.promised:.3f}",
        "called `worse` there (80)": _share(one.power), "covered": _share(one.covered),
        "templates saved by pairs": f"{one.saved:.1f} ×",
        "from intervals: some `worse`, no change": _share(one.independent_worse),
        "from intervals: called `worse`": _share(one.independent_power),
    }  # fmt: skip
