"""Whatever is sent for market data is answered or refused, and the gateway goes on."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

import pytest

from tasks.connections.ib.simulator.gateway import SimulatedGateway

AAPL = [265598, "AAPL", "STK", "", 0, "", "", "SMART", "", "USD", "", ""]
CALL = [0, "AAPL", "OPT", "20230120", 125.0, "C", "", "SMART", "", "USD", "", ""]
WELL_FORMED: list[list[object]] = [
    [9, 8, 5, *CALL, 0, "", "", ""],
    [20, 5, *AAPL, 0, "20221220-20:00:00", "1 min", "1 D", 1, "TRADES", 2, 0, ""],
    [20, 5, *AAPL, 0, "", "1 week", "2 M", 1, "BID_ASK", 1, 1, ""],
    [1, 11, 5, *AAPL, 0, "233,165", 0, 0, ""],
    [1, 11, 5, *CALL, 0, "", 1, 0, ""],
    [97, 5, *AAPL, "Last", 5, 0],
    [96, 5, *AAPL, 0, "20221220-20:00:00", "", 50, "BID_ASK", 1, 0, ""],
    [50, 3, 5, *AAPL, 5, "TRADES", 1, ""],
    [78, 5, "AAPL", "", "STK", 265598],
    [81, 5, "AA"],
    [91, 26],
    [83, 5, "9c0001"],
    [85],
    [86, 5, 265598, "SIM+SIM-RA", "", "", 10, ""],
    [84, 5, "SIM", "SIM$265598-8300-0", ""],
    [12, 1, 1],
    [54, 3, 5, *CALL, 8.0, 130.0, 0, ""],
    [55, 3, 5, *CALL, 0.3, 130.0, 0, ""],
    [87, 5, *AAPL, 0, 1, "TRADES", 1],
    [59, 1, 3],
    [25, 1, 5],
    [2, 2, 5],
    [98, 5],
    [51, 1, 5],
]
ODD: list[object] = [
    *("", "0", "-1", "nan", "inf", "1e308", "1.7976931348623157E308", "99999999999999999999", "2147483647", "abc"),
    *("\x01", "é", "²", "+5", "1_0", "20221228", "20221228-20:00:00", "00000000-00:00:00", "19900102-00:00:00"),
    *("99999 Y", "10000 W", "365 D", "86400 S", "OPT", "BAG", "1 secs", "1 month", "SIM$1-2-3", "233:x,292"),
    *("1000000001", "1500000000", "AAPL  230120C00125000", "SIM$265598-8300-1"),
]


def mutated(draw: random.Random) -> list[object]:
    message = list(draw.choice(WELL_FORMED))
    for _ in range(draw.choice((1, 1, 2, 3))):
        place, how = draw.randrange(1, len(message) + 1), draw.random()
        if how < 0.8 and place < len(message):
            message[place] = draw.choice(ODD)
        elif how < 0.9 and place < len(message):
            del message[place]
        else:
            message.insert(place, draw.choice(ODD))
    return message


@pytest.mark.parametrize("version", [157, 178])
def test_mutated_requests_are_answered_or_refused(
    start_gateway: Callable[..., SimulatedGateway],
    hire: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    version: int,
) -> None:
    gateway = start_gateway(now="2022-12-28T17:00Z")
    trader = hire(gateway, version=version)
    draw = random.Random(version)  # noqa: S311  # for a test
    told = 0
    with caplog.at_level(logging.WARNING, "hedgerow.gateway"):
        for _ in range(40):
            for _ in range(50):
                trader.send(*mutated(draw))
            told += len(trader.settle())
    assert told > 1500
    assert gateway.malformed > 300
    assert [record.getMessage() for record in caplog.records] == []
