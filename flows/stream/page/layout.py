"""Which tables a stream's page has, and where each stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from flows.stream.layout import Layout
from flows.stream.page.columns import Array, Kind, kinds_of_frame, kinds_of_model, plain_columns
from flows.stream.page.looks import AGE, Look, digits_of, look_of
from flows.stream.page.picture import Picture
from flows.stream.page.tables import Change, DisplayTable
from schemas.frame import Frame

ROWS = 5_000
"""Of a table, at most."""
TAIL = 500
"""Of a log: its latest rows."""
NUMBER = "_row"
"""Of a log: which row of those shown."""
MAINS = 4
"""Tables with a panel of their own, at most."""
AGES = np.array([0, 1, 2, 3, 5, 10, 15, 20, 30, 45, *range(60, 600, 60), *range(600, 36_000, 600)], dtype=np.float64)
"""Seconds that an age is rounded down to: one that moved on each second would send every row each second."""


@dataclass
class Table:
    """A frame of the graph, as the page shows it."""

    id: str
    step: str
    part: str | None
    model: type[Frame] | None
    is_log: bool
    look: Look
    rows: int = 0
    shown: int = 0
    kinds: dict[str, Kind] = field(default_factory=dict)
    _display: DisplayTable | None = None
    _frame: pd.DataFrame | None = None
    _columns: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.model is not None:
            self._open(kinds_of_model(self.model))

    @property
    def is_open(self) -> bool:
        """Whether its columns are known: by its schema, or since its first frame."""
        return self._display is not None

    def frame(self, picture: Picture) -> pd.DataFrame | None:
        """What it held then."""
        frames = picture.standings[self.step].frames
        return None if frames is None else frames.get(self.part)

    def take(self, picture: Picture) -> Change | None:
        """What has changed; None: nothing."""
        frame = self.frame(picture)
        if frame is None or frame is self._frame:
            return None
        if self._display is None:
            self._open(kinds_of_frame(frame))
        assert self._display is not None  # noqa: S101
        self._frame = frame
        self._columns = self._tail(frame) if self.is_log else self._head(frame)
        if self.look.moment in self._columns:
            self._columns[AGE] = _ages(self._columns[self.look.moment], picture.time)
        return self._display.take(self._columns)

    def age(self, now: pd.Timestamp) -> Change | None:
        """What has changed because time went by."""
        if self._display is None or AGE not in self._columns:
            return None
        self._columns = {**self._columns, AGE: _ages(self._columns[self.look.moment], now)}
        return self._display.take(self._columns)

    def whole(self) -> Change:
        """All its rows."""
        assert self._display is not None  # noqa: S101
        return self._display.whole()

    def scales(self) -> dict[str, float]:
        """Of each column shown as bars: a round number that none of its values is beyond."""
        found = {}
        for name, style in self.look.styles.items():
            if style.get("fg_mode") == "label-bar" and name in self._columns:
                found[name] = _round_above(self._columns[name])
        return found

    def _open(self, kinds: dict[str, Kind]) -> None:
        if self.look.moment in kinds:
            kinds = {**kinds, AGE: "float"}
        key = (NUMBER,) if self.is_log else self.model.__key__ if self.model is not None else ()
        self._display = DisplayTable({**kinds, NUMBER: "integer"} if self.is_log else kinds, key)
        self.kinds = dict(self._display.kinds)

    def _given(self) -> dict[str, Kind]:
        return {name: kind for name, kind in self.kinds.items() if name not in {"_key", NUMBER, AGE}}

    def _head(self, frame: pd.DataFrame) -> dict[str, Array]:
        self.rows, self.shown = len(frame), min(len(frame), ROWS)
        return plain_columns(frame.iloc[:ROWS] if len(frame) > ROWS else frame, self._given())

    def _tail(self, frame: pd.DataFrame) -> dict[str, Array]:
        self.rows += len(frame)
        new = plain_columns(frame.iloc[-TAIL:], self._given())
        new[NUMBER] = np.arange(self.rows - min(len(frame), TAIL), self.rows, dtype=np.float64)
        if not self._columns:
            return new
        joined = {name: np.concatenate([self._columns[name], values])[-TAIL:] for name, values in new.items()}
        self.shown = len(joined[NUMBER])
        return joined


def _round_above(values: Array) -> float:
    """1, 2 or 5 times a power of ten, so that it seldom changes."""
    most = float(np.max(np.abs(values), initial=0.0, where=~np.isnan(values)))
    if most == 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(most))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= most))


def _ages(moments: Array, now: pd.Timestamp) -> Array:
    seconds = (now.value // 1_000_000 - moments) / 1000.0
    known = moments > 0
    found = np.full(len(moments), np.nan)
    found[known] = AGES[np.clip(np.searchsorted(AGES, seconds[known], side="right") - 1, 0, None)]
    return found


def tables_of(layout: Layout) -> Iterator[Table]:
    """A table for each frame that a source or a step yields, in the order of a firing."""
    for name, source in layout.sources.items():
        yield Table(name, name, None, source.model, source.is_log, look_of(source.model))
    for place in layout.places:
        for part, model in place.node.step.outputs.items():
            id = place.name if part is None else f"{place.name}.{part}"  # noqa: A001  # what it is called on the page
            yield Table(id, place.name, part, model, place.is_log, look_of(model))


def panels_of(tables: list[Table], meters: str, meter_kinds: Mapping[str, Kind]) -> list[dict[str, Any]]:
    """The panels of the page: large figures first, plots, the tables that matter, and the rest behind tabs."""
    panels: list[dict[str, Any]] = []
    for table in tables:
        if table.look.figures:
            figures = [
                {"label": each.label, "column": each.column, "main": each.main, "unit": each.unit}
                | {"form": each.form, "digits": _figure_digits(each.column, table)}
                for each in table.look.figures
            ]
            panels.append(_panel("figures", table, table.id) | {"figures": figures})
    for table in tables:
        for chart in table.look.charts:
            panel = _panel("chart", table, f"{table.id}: {chart.title}")
            lines = list(chart.lines)
            styles: dict[str, Any] = {"time": _style("time", "datetime")}
            for line, name in chart.lines.items():
                styles[line] = {"number_format": {**digits_of(name, "float"), "notation": "standard"}}
            config: dict[str, Any] = {"plugin": "Y Line", "columns": lines, "group_by": ["time"]}
            config |= {"aggregates": dict.fromkeys(lines, "last"), "columns_config": styles}
            panels.append({**panel, "table": f"{table.id}*", "place": "main", "config": config})
    opened = [table for table in tables if table.is_open]
    ranked = sorted((table for table in opened if table.look.rank), key=lambda table: -table.look.rank)
    if not ranked:  # nothing that is known: what comes last is what the pipeline is for
        ranked = [table for table in reversed(opened) if not table.look.figures]
    mains = ranked[:MAINS]
    panels += [_grid(table, "main") for table in mains]
    steps: dict[str, Any] = {"kind": "grid", "title": "steps", "table": meters, "step": "", "place": "tab"}
    panels.append({**steps, "config": {"columns": [*meter_kinds], "columns_config": _meter_styles(meter_kinds)}})
    panels += [_grid(table, "tab") for table in opened if table not in mains]
    return panels


def _panel(kind: str, table: Table, title: str) -> dict[str, Any]:
    return {"kind": kind, "title": title, "table": table.id, "step": table.step, "place": "top"}


def _grid(table: Table, place: str) -> dict[str, Any]:
    own = [name for name in table.kinds if name not in {"_key", NUMBER}]
    columns = [name for name in table.look.columns if name in own] or own
    sort = [list(each) for each in table.look.sort if each[0] in table.kinds]
    config: dict[str, Any] = {
        "columns": columns,
        "sort": [[NUMBER, "desc"]] if table.is_log else sort,
        "columns_config": _styles(table),
    }
    return {**_panel("grid", table, table.id), "place": place, "config": config, "is_log": table.is_log}


def _styles(table: Table) -> dict[str, Any]:
    return {name: _style(name, kind) | dict(table.look.styles.get(name, {})) for name, kind in table.kinds.items()}


def _meter_styles(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    return {name: _style(name, kind) for name, kind in kinds.items()}


def _style(name: str, kind: Kind) -> dict[str, Any]:
    if kind in {"float", "integer"}:
        return {"number_format": digits_of(name, kind), "fg_mode": "disabled"}
    if kind == "datetime":
        custom = {"format": "custom", "timeZone": "UTC", "hour": "2-digit", "minute": "2-digit", "second": "2-digit"}
        off = dict.fromkeys(("year", "month", "day", "weekday"), "disabled")
        return {"date_format": {**custom, **off, "hour12": False}}
    return {}


def _figure_digits(column: str, table: Table) -> dict[str, Any]:
    return digits_of(column, table.kinds.get(column, "float"))
