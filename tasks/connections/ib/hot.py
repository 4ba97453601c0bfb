"""The messages that come by the hundred thousand, read straight from their bytes.

Prices, sizes, tick-by-tick data and bars, of real time and of the past, take a path of their own where they have the
form that they nearly always have, and give the rows that the client's decoder and the callbacks
would give. Whatever else a message holds is left to those. Source: the broker's published client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import repeat

from tasks.connections.ib.contracts import number
from tasks.connections.ib.latest import IS_DELAYED, SIZE_TYPE, TICK_COLUMN, TICK_IS_DELAYED, WIDTH, Latest, LatestTable
from tasks.connections.ib.recipients import Recipient, Recipients
from tasks.connections.ib.requests import Request
from tasks.connections.ib.rows.bars import Bar, RealTimeBar
from tasks.connections.ib.rows.ticks import BidAsk, Midpoint, Trade
from tasks.connections.ib.subscriptions import Subscription

PRE_OPEN = 132
"""Server version from which a price's flags have all three bits; older ones are left to the client's decoder."""

BEFORE_BARS, BAR = 5, 8
"""Fields before the first bar of the past, and of each bar."""

LARGEST = 1e37
"""From here on a number may be one that says "not set"."""

UNSET = frozenset({b"", b"2147483647", b"9223372036854775807", b"1.7976931348623157E308", b"-9223372036854775808"})
"""Sizes that newer clients take for none."""

LAST, ALL_LAST, BID_ASK, MIDPOINT = 1, 2, 3, 4


class HotPath:
    """Reads messages, and hands those that are not hot, or not of the usual form, to `slow`.

    Parameters
    ----------
    recipients
        Who has which request number. What a `Request` is to get is left to `slow`, but for bars of the past.
    table
        Where ticks for a `Latest` go.
    slow
        Takes the fields of a message.
    version
        The server's.
    has_whole_sizes
        Whether the client's decoder reads sizes as integers (9.81) or as decimals (10.x).
    """

    def __init__(
        self,
        recipients: Recipients,
        table: LatestTable,
        slow: Callable[[list[bytes]], None],
        version: int,
        has_whole_sizes: bool,
    ) -> None:
        self._recipients, self._table, self._slow = recipients, table, slow
        self._size = _whole if has_whole_sizes else _decimal
        self._average = float if has_whole_sizes else _decimal
        self._sizes = _wholes if has_whole_sizes else _decimals
        self._averages = _floats if has_whole_sizes else _decimals
        self._numbered: Mapping[int, Recipient] = {}
        self._received = 0
        self._is_locked = False
        self._touched: set[Latest] = set()
        self._readers: dict[bytes, Callable[[list[bytes]], bool]] = {
            b"2": self._read_size,
            b"17": self._read_bars,
            b"50": self._read_bar,
            b"99": self._read_tick_by_tick,
        }
        if version >= PRE_OPEN:
            self._readers[b"1"] = self._read_price

    def read(self, payloads: list[bytes], received: int) -> None:
        """Read what has come at once, at this time in nanoseconds since 1970."""
        self._received, self._numbered = received, self._recipients.numbered()
        readers = self._readers
        try:
            for payload in payloads:
                fields = payload.split(b"\0")
                fields.pop()  # what follows the last NUL is no field
                reader = readers.get(fields[0]) if fields else None
                if reader is not None:
                    try:
                        if reader(fields):
                            continue
                    except (ValueError, OverflowError, IndexError):
                        pass  # the client's decoder says what is wrong, or knows better
                self._release()
                self._slow(fields)
        finally:
            self._release()
            if self._touched:
                self._table.notify()
                for latest in self._touched:
                    latest.stale = False
                    latest.bell()
                self._touched.clear()

    def _read_price(self, fields: list[bytes]) -> bool:
        if not fields[1].isdigit():
            return False
        recipient = self._numbered.get(int(fields[2]))
        tick, price, size, flags = int(fields[3]), float(fields[4]), self._size(fields[5]), int(fields[6]) & 7
        if not -LARGEST < price < LARGEST:
            price = number(price)
        if type(recipient) is Latest:
            column = TICK_COLUMN.get(tick)
            if column is not None and (base := self._base(recipient)) >= 0:
                values = self._table.values
                values[base + column] = price
                values[base + IS_DELAYED] = TICK_IS_DELAYED[tick]
                if tick in SIZE_TYPE:
                    values[base + TICK_COLUMN[SIZE_TYPE[tick]]] = size
            return True
        if type(recipient) is Subscription:
            recipient.add((tick, price, flags), self._received)
            if tick in SIZE_TYPE:
                recipient.add((SIZE_TYPE[tick], size), self._received)
            return True
        return recipient is None

    def _read_size(self, fields: list[bytes]) -> bool:
        if len(fields) != 5 or not all(map(bytes.isdigit, fields)):
            return False
        recipient = self._numbered.get(int(fields[2]))
        tick, size = int(fields[3]), self._size(fields[4])
        if type(recipient) is Latest:
            column = TICK_COLUMN.get(tick)
            if column is not None and (base := self._base(recipient)) >= 0:
                self._table.values[base + column] = size
                self._table.values[base + IS_DELAYED] = TICK_IS_DELAYED[tick]
            return True
        if type(recipient) is Subscription:
            recipient.add((tick, size), self._received)
            return True
        return recipient is None

    def _read_tick_by_tick(self, fields: list[bytes]) -> bool:
        recipient = self._numbered.get(int(fields[1]))
        kind, time = int(fields[2]), int(fields[3])
        row: Trade | BidAsk | Midpoint
        if kind in (LAST, ALL_LAST):
            mask, exchange, conditions = int(fields[6]), _text(fields[7]), _text(fields[8])
            numbers = (number(float(fields[4])), self._size(fields[5]))
            row = Trade(time, *numbers, exchange, conditions, bool(mask & 1), bool(mask & 2))
        elif kind == BID_ASK:
            mask = int(fields[8])
            prices = (number(float(fields[4])), number(float(fields[5])))
            row = BidAsk(time, *prices, self._size(fields[6]), self._size(fields[7]), bool(mask & 1), bool(mask & 2))
        elif kind == MIDPOINT:
            row = Midpoint(time, number(float(fields[4])))
        else:
            return False
        return self._add(recipient, row)

    def _read_bar(self, fields: list[bytes]) -> bool:
        if not fields[1].isdigit():
            return False
        recipient = self._numbered.get(int(fields[2]))
        opened, high, low, close = (number(float(field)) for field in fields[4:8])
        volume, average, trades = self._size(fields[8]), number(self._average(fields[9])), float(int(fields[10]))
        return self._add(recipient, RealTimeBar(int(fields[3]), opened, high, low, close, volume, average, trades))

    def _read_bars(self, fields: list[bytes]) -> bool:
        number, count = int(fields[1]), int(fields[4])
        if count < 0 or len(fields) != BEFORE_BARS + BAR * count:
            return False
        recipient = self._numbered.get(number)
        date, *columns = (fields[place::BAR] for place in range(BEFORE_BARS, BEFORE_BARS + BAR))
        prices = [_floats(column) for column in columns[:4]]
        volume, average, trades = (self._sizes(columns[4]), self._averages(columns[5]), _wholes(columns[6]))
        dates = [field.decode() for field in date]
        # As `map(Bar, …)` does, in half the time.
        rows = map(tuple.__new__, repeat(Bar), zip(dates, *prices, volume, average, trades, strict=True))
        if isinstance(recipient, Request):
            recipient.record("received", b"\0".join(fields))
            recipient.add_all(list(rows))
        elif type(recipient) is Subscription:
            for row in rows:
                recipient.add(row, self._received)
        elif recipient is not None:
            return False
        self._recipients.end(number)
        return True

    def _add(self, recipient: Recipient | None, row: object) -> bool:
        if type(recipient) is Subscription:
            recipient.add(row, self._received)
            return True
        return recipient is None

    def _base(self, latest: Latest) -> int:
        """Where its numbers stand, the table being ours from now on; negative once it is closed."""
        table = self._table
        if not self._is_locked:
            table.lock.acquire()
            self._is_locked = True
            table.version += 1
        if latest.done:
            return -1
        table.received[latest.slot], table.versions[latest.slot] = self._received, table.version
        self._touched.add(latest)
        return latest.slot * WIDTH

    def _release(self) -> None:
        if self._is_locked:
            self._is_locked = False
            self._table.lock.release()


def _bounded(numbers: Iterable[float]) -> list[float]:
    """Numbers none of which says "not set"."""
    found = list(numbers)
    if found and not -LARGEST < min(found) <= max(found) < LARGEST:
        raise ValueError("a number that may not be set, or is none")
    return found


def _wholes(column: list[bytes]) -> list[float]:
    return _bounded(map(float, map(int, column)))


def _decimals(column: list[bytes]) -> list[float]:
    return _bounded(map(_decimal, column))


def _floats(column: list[bytes]) -> list[float]:
    return _bounded(map(float, column))


def _whole(field: bytes) -> float:
    return float(int(field))


def _decimal(field: bytes) -> float:
    if field in UNSET:
        raise ValueError("no size")
    return number(float(field))


def _text(field: bytes) -> str:
    return field.decode(errors="backslashreplace")
