"""Implied volatilities and greeks, as the broker computes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.market import Universe
from schemas.options import OptionComputations
from tasks.columns import frame_of
from tasks.connections.durations import Duration
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.ticks import DELAYED, TYPES, Greeks
from tasks.connections.ib.snapshots import RunningQuote
from tasks.connections.scope import note
from tasks.contracts import answered, contracts_of
from tasks.declare import source, task
from tasks.run import Run
from tasks.stream import Arrival, Stream
from tasks.wording import listed

OPTIONS = ("OPT", "FOP", "WAR")


@task(reads="now")
def read_option_computations(
    universe: DataFrame[Universe], broker: Broker, run: Run, timeout: Duration = timedelta(seconds=10)
) -> DataFrame[OptionComputations]:
    """Implied volatility and greeks of each option now, as the broker computes them.

    They start from the option's bid, its ask, its last trade, and the broker's own model.

    Parameters
    ----------
    universe
        The options; what is none is left out. Each takes one of the account's market-data lines
        for a moment, fifty at a time.
    broker
        The connection to ask.
    run
        Its clock says when.
    timeout
        How long to wait for the broker's model of each fifty; without it, whatever has come counts.

    Returns
    -------
    OptionComputations
        One row an option and basis, sorted. An option without an answer isn't in it, and a note says why.

    Raises
    ------
    Problem
        The first option's, where none has an answer.
    """
    options = _options(universe)
    found = answered(options, broker.option_ticks(options, timeout.total_seconds()), "computation")
    is_simulated = broker.is_simulated()
    running = {contract.con_id: _Running(contract, is_simulated) for contract in found}
    for contract, ticks in found.items():
        for tick in ticks:
            running[contract.con_id].add(tick, run.now().value)
    return cast("DataFrame[OptionComputations]", _frame(running, set(running)))


@source
def watch_option_computations(
    universe: DataFrame[Universe], broker: Broker, run: Run
) -> Stream[DataFrame[OptionComputations]]:
    """Implied volatility and greeks of each option, whenever the broker computes them.

    Parameters
    ----------
    universe
        The options; what is none is left out. Each takes one of the account's market-data lines.
    broker
        The connection to follow.
    run
        Its clock says when.

    Returns
    -------
    Stream of OptionComputations
        A row an option and basis; with `keep: latest`, the greeks now. An option that is refused, for want of lines or
        permissions, is noted and left out.
    """
    options = _options(universe)
    followed = broker.follow_ticks(options)
    is_simulated = broker.is_simulated()
    running = {contract.con_id: _Running(contract, is_simulated) for contract in options}

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        for con_id, time, tick in arrivals:
            running[con_id].add(tick, time)
        return _frame(running, {con_id for con_id, _, _ in arrivals})

    return Stream(followed, read, OptionComputations, run.clock)


class _Running:
    """The computations of one option, as tick follows tick; a delayed one never takes a live one's place."""

    def __init__(self, contract: Contract, is_simulated: bool) -> None:
        self.contract = contract
        self._market = RunningQuote(contract.con_id, is_simulated)
        self._live: set[str] = set()
        self._changed: dict[str, tuple[Greeks, int, str]] = {}

    def add(self, tick: tuple[Any, ...], time: int) -> None:
        """Take a tick, which came at this moment."""
        self._market.add(tick)
        number, value = tick[:2]
        if not isinstance(value, Greeks) or number not in TYPES:
            return
        basis = TYPES[number][1]
        is_late = number in DELAYED
        if is_late and basis in self._live:
            return
        if not is_late:
            self._live.add(basis)
        market = self._market.market_data
        self._changed[basis] = (value, time, "delayed" if is_late and market == "live" else market)

    def changed(self) -> dict[str, tuple[Greeks, int, str]]:
        """(computation, when, whose market) by basis: those that came since last asked."""
        changed, self._changed = self._changed, {}
        return changed


def _options(universe: DataFrame[Universe]) -> list[Contract]:
    contracts = contracts_of(universe)
    if others := [contract for contract in contracts if contract.security_type not in OPTIONS]:
        note(f"No option, and left out: {listed(others)}.")
    return [contract for contract in contracts if contract.security_type in OPTIONS]


def _frame(running: Mapping[int, _Running], con_ids: set[int]) -> pd.DataFrame:
    rows = [
        (running[con_id].contract, basis, *computed)
        for con_id in sorted(con_ids)
        for basis, computed in sorted(running[con_id].changed().items())
    ]
    greeks = [row[2] for row in rows]
    return frame_of(
        OptionComputations,
        {
            "con_id": [row[0].con_id for row in rows],
            "symbol": [row[0].symbol for row in rows],
            "basis": [row[1] for row in rows],
            "implied_volatility": [each.implied_volatility for each in greeks],
            "delta": [each.delta for each in greeks],
            "gamma": [each.gamma for each in greeks],
            "vega": [each.vega for each in greeks],
            "theta": [each.theta for each in greeks],
            "option_price": [each.price for each in greeks],
            "dividends": [each.dividends for each in greeks],
            "underlying_price": [each.underlying_price for each in greeks],
            "market_data": [row[4] for row in rows],
            "time": [row[3] for row in rows],
        },
    )
