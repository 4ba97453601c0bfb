"""A client that speaks the wire by hand, for tests of the gateway's trading side."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tasks.connections.ib.framing import FrameBuffer
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.trading.forms import OPEN_ORDER, PLACE_ORDER
from tasks.connections.ib.simulator.trading.grammar import read, write
from tasks.connections.ib.simulator.wire import Fields, encode

ONE, TWO = "DU1234567", "DU7654321"
STATUS, ERROR, OPEN, EXECUTION, COMMISSION, POSITION = "3", "4", "5", "11", "59", "61"


class Trader:
    """Places orders, and reads what is told of them."""

    def __init__(self, gateway: SimulatedGateway, client_id: int = 7, version: int = 178) -> None:
        self.gateway = gateway
        self.version = version
        self.client_id = client_id
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), 5)
        self.buffer = FrameBuffer()
        self.waiting: list[list[str]] = []
        self.number = 0
        offer = f"v157..{version}".encode()
        self.socket.sendall(b"API\0" + len(offer).to_bytes(4, "big") + offer)
        self.read()
        self.send(71, 2, client_id, "")
        self.settle()

    def send(self, *fields: object) -> None:
        self.socket.sendall(encode(*fields))

    def read(self) -> list[str]:
        while not self.waiting:
            chunk = self.socket.recv(65536)
            if not chunk:
                return []
            self.waiting += [payload.decode().split("\0")[:-1] for payload in self.buffer.feed(chunk)]
        return self.waiting.pop(0)

    def settle(self) -> list[list[str]]:
        """Everything told until now."""
        self.send(49, 1)
        messages = []
        while (message := self.read())[0] != "49":
            messages.append(message)
        return messages

    def move(self, moment: str) -> list[list[str]]:
        """Take the gateway's clock to a moment; what that brought."""
        import pandas as pd

        self.gateway.clock.move_to(pd.Timestamp(moment, tz="America/New_York"))
        return self.settle()

    def place(self, symbol: str, action: str, quantity: float, kind: str = "MKT", **values: Any) -> int:
        """Send an order; its number."""
        if "orderId" not in values:
            self.number += 1
        order = {
            "orderId": self.number,
            "symbol": symbol,
            "secType": "STK",
            "exchange": "SMART",
            "currency": "USD",
            "action": action,
            "totalQuantity": quantity,
            "orderType": kind,
            "tif": "DAY",
            "account": ONE,
            "transmit": True,
            "exemptCode": -1,
            **values,
        }
        self.send(3, *write(PLACE_ORDER, order, self.version))
        return int(order["orderId"])

    def trade(self, *args: Any, **values: Any) -> list[list[str]]:
        """Send an order; what was told of it."""
        self.place(*args, **values)
        return self.settle()

    def touch(self, con_id: int) -> Any:
        """What the market shows right now."""
        return self.gateway.market.touch(con_id, self.gateway.clock.nanoseconds())


def statuses(messages: list[list[str]], number: int | None = None) -> list[tuple[str, float, float]]:
    """Status, filled and remaining as told."""
    return [(m[2], float(m[3]), float(m[4])) for m in messages if m[0] == STATUS and number in (None, int(m[1]))]


def errors(messages: list[list[str]]) -> list[tuple[int, int, str]]:
    """Number, code and text of each error."""
    return [(int(m[2]), int(m[3]), m[4]) for m in messages if m[0] == ERROR]


def fills(messages: list[list[str]]) -> list[tuple[str, str, float, float]]:
    """Id, side, quantity and price of each execution."""
    return [(m[14], m[18], float(m[19]), float(m[20])) for m in messages if m[0] == EXECUTION]


def commissions(messages: list[list[str]]) -> dict[str, tuple[float, float]]:
    """Commission and profit of each execution by its id."""
    return {m[2]: (float(m[3]), float(m[5])) for m in messages if m[0] == COMMISSION}


def opened(messages: list[list[str]], version: int = 178) -> list[dict[str, Any]]:
    """The open orders told."""
    return [
        read(OPEN_ORDER, Fields("".join(f"{x}\0" for x in m[1:]).encode()), version) for m in messages if m[0] == OPEN
    ]


class Told:
    """Ways to read what was told."""

    statuses = staticmethod(statuses)
    errors = staticmethod(errors)
    fills = staticmethod(fills)
    commissions = staticmethod(commissions)
    opened = staticmethod(opened)


@pytest.fixture
def told() -> type[Told]:
    return Told


@pytest.fixture
def hire() -> Iterator[Callable[..., Trader]]:
    """A client of a gateway that speaks the wire by hand."""
    with ExitStack() as stack:

        def make(gateway: SimulatedGateway, *args: Any, **options: Any) -> Trader:
            trader = Trader(gateway, *args, **options)
            stack.callback(trader.socket.close)
            return trader

        yield make


@pytest.fixture
def trader(gateway: SimulatedGateway, hire: Callable[..., Trader]) -> Trader:
    return hire(gateway)
