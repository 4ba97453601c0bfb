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
from tasks.connections.ib.simulator.market import Market


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
    opens, _ = market._schedule
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


def test_the_path_ends_where_the_real_session_did_and_has_its_volatility(market: Market) -> None:
    day = 8000
    closes = market.closes(SPY)
    ends = [market._path(SPY, day, share) for share in (0.0, 1.0)]
    assert ends == pytest.approx([closes[day - 1], closes[day]], rel=1e-12)
    # A bridge of volatility v has standard deviation v/2 at the middle of its way.
    noise = [market._bridge(con_id, day, 0.5) for con_id in range(1, 4001)]
    assert np.std(noise) == pytest.approx(0.5, rel=0.05)
    assert abs(np.mean(noise)) < 0.03
    quarter = [market._bridge(con_id, day, 0.25) for con_id in range(1, 4001)]
    # and Var = u(1 − u) anywhere: √(0.25 × 0.75) = 0.433
    assert np.std(quarter) == pytest.approx(math.sqrt(0.1875), rel=0.05)


def test_quotes_surround_the_last_price(market: Market) -> None:
    quote = market.quote(SPY, at("2022-12-28 11:00"))
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.bid < quote.last < quote.ask  # type: ignore[operator]  # there is a last price
    assert quote.close == 382.925


def test_in_a_session_the_last_bar_is_the_sessions_so_far(market: Market) -> None:
    first = len(market.sessions) - 2
    running = market.bars(listed("AAPL"), at("2022-12-28 15:45"), first)
    ended = market.bars(listed("AAPL"), at("2022-12-28 16:00"), first)
    assert [str(bar.session) for bar in running] == ["2022-12-27", "2022-12-28"]
    assert running[0] == ended[0]
    assert running[0].close == 129.652
    assert running[1].close == market.price(listed("AAPL"), at("2022-12-28 15:45")) != 125.674
    assert ended[1].close == 125.674
    for bar in (*running, *ended):
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high


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
