"""Values as a person reads them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd


def cell(value: Any) -> str:
    """A value as a person reads it: numbers to six significant digits, sessions as dates, nulls as nothing."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float):
        if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
            return f"{int(value):,}"
        return f"{value:,.2f}" if abs(value) >= 1000 else f"{value:.6g}"
    if isinstance(value, pd.Timestamp):
        return str(value.date()) if value.tzinfo is None else value.strftime("%Y-%m-%d %H:%M:%SZ")
    return str(value)


def money(amount: float) -> str:
    """Money to its cent."""
    return f"{amount:,.2f}".replace("-0.00", "0.00") if abs(amount) < 0.005 else f"{amount:,.2f}"
