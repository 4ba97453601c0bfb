"""Faults as they happen: by the clock, by a message, or by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.connections.ib.simulator.session import Session


class Script:
    """Watches for what a script waits for."""

    def saw(self, session: Session, kind: int) -> None:
        """A client has sent a message."""
