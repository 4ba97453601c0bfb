"""Changing, cancelling and asking about orders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.client_ids import ClientId
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Order
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.problems import ConnectionProblem, DataProblem, Refused

Make = Callable[..., Order]
LIMIT = {"order_type": "LMT", "limit_price": 300.0}


@pytest.fixture
def resting(trader: Broker, order: Make, session: date) -> Broker:
    """A broker with one order that rests."""
    trader.place([order(**LIMIT)], session)
    return trader


def test_a_change_is_the_same_order_with_other_terms(resting: Broker, gateway: SimulatedGateway) -> None:
    changed = resting.modify("r1", limit_price=310.0, quantity=150.0)
    (held,) = gateway.trading.registry.all()
    assert (held.values["lmtPrice"], held.quantity, changed.status, changed.perm_id) == (
        *(310.0, 150.0, "working"),
        held.perm_id,
    )
    intent = resting.ledger.find("r1")
    assert intent is not None
    assert (intent.order.limit_price, intent.order.quantity) == (310.0, 150.0)


def test_a_change_to_a_price_that_fills_it_fills_it(resting: Broker) -> None:
    assert resting.modify("r1", limit_price=400.0).status == "filled"


def test_a_change_is_held_against_the_limits_and_counts_for_the_day(
    authorised: Callable[..., Broker], order: Make, session: date
) -> None:
    trader = authorised(quantity=200, notional_per_day=50_000)
    trader.place([order(**LIMIT, reference_price=300.0)], session)
    used = trader.ledger.used("DU1234567", session)
    assert used == pytest.approx(37_800, rel=0.02), "at the market's price, where that is higher"
    with pytest.raises(Refused, match="250 contracts, 200 in one order allowed"):
        trader.modify("r1", quantity=250.0)
    with pytest.raises(Refused, match="50,000 a day allowed"):
        trader.modify("r1", quantity=200.0)
    trader.modify("r1", quantity=110.0)
    assert trader.ledger.used("DU1234567", session) == pytest.approx(used * 1.1)
    trader.modify("r1", quantity=50.0)
    assert trader.ledger.used("DU1234567", session) == pytest.approx(used * 1.1), "what was sent once stays counted"


def test_a_change_that_the_broker_does_not_take_leaves_the_order_as_it_was(
    resting: Broker, gateway: SimulatedGateway
) -> None:
    with pytest.raises(Refused, match="the broker didn't take the change: 110: "):
        resting.modify("r1", limit_price=300.001)
    assert [held.values["lmtPrice"] for held in gateway.trading.registry.all()] == [300.0]
    assert resting.ledger.find("r1").order.limit_price == 300.0  # type: ignore[union-attr]  # it is there


def test_only_what_the_desk_sent_and_only_its_terms_can_be_changed(resting: Broker) -> None:
    with pytest.raises(Refused, match="nobody was never sent"):
        resting.modify("nobody", quantity=1.0)
    with pytest.raises(DataProblem, match="An order's account can't be changed"):
        resting.modify("r1", account="DU7")
    with pytest.raises(DataProblem, match="must be above 0"):
        resting.modify("r1", limit_price=-1.0)


def test_a_cancel_says_what_became_of_the_order(
    resting: Broker, order: Make, session: date, gateway: SimulatedGateway
) -> None:
    resting.place([order("r2")], session)
    rested, filled = resting.cancel(["r1", "r2"])
    assert (rested.status, filled.status, filled.filled) == ("cancelled", "filled", 100.0)
    assert [held.status for held in gateway.trading.registry.all()] == ["Cancelled", "Filled"]
    assert resting.cancel(["r1"])[0].status == "cancelled", "once more changes nothing"


def test_an_order_of_another_run_is_cancelled_as_the_client_that_placed_it(
    resting: Broker, gateway: SimulatedGateway, tmp_path: Path
) -> None:
    resting.close()
    other = ClientId(tmp_path / "desk", "127.0.0.1", gateway.port, 17)
    with Broker("gateway", Settings(port=gateway.port, timeout="2s"), tmp_path / "desk") as broker:
        broker.authorise(OrderPolicy(mode="send", accounts=["DU1234567", "DU7654321"]))
        with pytest.raises(ConnectionProblem, match="was placed as client 17, which another run of the desk is now"):
            broker.cancel(["r1"])
        other.give_back()
        assert broker.cancel(["r1"])[0].status == "cancelled"


def test_cancelling_all_cancels_every_programs_orders(
    resting: Broker, order: Make, session: date, gateway: SimulatedGateway, tmp_path: Path
) -> None:
    with Broker("other", Settings(port=gateway.port, client_id=99), tmp_path / "other") as other:
        other.authorise(OrderPolicy(mode="send", accounts=["DU1234567", "DU7654321"]))
        other.place([order("x", **LIMIT)], session)
        assert resting.cancel_all() == 0
    assert [held.status for held in gateway.trading.registry.all()] == ["Cancelled", "Cancelled"]


def test_what_waits_to_be_approved_and_is_cancelled_is_never_sent(
    authorised: Callable[..., Broker], order: Make, session: date, wire: list[bytes]
) -> None:
    from tasks.connections.clock import WallClock

    trader = authorised(mode="approve")
    trader.ledger.wait([order()], session, [1.0], WallClock().now().value + 10**12)
    assert trader.cancel(["r1"])[0].status == "expired"
    assert trader.ledger.decide(["r1"], "approved", "") == []
    assert trader.place([order()], session)[0].status == "expired"
    assert wire == []


def test_a_preview_has_margins_and_cost_and_leaves_nothing(
    authorised: Callable[..., Broker], order: Make, session: date, gateway: SimulatedGateway
) -> None:
    trader = authorised(mode="plan")
    margins = trader.preview(order())
    assert margins.initial_after > margins.initial_before > 0
    assert (margins.commission, margins.commission_currency) == (1.0, "USD")
    assert gateway.trading.registry.all() == []
    assert trader.open_orders() == []
    assert trader.ledger.find("r1") is None


def test_a_preview_of_what_the_broker_would_refuse_says_why(trader: Broker, order: Make) -> None:
    with pytest.raises(Refused, match="the broker would refuse it: "):
        trader.preview(order(order_type="LMT", limit_price=300.001))


def test_a_preview_says_that_nobody_answers(
    gateway: SimulatedGateway, trader: Broker, order: Make, wire: list[bytes]
) -> None:
    trader.open()
    gateway.faults.unanswered = frozenset({3})
    with pytest.raises(ConnectionProblem, match=r"the broker doesn't say within 0\.3 s"):
        trader.preview(order(), patience=0.3)
    assert len(wire) == 1
    assert wire[0][4:6] == b"3\0"


def test_a_gateway_that_is_read_only_says_so(
    start_gateway: Callable[..., SimulatedGateway], connect: Callable[..., Broker], order: Make, session: date
) -> None:
    broker = connect(start_gateway(read_only=True).port)
    broker.authorise(OrderPolicy(mode="send", accounts=["DU1234567", "DU7654321"]))
    (placed,) = broker.place([order()], session)
    assert placed.status == "rejected"
    assert "Read-Only mode" in placed.reason
    with pytest.raises(Refused, match="Read-Only mode"):
        broker.open_orders()
