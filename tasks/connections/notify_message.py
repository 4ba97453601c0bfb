"""What is told, in the forms that services want it in, and what became of it at each place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True)
class Message:
    """One thing to say."""

    title: str
    text: str
    """Whole, as plain text."""
    markdown: str = ""
    """The same for chats."""
    html: str = ""
    """The same for mail: a body with no outside assets."""
    short: str = ""
    """The same for a phone's text message."""
    severity: Severity = "info"
    files: tuple[Path, ...] = ()
    key: str = ""
    """Identifies it: the same for every attempt at sending it; empty where each attempt is a message of its own."""

    def maybe_again(self) -> Message:
        """The same, saying that it may be a repeat."""
        remark = "This may be a repeat: it isn't known whether it arrived the first time."
        return replace(
            self,
            text=f"{self.text}\n\n{remark}",
            markdown=f"{self.markdown}\n\n{remark}" if self.markdown else "",
            html=f"{self.html}<p>{remark}</p>" if self.html else "",
            short=f"(maybe again) {self.short}" if self.short else "",
        )


@dataclass(frozen=True)
class Delivery:
    """What became of a message, at one place of a channel where it was sent to any."""

    by: str
    """The service: `mail`, `sms`, `slack`; numbered where a channel has several."""
    status: Literal["sent", "logged", "failed", "held", "waiting"]
    reason: str = ""
    """Why it failed, or what is to be said of it though it arrived."""


class Undelivered(Exception):
    """A place didn't take a message."""

    def __init__(self, reason: str, maybe: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.maybe = maybe
        """Whether it may have arrived all the same: the connection was lost before the answer came."""
