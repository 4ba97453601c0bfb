"""A client that shares no code with the broker's own trades against the gateway: scenarios by ib_async."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pandas as pd
import pytest
from ib_async import (
    IB,
    Bag,
    ComboLeg,
    Contract,
    ExecutionFilter,
    LimitOrder,
    MarketOrder,
    Order,
    PriceCondition,
    StartupFetchALL,
    Stock,
    StopOrder,
    TagValue,
)

from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import listed

ONE, TWO = "DU1234567", "DU7654321"
AAPL = Stock("AAPL", "SMART", "USD", conId=265598)
MSFT = Stock("MSFT", "SMART", "USD", conId=272093)

Scenario = Callable[..., Awaitable[None]]


async def until(ib: IB, holds: Callable[[], Any]) -> None:
    """Wait until something holds that the gateway's messages bring about."""
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.wait_for(ib.updateEvent, 5)


@pytest.fixture
def run(gateway: SimulatedGateway) -> Callable[..., None]:
    """Connect as ib_async does by default, everything fetched, and play a scenario."""

    def play(scenario: Scenario, *, client_id: int = 21, on: SimulatedGateway | None = None) -> None:
        async def use() -> None:
            ib = IB()
            server = on or gateway
            await ib.connectAsync(
                *("127.0.0.1", server.port),
                clientId=client_id,
                timeout=5,
                raiseSyncErrors=True,
                fetchFields=StartupFetchALL,
            )
            try:
                await scenario(ib)
            finally:
                ib.disconnect()

        asyncio.run(asyncio.wait_for(use(), 20))

    return play


def test_connects_and_syncs(run: Any) -> None:
    async def scenario(ib: IB) -> None:
        assert ib.client.serverVersion() == 178
        assert ib.managedAccounts() == [ONE, TWO]
        assert sum(p.position for p in ib.positions() if p.contract.conId == 265598) == 3300
        (spy,) = await ib.qualifyContractsAsync(Stock("SPY", "SMART", "USD"))
        assert (spy.conId, spy.primaryExchange) == (756733, "ARCA")
        bars = await ib.reqHistoricalDataAsync(spy, "", "253 D", "1 day", "ADJUSTED_LAST", True)
        assert (len(bars), bars[-2].close) == (253, 382.925)
        (ticker,) = await ib.reqTickersAsync(spy)
        assert 0 < ticker.bid < ticker.last < ticker.ask
        values = {(v.account, v.tag): v.value for v in ib.accountValues()}
        assert float(values[ONE, "TotalCashValue"]) == 1_000_000
        assert float(values[TWO, "NetLiquidation"]) > 1_000_000
        summary = {(v.account, v.tag): v.value for v in await ib.accountSummaryAsync()}
        assert summary[ONE, "NetLiquidation"] == values[ONE, "NetLiquidation"]

    run(scenario)


def test_a_market_order_from_submission_to_commission(run: Any) -> None:
    async def scenario(ib: IB) -> None:
        trade = ib.placeOrder(AAPL, MarketOrder("BUY", 2500, account=ONE, orderRef="key"))
        await until(ib, lambda: trade.isDone() and all(fill.commissionReport.execId for fill in trade.fills))
        assert trade.orderStatus.status == "Filled"
        assert trade.filled() == 2500
        assert len(trade.fills) > 1
        assert sum(fill.commissionReport.commission for fill in trade.fills) == pytest.approx(12.5)
        assert {fill.execution.orderRef for fill in trade.fills} == {"key"}
        value = sum(fill.execution.shares * fill.execution.price for fill in trade.fills)
        assert trade.orderStatus.avgFillPrice == pytest.approx(value / 2500)
        held = next(p for p in ib.positions() if p.contract.conId == 265598 and p.account == ONE)
        assert held.position == 4900
        assert held.avgCost == pytest.approx((2400 * 131.42 + value + 12.5) / 4900)

    run(scenario)


def test_partial_fills_change_and_cancel(run: Any, gateway: SimulatedGateway) -> None:
    async def scenario(ib: IB) -> None:
        touch = gateway.market.touch(265598, gateway.clock.nanoseconds())
        trade = ib.placeOrder(AAPL, LimitOrder("BUY", touch.ask_size + 300, touch.ask, account=ONE))
        await until(ib, lambda: trade.orderStatus.filled == touch.ask_size)
        assert (trade.orderStatus.status, trade.orderStatus.remaining) == ("Submitted", 300)
        trade.order.totalQuantity = touch.ask_size + 100
        ib.placeOrder(AAPL, trade.order)
        await until(ib, lambda: trade.orderStatus.remaining <= 100)
        ib.cancelOrder(trade.order)
        await until(ib, trade.isDone)
        assert trade.orderStatus.status in ("Cancelled", "Filled")
        assert trade.filled() >= touch.ask_size
        assert ib.openTrades() == []

    run(scenario)


def test_executions_can_be_asked_for(run: Any) -> None:
    async def scenario(ib: IB) -> None:
        for contract, account in ((AAPL, ONE), (MSFT, TWO)):
            trade = ib.placeOrder(contract, MarketOrder("SELL", 10, account=account))
            await until(ib, trade.isDone)
        everything = await ib.reqExecutionsAsync()
        assert [fill.contract.symbol for fill in everything] == ["AAPL", "MSFT"]
        assert all(fill.commissionReport.commission == 1.0 for fill in ib.fills())
        (only,) = await ib.reqExecutionsAsync(ExecutionFilter(acctCode=TWO, symbol="MSFT", side="SELL"))
        assert only.execution.acctNumber == TWO
        assert await ib.reqExecutionsAsync(ExecutionFilter(symbol="KO")) == []
        assert await ib.reqExecutionsAsync(ExecutionFilter(time="20221228 15:59:59 US/Eastern")) == []

    run(scenario)


def test_a_bracket(run: Any, gateway: SimulatedGateway) -> None:
    async def scenario(ib: IB) -> None:
        bracket = ib.bracketOrder("BUY", 100, 127.0, 140.0, 110.0, account=ONE)
        parent, profit, stop = (ib.placeOrder(AAPL, order) for order in bracket)
        await until(ib, lambda: parent.isDone() and profit.orderStatus.status == "Submitted")
        assert stop.orderStatus.status == "PreSubmitted"
        ib.cancelOrder(profit.order)
        await until(ib, profit.isDone)
        assert stop.isActive()
        ib.cancelOrder(stop.order)
        await until(ib, stop.isDone)
        # one that never fills takes its children with it
        waiting = [ib.placeOrder(AAPL, o) for o in ib.bracketOrder("BUY", 100, 90.0, 140.0, 80.0, account=ONE)]
        await until(ib, lambda: waiting[0].orderStatus.status == "Submitted")
        assert [trade.orderStatus.whyHeld for trade in waiting[1:]] == ["child", "child"]
        ib.cancelOrder(waiting[0].order)
        await until(ib, lambda: all(trade.isDone() for trade in waiting))
        assert [trade.orderStatus.status for trade in waiting] == ["Cancelled"] * 3

    run(scenario)


def test_one_cancels_the_others(run: Any) -> None:
    async def scenario(ib: IB) -> None:
        low = LimitOrder("BUY", 10, 100.0, account=ONE)
        stop = StopOrder("BUY", 10, 150.0, account=ONE)
        now = LimitOrder("BUY", 10, 130.0, account=ONE)
        trades = [ib.placeOrder(AAPL, order) for order in IB.oneCancelsAll([low, stop, now], "either", 1)]
        await until(ib, lambda: all(trade.isDone() for trade in trades))
        assert [trade.orderStatus.status for trade in trades] == ["Cancelled", "Cancelled", "Filled"]

    run(scenario)


def test_asking_what_if(run: Any) -> None:
    async def scenario(ib: IB) -> None:
        state = await ib.whatIfOrderAsync(AAPL, LimitOrder("BUY", 100, 120.0, account=ONE))
        change = float(state.initMarginAfter) - float(state.initMarginBefore)
        assert float(state.initMarginChange) == pytest.approx(change, abs=0.011)
        assert float(state.initMarginChange) > 0
        assert (state.commission, state.commissionCurrency) == (1.0, "USD")
        assert await ib.reqAllOpenOrdersAsync() == []

    run(scenario)


def test_refusals_reach_the_client(run: Any) -> None:
    async def scenario(ib: IB) -> None:
        refused: list[tuple[int, int]] = []
        ib.errorEvent += lambda number, code, *_: refused.append((number, code))
        cases: list[tuple[Contract, Order, int]] = [
            (AAPL, LimitOrder("BUY", 5, 100.001, account=ONE), 110),
            (AAPL, Order(action="BUY", totalQuantity=5, orderType="REL", lmtPrice=100.0, account=ONE), 387),
            (AAPL, MarketOrder("BUY", 500_000, account=ONE), 201),
            (AAPL, MarketOrder("BUY", 0.5, account=ONE), 10243),
            (AAPL, MarketOrder("BUY", 5), 435),
            (Stock("NOSUCH", "SMART", "USD"), MarketOrder("BUY", 5, account=ONE), 200),
        ]
        for contract, order, code in cases:
            trade = ib.placeOrder(contract, order)
            await until(ib, lambda number=trade.order.orderId: [c for n, c in refused if n == number])
            assert [c for n, c in refused if n == trade.order.orderId] == [code]
        assert await ib.reqAllOpenOrdersAsync() == []

    run(scenario)


def test_a_combination_trades_at_its_net_price(run: Any, gateway: SimulatedGateway) -> None:
    async def scenario(ib: IB) -> None:
        pair = Bag(symbol="AAPL,MSFT", exchange="SMART", currency="USD")
        pair.comboLegs = [
            ComboLeg(conId=265598, ratio=2, action="BUY", exchange="SMART"),
            ComboLeg(conId=272093, ratio=1, action="SELL", exchange="SMART"),
        ]
        now = gateway.clock.nanoseconds()
        apple, microsoft = gateway.market.touch(265598, now), gateway.market.touch(272093, now)
        net = round(2 * apple.ask - microsoft.bid, 2)
        trade = ib.placeOrder(pair, LimitOrder("BUY", 10, net, account=ONE))
        await until(ib, lambda: trade.isDone() and len(trade.fills) == 3)
        whole, *legs = trade.fills
        assert (whole.contract.secType, whole.execution.shares, whole.execution.price) == ("BAG", 10, net)
        assert [(leg.contract.symbol, leg.execution.side, leg.execution.shares) for leg in legs] == [
            ("AAPL", "BOT", 20),
            ("MSFT", "SLD", 10),
        ]
        assert [leg.execution.price for leg in legs] == [apple.ask, microsoft.bid]
        assert [leg.commissionReport.commission for leg in legs] == [1.0, 1.0]

    run(scenario)


def test_an_algorithm_and_a_condition_are_accepted(run: Any) -> None:
    async def scenario(ib: IB) -> None:
        adaptive = MarketOrder("BUY", 400, account=ONE, algoStrategy="Adaptive")
        adaptive.algoParams = [TagValue("adaptivePriority", "Normal")]
        first = ib.placeOrder(AAPL, adaptive)
        waiting = MarketOrder("BUY", 4, account=ONE)
        waiting.conditions = [PriceCondition(isMore=True, price=500.0, conId=265598, exch="SMART")]
        second = ib.placeOrder(AAPL, waiting)
        await until(ib, lambda: first.orderStatus.filled == 100 and second.orderStatus.status == "PreSubmitted")
        ib.reqGlobalCancel()
        await until(ib, lambda: first.isDone() and second.isDone())
        assert (first.orderStatus.status, first.filled()) == ("Cancelled", 100)

    run(scenario)


def test_reconnecting_finds_everything_again(run: Any) -> None:
    kept: dict[str, Any] = {}

    async def before(ib: IB) -> None:
        resting = ib.placeOrder(AAPL, LimitOrder("BUY", 5, 100.0, account=ONE, orderRef="rests"))
        done = ib.placeOrder(AAPL, MarketOrder("BUY", 5, account=ONE, orderRef="done"))
        await until(ib, lambda: done.isDone() and resting.orderStatus.status == "Submitted")
        kept.update(resting=resting.order.permId, done=done.order.permId, execution=done.fills[0].execution.execId)

    async def after(ib: IB) -> None:
        (trade,) = ib.openTrades()
        assert (trade.order.permId, trade.order.orderRef) == (kept["resting"], "rests")
        assert [fill.execution.execId for fill in ib.fills()] == [kept["execution"]]
        done = next(trade for trade in ib.trades() if trade.order.permId == kept["done"])
        assert done.orderStatus.status == "Filled"
        # a new order doesn't meet an old number
        more = ib.placeOrder(AAPL, MarketOrder("SELL", 5, account=ONE))
        await until(ib, more.isDone)
        assert more.orderStatus.status == "Filled"

    run(before)
    run(after)


def test_profit_follows_the_book(run: Any, gateway: SimulatedGateway) -> None:
    async def scenario(ib: IB) -> None:
        whole, single = ib.reqPnL(ONE), ib.reqPnLSingle(ONE, "", 265598)
        await until(ib, lambda: single.position == 2400 and whole.dailyPnL == whole.dailyPnL)
        now = gateway.clock.nanoseconds()
        last = gateway.market.touch(265598, now).last
        assert single.unrealizedPnL == pytest.approx(2400 * (last - 131.42), abs=0.01)
        trade = ib.placeOrder(AAPL, MarketOrder("SELL", 100, account=ONE))
        await until(ib, lambda: trade.isDone() and single.position == 2300)
        sold = trade.fills[0].execution.price
        assert single.realizedPnL == pytest.approx(100 * (sold - 131.42) - 1.0, abs=0.01)
        assert whole.realizedPnL == pytest.approx(single.realizedPnL, abs=0.01)
        ib.cancelPnL(ONE)
        ib.cancelPnLSingle(ONE, "", 265598)

    run(scenario)


def test_what_happens_while_the_client_is_away_is_found_later(run: Any, gateway: SimulatedGateway) -> None:
    async def before(ib: IB) -> None:
        trade = ib.placeOrder(AAPL, Order(action="BUY", totalQuantity=7, orderType="MOC", account=ONE))
        await until(ib, lambda: trade.orderStatus.status == "PreSubmitted")
        gone = asyncio.Event()
        ib.disconnectedEvent += gone.set
        gateway.kick()
        await asyncio.wait_for(gone.wait(), 5)

    async def after(ib: IB) -> None:
        assert ib.openTrades() == []
        (fill,) = ib.fills()
        assert (fill.execution.shares, fill.execution.side) == (7, "BOT")
        assert fill.execution.price == gateway.market.quote(listed("AAPL"), gateway.clock.nanoseconds()).last
        assert fill.commissionReport.commission == 1.0
        held = next(p for p in ib.positions() if p.contract.conId == 265598 and p.account == ONE)
        assert held.position == 2407

    run(before)
    gateway.clock.move_to(pd.Timestamp("2022-12-28 16:00:01", tz="America/New_York"))
    run(after)
