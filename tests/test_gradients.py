"""Gradients: credits of a linear model are exact, credits of every model add up, tokens find their players."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch
from filled_prompts import filled

from audit.attribution.gradients import GradientXInput, IntegratedGradients, Saliency
from audit.inside import Inputs, Line, Opened, Opens, Route, Slopes
from audit.modelfile import open_model
from audit.players import Player
from audit.records import Message, Prompt, Question
from audit.spans import Piece, cut
from audit.tokenowners import owned, token_by_token

LABEL = Question(kind="classify", favourable="LABEL_1")
CHOICE = Question(kind="choose", options=(" Yes", " No", " old friend"), favourable=" Yes")
TEXT = "Emily applies as a nurse. She has seven years of experience."


class Curve:
    """A model whose score is `bend` of the weighted sum of all numbers of its embeddings."""

    module: Any = None
    embedding: Any = None

    def __init__(self, bend: Callable[[Any], Any]) -> None:
        make = torch.Generator().manual_seed(3)
        self.table = torch.randn(50, 4, generator=make)
        self.weights = torch.randn(9, 4, generator=make)
        self.bend = bend

    def read(self, prompts: Sequence[Prompt]) -> list[Any]:
        raise NotImplementedError

    def embedded(self, inputs: Inputs) -> list[Any]:
        return [self.table[list(line.ids)] for line in inputs.lines]

    def nothing(self) -> tuple[str, Any]:
        return "zero embedding", torch.zeros(4)

    def scores(self, inputs: Sequence[Inputs], embedded: Sequence[Any] | None = None) -> Any:
        lines = iter(
            embedded if embedded is not None else [row for one in inputs for row in self.embedded(one)]
        )
        sums = [
            sum((next(lines) * self.weights[: len(line.ids)]).sum() for line in one.lines) for one in inputs
        ]
        return self.bend(torch.stack(sums).double())

    def in_passes(
        self, lengths: Sequence[int], ask: Callable[[list[int]], list[Any]]
    ) -> Iterator[tuple[int, Any]]:
        for start in range(0, len(lengths), 7):
            batch = list(range(start, min(start + 7, len(lengths))))
            yield from zip(batch, ask(batch), strict=True)


def route(ids: Sequence[int], owners: Sequence[int], start: Sequence[int] | None = None) -> Route:
    def inputs(row: Sequence[int]) -> Inputs:
        places = tuple((0, at, at + 1) for at in range(len(row)))
        return Inputs(lines=(Line(ids=tuple(row), places=places),))

    return Route(
        inputs=inputs(ids), owners=(tuple(owners),), players=max(owners) + 1,
        start=None if start is None else inputs(start),
    )  # fmt: skip


def test_a_linear_model_is_explained_exactly_with_a_single_step() -> None:
    model = Curve(lambda sums: 2 * sums + 1)
    ids, owners = (3, 7, 9, 11), (0, -1, 1, 0)
    one = route(ids, owners)
    parts = 2 * (model.table[list(ids)] * model.weights[:4]).sum(-1).double()
    wanted = [float(parts[0] + parts[3]), float(parts[2])]
    for method in (IntegratedGradients(steps=1), GradientXInput()):
        (found,) = method.differentiate(model, [one])
        assert found.credits.values.tolist() == pytest.approx(wanted, abs=1e-6)
    assert found.credits.base_value == pytest.approx(float(2 * parts[1] / 2 + 1), abs=1e-6)
    (slope,) = Saliency().differentiate(model, [one])
    sizes = 2 * model.weights.norm(dim=-1)
    assert slope.credits.values.tolist() == pytest.approx(
        [float(sizes[0] + sizes[3]), float(sizes[2])], abs=1e-5
    )
    assert slope.rest == pytest.approx(float(sizes[1]), abs=1e-5)


def test_a_bent_model_gets_as_many_steps_as_it_needs() -> None:
    smooth, kinked = Curve(torch.tanh), Curve(lambda sums: (sums - 0.4321).abs() * 30)
    routes = [route((3, 7, 9), (0, 1, 2)), route((4, 4, 8), (0, 0, 1))]
    for found in IntegratedGradients().differentiate(smooth, routes):
        assert found.steps == 50
        assert found.completeness is not None
        assert found.completeness < 1e-6
    rough = IntegratedGradients().differentiate(kinked, [route((5, 2, 9), (0, 1, 2)), *routes])
    assert {one.steps for one in rough} - {50}
    for one in rough:
        total = one.credits.total
        assert one.completeness == pytest.approx(abs(one.credits.values.sum() - total), abs=1e-9)
        assert one.steps == 400 or one.completeness <= 1e-4 * max(1, abs(total))


def test_a_pair_is_explained_along_the_line_from_one_to_the_other() -> None:
    model = Curve(torch.tanh)
    there = route((3, 7, 9), (0, -1, 1), start=(3, 8, 10))
    back = route((3, 8, 10), (0, -1, 1), start=(3, 7, 9))
    one, other = IntegratedGradients().differentiate(model, [there, back])
    assert one.operator == "counterpart"
    assert one.credits.values[0] == 0
    assert one.rest != 0
    assert one.credits.total == pytest.approx(one.credits.values.sum() + one.rest, abs=1e-6)
    assert one.credits.values == pytest.approx(-other.credits.values, abs=1e-6)
    ends = model.scores([there.inputs]) - model.scores([back.inputs])
    assert one.credits.total == pytest.approx(float(ends[0]), abs=1e-6)


def explained(model: str, question: Question, methods: Sequence[Any], text: str = TEXT) -> list[list[Slopes]]:
    """What methods make of a text and of one with another word in it, each word a player."""
    backend = open_model(model)
    assert isinstance(backend, Opens)
    opened = backend.opened(question, "choice_logit")
    assert not isinstance(opened, str), opened
    routes = []
    for words in (text, text.replace("seven", "two")):
        prompt = Prompt(messages=(Message(role="text", text=words),))
        pieces = cut(prompt)
        players = [Player(kind="words", slot="", members=(n,)) for n in range(len(pieces))]
        (inputs,) = opened.read([prompt])
        assert isinstance(inputs, Inputs)
        found = owned(prompt, pieces, players, inputs)
        assert (found.lacking, found.straddling) == (0, 0)
        routes.append(found.route)
    return [method.differentiate(opened, routes) for method in methods]


@pytest.mark.parametrize(
    ("make", "architecture", "question"),
    [
        (tiny_models.classifier, "BertForSequenceClassification", LABEL),
        (tiny_models.classifier, "GPT2ForSequenceClassification", LABEL),
        (tiny_models.classifier, "XLNetForSequenceClassification", LABEL),
        (tiny_models.causal, "LlamaForCausalLM", CHOICE),
        (tiny_models.causal, "GPT2LMHeadModel", CHOICE),
        (tiny_models.masked, "RobertaForMaskedLM", CHOICE),
        (tiny_models.encoder_decoder, "BartForConditionalGeneration", CHOICE),
    ],
)
def test_credits_of_every_kind_of_model_add_up(
    make: Any, architecture: str, question: Question, tmp_path: Path
) -> None:
    folder = make(tmp_path / "m", architecture, **({"num_labels": 3} if question is LABEL else {}))
    (found,) = explained(f"hf:{folder}", question, [IntegratedGradients()])
    for one in found:
        assert one.completeness is not None
        assert one.rest == 0
        gap = abs(one.credits.values.sum() - one.credits.total)
        assert gap == pytest.approx(one.completeness, abs=1e-9)
        assert gap <= 1e-4 * max(1.0, abs(one.credits.total))


def test_fifty_steps_are_enough_for_a_small_trained_model() -> None:
    question = Question(kind="classify", favourable="invite")
    (found,) = explained("reference:screening-v1", question, [IntegratedGradients(most_steps=50)])
    assert max(one.completeness or 0.0 for one in found) <= 5e-6
    assert all(one.operator == "mask embedding" for one in found)


def test_answers_do_not_depend_on_what_else_is_explained(tmp_path: Path) -> None:
    folder = tiny_models.causal(tmp_path / "m")
    methods = (IntegratedGradients(steps=8, most_steps=8), Saliency(), GradientXInput())
    both = explained(f"hf:{folder}", CHOICE, methods)
    again = explained(f"hf:{folder}", CHOICE, methods)
    for one, other in zip(both, again, strict=True):
        assert one[0].credits.values == pytest.approx(other[0].credits.values, abs=1e-6)
    saliency = both[1][0]
    assert (saliency.credits.values >= 0).all()
    assert saliency.completeness is None


def test_a_token_belongs_to_the_player_with_most_of_its_letters() -> None:
    prompt = filled("{name} need{s} help", name="Al", s="s")
    pieces = (
        Piece(part=0, start=0, end=2, slot="name"), Piece(part=0, start=3, end=7),
        Piece(part=0, start=7, end=8, slot="s", inside=True), Piece(part=0, start=9, end=13),
    )  # fmt: skip
    players = [Player(kind="words", slot="", members=(n,)) for n in range(4)]
    line = Line(ids=(1, 2, 3, 4), places=(None, (0, 0, 2), (0, 2, 8), (0, 8, 13)))
    found = owned(prompt, pieces, players, Inputs(lines=(line,)))
    assert found.route.owners == ((-1, 0, 1, 3),)
    assert (found.straddling, found.lacking) == (1, 1)


def test_prompts_of_unlike_tokens_have_no_line_between_them() -> None:
    one, other = (Inputs(lines=(Line(ids=ids, places=(None,) * len(ids)),)) for ids in ((1, 2), (1, 2, 3)))
    assert token_by_token(one, one)
    assert not token_by_token(one, other)
    typed = Inputs(lines=(Line(ids=(1, 2), places=(None, None), types=(0, 1)),))
    assert not token_by_token(one, typed)


def test_the_scripted_model_meets_the_contract() -> None:
    model: Opened = Curve(torch.tanh)
    assert float(model.scores([route((1, 2), (0, 0)).inputs])[0]) == pytest.approx(
        float(
            np.tanh(
                float((model.embedded(route((1, 2), (0, 0)).inputs)[0] * Curve(torch.tanh).weights[:2]).sum())
            )
        ),
        abs=1e-6,
    )
