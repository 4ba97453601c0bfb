"""Orders stay within what the desk allows, whole or not at all, and are placed as they are planned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from schemas.frame import schema_of
from schemas.orders import Intents, OpenOrders, Orders
from tasks.columns import frame_of
from tasks.connections.clock import ManualClock
from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.problems import DataProblem
from tasks.orders import place_orders, plan_orders
from tasks.run import OrderPolicy, Run

SPY = {"con_id": 900, "symbol": "SPY", "price": 400.0, "quantity": -100.0}


def policy(**limits):
    return OrderPolicy(**{"accounts": ["DU1"], **limits})


CLOCK = ManualClock("2022-12-28T15:00Z")
RUN = Run("r", "p", date(2022, 12, 28), clock=CLOCK)


def planned(hedge, rules, run=RUN, **more):
    return schema_of(Intents).validate(plan_orders(hedge, rules, run, **more))


class Never:
    """Stands where nothing may be asked of the broker."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the broker was asked for {name}")


def placed(intents, rules, key="k1", broker=None, **more):
    run = Run("r", "p", date(2022, 12, 28), key=key)
    return schema_of(Orders).validate(place_orders(intents, run, rules, broker or Never(), **more))


@pytest.fixture
def gateway() -> Iterator[SimulatedGateway]:
    with SimulatedGateway() as started:
        yield started


@pytest.fixture
def broker_of(gateway: SimulatedGateway, tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """A broker that is authorised to do what a policy lets it."""
    with ExitStack() as stack:

        def make(rules: OrderPolicy) -> Broker:
            made = stack.enter_context(Broker("gateway", Settings(port=gateway.port), tmp_path))
            made.authorise(rules)
            return made

        yield make


def test_a_negative_quantity_is_a_sale_in_the_desks_first_account(hedges):
    row = planned(hedges(SPY), policy(accounts=["DU1", "DU2"])).iloc[0]
    assert (row["account"], row["action"], row["quantity"]) == ("DU1", "SELL", 100.0)
    assert (row["notional"], row["reference_price"], row["order_type"]) == (40_000.0, 400.0, "MKT")
    assert row["allowed"]
    assert row["reason"] == ""


def test_a_positive_quantity_is_a_purchase_and_the_account_can_be_named(hedges):
    row = planned(hedges({**SPY, "quantity": 7.0}), policy(accounts=["DU1", "DU2"]), account="DU2").iloc[0]
    assert (row["account"], row["action"], row["quantity"]) == ("DU2", "BUY", 7.0)


def test_a_futures_notional_holds_its_multiplier(hedges):
    future = {"con_id": 7, "symbol": "MES", "security_type": "FUT", "multiplier": 5.0, "price": 4_000.0}
    assert planned(hedges({**future, "quantity": -11.0}), policy()).iloc[0]["notional"] == 220_000.0


def test_nothing_to_hedge_is_no_order(hedges, notes):
    intents = planned(hedges({**SPY, "quantity": 0.0}), policy())
    assert len(intents) == 0
    assert len(placed(intents, policy())) == 0
    assert notes == []


def test_a_limit_order_asks_for_the_price_it_was_sized_at(hedges):
    assert planned(hedges(SPY), policy(), order_type="LMT").iloc[0]["limit_price"] == 400.0
    assert planned(hedges(SPY), policy()).isna()["limit_price"].all()


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"symbols": ["ES", "MES"]}, "SPY may not be traded, only ES, MES"),
        ({"symbols": []}, "SPY may not be traded: the desk's list of symbols is empty"),
        ({"quantity": 99.0}, "100 contracts, 99 in one order allowed"),
        ({"notional": 39_999.0}, "40,000 of notional, 39,999 in one order allowed"),
        ({"notional_per_day": 39_999.0}, "40,000 of notional so far, 39,999 a day allowed"),
        ({"accounts": ["DU7", "DU8"]}, "account DU1 may not trade, only DU7, DU8"),
        ({"quantity": 10.0, "notional": 1.0}, "100 contracts, 10 in one order allowed; 40,000 of notional, 1 in one"),
    ],
)
def test_an_order_past_a_limit_is_refused_whole_with_every_limit_it_breaks(hedges, notes, limits, reason):
    row = planned(hedges(SPY), policy(**limits), account="DU1").iloc[0]
    assert not row["allowed"]
    assert row["reason"].startswith(reason)
    assert row["quantity"] == 100.0, "it is never clipped"
    assert notes[0].startswith(f"Refused: 100 SPY in DU1: {reason}")


def test_an_order_at_the_limit_is_allowed(hedges):
    at = policy(symbols=["SPY"], quantity=100.0, notional=40_000.0, notional_per_day=40_000.0)
    assert planned(hedges(SPY), at)["allowed"].tolist() == [True]


def test_the_days_notional_is_the_sum_of_the_plan_without_what_is_refused(hedges):
    plan = hedges(
        SPY,
        {**SPY, "con_id": 901, "quantity": 200.0},
        {**SPY, "con_id": 902, "quantity": 50.0},
        {**SPY, "con_id": 903, "quantity": 1.0},
    )
    found = planned(plan, policy(notional_per_day=60_000.0))
    assert found["allowed"].tolist() == [True, False, True, False]


def test_without_any_account_nothing_is_planned_even_on_a_quiet_day(hedges):
    for quantity in (-100.0, 0.0):
        with pytest.raises(DataProblem, match=r"Nobody says which account trades\. Set `orders: \{accounts: "):
            plan_orders(hedges({**SPY, "quantity": quantity}), OrderPolicy(), RUN)


def test_a_desk_that_lists_no_accounts_lets_the_pipeline_name_one(hedges):
    assert planned(hedges(SPY), OrderPolicy(), account="DU5").iloc[0]["allowed"]


def test_orders_are_only_planned_and_it_is_said(hedges, notes):
    order = placed(planned(hedges(SPY), policy()), policy()).iloc[0]
    assert (order["status"], order["reason"], order["quantity"], order["action"]) == ("planned", "", 100.0, "SELL")
    assert notes == ["Nothing was sent: 1 order planned, 0 refused."]


def test_a_refused_intent_becomes_a_refused_order_with_its_reason(hedges):
    rules = policy(mode="send", quantity=1.0)
    order = placed(planned(hedges(SPY), rules), rules).iloc[0]
    assert (order["status"], order["reason"]) == ("refused", "100 contracts, 1 in one order allowed")


def test_a_reference_is_the_same_again_and_another_for_another_order(hedges):
    intents = planned(hedges(SPY, {**SPY, "con_id": 901}), policy())
    first, second = placed(intents, policy())["reference"]
    assert placed(intents, policy())["reference"].tolist() == [first, second]
    assert first.startswith("k1-")
    other_account = planned(hedges(SPY), policy(), account="DU1X")
    others = {*placed(intents, policy(), key="k2")["reference"], *placed(other_account, policy())["reference"]}
    assert len({first, second} | others) == 5


REAL = {"con_id": 756733, "symbol": "SPY", "price": 378.0}
ACCOUNT = "DU1234567"


def working(*rows: dict[str, Any]) -> Any:
    import pandas as pd

    text = {"reference": "", "why_held": "", "reason": "", "oca_group": "", "algo": ""}
    names = {"account": "DU1", "symbol": "SPY", "security_type": "STK", "currency": "USD", "action": "BUY"}
    terms = {"status": "Submitted", "order_type": "LMT", "time_in_force": "DAY"}
    whole = {"order_id": 1, "client_id": 17, "perm_id": 5, "con_id": 900, "parent_id": 0}
    numbers = {"filled": 0.0, "remaining": 40.0, "average_price": float("nan"), "multiplier": 1.0, "quantity": 40.0}
    prices = {"limit_price": 390.0, "stop_price": float("nan")}
    defaults = {**text, **names, **terms, **whole, **numbers, **prices, "time": pd.Timestamp("2022-12-28", tz="UTC")}
    frame = pd.DataFrame([{**defaults, "order": str(number), **row} for number, row in enumerate(rows)])
    types = {name: str(column.dtype) for name, column in schema_of(OpenOrders).columns.items()}
    return schema_of(OpenOrders).validate(frame[list(types)].astype(types))


@pytest.mark.parametrize(
    ("hedge", "at_work", "left"),
    [
        (-100.0, [{"action": "SELL", "remaining": 40.0}], -60.0),
        (-100.0, [{"action": "SELL", "remaining": 100.0}], None),
        (-100.0, [{"action": "SELL", "remaining": 130.0}], None),  # more than is wanted: it is not traded against
        (-100.0, [{"action": "BUY", "remaining": 40.0}], -140.0),  # what it will buy has to be sold too
        (100.0, [{"action": "BUY", "remaining": 40.0}, {"action": "BUY", "remaining": 10.0}], 50.0),
        (100.0, [{"action": "BUY", "remaining": 40.0, "account": "DU2"}], 100.0),
        (100.0, [{"action": "BUY", "remaining": 40.0, "con_id": 901}], 100.0),
        (100.0, [{"action": "SELL", "remaining": 40.0, "order_type": "STP"}], 100.0),  # it may never trade
        (100.0, [{"action": "SELL", "remaining": 40.0, "parent_id": 3}], 100.0),
        (100.0, [{"action": "BUY", "remaining": 0.0, "status": "Filled"}], 100.0),
    ],
)
def test_what_is_working_already_is_not_asked_for_again(hedges, hedge, at_work, left):
    intents = planned(hedges({**SPY, "quantity": hedge}), policy(), working=working(*at_work))
    signs = intents["action"].map({"BUY": 1.0, "SELL": -1.0}).astype(float)
    assert (signs * intents["quantity"]).tolist() == ([] if left is None else [left])


def test_an_order_may_go_with_its_exits(hedges):
    intents = planned(hedges({**SPY, "quantity": 10.0}), policy(), take_profit=0.05, stop_loss=0.02)
    terms = intents[["role", "action", "quantity", "order_type", "limit_price", "stop_price"]].astype(object)
    assert terms.where(terms.notna(), None).values.tolist() == [
        ["entry", "BUY", 10.0, "MKT", None, None],
        ["take_profit", "SELL", 10.0, "LMT", 420.0, None],  # 400 × 1.05
        ["stop_loss", "SELL", 10.0, "STP", None, 392.0],  # 400 × 0.98
    ]
    sale = planned(hedges({**SPY, "quantity": -10.0}), policy(), stop_loss=0.02)
    assert sale["stop_price"].tolist()[1:] == [408.0]
    with pytest.raises(DataProblem, match="`stop_loss` is 2, and must be a fraction"):
        planned(hedges(SPY), policy(), stop_loss=2.0)


def test_orders_are_sent_with_the_terms_they_were_planned_with(hedges, gateway, broker_of, notes):
    rules = policy(mode="send", accounts=[ACCOUNT])
    intents = planned(
        hedges({**REAL, "price": 300.0, "quantity": 10.0}), rules,
        order_type="LMT", time_in_force="GTC", algo="Adaptive", algo_parameters={"adaptivePriority": "Patient"},
    )  # fmt: skip
    order = placed(intents, rules, broker=broker_of(rules)).iloc[0]
    (held,) = gateway.trading.registry.all()
    assert (order["status"], order["order_id"], order["perm_id"]) == ("working", held.order_id, held.perm_id)
    assert held.values["orderRef"] == order["reference"]
    assert (held.kind, held.tif, held.values["lmtPrice"], held.values["algoStrategy"]) == (
        "LMT", "GTC", 300.0, "Adaptive",
    )  # fmt: skip
    assert [(each["tag"], each["value"]) for each in held.values["algoParams"]] == [("adaptivePriority", "Patient")]
    assert notes[-1] == "1 order: 1 working."


def test_an_entry_and_its_exits_are_one_family_at_the_broker(hedges, gateway, broker_of):
    rules = policy(mode="send", accounts=[ACCOUNT])
    intents = planned(hedges({**REAL, "quantity": 10.0}), rules, take_profit=0.05, stop_loss=0.02)
    orders = placed(intents, rules, broker=broker_of(rules))
    entry, profit, loss = gateway.trading.registry.all()
    assert orders["status"].tolist() == ["filled", "working", "working"]
    assert profit.parent is loss.parent is entry
    assert profit.values["ocaGroup"] == loss.values["ocaGroup"] != ""


def test_only_what_the_desk_allows_is_sent(hedges, gateway, broker_of, notes):
    rules = policy(mode="send", accounts=[ACCOUNT], quantity=50)
    other = {"con_id": 265598, "symbol": "AAPL", "price": 125.0, "quantity": 5.0}
    orders = placed(planned(hedges({**REAL, "quantity": 100.0}, other), rules), rules, broker=broker_of(rules))
    assert orders[["symbol", "status"]].astype(str).values.tolist() == [["SPY", "refused"], ["AAPL", "filled"]]
    assert orders["reason"].tolist() == ["100 contracts, 50 in one order allowed", ""]
    assert len(gateway.trading.registry.all()) == 1


def test_waiting_for_the_fill_reports_how_far_it_has_come(hedges, broker_of):
    rules = policy(mode="send", accounts=[ACCOUNT])
    broker = broker_of(rules)
    filled = placed(planned(hedges({**REAL, "quantity": 7.0}), rules), rules, broker=broker, wait="fill").iloc[0]
    assert (filled["status"], filled["filled"]) == ("filled", 7.0)
    assert 370 < filled["average_price"] < 390
    far = planned(hedges({**REAL, "price": 300.0, "quantity": 7.0}), rules, order_type="LMT")
    waiting = placed(far, rules, "k2", broker, wait="fill", patience=timedelta(seconds=0.3)).iloc[0]
    assert (waiting["status"], waiting["filled"]) == ("working", 0.0)


def sent(status: str, minutes_ago: float) -> Any:
    """An order of the same contract and account, as it was placed a while ago."""
    row = {
        "account": "DU1",
        "con_id": 900,
        "role": "entry",
        "symbol": "SPY",
        "action": "SELL",
        "quantity": 100.0,
        "order_type": "MKT",
        "limit_price": float("nan"),
        "stop_price": float("nan"),
        "status": status,
        "filled": 0.0,
        "average_price": float("nan"),
        "reason": "",
        "reference": "a",
        "order_id": 1,
        "client_id": 1,
        "perm_id": 1,
        "time": CLOCK.now() - pd.Timedelta(minutes=minutes_ago),
    }
    return schema_of(Orders).validate(frame_of(Orders, {name: [row[name]] for name in Orders.to_schema().columns}))


@pytest.mark.parametrize(
    ("status", "minutes_ago", "is_planned"),
    [("filled", 0.4, False), ("filled", 0.6, True), ("working", 0.1, False), ("sent", 0.1, False)]
    + [(status, 0.1, False) for status in ("planned", "refused", "rejected", "expired")],
)
def test_after_an_order_was_placed_no_other_is_planned_until_it_has_cooled_down(
    hedges, status, minutes_ago, is_planned
):
    plan = planned(hedges(SPY), policy(), placed=sent(status, minutes_ago), cooldown=timedelta(seconds=30))
    assert (len(plan) == 1) is is_planned


def test_a_cooldown_is_of_one_contract_and_account(hedges):
    last, cooldown = sent("filled", 0.1), timedelta(seconds=30)
    other = {**SPY, "con_id": 901}
    assert planned(hedges(SPY, other), policy(), placed=last, cooldown=cooldown)["con_id"].tolist() == [901]
    assert len(planned(hedges(SPY), policy(accounts=["DU2"]), placed=last, cooldown=cooldown)) == 1


@pytest.mark.parametrize(
    ("change", "minutes_ago", "is_planned"),
    [
        ({"filled": 40.0}, 0.4, False),
        ({"filled": 40.0}, 0.6, True),
        ({"filled": 0.0}, 0.4, True),  # it was cancelled: no position comes of it
        ({"filled": 40.0, "con_id": 901}, 0.4, True),
        ({"filled": 40.0, "account": "DU2"}, 0.4, True),
    ],
)
def test_after_a_late_fill_no_other_order_is_planned_until_its_position_can_have_come(
    hedges, change, minutes_ago, is_planned
):
    placed, told = sent("working", 10.0), CLOCK.now() - pd.Timedelta(minutes=minutes_ago)
    done = working({"remaining": 0.0, "status": "Filled", "time": told, **change})
    plan = planned(hedges(SPY), policy(), placed=placed, working=done, cooldown=timedelta(seconds=30))
    assert (len(plan) == 1) is is_planned
