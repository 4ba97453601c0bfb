"""Frames as plain values for JSON: floats exact, sessions as dates, moments in ISO 8601, null for what is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as mappings."""
    names = [str(name) for name in frame.columns]
    rows = frame.astype(object).itertuples(index=False, name=None)
    return [{name: plain(value) for name, value in zip(names, row, strict=True)} for row in rows]


def plain(value: Any) -> Any:
    """One value of a frame."""
    if value is None or pd.isna(value):
        return None
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat() if value.tzinfo is None and value == value.normalize() else value.isoformat()
    return value.item() if hasattr(value, "item") else str(value)
