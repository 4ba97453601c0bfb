"""One question about many contracts, several of them under way at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.pacing import Slots
from tasks.connections.ib.requests import Request
from tasks.connections.problems import DeadlinePassed, Problem
from tasks.connections.scope import current


def ask_all(
    contracts: Sequence[Contract],
    ask: Callable[[Contract], Request],
    abandon: Callable[[Request], None],
    slots: Slots,
    what: str,
) -> dict[int, list[Any] | Problem]:
    """Rows by contract id, or the problem that its request ended with.

    Parameters
    ----------
    contracts
        Each contract id once.
    ask
        Sends the question about one contract.
    abandon
        Called with every request that has got no answer in its time.
    slots
        How many may be under way, whoever asked.
    what
        For progress and errors.

    Raises `DeadlinePassed` when the step's time is up.
    """
    scope = current()
    ended = _Counter()
    asked: list[tuple[int, Request]] = []

    def expire_all() -> None:
        for _, request in asked:
            request.expire()

    try:
        for contract in contracts:
            slots.take(what, expire_all)
            try:
                request = ask(contract)
            except BaseException:
                slots.give()
                raise
            asked.append((contract.con_id, request))
            request.when_done(slots.give)
            request.when_done(ended.add)
            scope.listener.progress(ended.value, len(contracts), what)
        answers: dict[int, list[Any] | Problem] = {}
        for con_id, request in asked:
            try:
                answers[con_id] = request.wait(scope)
            except DeadlinePassed:
                raise
            except Problem as problem:
                answers[con_id] = problem
                abandon(request)
            scope.listener.progress(ended.value, len(contracts), what)
        return answers
    except BaseException as error:
        for _, request in asked:
            if not request.done:
                abandon(request)
                request.complete(error if isinstance(error, Problem) else Problem(f"{request.what} was given up."))
        raise
    finally:
        slots.settle()


class _Counter:
    """Counts up from several threads."""

    def __init__(self) -> None:
        self.value = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        with self._lock:
            self.value += 1
