"""The latest row of each key: what a source with `keep: latest` holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from schemas.frame import Frame, schema_of

_ROOM = 64


class LatestTable:
    """Rows by the key of their schema; a later row of a key takes the place of the earlier.

    Rows stand in the order in which their keys first came, so that the same rows in the same order
    always make the same frame.

    Parameters
    ----------
    model
        The schema; it has a `__key__`.
    """

    def __init__(self, model: type[Frame]) -> None:
        self._key = model.__key__
        self._places: dict[Any, int] = {}
        self._columns: dict[str, _Column] = {
            name: _Column(str(column.dtype)) for name, column in schema_of(model).columns.items()
        }
        self._frame: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self._places)

    def update(self, rows: pd.DataFrame) -> None:
        """Take rows in; of two with one key the later counts.

        Parameters
        ----------
        rows
            Of the schema.
        """
        if not len(rows):
            return
        keys = [_plain(rows[name]) for name in self._key]
        last = dict(zip(keys[0] if len(keys) == 1 else zip(*keys, strict=True), range(len(rows)), strict=True))
        places = self._places
        at = np.fromiter((places.setdefault(key, len(places)) for key in last), np.int64, len(last))
        taken: npt.NDArray[np.int64] | None = np.fromiter(last.values(), np.int64, len(last))
        if len(last) == len(rows):
            taken = None
        for name, column in self._columns.items():
            column.put(at, rows[name], taken, len(places))
        self._frame = None

    @property
    def frame(self) -> pd.DataFrame:
        """All rows; the same object until the next update, which leaves it as it is."""
        if self._frame is None:
            length = len(self._places)
            data = {name: column.array(length) for name, column in self._columns.items()}
            self._frame = pd.DataFrame(data, index=pd.RangeIndex(length), copy=False)
        return self._frame

    def clear(self) -> None:
        """Forget all rows."""
        self._places.clear()
        self._frame = None


class _Column:
    """One column's values, with room for more."""

    def __init__(self, dtype: str) -> None:
        self._is_category = dtype == "category"
        self._zoned = pd.api.types.pandas_dtype(dtype) if "," in dtype else None
        kept = "int32" if self._is_category else "datetime64[ns]" if self._zoned is not None else dtype
        self._values: npt.NDArray[Any] = np.empty(_ROOM, dtype=kept)
        self._categories: pd.Index[Any] = pd.Index([], dtype=object)
        self._codes: dict[Any, int] = {}
        self._dtype: pd.CategoricalDtype | None = None
        self._known: tuple[pd.Index[Any], npt.NDArray[np.int32]] | None = None

    def put(
        self, at: npt.NDArray[np.int64], column: pd.Series[Any], taken: npt.NDArray[np.int64] | None, length: int
    ) -> None:
        values = self._coded(column) if self._is_category else _raw(column)
        if taken is not None:
            values = values[taken]
        if length > len(self._values):
            grown = np.empty(max(length, 2 * len(self._values)), dtype=self._values.dtype)
            grown[: len(self._values)] = self._values
            self._values = grown
        self._values[at] = values

    def array(self, length: int) -> Any:
        """A copy, as a frame's column."""
        values = self._values[:length].copy()
        if self._is_category:
            if self._dtype is None:
                self._dtype = pd.CategoricalDtype(pd.Index(list(self._codes), dtype=object))
            return pd.Categorical.from_codes(values, dtype=self._dtype, validate=False)  # type: ignore[call-arg, arg-type]  # stubs lag
        return pd.DatetimeIndex(values).tz_localize("UTC") if self._zoned is not None else values

    def _coded(self, column: pd.Series[Any]) -> npt.NDArray[np.int32]:
        """Codes of our categories, to which new ones are added at the end."""
        given: pd.Categorical = column.array
        if self._known is None or self._known[0] is not given.categories:
            before = len(self._codes)
            ours = [self._codes.setdefault(name, len(self._codes)) for name in given.categories]
            if len(self._codes) > before:
                self._dtype = None
            self._known = (given.categories, np.array([*ours, -1], dtype=np.int32))
        coded: npt.NDArray[np.int32] = self._known[1][given.codes]
        return coded


def _raw(column: pd.Series[Any]) -> npt.NDArray[Any]:
    return column.array.asi8.view("M8[ns]") if isinstance(column.dtype, pd.DatetimeTZDtype) else column.to_numpy()


def _plain(column: pd.Series[Any]) -> Any:
    """Values that can be looked up, cheaply."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories: list[Any] = [*column.cat.categories, None]
        return [categories[code] for code in column.cat.codes.to_numpy()]
    return _raw(column).tolist()
