"""The market as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.connections.ib.contracts import Contract, Quote
from tasks.connections.ib.services.reference import Reference
from tasks.connections.problems import Problem


class Market(Reference):
    """Quotes."""

    def quotes(self, contracts: Sequence[Contract], timeout: float = 20.0) -> dict[int, Quote]:
        """A snapshot of the market in each contract, by its id.

        A contract whose request fails, or has no answer within `timeout` seconds, gets a quote
        without prices that says why; only where that is so for all of them does it raise.
        """
        from tasks.connections.ib.client import wire_contract
        from tasks.connections.ib.fanout import ask_all
        from tasks.connections.ib.snapshots import read_quote

        bridge, shared = self._bridge(), self._borrowed()
        routed = self._routed(contracts)
        answers: dict[int, list[Any] | Problem] = dict(
            ask_all(
                [contract for contract in routed.values() if isinstance(contract, Contract)],
                lambda contract: bridge.ask(
                    "quote",
                    f"Quote of {contract}",
                    lambda client, number: client.reqMktData(number, wire_contract(contract), "", True, False, []),
                    connection=self.name,
                    con_id=contract.con_id,
                    timeout=timeout,
                ),
                lambda request: bridge.cancel(request, lambda client: client.cancelMktData(request.number)),
                shared.lines,
                "quotes",
            )
        )
        answers |= {con_id: problem for con_id, problem in routed.items() if isinstance(problem, Problem)}
        lost = [answer for answer in answers.values() if isinstance(answer, Problem) and answer.retryable]
        if lost and (len(lost) == len(answers) or not bridge.alive):
            raise lost[0]
        return {
            con_id: Quote(con_id, reason=str(answer))
            if isinstance(answer, Problem)
            else read_quote(con_id, answer, bridge.is_simulated)
            for con_id, answer in answers.items()
        }
