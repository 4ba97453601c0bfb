"""Accounts and what they hold."""

from __future__ import annotations

from typing import Any

from tasks.connections.ib.callbacks.sink import Callbacks
from tasks.connections.ib.client import plain_contract
from tasks.connections.ib.contracts import Position, number


class AccountCallbacks(Callbacks):
    """Positions."""

    def position(self, account: str, contract: Any, position: Any, avgCost: Any) -> None:  # noqa: N803
        self._sink.row(None, Position(account, plain_contract(contract), number(position), number(avgCost)))

    def positionEnd(self) -> None:  # noqa: N802
        self._sink.end(None)
