"""Messages that couldn't be read: counted and named, never a reason to stop."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Sequence

log = logging.getLogger("hedgerow.ib")

SHOWN = 300
"""Bytes of a message that are shown."""

KINDS = 256
"""Kinds told apart: the kind itself may be what can't be read."""


class Unreadable:
    """How many messages of each kind couldn't be read, and the latest of them.

    The log has a warning for the first of a kind, and for the tenth, the hundredth and so on.
    """

    def __init__(self) -> None:
        self.count = 0
        self.by_kind: Counter[str] = Counter()
        """Count by kind, the message's first field."""
        self.latest: deque[tuple[str, str]] = deque(maxlen=20)
        """(message, why it can't be read)."""

    def add(self, fields: Sequence[bytes], error: Exception) -> None:
        """One more."""
        kind = fields[0][:20].decode("ascii", "backslashreplace") if fields else "empty"
        if kind not in self.by_kind and len(self.by_kind) >= KINDS:
            kind = "other"
        self.count += 1
        self.by_kind[kind] += 1
        text = b"|".join(field[:SHOWN] for field in fields[:SHOWN])[:SHOWN].decode("utf-8", "backslashreplace")
        self.latest.append((text, f"{type(error).__name__}: {error}"[:SHOWN]))
        if str(self.by_kind[kind]).strip("0") == "1":
            log.warning("%s messages %s could not be read; the latest: %s: %s", self.by_kind[kind], kind, text, error)
