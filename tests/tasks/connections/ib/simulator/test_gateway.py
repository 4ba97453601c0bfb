"""The wire, field by field: a socket that speaks it by hand."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tasks.connections.ib.framing import FrameBuffer
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import SPY, Instrument
from tasks.connections.ib.simulator.wire import encode
from tasks.connections.problems import ConnectionProblem

AAPL = [265598, "AAPL", "STK", "", 0, "", "", "SMART", "", "USD", "", ""]
SPY_QUERY = [0, "SPY", "STK", "", 0, "", "", "SMART", "", "USD", "", ""]


class Speaker:
    """Sends fields, and reads fields."""

    def __init__(self, port: int, offer: str = "v100..157") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.buffer = FrameBuffer()
        self.waiting: list[list[str]] = []
        self.socket.sendall(b"API\0" + len(offer).to_bytes(4, "big") + offer.encode())

    def send(self, *fields: object) -> None:
        self.socket.sendall(encode(*fields))

    def read(self) -> list[str]:
        while not self.waiting:
            chunk = self.socket.recv(65536)
            if not chunk:
                return []
            self.waiting += [payload.decode().split("\0")[:-1] for payload in self.buffer.feed(chunk)]
        return self.waiting.pop(0)

    def start(self, client_id: int = 1) -> Speaker:
        self.read()
        self.send(71, 2, client_id, "")
        for _ in range(5):
            self.read()
        return self

    def history(self, request: int, contract: list[object], end: str, duration: str, shown: str) -> list[str]:
        self.send(20, request, *contract, 0, end, "1 day", duration, 1, shown, 2, 0, "")
        return self.read()


@pytest.fixture
def speak(gateway: SimulatedGateway) -> Callable[..., Speaker]:
    return lambda **options: Speaker(gateway.port, **options)


def test_the_version_spoken_is_the_clients_newest_up_to_178(speak: Callable[..., Speaker]) -> None:
    assert speak(offer="v100..157").read() == ["157", "20221228 15:45:00 EST"]
    assert speak(offer="v157..178").read()[0] == "178"
    assert speak(offer="v100..203").read()[0] == "178"
    assert speak(offer="v100..150").read() == []


def test_it_says_nothing_until_asked_to_start(speak: Callable[..., Speaker]) -> None:
    speaker = speak()
    speaker.read()
    speaker.send(61, 1)
    assert speaker.read() == ["4", "2", "-1", "504", "Not connected"]
    speaker.send(71, 2, 5, "")
    assert [speaker.read() for _ in range(5)] == [
        ["15", "1", "DU1234567,DU7654321"],
        ["9", "1", "1"],
        ["4", "2", "-1", "2104", "Market data farm connection is OK:simulated"],
        ["4", "2", "-1", "2106", "HMDS data farm connection is OK:simulated"],
        ["4", "2", "-1", "2158", "Sec-def data farm connection is OK:simulated"],
    ]


def test_a_client_id_in_use_is_refused_and_shown_out(speak: Callable[..., Speaker]) -> None:
    first = speak().start(client_id=3)
    second = speak()
    second.read()
    second.send(71, 2, 3, "")
    assert second.read()[3] == "326"
    assert second.read() == []
    first.send(49, 1)
    assert first.read()[0] == "49"


def test_what_is_left_over_or_missing_is_refused(speak: Callable[..., Speaker]) -> None:
    speaker = speak().start()
    speaker.send(61, 1, "and", "more")
    assert speaker.read()[2:] == [
        *("-1", "320", "Error reading request. Message 61: 2 fields are left over: ['and', 'more'].")
    ]
    speaker.send(9, 8, 7, 265598)
    assert speaker.read()[3:] == ["320", "Error reading request. Message 9: the field symbol is missing."]
    speaker.send(9, 8, 7, "apple")
    assert "contract id is no integer: 'apple'" in speaker.read()[4]


def test_what_is_not_served_is_said_to_be_so(speak: Callable[..., Speaker]) -> None:
    speaker = speak().start()
    speaker.send(10, 5, 7, *AAPL, 5, 0, "")
    assert speaker.read()[3:] == ["505", "Fatal Error: Unknown message id. The simulated gateway doesn't serve 10."]


def test_days_are_trading_days(speak: Callable[..., Speaker]) -> None:
    bars = speak().start().history(7, SPY_QUERY, "", "3 D", "ADJUSTED_LAST")
    # Monday 2022-12-26 was a holiday: three sessions reach back over it
    assert [bars[5], bars[13], bars[21]] == ["20221223", "20221227", "20221228"]
    assert (bars[9], bars[17]) == ("384.482", "382.925")
    assert len(bars) == 5 + 3 * 8


@pytest.mark.parametrize(
    ("duration", "first", "bars"),
    [("2 W", "20221215", 9), ("1 M", "20221129", 21), ("365 D", "20210720", 365)],
)
def test_weeks_and_months_are_the_calendars(
    speak: Callable[..., Speaker], duration: str, first: str, bars: int
) -> None:
    answer = speak().start().history(7, SPY_QUERY, "", duration, "TRADES")
    assert (answer[4], answer[5], answer[-8]) == (str(bars), first, "20221228")


@pytest.mark.parametrize(
    ("contract", "end", "duration", "shown", "code", "said"),
    [
        (SPY_QUERY, "20221220-21:00:00", "5 D", "ADJUSTED_LAST", "321", "End Date/Time is not supported"),
        (SPY_QUERY, "", "366 D", "TRADES", "321", "longer than 365 days must be made in years"),
        (SPY_QUERY, "", "5 X", "TRADES", "321", "duration is invalid"),
        (SPY_QUERY, "20221220 21:00:00", "5 D", "TRADES", "321", "End Date/Time is invalid"),
        (SPY_QUERY, "", "5 D", "MIDPRICE", "321", "What to show field is invalid"),
        ([0, "SPYX", *SPY_QUERY[2:]], "", "5 D", "TRADES", "200", "No security definition"),
        ([*SPY_QUERY[:7], "", *SPY_QUERY[8:]], "", "5 D", "TRADES", "321", "Please enter exchange"),
        ([900000101, "", "", "", 0, "", "", "SMART", "", "", "", ""], "", "5 D", "TRADES", "162", "returned no data"),
    ],
)
def test_history_that_cannot_be_had(
    speak: Callable[..., Speaker], contract: list[object], end: str, duration: str, shown: str, code: str, said: str
) -> None:
    answer = speak().start().history(7, contract, end, duration, shown)
    assert answer[:4] == ["4", "2", "7", code]
    assert said in answer[4]


def test_unadjusted_history_may_end_in_the_past_and_reach_back_years(speak: Callable[..., Speaker]) -> None:
    speaker = speak().start()
    bars = speaker.history(7, SPY_QUERY, "20081231-23:00:00", "1 Y", "TRADES")
    # 2008 had 253 sessions
    assert (bars[4], bars[5], bars[-8]) == ("253", "20080102", "20081231")
    assert float(bars[-4]) == 90.325  # the index closed 2008 at 903.25


def test_cancelling_what_never_was(speak: Callable[..., Speaker]) -> None:
    speaker = speak().start()
    speaker.send(2, 2, 99)
    assert speaker.read()[2:4] == ["99", "300"]


def test_a_stream_tells_what_has_changed_until_cancelled(start_gateway: Callable[..., SimulatedGateway]) -> None:
    gateway = start_gateway(speed=60.0, now="2022-12-28T16:00Z")
    speaker = Speaker(gateway.port).start()
    speaker.send(1, 11, 7, *SPY_QUERY, 0, "", 0, 0, "")
    kinds, last_prices = [], []
    while len(last_prices) < 3:
        message = speaker.read()
        kinds.append(message[0])
        if message[0] == "1" and message[3] == "4":
            last_prices.append(message[4])
    assert kinds[:2] == ["58", "81"]
    assert "57" not in kinds
    assert len(set(last_prices)) == 3
    speaker.send(2, 2, 7)
    speaker.send(49, 1)
    while speaker.read()[0] != "49":
        pass
    assert not speaker.waiting


def test_delayed_frozen_and_refused_market_data(start_gateway: Callable[..., SimulatedGateway]) -> None:
    late = Instrument(900000901, "LATE", series="KO", permission="delayed")
    closed = Instrument(900000902, "SHUT", series="KO", permission="none")
    gateway = start_gateway(instruments=[late, closed], now="2022-12-28T22:00Z")
    speaker = Speaker(gateway.port).start()

    def ask(con_id: int) -> list[list[str]]:
        speaker.send(1, 11, 7, con_id, *([""] * 6), "SMART", *([""] * 4), 0, "", 1, 0, "")
        answers = [speaker.read()]
        while answers[-1][0] not in ("57", "4") or answers[-1][3:4] == ["10167"]:
            answers.append(speaker.read())
        return answers

    assert ask(late.con_id)[0][3] == "354"
    assert "Delayed market data is available" in ask(late.con_id)[0][4]
    speaker.send(59, 1, 3)
    answers = ask(late.con_id)
    assert answers[0][3] == "10167"
    assert answers[1][3] == "3"
    assert [a[3] for a in answers if a[0] == "1"] == ["66", "67", "68", "75", "76", "72", "73"]
    assert ask(closed.con_id)[0][3] == "354"
    speaker.send(59, 1, 2)
    assert ask(SPY.con_id)[0][:4] == ["58", "1", "7", "2"]


def test_a_port_that_is_taken_is_said_to_be(gateway: SimulatedGateway) -> None:
    with pytest.raises(ConnectionProblem, match=f"can't listen on 127.0.0.1:{gateway.port}"):
        SimulatedGateway(port=gateway.port).start()


def test_it_may_be_started_again(start_gateway: Callable[..., SimulatedGateway]) -> None:
    gateway = start_gateway()
    gateway.stop()
    gateway.stop()
    gateway.start()
    assert Speaker(gateway.port).read()[0] == "157"


def test_a_second_identical_question_breaks_the_pace(start_gateway: Callable[..., SimulatedGateway]) -> None:
    speaker = Speaker(start_gateway(faults=Faults(paced=True)).port).start()
    assert speaker.history(7, SPY_QUERY, "", "3 D", "TRADES")[0] == "17"
    assert "pacing violation" in speaker.history(8, SPY_QUERY, "", "3 D", "TRADES")[4]
    assert speaker.history(9, SPY_QUERY, "", "4 D", "TRADES")[0] == "17"
