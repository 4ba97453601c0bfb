"""Mail: Apprise reads the address, the standard library's client speaks to the server.

Unlike Apprise's own sending, a message has the same Message-ID in every attempt, so that whoever gets it twice
can tell; it goes to all its recipients at once; and what the server objects to is told.
"""

from __future__ import annotations

import mimetypes
import smtplib
import socket
import ssl
import uuid
from email.message import EmailMessage
from email.utils import formataddr, formatdate
from typing import Any

from tasks.connections.notify_message import Message, Undelivered
from tasks.connections.notify_places import Place, send_by_apprise

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def send_by_mail(place: Place, message: Message, timeout: float) -> list[str]:
    """Hand a message to the mail server of the address.

    Returns
    -------
    list of str
        Which recipients it doesn't take, where it takes others.

    Raises
    ------
    Undelivered
        It takes none, or can't be spoken to; with the reason.
    """
    service = place.service()
    if service.pgp_mode != "no":
        return send_by_apprise(place, message, timeout)
    if not service.targets:
        raise Undelivered("its address names nobody to write to: add ?to=someone@example.com")
    if service.password and service.secure_mode == "insecure" and service.smtp_host not in _LOOPBACK:
        raise Undelivered(f"the password would go to {service.smtp_host} unprotected: write mailtos:// for mailto://")
    mail = written(service, message)
    recipients = [address for _, address in service.targets] + sorted(service.cc | service.bcc)
    try:
        with _connected(service, timeout) as client:
            refused = client.send_message(mail, service.from_addr[1], recipients)
    except (OSError, smtplib.SMTPException) as error:
        raise _explained(place, service, error) from error
    return [f"not to {_refusals(refused)}"] if refused else []


def written(service: Any, message: Message) -> EmailMessage:
    """The message as mail: text, the same as HTML, and the files."""
    mail = EmailMessage()
    sender = service.from_addr[1]
    mail["From"] = formataddr((service.from_addr[0] or "", sender))
    mail["To"] = ", ".join(formataddr((name or "", address)) for name, address in service.targets)
    for header, addresses in (("Cc", service.cc), ("Reply-To", service.reply_to)):
        if addresses:
            mail[header] = ", ".join(formataddr((service.names.get(one) or "", one)) for one in sorted(addresses))
    mail["Subject"] = " ".join(message.title.split())
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{message.key or uuid.uuid4().hex}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # no out-of-office answers
    if message.severity == "critical":
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"
    for name, value in service.headers.items():
        mail[name] = value
    mail.set_content(message.text)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    for path in message.files:
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        main, _, sub = kind.partition("/")
        mail.add_attachment(path.read_bytes(), maintype=main, subtype=sub, filename=path.name)
    return mail


def _connected(service: Any, timeout: float) -> smtplib.SMTP:
    """The server, secured and logged in to as the address says."""
    context = ssl.create_default_context()
    if not service.verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    name = socket.gethostname()
    us = name if "." in name else "[127.0.0.1]"  # else smtplib asks the name service, which may take its time
    if service.secure_mode == "ssl":
        client: smtplib.SMTP = smtplib.SMTP_SSL(service.smtp_host, service.port, us, timeout=timeout, context=context)
    else:
        client = smtplib.SMTP(service.smtp_host, service.port, us, timeout=timeout)
    try:
        if service.secure_mode == "starttls":
            client.starttls(context=context)
        if service.user and service.password:
            client.login(service.user, service.password)
    except BaseException:
        client.close()
        raise
    return client


def _explained(place: Place, service: Any, error: Exception) -> Undelivered:
    """The error in words."""
    where = f"{service.smtp_host}:{service.port}"
    match error:
        case smtplib.SMTPAuthenticationError():
            reason = f"{where} doesn't take the name and password ({_answer(error.smtp_code, error.smtp_error)})"
        case smtplib.SMTPRecipientsRefused():
            reason = f"{where} doesn't take mail to {_refusals(error.recipients)}"
        case smtplib.SMTPSenderRefused():
            reason = f"{where} takes no mail from {error.sender} ({_answer(error.smtp_code, error.smtp_error)})"
        case smtplib.SMTPResponseException():
            reason = f"{where} says no ({_answer(error.smtp_code, error.smtp_error)})"
        case smtplib.SMTPNotSupportedError():
            reason = f"{where} doesn't offer what the address asks for: {error}"
        case ssl.SSLCertVerificationError():
            reason = f"the certificate of {where} isn't trusted: {error.verify_message}"
        case ssl.SSLError():
            reason = f"{where} doesn't speak TLS as the address asks for it: {error.reason}"
        case TimeoutError() | smtplib.SMTPServerDisconnected() if "timed out" in str(error):
            return Undelivered(f"{where} doesn't answer in time", maybe=True)
        case smtplib.SMTPServerDisconnected() | ConnectionResetError() | BrokenPipeError():
            return Undelivered(f"{where} breaks the connection off", maybe=True)
        case ConnectionRefusedError():
            reason = f"{where} refuses the connection"
        case socket.gaierror():
            reason = f"there is no {service.smtp_host}: its name isn't known"
        case _:
            reason = f"{where}: {error}"
    return Undelivered(place.hidden(reason))


def _refusals(recipients: dict[str, tuple[int, bytes]]) -> str:
    return ", ".join(f"{address} ({_answer(code, text)})" for address, (code, text) in recipients.items())


def _answer(code: int, text: bytes | str) -> str:
    """What the server said."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"
