"""Channels: the log, addresses that can't be read, and who has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.connections.notify import Notifier
from tasks.connections.notify_message import Message
from tasks.connections.problems import DeadlinePassed, Problem
from tasks.connections.scope import Deadline, Scope, entered


def notifier(folder: Path, **channels: object) -> Notifier:
    return Notifier("alerts", Notifier.Settings.model_validate({"channels": channels}), folder)


def test_a_channel_of_the_log_warns_there(tmp_path, caplog, notes):
    (told,) = notifier(tmp_path, desk="log://").send("desk", Message("Beta hedge", "sell 12 SPY"))
    assert (told.by, told.status) == ("log", "logged")
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("WARNING", "desk: Beta hedge\nsell 12 SPY")
    ]
    assert notes == []


def test_a_name_without_a_channel_is_logged_and_said(tmp_path, caplog, notes):
    (told,) = notifier(tmp_path).send("oncall", Message("It failed", ""))
    assert told.status == "logged"
    assert "oncall: It failed" in caplog.text
    assert notes == ["`alerts` has no channel for `oncall`: the alert is in the log only"]


def test_what_is_no_address_is_refused_without_being_quoted():
    with pytest.raises(ValidationError) as told:
        Notifier.Settings.model_validate({"channels": {"oncall": ["log://", "hunter2-token"]}})
    (error,) = told.value.errors()
    assert error["loc"] == ("channels", "oncall", 1)
    assert error["msg"].endswith(
        "not the address of a service: one begins as in mailtos://, twilio://, slack:// or log://"
    )


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            "carrier-pigeon://hunter2@loft",
            "by carrier-pigeon: `carrier-pigeon://` is no service that Apprise knows",
        ),
        ("twilio://hunter2secret:hunter2token@+15550001111", "by sms: its twilio:// address is incomplete or wrong"),
        ("slack://hunter2secret", "by slack: its slack:// address is incomplete or wrong"),
        ("jsons://:hunter2secret@", "by webhook: its jsons:// address is incomplete or wrong"),
    ],
)
def test_the_desks_health_names_addresses_that_cannot_be_read(tmp_path, address, words, caplog):
    with pytest.raises(Problem) as told:
        notifier(tmp_path, desk=["log://", address]).check_health()
    assert words in str(told.value)
    assert "hunter2" not in str(told.value) + caplog.text


def test_health_says_who_is_reached_and_by_what(tmp_path):
    desk = ["mailtos://u:p@mail.example.com?to=a@example.com", "jsons://a.example.com", "jsons://b.example.com"]
    healthy = notifier(tmp_path, desk=desk, oncall="log://").check_health()
    assert healthy == "reaches desk by mail, webhook, webhook 2; oncall by log"
    assert notifier(tmp_path).check_health() == "no channels: alerts are in the log only"
    assert not list(tmp_path.iterdir()), "asking leaves nothing behind"


def test_a_step_out_of_time_tells_nobody(tmp_path, caplog):
    deadline = Deadline()
    deadline.abandon()
    with entered(Scope(deadline=deadline)), pytest.raises(DeadlinePassed):
        notifier(tmp_path, desk="log://").send("desk", Message("late", ""))
    assert not caplog.records
