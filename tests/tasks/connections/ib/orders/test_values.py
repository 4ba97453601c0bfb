"""An order is refused for what makes no sense, and goes to the ledger and the wire as it is meant."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Leg, Order, bracket, families
from tasks.connections.problems import DataProblem

Make = Callable[..., Order]
BAG = Contract(symbol="SPY", security_type="BAG", currency="USD")
LEGS = (Leg(1, 1, "BUY"), Leg(2, 1, "SELL"))


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        ({"reference": ""}, "its reference needs 1 to 64 characters"),
        ({"reference": "x" * 65}, "its reference needs 1 to 64 characters"),
        ({"reference": "a\0b"}, "printable ASCII"),  # every field after it would be another
        ({"reference": "é"}, "printable ASCII"),
        ({"account": ""}, "it names no account"),
        ({"action": "SHORT"}, "neither BUY nor SELL"),
        ({"quantity": 0.0}, "a quantity of 0.0 can't be traded"),
        ({"quantity": -5.0}, "can't be traded"),
        ({"quantity": math.nan}, "can't be traded"),
        ({"order_type": "VOL"}, "`VOL` is none of MKT, LMT"),
        ({"order_type": "LMT"}, "LMT needs a limit price"),
        ({"limit_price": 1.0}, "MKT takes no limit price"),
        ({"order_type": "LMT", "limit_price": 0.0}, "must be above 0"),
        ({"order_type": "LMT", "limit_price": math.inf}, "must be finite"),
        ({"order_type": "STP"}, "STP needs a stop price"),
        ({"order_type": "STP LMT", "stop_price": 1.0}, "STP LMT needs a limit price"),
        ({"stop_price": 1.0}, "MKT takes no stop price"),
        ({"order_type": "TRAIL"}, "`trail` or `trail_percent`"),
        ({"order_type": "TRAIL", "trail": 1.0, "trail_percent": 1.0}, "one of them"),
        ({"order_type": "TRAIL LIMIT", "trail": 1.0}, "needs a `limit_offset`"),
        ({"time_in_force": "GTD"}, "GTD needs a `good_till`"),
        ({"good_till": datetime(2022, 12, 30, tzinfo=UTC)}, "nothing else has one"),
        ({"time_in_force": "GTD", "good_till": datetime(2022, 12, 30)}, "has no zone"),  # noqa: DTZ001 - the mistake
        ({"oca_type": 1}, "needs a group"),
        ({"oca_type": 4, "oca_group": "g"}, "1, 2 or 3"),
        ({"contract": BAG}, "has legs"),
        ({"legs": LEGS}, "has legs"),
        ({"contract": BAG, "legs": (Leg(1, 0, "BUY"),)}, "a ratio of at least 1"),
    ],
)
def test_what_makes_no_sense_is_no_order(order: Make, terms: dict[str, Any], fault: str) -> None:
    with pytest.raises(DataProblem) as caught:
        order(**terms).check()
    assert fault in caught.value.reason


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"order_type": "TRAIL", "trail_percent": 1.5},
        {"time_in_force": "GTD", "good_till": datetime(2022, 12, 30, 9, tzinfo=timezone(timedelta(hours=-5)))},
        {"contract": BAG, "legs": LEGS, "order_type": "LMT", "limit_price": -0.5},  # money comes in
        {"algo": "Adaptive", "algo_parameters": (("adaptivePriority", "Normal"),), "oca_group": "g", "oca_type": 2},
    ],
)
def test_an_order_comes_out_of_the_ledger_as_it_went_in(order: Make, terms: dict[str, Any]) -> None:
    made = order(**terms, reference_price=380.0)
    made.check()
    assert Order.from_json(made.to_json()) == made


def test_a_bracket_leaves_the_other_way_at_a_profit_or_at_a_loss(order: Make) -> None:
    entry = order(action="SELL", order_type="LMT", limit_price=380.0)
    first, profit, loss = bracket(entry, take_profit=360.0, stop_loss=390.0)
    for each in (first, profit, loss):
        each.check()
    assert [each.transmit for each in (first, profit, loss)] == [False, False, True]
    assert (profit.action, profit.order_type, profit.limit_price, profit.parent) == ("BUY", "LMT", 360.0, "r1")
    assert (loss.action, loss.order_type, loss.stop_price, loss.limit_price) == ("BUY", "STP", 390.0, None)
    assert len({each.reference for each in (first, profit, loss)}) == 3


def test_a_family_is_an_order_with_those_that_depend_on_it_parents_first(order: Make) -> None:
    entry, profit, loss = bracket(order("b"), take_profit=400.0, stop_loss=350.0)
    found = families([profit, order("a"), entry, loss, order("c", parent="gone")])
    assert [[each.reference for each in family] for family in found] == [["b", "b-profit", "b-loss"], ["a"], ["c"]]


def test_it_goes_to_the_wire_as_it_is_meant(order: Make) -> None:
    from tasks.connections.ib.orders.wire import order_contract, wire_order

    until = datetime(2022, 12, 30, 15, 30, tzinfo=timezone(timedelta(hours=-5)))
    made = order(
        order_type="TRAIL LIMIT", trail=2.0, stop_price=390.0, limit_offset=0.5, time_in_force="GTD", good_till=until,
        outside_hours=True, quantity=100.5,
    )  # fmt: skip
    wire = wire_order(made, 7, is_preview=False)
    assert (wire.auxPrice, wire.trailStopPrice, wire.lmtPriceOffset, wire.parentId) == (2.0, 390.0, 0.5, 7)
    assert (wire.goodTillDate, wire.outsideRth, wire.whatIf) == ("20221230-20:30:00", True, False)
    assert float(wire.totalQuantity) == 100.5
    assert str(wire_order(order(), 0, is_preview=True).totalQuantity) == "100"
    assert wire_order(order(), 0, is_preview=True).whatIf
    # 9.81 sets these itself, and a modern gateway refuses the order for it.
    assert not getattr(wire, "eTradeOnly", False)
    assert not getattr(wire, "firmQuoteOnly", False)
    legs = order_contract(order(contract=BAG, legs=LEGS)).comboLegs
    assert [(leg.conId, leg.ratio, leg.action, leg.exchange) for leg in legs] == [
        (1, 1, "BUY", "SMART"),
        (2, 1, "SELL", "SMART"),
    ]


def test_a_desk_file_may_say_every_limit() -> None:
    said = {
        "mode": "approve", "accounts": ["DU1"], "symbols": ["SPY"], "quantity": 1.0, "notional": 2.0,
        "notional_per_day": 3.0, "orders_per_minute": 4, "price_collar": 0.05, "quote_age": "2s",
    }  # fmt: skip
    policy = OrderPolicy.model_validate(said)
    assert policy.quote_age == timedelta(seconds=2)
    assert OrderPolicy.model_validate(policy.model_dump()) == policy
