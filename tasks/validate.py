"""Frames held against their schemas: outputs strictly, inputs projected; and the report when one breaks."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pandera.errors import SchemaErrors

from schemas.frame import Frame, schema_of
from tasks.connections.problems import DataProblem

SHOWN = 5


class FrameBroken(DataProblem):
    """A frame is not what its schema says.

    Attributes
    ----------
    failures
        One row a failure: column, check, row, value; whole, where the message shows the first few.
    """

    def __init__(self, reason: str, instruction: str = "", failures: pd.DataFrame | None = None) -> None:
        super().__init__(reason, instruction)
        self.failures = failures


def validated(frame: Any, model: type[Frame] | None, where: str) -> pd.DataFrame:
    """`frame` if it is of this kind; strictly: no column less or more, no type coerced.

    Parameters
    ----------
    frame
        Whatever a task returned.
    model
        The schema; None asks only that it is a frame.
    where
        Whose frame it is, as the message says it: "step `betas`".

    Raises
    ------
    FrameBroken
        It is no frame, or not of this kind; names step, schema, check and the failing rows.
    """
    if not isinstance(frame, pd.DataFrame):
        expected = model.__name__ if model else "a frame"
        raise FrameBroken(f"{where} returned {type(frame).__name__}, not {expected}.", "Return a pandas DataFrame.")
    rows: pd.DataFrame = frame
    if not isinstance(rows.index, pd.RangeIndex) or rows.index.start != 0 or rows.index.step != 1:
        rows = rows.reset_index(drop=True)  # rows are known by their key, never by an index
    if model is not None:
        try:
            schema_of(model).validate(rows, lazy=True, inplace=True)  # nothing is coerced: spare the copy
        except SchemaErrors as error:
            raise _report(error, rows, model, where) from None
    return rows


def projected(frame: pd.DataFrame, model: type[Frame] | None) -> pd.DataFrame:
    """A shallow copy with the columns that the consumer knows, so that no consumer sees another's changes."""
    if model is None:
        return frame.copy(deep=False)
    wanted = [column for column in schema_of(model).columns if column in frame]
    return frame[wanted].copy(deep=False)


def _report(error: SchemaErrors, frame: pd.DataFrame, model: type[Frame], where: str) -> FrameBroken:
    cases = error.failure_cases
    failures = pd.DataFrame(
        {
            "column": cases["column"].where(cases["schema_context"] == "Column", None),
            "check": cases["check"].astype(str),
            "row": cases["index"],
            "value": cases["failure_case"],
        }
    )
    lines = [f"{where} broke schema {model.__name__}:"]
    for (column, check), group in failures.groupby(["column", "check"], dropna=False, sort=False):
        lines.append("  " + _sentence(column, check, group, frame, model))
    return FrameBroken("\n".join(lines), failures=failures)


def _sentence(column: Any, check: Any, group: pd.DataFrame, frame: pd.DataFrame, model: type[Frame]) -> str:
    values = group["value"].tolist()
    if check == "column_in_dataframe":
        return f"column `{values[0]}` is missing"
    if check == "column_in_schema":
        return f"column `{values[0]}` is not in the schema"
    if check.startswith("dtype("):
        return f"column `{column}` is {values[0]}, must be {check[7:-2]}"
    rows = group["row"].dropna().unique().tolist()
    if "unique_key" in check:
        what = f"key ({', '.join(model.__key__)}) is not unique"
    elif check == "not_nullable":
        what = f"column `{column}` has nulls"
    else:
        what = f"column `{column}` fails {check}"
    return f"{what} in {len(rows)} of {len(frame)} rows: {_rows(frame, rows, column, model)}"


def _rows(frame: pd.DataFrame, rows: list[Any], column: Any, model: type[Frame]) -> str:
    """The first failing rows by their key, with the value that fails."""
    columns = [name for name in (*model.__key__, column) if isinstance(name, str) and name in frame]
    shown = frame.loc[frame.index.isin(rows[:SHOWN]), list(dict.fromkeys(columns))]
    told = "; ".join(", ".join(f"{name}={value}" for name, value in row.items()) for row in shown.to_dict("records"))
    return told + (" …" if len(rows) > SHOWN else "")
