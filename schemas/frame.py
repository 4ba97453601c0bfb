"""The base of every schema: strict columns, no coercion, one row a key."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
import pandas as pd
import pandera.pandas as pa

Instant: TypeAlias = Annotated[pd.DatetimeTZDtype, "ns", "UTC"]
"""Column type of a moment: nanoseconds, UTC."""

Session: TypeAlias = np.dtype("datetime64[ns]")  # type: ignore[valid-type]
"""Column type of a trading session: its date, as a midnight with no zone (a label, not a moment)."""

Category: TypeAlias = pd.CategoricalDtype
"""Column type of a name that repeats: symbols, currencies, kinds."""


class Frame(pa.DataFrameModel):
    """A kind of frame.

    Columns are exactly those declared, in any order, of exactly the declared types.
    `__key__` names the columns that identify a row; no two rows may share one.
    """

    __key__: ClassVar[tuple[str, ...]] = ()
    __summary__: ClassVar[bool] = False
    """Whether a row sums up whole inputs: its key then names the row, not what it was made from."""

    class Config:
        strict = True
        coerce = False

    # Named by its method: pandera forgets a check's `name=` from the second schema on.
    @pa.dataframe_check
    @classmethod
    def unique_key(cls, frame: pd.DataFrame) -> Any:
        key = [column for column in cls.__key__ if column in frame]
        if not key or strictly_increasing(frame, key):
            return True
        return ~frame.duplicated(key, keep=False)


def strictly_increasing(frame: pd.DataFrame, key: list[str]) -> bool:
    """Whether rows are sorted by `key` with no two alike: proves uniqueness in one pass, with no hashing."""
    later = np.zeros(max(len(frame) - 1, 0), dtype=bool)
    tied = np.ones_like(later)
    for column in key:
        values = frame[column]
        if isinstance(values.dtype, pd.CategoricalDtype):
            numbers = values.cat.codes.to_numpy()
        else:
            numbers = values.to_numpy()
            if numbers.dtype.kind not in "iufM":
                return False
        later |= tied & (numbers[1:] > numbers[:-1])
        tied &= numbers[1:] == numbers[:-1]
    return bool(later.all())


@cache
def schema_of(model: type[Frame]) -> pa.DataFrameSchema:
    """The pandera schema of a model, built once for all threads (pandera itself builds one a thread)."""
    return model.to_schema()


def empty(model: type[Frame]) -> pd.DataFrame:
    """A frame of this kind with no rows."""
    columns = schema_of(model).columns
    return pd.DataFrame({name: pd.Series([], dtype=str(column.dtype)) for name, column in columns.items()})
