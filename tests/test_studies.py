"""Slow studies (`make studies`): minutes each, off by default."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import planted_study
import pytest
import validity
from planted import BY_OCCUPATION, INTERSECTIONS, POOLED

from audit.reference.scoring import FOLDER

Key = tuple[str, str, str, str, str]


def _effects(folder: Path) -> dict[Key, float]:
    card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return {
        (row["metric"], row["axis"], row["stratum"], row["group_a"], row["group_b"]): row["estimate"]
        for row in card["effects"]
    }


@pytest.mark.slow
def test_training_again_gives_models_with_the_stated_effects(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "audit.reference.train", str(tmp_path)], check=True)
    for name in ("screening-v1", "screening-v2"):
        stated, again = _effects(FOLDER / name), _effects(tmp_path / name)
        assert stated.keys() == again.keys()
        for key in stated:
            if key[0] == "selection_rate" and key[2] == "*":
                print(
                    f"{name}  {' '.join(key[1:]):40}  stated {stated[key]:+.3f}  trained again {again[key]:+.3f}"
                )
                assert abs(stated[key] - again[key]) <= 0.05


@pytest.mark.slow
def test_audits_find_planted_effects_and_no_others() -> None:
    start = time.monotonic()
    found = {one.model: one for one in planted_study.study_all()}
    for part, text in planted_study.parts(list(found.values()), seconds=time.monotonic() - start).items():
        validity.put(part, text)
        print(f"\n{part}\n\n{text}")
    for name, one in found.items():
        _covers(one)
        for look in planted_study.LOOKS[name]:
            _judges(one, look.name)
    _points_to_the_occupation(found["occupation"])
    _points_to_the_intersection(found["intersection"])


TOLERANCE = 0.03
"""Two standard errors of a share of 5 % in 200 draws."""


def _covers(one: planted_study.Studied) -> None:
    """Nine of ten intervals cover the truth, whatever the names are drawn from; of log-odds at least nearly."""
    for rows in (one.plain, one.endless):
        effects = planted_study.by_effect(rows)
        rates = effects[effects["metric"] == "selection_rate"]
        assert effects["covered"].mean() >= 0.9, one.model
        assert rates["covered"].min() >= 0.9 - TOLERANCE, one.model
        assert effects["near"].min() >= 0.9 - TOLERANCE, one.model


def _judges(one: planted_study.Studied, look: str) -> None:
    """Simultaneous intervals hold together, verdicts are rarely wrong, large effects have their sign and rank."""
    rows = one.simultaneous[one.simultaneous["look"] == look]
    shares, effects = planted_study.by_draw(rows), planted_study.by_effect(rows)
    assert shares["together"] >= 0.95 - TOLERANCE, (one.model, look)
    assert shares["false_beyond"] <= 0.05 + TOLERANCE, (one.model, look)
    assert shares["false_within"] <= 0.05 + TOLERANCE, (one.model, look)
    large = effects[effects["truth"].abs() > effects["limit_high"]]
    assert large["sign"].min() >= 0.95 if len(large) else one.model in ("null", "screening-v2", "occupation")
    if len(large) and look == POOLED.name:
        assert shares["first"] >= 0.95 and shares["order"] >= 0.95, one.model


def _points_to_the_occupation(one: planted_study.Studied) -> None:
    """`beyond` for women as electricians in most audits, elsewhere in hardly any."""
    effects = planted_study.by_effect(one.simultaneous[one.simultaneous["look"] == BY_OCCUPATION.name])
    meant = (effects["stratum"] == "electrician") & (effects["group_b"] == "women")
    assert meant.sum() == 2 and (effects.loc[meant, "truth"] < -0.3).all()
    assert effects.loc[meant, "beyond"].min() >= 0.8 and effects.loc[~meant, "beyond"].max() <= TOLERANCE


def _points_to_the_intersection(one: planted_study.Studied) -> None:
    """Black women against the others, and every interaction that has them in it; no other interaction."""
    effects = planted_study.by_effect(one.simultaneous[one.simultaneous["look"] == INTERSECTIONS.name])
    alone = effects[effects["contrast"] == "others"].set_index("group_b")
    assert alone["estimate"].idxmin() == "women*Black" and alone.loc["women*Black", "beyond"] >= 0.8
    both = effects[effects["contrast"] == "interaction"]
    meant = both["group_a"].str.endswith("Black") | both["group_b"].str.endswith("Black")
    assert meant.sum() == 3 and both.loc[meant, "beyond"].min() >= 0.8
    assert both.loc[~meant, "beyond"].max() <= TOLERANCE
