"""What the broker tells of contracts that might be meant."""

from __future__ import annotations

from typing import NamedTuple

from tasks.connections.ib.contracts import Contract


class Match(NamedTuple):
    """A contract whose symbol or name fits a pattern."""

    contract: Contract
    name: str
    """Empty where the client is too old to be told."""
    derivatives: tuple[str, ...]
    """Types of what is derived from it: OPT, WAR …"""


class Chain(NamedTuple):
    """Options on one underlying at one exchange: not every pair of expiry and strike need exist."""

    exchange: str
    underlying: int
    trading_class: str
    multiplier: str
    expiries: tuple[str, ...]
    strikes: tuple[float, ...]
