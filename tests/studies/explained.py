"""Models in which the responsible words are known, and how often explanations put them on top.

What is planted is a scoring function like that of the reference models, with other terms and other cues. So it is known
which player has to be on top: the name, the pronoun, the occupation that triggers the difference, or two slots that
only work together. The twin has no planted term. `Function` answers with the function itself; `make` trains a
transformer that was not told the function, but given texts with its values.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit.explaining import explained_pairs
from audit.job import Job
from audit.protocols import Backend
from audit.records import Answer, ModelIdentity, Prompt
from audit.reference.examples import example, source
from audit.reference.model import save
from audit.reference.scoring import FOLDER, MASK, Scoring, Term, scoring
from audit.reference.train import BATCH, THREADS, batches, fit

SEED = 20261130
STEPS = 900
RATE = 1e-3
START = "screening-v2"
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
    swap: str = ""
    """Slot that carries the difference; of two that only work together, joined by ×."""
    gap: str = ""
    """Slot that triggers it."""

    @property
    def scoring(self) -> Scoring:
        """The function that a model was taught, under the name `planted`."""
        ethnicity = scoring().weights["ethnicity"]
        weights = {"gender": {"names": self.names, "words": self.words}, "ethnicity": ethnicity}
        return replace(scoring(), planted={"planted": self.terms}, weights=weights)


def _term(axis: str, group: str, everywhere: float = 0.0, **occupations: float) -> Term:
    return Term(axis=axis, group=group, elsewhere=everywhere, occupations=occupations)


MODELS: Mapping[str, Planted] = {
    "name": Planted(
        says="women −2.4, by the name alone", terms=(_term("gender", "women", -2.4),), names=1, words=0, swap="name",
    ),
    "pronoun": Planted(
        says="women −2.4, by pronouns alone", terms=(_term("gender", "women", -2.4),), names=0, words=1, swap="pronoun",
    ),
    "trigger": Planted(
        says="women −2.4 as electrician or nurse, by pronouns (0.6) and names (0.4), else nothing",
        terms=(_term("gender", "women", electrician=-2.4, nurse=-2.4),), strata=TRIGGERS, swap="pronoun",
        gap="occupation",
    ),
    "together": Planted(
        says="−2.4 where pronouns of women meet names of Black people, else nothing",
        terms=(_term("gender*ethnicity", "women*Black", -2.4),), names=0, words=1,
        axis="gender*ethnicity", groups=(("men*Asian", "women*Black"), ("men*White", "women*Black"),
                                         ("men*Hispanic", "women*Black")), swap="name × pronoun",
    ),
    "twin": Planted(says="nothing"),
}  # fmt: skip


REFERENCE = Planted(
    says="women −2.0 as software engineer, −1.6 as electrician, by pronouns (0.6) and names (0.4)",
    groups=(("men", "women"),), strata=("electrician", "software engineer"), swap="pronoun", gap="occupation",
)  # fmt: skip
"""What `audit/reference/planted.yaml` says of screening-v1, in a few pairs."""


class Function:
    """The planted function itself, as a classifier."""

    labels = ("invite", "reject")
    deterministic = True
    mask_text = MASK

    def __init__(self, name: str) -> None:
        self.identity = ModelIdentity(kind="planted", name=name)
        self._known = MODELS[name].scoring
        self._occupations = sorted(source().occupations, key=len, reverse=True)

    def classify(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Log-probability of each label."""
        return [self._answer(prompt.messages[-1].text) for prompt in prompts]

    def _answer(self, text: str) -> Answer:
        occupation = next((name for name in self._occupations if name in text), "")
        log_odds = self._known.logits(text, occupation=occupation)["planted"]
        sides = -np.logaddexp(0, -log_odds), -np.logaddexp(0, log_odds)
        return Answer(scores=dict(zip(self.labels, map(float, sides), strict=True)))


def make(folder: Path, name: str, *, steps: int = STEPS) -> Path:
    """The trained model in a folder of its own below `folder`; what lies there already is taken as it is."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    place = folder / f"{name}-{steps}"
    if (place / "config.json").is_file():
        return place
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    origin = replace(source(), scoring=MODELS[name].scoring)
    rng = random.Random(f"explained {SEED}")
    texts = [example(rng, origin) for _ in range(steps * BATCH)]
    tokenizer: Any = AutoTokenizer.from_pretrained(FOLDER / START)
    model: Any = AutoModelForSequenceClassification.from_pretrained(FOLDER / START, use_safetensors=True)
    for _ in fit(model, batches(tokenizer, texts, name="planted", epochs=1), steps=steps, rate=RATE):
        pass
    save(model, tokenizer, place)
    return place


# ------------------------------------------------------------- explained


@dataclass(frozen=True)
class Explained:
    """Explanations of pairs in which the planted term shows, of one model."""

    planted: Planted
    rows: pd.DataFrame

    def of(self, game: str, method: str = "shap", side: str = "") -> list[pd.DataFrame]:
        """The players of each game of this kind."""
        mine = self.rows[(self.rows["game"] == game) & (self.rows["method"] == method)]
        mine = mine[(mine["side"] == side) | (side == "")]
        return [one for _, one in mine.groupby("attribution_id")]

    def on_top(self, slot: str, game: str, *, most: int = 1, side: str = "") -> float:
        """Share of the games in which a player of that slot is among the `most` with the largest credit."""
        found = self.of(game, side=side)
        return float(np.mean([slot in largest(one, most) for one in found])) if slot else float("nan")

    @cached_property
    def swap(self) -> float:
        """Share of the swap games with the responsible slot, or the responsible two together, on top."""
        if "×" not in self.planted.swap:
            return self.on_top(self.planted.swap, "swap")
        both = set(self.planted.swap.split(" × "))
        tops = [largest(one, 1)[0] for one in self.of("swap", "shap_interactions")]
        return float(np.mean([set(top.split(" × ")) == both for top in tops]))

    @cached_property
    def gap(self) -> float:
        """Share of the gap games with the responsible slot on top."""
        return self.on_top(self.planted.gap, "gap")

    @cached_property
    def removal(self) -> float:
        """Share of the removal games of the planted group's prompts with its words among the first two."""
        return self.on_top("group", "removal", most=2, side="b")

    @cached_property
    def group_share(self) -> float:
        """Mean share of the group's words in all credit of a prompt, signs aside; both sides, removal game."""
        return float(np.mean([share(one) for one in self.of("removal")]))

    @cached_property
    def pairs(self) -> int:
        """How many pairs were explained."""
        return int(self.rows["pair_id"].nunique())

    @cached_property
    def deltas(self) -> pd.Series[float]:
        """The differences that were explained, by pair."""
        swap = self.rows[self.rows["game"] == "swap"]
        return swap.groupby("pair_id")["total"].first()


def largest(game: pd.DataFrame, most: int) -> list[str]:
    """Slots of the players with the largest credit."""
    order = game["value"].abs().sort_values(ascending=False, kind="stable").index[:most]
    return [str(slot) for slot in game.loc[order, "slot"]]


def share(game: pd.DataFrame) -> float:
    """What part of all credit, signs aside, the group's words have."""
    size = game["value"].abs()
    return float(size[game["slot"] == "group"].sum() / size.sum())


def explained(
    job: Job, planted: Planted, *, backend: Backend, pairs: int, methods: Sequence[str] = ("shap",)
) -> Explained:
    """Explanations of a seeded sample of the job's pairs in which the planted term shows."""
    chosen = sample(job, planted, pairs)
    made = explained_pairs(replace(job, backend=backend), chosen, methods=methods)
    return Explained(planted, made.attributions)


def sample(job: Job, planted: Planted, count: int) -> list[str]:
    """Ids of pairs of the planted groups and strata, drawn with a seed."""
    rows = job.expansion.pairs
    rows = rows[(rows["arm"] == "swap") & (rows["axis"] == planted.axis)]
    groups = pd.Series(list(zip(rows["group_a"], rows["group_b"], strict=True)), index=rows.index)
    wanted = groups.isin(planted.groups)
    if planted.strata:
        wanted &= rows["stratum"].isin(planted.strata)
    ids = sorted(set(rows.loc[wanted, "pair_id"]))
    return random.Random(f"pairs {SEED} {planted.axis}").sample(ids, min(count, len(ids)))


# ------------------------------------------------------------- in words

HEAD = (
    "| model | planted | pairs | swap, first | gap, first | removal, first two | group’s share | off by |",
    "|---|---|---|---|---|---|---|---|",
)


def table(found: Mapping[str, Explained], truth: Mapping[str, Explained]) -> str:
    """One row a model; how far its differences are off those of the planted function, in log-odds."""
    lines = [*HEAD]
    for name, one in found.items():
        off = (one.deltas - truth[name].deltas).abs().mean()
        shares = [one.swap, one.gap, one.removal] if one.planted.terms else [np.nan] * 3
        cells = [
            f"`{name}`",
            one.planted.says,
            str(one.pairs),
            *map(_percent, shares),
            f"{one.group_share:.2%}",
        ]
        lines.append(f"| {' | '.join([*cells, f'{off:.3f}'])} |")
    return "\n".join(lines)


def _percent(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.1%}"
