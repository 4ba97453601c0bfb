from __future__ import annotations

import pytest

from tasks.connections.ib.codes import Meaning, failure, meaning, sentence
from tasks.connections.problems import ConnectionProblem, DataProblem, Refused


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((2104, Meaning.INFO), (2119, Meaning.INFO), (202, Meaning.INFO)),
        *((2137, Meaning.WARNING), (10167, Meaning.WARNING), (399, Meaning.WARNING)),
        *((1100, Meaning.DEGRADED), (2110, Meaning.DEGRADED), (1102, Meaning.RESTORED)),
        *((162, Meaning.FAILED), (354, Meaning.FAILED), (321, Meaning.FAILED), (99999, Meaning.FAILED)),
        *((326, Meaning.CONNECTION), (1300, Meaning.CONNECTION), (502, Meaning.CONNECTION), (507, Meaning.CONNECTION)),
        *((2103, Meaning.DEGRADED), (2105, Meaning.DEGRADED), (2157, Meaning.DEGRADED), (1101, Meaning.RESTORED)),
        *((2106, Meaning.INFO), (2107, Meaning.INFO), (2108, Meaning.INFO), (2158, Meaning.INFO)),
        *((110, Meaning.WARNING), (165, Meaning.WARNING), (404, Meaning.WARNING), (10285, Meaning.WARNING)),
        *((10197, Meaning.WARNING), (10182, Meaning.DEACTIVATED), (10225, Meaning.DEACTIVATED)),
        *((200, Meaning.FAILED), (10314, Meaning.FAILED), (503, Meaning.FAILED), (420, Meaning.FAILED)),
    ],
)
def test_what_a_code_means(code: int, expected: Meaning) -> None:
    assert meaning(code) is expected


@pytest.mark.parametrize(
    ("code", "text", "kind", "said"),
    [
        (162, "Historical Market Data Service error message:HMDS query returned no data: X", DataProblem, "no data"),
        (162, "Historical data request pacing violation", ConnectionProblem, "Wait a little"),
        (162, "No market data permissions for NYSE STK", DataProblem, "Subscribe"),
        (162, "API historical data query cancelled: 5", ConnectionProblem, "Try again"),
        (200, "No security definition has been found for the request", DataProblem, "Check symbol"),
        (354, "Requested market data is not subscribed.", DataProblem, "market_data: delayed"),
        (321, "The API interface is currently in Read-Only mode.", Refused, "Read-Only"),
        (420, "Invalid Real-time Query", ConnectionProblem, "try again later"),
        (10190, "Max number of tick-by-tick requests has been reached.", ConnectionProblem, "Ask for less at once"),
        (
            10089,
            "Requested market data requires additional subscription for API.",
            DataProblem,
            "Subscribe to the data",
        ),
        (10168, "Requested market data is not subscribed.", DataProblem, "market_data: delayed"),
        (10189, "Failed to request tick-by-tick data.", DataProblem, "Subscribe to the data"),
        (10314, "End Date/Time: The date, time, or time-zone entered is invalid.", DataProblem, "yyyymmdd-HH:MM:SS"),
        (503, "The TWS is out of date and must be upgraded.", Refused, "Upgrade TWS or IB Gateway"),
        *((code, "no", Refused, f"says {code}, no.") for code in (103, 104, 201, 203, 387, 10147, 10148, 10268)),
    ],
)
def test_a_failed_request_is_told_in_a_sentence(code: int, text: str, kind: type[Exception], said: str) -> None:
    problem = failure(code, text, "Quote of AAPL")
    assert type(problem) is kind
    assert str(problem).startswith("Quote of AAPL: the broker says ")
    assert said in str(problem)


@pytest.mark.parametrize(
    "code", [1100, 1101, 1102, 2103, 2104, 2105, 2106, 2107, 2108, 2110, 2119, 2158, 202, 404, 10167]
)
def test_a_notice_is_told_in_our_words_and_the_brokers(code: int) -> None:
    said = sentence(code, "Market data farm connection is broken:usfarm.")
    assert said.endswith(f" ({code}: Market data farm connection is broken:usfarm)")
    assert not said.startswith("The broker says")


def test_a_code_that_nobody_has_heard_of_is_passed_on() -> None:
    assert sentence(99999, " Something new. ") == "The broker says 99999: Something new."
