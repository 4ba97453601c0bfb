"""Headlines, made up and labelled so: a pure function of (seed, contract, session)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from tasks.connections.ib.simulator.history import read_moment
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.market import Market
from tasks.connections.ib.simulator.noise import whole
from tasks.connections.ib.simulator.session import Handler, Session
from tasks.connections.ib.simulator.sessions import SECOND
from tasks.connections.ib.simulator.sizes import InvalidError
from tasks.connections.ib.simulator.wire import Fields

PROVIDERS = {"SIM": "Simulated Newswire", "SIM-RA": "Simulated Research"}
PHRASES = (
    "announces a product that doesn't exist",
    "names a chief officer who was never born",
    "to present at an imaginary conference",
    "opens a plant on no map",
    "declines to comment on a rumour made up here",
    "target price drawn at random",
)
MOST_A_SESSION = 3
MOST_AT_ONCE = 300
PLAIN_TEXT = 0
DRAW = 700_000


@dataclass(frozen=True)
class Headline:
    """One headline."""

    moment: int
    """Seconds since 1970."""
    provider: str
    article: str
    headline: str


def of_session(market: Market, instrument: Instrument, session: int) -> list[Headline]:
    """What is said of a contract in a session, in order: up to three headlines."""
    if not instrument.series:
        return []

    def draw(number: int, below: int) -> int:
        return whole(market.seed, instrument.con_id, session, DRAW + number, below)

    opened, length = int(market.hours.opens[session]) // SECOND, market.hours.minutes(session) * 60
    made = []
    for number in range(draw(0, MOST_A_SESSION + 1)):
        provider = tuple(PROVIDERS)[draw(10 * number + 1, len(PROVIDERS))]
        text = f"SIMULATED: {instrument.name or instrument.symbol} {PHRASES[draw(10 * number + 2, len(PHRASES))]}"
        article = f"{provider}${instrument.con_id}-{session}-{number}"
        made.append(Headline(opened + draw(10 * number + 3, length), provider, article, text))
    return sorted(made, key=lambda item: item.moment)


def between(market: Market, instrument: Instrument, after: int, until: int) -> Iterator[Headline]:
    """Headlines later than one second and up to another, in order, both in seconds since 1970."""
    first = max(1, market.hours.before(after * SECOND + 1))
    last = min(len(market.sessions) - 1, market.hours.before(until * SECOND + 1))
    for session in range(first, last + 1):
        for item in of_session(market, instrument, session):
            if after < item.moment <= until:
                yield item


def providers(session: Session, fields: Fields) -> None:
    """85: who writes."""
    fields.end()
    session.send(85, len(PROVIDERS), *(value for pair in PROVIDERS.items() for value in pair))


def historical_news(session: Session, fields: Fields) -> None:
    """86: headlines of a contract, the latest first, and whether there are more."""
    request, con_id = fields.whole("request"), fields.whole("contract id")
    wanted, start, end = fields.text("providers"), fields.text("start"), fields.text("end")
    most = fields.whole("total results")
    fields.text("options")
    fields.end()
    gateway = session.gateway
    instrument = gateway.market.instruments.get(con_id)
    unknown = [name for name in wanted.split("+") if name not in PROVIDERS]
    if instrument is None:
        session.error(request, 321, f"Error validating request.-'cG' : cause - Invalid contract id {con_id}")
        return
    if unknown:
        session.error(request, 321, f"Error validating request.-'cG' : cause - Not allowed providers {unknown}")
        return
    now = gateway.clock.nanoseconds()
    try:
        since = _read(start) if start else now - 30 * 86400 * SECOND
        until = min(now, _read(end)) if end else now
    except InvalidError as error:
        session.error(request, 321, f"Error validating request.-'cG' : cause - {error}")
        return
    found = [
        item
        for item in between(gateway.market, instrument, since // SECOND, until // SECOND)
        if item.provider in wanted.split("+")
    ]
    most = min(most if most > 0 else MOST_AT_ONCE, MOST_AT_ONCE)
    for item in found[::-1][:most]:
        written = pd.Timestamp(item.moment, unit="s").strftime("%Y-%m-%d %H:%M:%S.0")
        session.send(86, request, written, item.provider, item.article, item.headline)
    session.send(87, request, len(found) > most)


def article(session: Session, fields: Fields) -> None:
    """84: the text of an article."""
    request, provider, name = fields.whole("request"), fields.text("provider"), fields.text("article")
    fields.text("options")
    fields.end()
    item = _named(session.gateway.market, provider, name)
    if item is None or item.moment * SECOND > session.gateway.clock.nanoseconds():
        session.error(request, 10172, f"Failed to request news article:No data available for {name}")
        return
    text = f"{item.headline}. This article was generated by the simulated gateway; nothing in it has happened."
    session.send(83, request, PLAIN_TEXT, text)


def bulletins(session: Session, fields: Fields) -> None:
    """12: the exchanges' bulletins from now on and, if wanted, the day's so far: one, which says what this is."""
    fields.version(1)
    with_past = fields.flag("all of the day")
    fields.end()
    session.wants_bulletins = True
    if with_past:
        session.send(14, 1, 1, 1, "SIMULATED: this market is made of past closes and random numbers.", "NYSE")


def cancel_bulletins(session: Session, fields: Fields) -> None:
    """13: no more bulletins."""
    fields.version(1)
    fields.end()
    session.wants_bulletins = False


def _named(market: Market, provider: str, name: str) -> Headline | None:
    parts = name.partition("$")[2].split("-")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 12 for part in parts):
        return None
    instrument = market.instruments.get(int(parts[0]))
    if instrument is None or not 1 <= int(parts[1]) < len(market.sessions):
        return None
    found = [item for item in of_session(market, instrument, int(parts[1])) if item.article == name]
    return found[0] if found and found[0].provider == provider else None


def _read(text: str) -> int:
    """A moment as the broker takes it here, `yyyy-mm-dd hh:mm:ss.0` in UTC, or as everywhere else."""
    if len(text) >= 10 and text[4] == text[7] == "-":
        try:
            return pd.Timestamp(text, tz="UTC").as_unit("ns").value
        except ValueError:
            raise InvalidError(f"Date is invalid: {text!r}") from None
    return read_moment(text)


HANDLERS: dict[int, Handler] = {
    85: providers,
    86: historical_news,
    84: article,
    12: bulletins,
    13: cancel_bulletins,
}
