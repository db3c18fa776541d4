"""Ratings, gaps, encoder-decoder models: the numbers against plain calls of transformers, one row at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny_models

from audit.backends.huggingface import HuggingFace
from audit.collect import collect
from audit.errors import InputError
from audit.modelfile import open_model
from audit.protocols import Chooses, Classifies, Generates, Masks, Rates, ScoresText
from audit.records import PROMPTS, Message, Prompt, Question

TEXTS = (
    "Emily",
    "Greg has a car, a loan and an old friend.",
    "Emily applies as a nurse. She has seven years of experience.",
    "The committee reads the letter, asks three questions and decides. Should they be invited? Answer:",
)
OPTIONS = (" Yes", " No", " an old friend", " 10")
RATING = Question(kind="rate", low=1, high=10)


def prompt(text: str, role: Any = "text") -> Prompt:
    return Prompt(messages=(Message(role=role, text=text),))


ASKED = tuple(prompt(text) for text in TEXTS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Path]]:
    """Folder of a tiny model by its architecture, made once; `rating`: with one output."""
    folders: dict[tuple[str, bool], Path] = {}

    def folder(architecture: str, *, rating: bool = False) -> Path:
        place = tmp_path_factory.mktemp(architecture)
        if (architecture, rating) not in folders:
            if architecture in tiny_models.CLASSIFIERS:
                labels = {"num_labels": 1} if rating else {}
                folders[architecture, rating] = tiny_models.classifier(place, architecture, **labels)
            elif architecture in tiny_models.MASKED:
                folders[architecture, rating] = tiny_models.masked(place, architecture)
            else:
                folders[architecture, rating] = tiny_models.encoder_decoder(place, architecture)
        return folders[architecture, rating]

    yield folder


def opened(folder: Path, **settings: object) -> Any:
    return HuggingFace.model_validate({"model": 1, "kind": "hf", "name": str(folder), **settings}).open()


def plain(folder: Path, kind: str) -> tuple[Any, Any]:
    """Model and tokenizer as transformers loads them."""
    import transformers

    model = getattr(transformers, kind).from_pretrained(folder).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


# ---------------------------------------------------------------------- ratings


@pytest.mark.parametrize("architecture", tiny_models.CLASSIFIERS)
def test_a_rating_is_the_raw_output_of_a_model_with_one(architecture: str, made: Callable[..., Path]) -> None:
    import torch

    folder = made(architecture, rating=True)
    answers = opened(folder).rate(ASKED, RATING)
    model, tokenizer = plain(folder, "AutoModelForSequenceClassification")
    for text, answer in zip(TEXTS, answers, strict=True):
        with torch.no_grad():
            expected = float(model(**tokenizer(text, return_tensors="pt")).logits[0, 0])
        assert answer.scores == {"rating": pytest.approx(expected, abs=1e-5)}


def test_a_model_of_ratings_rates_and_does_nothing_else(made: Callable[..., Path]) -> None:
    model = opened(made("BertForSequenceClassification", rating=True))
    assert isinstance(model, Rates) and isinstance(model, Masks)
    assert not isinstance(model, Classifies | Chooses | Generates | ScoresText)


def test_a_scale_of_its_own_is_moved_onto_the_questions(made: Callable[..., Path]) -> None:
    folder = made("BertForSequenceClassification", rating=True)
    raw = [answer.scores["rating"] for answer in opened(folder).rate(ASKED, RATING)]
    moved = [
        answer.scores["rating"] for answer in opened(folder, scale={"low": -1, "high": 1}).rate(ASKED, RATING)
    ]
    turned = [
        answer.scores["rating"] for answer in opened(folder, scale={"low": 1, "high": -1}).rate(ASKED, RATING)
    ]
    assert moved == pytest.approx([1 + 9 * (value + 1) / 2 for value in raw])
    assert turned == pytest.approx([11 - value for value in moved])


def test_ratings_outside_the_scale_are_collected_and_counted_as_they_are(
    made: Callable[..., Path], tmp_path: Path
) -> None:
    import numpy as np

    from audit.metrics.rating import RATING as METRIC
    from audit.protocols import Answers

    model = opened(made("BertForSequenceClassification", rating=True), scale={"low": 100, "high": 101})
    found = collect(table(ASKED), backend=model, question=RATING, cache=tmp_path / "cache").responses
    assert found["error"].tolist() == [""] * len(ASKED)
    values = [json.loads(scores)["rating"] for scores in found["scores"]]
    assert max(values) < 0
    answers = Answers(
        prompt_ids=found["prompt_id"].tolist(), items=[""] * 4, texts=[""] * 4, errors=[""] * 4,
        labels=("rating",), log_probs=np.array(values)[:, None],
    )  # fmt: skip
    scored = METRIC.score(answers, RATING)
    assert scored.values.tolist() == values
    assert list(scored.reasons) == [""] * 4


def test_a_scale_in_a_model_file_has_two_ends(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made("BertForSequenceClassification", rating=True)
    file = tmp_path / "model.yaml"
    head = f"model: 1\nkind: hf\nname: {folder}\nscale: "
    file.write_text(head + "{low: 0, high: 1}\n")
    assert open_model(str(file)).identity.settings["scale"] == [0.0, 1.0]
    for wrong, message in (
        ("{low: 0}", "4:8: the key 'high' is missing"),
        ("{low: 0, high: much}", "4:23: 'high' is 'much'; allowed: a number"),
        ("5", "4:8: 'scale' is the number 5; allowed: a mapping"),
    ):
        file.write_text(head + wrong + "\n")
        with pytest.raises(InputError, match=message):
            open_model(str(file))


@pytest.mark.parametrize("rating, settings, message", [
    (True, {"labels": {"LABEL_0": "score"}}, "a single output, which is a rating and has no use for 'labels'"),
    (True, {"scale": {"low": 3, "high": 3}}, "'scale' has two equal ends"),
    (False, {"scale": {"low": 0, "high": 1}}, "has 2 labels; 'scale' is for models with one output"),
])  # fmt: skip
def test_settings_that_do_not_fit_the_number_of_outputs_are_refused(
    rating: bool, settings: dict[str, object], message: str, made: Callable[..., Path]
) -> None:
    with pytest.raises(InputError, match=message):
        opened(made("BertForSequenceClassification", rating=rating), **settings)


def table(prompts: Sequence[Prompt]) -> pd.DataFrame:
    """Prompts as the stage `collect` gets them."""
    empty = dict.fromkeys(("item", "axis", "template", "cluster", "name", "group", "stratum", "base_id"), "")
    return PROMPTS.frame(
        {
            **empty, "prompt_id": one.id, "arm": "swap", "position": 0, "repeats": 1, "spans": "[]",
            "messages": json.dumps([[message.role, message.text] for message in one.messages]),
        }
        for one in prompts
    )  # fmt: skip


# ------------------------------------------------------------------------- gaps


def gap_score(model: Any, tokenizer: Any, before: str, option: str, after: str) -> float:
    """One unbatched row a token of the option, that token hidden, by the library's own loss of the only label."""
    import torch

    coded = tokenizer(before + option + after, return_offsets_mapping=True)
    ids, offsets = coded["input_ids"], coded["offset_mapping"]
    start, end = len(before), len(before) + len(option)
    inside = [at for at, (a, b) in enumerate(offsets) if a < b and a < end and b > start]
    total = 0.0
    for at in inside:
        row, labels = torch.tensor([ids]), torch.full((1, len(ids)), -100)
        labels[0, at], row[0, at] = ids[at], tokenizer.mask_token_id
        with torch.no_grad():
            total -= float(model(input_ids=row, labels=labels).loss)
    return total


@pytest.mark.parametrize("architecture", tiny_models.MASKED)
def test_options_are_compared_in_the_gap_after_a_prompt(architecture: str, made: Callable[..., Path]) -> None:
    answers = opened(made(architecture)).choose(ASKED, OPTIONS)
    model, tokenizer = plain(made(architecture), "AutoModelForMaskedLM")
    for text, answer in zip(TEXTS, answers, strict=True):
        expected = [gap_score(model, tokenizer, text, option, "") for option in OPTIONS]
        assert list(answer.scores) == list(OPTIONS)
        assert list(answer.scores.values()) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("gap", ["[MASK]", "<mask>"])
@pytest.mark.parametrize("architecture", ["BertForMaskedLM", "RobertaForMaskedLM"])
def test_options_are_compared_in_the_gap_within_a_prompt_however_it_is_written(
    architecture: str, gap: str, made: Callable[..., Path]
) -> None:
    before, after = "Should they be invited? Answer: ", ". She has a car."
    answer = opened(made(architecture)).choose([prompt(before + gap + after)], OPTIONS)[0]
    model, tokenizer = plain(made(architecture), "AutoModelForMaskedLM")
    expected = [gap_score(model, tokenizer, before, option.strip(), after) for option in OPTIONS]
    assert list(answer.scores.values()) == pytest.approx(expected, abs=1e-4)


def test_an_option_of_one_token_has_the_log_softmax_at_the_mask(made: Callable[..., Path]) -> None:
    import torch

    folder = made("BertForMaskedLM")
    model, tokenizer = plain(folder, "AutoModelForMaskedLM")
    row = tokenizer("Should they be invited? Answer: [MASK]", return_tensors="pt")
    at = row["input_ids"][0].tolist().index(tokenizer.mask_token_id)
    with torch.no_grad():
        logs = model(**row).logits[0, at].double().log_softmax(-1)
    found = opened(folder).choose([prompt("Should they be invited? Answer:")], ["Yes", " No"])[0].scores
    expected = [float(logs[tokenizer.convert_tokens_to_ids(word)]) for word in ("yes", "no")]
    assert [len(tokenizer(word, add_special_tokens=False)["input_ids"]) for word in ("Yes", "No")] == [1, 1]
    assert found == {"Yes": pytest.approx(expected[0], abs=1e-5), " No": pytest.approx(expected[1], abs=1e-5)}


@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
def test_neighbours_and_batch_size_change_no_gap(batch_tokens: int, made: Callable[..., Path]) -> None:
    model = opened(made("RobertaForMaskedLM"), batch_tokens=batch_tokens)
    together = model.choose(ASKED, OPTIONS)
    for one, answer in zip(ASKED, together, strict=True):
        assert answer.scores == pytest.approx(dict(model.choose([one], OPTIONS)[0].scores), abs=1e-5)


def test_gaps_that_cannot_be_filled_are_failed_records(made: Callable[..., Path]) -> None:
    model = opened(made("RobertaForMaskedLM"))
    asked = [prompt("A [MASK] and a <mask>."), prompt("Yes" * 80), ASKED[0]]
    answers = model.choose(asked, [" Yes", " No"])
    assert answers[0].error == "the prompt holds several masks; an option can stand in one"
    assert str(answers[1].error).startswith("longer than the model: ")
    assert answers[2].error is None
    assert (
        model.choose([ASKED[0]], ["", " No"])[0].error == "an option adds no token of its own to this prompt"
    )


# -------------------------------------------------------------- encoder-decoder


def decoder_score(model: Any, tokenizer: Any, source: str, target: str) -> tuple[float, int]:
    """Sum and number of the target's own tokens by one unbatched row, labels and all, as the library trains it."""
    import torch

    row = tokenizer(source, return_tensors="pt")
    labels = tokenizer(text_target=target, return_special_tokens_mask=True)
    with torch.no_grad():
        logits = model(
            input_ids=row["input_ids"], attention_mask=row["attention_mask"],
            labels=torch.tensor([labels["input_ids"]]),
        ).logits[0].double().log_softmax(-1)  # fmt: skip
    own = [at for at, special in enumerate(labels["special_tokens_mask"]) if not special]
    return sum(float(logits[at, labels["input_ids"][at]]) for at in own), len(own)


@pytest.mark.parametrize("architecture", tiny_models.ENCODER_DECODERS)
@pytest.mark.parametrize("batch_tokens", [1, 60, 10_000])
def test_options_are_scored_in_the_decoder(
    architecture: str, batch_tokens: int, made: Callable[..., Path]
) -> None:
    answers = opened(made(architecture), batch_tokens=batch_tokens).choose(ASKED, OPTIONS)
    model, tokenizer = plain(made(architecture), "AutoModelForSeq2SeqLM")
    for text, answer in zip(TEXTS, answers, strict=True):
        expected = [decoder_score(model, tokenizer, text, option.strip())[0] for option in OPTIONS]
        assert list(answer.scores) == list(OPTIONS)
        assert list(answer.scores.values()) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("architecture", tiny_models.ENCODER_DECODERS)
def test_the_likelihood_of_an_answer_given_a_prompt(architecture: str, made: Callable[..., Path]) -> None:
    talks = [
        Prompt(messages=(Message(role="user", text=text), Message(role="assistant", text=answer)))
        for text, answer in zip(TEXTS, ("Yes", "She is a nurse.", "No", "an old friend"), strict=True)
    ]
    answers = opened(made(architecture)).log_likelihood([*talks, ASKED[0]])
    model, tokenizer = plain(made(architecture), "AutoModelForSeq2SeqLM")
    for talk, answer in zip(talks, answers, strict=False):
        source, target = (message.text for message in talk.messages)
        total, tokens = decoder_score(model, tokenizer, source, target)
        assert answer.scores == {"log_likelihood": pytest.approx(total, rel=1e-6, abs=1e-4), "tokens": tokens}
    assert str(answers[-1].error).startswith("an encoder-decoder model scores an answer after a prompt")


@pytest.mark.parametrize("architecture", tiny_models.ENCODER_DECODERS)
def test_temperature_zero_writes_what_greedy_decoding_does(
    architecture: str, made: Callable[..., Path]
) -> None:
    folder = made(architecture)
    question = Question(kind="generate", max_tokens=6)
    answers = opened(folder, temperature=0.0).generate(ASKED, repeat=0, question=question)
    model, tokenizer = plain(folder, "AutoModelForSeq2SeqLM")
    for text, answer in zip(TEXTS, answers, strict=True):
        row = tokenizer(text, return_tensors="pt")
        ids = model.generate(
            input_ids=row["input_ids"], attention_mask=row["attention_mask"], max_new_tokens=6,
            do_sample=False, num_beams=1,
        )  # fmt: skip
        assert answer.text == tokenizer.decode(ids[0], skip_special_tokens=True)


@pytest.mark.parametrize("architecture", tiny_models.ENCODER_DECODERS)
def test_an_encoder_decoder_draws_the_same_text_in_whatever_batch(
    architecture: str, made: Callable[..., Path]
) -> None:
    model = opened(made(architecture), system="Be brief.")
    question = Question(kind="generate", max_tokens=6)
    together = model.generate(ASKED, repeat=0, question=question)
    assert together == [model.generate([one], repeat=0, question=question)[0] for one in ASKED]
    assert together != model.generate(ASKED, repeat=1, question=question)
    assert opened(made(architecture)).choose(ASKED, OPTIONS) != model.choose(ASKED, OPTIONS)


def test_an_encoder_decoder_refuses_what_it_has_no_use_for(made: Callable[..., Path]) -> None:
    folder = made("T5ForConditionalGeneration")
    model = opened(folder)
    assert isinstance(model, Chooses) and isinstance(model, Generates) and isinstance(model, ScoresText)
    assert not isinstance(model, Classifies | Rates)
    with pytest.raises(InputError, match=r"'chat_template' is for causal language models$"):
        opened(folder, chat_template=False)
    with pytest.raises(InputError, match=r"'labels' is for classifiers$"):
        opened(folder, labels={"a": "b"})


def test_a_prompt_longer_than_the_encoder_and_an_empty_option_are_failed_records(
    made: Callable[..., Path],
) -> None:
    model = opened(made("BartForConditionalGeneration"))
    answers = model.choose([prompt(" Yes" * 200), ASKED[0]], [" Yes", " No"])
    assert str(answers[0].error).endswith("limit 128")
    assert answers[1].error is None
    assert (
        model.choose([ASKED[0]], ["", "No"])[0].error == "an option adds no token of its own to this prompt"
    )
