"""What people are told: on a phone first, once, and not more often than they asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from schemas.audit import Alerts, FileWrites
from schemas.frame import schema_of
from tasks.alerts import send_alert, send_digest
from tasks.connections.clock import ManualClock
from tasks.connections.notify import Notifier
from tasks.connections.problems import ConnectionProblem, DataProblem
from tasks.run import Run

HOUR = timedelta(hours=1)


@pytest.fixture
def notifier(tmp_path: Path) -> Notifier:
    return Notifier(
        "alerts", Notifier.Settings.model_validate({"channels": {"desk": "log://", "ops": "log://"}}), tmp_path
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock("2022-12-28 20:45")


@pytest.fixture
def run(tmp_path: Path, clock: ManualClock) -> Run:
    return Run("run-1", "beta_hedge", date(2022, 12, 28), "notify", "key", clock, root=tmp_path)


def one(frame: pd.DataFrame) -> dict[str, object]:
    (row,) = schema_of(Alerts).validate(frame).to_dict("records")
    return row


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The titles that the channels were told, in order."""
    return [each.getMessage().partition("\n")[0] for each in caplog.records if each.name == "hedgerow.alerts"]


@pytest.fixture
def hedge(hedges: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    numbers = {"portfolio_value": 1_000_000.0, "portfolio_beta": 0.5, "beta_exposure": 500_000.0}
    trade = {"con_id": 756733, "symbol": "SPY", "price": 378.0, "quantity": -1234.0, "notional": -466_452.0}
    return hedges({**trade, **numbers, "hedged_exposure": 480_000.0, "positions": 3, "covered_positions": 2})


def test_a_hedge_is_told_by_its_trade_its_figures_and_what_explains_it(notifier, run, hedge, caplog):
    alert = one(send_alert(hedge, notifier, run, "desk", "Beta hedge", "Please look."))
    assert (alert["to"], alert["by"], alert["status"], alert["rows"]) == ("desk", "log", "logged", 1)
    assert alert["time"] == pd.Timestamp("2022-12-28 20:45Z")
    lines = alert["body"].split("\n")
    assert lines[:2] == ["Please look.", "Sell 1,234 SPY at 378 USD (mid, live), 466,452.00 USD in all."]
    told = dict(line.split("  ", 1) for line in lines[3:-2])
    assert {name: value.strip() for name, value in told.items()} == {
        "quantity": "-1,234",
        "price": "378 USD",
        "notional": "-466,452.00 USD",
        "book": "1,000,000.00 USD",
        "beta": "0.500",
        "beta exposure": "500,000.00 USD",
        "can be hedged": "480,000.00 USD",
        "left after it": "13,548.00 USD",
        "covered": "2 of 3 positions",
    }
    assert lines[-1] == "Why: hedgerow explain run-1 notify"
    assert max(map(len, lines[3:])) <= 40, "a phone shows no more in a line"
    assert "desk: Beta hedge\nPlease look." in caplog.text


def test_the_command_names_the_desks_profile(notifier, run, hedge):
    alert = one(send_alert(hedge, notifier, replace(run, profile="paper"), "desk", "Beta hedge"))
    assert alert["body"].endswith("hedgerow explain run-1 notify --desk paper")


def test_only_the_first_rows_and_the_columns_that_fit_are_shown(notifier, run, prices):
    days = pd.date_range("2022-12-01", periods=12)
    frame = prices(*({"con_id": 1, "session": day, "close": 100.0 + n} for n, day in enumerate(days)))
    wide = frame.assign(**{f"another_column_{n}": 1.5 for n in range(9)})
    alert = one(send_alert(wide, notifier, run, "desk", "Prices"))
    lines = alert["body"].split("\n")
    assert lines[0] == "12 rows."
    assert lines[2].split() == ["con_id", "symbol", "session", "close", "another_column_0", "another_column_1"]
    assert lines[3].split()[:4] == ["1", "C1", "2022-12-01", "100"]
    assert len(lines) == 3 + 10 + 3
    assert lines[13] == "… and 2 more rows and 7 more columns"
    assert max(map(len, lines)) <= 76
    assert alert["rows"] == 12


def test_a_row_of_another_kind_is_told_field_by_field(notifier, run, prices):
    frame = prices({"con_id": 7, "session": pd.Timestamp("2022-12-28"), "close": 12.5})
    lines = one(send_alert(frame, notifier, run, "desk", "A price"))["body"].split("\n")
    assert lines[:4] == ["con id   7", "symbol   C7", "session  2022-12-28", "close    12.5"]


def test_a_failure_names_the_steps_that_failed_and_why(notifier, run):
    failed = replace(run, failures={"prices": "`gateway` is away.", "save": "The disk is full."})
    alert = one(send_alert(None, notifier, failed, "desk", "beta_hedge failed"))
    assert alert["body"] == (
        "prices: `gateway` is away.\nsave: The disk is full.\n\nWhy: hedgerow explain run-1 notify"
    )
    assert alert["rows"] == 0


def test_within_its_cooldown_a_matter_is_counted_and_not_told(notifier, run, clock, caplog):
    def alert(number: int, title: str = "Stale quotes") -> dict[str, object]:
        return one(send_alert(None, notifier, replace(run, key=f"k{number}"), "desk", title, cooldown=HOUR))

    assert alert(1)["status"] == "logged"
    clock.advance("20min")
    assert alert(2)["status"] == "held"
    assert alert(3)["reason"] == "told of at 20:45:00 UTC: no more until 2022-12-28 21:45:00 UTC"
    assert alert(4, "Another matter")["status"] == "logged"
    clock.advance("40min")
    again = alert(5)
    assert again["status"] == "logged"
    assert again["body"].startswith("2 alerts like this held back since 2022-12-28 20:45 UTC.")
    clock.advance("1h")
    assert "held back" not in alert(6)["body"], "they are counted once"
    assert said(caplog) == ["desk: Stale quotes", "desk: Another matter", *["desk: Stale quotes"] * 2]


def test_a_cooldown_is_known_to_the_next_process(notifier, run, clock, tmp_path):
    send_alert(None, notifier, run, "desk", "Stale quotes", cooldown=HOUR)
    clock.advance("1min")
    other = Notifier("alerts", notifier.settings, tmp_path)
    assert (
        one(send_alert(None, other, replace(run, key="k2"), "desk", "Stale quotes", cooldown=HOUR))["status"] == "held"
    )


def test_a_market_that_is_run_again_is_told_of_again(notifier, run, hedge):
    """A simulated desk goes back in time: what was told later than now is another story."""
    send_alert(hedge, notifier, run, "desk", "Hedge", cooldown=HOUR)
    earlier = replace(run, key="k2", clock=ManualClock("2022-12-28 20:30"))
    assert one(send_alert(hedge, notifier, earlier, "desk", "Hedge", cooldown=HOUR))["status"] == "logged"


def test_alerts_of_a_period_go_in_one_message(notifier, run, clock, caplog):
    def alert(number: int, title: str) -> dict[str, object]:
        return one(
            send_alert(None, notifier, replace(run, key=f"k{number}"), "ops", title, f"no {number}", digest=HOUR)
        )

    assert alert(1, "First")["status"] == "logged", "nobody waits for the first"
    for number, title in ((2, "Break"), (3, "Break"), (4, "Late")):
        clock.advance("10min")
        assert alert(number, title)["status"] == "waiting"
    assert "3 in wait for a digest since 2022-12-28 20:55 UTC" in notifier.check_health()
    clock.advance("1h")
    last = alert(5, "Last")
    assert (last["status"], last["rows"]) == ("logged", 4)
    assert last["title"] == "4 alerts: Break (2 times), Late, Last"
    assert [f"no {number}" in last["body"] for number in (1, 2, 3, 4, 5)] == [False, True, True, True, True]
    assert notifier.check_health() == "reaches desk by log; ops by log"
    assert said(caplog) == ["ops: First", "ops: 4 alerts: Break (2 times), Late, Last"]


def test_a_digest_sends_what_waits_and_only_that(notifier, run, clock, caplog):
    assert send_digest(notifier, run, "ops").empty
    for number in (1, 2, 3):
        send_alert(
            None, notifier, replace(run, key=f"k{number}"), "ops", f"No {number}", digest=HOUR, severity="warning"
        )
    send_alert(None, notifier, replace(run, key="other"), "desk", "Other", digest=HOUR)
    alert = one(send_digest(notifier, replace(run, key="digest"), "ops"))
    assert (alert["title"], alert["severity"]) == ("2 alerts: No 2, No 3", "warning")
    schema_of(Alerts).validate(send_digest(notifier, replace(run, key="again"), "ops"))
    assert said(caplog) == ["ops: No 1", "desk: Other", "ops: 2 alerts: No 2, No 3"]


def test_a_digest_that_reaches_nobody_goes_on_waiting(notifier, run, tmp_path):
    away = Notifier("alerts", Notifier.Settings.model_validate({"channels": {"ops": "json://127.0.0.1:9"}}), tmp_path)
    for number in (1, 2):
        send_alert(None, notifier, replace(run, key=f"k{number}"), "ops", f"No {number}", digest=HOUR)
    with pytest.raises(ConnectionProblem, match="reached nobody at `ops`: webhook: the connection is refused"):
        send_digest(away, replace(run, key="digest"), "ops")
    assert one(send_digest(notifier, replace(run, key="digest"), "ops"))["title"] == "No 2"
    assert send_digest(notifier, replace(run, key="next"), "ops").empty


def test_an_alert_that_reached_nobody_holds_nothing_back(notifier, run, tmp_path):
    away = Notifier("alerts", Notifier.Settings.model_validate({"channels": {"desk": "json://127.0.0.1:9"}}), tmp_path)
    with pytest.raises(ConnectionProblem):
        send_alert(None, away, run, "desk", "Stale quotes", cooldown=HOUR)
    alert = one(send_alert(None, notifier, replace(run, key="k2"), "desk", "Stale quotes", cooldown=HOUR))
    assert alert["status"] == "logged"


def test_a_cooldown_and_a_digest_are_two_things(notifier, run):
    with pytest.raises(DataProblem, match="either held back for its `cooldown` or waits for a `digest`"):
        send_alert(None, notifier, run, "desk", "x", cooldown=HOUR, digest=HOUR)


def test_a_file_that_is_not_there_is_refused_before_anything_is_said(notifier, run, caplog):
    files = pd.DataFrame({"path": ["report.html"], "title": ["x"], "bytes": [1], "sha256": ["0"]})
    with pytest.raises(DataProblem, match=r"There is no file to attach: plot.png, report.html"):
        send_alert(None, notifier, run, "desk", "x", attach=["plot.png"], files=schema_of(FileWrites).validate(files))
    assert said(caplog) == []


def test_files_that_no_mail_server_takes_are_left_out_and_named(notifier, run, tmp_path, notes):
    (tmp_path / "small.png").write_bytes(b"x")
    with (tmp_path / "large.html").open("wb") as file:
        file.truncate(20_000_000)
    send_alert(None, notifier, run, "desk", "x", attach=["small.png", "large.html"])
    assert notes == ["large.html isn't attached: with it the files would be over 20 MB"]
