"""What goes wrong between a client and a gateway, and what the desk is told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.simulator.book import Holding
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.wire import encode
from tasks.connections.problems import ConnectionProblem, DataProblem, DeadlinePassed, Refused
from tasks.connections.scope import Deadline, Scope, entered

SPY = Contract(756733, "SPY", "STK", "USD")
AAPL = Contract(265598, "AAPL", "STK", "USD")

Start = Callable[..., SimulatedGateway]
Connect = Callable[..., Broker]


def test_no_gateway(connect: Connect) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(ConnectionProblem, match=rf"There is no gateway at 127.0.0.1:{port} .*Start TWS or IB Gateway"):
        connect(port).open()


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (Faults(mute_handshake=True), "takes connections but doesn't answer: no handshake within 0.8 s"),
        (Faults(unanswered=frozenset({71})), "shook hands but doesn't start the session within 0.8 s"),
    ],
)
def test_a_mute_gateway_is_given_up_in_time(start_gateway: Start, connect: Connect, faults: Faults, said: str) -> None:
    broker = connect(start_gateway(faults=faults).port, timeout="800ms")
    started = time.monotonic()
    with pytest.raises(ConnectionProblem, match=said):
        broker.open()
    assert time.monotonic() - started < 5


def test_something_else_on_the_port(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            peer.recv(100)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(ConnectionProblem, match="doesn't speak the broker's protocol"):
            connect(server.getsockname()[1]).open()


def test_a_client_id_that_another_desk_uses_is_refused_for_good(gateway: SimulatedGateway, connect: Connect) -> None:
    connect(gateway.port, desk="another", client_id=5, market_data="delayed").open()
    with pytest.raises(Refused, match=rf"Client id 5 is in use at 127.0.0.1:{gateway.port}.*another `client_id`"):
        connect(gateway.port, client_id=5).open()


def test_messages_in_pieces(start_gateway: Start, connect: Connect) -> None:
    broker = connect(start_gateway(faults=Faults(piece=7)).port)
    assert len(broker.positions()) == 16


def test_a_slow_gateway_is_waited_for(start_gateway: Start, connect: Connect) -> None:
    broker = connect(start_gateway(faults=Faults(delay=0.1)).port)
    assert len(broker.daily_history([SPY, AAPL], 3)) == 2


@pytest.mark.parametrize("kind", [61, 9, 20, 1])
def test_a_connection_lost_under_a_request_says_so_and_the_next_one_reconnects(
    start_gateway: Start, connect: Connect, kind: int
) -> None:
    broker = connect(start_gateway(faults=Faults(kick_on=kind)).port)
    requests: dict[int, Callable[[], Any]] = {
        61: broker.positions,
        9: lambda: broker.contract_details(Contract(symbol="SPY", security_type="STK")),
        20: lambda: broker.daily_history([SPY], 3),
        1: lambda: broker.quotes([SPY]),
    }
    started = time.monotonic()
    with pytest.raises(ConnectionProblem, match="closed the connection"):
        requests[kind]()
    assert requests[kind]()
    assert time.monotonic() - started < 10


def test_a_kick_between_requests_goes_unnoticed(gateway: SimulatedGateway, broker: Broker) -> None:
    assert len(broker.positions()) == 16
    gateway.kick()
    while broker._borrowed()._bridge.alive:  # type: ignore[union-attr]  # it has connected
        time.sleep(0.005)
    assert len(broker.positions()) == 16


def test_no_answer_ends_with_the_requests_own_time(start_gateway: Start, connect: Connect) -> None:
    broker = connect(start_gateway(faults=Faults(unanswered=frozenset({61, 20, 1, 9}))).port)
    with pytest.raises(ConnectionProblem, match=r"Positions: no answer within 0.1 s"):
        broker.positions(timeout=0.1)
    with pytest.raises(ConnectionProblem, match=r"Daily history of SPY STK USD \(756733\): no answer within 0.1 s"):
        broker.daily_history([SPY], 3, timeout=0.1)
    with pytest.raises(ConnectionProblem, match="no answer within"):
        broker.quotes([SPY, AAPL], timeout=0.1)
    with pytest.raises(ConnectionProblem, match="no answer within"):
        broker.contract_details(Contract(symbol="SPY"), timeout=0.1)


def test_no_answer_ends_with_the_steps_time_where_that_is_shorter(start_gateway: Start, connect: Connect) -> None:
    broker = connect(start_gateway(faults=Faults(unanswered=frozenset({61, 20, 1}))).port).open()
    for ask in (broker.positions, lambda: broker.daily_history([SPY], 3), lambda: broker.quotes([SPY])):
        with entered(Scope(deadline=Deadline(0.1))), pytest.raises(DeadlinePassed, match="step's time was up"):
            ask()


def test_an_abandoned_step_stops_waiting(start_gateway: Start, connect: Connect) -> None:
    broker = connect(start_gateway(faults=Faults(unanswered=frozenset({20}))).port).open()
    deadline = Deadline()
    threading.Timer(0.1, deadline.abandon).start()
    started = time.monotonic()
    with entered(Scope(deadline=deadline)), pytest.raises(DeadlinePassed):
        broker.daily_history([SPY], 3)
    assert time.monotonic() - started < 5


def test_more_contracts_than_may_be_open_at_once_all_get_their_turn(start_gateway: Start, connect: Connect) -> None:
    many = [Instrument(910000000 + i, f"S{i}", series="KO") for i in range(60)]
    broker = connect(start_gateway(instruments=many, faults=Faults(unanswered=frozenset({20}))).port).open()
    contracts = [Contract(item.con_id, item.symbol, "STK", "USD") for item in many]
    with pytest.raises(ConnectionProblem, match="no answer within"):
        broker.daily_history(contracts, 3, timeout=0.5)
    assert all(broker._borrowed().histories.slots._free.acquire(timeout=0) for _ in range(50))


def test_refusals_stay_with_their_contract(start_gateway: Start, connect: Connect) -> None:
    refused = {265598: (162, "Historical Market Data Service error message:No market data permissions for NASDAQ STK")}
    broker = connect(start_gateway(faults=Faults(refused=refused)).port)
    bars = broker.daily_history([AAPL, SPY], 3)
    assert isinstance(bars[265598], DataProblem)
    assert "No market data permissions" in str(bars[265598])
    assert len(bars[756733]) == 3  # type: ignore[arg-type]  # these are bars


def test_a_pacing_violation_may_be_tried_again(start_gateway: Start, connect: Connect) -> None:
    refused = {756733: (162, "Historical Market Data Service error message:Historical data request pacing violation")}
    broker = connect(start_gateway(faults=Faults(refused=refused)).port)
    with pytest.raises(ConnectionProblem, match="pacing violation"):
        broker.daily_history([SPY], 3)


@pytest.mark.parametrize("size", [4096, 8192])
def test_an_answer_of_exactly_so_many_bytes_is_not_held_back(start_gateway: Start, connect: Connect, size: int) -> None:
    """The client's own reader keeps such a chunk until the next one comes."""

    # The account's name pads the positions, all in one chunk, to the size.
    spare = Instrument(900000950, "SPARE", series="KO")
    frames = encode(61, 3, "", *spare.fields(), 1.0, 1.0) + encode(62, 1)
    account = "D" * (size - len(frames))
    broker = connect(start_gateway(book=[Holding(account, spare, 1.0, 1.0)]).port).open()
    assert [row.account for row in broker.positions(timeout=5)] == [account]


def test_an_answer_that_cannot_be_read_fails_its_request_and_nothing_else(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.open()
    bridge = broker._bridge()
    read = bridge._client._on_messages

    def garble(payloads: list[bytes]) -> None:
        for payload in payloads:
            kind, number, *_ = payload.split(b"\0")
            read([b"\0".join((kind, number, b"", b"", b"1", b"not a date", b"")) if kind == b"17" else payload])

    monkeypatch.setattr(bridge._client, "_on_messages", garble)
    bars = broker.daily_history([SPY], 3)
    assert "can't be read" in str(bars[756733])
    assert len(broker.positions()) == 16


def test_a_size_that_an_old_client_cannot_read_costs_no_quote(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    broker.open()
    bridge = broker._bridge()
    dispatch = bridge._client.dispatch

    def halve(fields: list[bytes]) -> None:
        dispatch([*fields[:-1], b"0.5"] if fields[0] == b"2" else fields)

    monkeypatch.setattr(bridge._client, "dispatch", halve)
    assert broker.quotes([SPY])[756733].last > 0
