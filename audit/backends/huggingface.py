"""Transformers of the Hugging Face kind, local or from the hub: which class of model a folder holds, and how it runs.

Opening reads configuration and digests; torch is imported with the first question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from audit.adapters import with_adapter
from audit.causalmodels import CausalLM
from audit.classifiers import Classifier, Regressor, label_names
from audit.devices import INSTRUCTIONS, best_device, has_instructions
from audit.encoderdecoders import EncoderDecoder
from audit.errors import InputError
from audit.loading import Loading, Task, usable_threads
from audit.maskedmodels import MaskedLM
from audit.protocols import Backend
from audit.reading import Reading
from audit.records import ModelIdentity
from audit.shape import Document, Flag, Number, Text, Whole
from audit.weights import WeightFolder, locate, read_folder, reference_folder

CPU_TOKENS, GPU_TOKENS, LEAST_TOKENS = 1800, 16_384, 256
WORK_OF_A_PASS = {"cpu": 10**12, "mps": 10**13, "cuda": 10**14}
"""Parameters x tokens of a pass at most: seconds, so that little is lost when a large model is stopped."""
CLASSIFIER, CAUSAL, MASKED, WRITER = (
    "classifier", "causal language model", "masked language model", "encoder-decoder model",
)  # fmt: skip
USES: Mapping[str, tuple[str, ...]] = {
    CLASSIFIER: ("labels", "scale"),
    CAUSAL: ("system", "chat_template", "temperature"),
    MASKED: (),
    WRITER: ("system", "temperature"),
}
"""Settings that only some classes of models have a use for."""


class Scale(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Outputs of a model of ratings."""

    low: Number
    """The output that is the lowest rating of a suite's scale."""
    high: Number
    """The output that is the highest rating; below `low` where a high output is unfavourable."""


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
    scale: Scale | None = None
    """Classifiers with one output: which outputs are the lowest and the highest rating of a suite's scale."""
    adapter: str = ""
    """Folder (relative to this file) or name on the hub of an adapter that is put on the weights."""
    adapter_revision: str = ""
    """Branch, tag or commit of the adapter on the hub."""
    system: str = ""
    """Models that write: a system prompt put before every prompt."""
    chat_template: Flag = True
    """Causal models: whether prompts are put into the tokenizer's chat template where it has one."""
    temperature: Annotated[Number, Field(ge=0)] = 1.0
    """Models that write: of sampled texts; 0 takes the likeliest token each time."""

    def open(self) -> Backend:
        """The back end with the capabilities that the model's architecture has."""
        folder, revision = self._place()
        weights = self._adapted(read_folder(folder))
        architecture = weights.architecture
        writes = architecture.endswith("ForConditionalGeneration") and weights.config.get(
            "is_encoder_decoder"
        )
        if architecture.endswith("ForSequenceClassification"):
            return self._classifier(weights, revision)
        if architecture.endswith(("ForCausalLM", "LMHeadModel")):
            return self._causal(weights, revision)
        if architecture.endswith("ForMaskedLM"):
            return self._masked(weights, revision)
        if writes:
            return self._writer(weights, revision)
        seen = (
            f"its architecture is {architecture}" if architecture else "its config.json names no architecture"
        )
        raise InputError(
            f"{self.name}: {seen}; allowed: sequence classifiers (…ForSequenceClassification), causal language "
            "models (…ForCausalLM, …LMHeadModel), masked ones (…ForMaskedLM) and encoder-decoder models "
            "(…ForConditionalGeneration with is_encoder_decoder)"
        )

    def _place(self) -> tuple[Path, str]:
        if self.kind == "reference":
            if self.revision:
                raise InputError(f"reference:{self.name} ships with the package and has no revisions")
            return reference_folder(self.name), ""
        return locate(self.name, revision=self.revision, beside=self.path.parent)

    def _adapted(self, weights: WeightFolder) -> WeightFolder:
        if self.adapter:
            return with_adapter(
                weights, self.adapter, beside=self.path.parent, revision=self.adapter_revision
            )
        if self.adapter_revision:
            raise InputError(f"{self.name}: 'adapter_revision' says nothing without 'adapter'")
        return weights

    def _classifier(self, weights: WeightFolder, revision: str) -> Classifier | Regressor:
        self._refuse_useless(CLASSIFIER)
        labels = label_names(self.name, weights.config, self.labels)
        loading = self._loading("classify", weights)
        if len(labels) > 1:
            if self.scale is not None:
                raise InputError(
                    f"{self.name} has {len(labels)} labels; 'scale' is for models with one output"
                )
            settings: Mapping[str, object] = {"labels": list(labels)}
            identity = self._identity(weights, revision, loading=loading, settings=settings)
            return Classifier(weights, loading, identity=identity, labels=labels)
        if self.labels:
            raise InputError(
                f"{self.name} has a single output, which is a rating and has no use for 'labels'"
            )
        ends = None if self.scale is None else (self.scale.low, self.scale.high)
        if ends is not None and ends[0] == ends[1]:
            raise InputError(f"{self.name}: 'scale' has two equal ends, {ends[0]:g}")
        settings = {"scale": None if ends is None else list(ends)}
        identity = self._identity(weights, revision, loading=loading, settings=settings)
        return Regressor(weights, loading, identity=identity, scale=ends)

    def _masked(self, weights: WeightFolder, revision: str) -> MaskedLM:
        self._refuse_useless(MASKED)
        if not weights.mask_text:
            raise InputError(f"{self.name}: a masked language model, but its tokenizer names no mask token")
        loading = self._loading("fill", weights)
        identity = self._identity(weights, revision, loading=loading, settings={})
        return MaskedLM(weights, loading, identity=identity)

    def _causal(self, weights: WeightFolder, revision: str) -> CausalLM:
        self._refuse_useless(CAUSAL)
        chat = weights.chat_template and self.chat_template
        settings: dict[str, object] = {
            "chat_template": chat, "system": self.system, "temperature": self.temperature,
        }  # fmt: skip
        if chat and weights.chat_date:
            settings["date"] = date.today().isoformat()
        loading = self._loading("choose", weights)
        identity = self._identity(weights, revision, loading=loading, settings=settings)
        reading = Reading(chat=chat, system=self.system)
        return CausalLM(weights, loading, identity=identity, reading=reading, temperature=self.temperature)

    def _writer(self, weights: WeightFolder, revision: str) -> EncoderDecoder:
        self._refuse_useless(WRITER)
        settings = {"system": self.system, "temperature": self.temperature}
        loading = self._loading("answer", weights)
        identity = self._identity(weights, revision, loading=loading, settings=settings)
        reading = Reading(chat=False, system=self.system)
        return EncoderDecoder(
            weights, loading, identity=identity, reading=reading, temperature=self.temperature
        )

    def _refuse_useless(self, what: str) -> None:
        """InputError for settings that this class of models has no use for."""
        given = {
            "labels": bool(self.labels),
            "scale": self.scale is not None,
            "system": bool(self.system),
            "chat_template": not self.chat_template,
            "temperature": self.temperature != 1,
        }
        for name, is_given in given.items():
            if is_given and name not in USES[what]:
                having = " and ".join(f"{kind}s" for kind, uses in USES.items() if name in uses)
                raise InputError(f"{self.name} is a {what}; '{name}' is for {having}")

    def _loading(self, task: Task, weights: WeightFolder) -> Loading:
        device = best_device() if self.device == "auto" else self.device
        most = CPU_TOKENS if device == "cpu" else GPU_TOKENS
        if device == "cpu" and not has_instructions(self.dtype):
            lacking = ", ".join(name for name in INSTRUCTIONS[self.dtype] if "_" in name)
            raise InputError(
                f"{self.name}: this processor has no instructions for {self.dtype} ({lacking}) and would take "
                "several times as long as with float32; leave 'dtype' out"
            )
        fitting = max(LEAST_TOKENS, min(most, WORK_OF_A_PASS[device] // max(1, weights.parameters)))
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
        if weights.adapter is not None:
            versions["peft"] = version("peft")
        plain = {"architecture": weights.architecture, **asdict(loading), **versions, **settings}
        return ModelIdentity(
            kind=self.kind, name=self.name, revision=revision, digests=weights.digests, settings=plain
        )
