"""A connection that is dropped, mute, without its broker, or taken by another."""

from __future__ import annotations

import logging
import random
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tasks.connections.ib.bridge import Bridge
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.client import wire_contract
from tasks.connections.ib.client_ids import ClientId
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.keeper import Patience
from tasks.connections.ib.outages import Outage
from tasks.connections.ib.pool import Address, Shared, outages_of
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.subscriptions import Subscription
from tasks.connections.problems import ConnectionProblem, Problem, Refused
from tasks.connections.scope import current

SOON = Patience(first=0.05, longest=0.2, jitter=0.0, quiet=5.0, answer=0.3)

CHANCE = random.Random(1)  # noqa: S311  # guards nothing

Start = Callable[..., SimulatedGateway]
Share = Callable[..., Shared]


class Told:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.connections: list[Bridge] = []
        self.problems: list[Problem] = []
        self.events: list[Any] = []

    def connected(self, bridge: Bridge) -> None:
        self.connections.append(bridge)

    def lost(self, problem: Problem) -> None:
        self.problems.append(problem)

    def event(self, event: Any) -> None:
        self.events.append(event)


@pytest.fixture
def share() -> Iterator[Share]:
    with ExitStack() as stack:

        def make(port: int, patience: Patience = SOON, client_id: int = 17) -> Shared:
            shared = Shared(Address("127.0.0.1", port, client_id, 1), None, patience, paced=False)
            stack.callback(shared.close)
            return shared

        yield make


def follow(shared: Shared) -> Subscription:
    wire = wire_contract(Contract(756733, "SPY", "STK", "USD", "SMART"))
    return shared.subscribe(
        "quotes",
        "Quotes of SPY",
        lambda client, number: client.reqMktData(number, wire, "", False, False, []),
        lambda client, number: client.cancelMktData(number),
        connection="gateway",
        con_id=756733,
    )


def say(gateway: SimulatedGateway, code: int, text: str = "") -> None:
    """The gateway's notice to all its clients."""

    said = threading.Event()

    def speak() -> None:
        for session in gateway.clients:
            session.error(-1, code, text)
        said.set()

    gateway._listener.call(speak)
    assert said.wait(5)


def until(holds: Callable[[], Any], seconds: float = 5.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it doesn't come about"
        time.sleep(0.002)


def kinds(shared: Shared) -> list[str]:
    return [event.event for event in shared.events.events if event.event != "notice"]


def test_a_subscription_outlives_its_connection(gateway: SimulatedGateway, share: Share) -> None:
    shared = share(gateway.port)
    told = Told()
    shared.watchers.add(told)
    quotes = follow(shared)
    first = quotes.take(5)
    number = quotes.number
    assert first[0][0] == 0
    assert not quotes.stale
    gateway.kick()
    until(lambda: len(told.connections) == 2)
    again = quotes.take(5)
    assert again[0][0] > first[-1][0]
    assert quotes.number not in (None, number)
    assert not quotes.stale
    assert quotes.problem is None
    assert [problem.reason for problem in told.problems] == [
        f"The gateway at 127.0.0.1:{gateway.port} closed the connection."
    ]
    until(lambda: kinds(shared) == ["connected", "lost", "connected", "resubscribed"])


def test_rows_are_stale_from_the_drop_until_data_comes_again(start_gateway: Start, share: Share) -> None:
    gateway = start_gateway()
    quotes = follow(share(gateway.port))
    quotes.take(5)
    gateway.stop()
    until(lambda: quotes.stale)
    assert not quotes.done


def test_nothing_is_connected_again_that_nobody_needs(gateway: SimulatedGateway, share: Share) -> None:
    shared = share(gateway.port)
    bridge = shared.bridge(2)
    gateway.kick()
    until(lambda: not bridge.alive)
    time.sleep(0.15)
    assert kinds(shared) == ["connected", "lost"]
    shared.keep_connected = True
    shared._keeper.wake()
    until(lambda: kinds(shared) == ["connected", "lost", "connected"])


def test_an_outage_is_told_once_and_its_end_once(
    start_gateway: Start, share: Share, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start_gateway()
    shared = share(gateway.port)
    quotes = follow(shared)
    quotes.take(5)
    port = gateway.port
    caplog.set_level(logging.WARNING, "hedgerow.ib")
    gateway.stop()
    until(lambda: shared.events.attempts >= 3)
    assert shared.events.lost_since_ns is not None
    start_gateway(port=port)
    until(lambda: not quotes.stale)
    assert shared.events.lost_since_ns is None
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [text for text in said if "closed the connection" in text or "broke" in text] == said[:1]
    assert [text for text in said if "Connected again" in text] == said[-1:]
    assert len(said) == 2
    attempts = [event.attempt for event in shared.events.events if event.event == "failed"]
    assert attempts[:3] == [1, 2, 3]


def test_waits_double_up_to_five_minutes() -> None:
    waits = iter(Patience(jitter=0.0).waits(CHANCE))
    assert [next(waits) for _ in range(8)] == [5, 10, 20, 40, 80, 160, 300, 300]
    waits = iter(Patience(jitter=0.2).waits(CHANCE))
    for expected in (5, 10, 20, 40):
        assert 0.8 * expected <= next(waits) <= 1.2 * expected


def test_without_the_broker_nothing_is_traded_and_what_was_asked_fails_at_once(
    start_gateway: Start, share: Share
) -> None:
    gateway = start_gateway(faults=Faults(unanswered=frozenset({9})))
    shared = share(gateway.port)
    told = Told()
    shared.watchers.add(told)
    bridge = shared.bridge(2)
    until(lambda: len(told.connections) == 1)
    assert bridge.may_trade
    wire = wire_contract(Contract(symbol="SPY"))
    asked = bridge.ask(
        "details",
        "Details of SPY",
        lambda client, number: client.reqContractDetails(number, wire),
        connection="gateway",
    )
    say(gateway, 1100, "Connectivity between IB and Trader Workstation has been lost.")
    started = time.monotonic()
    with pytest.raises(ConnectionProblem, match=r"Details of SPY: .* has lost the broker"):
        asked.wait(current())
    assert time.monotonic() - started < 5
    assert not bridge.may_trade
    assert [lack.name for lack in bridge.condition.lacks] == ["the broker"]
    say(gateway, 1102, "Connectivity between IB and Trader Workstation has been restored - data maintained.")
    until(lambda: len(told.connections) == 2)
    assert told.connections == [bridge, bridge]
    assert bridge.may_trade
    assert kinds(shared) == ["connected", "degraded", "restored"]


def test_subscriptions_are_sent_again_only_where_their_data_was_lost(gateway: SimulatedGateway, share: Share) -> None:
    shared = share(gateway.port)
    told = Told()
    shared.watchers.add(told)
    quotes = follow(shared)
    quotes.take(5)
    number = quotes.number
    say(gateway, 1102, "restored - data maintained")
    until(lambda: len(told.connections) == 2)
    assert quotes.number == number
    say(gateway, 1101, "restored - data lost")
    until(lambda: quotes.number not in (None, number))
    assert quotes.take(5)
    assert not quotes.stale


@pytest.mark.parametrize(("lost", "found"), [(2103, 2104), (2105, 2106), (2105, 2107), (2103, 2108), (2157, 2158)])
def test_a_farm_that_is_away_pauses_orders_until_that_farm_is_back(
    gateway: SimulatedGateway, share: Share, lost: int, found: int
) -> None:
    shared = share(gateway.port)
    heard = shared.subscribe("errors", "Errors", connection="gateway", route="errors")
    bridge = shared.bridge(2)
    say(gateway, lost, "data farm connection is broken:usfarm")
    until(lambda: not bridge.may_trade)
    assert [lack.name for lack in bridge.condition.lacks] == ["the data farm usfarm"]
    say(gateway, found, "data farm connection is OK:eufarm")
    until(lambda: [row.text for _, _, row in heard.take(1)][-1:] == ["data farm connection is OK:eufarm"])
    assert not bridge.may_trade
    say(gateway, found, "data farm connection is OK:usfarm")
    until(lambda: bridge.may_trade)
    until(lambda: kinds(shared) == ["connected", "degraded", "restored"])


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (10225, "Bust event occurred, current subscription is deactivated."),
        (162, "Historical Market Data Service error message:API historical data query cancelled"),
        (101, "Max number of tickers has been reached"),
    ],
)
def test_a_subscription_that_has_worked_and_is_ended_by_the_gateway_is_sent_again(
    gateway: SimulatedGateway, share: Share, code: int, text: str
) -> None:
    shared = share(gateway.port)
    quotes = follow(shared)
    quotes.take(5)
    number = quotes.number
    assert number is not None
    (session,) = gateway.clients
    gateway._listener.call(session.error, number, code, text)
    until(lambda: quotes.number not in (None, number))
    assert quotes.take(5)
    assert not quotes.done
    assert not quotes.stale


def test_a_mute_connection_is_declared_dead_and_made_again(gateway: SimulatedGateway, share: Share) -> None:
    shared = share(gateway.port, Patience(first=0.05, longest=0.1, jitter=0.0, quiet=0.15, answer=0.2))
    quotes = follow(shared)
    quotes.take(5)
    gateway.faults.mute = True
    until(lambda: "lost" in kinds(shared))
    (lost,) = [event for event in shared.events.events if event.event == "lost"]
    assert "is mute: nothing came for" in lost.text
    gateway.faults.mute = False
    until(lambda: not quotes.stale)


def test_a_quiet_connection_that_answers_stays(gateway: SimulatedGateway, share: Share) -> None:
    shared = share(gateway.port, Patience(quiet=0.05, answer=2.0))
    quotes = follow(shared)
    bridge = shared.bridge(2)
    heard = bridge.heard_at
    until(lambda: bridge.heard_at > heard + 0.3)
    assert bridge.alive
    assert kinds(shared) == ["connected"]
    assert not quotes.stale


def test_a_client_id_that_another_program_took_meanwhile_is_said_and_stopped_at(
    start_gateway: Start, share: Share, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start_gateway()
    shared = share(gateway.port)
    quotes = follow(shared)
    quotes.take(5)
    port = gateway.port
    gateway.stop()
    until(lambda: shared.events.attempts >= 1)
    restarted = SimulatedGateway(port=port)
    restarted.enter = lambda session, client_id: False  # type: ignore[method-assign]  # it is always in use
    with restarted:
        until(lambda: quotes.problem is not None)
        attempts = shared.events.attempts
        time.sleep(0.5)
        assert shared.events.attempts == attempts
    assert isinstance(quotes.problem, Refused)
    assert "Client id 17 is in use" in str(quotes.problem)
    assert "another `client_id`" in str(quotes.problem)
    assert shared.events.events[-1].event == "refused"
    assert [record.levelno for record in caplog.records if "not trying any more" in record.getMessage()] == [
        logging.ERROR
    ]


def test_a_gateway_that_reads_nothing_does_not_stop_the_connection_from_ending(
    start_gateway: Start, share: Share
) -> None:
    gateway = start_gateway(faults=Faults(reads_per_second=1.0))
    shared = share(gateway.port)
    gateway.faults.reads_per_second = None
    bridge = shared.bridge(5)
    gateway.faults.reads_per_second = 1.0
    ended = threading.Event()

    def send() -> None:
        try:
            while True:
                bridge._client.conn.sendMsg(struct.pack(">I", 1_000_000) + b"49\0001\0" * 200_000)
        except OSError:
            ended.set()

    threading.Thread(target=send, daemon=True).start()
    time.sleep(0.3)
    started = time.monotonic()
    bridge.close()
    assert time.monotonic() - started < 3
    assert ended.wait(3)


def test_a_watcher_that_fails_keeps_nothing_from_the_others(
    gateway: SimulatedGateway, share: Share, caplog: pytest.LogCaptureFixture
) -> None:
    class Clumsy(Told):
        def connected(self, bridge: Bridge) -> None:
            raise RuntimeError("clumsy")

        event = lost = connected  # type: ignore[assignment]

    shared = share(gateway.port)
    told = Told()
    for watcher in (Clumsy(), told):
        shared.watchers.add(watcher)
    quotes = follow(shared)
    quotes.take(5)
    gateway.kick()
    until(lambda: len(told.connections) == 2)
    assert len(told.problems) == 1
    assert "clumsy" in caplog.text
    shared.watchers.remove(told)
    gateway.kick()
    until(lambda: kinds(shared).count("connected") == 3)
    assert len(told.connections) == 2


def test_the_last_ten_thousand_events_are_kept_and_go_to_who_subscribes(
    gateway: SimulatedGateway, share: Share
) -> None:
    shared = share(gateway.port)
    events = shared.subscribe("connection events", "Connection events", connection="gateway", route="connection")
    shared.bridge(2)
    until(lambda: "connected" in kinds(shared))
    (connected,) = [row for _, _, row in events.take(5) if row.event == "connected"]
    assert connected[1:] == ("connected", 0, "", "127.0.0.1", gateway.port, 17, 0)
    for number in range(10_050):
        shared.events.keep("notice", number)
    assert len(shared.events.events) == 10_000
    assert shared.events.events[-1].code == 10_049


def test_how_the_desk_is_tells_of_a_connection_that_another_run_has_lost(
    start_gateway: Start, tmp_path: Path, connect: Callable[..., Broker]
) -> None:
    gateway = start_gateway()
    port, desk = gateway.port, tmp_path / "desk"
    shared = Shared(Address("127.0.0.1", port, 17, 1), desk, SOON, paced=False)
    try:
        quotes = follow(shared)
        quotes.take(5)
        assert connect(port).check_health().startswith(f"127.0.0.1:{port}, DU1234567")
        gateway.stop()
        until(lambda: shared.events.attempts >= 2)
        said = r"There is no gateway at .*A run's connection, as client 17, has been lost since \d{4}-.* UTC, after \d+"
        with pytest.raises(ConnectionProblem, match=said):
            connect(port).check_health()
        busy = SimulatedGateway(port=port)
        enter = busy.enter
        busy.enter = lambda session, client_id: client_id != 17 and enter(session, client_id)  # type: ignore[method-assign]
        with busy:
            until(lambda: quotes.problem is not None)
            with pytest.raises(ConnectionProblem, match=r"as client 17, has been lost since .*Client id 17 is in use"):
                connect(port).check_health()
            shared.close()
            assert connect(port).check_health()
    finally:
        shared.close()


def test_a_killed_runs_outage_ends_with_it(tmp_path: Path) -> None:
    outages = outages_of(tmp_path, "127.0.0.1", 4002)
    lent = ClientId(tmp_path, "127.0.0.1", 4002, 17)
    outages.keep(Outage(17, 1, 3, "gone"))
    assert outages.read() == [Outage(17, 1, 3, "gone")]
    lent.give_back()  # as the system does for a process that was killed
    assert outages.read() == []
    assert list((tmp_path / "outages").iterdir()) == []
