"""Calls that are waited for only so long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from tasks.connections.problems import DeadlinePassed
from tasks.connections.scope import Scope, entered


def in_time(function: Callable[..., Any], values: dict[str, Any], scope: Scope, seconds: float) -> Any:
    """Call in a thread of its own and give up on it at the deadline: the thread can't be ended, but what it
    still tries to send is refused, since its scope's deadline has passed."""
    result: list[Any] = []
    failure: list[BaseException] = []

    def call() -> None:
        try:
            with entered(scope):
                result.append(function(**values))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=copy_context().run, args=(call,), name=f"step {scope.step}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise DeadlinePassed(f"Step `{scope.step}` ran past its timeout of {seconds:g} s and was abandoned.")
    if failure:
        raise failure[0]
    return result[0]
