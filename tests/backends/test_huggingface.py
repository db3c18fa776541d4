from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny_models

from audit.backends.huggingface import CausalLM, Classifier, HuggingFace
from audit.devices import has_instructions
from audit.errors import InputError
from audit.modelfile import open_model
from audit.protocols import Backend, Chooses, Classifies, Generates, Masks
from audit.records import Message, Prompt, Question

TEXTS = (
    "Emily",
    "Greg has a car, a loan and an old friend.",
    "Emily applies as a nurse. She has seven years of experience.",
    "The committee reads the letter, asks three questions and decides. Should they be invited? Answer:",
)
LOWER = [dtype for dtype in ("float16", "bfloat16") if has_instructions(dtype)]
OPTIONS = (" Yes", " No", " an old friend", " 1", " 10")


def prompt(text: str, role: Any = "text") -> Prompt:
    return Prompt(messages=(Message(role=role, text=text),))


PROMPTS = tuple(prompt(text) for text in TEXTS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Folder of a tiny model by its architecture, made once."""
    folders: dict[str, Path] = {}

    def folder(architecture: str) -> Path:
        if architecture not in folders:
            make = tiny_models.classifier if architecture in tiny_models.CLASSIFIERS else tiny_models.causal
            folders[architecture] = make(tmp_path_factory.mktemp(architecture), architecture)
        return folders[architecture]

    yield folder


@pytest.fixture
def own(made: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a tiny model that the test may change."""
    return lambda architecture: shutil.copytree(made(architecture), tmp_path / architecture)


def opened(folder: Path, **settings: object) -> Any:
    return HuggingFace.model_validate({"model": 1, "kind": "hf", "name": str(folder), **settings}).open()


def change_config(folder: Path, **values: object) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
    return folder


def plain(folder: Path, kind: str) -> tuple[Any, Any]:
    """Model and tokenizer as transformers loads them."""
    import transformers

    model = getattr(transformers, kind).from_pretrained(folder).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def option_log_prob(model: Any, tokenizer: Any, text: str, option: str) -> float:
    """One row, one option, token by token."""
    import torch

    ends = tokenizer("x")["input_ids"][-1] == tokenizer.eos_token_id
    head, joint = (tokenizer(t)["input_ids"][: -1 if ends else None] for t in (text, text + option))
    start = 0
    while start < len(head) and head[start] == joint[start]:
        start += 1
    total = 0.0
    for at in range(start, len(joint)):
        with torch.no_grad():
            logits = model(torch.tensor([joint[:at]])).logits[0, -1].double()
        total += float(logits[joint[at]] - logits.logsumexp(-1))
    return total


def ended_log_prob(model: Any, tokenizer: Any, text: str, option: str, options: Sequence[str]) -> float:
    """The same, less what goes on to another of the options: one row for each next token."""
    import torch

    ids = tokenizer(text + option)["input_ids"]
    others = [tokenizer(text + other)["input_ids"] for other in options]
    onward = {row[len(ids)] for row in others if len(row) > len(ids) and row[: len(ids)] == ids}
    total = option_log_prob(model, tokenizer, text, option)
    if not onward:
        return total
    with torch.no_grad():
        last = model(torch.tensor([ids])).logits[0, -1].double().softmax(-1)
    return total + math.log1p(-float(last[list(onward)].sum()))


# ------------------------------------------------------------------ the numbers


@pytest.mark.parametrize("architecture", tiny_models.CLASSIFIERS)
def test_a_batch_of_a_classifier_answers_as_transformers_does_one_by_one(
    architecture: str, made: Callable[[str], Path]
) -> None:
    import torch

    answers = opened(made(architecture)).classify(PROMPTS)
    model, tokenizer = plain(made(architecture), "AutoModelForSequenceClassification")
    for text, answer in zip(TEXTS, answers, strict=True):
        with torch.no_grad():
            expected = model(**tokenizer(text, return_tensors="pt")).logits.log_softmax(-1)[0].tolist()
        assert list(answer.scores) == ["LABEL_0", "LABEL_1"]
        assert list(answer.scores.values()) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("architecture", tiny_models.CAUSAL)
def test_a_batch_of_options_scores_as_a_loop_over_tokens_does(
    architecture: str, made: Callable[[str], Path]
) -> None:
    answers = opened(made(architecture)).choose(PROMPTS, OPTIONS)
    model, tokenizer = plain(made(architecture), "AutoModelForCausalLM")
    for text, answer in zip(TEXTS, answers, strict=True):
        expected = [ended_log_prob(model, tokenizer, text, option, OPTIONS) for option in OPTIONS]
        assert list(answer.scores) == list(OPTIONS)
        assert list(answer.scores.values()) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("batch_tokens", [1, 10_000])
def test_a_number_that_another_begins_with_does_not_get_the_others_share(
    batch_tokens: int, tmp_path: Path
) -> None:
    """1 of the scale 0 to 100 is 1 and neither 10 to 19 nor 100, where a tokenizer writes digits one by one."""
    folder = tiny_models.causal(tmp_path / "m", tokenizer=tiny_models.bytepairs(digits=True))
    options = tuple(f" {number}" for number in range(101))
    answers = opened(folder, batch_tokens=batch_tokens).choose(PROMPTS[:2], options)
    model, tokenizer = plain(folder, "AutoModelForCausalLM")
    assert len(tokenizer(" 100")["input_ids"]) == 4
    for text, answer in zip(TEXTS, answers, strict=False):
        for option in (" 0", " 1", " 7", " 10", " 11", " 99", " 100"):
            expected = ended_log_prob(model, tokenizer, text, option, options)
            assert answer.scores[option] == pytest.approx(expected, abs=1e-4)
        assert answer.scores[" 1"] < option_log_prob(model, tokenizer, text, " 1") - 1e-4
        assert answer.scores[" 100"] == pytest.approx(
            option_log_prob(model, tokenizer, text, " 100"), abs=1e-4
        )
        assert math.fsum(map(math.exp, answer.scores.values())) <= 1 + 1e-6


def test_the_score_that_gradients_are_of_is_that_of_the_answers_where_an_option_begins_another(
    tmp_path: Path,
) -> None:
    folder = tiny_models.causal(tmp_path / "m", tokenizer=tiny_models.bytepairs(digits=True))
    model = opened(folder)
    question = Question(kind="choose", options=(" 1", " 10", " 2"), favourable=" 1")
    (answer,) = model.choose(PROMPTS[1:2], question.options)
    seen = model.opened(question, "choice_logit")
    (score,) = seen.scores(seen.read(PROMPTS[1:2])).tolist()
    others = math.log(math.exp(answer.scores[" 10"]) + math.exp(answer.scores[" 2"]))
    assert score == pytest.approx(answer.scores[" 1"] - others, abs=1e-4)


@pytest.mark.parametrize("batch_tokens", [1, 30, 10_000])
def test_neighbours_and_batch_size_change_no_answer(batch_tokens: int, made: Callable[[str], Path]) -> None:
    classifier = opened(made("BertForSequenceClassification"), batch_tokens=batch_tokens)
    together = classifier.classify(PROMPTS)
    causal = opened(made("LlamaForCausalLM"), batch_tokens=batch_tokens)
    chosen = causal.choose(PROMPTS, OPTIONS)
    for at, one in enumerate(PROMPTS):
        assert together[at].scores == pytest.approx(dict(classifier.classify([one])[0].scores), abs=1e-5)
        assert chosen[at].scores == pytest.approx(dict(causal.choose([one], OPTIONS)[0].scores), abs=1e-5)


def test_a_model_that_padding_would_disturb_is_found_out_and_never_padded(
    made: Callable[[str], Path],
) -> None:
    assert not opened(made("XLNetForSequenceClassification"))._model.loaded.pads
    assert opened(made("BertForSequenceClassification"))._model.loaded.pads


def test_a_model_that_gives_no_number_gives_a_failed_record_for_that_prompt_alone(
    own: Callable[[str], Path],
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = own("BertForSequenceClassification")
    _, tokenizer = plain(folder, "AutoModelForSequenceClassification")
    weights = load_file(folder / "model.safetensors")
    word = tokenizer("nurse", add_special_tokens=False)["input_ids"][0]
    weights["bert.embeddings.word_embeddings.weight"][word] = torch.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    answers = opened(folder).classify(PROMPTS)
    assert [answer.error is None for answer in answers] == [True, True, False, True]
    assert "no finite number" in str(answers[2].error)


@pytest.mark.parametrize("architecture, limit", [
    ("RobertaForSequenceClassification", 64),
    ("OPTForCausalLM", 128),
])  # fmt: skip
def test_a_prompt_longer_than_the_model_is_a_failed_record_and_is_never_cut(
    architecture: str, limit: int, made: Callable[[str], Path]
) -> None:
    model = opened(made(architecture))
    word = " Yes"
    count = next(
        n
        for n in range(1, 300)
        if model.cut([prompt(word * n)], Question(kind="classify")).tokens[0] == limit
    )
    asked = [prompt(word * count), prompt(word * (count + 1)), PROMPTS[1]]
    answers = model.classify(asked) if isinstance(model, Classifier) else model.choose(asked, OPTIONS[:2])
    assert [answer.error for answer in answers] == [
        None, f"longer than the model: {limit + 1} tokens, limit {limit}", None,
    ]  # fmt: skip


# --------------------------------------------------------- conversations, draws


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = tiny_models.bytepairs(begins=True, chat=True)
    return tiny_models.causal(tmp_path_factory.mktemp("chat"), "LlamaForCausalLM", tokenizer=tokenizer)


def test_a_chat_model_reads_a_bare_text_as_what_a_user_says_without_a_second_beginning(chat: Path) -> None:
    model, tokenizer = plain(chat, "AutoModelForCausalLM")
    text = f"<|system|>\nBe brief.\n<|user|>\n{TEXTS[1]}\n<|assistant|>\n"
    expected = [option_log_prob(model, _bare(tokenizer), text, option) for option in ("Yes", "No")]
    answer = opened(chat, system="Be brief.").choose([PROMPTS[1]], [" Yes", " No"])[0]
    assert list(answer.scores.values()) == pytest.approx(expected, abs=1e-4)


class _bare:
    """The tokenizer without special tokens."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.eos_token_id = None

    def __call__(self, text: str) -> Any:
        return self.tokenizer(text, add_special_tokens=False)


def test_a_conversation_keeps_its_roles_and_is_joined_plainly_where_there_is_no_template(
    chat: Path, made: Callable[[str], Path]
) -> None:
    talk = Prompt(
        messages=(
            Message(role="system", text="Be kind."),
            Message(role="user", text="Hello"),
            Message(role="assistant", text="I"),
        )
    )
    ours = opened(chat, system="Be brief.")
    text = ours._reading.text(talk, ours._model.loaded.tokenizer)
    assert text.startswith("<|system|>\nBe brief.\n\nBe kind.\n<|user|>\nHello\n<|assistant|>\nI")
    assert not text.endswith("<|assistant|>\n")
    without = opened(chat, chat_template=False)
    assert without._reading.text(talk, None) == "Be kind.\n\nHello\n\nI"


def test_a_prompt_that_the_chat_template_refuses_is_a_failed_record(tmp_path: Path) -> None:
    tokenizer = tiny_models.bytepairs()
    tokenizer.chat_template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{{ messages[0]['content'] }}"
    )
    model = opened(tiny_models.causal(tmp_path, tokenizer=tokenizer))
    answers = model.choose([prompt("Hello", "system"), prompt("Hello", "user")], [" Yes", " No"])
    assert answers[0].error == "the chat template refuses the prompt: no system role"
    assert answers[1].error is None


@pytest.mark.parametrize("ask", [
    lambda model, asked: model.choose(asked, [" Yes", " No"]),
    lambda model, asked: model.next_token(asked),
    lambda model, asked: model.generate(asked, repeat=0, question=Question(kind="generate", max_tokens=2)),
])  # fmt: skip
def test_a_system_message_that_the_template_leaves_out_is_a_failed_record_whoever_gave_it(
    ask: Callable[[Any, Any], Any], tmp_path: Path
) -> None:
    tokenizer = tiny_models.bytepairs()
    shown = "{% if m['role'] != 'system' %}{{ m['content'] | trim }}{% endif %}"
    tokenizer.chat_template = f"{{% for m in messages %}}{shown}{{% endfor %}}"
    folder = tiny_models.causal(tmp_path, tokenizer=tokenizer)
    talk = Prompt(messages=(Message(role="system", text="Be kind."), Message(role="user", text="Hello ")))
    first, second = ask(opened(folder), [talk, prompt(" Hello ")])
    assert first.error == "the chat template leaves out the system message"
    assert second.error is None
    third = ask(opened(folder, system="Be brief."), [prompt("Hello")])[0]
    assert third.error == "the chat template leaves out the system message"
    assert ask(opened(folder, system="Be brief.", chat_template=False), [talk])[0].error is None


def test_a_chat_template_that_asks_for_the_date_makes_the_day_part_of_the_identity(
    chat: Path, tmp_path: Path
) -> None:
    tokenizer = tiny_models.bytepairs()
    tokenizer.chat_template = "{{ strftime_now('%Y-%m-%d') }}: {{ messages[0]['content'] }}"
    folder = tiny_models.causal(tmp_path, tokenizer=tokenizer)
    model = opened(folder)
    assert model._text(prompt("Hello")) == f"{model.identity.settings['date']}: Hello"
    assert "date" not in opened(folder, chat_template=False).identity.settings
    assert "date" not in opened(chat).identity.settings


def test_a_draw_depends_on_prompt_and_repeat_and_not_on_its_neighbours(made: Callable[[str], Path]) -> None:
    model = opened(made("GPT2LMHeadModel"))
    question = Question(kind="generate", max_tokens=6)
    together = model.generate(PROMPTS, repeat=0, question=question)
    assert together == [model.generate([one], repeat=0, question=question)[0] for one in PROMPTS]
    assert together != model.generate(PROMPTS, repeat=1, question=question)


def test_temperature_zero_draws_what_greedy_decoding_writes(made: Callable[[str], Path]) -> None:
    folder = made("LlamaForCausalLM")
    answers = opened(folder, temperature=0.0).generate(
        PROMPTS, repeat=0, question=Question(kind="generate", max_tokens=6)
    )
    model, tokenizer = plain(folder, "AutoModelForCausalLM")
    for text, answer in zip(TEXTS, answers, strict=True):
        row = tokenizer(text, return_tensors="pt")
        ids = model.generate(
            input_ids=row["input_ids"], attention_mask=row["attention_mask"], max_new_tokens=6, do_sample=False,
            pad_token_id=0,
        )  # fmt: skip
        assert answer.text == tokenizer.decode(ids[0, row["input_ids"].shape[1] :], skip_special_tokens=True)


# ----------------------------------------------------------- opening and identity


def test_a_model_has_the_capabilities_of_its_architecture_and_no_other(made: Callable[[str], Path]) -> None:
    masked = opened(made("BertForSequenceClassification"))
    assert isinstance(masked, Backend) and isinstance(masked, Classifies) and isinstance(masked, Masks)
    assert masked.mask_text == "[MASK]"
    assert not isinstance(masked, Chooses) and not isinstance(masked, Generates)
    assert not isinstance(opened(made("GPT2ForSequenceClassification")), Masks)
    causal = opened(made("GPT2LMHeadModel"))
    assert isinstance(causal, Backend) and isinstance(causal, Chooses) and isinstance(causal, Generates)
    assert not isinstance(causal, Classifies) and not isinstance(causal, Masks)


def test_opening_reads_digests_and_loads_no_library(made: Callable[[str], Path]) -> None:
    script = (
        "import sys; from audit.modelfile import open_model; b = open_model(sys.argv[1]);"
        "assert len(b.identity.digests['model.safetensors']) == 64 and b.labels == ('LABEL_0', 'LABEL_1');"
        "print(sorted({'torch', 'transformers', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, f"hf:{made('BertForSequenceClassification')}"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_identity_follows_weights_and_settings_and_not_the_name_of_the_folder(
    made: Callable[[str], Path], own: Callable[[str], Path]
) -> None:
    folder = made("BertForSequenceClassification")
    copy = own("BertForSequenceClassification")
    identity = opened(folder).identity.id
    assert opened(copy).identity.id == identity
    assert opened(folder, labels={"LABEL_1": "invite"}).identity.id != identity
    assert opened(folder, threads=7).identity.id != identity
    for dtype in LOWER:
        assert opened(folder, dtype=dtype).identity.id != identity
    with (copy / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    assert opened(copy).identity.id != identity


def test_labels_can_be_given_other_names(made: Callable[[str], Path]) -> None:
    folder = made("BertForSequenceClassification")
    model = opened(folder, labels={"LABEL_1": "invite"})
    assert model.labels == ("LABEL_0", "invite")
    assert list(model.classify(PROMPTS[:1])[0].scores) == ["LABEL_0", "invite"]
    with pytest.raises(
        InputError, match=r"'LABEL_2'; did you mean 'LABEL_[01]'\? \(known: LABEL_0, LABEL_1\)"
    ):
        opened(folder, labels={"LABEL_2": "invite"})
    with pytest.raises(InputError, match="two labels of one name"):
        opened(folder, labels={"LABEL_1": "LABEL_0"})


@pytest.mark.skipif(not LOWER, reason="this processor computes in float32 only")
def test_lower_precision_stays_near_full_precision(made: Callable[[str], Path]) -> None:
    folder = made("BertForSequenceClassification")
    full, half = (opened(folder, dtype=dtype).classify(PROMPTS) for dtype in ("float32", LOWER[0]))
    for one, other in zip(full, half, strict=True):
        assert one.scores == pytest.approx(dict(other.scores), abs=0.3)


def test_a_hub_name_is_read_from_the_hubs_cache_with_its_commit(
    made: Callable[[str], Path], tmp_path: Path
) -> None:
    commit = "a" * 40
    place = tmp_path / "hub" / "models--acme--tiny"
    shutil.copytree(made("BertForSequenceClassification"), place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    script = (
        "from audit.modelfile import open_model; from audit.errors import InputError\n"
        "print(open_model('hf:acme/tiny').identity.revision)\n"
        "try: open_model('hf:acme/other')\n"
        "except InputError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2],
        env={"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PATH": "", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.strip().splitlines()
    assert first == commit
    assert second.startswith("acme/other: no such folder here, and the hub gave no model of this name")


# ------------------------------------------------------------------- bad input


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def only_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")


@pytest.mark.parametrize("spoil, message", [
    (no_weights, "holds no weights: no .safetensors file"),
    (only_pickle, "holds pytorch_model.bin but no .safetensors file; only safetensors are loaded"),
    (pointer, "no readable safetensors file"),
    (lambda folder: (folder / "config.json").unlink(), "is a model folder only with a config.json"),
    (lambda folder: (folder / "config.json").write_text("{"), "no readable JSON"),
    (lambda folder: change_config(folder, architectures=["BertModel"]), "its architecture is BertModel; allowed: "),
    (lambda folder: change_config(folder, architectures=None), "its config.json names no architecture"),
    (lambda folder: change_config(folder, problem_type="multi_label_classification"), "gives several labels at once"),
])  # fmt: skip
def test_a_folder_that_is_no_model_of_ours_is_refused_in_one_sentence(
    spoil: Callable[[Path], object], message: str, own: Callable[[str], Path]
) -> None:
    folder = own("BertForSequenceClassification")
    spoil(folder)
    with pytest.raises(InputError, match=message) as caught:
        opened(folder)
    assert "\n" not in str(caught.value)


def test_weights_without_a_head_are_refused_where_random_numbers_would_answer(tmp_path: Path) -> None:
    folder = tiny_models.save(
        tmp_path, model="BertModel", tokenizer=tiny_models.wordpiece(), **tiny_models.SMALL
    )
    change_config(folder, architectures=["BertForSequenceClassification"])
    with pytest.raises(InputError, match=r"2 weights are missing \(classifier.bias, classifier.weight …\)"):
        opened(folder).classify(PROMPTS)


def test_code_that_lies_beside_the_weights_is_never_run(own: Callable[[str], Path]) -> None:
    folder = change_config(
        own("BertForSequenceClassification"), model_type="mine", auto_map={"AutoConfig": "mine.Config"}
    )
    (folder / "mine.py").write_text("raise SystemExit('code was run')")
    with pytest.raises(InputError, match="the model cannot be loaded"):
        opened(folder).classify(PROMPTS)


@pytest.mark.parametrize("settings, message", [
    ({"system": "Be brief."}, "is a classifier; 'system' is for causal language models and encoder-decoder models"),
    ({"chat_template": False}, "is a classifier; 'chat_template' is"),
    ({"temperature": 0.5}, "is a classifier; 'temperature' is"),
    ({"revision": "main"}, "is a folder on this machine and has no revision 'main'"),
])  # fmt: skip
def test_a_setting_that_would_do_nothing_is_refused(
    settings: dict[str, object], message: str, made: Callable[[str], Path]
) -> None:
    with pytest.raises(InputError, match=message):
        opened(made("BertForSequenceClassification"), **settings)


def test_a_device_that_is_not_there_is_named(made: Callable[[str], Path]) -> None:
    import torch

    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(InputError, match=f"'device' is {missing}, but torch finds none here"):
        opened(made("BertForSequenceClassification"), device=missing).classify(PROMPTS)


def test_every_shipped_reference_model_opens_by_name_and_answers() -> None:
    from audit.weights import shipped_models

    for name in shipped_models():
        model = open_model(f"reference:{name}")
        assert (model.identity.kind, model.identity.name) == ("reference", name)
        assert isinstance(model, Classifies)
        answer = model.classify(PROMPTS[2:3])[0]
        assert math.fsum(math.exp(value) for value in (answer.scores or {}).values()) == pytest.approx(
            1, abs=1e-5
        )


def test_an_unknown_reference_model_lists_the_shipped_ones() -> None:
    with pytest.raises(InputError, match="unknown reference model 'screening'"):
        open_model("reference:screening")


def test_options_that_add_nothing_are_failed_records(made: Callable[[str], Path]) -> None:
    model = opened(made("GPT2LMHeadModel"))
    assert isinstance(model, CausalLM)
    answers = model.choose([prompt("Hello"), prompt("")], ["", " Yes"])
    assert {answer.error for answer in answers} == {"an option adds no token of its own to this prompt"}


def test_a_tiny_model_runs_on_one_thread_unless_it_is_told_otherwise(
    made: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    folder = made("BertForSequenceClassification")
    tiny, two = opened(folder), opened(folder, threads=2)
    assert (tiny.identity.settings["threads"], two.identity.settings["threads"]) == (1, 2)
    for model, threads in ((tiny, 1), (two, 2), (tiny, 1)):
        model.classify(PROMPTS)
        assert torch.get_num_threads() == threads
