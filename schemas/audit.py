"""What was written and who was told: the receipts of effects."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame, Instant


class FrameWrites(Frame):
    """Frames written to a store of frames, by version."""

    __key__: ClassVar[tuple[str, ...]] = ("store", "library", "symbol", "version")

    store: object = pa.Field(description="The connection's name in the desk file")
    library: object
    symbol: object
    version: np.int64 = pa.Field(ge=0)
    rows: np.int64 = pa.Field(ge=0)


class RowWrites(Frame):
    """Rows written to a table."""

    __key__: ClassVar[tuple[str, ...]] = ("table",)

    table: object
    rows: np.int64 = pa.Field(ge=0)


class Alerts(Frame):
    """Messages sent to people."""

    __key__: ClassVar[tuple[str, ...]] = ("to", "title")

    to: Category
    title: object
    body: object
    rows: np.int64 = pa.Field(ge=0, description="Rows of the frame it tells of")
    time: Instant
    status: Category = pa.Field(isin=["logged", "sent"])
