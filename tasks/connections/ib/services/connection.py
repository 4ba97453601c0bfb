"""The connection itself: what became of it, what was asked over it, and what the broker said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.connections.ib.services.access import Access

if TYPE_CHECKING:
    from tasks.connections.ib.events import ConnectionEvent
    from tasks.connections.ib.messages import BrokerMessage
    from tasks.connections.ib.records import Asked
    from tasks.connections.ib.subscriptions import Subscription


class ConnectionLogs(Access):
    """What this process keeps of a connection: the last 10,000 rows of each kind."""

    def connection_events(self) -> list[ConnectionEvent]:
        """Connecting, being dropped, and what the gateway says unasked; oldest first."""
        self.open()
        return self._borrowed().events.events

    def follow_connection_events(self) -> Subscription:
        """The same, from now on: rows are `ConnectionEvent`."""
        self.open()
        return self._borrowed().subscribe(
            "events", "Events of the connection", connection=self.name, route="connection"
        )

    def broker_messages(self) -> list[BrokerMessage]:
        """Errors and notices, oldest first."""
        self.open()
        return self._borrowed().records.messages

    def follow_broker_messages(self) -> Subscription:
        """The same, from now on: rows are `BrokerMessage`."""
        self.open()
        return self._borrowed().subscribe("messages", "Messages of the broker", connection=self.name, route="errors")

    def requests(self) -> list[Asked]:
        """What was asked, oldest first."""
        self.open()
        return self._borrowed().records.requests
