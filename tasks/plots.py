"""Small plots as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise

from tasks.drawing import (
    DOWN,
    FAINT,
    GRID,
    INK,
    LINE,
    SERIES,
    TOP,
    UP,
    WIDTH,
    axis,
    curve,
    dots,
    line,
    picture,
    text,
)  # fmt: skip

_ROW = 26
_LETTER = 7.2
"""Width of a letter, on average."""
_LABEL = 15.0
"""Height of a label, with room above it."""


def bars(title: str, labels: Sequence[str], values: Sequence[float], width: int = WIDTH) -> str:
    """Horizontal bars about zero, the first on top, each with its value.

    Parameters
    ----------
    title
        What is shown, and in which unit.
    labels, values
        One a bar; values finite.
    width
        Of the picture.
    """
    left = 30 + _LETTER * max((len(label) for label in labels), default=0)
    right = width - 24.0
    written = 24 + _LETTER * max((len(f"{value:,.0f}") for value in values), default=0)  # beside the end of its bar
    low, high = min([0.0, *values]), max([0.0, *values])
    span = (high - low) or 1.0
    begin, end = left + (written if low < 0 else 0.0), right - (written if high > 0 else 0.0)

    def x(value: float) -> float:
        return begin + (value - low) / span * (end - begin)

    height = TOP + _ROW * len(values) + 14
    drawn = [line(x(0), TOP - 6, x(0), height - 10, FAINT)]
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        middle = TOP + _ROW * place + _ROW / 2 - 4
        start, long = min(x(0), x(value)), abs(x(value) - x(0))
        color = UP if value >= 0 else DOWN
        drawn.append(
            f'<rect x="{start:.1f}" y="{middle - 8:.1f}" width="{long:.1f}" height="16" rx="2" style="fill:{color}"/>'
        )
        drawn.append(text(left - 12, middle + 4, label, anchor="end"))
        beyond, anchor = (6, "start") if value >= 0 else (-6, "end")
        drawn.append(text(x(value) + beyond, middle + 4, f"{value:,.0f}", color=FAINT, anchor=anchor))
    return picture(title, height, drawn, width)


def intervals(
    title: str,
    labels: Sequence[str],
    values: Sequence[float],
    ends: Sequence[tuple[float, float]],
    at: float = 1.0,
) -> str:
    """Points, each with the interval it may be in, the first on top, against a value to compare with.

    Parameters
    ----------
    title
        What is shown.
    labels, values
        One a row; values finite.
    ends
        The lower and the upper end of each; NaN where there is none.
    at
        The value to compare with: a dashed line.
    """
    left, right = 30 + _LETTER * max(map(len, labels)), WIDTH - 24.0
    known = [end for pair in ends for end in pair if math.isfinite(end)]
    low, high, ticks = axis([at, *values, *known])
    height = TOP + _ROW * len(values) + 32

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    bottom = height - 28
    drawn = []
    for tick in ticks:
        drawn.append(line(x(tick), TOP - 6, x(tick), bottom, GRID))
        drawn.append(text(x(tick), bottom + 18, _number(tick), color=FAINT, anchor="middle"))
    drawn.append(line(x(at), TOP - 6, x(at), bottom, FAINT, 1.4, "4 4"))
    for place, (label, value, (lower, upper)) in enumerate(zip(labels, values, ends, strict=True)):
        middle = TOP + _ROW * place + _ROW / 2 - 4
        drawn.append(text(left - 12, middle + 4, label, anchor="end"))
        if math.isfinite(lower) and math.isfinite(upper):
            drawn.append(line(x(lower), middle, x(upper), middle, UP, 2.4))
        drawn.append(dots([(x(value), middle)], UP, 10))
    return picture(title, height, drawn)


def scatter(
    title: str,
    x: Sequence[float],
    y: Sequence[float],
    fit: tuple[float, float],
    names: tuple[str, str],
    width: int = WIDTH,
) -> str:
    """Points with a straight line through them, both axes in per cent.

    Parameters
    ----------
    title
        What is shown.
    x, y
        The points, as fractions; finite, at least one.
    fit
        Intercept and slope.
    names
        Of the axes.
    width
        Of the picture.
    """
    height = 420 if width >= WIDTH else round(width * 0.72)
    left, right, top, bottom = 74.0, width - 24.0, TOP + 22.0, height - 52.0
    parts = 6 if width >= WIDTH else 4
    (x_low, x_high, x_ticks), (y_low, y_high, y_ticks) = axis(x, parts), axis(y, parts)

    def across(value: float) -> float:
        return left + (value - x_low) / (x_high - x_low) * (right - left)

    def up(value: float) -> float:
        return bottom - (value - y_low) / (y_high - y_low) * (bottom - top)

    drawn = []
    for tick in x_ticks:
        drawn.append(line(across(tick), top, across(tick), bottom, FAINT if tick == 0 else GRID))
        drawn.append(text(across(tick), bottom + 18, _percent(tick), color=FAINT, anchor="middle"))
    for tick in y_ticks:
        drawn.append(line(left, up(tick), right, up(tick), FAINT if tick == 0 else GRID))
        drawn.append(text(left - 8, up(tick) + 4, _percent(tick), color=FAINT, anchor="end"))
    points = [(across(a), up(b)) for a, b in zip(x, y, strict=True)]
    drawn.append(dots(points, UP, 6 if width >= WIDTH else 5, 0.6))
    intercept, slope = fit
    # As far as the picture goes: a steep line through few points leaves it.
    ends = [end for end in (min(x), max(x)) if y_low <= intercept + slope * end <= y_high]
    if slope:
        cut = [(y_low - intercept) / slope, (y_high - intercept) / slope]
        ends += [end for end in cut if min(x) < end < max(x)]
    if len(ends) >= 2:
        begin, stop = min(ends), max(ends)
        drawn.append(
            line(across(begin), up(intercept + slope * begin), across(stop), up(intercept + slope * stop), LINE, 2.0)
        )
    drawn.append(text((left + right) / 2, height - 14, names[0], anchor="middle"))
    drawn.append(text(left - 58, top - 18, names[1]))
    return picture(title, height, drawn, width)


def lines(title: str, days: Sequence[date], series: Mapping[str, Sequence[float]], at: float = 1.0) -> str:
    """Lines over time, at most six, each named at its end, against a value to compare with.

    Parameters
    ----------
    title
        What is shown.
    days
        In order, at least one.
    series
        The values of each line, one a day; NaN where there is none, and the line breaks. At least one is finite.
    at
        The value to compare with: a dashed line.
    """
    height, top, bottom = 380, TOP + 4.0, 380 - 40.0
    left, right = 56.0, WIDTH - 28 - _LETTER * max(map(len, series))
    known = [value for values in series.values() for value in values if math.isfinite(value)]
    low, high, ticks = axis([at, *known])
    first, span = days[0].toordinal(), max(1, days[-1].toordinal() - days[0].toordinal())

    def across(day: date) -> float:
        return left + (day.toordinal() - first) / span * (right - left)

    def up(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top)

    drawn = []
    for tick in ticks:
        drawn.append(line(left, up(tick), right, up(tick), GRID))
        drawn.append(text(left - 8, up(tick) + 4, _number(tick), color=FAINT, anchor="end"))
    drawn.append(line(left, up(at), right, up(at), FAINT, 1.4, "4 4"))
    for day in _ticks(days):
        drawn.append(line(across(day), bottom, across(day), bottom + 5, FAINT))
        drawn.append(text(across(day), bottom + 20, f"{day:%b %Y}", color=FAINT, anchor="middle"))
    ends = []
    for (name, values), color in zip(series.items(), SERIES, strict=False):
        drawn.append(curve([(across(day), up(value)) for day, value in zip(days, values, strict=True)], color))
        finite = [value for value in values if math.isfinite(value)]
        if finite:
            ends.append((up(finite[-1]), name, color))
    for height_of, (_, name, color) in zip(_apart([end for end, _, _ in sorted(ends)]), sorted(ends), strict=True):
        drawn.append(dots([(right + 10, height_of)], color, 8))
        drawn.append(text(right + 18, height_of + 4, name, color=INK))
    return picture(title, height, drawn)


def _apart(heights: Sequence[float]) -> list[float]:
    """The heights, each far enough below the one before to be read; back up where they would sink too low."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + _LABEL) if placed else height)
    excess = placed[-1] - max(heights) if placed else 0.0
    return [height - excess / 2 for height in placed]


def _ticks(days: Sequence[date], most: int = 6) -> list[date]:
    """First days of months, at most so many, evenly chosen."""
    months = [day for before, day in pairwise(days) if day.month != before.month] or [days[0]]
    return months[:: math.ceil(len(months) / most)]


def _number(value: float) -> str:
    return f"{value:.4g}"


def _percent(value: float) -> str:
    return f"{value * 100:.4g} %"
