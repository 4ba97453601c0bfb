"""Bars of the past."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.bars import Bar
from tasks.connections.ib.services.reference import Reference
from tasks.connections.problems import DataProblem, Problem


class History(Reference):
    """Daily bars."""

    def daily_history(
        self, contracts: Sequence[Contract], sessions: int, adjusted: bool = True, timeout: float = 60.0
    ) -> dict[int, list[Bar] | DataProblem]:
        """The latest daily bars by contract id, oldest first, or why there are none.

        In a session the last bar is the session's so far. `adjusted` closes are those of the
        broker's ADJUSTED_LAST, for splits and dividends, which always end now.

        Parameters
        ----------
        contracts
            With their ids; one that is named twice is asked once.
        sessions
            How many bars; there may be more where they are over 365.
        timeout
            Seconds for each answer.
        """
        from tasks.connections.ib.fanout import ask_all
        from tasks.connections.ib.histories import daily

        bridge, shared = self._bridge(), self._borrowed()
        routed = self._routed(contracts)
        answers = ask_all(
            [contract for contract in routed.values() if isinstance(contract, Contract)],
            lambda contract: shared.histories.ask(bridge, daily(contract, sessions, adjusted), self.name, timeout),
            lambda request: shared.histories.cancel(bridge, request),
            shared.histories.slots,
            "daily history",
        )
        bars: dict[int, list[Bar] | DataProblem] = {}
        for con_id, contract in routed.items():
            answer = answers[con_id] if isinstance(contract, Contract) else contract
            if isinstance(answer, Problem) and not isinstance(answer, DataProblem):
                raise answer
            bars[con_id] = answer
        return bars
