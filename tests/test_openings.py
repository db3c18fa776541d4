"""A model that lies open gives the scores that were collected, and gradients that are those of its scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny_models

from audit.collect import collect
from audit.inside import Inputs, Opens, Randomises
from audit.modelfile import open_model
from audit.records import PROMPTS, Message, Prompt, Question
from audit.score import score

TEXTS = (
    "Emily applies as a nurse. She has seven years of experience. Answer:",
    "Greg applies as a software engineer. Answer:",
    "A loan?",
)
CHOICE = Question(kind="choose", options=(" Yes", " No", " old friend"), favourable=" Yes")
LABEL = Question(kind="classify", favourable="LABEL_1")
RATE = Question(kind="rate", low=1, high=5)
TEXT = Question(kind="likelihood")


def asked(texts: tuple[str, ...] = TEXTS, *, role: str = "text") -> list[Prompt]:
    return [Prompt(messages=(Message(role=role, text=text),)) for text in texts]  # type: ignore[arg-type]


def collected(
    backend: Any, prompts: list[Prompt], question: Question, metric: str, cache: Path
) -> list[float]:
    """The scores as a run gets them."""
    rows = [
        {
            **dict.fromkeys(PROMPTS.names, ""), "prompt_id": prompt.id, "arm": "swap", "position": 0, "repeats": 1,
            "messages": json.dumps([[m.role, m.text] for m in prompt.messages]), "spans": "[]",
        }
        for prompt in prompts
    ]  # fmt: skip
    table = PROMPTS.frame(rows)
    got = collect(table, backend=backend, question=question, cache=cache / "answers.sqlite")
    made = score(table, got.responses, question=question, metrics=[metric]).set_index("prompt_id")
    return [float(made.loc[prompt.id, "value"]) for prompt in prompts]


def check(
    model: str, question: Question, metric: str, cache: Path, prompts: list[Prompt] | None = None
) -> None:
    """Scores as collected, alone and beside others, from ids and from embeddings; gradients against differences."""
    import torch

    backend = open_model(model)
    assert isinstance(backend, Opens)
    prompts = prompts or asked()
    opened = backend.opened(question, metric)
    assert not isinstance(opened, str), opened
    inputs = [one for one in opened.read(prompts) if isinstance(one, Inputs)]
    assert len(inputs) == len(prompts)
    with torch.no_grad():
        whole = opened.scores(inputs)
    assert whole.tolist() == pytest.approx(collected(backend, prompts, question, metric, cache), abs=1e-5)
    lines = [line for one in inputs for line in opened.embedded(one)]
    assert lines[0].shape[0] == len(inputs[0].lines[0].ids)
    lines[0].requires_grad_(True)
    again = opened.scores(inputs, lines)
    assert again.detach().tolist() == pytest.approx(whole.tolist(), abs=1e-5)
    opened.module.double()
    lines = [line for one in inputs for line in opened.embedded(one)]
    lines[0].requires_grad_(True)
    (slope,) = torch.autograd.grad(opened.scores(inputs, lines)[0], lines[0])
    step = torch.randn(lines[0].shape, generator=torch.Generator().manual_seed(1)) * 1e-4
    with torch.no_grad():
        moved = [[lines[0] + sign * step, *lines[1:]] for sign in (1, -1)]
        up, down = (float(opened.scores(inputs, some)[0]) for some in moved)
        assert up - down == pytest.approx(2 * float((slope * step).sum()), rel=3e-2, abs=1e-6)
    opened.module.float()
    words(prompts[0], inputs[0])


def words(prompt: Prompt, inputs: Inputs) -> None:
    """Every letter of the prompt is that of a token, in the right order, on each line but for what is hidden."""
    for line in inputs.lines:
        places = [place for place in line.places if place is not None]
        assert places == sorted(places)
        covered = {(part, at) for part, start, end in places for at in range(start, end)}
        lacking = [
            message.text[at]
            for part, message in enumerate(prompt.messages)
            for at in range(len(message.text))
            if (part, at) not in covered and not message.text[at].isspace()
        ]
        assert len(lacking) <= 12, lacking


@pytest.mark.parametrize("architecture", tiny_models.CLASSIFIERS)
def test_classifiers_open(architecture: str, tmp_path: Path) -> None:
    folder = tiny_models.classifier(tmp_path / "m", architecture, num_labels=3)
    check(f"hf:{folder}", LABEL, "choice_logit", tmp_path)


def test_models_of_ratings_open_on_the_scale_of_the_question(tmp_path: Path) -> None:
    folder = tiny_models.classifier(tmp_path / "m", num_labels=1)
    check(f"hf:{folder}", RATE, "rating", tmp_path)
    file = tmp_path / "scaled.yaml"
    file.write_text(f"model: 1\nkind: hf\nname: {folder}\nscale: {{low: -2, high: 2}}\n")
    check(str(file), RATE, "rating", tmp_path)


@pytest.mark.parametrize("architecture", tiny_models.CAUSAL)
def test_causal_models_open(architecture: str, tmp_path: Path) -> None:
    folder = tiny_models.causal(tmp_path / "m", architecture)
    check(f"hf:{folder}", CHOICE, "choice_logit", tmp_path)
    check(f"hf:{folder}", TEXT, "log_likelihood", tmp_path)


def test_numbers_after_a_prompt_open_as_a_rating(tmp_path: Path) -> None:
    folder = tiny_models.causal(tmp_path / "m")
    check(f"hf:{folder}", RATE, "rating", tmp_path)
    check(f"hf:{folder}", TEXT, "log_likelihood_per_token", tmp_path)


def test_a_chat_template_is_read_as_it_is_asked(tmp_path: Path) -> None:
    folder = tiny_models.causal(tmp_path / "m", tokenizer=tiny_models.bytepairs(chat=True))
    file = tmp_path / "chat.yaml"
    file.write_text(f"model: 1\nkind: hf\nname: {folder}\nsystem: You decide.\n")
    turns = (
        Message(role="system", text="user"), Message(role="user", text=TEXTS[0]),
        Message(role="assistant", text="Yes."), Message(role="user", text=" And user Greg? "),
    )  # fmt: skip
    prompts = [*asked(), Prompt(messages=turns)]
    check(str(file), CHOICE, "choice_logit", tmp_path, prompts)
    backend = open_model(str(file))
    assert isinstance(backend, Opens)
    opened = backend.opened(CHOICE, "choice_logit")
    assert not isinstance(opened, str)
    read = opened.read(prompts)[-1]
    assert isinstance(read, Inputs)
    words(prompts[-1], read)
    first = [place for place in read.lines[0].places if place is not None and place[0] == 0]
    assert (first[0][1], first[-1][2]) == (0, len("user"))


@pytest.mark.parametrize("architecture", tiny_models.MASKED)
def test_masked_models_open(architecture: str, tmp_path: Path) -> None:
    folder = tiny_models.masked(tmp_path / "m", architecture)
    gap = asked(("Emily is a [MASK] and she has two years.", "Greg applies. Answer:"))
    choice = Question(kind="choose", options=("nurse", "software engineer"), favourable="nurse")
    check(f"hf:{folder}", choice, "choice_logit", tmp_path, gap)
    check(f"hf:{folder}", TEXT, "pseudo_log_likelihood", tmp_path)


@pytest.mark.parametrize("architecture", tiny_models.ENCODER_DECODERS)
def test_encoder_decoder_models_open(architecture: str, tmp_path: Path) -> None:
    folder = tiny_models.encoder_decoder(tmp_path / "m", architecture)
    check(f"hf:{folder}", CHOICE, "choice_logit", tmp_path)


def test_the_reference_model_opens(tmp_path: Path) -> None:
    question = Question(kind="classify", favourable="invite")
    check("reference:screening-v1", question, "choice_logit", tmp_path)


def test_what_has_no_gradient_says_so(tmp_path: Path) -> None:
    backend = open_model(f"hf:{tiny_models.causal(tmp_path / 'm')}")
    assert isinstance(backend, Opens)
    assert "no smooth function" in str(backend.opened(CHOICE, "selection_rate"))
    assert "smooth function" in str(backend.opened(Question(kind="generate"), "length"))
    assert "no 'pseudo_log_likelihood'" in str(backend.opened(TEXT, "pseudo_log_likelihood"))
    other = Question(kind="choose", options=(" Yes", " No"), favourable="maybe")
    assert "maybe" in str(backend.opened(other, "choice_logit"))


def test_weights_are_left_as_they_were(tmp_path: Path) -> None:
    backend = open_model(f"hf:{tiny_models.classifier(tmp_path / 'm')}")
    assert isinstance(backend, Opens)
    opened = backend.opened(LABEL, "choice_logit")
    assert not isinstance(opened, str)
    weights = dict(opened.module.named_parameters())
    name = next(iter(weights))
    weights[name].requires_grad_(False)
    seen: list[bool] = []

    def ask(batch: list[int]) -> list[int]:
        seen.append(any(weight.requires_grad for weight in weights.values()) or opened.module.training)
        return batch

    opened.module.train()
    assert dict(opened.in_passes([3, 4], ask)) == {0: 0, 1: 1}
    assert seen == [False]
    assert opened.module.training
    assert [key for key, weight in weights.items() if not weight.requires_grad] == [name]


@pytest.mark.parametrize(
    ("make", "tied"),
    [(tiny_models.causal, True), (tiny_models.masked, True), (tiny_models.classifier, False),
     (tiny_models.encoder_decoder, True)],
)  # fmt: skip
def test_random_weights_keep_nothing_that_was_learned(make: Any, tied: bool, tmp_path: Path) -> None:
    import torch

    folder = make(tmp_path / "m")
    backend: Any = open_model(f"hf:{folder}")
    assert isinstance(backend, Randomises)
    twin: Any = backend.randomised(5)
    module, other = backend._model.loaded.model, twin._model.loaded.model
    learned = dict(other.named_parameters())
    assert learned.keys() == dict(module.named_parameters()).keys()
    for name, weight in module.named_parameters():
        constant = learned[name].std() == 0 or learned[name].numel() == 1
        assert constant or not torch.isclose(weight, learned[name]).float().mean() > 0.1, name
    if tied:
        assert other.get_output_embeddings().weight is other.get_input_embeddings().weight
    same: Any = backend.randomised(5)
    assert all(map(torch.equal, same._model.loaded.model.parameters(), other.parameters()))
    assert len({backend.identity.id, twin.identity.id, backend.randomised(6).identity.id}) == 3
    assert same.identity.id == twin.identity.id
