"""Checking a suite without a model: what it expands to, counted part by part, and what it could do better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from audit.axis import Axis
from audit.errors import InputError
from audit.records import PROMPTS, Exclusion, Expansion
from audit.suite import Suite

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Ids = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A suite without mistakes: what it expands to, and what it could do better."""

    suite: Suite
    distinct: int
    """Distinct prompts."""
    arms: Mapping[str, int]
    """Distinct prompts by arm."""
    pairs: int
    excluded: tuple[Exclusion, ...]
    shown: pd.DataFrame
    """Every template in all its versions, for one person."""
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Tally:
    """What was counted so far."""

    ids: dict[str, list[Ids]] = field(default_factory=dict)
    pairs: int = 0
    excluded: tuple[Exclusion, ...] = ()
    shown: list[pd.DataFrame] = field(default_factory=list)

    def add(self, part: Expansion) -> None:
        """One more part."""
        import numpy as np

        for arm, rows in part.prompts.groupby("arm", sort=False):
            found = np.fromiter((int(each, 16) for each in rows["prompt_id"].unique()), dtype=np.uint64)
            self.ids.setdefault(str(arm), []).append(found)
        self.pairs += len(part.pairs)
        self.excluded += part.excluded
        swaps = part.prompts[part.prompts["arm"] == "swap"]
        self.shown.append(swaps.drop_duplicates(["axis", "template", "group"]))


def check(
    source: str, *, model: str | None = None, policy: str = "default", prompts: Path | None = None
) -> Checked:
    """Reads and expands a suite, as `model` would be asked where one is given; InputError lists every mistake.

    All prompts are written to the file `prompts` where one is named.
    """
    import numpy as np

    from audit.lint import lint
    from audit.policy import load_policy
    from audit.promptfile import prompt_file
    from audit.suite import load_axes, load_suite

    limits = load_policy(policy)
    suite = load_suite(source)
    axes = load_axes(suite)
    if prompts is not None and suite.recorded is not None and model is None:
        raise InputError(f"suite '{suite.id}' reads recorded answers; it has no prompts to write")
    tally = _Tally()
    with nullcontext(None) if prompts is None else prompt_file(prompts) as write:
        for part in _parts(source, suite, axes, model):
            tally.add(part)
            if write is not None:
                write(part.prompts)
    by_arm = {arm: np.unique(np.concatenate(found)) for arm, found in tally.ids.items()}
    shown = PROMPTS.stack(tally.shown)
    return Checked(
        suite=suite,
        distinct=len(np.unique(np.concatenate([*by_arm.values(), np.array([], np.uint64)]))),
        arms={arm: len(found) for arm, found in by_arm.items()},
        pairs=tally.pairs, excluded=tally.excluded,
        shown=shown.drop_duplicates(["axis", "template", "group"]),
        warnings=tuple(lint(suite, axes, limits)),
    )  # fmt: skip


def _parts(source: str, suite: Suite, axes: Mapping[str, Axis], model: str | None) -> Iterator[Expansion]:
    """What the suite expands to; nothing where its answers are recorded and no model is named."""
    from audit.expand import expand_parts
    from audit.job import prepare

    if model is not None:
        yield prepare(source, model=model).expansion
    elif suite.recorded is None:
        yield from expand_parts(suite, axes, ask=suite.question.ask)
