"""Models in which the responsible words are known, and how often explanations put them on top.

Each model was trained on from a released one with labels of the reference models' scoring function that hold other
planted terms and other cues. So it is known which player has to be on top: the name, the pronoun, the occupation that
triggers the difference, or two slots that only work together. The twin has no planted term.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit.explaining import explained_pairs
from audit.job import Job, prepare
from audit.reference.examples import example, source
from audit.reference.model import save
from audit.reference.scoring import FOLDER, Term, scoring
from audit.reference.train import BATCH, THREADS, batches, fit

SEED = 20261130
STEPS = 900
RATE = 1e-3
START = "screening-v2"
PAIRS = 100
TRIGGERS = ("electrician", "nurse")


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What one model was taught: terms, how much of them names and pronouns carry, and in which pairs they show."""

    says: str
    terms: tuple[Term, ...] = ()
    names: float = 0.4
    words: float = 0.6
    axis: str = "gender"
    groups: tuple[tuple[str, str], ...] = (("men", "women"), ("non-binary", "women"))
    strata: tuple[str, ...] = ()

    @property
    def weights(self) -> Mapping[str, Mapping[str, float]]:
        """The weights of the cues, as `Scoring` has them."""
        ethnicity = scoring().weights["ethnicity"]
        return {"gender": {"names": self.names, "words": self.words}, "ethnicity": ethnicity}


def _term(axis: str, group: str, everywhere: float = 0.0, **occupations: float) -> Term:
    return Term(axis=axis, group=group, elsewhere=everywhere, occupations=occupations)


MODELS: Mapping[str, Planted] = {
    "twin": Planted(says="nothing"),
    "name": Planted(says="women −2.4, by the name alone", terms=(_term("gender", "women", -2.4),), names=1, words=0),
    "pronoun": Planted(
        says="women −2.4, by pronouns alone", terms=(_term("gender", "women", -2.4),), names=0, words=1
    ),
    "trigger": Planted(
        says="women −2.4 as electrician or nurse, else nothing",
        terms=(_term("gender", "women", electrician=-2.4, nurse=-2.4),), strata=TRIGGERS,
    ),
    "together": Planted(
        says="−2.4 where pronouns of women meet names of Black people, else nothing",
        terms=(_term("gender*ethnicity", "women*Black", -2.4),), names=0, words=1,
        axis="gender*ethnicity", groups=(("men*Asian", "women*Black"), ("men*White", "women*Black"),
                                         ("men*Hispanic", "women*Black")),
    ),
}  # fmt: skip


def make(folder: Path, name: str, *, steps: int = STEPS) -> Path:
    """The model in a folder of its own below `folder`."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    planted = MODELS[name]
    known = replace(scoring(), planted={name: planted.terms}, weights=planted.weights)
    origin = replace(source(), scoring=known)
    rng = random.Random(f"explained {SEED}")
    texts = [example(rng, origin) for _ in range(steps * BATCH)]
    tokenizer: Any = AutoTokenizer.from_pretrained(FOLDER / START)
    model: Any = AutoModelForSequenceClassification.from_pretrained(FOLDER / START, use_safetensors=True)
    for _ in fit(model, batches(tokenizer, texts, name=name, epochs=1), steps=steps, rate=RATE):
        pass
    save(model, tokenizer, folder / name)
    return folder / name


@dataclass(frozen=True)
class Explained:
    """Explanations of pairs in which the planted term shows, of one model."""

    name: str
    rows: pd.DataFrame

    def of(self, game: str, method: str = "shap", side: str = "") -> list[pd.DataFrame]:
        """The players of each game of this kind."""
        mine = self.rows[(self.rows["game"] == game) & (self.rows["method"] == method)]
        mine = mine[(mine["side"] == side) | (side == "")]
        return [one for _, one in mine.groupby("attribution_id")]

    def on_top(self, slot: str, game: str, *, most: int = 1, side: str = "") -> float:
        """Share of the games in which a player of that slot is among the `most` with the largest credit."""
        return float(np.mean([slot in largest(one, most) for one in self.of(game, side=side)]))

    @property
    def group_share(self) -> float:
        """Mean share of the group's words in all credit, both sides."""
        return float(np.mean([share(one) for one in self.of("removal")]))

    @property
    def together(self) -> float:
        """Share of the swap games whose largest interaction or own effect is the one of name and pronoun."""
        games = self.of("swap", "shap_interactions")
        return float(np.mean([_largest_is_joint(one) for one in games]))


def largest(game: pd.DataFrame, most: int) -> list[str]:
    """Slots of the players with the largest credit."""
    order = game["value"].abs().sort_values(ascending=False, kind="stable").index[:most]
    return [str(slot) for slot in game.loc[order, "slot"]]


def share(game: pd.DataFrame) -> float:
    """What part of all credit, signs aside, the group's words have."""
    size = game["value"].abs()
    return float(size[game["slot"] == "group"].sum() / size.sum())


def _largest_is_joint(game: pd.DataFrame) -> bool:
    top = game.loc[game["value"].abs().idxmax()]
    return bool(top["partner"] != top["player"])


def explained(folder: Path, name: str, *, pairs: int = PAIRS) -> Explained:
    """Explanations of a seeded sample of the hiring suite's pairs in which the model's planted term shows."""
    job = prepare("hiring", model=f"hf:{folder}")
    planted = MODELS[name]
    chosen = sample(job, planted.axis, planted.groups, planted.strata, pairs)
    made = explained_pairs(job, chosen)
    return Explained(name, made.attributions)


def sample(
    job: Job, axis: str, groups: Sequence[tuple[str, str]], strata: Sequence[str], count: int
) -> list[str]:
    """Ids of pairs of these groups and strata, drawn with a seed."""
    rows = job.expansion.pairs
    rows = rows[(rows["arm"] == "swap") & (rows["axis"] == axis)]
    wanted = pd.Series(list(zip(rows["group_a"], rows["group_b"], strict=True)), index=rows.index).isin(
        groups
    )
    if strata:
        wanted &= rows["stratum"].isin(strata)
    ids = sorted(set(rows.loc[wanted, "pair_id"]))
    return random.Random(f"pairs {SEED} {axis}").sample(ids, min(count, len(ids)))
