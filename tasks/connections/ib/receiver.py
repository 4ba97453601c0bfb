"""The callbacks of the broker's client, turned into plain rows.

Imports `ibapi`: import this module only when a connection is opened.
"""

from __future__ import annotations

from ibapi.wrapper import EWrapper

from tasks.connections.ib.callbacks.accounts import AccountCallbacks
from tasks.connections.ib.callbacks.history import HistoryCallbacks
from tasks.connections.ib.callbacks.market import MarketCallbacks
from tasks.connections.ib.callbacks.news import NewsCallbacks
from tasks.connections.ib.callbacks.reference import ReferenceCallbacks
from tasks.connections.ib.callbacks.session import SessionCallbacks
from tasks.connections.ib.callbacks.sink import Sink
from tasks.connections.ib.callbacks.trading import TradingCallbacks


class Receiver(
    SessionCallbacks,
    AccountCallbacks,
    ReferenceCallbacks,
    HistoryCallbacks,
    MarketCallbacks,
    NewsCallbacks,
    TradingCallbacks,
    EWrapper,  # type: ignore[misc]  # ibapi ships no types
):
    """Never blocks; what it raises is caught by its caller, one message at a time."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink
