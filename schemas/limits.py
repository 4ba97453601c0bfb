"""Figures of risk, and how they stand against their limits."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame, Instant, Session

UNITS = ["money", "fraction", "times", "days"]


class RiskFigures(Frame):
    """What the book risks, one row a figure."""

    __key__: ClassVar[tuple[str, ...]] = ("figure",)
    __summary__: ClassVar[bool] = True

    figure: Category = pa.Field(description="Its name: var_95, cvar_95, gross …")
    value: np.float64 = pa.Field(nullable=True, description="Null where it can't be told; `detail` says why")
    unit: Category = pa.Field(isin=UNITS)
    currency: Category = pa.Field(description="Of money; empty for the rest")
    detail: object = pa.Field(description="What it was made from, in a few words")
    time: Instant = pa.Field(description="When it was measured, by the run's clock")


class LimitStates(Frame):
    """Each figure that has a limit, and how it stands, one row a figure."""

    __key__: ClassVar[tuple[str, ...]] = ("figure",)
    __summary__: ClassVar[bool] = True

    figure: Category
    value: np.float64 = pa.Field(nullable=True)
    unit: Category = pa.Field(isin=UNITS)
    limit: np.float64 = pa.Field(description="A value beyond it is a breach")
    clears_at: np.float64 = pa.Field(description="A breach is over once the value is back at this or better")
    status: Category = pa.Field(isin=["inside", "breached", "unknown"])
    since: Instant = pa.Field(description="When it came to this status")
    told: Instant = pa.Field(nullable=True, description="When somebody was last told of it")
    tellings: np.int64 = pa.Field(ge=0, description="How often, since the breach began")
    detail: object


class LimitEvents(Frame):
    """What somebody is to be told now, one row a figure."""

    __key__: ClassVar[tuple[str, ...]] = ("figure",)
    __summary__: ClassVar[bool] = True

    figure: Category
    event: Category = pa.Field(isin=["breach", "reminder", "escalation", "recovery", "unknown"])
    value: np.float64 = pa.Field(nullable=True)
    limit: np.float64
    unit: Category = pa.Field(isin=UNITS)
    since: Instant
    detail: object
    time: Instant


class Equity(Frame):
    """What the desk is worth at the end of each session, in calendar order."""

    __key__: ClassVar[tuple[str, ...]] = ("account", "session")

    account: Category
    session: Session
    net_liquidation: np.float64 = pa.Field(gt=0, description="In the account's base currency")
    flows: np.float64 = pa.Field(description="Money paid in less money taken out during the session")
