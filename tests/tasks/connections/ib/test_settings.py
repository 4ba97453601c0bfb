from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.problems import Refused


def test_a_real_gateway_needs_a_port() -> None:
    with pytest.raises(ValidationError, match="give the gateway's `port`, or `simulated: true`"):
        Settings()
    assert Settings(port=4002).timeout == timedelta(seconds=10)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"simulated": True, "clock": "wall"}, "a simulated market keeps its own time"),
        ({"simulated": True, "port": 4002}, "takes a free port"),
        ({"simulated": True, "at": "2022-12-28T15:45"}, "say the zone"),
        ({"simulated": True, "at": "yesterday"}, "expected a moment such as"),
        ({"simulated": True, "speed": -1.0}, "greater than or equal to 0"),
        ({"port": 4002, "market_data": "free"}, "'live' or 'delayed'"),
        ({"port": 70000}, "less than or equal to 65535"),
        ({"port": 4002, "timeout": "soon"}, "expected a duration"),
        ({"port": 4002, "clientid": 3}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_be(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings(**keys)


def test_the_simulated_clock_is_there_before_connecting(tmp_path: Path) -> None:
    clock = Broker("gateway", Settings(simulated=True), tmp_path).clock()
    assert clock is not None
    # the close of the data's last session is 16:00 in New York
    assert clock.now() == pd.Timestamp("2022-12-28 15:45", tz="America/New_York")


def test_simulated_time_starts_where_it_is_told(tmp_path: Path) -> None:
    settings = Settings(simulated=True, at="2020-03-12T10:00-04:00")
    assert settings.at is not None
    assert settings.at.astimezone(UTC) == datetime(2020, 3, 12, 14, tzinfo=UTC)
    clock = Broker("gateway", settings, tmp_path).clock()
    assert clock is not None
    assert clock.now() == pd.Timestamp("2020-03-12T14:00Z")


def test_a_moment_without_prices_is_refused(tmp_path: Path) -> None:
    broker = Broker("gateway", Settings(simulated=True, at="2024-01-03T15:00Z"), tmp_path)
    with pytest.raises(Refused, match=r"no prices at 2024-01-03.*to 2022-12-28"):
        broker.clock()


def test_a_real_gateway_leaves_the_clock_to_the_wall(tmp_path: Path) -> None:
    assert Broker("gateway", Settings(port=4002), tmp_path).clock() is None
