"""Text messages, chats and webhooks, as their services get them, and what is said when they don't take one."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.connections.notify import Notifier
from tasks.connections.notify_message import Message
from tasks.connections.problems import ConnectionProblem

SID, TOKEN = f"AC{'3f' * 16}", "9e" * 16
SMS = f"twilio://{SID}:{TOKEN}@+15550001111/+15550002222"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts"
MESSAGE = Message(
    "Beta hedge",
    "Sell 12 SPY.\n\nbeta  0.500\n\nWhy: hedgerow explain run-1",
    "Sell 12 SPY.\n\n```\nbeta  0.500\n```\n\nWhy: `hedgerow explain run-1`",
    "<p>Sell 12 SPY.</p>",
    "Beta hedge: Sell 12 SPY − R² 0.5… hedgerow explain run-1",
    key="0123abcd",
)


@pytest.fixture
def notifier(tmp_path: Path, trusted: None):
    def make(*addresses: str, timeout: str = "5s") -> Notifier:
        settings = {"channels": {"desk": list(addresses)}, "timeout": timeout}
        return Notifier("alerts", Notifier.Settings.model_validate(settings), tmp_path)

    return make


def test_a_text_message_is_short_and_in_plain_letters(web, notifier):
    web.answers = [(201, '{"sid": "SM1", "status": "queued"}')]
    (told,) = notifier(SMS).send("desk", MESSAGE)
    assert (told.by, told.status) == ("sms", "sent")
    (asked,) = web.requests
    assert (asked.host, asked.path) == ("api.twilio.com", f"/2010-04-01/Accounts/{SID}/Messages.json")
    assert asked.headers["Authorization"] == f"Basic {base64.b64encode(f'{SID}:{TOKEN}'.encode()).decode()}"
    assert asked.form == {
        "From": "+15550001111",
        "To": "+15550002222",
        "Body": "Beta hedge: Sell 12 SPY - R2 0.5... hedgerow explain run-1",
    }


def test_twilios_own_words_are_told_and_no_number_or_key(web, notifier, caplog):
    web.answers = [(401, json.dumps({"code": 20003, "message": f"Authenticate: no {TOKEN} of {SID}"}))]
    with pytest.raises(ConnectionProblem) as told:
        notifier(SMS).send("desk", MESSAGE)
    assert "sms: " in str(told.value)
    assert "Authenticate: no … of …, error=20003" in str(told.value)
    for secret in (SID, TOKEN, "15550002222"):
        assert secret not in str(told.value) + caplog.text


def test_slack_shows_the_figures_as_code_in_the_severitys_colour(web, notifier):
    (told,) = notifier(SLACK).send("desk", replace(MESSAGE, severity="critical"))
    assert (told.by, told.status) == ("slack", "sent")
    (asked,) = web.requests
    assert (asked.host, asked.path) == ("hooks.slack.com", "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    assert asked.json["channel"] == "#alerts"
    (shown,) = asked.json["attachments"]
    assert shown["title"] == "Beta hedge"
    assert "```\nbeta  0.500\n```" in shown["text"]
    assert shown["color"] == "#A32037"
    assert shown["footer"] == "Hedgerow"
    assert "http" not in asked.content.decode(), "it shows no picture from elsewhere"


def test_teams_is_told_by_its_workflow(web, notifier):
    address = f"workflows://127.0.0.1:{web.port}/0123456789abcdef/Signature-9f8e7d"
    web.answers = [(202, "")]
    # The address is the proxy's own: it is asked to connect to itself.
    (told,) = notifier(address).send("desk", MESSAGE)
    assert (told.by, told.status) == ("teams", "sent")
    (asked,) = web.requests
    assert "/workflows/0123456789abcdef/" in asked.path
    assert "sig=Signature-9f8e7d" in asked.path
    assert "Sell 12 SPY." in asked.content.decode()


def test_a_webhook_gets_plain_json_and_the_files(web, notifier, tmp_path):
    (tmp_path / "report.html").write_text("<h1>Hedge</h1>")
    files = (tmp_path / "report.html",)
    (told,) = notifier(f"json://127.0.0.1:{web.port}/hook/42").send("desk", replace(MESSAGE, files=files))
    assert (told.by, told.status, told.reason) == ("webhook", "sent", "")
    (asked,) = web.requests
    assert asked.path == "/hook/42"
    assert (asked.json["title"], asked.json["message"], asked.json["type"]) == ("Beta hedge", MESSAGE.text, "info")
    (file,) = asked.json["attachments"]
    assert (file["filename"], base64.b64decode(file["base64"])) == ("report.html", b"<h1>Hedge</h1>")


def test_a_service_that_takes_no_files_is_told_without_and_it_is_said(web, notifier, tmp_path):
    (tmp_path / "report.html").write_text("x")
    (told,) = notifier(SLACK).send("desk", replace(MESSAGE, files=(tmp_path / "report.html",)))
    assert (told.status, told.reason) == ("sent", "slack takes no files: report.html")


@pytest.mark.parametrize(
    ("answer", "reason"), [((0, ""), "it doesn't answer in time"), ((-1, ""), "it breaks the connection off")]
)
def test_one_that_may_have_been_told_is_told_again_with_a_remark(web, notifier, answer, reason):
    web.answers = [answer]
    desk = notifier(f"json://127.0.0.1:{web.port}/", timeout="300ms")
    with pytest.raises(ConnectionProblem, match=f"webhook: {reason}"):
        desk.send("desk", MESSAGE)
    (told,) = desk.send("desk", MESSAGE)
    assert told.reason == "sent again: it isn't known whether it arrived before"
    first, second = web.requests
    assert "may be a repeat" not in first.json["message"]
    assert second.json["message"].endswith("This may be a repeat: it isn't known whether it arrived the first time.")


def test_one_that_said_no_is_told_again_without_a_remark(web, notifier):
    web.answers = [(503, "busy")]
    desk = notifier(f"json://127.0.0.1:{web.port}/")
    with pytest.raises(ConnectionProblem, match="error=503"):
        desk.send("desk", MESSAGE)
    (told,) = desk.send("desk", MESSAGE)
    assert told.reason == ""
    assert web.requests[1].json["message"] == MESSAGE.text


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("json://127.0.0.1:9/hunter2-planted-key", "the connection is refused"),
        ("jsons://example.invalid/hunter2-planted-key", "the connection is refused"),
    ],
)
def test_why_a_service_is_away_is_told_without_its_key(notifier, monkeypatch, address, reason, caplog):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(ConnectionProblem, match=f"webhook: {reason}") as told:
        notifier(address).send("desk", MESSAGE)
    assert "hunter2" not in str(told.value) + caplog.text


def test_a_certificate_that_nobody_vouches_for_is_refused(web, notifier, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(ConnectionProblem, match="slack: its certificate isn't trusted"):
        notifier(SLACK).send("desk", MESSAGE)
    assert web.requests == []


def test_each_is_asked_whatever_the_others_do(web, notifier, notes):
    web.answers = [(404, "no_service"), (201, "{}")]
    slack, sms, bad = notifier(SLACK, SMS, "slack://").send("desk", MESSAGE)
    assert (slack.status, sms.status, bad.status) == ("failed", "sent", "failed")
    assert bad.by == "slack 2"
    assert bad.reason.startswith("its slack:// address is incomplete or wrong")
    assert [line.partition(":")[0] for line in notes] == ["desk by slack", "desk by slack 2"]
