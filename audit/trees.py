"""Trees: rows that begin alike, laid out as one sequence in which every token looks at its ancestors alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit.prefixes import Ids, shared

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The trees of a pass: their tokens, and what the model is told of them."""

    ids: Sequence[list[int]]
    """The tokens of each tree beyond the root."""
    places: Sequence[tuple[int, Sequence[int]]]
    """For every row: its tree, and where in it each of its tokens beyond the root stands."""
    positions: NDArray[np.int64]
    """(Trees, tokens): the position of each token in its own row."""
    seen: NDArray[np.bool_]
    """(Trees, tokens, root + tokens): what each token looks at."""

    def told(self, dtype: Any, device: str) -> dict[str, Any]:
        """The arguments of a model that say so; what is not looked at has a mask that is added."""
        import torch

        seen = torch.from_numpy(self.seen).to(device)[:, None]
        mask = torch.zeros(seen.shape, dtype=dtype, device=device)
        mask.masked_fill_(~seen, torch.finfo(dtype).min)
        return {"attention_mask": mask, "position_ids": torch.from_numpy(self.positions).to(device)}


def laid_out(rows: Sequence[Ids], trees: Sequence[Sequence[int]], root: int) -> Layout:
    """The layout of trees of sorted rows; `places` are in the order of the trees' rows."""
    ids: list[list[int]] = []
    depths: list[list[int]] = []
    places: list[tuple[int, list[int]]] = []
    parts: list[list[tuple[int, list[int]]]] = []
    for number, tree in enumerate(trees):
        tokens: list[int] = []
        depth: list[int] = []
        path: list[int] = []
        segments = []
        before: Ids = ()
        for row in (rows[at] for at in tree):
            common = max(shared(before, row) - root, 0)
            path = [*path[:common], *range(len(tokens), len(tokens) + len(row) - root - common)]
            segments.append((len(tokens), path))
            tokens += row[root + common :]
            depth += range(root + common, len(row))
            places.append((number, path))
            before = row
        ids.append(tokens)
        depths.append(depth)
        parts.append(segments)
    positions, seen = _told(depths, parts, root)
    return Layout(ids=ids, places=places, positions=positions, seen=seen)


def _told(
    depths: Sequence[Sequence[int]], parts: Sequence[Sequence[tuple[int, list[int]]]], root: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Positions and what is looked at; padding looks at the root and itself, so that no softmax is over nothing."""
    import numpy as np

    width = max(map(len, depths))
    positions = np.zeros((len(depths), width), dtype=np.int64)
    seen = np.zeros((len(depths), width, root + width), dtype=bool)
    seen[:, :, :root] = True
    seen[:, np.arange(width), root + np.arange(width)] = True
    for number, (depth, segments) in enumerate(zip(depths, parts, strict=True)):
        positions[number, : len(depth)] = depth
        for start, path in segments:
            own = np.array([at for at in path if at >= start], dtype=np.int64)
            old = np.array([at for at in path if at < start], dtype=np.int64)
            if len(own):
                seen[number, own[0] : own[-1] + 1, root + old] = True
                triangle = np.tri(len(own), dtype=bool)
                seen[number, own[0] : own[-1] + 1, root + own[0] : root + own[-1] + 1] = triangle
    return positions, seen
