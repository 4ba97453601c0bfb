"""What was pulled once isn't pulled again: a real client, a simulated gateway over a socket, a store on disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from schemas.frame import schema_of
from schemas.market import Prices, Universe
from tasks.connections.arctic import FrameStore
from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.simulator.closes import load_closes
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import Instrument, listed
from tasks.connections.problems import ConnectionProblem, DataProblem
from tasks.history import pull_history
from tasks.run import Run

AAPL, KO = listed("AAPL"), listed("KO")
FRIDAY, TUESDAY, WEDNESDAY = "2022-12-23T21:00Z", "2022-12-27T21:00Z", "2022-12-28T21:00Z"
"""Closes of three sessions in a row; Monday was a holiday."""


def universe_of(*instruments: Instrument) -> pd.DataFrame:
    rows = {
        "con_id": [one.con_id for one in instruments],
        "symbol": pd.Categorical([one.symbol for one in instruments]),
        "security_type": pd.Categorical([one.security_type for one in instruments]),
        "currency": pd.Categorical([one.currency for one in instruments]),
        "exchange": pd.Categorical([one.listing for one in instruments]),
        "multiplier": [1.0] * len(instruments),
    }
    return schema_of(Universe).validate(pd.DataFrame(rows))


@dataclass
class Day:
    """A gateway at one moment, and the desk's client and store."""

    gateway: SimulatedGateway
    broker: Broker
    store: FrameStore
    run: Run

    def pull(self, *instruments: Instrument, **options: Any) -> pd.DataFrame:
        options = {"store": self.store, "returns": 20, **options}
        frame = pull_history(universe_of(*instruments), self.broker, self.run, **options)
        return Prices.validate(frame)

    @property
    def asked(self) -> list[tuple[int, str]]:
        """(contract id, duration) of each request so far."""
        return sorted((int(each[0]), str(each[3])) for each in self.gateway.asked)


At = Callable[..., Day]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[At]:
    """The same desk at any moment: each time a gateway of its own, one store for all."""
    with ExitStack() as stack:
        store = stack.enter_context(FrameStore("frames", FrameStore.Settings(), tmp_path))

        def make(moment: str, *instruments: Instrument, name: str = "r", past: bool = False, **options: Any) -> Day:
            gateway = stack.enter_context(SimulatedGateway(book=[], now=moment, instruments=instruments, **options))
            broker = stack.enter_context(Broker("gateway", Settings(port=gateway.port), tmp_path))
            run = Run(name, "p", date.fromisoformat(moment[:10]), clock=gateway.clock, past=past)
            return Day(gateway, broker, store, run)

        yield make


def closes(frame: pd.DataFrame, instrument: Instrument = AAPL) -> list[float]:
    return frame.loc[frame["con_id"] == instrument.con_id, "close"].round(3).tolist()


def real(symbol: str, first: int, last: int | None) -> list[float]:
    return load_closes().series[symbol][first:last].round(3).tolist()


def test_a_new_session_takes_its_bar_and_the_one_before_it(at: At) -> None:
    monday = at(FRIDAY)
    assert closes(monday.pull(AAPL, KO)) == real("AAPL", -23, -2)
    assert monday.asked == [(8894, "22 D"), (265598, "22 D")]
    tuesday = at(TUESDAY)
    frame = tuesday.pull(AAPL, KO)
    assert tuesday.asked == [(8894, "2 D"), (265598, "2 D")]
    assert closes(frame) == real("AAPL", -22, -1)
    assert closes(frame, KO) == real("KO", -22, -1)


def test_what_is_all_there_is_not_asked_for(at: At) -> None:
    at(TUESDAY).pull(AAPL)
    again = at(TUESDAY)
    assert closes(again.pull(AAPL)) == real("AAPL", -22, -1)
    assert closes(again.pull(AAPL, returns=5)) == real("AAPL", -7, -1)
    assert again.asked == []


def test_in_a_session_its_own_bar_comes_too_and_is_not_kept(at: At) -> None:
    at(FRIDAY).pull(AAPL)
    noon = at("2022-12-28T17:00Z")
    assert closes(noon.pull(AAPL)) == real("AAPL", -22, -1)
    assert noon.asked == [(265598, "3 D")]  # Friday's, Tuesday's, and Wednesday's so far
    evening = at(WEDNESDAY)
    assert closes(evening.pull(AAPL)) == real("AAPL", -21, None)
    assert evening.asked == [(265598, "2 D")]


def test_more_sessions_than_are_stored_are_asked_for_whole_and_put_before_them(at: At) -> None:
    at(TUESDAY).pull(AAPL, returns=5)
    more = at(TUESDAY)
    assert closes(more.pull(AAPL, returns=30)) == real("AAPL", -32, -1)
    assert closes(at(TUESDAY).pull(AAPL, returns=20)) == real("AAPL", -22, -1)


def test_a_gap_inside_is_filled_from_before_it_on(at: At) -> None:
    day = at(TUESDAY)
    day.pull(AAPL)
    where = ("history", "simulated/1 day/ADJUSTED_LAST/265598")
    stored, _ = day.store.read(*where)
    day.store.write(*where, stored.drop(index=stored.index[-6]).reset_index(drop=True), {"session": "2022-12-27"})
    assert closes(at(TUESDAY).pull(AAPL)) == real("AAPL", -22, -1)
    again = at(TUESDAY)
    again.pull(AAPL)
    assert again.asked == []


def test_a_split_between_two_pulls_pulls_that_contract_whole(at: At, notes: list[str]) -> None:
    """Before it, four shares were one: all prices of before are a quarter of what they were told to be."""
    before = replace(AAPL, scale=4.0)
    first = at(FRIDAY, before)
    assert closes(first.pull(before, KO))[-1] == round(real("AAPL", -3, -2)[0] * 4, 3)
    tuesday = at(TUESDAY)
    frame = tuesday.pull(AAPL, KO)
    assert closes(frame) == real("AAPL", -22, -1)  # no return of −75 % among them
    assert closes(frame, KO) == real("KO", -22, -1)
    assert tuesday.asked == [(8894, "2 D"), (265598, "2 D"), (265598, "22 D"), (265598, "6 D")]
    assert any("Pulled whole: AAPL STK USD (265598)" in line and "a split or a dividend" in line for line in notes)
    assert not any("KO" in line for line in notes if "from the store" not in line)
    assert closes(at(TUESDAY).pull(AAPL)) == real("AAPL", -22, -1)


def test_a_small_dividend_is_noticed_and_rounding_is_not(at: At, notes: list[str]) -> None:
    at(FRIDAY, replace(AAPL, scale=1.0001)).pull(AAPL)  # a cent on a hundred
    assert closes(at(TUESDAY).pull(AAPL)) == real("AAPL", -22, -1)
    assert sum("Pulled whole" in line for line in notes) == 1
    where = ("history", "simulated/1 day/ADJUSTED_LAST/265598")
    day = at(WEDNESDAY)
    stored, _ = day.store.read(*where)
    day.store.write(*where, stored.assign(close=stored["close"] * (1 + 1e-9)), {"session": "2022-12-27"})
    day.pull(AAPL)
    assert day.asked == [(265598, "2 D")]


def test_longer_history_than_the_window_goes_when_its_adjustment_is_no_longer_true(at: At) -> None:
    before = replace(AAPL, scale=2.0)
    at(FRIDAY, before).pull(AAPL, returns=60)
    at(TUESDAY).pull(AAPL, returns=5)
    # the sixty are asked for again, not taken from before the split
    assert closes(at(TUESDAY).pull(AAPL, returns=60)) == real("AAPL", -62, -1)


def test_a_corrected_last_bar_is_taken_without_pulling_all(at: At, notes: list[str]) -> None:
    day = at(FRIDAY)
    day.pull(AAPL)
    where = ("history", "simulated/1 day/ADJUSTED_LAST/265598")
    stored, _ = day.store.read(*where)
    early = stored.assign(close=stored["close"].where(stored.index < stored.index[-1], 131.0))
    day.store.write(*where, early, {"session": "2022-12-23"})  # as pulled a minute after the bell
    tuesday = at(TUESDAY)
    assert closes(tuesday.pull(AAPL)) == real("AAPL", -22, -1)
    assert tuesday.asked == [(265598, "2 D"), (265598, "6 D")]
    assert any("last stored bar of AAPL STK USD (265598) was corrected" in line for line in notes)


def test_a_pull_that_failed_goes_on_where_it_was(at: At) -> None:
    stocks = [Instrument(910_000_000 + number, f"S{number}", series="KO") for number in range(12)]
    violation = (162, "Historical Market Data Service error message:Historical data request pacing violation")
    failing = at(TUESDAY, *stocks, faults=Faults(refused={910_000_004: violation}))
    with pytest.raises(ConnectionProblem, match="pacing"):
        failing.pull(*stocks)
    again = at(TUESDAY, *stocks)
    assert again.pull(*stocks).groupby("con_id").size().tolist() == [21] * 12
    assert again.asked == [(910_000_004, "22 D")]


def test_a_past_session_reads_what_was_known_then_and_asks_nobody(at: At, notes: list[str]) -> None:
    before = replace(AAPL, scale=4.0)
    at(FRIDAY, before).pull(AAPL)
    at(TUESDAY).pull(AAPL)
    notes.clear()
    friday = at("2022-12-23T15:00Z", past=True)
    assert closes(friday.pull(AAPL)) == [round(price * 4, 3) for price in load_closes().series["AAPL"][-23:-2]]
    assert friday.asked == []
    assert closes(at(TUESDAY, past=True).pull(AAPL)) == real("AAPL", -22, -1)
    assert not any("Pulled after" in line or "never pulled" in line for line in notes)


def test_a_past_session_that_was_not_pulled_is_read_from_later_pulls_and_told(at: At, notes: list[str]) -> None:
    at(WEDNESDAY).pull(AAPL)
    friday = at(FRIDAY, past=True)
    assert closes(friday.pull(AAPL, returns=5)) == real("AAPL", -8, -2)
    assert any("Pulled after 2022-12-23" in line for line in notes)
    assert closes(friday.pull(AAPL, returns=20)) == real("AAPL", -21, -2)
    assert any("never pulled: AAPL STK USD (265598) lacks 2 of 21" in line for line in notes)


def test_a_past_session_of_which_nothing_is_stored_is_told(at: At, notes: list[str]) -> None:
    friday = at(FRIDAY, past=True)
    assert friday.pull(AAPL).empty
    assert any("nothing is stored of its sessions up to 2022-12-23" in line for line in notes)
    with pytest.raises(DataProblem, match=r"benchmark SPY has no daily history: nothing is stored"):
        friday.pull(AAPL, benchmark="SPY")
    with pytest.raises(DataProblem, match=r"broker adjusts prices up to today only.*kind: arctic"):
        friday.pull(AAPL, store=None)


def test_refresh_pulls_all_anew(at: At) -> None:
    at(TUESDAY).pull(AAPL)
    again = at(TUESDAY)
    assert closes(again.pull(AAPL, refresh=True)) == real("AAPL", -22, -1)
    assert again.asked == [(265598, "22 D")]


def test_without_a_store_everything_is_asked_for_each_time(at: At) -> None:
    at(TUESDAY).pull(AAPL)
    again = at(TUESDAY)
    assert closes(again.pull(AAPL, store=None)) == real("AAPL", -22, -1)
    assert again.asked == [(265598, "22 D")]


def test_each_bar_names_the_run_that_pulled_it(at: At, notes: list[str]) -> None:
    at(FRIDAY, name="monday").pull(AAPL, KO)
    assert not notes
    day = at(TUESDAY, name="tuesday")
    day.pull(AAPL, KO)
    assert notes == ["40 bars from the store, pulled by run monday (40)."]
    at(WEDNESDAY, name="wednesday").pull(AAPL, KO)
    assert notes[1:] == ["40 bars from the store, pulled by runs monday (38), tuesday (2)."]
    stored, _ = day.store.read("history", "simulated/1 day/ADJUSTED_LAST/265598")
    assert stored["run"].tolist() == ["monday"] * 21 + ["tuesday", "wednesday"]
    assert np.isfinite(stored[["open", "high", "low", "close", "volume"]]).all(axis=None)


def test_an_exchange_with_more_sessions_than_the_calendar_is_not_asked_for_ever(at: At) -> None:
    # London was shut on 2022-12-27 and 2022-12-26, New York on 2022-12-26 alone
    day = at("2022-12-28T21:30Z")
    frame = day.pull(AAPL, returns=2, calendar="XLON")
    assert frame["session"].dt.strftime("%Y-%m-%d").tolist() == ["2022-12-22", "2022-12-23", "2022-12-28"]
    again = at("2022-12-28T21:30Z")
    again.pull(AAPL, returns=2, calendar="XLON")
    assert again.asked == []


def test_sessions_that_an_answer_did_not_reach_are_not_taken_for_ones_without_bars(at: At) -> None:
    # London was shut on 2022-06-02 and 06-03, New York wasn't: four of its sessions reach back to the first of June
    day = at("2022-06-06T21:30Z")
    frame = day.pull(AAPL, returns=2, calendar="XLON")
    assert frame["session"].dt.strftime("%m-%d").tolist() == ["05-31", "06-01", "06-06"]
    assert day.asked == [(265598, "4 D"), (265598, "8 D")]
    again = at("2022-06-06T21:30Z")
    again.pull(AAPL, returns=2, calendar="XLON")
    assert again.asked == []


KILLED = """
import os, sys
from datetime import date
from pathlib import Path
import pandas as pd
sys.path.insert(0, {root!r})
from tasks.connections.arctic import FrameStore
from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.clock import ManualClock
from tasks.history import pull_history
from tasks.run import Run

folder, port, least = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
written = 0
real = FrameStore.write
def write(*args, **kwargs):
    global written
    if written == least:
        os.kill(os.getpid(), 9)
    written += 1
    return real(*args, **kwargs)
FrameStore.write = write
universe = pd.read_pickle(folder / "universe.pickle")
broker = Broker("gateway", Settings(port=port), folder)
with broker, FrameStore("frames", FrameStore.Settings(), folder) as store:
    run = Run("killed", "p", date(2022, 12, 27), clock=ManualClock("2022-12-27T21:00Z"))
    pull_history(universe, broker, run, returns=20, store=store)
"""


def test_a_killed_pull_has_kept_what_had_come(at: At, tmp_path: Path) -> None:
    stocks = [Instrument(910_000_000 + number, f"S{number}", series="KO") for number in range(8)]
    day = at(TUESDAY, *stocks)
    universe_of(*stocks).to_pickle(tmp_path / "universe.pickle")
    script = KILLED.format(root=str(Path(__file__).parents[2]))
    port = str(day.gateway.port)
    command = [sys.executable, "-c", script, str(tmp_path), port, "5"]
    killed = subprocess.run(command, check=False, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    again = at(TUESDAY, *stocks)
    assert again.pull(*stocks).groupby("con_id").size().tolist() == [21] * 8
    assert len(again.asked) == 3
