"""Alerts go to the log, and who has no channel is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.connections.notify import Notifier
from tasks.connections.problems import DeadlinePassed
from tasks.connections.scope import Deadline, Scope, entered


def notifier(**channels: str) -> Notifier:
    return Notifier("alerts", Notifier.Settings(channels=channels), Path())


def test_a_channel_of_the_log_warns_there(caplog: pytest.LogCaptureFixture, notes: list[str]) -> None:
    assert notifier(desk="log://").send("desk", "Beta hedge", "sell 12 SPY") == "logged"
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("WARNING", "desk: Beta hedge\nsell 12 SPY")
    ]
    assert notes == []


def test_a_name_without_a_channel_is_logged_and_said(caplog: pytest.LogCaptureFixture, notes: list[str]) -> None:
    assert notifier().send("oncall", "It failed", "") == "logged"
    assert "oncall: It failed" in caplog.text
    assert notes == ["`alerts` has no channel for `oncall`: the alert is in the log only"]


def test_other_services_are_refused_without_their_passwords() -> None:
    with pytest.raises(ValidationError) as told:
        Notifier.Settings(channels={"oncall": "twilio://account:token@from/to"})
    message = told.value.errors()[0]["msg"]
    assert "channel `oncall` can't be reached: twilio isn't supported yet, only log:// is" in message


def test_a_step_out_of_time_tells_nobody(caplog: pytest.LogCaptureFixture) -> None:
    deadline = Deadline()
    deadline.abandon()
    with entered(Scope(deadline=deadline)), pytest.raises(DeadlinePassed):
        notifier().send("desk", "late", "")
    assert not caplog.records
