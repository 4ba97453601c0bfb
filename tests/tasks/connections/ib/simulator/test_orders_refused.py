"""What the gateway doesn't take, it refuses by code and sentence; nothing of it is ever filled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.trading.forms import PLACE_ORDER
from tasks.connections.ib.simulator.trading.grammar import write

LEGS = [
    {"conId": 265598, "ratio": 1, "action": "BUY", "exchange": "SMART"},
    {"conId": 272093, "ratio": 1, "action": "SELL", "exchange": "SMART"},
]

REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"eTradeOnly": True}, 10268, "EtradeOnly"),
    ({"firmQuoteOnly": True}, 10268, "FirmQuoteOnly"),
    ({"action": "HOLD"}, 321, "Invalid side"),
    ({"orderType": "MIDPRICE"}, 387, "MIDPRICE"),
    ({"orderType": "REL"}, 387, "REL"),
    ({"symbol": "SPX", "secType": "IND", "exchange": "CBOE"}, 387, "Unsupported"),
    ({"symbol": "NOSUCH"}, 200, "No security definition"),
    ({"totalQuantity": 0}, 434, "cannot be zero"),
    ({"totalQuantity": -5}, 434, "cannot be zero"),
    ({"totalQuantity": 1.5}, 10243, "Fractional"),
    ({"totalQuantity": 1e9}, 201, "largest"),
    ({"orderType": "LMT"}, 201, "needs a price (lmtPrice)"),
    ({"orderType": "LMT", "lmtPrice": 100.005}, 110, "minimum price variation"),
    ({"orderType": "LMT", "lmtPrice": -1}, 201, "negative"),
    ({"orderType": "STP"}, 403, "Invalid stop price"),
    ({"orderType": "STP LMT", "auxPrice": 120}, 201, "lmtPrice"),
    ({"orderType": "TRAIL"}, 201, "trailing amount or a percentage"),
    ({"orderType": "TRAIL", "auxPrice": 1, "trailingPercent": 1}, 201, "one of them"),
    ({"orderType": "TRAIL LIMIT", "auxPrice": 1}, 201, "limit price offset"),
    ({"tif": "GTX"}, 10052, "GTX"),
    ({"tif": "IOC", "orderType": "MOC"}, 10052, "IOC"),
    ({"tif": "GTD"}, 391, "time"),
    ({"tif": "GTD", "goodTillDate": "20221229 15:00:00 Mars/Base"}, 391, "time"),
    ({"goodAfterTime": "tomorrow"}, 391, "time"),
    ({"scalePriceIncrement": 0.1, "scaleInitLevelSize": 1}, 201, "scale orders"),
    ({"hedgeType": "D"}, 201, "hedge"),
    ({"deltaNeutralOrderType": "MKT"}, 201, "delta-neutral"),
    ({"hasDeltaNeutralContract": True}, 201, "delta-neutral"),
    ({"discretionaryAmt": 0.1}, 201, "discretionary"),
    ({"adjustedOrderType": "STP"}, 201, "adjusted stops"),
    ({"cashQty": 500}, 201, "cash quantity"),
    ({"faGroup": "all"}, 201, "groups of accounts"),
    ({"shortSaleSlot": 2, "designatedLocation": "XYZ"}, 201, "short sales"),
    ({"duration": 60}, 201, "durations"),
    ({"orderType": "STP", "auxPrice": 100, "triggerMethod": 8}, 201, "last price only"),
    ({"conditions": [{"condType": 4, "conjunction": "a", "isMore": True, "percent": 10}]}, 201, "conditions"),
    ({"conditions": [{"condType": 3, "conjunction": "a", "isMore": True, "time": "soon"}]}, 391, "time"),
    ({"algoStrategy": "Sniper"}, 443, "Adaptive, Twap, Vwap"),
    ({"algoStrategy": "Adaptive", "algoParams": [{"tag": "adaptivePriority", "value": "Now"}]}, 442, "Urgent"),
    ({"algoStrategy": "Twap", "algoParams": [{"tag": "speed", "value": "9"}]}, 442, "speed"),
    ({"account": ""}, 435, "specify an account"),
    ({"account": "U999"}, 321, "U999"),
    ({"parentId": 77}, 135, "77"),
    ({"secType": "BAG", "comboLegs": []}, 321, "no legs"),
    ({"secType": "BAG", "comboLegs": LEGS[:1]}, 201, "two legs"),
    ({"secType": "BAG", "comboLegs": [LEGS[0], {**LEGS[1], "conId": 5}]}, 200, "No security definition"),
    ({"secType": "BAG", "comboLegs": LEGS, "orderType": "STP", "auxPrice": 3}, 387, "STP"),
    ({"secType": "BAG", "comboLegs": LEGS, "orderComboLegs": [{"price": 1.0}, {"price": None}]}, 201, "by leg"),
]


@pytest.mark.parametrize(("changed", "code", "said"), REFUSED, ids=lambda x: str(x)[:40])
def test_it_is_refused_and_leaves_nothing(
    trader: Any, told: Any, changed: dict[str, Any], code: int, said: str
) -> None:
    order = {"symbol": "AAPL", "action": "BUY", "totalQuantity": 5, "orderType": "MKT", **changed}
    messages = trader.trade(
        order.pop("symbol"), order.pop("action"), order["totalQuantity"], order["orderType"], **order
    )
    ((number, given, text),) = told.errors(messages)
    assert (number, given) == (1, code)
    assert said in text
    assert [message for message in messages if message[0] != "4"] == []
    assert list(trader.gateway.trading.clearing.executions()) == []
    assert trader.gateway.trading.registry.all() == []


def test_what_has_no_effect_here_is_taken(trader: Any, told: Any) -> None:
    harmless = {"hidden": True, "displaySize": 100, "sweepToFill": True, "blockOrder": True, "notHeld": True}
    words = {"rule80A": "I", "algoId": "x", "extOperator": "me", "modelCode": "m", "clearingIntent": "IB"}
    assert told.statuses(trader.trade("AAPL", "BUY", 5, **harmless, **words))[-1][0] == "Filled"


def test_a_short_sale_of_what_nobody_lends_is_held(
    start_gateway: Callable[..., SimulatedGateway], hire: Any, told: Any
) -> None:
    gateway = start_gateway()
    gateway.faults.not_shortable = frozenset({4391})
    trader = hire(gateway)
    # 1,800 are held: selling those is no short sale
    assert told.statuses(trader.trade("AMD", "SELL", 1800))[-1][0] == "Filled"
    messages = trader.trade("AMD", "SELL", 100)
    assert [(code, text[:22]) for _, code, text in told.errors(messages)] == [(404, "Order held while secur")]
    assert told.statuses(messages)[-1] == ("PreSubmitted", 0, 100)
    gateway.faults.not_shortable = frozenset()
    assert told.statuses(trader.move("2022-12-28 15:46:00"))[-1] == ("Filled", 100, 0)


def test_after_the_data_has_ended_nothing_trades(
    start_gateway: Callable[..., SimulatedGateway], hire: Any, told: Any
) -> None:
    trader = hire(start_gateway())
    trader.move("2022-12-29 09:45:00")
    ((_, code, text),) = told.errors(trader.trade("AAPL", "BUY", 5))
    assert code == 201
    assert "data has ended" in text


@pytest.mark.parametrize("version", [157, 160, 166, 169, 173, 177, 178])
def test_leftovers_and_gaps_are_refused_at_every_version(
    start_gateway: Callable[..., SimulatedGateway], hire: Any, told: Any, version: int
) -> None:
    gateway = start_gateway()
    trader = hire(gateway, version=version)
    order = {"orderId": 1, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
    order |= {"action": "BUY", "totalQuantity": 5, "orderType": "MKT", "account": "DU1234567", "transmit": True}
    fields = write(PLACE_ORDER, order, version)
    for wrong in ([*fields, ""], [*fields, 1], fields[:-1], fields[1:], [*fields[:60], "", *fields[60:]]):
        trader.send(3, *wrong)
        (answer,) = trader.settle()
        assert answer[3] == "320", answer
    assert gateway.malformed == 5
    trader.send(3, *fields)
    assert told.statuses(trader.settle())[-1][0] == "Filled"
