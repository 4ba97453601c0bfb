"""Limits on what the book risks: when somebody is told, how often, and when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, NamedTuple, cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.limits import UNITS, LimitEvents, LimitStates, RiskFigures
from tasks.connections.durations import Duration
from tasks.connections.problems import DataProblem
from tasks.declare import task
from tasks.run import Run
from tasks.wording import listed

EVENTS = ["breach", "reminder", "escalation", "recovery", "unknown"]


class Watch(NamedTuple):
    """How figures stand, and what is to be told."""

    states: DataFrame[LimitStates]
    events: DataFrame[LimitEvents]


@task
def hold_limits(
    figures: DataFrame[RiskFigures],
    run: Run,
    limits: dict[str, float],
    previous: DataFrame[LimitStates] | None = None,
    hysteresis: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    remind: Duration = timedelta(minutes=30),
    escalate: Duration = timedelta(hours=1),
    settle: Duration = timedelta(minutes=1),
    both_ways: list[str] | None = None,
) -> Watch:
    """Hold figures against their limits.

    A value beyond its limit is a breach. It is over once the value is back at limit · (1 − hysteresis), so that one
    that swings about its limit is told once. While it lasts somebody is reminded every `remind`, and once it has
    lasted for `escalate` the reminders are escalations. A figure that can't be told for as long as `settle`, which
    isn't the same as a harmless one, is an event of its own.

    Parameters
    ----------
    figures
        What was measured.
    run
        Its clock says how long a breach has lasted.
    limits
        By figure, positive: the largest value that is no breach.
    previous
        How they stood before: `last: {previous: <this step>.states}`.
    hysteresis
        How far back inside, as a fraction of the limit, a breach is over.
    remind, escalate
        How often somebody is told again, and after how long somebody else should be.
    settle
        How long a figure may be null before that is told: not every gap of a moment.
    both_ways
        Figures that are held by their absolute value, such as `net` and `beta_weighted`.

    Returns
    -------
    Watch
        `states`, a row a limit, and `events`, a row for each thing to be told now: none when all is as it was.

    Raises
    ------
    DataProblem
        A limit is on a figure that isn't measured, or isn't positive.
    """
    known = {str(name) for name in figures["figure"]}
    if strange := [name for name in [*limits, *(both_ways or [])] if name not in known]:
        raise DataProblem(f"{listed(strange)}: no such figure is measured.", f"There are {listed(sorted(known))}.")
    if wrong := [name for name, limit in limits.items() if not limit > 0]:
        raise DataProblem(f"The limit of {listed(wrong)} isn't positive.")
    now = run.now()
    before = {} if previous is None else {str(row["figure"]): row for row in previous.to_dict("records")}
    measured = {str(row["figure"]): row for row in figures.to_dict("records")}
    states, events = [], []
    for name, limit in limits.items():
        row = measured[name]
        value = abs(row["value"]) if name in (both_ways or []) else row["value"]
        state = _state(name, float(value), float(limit), row, before.get(name), now, hysteresis)
        event = _event(state, before.get(name), now, remind, escalate, settle)
        if event is not None:
            state["told"] = now
            state["tellings"] = 0 if event == "recovery" else state["tellings"] + 1
            events.append({**state, "event": event, "time": now})
        states.append(state)
    return Watch(_states(states), _events(events))


def _state(
    name: str, value: float, limit: float, row: dict[Any, Any], before: Any, now: pd.Timestamp, hysteresis: float
) -> dict[str, Any]:
    clears_at = limit * (1 - hysteresis)
    was = "inside" if before is None else before["status"]
    if np.isnan(value):
        status = "unknown"
    elif value > limit or (was == "breached" and value > clears_at):
        status = "breached"
    else:
        status = "inside"
    return {
        "figure": name,
        "value": value,
        "unit": row["unit"],
        "limit": limit,
        "clears_at": clears_at,
        "status": status,
        "since": before["since"] if before is not None and before["status"] == status else now,
        "told": pd.NaT if before is None else before["told"],
        "tellings": 0 if before is None else before["tellings"],
        "detail": row["detail"],
    }


def _event(
    state: dict[str, Any], before: Any, now: pd.Timestamp, remind: timedelta, escalate: timedelta, settle: timedelta
) -> str | None:
    status, told = state["status"], state["told"]
    is_told = not pd.isna(told) and told >= state["since"]
    if status == "breached":
        if not is_told:
            return "breach"
        if now - told < remind:
            return None
        return "escalation" if now - state["since"] >= escalate else "reminder"
    if status == "unknown":
        return "unknown" if not is_told and now - state["since"] >= settle else None
    return "recovery" if before is not None and before["status"] != "inside" and state["tellings"] else None


def _states(rows: list[dict[str, Any]]) -> DataFrame[LimitStates]:
    return cast("DataFrame[LimitStates]", _frame(rows, LimitStates, {"status": ["inside", "breached", "unknown"]}))


def _events(rows: list[dict[str, Any]]) -> DataFrame[LimitEvents]:
    return cast("DataFrame[LimitEvents]", _frame(rows, LimitEvents, {"event": EVENTS}))


def _frame(rows: list[dict[str, Any]], model: Any, categories: dict[str, list[str]]) -> pd.DataFrame:
    names = list(model.to_schema().columns)
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in names}
    made: dict[str, Any] = {}
    for name, values in columns.items():
        if name in ("since", "told", "time"):
            made[name] = pd.DatetimeIndex(values, tz="UTC").as_unit("ns")
        elif name in categories or name in ("unit", "figure"):
            made[name] = pd.Categorical(
                values, categories=categories.get(name) or (UNITS if name == "unit" else values)
            )
        elif name == "detail":
            made[name] = np.array(values, dtype=object)
        else:
            made[name] = np.array(values, dtype=np.int64 if name == "tellings" else np.float64)
    return pd.DataFrame(made)
