"""Frames put one below the other."""

from __future__ import annotations

from typing import Any

import pandas as pd


def stacked(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Frames one below the other; categories are united, so that a category stays one."""
    if len(parts) == 1:
        return parts[0]
    columns: dict[str, Any] = {}
    for name in parts[0].columns:
        series = [part[name] for part in parts]
        if all(isinstance(one.dtype, pd.CategoricalDtype) for one in series):
            columns[name] = pd.api.types.union_categoricals([one.array for one in series])
        else:
            columns[name] = pd.concat(series, ignore_index=True)
    return pd.DataFrame(columns)
