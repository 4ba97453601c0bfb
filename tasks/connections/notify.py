"""People who are told: for now, by the log."""

from __future__ import annotations

import logging
from typing import ClassVar

from pydantic import Field, field_validator

from tasks.connections import base
from tasks.connections.scope import current, note

log = logging.getLogger("hedgerow.alerts")


class Notifier(base.Connection):
    """Sends messages to the channels that the desk file names."""

    kind: ClassVar[str] = "notify"

    class Settings(base.Settings):
        channels: dict[str, str] = Field(default={}, description="Where each `to` goes: `log://` for now")

        @field_validator("channels")
        @classmethod
        def _known(cls, channels: dict[str, str]) -> dict[str, str]:
            for name, address in channels.items():
                # Addresses of other services carry their passwords: only the scheme is said.
                if address.rstrip("/") != "log:":
                    scheme = address.partition(":")[0] if ":" in address else "this address"
                    raise ValueError(f"channel `{name}` can't be reached: {scheme} isn't supported yet, only log:// is")
            return channels

    def _open(self) -> None:
        pass

    def _close(self) -> None:
        pass

    def check_health(self) -> str:
        """Say who can be told; nobody is."""
        self.open()
        channels = ", ".join(self.settings.channels)
        return f"reaches {channels}" if channels else "no channels: alerts are in the log only"

    def send(self, to: str, title: str, body: str) -> str:
        """Tell someone. Returns how: `logged`.

        Who has no channel is told by the log all the same, and a note says so.
        """
        current().deadline.check(f"Alert “{title}”")
        if to not in self.settings.channels:
            note(f"`{self.name}` has no channel for `{to}`: the alert is in the log only")
        log.warning("%s: %s%s", to, title, f"\n{body}" if body else "")
        return "logged"
