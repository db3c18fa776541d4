"""Slow studies (`make studies`): minutes each, off by default."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
