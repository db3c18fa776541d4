"""The output layer of a language model: log-probabilities of tokens, made only at the positions that somebody needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

NUMBERS_ON_A_CPU = 2**23
"""Positions x vocabulary at once: up to 32 MiB the C library uses memory again, instead of asking the system for it."""
NUMBERS_IN_ITS_CACHE = 2**17
"""Positions x vocabulary of one softmax: 512 KiB in float32."""
NUMBERS_ON_A_CARD = 2**26
"""Positions x vocabulary at once on a graphics card: 256 MiB in float32."""
LEAST_POSITIONS = 64
"""Positions at once at least: the layer's weights are read once for all of them."""
Need = tuple[int, int, int]
"""Row, position in the row, token."""


def output_layer(model: Any, ask: Callable[[], Tensor]) -> Any:
    """The layer whose outputs are the logits of the module; None where more happens to them, or nobody can tell.

    `ask` makes logits (rows, positions, words) with the module. They have to be, to the last bit, what the layer makes
    of the hidden states that reach it.
    """
    import torch

    layer = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if layer is None:
        return None
    logits = ask()
    with hidden_states(layer) as reached:
        ask()
    if len(reached) != 1 or reached[0].shape[:-1] != logits.shape[:-1]:
        return None
    with torch.inference_mode():
        same = torch.equal(layer(reached[0]).float(), logits.float())
    return layer if same else None


@contextmanager
def hidden_states(layer: Any) -> Iterator[list[Tensor]]:
    """A list that gets what reaches the layer meanwhile; the layer itself works on one position of each row only."""
    reached: list[Tensor] = []

    def hold(_: object, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        reached.append(inputs[0])
        return (inputs[0][:1, :1], *inputs[1:])

    hook = layer.register_forward_pre_hook(hold)
    try:
        yield reached
    finally:
        hook.remove()


def of_tokens(
    states: Tensor, needs: Sequence[Need], *, words: int, layer: Callable[[Tensor], Tensor] | None = None
) -> list[float]:
    """log p(token) for each need, log-softmax in fp32, from the states (rows, positions, …) of a pass.

    `layer` makes logits of states; without it they are logits. A position that several needs share is worked out once.
    """
    import numpy as np
    import torch

    if not needs:
        return []
    row, at, token = np.array(needs, dtype=np.int64).T
    order = np.lexsort((at, row))
    row, at = row[order], at[order]
    first = np.flatnonzero(np.diff(row, prepend=-1) | np.diff(at, prepend=-1))
    line = np.repeat(np.arange(len(first)), np.diff(first, append=len(row)))
    cells = torch.from_numpy(np.stack([line, token[order]])).to(states.device)
    places = torch.from_numpy(np.stack([row[first], at[first]])).to(states.device)
    found, done = [], 0
    with torch.inference_mode():
        for start, logs in _log_softmax(states, places, words=words, layer=layer):
            end = int(np.searchsorted(line, start + len(logs)))
            found.append(logs[cells[0, done:end] - start, cells[1, done:end]])
            done = end
    values = np.empty(len(needs))
    values[order] = torch.cat(found).cpu().numpy()
    listed: list[float] = values.tolist()
    return listed


def _log_softmax(
    states: Tensor,
    places: Tensor,
    *,
    words: int,
    layer: Callable[[Tensor], Tensor] | None,
) -> Iterator[tuple[int, Tensor]]:
    """Log-probabilities of all tokens, (some places, words), at places (2, n), with the number of the first of them."""
    on_card = states.device.type != "cpu"
    many, few = (NUMBERS_ON_A_CARD,) * 2 if on_card else (NUMBERS_ON_A_CPU, NUMBERS_IN_ITS_CACHE)
    step, some = max(LEAST_POSITIONS, many // words), max(1, few // words)
    rows, positions = places
    for start in range(0, len(rows), step):
        part = states[rows[start : start + step], positions[start : start + step]]
        logits = part if layer is None else layer(part)
        first = start
        for few_logits in _parts(logits, some):
            yield first, few_logits.float().log_softmax(-1)
            first += some


def _parts(logits: Tensor, size: int) -> Iterator[Tensor]:
    """The rows, so many at a time."""
    return (logits[start : start + size] for start in range(0, len(logits), size))
