"""The session itself: starting, the time, errors."""

from __future__ import annotations

from typing import Any

from tasks.connections.ib.callbacks.sink import Callbacks


class SessionCallbacks(Callbacks):
    """Starting, the time, errors."""

    def error(self, request: int, *rest: Any) -> None:
        """(code, text) in 9.81, then (code, text, json), then (time, code, text, json)."""
        place = 1 if len(rest) > 1 and not isinstance(rest[1], str) else 0
        self._sink.failed(int(request), int(rest[place]), str(rest[place + 1]))

    def nextValidId(self, orderId: int) -> None:  # noqa: N802, N803
        self._sink.started(None, int(orderId))

    def managedAccounts(self, accountsList: str) -> None:  # noqa: N802, N803
        self._sink.started([account.strip() for account in accountsList.split(",") if account.strip()], None)

    def currentTime(self, time: int) -> None:  # noqa: N802
        self._sink.time(int(time))
