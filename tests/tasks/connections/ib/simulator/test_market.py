from __future__ import annotations

import hashlib
import math
import time

import numpy as np
import pandas as pd
import pytest

from tasks.connections.ib.simulator.black_scholes import option_price
from tasks.connections.ib.simulator.clock import SimulatedClock
from tasks.connections.ib.simulator.closes import FOLDER, load_closes
from tasks.connections.ib.simulator.instruments import AAPL_CALL, SPY, Instrument, listed
from tasks.connections.ib.simulator.listings import option_id
from tasks.connections.ib.simulator.market import Market
from tasks.connections.ib.simulator.noise import normals, uniforms
from tasks.connections.ib.simulator.paths import bridge, shares, swings


def at(text: str) -> int:
    return pd.Timestamp(text, tz="America/New_York").tz_convert("UTC").as_unit("ns").value


@pytest.fixture(scope="module")
def market() -> Market:
    return Market()


def test_the_shipped_files_are_the_published_ones() -> None:
    digests = {
        "sp500_dataset.csv.gz": "ee21cac28befb1d0a739a9ceb22184f995394726aa0cfde9a21941d1ac04ac0d",
        "sp500_index.csv.gz": "894c34431c284f86aa64a467e176e2a3c9b697c857eb9ab35006c2dd55d3fdf2",
    }
    for name, digest in digests.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest


def test_closes_are_loaded_in_a_fifth_of_a_second() -> None:
    taken = []
    for _ in range(3):
        load_closes.cache_clear()
        started = time.perf_counter()
        closes = load_closes()
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.2
    assert len(closes.sessions) == 8313
    assert (closes.series["AAPL"][-1], closes.series["SPX"][-1], closes.series["XOM"][0]) == (125.674, 3783.22, 4.068)


def test_every_session_of_the_data_is_one_of_the_exchange(market: Market) -> None:
    opens = market.hours.opens
    assert len(opens) == len(market.sessions) + 1
    days = pd.DatetimeIndex(pd.to_datetime(opens[:-1], utc=True)).tz_convert("America/New_York").normalize()
    assert (days.tz_localize(None).to_numpy().astype("datetime64[D]") == market.sessions).all()


def test_after_the_close_the_price_is_the_close(market: Market) -> None:
    assert market.price(listed("AAPL"), at("2022-12-28 16:00")) == 125.674
    assert market.price(listed("AAPL"), at("2022-12-28 09:29")) == 129.652
    assert market.price(SPY, at("2022-12-28 18:00")) == 378.322


def test_an_early_close_is_a_close(market: Market) -> None:
    # 2022-11-25, the day after Thanksgiving, ended at 13:00
    closes = market.closes(SPY)
    day = int(np.searchsorted(market.sessions, np.datetime64("2022-11-25")))
    assert market.price(SPY, at("2022-11-25 13:00")) == closes[day]
    assert market.price(SPY, at("2022-11-25 12:59")) != closes[day]


def test_a_price_depends_on_seed_contract_and_moment_alone(market: Market) -> None:
    moment = at("2022-12-28 15:45")
    assert market.price(SPY, moment) == Market().price(SPY, moment)
    assert market.price(SPY, moment) != Market(seed=8).price(SPY, moment)
    assert market.price(SPY, moment) != market.price(SPY, moment + 600_000_000_000)


def test_paths_between_two_ends_have_the_volatility_of_a_brownian_bridge() -> None:
    noise = bridge(normals(7, 1, np.arange(4000)[:, None], np.arange(100)[None]))
    assert noise[:, -1] == pytest.approx(0, abs=1e-9)
    # Var = u(1 − u): a standard deviation of 0.5 half way, and of √(0.25 × 0.75) = 0.433 at a quarter
    assert noise[:, 49].std() == pytest.approx(0.5, rel=0.05)
    assert noise[:, 24].std() == pytest.approx(math.sqrt(0.1875), rel=0.05)
    assert abs(noise[:, 49].mean()) < 0.03


def test_swings_are_those_of_brownian_bridges() -> None:
    # From 100 back to 100 at 2 %: the mean of the maximum's logarithm is σ√(π/8) = 0.02 × 0.6267.
    draws = uniforms(7, 1, np.arange(20_000), 1), uniforms(7, 1, np.arange(20_000), 2)
    high, low = swings(np.full(20_000, 100.0), np.full(20_000, 100.0), 0.02, *draws)
    assert np.log(high / 100).mean() == pytest.approx(0.02 * 0.6267, rel=0.02)
    assert np.log(100 / low).mean() == pytest.approx(0.02 * 0.6267, rel=0.02)
    assert low.max() <= 100 <= high.min()


def test_totals_are_divided_to_the_last_piece() -> None:
    parts = shares(np.array([10, 1000]), np.array([[1.0, 1.0, 8.0], [1.0, 1.0, 1.0]]))
    assert parts.sum(axis=1).tolist() == [10, 1000]
    assert parts.min() >= 1
    assert parts[0].tolist() == [1, 2, 7]


@pytest.mark.parametrize("symbol", ["AAPL", "RRC", "SPY"])
@pytest.mark.parametrize("day", ["2022-12-28", "2022-11-25", "2020-03-16", "1999-06-01"])
def test_trades_minutes_and_days_agree(market: Market, symbol: str, day: str) -> None:
    contract = listed(symbol)
    session = int(np.searchsorted(market.sessions, np.datetime64(day)))
    (whole_day,) = [market.tape.days(contract.con_id, session, session)]
    minutes = market.tape.minutes(contract.con_id, session)
    trades = market.tape.seconds(contract.con_id, session, slice(0, len(minutes)))
    assert len(minutes) == (210 if day == "2022-11-25" else 390)
    assert whole_day.close[0] == market.closes(contract)[session]
    for fine, coarse in ((minutes, whole_day), (trades, minutes), (trades, whole_day)):
        merged = fine.merged(np.arange(0, len(fine), len(fine) // len(coarse)))
        for name in ("start", "open", "high", "low", "close", "volume", "count"):
            assert (getattr(merged, name) == getattr(coarse, name)).all(), name
    moment = at(f"{day} 11:17:23")
    assert market.price(contract, moment) == trades.close[trades.start <= moment][-1]


def test_an_options_highs_are_those_of_its_underlying(market: Market) -> None:
    session = len(market.sessions) - 1
    for option in (AAPL_CALL, market.instruments[option_id(listed("AAPL"), 1732, 125.0, "P")]):
        minutes = market.tape.minutes(option.con_id, session)
        trades = market.tape.seconds(option.con_id, session, slice(0, 390)).merged(np.arange(0, 390 * 60, 60))
        assert (trades.high == minutes.high).all()
        assert (trades.low == minutes.low).all()
        moment = at("2022-12-28 11:17:23")
        assert market.price(option, moment) == market.tape.trades(option.con_id, session, 107)[0][23]


def test_a_session_so_far_ends_at_the_last_trade(market: Market) -> None:
    moment = at("2022-12-28 15:45:30")
    bar = market.so_far(265598, moment + 1)
    trades = market.seconds(265598, len(market.sessions) - 1, at("2022-12-28 09:30"), moment + 1)
    assert (len(trades), trades.start[-1]) == (22_531, moment)
    assert (bar.high[0], bar.low[0]) == (trades.high.max(), trades.low.min())
    assert bar.close[0] == market.price(listed("AAPL"), moment)
    assert bar.volume[0] == trades.volume.sum() == market.volume(265598, moment)


def test_the_touch_is_a_quote_with_its_sizes(market: Market) -> None:
    moment = at("2022-12-28 15:45")
    touch, quote = market.touch(756733, moment), market.quote(SPY, moment)
    assert (touch.bid, touch.ask, touch.last) == (quote.bid, quote.ask, quote.last)
    assert 100 <= touch.bid_size <= 2000
    assert touch == Market().touch(756733, moment) != market.touch(756733, moment + 1_000_000_000)
    shut = market.touch(756733, at("2022-12-28 16:00"))
    assert (shut.bid, shut.ask, shut.last, shut.bid_size) == (None, None, 378.322, 0)
    with pytest.raises(KeyError):
        market.touch(42, moment)


def test_quotes_surround_the_last_price(market: Market) -> None:
    quote = market.quote(SPY, at("2022-12-28 11:00"))
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.bid < quote.last < quote.ask  # type: ignore[operator]  # there is a last price
    assert quote.close == 382.925


def test_in_a_session_the_last_day_is_the_sessions_so_far(market: Market) -> None:
    first = len(market.sessions) - 2
    running = market.days(265598, first, at("2022-12-28 15:45") + 1)
    ended = market.days(265598, first, at("2022-12-28 16:00"))
    assert len(running) == len(ended) == 2
    assert running.close[0] == ended.close[0] == 129.652
    assert running.close[1] == market.price(listed("AAPL"), at("2022-12-28 15:45")) != 125.674
    assert ended.close[1] == 125.674
    for bars in (running, ended):
        assert (bars.low <= np.minimum(bars.open, bars.close)).all()
        assert (bars.high >= np.maximum(bars.open, bars.close)).all()


def test_an_option_is_priced_off_its_underlying(market: Market) -> None:
    # Hull, Options, Futures and Other Derivatives: S 42, K 40, r 10 %, σ 20 %, half a year: 4.76 and 0.81
    assert option_price("C", 42, 40, 0.5, 0.2, 0.1) == pytest.approx(4.76, abs=0.005)
    assert option_price("P", 42, 40, 0.5, 0.2, 0.1) == pytest.approx(0.81, abs=0.005)
    assert option_price("C", 42, 40, 0, 0.2) == 2
    assert option_price("P", 42, 40, -1, 0.2) == 0
    price = market.price(AAPL_CALL, at("2022-12-28 16:00"))
    years = 79 / 365  # to the close of 2023-03-17; New York's clocks go forward in between
    assert price == pytest.approx(option_price("C", 125.674, 130, years - 1 / 24 / 365, 0.35), abs=0.006)


def test_a_contract_without_series_has_no_price() -> None:
    nothing = Instrument(900000900, "NONE")
    assert Market([nothing]).price(nothing, at("2022-12-28 15:45")) is None


def test_simulated_time_stands_still_or_runs() -> None:
    base = pd.Timestamp("2022-12-28T20:45Z")
    still = SimulatedClock(base)
    assert still.now() == still.now() == base
    fast = SimulatedClock(base, speed=3600)
    time.sleep(0.01)
    elapsed = (fast.now() - base).total_seconds()
    # at least 10 ms have passed, 3600 times as fast
    assert 36 <= elapsed < 36_000
    with pytest.raises(ValueError, match="backwards"):
        SimulatedClock(base, speed=-1)
