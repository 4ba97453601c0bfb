"""Each account's money at the prices of a moment, now and after an order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.market import Market
from tasks.connections.ib.simulator.trading.fees import commission
from tasks.connections.ib.simulator.trading.grammar import Values
from tasks.connections.ib.simulator.trading.ledger import Ledger, multiplier
from tasks.connections.ib.simulator.trading.margin import Margins, margins
from tasks.connections.ib.simulator.trading.order import Leg, Order


class Funds:
    """Values the books of a ledger in a market."""

    def __init__(self, market: Market, ledger: Ledger) -> None:
        self._market = market
        self._ledger = ledger

    def price(self, instrument: Instrument, now: int) -> float | None:
        """A contract's last price; None where it has none."""
        return self._market.price(instrument, now) if self._market.covers(now) else None

    def of(self, account: str, now: int) -> Margins:
        """An account's money."""
        held = [(item.instrument, item.quantity) for item in self._ledger.positions(account) if item.quantity]
        return self._margins(self._ledger.cash[account], held, now)

    def cost(self, values: Values, legs: Iterable[Leg]) -> float:
        """The commission of an order, were it filled at its limit or the last price."""
        return sum(commission(leg.instrument, values["totalQuantity"] * abs(leg.ratio), float("inf")) for leg in legs)

    def after(
        self, account: str, values: Values, legs: tuple[Leg, ...], working: Iterable[Order], now: int
    ) -> tuple[Margins, Margins]:
        """An account's money with its working orders filled, without and with this one filled too.

        Of working orders in one contract either the buys or the sells count, whichever leave more of it.
        """
        buys, sells = defaultdict[int, float](float), defaultdict[int, float](float)
        instruments = {item.instrument.con_id: item.instrument for item in self._ledger.positions(account)}
        for order in working:
            for leg in order.legs:
                instruments[leg.instrument.con_id] = leg.instrument
                signed = order.sign * leg.ratio * order.remaining
                (buys if signed > 0 else sells)[leg.instrument.con_id] += signed
        held = self._ledger.quantities(account)
        cash = self._ledger.cash[account]

        def state(quantities: dict[int, float], money: float) -> Margins:
            worst: dict[int, float] = {}
            for con_id in {*quantities, *buys, *sells}:
                start = quantities.get(con_id, 0.0)
                bought, sold = start + buys[con_id], start + sells[con_id]
                worst[con_id] = bought if abs(bought) >= abs(sold) else sold
                unit = (self.price(instruments[con_id], now) or 0.0) * multiplier(instruments[con_id])
                money -= (worst[con_id] - start) * unit
            return self._margins(money, [(instruments[i], q) for i, q in worst.items() if q], now)

        before = state(held, cash)
        sign = 1 if values["action"] == "BUY" else -1
        with_it = dict(held)
        limit = values["lmtPrice"] if values["orderType"] in ("LMT", "STP LMT", "LOC") else None
        for leg in legs:
            instruments[leg.instrument.con_id] = leg.instrument
            signed = sign * leg.ratio * values["totalQuantity"]
            with_it[leg.instrument.con_id] = with_it.get(leg.instrument.con_id, 0.0) + signed
            paid = self.price(leg.instrument, now) or 0.0
            if limit is not None and len(legs) == 1 and signed > 0:
                paid = max(paid, limit)  # it may come to cost as much
            cash -= signed * paid * multiplier(leg.instrument)
        return before, state(with_it, cash - self.cost(values, legs))

    def _margins(self, cash: float, held: Iterable[tuple[Instrument, float]], now: int) -> Margins:
        return margins(cash, held, lambda item: self.price(item, now), lambda item: self._spot(item, now))

    def _spot(self, option: Instrument, now: int) -> float | None:
        return self.price(self._market.instruments[option.underlying], now) if option.underlying else None
