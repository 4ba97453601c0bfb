"""When somebody is told of a breach, how often, and when it is over."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from schemas.frame import schema_of
from schemas.limits import UNITS, LimitEvents, LimitStates
from tasks.connections.clock import ManualClock
from tasks.connections.problems import DataProblem
from tasks.limits import hold_limits
from tasks.run import Run

CLOCK_AT = "2022-12-28T15:00Z"


def figures(**values: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "figure": pd.Categorical(list(values)),
            "value": list(values.values()),
            "unit": pd.Categorical(["money"] * len(values), categories=UNITS),
            "currency": pd.Categorical(["USD"] * len(values)),
            "detail": np.array(["252 sessions"] * len(values), dtype=object),
            "time": pd.DatetimeIndex([CLOCK_AT] * len(values)).as_unit("ns"),
        }
    )


class Day:
    """A day of measuring, minute by minute."""

    def __init__(self, **options) -> None:
        self.clock = ManualClock(CLOCK_AT)
        self.run = Run("r", "p", date(2022, 12, 28), clock=self.clock)
        self.options = {"limits": {"cvar_95": 100.0}, **options}
        self.states = None

    def at(self, minutes: float, **values: float) -> list[str]:
        """Measure, so long after the last time; what is told."""
        self.clock.advance(f"{minutes} min")
        found = hold_limits.function(figures(**values), self.run, previous=self.states, **self.options)
        schema_of(LimitStates).validate(found.states)
        schema_of(LimitEvents).validate(found.events)
        self.states = found.states
        return found.events["event"].astype(str).tolist()


def test_a_breach_is_told_once_and_so_is_its_end():
    day = Day()
    told = [day.at(1, cvar_95=value) for value in (99, 100, 101, 105, 99, 91, 90, 50)]
    assert told == [[], [], ["breach"], [], [], [], ["recovery"], []]


def test_what_swings_about_its_limit_is_told_once():
    day = Day()
    told = [day.at(1, cvar_95=value) for value in (101, 99, 101, 99, 101, 99)]
    assert told == [["breach"], [], [], [], [], []]


def test_while_it_lasts_somebody_is_reminded_and_then_somebody_else():
    day = Day(remind=timedelta(minutes=30), escalate=timedelta(hours=1))
    told = [day.at(10, cvar_95=150) for _ in range(10)]
    assert told == [["breach"], [], [], ["reminder"], [], [], ["escalation"], [], [], ["escalation"]]
    assert day.states["tellings"].tolist() == [4]
    assert day.at(1, cvar_95=10) == ["recovery"]
    assert day.states["tellings"].tolist() == [0]


def test_a_figure_that_cant_be_told_for_long_is_an_event_of_its_own_and_no_recovery():
    day = Day(settle=timedelta(minutes=1))
    assert day.at(1, cvar_95=np.nan) == []
    assert day.at(0.5, cvar_95=np.nan) == []
    assert day.at(0.5, cvar_95=np.nan) == ["unknown"]
    assert day.at(5, cvar_95=np.nan) == []
    assert day.at(1, cvar_95=150) == ["breach"]
    assert day.at(1, cvar_95=np.nan) == []
    assert day.at(1, cvar_95=np.nan) == ["unknown"]
    assert day.at(1, cvar_95=50) == ["recovery"]


def test_a_gap_of_a_moment_is_told_to_nobody():
    day = Day()
    assert [day.at(0.1, cvar_95=value) for value in (np.nan, 50, np.nan, 50)] == [[], [], [], []]


def test_long_and_short_are_held_by_their_size_where_it_is_asked():
    day = Day(limits={"net": 100.0}, both_ways=["net"])
    assert day.at(1, net=-150) == ["breach"]
    assert day.at(1, net=95) == []
    assert day.at(1, net=-10) == ["recovery"]


def test_each_figure_has_its_own_state():
    day = Day(limits={"var_95": 50.0, "cvar_95": 100.0})
    assert day.at(1, var_95=60, cvar_95=90, gross=1e9) == ["breach"]
    assert day.states["figure"].tolist() == ["var_95", "cvar_95"]
    assert day.states["status"].tolist() == ["breached", "inside"]


@pytest.mark.parametrize(
    ("limits", "said"),
    [({"cvar_99": 1.0}, "cvar_99: no such figure is measured"), ({"cvar_95": 0.0}, "isn't positive")],
)
def test_a_limit_on_nothing_and_one_of_nothing_are_refused(limits, said):
    with pytest.raises(DataProblem, match=said):
        Day(limits=limits).at(1, cvar_95=5)
