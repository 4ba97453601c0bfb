"""Which rows of an input some rows were made from: by shared keys, references, sessions, and the user's filter."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from schemas.frame import Frame, schema_of
from tasks.connections.problems import Problem

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Wanted:
    """What is looked for in the inputs of a step."""

    rows: pd.DataFrame | None = None
    """Rows whose origin is sought; None: every row counts."""
    model: type[Frame] | None = None
    """Their kind."""
    inherited: frozenset[str] = frozenset()
    """Columns that some input has too: a reference among them came from there, and is followed there."""
    unmet: frozenset[int] = frozenset()
    """Contracts that were looked for and that no frame had a row of since: messages further up may say why."""
    where: Mapping[str, str] = field(default_factory=dict)
    """The user's conditions that no frame on the way has fulfilled yet."""

    @property
    def con_ids(self) -> set[int] | None:
        """The contracts that are looked for; None where there is no telling."""
        if self.rows is None or "con_id" not in self.rows or is_summary(self.model):
            return None
        found = {int(value) for value in self.rows["con_id"]}
        for column in self.references("con_id"):
            found |= {int(value) for value in self.rows[column].dropna()}
        return found | self.unmet

    def references(self, column: str) -> list[str]:
        """Columns of the rows whose values are those of `column` in another frame, and that come from no input."""
        if self.rows is None or self.model is None:
            return []
        return [
            name
            for name, described in schema_of(self.model).columns.items()
            if (described.metadata or {}).get("refers_to") == column
            and name in self.rows
            and name not in self.inherited
        ]


def is_summary(model: type[Frame] | None) -> bool:
    """Whether rows of this kind sum up whole inputs, so that their key tells nothing of what they were made from."""
    return model is not None and model.__summary__


def choose(
    frame: pd.DataFrame, model: type[Frame] | None, wanted: Wanted
) -> tuple[pd.DataFrame, str, Mapping[str, str]]:
    """(the rows of an input that count, how they were chosen, the user's conditions still open)."""
    mask, reasons = _by_keys(frame, model, wanted)
    left = dict(wanted.where)
    here = {column: text for column, text in wanted.where.items() if column in frame}
    if here:
        filtered = mask & matching(frame, here)
        if filtered.any():
            mask = filtered
            reasons = [*reasons, *(f"{column} = {text}" for column, text in here.items())]
            left = {column: text for column, text in left.items() if column not in here}
    chosen = frame if mask.all() else frame[mask]
    return chosen, ", ".join(dict.fromkeys(reasons)) if not mask.all() else "", left


def narrowed(wanted: Wanted, rows: pd.DataFrame, model: type[Frame] | None, left: Mapping[str, str]) -> Wanted:
    """What to look for further up, after these rows were chosen."""
    if rows.empty:
        # What isn't here may still be further up: a contract with no price has messages that say why.
        return replace(wanted, where=left)
    filtered = len(left) < len(wanted.where)
    found = set(rows["con_id"]) if "con_id" in rows else set()
    unmet = frozenset() if filtered else frozenset((wanted.con_ids or set()) - found)
    return Wanted(rows, model, unmet=unmet, where=left)


def matching(frame: pd.DataFrame, where: Mapping[str, str]) -> Mask:
    """The rows that fulfil `column = value`, the value read by the column's type.

    Raises `Problem` where it can't be.
    """
    mask = np.ones(len(frame), dtype=bool)
    for name, text in where.items():
        column = frame[name]
        mask &= np.asarray(column == _value(name, column, text), dtype=bool)
    return mask


def unknown_column(name: str, columns: set[str], step: str) -> Problem:
    """No frame has this column."""
    close = difflib.get_close_matches(name, sorted(columns), n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"They have {', '.join(sorted(columns))}."
    return Problem(f"Neither `{step}` nor a frame that it came from has a column `{name}`.", hint)


def _value(name: str, column: pd.Series[Any], text: str) -> Any:
    kind = column.dtype
    try:
        if isinstance(kind, pd.DatetimeTZDtype):
            moment = pd.Timestamp(text)
            return moment.tz_localize("UTC") if moment.tzinfo is None else moment
        if isinstance(kind, np.dtype):
            if kind.kind == "M":
                return pd.Timestamp(text)
            if kind.kind == "b":
                return {"true": True, "false": False}[text.lower()]
            if kind.kind in "iu":
                return int(text)
            if kind.kind == "f":
                return float(text)
    except (ValueError, KeyError) as error:
        raise Problem(f"`{text}` is no value of column `{name}`, which is {kind}.") from error
    return text


def _by_keys(frame: pd.DataFrame, model: type[Frame] | None, wanted: Wanted) -> tuple[Mask, list[str]]:
    mask = np.ones(len(frame), dtype=bool)
    rows = wanted.rows
    key = _key(model) or _key(wanted.model)
    if rows is None or (is_summary(wanted.model) and key != _key(wanted.model)):
        return mask, []
    names = [name for name in key if name in frame and name in rows and name != "session"]
    reasons: list[str] = []
    refers = False
    for name in names:
        values = set(rows[name].unique())
        for column in wanted.references(name):
            values |= set(rows[column].dropna().unique())
            refers = True
        mask &= frame[name].isin(values).to_numpy()
        reasons.append(_said(name, values))
    if len(names) > 1 and not refers:
        mask = _standing_together(frame, rows, names, mask)
    if "session" in key and "session" in frame:
        mask, said = _by_session(frame, model, wanted, rows, names, mask)
        reasons += said
    return mask, reasons


def _standing_together(frame: pd.DataFrame, rows: pd.DataFrame, names: list[str], mask: Mask) -> Mask:
    """Of the rows in `mask`, those whose values of several columns stand together in one of `rows`."""
    together = set(rows[names].astype(object).itertuples(index=False, name=None))
    at = np.flatnonzero(mask)
    candidates = frame[names].iloc[at].astype(object).itertuples(index=False, name=None)
    found = np.zeros_like(mask)
    found[at] = [candidate in together for candidate in candidates]
    return found


def _by_session(
    frame: pd.DataFrame, model: type[Frame] | None, wanted: Wanted, rows: pd.DataFrame, group: list[str], mask: Mask
) -> tuple[Mask, list[str]]:
    """Of the rows in `mask`, those of the sessions that `rows` are of, or span.

    Rows made from those of another kind may be changes since the session before, as returns are from
    prices: the last row before each one's first session is among what they were made from.
    """
    sessions = frame["session"]
    if "session" in rows:
        inside = mask & sessions.isin(rows["session"].unique()).to_numpy()
        if model is not wanted.model:
            inside[_just_before(frame, rows, group, mask)] = True
    elif "first_session" in rows and "last_session" in rows and rows["first_session"].notna().any():
        first, last = rows["first_session"].min(), rows["last_session"].max()
        inside = mask & sessions.between(first, last).to_numpy()
    else:
        return mask, []
    if not inside.any():
        return inside, []
    return inside, [f"session {sessions[inside].min():%Y-%m-%d} to {sessions[inside].max():%Y-%m-%d}"]


def _just_before(frame: pd.DataFrame, rows: pd.DataFrame, group: list[str], mask: Mask) -> list[int]:
    """Where the last row before the first session of `rows` is, for each group."""
    held = frame.loc[mask, [*group, "session"]].assign(_at=np.flatnonzero(mask), _all=0)
    firsts = rows[[*group, "session"]].assign(_all=0)
    by = [*group, "_all"]
    firsts = firsts.groupby(by, observed=True).agg(_first=("session", "min")).reset_index()
    held = held.merge(firsts, on=by)
    earlier = held[held["session"] < held["_first"]].sort_values("session")
    return [int(at) for at in earlier.groupby(by, observed=True)["_at"].last()]


def _key(model: type[Frame] | None) -> tuple[str, ...]:
    return () if model is None else model.__key__


def _said(name: str, values: set[Any]) -> str:
    some = sorted(values, key=str)
    if len(some) == 1:
        return f"{name} = {some[0]}"
    shown = ", ".join(str(value) for value in some[:5])
    return f"{name} in {shown}" + (f" … ({len(some)})" if len(some) > 5 else "")
