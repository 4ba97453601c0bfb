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


class FrameSnapshots(Frame):
    """What a snapshot of a library of frames holds."""

    __key__: ClassVar[tuple[str, ...]] = ("store", "library", "snapshot", "symbol")

    store: object = pa.Field(description="The connection's name in the desk file")
    library: object
    snapshot: object
    symbol: object
    version: np.int64 = pa.Field(ge=0)


class FrameCompactions(Frame):
    """Symbols whose rows were put together into fewer pieces."""

    __key__: ClassVar[tuple[str, ...]] = ("store", "library", "symbol")

    store: object = pa.Field(description="The connection's name in the desk file")
    library: object
    symbol: object
    version: np.int64 = pa.Field(ge=0, description="The version with the fewer pieces")
    pieces_before: np.int64 = pa.Field(ge=0)
    pieces: np.int64 = pa.Field(ge=0)


class RowWrites(Frame):
    """Rows written to a table."""

    __key__: ClassVar[tuple[str, ...]] = ("table",)

    table: object
    rows: np.int64 = pa.Field(ge=0)


class FileWrites(Frame):
    """Files written for people, as they were."""

    __key__: ClassVar[tuple[str, ...]] = ("path",)

    path: object = pa.Field(description="From the project's folder where it is in it")
    title: object
    bytes: np.int64 = pa.Field(gt=0)
    sha256: object = pa.Field(description="Of what stands in it")


SEVERITIES = ["info", "warning", "critical"]
ALERT_STATUSES = ["sent", "logged", "failed", "held", "waiting"]


class Alerts(Frame):
    """Messages to people, one row a place of the channel.

    sent: the service took it.  logged: it is in the log, which is where the channel leads.  failed: the service
    didn't take it, another of the channel did.  held: its matter was told of within the cooldown.  waiting: it goes
    with the channel's next digest.
    """

    __key__: ClassVar[tuple[str, ...]] = ("to", "by", "title")

    to: Category = pa.Field(description="The channel")
    by: Category = pa.Field(description="The service: mail, sms, slack; numbered where the channel has several")
    title: object
    body: object
    rows: np.int64 = pa.Field(ge=0, description="Rows of the frame it tells of")
    severity: Category = pa.Field(isin=SEVERITIES)
    time: Instant
    status: Category = pa.Field(isin=ALERT_STATUSES)
    reason: object = pa.Field(description="Why it failed or is held; or what is to be said though it arrived")


class Halts(Frame):
    """Times at which the desk's orders were stopped."""

    __key__: ClassVar[tuple[str, ...]] = ("time",)

    reason: object
    time: Instant
