"""The broker's own client, started by hand, reads the whole of the simulated market."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tasks.connections.ib.simulator.gateway import SimulatedGateway

NOON = "2022-12-28T17:00:00Z"


class Heard:
    """Every callback by its name, as it came."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for called, arguments in list(self.calls) if called == name]

    def wait(
        self, name: str, count: int = 1, wanted: Callable[[tuple[Any, ...]], bool] = lambda row: True
    ) -> list[tuple[Any, ...]]:
        """What came under a name, once there is so much of it."""
        until = time.monotonic() + 10
        while len(found := [row for row in self.of(name) if wanted(row)]) < count:
            assert time.monotonic() < until, (name, self.of("error"), self.calls[-5:])
            time.sleep(0.005)
        return found

    @property
    def refusals(self) -> list[tuple[Any, ...]]:
        """Errors that are no notices; newer clients put a time before the code."""
        codes = [row[1] if isinstance(row[2], str) else row[2] for row in self.of("error")]
        return [row for row, code in zip(self.of("error"), codes, strict=True) if not 2100 <= code < 2200]


@pytest.fixture
def client(start_gateway: Callable[..., SimulatedGateway]) -> Iterator[tuple[Any, Heard, Any]]:
    from ibapi.client import EClient
    from ibapi.contract import Contract
    from ibapi.wrapper import EWrapper

    heard = Heard()

    def record(name: str) -> Callable[..., None]:
        return lambda self, *arguments, **named: heard.calls.append((name, (*arguments, *named.values())))

    names = [name for name in dir(EWrapper) if not name.startswith("_") and callable(getattr(EWrapper, name))]
    wrapper = type("Wrapper", (EWrapper,), {name: record(name) for name in names})()
    gateway = start_gateway(now=NOON, speed=30.0)
    api = EClient(wrapper)
    api.connect("127.0.0.1", gateway.port, 41)
    threading.Thread(target=api.run, daemon=True).start()
    heard.wait("nextValidId")

    def contract(con_id: int = 756733) -> Any:
        made = Contract()
        made.conId, made.exchange = con_id, "SMART"
        return made

    yield api, heard, contract
    api.disconnect()


def test_what_the_brokers_client_hears(client: tuple[Any, Heard, Any]) -> None:
    api, heard, contract = client
    api.reqHistoricalData(1, contract(), "20221227-21:00:00", "1 D", "5 mins", "TRADES", 1, 2, False, [])
    heard.wait("historicalDataEnd")
    bars = [bar for _, bar in heard.of("historicalData")]
    assert (len(bars), bars[-1].close, bars[0].barCount) == (78, 382.925, 300)
    assert sum(bar.volume for bar in bars) > 100_000
    api.reqHistoricalData(2, contract(), "", "1800 S", "1 min", "MIDPOINT", 1, 2, True, [])
    heard.wait("historicalDataUpdate", 3)
    assert heard.of("historicalDataUpdate")[0][1].volume == -1

    api.reqMktData(3, contract(), "165,233,236", False, False, [])
    prices = {kind: price for _, kind, price, _ in heard.wait("tickPrice", 8)}
    assert prices[1] < prices[4] < prices[2]
    assert prices[9] == 382.925
    assert heard.wait("tickReqParams")[0] == (3, 0.01, "9c0001", 3)
    assert {kind for _, kind, _ in heard.wait("tickSize", 6)} >= {0, 3, 5, 8}
    assert any(kind == 48 for _, kind, _ in heard.wait("tickString", 2))

    for request, (kind, con_id) in enumerate({"AllLast": 265598, "BidAsk": 272093, "MidPoint": 8894}.items(), 10):
        api.reqTickByTickData(request, contract(con_id), kind, 5, False)
    assert len(heard.wait("historicalTicksLast")[0][1]) == 5
    assert len(heard.wait("historicalTicksBidAsk")[0][1]) == 5
    assert len(heard.wait("historicalTicks")[0][1]) == 5
    trades = heard.wait("tickByTickAllLast", 4)
    assert [row[2] for row in trades[:4]] == list(range(trades[0][2], trades[0][2] + 4))
    assert trades[0][6] == "NASDAQ"
    assert all(row[2] < row[3] for row in heard.wait("tickByTickBidAsk", 3))
    heard.wait("tickByTickMidPoint", 3)
    api.reqRealTimeBars(20, contract(), 5, "TRADES", True, [])
    times = [row[1] for row in heard.wait("realtimeBar", 3)]
    assert times[1] - times[0] == times[2] - times[1] == 5
    # a message that it can't decode would have ended its loop
    assert api.isConnected()
    assert heard.refusals == []


def test_reference_data_options_and_news(client: tuple[Any, Heard, Any]) -> None:
    api, heard, contract = client
    api.reqSecDefOptParams(1, "AAPL", "", "STK", 265598)
    heard.wait("securityDefinitionOptionParameterEnd")
    chain = heard.of("securityDefinitionOptionParameter")[0]
    assert (chain[1], chain[2], chain[4]) == ("SMART", 265598, "100")
    assert "20230317" in chain[5]
    assert 130.0 in chain[6]
    api.reqContractDetails(2, contract(900000101))
    heard.wait("contractDetailsEnd")
    details = heard.of("contractDetails")[0][1]
    assert (details.contract.strike, details.underConId, details.marketRuleIds) == (130.0, 265598, "26,26")
    api.reqMktData(3, contract(900000101), "", False, False, [])
    model = next(row for row in heard.wait("tickOptionComputation", 4) if row[1] == 13)
    assert model[3] == 0.35
    assert 0 < model[4] < 1
    api.calculateOptionPrice(4, contract(900000101), 0.3, 130.0, [])
    api.calculateImpliedVolatility(5, contract(900000101), 9.0, 130.0, [])
    answers = heard.wait("tickOptionComputation", 2, lambda row: row[1] == 53)
    assert [row[0] for row in answers] == [4, 5]
    assert {row[1] for row in heard.of("tickOptionComputation")} == {10, 11, 12, 13, 53}
    api.reqMatchingSymbols(6, "SPY")
    assert heard.wait("symbolSamples")[0][1][0].contract.conId == 756733
    api.reqMarketRule(26)
    assert heard.wait("marketRule")[0][1][0].increment == 0.01
    api.reqSmartComponents(7, "9c0001")
    assert heard.wait("smartComponents")[0][1][0].exchangeLetter == "Q"
    api.reqHeadTimeStamp(8, contract(), "TRADES", 1, 1)
    assert heard.wait("headTimestamp")[0] == (8, "19900103-14:30:00")
    api.reqNewsProviders()
    assert [one.code for one in heard.wait("newsProviders")[0][0]] == ["SIM", "SIM-RA"]
    api.reqHistoricalNews(9, 265598, "SIM+SIM-RA", "", "", 3, [])
    heard.wait("historicalNewsEnd")
    _, _, provider, article, headline = heard.of("historicalNews")[0]
    api.reqNewsArticle(10, provider, article, [])
    assert heard.wait("newsArticle")[0][2].startswith(headline)
    api.reqNewsBulletins(True)
    assert heard.wait("updateNewsBulletin")[0][3] == "NYSE"
    api.reqFamilyCodes()
    assert len(heard.wait("familyCodes")[0][0]) == 2
    assert heard.refusals == []
