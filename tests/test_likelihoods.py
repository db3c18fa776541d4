from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_models

from audit.backends.huggingface import HuggingFace
from audit.errors import InputError
from audit.protocols import Chooses, Classifies, Generates, PredictsNext, ScoresText
from audit.records import Message, Prompt

TEXTS = (
    "Emily",
    "Greg has a car, a loan and an old friend.",
    "Emily applies as a nurse. She has seven years of experience.",
    "The committee reads the letter, asks three questions and decides. Should they be invited? Answer:",
)


def prompt(text: str, role: Any = "text") -> Prompt:
    return Prompt(messages=(Message(role=role, text=text),))


PROMPTS = tuple(prompt(text) for text in TEXTS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Folder of a tiny model by its architecture, made once."""
    folders: dict[str, Path] = {}

    def folder(architecture: str) -> Path:
        if architecture not in folders:
            make = tiny_models.masked if architecture in tiny_models.MASKED else tiny_models.causal
            folders[architecture] = make(tmp_path_factory.mktemp(architecture), architecture)
        return folders[architecture]

    yield folder


def opened(folder: Path, **settings: object) -> Any:
    return HuggingFace.model_validate({"model": 1, "kind": "hf", "name": str(folder), **settings}).open()


def plain(folder: Path, kind: str) -> tuple[Any, Any]:
    """Model and tokenizer as transformers loads them."""
    import transformers

    model = getattr(transformers, kind).from_pretrained(folder).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def causal_log_likelihood(model: Any, tokenizer: Any, text: str) -> tuple[float, int]:
    """The library's own loss of one unbatched row, times its number of predicted tokens."""
    import torch

    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    row = torch.tensor([[tokenizer.bos_token_id, *ids]])
    with torch.no_grad():
        loss = model(input_ids=row, labels=row).loss
    return -float(loss) * len(ids), len(ids)


def masked_log_likelihood(model: Any, tokenizer: Any, text: str) -> tuple[float, int]:
    """One unbatched row a token, by the library's own loss of the only label."""
    import torch

    coded = tokenizer(text, return_special_tokens_mask=True)
    ids, special = coded["input_ids"], coded["special_tokens_mask"]
    total = 0.0
    for at in [at for at, is_special in enumerate(special) if not is_special]:
        row = torch.tensor([ids])
        labels = torch.full_like(row, -100)
        labels[0, at], row[0, at] = row[0, at].clone(), tokenizer.mask_token_id
        with torch.no_grad():
            total -= float(model(input_ids=row, labels=labels).loss)
    return total, special.count(0)


# ------------------------------------------------------------------ whole texts


@pytest.mark.parametrize("architecture", tiny_models.CAUSAL)
def test_a_log_likelihood_is_the_librarys_own_loss_of_one_row(
    architecture: str, made: Callable[[str], Path]
) -> None:
    answers = opened(made(architecture)).log_likelihood(PROMPTS)
    model, tokenizer = plain(made(architecture), "AutoModelForCausalLM")
    for text, answer in zip(TEXTS, answers, strict=True):
        total, tokens = causal_log_likelihood(model, tokenizer, text)
        assert answer.scores["log_likelihood"] == pytest.approx(total, abs=1e-4)
        assert answer.scores["tokens"] == tokens


@pytest.mark.parametrize("architecture", tiny_models.MASKED)
def test_a_pseudo_log_likelihood_masks_one_token_at_a_time(
    architecture: str, made: Callable[[str], Path]
) -> None:
    answers = opened(made(architecture)).log_likelihood(PROMPTS)
    model, tokenizer = plain(made(architecture), "AutoModelForMaskedLM")
    for text, answer in zip(TEXTS, answers, strict=True):
        total, tokens = masked_log_likelihood(model, tokenizer, text)
        assert answer.scores["pseudo_log_likelihood"] == pytest.approx(total, abs=1e-4)
        assert answer.scores["tokens"] == tokens


@pytest.mark.parametrize("architecture", ["LlamaForCausalLM", "RobertaForMaskedLM"])
@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
def test_neighbours_and_batch_size_change_no_likelihood(
    architecture: str, batch_tokens: int, made: Callable[[str], Path]
) -> None:
    model = opened(made(architecture), batch_tokens=batch_tokens)
    together = model.log_likelihood(PROMPTS)
    for one, answer in zip(PROMPTS, together, strict=True):
        assert answer.scores == pytest.approx(dict(model.log_likelihood([one])[0].scores), abs=1e-5)
    assert model.log_likelihood(PROMPTS) == together


def test_without_a_token_that_begins_texts_the_first_token_is_only_context(tmp_path: Path) -> None:
    import torch

    tokenizer = tiny_models.bytepairs()
    tokenizer.bos_token = None
    folder = tiny_models.causal(tmp_path, "Qwen2ForCausalLM", tokenizer=tokenizer)
    model, tokenizer = plain(folder, "AutoModelForCausalLM")
    ids = tokenizer(TEXTS[1])["input_ids"]
    with torch.no_grad():
        logs = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    expected = sum(float(logs[at - 1, ids[at]]) for at in range(1, len(ids)))
    answer = opened(folder).log_likelihood([PROMPTS[1]])[0]
    assert answer.scores == pytest.approx({"log_likelihood": expected, "tokens": len(ids) - 1}, abs=1e-4)
    one = next(text for text in ("a", "s", "e") if len(tokenizer(text)["input_ids"]) == 1)
    assert opened(folder).log_likelihood([prompt(one)])[0].error.startswith("nothing to score")


@pytest.mark.parametrize("architecture", ["GPT2LMHeadModel", "LlamaForCausalLM", "BertForMaskedLM"])
def test_an_empty_text_is_a_failed_record_beside_others_that_are_scored(
    architecture: str, made: Callable[[str], Path]
) -> None:
    answers = opened(made(architecture)).log_likelihood([prompt(""), PROMPTS[1], prompt("")])
    assert [answer.error for answer in answers][::2] == [
        "nothing to score: the text has no token that follows another"
    ] * 2
    assert answers[1].error is None


@pytest.mark.parametrize("architecture, limit", [("OPTForCausalLM", 128), ("RobertaForMaskedLM", 64)])
def test_a_text_longer_than_the_model_is_a_failed_record_and_is_never_cut(
    architecture: str, limit: int, made: Callable[[str], Path]
) -> None:
    model = opened(made(architecture))
    answers = model.log_likelihood([prompt(" Yes" * (limit + 1)), PROMPTS[0]])
    assert answers[0].error.startswith("longer than the model: ")
    assert answers[0].error.endswith(f" tokens, limit {limit}")
    assert answers[1].error is None


def test_a_text_is_scored_bare_whatever_a_chat_model_would_put_around_it(tmp_path: Path) -> None:
    tokenizer = tiny_models.bytepairs(begins=True, chat=True)
    folder = tiny_models.causal(tmp_path, "LlamaForCausalLM", tokenizer=tokenizer)
    model, tokenizer = plain(folder, "AutoModelForCausalLM")
    answer = opened(folder, system="Be brief.").log_likelihood([PROMPTS[1]])[0]
    total, _ = causal_log_likelihood(model, tokenizer, TEXTS[1])
    assert answer.scores["log_likelihood"] == pytest.approx(total, abs=1e-4)


# ------------------------------------------------------------------ next tokens


@pytest.mark.parametrize("architecture", tiny_models.CAUSAL)
def test_next_tokens_are_the_likeliest_of_the_last_position_and_all_others_together(
    architecture: str, made: Callable[[str], Path]
) -> None:
    import torch

    answers = opened(made(architecture)).next_token(PROMPTS)
    model, tokenizer = plain(made(architecture), "AutoModelForCausalLM")
    ends = tokenizer("x")["input_ids"][-1] == tokenizer.eos_token_id
    for text, answer in zip(TEXTS, answers, strict=True):
        ids = tokenizer(text)["input_ids"][: -1 if ends else None]
        with torch.no_grad():
            logs = model(torch.tensor([ids])).logits[0, -1].double().log_softmax(-1)
        best = logs.topk(50)
        names = tokenizer.convert_ids_to_tokens(best.indices.tolist())
        rest = math.log(1 - float(best.values.exp().sum()))
        expected = {**dict(zip(names, best.values.tolist(), strict=True)), "": rest}
        assert answer.scores == pytest.approx(expected, abs=1e-4)
        assert math.fsum(map(math.exp, answer.scores.values())) == pytest.approx(1, abs=1e-9)


def test_the_mass_of_all_other_tokens_is_finite_where_the_model_is_almost_sure(tmp_path: Path) -> None:
    folder = tiny_models.causal(tmp_path, "GPT2LMHeadModel", initializer_range=20.0)
    for answer in opened(folder).next_token(PROMPTS):
        assert answer.error is None
        assert math.isfinite(answer.scores[""])


def test_a_chat_model_is_asked_for_the_first_token_of_its_answer(tmp_path: Path) -> None:
    import torch

    tokenizer = tiny_models.bytepairs(begins=True, chat=True)
    folder = tiny_models.causal(tmp_path, "LlamaForCausalLM", tokenizer=tokenizer)
    model, tokenizer = plain(folder, "AutoModelForCausalLM")
    text = f"<|system|>\nBe brief.\n<|user|>\n{TEXTS[1]}\n<|assistant|>\n"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logs = model(torch.tensor([ids])).logits[0, -1].double().log_softmax(-1)
    answer = opened(folder, system="Be brief.").next_token([PROMPTS[1]])[0]
    likeliest = max(value for token, value in answer.scores.items() if token)
    assert likeliest == pytest.approx(float(logs.max()), abs=1e-4)


def test_an_empty_prompt_has_no_next_token_where_nothing_begins_it(made: Callable[[str], Path]) -> None:
    empty, other = opened(made("GPT2LMHeadModel")).next_token([prompt(""), PROMPTS[1]])
    assert empty.error == "the prompt has no token that another could follow"
    assert other.error is None
    assert opened(made("LlamaForCausalLM")).next_token([prompt("")])[0].error is None


# ---------------------------------------------------------------------- opening


def test_a_masked_model_scores_texts_and_options_and_nothing_else(made: Callable[[str], Path]) -> None:
    masked, causal = opened(made("BertForMaskedLM")), opened(made("GPT2LMHeadModel"))
    assert isinstance(masked, ScoresText) and isinstance(masked, Chooses)
    assert not isinstance(masked, PredictsNext | Classifies | Generates)
    assert isinstance(causal, ScoresText) and isinstance(causal, PredictsNext)
    assert masked.identity.settings["task"] == "fill"


@pytest.mark.parametrize("settings, message", [
    ({"system": "Be brief."}, "is a masked language model; 'system' is for causal language models"),
    ({"temperature": 0.5}, "is a masked language model; 'temperature' is"),
    ({"labels": {"a": "b"}}, "is a masked language model; 'labels' is for classifiers"),
])  # fmt: skip
def test_a_setting_that_does_nothing_for_a_masked_model_is_refused(
    settings: dict[str, object], message: str, made: Callable[[str], Path]
) -> None:
    with pytest.raises(InputError, match=message):
        opened(made("BertForMaskedLM"), **settings)


def test_a_masked_model_without_a_mask_token_is_refused(tmp_path: Path) -> None:
    folder = tiny_models.masked(tmp_path, tokenizer=tiny_models.wordpiece(mask=False))
    with pytest.raises(InputError, match="a masked language model, but its tokenizer names no mask token"):
        opened(folder)
