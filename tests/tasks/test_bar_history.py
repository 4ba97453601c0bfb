"""Minutes, hours and days of sessions that are over are pulled once: a real client, a socket, a store on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from schemas.bars import Bars, DailyBars
from schemas.frame import schema_of
from schemas.market import Universe
from tasks.bar_history import pull_bar_history, pull_daily_history
from tasks.bars import pull_bars, pull_daily_bars
from tasks.connections.arctic import FrameStore
from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import Instrument, listed
from tasks.connections.ib.simulator.script import Action, Cue, Script
from tasks.connections.problems import ConnectionProblem, DataProblem
from tasks.run import Run

AAPL, KO = listed("AAPL"), listed("KO")
FRIDAY, TUESDAY, WEDNESDAY = "2022-12-23T21:00Z", "2022-12-27T21:00Z", "2022-12-28T21:00Z"
VALUES = ["open", "high", "low", "close", "volume", "average", "trades"]


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
        options = {"size": "30 mins", "sessions": 3, **options}
        frame = pull_bar_history(universe_of(*instruments), self.broker, self.run, self.store, **options)
        return Bars.validate(frame)

    @property
    def asked(self) -> list[tuple[str, str, str]]:
        """(size, duration, end) of each request so far."""
        return sorted((str(each[2]), str(each[3]), str(each[1])) for each in self.gateway.asked)


At = Callable[..., Day]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[At]:
    """The same desk at any moment: each time a gateway of its own, one store for all."""
    with ExitStack() as stack:
        store = stack.enter_context(FrameStore("frames", FrameStore.Settings(), tmp_path))

        def make(moment: str, *instruments: Instrument, past: bool = False, **options: Any) -> Day:
            gateway = stack.enter_context(SimulatedGateway(book=[], now=moment, instruments=instruments, **options))
            broker = stack.enter_context(Broker("gateway", Settings(port=gateway.port), tmp_path))
            run = Run("r", "p", date.fromisoformat(moment[:10]), clock=gateway.clock, past=past)
            return Day(gateway, broker, store, run)

        yield make


def test_a_new_session_is_asked_for_and_no_other(at: At) -> None:
    first = at(FRIDAY)
    assert len(first.pull(AAPL)) == 3 * 13
    assert first.asked == [("1 day", "4 D", ""), ("30 mins", "3 D", "20221223-21:00:00")]
    tuesday = at(TUESDAY)
    frame = tuesday.pull(AAPL)
    assert tuesday.asked == [("1 day", "2 D", ""), ("30 mins", "1 D", "20221227-21:00:00")]
    assert frame["time"].dt.strftime("%m-%d").unique().tolist() == ["12-22", "12-23", "12-27"]
    again = at(TUESDAY)
    pd.testing.assert_frame_equal(again.pull(AAPL), frame)
    assert again.asked == []


def test_they_are_the_brokers_bars(at: At) -> None:
    day = at(TUESDAY)
    universe = universe_of(AAPL, KO)
    theirs = pull_bars(universe, day.broker, day.run, size="30 mins", sessions=3)
    for _ in range(2):
        ours = day.pull(AAPL, KO)
        assert ours["time"].tolist() == theirs["time"].tolist()
        assert (ours[VALUES] == theirs[VALUES]).all(axis=None)
        assert ours["complete"].all()


def test_a_session_at_a_time_where_the_broker_gives_no_more(at: At) -> None:
    day = at(TUESDAY)
    assert len(day.pull(KO, size="1 min")) == 3 * 390
    assert [asked[:2] for asked in day.asked] == [("1 day", "4 D"), *[("1 min", "1 D")] * 3]


def test_bars_of_the_running_session_are_not_kept(at: At) -> None:
    noon = at("2022-12-28T17:00Z")
    assert noon.pull(AAPL)["time"].max() == pd.Timestamp("2022-12-27T20:30Z")


def test_a_split_pulls_again_what_was_before_it(at: At) -> None:
    at(FRIDAY, replace(AAPL, scale=4.0)).pull(AAPL)
    tuesday = at(TUESDAY)
    frame = tuesday.pull(AAPL)
    assert frame["close"].max() < 140  # not 520
    assert [asked for asked in tuesday.asked if asked[0] == "30 mins"] == [("30 mins", "3 D", "20221227-21:00:00")]
    again = at(TUESDAY)
    again.pull(AAPL)
    assert again.asked == []


def test_what_had_come_before_a_connection_was_lost_is_kept(at: At) -> None:
    cut = at(TUESDAY, script=Script((Cue(Action("kick"), on=20, nth=4),)))
    with pytest.raises(ConnectionProblem):
        cut.pull(KO, size="1 min")
    again = at(TUESDAY)
    assert len(again.pull(KO, size="1 min")) == 3 * 390
    assert [asked[0] for asked in again.asked] == ["1 min"]


def test_a_past_session_reads_the_store_alone(at: At) -> None:
    at(FRIDAY, replace(AAPL, scale=4.0)).pull(AAPL)
    at(TUESDAY).pull(AAPL)
    friday = at(FRIDAY, past=True)
    frame = friday.pull(AAPL)
    assert frame["close"].min() > 500
    assert frame["time"].max() == pd.Timestamp("2022-12-23T20:30Z")
    assert friday.asked == []
    with pytest.raises(DataProblem, match="nothing is stored"):
        friday.pull(KO)


def test_a_contract_without_history_is_left_out_and_told(at: At, notes: list[str]) -> None:
    nothing = Instrument(900000901, "NONE")
    day = at(TUESDAY, nothing)
    assert day.pull(AAPL, nothing)["symbol"].unique().tolist() == ["AAPL"]
    assert any("No bars of 30 mins of NONE STK USD" in line for line in notes)


def test_midpoints_have_no_volume(at: At) -> None:
    assert at(TUESDAY).pull(AAPL, what="MIDPOINT")["volume"].isna().all()


@pytest.mark.parametrize("what", ["TRADES", "ADJUSTED_LAST", "BID_ASK"])
def test_days_are_the_brokers_and_asked_for_once(at: At, what: Any) -> None:
    def pull(day: Day, **options: Any) -> pd.DataFrame:
        frame = pull_daily_history(universe_of(AAPL, KO), day.broker, day.run, day.store, 10, what, **options)
        return DailyBars.validate(frame)

    at_first = at(FRIDAY)
    pull(at_first)
    day = at(TUESDAY)
    ours = pull(day)
    assert [asked[:2] for asked in day.asked] == [("1 day", "2 D")] * 2
    theirs = pull_daily_bars(universe_of(AAPL, KO), day.broker, day.run, count=10, what=what)
    pd.testing.assert_frame_equal(ours, theirs)
    past = at(FRIDAY, past=True)
    assert pull(past)["session"].max() == pd.Timestamp("2022-12-23")
    assert past.asked == []
