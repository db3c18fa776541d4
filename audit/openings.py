"""Openings: a loaded model with its score as a differentiable function of the embeddings of its input tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from audit.continuations import ROUNDING
from audit.inside import Inputs, Line
from audit.ondemand import OnDemand
from audit.passes import Loaded, Row
from audit.records import Answer, Prompt, Question
from audit.ways import options_of
from audit.weights import is_quantised

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
Readout = Callable[["Tensor"], "Tensor"]
"""Columns (log-probabilities of labels, options or texts), (inputs, columns) → the score of each input, (inputs,)."""
BACKWARD = 3
"""What a pass with gradients takes of memory, beside one without, at least."""
QUANTISED = "its weights are quantised, and the gradients of rounded weights are not those of the model"
NO_OFFSETS = "the tokenizer does not say where its tokens stand in a text (it has no tokenizer.json)"
LIKELIHOODS = ("log_likelihood", "pseudo_log_likelihood")


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedModel:
    """A model that lies open, as it answers one question."""

    loaded: Loaded
    reader: Callable[[Sequence[Prompt]], list[Inputs | Answer]]
    readout: Readout
    budget: int
    columns: int = 0
    """Options (1: the text itself) whose token log-probabilities are added up; 0: a classifier, which has logits."""
    per_token: bool = False
    """Whether the score is divided by the number of its tokens."""

    @property
    def module(self) -> Any:
        """The torch module, in evaluation mode."""
        return self.loaded.model

    @property
    def embedding(self) -> Any:
        """The part that makes embeddings of token ids: the encoder's, where there is an encoder with a decoder."""
        reads = self.loaded.model.get_encoder() if self.loaded.writes else self.loaded.model
        return reads.get_input_embeddings()

    def read(self, prompts: Sequence[Prompt]) -> list[Inputs | Answer]:
        """Each prompt exactly as the back end asks it; a failed record where that cannot be."""
        return self.reader(prompts)

    def embedded(self, inputs: Inputs) -> list[Tensor]:
        """The embeddings of each line, (tokens, width), without a gradient."""
        return [self._embeddings(line.ids) for line in inputs.lines]

    def nothing(self) -> tuple[str, Tensor]:
        """The embedding of the mask, else of padding, the unknown word, the end or beginning of texts, else zeros."""
        tokenizer = self.loaded.tokenizer
        for name in ("mask", "pad", "unk", "eos", "bos"):
            token = getattr(tokenizer, f"{name}_token_id")
            if token is not None and token < self.loaded.words:
                return f"{name} embedding", self._embeddings((token,))[0]
        return "zero embedding", self._embeddings((0,))[0] * 0

    def scores(self, inputs: Sequence[Inputs], embedded: Sequence[Tensor] | None = None) -> Tensor:
        """The explained score of each input, (inputs,) in double precision."""
        import torch

        lines = [(number, line) for number, one in enumerate(inputs) for line in one.lines]
        homes = [number for number, _ in lines]
        rows = [_row(line) for _, line in lines]
        parts = [
            self._columns(
                inputs, homes, rows, some, None if embedded is None else [embedded[n] for n in some]
            )
            for some in self._groups(rows)
        ]
        found = self.readout(torch.stack(parts).sum(0))
        if not self.per_token:
            return found
        return found / torch.tensor([len(one.needs) for one in inputs], device=found.device)

    def in_passes(
        self, lengths: Sequence[int], ask: Callable[[list[int]], list[T]]
    ) -> Iterator[tuple[int, T]]:
        """Every index of `lengths` with what `ask` gives for it."""
        budget = max(1, self.budget // BACKWARD)
        with _held(self.loaded.model):
            yield from self.loaded.in_passes(lengths, ask, budget=budget)

    def _embeddings(self, ids: Sequence[int]) -> Tensor:
        import torch

        with torch.no_grad():
            found: Tensor = self.embedding(torch.tensor([list(ids)], device=self.loaded.device))[0]
        return _precise(found)

    def _groups(self, rows: Sequence[Row]) -> list[list[int]]:
        """Rows that may share a pass: all of them, or those of one length where filling up changes answers."""
        if self.loaded.pads:
            return [list(range(len(rows)))]
        lengths = sorted({len(row.ids) for row in rows})
        return [[n for n, row in enumerate(rows) if len(row.ids) == length] for length in lengths]

    def _columns(
        self,
        inputs: Sequence[Inputs],
        homes: Sequence[int],
        rows: Sequence[Row],
        some: Sequence[int],
        embedded: Sequence[Tensor] | None,
    ) -> Tensor:
        """(Inputs, columns): what `some` of the rows add to the log-probabilities of each input's labels or options."""
        import torch

        given = [rows[n] for n in some]
        with nullcontext() if embedded is None else _replaced(self.embedding, given, embedded):
            if not self.columns:
                logits = _precise(self.loaded.forward(given))
                values = (logits if logits.shape[-1] == 1 else logits.log_softmax(-1)).double()
                empty = values.new_zeros(len(inputs), values.shape[-1])
                return empty.index_add(
                    0, torch.tensor([homes[n] for n in some], device=values.device), values
                )
            places: dict[tuple[int, int], int] = {}
            cells, onward = (
                [
                    (
                        places.setdefault((at, need.position), len(places)),
                        need.token,
                        homes[n] * self.columns + need.option,
                    )
                    for at, n in enumerate(some)
                    for need in needs[homes[n]]
                    if homes.index(homes[n]) + need.row == n
                ]
                for needs in ([one.needs for one in inputs], [one.onward for one in inputs])
            )
            logs = _precise(self.loaded.forward_at(given, list(places))).log_softmax(-1)
        flat = torch.zeros(len(inputs) * self.columns, dtype=torch.double, device=logs.device)
        if cells:
            lines, tokens, columns = torch.tensor(cells, device=logs.device).T
            flat = flat.index_add(0, columns, logs[lines, tokens].double())
        if onward:
            lines, tokens, columns = torch.tensor(onward, device=logs.device).T
            gone = torch.zeros_like(flat).index_add(0, columns, logs[lines, tokens].double().exp())
            flat = flat + (1 - gone).clamp(min=ROUNDING).log()
        return flat.view(len(inputs), self.columns)


def _precise(numbers: Tensor) -> Tensor:
    """The numbers in single precision at least."""
    return numbers if numbers.dtype.itemsize > 4 else numbers.float()


def _row(line: Line) -> Row:
    types, target = (None if one is None else list(one) for one in (line.types, line.target))
    return Row(ids=list(line.ids), types=types, target=target)


def opened_language_model(
    model: OnDemand,
    question: Question,
    metric: str,
    *,
    likelihood: str,
    of_options: Callable[[Sequence[Prompt], tuple[str, ...]], list[Inputs | Answer]],
    of_texts: Callable[[Sequence[Prompt]], list[Inputs | Answer]],
) -> OpenedModel | str:
    """A language model that lies open; the reason where it cannot be. `likelihood` is its name for that of a text."""
    reason = closed(model)
    if reason:
        return reason
    options = options_of(question)
    if question.kind != "likelihood" and not options:
        return f"an answer to a question of the kind '{question.kind}' has no score that is a smooth function"
    if question.kind == "likelihood" and metric.removesuffix("_per_token") != likelihood:
        return f"the model has no '{metric}'"
    readout = readout_of(question, metric, options)
    if isinstance(readout, str):
        return readout
    return OpenedModel(
        loaded=model.loaded,
        reader=(lambda prompts: of_options(prompts, options)) if options else of_texts,
        readout=readout,
        budget=model.loading.batch_tokens,
        columns=len(options) or 1,
        per_token=metric.endswith("_per_token"),
    )


def closed(model: OnDemand) -> str:
    """Why a model does not open; empty where it does."""
    if is_quantised(model.weights):
        return QUANTISED
    return "" if model.loaded.tokenizer.is_fast else NO_OFFSETS


def readout_of(question: Question, metric: str, columns: Sequence[str]) -> Readout | str:
    """The score `metric` as a function of the log-probabilities of `columns`; a sentence where it is none."""
    if metric == "choice_logit":
        return _log_odds(columns, question.favourable)
    if metric == "rating":
        return _expected([float(column) for column in columns])
    if metric.removesuffix("_per_token") in LIKELIHOODS:
        return lambda values: values[:, 0]
    return f"the score '{metric}' is no smooth function of the model's output and has no gradient"


def _log_odds(columns: Sequence[str], favourable: str) -> Readout | str:
    """log p(favourable) - log Σ p(others)."""
    if favourable in columns:
        column = list(columns).index(favourable)
    else:
        plain = favourable.strip().casefold()
        alike = [n for n, name in enumerate(columns) if name.strip().casefold() == plain]
        if len(alike) != 1:
            return f"none of the model's answers is '{favourable}'"
        column = alike[0]
    others = [n for n in range(len(columns)) if n != column]
    if not others:
        return "there is one option only, which has no log-odds"
    return lambda values: values[:, column] - values[:, others].logsumexp(-1)


def _expected(numbers: Sequence[float]) -> Readout:
    """Σ p(x)·x / Σ p(x)."""

    def read(values: Tensor) -> Tensor:
        return values.softmax(-1) @ values.new_tensor(numbers)

    return read


@contextmanager
def _held(module: Any) -> Iterator[None]:
    """No gradient is kept of any weight meanwhile, and nothing is dropped out; afterwards all is as it was."""
    wanted = [weight for weight in module.parameters() if weight.requires_grad]
    training = module.training
    module.eval()
    for weight in wanted:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in wanted:
            weight.requires_grad_(True)
        module.train(training)


@contextmanager
def _replaced(embedding: Any, rows: Sequence[Row], embedded: Sequence[Tensor]) -> Iterator[None]:
    """The first embeddings that are made of these rows are `embedded` instead; ValueError where none are made."""
    import torch

    width = max(len(row.ids) for row in rows)
    filled = torch.nn.utils.rnn.pad_sequence(list(embedded), batch_first=True)
    real = torch.tensor([[at < len(row.ids) for at in range(width)] for row in rows], device=filled.device)
    done: list[bool] = []

    def put(_: object, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if done or given[0].dim() != 2:
            return output
        turned = given[0].shape != real.shape or not _reads(given[0], rows)
        if turned and not _reads(given[0].T, rows):
            return output
        done.append(True)
        mine, keep = (filled.transpose(0, 1), real.T) if turned else (filled, real)
        return torch.where(keep[..., None], mine.to(output.dtype), output)

    hook = embedding.register_forward_hook(put)
    try:
        yield
    finally:
        hook.remove()
    if not done:
        raise ValueError("the model does not look its tokens up in its input embedding")


def _reads(ids: Tensor, rows: Sequence[Row]) -> bool:
    """Whether these ids are the rows, whatever fills them up."""
    found = ids.tolist()
    return len(found) == len(rows) and all(
        one[: len(row.ids)] == row.ids for one, row in zip(found, rows, strict=True)
    )
