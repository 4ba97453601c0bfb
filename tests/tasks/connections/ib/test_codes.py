from __future__ import annotations

import pytest

from tasks.connections.ib.codes import Meaning, failure, meaning
from tasks.connections.problems import ConnectionProblem, DataProblem, Refused


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((2104, Meaning.INFO), (2119, Meaning.INFO), (202, Meaning.INFO)),
        *((2137, Meaning.WARNING), (10167, Meaning.WARNING), (399, Meaning.WARNING)),
        *((1100, Meaning.DEGRADED), (2110, Meaning.DEGRADED), (1102, Meaning.RESTORED)),
        *((162, Meaning.FAILED), (354, Meaning.FAILED), (321, Meaning.FAILED), (99999, Meaning.FAILED)),
        *((326, Meaning.CONNECTION), (1300, Meaning.CONNECTION)),
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
    ],
)
def test_a_failed_request_is_told_in_a_sentence(code: int, text: str, kind: type[Exception], said: str) -> None:
    problem = failure(code, text, "Quote of AAPL")
    assert type(problem) is kind
    assert str(problem).startswith("Quote of AAPL: the broker says ")
    assert said in str(problem)
