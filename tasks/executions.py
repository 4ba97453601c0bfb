"""What was filled, at what price, where, and what it cost."""

from __future__ import annotations

from datetime import date
from typing import cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.orders import Executions
from tasks.connections.ib.broker import Broker
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import source, task
from tasks.order_frames import executions_frame
from tasks.run import Run
from tasks.stream import Arrival, Stream
from tasks.wording import counted

NEW_YORK = "America/New_York"


@task(reads="now")
def read_executions(
    broker: Broker, run: Run, session: date | None = None, zone: str = NEW_YORK
) -> DataFrame[Executions]:
    """The executions of a session, each once, as corrected last, with its commission where it is told.

    Parameters
    ----------
    broker
        The connection to ask. It tells of its own client's commissions, and of others' where it is the gateway's
        Master Client.
    run
        Its session is the default.
    session
        Only executions of this day, by the clock of `zone`. The broker reaches back to midnight.
    zone
        The exchange's time zone.

    Returns
    -------
    Executions
        By time. `commission` is null for one whose commission has not come yet: it does, moments later.

    Raises
    ------
    DataProblem
        The session is an earlier one, which the broker no longer tells of.
    """
    day = session or run.session
    today = run.now().tz_convert(zone).date()
    if day < today:
        raise DataProblem(
            f"The broker tells of executions back to midnight only, not of {day}.",
            "Older ones are where the desk keeps them: in its own tables, or the broker's statements.",
        )
    frame = executions_frame(broker.executions(), broker.zone)
    frame = frame[frame["time"].dt.tz_convert(zone).dt.date == day].reset_index(drop=True)
    for column in frame.select_dtypes("category"):
        frame[column] = frame[column].cat.remove_unused_categories()
    if waiting := int(frame["commission"].isna().sum()):
        note(f"The commission of {counted(waiting, 'execution')} is not told yet.")
    return cast("DataFrame[Executions]", frame)


@source
def watch_executions(broker: Broker, run: Run) -> Stream[DataFrame[Executions]]:
    """Executions as they come: first the day's. One comes again when its commission is told, and when it is corrected
    or busted: the later row replaces the earlier."""
    zone = broker.zone

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        return executions_frame(list({arrival.row.execution_id: arrival.row for arrival in arrivals}.values()), zone)

    return Stream({"executions": broker.watch_executions()}, read, Executions, run.clock)
