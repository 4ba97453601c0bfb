"""What the simulated accounts hold."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.connections.ib.simulator.instruments import AAPL_CALL, SPY, Instrument, listed


@dataclass(frozen=True)
class Holding:
    """A position of one account."""

    account: str
    instrument: Instrument
    quantity: float
    average_cost: float
    """Of one contract; as the broker does, with the multiplier in it."""


def demo_book() -> list[Holding]:
    """Two accounts, long and short; AAPL in both of them, and a call on AAPL, which has no beta of its own."""
    one, two = "DU1234567", "DU7654321"
    return [
        Holding(one, listed("AAPL"), 2400, 131.42),
        Holding(one, listed("MSFT"), 1100, 241.87),
        Holding(one, listed("AMD"), 1800, 71.05),
        Holding(one, listed("JPM"), 1500, 118.3),
        Holding(one, listed("XOM"), 1300, 98.64),
        Holding(one, listed("HD"), 420, 296.1),
        Holding(one, listed("KO"), -1600, 60.95),
        Holding(one, SPY, 350, 389.2),
        Holding(two, listed("AAPL"), 900, 148.77),
        Holding(two, listed("UNH"), 260, 531.4),
        Holding(two, listed("BAC"), 3200, 34.18),
        Holding(two, listed("CVX"), 700, 161.25),
        Holding(two, listed("RRC"), 2500, 27.4),
        Holding(two, listed("WMT"), -900, 144.61),
        Holding(two, listed("PFE"), -2100, 47.32),
        Holding(two, AAPL_CALL, 10, 912.5),
    ]
