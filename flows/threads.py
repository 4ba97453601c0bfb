"""Runs the nodes of a run on threads of this process, each as soon as what it needs has ended."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from flows.context import RunContext
from flows.execute import describe, execute, failed, retryable
from flows.graph import Node
from flows.outcome import Outcome

WORKERS = 8
WAITING = 64
"""Threads that only wait for the workers of a cluster."""
JITTER = 0.2


def run_nodes(nodes: list[Node], context: RunContext) -> dict[str, Outcome]:
    """Run all nodes and return the outcome of each by name; a failed node blocks only what needs it."""
    outcomes: dict[str, Outcome] = {}
    waiting = {node.name: node for node in nodes}
    running: dict[Future[Outcome], str] = {}
    pool = ThreadPoolExecutor(WORKERS if context.workers is None else WAITING, thread_name_prefix="step")
    try:
        while waiting or running:
            ready = [node for node in waiting.values() if all(name in outcomes for name in node.upstream)]
            for node in ready:
                del waiting[node.name]
                running[pool.submit(_until_done, node, dict(outcomes), context)] = node.name
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                outcomes[running.pop(future)] = future.result()
    except BaseException:
        context.stop()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return outcomes


def _until_done(node: Node, upstream: Mapping[str, Outcome], context: RunContext) -> Outcome:
    """Attempts at a node until one succeeds or there are no more."""
    delays = node.step.retry.delays()
    begun = time.perf_counter()
    attempt = 0
    while True:
        attempt += 1
        try:
            return execute(node, upstream, context, attempt)
        except Exception as error:
            if attempt > len(delays) or not retryable(error) or context.stopped.is_set():
                outcome = failed(node, error, attempt, time.perf_counter() - begun)
                context.watcher.step_ended(node, outcome)
                return outcome
            delay = jittered(delays[attempt - 1])
            context.watcher.step_retrying(node, describe(error), delay)
            context.stopped.wait(delay)


def jittered(delay: float) -> float:
    """The delay, more or less by up to a fifth, so that many runs don't knock at once."""
    return delay * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads retries; guards nothing
