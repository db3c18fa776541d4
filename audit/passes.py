"""Forward passes: a loaded model with its tokenizer, and rows of token ids in right-padded batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from audit.keyvalues import Kept, Past
from audit.memory import Room, in_passes
from audit.projection import Need, hidden_states, of_tokens
from audit.records import Answer
from audit.trees import Layout

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
SELF_TEST = ("Yes.", "No, the second of these two lines is longer.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Token ids of one text, its token types where the model wants them, and what a decoder is given beside them."""

    ids: list[int]
    types: list[int] | None = None
    target: list[int] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A torch module in evaluation mode, its tokenizer, and what it bears."""

    model: Any
    tokenizer: Any
    device: str
    limit: int
    """Longest row in tokens."""
    pad_id: int
    words: int
    """Size of the vocabulary that the model embeds."""
    head: int
    """How many special tokens the tokenizer puts before a text."""
    tail: int
    """How many special tokens the tokenizer puts after a text."""
    keeps: bool
    """Whether the module can leave out the logits of positions that nobody asked for."""
    pads: bool
    """Whether rows of different lengths may share a pass (right-padded) without changing each other's answers."""
    writes: bool = False
    """Whether it is an encoder with a decoder that is given a target."""
    output_layer: Any = None
    """The layer that makes logits of hidden states, where nothing else happens to them."""
    continues: int = 0
    """The longest row that may be worked out from a beginning that others have too; 0: all are worked out whole."""
    token_bytes: int = 0
    """What is kept of one token of a beginning, in bytes."""
    kept: Kept = field(default_factory=Kept)
    """The root that the last passes had in common."""
    room: Room = field(default_factory=Room)
    """What did not fit into memory so far."""
    lock: Lock = field(default_factory=Lock)
    """Held while the tokenizer is used: the next prompts are tokenised while these are asked."""

    def in_passes(
        self, lengths: Sequence[int], ask: Callable[[list[int]], list[T]], *, budget: int
    ) -> Iterator[tuple[int, T]]:
        """Every index of `lengths` with what `ask` gives for it, in passes of at most `budget` padded tokens."""
        return in_passes(lengths, ask, budget=budget, pad=self.pads, room=self.room)

    def encode(self, texts: Sequence[str], *, special: bool = True) -> list[Row]:
        """One row a text, never cut."""
        if not texts:
            return []
        with self.lock:
            found = self.tokenizer(
                list(texts), add_special_tokens=special, return_attention_mask=False, verbose=False
            )
        ids = found["input_ids"]
        types = found.get("token_type_ids") or [None] * len(ids)
        return [Row(ids=row, types=kinds) for row, kinds in zip(ids, types, strict=True)]

    def logits(
        self,
        rows: Sequence[Row],
        *,
        keep: Sequence[int] = (),
        past: Past | None = None,
        layout: Layout | None = None,
    ) -> Tensor:
        """One pass over right-padded rows: (rows, labels), or (rows, len(keep), words) at the positions `keep`.

        Of rows with a target, the positions are those of the target; of rows that continue a `past`, their own. Rows
        may be trees, as their `layout` says.
        """
        import torch

        with torch.inference_mode():
            return self.forward(rows, keep=keep, past=past, layout=layout)

    def forward(
        self,
        rows: Sequence[Row],
        *,
        keep: Sequence[int] = (),
        past: Past | None = None,
        layout: Layout | None = None,
    ) -> Tensor:
        """The same pass, with gradients where they are on."""
        import torch

        inputs: dict[str, Any] = {
            "input_ids": _padded([row.ids for row in rows], self.pad_id),
            "attention_mask": _padded([[1] * len(row.ids) for row in rows], 0),
        }
        if rows[0].types is not None:
            inputs["token_type_ids"] = _padded([row.types or [] for row in rows], 0)
        if rows[0].target is not None:
            targets = [row.target or [] for row in rows]
            inputs["decoder_input_ids"] = _padded(targets, self.pad_id)
            inputs["decoder_attention_mask"] = _padded([[1] * len(target) for target in targets], 0)
        arguments: dict[str, Any] = {
            name: torch.tensor(values, device=self.device) for name, values in inputs.items()
        }
        if layout is not None:
            arguments |= layout.told(self.model.dtype, self.device)
        if past is not None:
            arguments |= {"past_key_values": past.cache, "use_cache": True}
        places = torch.tensor(keep, dtype=torch.long, device=self.device)
        if keep and self.keeps:
            arguments["logits_to_keep"] = places
        found: Tensor = self.model(**arguments).logits
        return found[:, places] if keep and not self.keeps else found

    def logits_at(
        self,
        rows: Sequence[Row],
        places: Sequence[tuple[int, int]],
        *,
        past: Past | None = None,
        layout: Layout | None = None,
    ) -> Tensor:
        """(Places, words): the logits at some places (row, position) of one pass."""
        import torch

        with torch.inference_mode():
            return self.forward_at(rows, places, past=past, layout=layout)

    def forward_at(
        self,
        rows: Sequence[Row],
        places: Sequence[tuple[int, int]],
        *,
        past: Past | None = None,
        layout: Layout | None = None,
    ) -> Tensor:
        """The same logits, with gradients where they are on."""
        lines = [row for row, _ in places]
        if self.output_layer is not None:
            with hidden_states(self.output_layer) as reached:
                self.forward(rows, past=past, layout=layout)
            found: Tensor = self.output_layer(reached[0][lines, [at for _, at in places]])
            return found
        keep = sorted({at for _, at in places})
        logits = self.forward(rows, keep=keep, past=past, layout=layout)
        return logits[lines, [keep.index(at) for _, at in places]]

    def token_log_probs(
        self,
        rows: Sequence[Row],
        needs: Sequence[Need],
        *,
        past: Past | None = None,
        layout: Layout | None = None,
    ) -> list[float]:
        """log p(token) at position `at` of a row (log-softmax in fp32), for each need (row, at, token).

        Logits are made only for positions that somebody needs, and each position's softmax once. Rows may continue a
        `past`, which then holds them too.
        """
        if self.output_layer is not None:
            with hidden_states(self.output_layer) as reached:
                self.logits(rows, past=past, layout=layout)
            layer = self.output_layer
            return of_tokens(reached[0], needs, words=self.words, layer=layer) if needs else []
        keep = sorted({at for _, at, _ in needs} or {0})
        column = {at: number for number, at in enumerate(keep)}
        logits = self.logits(rows, keep=keep, past=past, layout=layout)
        inner = [(row, column[at], token) for row, at, token in needs]
        return of_tokens(logits, inner, words=self.words) if needs else []

    def too_long(self, tokens: int) -> Answer | None:
        """The failed record of a prompt that the model cannot read whole."""
        if tokens <= self.limit:
            return None
        return Answer(error=f"longer than the model: {tokens} tokens, limit {self.limit}")


def _padded(rows: Sequence[list[int]], filler: int) -> list[list[int]]:
    """Rows of one length, filled up on the right."""
    width = max(len(row) for row in rows)
    return [row + [filler] * (width - len(row)) for row in rows]


def scored(scores: Mapping[str, float]) -> Answer:
    """Log-probabilities as an answer; a failed record where the model gave no number."""
    bad = next((name for name, value in scores.items() if not isfinite(value)), None)
    if bad is not None:
        return Answer(error=f"the model gave no finite number for {bad!r} ({scores[bad]})")
    return Answer(scores=scores)
