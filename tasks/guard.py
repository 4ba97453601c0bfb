"""A schema's checks compiled to a few array operations: what pandera would refuse, found in a tenth of its time.

Streams validate every frame, many times a second. The guard is built from the pandera schema itself
and marks exactly the rows that pandera would; what it has no rule for, it leaves to pandera.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from schemas.frame import Frame, schema_of, strictly_increasing

Mask: TypeAlias = npt.NDArray[np.bool_]
Passes: TypeAlias = Callable[[Any], Any]
"""From an array of values to whether each passes; nulls pass whatever it says."""

_BOUNDS: Mapping[str, Callable[..., Passes]] = {
    "greater_than": lambda min_value: lambda values: values > min_value,
    "greater_than_or_equal_to": lambda min_value: lambda values: values >= min_value,
    "less_than": lambda max_value: lambda values: values < max_value,
    "less_than_or_equal_to": lambda max_value: lambda values: values <= max_value,
    "equal_to": lambda value: lambda values: values == value,
    "not_equal_to": lambda value: lambda values: values != value,
}
_SETS: Mapping[str, Callable[..., Passes]] = {
    "isin": lambda allowed_values: lambda values: pd.Index(values).isin(list(allowed_values)),
    "notin": lambda forbidden_values: lambda values: ~pd.Index(values).isin(list(forbidden_values)),
}


@dataclass(frozen=True)
class Fault:
    """What some rows of a frame fail."""

    column: str | None
    """None: the frame's key."""
    check: str
    """As pandera names it: `greater_than(0)`, `not_nullable` …"""
    rows: Mask
    """Which rows fail it."""


class Guard:
    """Checks frames of one kind.

    Parameters
    ----------
    model
        The schema.
    """

    def __init__(self, model: type[Frame]) -> None:
        self._model = model
        self._schema = schema_of(model)
        self._columns = {name: _Column(name, column) for name, column in self._schema.columns.items()}
        others = [check for check in self._schema.checks if check.name != "unique_key"]
        self._is_complete = (
            not others
            and self._schema.strict is True
            and not self._schema.ordered
            and not self._schema.unique
            and self._schema.index is None
            and self._schema.dtype is None
            and not self._schema.coerce
            and all(column.is_known for column in self._columns.values())
        )

    @property
    def is_complete(self) -> bool:
        """Whether the guard alone decides; otherwise pandera does, each time."""
        return self._is_complete

    def faults(self, frame: pd.DataFrame) -> list[Fault] | None:
        """What is wrong with single rows of a frame; empty where nothing is.

        None where it isn't a matter of rows: columns are missing, too many or of another type.
        `tasks.validate.validated` says then what is wrong in words.

        Parameters
        ----------
        frame
            With a range for an index: rows are known by their place.
        """
        if not self._is_complete:
            return self._asked(frame)
        if len(frame.columns) != len(self._columns):
            return None
        faults: list[Fault] = []
        arrays: dict[str, Any] = {}
        held: Any = frame
        for name, array in zip(frame.columns, held._iter_column_arrays(), strict=True):
            column = self._columns.get(name)
            if column is None or name in arrays:
                return None
            arrays[name] = array
            found = column.faults(array)
            if found is None:
                return None
            faults += found
        if (repeated := _repeated(self._model, frame, arrays)) is not None:
            faults.append(Fault(None, "unique_key", repeated))
        return faults

    def _asked(self, frame: pd.DataFrame) -> list[Fault] | None:
        """The same from pandera."""
        try:
            self._schema.validate(frame, lazy=True)
        except SchemaErrors as error:
            cases = error.failure_cases
            if cases["index"].isna().any() or cases["check"].astype(str).str.startswith("dtype(").any():
                return None
            of_frame = cases["schema_context"] == "DataFrameSchema"  # told once a column
            cases = cases.assign(column=cases["column"].astype(object).mask(of_frame, ""))
            faults = []
            for (column, check), group in cases.groupby(["column", "check"], sort=False):
                rows = np.zeros(len(frame), dtype=bool)
                rows[group["index"].to_numpy(dtype=np.int64)] = True
                faults.append(Fault(str(column) or None, str(check), rows))
            return faults
        return []


@cache
def guard_of(model: type[Frame]) -> Guard:
    """The guard of a schema, built once."""
    return Guard(model)


def bad_rows(faults: Iterable[Fault], length: int) -> Mask:
    """Rows that fail anything."""
    bad = np.zeros(length, dtype=bool)
    for fault in faults:
        bad |= fault.rows
    return bad


class _Column:
    """One column's rules."""

    def __init__(self, name: str, column: pa.Column) -> None:
        self._name = name
        self._is_category = str(column.dtype) == "category"
        self._dtype: Any = None if self._is_category else _expected(str(column.dtype))
        self._is_nullable = column.nullable
        self._checks = [(str(check.error or check.name), _compiled(check)) for check in column.checks]
        self._can_be_null = self._is_category or self._dtype is None or self._dtype.kind in "fcOMm"
        self.is_known = (
            (self._is_category or self._dtype is not None)
            and column.required
            and not column.regex
            and not column.coerce
            and not column.unique
            and not getattr(column, "parsers", None)
            and all(passes is not None for _, passes in self._checks)
        )

    def faults(self, array: Any) -> list[Fault] | None:
        """Failing rows; None where the type is another."""
        if self._is_category:
            if not isinstance(array, pd.Categorical):
                return None
            return self._of_codes(array)
        if array.dtype != self._dtype:
            return None
        null: Mask | None = None
        if self._can_be_null:
            null = np.isnan(array) if self._dtype.kind in "fc" else pd.isna(array)
            if not null.any():
                null = None
        faults = [] if null is None or self._is_nullable else [Fault(self._name, "not_nullable", null)]
        for check, passes in self._checks:
            assert passes is not None  # noqa: S101  # else the column isn't known
            good = passes(array) if null is None else _past_null(passes, array, null)
            if not good.all():
                faults.append(Fault(self._name, check, ~np.asarray(good)))
        return faults

    def _of_codes(self, array: pd.Categorical) -> list[Fault]:
        """Each category is looked at once, however many rows have it."""
        codes = array.codes
        null = codes < 0
        faults = [] if self._is_nullable or not null.any() else [Fault(self._name, "not_nullable", null)]
        for check, passes in self._checks:
            assert passes is not None  # noqa: S101  # else the column isn't known
            allowed = np.append(np.asarray(passes(array.categories), dtype=bool), True)  # code -1 is null
            if not allowed.all() and not (good := allowed[codes]).all():
                faults.append(Fault(self._name, check, ~good))
        return faults


def _past_null(passes: Passes, array: Any, null: Mask) -> Mask:
    """Nulls pass: whether they may be there is another question."""
    good = np.ones(len(array), dtype=bool)
    good[~null] = passes(array[~null])
    return good


def _expected(text: str) -> Any:
    try:
        dtype = pd.api.types.pandas_dtype(text)
    except TypeError:
        return None
    # Extension types (nullable integers, strings …) compare and hold nulls in their own ways.
    return dtype if isinstance(dtype, np.dtype | pd.DatetimeTZDtype) and dtype.kind in "biufOM" else None


def _compiled(check: pa.Check) -> Passes | None:
    """A built-in check as a function of an array; None for any other."""
    if check.element_wise or check.groupby is not None or check.raise_warning or not check.ignore_na:
        return None
    if check.n_failure_cases is not None:
        return None
    name, known = str(check.name), check.statistics or {}
    if name in _BOUNDS:
        return _BOUNDS[name](*known.values()) if len(known) == 1 else None
    if name in _SETS:
        return _SETS[name](*known.values()) if len(known) == 1 else None
    if name == "in_range" and {"min_value", "max_value"} <= set(known):
        return _in_range(**known)
    return None


def _in_range(min_value: Any, max_value: Any, include_min: bool = True, include_max: bool = True) -> Passes:
    def passes(values: Any) -> Any:
        above = values >= min_value if include_min else values > min_value
        return above & (values <= max_value if include_max else values < max_value)

    return passes


def _repeated(model: type[Frame], frame: pd.DataFrame, arrays: Mapping[str, Any]) -> Mask | None:
    """Rows whose key another row has too; None where there are none."""
    key = [column for column in model.__key__ if column in arrays]
    if not key or len(frame) < 2:
        return None
    if len(key) == 1 and arrays[key[0]].dtype.kind in "iu":
        values = arrays[key[0]]
        if (values[1:] > values[:-1]).all() or len(np.unique(values)) == len(values):
            return None
    elif strictly_increasing(frame, key):
        return None
    repeated: Mask = frame.duplicated(key, keep=False).to_numpy()
    return repeated if repeated.any() else None
