"""What a gateway can do wrong, for tests of clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Faults:
    """Faults of a simulated gateway; by default there are none."""

    mute_handshake: bool = False
    """Connections are accepted, and then there is silence."""
    unanswered: frozenset[int] = frozenset()
    """Kinds of messages that are read and never answered."""
    kick_on: int | None = None
    """A kind of message at which the socket is closed without a word, the first time."""
    piece: int | None = None
    """Messages go out in pieces of this many bytes, each on its own."""
    delay: float = 0.0
    """Seconds before each answer."""
    refused: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    """Contract ids whose history is refused with this code and text."""
    paced: bool = False
    """An identical history request within 15 seconds is a pacing violation."""
