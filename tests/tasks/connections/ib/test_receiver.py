"""Frames as a gateway sends them, through the real decoder, to plain rows."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

from tasks.connections.ib.addressee import request_number
from tasks.connections.ib.client import Client
from tasks.connections.ib.contracts import Contract, Position
from tasks.connections.ib.receiver import Receiver
from tasks.connections.ib.rows.bars import Bar, days_of


class Sink:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def row(self, request: int | None, row: Any) -> None:
        self.calls.append((request, row))

    def end(self, request: int | None) -> None:
        self.calls.append((request, "end"))

    def failed(self, request: int, code: int, text: str) -> None:
        self.calls.append((request, code, text))

    def started(self, accounts: list[str] | None, next_id: int | None) -> None:
        self.calls.append((accounts, next_id))

    def time(self, seconds: int) -> None:
        self.calls.append(seconds)


def read(*frames: str, version: int = 157) -> list[Any]:
    sink = Sink()
    client = Client(Receiver(sink), lambda messages: None, lambda problem: None)
    client.use_decoder(version)
    for frame in frames:
        client.dispatch(frame.replace("|", "\0").encode().split(b"\0")[:-1])
    return sink.calls


def test_start() -> None:
    assert read("15|1|DU1234567,DU7654321,|", "9|1|42|", "49|1|1672260300|") == [
        (["DU1234567", "DU7654321"], None),
        (None, 42),
        1672260300,
    ]


def test_position_of_a_stock_and_of_an_option() -> None:
    rows = read(
        "61|3|DU1|265598|AAPL|STK||0.0||||USD|AAPL|NMS|100|131.42|",
        "61|3|DU1|900000101|AAPL|OPT|20230317|130|C|100||USD|AAPL  230317C00130000|AAPL|-2.5|912.5|",
        "62|1|",
    )
    stock = Contract(265598, "AAPL", "STK", "USD", local_symbol="AAPL", trading_class="NMS")
    option = Contract(
        *(900000101, "AAPL", "OPT", "USD", "", "100", "20230317", 130.0, "C", "AAPL  230317C00130000", "AAPL")
    )
    assert rows == [
        (None, Position("DU1", stock, 100.0, 131.42)),
        (None, Position("DU1", option, -2.5, 912.5)),
        (None, "end"),
    ]


def test_an_unset_average_cost_is_no_number() -> None:
    ((_, position),) = read("61|3|DU1|265598|AAPL|STK||0.0||||USD|AAPL|NMS|100|1.7976931348623157E308|")
    assert math.isnan(position.average_cost)


def test_contract_details_of_server_version_157() -> None:
    frame = (
        "10|8|1000001|AAPL|STK||0||SMART|USD|AAPL|NMS|NMS|265598|0.01|100||LMT,MKT|SMART,NASDAQ|1|0|"
        "APPLE INC|NASDAQ||Technology|Computers|Computers|US/Eastern|20221228:0400-20221228:2000||"
        "|0|1|ISIN|US0378331005|1|||26||COMMON|"
    )
    rows = read(frame, "52|1|1000001|")
    contract = Contract(265598, "AAPL", "STK", "USD", "SMART", local_symbol="AAPL", trading_class="NMS")
    (number, details), end = rows
    assert (number, end) == (1000001, (1000001, "end"))
    assert (details.contract, details.name, details.listing) == (contract, "APPLE INC", "NASDAQ")
    assert (details.minimum_tick, details.time_zone, details.order_types) == (0.01, "US/Eastern", "LMT,MKT")
    assert (details.liquid_hours, details.identifiers) == ("", (("ISIN", "US0378331005"),))
    assert (details.exchanges, details.industry, details.stock_type) == ("SMART,NASDAQ", "Technology", "COMMON")


def test_daily_bars() -> None:
    rows = read(
        "17|1000002|20221227  00:00:00|20221228  15:45:00|2|"
        "20221227|131.4|131.5|128.7|129.652|680000|130.3|5600|"
        "20221228|129.6|131|125.8|125.92|610000|128.1|5100|"
    )
    assert rows == [
        (1000002, Bar("20221227", 131.4, 131.5, 128.7, 129.652, 680000.0, 130.3, 5600.0)),
        (1000002, Bar("20221228", 129.6, 131.0, 125.8, 125.92, 610000.0, 128.1, 5100.0)),
        (1000002, "end"),
    ]


def test_a_daily_bar_dated_in_seconds_is_of_the_same_session() -> None:
    (bar, _) = read("17|7|||1|1672185600|131.4|131.5|128.7|129.652|680000|130.3|5600|")
    assert days_of([bar[1].date]).tolist() == [date(2022, 12, 28)]


def test_which_request_a_message_answers() -> None:
    def number(frame: str, version: int = 157) -> int | None:
        return request_number(frame.replace("|", "\0").encode().split(b"\0")[:-1], version)

    assert number("10|8|7|AAPL|") == number("10|7|AAPL|", version=178) == 7
    assert number("17|7|20221227|") == number("4|2|7|200|unknown|") == number("57|1|7|") == 7
    assert number("21|7|13|") == 7
    assert number("4|2|-1|2104|OK|") == -1
    assert number("15|1|DU1|") is None


def test_ticks_of_a_snapshot() -> None:
    rows = read(
        *(
            "58|1|7|3|",
            "81|7|0.01|9c0001|3|",
            "1|6|7|66|380.52|100|0|",
            "46|6|7|88|1672260300|",
            "45|6|7|49|1|",
            "57|1|7|",
        )
    )
    assert rows == [
        *(
            (7, ("market data type", 3)),
            (7, (66, 380.52, 0)),
            (7, (69, 100.0)),
            (7, (88, "1672260300")),
            (7, (49, 1.0)),
            (7, "end"),
        )
    ]


def test_errors_in_the_signature_of_every_client() -> None:
    assert read("4|2|-1|2104|Market data farm connection is OK:usfarm|") == [
        (-1, 2104, "Market data farm connection is OK:usfarm")
    ]
    sink = Sink()
    Receiver(sink).error(7, 200, "No security definition", "")
    Receiver(sink).error(7, 1672260300, 200, "No security definition", "")
    assert sink.calls == [(7, 200, "No security definition")] * 2
