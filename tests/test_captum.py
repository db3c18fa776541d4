"""Integrated gradients against captum, on the models' own inputs: an independent road to the same numbers.

captum lies in a folder of its own (`make studies` puts it into build/captum, without what it would install besides).
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models

from audit.attribution.gradients import IntegratedGradients
from audit.inside import Inputs, Opens
from audit.modelfile import open_model
from audit.players import Player
from audit.records import Message, Prompt, Question
from audit.spans import cut
from audit.tokenowners import owned

FOLDER = Path(os.environ.get("AUDIT_CAPTUM", Path(__file__).parent.parent / "build" / "captum"))
TEXTS = (
    "Emily applies as a nurse. She has seven years of experience.",
    "Greg applies as a software engineer. He has two years of experience and good references.",
    "An old friend asks for a loan. Should they be invited?",
)
GAP = "Emily is a [MASK] and she has two years."
LABEL = Question(kind="classify", favourable="LABEL_1")
WORDS = Question(kind="choose", options=(" a", " 1"), favourable=" a")
INVITE = Question(kind="classify", favourable="invite")
FILLED = Question(kind="choose", options=("nurse", "house"), favourable="nurse")


def log_odds(model: Any, kind: str, ids: Any, embeds: Any, targets: tuple[int, ...]) -> Any:
    """The contrast that is explained, from the transformer's own logits."""
    import torch

    logits = model(inputs_embeds=embeds, attention_mask=torch.ones(embeds.shape[:2])).logits
    if kind == "masked":
        logits = logits[:, ids.index(targets[2])]
    elif kind == "causal":
        logits = logits[:, -1]
    logs = logits.log_softmax(-1)
    return logs[:, targets[0]] - logs[:, targets[1]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "make", "architecture", "question", "bar"),
    [
        ("classifier", tiny_models.classifier, "BertForSequenceClassification", LABEL, 1e-5),
        ("classifier", tiny_models.classifier, "DistilBertForSequenceClassification", LABEL, 1e-5),
        ("classifier", tiny_models.classifier, "ElectraForSequenceClassification", LABEL, 1e-5),
        ("classifier", None, "screening-v1", INVITE, 1e-5),
        ("causal", tiny_models.causal, "GPT2LMHeadModel", WORDS, 1e-5),
        ("causal", tiny_models.causal, "LlamaForCausalLM", WORDS, 1e-5),
        ("causal", tiny_models.causal, "BloomForCausalLM", WORDS, 1e-5),
        ("masked", tiny_models.masked, "BertForMaskedLM", FILLED, 1e-5),
        ("masked", tiny_models.masked, "DistilBertForMaskedLM", FILLED, 1e-5),
    ],
)
def test_integrated_gradients_are_those_of_captum(
    kind: str, make: Any, architecture: str, question: Question, bar: float, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import torch

    if not FOLDER.is_dir():
        pytest.skip(f"captum is not in {FOLDER}: make studies puts it there")
    monkeypatch.syspath_prepend(str(FOLDER))
    captum: Any = importlib.import_module("captum.attr")
    backend = open_model(f"hf:{make(tmp_path / 'm', architecture)}" if make else f"reference:{architecture}")
    assert isinstance(backend, Opens)
    opened = backend.opened(question, "choice_logit")
    assert not isinstance(opened, str), opened
    worst, largest = 0.0, 0.0
    for text in (GAP,) if kind == "masked" else TEXTS:
        prompt = Prompt(messages=(Message(role="text", text=text),))
        (inputs,) = opened.read([prompt])
        assert isinstance(inputs, Inputs)
        assert len(inputs.lines) == 1
        pieces = cut(prompt)
        players = [Player(kind="words", slot="", members=(n,)) for n in range(len(pieces))]
        route = owned(prompt, pieces, players, inputs).route
        (found,) = IntegratedGradients(most_steps=50).differentiate(opened, [route])
        ids = list(inputs.lines[0].ids)
        targets: tuple[int, ...] = (1, 0)
        if inputs.needs:
            first, second = sorted(inputs.needs, key=lambda need: need.option)
            targets = (first.token, second.token, ids[first.position])
        (end,) = opened.embedded(inputs)
        (owners,) = route.owners
        start = torch.where(torch.tensor(owners)[:, None] >= 0, opened.nothing()[1], end)
        made = captum.IntegratedGradients(
            lambda embeds, ids=ids, targets=targets: log_odds(opened.module, kind, ids, embeds, targets)
        )
        theirs = made.attribute(end[None], baselines=start[None], n_steps=50, method="gausslegendre")[0]
        credit = theirs.sum(-1).detach().double().numpy()
        wanted = np.bincount(np.array(owners) + 1, credit, len(players) + 1)[1:]
        worst = max(worst, float(np.abs(wanted - found.credits.values).max()))
        largest = max(largest, float(np.abs(wanted).max()))
    print(f"{architecture}: largest credit {largest:.3f}, largest difference {worst:.1e}")
    assert largest > 0.01
    assert worst <= bar * max(1.0, largest)
