"""An order's life, from the wire and back: what is told of it, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import SPY
from tasks.connections.ib.simulator.trading.order import Leg

AAPL = 265598
TWO = "DU7654321"


def test_a_market_order_takes_what_is_shown_and_then_pays_a_tick_more(trader: Any, told: Any) -> None:
    touch = trader.touch(AAPL)
    messages = trader.trade("AAPL", "BUY", touch.ask_size + 100, orderRef="why")
    assert told.statuses(messages) == [
        ("PreSubmitted", 0, touch.ask_size + 100),
        ("Submitted", touch.ask_size, 100),
        ("Filled", touch.ask_size + 100, 0),
    ]
    prices = [(side, quantity, price) for _, side, quantity, price in told.fills(messages)]
    assert prices == [("BOT", touch.ask_size, touch.ask), ("BOT", 100, round(touch.ask + 0.01, 2))]
    # each state is told as a pair, the execution before it, its commission after it
    kinds = [message[0] for message in messages if message[0] in ("5", "3", "11", "59")]
    assert kinds == ["5", "3", "11", "5", "3", "59", "11", "5", "3", "59"]
    order = told.opened(messages)[-1]
    assert (order["orderRef"], order["account"], order["status"]) == ("why", "DU1234567", "Filled")
    average = (touch.ask_size * touch.ask + 100 * (touch.ask + 0.01)) / (touch.ask_size + 100)
    assert float(messages[-2][5]) == pytest.approx(average, abs=1e-8)


def test_a_sale_meets_the_bid(trader: Any, told: Any) -> None:
    touch = trader.touch(AAPL)
    ((_, side, quantity, price),) = told.fills(trader.trade("AAPL", "SELL", 10))
    assert (side, quantity, price) == ("SLD", 10, touch.bid)


def test_a_limit_order_never_pays_more_and_waits_for_the_rest(trader: Any, told: Any) -> None:
    touch = trader.touch(AAPL)
    wanted = touch.ask_size + 500
    messages = trader.trade("AAPL", "BUY", wanted, "LMT", lmtPrice=touch.ask)
    assert [price for *_, price in told.fills(messages)] == [touch.ask]
    assert told.statuses(messages)[-1] == ("Submitted", touch.ask_size, 500)
    # time stands still: nothing more comes however often one asks
    assert told.fills(trader.settle()) == []


def test_a_resting_order_fills_at_its_own_limit_half_of_the_size_shown_a_second(
    start_gateway: Callable[..., SimulatedGateway], hire: Any, told: Any
) -> None:
    gateway = start_gateway(now="2022-12-28T15:00:00Z")
    trader = hire(gateway)
    touch = trader.touch(AAPL)
    limit = round(touch.bid - 0.40, 2)
    trader.trade("AAPL", "BUY", 5000, "LMT", lmtPrice=limit)
    start = gateway.clock.now()
    moments = (start + pd.Timedelta(seconds=second) for second in range(1, 3600))
    touched = next(moment for moment in moments if gateway.market.touch(AAPL, moment.value).ask <= limit)
    gateway.clock.move_to(touched - pd.Timedelta(seconds=1))
    assert told.fills(trader.settle()) == []
    gateway.clock.move_to(touched)
    ((_, _, quantity, price),) = told.fills(trader.settle())
    assert (quantity, price) == (gateway.market.touch(AAPL, touched.value).ask_size // 2, limit)


def test_cancelling_and_what_cannot_be_cancelled(trader: Any, told: Any) -> None:
    number = trader.place("AAPL", "BUY", 5, "LMT", lmtPrice=100)
    trader.settle()
    trader.send(4, 1, number, "")
    messages = trader.settle()
    assert told.statuses(messages) == [("Cancelled", 0, 5)]
    assert told.errors(messages) == [(number, 202, "Order Canceled - reason:")]
    trader.send(4, 1, number, "")
    trader.send(4, 1, 999, "")
    assert [(n, code) for n, code, _ in told.errors(trader.settle())] == [(number, 10148), (999, 10147)]


def test_numbers_are_used_once_and_go_up(trader: Any, told: Any) -> None:
    trader.trade("AAPL", "BUY", 1, orderId=50)
    assert told.errors(trader.trade("AAPL", "BUY", 1, orderId=50)) == [(50, 104, "Cannot modify a filled order.")]
    assert told.errors(trader.trade("AAPL", "BUY", 1, orderId=49)) == [(49, 103, "Duplicate order id")]
    trader.send(8, 1, 1)
    assert ["9", "1", "51"] in trader.settle()


def test_a_change_keeps_what_was_filled(trader: Any, told: Any) -> None:
    touch = trader.touch(AAPL)
    number = trader.place("AAPL", "BUY", touch.ask_size + 50, "LMT", lmtPrice=touch.ask)
    trader.settle()
    more = round(touch.ask + 0.01, 2)
    messages = trader.trade("AAPL", "BUY", touch.ask_size + 80, "LMT", lmtPrice=more, orderId=number)
    assert told.statuses(messages)[-1] == ("Filled", touch.ask_size + 80, 0)


def test_a_change_to_what_has_been_filled_completes_the_order(trader: Any, told: Any) -> None:
    touch = trader.touch(AAPL)
    number = trader.place("AAPL", "BUY", touch.ask_size + 50, "LMT", lmtPrice=touch.ask)
    trader.settle()
    messages = trader.trade("AAPL", "BUY", touch.ask_size, "LMT", lmtPrice=touch.ask, orderId=number)
    assert told.statuses(messages) == [("Filled", touch.ask_size, 0)]
    assert told.errors(trader.trade("AAPL", "BUY", 1, orderId=number))[0][1] == 104


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"action": "SELL"}, 105),
        ({"symbol": "MSFT"}, 105),
        ({"account": TWO}, 105),
        ({"quantity": 0}, 434),
        ({"lmtPrice": 100.001}, 110),
    ],
)
def test_a_change_that_is_none_leaves_the_order_as_it_was(
    trader: Any, told: Any, changed: dict[str, Any], code: int
) -> None:
    number = trader.place("AAPL", "BUY", 5, "LMT", lmtPrice=100)
    trader.settle()
    order = {"symbol": "AAPL", "action": "BUY", "quantity": 5, "lmtPrice": 100, **changed}
    messages = trader.trade(
        order.pop("symbol"), order.pop("action"), order.pop("quantity"), "LMT", orderId=number, **order
    )
    assert [(n, c) for n, c, _ in told.errors(messages)] == [(number, code)]
    trader.send(5, 1)
    (still,) = told.opened(trader.settle())
    assert (still["action"], still["symbol"], still["lmtPrice"], still["account"]) == ("BUY", "AAPL", 100, "DU1234567")


def test_asking_what_if_is_no_order(trader: Any, told: Any) -> None:
    messages = trader.trade("AAPL", "BUY", 100, "LMT", lmtPrice=100, whatIf=True)
    (answer,) = told.opened(messages)
    assert [message[0] for message in messages] == ["5"]
    assert answer["initMarginChange"] > 0
    assert answer["commission"] == 1.0
    trader.send(16, 1)
    assert trader.settle() == [["53", "1"]]
    trader.send(99, 0)
    assert trader.settle() == [["102"]]
    # nor does it use its number up
    assert told.statuses(trader.trade("AAPL", "BUY", 1, orderId=1))[-1][0] == "Filled"


def test_every_client_sees_its_own_orders_and_client_0_everybodys(
    gateway: SimulatedGateway, hire: Any, told: Any
) -> None:
    one, two, master = hire(gateway, 1), hire(gateway, 2), hire(gateway, 0)
    one.place("AAPL", "BUY", 5, "LMT", lmtPrice=100)
    one.settle()
    assert two.settle() == []
    assert {order["clientId"] for order in told.opened(master.settle())} == {1}
    for client, kind, seen in ((one, 5, 1), (two, 5, 0), (two, 16, 1), (master, 5, 0), (master, 16, 1)):
        client.send(kind, 1)
        assert len(told.opened(client.settle())) == seen
    # the same number is another client's own
    assert told.statuses(two.trade("AAPL", "BUY", 1, orderId=1))[-1][0] == "Filled"
    two.send(58, 1)
    assert two.settle() == []
    assert told.statuses(one.settle()) == [("Cancelled", 0, 5)]


def test_only_client_0_is_bound_to_orders_entered_by_hand(gateway: SimulatedGateway, hire: Any, told: Any) -> None:
    other, master = hire(gateway, 3), hire(gateway, 0)
    other.place("SPY", "BUY", 7, "LMT", lmtPrice=300)
    other.settle()
    (theirs,) = gateway.trading.registry.live()
    values = dict(theirs.values)
    gateway.trading.enter_by_hand(values, (Leg(SPY, 1),), "DU1234567")
    other.send(16, 1)
    assert sorted(order["orderId"] for order in told.opened(other.settle())) == [0, 1]
    other.send(15, 1, 1)
    assert told.errors(other.settle())[0][1] == 321
    master.send(15, 1, 1)
    messages = master.settle()
    (bound,) = [message for message in messages if message[0] == "100"]
    assert int(bound[3]) < 0
    master.send(4, 1, int(bound[3]), "")
    assert ("Cancelled", 0.0, 7.0) in told.statuses(master.settle())


def test_orders_outlive_their_client(gateway: SimulatedGateway, hire: Any, told: Any) -> None:
    first = hire(gateway, 9)
    first.trade("AAPL", "BUY", 5, "LMT", lmtPrice=100)
    first.socket.close()
    watcher = hire(gateway, 10)
    while any(client.client_id == 9 for client in gateway.clients):
        watcher.settle()
    again = hire(gateway, 9)
    again.send(5, 1)
    (order,) = told.opened(again.settle())
    assert (order["orderId"], order["lmtPrice"]) == (1, 100)
    again.send(4, 1, 1, "")
    assert told.statuses(again.settle()) == [("Cancelled", 0, 5)]


def test_a_read_only_gateway_takes_and_tells_nothing_of_orders(
    start_gateway: Callable[..., SimulatedGateway], hire: Any, told: Any
) -> None:
    trader = hire(start_gateway(read_only=True))
    trader.place("AAPL", "BUY", 1, orderId=42)
    for message in ((4, 1, 42, ""), (5, 1), (16, 1), (15, 1, 1), (58, 1), (99, 0)):
        trader.send(*message)
    refused = told.errors(trader.settle())
    assert [(number, code) for number, code, _ in refused] == [(42, 321)] * 2 + [(-1, 321)] * 5
    assert all("Read-Only mode" in text for *_, text in refused)


def test_completed_orders_are_told_with_what_became_of_them(trader: Any) -> None:
    trader.trade("AAPL", "BUY", 3)
    number = trader.place("KO", "BUY", 5, "LMT", lmtPrice=10)
    trader.send(4, 1, number, "")
    trader.settle()
    trader.send(99, 1)
    *orders, end = trader.settle()
    assert end == ["102"]
    assert [order[2] for order in orders] == ["AAPL", "KO"]
    assert "Filled Size: 3" in orders[0]
    assert "Cancelled by Trader" in orders[1]


def test_faults_of_what_is_told(start_gateway: Callable[..., SimulatedGateway], hire: Any, told: Any) -> None:
    gateway = start_gateway(faults=Faults(dropped_orders=1))
    trader = hire(gateway)
    assert trader.trade("AAPL", "BUY", 1) == []
    gateway.faults.duplicate_callbacks = True
    messages = trader.trade("AAPL", "BUY", 1)
    assert len(told.fills(messages)) == 2
    assert len({execution for execution, *_ in told.fills(messages)}) == 1
    gateway.faults.duplicate_callbacks, gateway.faults.reordered_callbacks = False, True
    messages = trader.trade("AAPL", "BUY", 1)
    assert [message[0] for message in messages][:2] == ["3", "5"]
    gateway.faults.reordered_callbacks, gateway.faults.skipped_market_status = False, True
    messages = trader.trade("AAPL", "BUY", 1)
    assert told.statuses(messages) == []
    assert len(told.fills(messages)) == 1
    assert gateway.trading.ledger.quantities("DU1234567")[AAPL] == 2403
