"""Keys and values: what a causal model has worked out of the beginning of rows, for the rows that continue it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """A cache of transformers for the next step: `tokens` positions stand in it before every row."""

    cache: Any
    tokens: int


@dataclass(kw_only=True, slots=True)
class Kept:
    """The root that the last passes had in common, and its past."""

    ids: tuple[int, ...] = ()
    past: Past | None = None


def token_bytes(past: Past, tokens: int) -> int:
    """Bytes of the keys and values of one of so many tokens, in all layers."""
    return sum((layer.keys.nbytes + layer.values.nbytes) // tokens for layer in past.cache.layers)


def nothing_yet() -> Past:
    """The past before the first token."""
    from transformers import DynamicCache

    return Past(cache=DynamicCache(), tokens=0)


def repeated(past: Past, tokens: int, rows: int) -> Past:
    """The past of so many rows that all continue one row of `tokens` tokens; what it holds is not copied.

    ValueError where the model did not keep keys and values of every position.
    """
    from transformers import DynamicCache

    made = DynamicCache()
    layers = past.cache.layers
    if not layers or any(
        layer.keys.shape[-2] != tokens or layer.values.shape[-2] != tokens for layer in layers
    ):
        raise ValueError("the model does not keep every position")
    added: Any = made.layers
    for number, layer in enumerate(layers):
        keys, values = (one.expand(rows, *one.shape[1:]) for one in (layer.keys, layer.values))
        made.update(keys[..., :0, :], values[..., :0, :], number)
        added[number].keys, added[number].values = keys, values
    return Past(cache=made, tokens=tokens)
