"""Daily bars."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from tasks.connections.ib.simulator.contracts import find_one, read_query
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.session import Handler, Session
from tasks.connections.ib.simulator.wire import Fields

INVALID = "Error validating request.-'bN' : cause - "
SERVICE = "Historical Market Data Service error message:"
SHOWN = ("TRADES", "ADJUSTED_LAST")
LONGEST_IN_DAYS = 365


class InvalidError(Exception):
    """The request asks for what can't be; the text is the broker's."""


def historical_data(session: Session, fields: Fields) -> None:
    """20: bars from the oldest to the latest; in a session the last one is the session's so far."""
    request = fields.whole("request")
    query = read_query(fields)
    fields.flag("expired ones too")
    end, size, duration = fields.text("end"), fields.text("bar size"), fields.text("duration")
    fields.flag("regular hours only")
    shown, date_format = fields.text("what to show"), fields.whole("date format")
    follows = fields.flag("keep up to date")
    fields.text("chart options")
    fields.end()
    instrument = find_one(session, request, query)
    if instrument is None:
        return
    try:
        _validate(size, shown, end, date_format, follows)
        until = _moment(end) if end else session.gateway.clock.nanoseconds()
        first = _first_session(session.gateway.market.sessions, session, until, duration)
    except InvalidError as error:
        session.error(request, 321, INVALID + str(error))
        return
    refusal = _refusal(session, instrument, (instrument.con_id, end, size, duration, shown))
    if refusal is not None:
        session.error(request, *refusal)
        return
    _send(session, request, instrument, until, first)


def cancel_historical_data(session: Session, fields: Fields) -> None:
    """25: bars are sent at once, so there is nothing left to cancel."""
    fields.version(1)
    request = fields.whole("request")
    fields.end()
    session.error(request, 366, f"No historical data query found for ticker id:{request}")


def _validate(size: str, shown: str, end: str, date_format: int, follows: bool) -> None:
    if size not in ("1 day", "1D"):
        raise InvalidError(f"Historical data bar size setting is invalid: {size!r}. The simulated gateway has: 1 day")
    if shown not in SHOWN:
        raise InvalidError(f"What to show field is invalid: {shown!r}. The simulated gateway has: {', '.join(SHOWN)}")
    if shown == "ADJUSTED_LAST" and end:
        raise InvalidError("End Date/Time is not supported with ADJUSTED_LAST")
    if date_format not in (1, 2):
        raise InvalidError(f"Date format is invalid: {date_format}")
    if follows:
        raise InvalidError("The simulated gateway doesn't keep bars up to date")


def _moment(text: str) -> int:
    """An end as `yyyymmdd-HH:MM:SS`, which is UTC, or `yyyymmdd HH:MM:SS` with a zone."""
    day, _, rest = text.replace("-", " ", 1).partition(" ")
    hours, _, zone = rest.strip().partition(" ")
    if "-" in text:
        zone = "UTC"
    try:
        if not zone:
            raise ValueError("no zone")
        return pd.Timestamp(f"{day} {hours or '23:59:59'}").tz_localize(zone.strip()).as_unit("ns").value
    except (ValueError, KeyError) as error:
        raise InvalidError(f"End Date/Time is invalid: {text!r} ({error})") from None


def _first_session(sessions: np.ndarray, session: Session, until: int, duration: str) -> int:
    """Index of the first session that the duration reaches back to; `N D` counts sessions, the running one too."""
    match = re.fullmatch(r"(\d+) ([DWMY])", duration)
    if not match or not int(match[1]):
        raise InvalidError(f"Historical data query duration is invalid: {duration!r}")
    count, unit = int(match[1]), match[2]
    market = session.gateway.market
    if not market.covers(until):
        raise InvalidError(f"the simulated market has no data then: its sessions are {sessions[1]} to {sessions[-1]}")
    last = market.moment(until).session
    if unit == "D":
        if count > LONGEST_IN_DAYS:
            raise InvalidError("Historical data requests for durations longer than 365 days must be made in years.")
        return max(1, last - count + 1)
    months = {"W": 0, "M": 1, "Y": 12}[unit] * count
    start = pd.Timestamp(sessions[last]) - pd.DateOffset(months=months, weeks=count if unit == "W" else 0)
    return max(1, int(np.searchsorted(sessions, np.datetime64(start.date()), side="right")))


def _refusal(session: Session, instrument: Instrument, identity: tuple[object, ...]) -> tuple[int, str] | None:
    gateway = session.gateway
    if instrument.con_id in gateway.faults.refused:
        return gateway.faults.refused[instrument.con_id]
    is_paced = gateway.pacing or gateway.faults.paced
    if is_paced and gateway.history_pace.violation(identity, identity[0], False, 1):
        return 162, SERVICE + "Historical data request pacing violation"
    if instrument.permission == "none":
        return 162, SERVICE + f"No market data permissions for {instrument.listing} {instrument.security_type}"
    if not instrument.has_history or not instrument.series:
        return 162, SERVICE + f"HMDS query returned no data: {instrument.local_symbol}@SMART Trades"
    return None


def _send(session: Session, request: int, instrument: Instrument, until: int, first: int) -> None:
    bars = session.gateway.market.days(instrument.con_id, first, until + 1)
    days = [str(day).replace("-", "") for day in session.gateway.market.sessions[first : first + len(bars)]]
    rows: list[object] = []
    for day, o, h, lo, c, v, a, n in zip(days, *(column.tolist() for column in bars.columns[1:]), strict=True):
        rows += [day, o, h, lo, c, v, round(a, 4), n]
    start = days[0] + "  00:00:00" if days else ""
    end = pd.Timestamp(until, unit="ns", tz="UTC").tz_convert("America/New_York").strftime("%Y%m%d  %H:%M:%S")
    session.send(17, request, start, end, len(bars), *rows)


HANDLERS: dict[int, Handler] = {20: historical_data, 25: cancel_historical_data}
