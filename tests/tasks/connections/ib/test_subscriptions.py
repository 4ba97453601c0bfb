"""What keeps coming, for whoever takes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tasks.connections.ib.client import wire_contract
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.latest import Latest, LatestTable
from tasks.connections.ib.pool import Address, Shared
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.subscriptions import Subscription
from tasks.connections.problems import ConnectionProblem, DataProblem

SPY = Contract(756733, "SPY", "STK", "USD", "SMART")
NOBODY = Contract(123, "NOBODY", "STK", "USD", "SMART")


@pytest.fixture
def shared(gateway: SimulatedGateway) -> Iterator[Shared]:
    made = Shared(Address("127.0.0.1", gateway.port, 17, 1), None, paced=False)
    yield made
    made.close()


def quotes(shared: Shared, contract: Contract = SPY, **options: Any) -> Subscription:
    wire = wire_contract(contract)
    return shared.subscribe(
        "quotes",
        f"Quotes of {contract}",
        lambda client, number: client.reqMktData(number, wire, "", False, False, []),
        lambda client, number: client.cancelMktData(number),
        connection="gateway",
        con_id=contract.con_id,
        **options,
    )


def positions(shared: Shared) -> Subscription:
    return shared.subscribe(
        "positions",
        "Positions",
        lambda client, number: client.reqPositions(),
        lambda client, number: client.cancelPositions(),
        connection="gateway",
        route="positions",
    )


def alone(limit: int = 100_000) -> Subscription:
    return Subscription("ticks", "Ticks", None, None, connection="gateway", limit=limit)


def test_rows_come_in_order_with_their_sequence_and_when_they_came() -> None:
    subscription = alone()
    for row in "abc":
        subscription.add(row, ord(row))
    assert subscription.take(0) == [(0, 97, "a"), (1, 98, "b"), (2, 99, "c")]
    subscription.add("d", 100)
    assert subscription.take(0) == [(3, 100, "d")]


def test_the_oldest_rows_go_first_where_nobody_takes_them_and_are_counted() -> None:
    subscription = alone(limit=3)
    for number in range(10):
        subscription.add(number, number)
    assert [row for _, _, row in subscription.take(0)] == [7, 8, 9]
    assert subscription.dropped == 7


def test_taking_waits_for_the_first_row_and_no_longer() -> None:
    subscription = alone()
    threading.Timer(0.1, subscription.add, ("late", 1)).start()
    started = time.monotonic()
    assert [row for _, _, row in subscription.take(5)] == ["late"]
    assert time.monotonic() - started < 2
    assert subscription.take(0.01) == []


@pytest.mark.parametrize("end", [lambda each: each.close(), lambda each: each.complete(DataProblem("refused"))])
@pytest.mark.parametrize("is_latest", [False, True])
def test_who_waits_wakes_up_when_no_more_will_come(end: Callable[[Subscription], None], is_latest: bool) -> None:
    subscription = alone()
    if is_latest:
        subscription = Latest(LatestTable(), "quotes", "Quotes", None, None, connection="gateway", con_id=756733)
    threading.Timer(0.1, end, (subscription,)).start()
    started = time.monotonic()
    assert subscription.take(30) == []
    assert time.monotonic() - started < 5
    assert subscription.done
    assert subscription.take(30) == []


def test_a_refused_contract_says_why_and_the_others_go_on(shared: Shared) -> None:
    refused, good = quotes(shared, NOBODY), quotes(shared)
    assert refused.take(5) == []
    assert isinstance(refused.problem, DataProblem)
    assert "Quotes of NOBODY STK USD (123): the broker says 200" in str(refused.problem)
    assert good.take(5)


def test_closing_cancels_it_at_the_gateway(gateway: SimulatedGateway, shared: Shared) -> None:
    subscription = quotes(shared)
    subscription.take(5)
    (session,) = gateway.clients
    assert len(session._streams) == 1
    subscription.close()
    subscription.close()
    shared.bridge(2).current_time(5)  # by then the cancel has been read
    assert session._streams == {}


def test_what_cannot_be_sent_is_not_kept(shared: Shared) -> None:
    bridge = shared.bridge(2)

    def fail(client: Any, number: int) -> None:
        raise OSError("the cable")

    with pytest.raises(ConnectionProblem, match="Quotes could not be sent: the cable"):
        shared.subscribe("quotes", "Quotes", fail, None, connection="gateway")
    assert shared._subscriptions == ()
    assert bridge.alive


def test_positions_keep_coming_although_somebody_asks_for_them_once(gateway: SimulatedGateway, shared: Shared) -> None:
    subscription = positions(shared)
    assert subscription.wait_whole(5)
    assert len(subscription.take(0)) == 16
    assert len(shared.bridge(2).positions("gateway", 5)) == 16
    assert len(subscription.take(5)) == 16  # asked again, they come for both
    again = positions(shared)
    assert again.wait_whole(5)
    again.close()
    assert len(shared.bridge(2).positions("gateway", 5)) == 16
    assert not subscription.done


def test_errors_come_to_who_subscribes_to_them(shared: Shared) -> None:
    errors = shared.subscribe("errors", "Errors", connection="gateway", route="errors")
    refused = quotes(shared, NOBODY)
    while not (rows := [row for _, _, row in errors.take(5) if row.code == 200]):
        pass
    assert rows[0].what == refused.what == "Quotes of NOBODY STK USD (123)"
    assert rows[0].request >= 1_000_000
    assert refused.number is None
    assert rows[0].time_ns > 0


def test_the_latest_prices_of_many_contracts_in_one_table(gateway: SimulatedGateway, shared: Shared) -> None:
    wires = {
        contract.con_id: wire_contract(contract) for contract in (SPY, Contract(265598, "AAPL", "STK", "USD", "SMART"))
    }
    followed = [
        shared.subscribe_latest(
            *("quotes", f"Quotes of {con_id}"),
            lambda client, number, wire=wire: client.reqMktData(number, wire, "", False, False, []),
            lambda client, number: client.cancelMktData(number),
            connection="gateway",
            con_id=con_id,
        )
        for con_id, wire in wires.items()
    ]
    for latest in followed:
        while not (rows := latest.take(5)) or rows[-1][2].last_time != rows[-1][2].last_time:
            pass
        quote = rows[-1][2]
        assert quote.bid < quote.last < quote.ask
        assert quote.market_data_type == 1
    assert sorted(shared.latest.snapshot().con_ids.tolist()) == [265598, 756733]
    gateway.kick()
    for latest in followed:
        latest.close()
    assert shared.latest.snapshot().con_ids.tolist() == []


def test_a_message_that_nobody_asked_for_ends_nothing(start_gateway: Callable[..., SimulatedGateway]) -> None:
    gateway = start_gateway(faults=Faults())
    with ExitStack() as stack:
        shared = Shared(Address("127.0.0.1", gateway.port, 17, 1), None, paced=False)
        stack.callback(shared.close)
        bridge = shared.bridge(2)
        for fields in ([], [b""], [b"x"], [b"17", b"1000007"], [b"999", b"1"], [b"4", b"2"], [b"2", b"6", b"9"]):
            bridge._on_messages([b"".join(field + b"\0" for field in fields)])
        assert bridge.unreadable.count == 7
        assert bridge.unreadable.by_kind["17"] == 1
        assert "no message has the number 999" in str(bridge.unreadable.latest)
        assert bridge.alive
        assert len(bridge.positions("gateway", 5)) == 16
