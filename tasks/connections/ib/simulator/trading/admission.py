"""What orders the simulated broker takes, and the code and sentence of each refusal.

What isn't simulated is refused by name, never filled as if it had not been asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tasks.connections.ib.simulator.trading.algorithms import ALGORITHMS, problem_of
from tasks.connections.ib.simulator.trading.grammar import Values
from tasks.connections.ib.simulator.trading.order import LIMITS, Leg
from tasks.connections.ib.simulator.trading.times import parse_time

TYPES = ("MKT", "LMT", "STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MIT", "LIT", "MOC", "LOC")
NEEDS_STOP = ("STP", "STP LMT", "MIT", "LIT")
TRAILS = ("TRAIL", "TRAIL LIMIT")
TIFS = ("", "DAY", "GTC", "IOC", "FOK", "OPG", "GTD")
TRIGGERS = (0, 2)
"""Methods of triggering a stop: by default, which is the last price, and by the last price."""

LARGEST_ORDER = 10_000_000
LARGEST_PRICE = 1e9
LARGEST_RATIO = 10_000

NOT_SIMULATED: tuple[tuple[str, tuple[object, ...], str], ...] = (
    ("scalePriceIncrement", (None, 0.0), "scale orders"),
    ("scaleTable", ("",), "scale orders"),
    ("hedgeType", ("",), "attached hedge orders"),
    ("deltaNeutralOrderType", ("", "None"), "delta-neutral orders"),
    ("hasDeltaNeutralContract", (False,), "delta-neutral contracts"),
    ("volatility", (None,), "volatility orders"),
    ("percentOffset", (None,), "relative orders"),
    ("discretionaryAmt", (0.0,), "discretionary amounts"),
    ("discretionaryUpToLimitPrice", (False,), "discretionary amounts"),
    ("nbboPriceCap", (None,), "price caps"),
    ("auctionStrategy", (0,), "auction strategies"),
    ("startingPrice", (None,), "BOX orders"),
    ("stockRefPrice", (None,), "BOX orders"),
    ("delta", (None,), "BOX orders"),
    ("stockRangeLower", (None,), "pegged orders"),
    ("stockRangeUpper", (None,), "pegged orders"),
    ("adjustedOrderType", ("", "None"), "adjusted stops"),
    ("cashQty", (None, 0.0), "orders by cash quantity"),
    ("faGroup", ("",), "allocation to groups of accounts"),
    ("faProfile", ("",), "allocation by profiles"),
    ("shortSaleSlot", (0,), "institutional short sales"),
    ("isOmsContainer", (False,), "OMS containers"),
    ("duration", (None, 0), "durations"),
    ("postToAts", (None, 0), "posting to an ATS"),
    ("minTradeQty", (None, 0), "minimum trade quantities"),
    ("activeStartTime", ("",), "active times"),
    ("activeStopTime", ("",), "active times"),
)
"""Fields of the protocol, the values that mean it isn't used, and what using it asks for."""


class Refusal(NamedTuple):
    """Why an order isn't taken."""

    code: int
    text: str


def rejected(reason: str) -> Refusal:
    """The broker's general refusal."""
    return Refusal(201, f"Order rejected - reason:{reason}")


Rule = Callable[[Values, tuple[Leg, ...]], Refusal | None]


def refusal(values: Values, legs: tuple[Leg, ...]) -> Refusal | None:
    """The first reason not to take an order; None where there is none."""
    for rule in RULES:
        found = rule(values, legs)
        if found is not None:
            return found
    return None


def _obsolete(values: Values, _: tuple[Leg, ...]) -> Refusal | None:
    for name, shown in (("eTradeOnly", "EtradeOnly"), ("firmQuoteOnly", "FirmQuoteOnly")):
        if values[name]:
            return Refusal(10268, f"The '{shown}' order attribute is not supported.")
    return None


def _side(values: Values, _: tuple[Leg, ...]) -> Refusal | None:
    if values["action"] not in ("BUY", "SELL"):
        return Refusal(321, f"Error validating request.-'bW' : cause - Invalid side: {values['action'][:20]!r}")
    return None


def _type(values: Values, legs: tuple[Leg, ...]) -> Refusal | None:
    if values["orderType"] not in TYPES or any(leg.instrument.security_type == "IND" for leg in legs):
        return Refusal(387, f"Unsupported order type for this exchange and security type.{values['orderType'][:20]}")
    return None


def _features(values: Values, _: tuple[Leg, ...]) -> Refusal | None:
    for name, unused, what in NOT_SIMULATED:
        if values.get(name, unused[0]) not in unused:
            return rejected(f"The simulated gateway doesn't trade {what} ({name}).")
    for condition in values.get("conditions", ()):
        if condition["condType"] not in (1, 3):
            return rejected("The simulated gateway knows conditions of price and of time only (conditions).")
        if condition["condType"] == 3:
            try:
                parse_time(condition["time"])
            except ValueError:
                return _bad_time("condition")
    if values["triggerMethod"] not in TRIGGERS:
        return rejected("The simulated gateway triggers stops by the last price only (triggerMethod).")
    return None


def _quantity(values: Values, _: tuple[Leg, ...]) -> Refusal | None:
    quantity = values["totalQuantity"] or 0.0
    if quantity <= 0:
        return Refusal(434, "The order size cannot be zero.")
    if quantity != int(quantity):
        return Refusal(10243, "Fractional-sized order cannot be placed via API. Please use desktop version.")
    if quantity > LARGEST_ORDER:
        return rejected(f"The order's size exceeds the largest that is taken, {LARGEST_ORDER}.")
    return None


def _tif(values: Values, _: tuple[Leg, ...]) -> Refusal | None:
    tif, kind = values["tif"], values["orderType"]
    at_once, at_open = tif in ("IOC", "FOK"), tif == "OPG"
    if tif not in TIFS or (at_once and kind in ("MOC", "LOC")) or (at_open and kind not in ("MKT", "LMT")):
        return Refusal(10052, f"Invalid time in force:{tif[:20]}")
    try:
        if tif == "GTD":
            parse_time(values["goodTillDate"], end_of_day=True)
        if values["goodAfterTime"]:
            parse_time(values["goodAfterTime"])
    except ValueError:
        return _bad_time("good till or after")
    return None


def _bad_time(what: str) -> Refusal:
    text = "The time or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xxx"
    return Refusal(391, f"{text} ({what}).")


def _prices(values: Values, legs: tuple[Leg, ...]) -> Refusal | None:
    kind = values["orderType"]
    for name in ("lmtPrice", "auxPrice", "trailStopPrice", "lmtPriceOffset"):
        if abs(values[name] or 0.0) > LARGEST_PRICE:
            return rejected(f"The price is out of range ({name}).")
    needed: dict[str, object] = {}
    if kind in LIMITS and kind != "TRAIL LIMIT":
        needed["lmtPrice"] = values["lmtPrice"]
    if kind in NEEDS_STOP:
        if values["auxPrice"] is None or values["auxPrice"] <= 0:
            return Refusal(403, "Invalid stop price.")
        needed["auxPrice"] = values["auxPrice"]
    if kind in TRAILS:
        amount, percent = values["auxPrice"], values["trailingPercent"]
        if (amount is None or amount <= 0) == (percent is None or not 0 < percent < 100):
            return rejected("A trailing order needs a trailing amount or a percentage, one of them.")
        if kind == "TRAIL LIMIT" and values["lmtPriceOffset"] is None and values["lmtPrice"] is None:
            return rejected("A trailing limit order needs a limit price offset.")
    is_combination = values["secType"] == "BAG"
    for name, price in needed.items():
        if price is None or (price == 0 and not is_combination):
            return rejected(f"An order of type {kind} needs a price ({name}).")
    for name in ("lmtPrice", "auxPrice", "trailStopPrice"):
        price = values[name]
        is_used = kind in LIMITS if name == "lmtPrice" else not (name == "auxPrice" and kind in TRAILS)
        if price is None or not is_used:
            continue
        if price < 0 and not is_combination:
            return rejected("The price must not be negative.")
        tick = min(leg.instrument.minimum_tick for leg in legs)
        if abs(price / tick - round(price / tick)) > 1e-6 * max(1.0, abs(price / tick)):
            return Refusal(110, "The price does not conform to the minimum price variation for this contract.")
    return None


def _combination(values: Values, legs: tuple[Leg, ...]) -> Refusal | None:
    if values["secType"] != "BAG":
        return None
    if values["orderType"] not in ("MKT", "LMT"):
        return Refusal(387, f"Unsupported order type for this exchange and security type.{values['orderType'][:20]}")
    if any(leg["price"] is not None for leg in values["orderComboLegs"]):
        return rejected("The simulated gateway trades combinations at a net price, not by leg (orderComboLegs).")
    if any(abs(leg.ratio) > LARGEST_RATIO for leg in legs):
        return rejected(f"The ratio of a leg exceeds the largest that is taken, {LARGEST_RATIO}.")
    if len({leg.instrument.con_id for leg in legs}) != len(legs) or len(legs) < 2:
        return rejected("A combination has two legs or more, each of another contract.")
    return None


def _algorithm(values: Values, _: tuple[Leg, ...]) -> Refusal | None:
    name = values["algoStrategy"]
    if not name:
        return None
    if name not in ALGORITHMS or values["orderType"] not in ("MKT", "LMT"):
        known = ", ".join(ALGORITHMS)
        return Refusal(443, f"Unknown algo attribute. The simulated gateway has {known}, of types MKT and LMT.")
    said = problem_of(name, values["algoParams"])
    return Refusal(442, f"Algo definition can not be resolved: {said}") if said else None


RULES: tuple[Rule, ...] = (_obsolete, _side, _type, _combination, _features, _quantity, _tif, _prices, _algorithm)
