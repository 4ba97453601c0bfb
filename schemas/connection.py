"""What becomes of a connection, and what the gateway says of it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame, Instant


class ConnectionEvents(Frame):
    """Connecting, being dropped, losing data farms and having them again, one row an event."""

    __key__: ClassVar[tuple[str, ...]] = ("connection", "number")

    connection: Category = pa.Field(description="Its name in the desk file")
    number: np.int64 = pa.Field(ge=0, description="Its place among the events told, from 0")
    time: Instant = pa.Field(description="By the wall's clock")
    event: Category
    code: np.int64 = pa.Field(description="The broker's code; 0 for none")
    text: object
    host: Category
    port: np.int64
    client_id: np.int64
    attempt: np.int64 = pa.Field(ge=0, description="Of connecting again; 0 for none")


class BrokerMessages(Frame):
    """Errors and notices of the broker, one row a message."""

    __key__: ClassVar[tuple[str, ...]] = ("connection", "number")

    connection: Category = pa.Field(description="Its name in the desk file")
    number: np.int64 = pa.Field(ge=0, description="Its place among the messages told, from 0")
    time: Instant = pa.Field(description="By the wall's clock")
    request: np.int64 = pa.Field(description="The request's or the order's number; -1 where it names none")
    code: np.int64
    meaning: Category = pa.Field(
        isin=["info", "warning", "degraded", "restored", "deactivated", "failed", "connection"],
        description="What it does to the request, or to the connection",
    )
    text: object = pa.Field(description="In the broker's words")
    sentence: object = pa.Field(description="For a person: in our words where there are some, with the broker's")
    what: object = pa.Field(description="What was asked; empty where it names no request")


class Requests(Frame):
    """What was asked of the broker by this process, one row a request."""

    __key__: ClassVar[tuple[str, ...]] = ("connection", "request")

    connection: Category = pa.Field(description="Its name in the desk file")
    request: np.int64 = pa.Field(gt=0, description="The number that answers and errors name")
    kind: Category = pa.Field(description="What was asked, in general: daily history …")
    what: object = pa.Field(description="And in particular")
    con_id: np.int64 = pa.Field(ge=0, description="The contract that it is about; 0 for none")
    sent: Instant = pa.Field(description="By the wall's clock")
    seconds: np.float64 = pa.Field(nullable=True, ge=0, description="Until it was answered; null while it is not")
    status: Category = pa.Field(isin=["waiting", "answered", "failed", "subscribed", "closed"])
    rows: np.int64 = pa.Field(ge=0, description="That came in answer")
    problem: object = pa.Field(description="Why it failed; empty where it did not")
