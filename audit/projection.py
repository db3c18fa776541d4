"""The output layer of a language model: log-probabilities of tokens, made only at the positions that somebody needs."""

from __future__ import annotations

from bisect import bisect_left
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
    import torch

    if not needs:
        return []
    order = sorted(range(len(needs)), key=needs.__getitem__)
    places = {at: number for number, at in enumerate(dict.fromkeys(needs[n][:2] for n in order))}
    lines = [places[needs[number][:2]] for number in order]
    cells = torch.tensor([lines, [needs[number][2] for number in order]], device=states.device)
    found = []
    with torch.inference_mode():
        for start, logs in _log_softmax(states, list(places), words=words, layer=layer):
            part = cells[:, bisect_left(lines, start) : bisect_left(lines, start + len(logs))]
            found.append(logs[part[0] - start, part[1]])
    values = dict(zip(order, torch.cat(found).tolist(), strict=True))
    return [values[number] for number in range(len(needs))]


def _log_softmax(
    states: Tensor,
    places: Sequence[tuple[int, int]],
    *,
    words: int,
    layer: Callable[[Tensor], Tensor] | None,
) -> Iterator[tuple[int, Tensor]]:
    """Log-probabilities of all tokens at the places, (some places, words), with the number of the first of them."""
    import torch

    on_card = states.device.type != "cpu"
    many, few = (NUMBERS_ON_A_CARD,) * 2 if on_card else (NUMBERS_ON_A_CPU, NUMBERS_IN_ITS_CACHE)
    step, some = max(LEAST_POSITIONS, many // words), max(1, few // words)
    rows, positions = torch.tensor(places, device=states.device).T
    for start in range(0, len(places), step):
        part = states[rows[start : start + step], positions[start : start + step]]
        logits = part if layer is None else layer(part)
        for first in range(0, len(part), some):
            yield start + first, logits[first : first + some].float().log_softmax(-1)
