"""A client that shares no code with the broker's own sees the whole of the simulated market."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from ib_async import IB, Contract, Option, Stock

from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.sizes import DAYS, SECONDS

NOON = "2022-12-28T17:00:00Z"
SPY = Contract(conId=756733, exchange="SMART")
WITHIN = {**dict.fromkeys(SECONDS, "1 D"), **dict.fromkeys(DAYS, "1 Y")}
WITHIN |= {"1 secs": "1800 S", "5 secs": "3600 S", "10 secs": "14400 S", "15 secs": "14400 S", "30 secs": "28800 S"}

Scenario = Callable[[IB], Awaitable[None]]
Play = Callable[..., SimulatedGateway]


@pytest.fixture
def play(start_gateway: Callable[..., SimulatedGateway]) -> Play:
    """Connect, run a scenario, and disconnect."""

    def run(scenario: Scenario, **options: Any) -> SimulatedGateway:
        gateway = start_gateway(**{"now": NOON, **options})

        async def use() -> None:
            ib = IB()
            await ib.connectAsync("127.0.0.1", gateway.port, clientId=31, timeout=10)
            try:
                await scenario(ib)
            finally:
                ib.disconnect()

        asyncio.run(asyncio.wait_for(use(), 30))
        return gateway

    return run


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_history_of_every_size(play: Play) -> None:
    async def scenario(ib: IB) -> None:
        counts = {}
        for size, duration in WITHIN.items():
            bars = await ib.reqHistoricalDataAsync(SPY, "20221227 16:00:00 US/Eastern", duration, size, "TRADES", True)
            counts[size] = len(bars)
            assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
            assert bars[-1].close == 382.925  # the index closed at 3829.25
            kind = date if size in DAYS else datetime
            assert type(bars[-1].date) is kind
        # 20 minutes' bars begin at 9:20, 3 hours' at 9:00, of 4 and of 8 hours at 8:00; the first at the opening
        day = [390, 195, 130, 78, 39, 26, 20, 13, 7, 4, 3, 2, 1]
        assert list(counts.values())[:18] == [1800, 720, 1440, 960, 960, *day]
        assert (counts["1 day"], counts["1 month"]) == (252, 13)

    play(scenario)


def test_times_are_the_same_in_both_forms(play: Play) -> None:
    async def scenario(ib: IB) -> None:
        asked = ("20221227-21:00:00", "1 D", "1 hour", "MIDPOINT", True)
        local = await ib.reqHistoricalDataAsync(SPY, *asked, formatDate=1)
        utc = await ib.reqHistoricalDataAsync(SPY, *asked, formatDate=2)
        assert [bar.date.timestamp() for bar in local] == [bar.date.timestamp() for bar in utc]
        assert local[0].date.hour == 9
        head = await ib.reqHeadTimeStampAsync(SPY, "TRADES", True, 2)
        assert head == datetime(1990, 1, 3, 14, 30, tzinfo=UTC)

    play(scenario)


def test_bars_kept_up_to_date(play: Play) -> None:
    async def scenario(ib: IB) -> None:
        bars = await ib.reqHistoricalDataAsync(SPY, "", "1800 S", "1 min", "TRADES", True, keepUpToDate=True)
        first, fresh = len(bars), []
        bars.updateEvent += lambda _, is_new: fresh.append(is_new)
        await until(lambda: len(bars) >= first + 3)
        ib.cancelHistoricalData(bars)
        whole = await ib.reqHistoricalDataAsync(SPY, "", "3600 S", "1 min", "TRADES", True)
        by_date = {bar.date: bar for bar in whole}
        for bar in bars[first - 1 : -1]:
            assert (bar.open, bar.high, bar.low, bar.close) == (
                *(by_date[bar.date].open, by_date[bar.date].high, by_date[bar.date].low, by_date[bar.date].close),
            )
            assert bar.volume == by_date[bar.date].volume
        assert True in fresh

    play(scenario, speed=200.0)


def test_a_ticker_follows_the_market(play: Play) -> None:
    async def scenario(ib: IB) -> None:
        (spy,) = await ib.qualifyContractsAsync(Stock("SPY", "SMART", "USD"))
        ticker = ib.reqMktData(spy, "100,101,104,106,165,221,233,236,293,294,295,318")
        await until(lambda: not math.isnan(ticker.markPrice) and not math.isnan(ticker.shortableShares))
        assert ticker.bid < ticker.last < ticker.ask
        assert ticker.close == 382.925
        assert ticker.low <= ticker.last <= ticker.high
        assert ticker.low52week < ticker.low <= ticker.high < ticker.high52week
        assert ticker.volume > 100_000
        assert ticker.rtVolume > 0
        assert 0.1 < ticker.histVolatility < 0.6
        assert ticker.impliedVolatility == 0.18
        assert (ticker.minTick, ticker.bboExchange, ticker.marketDataType) == (0.01, "9c0001", 1)
        seen = {ticker.last}
        await until(lambda: seen.add(ticker.last) or len(seen) > 3)
        components = await ib.reqSmartComponentsAsync(ticker.bboExchange)
        assert components[0].exchange == "NASDAQ"
        assert ib.cancelMktData(spy)

    play(scenario, speed=60.0)


def test_ticks_one_by_one(play: Play) -> None:
    async def scenario(ib: IB) -> None:
        tickers = {kind: ib.reqTickByTickData(contract, kind) for kind, contract in contracts.items()}
        seen: dict[str, list[Any]] = {kind: [] for kind in contracts}
        for kind, ticker in tickers.items():
            ticker.updateEvent += lambda one, kind=kind: seen[kind].extend(one.tickByTicks)
        await until(lambda: all(len(ticks) >= 20 for ticks in seen.values()))
        # It stamps live ticks with its own time: what tells which they are is their order.
        end = await ib.reqCurrentTimeAsync() + timedelta(seconds=2)  # an end is not within
        past = await ib.reqHistoricalTicksAsync(contracts["Last"], "", end, 1000, "TRADES", True)
        trades = [(tick.price, tick.size) for tick in past]
        live = [(tick.price, tick.size) for tick in seen["Last"][:20]]
        assert live in [trades[start : start + 20] for start in range(len(trades))]
        assert all(tick.bidPrice < tick.askPrice for tick in seen["BidAsk"])

    contracts = {
        "Last": Contract(conId=756733, exchange="SMART"),
        "BidAsk": Contract(conId=265598, exchange="SMART"),
        "MidPoint": Contract(conId=272093, exchange="SMART"),
    }
    play(scenario, speed=30.0)


def test_five_second_bars(play: Play) -> None:
    async def scenario(ib: IB) -> None:
        live = ib.reqRealTimeBars(SPY, 5, "TRADES", True)
        await until(lambda: len(live) >= 6)
        ib.cancelRealTimeBars(live)
        times = [bar.time.timestamp() for bar in live[:6]]
        assert times == [times[0] + 5 * place for place in range(6)]
        past = await ib.reqHistoricalDataAsync(SPY, "", "600 S", "5 secs", "TRADES", True, formatDate=2)
        closes = {bar.date: (bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in past}
        for bar in live[:6]:
            assert closes[bar.time] == (bar.open_, bar.high, bar.low, bar.close, bar.volume)

    play(scenario, speed=50.0)


def test_a_chain_and_its_options(play: Play) -> None:
    async def scenario(ib: IB) -> None:
        (aapl,) = await ib.qualifyContractsAsync(Stock("AAPL", "SMART", "USD"))
        chains = await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", aapl.conId)
        assert [chain.exchange for chain in chains] == ["SMART", "CBOE"]
        expiry, strike = chains[0].expirations[3], 125.0
        assert strike in chains[0].strikes
        call, put = await ib.qualifyContractsAsync(*(Option("AAPL", expiry, strike, right, "SMART") for right in "CP"))
        assert call.localSymbol == "AAPL  230120C00125000"
        details = await ib.reqContractDetailsAsync(Option("AAPL", expiry, exchange="SMART"))
        assert {call.conId, put.conId} < {one.contract.conId for one in details}
        assert details[0].underConId == aapl.conId
        ticker = ib.reqMktData(call)
        await until(lambda: ticker.modelGreeks and ticker.lastGreeks)
        assert ticker.bid < ticker.ask
        assert 0 < ticker.modelGreeks.delta < 1
        price = await ib.calculateOptionPriceAsync(call, 0.3, 130.0)
        implied = await ib.calculateImpliedVolatilityAsync(call, price.optPrice, 130.0)
        assert implied.impliedVol == pytest.approx(0.3, abs=1e-6)
        matches = await ib.reqMatchingSymbolsAsync("AAP")
        assert [(match.contract.symbol, match.derivativeSecTypes) for match in matches] == [("AAPL", ["OPT"])]
        rule = await ib.reqMarketRuleAsync(26)
        assert [(step.lowEdge, step.increment) for step in rule] == [(0.0, 0.01)]

    play(scenario)


def test_news(play: Play) -> None:
    async def scenario(ib: IB) -> None:
        providers = await ib.reqNewsProvidersAsync()
        codes = "+".join(provider.code for provider in providers)
        headlines = await ib.reqHistoricalNewsAsync(265598, codes, "", "", 10)
        assert len(headlines) == 10
        assert all(one.headline.startswith("SIMULATED: ") for one in headlines)
        text = await ib.reqNewsArticleAsync(headlines[0].providerCode, headlines[0].articleId)
        assert "nothing in it has happened" in text.articleText
        ib.reqNewsBulletins(True)
        await until(ib.newsBulletins)
        assert "past closes and random numbers" in ib.newsBulletins()[0].message

    play(scenario)


def test_delayed_quotes_where_live_ones_are_not_to_be_had(play: Play) -> None:
    from tasks.connections.ib.simulator.instruments import Instrument

    async def scenario(ib: IB) -> None:
        contract = Contract(conId=900000901, exchange="SMART")
        codes: list[int] = []
        ib.errorEvent += lambda _, code, *rest: codes.append(code)
        ib.reqMktData(contract)
        await until(lambda: codes == [354])
        ib.reqMarketDataType(3)
        ticker = ib.reqMktData(Contract(conId=900000901, exchange="SMART", currency="USD"))
        await until(lambda: ticker.marketDataType == 3 and not math.isnan(ticker.close))
        assert codes == [354, 10167]

    play(scenario, instruments=[Instrument(900000901, "LATE", series="KO", permission="delayed")])
