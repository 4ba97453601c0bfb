"""Orders stay within what the desk allows, whole or not at all; and none is sent yet."""

from __future__ import annotations

from datetime import date

import pytest

from schemas.frame import schema_of
from schemas.orders import Intents, Orders
from tasks.connections.problems import DataProblem
from tasks.orders import place_orders, plan_orders
from tasks.run import OrderPolicy, Run

SPY = {"con_id": 900, "symbol": "SPY", "price": 400.0, "quantity": -100.0}


def policy(**limits):
    return OrderPolicy(**{"accounts": ["DU1"], **limits})


def planned(hedge, rules, **more):
    return schema_of(Intents).validate(plan_orders(hedge, rules, **more))


def placed(intents, rules, key="k1"):
    return schema_of(Orders).validate(place_orders(intents, Run("r", "p", date(2022, 12, 28), key=key), rules))


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
            plan_orders(hedges({**SPY, "quantity": quantity}), OrderPolicy())


def test_a_desk_that_lists_no_accounts_lets_the_pipeline_name_one(hedges):
    assert planned(hedges(SPY), OrderPolicy(), account="DU5").iloc[0]["allowed"]


def test_orders_are_only_planned_and_it_is_said(hedges, notes):
    order = placed(planned(hedges(SPY), policy()), policy()).iloc[0]
    assert (order["status"], order["reason"], order["quantity"], order["action"]) == ("planned", "", 100.0, "SELL")
    assert notes == ["Nothing was sent: 1 order planned, 0 refused."]


@pytest.mark.parametrize("mode", ["approve", "send"])
def test_a_desk_that_wants_to_send_is_told_that_this_version_does_not(hedges, notes, mode):
    order = placed(planned(hedges(SPY), policy(mode=mode)), policy(mode=mode)).iloc[0]
    assert (order["status"], order["reason"]) == ("planned", "this version only plans")
    assert notes == [f"Nothing was sent: this version only plans orders, though the desk's mode is `{mode}`."]


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
