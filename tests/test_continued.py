"""Rows that begin alike are continued from one beginning, and answer as whole rows do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from test_collect import table

from audit import continued
from audit.backends.huggingface import HuggingFace
from audit.collect import collect
from audit.passes import Loaded
from audit.records import Answer, Message, Prompt, Question

BEGINNING = "Greg applies as a software engineer. He has two years of experience and good references. " * 2
ENDS = ("Should they be invited? Answer:", "Should he be asked? Answer:", "A loan?")
TEXTS = (
    *(f"{'Emily ' * number}{BEGINNING}{end}" for number in range(4) for end in ENDS),
    "Emily applies as a nurse. Answer:",
    "Emily applies as a nurse and a",
    "Emily",
)
OPTIONS = (" Yes", " an old friend", " an old car", " No")
GROUPED = {**tiny_models.LLAMA, "head_dim": 16}
MORE: dict[str, tuple[dict[str, Any], Any]] = {
    "MistralForCausalLM": ({**tiny_models.LLAMA, "sliding_window": 100}, tiny_models.bytepairs),
    "Gemma2ForCausalLM": ({**GROUPED, "sliding_window": 100}, tiny_models.bytepairs),
    "Gemma3ForCausalLM": (GROUPED, tiny_models.bytepairs),
    "Qwen3ForCausalLM": (GROUPED, tiny_models.bytepairs),
    "PhiForCausalLM": ({**tiny_models.SMALL, "bos_token_id": 0, "eos_token_id": 2}, tiny_models.bytepairs),
    "MambaForCausalLM": (
        {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4, "pad_token_id": 1, "bos_token_id": 0,
         "eos_token_id": 2},
        tiny_models.bytepairs,
    ),
    "FalconForCausalLM": (
        {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "bos_token_id": 0, "eos_token_id": 2},
        tiny_models.bytepairs,
    ),
}  # fmt: skip
WHOLE = {"BloomForCausalLM", "MambaForCausalLM"}
"""Architectures that cannot be told where a token stands."""


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message(role="text", text=text),))


PROMPTS_ASKED = tuple(prompt(text) for text in TEXTS)


@dataclass
class Model:
    """A tiny model as a back end, and how many tokens each of its passes worked out."""

    backend: Any
    tokens: list[int]

    @property
    def loaded(self) -> Loaded:
        found: Loaded = self.backend._model.loaded
        return found

    def whole(self) -> None:
        """From now on every row is worked out whole."""
        self.backend._model.__dict__["_loaded"] = replace(self.loaded, continues=0)


def opened(folder: Path, **settings: object) -> Model:
    backend = HuggingFace.model_validate({"model": 1, "kind": "hf", "name": str(folder), **settings}).open()
    tokens: list[int] = []

    def count(module: Any, arguments: Any, named: dict[str, Any]) -> None:
        tokens.append(named["input_ids"].numel())

    assert hasattr(backend, "_model")
    backend._model.loaded.model.register_forward_pre_hook(count, with_kwargs=True)
    return Model(backend=backend, tokens=tokens)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Folder of a tiny model by its architecture, made once."""
    folders: dict[str, Path] = {}

    def folder(architecture: str) -> Path:
        if architecture not in folders:
            config, tokenizer = {**tiny_models.CAUSAL, **MORE}[architecture]
            folders[architecture] = tiny_models.save(
                tmp_path_factory.mktemp(architecture), model=architecture, tokenizer=tokenizer(), **config
            )
        return folders[architecture]

    yield folder


ASKED: dict[str, Callable[[Any], list[Answer]]] = {
    "options of one and of several tokens": lambda model: model.choose(PROMPTS_ASKED, OPTIONS),
    "whole texts": lambda model: model.log_likelihood(PROMPTS_ASKED),
    "next tokens": lambda model: model.next_token(PROMPTS_ASKED),
}


@pytest.mark.parametrize("architecture", sorted({*tiny_models.CAUSAL, *MORE} - WHOLE))
def test_continued_rows_answer_as_whole_rows_do(architecture: str, made: Callable[[str], Path]) -> None:
    model = opened(made(architecture))
    assert model.loaded.continues
    for what, ask in ASKED.items():
        model.tokens.clear()
        found, continued = ask(model.backend), sum(model.tokens)
        other = Model(backend=model.backend, tokens=model.tokens)
        before = other.loaded
        other.whole()
        model.tokens.clear()
        expected, whole = ask(model.backend), sum(model.tokens)
        model.backend._model.__dict__["_loaded"] = before
        assert continued < 0.75 * whole, what
        assert len({str(answer.scores) for answer in found}) > len(ENDS), "the answers tell nothing apart"
        for one, two in zip(found, expected, strict=True):
            assert one.scores is not None and two.scores is not None, what
            for name in one.scores.keys() & two.scores.keys():
                assert one.scores[name] == pytest.approx(two.scores[name], abs=1e-4), what


@pytest.mark.parametrize("architecture", sorted(WHOLE))
def test_a_model_that_cannot_be_told_what_to_look_at_reads_whole_rows(
    architecture: str, made: Callable[[str], Path]
) -> None:
    model = opened(made(architecture))
    assert not model.loaded.continues
    assert all(answer.scores for answer in model.backend.choose(PROMPTS_ASKED, OPTIONS))


def test_rows_beyond_a_sliding_window_are_worked_out_whole(tmp_path: Path) -> None:
    config = {**tiny_models.LLAMA, "sliding_window": 64}
    folder = tiny_models.save(
        tmp_path, model="MistralForCausalLM", tokenizer=tiny_models.bytepairs(), **config
    )
    model = opened(folder)
    assert model.loaded.continues == 64
    prompts = [*PROMPTS_ASKED, *(prompt(f"{text} {BEGINNING}") for text in TEXTS)]
    found = model.backend.log_likelihood(prompts)
    model.whole()
    for one, two in zip(found, model.backend.log_likelihood(prompts), strict=True):
        assert one.scores == pytest.approx(two.scores, abs=1e-4)


def test_a_model_whose_trial_differs_is_left_alone(made: Callable[[str], Path]) -> None:
    from audit.continued import with_continuing

    loaded = replace(opened(made("GPT2LMHeadModel")).loaded, continues=0)

    def shift(module: Any, arguments: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Positions as they stand in the sequence, whatever is said."""
        named.pop("position_ids", None)
        return arguments, named

    hook = loaded.model.register_forward_pre_hook(shift, with_kwargs=True)
    assert not with_continuing(loaded).continues
    hook.remove()
    assert with_continuing(loaded).continues


def test_a_root_of_many_passes_is_worked_out_once_and_answers_do_not_hang_on_it(
    made: Callable[[str], Path],
) -> None:
    model = opened(made("LlamaForCausalLM"), batch_tokens=400)
    system = BEGINNING * 4
    prompts = [prompt(f"{system}{number} {end}") for number in range(24) for end in ENDS]
    found = [model.backend.choose(prompts[at : at + 36], OPTIONS) for at in (0, 36)]
    kept = len(model.loaded.kept.ids)
    assert kept >= 64 and kept % 32 == 0
    assert model.tokens.count(kept) == 1
    again = opened(made("LlamaForCausalLM"), batch_tokens=400)
    for at in (36, 0):
        assert again.backend.choose(prompts[at : at + 36], OPTIONS) == found[at // 36]


def test_the_copies_of_a_root_are_bounded_in_bytes(made: Callable[[str], Path]) -> None:
    loaded = opened(made("LlamaForCausalLM")).loaded
    config = loaded.model.config
    width = config.num_key_value_heads * config.hidden_size // config.num_attention_heads
    assert loaded.token_bytes == config.num_hidden_layers * 2 * width * 4
    copies = continued.means_of(loaded, 400).copies
    assert copies * loaded.token_bytes <= continued.KEPT_ON_A_CPU < (copies + 1) * loaded.token_bytes


def test_a_remembered_root_is_not_taken_for_another_of_its_length(made: Callable[[str], Path]) -> None:
    model = opened(made("LlamaForCausalLM"), batch_tokens=400)
    systems = (BEGINNING * 4, BEGINNING.replace("Greg", "Emily") * 4)
    asked = [
        [prompt(f"{system}{number} {end}") for number in range(12) for end in ENDS] for system in systems
    ]
    found = [model.backend.choose(prompts, OPTIONS) for prompts in asked]
    assert model.loaded.kept.ids
    model.whole()
    for prompts, answers in zip(asked, found, strict=True):
        for one, two in zip(answers, model.backend.choose(prompts, OPTIONS), strict=True):
            assert one.scores == pytest.approx(two.scores, abs=1e-4)


def test_short_memory_halves_a_pass_of_continued_rows(made: Callable[[str], Path]) -> None:
    import torch

    model = opened(made("Qwen2ForCausalLM"))
    expected = model.backend.choose(PROMPTS_ASKED, OPTIONS)
    refused: list[int] = []

    def refuse(module: Any, arguments: Any, named: dict[str, Any]) -> None:
        if "position_ids" in named and named["input_ids"].numel() > 100:
            refused.append(named["input_ids"].numel())
            raise torch.OutOfMemoryError("CUDA out of memory.")

    model.loaded.model.register_forward_pre_hook(refuse, with_kwargs=True)
    for one, two in zip(model.backend.choose(PROMPTS_ASKED, OPTIONS), expected, strict=True):
        assert one.scores == pytest.approx(two.scores, abs=1e-5)
    assert refused


QUESTIONS = (
    Question(kind="choose", options=OPTIONS),
    Question(kind="likelihood"),
    Question(kind="next_token"),
    Question(kind="rate", low=1, high=5),
)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.kind)
def test_a_collection_asks_prompts_that_begin_alike_together_and_gives_the_same_bytes_again(
    question: Question, made: Callable[[str], Path], tmp_path: Path
) -> None:
    texts = [f"{'Emily ' * (number % 7)}{BEGINNING}{number} {end}" for number in range(30) for end in ENDS]
    both = []
    for name, order in (("one", texts), ("other", texts[::-1])):
        model = opened(made("LlamaForCausalLM"))
        found = collect(table(order), backend=model.backend, question=question, cache=tmp_path / name)
        assert found.failed == 0 and found.asked == len(texts)
        both.append(found.responses.set_index("prompt_id").sort_index()["scores"])
        continued = sum(model.tokens)
    assert both[0].equals(both[1])
    whole = opened(made("LlamaForCausalLM"))
    whole.whole()
    collect(table(texts), backend=whole.backend, question=question, cache=tmp_path / "whole")
    assert continued < 0.7 * sum(whole.tokens)


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(
    made: Callable[[str], Path], tmp_path: Path
) -> None:
    texts = [f"{'Emily ' * (number % 7)}{BEGINNING}{number} {end}" for number in range(80) for end in ENDS]
    question = QUESTIONS[0]

    def gathered(name: str, stop_at: int | None = None) -> Any:
        def tell(what: str, done: int, total: int) -> None:
            if stop_at is not None and done >= stop_at:
                raise KeyboardInterrupt

        backend = opened(made("LlamaForCausalLM"), batch_tokens=400).backend
        return collect(table(texts), backend=backend, question=question, cache=tmp_path / name, progress=tell)

    whole = gathered("whole").responses["scores"]
    for stop_at in (1, 60, 120):
        with pytest.raises(KeyboardInterrupt):
            gathered("stopped", stop_at)
    resumed = gathered("stopped")
    assert 0 < resumed.reused < len(texts)
    assert resumed.responses["scores"].equals(whole)
