"""Further models for the study of planted effects: a released one, trained on with the terms of `studies.yaml`.

They are made when the study runs and are not shipped. Going on from released weights takes minutes less than training
from nothing, and is enough: an effect that was learned in part is as good a truth as one that was learned whole.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from audit.records import Progress
from audit.reference.examples import Example, example, source
from audit.reference.model import save
from audit.reference.scoring import FOLDER, Term, read_data, scoring
from audit.reference.train import BATCH, THREADS, batches, fit


def study_models() -> Mapping[str, tuple[Term, ...]]:
    """The planted terms of every model of the study, by its name."""
    rows = read_data("studies")["planted"]
    return {name: tuple(Term(**term) for term in terms) for name, terms in rows.items()}


def study_examples(name: str, count: int) -> list[Example]:
    """`count` texts as the released models were trained on, labelled with the terms of one model of the study."""
    planted = {name: study_models()[name]}
    origin = replace(source(), scoring=replace(scoring(), planted=planted))
    rng = random.Random(f"examples {read_data('studies')['seed']}")
    return [example(rng, origin) for _ in range(count)]


def make_study_model(folder: Path, name: str, *, progress: Progress, steps: int | None = None) -> Path:
    """Trains a model of the study on from the released one, for all or some of its steps; gives back its folder."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    data = read_data("studies")
    count = steps or int(data["steps"])
    torch.set_num_threads(THREADS)
    torch.manual_seed(data["seed"])
    tokenizer: Any = AutoTokenizer.from_pretrained(FOLDER / data["start"])
    model: Any = AutoModelForSequenceClassification.from_pretrained(
        FOLDER / data["start"], use_safetensors=True
    )
    rows = batches(tokenizer, study_examples(name, count * BATCH), name=name, epochs=1)
    for step, total in fit(model, rows, steps=count, rate=data["rate"]):
        progress(f"training {name}", step, total)
    save(model, tokenizer, folder / name)
    return folder / name
