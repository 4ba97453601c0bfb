"""Historical and real-time bars, as they come over the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import Instrument, listed
from tasks.connections.ib.simulator.sizes import DAYS, SECONDS

AAPL = [265598, "", "", "", 0, "", "", "SMART", "", "", "", ""]
LATE = "20221228-21:00:00"
WHOLE = {"1 secs": "1800 S", "5 secs": "3600 S", "10 secs": "14400 S", "15 secs": "14400 S", "30 secs": "28800 S"}

Ask = Callable[..., list[list[str]]]


@pytest.fixture
def late(start_gateway: Callable[..., SimulatedGateway]) -> SimulatedGateway:
    """An hour after the last close."""
    return start_gateway(now="2022-12-28T22:00Z")


@pytest.fixture
def ask(late: SimulatedGateway, hire: Callable[..., Any]) -> Ask:
    trader = hire(late)

    def bars(size: str, duration: str, shown: str = "TRADES", end: str = LATE, form: int = 2) -> list[list[str]]:
        trader.send(20, 5, *AAPL, 0, end, size, duration, 1, shown, form, 0, "")
        (answer,) = trader.settle()
        if answer[0] != "17":
            return [answer]
        assert len(answer) == 5 + 8 * int(answer[4])
        return [answer[at : at + 8] for at in range(5, len(answer), 8)]

    return bars


def merged(rows: list[list[str]]) -> list[float]:
    """Opening, high, low, close, volume and count of rows as one."""
    values = [[float(value) for value in row[1:]] for row in rows]
    opening, high, low, close, volume, _, count = zip(*values, strict=True)
    return [opening[0], max(high), min(low), close[-1], sum(volume), sum(count)]


def as_one(row: list[str]) -> list[float]:
    return merged([row])


@pytest.mark.parametrize("size", [size for size in SECONDS if size != "1 secs"])
def test_bars_of_every_size_are_those_of_the_size_below(ask: Ask, size: str) -> None:
    duration = WHOLE.get(size, "1 D")
    finer = "1 secs" if SECONDS[size] == 5 else "5 secs" if SECONDS[size] < 60 else "1 min"
    if SECONDS[size] == 60:
        finer, duration = "30 secs", "28800 S"
    shorter = min(duration, WHOLE.get(finer, duration), key=lambda text: int(text.split()[0]) * (text[-1] == "S"))
    coarse, fine = ask(size, shorter), ask(finer, shorter)
    starts = [int(row[0]) for row in coarse] + [int(fine[-1][0]) + 1]
    for row, begin, end in zip(coarse, starts[:-1], starts[1:], strict=True):
        assert as_one(row) == merged([one for one in fine if begin <= int(one[0]) < end]), row


def test_a_day_is_its_minutes_and_a_week_its_days(ask: Ask) -> None:
    (day,) = ask("1 day", "1 D")
    assert day[0] == "20221228"
    assert as_one(day) == merged(ask("1 min", "1 D")) == merged(ask("8 hours", "1 D"))
    days, weeks, months = ask("1 day", "1 Y"), ask("1 week", "1 M"), ask("1 month", "1 Y")
    # 2022-12-23 was the last session of its week, 2022-11-30 that of its month: 21 sessions
    assert [row[0] for row in weeks[-2:]] == ["20221223", "20221228"]
    assert as_one(weeks[-2]) == merged([row for row in days if "20221219" <= row[0] <= "20221223"])
    assert [row[0] for row in months[-2:]] == ["20221130", "20221228"]
    november = [row for row in days if row[0].startswith("202211")]
    assert len(november) == 21
    assert as_one(months[-2]) == merged(november)


def test_hours_begin_at_full_hours_and_the_first_at_the_opening(ask: Ask) -> None:
    starts = [row[0] for row in ask("1 hour", "1 D", form=1)]
    times = "09:30:00 10:00:00 11:00:00 12:00:00 13:00:00 14:00:00 15:00:00"
    assert starts == [f"20221228 {time} US/Eastern" for time in times.split()]
    assert [row[0] for row in ask("4 hours", "1 D", form=2)] == ["1672237800", "1672246800"]
    # the day after Thanksgiving ended at 13:00
    assert len(ask("5 mins", "1 D", end="20221125-23:00:00")) == 42


def test_old_clients_get_times_without_a_zone(late: SimulatedGateway, hire: Callable[..., Any]) -> None:
    trader = hire(late, version=157)
    trader.send(20, 5, *AAPL, 0, "", "1 hour", "1 D", 1, "TRADES", 1, 0, "")
    assert trader.settle()[0][5] == "20221228  09:30:00"


@pytest.mark.parametrize(("duration", "bars", "first"), [("60 S", 12, "1672261140"), ("1800 S", 360, "1672259400")])
def test_seconds_are_seconds_of_trading(ask: Ask, duration: str, bars: int, first: str) -> None:
    # asked for after the close: the last of the session
    rows = ask("5 secs", duration, end="")
    assert (len(rows), rows[0][0]) == (bars, first)


def test_seconds_reach_back_over_the_night(ask: Ask) -> None:
    rows = ask("1 min", "1800 S", end="20221228-14:40:00")
    assert len(rows) == 30
    assert [rows[19][0], rows[20][0]] == ["1672174740", "1672237800"]  # 15:59 the day before, 09:30


def test_an_end_leaves_out_what_comes_after(ask: Ask) -> None:
    whole, cut = ask("1 min", "1 D"), ask("1 min", "1 D", end="20221228 12:00:30 US/Eastern")
    assert cut[:-1] == whole[:150]
    assert cut[-1][0] == whole[150][0]
    assert cut[-1][-1] == "30"


def test_bid_and_ask_surround_the_trades(ask: Ask) -> None:
    shown = {kind: ask("5 mins", "1 D", kind) for kind in ("TRADES", "BID", "ASK", "MIDPOINT", "BID_ASK")}
    for trades, bid, offer, middle, both in zip(*shown.values(), strict=True):
        numbers = [[float(x) for x in row[1:5]] for row in (trades, bid, offer, middle, both)]
        for last, low, high, between in zip(*numbers[:4], strict=True):
            assert low < last < high
            assert between == last
        average_bid, highest_ask, lowest_bid, average_ask = numbers[4]
        assert (highest_ask, lowest_bid) == (numbers[2][1], numbers[1][2])
        assert lowest_bid <= average_bid < average_ask <= highest_ask
        assert bid[5:] == ["-1", "-1.0", "-1"]


@pytest.mark.parametrize(
    ("size", "duration", "shown", "end", "code", "said"),
    [
        ("1 secs", "1 D", "TRADES", LATE, "162", "Time length exceed max"),
        ("30 mins", "1 Y", "TRADES", LATE, "162", "Time length exceed max"),
        ("7 mins", "1 D", "TRADES", LATE, "321", "bar size setting is invalid"),
        ("1 min", "90000 S", "TRADES", LATE, "321", "longer than 86400 seconds must be made in days"),
        ("1 day", "1 D", "HISTORICAL_VOLATILITY", LATE, "162", "returned no data"),
        ("1 day", "1 D", "TRADES", "19891220-21:00:00", "162", "returned no data"),
        ("1 day", "0 D", "TRADES", LATE, "321", "duration is invalid"),
        ("1 day", "99999 Y", "TRADES", LATE, "321", "longer than 100 years"),
    ],
)
def test_what_cannot_be_had(ask: Ask, size: str, duration: str, shown: str, end: str, code: str, said: str) -> None:
    (answer,) = ask(size, duration, shown, end)
    assert answer[3] == code
    assert said in answer[4]


def test_bars_kept_up_to_date_follow_the_market(
    start_gateway: Callable[..., SimulatedGateway], hire: Callable[..., Any]
) -> None:
    gateway = start_gateway(now="2022-12-28T20:00:30Z")
    trader = hire(gateway)
    trader.send(20, 5, *AAPL, 0, "", "1 min", "60 S", 1, "TRADES", 2, 1, "")
    (history,) = trader.settle()
    assert history[0] == "17"
    assert (history[-8], history[-1]) == ("1672257600", "31")  # the running minute: 31 trades
    updates = trader.move("2022-12-28 15:02:10") + trader.settle()
    assert [(row[0], row[3], row[2]) for row in updates] == [
        ("90", "1672257600", "60"),
        ("90", "1672257660", "60"),
        ("90", "1672257720", "11"),
    ]
    trader.send(20, 6, *AAPL, 0, "20221228-20:02:00", "1 min", "60 S", 1, "TRADES", 2, 0, "")
    (whole,) = trader.settle()
    finished = whole[-8:]
    assert updates[1][4:] == [finished[1], finished[4], finished[2], finished[3], finished[6], finished[5]]
    trader.send(25, 1, 5)
    assert "cancelled" in trader.settle()[0][4]
    assert trader.move("2022-12-28 15:05:00") == []
    trader.send(25, 1, 5)
    assert trader.settle()[0][3] == "366"


def test_data_begins_with_the_closes(ask: Ask, late: SimulatedGateway, hire: Callable[..., Any]) -> None:
    trader = hire(late, client_id=2)
    trader.send(87, 5, *AAPL, 0, 1, "TRADES", 1)
    trader.send(87, 6, *AAPL, 0, 1, "TRADES", 2)
    assert trader.settle() == [["88", "5", "19900103-14:30:00"], ["88", "6", "631377000"]]


def test_options_have_bars_too(late: SimulatedGateway, hire: Callable[..., Any]) -> None:
    trader = hire(late)
    call = [0, "AAPL", "OPT", "20230120", 125.0, "C", "", "SMART", "", "USD", "", ""]
    trader.send(20, 5, *call, 0, "", "1 hour", "2 D", 1, "TRADES", 2, 0, "")
    trader.send(20, 6, *call, 0, "", "1 day", "2 D", 1, "TRADES", 2, 0, "")
    hours, days = trader.settle()
    assert (hours[4], days[4]) == ("14", "2")
    assert hours[-4] == days[-4]


def test_an_option_has_the_history_of_its_life(late: SimulatedGateway, hire: Callable[..., Any]) -> None:
    trader = hire(late)
    call = [0, "AAPL", "OPT", "20230120", 125.0, "C", "", "SMART", "", "USD", "", ""]
    trader.send(20, 5, *call, 0, "", "1 month", "20 Y", 1, "TRADES", 2, 0, "")
    assert trader.settle()[0][5] == "20220131"
    trader.send(20, 5, *call, 0, "20210105-22:00:00", "1 day", "5 D", 1, "TRADES", 2, 0, "")
    assert "returned no data" in trader.settle()[0][4]


def test_a_question_asked_again_is_answered_alike(ask: Ask) -> None:
    assert ask("1 day", "1 Y") == ask("1 day", "1 Y")


def test_real_time_bars_are_those_of_history(
    start_gateway: Callable[..., SimulatedGateway], hire: Callable[..., Any]
) -> None:
    trader = hire(start_gateway(now="2022-12-28T20:00:07Z"))
    trader.send(50, 3, 5, *AAPL, 5, "TRADES", 1, "")
    (first,) = trader.settle()
    assert first[:4] == ["50", "3", "5", "1672257600"]
    rows = trader.move("2022-12-28 15:00:21") + trader.settle()
    assert [row[3] for row in rows] == ["1672257605", "1672257610", "1672257615"]
    trader.send(20, 6, *AAPL, 0, "20221228-20:00:20", "5 secs", "20 S", 1, "TRADES", 2, 0, "")
    (history,) = trader.settle()
    assert [history[at : at + 5] for at in range(5, 37, 8)] == [row[3:8] for row in [first, *rows]]
    assert rows[0][8] == history[5 + 8 + 5]
    trader.send(51, 1, 5)
    assert trader.settle() == []
    assert trader.move("2022-12-28 15:01:00") == []
    trader.send(50, 3, 5, *AAPL, 10, "TRADES", 1, "")
    assert trader.settle()[0][3] == "321"


def test_the_pace_of_history_is_the_brokers(
    start_gateway: Callable[..., SimulatedGateway], hire: Callable[..., Any]
) -> None:
    trader = hire(start_gateway(faults=Faults(paced=True)))

    def small(symbol: str, seconds: int, shown: str = "TRADES") -> str:
        contract = [listed(symbol).con_id, *AAPL[1:]]
        trader.send(20, 5, *contract, 0, "", "30 secs", f"{seconds} S", 1, shown, 2, 0, "")
        answer = trader.settle()[0]
        return answer[4] if answer[0] == "4" else ""

    assert small("AAPL", 60) == ""
    assert "identical requests" in small("AAPL", 60)
    assert [small("MSFT", seconds) for seconds in range(60, 65)] == [""] * 5
    assert "six or more requests" in small("MSFT", 65)
    # 8 so far; BID_ASK counts twice: 26 of them make 60
    symbols = ["AMD", "BAC", "BBY", "CVX", "GE", "HD"]
    told = [small(symbols[turn % 6], 100 + turn, "BID_ASK") for turn in range(26)]
    assert told == [""] * 26
    assert "60 requests for bars of 30 seconds or less" in small("KO", 300)


def test_prices_are_right_for_what_is_scaled(
    start_gateway: Callable[..., SimulatedGateway], hire: Callable[..., Any]
) -> None:
    half = Instrument(900000950, "HALF", series="KO", scale=0.5)
    trader = hire(start_gateway(now="2022-12-28T22:00Z", instruments=[half]))
    trader.send(20, 5, half.con_id, *AAPL[1:], 0, "", "1 min", "1 D", 1, "TRADES", 2, 0, "")
    answer = trader.settle()[0]
    ko = trader.gateway.market.closes(listed("KO"))[-1]
    assert float(answer[-4]) == pytest.approx(ko / 2, abs=5e-5)


def test_every_size_that_the_broker_names_is_served(ask: Ask) -> None:
    for size in (*SECONDS, *DAYS):
        assert len(ask(size, WHOLE.get(size, "1 D"))[0]) == 8
