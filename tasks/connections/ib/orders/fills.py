"""Executions, each once, as corrected last, with what it cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.orders import Commission, Execution


@dataclass(frozen=True, slots=True)
class Fill:
    """An execution as the broker last told it."""

    execution_id: str
    """Without its last part, which counts corrections: the same before and after one."""
    correction: int
    """That last part: 1 for an execution that was never corrected."""
    order_id: int
    client_id: int
    perm_id: int
    reference: str
    account: str
    contract: Contract
    action: str
    quantity: float
    """0 for one that was busted."""
    price: float
    time: str
    """As the broker writes it."""
    exchange: str
    liquidity: int
    commission: float = math.nan
    """NaN until it is told; the broker tells it later."""
    commission_currency: str = ""
    realized_pnl: float = math.nan


class Fills:
    """All executions of a login's day."""

    def __init__(self) -> None:
        self._fills: dict[str, Fill] = {}
        self._commissions: dict[str, Commission] = {}
        self._of: dict[tuple[int, ...], dict[str, None]] = {}
        """Executions by the order's permanent id, and by its client and order id."""

    def add(self, row: Execution) -> Fill | None:
        """The fill that it is now; None where nothing is new: messages come twice."""
        root, correction = split(row.execution_id)
        known = self._fills.get(root)
        if known is not None and known.correction >= correction:
            return None
        fill = Fill(
            execution_id=root,
            correction=correction,
            order_id=row.order_id,
            client_id=row.client_id,
            perm_id=row.perm_id,
            reference=row.reference,
            account=row.account,
            contract=row.contract,
            action=row.action,
            quantity=row.quantity,
            price=row.price,
            time=row.time,
            exchange=row.exchange,
            liquidity=row.liquidity,
        )
        self._fills[root] = self._costed(fill, self._commissions.get(row.execution_id))
        for place in _places(row.perm_id, row.client_id, row.order_id):
            self._of.setdefault(place, {})[root] = None
        return self._fills[root]

    def cost(self, row: Commission) -> Fill | None:
        """The fill whose commission this is; None where nothing is new, or the fill isn't known yet."""
        if self._commissions.get(row.execution_id) == row:
            return None
        self._commissions[row.execution_id] = row
        root, correction = split(row.execution_id)
        known = self._fills.get(root)
        if known is None or known.correction != correction:
            return None
        self._fills[root] = self._costed(known, row)
        return self._fills[root]

    def all(self) -> list[Fill]:
        """Every one, in the order they came."""
        return list(self._fills.values())

    def of(self, perm_id: int, client_id: int, order_id: int) -> list[Fill]:
        """An order's. Of a combination, those of the combination as a whole: its legs have theirs too."""
        roots = {root: None for place in _places(perm_id, client_id, order_id) for root in self._of.get(place, ())}
        own = [self._fills[root] for root in roots]
        whole = [fill for fill in own if fill.contract.security_type == "BAG"]
        return whole or own

    @staticmethod
    def _costed(fill: Fill, commission: Commission | None) -> Fill:
        if commission is None:
            return fill
        return replace(
            fill,
            commission=commission.commission,
            commission_currency=commission.currency,
            realized_pnl=commission.realized_pnl,
        )


def _places(perm_id: int, client_id: int, order_id: int) -> list[tuple[int, ...]]:
    return [*([(perm_id,)] if perm_id else []), *([(client_id, order_id)] if order_id else [])]


def split(execution_id: str) -> tuple[str, int]:
    """(its root, how many times it was told): `0001.63a.01.02` is `0001.63a.01`, corrected once."""
    root, _, last = execution_id.rpartition(".")
    return (root, int(last)) if root and last.isdigit() else (execution_id, 1)


def total(fills: list[Fill]) -> tuple[float, float]:
    """(quantity, average price); NaN where the quantity is 0."""
    quantity = math.fsum(fill.quantity for fill in fills)
    if quantity == 0:
        return 0.0, math.nan
    return quantity, math.fsum(fill.quantity * fill.price for fill in fills) / quantity
