"""Rows as text tables that fit a screen: long ones cut in the middle, wide ones turned or cut at the side."""

from __future__ import annotations

from typing import Any

import pandas as pd

_HEAD, _TAIL = 4, 3
_TURNED = 4
"""Rows up to which a frame that is too wide is turned on its side."""
_GAP = 2


def table_of(frame: pd.DataFrame, width: int) -> Any:
    """A frame of at least one row as something that rich prints in `width` columns."""
    cut = len(frame) > _HEAD + _TAIL + 1
    rows = pd.concat([frame.head(_HEAD), frame.tail(_TAIL)]) if cut else frame
    cells = {str(name): [shown(value) for value in rows[name]] for name in frame.columns}
    widths = {name: max(map(len, [name, *column])) + _GAP for name, column in cells.items()}
    if sum(widths.values()) <= width:
        return _upright(frame, cells, len(frame) if cut else 0)
    if len(frame) <= _TURNED:
        return _turned(cells)
    return _upright(frame, _fitting(cells, widths, width), len(frame) if cut else 0, left_out=len(cells))


def _fitting(cells: dict[str, list[str]], widths: dict[str, int], width: int) -> dict[str, list[str]]:
    """The first columns that fit; always one."""
    room = width
    fitting: dict[str, list[str]] = {}
    for name, column in cells.items():
        room -= widths[name]
        if fitting and room < 0:
            break
        fitting[name] = column
    return fitting


def _upright(frame: pd.DataFrame, cells: dict[str, list[str]], cut_from: int, left_out: int = 0) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))
    for name in cells:
        right = pd.api.types.is_numeric_dtype(frame[name]) and frame[name].dtype != bool
        table.add_column(Text(name), justify="right" if right else "left", no_wrap=True)
    for number, row in enumerate(zip(*cells.values(), strict=True)):
        if cut_from and number == _HEAD:
            table.add_row(*["⋮"] * len(cells), style="dim")
        table.add_row(*map(Text, row))
    remarks = [f"{cut_from - _HEAD - _TAIL} rows between"] if cut_from else []
    remarks += [f"{left_out - len(cells)} more columns on a wider screen"] if left_out > len(cells) else []
    return Group(table, Text(f"… {', '.join(remarks)}", style="dim")) if remarks else table


def _turned(cells: dict[str, list[str]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, _GAP, 0, 0))
    for name, column in cells.items():
        table.add_row(Text(name, style="bold"), *map(Text, column))
    return table


def shown(value: Any) -> str:
    """A value as a person reads it: six digits, cents from ten thousand on, a dash for what isn't there."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return "–"
    if isinstance(value, pd.Timestamp):
        plain = value == value.normalize() and value.tzinfo is None
        return f"{value:%Y-%m-%d}" if plain else f"{value:%Y-%m-%d %H:%M:%S} {value.tzname() or ''}".rstrip()
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e4 else f"{value:,.2f}"
    return str(value)
