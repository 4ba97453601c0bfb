"""Stopping the desk's orders when it risks too much."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame

from schemas.audit import Halts
from schemas.limits import LimitEvents
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.orders.halt import Halt
from tasks.connections.scope import note
from tasks.declare import task
from tasks.run import Run
from tasks.wording import listed


@task(effect=True)
def halt_orders(
    events: DataFrame[LimitEvents], broker: Broker, run: Run, figures: list[str] | None = None
) -> DataFrame[Halts]:
    """Throw the desk's kill switch at a breach: no order goes out until a person says `hedgerow resume`.

    Parameters
    ----------
    events
        What happened to limits; only breaches count, and a recovery lets nothing out again.
    broker
        Whose orders are halted.
    run
        Which pipeline did it.
    figures
        Only breaches of these; of any when absent.

    Returns
    -------
    Halts
        One row where it was thrown, or had been before; none where no breach asks for it.
    """
    breached = [
        (str(figure), value, limit)
        for figure, event, value, limit in zip(
            events["figure"], events["event"], events["value"], events["limit"], strict=True
        )
        if event == "breach" and (figures is None or figure in figures)
    ]
    reason = ""
    if breached:
        told = listed(f"{figure} is {value:,.6g}, over its limit of {limit:,.6g}" for figure, value, limit in breached)
        reason = f"{run.pipeline}: {told}"
        switch = Halt(broker.folder)
        if (before := switch.reason) is None:
            switch.set(reason)
            note(f"Trading is halted: {reason}.")
        else:
            note(f"Trading had been halted before: {before}.")
    frame = pd.DataFrame(
        {
            "reason": np.array([reason] if breached else [], dtype=object),
            "time": pd.DatetimeIndex([run.now()] if breached else [], tz="UTC").as_unit("ns"),
        }
    )
    return cast("DataFrame[Halts]", frame)
