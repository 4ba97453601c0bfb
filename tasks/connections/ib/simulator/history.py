"""Historical bars, once or kept up to date."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.connections.ib.simulator.bars import Bars
from tasks.connections.ib.simulator.contracts import find_one, read_query
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.periods import Period, bars_of, dates, lived, period, shown_as
from tasks.connections.ib.simulator.permissions import KEPT
from tasks.connections.ib.simulator.session import Handler, Session
from tasks.connections.ib.simulator.sessions import SECOND, ZONE, instant
from tasks.connections.ib.simulator.sizes import (
    DAYS,
    NOT_SERVED,
    SECONDS,
    SHOWN,
    Duration,
    InvalidError,
    check_length,
    read_duration,
    read_size,
)
from tasks.connections.ib.simulator.wire import Fields, MalformedError, body, frame

INVALID = "Error validating request.-'bN' : cause - "
SERVICE = "Historical Market Data Service error message:"
BETWEEN_UPDATES = 0.25
ZONES_SINCE = 174
"""Server version from which on times are written with their zone."""


@dataclass(frozen=True)
class Request:
    """What bars are wanted."""

    instrument: Instrument
    size: str
    duration: Duration
    shown: str
    until: int
    """The end, not within; nanoseconds since 1970."""
    date_format: int
    end: int
    """The end that was asked for, or the moment of the question."""


def historical_data(session: Session, fields: Fields) -> None:
    """20: bars from the oldest to the latest; in a session the last one is the session's so far."""
    number = fields.whole("request")
    query = read_query(fields)
    if query.security_type == "BAG":
        raise MalformedError("combinations have no history at the simulated gateway")
    fields.flag("expired ones too")
    end, size, duration = fields.text("end"), fields.text("bar size"), fields.text("duration")
    fields.flag("regular hours only")
    shown, date_format = fields.text("what to show"), fields.whole("date format")
    follows = fields.flag("keep up to date")
    fields.text("chart options")
    fields.end()
    instrument = find_one(session, number, query)
    if instrument is None:
        return
    try:
        request = _validated(session, instrument, end, size, duration, shown, date_format, follows)
    except InvalidError as error:
        session.error(number, 321, INVALID + str(error))
        return
    identity = (instrument.con_id, end, size, duration, shown)
    refusal = _paced(session, request, identity) or _refusal(session, request)
    if refusal is not None:
        session.error(number, *refusal)
        return
    answer = _answer(session, number, request)
    if answer is None:
        session.error(number, 162, _no_data(request))
        return
    session.outlet.put(answer)
    if follows:
        session.stream(KEPT, number, _follow(session, number, request))


def cancel_historical_data(session: Session, fields: Fields) -> None:
    """25: no more updates."""
    fields.version(1)
    number = fields.whole("request")
    fields.end()
    if session.cancel(KEPT, number):
        session.error(number, 162, SERVICE + f"API historical data query cancelled: {number}")
    else:
        session.error(number, 366, f"No historical data query found for ticker id:{number}")


def head_timestamp(session: Session, fields: Fields) -> None:
    """87: when a contract's data begins; that is the second session of the shipped closes."""
    number = fields.whole("request")
    query = read_query(fields)
    fields.flag("expired ones too")
    fields.flag("regular hours only")
    shown, date_format = fields.text("what to show"), fields.whole("date format")
    fields.end()
    instrument = find_one(session, number, query)
    if instrument is None:
        return
    if shown not in SHOWN or not has_history(instrument):
        session.error(number, 162, SERVICE + f"No head time stamp: {instrument.local_symbol} {shown}")
        return
    first = session.gateway.market.hours.span[0]
    session.send(88, number, first.value // SECOND if date_format == 2 else first.strftime("%Y%m%d-%H:%M:%S"))


def cancel_head_timestamp(session: Session, fields: Fields) -> None:
    """90: the answer came at once, so there is nothing left to cancel."""
    fields.whole("request")
    fields.end()


def has_history(instrument: Instrument) -> bool:
    """Whether there are bars and past ticks of it."""
    return instrument.has_history and bool(instrument.series or instrument.underlying)


def read_moment(text: str) -> int:
    """A moment as `yyyymmdd-HH:MM:SS`, which is UTC, or `yyyymmdd HH:MM:SS` with a zone. Raises `InvalidError`."""
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


def written(session: Session, moments: list[int], date_format: int) -> list[str]:
    """Times within a day as the client wants them: seconds since 1970 (2), or New York's (1)."""
    if date_format == 2:
        return [str(moment // SECOND) for moment in moments]
    form = "%Y%m%d %H:%M:%S US/Eastern" if session.version >= ZONES_SINCE else "%Y%m%d  %H:%M:%S"
    return list(pd.DatetimeIndex(pd.to_datetime(moments, utc=True)).tz_convert(ZONE).strftime(form))


def _validated(
    session: Session,
    instrument: Instrument,
    end: str,
    size: str,
    duration: str,
    shown: str,
    date_format: int,
    follows: bool,
) -> Request:
    size = read_size(size)
    if shown not in (*SHOWN, *NOT_SERVED):
        raise InvalidError(f"What to show field is invalid: {shown!r}. The simulated gateway has: {', '.join(SHOWN)}")
    if shown == "ADJUSTED_LAST" and end:
        raise InvalidError("End Date/Time is not supported with ADJUSTED_LAST")
    if date_format not in (1, 2):
        raise InvalidError(f"Date format is invalid: {date_format}")
    if follows and (end or size == "1 secs"):
        raise InvalidError("Keeping bars up to date takes no End Date/Time, and bars of 5 secs and more")
    now = session.gateway.clock.nanoseconds()
    ends = min(read_moment(end), now) if end else now
    until = ends if ends < now else now // SECOND * SECOND + SECOND
    return Request(instrument, size, read_duration(duration), shown, until, date_format, ends)


def _paced(session: Session, request: Request, identity: tuple[object, ...]) -> tuple[int, str] | None:
    gateway, instrument = session.gateway, request.instrument
    rule = gateway.history_pace.violation(
        identity,
        (instrument.con_id, instrument.exchange, request.shown),
        SECONDS.get(request.size, 86400) <= 30,
        2 if request.shown == "BID_ASK" else 1,
    )
    if rule is None or not (gateway.pacing or gateway.faults.paced):
        return None
    return 162, f"{SERVICE}Historical data request pacing violation ({rule})"


def _refusal(session: Session, request: Request) -> tuple[int, str] | None:
    gateway, instrument = session.gateway, request.instrument
    if instrument.con_id in gateway.faults.refused:
        return gateway.faults.refused[instrument.con_id]
    if "history" in gateway.faults.closed_farms:
        return 162, SERVICE + "HMDS server is not connected"
    if instrument.permission == "none":
        return 162, SERVICE + f"No market data permissions for {instrument.listing} {instrument.security_type}"
    if not check_length(request.size, request.duration):
        return 162, SERVICE + "Time length exceed max."
    if not has_history(instrument) or request.shown in NOT_SERVED or not gateway.market.covers(request.until):
        return 162, _no_data(request)
    return None


def _no_data(request: Request) -> str:
    return SERVICE + f"HMDS query returned no data: {request.instrument.local_symbol}@SMART {request.shown.title()}"


def _bars(session: Session, request: Request, over: Period) -> Bars:
    bars = bars_of(session.gateway.market, request.instrument.con_id, request.size, over)
    return shown_as(bars, request.instrument, request.shown)


def _answer(session: Session, number: int, request: Request) -> bytes | None:
    """Message 17; its rows are kept, since working them out and writing them takes longest. None: there are none."""
    gateway = session.gateway
    over = period(gateway.market, request.duration, request.until)
    traded = lived(gateway.market, request.instrument, over)
    if traded is None:
        return None
    over = traded
    with_zone = session.version >= ZONES_SINCE
    shape = (
        request.instrument.con_id,
        request.size,
        request.shown,
        request.date_format,
        over,
        request.end // SECOND,
        with_zone,
    )
    rows = gateway.written_history.get(shape)
    if rows is None:
        bars = _bars(session, request, over)
        if not len(bars):
            return None
        rows = body(_written(int(bars.start[0])), _written(request.end), len(bars))
        rows += ("\0".join(map(str, _rows(session, request, bars))) + "\0").encode()
        gateway.written_history.put(shape, rows)
    return frame(body(17, number) + rows)


def _written(moment: int) -> str:
    return instant(moment).tz_convert(ZONE).strftime("%Y%m%d  %H:%M:%S")


def _rows(session: Session, request: Request, bars: Bars) -> list[object]:
    opening, high, low, close, volume, average, count = (column.tolist() for column in bars.columns[1:])
    table = (_dates(session, request, bars), opening, high, low, close, volume, np.round(average, 4), count)
    return [value for row in zip(*table, strict=True) for value in row]


def _dates(session: Session, request: Request, bars: Bars) -> list[str]:
    if request.size in DAYS:
        return dates(session.gateway.market, bars, request.size)
    return written(session, bars.start.tolist(), request.date_format)


async def _follow(session: Session, number: int, request: Request) -> None:
    """Send each new bar, and the running one as it changes, until cancelled."""
    gateway, hours = session.gateway, session.gateway.market.hours
    until = request.until
    while True:
        await gateway.pass_time(BETWEEN_UPDATES)
        now = gateway.clock.nanoseconds() // SECOND * SECOND + SECOND
        if now <= until or not gateway.market.covers(now) or session.outlet.is_full:
            continue
        first, last = hours.before(until), hours.before(now)
        end = min(now, int(hours.closes[last]))
        bars = _bars(session, request, Period(first, last, until - SECOND, end))
        if end > until:
            rows = _rows(session, request, bars)
            for at in range(0, len(rows), 8):
                date, opening, high, low, close, volume, average, count = rows[at : at + 8]
                session.send(90, number, count, date, opening, close, high, low, average, volume)
            until = end


HANDLERS: dict[int, Handler] = {
    20: historical_data,
    25: cancel_historical_data,
    87: head_timestamp,
    90: cancel_head_timestamp,
}
