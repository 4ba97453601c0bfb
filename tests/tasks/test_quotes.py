from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from schemas.market import Quotes
from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.contracts import Quote
from tasks.connections.ib.simulator.book import Holding
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import AAPL_CALL, SPY, Instrument, listed
from tasks.connections.ib.snapshots import read_quote
from tasks.connections.problems import ConnectionProblem, DataProblem
from tasks.positions import read_positions
from tasks.quotes import _choose, read_quotes
from tasks.run import Run

AAPL = listed("AAPL")

NOW = pd.Timestamp("2022-12-28T20:45Z")

Read = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Read]:
    """Quotes of the instruments, by symbol and type, from a gateway with these options and settings."""
    with ExitStack() as stack:

        def make(
            *held: Instrument,
            settings: dict[str, Any] | None = None,
            gateway: dict[str, Any] | None = None,
            **options: Any,
        ) -> dict[str, dict[str, Any]]:
            book = [Holding("DU1", instrument, 1, 1.0) for instrument in held]
            server = stack.enter_context(SimulatedGateway(book=book, **(gateway or {})))
            broker = stack.enter_context(Broker("gateway", Settings(port=server.port, **(settings or {})), tmp_path))
            run = Run("r", "p", date(2022, 12, 28), clock=server.clock)
            frame = read_quotes(read_positions(broker), broker, run, **options)
            Quotes.validate(frame)
            assert frame["con_id"].is_monotonic_increasing
            return {f"{row['symbol']} {row['security_type']}": row for row in frame.to_dict("records")}

        yield make


def test_one_row_a_contract_with_mid_price_marked_simulated(read: Read) -> None:
    quotes = read(AAPL, AAPL_CALL, benchmark="SPY")
    assert set(quotes) == {"AAPL STK", "AAPL OPT", "SPY STK"}
    spy = quotes["SPY STK"]
    assert spy["price"] == pytest.approx((spy["bid"] + spy["ask"]) / 2)
    assert (spy["close"], spy["price_kind"], spy["market_data"]) == (382.925, "mid", "simulated")
    assert spy["time"] == NOW
    option = quotes["AAPL OPT"]
    assert option["multiplier"] == 100.0
    assert option["price"] < 10 < quotes["AAPL STK"]["price"]


def test_a_contract_in_two_accounts_is_one_quote(tmp_path: Path) -> None:
    book = [Holding("DU1", AAPL, 1, 1.0), Holding("DU2", AAPL, 2, 1.0)]
    with SimulatedGateway(book=book) as server, Broker("g", Settings(port=server.port), tmp_path) as broker:
        run = Run("r", "p", date(2022, 12, 28), clock=server.clock)
        frame = read_quotes(read_positions(broker), broker, run)
        Quotes.validate(frame)
        assert frame["con_id"].tolist() == [265598]


def test_a_benchmark_that_is_held_is_asked_for_once(read: Read) -> None:
    assert len(read(SPY, benchmark="SPY")) == 1


def test_after_the_close_the_last_trade_is_the_close_and_as_old(read: Read) -> None:
    quote = read(AAPL, gateway={"now": "2022-12-28T22:30Z"}, price="last")["AAPL STK"]
    assert (quote["price"], quote["price_kind"]) == (125.674, "last")
    assert quote["time"] == pd.Timestamp("2022-12-28T21:00Z")


def test_a_halted_contract_is_marked_at_its_last_trade(read: Read, notes: list[str]) -> None:
    halted = Instrument(900000901, "HALT", series="KO", is_halted=True)
    quote = read(halted)["HALT STK"]
    assert pd.isna(quote["bid"])
    assert pd.isna(quote["ask"])
    assert (quote["price_kind"], quote["price"]) == ("last", quote["last"])
    assert "Trading is halted in HALT STK USD (900000901)." in notes


def test_with_only_last_sessions_close_that_is_the_price_and_its_time(read: Read) -> None:
    quote = read(Instrument(900000901, "PART", series="KO", permission="partial"))["PART STK"]
    # KO closed 2022-12-27 at 63.24
    assert (quote["price"], quote["price_kind"]) == (63.24, "close")
    assert quote["time"] == pd.Timestamp("2022-12-27T21:00Z")


def test_no_quote_is_a_row_with_a_reason_not_a_guess(read: Read, notes: list[str]) -> None:
    silent = Instrument(900000901, "MUTE", series="KO", is_quoted=False)
    hidden = Instrument(900000902, "HIDE", series="KO", permission="none")
    quotes = read(silent, hidden, AAPL)
    for name in ("MUTE STK", "HIDE STK"):
        assert pd.isna(quotes[name]["price"])
        assert (quotes[name]["price_kind"], quotes[name]["market_data"]) == ("none", "none")
        assert pd.isna(quotes[name]["time"])
    assert quotes["AAPL STK"]["price_kind"] == "mid"
    assert any("MUTE STK USD (900000901) has no price. no quote" in line for line in notes)
    assert any("HIDE" in line and "354" in line and "market_data: delayed" in line for line in notes)


def test_another_currency_stays_in_its_own(read: Read) -> None:
    sap = Instrument(900000901, "SAP", currency="EUR", listing="IBIS", series="KO")
    assert read(sap)["SAP STK"]["currency"] == "EUR"


def test_a_price_that_nobody_should_believe_is_passed_on_for_others_to_refuse(read: Read) -> None:
    wild = Instrument(900000901, "WILD", series="KO", quote_scale=1000.0)
    quote = read(wild)["WILD STK"]
    assert quote["price"] > 60000
    assert quote["close"] == 63.24


def test_no_answer_at_all_is_a_problem_of_the_connection(read: Read) -> None:
    with pytest.raises(ConnectionProblem, match="no answer within"):
        read(AAPL, gateway={"faults": Faults(unanswered=frozenset({1}))}, timeout=pd.Timedelta("100ms"))


def test_an_unknown_benchmark_is_told(read: Read) -> None:
    with pytest.raises(DataProblem, match="doesn't know the benchmark 'SPYX'"):
        read(AAPL, benchmark="SPYX")


@pytest.mark.parametrize(
    ("quote", "price", "kind", "value"),
    [
        (Quote(1, bid=10.0, ask=12.0, last=10.5, close=9.0), "mid", "mid", 11.0),
        (Quote(1, bid=10.0, ask=10.0, last=10.5), "mid", "mid", 10.0),
        (Quote(1, bid=12.0, ask=10.0, last=10.5), "mid", "last", 10.5),
        (Quote(1, ask=12.0, last=10.5), "mid", "last", 10.5),
        (Quote(1, bid=10.0, close=9.0), "mid", "close", 9.0),
        (Quote(1, bid=10.0, ask=12.0, last=10.5), "last", "last", 10.5),
        (Quote(1, bid=10.0, ask=12.0, close=9.0), "last", "mid", 11.0),
    ],
)
def test_which_price_is_taken(quote: Quote, price: Any, kind: str, value: float) -> None:
    assert _choose(quote, price) == (kind, value)


def test_delayed_ticks_are_marked_so_and_keep_their_time() -> None:
    ticks = [("market data type", 3), (66, 10.0), (67, 10.2), (68, 10.1), (75, 9.9), (88, "1672259400")]
    quote = read_quote(1, ticks, is_simulated=False)
    assert (quote.bid, quote.ask, quote.last, quote.close) == (10.0, 10.2, 10.1, 9.9)
    assert quote.market_data == "delayed"
    assert quote.last_time is not None
    assert pd.Timestamp(quote.last_time) == NOW - pd.Timedelta("15min")


def test_live_frozen_and_delayed_are_told_apart() -> None:
    def kind(*ticks: Any) -> str:
        return read_quote(1, ticks, is_simulated=False).market_data

    assert kind((1, 10.0)) == "live"
    assert kind(("market data type", 2), (1, 10.0)) == "frozen"
    assert kind(("market data type", 4), (66, 10.0)) == "delayed_frozen"
    # A gateway that forgets to say so still can't pass delayed ticks for live ones.
    assert kind(("market data type", 1), (66, 10.0)) == "delayed"
    assert kind(("market data type", 1)) == "none"


def test_minus_one_and_zero_are_no_prices() -> None:
    quote = read_quote(1, [(1, -1.0), (2, 0.0), (4, 10.1)], is_simulated=False)
    assert pd.isna(quote.bid)
    assert pd.isna(quote.ask)
    assert quote.last == 10.1
