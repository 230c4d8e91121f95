"""Search over whole numbers by single improving moves."""

import math
from collections.abc import Callable, Iterable

CLEARLY_LESS = 1e-8

Point = tuple[int, ...]


def remembering(cost: Callable[[Point], float]) -> Callable[[Point], float]:
    """The cost function, evaluated once per point, and infinite where a coordinate is negative."""
    seen: dict[Point, float] = {}

    def remembered(point: Point) -> float:
        if min(point) < 0:
            return math.inf
        if point not in seen:
            seen[point] = cost(point)
        return seen[point]

    return remembered


def descend(
    cost: Callable[[Point], float], start: Point, moves: Iterable[Point]
) -> tuple[Point, float]:
    """Follow any improving move for as long as it improves, until none of them does.

    Costs known to 1e-9 show an improvement when they differ by 1e-8. Returns the point and its
    cost; give a `remembering` cost where evaluating one takes long.
    """
    point, least = start, cost(start)
    moves = list(moves)
    improved = True
    while improved:
        improved = False
        for move in moves:
            while True:
                candidate = tuple(a + b for a, b in zip(point, move, strict=True))
                if not cost(candidate) < least - CLEARLY_LESS:
                    break
                point, least, improved = candidate, cost(candidate), True
    return point, least
