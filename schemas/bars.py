"""Prices and volume by periods."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame, Instant, Session
from schemas.ticks import MARKETS


class Bars(Frame):
    """Bars shorter than a day, one row a contract and period, in the contract's own currency per unit."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "what", "size", "time")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    what: Category = pa.Field(description="Of which prices: TRADES, MIDPOINT, BID, ASK …")
    size: Category = pa.Field(description="Its length, in the broker's words: 5 mins")
    time: Instant = pa.Field(description="Its start")
    open: np.float64 = pa.Field(nullable=True)
    high: np.float64 = pa.Field(nullable=True)
    low: np.float64 = pa.Field(nullable=True)
    close: np.float64 = pa.Field(nullable=True)
    volume: np.float64 = pa.Field(nullable=True, ge=0, description="Null where it makes no sense, as for midpoints")
    average: np.float64 = pa.Field(nullable=True, description="Price averaged by volume")
    trades: np.float64 = pa.Field(nullable=True, ge=0, description="How many there were")
    complete: bool = pa.Field(description="Whether its period was over when it came")
    market_data: Category = pa.Field(isin=MARKETS, description="Whose market it is")


class DailyBars(Frame):
    """Bars of a day, a week or a month, one row a contract and session that it begins or ends with."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "what", "size", "session")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    what: Category = pa.Field(description="Of which prices: TRADES, ADJUSTED_LAST, MIDPOINT, BID, ASK …")
    size: Category = pa.Field(description="Its length, in the broker's words: 1 day")
    session: Session = pa.Field(description="The date that the broker gives it")
    open: np.float64 = pa.Field(nullable=True)
    high: np.float64 = pa.Field(nullable=True)
    low: np.float64 = pa.Field(nullable=True)
    close: np.float64 = pa.Field(nullable=True)
    volume: np.float64 = pa.Field(nullable=True, ge=0, description="Null where it makes no sense, as for midpoints")
    average: np.float64 = pa.Field(nullable=True, description="Price averaged by volume")
    trades: np.float64 = pa.Field(nullable=True, ge=0, description="How many there were")
    complete: bool = pa.Field(description="Whether its period was over when it came")
    market_data: Category = pa.Field(isin=MARKETS, description="Whose market it is")
