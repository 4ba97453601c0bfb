"""A simulated gateway on a free port, and the real client on its socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.scope import Message


class Witness:
    """Keeps what a step would be told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: list[tuple[int, int, str]] = []
        self.messages: list[Message] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def progress(self, done: int, total: int, what: str) -> None:
        self.steps.append((done, total, what))

    def message(self, message: Message) -> None:
        self.messages.append(message)


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def start_gateway() -> Iterator[Callable[..., SimulatedGateway]]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(SimulatedGateway(**options))


@pytest.fixture
def gateway(start_gateway: Callable[..., SimulatedGateway]) -> SimulatedGateway:
    return start_gateway()


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """A broker, not yet connected, on a port."""
    with ExitStack() as stack:

        def make(port: int, desk: str = "desk", **settings: Any) -> Broker:
            broker = Broker("gateway", Settings(port=port, **{"timeout": "2s", **settings}), tmp_path / desk)
            stack.callback(broker.close)
            return broker

        yield make


@pytest.fixture
def broker(gateway: SimulatedGateway, connect: Callable[..., Broker]) -> Broker:
    return connect(gateway.port)
