"""An order's way: from arriving to filled or cancelled, one look at the market at a time."""

from __future__ import annotations

from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.market import Market, Touch
from tasks.connections.ib.simulator.trading import algorithms, conditions
from tasks.connections.ib.simulator.trading.clearing import Clearing
from tasks.connections.ib.simulator.trading.executions import Execution
from tasks.connections.ib.simulator.trading.hours import SECOND, Hours
from tasks.connections.ib.simulator.trading.matching import (
    ADDED,
    Fill,
    Side,
    is_touched,
    is_within,
    rest,
    sweep,
    trail,
)
from tasks.connections.ib.simulator.trading.order import AT_CLOSE, Leg, Order

TRIGGER, PARENT, LOCATE = "trigger", "child", "locate"


class Course:
    """Moves orders along. What it finds is returned; whom to tell is somebody else's business."""

    def __init__(self, market: Market, hours: Hours, clearing: Clearing, faults: Faults) -> None:
        self._market = market
        self._hours = hours
        self._clearing = clearing
        self._faults = faults

    def decide(self, order: Order, now: int) -> list[Fill]:
        """What a live order gets at one moment; where something keeps it from the market, its status says what."""
        waits = self._waits_for(order, now)
        if waits is not None:
            order.status, order.why_held = ("PendingSubmit", "") if waits == "transmit" else ("PreSubmitted", waits)
            return []
        order.status, order.why_held = "Submitted", ""
        return self._fills(order, now)

    def book(self, order: Order, fill: Fill, now: int) -> list[Execution]:
        """Book one of the fills that were decided on."""
        executions = self._clearing.book(order, fill, self._leg_prices(order, fill, now), now)
        if not order.remaining:
            self.complete(order, now)
        return executions

    def complete(self, order: Order, now: int) -> None:
        """Nothing is left of an order to be filled."""
        order.status, order.done_at, order.completed_status = "Filled", now, f"Filled Size: {order.filled:g}"

    def last(self, con_id: int, now: int) -> float | None:
        """A contract's last price."""
        instrument = self._market.instruments.get(con_id)
        return None if instrument is None or not self._hours.has_data(now) else self._market.price(instrument, now)

    def _waits_for(self, order: Order, now: int) -> str | None:
        """What keeps an order from the market: a word for it, empty where there is none; None: nothing does."""
        if not order.is_transmitted:
            return "transmit"
        if order.parent is not None and order.parent.status != "Filled":
            return PARENT
        if now < order.wakes or not conditions.hold(order.values["conditions"], now, lambda i: self.last(i, now)):
            return ""
        if order.kind in AT_CLOSE or order.tif == "OPG":
            return None if now >= order.due else ""
        if not self._hours.is_open(now):
            return ""
        if order.is_stop and not self._triggered(order, now):
            return TRIGGER
        return LOCATE if self._is_short_of(order) else None

    def _is_short_of(self, order: Order) -> bool:
        """Whether the order would sell what can't be borrowed."""
        return any(
            leg.instrument.con_id in self._faults.not_shortable
            and order.sign * leg.ratio < 0
            and self._clearing.ledger.position(order.account, leg.instrument).quantity
            < order.remaining * abs(leg.ratio)
            for leg in order.legs
        )

    def _triggered(self, order: Order, now: int) -> bool:
        if order.is_triggered:
            return True
        last = self.last(order.instrument.con_id, now)
        if last is None:
            return False
        values = order.values
        if order.kind.startswith("TRAIL"):
            start = order.stop if order.stop is not None else values["trailStopPrice"]
            # its own stop is tested first: the price that sets it off must not move it
            if start is None or not is_touched(order.is_buy, start, last, if_touched=False):
                order.stop = trail(order.is_buy, start, last, values["auxPrice"], values["trailingPercent"])
                return False
            order.stop = start
            if order.kind == "TRAIL LIMIT":
                offset = values["lmtPriceOffset"]
                order.limit = values["lmtPrice"] if offset is None else round(start + order.sign * offset, 6)
        elif not is_touched(order.is_buy, values["auxPrice"], last, order.kind in ("MIT", "LIT")):
            return False
        order.is_triggered = True
        return True

    def _fills(self, order: Order, now: int) -> list[Fill]:
        if order.kind in AT_CLOSE or order.tif == "OPG":
            return self._auction(order)
        side = self._side(order, now)
        if side is None:
            return []
        wanted = order.remaining
        if order.values["algoStrategy"]:
            wanted = self._slice(order, now)
            order.has_swept = False
        if wanted <= 0:
            return []
        is_first, order.has_swept = not order.has_swept, True
        second, order.met = order.met, now // SECOND
        if not is_first and second == order.met:
            return []
        fills = (sweep if is_first else rest)(order.is_buy, wanted, order.limit_price, side)
        total = sum(fill.quantity for fill in fills)
        least = order.quantity if order.tif == "FOK" or order.values["allOrNone"] else order.values["minQty"] or 0.0
        if not order.filled and total < least:
            order.has_swept = order.tif in ("IOC", "FOK")
            return []
        return fills

    def _slice(self, order: Order, now: int) -> float:
        name, parameters = order.values["algoStrategy"], order.values["algoParams"]
        due = algorithms.due(name, parameters, order.quantity, order.placed, self._hours.close(order.placed), now)
        return max(due - order.filled, 0.0)

    def _auction(self, order: Order) -> list[Fill]:
        """At the session's opening or closing price, all at once, where the limit allows it."""
        price = self.last(order.instrument.con_id, order.due)
        limit = order.values["lmtPrice"] if order.kind in ("LOC", "LMT") else None
        if price is None or not is_within(price, limit, order.is_buy):
            return []
        return [Fill(order.remaining, price, ADDED)]

    def _touches(self, order: Order, now: int) -> list[tuple[Leg, Touch]]:
        return [(leg, self._market.touch(leg.instrument.con_id, now)) for leg in order.legs]

    def _side(self, order: Order, now: int) -> Side | None:
        """What an order meets; of a combination the sum of its legs, each bought at the ask or sold at the bid."""
        price, size = 0.0, float("inf")
        for leg, touch in self._touches(order, now):
            is_buy = order.sign * leg.ratio > 0
            met, shown = (touch.ask, touch.ask_size) if is_buy else (touch.bid, touch.bid_size)
            if met is None or touch.is_halted:
                return None
            price += met * leg.ratio
            size = min(size, shown // abs(leg.ratio))
        return Side(round(price, 6), max(size, 1.0), order.tick)

    def _leg_prices(self, order: Order, fill: Fill, now: int) -> list[float]:
        """The legs' prices: each at its touch, and the first so that they come to the price of the whole."""
        if not order.is_combination:
            return [fill.price]
        prices = []
        for leg, touch in self._touches(order, now):
            price = touch.ask if order.sign * leg.ratio > 0 else touch.bid
            prices.append(price or 0.0)
        rest_of_it = sum(leg.ratio * price for leg, price in zip(order.legs[1:], prices[1:], strict=True))
        prices[0] = round((fill.price - rest_of_it) / order.legs[0].ratio, 6)
        return prices
