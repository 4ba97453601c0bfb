"""The real client over a real socket, against the simulated gateway."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.simulator.book import Holding
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import Instrument, listed
from tasks.connections.problems import DataProblem, DeadlinePassed
from tasks.connections.scope import Deadline, Scope, entered

AAPL = Contract(265598, "AAPL", "STK", "USD")
SPY = Contract(756733, "SPY", "STK", "USD")
NOBODY = Contract(123, "NOBODY", "STK", "USD")


def test_accounts_and_positions(broker: Broker) -> None:
    assert broker.accounts() == ["DU1234567", "DU7654321"]
    held = {(row.account, row.contract.con_id): row for row in broker.positions()}
    assert len(held) == 16
    assert held["DU1234567", 265598].quantity == 2400
    assert held["DU7654321", 265598].quantity == 900
    option = held["DU7654321", 900000101]
    assert (option.contract.symbol, option.contract.multiplier, option.average_cost) == ("AAPL", "100", 912.5)


def test_positions_asked_for_by_many_at_once_are_whole_for_each(broker: Broker) -> None:
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(len(broker.positions()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert counts == [16] * 8


def test_contract_details(broker: Broker) -> None:
    (details,) = broker.contract_details(Contract(symbol="SPY", security_type="STK", currency="USD", exchange="SMART"))
    assert (details.contract.con_id, details.listing, details.minimum_tick) == (756733, "ARCA", 0.01)
    both = broker.contract_details(Contract(symbol="AAPL"))
    assert [item.contract.security_type for item in both] == ["STK", "OPT"]
    with pytest.raises(DataProblem, match=r"Details of SPYX STK: .* 200, No security definition.*Check symbol"):
        broker.contract_details(Contract(symbol="SPYX", security_type="STK"))


def test_daily_history_of_several_contracts_and_why_there_is_none(broker: Broker) -> None:
    bars = broker.daily_history([AAPL, SPY, NOBODY, AAPL], 3)
    assert list(bars) == [265598, 756733, 123]
    assert [(bar.date, bar.close) for bar in bars[756733][:2]] == [  # type: ignore[index]  # these are bars
        ("20221223", 384.482),
        ("20221227", 382.925),
    ]
    assert isinstance(bars[123], DataProblem)
    assert "Daily history of NOBODY STK USD (123)" in str(bars[123])


def test_more_than_a_year_of_days_is_asked_for_in_years(broker: Broker) -> None:
    bars = broker.daily_history([SPY], 600)[756733]
    assert isinstance(bars, list)
    assert len(bars) >= 600


def test_quotes(broker: Broker) -> None:
    quotes = broker.quotes([SPY, NOBODY])
    quote = quotes[756733]
    assert quote.bid < quote.last < quote.ask
    assert (quote.close, quote.market_data, quote.reason) == (382.925, "simulated", "")
    assert str(quote.last_time) == "2022-12-28 20:45:00+00:00"
    assert quotes[123].market_data == "none"
    assert "No security definition" in quotes[123].reason


def test_an_index_is_asked_for_at_its_own_exchange(broker: Broker) -> None:
    index = Contract(416904, "SPX", "IND", "USD")
    assert broker.quotes([index])[416904].close == 3829.25
    assert broker.daily_history([index], 2)[416904][0].close == 3829.25  # type: ignore[index]


def test_the_steps_listener_sees_every_message_as_on_the_wire(broker: Broker, witness: Any) -> None:
    with entered(Scope(listener=witness)):
        broker.daily_history([SPY], 2)
    sent, received = witness.messages
    assert (sent.connection, sent.kind, sent.con_id, sent.direction) == ("gateway", "daily history", 756733, "sent")
    assert sent.request == received.request >= 1_000_000
    assert sent.payload.split("\0")[:4] == ["20", str(sent.request), "756733", "SPY"]
    assert "ADJUSTED_LAST" in sent.payload.split("\0")
    fields = received.payload.split("\0")
    assert fields[:2] == ["17", str(sent.request)]
    assert fields[5] == "20221227"
    assert fields[9] == "382.925"
    assert received.time_ns >= sent.time_ns > time.time_ns() - 60_000_000_000
    assert witness.steps[-1] == (1, 1, "daily history")


def test_positions_have_their_messages_too(broker: Broker, witness: Any) -> None:
    with entered(Scope(listener=witness)):
        broker.positions()
    kinds = [message.payload.split("\0")[0] for message in witness.messages]
    assert kinds == ["61", *["61"] * 16, "62"]
    assert len({message.request for message in witness.messages}) == 1


def test_the_same_history_within_15_seconds_is_answered_from_memory_with_its_messages(
    broker: Broker, witness: Any
) -> None:
    first = broker.daily_history([SPY], 5)
    with entered(Scope(listener=witness)):
        assert broker.daily_history([SPY], 5) == first
    assert [message.direction for message in witness.messages] == ["sent", "received"]
    with entered(Scope(listener=witness)):
        broker.daily_history([SPY], 6)
    assert len({message.request for message in witness.messages}) == 2


def test_a_step_past_its_deadline_sends_nothing(broker: Broker, witness: Any) -> None:
    broker.open()
    deadline = Deadline()
    deadline.abandon()
    with entered(Scope(deadline=deadline, listener=witness)):
        for ask in (broker.positions, lambda: broker.quotes([SPY]), lambda: broker.daily_history([SPY], 2)):
            with pytest.raises(DeadlinePassed):
                ask()
    assert witness.messages == []


def test_the_desks_simulated_gateway_starts_and_stops_with_the_connection(tmp_path: Path) -> None:
    broker = Broker("gateway", Settings(simulated=True), tmp_path)
    assert broker.clock() is not None
    with broker:
        assert broker.current_time() == 1672260300  # 2022-12-28T20:45Z
        assert len(broker.positions()) == 16
    broker.close()
    assert not any(thread.name in ("simulated gateway", "ib reader") for thread in threading.enumerate())
    assert len(broker.positions()) == 16
    broker.close()


def test_a_gateway_elsewhere_may_keep_the_runs_time(
    start_gateway: Callable[..., SimulatedGateway], connect: Callable[..., Broker]
) -> None:
    gateway = start_gateway(now="2020-03-12T14:00Z")
    clock = connect(gateway.port, clock="gateway").clock()
    assert clock is not None
    assert str(clock.now()) == "2020-03-12 14:00:00+00:00"


def test_two_connections_of_one_process_with_one_client_id_share_the_socket(
    gateway: SimulatedGateway, connect: Callable[..., Broker]
) -> None:
    one, two = connect(gateway.port), connect(gateway.port)
    assert len(one.positions()) == len(two.positions()) == 16
    one.close()
    assert len(two.positions()) == 16


def test_delayed_data_stands_in_only_where_the_desk_allows_it(
    start_gateway: Callable[..., SimulatedGateway], connect: Callable[..., Broker]
) -> None:
    late = Instrument(900000901, "LATE", series="KO", permission="delayed")
    gateway = start_gateway(instruments=[late])
    contract = Contract(late.con_id, "LATE", "STK", "USD")
    live = connect(gateway.port, client_id=1).quotes([contract, SPY])
    assert "market_data: delayed" in live[late.con_id].reason
    delayed = connect(gateway.port, client_id=2, market_data="delayed").quotes([contract])[late.con_id]
    assert delayed.bid < delayed.last < delayed.ask


def test_a_books_own_instruments_can_be_held(
    start_gateway: Callable[..., SimulatedGateway], connect: Callable[..., Broker]
) -> None:
    sap = Instrument(900000910, "SAP", currency="EUR", listing="IBIS", series="KO", scale=1.6)
    gateway = start_gateway(book=[Holding("DU1", sap, 100, 95.5), Holding("DU1", listed("KO"), 0, 0.0)])
    broker = connect(gateway.port)
    assert [(row.contract.symbol, row.contract.currency, row.quantity) for row in broker.positions()] == [
        ("SAP", "EUR", 100.0),
        ("KO", "USD", 0.0),
    ]
    bars = broker.daily_history([Contract(sap.con_id, "SAP", "STK", "EUR")], 2)[sap.con_id]
    assert bars[0].close == pytest.approx(63.24 * 1.6, abs=1e-4)  # type: ignore[index]  # KO closed at 63.24
