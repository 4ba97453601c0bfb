"""Tells of a stream's troubles while it runs, by the file's `on_failure` step: each once, and that it is over."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from flows.context import RunContext
from flows.failure import run_on_failure
from flows.stream.firing import Fired, Graph

log = logging.getLogger("hedgerow.stream")

LASTS = 60.0
"""Seconds that a step fails, or what it yields is stale, before that is a trouble."""
QUIET = 1800.0
"""Seconds in which the same trouble isn't told again, however often it comes and goes."""
EVERY = 1.0
"""Seconds between two looks."""


@dataclass
class _Trouble:
    """Something that is wrong with a step."""

    began: float
    told: float | None = None
    """When somebody was last told."""
    is_over: bool = False


class Alarms:
    """Looks at a stream after its firings. An alert goes out on a thread of its own: no firing waits for it.

    What is a trouble: a source or a step that has been stale or failing for a minute; rows that were set aside,
    or lost. One that comes and goes is told once in half an hour.

    Parameters
    ----------
    send
        Sends an alert of these: by source or step, what is wrong with it.
    tell
        Called with a name and a sentence when a trouble that was told is over.
    """

    def __init__(self, send: Callable[[Mapping[str, str], int], None], tell: Callable[[str, str], None]) -> None:
        self._send, self._tell = send, tell
        self._troubles: dict[tuple[str, str], _Trouble] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._looked = 0.0

    def fired(self, graph: Graph, fired: Fired) -> None:
        """Look, if the last time is long enough ago."""
        now = time.monotonic()
        if now - self._looked >= EVERY:
            self._looked = now
            self.look(graph, fired.number, now)

    def told(self, name: str, text: str) -> None:
        """What is said once is no trouble yet."""

    def look(self, graph: Graph, number: int, now: float) -> None:
        """Tell of what is wrong by now."""
        found = self._found(graph)
        due: dict[str, str] = {}
        for key, reason in found.items():
            trouble = self._troubles.setdefault(key, _Trouble(now))
            if trouble.is_over:
                trouble.began, trouble.is_over = now, False
            waits = 0.0 if key[1] in ("lost", "quarantined") else LASTS
            is_new = trouble.told is None or now - trouble.told >= QUIET
            if is_new and now - trouble.began >= waits:
                trouble.told = now
                due[key[0]] = "; ".join(filter(None, (due.get(key[0]), reason)))
        for key, trouble in self._troubles.items():
            if key not in found and not trouble.is_over:
                trouble.is_over = True
                if trouble.told is not None and key[1] == "failing":
                    self._tell(key[0], f"is up to date again, after {now - trouble.began:.0f} s")
        if due:
            threading.Thread(target=self._send, args=(due, number), name="alarm", daemon=True).start()

    def _found(self, graph: Graph) -> dict[tuple[str, str], str]:
        found: dict[tuple[str, str], str] = {}
        for name, held in graph.held.items():
            # Of what follows from a trouble only the trouble itself is told.
            if held.failed or (held.stale and name in graph.layout.sources):
                found[name, "failing"] = held.failed or held.stale
            meter = graph.meters[name]
            for kind, count, words in (
                ("lost", meter.lost, "rows lost"),
                ("quarantined", meter.quarantined, "rows set aside"),
            ):
                before = self._counts.get((name, kind), 0)
                self._counts[name, kind] = count
                if count > before:
                    found[name, kind] = f"{count:,} {words} so far"
        return found


def alarms_of(context: RunContext, tell: Callable[[str, str], None]) -> Alarms | None:
    """Alarms by the run's `on_failure` step; None where its file has none."""
    if context.plan.on_failure is None:
        return None

    def send(troubles: Mapping[str, str], number: int) -> None:
        # A slot of its own: each alarm is an effect of its own, and the same one when a run goes on after a crash.
        told = replace(context, slot=f"{context.slot}, alarm at firing {number}", onlookers=())
        try:
            outcomes = run_on_failure(told, troubles)
        except Exception:
            log.exception("the alarm could not be sent")
            return
        for name, outcome in outcomes.items():
            if outcome.status == "failed":
                tell(name, f"the alarm could not be sent: {outcome.reason}")

    return Alarms(send, tell)
