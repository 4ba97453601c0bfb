"""The parts of small SVG plots: drawn by hand, because a plotting library takes longer to import than a run may.

Colours are a page's own where it sets them (`--ink`, `--faint`, …, so that a report can be light or dark), and
otherwise those of a picture on white paper.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape

WIDTH = 720
TOP = 52
INK = "var(--ink,#1f2933)"
FAINT = "var(--faint,#5f6b78)"
GRID = "var(--grid,#e3e8ee)"
PAPER = "var(--paper,#ffffff)"
UP = "var(--up,#2f6db5)"
DOWN = "var(--down,#c9651a)"
LINE = "var(--line,#c2342b)"
SERIES = tuple(
    f"var(--series-{number},{color})"
    for number, color in enumerate(("#2f6db5", "#c9651a", "#2e8555", "#8a56b8", "#a8791a", "#c2346b"), start=1)
)
"""Colours of lines that are compared."""


def data_uri(svg: str) -> str:
    """A picture as an address that a Markdown image can have."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def axis(values: Sequence[float], parts: int = 6) -> tuple[float, float, list[float]]:
    """The ends of an axis that holds these values, and the round numbers on it."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 0.01, high + 0.01
    raw = (high - low) / parts
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw)
    first, last = math.floor(low / step), math.ceil(high / step)
    return first * step, last * step, [number * step for number in range(first, last + 1)]


def text(x: float, y: float, words: str, *, color: str = INK, anchor: str = "start") -> str:
    """Words on the baseline `y`; `anchor` says which end of them is at `x`."""
    return f'<text x="{x:.1f}" y="{y:.1f}" style="fill:{color}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, color: str, width: float = 1.0, dashes: str = "") -> str:
    """A straight line."""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<line {ends} style="stroke:{color}" stroke-width="{width:g}"{dashed}/>'


def dots(points: Sequence[tuple[float, float]], color: str, size: float = 6.0, opacity: float = 1.0) -> str:
    """Round points, as one path: a point is a line of no length with round ends."""
    path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points)
    return (
        f'<path d="{path}" style="stroke:{color}" stroke-opacity="{opacity:g}" stroke-width="{size:g}"'
        ' stroke-linecap="round"/>'
    )


def curve(points: Sequence[tuple[float, float]], color: str, width: float = 1.8) -> str:
    """A line through points, broken where one is not finite."""
    path, pen = "", "M"
    for x, y in points:
        if math.isfinite(y):
            path += f"{pen}{x:.1f} {y:.1f}"
            pen = "L"
        else:
            pen = "M"
    return f'<path d="{path}" fill="none" style="stroke:{color}" stroke-width="{width:g}" stroke-linejoin="round"/>'


def picture(title: str, height: float, drawn: Sequence[str], width: int = WIDTH) -> str:
    """The whole picture, on paper of its own: Prefect's pages may be dark."""
    size = 15 if width >= WIDTH else 13
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:g}" viewBox="0 0 {width} {height:g}"'
        f' role="img" aria-label="{escape(title)}" font-family="Inter,Helvetica,Arial,sans-serif" font-size="12.5">'
        f'<rect width="{width}" height="{height:g}" rx="6" style="fill:{PAPER}"/>'
        f'<text x="16" y="26" style="fill:{INK}" font-size="{size}" font-weight="600">{escape(title)}</text>'
        f"{''.join(drawn)}</svg>"
    )
