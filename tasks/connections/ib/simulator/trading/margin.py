"""What an account must hold against its positions: rules like Regulation T's, stated, and simulated as such.

Stocks and funds: initially 50 % of their value, long and short; maintained 25 % long, 30 % short.
Options held: paid in full, no loan on them, so no margin and no part of the equity with loan.
Options written: their value, and of the underlying 20 % less what they are out of the money, at
least 10 % (of the strike for puts), both initially and maintained. No relief for spreads.

    equity with loan = cash + value of stocks                (short ones below zero)
    net liquidation  = equity with loan + value of options   (short ones below zero)
    available funds  = equity with loan − initial margin
    excess liquidity = equity with loan − maintenance margin
    buying power     = 2 × available funds

An order is taken if, once filled, equity with loan covers the initial margin, or it makes that smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.trading.ledger import multiplier

INITIAL = 0.5
MAINTAINED_LONG, MAINTAINED_SHORT = 0.25, 0.30
WRITTEN, WRITTEN_LEAST = 0.20, 0.10
LEVERAGE = 2.0

Price = Callable[[Instrument], float | None]
"""What one contract is worth, per unit of its underlying; None where nobody knows."""


@dataclass(frozen=True)
class Margins:
    """An account's money, US dollars."""

    cash: float
    stocks: float
    options: float
    gross: float
    """Of stocks long and short, and of options, without their signs."""
    initial: float
    maintenance: float

    @property
    def equity_with_loan(self) -> float:
        return self.cash + self.stocks

    @property
    def net_liquidation(self) -> float:
        return self.equity_with_loan + self.options

    @property
    def available(self) -> float:
        return self.equity_with_loan - self.initial

    @property
    def excess(self) -> float:
        return self.equity_with_loan - self.maintenance

    @property
    def buying_power(self) -> float:
        return max(self.available, 0.0) * LEVERAGE

    @property
    def cushion(self) -> float:
        """Excess liquidity as a share of net liquidation."""
        return self.excess / self.net_liquidation if self.net_liquidation > 0 else 0.0


def margins(cash: float, holdings: Iterable[tuple[Instrument, float]], price: Price, underlying: Price) -> Margins:
    """The money of an account that has this cash and holds so much of each instrument.

    `underlying` gives the price of what an option is on.
    """
    stocks = options = gross = initial = maintenance = 0.0
    for instrument, quantity in holdings:
        value = (price(instrument) or 0.0) * quantity * multiplier(instrument)
        gross += abs(value)
        if instrument.security_type == "OPT":
            options += value
            if quantity < 0:
                needed = -value - quantity * multiplier(instrument) * _written(
                    instrument, underlying(instrument) or 0.0
                )
                initial, maintenance = initial + needed, maintenance + needed
        else:
            stocks += value
            initial += INITIAL * abs(value)
            maintenance += (MAINTAINED_LONG if value > 0 else MAINTAINED_SHORT) * abs(value)
    return Margins(*(round(x, 6) for x in (cash, stocks, options, gross, initial, maintenance)))


def _written(option: Instrument, spot: float) -> float:
    """Of one unit of an option written, beside its value."""
    out = option.strike - spot if option.right == "C" else spot - option.strike
    floor = WRITTEN_LEAST * (spot if option.right == "C" else option.strike)
    return max(WRITTEN * spot - max(out, 0.0), floor)
