"""What becomes of the broker's connection, what it was asked, and what it said."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.connection import BrokerMessages, ConnectionEvents, Requests
from schemas.frame import Frame
from tasks.columns import frame_of
from tasks.connections.clock import WallClock
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.subscriptions import Subscription
from tasks.declare import source, task
from tasks.stream import Arrival, Stream

if TYPE_CHECKING:
    from tasks.connections.ib.events import ConnectionEvent
    from tasks.connections.ib.messages import BrokerMessage


@task(reads="now")
def read_connection_events(broker: Broker) -> DataFrame[ConnectionEvents]:
    """When the broker's connection was made, dropped, made again, degraded and restored, as this process saw.

    Parameters
    ----------
    broker
        The connection. Its last 10,000 events are kept while the process runs.

    Returns
    -------
    ConnectionEvents
        One row an event, oldest first; times are the wall clock's.
    """
    events = broker.connection_events()
    return cast("DataFrame[ConnectionEvents]", _events(events, range(len(events)), broker.name))


@source
def watch_connection_events(broker: Broker) -> Stream[DataFrame[ConnectionEvents]]:
    """What becomes of the broker's connection: what has so far, then each event as it comes.

    Parameters
    ----------
    broker
        The connection to follow.

    Returns
    -------
    Stream of ConnectionEvents
        A log; it goes on while there is no connection. Being disconnected is no row with a time of
        its own: the last event says whether the connection is there.
    """
    subscription = broker.follow_connection_events()
    return _log(subscription, broker.connection_events(), partial(_events, name=broker.name), ConnectionEvents)


@task(reads="now")
def read_broker_messages(broker: Broker) -> DataFrame[BrokerMessages]:
    """Errors and notices of the broker, as this process heard them: refusals, pacing violations, data farms.

    Parameters
    ----------
    broker
        The connection. Its last 10,000 messages are kept while the process runs.

    Returns
    -------
    BrokerMessages
        One row a message, oldest first; times are the wall clock's.
    """
    messages = broker.broker_messages()
    return cast("DataFrame[BrokerMessages]", _messages(messages, range(len(messages)), broker.name))


@source
def watch_broker_messages(broker: Broker) -> Stream[DataFrame[BrokerMessages]]:
    """Errors and notices of the broker: those so far, then each as it comes.

    Parameters
    ----------
    broker
        The connection to follow.

    Returns
    -------
    Stream of BrokerMessages
        A log.
    """
    subscription = broker.follow_broker_messages()
    return _log(subscription, broker.broker_messages(), partial(_messages, name=broker.name), BrokerMessages)


@task(reads="now")
def read_requests(broker: Broker) -> DataFrame[Requests]:
    """What this process has asked of the broker, and how each request stands.

    Parameters
    ----------
    broker
        The connection. Its last 10,000 requests are kept while the process runs.

    Returns
    -------
    Requests
        One row a request, oldest first; times are the wall clock's. A subscription that was sent
        again after a dropped connection is one row each time.
    """
    rows = broker.requests()
    frame = frame_of(
        Requests,
        {
            "connection": [broker.name] * len(rows),
            "request": [row.number for row in rows],
            "kind": [row.kind for row in rows],
            "what": [row.what for row in rows],
            "con_id": [row.con_id or 0 for row in rows],
            "sent": [row.sent_ns for row in rows],
            "seconds": [math.nan if row.seconds is None else row.seconds for row in rows],
            "status": [row.status for row in rows],
            "rows": [row.rows for row in rows],
            "problem": [row.problem for row in rows],
        },
    )
    return cast("DataFrame[Requests]", frame)


def _log(
    subscription: Subscription,
    before: Sequence[Any],
    frame: Callable[[Sequence[Any], Sequence[int]], pd.DataFrame],
    model: type[Frame],
) -> Stream[Any]:
    """A stream of what is kept, then of what comes; a row that is in both comes once."""
    subscription.take(0)  # what came meanwhile is among what is kept
    old = {id(row) for row in before}
    for row in before:
        subscription.add(row, row.time_ns)
    numbers = count()

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        rows = []
        for _, _, row in arrivals:
            place = next(numbers)
            if place < len(before) or id(row) not in old:
                rows.append(row)
        return frame(rows, [next(told) for _ in rows])

    told = count()
    return Stream({"": subscription}, read, model, WallClock())


def _events(rows: Sequence[ConnectionEvent], numbers: Sequence[int], name: str) -> pd.DataFrame:
    return frame_of(
        ConnectionEvents,
        {
            "connection": [name] * len(rows),
            "number": list(numbers),
            "time": [row.time_ns for row in rows],
            "event": [row.event for row in rows],
            "code": [row.code for row in rows],
            "text": [row.text for row in rows],
            "host": [row.host for row in rows],
            "port": [row.port for row in rows],
            "client_id": [row.client_id for row in rows],
            "attempt": [row.attempt for row in rows],
        },
    )


def _messages(rows: Sequence[BrokerMessage], numbers: Sequence[int], name: str) -> pd.DataFrame:
    return frame_of(
        BrokerMessages,
        {
            "connection": [name] * len(rows),
            "number": list(numbers),
            "time": [row.time_ns for row in rows],
            "request": [row.request for row in rows],
            "code": [row.code for row in rows],
            "meaning": [row.meaning.value for row in rows],
            "text": [row.text for row in rows],
            "sentence": [row.sentence for row in rows],
            "what": [row.what for row in rows],
        },
    )
