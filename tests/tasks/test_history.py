from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from schemas.market import Prices
from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.simulator.book import Holding
from tasks.connections.ib.simulator.closes import load_closes
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import AAPL_CALL, SPY, Instrument, listed
from tasks.connections.problems import ConnectionProblem, DataProblem
from tasks.history import pull_history
from tasks.positions import read_positions
from tasks.run import Run

AAPL, KO = listed("AAPL"), listed("KO")

Desk = Callable[..., tuple[Broker, Run]]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A broker that holds the instruments, one each, and a run on its clock."""
    with ExitStack() as stack:

        def make(*held: Instrument, account: str = "DU1", **options: Any) -> tuple[Broker, Run]:
            book = [Holding(account, instrument, 1, 1.0) for instrument in held]
            gateway = stack.enter_context(SimulatedGateway(book=book, **options))
            broker = stack.enter_context(Broker("gateway", Settings(port=gateway.port), tmp_path))
            return broker, Run("r", "p", date(2022, 12, 28), clock=gateway.clock)

        yield make


def pull(desk: tuple[Broker, Run], **options: Any) -> pd.DataFrame:
    broker, run = desk
    frame = pull_history(read_positions(broker), broker, run, **options)
    Prices.validate(frame)
    return frame


def test_252_returns_ask_for_253_closed_sessions_and_the_running_one_is_not_closed(desk: Desk) -> None:
    frame = pull(desk(AAPL, KO), benchmark="SPY")
    assert frame.groupby("symbol", observed=True).size().to_dict() == {"AAPL": 253, "KO": 253, "SPY": 253}
    assert frame["con_id"].drop_duplicates().tolist() == [8894, 265598, 756733]
    # 15 minutes before the close of 2022-12-28
    assert frame["session"].max() == pd.Timestamp("2022-12-27")
    closes = load_closes()
    for con_id, symbol, scale in ((265598, "AAPL", 1), (8894, "KO", 1), (756733, "SPX", 0.1)):
        pulled = frame.loc[frame["con_id"] == con_id, "close"].to_numpy()
        np.testing.assert_allclose(pulled, closes.series[symbol][-254:-1] * scale, rtol=1e-6)


def test_once_the_session_has_closed_it_counts(desk: Desk) -> None:
    frame = pull(desk(AAPL, now="2022-12-28T21:00Z"), returns=1)
    assert frame[["session", "close"]].values.tolist() == [
        [pd.Timestamp("2022-12-27"), 129.652],
        [pd.Timestamp("2022-12-28"), 125.674],
    ]


@pytest.mark.parametrize("now", ["2022-12-28T14:29:59Z", "2022-12-28T14:30Z", "2022-12-28T20:59:59Z"])
def test_before_and_in_a_session_the_window_ends_the_day_before(desk: Desk, now: str) -> None:
    frame = pull(desk(AAPL, now=now), returns=2)
    assert frame["session"].dt.strftime("%Y-%m-%d").tolist() == ["2022-12-22", "2022-12-23", "2022-12-27"]


def test_a_half_day_is_over_at_its_early_close(desk: Desk) -> None:
    frame = pull(desk(AAPL, now="2022-11-25T18:00Z"), returns=1)
    assert frame["session"].dt.strftime("%Y-%m-%d").tolist() == ["2022-11-23", "2022-11-25"]


def test_years_of_returns(desk: Desk) -> None:
    assert len(pull(desk(AAPL), returns=1500)) == 1501


def test_a_contract_in_two_accounts_is_asked_for_once(desk: Desk, tmp_path: Path) -> None:
    book = [Holding("DU1", AAPL, 1, 1.0), Holding("DU2", AAPL, 2, 1.0), Holding("DU2", SPY, 2, 1.0)]
    with SimulatedGateway(book=book) as gateway, Broker("g", Settings(port=gateway.port), tmp_path) as broker:
        run = Run("r", "p", date(2022, 12, 28), clock=gateway.clock)
        frame = pull((broker, run), benchmark="SPY", returns=5)
        assert len(frame) == 2 * 6
        assert sum(identity[0] in (265598, 756733) for identity in gateway.asked) == 2


def test_what_the_broker_has_no_bars_of_is_left_out_and_noted(desk: Desk, notes: list[str]) -> None:
    nothing = Instrument(900000901, "NONE")
    hidden = Instrument(900000902, "HIDE", series="KO", permission="none")
    frame = pull(desk(AAPL, AAPL_CALL, nothing, hidden), returns=5)
    assert frame["con_id"].unique().tolist() == [265598]
    said = "\n".join(notes)
    assert "No daily history is asked for AAPL OPT USD (900000101)" in said
    assert "No daily history of NONE STK USD (900000901), which is left out" in said
    assert "HMDS query returned no data" in said
    assert "No market data permissions" in said


def test_a_contract_that_the_broker_does_not_know_is_left_out(desk: Desk, notes: list[str]) -> None:
    broker, run = desk(AAPL)
    universe = read_positions(broker)
    gone = universe.assign(con_id=np.int64(123), symbol=pd.Categorical(["GONE"]))
    both = pd.concat([universe, gone], ignore_index=True)
    frame = pull_history(both, broker, run, returns=3)
    assert frame["con_id"].unique().tolist() == [265598]
    assert any("GONE STK USD (123)" in line and "No security definition" in line for line in notes)


def test_a_benchmark_that_cannot_be_had_stops_the_run(desk: Desk) -> None:
    dark = Instrument(900000903, "DARK", has_history=False, series="KO")
    twin = Instrument(900000904, "KO", series="KO", listing="ARCA", name="ANOTHER KO")
    on = desk(AAPL, instruments=[dark, twin])
    with pytest.raises(DataProblem, match=r"doesn't know the benchmark 'SPYX'.*Give the symbol of one US stock"):
        pull(on, benchmark="SPYX")
    with pytest.raises(DataProblem, match=r"'KO' is ambiguous: COCA-COLA CO/THE \(8894\), ANOTHER KO \(900000904\)"):
        pull(on, benchmark="KO")
    with pytest.raises(DataProblem, match=r"The benchmark DARK has no daily history: .*returned no data"):
        pull(on, benchmark="DARK")


def test_an_empty_universe_gives_the_benchmark_alone_or_nothing(desk: Desk) -> None:
    assert pull(desk(), benchmark="SPY", returns=2)["symbol"].tolist() == ["SPY"] * 3
    assert pull(desk()).empty


def test_a_connection_lost_half_way_is_to_be_tried_again(desk: Desk) -> None:
    on = desk(AAPL, KO, faults=Faults(kick_on=20))
    with pytest.raises(ConnectionProblem, match="closed the connection"):
        pull(on, returns=5)
    assert len(pull(on, returns=5)) == 12


def test_an_unknown_calendar_is_told(desk: Desk) -> None:
    with pytest.raises(DataProblem, match=r"no exchange calendar `NYSEX`.*ISO 10383"):
        pull(desk(AAPL), calendar="NYSEX")


def test_bars_on_days_that_are_no_sessions_of_the_calendar_are_left_out(desk: Desk, notes: list[str]) -> None:
    # London was shut on 2022-12-27, New York was not
    frame = pull(desk(AAPL, now="2022-12-28T21:30Z"), returns=2, calendar="XLON")
    assert frame["session"].dt.strftime("%Y-%m-%d").tolist() == ["2022-12-22", "2022-12-23", "2022-12-28"]
    assert any("1 bar left out" in line and "XLON" in line for line in notes)
