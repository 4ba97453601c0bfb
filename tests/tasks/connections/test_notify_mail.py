"""Mail, handed to a real mail server: secured, logged in, complete; and what is said when the server objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.connections.notify import Notifier
from tasks.connections.notify_message import Message
from tasks.connections.problems import ConnectionProblem

MESSAGE = Message(
    "Beta hedge 2022-12-28 − short",
    "Sell 12 SPY.\n\n.A line that begins with a dot.",
    html="<p>Sell 12 <b>SPY</b>.</p>",
    severity="critical",
    key="0123abcd",
)
WRITTEN = "pa55%20w0rd%2F%40"


@pytest.fixture
def notifier(tmp_path: Path):
    def make(*addresses: str, timeout: str = "5s") -> Notifier:
        settings = {"channels": {"desk": list(addresses)}, "timeout": timeout}
        return Notifier("alerts", Notifier.Settings.model_validate(settings), tmp_path)

    return make


def to(server, scheme="mailtos", login=f"desk:{WRITTEN}@", people="ann@example.com", more=""):
    return f"{scheme}://{login}127.0.0.1:{server.port}?from=hedgerow@example.com&to={people}{more}"


@pytest.mark.parametrize(("secured", "more"), [("starttls", ""), ("tls", "&mode=ssl")])
def test_mail_is_whole_secured_and_logged_in(mail_server, notifier, trusted, tmp_path, secured, more):
    server = mail_server(secured)
    (tmp_path / "report.html").write_text("<h1>Beta hedge</h1>")
    (tmp_path / "plot.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00.\r\n.")
    files = (tmp_path / "report.html", tmp_path / "plot.png")
    address = to(server, people="ann@example.com,bob@example.com", more=f"&cc=eve@example.com&name=Hedgerow{more}")
    (told,) = notifier(address).send("desk", Message(**{**vars(MESSAGE), "files": files}))
    assert (told.by, told.status, told.reason) == ("mail", "sent", "")
    assert server.was_encrypted == [True]
    (mail,) = server.mails
    assert server.recipients == [["ann@example.com", "bob@example.com", "eve@example.com"]]
    assert mail["Subject"] == "Beta hedge 2022-12-28 − short"
    assert mail["From"] == "Hedgerow <hedgerow@example.com>"
    assert (mail["To"], mail["Cc"]) == ("ann@example.com, bob@example.com", "eve@example.com")
    assert mail["Message-ID"] == "<0123abcd@example.com>"
    assert (mail["Importance"], mail["Auto-Submitted"]) == ("high", "auto-generated")
    assert mail["Date"]
    assert mail.get_body(("plain",)).get_content().splitlines() == MESSAGE.text.splitlines()
    assert mail.get_body(("html",)).get_content().splitlines() == [MESSAGE.html]
    parts = list(mail.iter_attachments())
    assert {part.get_filename(): (part.get_content_type(), part.get_payload(decode=True)) for part in parts} == {
        "report.html": ("text/html", b"<h1>Beta hedge</h1>"),
        "plot.png": ("image/png", b"\x89PNG\r\n\x1a\n\x00.\r\n."),
    }


def test_a_server_without_tls_or_password_is_spoken_to_plainly(mail_server, notifier):
    server = mail_server("no")
    notifier(to(server, "mailto", login="")).send("desk", MESSAGE)
    assert server.was_encrypted == [False]


def test_a_certificate_that_nobody_vouches_for_is_refused(mail_server, notifier):
    server = mail_server()
    with pytest.raises(ConnectionProblem, match=r"the certificate of 127.0.0.1:\d+ isn't trusted: "):
        notifier(to(server)).send("desk", MESSAGE)
    assert server.mails == []


def test_a_wrong_password_is_said_and_not_quoted(mail_server, notifier, trusted, caplog):
    server = mail_server()
    with pytest.raises(ConnectionProblem) as told:
        notifier(to(server, login="desk:hunter2-planted@")).send("desk", MESSAGE)
    assert f"mail: 127.0.0.1:{server.port} doesn't take the name and password (535" in str(told.value)
    assert "hunter2" not in str(told.value) + caplog.text
    assert "Sell 12 SPY." in caplog.text, "who is not reached can still read it in the log"


def test_a_password_never_goes_unprotected_to_another_machine(notifier):
    with pytest.raises(ConnectionProblem, match=r"the password would go to mail\.example\.com unprotected"):
        notifier("mailto://desk:secret@mail.example.com?to=ann@example.com").send("desk", MESSAGE)


def test_a_recipient_that_is_refused_is_named_and_the_others_get_it(mail_server, notifier, trusted, notes):
    server = mail_server()
    (told,) = notifier(to(server, people="ann@example.com,nobody@example.com")).send("desk", MESSAGE)
    assert told.status == "sent"
    assert told.reason == "not to nobody@example.com (550 5.1.1 no such user here)"
    assert notes == [f"desk by mail: {told.reason}"]
    assert server.recipients == [["ann@example.com"]]
    with pytest.raises(ConnectionProblem, match=r"doesn't take mail to nobody@example.com \(550 5.1.1 no such user"):
        notifier(to(server, people="nobody@example.com")).send("desk", Message(**{**vars(MESSAGE), "key": "other"}))


def test_where_one_server_is_away_the_other_is_asked(mail_server, notifier, trusted, notes):
    server = mail_server()
    first, second = notifier("mailtos://desk:x@127.0.0.1:9?from=a@example.com&to=ann@example.com", to(server)).send(
        "desk", MESSAGE
    )
    assert (first.by, first.status, first.reason) == ("mail", "failed", "127.0.0.1:9 refuses the connection")
    assert (second.by, second.status) == ("mail 2", "sent")
    assert notes == ["desk by mail: 127.0.0.1:9 refuses the connection"]
    assert len(server.mails) == 1


def test_a_repeat_goes_only_where_it_is_not_known_to_have_arrived(mail_server, notifier, trusted):
    one, other = mail_server(), mail_server()
    other.answers = ["451 try again later"]
    desk = notifier(to(one), to(other))
    assert [each.status for each in desk.send("desk", MESSAGE)] == ["sent", "failed"]
    again = desk.send("desk", MESSAGE)
    assert [each.status for each in again] == ["sent", "sent"]
    assert again[0].reason == "had it already: not sent again"
    assert (len(one.mails), len(other.mails)) == (1, 1)


def test_a_connection_lost_before_the_answer_is_tried_again_under_the_same_id(mail_server, notifier, trusted):
    server = mail_server()
    server.answers = ["hang up"]
    desk = notifier(to(server))
    with pytest.raises(ConnectionProblem, match="breaks the connection off"):
        desk.send("desk", MESSAGE)
    (told,) = desk.send("desk", MESSAGE)
    assert told.reason == "sent again: it isn't known whether it arrived before"
    assert [mail["Message-ID"] for mail in server.mails] == ["<0123abcd@example.com>"]


def test_a_title_cannot_write_headers_of_its_own(mail_server, notifier):
    server = mail_server("no")
    title = "Breaks\r\nBcc: mallory@example.com"
    notifier(to(server, "mailto", login="")).send("desk", Message(title, "x"))
    assert server.mails[0]["Subject"] == "Breaks Bcc: mallory@example.com"
    assert server.recipients == [["ann@example.com"]]


def test_a_server_that_says_nothing_is_not_waited_for_long(mute, notifier):
    with pytest.raises(ConnectionProblem, match="doesn't answer in time"):
        notifier(f"mailtos://127.0.0.1:{mute}?from=a@example.com&to=ann@example.com", timeout="200ms").send(
            "desk", MESSAGE
        )


def test_tls_where_the_server_has_none_is_said(mail_server, notifier):
    server = mail_server("no")
    with pytest.raises(ConnectionProblem, match="doesn't offer what the address asks for: STARTTLS"):
        notifier(to(server, login="")).send("desk", MESSAGE)
