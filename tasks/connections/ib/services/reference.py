"""Contracts: what they are, which there are, and where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.connections.ib.contracts import Contract, ContractDetails
from tasks.connections.ib.rows.reference import Chain, Match
from tasks.connections.ib.services.asking import Asking
from tasks.connections.problems import DataProblem, Problem

ROUTES = {"CASH": "IDEALPRO", "CRYPTO": "PAXOS"}
NOT_ROUTED = {"FUT", "FOP", "IND", "CMDTY", "FUND"}
"""Types for which the broker wants the exchange by its name; others go to SMART."""


class Reference(Asking):
    """Contracts."""

    def contract_details(self, contract: Contract, timeout: float = 30.0) -> list[ContractDetails]:
        """Every contract that fits the description. Raises `DataProblem` where none does."""
        from tasks.connections.ib.client import wire_contract

        wire = wire_contract(contract)
        return self._ask(
            "contract details",
            f"Details of {contract}",
            lambda client, number: client.reqContractDetails(number, wire),
            timeout=timeout,
            con_id=contract.con_id or None,
        )

    def details_of(
        self, contracts: Sequence[Contract], timeout: float = 30.0
    ) -> dict[int, list[ContractDetails] | Problem]:
        """Details of contracts by their ids, whatever else they say; or why there are none."""
        from tasks.connections.ib.client import wire_contract

        return self._ask_each(
            "contract details",
            {contract.con_id: contract for contract in contracts},
            lambda client, number, contract: client.reqContractDetails(
                number, wire_contract(Contract(con_id=contract.con_id))
            ),
            slots=self._slots(),
            timeout=timeout,
            name="Details",
        )

    def matching_symbols(self, pattern: str, timeout: float = 30.0) -> list[Match]:
        """Contracts whose symbol begins with the pattern, or whose name has it; the broker stops at sixteen."""
        return self._ask(
            "matching symbols",
            f"Symbols that match {pattern!r}",
            lambda client, number: client.reqMatchingSymbols(number, pattern),
            timeout=timeout,
        )

    def option_chains(self, underlyings: Sequence[Contract], timeout: float = 30.0) -> dict[int, list[Chain] | Problem]:
        """The chains of options on each underlying, by its id, or why there are none."""
        return self._ask_each(
            "option chain",
            {contract.con_id: contract for contract in underlyings},
            lambda client, number, contract: client.reqSecDefOptParams(
                number,
                contract.symbol,
                contract.exchange if contract.security_type == "FUT" else "",
                contract.security_type,
                contract.con_id,
            ),
            slots=self._slots(),
            timeout=timeout,
        )

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
