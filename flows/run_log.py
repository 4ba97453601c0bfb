"""What the desk's own code warns of while a run goes on, in that run's log in Prefect's pages.

Prefect takes lines only of its own loggers, and only where it knows the run: the thread that hears of a
broker's notice belongs to none.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from uuid import UUID

from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler


class RunLog(APILogHandler):
    """Sends warnings to the log of one flow run: to a step's where it is the step's thread that warns.

    Lines of other runs of this process are left to them.
    """

    def __init__(self, flow_run: UUID) -> None:
        super().__init__(logging.WARNING)
        self._flow_run = flow_run
        self._context = copy_context()

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record, unless it is another run's."""
        running = _running()
        if running == self._flow_run:
            super().emit(record)
        elif running is None:
            record = copy.copy(record)
            record.flow_run_id = self._flow_run
            # Prefect's settings may be those of this flow run alone.
            self._context.copy().run(super().emit, record)


def _running() -> UUID | None:
    """The flow run that this thread works for, as far as Prefect knows."""
    if (step := TaskRunContext.get()) is not None:
        return step.task_run.flow_run_id
    run = FlowRunContext.get()
    return run.flow_run.id if run is not None and run.flow_run is not None else None


@contextmanager
def in_run_log(flow_run: UUID) -> Iterator[None]:
    """Within the block, warnings of the desk's loggers go to the log of this flow run as well."""
    logger = logging.getLogger("hedgerow")
    handler = RunLog(flow_run)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)  # not closed: that would wait until every line is sent
