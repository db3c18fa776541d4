"""Classifiers: sequence classifiers that choose one label, and those with one output, which is a rating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from audit.batching import Cut
from audit.catalogue import unknown
from audit.errors import InputError
from audit.inside import Inputs, Opened
from audit.loading import Loading
from audit.ondemand import OnDemand, with_random_weights
from audit.openings import OpenedModel, Readout, closed, readout_of
from audit.passes import scored
from audit.placing import Placed, coded, placed
from audit.protocols import RATING
from audit.reading import plain_text
from audit.records import Answer, ModelIdentity, Prompt, Question
from audit.weights import WeightFolder

if TYPE_CHECKING:
    from torch import Tensor

N = TypeVar("N", float, "Tensor")


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
        self._model = OnDemand(weights, loading)
        if weights.mask_text:
            self.mask_text = weights.mask_text

    def cut(self, prompts: Sequence[Prompt], question: Question) -> Cut:
        """Batches of prompts of like length."""
        return self._model.cut([plain_text(prompt) for prompt in prompts])

    def opened(self, question: Question, metric: str) -> Opened | str:
        """The model with the log-odds of the favourable label as a function of its inputs."""
        readout = readout_of(question, metric, self.labels)
        return readout if isinstance(readout, str) else opened_classifier(self._model, readout)

    def randomised(self, seed: int) -> Classifier | str:
        """A copy with random weights."""
        twin = with_random_weights(self._model, self.identity, seed)
        if isinstance(twin, str):
            return twin
        weights, identity = twin
        return Classifier(weights, self._model.loading, identity=identity, labels=self.labels)

    def classify(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Log-probabilities of all labels (log-softmax in fp32); a prompt longer than the model is a failed record."""
        return [
            row if isinstance(row, Answer) else scored(dict(zip(self.labels, row, strict=True)))
            for row in outputs(self._model, prompts, budget=self.batch_tokens, logs=True)
        ]


class Regressor:
    """A sequence classifier with one output: a rating. It has a `mask_text` only if its tokenizer has a mask."""

    deterministic = True
    mask_text: str

    def __init__(
        self,
        weights: WeightFolder,
        loading: Loading,
        *,
        identity: ModelIdentity,
        scale: tuple[float, float] | None,
    ) -> None:
        self.identity = identity
        self.batch_tokens = loading.batch_tokens
        self._model = OnDemand(weights, loading)
        self._scale = scale
        if weights.mask_text:
            self.mask_text = weights.mask_text

    def cut(self, prompts: Sequence[Prompt], question: Question) -> Cut:
        """Batches of prompts of like length."""
        return self._model.cut([plain_text(prompt) for prompt in prompts])

    def opened(self, question: Question, metric: str) -> Opened | str:
        """The model with its rating as a function of its inputs."""
        if metric != "rating":
            return f"a model of ratings has no '{metric}'"
        return opened_classifier(self._model, lambda values: self._moved(values[:, 0], question))

    def randomised(self, seed: int) -> Regressor | str:
        """A copy with random weights."""
        twin = with_random_weights(self._model, self.identity, seed)
        if isinstance(twin, str):
            return twin
        weights, identity = twin
        return Regressor(weights, self._model.loading, identity=identity, scale=self._scale)

    def rate(self, prompts: Sequence[Prompt], question: Question) -> list[Answer]:
        """The raw output, as it is or moved from the model's own scale to the question's; neither cut nor rounded."""
        return [
            row if isinstance(row, Answer) else scored({RATING: self._moved(row[0], question)})
            for row in outputs(self._model, prompts, budget=self.batch_tokens, logs=False)
        ]

    def _moved(self, value: N, question: Question) -> N:
        if self._scale is None:
            return value
        low, high = self._scale
        return question.low + (value - low) / (high - low) * (question.high - question.low)


def outputs(
    model: OnDemand, prompts: Sequence[Prompt], *, budget: int, logs: bool
) -> list[list[float] | Answer]:
    """The logits of each prompt in fp32, or their log-softmax; a failed record for a prompt longer than the model."""
    loaded = model.loaded
    rows = model.rows([plain_text(prompt) for prompt in prompts])
    found: list[list[float] | Answer | None] = [loaded.too_long(len(row.ids)) for row in rows]
    fitting = [index for index, answer in enumerate(found) if answer is None]

    def ask(batch: list[int]) -> list[list[float]]:
        logits = loaded.logits([rows[fitting[n]] for n in batch]).float()
        values: list[list[float]] = (logits.log_softmax(-1) if logs else logits).tolist()
        return values

    for at, values in loaded.in_passes([len(rows[i].ids) for i in fitting], ask, budget=budget):
        found[fitting[at]] = values
    return [row for row in found if row is not None]


def opened_classifier(model: OnDemand, readout: Readout) -> Opened | str:
    """A classifier that lies open; the reason where it cannot be."""
    reason = closed(model)
    if reason:
        return reason
    loaded = model.loaded

    def read(prompts: Sequence[Prompt]) -> list[Inputs | Answer]:
        found = [one for prompt in prompts if isinstance(one := placed(prompt, plain_text), Placed)]
        lines = (
            row.line(one.place)
            for one, row in zip(found, coded(loaded, [one.text for one in found]), strict=True)
        )
        return [loaded.too_long(len(line.ids)) or Inputs(lines=(line,)) for line in lines]

    return OpenedModel(loaded=loaded, reader=read, readout=readout, budget=model.loading.batch_tokens)


def label_names(name: str, config: Mapping[str, Any], renamed: Mapping[str, str]) -> tuple[str, ...]:
    """Label names in the model's order, one for a rating; InputError for models that give several labels at once."""
    if config.get("problem_type") == "multi_label_classification":
        raise InputError(
            f"{name} gives several labels at once (multi_label_classification); a choice of one is needed"
        )
    named = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    own = [str(named[key]) for key in sorted(named, key=int)]
    for label in renamed:
        if label not in own:
            raise InputError(unknown(label, own, what=f"label of {name}"))
    labels = tuple(renamed.get(label, label) for label in own)
    if len(set(labels)) < len(labels):
        raise InputError(
            f"{name} has two labels of one name ({', '.join(labels)}); give each its own with 'labels'"
        )
    return labels
