"""Asking one question, the same about many contracts, or for what keeps coming."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.services.access import Access
from tasks.connections.problems import ConnectionProblem, DataProblem, DeadlinePassed, Problem
from tasks.connections.scope import current

if TYPE_CHECKING:
    from tasks.connections.ib.pacing import Slots
    from tasks.connections.ib.requests import Request
    from tasks.connections.ib.subscriptions import Subscription

Send = Callable[[Any, int], Any]
"""Calls a method of the client with the request's number."""

About = Callable[[Any, int, Contract], Any]
"""The same, about a contract."""

SLICE = 0.2


class Asking(Access):
    """Ways of asking that the services share."""

    def _slots(self) -> Slots:
        """How many questions may be open at once."""
        self._bridge()
        return self._borrowed().histories.slots

    def _ask(
        self, kind: str, what: str, send: Send, cancel: Send | None = None, *, timeout: float, con_id: int | None = None
    ) -> list[Any]:
        """The rows of one answer. `cancel` is sent once it has come, where the gateway would go on otherwise."""
        bridge = self._bridge()
        request = bridge.ask(kind, what, send, connection=self.name, con_id=con_id, timeout=timeout)
        try:
            return request.wait(current())
        finally:
            if cancel is None:
                bridge.forget(request)
            else:
                bridge.cancel(request, lambda client: cancel(client, request.number))

    def _ask_each(
        self,
        kind: str,
        contracts: Mapping[int, Contract | DataProblem],
        send: About,
        cancel: Send | None = None,
        *,
        slots: Slots,
        timeout: float,
        name: str = "",
    ) -> dict[int, list[Any] | Problem]:
        """The rows about each contract by its id, or why there are none.

        Raises a retryable problem only where every contract has one, or the connection is lost.

        Parameters
        ----------
        kind
            What is asked, in general (`option chain`): the request is told as `Option chain of …`.
        contracts
            By id; a problem is passed on as it is.
        cancel
            Sent with the number of a request that got no answer in time.
        """
        from tasks.connections.ib.fanout import ask_all

        bridge = self._bridge()

        def ask(contract: Contract) -> Request:
            return bridge.ask(
                kind,
                f"{name or kind.capitalize()} of {contract}",
                lambda client, number: send(client, number, contract),
                connection=self.name,
                con_id=contract.con_id,
                timeout=timeout,
            )

        def abandon(request: Request) -> None:
            if cancel is None:
                bridge.forget(request)
            else:
                bridge.cancel(request, lambda client: cancel(client, request.number))

        asked = [contract for contract in contracts.values() if isinstance(contract, Contract)]
        answers: dict[int, list[Any] | Problem] = dict(ask_all(asked, ask, abandon, slots, kind))
        answers |= {con_id: problem for con_id, problem in contracts.items() if isinstance(problem, Problem)}
        lost = [answer for answer in answers.values() if isinstance(answer, Problem) and answer.retryable]
        if lost and (len(lost) == len(answers) or not bridge.alive):
            raise lost[0]
        return {con_id: answers[con_id] for con_id in contracts}

    def _follow(
        self, kind: str, what: str, send: Send, cancel: Send, *, con_id: int | None = None, route: str = ""
    ) -> Subscription:
        """What keeps coming, until it is closed."""
        self._bridge()
        return self._borrowed().subscribe(kind, what, send, cancel, connection=self.name, con_id=con_id, route=route)

    def _follow_each(
        self,
        kind: str,
        contracts: Mapping[int, Contract | DataProblem],
        send: About,
        cancel: Send,
        *,
        latest: bool = False,
    ) -> dict[int, Subscription | DataProblem]:
        """What keeps coming of each contract, by its id; with `latest`, the latest prices and sizes alone."""
        followed: dict[int, Subscription | DataProblem] = {}
        try:
            for con_id, contract in contracts.items():
                if isinstance(contract, Problem):
                    followed[con_id] = contract
                    continue
                what, ask = f"{kind.capitalize()} of {contract}", _about(send, contract)
                if latest:
                    self._bridge()
                    followed[con_id] = self._borrowed().subscribe_latest(
                        kind, what, ask, cancel, connection=self.name, con_id=con_id
                    )
                else:
                    followed[con_id] = self._follow(kind, what, ask, cancel, con_id=con_id)
        except BaseException:
            close_all(followed)
            raise
        return followed

    def _first(self, subscription: Subscription, timeout: float) -> Any:
        """The first row of a subscription, which is then closed.

        Raises its problem, and `ConnectionProblem` where none comes within `timeout` seconds.
        """
        import time

        until = time.monotonic() + timeout
        scope = current()
        try:
            while time.monotonic() < until:
                if rows := subscription.take(min(SLICE, timeout)):
                    return rows[0][2]
                if subscription.problem is not None:
                    raise subscription.problem
                if scope.deadline.passed:
                    raise DeadlinePassed(f"{subscription.what}: no answer before the step's time was up.")
        finally:
            subscription.close()
        raise ConnectionProblem(
            f"{subscription.what}: no answer within {timeout:g} s.", "Look at the gateway, then try again."
        )


def _about(send: About, contract: Contract) -> Send:
    return lambda client, number: send(client, number, contract)


def close_all(followed: Mapping[Any, Subscription | DataProblem]) -> None:
    """Close what is followed."""
    for subscription in followed.values():
        if not isinstance(subscription, Problem):
            subscription.close()


def split(
    followed: Mapping[Any, Subscription | DataProblem],
) -> tuple[dict[Any, Subscription], dict[Any, DataProblem]]:
    """(what is followed, what could not be)."""
    good = {key: each for key, each in followed.items() if not isinstance(each, Problem)}
    return good, {key: each for key, each in followed.items() if isinstance(each, DataProblem)}


def distinct(contracts: Sequence[Contract]) -> dict[int, Contract]:
    """Each contract once, by its id."""
    return {contract.con_id: contract for contract in contracts}
