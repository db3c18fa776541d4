"""What a reference model really does: its own effects over generated templates, all names and all occupations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.article import with_article
from audit.axis import Axis, load_axis
from audit.records import ALL
from audit.reference.generator import templates
from audit.reference.model import LABELS, MAX_LENGTH
from audit.reference.scoring import read_data
from audit.slots import fill

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEMPLATES = 500
SEED = 600
METRICS = ("selection_rate", "choice_logit")
AXES = ("gender", "ethnicity")
SEXES = ("men", "women")
"""They take turns as persons of the ethnicity axis, so that person 2·i and 2·i + 1 have the i-th names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """Log-odds of an invitation, shape (templates, persons, groups), and the occupation's number, (templates, persons).

    As in the suite, each template and person has one occupation, all equally often.
    """

    axis: str
    groups: tuple[str, ...]
    occupations: tuple[str, ...]
    log_odds: NDArray[np.float64]
    occupation: NDArray[np.int64]

    def values(self, metric: str) -> NDArray[np.float64]:
        """The metric's value of every answer: 0 or 1 for the selection rate, else the log-odds."""
        return (self.log_odds > 0).astype(float) if metric == "selection_rate" else self.log_odds

    def effect(self, metric: str, a: str, b: str, *, occupation: str = ALL) -> float:
        """Mean of b minus mean of a, over all templates and persons or those of one occupation."""
        values = self.values(metric)
        delta = values[..., self.groups.index(b)] - values[..., self.groups.index(a)]
        if occupation != ALL:
            delta = delta[self.occupation == self.occupations.index(occupation)]
        return float(delta.mean())


def crossed(ethnicity: Answers) -> Answers:
    """The answers of the ethnicity axis as those of `gender*ethnicity`: a person is one name index of all combinations.

    Women and men with one index have one occupation, so only the surname may differ by more than the combination.
    """
    count, people, groups = ethnicity.log_odds.shape
    odds = ethnicity.log_odds.reshape(count, people // len(SEXES), len(SEXES) * groups)
    return Answers(
        axis="gender*ethnicity", groups=tuple(f"{sex}*{group}" for sex in SEXES for group in ethnicity.groups),
        occupations=ethnicity.occupations, log_odds=odds, occupation=ethnicity.occupation[:, :: len(SEXES)],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One name index with the words of every group."""

    words: dict[str, dict[str, str]]


def answers(folder: Path, axis: str, *, count: int = TEMPLATES, seed: int = SEED) -> Answers:
    """The model in `folder` asked about all persons of an axis in `count` generated templates."""
    import numpy as np

    people, jobs = persons(axis), occupations()
    groups = tuple(people[0].words)
    texts, used = [], np.zeros((count, len(people)), dtype=np.int64)
    for row, template in enumerate(templates(count, seed=seed)):
        for column, person in enumerate(people):
            turn = column // len(SEXES) if axis == "ethnicity" else column
            used[row, column] = (row + turn) % len(jobs)
            job = jobs[used[row, column]]
            words = {"occupation": job, "a_occupation": with_article(job)}
            texts += [fill(template, {**person.words[group], **words}) for group in groups]
    odds = log_odds(folder, texts).reshape(count, len(people), len(groups))
    return Answers(axis=axis, groups=groups, occupations=jobs, log_odds=odds, occupation=used)


def occupations() -> tuple[str, ...]:
    """The occupations that rotate, those of the hiring suite."""
    return tuple(read_data("planted")["occupations"])


def persons(axis: str) -> list[Person]:
    """Person i has the i-th name of every group; on the ethnicity axis women and men take turns."""
    gender, own = load_axis("gender"), load_axis(axis)
    if axis == "gender":
        same = {group: group for group in own.groups}
        return [_person(gender, own, same, number) for number in range(_names(own, None))]
    return [
        _person(gender, own, dict.fromkeys(own.groups, sex), number)
        for number in range(_names(own, SEXES[0])) for sex in SEXES
    ]  # fmt: skip


def _names(axis: Axis, sex: str | None) -> int:
    return min(len(axis.first_names(group, sex or group)) for group in axis.groups)


def _person(gender: Axis, own: Axis, sexes: dict[str, str], number: int) -> Person:
    words = {}
    for group, sex in sexes.items():
        first, surnames = own.first_names(group, sex)[number], own.last_names(group)
        last = surnames[(number + (sex == "women")) % len(surnames)]
        words[group] = {
            **gender.words(sex),
            "name": f"{first} {last}",
            "first_name": first,
            "last_name": last,
        }
    return Person(words=words)


def log_odds(folder: Path, texts: Sequence[str], *, batch: int = 256) -> NDArray[np.float64]:
    """Log-odds of an invitation for each text, asked in batches of about equal length."""
    import numpy as np
    import torch

    tokenizer, model = load(folder)
    ids = tokenizer(list(texts), truncation=True, max_length=MAX_LENGTH)["input_ids"]
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    found = np.empty(len(ids))
    with torch.inference_mode():
        for rows in _chunks(order, batch):
            packed = tokenizer.pad({"input_ids": [ids[row] for row in rows]}, return_tensors="pt")
            scores = model(input_ids=packed["input_ids"], attention_mask=packed["attention_mask"]).logits
            found[rows] = (scores[:, LABELS.index("invite")] - scores[:, LABELS.index("reject")]).numpy()
    return found


@lru_cache(maxsize=4)
def load(folder: Path) -> tuple[Any, Any]:
    """Tokenizer and model of a folder."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True)
    return AutoTokenizer.from_pretrained(folder), model.eval()


def _chunks(rows: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def effects(found: Answers) -> list[dict[str, object]]:
    """Every effect of an axis: metric, stratum, pair of groups, estimate (b minus a)."""
    return [
        {"metric": metric, "axis": found.axis, "stratum": stratum, "group_a": a, "group_b": b,
         "estimate": round(found.effect(metric, a, b, occupation=stratum), 4)}
        for metric in METRICS for stratum in (ALL, *found.occupations) for a, b in combinations(found.groups, 2)
    ]  # fmt: skip
