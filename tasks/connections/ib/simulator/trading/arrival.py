"""An order that has just been read: which contract it means, whether it is taken, and what it would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.connections.ib.simulator.contracts import Query, find_one
from tasks.connections.ib.simulator.trading.admission import Refusal, refusal, rejected
from tasks.connections.ib.simulator.trading.grammar import Values
from tasks.connections.ib.simulator.trading.order import Leg, Order

if TYPE_CHECKING:
    from tasks.connections.ib.simulator.session import Session
    from tasks.connections.ib.simulator.trading.desk import Trading

MOST_WORKING = 15
"""Orders of one account that may work on one side of a contract."""


def arrive(session: Session, trading: Trading, values: Values, client_id: int) -> None:
    """Take a new order, change a live one, answer a question of what one would do, or say why not."""
    number = values["orderId"]
    old = trading.registry.find(client_id, number)
    if not values["whatIf"] and old is None and trading.registry.is_used(client_id, number):
        session.error(number, 103, "Duplicate order id")
        return
    if old is not None and not values["whatIf"] and not old.is_live:
        said = (104, "Cannot modify a filled order.") if old.status == "Filled" else (103, "Duplicate order id")
        session.error(number, *said)
        return
    legs = _legs(session, values)
    if legs is None:
        return
    account = values["account"] or (trading.ledger.accounts[0] if len(trading.ledger.accounts) == 1 else "")
    found = refusal(values, legs) or _about_account(trading, account) or _about_family(trading, values, client_id)
    if found is None and old is not None and not values["whatIf"]:
        found = _about_change(old, values, legs, account)
    if found is not None:
        session.error(number, *found)
        return
    now = session.gateway.clock.nanoseconds()
    if not trading.hours.has_data(now):
        session.error(number, *rejected("The simulated market's data has ended."))
    elif values["whatIf"]:
        trading.what_if(values, legs, client_id, account, now)(session)
    elif old is None and (crowded := _about_crowd(trading, values, legs, account)):
        session.error(number, *crowded)
    elif (short := trading.shortfall(values, legs, account, now, old)) and old is None:
        trading.reject(values, legs, client_id, account, now, short)
    elif short:
        session.error(number, *rejected(short))
    elif old is not None:
        trading.modify(old, values, now)
    elif session.gateway.faults.dropped_orders > 0:
        session.gateway.faults.dropped_orders -= 1
    else:
        trading.accept(values, legs, client_id, account, now)


def _legs(session: Session, values: Values) -> tuple[Leg, ...] | None:
    """The contract, or those of a combination; where one can't be found the error has been sent."""
    number = values["orderId"]
    if values["secType"] != "BAG":
        instrument = find_one(session, number, _query(values))
        return None if instrument is None else (Leg(instrument, 1, values["exchange"] or "SMART"),)
    legs = []
    for leg in values["comboLegs"]:
        instrument = session.gateway.market.instruments.get(leg["conId"])
        if instrument is None or leg["ratio"] <= 0 or leg["action"] not in ("BUY", "SELL"):
            session.error(number, 200, "No security definition has been found for the request")
            return None
        sign = 1 if leg["action"] == "BUY" else -1
        legs.append(Leg(instrument, sign * leg["ratio"], leg["exchange"] or "SMART"))
    if not legs:
        session.error(number, 321, "Error validating request.-'bW' : cause - Combination has no legs")
        return None
    return tuple(legs)


def _query(values: Values) -> Query:
    return Query(
        con_id=values["conId"],
        symbol=values["symbol"],
        security_type=values["secType"],
        expiry=values["lastTradeDateOrContractMonth"],
        strike=values["strike"],
        right=values["right"],
        multiplier=values["multiplier"],
        exchange=values["exchange"],
        listing=values["primaryExchange"],
        currency=values["currency"],
        local_symbol=values["localSymbol"],
        trading_class=values["tradingClass"],
    )


def _about_account(trading: Trading, account: str) -> Refusal | None:
    if not account:
        return Refusal(435, "You must specify an account.")
    if account not in trading.ledger.accounts:
        return Refusal(321, f"Error validating request.-'bW' : cause - Invalid account code '{account[:20]}'.")
    return None


def _about_family(trading: Trading, values: Values, client_id: int) -> Refusal | None:
    if not values["parentId"]:
        return None
    parent = trading.registry.find(client_id, values["parentId"])
    if parent is None or parent.order_id == values["orderId"]:
        return Refusal(135, f"Can't find order with id = {values['parentId']}")
    if not parent.is_live and parent.status != "Filled":
        return rejected("Parent order is being cancelled.")
    return None


def _about_crowd(trading: Trading, values: Values, legs: tuple[Leg, ...], account: str) -> Refusal | None:
    """The broker takes so many working orders of one account on one side of a contract."""
    same = [
        order
        for order in trading.registry.live()
        if order.account == account and order.values["action"] == values["action"] and order.legs == legs
    ]
    if len(same) < MOST_WORKING:
        return None
    return rejected(
        f"There are {MOST_WORKING} orders working on this side of this contract already, which is the most."
    )


def _about_change(old: Order, values: Values, legs: tuple[Leg, ...], account: str) -> Refusal | None:
    if legs != old.legs or account != old.account or values["action"] != old.values["action"]:
        return Refusal(105, "Order being modified does not match original order.")
    if values["orderType"] != old.kind and old.is_triggered:
        return Refusal(329, "Order modify failed. Cannot change to the new order type.")
    if values["totalQuantity"] < old.filled:
        return rejected("The quantity is less than what has been filled already.")
    return None
