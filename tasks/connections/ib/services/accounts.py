"""Accounts and what they hold."""

from __future__ import annotations

from tasks.connections.ib.contracts import Position
from tasks.connections.ib.services.access import Access


class Accounts(Access):
    """Accounts and positions."""

    def accounts(self) -> list[str]:
        """The accounts that this login manages."""
        return list(self._bridge().accounts)

    def positions(self, timeout: float = 30.0) -> list[Position]:
        """Every account's positions, closed ones (quantity 0) too: the broker tells of both."""
        rows: list[Position] = self._bridge().positions(self.name, timeout)
        return list({(row.account, row.contract.con_id): row for row in rows}.values())
