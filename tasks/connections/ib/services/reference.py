"""Contracts: what they are, and where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.connections.ib.contracts import Contract, ContractDetails
from tasks.connections.ib.services.access import Access
from tasks.connections.problems import DataProblem
from tasks.connections.scope import current

ROUTES = {"CASH": "IDEALPRO", "CRYPTO": "PAXOS"}
NOT_ROUTED = {"FUT", "FOP", "IND", "CMDTY", "FUND"}
"""Types for which the broker wants the exchange by its name; others go to SMART."""


class Reference(Access):
    """Contracts."""

    def contract_details(self, contract: Contract, timeout: float = 30.0) -> list[ContractDetails]:
        """Every contract that fits the description. Raises `DataProblem` where none does."""
        from tasks.connections.ib.client import wire_contract

        bridge = self._bridge()
        wire = wire_contract(contract)
        request = bridge.ask(
            "contract details",
            f"Details of {contract}",
            lambda client, number: client.reqContractDetails(number, wire),
            connection=self.name,
            con_id=contract.con_id or None,
            timeout=timeout,
        )
        try:
            return request.wait(current())
        finally:
            bridge.forget(request)

    def _routed(self, contracts: Sequence[Contract]) -> dict[int, Contract | DataProblem]:
        """Each contract once, with an exchange; its own where the broker doesn't route the type."""
        routed: dict[int, Contract | DataProblem] = {}
        for contract in contracts:
            if contract.con_id in routed:
                continue
            exchange = ROUTES.get(contract.security_type, "SMART")
            try:
                if contract.security_type in NOT_ROUTED:
                    exchange = contract.exchange or self._exchange_of(contract)
                routed[contract.con_id] = _at(contract, exchange)
            except DataProblem as problem:
                routed[contract.con_id] = problem
        return routed

    def _exchange_of(self, contract: Contract) -> str:
        (details, *_) = self.contract_details(Contract(con_id=contract.con_id))
        return details.contract.exchange


def _at(contract: Contract, exchange: str) -> Contract:
    """Its id and where: what the broker needs; with the symbol, type and currency, for those who read the wire."""
    return Contract(
        contract.con_id, contract.symbol, contract.security_type, contract.currency, exchange, contract.multiplier
    )
