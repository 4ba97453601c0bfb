"""Services to send to, on this machine: a mail server, and one that stands for every service on the web."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

HOSTS = ["localhost", "hooks.slack.com", "api.twilio.com"]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate authority's own certificate, and a server's context with one of its certificates."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def certificate(name: str, key: Any, issuer: str, signer: Any, *extensions: tuple[Any, bool]) -> Any:
        now = datetime.now(UTC)  # noqa: TID251 - certificates are of the wall's time
        called = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, issuer)]
        builder = x509.CertificateBuilder().subject_name(called[0]).issuer_name(called[1]).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer, hashes.SHA256())

    folder = tmp_path_factory.mktemp("certificates")
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    names = [*map(x509.DNSName, HOSTS), x509.IPAddress(ip_address("127.0.0.1"))]
    ca = certificate("Test root", root, "Test root", root, (x509.BasicConstraints(True, None), True))
    leaf = certificate("server", own, "Test root", root, (x509.SubjectAlternativeName(names), False))
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + leaf.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", context


@pytest.fixture
def trusted(authority: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority is one that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority[0]))


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@dataclass
class MailServer:
    """A mail server, and what it was given."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    """What it says to the next mails, in place of taking them; `hang up` ends the connection instead."""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if address.startswith("nobody"):
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer == "hang up":
            server.transport.close()
            return "421 gone"
        if answer.startswith("250"):
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.recipients.append(list(envelope.rcpt_tos))
            self.was_encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return answer


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def mail_server(authority: tuple[Path, ssl.SSLContext]) -> Iterator[Callable[..., MailServer]]:
    """Starts a mail server that takes `desk` with `pa55 w0rd/@` once it is spoken to by TLS.

    `secured` is `starttls`, `tls` (from the first byte) or `no` (neither TLS nor a password).
    """
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult, LoginPassword

    def known(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (b"desk", b"pa55 w0rd/@")
        return AuthResult(success=right, handled=False)

    with ExitStack() as stack:

        def start(secured: str = "starttls") -> MailServer:
            server = MailServer(free_port())
            options: dict[str, Any] = {}
            if secured != "no":
                options = {"authenticator": known, "auth_required": True, "auth_require_tls": secured == "starttls"}
            if secured == "starttls":
                options |= {"tls_context": authority[1], "require_starttls": True}
            elif secured == "tls":
                options["ssl_context"] = authority[1]
            controller = Controller(server, "127.0.0.1", server.port, **options)
            controller.start()
            stack.callback(controller.stop)
            return server

        yield start


@dataclass
class Request:
    """What a service was asked."""

    host: str
    path: str
    content: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def form(self) -> dict[str, str]:
        return {name: value for name, (value,) in parse_qs(self.content.decode()).items()}


@dataclass
class Web:
    """Every service on the web."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)
    """What it answers next, where not `200 ok`; status 0 is no answer at all, -1 an end of the connection."""
    closing: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def web(authority: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A web server, and the proxy by which every https:// address leads to it."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.connection = authority[1].wrap_socket(self.connection, server_side=True)
            self.close_connection = False
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            web.requests.append(Request(self.headers["Host"], self.path, content, dict(self.headers)))
            status, answer = web.answers.pop(0) if web.answers else (200, "ok")
            if status <= 0:
                if status == 0:
                    web.closing.wait(20)
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                super().handle()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.port = server.server_port
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{web.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield web
    web.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()
