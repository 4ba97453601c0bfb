"""A place that messages go to, as Apprise reads its address; and sending one there.

Apprise's services log what goes wrong and return false. Here it is heard in the thread that sends, kept from
the log (it quotes addresses), and told as one sentence with nothing secret in it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from tasks.connections.notify_message import Message, Undelivered

_NAMES = {"mailto": "mail", "mailtos": "mail", "twilio": "sms", "json": "webhook", "jsons": "webhook"}
_NAMES |= {"workflow": "teams", "workflows": "teams", "form": "webhook", "forms": "webhook"}
_KINDS = {"info": "info", "warning": "warning", "critical": "failure"}
_SMS = 320
"""Characters of a text message: two parts."""
_KEY = 8
"""Characters from which a part of an address may be a key."""
_CAUSES = (
    (r"Read timed out|ReadTimeout", "it doesn't answer in time"),
    (r"timed out|ConnectTimeout", "it can't be reached in time"),
    (r"refused", "the connection is refused"),
    (r"CERTIFICATE_VERIFY_FAILED|certificate", "its certificate isn't trusted"),
    (r"Name or service|NameResolution|getaddrinfo|resolve", "its name isn't known"),
    (r"aborted|reset|closed", "it breaks the connection off"),
)
"""What Apprise's account of a lost connection tells; it quotes addresses with their keys, so only this is told."""


class Place:
    """One address of a channel.

    Parameters
    ----------
    address
        An Apprise URL, or `log://`. It may hold passwords: nothing here tells it.
    """

    def __init__(self, address: str) -> None:
        self._address = address.strip()
        self.scheme = self._address.partition("://")[0].lower()
        self._parsed: dict[str, Any] | None = None
        if self.scheme != "log":
            from apprise.plugins import url_to_dict

            with _hearing():
                self._parsed = url_to_dict(self._address, secure_logging=True)
            if self._parsed is not None:
                self.scheme = str(self._parsed["schema"])

    @property
    def is_log(self) -> bool:
        """Whether it is the log alone."""
        return self.scheme == "log"

    @property
    def is_mail(self) -> bool:
        """Whether it is reached by mail."""
        return self.service_name == "mail"

    @property
    def service_name(self) -> str:
        """The service in a word."""
        return _NAMES.get(self.scheme, self.scheme)

    def hidden(self, text: str) -> str:
        """The text with `…` in place of whatever in the address may be a secret; its machine's name stays."""
        for piece in self._secrets:
            for form in (piece, quote(piece, safe=""), quote_plus(piece), repr(piece)[1:-1]):
                text = text.replace(form, "…")
        return text

    @cached_property
    def _secrets(self) -> list[str]:
        """What not to say, the longest first: with mail the password; otherwise every part that may be a key."""
        parsed = self._parsed or {}
        found = {self._address, *([parsed["password"]] if parsed.get("password") else [])}
        if not self.is_mail:
            rest = self._address.partition("://")[2]
            parts = [*map(unquote, re.split(r"[/:@?&=]", rest)), str(parsed.get("user") or "")]
            # A machine's name has dots, a key has none.
            found |= {part for part in parts if len(part) >= _KEY and "." not in part}
        return sorted(filter(None, found), key=len, reverse=True)

    def service(self) -> Any:
        """Apprise's service for it, made anew. Raises `Undelivered` where the address is none."""
        from apprise import Apprise

        if not self._address:
            raise Undelivered("its address is empty")
        with _hearing() as heard:
            made = None if self._parsed is None else Apprise.instantiate(dict(self._parsed), asset=_asset())
        if made is None:
            raise Undelivered(self._unreadable(heard))
        return made

    def _unreadable(self, heard: list[logging.LogRecord]) -> str:
        """Why the address is none, without quoting it."""
        if "://" not in self._address:
            return "its address has no scheme, such as mailtos:// or slack://"
        if self._parsed is None and self.scheme not in _schemes():
            return f"`{self.scheme}://` is no service that Apprise knows"
        # What it quotes stands in brackets, and may be no part of the address any more.
        told = [
            re.sub(r"\([^)]*\)", "(…)", self.hidden(record.getMessage())).rstrip(".")
            for record in heard
            if record.levelno == logging.WARNING
        ]
        return f"its {self.scheme}:// address is incomplete or wrong" + (f": {told[0]}" if told else "")


def send_by_apprise(place: Place, message: Message, timeout: float) -> list[str]:
    """Send a message by whatever service Apprise has for the place.

    Returns
    -------
    list of str
        What is to be said though it arrived, as of files that the service doesn't take.

    Raises
    ------
    Undelivered
        With the reason.
    """
    from apprise import NotifyType

    service = place.service()
    service.socket_connect_timeout = service.socket_read_timeout = timeout
    service.request_rate_per_sec = 0  # each is made anew, so there is nothing to wait for
    service.retry = 0
    given: dict[str, Any] = {"title": message.title, "notify_type": NotifyType(_KINDS[message.severity])}
    given |= _content(service, message)
    remarks = []
    if message.files:
        if _takes_files(service):
            given["attach"] = _attached(message.files)
        else:
            remarks.append(f"{place.service_name} takes no files: {', '.join(path.name for path in message.files)}")
    with _hearing() as heard:
        try:
            arrived = service.notify(**given)
        except Exception as error:  # a service of Apprise's own must not take the others with it
            raise Undelivered(place.hidden(f"{type(error).__name__}: {error}")) from error
    if not arrived:
        raise _failure(place, heard)
    return remarks


@cache
def _asset() -> Any:
    """Who we are to services that show it, with no pictures from elsewhere."""
    from apprise import AppriseAsset

    return AppriseAsset(
        app_id="Hedgerow", app_desc="Hedgerow", app_url="", image_url_mask="", image_url_logo="", secure_logging=True
    )


def _content(service: Any, message: Message) -> dict[str, Any]:
    """The body that suits the service, and its format where Apprise is to convert it."""
    from apprise import NotifyFormat

    if not service.title_maxlen and service.body_maxlen <= _SMS:
        return {"title": "", "body": _plain(message.short or f"{message.title}: {message.text}")[:_SMS]}
    if service.notify_format == NotifyFormat.MARKDOWN and message.markdown:
        return {"body": _fitting(service, message.markdown, message)}
    return {"body": _fitting(service, message.text, message), "body_format": NotifyFormat.TEXT}


def _fitting(service: Any, body: str, message: Message) -> str:
    """The body, or the short one where the service doesn't take as much."""
    if len(body) <= service.body_maxlen:
        return body
    return (message.short or message.text)[: service.body_maxlen]


def _plain(text: str) -> str:
    """Text in the letters of a text message: any other one makes each of its parts less than half as long."""
    for typographic, plain in (("−", "-"), ("–", "-"), ("…", "..."), ("“", '"'), ("”", '"'), ("’", "'"), ("²", "2")):
        text = text.replace(typographic, plain)
    return text


def _takes_files(service: Any) -> bool:
    # Slack's incoming webhooks take none, its bots do.
    return bool(service.attachment_support) and getattr(service, "mode", "") not in ("hook", "workflow", "trigger")


def _attached(files: tuple[Path, ...]) -> Any:
    from apprise import AppriseAttachment
    from apprise.attachment.file import AttachFile

    attachment = AppriseAttachment()
    for path in files:
        attachment.add(AttachFile(path=str(path)))
    return attachment


def _failure(place: Place, heard: list[logging.LogRecord]) -> Undelivered:
    """What went wrong, from what the service logged of it."""
    said = [record.getMessage() for record in heard if record.levelno >= logging.WARNING]
    lost = [text for record in heard if (text := record.getMessage()).startswith("Socket Exception")]
    for pattern, cause in _CAUSES if lost else ():
        if re.search(pattern, lost[-1], re.IGNORECASE):
            return Undelivered(cause, maybe=cause in ("it doesn't answer in time", "it breaks the connection off"))
    return Undelivered(place.hidden(said[-1]).rstrip(".") if said else "it says no, and not why", maybe=not said)


@cache
def _schemes() -> frozenset[str]:
    from apprise.manager_plugins import NotificationManager

    return frozenset(NotificationManager().schemas())


_heard: ContextVar[list[logging.LogRecord] | None] = ContextVar("heard", default=None)


class _Ears(logging.Filter):
    """Keeps what a thread that listens logs from the log."""

    def __init__(self, usual: int) -> None:
        super().__init__()
        self._usual = usual

    def filter(self, record: logging.LogRecord) -> bool:
        heard = _heard.get()
        if heard is None:
            return record.levelno >= self._usual
        heard.append(record)
        return False


@cache
def _listen() -> None:
    logger = logging.getLogger("apprise")
    logger.addFilter(_Ears(logger.getEffectiveLevel()))
    logger.setLevel(logging.DEBUG)  # why a connection was lost is told there only


@contextmanager
def _hearing() -> Iterator[list[logging.LogRecord]]:
    """What Apprise logs in this block; nothing of it reaches the log."""
    _listen()
    heard: list[logging.LogRecord] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)
