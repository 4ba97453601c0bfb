"""Every message that makes a table: as a gateway sends it, through the real decoder, to plain rows.

Numbers of requests are 7. The frames are of server version 157; newer clients give the same callbacks
decimals and a few other arguments.
"""

from __future__ import annotations

import math
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.connections.ib.client import Client
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.receiver import Receiver
from tasks.connections.ib.rows.accounts import AccountValue, Pnl, PortfolioItem, PositionPnl
from tasks.connections.ib.rows.bars import Bar, RealTimeBar, days_of, moments_of
from tasks.connections.ib.rows.news import Article, Bulletin, Headline, Provider
from tasks.connections.ib.rows.reference import Chain, Match
from tasks.connections.ib.rows.ticks import MARKET_DATA_TYPE, NEWS, BidAsk, Greeks, Midpoint, Trade

UNSET = "1.7976931348623157E308"


class Sink:
    """Keeps rows by request or route, and "end"."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any]] = []

    def row(self, request: Any, row: Any) -> None:
        self.calls.append((request, row))

    def end(self, request: Any) -> None:
        self.calls.append((request, "end"))


def read(*frames: str) -> list[tuple[Any, Any]]:
    sink = Sink()
    receiver = Receiver(sink)  # type: ignore[arg-type]  # these messages need no more of it
    client = Client(receiver, lambda messages: None, lambda problem: None)
    client.use_decoder(157)
    for frame in frames:
        client.dispatch(frame.replace("|", "\0").encode().split(b"\0")[:-1])
    return sink.calls


@pytest.mark.parametrize(
    ("frame", "rows"),
    [
        ("63|1|7|DU1|NetLiquidation|1000.5|USD|", [(7, AccountValue("DU1", "", "NetLiquidation", "USD", "1000.5"))]),
        ("64|1|7|", [(7, "end")]),
        ("73|1|7|DU1|Growth|SMA|5|USD|", [(7, AccountValue("DU1", "Growth", "SMA", "USD", "5"))]),
        ("74|1|7|", [(7, "end")]),
        ("6|2|SMA|5|USD|DU1|", [("account updates", AccountValue("DU1", "", "SMA", "USD", "5"))]),
        ("54|1|DU1|", [("account updates", "end")]),
        ("94|7|12.5|-3|0|", [(7, Pnl(12.5, -3.0, 0.0))]),
        ("95|7|10|1.5|2.5|3.5|1260|", [(7, PositionPnl(10.0, 1.5, 2.5, 3.5, 1260.0))]),
        (
            "79|7|1|265598|AAPL|STK|NASDAQ|USD|2|OPT|WAR|",
            [(7, Match(Contract(265598, "AAPL", "STK", "USD", "NASDAQ"), "", ("OPT", "WAR"))), (7, "end")],
        ),
        (
            "75|7|SMART|265598|AAPL|100|2|20230317|20230120|2|130|125.5|",
            [(7, Chain("SMART", 265598, "AAPL", "100", ("20230120", "20230317"), (125.5, 130.0)))],
        ),
        ("76|7|", [(7, "end")]),
        ("1|6|7|1|126.5|300|5|", [(7, (1, 126.5, 5)), (7, (0, 300.0))]),
        ("2|6|7|3|200|", [(7, (3, 200.0))]),
        ("45|6|7|49|1|", [(7, (49, 1.0))]),
        ("46|6|7|45|1672260300|", [(7, (45, "1672260300"))]),
        ("58|1|7|3|", [(7, (MARKET_DATA_TYPE, 3))]),
        (
            "21|7|13|0|0.35|0.5|2.5|0|0.1|0.2|-0.3|126|",
            [(7, (13, Greeks(0.35, 0.5, 2.5, 0.0, 0.1, 0.2, -0.3, 126.0)))],
        ),
        (
            "99|7|1|1672260300|126.5|100|2|NASDAQ|I|",
            [(7, Trade(1672260300, 126.5, 100.0, "NASDAQ", "I", False, True))],
        ),
        (
            "99|7|3|1672260300|126.4|126.6|100|200|1|",
            [(7, BidAsk(1672260300, 126.4, 126.6, 100.0, 200.0, True, False))],
        ),
        ("99|7|4|1672260300|126.5|", [(7, Midpoint(1672260300, 126.5))]),
        (
            "98|7|1|1672260300|1|126.5|100|NASDAQ||1|",
            [(7, Trade(1672260300, 126.5, 100.0, "NASDAQ", "", True, False)), (7, "end")],
        ),
        (
            "97|7|1|1672260300|2|126.4|126.6|100|200|0|",
            [(7, BidAsk(1672260300, 126.4, 126.6, 100.0, 200.0, True, False))],
        ),
        ("96|7|2|1|0|5|0|2|0|6|0|1|", [(7, Midpoint(1, 5.0)), (7, Midpoint(2, 6.0)), (7, "end")]),
        ("50|3|7|1672260300|1|3|0.5|2|100|1.5|9|", [(7, RealTimeBar(1672260300, 1.0, 3.0, 0.5, 2.0, 100.0, 1.5, 9.0))]),
        ("90|7|9|1672260300|1|2|3|0.5|1.5|100|", [(7, Bar("1672260300", 1.0, 3.0, 0.5, 2.0, 100.0, 1.5, 9.0))]),
        ("85|1|BRFG|Briefing.com|", [("news providers", Provider("BRFG", "Briefing.com")), ("news providers", "end")]),
        (
            "84|7|1672260300123|BRFG|BRFG$1|Apple climbs|K:n/a|",
            [(7, (NEWS, Headline("1672260300123", "BRFG", "BRFG$1", "Apple climbs", "K:n/a")))],
        ),
        (
            "86|7|2022-12-28 15:30:01.0|BRFG|BRFG$1|Apple climbs|",
            [(7, Headline("2022-12-28 15:30:01.0", "BRFG", "BRFG$1", "Apple climbs", ""))],
        ),
        ("87|7|1|", [(7, "end")]),
        ("83|7|0|Text|", [(7, Article(0, "Text")), (7, "end")]),
        ("14|1|3|1|Delayed opening|NYSE|", [("bulletins", Bulletin(3, 1, "Delayed opening", "NYSE"))]),
    ],
    ids=lambda value: value.partition("|")[0] if isinstance(value, str) else "",
)
def test_a_message_and_its_rows(frame: str, rows: list[Any]) -> None:
    assert read(frame) == rows


def test_a_position_with_its_valuation() -> None:
    (found,) = read("7|8|265598|AAPL|STK||0|||NASDAQ|USD|AAPL|NMS|10|126.5|1265|100|265|0|DU1|")
    route, item = found
    assert route == "account updates"
    assert isinstance(item, PortfolioItem)
    assert (item.account, item.contract.con_id, item.contract.symbol) == ("DU1", 265598, "AAPL")
    assert item[2:] == (10.0, 126.5, 1265.0, 100.0, 265.0, 0.0)


def test_what_is_not_set_is_no_number() -> None:
    ((_, pnl),) = read(f"94|7|{UNSET}|{UNSET}|0|")
    assert math.isnan(pnl.daily)
    assert math.isnan(pnl.unrealized)
    assert pnl.realized == 0
    ((_, (_, greeks)),) = read("21|7|10|0|-1|-2|-1|-1|-2|-2|-2|-1|")
    assert all(math.isnan(value) for value in greeks)


def receiver() -> tuple[Any, list[Any]]:
    sink = Sink()
    return Receiver(sink), sink.calls  # type: ignore[arg-type]  # these messages need no more of it


def test_decimals_of_newer_clients_are_floats() -> None:
    hear, calls = receiver()
    last = SimpleNamespace(pastLimit=False, unreported=True)
    sides = SimpleNamespace(bidPastLow=False, askPastHigh=True)
    hear.tickByTickAllLast(7, 1, 1672260300, 126.5, Decimal("0.5"), last, "NASDAQ", "")
    hear.tickByTickBidAsk(7, 1672260300, 126.4, 126.6, Decimal("0.1"), Decimal("200"), sides)
    hear.tickSize(7, 0, Decimal("0.25"))
    hear.realtimeBar(7, 1, 1.0, 2.0, 0.5, 1.5, Decimal("0.75"), Decimal("1.25"), 3)
    hear.pnlSingle(7, Decimal("0.5"), 1.0, float(UNSET), 0.0, 63.0)
    bar = SimpleNamespace(
        date="20221228", open=1.0, high=2.0, low=0.5, close=1.5, volume=Decimal("0.5"), wap=Decimal("1.2"), barCount=3
    )
    hear.historicalData(7, bar)
    rows = [row for _, row in calls]
    assert rows[0] == Trade(1672260300, 126.5, 0.5, "NASDAQ", "", False, True)
    assert rows[1] == BidAsk(1672260300, 126.4, 126.6, 0.1, 200.0, False, True)
    assert rows[2] == (0, 0.25)
    assert rows[3] == RealTimeBar(1, 1.0, 2.0, 0.5, 1.5, 0.75, 1.25, 3.0)
    assert rows[4][:2] == (0.5, 1.0)
    assert math.isnan(rows[4].unrealized)
    assert rows[5] == Bar("20221228", 1.0, 2.0, 0.5, 1.5, 0.5, 1.2, 3.0)
    assert all(type(value) is float for value in rows[3][1:])


def test_a_size_that_newer_clients_leave_unset_is_no_number() -> None:
    hear, calls = receiver()
    hear.tickSize(7, 8, Decimal(2**127 - 1))
    hear.tickSize(7, 8, Decimal("NaN"))
    assert all(math.isnan(size) for _, (_, size) in calls)


def test_newer_clients_tell_the_name_of_a_match() -> None:
    hear, calls = receiver()
    contract = SimpleNamespace(
        conId=265598,
        symbol="AAPL",
        secType="STK",
        currency="USD",
        exchange="",
        multiplier="",
        lastTradeDateOrContractMonth="",
        strike=0.0,
        right="",
        localSymbol="",
        tradingClass="",
        primaryExchange="NASDAQ",
        description="APPLE INC",
    )
    hear.symbolSamples(7, [SimpleNamespace(contract=contract, derivativeSecTypes=None)])
    assert calls[0][1] == Match(Contract(265598, "AAPL", "STK", "USD", "NASDAQ"), "APPLE INC", ())


def test_days_and_moments_of_bars() -> None:
    assert [str(day) for day in days_of(["20221228", "1672185600"])] == ["2022-12-28", "2022-12-28"]
    assert moments_of(["1672260300"]).tolist() == [1672260300_000000000]
    assert len(days_of([])) == len(moments_of([])) == 0
