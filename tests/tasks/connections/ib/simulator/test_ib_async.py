"""A client that shares no code with the broker's own connects, and sees the same market."""

from __future__ import annotations

import asyncio

import pytest
from ib_async import IB, StartupFetchALL, Stock

from tasks.connections.ib.simulator.gateway import SimulatedGateway


def test_an_independent_client_syncs_and_reads(gateway: SimulatedGateway) -> None:
    async def use() -> None:
        ib = IB()
        # It asks for positions, open and completed orders, account values and executions at once.
        await ib.connectAsync(
            "127.0.0.1", gateway.port, clientId=21, timeout=5, raiseSyncErrors=True, fetchFields=StartupFetchALL
        )
        assert ib.client.serverVersion() == 178
        assert ib.managedAccounts() == ["DU1234567", "DU7654321"]
        assert sum(p.position for p in ib.positions() if p.contract.conId == 265598) == 3300
        (spy,) = await ib.qualifyContractsAsync(Stock("SPY", "SMART", "USD"))
        assert (spy.conId, spy.primaryExchange) == (756733, "ARCA")
        bars = await ib.reqHistoricalDataAsync(spy, "", "253 D", "1 day", "ADJUSTED_LAST", True)
        assert (len(bars), bars[-2].close) == (253, 382.925)
        (ticker,) = await ib.reqTickersAsync(spy)
        assert 0 < ticker.bid < ticker.last < ticker.ask
        assert ticker.close == 382.925
        ib.disconnect()

    asyncio.run(asyncio.wait_for(use(), 20))


def test_account_values_of_each_account_end(gateway: SimulatedGateway) -> None:
    async def use() -> None:
        ib = IB()
        await ib.connectAsync("127.0.0.1", gateway.port, clientId=22, timeout=5, account="DU1234567")
        assert ib.accountValues() == []
        assert await ib.reqAllOpenOrdersAsync() == []
        ib.disconnect()

    asyncio.run(asyncio.wait_for(use(), 20))
    with pytest.raises(RuntimeError, match="has not been started"):
        SimulatedGateway().port  # noqa: B018  # the property is what raises
