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
NUMBERS_OF_A_BLOCK = 2**19
"""Positions x part of the vocabulary: 2 MiB, which stay in the processor's cache until their softmax has read them."""
POSITIONS_OF_A_BLOCK = 512
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
        if _in_blocks(states, layer):
            chosen = _of_linear(states[places[0], places[1]], cells, layer)
        else:
            for start, logs in _log_softmax(states, places, words=words, layer=layer):
                end = int(np.searchsorted(line, start + len(logs)))
                found.append(logs[cells[0, done:end] - start, cells[1, done:end]])
                done = end
            chosen = torch.cat(found)
    values = np.empty(len(needs))
    values[order] = chosen.cpu().numpy()
    listed: list[float] = values.tolist()
    return listed


def _in_blocks(states: Tensor, layer: Any) -> bool:
    """Whether the layer is a matrix and a bias on a processor, and nothing else listens to it."""
    import torch

    return (
        states.device.type == "cpu"
        and type(layer) is torch.nn.Linear
        and type(layer.weight) is torch.nn.Parameter
        and not layer._forward_hooks
    )


def _of_linear(states: Tensor, cells: Tensor, layer: Any) -> Tensor:
    """Log-probabilities of cells (2, n): line of `states` (lines, …) in rising order, and token.

    The vocabulary goes by in blocks, whose logits are read while they are in the processor's cache: log p(token) is its
    logit less the log of the summed exponentials of all blocks. Whole logits would go through memory twice.
    """
    import torch

    words = len(layer.weight)
    found = []
    for start in range(0, len(states), POSITIONS_OF_A_BLOCK):
        part = states[start : start + POSITIONS_OF_A_BLOCK]
        lines, tokens = cells[:, (cells[0] >= start) & (cells[0] < start + len(part))]
        width = max(1, NUMBERS_OF_A_BLOCK // len(part))
        chosen = torch.empty(len(tokens))
        sums = []
        for begin in range(0, words, width):
            block = slice(begin, begin + width)
            bias = None if layer.bias is None else layer.bias[block]
            logits = torch.nn.functional.linear(part, layer.weight[block], bias).float()
            sums.append(logits.logsumexp(-1))
            here = torch.nonzero((tokens >= begin) & (tokens < begin + width))[:, 0]
            chosen[here] = logits[lines[here] - start, tokens[here] - begin]
        found.append(chosen - torch.stack(sums).logsumexp(0)[lines - start])
    return torch.cat(found)


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
