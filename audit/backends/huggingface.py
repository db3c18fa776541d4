"""Transformers of the Hugging Face kind: classifiers, causal and masked language models, local or from the hub.

Opening reads configuration and digests; torch is imported with the first question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from audit.buckets import batches
from audit.catalogue import unknown
from audit.continuations import OptionRows, option_rows
from audit.draws import draw_texts
from audit.errors import InputError
from audit.likelihoods import left_to_right, next_tokens, one_masked
from audit.passes import Loading, OnDemand, Task, best_device, scored, usable_threads
from audit.protocols import Backend
from audit.reading import Reading, followed, plain_text
from audit.records import Answer, ModelIdentity, Prompt, Question, content_id
from audit.shape import Document, Flag, Number, Text, Whole
from audit.weights import WeightFolder, locate, read_folder, reference_folder

CPU_TOKENS, GPU_TOKENS, LEAST_TOKENS = 1800, 16_384, 256
WORK_OF_A_PASS = 10**12
"""Parameters x tokens of a pass at most: large models are asked in small steps, and little is lost when stopped."""


class HuggingFace(Document):
    """A model file of the kinds `hf` and `reference`."""

    model: Literal[1]
    """Version of this format."""
    kind: Literal["hf", "reference"]
    """hf: a folder or a name on the hub. reference: a model that ships with the package."""
    name: Text
    """Folder (relative to this file), name on the hub, or name of the shipped model."""
    revision: str = ""
    """Branch, tag or commit on the hub."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where it runs; auto takes a graphics card if there is one."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format of the weights; log-probabilities are always taken in float32."""
    threads: Annotated[Whole, Field(ge=1)] | None = None
    """Processor threads; by default 1 for tiny models, else OMP_NUM_THREADS or all there are."""
    batch_tokens: Annotated[Whole, Field(ge=1)] | None = None
    """Tokens of one forward pass at most; by default chosen from device and model size."""
    labels: Mapping[Text, Text] = {}
    """Classifiers: other names for the model's labels (LABEL_1: invite)."""
    system: str = ""
    """Causal models: a system prompt put before every prompt."""
    chat_template: Flag = True
    """Causal models: whether prompts are put into the tokenizer's chat template where it has one."""
    temperature: Annotated[Number, Field(ge=0)] = 1.0
    """Causal models: of sampled texts; 0 takes the likeliest token each time."""

    def open(self) -> Backend:
        """The back end with the capabilities that the model's architecture has."""
        folder, revision = self._place()
        weights = read_folder(folder)
        architecture = weights.architecture
        if architecture.endswith("ForSequenceClassification"):
            return self._classifier(weights, revision)
        if architecture.endswith(("ForCausalLM", "LMHeadModel")):
            return self._causal(weights, revision)
        if architecture.endswith("ForMaskedLM"):
            return self._masked(weights, revision)
        seen = (
            f"its architecture is {architecture}" if architecture else "its config.json names no architecture"
        )
        raise InputError(
            f"{self.name}: {seen}; allowed: sequence classifiers (…ForSequenceClassification), causal language "
            "models (…ForCausalLM, …LMHeadModel) and masked ones (…ForMaskedLM)"
        )

    def _place(self) -> tuple[Path, str]:
        if self.kind == "reference":
            if self.revision:
                raise InputError(f"reference:{self.name} ships with the package and has no revisions")
            return reference_folder(self.name), ""
        return locate(self.name, revision=self.revision, beside=self.path.parent)

    def _classifier(self, weights: WeightFolder, revision: str) -> Classifier:
        self._refuse_conversation("classifier")
        labels = _labels(self.name, weights.config, self.labels)
        loading = self._loading("classify", weights)
        identity = self._identity(weights, revision, loading=loading, settings={"labels": list(labels)})
        return Classifier(weights, loading, identity=identity, labels=labels)

    def _refuse_conversation(self, what: str) -> None:
        """InputError for settings that only causal language models have a use for."""
        given = {
            "system": self.system,
            "chat_template": not self.chat_template,
            "temperature": self.temperature != 1,
        }
        unused = next((name for name, is_given in given.items() if is_given), None)
        if unused:
            raise InputError(f"{self.name} is a {what}; '{unused}' is for causal language models")

    def _refuse_labels(self, what: str) -> None:
        if self.labels:
            raise InputError(f"{self.name} is a {what}; 'labels' is for classifiers")

    def _masked(self, weights: WeightFolder, revision: str) -> MaskedLM:
        self._refuse_conversation("masked language model")
        self._refuse_labels("masked language model")
        if not weights.mask_text:
            raise InputError(f"{self.name}: a masked language model, but its tokenizer names no mask token")
        loading = self._loading("fill", weights)
        return MaskedLM(
            weights, loading, identity=self._identity(weights, revision, loading=loading, settings={})
        )

    def _causal(self, weights: WeightFolder, revision: str) -> CausalLM:
        self._refuse_labels("causal language model")
        chat = weights.chat_template and self.chat_template
        settings = {"chat_template": chat, "system": self.system, "temperature": self.temperature}
        loading = self._loading("choose", weights)
        identity = self._identity(weights, revision, loading=loading, settings=settings)
        reading = Reading(chat=chat, system=self.system)
        return CausalLM(weights, loading, identity=identity, reading=reading, temperature=self.temperature)

    def _loading(self, task: Task, weights: WeightFolder) -> Loading:
        device = best_device() if self.device == "auto" else self.device
        most = CPU_TOKENS if device == "cpu" else GPU_TOKENS
        fitting = max(LEAST_TOKENS, min(most, WORK_OF_A_PASS // max(1, weights.parameters)))
        return Loading(
            task=task,
            dtype=self.dtype,
            device=device,
            threads=self.threads or usable_threads(weights.parameters),
            batch_tokens=self.batch_tokens or fitting,
        )

    def _identity(
        self, weights: WeightFolder, revision: str, *, loading: Loading, settings: Mapping[str, object]
    ) -> ModelIdentity:
        versions = {"torch": version("torch"), "transformers": version("transformers")}
        plain = {"architecture": weights.architecture, **asdict(loading), **versions, **settings}
        return ModelIdentity(
            kind=self.kind, name=self.name, revision=revision, digests=weights.digests, settings=plain
        )


class Classifier:
    """A sequence classifier: log-probability of each label. It has a `mask_text` only if its tokenizer has a mask."""

    deterministic = True
    mask_text: str

    def __init__(
        self, weights: WeightFolder, loading: Loading, *, identity: ModelIdentity, labels: tuple[str, ...]
    ) -> None:
        self.identity = identity
        self.labels = labels
        self.batch_tokens = loading.batch_tokens
        self._model = OnDemand(weights.path, loading)
        if weights.mask_text:
            self.mask_text = weights.mask_text

    def lengths(self, prompts: Sequence[Prompt]) -> list[int]:
        """Tokens of each prompt."""
        return self._model.lengths([plain_text(prompt) for prompt in prompts])

    def classify(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Log-probabilities of all labels (log-softmax in fp32); a prompt longer than the model is a failed record."""
        loaded = self._model.loaded
        rows = self._model.rows([plain_text(prompt) for prompt in prompts])
        answers = [loaded.too_long(len(row.ids)) for row in rows]
        fitting = [index for index, answer in enumerate(answers) if answer is None]
        for batch in batches([len(rows[i].ids) for i in fitting], budget=self.batch_tokens, pad=loaded.pads):
            places = [fitting[index] for index in batch]
            found = loaded.logits([rows[index] for index in places]).float().log_softmax(-1).tolist()
            for index, values in zip(places, found, strict=True):
                answers[index] = scored(dict(zip(self.labels, values, strict=True)))
        return [answer for answer in answers if answer is not None]


class MaskedLM:
    """A masked language model: pseudo-log-likelihood of texts, and nothing else."""

    deterministic = True

    def __init__(self, weights: WeightFolder, loading: Loading, *, identity: ModelIdentity) -> None:
        self.identity = identity
        self.batch_tokens = loading.batch_tokens
        self._model = OnDemand(weights.path, loading)

    def lengths(self, prompts: Sequence[Prompt]) -> list[int]:
        """Tokens of each prompt."""
        return [len(row.ids) for row in self._model.loaded.encode([plain_text(prompt) for prompt in prompts])]

    def log_likelihood(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Each token of a text in turn behind the mask; special tokens around the text are not scored."""
        texts = [plain_text(prompt) for prompt in prompts]
        return one_masked(self._model.loaded, texts, budget=self.batch_tokens)


class CausalLM:
    """A causal language model: log-probability of options, of whole texts and of the next token, and sampled texts."""

    deterministic = True

    def __init__(
        self,
        weights: WeightFolder,
        loading: Loading,
        *,
        identity: ModelIdentity,
        reading: Reading,
        temperature: float,
    ) -> None:
        self.identity = identity
        self.batch_tokens = loading.batch_tokens
        self._model = OnDemand(weights.path, loading)
        self._reading = reading
        self._temperature = temperature

    def lengths(self, prompts: Sequence[Prompt]) -> list[int]:
        """Tokens of each prompt as the model reads it."""
        texts = [self._text(prompt) for prompt in prompts]
        plain = ["" if isinstance(text, Answer) else text for text in texts]
        return self._model.lengths(plain, special=not self._reading.chat)

    def choose(self, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Answer]:
        """Sum of the token log-probabilities of each option right after the prompt, tokenised together with it.

        Where the prompt as the model reads it ends in white space, an option loses the space it begins with.
        """
        texts = [self._text(prompt) for prompt in prompts]
        heads = self._rows(texts)
        joint = self._rows([followed(text, option) for text in texts for option in options])
        plans: list[OptionRows | Answer] = [
            text
            if isinstance(text, Answer)
            else self._planned(head, joint[at * len(options) :][: len(options)])
            for at, (text, head) in enumerate(zip(texts, heads, strict=True))
        ]
        sums = self._sums([plan for plan in plans if isinstance(plan, OptionRows)], len(options))
        return [
            plan if isinstance(plan, Answer) else scored(dict(zip(options, next(sums), strict=True)))
            for plan in plans
        ]

    def log_likelihood(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Each token of a bare text after those before it: neither chat template nor system prompt is put around it."""
        texts = [plain_text(prompt) for prompt in prompts]
        return left_to_right(self._model.loaded, texts, budget=self.batch_tokens)

    def next_token(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """What the model would write first after the prompt as it reads it."""
        texts = [self._text(prompt) for prompt in prompts]
        found = next_tokens(self._model.loaded, self._rows(texts), budget=self.batch_tokens)
        return [
            text if isinstance(text, Answer) else answer for text, answer in zip(texts, found, strict=True)
        ]

    def generate(self, prompts: Sequence[Prompt], *, repeat: int, question: Question) -> list[Answer]:
        """One sampled text a prompt; draw number `repeat` of a prompt is the same in whatever batch it is asked."""
        loaded = self._model.loaded
        texts = [self._text(prompt) for prompt in prompts]
        rows = self._rows(texts)
        answers = [
            text if isinstance(text, Answer) else loaded.too_long(len(row) + question.max_tokens)
            for text, row in zip(texts, rows, strict=True)
        ]
        fitting = [index for index, answer in enumerate(answers) if answer is None]
        budget = self.batch_tokens
        for batch in batches(
            [len(rows[i]) + question.max_tokens for i in fitting], budget=budget, pad=loaded.pads
        ):
            places = [fitting[index] for index in batch]
            seeds = [int(content_id("draw", prompts[index].id, repeat), 16) >> 1 for index in places]
            chosen = [rows[index] for index in places]
            drawn = draw_texts(
                loaded, chosen, seeds=seeds, max_tokens=question.max_tokens, temperature=self._temperature
            )
            for index, text in zip(places, drawn, strict=True):
                answers[index] = Answer(text=text)
        return [answer for answer in answers if answer is not None]

    def _text(self, prompt: Prompt) -> str | Answer:
        """The prompt as the model reads it; a failed record where its chat template refuses it."""
        return self._reading.text(prompt, self._model.loaded.tokenizer)

    def _rows(self, texts: Sequence[str | Answer]) -> list[list[int]]:
        """Token ids of each text without what the tokenizer puts at its end; none where there is no text."""
        loaded = self._model.loaded
        plain = ["" if isinstance(text, Answer) else text for text in texts]
        special = not self._reading.chat
        rows = self._model.rows(plain, special=special)
        return [row.ids[: len(row.ids) - loaded.tail] if special else row.ids for row in rows]

    def _planned(self, head: Sequence[int], joint: Sequence[Sequence[int]]) -> OptionRows | Answer:
        """The rows that score a prompt's options, or why they cannot be scored."""
        plan = option_rows(head, joint)
        if plan is None:
            return Answer(error="an option adds no token of its own to this prompt")
        return self._model.loaded.too_long(max(len(row) for row in plan.rows)) or plan

    def _sums(self, plans: Sequence[OptionRows], options: int) -> Iterator[list[float]]:
        """For each plan the log-probabilities of its options, from as few passes as their rows allow."""
        loaded = self._model.loaded
        sums = [[0.0] * options for _ in plans]
        rows = [(at, number) for at, plan in enumerate(plans) for number in range(len(plan.rows))]
        lengths = [len(plans[at].rows[number]) for at, number in rows]
        for batch in batches(lengths, budget=self.batch_tokens, pad=loaded.pads):
            chosen = [rows[index] for index in batch]
            needs = [
                (line, at, need)
                for line, (at, number) in enumerate(chosen)
                for need in plans[at].needs
                if need.row == number
            ]
            found = loaded.token_log_probs(
                [plans[at].rows[number] for at, number in chosen],
                [(line, need.position, need.token) for line, _, need in needs],
            )
            for (_, at, need), value in zip(needs, found, strict=True):
                sums[at][need.option] += value
        return iter(sums)


def _labels(name: str, config: Mapping[str, Any], renamed: Mapping[str, str]) -> tuple[str, ...]:
    """Label names in the model's order; InputError for classifiers whose answers are no choice of one label."""
    if config.get("problem_type") == "multi_label_classification":
        raise InputError(
            f"{name} gives several labels at once (multi_label_classification); a choice of one is needed"
        )
    named = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    own = [str(named[key]) for key in sorted(named, key=int)]
    if len(own) < 2:
        raise InputError(
            f"{name} has a single output, which is a rating; classifiers need at least two labels"
        )
    for label in renamed:
        if label not in own:
            raise InputError(unknown(label, own, what=f"label of {name}"))
    labels = tuple(renamed.get(label, label) for label in own)
    if len(set(labels)) < len(labels):
        raise InputError(
            f"{name} has two labels of one name ({', '.join(labels)}); give each its own with 'labels'"
        )
    return labels
