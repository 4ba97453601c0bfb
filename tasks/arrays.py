"""A frame's columns as arrays, and back: for tasks that a stream calls many times a second.

Taking a column out of a frame and putting one in cost more than the arithmetic on a few hundred rows does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd


def arrays_of(frame: pd.DataFrame) -> dict[str, Any]:
    """The columns by name: numpy's arrays, and pandas' own where a column is of categories or of instants."""
    # One pass over what the frame holds; its public ways make a Series of each column first.
    held: Any = frame
    return dict(zip(frame.columns, held._iter_column_arrays(), strict=True))


def frame_from(columns: Mapping[str, Any], rows: int) -> pd.DataFrame:
    """A frame of arrays, which it doesn't copy: whoever made them lets go of them.

    Parameters
    ----------
    columns
        Arrays of equal length.
    rows
        That length.
    """
    return pd.DataFrame(columns, index=pd.RangeIndex(rows), copy=False)


def constant(value: str, rows: int) -> pd.Categorical:
    """A column of categories that holds the same text in every row."""
    return pd.Categorical.from_codes(np.zeros(rows, dtype=np.int8), dtype=_only(value), validate=False)  # type: ignore[call-arg, arg-type]  # stubs lag


@lru_cache(maxsize=1024)
def _only(value: str) -> pd.CategoricalDtype:
    return pd.CategoricalDtype([value])
