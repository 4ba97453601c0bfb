"""What trading costs in the simulated market; a simple schedule like the broker's fixed one, and simulated as such.

Stocks and funds: 0.005 a share, at least 1.00 an order, at most 1 % of its value. Options: 0.65 a
contract, at least 1.00 an order. US dollars.
"""

from __future__ import annotations

from tasks.connections.ib.simulator.instruments import Instrument

A_SHARE = 0.005
AN_OPTION = 0.65
LEAST = 1.0
MOST = 0.01
"""Share of a stock order's value."""


def commission(instrument: Instrument, quantity: float, notional: float) -> float:
    """Of an order of which so much has been filled, for so much money (price × quantity)."""
    if instrument.security_type == "OPT":
        return round(max(LEAST, AN_OPTION * quantity), 4)
    return round(min(max(LEAST, A_SHARE * quantity), MOST * notional), 4)
