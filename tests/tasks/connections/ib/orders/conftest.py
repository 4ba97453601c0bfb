"""A desk that may trade, and what the simulated gateway holds of its orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Order
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.scope import Scope, entered

ACCOUNT = "DU1234567"
SESSION = date(2022, 12, 28)
SPY = Contract(756733, "SPY", "STK", "USD")

Make = Callable[..., Order]


@pytest.fixture
def session() -> date:
    return SESSION


@pytest.fixture
def order() -> Make:
    """An order of 100 SPY at the market, or what is said instead."""

    def make(reference: str = "r1", **terms: Any) -> Order:
        return Order(
            **{
                "reference": reference,
                "account": ACCOUNT,
                "contract": SPY,
                "action": "BUY",
                "quantity": 100.0,
                **terms,
            }
        )

    return make


@pytest.fixture
def authorised(gateway: SimulatedGateway, connect: Callable[..., Broker]) -> Callable[..., Broker]:
    """A broker on the gateway that may trade; by default it sends."""

    def make(**policy: Any) -> Broker:
        broker = connect(gateway.port)
        broker.authorise(OrderPolicy(**{"mode": "send", "accounts": [ACCOUNT], **policy}))
        return broker

    return make


@pytest.fixture
def trader(authorised: Callable[..., Broker]) -> Broker:
    return authorised()


@pytest.fixture
def at_gateway(gateway: SimulatedGateway) -> Callable[[], list[tuple[str, str, float, str]]]:
    """(reference, action, quantity, status) of each order that the gateway has, oldest first."""
    return lambda: [
        (order.values["orderRef"], order.values["action"], order.quantity, order.status)
        for order in gateway.trading.registry.all()
    ]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bytes of every acting message that has left for a socket."""
    from tasks.connections.ib.framing import ACTING, Transport

    sent: list[bytes] = []
    send = Transport.sendMsg

    class Witness:
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def sendall(self, data: bytes) -> None:
            if data[4:].partition(b"\0")[0] in ACTING:
                sent.append(data)
            self._stream.sendall(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

    def watched(self: Transport, frame: bytes) -> int:
        if self.socket is not None and not isinstance(self.socket, Witness):
            self.socket = Witness(self.socket)  # type: ignore[assignment]  # stands in for the socket
        return send(self, frame)

    monkeypatch.setattr(Transport, "sendMsg", watched)
    return sent


@pytest.fixture
def in_a_run() -> Iterator[Callable[..., Any]]:
    """Enter the scope of a run's step."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(entered(Scope(**{"run": "run1", "step": "orders", **more})))
