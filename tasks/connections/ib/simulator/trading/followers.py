"""Who follows what: subscriptions to positions, account values and profits, by client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from tasks.connections.ib.simulator.session import Session


@dataclass
class Follow:
    """What a subscription is of, and what it was told last."""

    client: Session
    kind: str
    request: int
    """0 where the protocol has none."""
    account: str = ""
    """Empty: all of them."""
    names: frozenset[str] = frozenset()
    """Of the values asked for; empty: all of them."""
    con_id: int = 0
    told: dict[object, object] = field(default_factory=dict)
    at: int = 0
    """When it was told something, nanoseconds since 1970."""


class Followers:
    """Each client's subscriptions; they go with the client."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Session, dict[tuple[str, int], Follow]] = WeakKeyDictionary()

    def add(self, follow: Follow) -> None:
        """Subscribe; what ran under the same number is replaced."""
        self._of.setdefault(follow.client, {})[follow.kind, follow.request] = follow

    def remove(self, client: Session, kind: str, request: int = 0) -> bool:
        """End a subscription; whether there was one."""
        return self._of.get(client, {}).pop((kind, request), None) is not None

    def count(self, client: Session, kind: str) -> int:
        """How many of a kind a client has."""
        return sum(1 for of, _ in self._of.get(client, {}) if of == kind)

    def each(self, *kinds: str) -> Iterator[Follow]:
        """Every subscription of these kinds."""
        everything = [follow for follows in list(self._of.values()) for follow in list(follows.values())]
        return (follow for follow in everything if follow.kind in kinds)
