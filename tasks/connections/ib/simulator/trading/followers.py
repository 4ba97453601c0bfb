"""Who follows what: subscriptions to positions, account values and profits, by client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from tasks.connections.ib.simulator.session import Session

T = TypeVar("T")

Key = tuple[str, int]
"""What kind of subscription, and its request number (0 where there is none)."""


class Followers(Generic[T]):
    """Each client's subscriptions, with what each was asked for; they go with the client."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Session, dict[Key, T]] = WeakKeyDictionary()

    def add(self, client: Session, kind: str, request: int, what: T) -> None:
        """Subscribe; what ran under the same number is replaced."""
        self._of.setdefault(client, {})[kind, request] = what

    def remove(self, client: Session, kind: str, request: int) -> bool:
        """End a subscription; whether there was one."""
        return self._of.get(client, {}).pop((kind, request), None) is not None

    def count(self, client: Session, kind: str) -> int:
        """How many of a kind a client has."""
        return sum(1 for of, _ in self._of.get(client, {}) if of == kind)

    def each(self, *kinds: str) -> Iterator[tuple[Session, str, int, T]]:
        """Every subscription of these kinds."""
        for client, subscriptions in list(self._of.items()):
            for (kind, request), what in list(subscriptions.items()):
                if kind in kinds:
                    yield client, kind, request, what
