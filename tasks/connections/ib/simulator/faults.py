"""What a gateway can do wrong, for tests of clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Faults:
    """Faults of a simulated gateway; by default there are none. A script changes them as time goes by."""

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
    mute: bool = False
    """Messages are read, and nothing at all is said until it is over."""
    bytes_per_second: float | None = None
    """How fast the gateway writes to each client: a client that must wait for it."""
    reads_per_second: float | None = None
    """Bytes a second that the gateway reads of each client: what a client sends must wait."""
    closed_farms: frozenset[str] = frozenset()
    """Which of `market` and `history` serve nothing."""
    dropped_orders: int = 0
    """So many of the next orders vanish: no status, no error. Counted down."""
    duplicate_callbacks: bool = False
    """Order, execution and commission messages are sent twice."""
    reordered_callbacks: bool = False
    """Of an order's messages that belong together, the later one is sent first."""
    late_commission: float = 0.0
    """Simulated seconds between an execution and its commission report."""
    correction: int = 0
    """So many of the latest executions are corrected: same id with a higher last part. Counted down."""
    bust: int = 0
    """So many of the latest executions are busted. Counted down."""
    skipped_market_status: bool = False
    """Of market orders no status is told, only their executions."""
    not_shortable: frozenset[int] = frozenset()
    """Contract ids of which nothing can be borrowed: short sales are held (404)."""
