"""A model on demand: its weights are read when the first question comes, and prompts are read once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

from audit.batching import Cut
from audit.buckets import batches
from audit.continued import means_of, with_continuing
from audit.loading import Loading, load
from audit.passes import Loaded, Row
from audit.prefixes import Ids, batched
from audit.records import ModelIdentity
from audit.weights import WeightFolder, is_quantised

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
REMEMBERED = 3
"""Cuts whose rows are kept until they are asked: the one that is asked, the next, and one to spare."""
TWICE = 2_000_000_000
"""Parameters of the largest model that is held a second time, with random weights."""


class OnDemand:
    """A model folder whose weights are read when the first question comes."""

    def __init__(self, weights: WeightFolder, loading: Loading) -> None:
        self.weights = weights
        self.loading = loading
        self._remembered: deque[Mapping[Hashable, object]] = deque(maxlen=REMEMBERED)

    @property
    def loaded(self) -> Loaded:
        """The model, with the threads that it was opened with; InputError says why it cannot be loaded."""
        import torch

        found = self._loaded
        torch.set_num_threads(self.loading.threads)
        return found

    @cached_property
    def _loaded(self) -> Loaded:
        found = load(
            self.weights.path, self.loading, adapter=self.weights.adapter, seed=self.weights.random_seed
        )
        return with_continuing(found) if self.loading.task == "choose" else found

    def cut(self, texts: Sequence[str], *, special: bool = True) -> Cut:
        """Batches by length; the rows of the texts are remembered for `rows`."""
        found = self.remembered(texts, lambda new: self.loaded.encode(new, special=special), keep=True)
        lengths = [len(row.ids) for row in found]
        return Cut(batches=batches(lengths, budget=self.loading.batch_tokens), tokens=lengths)

    def cut_rows(self, prompts: Sequence[Sequence[Ids]], tokens: Sequence[int]) -> Cut:
        """Batches of prompts, each given as the rows that are asked for it: those that begin alike go together."""
        means = means_of(self.loaded, self.loading.batch_tokens)
        if not means.longest:
            most = max(map(len, prompts), default=1)
            lengths = [max(map(len, rows), default=0) for rows in prompts]
            return Cut(batches=batches(lengths, budget=max(1, means.budget // max(1, most))), tokens=tokens)
        return Cut(batches=batched(prompts, means), tokens=tokens)

    def rows(self, texts: Sequence[str], *, special: bool = True) -> list[Row]:
        """The row of each text; what was cut lately is not tokenised a second time."""
        return self.remembered(texts, lambda new: self.loaded.encode(new, special=special))

    def remembered(
        self, keys: Sequence[K], make: Callable[[list[K]], Sequence[V]], *, keep: bool = False
    ) -> list[V]:
        """What `make` gives for each key, or gave when it was to be kept; of late ones only that is remembered."""
        known: dict[K, V] = {}
        for past in tuple(self._remembered):
            known |= {key: past[key] for key in keys if key in past}  # type: ignore[misc]
        new = [key for key in dict.fromkeys(keys) if key not in known]
        known |= zip(new, make(new), strict=True)
        if keep:
            self._remembered.append({key: known[key] for key in keys})
        return [known[key] for key in keys]


def with_random_weights(
    model: OnDemand, identity: ModelIdentity, seed: int
) -> tuple[WeightFolder, ModelIdentity] | str:
    """Folder and identity of a model that differs in its weights alone, which nobody has trained; why there is none."""
    if is_quantised(model.weights):
        return "quantised weights have no random beginning"
    size = model.weights.parameters
    if size > TWICE:
        return f"the model has {size:,} parameters, and one with more than {TWICE:,} is not held twice"
    settings = {**identity.settings, "random_weights": seed}
    named = replace(identity, name=f"{identity.name} with random weights", settings=settings)
    return replace(model.weights, random_seed=seed), named
