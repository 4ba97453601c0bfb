"""What people are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from schemas.audit import Alerts
from schemas.frame import schema_of
from tasks.alerts import send_alert
from tasks.connections.clock import ManualClock
from tasks.connections.notify import Notifier
from tasks.run import Run

NOTIFIER = Notifier("alerts", Notifier.Settings(channels={"desk": "log://"}), Path())
RUN = Run("run-1", "beta_hedge", date(2022, 12, 28), "notify", "key", ManualClock("2022-12-28 20:45"))


def test_a_hedge_is_told_value_by_value(hedges: Callable[..., pd.DataFrame], caplog: pytest.LogCaptureFixture) -> None:
    frame = hedges({"con_id": 756733, "price": 378.0, "quantity": -1234.0, "symbol": "SPY"})
    told = schema_of(Alerts).validate(send_alert(frame, NOTIFIER, RUN, "desk", "Beta hedge", "Please look."))
    (alert,) = told.to_dict("records")
    assert alert["to"] == "desk"
    assert alert["status"] == "logged"
    assert alert["rows"] == 1
    assert alert["time"] == pd.Timestamp("2022-12-28 20:45Z")
    lines = alert["body"].split("\n")
    assert lines[0] == "Please look."
    assert [line.split()[1] for line in lines if line.startswith("quantity")] == ["-1,234"]
    assert [line.split()[1] for line in lines if line.startswith("symbol")] == ["SPY"]
    assert "desk: Beta hedge\nPlease look." in caplog.text


def test_only_the_first_rows_are_shown(prices: Callable[..., pd.DataFrame]) -> None:
    days = pd.date_range("2022-12-01", periods=12)
    frame = prices(*({"con_id": 1, "session": day, "close": 100.0 + n} for n, day in enumerate(days)))
    (alert,) = send_alert(frame, NOTIFIER, RUN, "desk", "Prices").to_dict("records")
    lines = alert["body"].split("\n")
    assert lines[0].split() == ["con_id", "symbol", "session", "close"]
    assert len(lines) == 12
    assert lines[-1] == "… and 2 more rows"
    assert alert["rows"] == 12


def test_a_failure_has_no_frame_to_show() -> None:
    (alert,) = send_alert(None, NOTIFIER, RUN, "desk", "beta_hedge failed").to_dict("records")
    assert alert["body"] == ""
    assert alert["rows"] == 0
