"""The direct path for ticks gives what the broker's own decoder gives, to the last row."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.connections.ib.bridge import Bridge
from tasks.connections.ib.client import Client
from tasks.connections.ib.hot import HotPath
from tasks.connections.ib.latest import Latest, LatestTable
from tasks.connections.ib.receiver import Receiver
from tasks.connections.ib.recipients import Recipients, Routes
from tasks.connections.ib.subscriptions import Subscription

NUMBER = 1_000_001


class Rows:
    """What comes of messages: rows of one subscription, and how many couldn't be read."""

    def __init__(self) -> None:
        self.recipients = Recipients(Routes())
        self.subscription = Subscription("ticks", "Ticks", None, None, connection="gateway")
        self.recipients.enter(NUMBER, self.subscription)
        self.unreadable = 0
        self.client = Client(Receiver(self), lambda messages: None, lambda problem: None)
        self.client.use_decoder(157 if self.client.has_whole_sizes else 178)

    def row(self, request: Any, row: Any) -> None:
        for recipient in self.recipients.of(request):
            recipient.add(row, 5)

    def end(self, request: Any) -> None:
        self.recipients.end(request)

    def event(self, row: Any) -> None: ...

    def failed(self, request: int, code: int, text: str) -> None: ...

    def started(self, accounts: Any, next_id: Any) -> None: ...

    def time(self, seconds: int) -> None: ...

    def slow(self, fields: list[bytes]) -> None:
        try:
            self.client.dispatch(fields)
        except Exception:
            self.unreadable += 1

    def taken(self) -> list[str]:
        """As text: NaN equals NaN, and 1 is not 1.0. With the end marker, where it has come."""
        end = ["end"] if self.subscription.wait_whole(0) else []
        return [repr(row) for _, _, row in self.subscription.take(0)] + end


def by_the_decoder(payload: bytes) -> tuple[list[str], int]:
    rows = Rows()
    rows.slow(payload.split(b"\0")[:-1])
    return rows.taken(), rows.unreadable


def by_the_direct_path(payload: bytes) -> tuple[list[str], int]:
    rows = Rows()
    version = rows.client.decoder.serverVersion
    hot = HotPath(rows.recipients, LatestTable(), rows.slow, version, rows.client.has_whole_sizes)
    hot.read([payload], 5)
    return rows.taken(), rows.unreadable


def message(*fields: object) -> bytes:
    return b"".join(field if isinstance(field, bytes) else str(field).encode() + b"\0" for field in fields)


prices = st.one_of(
    st.floats(0.01, 1e5).map(lambda price: repr(round(price, 4))),
    st.sampled_from(["", "-1", "-1.0", "0", "1.7976931348623157E308", "nan", "inf", "Infinity", "1e400", "1_0", " 7 "]),
    st.integers(-5, 10**6).map(str),
)
sizes = st.one_of(
    st.integers(0, 10**9).map(str),
    st.sampled_from(["", "-1", "0.5", "2147483647", "9223372036854775807", "1e3", "1.7976931348623157E308", "1_0"]),
)
numbers = st.one_of(st.just(str(NUMBER)), st.sampled_from(["", "7", "+1000001", "01000001", "1000001.0", "x"]))
types = st.one_of(st.integers(0, 104).map(str), st.sampled_from(["", "-1", "999"]))
masks = st.one_of(st.integers(0, 9).map(str), st.sampled_from(["", "x"]))
times = st.one_of(st.integers(0, 2**33).map(str), st.sampled_from(["", "1.5"]))
texts = st.one_of(
    st.sampled_from(["", "NASDAQ", "I"]), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
)
bars = st.builds(
    message, texts, *(prices, prices, prices, prices), sizes, prices, st.one_of(st.integers(0, 999).map(str), sizes)
)
usual_bars = st.builds(
    message,
    st.just("20221227"),
    *([st.floats(1, 500).map(str)] * 4),
    *(st.integers(0, 10**9), st.just(1.5), st.just(3)),
)
messages = st.one_of(
    st.lists(st.one_of(usual_bars, bars), max_size=3).flatmap(
        lambda each: st.builds(
            message,
            st.just(17),
            numbers,
            texts,
            texts,
            st.sampled_from([len(each), len(each) + 1, ""]),
            *map(st.just, each),
        )
    ),
    st.builds(message, st.just(1), st.just(6), numbers, types, prices, sizes, masks),
    st.builds(message, st.just(2), st.just(6), numbers, types, sizes),
    st.builds(message, st.just(99), numbers, st.sampled_from([1, 2]), times, prices, sizes, masks, texts, texts),
    st.builds(message, st.just(99), numbers, st.just(3), times, prices, prices, sizes, sizes, masks),
    st.builds(message, st.just(99), numbers, st.sampled_from([0, 4, 5, ""]), times, prices),
    st.builds(
        message, *(st.just(50), st.just(3), numbers, times), *(prices, prices, prices, prices), *(sizes, prices, sizes)
    ),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A message with some of its bytes changed, dropped or doubled."""
    payload = bytearray(draw(messages))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, max(0, len(payload) - 1)))
        how = draw(st.integers(0, 3))
        if how == 0:
            payload[place : place + 1] = bytes([draw(st.integers(0, 255))])
        elif how == 1:
            del payload[place : place + draw(st.integers(1, 8))]
        elif how == 2:
            payload[place:place] = payload[place : place + draw(st.integers(1, 8))]
        else:
            del payload[place:]
    return bytes(payload)


@settings(max_examples=600, deadline=None)
@given(payload=mutated())
def test_the_direct_path_gives_the_rows_that_the_decoder_gives_or_both_give_none(payload: bytes) -> None:
    assert by_the_direct_path(payload) == by_the_decoder(payload)


def test_usual_messages_take_the_direct_path_alone() -> None:
    usual = [
        (message(1, 6, NUMBER, 1, 380.52, 300, 5), ["(1, 380.52, 5)", "(0, 300.0)"]),
        (message(1, 6, NUMBER, 9, 382.925, 0, 0), ["(9, 382.925, 0)"]),
        (message(2, 6, NUMBER, 8, 5100), ["(8, 5100.0)"]),
        (
            message(17, NUMBER, "", "", 1, "20221227", 1, 2, 0.5, 1.5, 700, 1.25, 9),
            ["Bar(date='20221227', open=1.0, high=2.0, low=0.5, close=1.5, volume=700.0, average=1.25, trades=9.0)",
             "end"],
        ),
        (
            message(99, NUMBER, 1, 1672260300, 380.5, 100, 2, "ARCA", "I"),
            ["Trade(time=1672260300, price=380.5, size=100.0, exchange='ARCA', conditions='I', past_limit=False, "
             "unreported=True)"],
        ),
        (message(99, NUMBER, 4, 1672260300, 380.5), ["Midpoint(time=1672260300, price=380.5)"]),
        (
            message(50, 3, NUMBER, 1672260300, 1, 2, 0.5, 1.5, 700, 1.25, 9),
            ["RealTimeBar(time=1672260300, open=1.0, high=2.0, low=0.5, close=1.5, volume=700.0, average=1.25, "
             "trades=9.0)"],
        ),
    ]  # fmt: skip
    for payload, expected in usual:
        rows = Rows()
        left: list[Any] = []
        hot = HotPath(rows.recipients, LatestTable(), left.append, 157, True)
        hot.read([payload], 5)
        assert (rows.taken(), left) == (expected, [])


@pytest.fixture
def followed() -> tuple[LatestTable, Latest, HotPath]:
    table, recipients = LatestTable(), Recipients(Routes())
    latest = Latest(table, "quotes", "Quotes of SPY", None, None, connection="gateway", con_id=756733)
    recipients.enter(NUMBER, latest)
    bridge = Bridge("127.0.0.1", 1, 1, table=table)
    return table, latest, HotPath(recipients, table, bridge._on_message, 157, True)


def test_the_table_has_the_latest_of_everything(followed: tuple[LatestTable, Latest, HotPath]) -> None:
    table, latest, hot = followed
    assert latest.take(0) == []
    hot.read([message(1, 6, NUMBER, 1, price, 100, 0) for price in (380.1, 380.2, 380.3)], 7)
    hot.read([message(1, 6, NUMBER, 2, 380.5, 200, 0), message(2, 6, NUMBER, 8, 5100)], 9)
    ((version, received, quote),) = latest.take(0)
    assert (version, received) == (2, 9)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size, quote.volume) == (380.3, 100, 380.5, 200, 5100)
    assert math.isnan(quote.last)
    assert quote.is_delayed == 0
    assert latest.take(0) == []
    snapshot = table.snapshot()
    assert snapshot.con_ids.tolist() == [756733]
    assert snapshot.values[0, :2].tolist() == [380.3, 380.5]
    assert len(table.snapshot(after=2).con_ids) == 0


def test_delayed_ticks_are_told_apart(followed: tuple[LatestTable, Latest, HotPath]) -> None:
    _, latest, hot = followed
    hot.read([message(1, 6, NUMBER, 66, 380.1, 100, 0), message(1, 6, NUMBER, 67, 380.3, 100, 0)], 7)
    ((_, _, quote),) = latest.take(0)
    assert (quote.bid, quote.ask, quote.is_delayed) == (380.1, 380.3, 1)


def test_a_closed_slot_is_lent_again_without_what_it_held(followed: tuple[LatestTable, Latest, HotPath]) -> None:
    table, latest, hot = followed
    hot.read([message(1, 6, NUMBER, 1, 380.1, 100, 0)], 7)
    latest.close()
    hot.read([message(1, 6, NUMBER, 1, 999.0, 100, 0)], 8)
    other = Latest(table, "quotes", "Quotes of AAPL", None, None, connection="gateway", con_id=265598)
    assert other.slot == latest.slot
    assert other.take(0) == []
    assert table.snapshot(after=-1).con_ids.tolist() == [265598]
    assert math.isnan(table.row(other.slot)[2].bid)
