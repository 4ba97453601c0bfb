"""Telling people."""

from __future__ import annotations

from typing import TypeVar, cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.audit import Alerts
from schemas.frame import Frame
from tasks.connections.notify import Notifier
from tasks.declare import task
from tasks.run import Run

S = TypeVar("S", bound=Frame)

_SHOWN = 10
"""Rows of the frame that a message shows."""


@task(effect=True)
def send_alert(
    frame: DataFrame[S] | None, notifier: Notifier, run: Run, to: str, title: str, body: str = ""
) -> DataFrame[Alerts]:
    """Send a message to a channel of the desk, with the frame's first rows as a table.

    Parameters
    ----------
    frame
        What it tells of; None where there is no frame, as after a failure.
    to
        The channel's name in the desk file; a name that isn't there goes to the log alone.
    title, body
        What to say; the table follows the body.

    Returns
    -------
    DataFrame[Alerts]
        One row: what was said, to whom, when, and how.

    Raises
    ------
    DeadlinePassed
        The step ran out of its time before anything was sent.
    """
    told = "\n\n".join(part for part in (body, _table(frame)) if part)
    status = notifier.send(to, title, told)
    sent = pd.DataFrame(
        {
            "to": pd.Categorical([to]),
            "title": pd.Series([title], dtype=object),
            "body": pd.Series([told], dtype=object),
            "rows": [0 if frame is None else len(frame)],
            "time": pd.Series([run.now()], dtype="datetime64[ns, UTC]"),
            "status": pd.Categorical([status], categories=["logged", "sent"]),
        }
    )
    return cast("DataFrame[Alerts]", sent)


def _table(frame: pd.DataFrame | None) -> str:
    """The first rows, one below the other; a single row as a list of its values."""
    if frame is None or frame.empty:
        return ""
    if len(frame) == 1:
        row = frame.iloc[0]
        width = max(len(str(name)) for name in row.index)
        return "\n".join(f"{name!s:<{width}}  {_shown(value)}" for name, value in row.items())
    head = frame.head(_SHOWN)
    text = head.to_string(index=False, line_width=120, float_format=lambda value: f"{value:,.6g}")
    return text if len(frame) <= _SHOWN else f"{text}\n… and {len(frame) - _SHOWN} more rows"


def _shown(value: object) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
