"""Orders that wait: for a price, for a time, for the close, or for the next session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from tasks.connections.ib.simulator.closes import load_closes
from tasks.connections.ib.simulator.gateway import SimulatedGateway

AAPL = 265598
CLOSE_ON_27TH = round(float(load_closes().series["AAPL"][-2]), 4)
CLOSE_ON_28TH = round(float(load_closes().series["AAPL"][-1]), 4)

Start = Callable[..., SimulatedGateway]


@pytest.fixture
def morning(start_gateway: Start, hire: Any) -> Any:
    """A client on 28 December at ten o'clock in New York."""
    return hire(start_gateway(now="2022-12-28T15:00:00Z"))


def lasts(trader: Any, hours: float = 5.9) -> list[tuple[pd.Timestamp, float]]:
    """The last price of each second to come."""
    market, start = trader.gateway.market, trader.gateway.clock.now()
    moments = [start + pd.Timedelta(seconds=second) for second in range(1, int(hours * 3600))]
    return [(moment, market.touch(AAPL, moment.value).last) for moment in moments]


def go(trader: Any, moment: pd.Timestamp) -> list[list[str]]:
    trader.gateway.clock.move_to(moment)
    return list(trader.settle())


def test_a_stop_sleeps_until_the_last_price_comes_to_it(morning: Any, told: Any) -> None:
    stop = round(morning.touch(AAPL).last - 0.30, 2)
    messages = morning.trade("AAPL", "SELL", 100, "STP", auxPrice=stop)
    assert told.statuses(messages)[-1] == ("PreSubmitted", 0, 100)
    assert "trigger" in messages[-1]
    hit = next(moment for moment, last in lasts(morning) if last <= stop)
    assert told.fills(go(morning, hit - pd.Timedelta(seconds=1))) == []
    ((_, side, _, price),) = told.fills(go(morning, hit))
    assert (side, price) == ("SLD", morning.touch(AAPL).bid)


def test_a_stop_limit_never_fills_beyond_its_limit(morning: Any, told: Any) -> None:
    stop = round(morning.touch(AAPL).last - 0.30, 2)
    morning.trade("AAPL", "SELL", 100, "STP LMT", auxPrice=stop, lmtPrice=stop + 5)
    hit = next(moment for moment, last in lasts(morning) if last <= stop)
    messages = go(morning, hit)
    # triggered, so it works; but nobody pays five dollars more
    assert told.statuses(messages)[-1] == ("Submitted", 0, 100)
    assert told.fills(messages) == []


def test_a_trailing_stop_follows_and_never_goes_back(morning: Any, told: Any) -> None:
    messages = morning.trade("AAPL", "SELL", 100, "TRAIL", auxPrice=0.25)
    start = told.opened(messages)[-1]["trailStopPrice"]
    assert start == pytest.approx(morning.touch(AAPL).last - 0.25)
    best = morning.touch(AAPL).last
    for moment, last in lasts(morning):
        if last <= round(best - 0.25, 6):
            break
        best = max(best, last)
        go(morning, moment) if last == best else None
    ((_, _, _, price),) = told.fills(go(morning, moment))
    assert price == morning.touch(AAPL).bid
    assert last <= best - 0.25 + 1e-9


def test_at_the_close_the_price_is_the_sessions_real_close(trader: Any, told: Any) -> None:
    trader.trade("AAPL", "BUY", 300, "MOC")
    near = round(CLOSE_ON_28TH, 2)
    trader.trade("AAPL", "BUY", 200, "LOC", lmtPrice=round(near + 1, 2))
    trader.trade("AAPL", "BUY", 100, "LOC", lmtPrice=round(near - 1, 2))
    assert told.fills(trader.move("2022-12-28 15:59:59")) == []
    messages = trader.move("2022-12-28 16:00:00")
    assert [(quantity, price) for _, _, quantity, price in told.fills(messages)] == [
        (300, CLOSE_ON_28TH),
        (200, CLOSE_ON_28TH),
    ]
    assert told.statuses(messages, 3)[-1] == ("Cancelled", 0, 100)


def test_a_day_order_ends_with_the_session_and_a_gtc_order_does_not(trader: Any, told: Any) -> None:
    trader.trade("AAPL", "BUY", 5, "LMT", lmtPrice=100)
    trader.trade("AAPL", "BUY", 5, "LMT", lmtPrice=100, tif="GTC")
    trader.trade("AAPL", "BUY", 5, "LMT", lmtPrice=100, tif="GTD", goodTillDate="20221228 15:50:00 US/Eastern")
    messages = trader.move("2022-12-28 15:51:00")
    assert told.statuses(messages) == [("Cancelled", 0, 5)]
    messages = trader.move("2022-12-28 16:00:01")
    assert told.statuses(messages, 1) == [("Cancelled", 0, 5)]
    assert told.statuses(messages, 2) == [("PreSubmitted", 0, 5)]
    assert told.errors(messages) == [(1, 202, "Order Canceled - reason:Order expired")]
    trader.send(16, 1)
    assert [order["orderId"] for order in told.opened(trader.settle())] == [2]


def test_what_comes_while_the_market_is_shut_waits_for_the_opening(start_gateway: Start, hire: Any, told: Any) -> None:
    night = hire(start_gateway(now="2022-12-28T01:00:00Z"))
    messages = night.trade("AAPL", "BUY", 5)
    ((_, code, text),) = told.errors(messages)
    assert code == 399
    assert "until 2022-12-28 09:30:00 US/Eastern" in text
    assert told.statuses(messages)[-1] == ("PreSubmitted", 0, 5)
    night.trade("AAPL", "BUY", 7, tif="OPG")
    assert told.fills(night.move("2022-12-28 09:29:59")) == []
    first, second = told.fills(night.move("2022-12-28 09:30:00"))
    assert first[3] == night.touch(AAPL).ask
    assert second[2:] == (7, night.touch(AAPL).last)


def test_immediate_or_nothing(trader: Any, told: Any) -> None:
    touch = trader.touch(AAPL)
    messages = trader.trade("AAPL", "BUY", touch.ask_size + 5, "LMT", lmtPrice=touch.ask, tif="IOC")
    assert told.statuses(messages)[-1] == ("Cancelled", touch.ask_size, 5)
    messages = trader.trade("AAPL", "BUY", touch.ask_size + 5, "LMT", lmtPrice=touch.ask, tif="FOK")
    assert told.statuses(messages)[-1] == ("Cancelled", 0, touch.ask_size + 5)
    messages = trader.trade("AAPL", "BUY", touch.ask_size, "LMT", lmtPrice=touch.ask, tif="FOK")
    assert told.statuses(messages)[-1] == ("Filled", touch.ask_size, 0)
    messages = trader.trade("AAPL", "BUY", touch.ask_size + 5, "LMT", lmtPrice=touch.ask, allOrNone=True)
    assert told.statuses(messages)[-1] == ("Submitted", 0, touch.ask_size + 5)


def test_good_after_a_time_and_on_a_condition(trader: Any, told: Any) -> None:
    trader.trade("AAPL", "BUY", 5, goodAfterTime="20221228 15:50:00 US/Eastern")
    later = {"condType": 3, "conjunction": "a", "isMore": True, "time": "20221228 15:52:00 US/Eastern"}
    trader.trade("AAPL", "BUY", 6, conditions=[later])
    dear = {"condType": 1, "conjunction": "o", "isMore": True, "price": 999.0, "conId": AAPL, "exch": "SMART"}
    trader.trade("AAPL", "BUY", 7, conditions=[dear, later])
    assert told.fills(trader.move("2022-12-28 15:49:59")) == []
    assert [quantity for _, _, quantity, _ in told.fills(trader.move("2022-12-28 15:50:00"))] == [5]
    assert [quantity for _, _, quantity, _ in told.fills(trader.move("2022-12-28 15:52:00"))] == [6, 7]


def test_adaptive_and_twap_send_their_slices_as_time_goes_by(trader: Any, told: Any) -> None:
    patience = [{"tag": "adaptivePriority", "value": "Urgent"}]
    messages = trader.trade("AAPL", "BUY", 100, algoStrategy="Adaptive", algoParams=patience)
    assert told.statuses(messages)[-1] == ("Submitted", 50, 50)
    assert told.statuses(trader.move("2022-12-28 15:45:01"))[-1] == ("Filled", 100, 0)
    end = [{"tag": "endTime", "value": "20221228 15:55:01 US/Eastern"}]
    trader.trade("AAPL", "BUY", 1000, algoStrategy="Twap", algoParams=end)
    assert told.statuses(trader.move("2022-12-28 15:50:01"))[-1] == ("Submitted", 600, 400)
    assert told.statuses(trader.move("2022-12-28 15:55:01"))[-1] == ("Filled", 1000, 0)


def test_the_same_seed_fills_the_same(start_gateway: Start, hire: Any, told: Any) -> None:
    def fills() -> list[tuple[float, float]]:
        trader = hire(start_gateway(now="2022-12-28T15:00:00Z", seed=11))
        limit = round(trader.touch(AAPL).bid - 0.10, 2)
        trader.trade("AAPL", "BUY", 3000, "LMT", lmtPrice=limit)
        return [(quantity, price) for _, _, quantity, price in told.fills(trader.move("2022-12-28 11:00:00"))]

    assert fills() == fills()
    assert fills()


def test_orders_move_by_themselves_while_time_runs(start_gateway: Start, hire: Any, told: Any) -> None:
    trader = hire(start_gateway(now="2022-12-28T15:00:00Z", speed=60.0))
    patient = [{"tag": "adaptivePriority", "value": "Patient"}]
    trader.place("AAPL", "BUY", 800, algoStrategy="Adaptive", algoParams=patient)
    messages = []
    while not messages or ("Filled", 800, 0) not in told.statuses(messages[-1:]):
        messages.append(trader.read())
    assert len(told.fills(messages)) >= 2
    assert sum(quantity for _, _, quantity, _ in told.fills(messages)) == 800
    filled = [done for _, done, _ in told.statuses(messages)]
    assert filled == sorted(filled)
