"""A pipeline that writes its report and mails it: as the reader gets it, once, whatever happens to the process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

ROOT = Path(__file__).resolve().parents[2]
DESK = """\
name: files
connections:
  gateway: {kind: ib, simulated: true}
  frames: {kind: arctic}
  tables: {kind: sql}
  alerts:
    kind: notify
    channels: {desk: [log://, $secret.mail], oncall: "log://"}
"""
REPORT = """\
  report: {task: write_report, in: [hedge, exposure, betas, returns]}
  notify:
    task: send_alert
    in: {frame: hedge, files: report}
    with: {to: desk, title: Hedge from files $run.session}
"""


@dataclass
class MailServer:
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    victim: subprocess.Popen[str] | None = None
    """Killed once the server has its mail, before the server says so."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        if self.victim is not None:
            os.kill(self.victim.pid, signal.SIGKILL)
            self.victim.wait()
            self.victim = None
        return "250 taken"


@pytest.fixture
def server(hedgerow) -> Iterator[MailServer]:
    """A mail server, and a desk that mails to it and whose pipeline writes a report."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = MailServer(free.getsockname()[1])
    (hedgerow.root / "pipelines" / "_desk.yaml").write_text(DESK)
    hedgerow.edit("hedge_from_files.yaml", lambda text: REPORT.join(_around(text)))
    controller = Controller(server, "127.0.0.1", server.port)
    controller.start()
    yield server
    controller.stop()


def _around(text: str) -> tuple[str, str]:
    """What stands before and after the file's own `notify` step."""
    before, _, rest = text.partition("  notify:")
    return before, rest.partition("\n")[2]


def secrets(server: MailServer) -> dict[str, str]:
    address = f"mailto://127.0.0.1:{server.port}?from=hedgerow@example.com&to=ann@example.com"
    return {"HEDGEROW_SECRET_MAIL": address}


def test_the_desk_gets_the_hedge_with_its_report_whenever_the_process_is_killed(hedgerow, server):
    """Killed before it knows that the mail arrived, it mails again under the same Message-ID."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(hedgerow.root / "prefect"), **secrets(server)}
    server.victim = subprocess.Popen(
        [sys.executable, "-m", "flows", "run", "hedge_from_files"],
        cwd=hedgerow.root, env=environment | own, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    output, _ = server.victim.communicate(timeout=100)
    assert len(server.mails) == 1, output
    assert "✓ notify" not in output

    done = hedgerow("run", "hedge_from_files", **secrets(server))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sent again: it isn't known whether it arrived before" in done.stdout
    first, mail = server.mails
    assert first["Message-ID"] == mail["Message-ID"]
    assert mail["Subject"] == "Hedge from files 2022-12-28"
    text = mail.get_body(("plain",)).get_content()
    run = done.stdout.partition("\nrun ")[2].split()[0]
    assert text.startswith("Sell ")
    assert f"hedgerow explain {run} notify" in text
    (file,) = mail.iter_attachments()
    assert file.get_filename() == "hedge_from_files-2022-12-28.html"
    assert file.get_payload(decode=True) == (hedgerow.root / "reports" / file.get_filename()).read_bytes()

    explained = hedgerow("explain", run, "notify")
    assert explained.returncode == 0
    assert "size_hedge" in explained.stdout, "what the mail tells leads back to the hedge"


def test_a_server_that_is_away_costs_a_note_and_its_password_stands_nowhere(hedgerow, server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    planted = f"mailtos://desk:planted-hunter2@127.0.0.1:{port}?from=a@b.example&to=c@d.example"
    done = hedgerow("run", "hedge_from_files", HEDGEROW_SECRET_MAIL=planted)
    assert done.returncode == 0, done.stdout
    assert f"desk by mail: 127.0.0.1:{port} refuses the connection" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    left = [path for path in hedgerow.root.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    assert left == []


def test_an_alert_of_a_failure_names_what_failed(hedgerow, server):
    (hedgerow.root / "pipelines" / "data" / "closes.csv").unlink()
    done = hedgerow("run", "hedge_from_files", **secrets(server))
    assert done.returncode == 1
    log = (hedgerow.root / ".hedgerow" / "hedgerow.log").read_text()
    told = log.partition("oncall: hedge_from_files failed")[2]
    assert "prices: There is no file pipelines/data/closes.csv." in told
    assert "Why: hedgerow explain " in told
