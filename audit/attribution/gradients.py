"""Gradients of the score by the embeddings of the prompt's tokens, added up over the tokens of each player.

Sources: Simonyan, Vedaldi and Zisserman (2014), arXiv:1312.6034 (saliency); Shrikumar, Greenside and Kundaje (2017),
arXiv:1704.02685 (gradient x input); Sundararajan, Taly and Yan (2017), arXiv:1703.01365 (integrated gradients).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from audit.inside import Inputs, Opened, Place, Route, Slopes
from audit.protocols import Credits
from audit.quality import ADDITIVITY

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Node = tuple[float, float]
"""A fraction of the way, and its weight."""
HERE: tuple[Node, ...] = ((1.0, 1.0),)


@dataclass(frozen=True, kw_only=True, slots=True)
class Saliency:
    """Length of the gradient at each token (L2 norm), added up over a player's tokens; it has no sign."""

    of_pairs: ClassVar[bool] = False

    def differentiate(self, opened: Opened, routes: Sequence[Route]) -> list[Slopes]:
        """One result a route."""
        ways = _ways(opened, routes)
        return [
            way.slopes(_lengths(way, mean))
            for way, mean in zip(ways, _means(opened, ways, HERE), strict=True)
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class GradientXInput:
    """Gradient times embedding at each token, added up over a player's tokens."""

    of_pairs: ClassVar[bool] = False

    def differentiate(self, opened: Opened, routes: Sequence[Route]) -> list[Slopes]:
        """One result a route."""
        ways = _ways(opened, routes)
        means = _means(opened, ways, HERE)
        return [way.slopes(_times(mean, way.ends)) for way, mean in zip(ways, means, strict=True)]


@dataclass(frozen=True, kw_only=True, slots=True)
class IntegratedGradients:
    """Mean gradient on the straight line from the start to the input, times the distance; adds up to the difference.

    Gauss-Legendre quadrature with `steps` nodes. Where the credits miss the difference of the scores by more than the
    bar of additivity, the nodes are doubled, up to `most_steps`.
    """

    steps: int = 50
    most_steps: int = 400
    of_pairs: ClassVar[bool] = True

    def differentiate(self, opened: Opened, routes: Sequence[Route]) -> list[Slopes]:
        """One result a route, with how far it is from adding up."""
        ways = _ways(opened, routes)
        found: dict[int, Slopes] = {}
        open_ways, steps = list(range(len(ways))), self.steps
        while open_ways:
            means = _means(opened, [ways[at] for at in open_ways], _nodes(steps))
            for at, mean in zip(open_ways, means, strict=True):
                way = ways[at]
                moves = [end - start for start, end in zip(way.starts, way.ends, strict=True)]
                found[at] = way.slopes(_times(mean, moves), steps=steps, adds_up=True)
            steps *= 2
            open_ways = (
                [at for at in open_ways if not _adds_up(found[at])] if steps <= self.most_steps else []
            )
        return [found[at] for at in range(len(ways))]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Way:
    """A route with the embeddings at both of its ends, and the scores there."""

    route: Route
    operator: str
    starts: list[Tensor]
    ends: list[Tensor]
    base: float
    full: float

    def slopes(
        self, tokens: Sequence[NDArray[np.float64]], *, steps: int = 1, adds_up: bool = False
    ) -> Slopes:
        """The result, from the credit of each token of each line."""
        import numpy as np

        owners = np.concatenate([np.asarray(line) for line in self.route.owners])
        credit = np.concatenate(list(tokens))
        values = np.bincount(owners + 1, credit, self.route.players + 1).astype(float)
        total = self.full - self.base
        credits = Credits(
            values=values[1:], errors=np.zeros(len(values) - 1), base_value=self.base, total=total
        )
        return Slopes(
            credits=credits,
            operator=self.operator,
            rest=float(values[0]),
            completeness=abs(float(credit.sum()) - total) if adds_up else None,
            steps=steps,
        )


def _ways(opened: Opened, routes: Sequence[Route]) -> list[_Way]:
    """The routes as the model sees them."""
    import torch

    ends = [opened.embedded(route.inputs) for route in routes]
    begun = [_start(opened, route, lines) for route, lines in zip(routes, ends, strict=True)]
    points = [lines for _, lines in begun] + ends
    inputs = [route.inputs for route in routes] * 2

    def ask(batch: list[int]) -> list[float]:
        with torch.no_grad():
            every = [line for number in batch for line in points[number]]
            found: list[float] = opened.scores([inputs[number] for number in batch], every).tolist()
        return found

    scores = dict(opened.in_passes([_tokens(one) for one in inputs], ask))
    return [
        _Way(
            route=route,
            operator=operator,
            starts=starts,
            ends=lines,
            base=scores[at],
            full=scores[len(routes) + at],
        )
        for at, (route, (operator, starts), lines) in enumerate(zip(routes, begun, ends, strict=True))
    ]


def _start(opened: Opened, route: Route, ends: Sequence[Tensor]) -> tuple[str, list[Tensor]]:
    """Where the line begins: the counterpart, or the input with nothing where the players' tokens stand."""
    import torch

    if route.start is not None:
        return "counterpart", opened.embedded(route.start)
    operator, vector = opened.nothing()
    absent = [torch.tensor(owners, device=vector.device)[:, None] >= 0 for owners in route.owners]
    return operator, [torch.where(gone, vector, end) for gone, end in zip(absent, ends, strict=True)]


def _adds_up(slopes: Slopes) -> bool:
    return (slopes.completeness or 0.0) <= ADDITIVITY * max(1.0, abs(slopes.credits.total))


def _nodes(steps: int) -> tuple[Node, ...]:
    """Gauss-Legendre nodes and weights on the way from 0 to 1."""
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return tuple(zip(((nodes + 1) / 2).tolist(), (weights / 2).tolist(), strict=True))


def _means(opened: Opened, ways: Sequence[_Way], nodes: Sequence[Node]) -> list[list[Tensor]]:
    """The weighted mean over nodes of the gradient at every token of every line, in double precision."""
    import torch

    means = [[torch.zeros_like(end, dtype=torch.double) for end in way.ends] for way in ways]
    units = [(at, node) for at in range(len(ways)) for node in nodes]
    lengths = [_tokens(ways[at].route.inputs) for at, _ in units]

    def ask(batch: list[int]) -> list[list[Tensor]]:
        points = []
        for number in batch:
            at, (fraction, _) = units[number]
            pairs = zip(ways[at].starts, ways[at].ends, strict=True)
            points.append([(start + fraction * (end - start)).requires_grad_() for start, end in pairs])
        every = [line for lines in points for line in lines]
        with torch.enable_grad():
            scores = opened.scores([ways[units[number][0]].route.inputs for number in batch], every)
            slopes = iter(torch.autograd.grad(scores.sum(), every))
        return [[next(slopes) for _ in lines] for lines in points]

    for number, slopes in opened.in_passes(lengths, ask):
        at, (_, weight) = units[number]
        for mean, slope in zip(means[at], slopes, strict=True):
            mean += weight * slope
    return means


def _tokens(inputs: Inputs) -> int:
    """What an input takes of a pass: its lines, all as long as the longest, with what a decoder is given."""
    return len(inputs.lines) * max(len(line.ids) + len(line.target or ()) for line in inputs.lines)


def _times(mean: Sequence[Tensor], moves: Sequence[Tensor]) -> list[NDArray[np.float64]]:
    return [(slope * move.double()).sum(-1).cpu().numpy() for slope, move in zip(mean, moves, strict=True)]


def _lengths(way: _Way, mean: Sequence[Tensor]) -> list[NDArray[np.float64]]:
    """The length of the gradient by each token; that of a token on several lines is their sum, counted once."""
    import numpy as np
    import torch

    vectors: dict[tuple[Place | int, int], list[tuple[int, int]]] = {}
    for number, line in enumerate(way.route.inputs.lines):
        seen: dict[Place, int] = {}
        for at, place in enumerate(line.places):
            nth = -1 if place is None else seen.get(place, 0)
            if place is not None:
                seen[place] = nth + 1
            vectors.setdefault((number * 10**6 + at if place is None else place, nth), []).append(
                (number, at)
            )
    found = [np.zeros(len(slope)) for slope in mean]
    for cells in vectors.values():
        whole = torch.stack([mean[line][at] for line, at in cells]).sum(0)
        first, place_in_it = cells[0]
        found[first][place_in_it] = float(whole.norm())
    return found
