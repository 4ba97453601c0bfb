"""Quotes, generic ticks, and ticks one by one, as they come over the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import STOCKS, Instrument, listed
from tasks.connections.ib.simulator.listings import chain_volatility

AAPL = [265598, "", "", "", 0, "", "", "SMART", "", "", "", ""]
NOON = "2022-12-28T17:00:00Z"
NOON_SECONDS = 1672246800


@pytest.fixture
def trader(start_gateway: Callable[..., SimulatedGateway], hire: Callable[..., Any]) -> Any:
    return hire(start_gateway(now=NOON))


def quote(trader: Any, generic: str = "", snapshot: int = 0, request: int = 5, contract: Any = None) -> None:
    trader.send(1, 11, request, *(contract or AAPL), 0, generic, snapshot, 0, "")


def by_type(messages: list[list[str]]) -> dict[tuple[str, str], str]:
    """Value by kind of message and type of tick."""
    return {(m[0], m[3]): m[4] for m in messages if m[0] in ("1", "2", "45", "46")}


def test_a_quote_tells_all_of_its_state_once_while_time_stands_still(trader: Any) -> None:
    quote(trader)
    told = by_type(trader.settle())
    market, now = trader.gateway.market, trader.gateway.clock.nanoseconds()
    touch, day = trader.touch(265598), market.so_far(265598, now + 1)
    assert float(told["1", "1"]) == touch.bid
    assert float(told["1", "2"]) == touch.ask
    assert float(told["1", "4"]) == touch.last
    assert (told["2", "0"], told["2", "3"]) == (str(touch.bid_size), str(touch.ask_size))
    assert float(told["1", "9"]) == 129.652  # the real close of 2022-12-27
    assert [float(told["1", kind]) for kind in ("14", "6", "7")] == [day.open[0], day.high[0], day.low[0]]
    assert told["2", "8"] == str(market.volume(265598, now))
    assert told["46", "45"] == str(NOON_SECONDS)
    assert trader.settle() == []
    changed = by_type(trader.move("2022-12-28 12:00:05") + trader.settle())
    assert changed["46", "45"] == str(NOON_SECONDS + 5)
    assert ("1", "9") not in changed


def test_volume_is_that_of_the_bars(trader: Any) -> None:
    quote(trader)
    volume = by_type(trader.settle())["2", "8"]
    trader.send(20, 6, *AAPL, 0, "", "1 day", "1 D", 1, "TRADES", 2, 0, "")
    assert trader.settle()[0][-3] == volume


def test_generic_ticks(trader: Any) -> None:
    quote(trader, "100,101,104,106,165,221,233,236,256,293,294,295,318")
    told = by_type(trader.settle())
    closes = trader.gateway.market.closes(listed("AAPL"))
    returns = np.diff(np.log(closes[-31:-1]))
    assert float(told["45", "23"]) == pytest.approx(returns.std() * np.sqrt(252), abs=1e-6)
    assert 0.2 <= float(told["45", "24"]) <= 0.45
    assert float(told["1", "19"]) <= closes[-260:-1].min() <= closes[-260:-1].max() <= float(told["1", "20"])
    last, _, moment, total, _, single = told["46", "48"].split(";")
    assert (last, moment, total, single) == (told["1", "4"], f"{NOON_SECONDS}000", told["2", "8"], "true")
    assert told["1", "37"] == told["1", "57"] == told["1", "4"]
    assert told["45", "46"] == "3"
    assert told["45", "54"] == str(150 * 60 + 1)
    assert {("2", kind) for kind in ("27", "28", "29", "30", "21", "89")} <= told.keys()
    quote(trader, "233,9999", request=6)
    assert "Incorrect generic tick list of 233,9999" in trader.settle()[0][4]


def test_requests_that_the_broker_refuses(trader: Any) -> None:
    quote(trader)
    trader.settle()
    quote(trader)
    assert trader.settle()[0][3:5] == ["322", "Error processing request.-'bS' : cause - Duplicate ticker id"]
    quote(trader, "233", snapshot=1, request=6)
    assert "not applicable to generic ticks" in trader.settle()[0][4]
    trader.send(1, 11, 7, *AAPL, 0, "", 0, 1, "")
    assert "no regulatory snapshots" in trader.settle()[0][4]
    trader.send(1, 11, 7, 0, "", "BAG", *AAPL[3:], 1, 265598, 1, "BUY", "SMART", 0, "", 0, 0, "")
    assert "combinations are not quoted" in trader.settle()[0][4]


def test_lines_are_limited_over_all_clients(
    start_gateway: Callable[..., SimulatedGateway], hire: Callable[..., Any]
) -> None:
    gateway = start_gateway(now=NOON, lines=3)
    one, two = hire(gateway, client_id=1), hire(gateway, client_id=2)
    quote(one)
    quote(one, request=6)
    assert "4" not in {m[0] for m in one.settle()}
    quote(two)
    assert "4" not in {m[0] for m in two.settle()}
    quote(two, request=6)
    assert two.settle()[0][3:5] == ["101", "Max number of tickers has been reached"]
    quote(two, request=6, snapshot=1)  # takes no line
    assert two.settle()[-1] == ["57", "1", "6"]
    one.send(2, 2, 6)
    one.settle()
    quote(two, request=6)
    assert "4" not in {m[0] for m in two.settle()}


def test_delayed_quotes_have_types_of_their_own(
    start_gateway: Callable[..., SimulatedGateway], hire: Callable[..., Any]
) -> None:
    late = Instrument(900000901, "LATE", series="KO", permission="delayed")
    trader = hire(start_gateway(now=NOON, instruments=[late]))
    trader.send(59, 1, 3)
    quote(trader, contract=[late.con_id, *AAPL[1:]])
    messages = trader.settle()
    assert messages[0][3] == "10167"
    told = by_type(messages)
    assert set(told) == {
        *(("1", kind) for kind in ("66", "67", "68", "72", "73", "75", "76")),
        *(("2", kind) for kind in ("69", "70", "71", "74")),
        ("46", "88"),
    }
    trader.send(97, 6, late.con_id, *AAPL[1:], "Last", 0, 0)
    assert trader.settle()[0][3] == "10189"


def test_an_option_tells_what_its_prices_mean(trader: Any) -> None:
    quote(trader, contract=[0, "AAPL", "OPT", "20230120", 125.0, "C", "", "SMART", "", "USD", "", ""])
    messages = trader.settle()
    told = {m[2]: [float(value) for value in m[4:]] for m in messages if m[0] == "21"}
    assert set(told) == {"10", "11", "12", "13"}
    prices = by_type(messages)
    volatility, delta, price, dividends, gamma, vega, theta, underlying = told["13"]
    assert volatility == chain_volatility(listed("AAPL"))
    assert underlying == trader.touch(265598).last
    assert price == pytest.approx(float(prices["1", "4"]), abs=0.01)
    assert told["10"][2] == float(prices["1", "1"])
    assert told["10"][0] < volatility < told["11"][0]
    assert 0.3 < delta < 0.8
    assert gamma > 0
    assert vega > 0 > theta
    assert dividends == 0


@pytest.mark.parametrize(("kind", "number"), [("Last", "1"), ("AllLast", "2"), ("BidAsk", "3"), ("MidPoint", "4")])
def test_ticks_come_one_by_one(trader: Any, kind: str, number: str) -> None:
    trader.send(97, 5, *AAPL, kind, 0, 0)
    ticks = trader.settle() + trader.move("2022-12-28 12:00:03") + trader.settle()
    assert [tick[:4] for tick in ticks] == [["99", "5", number, str(NOON_SECONDS + second)] for second in range(4)]
    market = trader.gateway.market
    for second, tick in enumerate(ticks):
        touch = market.touch(265598, (NOON_SECONDS + second) * 1_000_000_000)
        values = [float(value) for value in tick[4:8] if value and value != "NASDAQ"]
        if kind in ("Last", "AllLast"):
            assert values[0] == touch.last
            assert tick[-2:] == ["NASDAQ", ""]
        elif kind == "BidAsk":
            assert values == [touch.bid, touch.ask, touch.bid_size, touch.ask_size]
        else:
            assert values == [pytest.approx((touch.bid + touch.ask) / 2)]
    trader.send(98, 5)
    assert trader.settle() == []
    assert trader.move("2022-12-28 12:00:09") == []
    trader.send(98, 5)
    assert trader.settle()[0][3] == "300"


def test_only_so_many_contracts_tick_by_tick(trader: Any) -> None:
    for place, stock in enumerate(STOCKS[:6]):
        trader.send(97, 10 + place, stock.con_id, *AAPL[1:], "Last", 0, 0)
    assert [(m[2], m[3]) for m in trader.settle() if m[0] == "4"] == [("15", "10190")]
    trader.send(97, 30, *AAPL, "First", 0, 0)
    assert trader.settle()[0][3] == "321"


def test_past_ticks_add_up_to_the_bars(trader: Any) -> None:
    trader.send(96, 5, *AAPL, 0, "", "20221228-16:00:00", 60, "TRADES", 1, 0, "")
    (answer,) = trader.settle()
    assert (answer[0], answer[2], answer[-1]) == ("98", "60", "1")
    rows = [answer[at : at + 6] for at in range(3, 3 + 60 * 6, 6)]
    trader.send(20, 6, *AAPL, 0, "20221228-16:00:00", "1 min", "60 S", 1, "TRADES", 2, 0, "")
    bar = trader.settle()[0][5:]
    prices = [float(row[2]) for row in rows]
    assert [prices[0], max(prices), min(prices), prices[-1]] == [float(value) for value in bar[1:5]]
    assert sum(int(row[3]) for row in rows) == int(bar[5])
    assert (rows[0][0], rows[-1][0]) == (bar[0], str(int(bar[0]) + 59))


def test_past_ticks_from_a_moment_on(trader: Any) -> None:
    trader.send(96, 5, *AAPL, 0, "20221227-20:59:58", "", 4, "BID_ASK", 1, 0, "")
    trader.send(96, 6, *AAPL, 0, "20221228-16:59:59", "", 4, "MIDPOINT", 1, 0, "")
    both, middle = trader.settle()
    # two seconds before a close, then the next session's first two
    assert [both[at] for at in range(3, 27, 6)] == ["1672174798", "1672174799", "1672237800", "1672237801"]
    assert both[0] == "97"
    # two of them are past; the future isn't told
    assert (middle[0], middle[2]) == ("96", "2")


@pytest.mark.parametrize(
    ("start", "end", "count", "shown", "code"),
    [
        ("20221227-20:00:00", "20221227-21:00:00", 5, "TRADES", "321"),
        ("", "", 5, "TRADES", "321"),
        ("", "20221227-21:00:00", 1001, "TRADES", "321"),
        ("", "20221227-21:00:00", 5, "BID", "321"),
        ("", "19800101-21:00:00", 5, "TRADES", "162"),
    ],
)
def test_past_ticks_that_cannot_be_had(trader: Any, start: str, end: str, count: int, shown: str, code: str) -> None:
    trader.send(96, 5, *AAPL, 0, start, end, count, shown, 1, 0, "")
    assert trader.settle()[0][2:4] == ["5", code]


def test_time_that_runs_brings_each_second_once(
    start_gateway: Callable[..., SimulatedGateway], hire: Callable[..., Any]
) -> None:
    trader = hire(start_gateway(now=NOON, speed=100.0))
    trader.send(97, 5, *AAPL, "Last", 0, 0)
    seconds: list[int] = []
    while len(seconds) < 60:
        message = trader.read()
        if message[0] == "99":
            seconds.append(int(message[3]))
    assert seconds == list(range(seconds[0], seconds[0] + 60))
