"""One question about many contracts, several of them under way at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
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
    """Rows by contract id, or the problem that its request ended with: see `ask_each`."""
    return dict(ask_each(contracts, ask, abandon, slots, what))


def ask_each(
    contracts: Sequence[Contract],
    ask: Callable[[Contract], Request],
    abandon: Callable[[Request], None],
    slots: Slots,
    what: str,
) -> Iterator[tuple[int, list[Any] | Problem]]:
    """Contract ids with their rows, or the problem that its request ended with: in order, as soon as they are there.

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

    Raises `DeadlinePassed` when the step's time is up. What is under way when nobody takes more is abandoned.
    """
    scope = current()
    ended = _Counter()
    asked: deque[tuple[int, Request]] = deque()

    def expire_all() -> None:
        for _, request in list(asked):
            request.expire()

    def first() -> tuple[int, list[Any] | Problem]:
        con_id, request = asked[0]
        answer: list[Any] | Problem
        try:
            answer = request.wait(scope)
        except DeadlinePassed:
            raise
        except Problem as problem:
            answer = problem
            abandon(request)
        asked.popleft()
        scope.listener.progress(ended.value, len(contracts), what)
        return con_id, answer

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
            while asked and asked[0][1].done:
                yield first()
        while asked:
            yield first()
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
