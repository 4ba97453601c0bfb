"""Contracts, option chains and what is computed of options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tasks.connections.ib.simulator.black_scholes import greeks, implied_volatility, option_price, option_prices
from tasks.connections.ib.simulator.chains import chain, strikes
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import AAPL_CALL, SPX, STOCKS, listed
from tasks.connections.ib.simulator.listings import OPTIONS, expiry_of
from tasks.connections.ib.simulator.market import Market

CALL = [0, "AAPL", "OPT", "20230120", 125.0, "C", "", "SMART", "", "USD", "", ""]


@pytest.fixture
def trader(gateway: SimulatedGateway, hire: Callable[..., Any]) -> Any:
    return hire(gateway)


def details(trader: Any, contract: list[object], expired: int = 0, id_kind: str = "") -> list[list[str]]:
    trader.send(9, 8, 5, *contract, expired, id_kind, "", "")
    return list(trader.settle())


def con_ids(messages: list[list[str]]) -> list[int]:
    assert messages[-1][:3] == ["52", "1", "5"]
    return [int(message[12]) for message in messages[:-1]]


def test_a_chain_has_stated_expiries_and_strikes(trader: Any) -> None:
    trader.send(78, 5, "AAPL", "", "STK", 265598)
    smart, cboe, end = trader.settle()
    assert (smart[0], smart[2], cboe[2], end) == ("75", "SMART", "CBOE", ["76", "5"])
    assert smart[3:6] == ["265598", "AAPL", "100"]
    count = int(smart[6])
    expiries, prices = smart[7 : 7 + count], [float(price) for price in smart[8 + count :]]
    # six Fridays from 2022-12-28 on, third Fridays of nine months; 2023-04-21 is one, Good Friday 04-07 is none
    assert expiries[:6] == ["20221230", "20230106", "20230113", "20230120", "20230127", "20230203"]
    assert expiries[6:] == [
        *("20230217", "20230317", "20230421", "20230519", "20230616", "20230721", "20230818", "20230915")
    ]
    # 70 % to 130 % of 129.652 in steps of 2.50
    assert (prices[0], prices[-1], len(prices)) == (92.5, 167.5, 31)


def test_an_expiry_on_good_friday_is_the_day_before() -> None:
    assert expiry_of((np.datetime64("2023-04-07") - np.datetime64("1990-01-05")).astype(int) // 7) == "20230406"


def test_steps_follow_the_price(gateway: SimulatedGateway) -> None:
    market, now = gateway.market, gateway.clock.nanoseconds()
    steps = {item.symbol: float(np.diff(strikes(market, item, now))[0]) for item in STOCKS}
    assert (steps["RRC"], steps["BAC"], steps["JPM"], steps["UNH"]) == (1.0, 1.0, 2.5, 5.0)


def test_contract_ids_of_options_are_stable_and_their_own(gateway: SimulatedGateway) -> None:
    now = gateway.clock.nanoseconds()
    options = [option for stock in STOCKS for option in chain(gateway.market, stock, now)]
    ids = [option.con_id for option in options]
    assert len(set(ids)) == len(ids) > 10_000
    assert max(ids) < 2**31
    other = Market(seed=8)
    assert all(other.instruments[option.con_id] == option for option in options[::97])
    # what the demo book holds is of the chain
    assert AAPL_CALL in options
    assert sum(id_ < OPTIONS for id_ in ids) == 1


def test_one_option_by_its_terms_its_name_and_its_id(trader: Any) -> None:
    (by_terms,) = con_ids(details(trader, CALL))
    assert by_terms > OPTIONS
    by_name = [0, "", "OPT", "", 0, "", "", "", "", "", "AAPL  230120C00125000", ""]
    assert con_ids(details(trader, by_name)) == [by_terms]
    message = details(trader, [by_terms, *[""] * 3, 0, *[""] * 7])[0]
    assert message[2:9] == ["AAPL", "OPT", "20230120", "125", "C", "SMART", "USD"]
    assert (message[9], message[14]) == ("AAPL  230120C00125000", "100")
    assert message[message.index("265598") :][:2] == ["265598", "APPLE INC"]
    # and quoted by it
    trader.send(1, 11, 6, by_terms, *[""] * 3, 0, *[""] * 2, "SMART", *[""] * 4, 0, "", 1, 0, "")
    assert trader.settle()[-1] == ["57", "1", "6"]


def test_part_of_a_description_finds_all_that_fit(trader: Any) -> None:
    def found(**terms: Any) -> int:
        names = ("symbol", "kind", "expiry", "strike", "right")
        values = {"symbol": "AAPL", "kind": "OPT", "expiry": "", "strike": 0, "right": "", **terms}
        return len(con_ids(details(trader, [0, *(values[name] for name in names), "", "", "", "", "", ""])))

    assert found(expiry="20230120") == 62
    assert found(expiry="202301", strike=125.0) == 8
    assert found(expiry="20230120", strike=125.0, right="P") == 1
    assert found() == 14 * 62
    trader.send(1, 11, 6, *CALL[:5], "", *CALL[6:], 0, "", 1, 0, "")
    assert "ambiguous" in trader.settle()[0][4]


@pytest.mark.parametrize(
    "contract",
    [
        [*CALL[:4], 125.1, *CALL[5:]],
        [*CALL[:3], "20230121", *CALL[4:]],
        [0, "AAPL", "BAG", *CALL[3:]],
        [2_000_000_000, *[""] * 3, 0, *[""] * 7],
        [265598, "MSFT", *[""] * 2, 0, *[""] * 7],
        [0, "SPX", "OPT", "20230120", 3800.0, "C", *CALL[6:]],
    ],
)
def test_what_is_not_traded_is_not_found(trader: Any, contract: list[object]) -> None:
    assert details(trader, contract)[0][3] == "200"


def test_an_expired_option_is_found_on_request(trader: Any) -> None:
    (live,) = con_ids(details(trader, [0, "AAPL", "OPT", "20221230", 125.0, "C", *CALL[6:]]))
    expired = live - 2 * 2048 * 2  # two weeks before
    asked = [expired, *[""] * 3, 0, *[""] * 7]
    assert details(trader, asked)[0][3] == "200"
    assert con_ids(details(trader, asked, expired=1)) == [expired]


def test_details_tell_when_the_exchange_is_open(trader: Any) -> None:
    message = details(trader, [265598, *[""] * 3, 0, *[""] * 7])[0]
    hours = next(field for field in message if "CLOSED" in field).split(";")
    assert hours[0] == "20221228:0930-20221228:1600"
    assert details(trader, [265598, *[""] * 3, 0, *[""] * 7], id_kind="ISIN")[0][3] == "200"


def test_symbols_that_match(trader: Any) -> None:
    trader.send(81, 5, "jpm")
    trader.send(81, 6, "corp")
    trader.send(81, 7, "xyzzy")
    one, several, none = trader.settle()
    assert one == ["79", "5", "1", "1520593", "JPM", "STK", "NYSE", "USD", "1", "OPT", "JPMORGAN CHASE & CO", ""]
    assert int(several[2]) == 5
    assert none == ["79", "7", "0"]


def test_rules_exchanges_and_families(trader: Any) -> None:
    trader.send(91, 26)
    trader.send(83, 5, "9c0001")
    trader.send(80)
    trader.send(91, 27)
    rule, parts, families, unknown = trader.settle()
    assert rule == ["93", "26", "1", "0", "0.01"]
    assert parts[:6] == ["82", "5", "4", "0", "NASDAQ", "Q"]
    assert families == ["78", "2", "DU1234567", "", "DU7654321", ""]
    assert unknown[3] == "321"


def test_a_contract_that_has_no_options_has_no_chain(trader: Any) -> None:
    trader.send(78, 5, "SPX", "", "IND", SPX.con_id)
    trader.send(78, 6, "AAPL", "", "STK", 42)
    end, unknown = trader.settle()
    assert end == ["76", "5"]
    assert unknown[2:4] == ["6", "321"]


def test_calculations_invert_each_other(trader: Any) -> None:
    trader.send(55, 3, 5, *CALL, 0.4, 130.0, 0, "")
    price = trader.settle()[0]
    assert price[:4] == ["21", "5", "53", "1"]
    years = 23 / 365 + 0.25 / 24 / 365  # 2022-12-28 15:45 to 2023-01-20 16:00
    assert float(price[6]) == pytest.approx(option_price("C", 130.0, 125.0, years, 0.4), abs=1e-6)
    trader.send(54, 3, 6, *CALL, price[6], 130.0, 0, "")
    assert float(trader.settle()[0][4]) == pytest.approx(0.4, abs=1e-6)
    trader.send(54, 3, 7, *CALL, 4.0, 130.0, 0, "")  # less than the exercise value
    assert trader.settle()[0][4:8] == ["-1", "-2", "-1", "-1"]
    trader.send(54, 3, 7, 265598, *CALL[1:2], "STK", *[""] * 4, "SMART", *[""] * 4, 4.0, 130.0, 0, "")
    assert trader.settle()[0][3] == "321"
    trader.send(56, 1, 7)
    assert trader.settle() == []


def test_greeks_are_those_of_the_textbook() -> None:
    # Hull, Options, Futures and Other Derivatives, chapter 19: S 49, K 50, r 5 %, σ 20 %, 20 weeks
    letters = greeks("C", 49, 50, 20 / 52, 0.2, 0.05)
    assert letters.delta == pytest.approx(0.522, abs=5e-4)
    assert letters.gamma == pytest.approx(0.066, abs=5e-4)
    assert letters.vega * 100 == pytest.approx(12.1, abs=0.05)
    assert letters.theta * 365 == pytest.approx(-4.31, abs=5e-3)
    assert greeks("P", 49, 50, 20 / 52, 0.2, 0.05).delta == pytest.approx(0.522 - 1, abs=5e-4)
    assert implied_volatility("C", option_price("C", 49, 50, 0.4, 0.2), 49, 50, 0.4) == pytest.approx(0.2, abs=1e-8)
    assert implied_volatility("C", 50, 49, 50, 0.4) is None


def test_many_prices_are_the_single_ones() -> None:
    spots = np.array([80.0, 100.0, 130.0])
    for right in "CP":
        many = option_prices(right, spots, 100.0, 0.3, 0.25)
        assert many == pytest.approx([option_price(right, spot, 100.0, 0.3, 0.25) for spot in spots], abs=1e-12)


def test_a_price_of_every_option_of_a_chain(gateway: SimulatedGateway) -> None:
    now = gateway.clock.nanoseconds()
    quotes = [gateway.market.quote(option, now) for option in chain(gateway.market, listed("AAPL"), now)]
    assert len(quotes) == 14 * 62
    assert all(quote.last is not None and quote.last >= 0 and quote.ask is not None for quote in quotes)
