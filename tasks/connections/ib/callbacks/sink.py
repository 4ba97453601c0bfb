"""Where the callbacks' rows go."""

from __future__ import annotations

from typing import Any, Protocol


class Sink(Protocol):
    """Where rows go."""

    def row(self, request: int | str | None, row: Any) -> None:
        """A row of a request: its number, or the name of a route whose messages name none; None: positions."""

    def end(self, request: int | str | None) -> None:
        """No more rows will come, or all that there are have come."""

    def event(self, row: Any) -> None:
        """A row that belongs to no request."""

    def failed(self, request: int, code: int, text: str) -> None:
        """An error or a notice; a negative id belongs to no request."""

    def started(self, accounts: list[str] | None, next_id: int | None) -> None:
        """The gateway has let us in, or part of it."""

    def time(self, seconds: int) -> None:
        """The gateway's time, in seconds since 1970."""


class Callbacks:
    """A part of the receiver: it turns what the client's decoder hands over into plain rows for `_sink`."""

    _sink: Sink
