"""What contracts are."""

from __future__ import annotations

from typing import Any

from tasks.connections.ib.callbacks.sink import Callbacks
from tasks.connections.ib.client import plain_contract
from tasks.connections.ib.contracts import ContractDetails, number


class ReferenceCallbacks(Callbacks):
    """Contracts."""

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:  # noqa: N802, N803
        contract = contractDetails.contract
        listing = contract.primaryExchange or contract.exchange
        details = ContractDetails(
            contract=plain_contract(contract),
            name=contractDetails.longName,
            listing=listing,
            minimum_tick=number(contractDetails.minTick),
            time_zone=contractDetails.timeZoneId,
        )
        self._sink.row(reqId, details)

    def contractDetailsEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self._sink.end(reqId)
