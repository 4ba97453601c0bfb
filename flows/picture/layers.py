"""Where the boxes of a graph go: in layers from left to right, with few crossings and short ways.

The layered drawing of K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system
structures", IEEE Trans. SMC 11 (1981): layers by the longest way, order by barycentres. Heights are the least-squares
ones that keep each layer's order, by isotonic regression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 12
GAP = 26.0
"""Between two boxes of a layer."""


@dataclass(frozen=True)
class Size:
    """Of a box."""

    width: float
    height: float


@dataclass(frozen=True)
class Placed:
    """A box's layer and the height of its middle."""

    layer: int
    middle: float


def place(sizes: Mapping[str, Size], edges: Sequence[tuple[str, str]]) -> dict[str, Placed]:
    """The layer and height of every box, and of every bend of an edge that passes a layer.

    Parameters
    ----------
    sizes
        Of the boxes, each after those that lead to it.
    edges
        (from, to); no circle.

    Returns
    -------
    dict of str to Placed
        Boxes by name, bends by `bend(from, to, layer)`.
    """
    layer = _layers(list(sizes), edges)
    parts: list[tuple[str, str]] = []
    size = dict(sizes)
    for first, last in dict.fromkeys(edges):
        chain = [first, *(bend(first, last, at) for at in range(layer[first] + 1, layer[last])), last]
        for offset, name in enumerate(chain[1:-1], start=1):
            size[name], layer[name] = Size(0.0, 4.0), layer[first] + offset
        parts += pairwise(chain)
    order = _order(layer, parts)
    middle = _heights(order, size, parts)
    return {name: Placed(layer[name], middle[name]) for name in size}


def bend(first: str, last: str, layer: int) -> str:
    """The name of the place where an edge passes a layer."""
    return f"{first}>{last}@{layer}"


def _layers(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """By the longest way from the left; what nothing leads to stands right before what it leads to."""
    layer: dict[str, int] = {}
    for name in names:
        layer[name] = max((layer[first] + 1 for first, last in edges if last == name), default=0)
    for name in reversed(names):
        after = [layer[last] for first, last in edges if first == name]
        if after and not any(last == name for _, last in edges):
            layer[name] = min(after) - 1
    return layer


def _order(layer: Mapping[str, int], parts: Sequence[tuple[str, str]]) -> list[list[str]]:
    rows: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for name, number in layer.items():
        rows[number].append(name)
    left, right = _neighbours(parts)
    best, least = [list(row) for row in rows], _crossings(rows, right)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for number in range(len(rows)) if forward else reversed(range(len(rows))):
            others = left if forward else right
            at = {name: position for row in rows for position, name in enumerate(row)}
            weight = {
                name: sum(at[other] for other in others[name]) / len(others[name]) if others.get(name) else at[name]
                for name in rows[number]
            }
            rows[number].sort(key=lambda name: weight[name])
        if (crossings := _crossings(rows, right)) < least:
            best, least = [list(row) for row in rows], crossings
    return best


def _neighbours(parts: Sequence[tuple[str, str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    left: dict[str, list[str]] = {}
    right: dict[str, list[str]] = {}
    for first, last in parts:
        left.setdefault(last, []).append(first)
        right.setdefault(first, []).append(last)
    return left, right


def _crossings(rows: Sequence[Sequence[str]], right: Mapping[str, Sequence[str]]) -> int:
    at = {name: position for row in rows for position, name in enumerate(row)}
    found = 0
    for row in rows:
        ends = [(at[name], at[other]) for name in row for other in right.get(name, ())]
        found += sum(
            1 for one, (a, b) in enumerate(ends) for c, d in ends[one + 1 :] if (a < c and b > d) or (a > c and b < d)
        )
    return found


def _heights(
    order: Sequence[Sequence[str]], size: Mapping[str, Size], parts: Sequence[tuple[str, str]]
) -> dict[str, float]:
    left, right = _neighbours(parts)
    middle: dict[str, float] = {}
    for row in order:
        top = 0.0
        for name in row:
            middle[name] = top + size[name].height / 2
            top += size[name].height + GAP
    for sweep in range(SWEEPS):
        for row in order if sweep % 2 == 0 else reversed(order):
            wanted = []
            for name in row:
                near = [middle[other] for other in (*left.get(name, ()), *right.get(name, ()))]
                wanted.append(sum(near) / len(near) if near else middle[name])
            middle |= zip(row, _apart(wanted, [size[name].height for name in row]), strict=True)
    lowest = min(middle[name] - size[name].height / 2 for name in middle)
    return {name: height - lowest for name, height in middle.items()}


def _apart(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """The heights nearest to those wanted, by least squares, that keep the order and the gaps."""
    offsets = [0.0]
    for one, other in pairwise(heights):
        offsets.append(offsets[-1] + (one + other) / 2 + GAP)
    blocks: list[tuple[float, int]] = []
    for goal, offset in zip(wanted, offsets, strict=True):
        mean, count = goal - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, many = blocks.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        blocks.append((mean, count))
    flat = [mean for mean, count in blocks for _ in range(count)]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=True)]
