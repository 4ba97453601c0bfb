"""What the page shows of a stream: its tables, figures and plots, and what is wrong, picture by picture."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from flows.stream.firing import Graph
from flows.stream.page.history import History
from flows.stream.page.layout import Table, panels_of, tables_of
from flows.stream.page.meters import KINDS, MeterTable
from flows.stream.page.picture import Picture
from flows.stream.page.tables import Change, DisplayTable

log = logging.getLogger("hedgerow.page")

_OF_ANOTHER = re.compile(r"^`[^`]+` failed: ")
"""What a step that needs a failed one says before the failed one's own words."""

METERS = "*steps"
"""The table of sources and steps; no step is called so."""


class Sent(NamedTuple):
    """A message about one table."""

    table: str
    change: Change
    whole: bool
    """Whether it takes the place of all that was there."""


class Scene:
    """Follows a stream for the page; used by one thread.

    Parameters
    ----------
    graph
        The stream's.
    """

    def __init__(self, graph: Graph) -> None:
        self.version = 0
        """Changes when there are other panels than before."""
        self._graph = graph
        self._tables: dict[str, Table] = {table.id: table for table in tables_of(graph.layout)}
        self._histories = {table.id: History(table.look) for table in self._tables.values() if table.look.charts}
        self._meters = DisplayTable(KINDS, ("step",))
        self._meter_rows = MeterTable()
        self._troubled: dict[str, pd.Timestamp] = {}
        self._unshown: set[str] = set()
        self._picture: Picture | None = None
        self._shown: Picture | None = None

    def look(self, picture: Picture, monotonic: float) -> None:
        """Note what must not be missed though nobody looks: since when something is wrong, and the plots."""
        self._picture = picture
        for name, its in picture.standings.items():
            if its.trouble:
                self._troubled.setdefault(name, picture.time)
            else:
                self._troubled.pop(name, None)
        for name, history in self._histories.items():
            table = self._tables[name]
            # Figures that aren't up to date would draw a flat line, as if they were known.
            if not picture.standings[table.step].trouble and (frame := table.frame(picture)) is not None:
                history.note(frame, picture.time, monotonic)

    def changes(self, now: pd.Timestamp, monotonic: float) -> Iterator[Sent]:
        """What is other than when it was last asked."""
        picture = self._picture
        if picture is None:
            return
        if picture is not self._shown:
            for table in self._tables.values():
                was_open = table.is_open
                try:
                    change = table.take(picture)
                except (TypeError, ValueError) as error:  # a step's own frame, with a column like no other
                    change = None
                    if table.id not in self._unshown:
                        log.warning("%s can't be shown: %s", table.id, error)
                    self._unshown.add(table.id)
                if table.is_open and not was_open:
                    self.version += 1
                if change is not None:
                    yield Sent(table.id, change, False)
            self._shown = picture
        for table in self._tables.values():
            if (change := table.age(now)) is not None:
                yield Sent(table.id, change, False)
        for name, history in self._histories.items():
            if (change := history.news()) is not None:
                yield Sent(f"{name}*", change, False)
        columns = self._meter_rows.columns(self._graph, picture, now, monotonic, self._troubled)
        if (change := self._meters.take(columns)) is not None:
            yield Sent(METERS, change, False)

    def whole(self) -> Iterator[Sent]:
        """Everything, for a tab that has just come."""
        for table in self._tables.values():
            if table.is_open:
                yield Sent(table.id, table.whole(), True)
        for name, history in self._histories.items():
            yield Sent(f"{name}*", history.whole(), True)
        yield Sent(METERS, self._meters.whole(), True)

    def layout(self) -> dict[str, Any]:
        """Which tables there are, and where they stand on the page."""
        kinds: dict[str, dict[str, str]] = {METERS: dict(self._meters.kinds)}
        for table in self._tables.values():
            if table.is_open:
                kinds[table.id] = dict(table.kinds)
        for name, history in self._histories.items():
            kinds[f"{name}*"] = dict(history.kinds)
        return {"tables": kinds, "panels": panels_of(list(self._tables.values()), METERS, KINDS)}

    def state(self, now: pd.Timestamp, quiet: float) -> dict[str, Any]:
        """What stands in words and large figures.

        Parameters
        ----------
        now
            By the run's clock.
        quiet
            Seconds since the last firing, by the wall.
        """
        picture = self._picture
        assert picture is not None  # noqa: S101  # a scene begins with one
        return {
            "now": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "firing": picture.number,
            "quiet": round(quiet),
            "troubles": self._troubles(picture),
            "troubled": {name: its.trouble for name, its in picture.standings.items() if its.trouble},
            "figures": {table.id: _row(table.frame(picture)) for table in self._tables.values() if table.look.figures},
            "scales": {table.id: scales for table in self._tables.values() if (scales := table.scales())},
            "rows": {table.id: [table.rows, table.shown] for table in self._tables.values() if table.is_open},
        }

    def _troubles(self, picture: Picture) -> list[dict[str, Any]]:
        """What is wrong, each thing once, with whatever suffers from it."""
        found: dict[str, dict[str, Any]] = {}
        for name, its in picture.standings.items():
            if not its.trouble:
                continue
            cause = _OF_ANOTHER.sub("", its.trouble)
            each = found.setdefault(
                cause,
                {
                    "why": cause.splitlines()[0],
                    "since": f"{self._troubled[name]:%H:%M:%S}Z",
                    "last": None if its.at is None else f"{its.at:%H:%M:%S}Z",
                    "names": [],
                },
            )
            each["names"].append(name)
        return list(found.values())


def _row(frame: pd.DataFrame | None) -> dict[str, Any] | None:
    """The only row of a frame, or its first."""
    if frame is None or not len(frame):
        return None
    return {str(name): _value(value) for name, value in frame.iloc[0].items()}


def _value(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return value if np.isfinite(value) else None
    return str(value)
