"""Run folders that differ from a real one in what a history looks at, with digests that fit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from audit.evidence import Manifest, digest_of_file, merkle_root, plan_digest, write_receipt
from audit.records import EFFECTS
from audit.runs import write_json
from audit.tablefiles import read_table, write_table

Changed = Callable[[pd.DataFrame], pd.DataFrame]


def another(
    run: Path, to: Path, *, plan: Mapping[str, Any] = {}, manifest: Mapping[str, Any] = {},
    effects: Changed | None = None, name: str = "",
) -> Path:  # fmt: skip
    """A copy of the run with other entries of plan and manifest, other effects, and another model's name."""
    shutil.copytree(run, to)
    known = json.loads((to / "plan.json").read_text(encoding="utf-8"))
    own = {**known, **plan}
    own["digest"] = plan_digest(own)
    write_json(to / "plan.json", own)
    if effects is not None:
        write_table(to, EFFECTS, effects(read_table(to, EFFECTS)))
    told = json.loads((to / "manifest.json").read_text(encoding="utf-8"))
    files = {each: digest_of_file(to / each) for each in told["files"]}
    model = {**told["model"], "name": name or told["model"]["name"], **manifest.get("model", {})}
    made = {
        **told,
        **manifest,
        "model": model,
        "plan": own["digest"],
        "files": files,
        "root": merkle_root(files),
    }
    text = Manifest.model_validate(made).model_dump_json(by_alias=True, indent=2)
    (to / "manifest.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    write_receipt(to)
    return to
