"""Small plots as SVG: drawn by hand, because a plotting library takes longer to import than a run may."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape

WIDTH = 720
_INK, _FAINT, _GRID = "#1f2933", "#6b7785", "#e3e8ee"
_UP, _DOWN, _LINE = "#2f6db5", "#d9782d", "#c2342b"
_ROW = 26
_TOP = 52


def data_uri(svg: str) -> str:
    """A picture as an address that a Markdown image can have."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def bars(title: str, labels: Sequence[str], values: Sequence[float]) -> str:
    """Horizontal bars about zero, the first on top, each with its value.

    Parameters
    ----------
    title
        What is shown, and in which unit.
    labels, values
        One a bar; values finite.
    """
    left = 30 + 7.2 * max((len(label) for label in labels), default=0)
    right = WIDTH - 24.0
    written = 92.0  # room for a value beside the end of its bar
    low, high = min([0.0, *values]), max([0.0, *values])
    span = (high - low) or 1.0
    begin, end = left + (written if low < 0 else 0.0), right - (written if high > 0 else 0.0)

    def x(value: float) -> float:
        return begin + (value - low) / span * (end - begin)

    height = _TOP + _ROW * len(values) + 14
    drawn = [_line(x(0), _TOP - 6, x(0), height - 10, _FAINT)]
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        middle = _TOP + _ROW * place + _ROW / 2 - 4
        start, width = min(x(0), x(value)), abs(x(value) - x(0))
        color = _UP if value >= 0 else _DOWN
        drawn.append(f'<rect x="{start:.1f}" y="{middle - 8:.1f}" width="{width:.1f}" height="16" fill="{color}"/>')
        drawn.append(_text(left - 12, middle + 4, label, anchor="end"))
        beyond, anchor = (6, "start") if value >= 0 else (-6, "end")
        drawn.append(_text(x(value) + beyond, middle + 4, f"{value:,.0f}", color=_FAINT, anchor=anchor))
    return _picture(title, height, drawn)


def scatter(
    title: str, x: Sequence[float], y: Sequence[float], line: tuple[float, float], names: tuple[str, str]
) -> str:
    """Points with a straight line through them, both axes in per cent.

    Parameters
    ----------
    title
        What is shown.
    x, y
        The points, as fractions; finite, at least one.
    line
        Intercept and slope.
    names
        Of the axes.
    """
    height = 420
    left, right, top, bottom = 74.0, WIDTH - 24.0, _TOP + 22.0, height - 52.0
    (x_low, x_high, x_ticks), (y_low, y_high, y_ticks) = _axis(x), _axis(y)

    def across(value: float) -> float:
        return left + (value - x_low) / (x_high - x_low) * (right - left)

    def up(value: float) -> float:
        return bottom - (value - y_low) / (y_high - y_low) * (bottom - top)

    drawn = []
    for tick in x_ticks:
        drawn.append(_line(across(tick), top, across(tick), bottom, _FAINT if tick == 0 else _GRID))
        drawn.append(_text(across(tick), bottom + 18, _percent(tick), color=_FAINT, anchor="middle"))
    for tick in y_ticks:
        drawn.append(_line(left, up(tick), right, up(tick), _FAINT if tick == 0 else _GRID))
        drawn.append(_text(left - 8, up(tick) + 4, _percent(tick), color=_FAINT, anchor="end"))
    # One path of dots: a point is a line of no length with round ends.
    dots = "".join(f"M{across(a):.1f} {up(b):.1f}h0" for a, b in zip(x, y, strict=True))
    drawn.append(f'<path d="{dots}" stroke="{_UP}" stroke-opacity=".6" stroke-width="6" stroke-linecap="round"/>')
    intercept, slope = line
    ends = (min(x), max(x))
    start, stop = ((across(end), up(intercept + slope * end)) for end in ends)
    drawn.append(_line(*start, *stop, _LINE, width=2.0))
    drawn.append(_text((left + right) / 2, height - 14, names[0], anchor="middle"))
    drawn.append(_text(left - 58, top - 18, names[1]))
    return _picture(title, height, drawn)


def _axis(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """The ends of an axis that holds these values, and the round numbers on it."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 0.01, high + 0.01
    raw = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first, last = math.floor(low / step), math.ceil(high / step)
    return first * step, last * step, [number * step for number in range(first, last + 1)]


def _percent(value: float) -> str:
    return f"{value * 100:.4g} %"


def _text(x: float, y: float, text: str, *, color: str = _INK, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, color: str, width: float = 1.0) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{color}" stroke-width="{width:g}"/>'


def _picture(title: str, height: int, drawn: Sequence[str]) -> str:
    """The whole picture, on paper of its own: the UI may be dark."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="Inter,Helvetica,Arial,sans-serif" font-size="12.5">'
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#ffffff"/>'
        f'<text x="16" y="26" fill="{_INK}" font-size="15" font-weight="600">{escape(title)}</text>'
        f"{''.join(drawn)}</svg>"
    )
