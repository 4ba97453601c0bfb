"""One connection: who gets which answer, and what becomes of what can't be answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tasks.connections.ib.bridge import Bridge
from tasks.connections.ib.client import wire_contract
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.messages import BrokerMessage
from tasks.connections.ib.pool import Address, Shared
from tasks.connections.ib.recipients import Routes
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.problems import ConnectionProblem, DataProblem, DeadlinePassed, Refused
from tasks.connections.scope import Deadline, Scope, current, entered

SPY = Contract(756733, "SPY", "STK", "USD", "SMART")

Start = Callable[..., SimulatedGateway]


@pytest.fixture
def shared(gateway: SimulatedGateway) -> Iterator[Shared]:
    made = Shared(Address("127.0.0.1", gateway.port, 17, 1), None, paced=False)
    yield made
    made.close()


def tell(gateway: SimulatedGateway, *fields: object) -> None:
    """A message to every client."""
    for session in gateway.clients:
        gateway._listener.call(session.send, *fields)


def error(bridge: Bridge, request: int, code: int, text: str) -> tuple[object, ...]:
    """An error's fields."""
    return (4, 2, request, code, text, *([""] if bridge.server_version >= 166 else []))


def details(bridge: Bridge, timeout: float = 5.0) -> Any:
    wire = wire_contract(SPY)
    return bridge.ask(
        *("details", "Details of SPY"),
        lambda client, number: client.reqContractDetails(number, wire),
        connection="gateway",
        timeout=timeout,
    )


def test_answers_find_their_requests_whatever_their_order(shared: Shared) -> None:
    bridge = shared.bridge(2)
    asked = [details(bridge) for _ in range(20)]
    assert len({request.number for request in asked}) == 20
    assert min(request.number for request in asked) >= 1_000_000
    assert [request.wait(current())[0].contract.symbol for request in reversed(asked)] == ["SPY"] * 20


def test_numbers_of_requests_go_on_after_a_reconnect(gateway: SimulatedGateway, shared: Shared) -> None:
    first = details(shared.bridge(2))
    first.wait(current())
    gateway.kick()
    while shared._bridge is not None and shared._bridge.alive:
        time.sleep(0.002)
    assert details(shared.bridge(2)).number > first.number


def test_what_is_answered_without_a_number_is_asked_one_at_a_time(start_gateway: Start) -> None:
    gateway = start_gateway(faults=Faults(delay=0.05))
    shared = Shared(Address("127.0.0.1", gateway.port, 17, 1), None, paced=False)
    bridge = shared.bridge(2)
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(len(bridge.positions("gateway", 5)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert counts == [16] * 4
    shared.close()


def test_a_refusal_without_a_number_is_that_of_what_was_asked_without_one(start_gateway: Start) -> None:
    gateway = start_gateway(faults=Faults(unanswered=frozenset({61})))
    shared = Shared(Address("127.0.0.1", gateway.port, 17, 1), None, paced=False)
    bridge = shared.bridge(2)
    threading.Timer(
        0.1, tell, (gateway, *error(bridge, -1, 503, "The TWS is out of date and must be upgraded."))
    ).start()
    with pytest.raises(Refused, match=r"Positions: the broker says 503.* Upgrade TWS"):
        bridge.positions("gateway", 5)
    assert bridge.alive
    shared.close()


def test_an_error_of_an_order_is_an_event_and_ends_no_request(gateway: SimulatedGateway, shared: Shared) -> None:
    events: list[Any] = []

    class Told:
        def connected(self, bridge: Bridge) -> None: ...

        def lost(self, problem: Exception) -> None: ...

        def event(self, event: Any) -> None:
            events.append(event)

    shared.watchers.add(Told())
    bridge = shared.bridge(2)
    tell(gateway, *error(bridge, 42, 201, "Order rejected - reason:no money"))
    while not (found := [each for each in events if isinstance(each, BrokerMessage) and each.request == 42]):
        time.sleep(0.002)
    assert (found[0].code, found[0].text) == (201, "Order rejected - reason:no money")
    assert found[0].sentence == "The broker says 201: Order rejected - reason:no money."


def test_a_message_that_breaks_off_fails_the_request_that_it_names(
    start_gateway: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start_gateway(faults=Faults(unanswered=frozenset({9})))
    shared = Shared(Address("127.0.0.1", gateway.port, 17, 1), None, paced=False)
    bridge = shared.bridge(2)
    request = details(bridge)
    version = [8] if bridge.server_version < 164 else []
    tell(gateway, 10, *version, request.number, "x")
    with pytest.raises(DataProblem, match="Details of SPY: the broker's answer can't be read"):
        request.wait(current())
    assert bridge.unreadable.by_kind == {"10": 1}
    assert "1 messages 10 could not be read" in caplog.text
    assert bridge.alive
    shared.close()


def test_a_step_out_of_time_sends_nothing_but_its_cancels(gateway: SimulatedGateway, shared: Shared) -> None:
    bridge = shared.bridge(2)
    wire = wire_contract(SPY)
    subscription = shared.subscribe(
        *("quotes", "Quotes of SPY"),
        lambda client, number: client.reqMktData(number, wire, "", False, False, []),
        lambda client, number: client.cancelMktData(number),
        connection="gateway",
    )
    assert subscription.take(5)
    deadline = Deadline()
    deadline.abandon()
    with entered(Scope(deadline=deadline)):
        with pytest.raises(DeadlinePassed):
            details(bridge)
        subscription.close()
    bridge.current_time(5)
    (session,) = gateway.clients
    assert session._streams == {}


def test_a_dead_connection_fails_its_own_requests_and_not_its_successors(gateway: SimulatedGateway) -> None:
    routes = Routes()
    old = Bridge("127.0.0.1", gateway.port, 1, routes=routes)
    new = Bridge("127.0.0.1", gateway.port, 2, routes=routes)
    old.connect(5, 1)
    new.connect(5, 1)
    ended: list[Any] = []
    gateway.faults.unanswered = frozenset({61, 9})
    lost = details(old)
    asking = threading.Thread(target=lambda: ended.append(_outcome(lambda: new.positions("gateway", 0.5))))
    asking.start()
    while routes.request("positions") is None:
        time.sleep(0.002)
    old.close()
    with pytest.raises(ConnectionProblem, match="was closed"):
        lost.wait(current())
    asking.join(5)
    assert "Positions: no answer within 0.5 s" in str(ended[0])
    new.close()


def test_orders_wait_for_the_session_to_start(gateway: SimulatedGateway) -> None:
    bridge = Bridge("127.0.0.1", gateway.port, 1)
    assert not bridge.may_trade
    bridge.connect(5, 1)
    assert bridge.may_trade
    bridge.close()
    assert not bridge.may_trade


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return error
