from __future__ import annotations

import pytest

from tasks.connections.ib.pacing import TokenBucket
from tasks.connections.problems import DeadlinePassed
from tasks.connections.scope import Deadline, Scope, entered


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds + 1e-9


def test_no_second_sees_more_than_45_messages_after_the_first_burst() -> None:
    time = Time()
    bucket = TokenBucket(rate=45, burst=45, now=time.now, sleep=time.sleep)
    moments = []
    for _ in range(200):
        bucket.take("message")
        moments.append(time.at)
    assert moments[44] == 0.0
    # 155 more at 45 a second take 155/45 = 3.44 s
    assert moments[-1] == pytest.approx(155 / 45, abs=1e-3)


def test_a_step_past_its_deadline_takes_no_token() -> None:
    deadline = Deadline()
    deadline.abandon()
    with entered(Scope(deadline=deadline)), pytest.raises(DeadlinePassed, match="message was not sent"):
        TokenBucket().take("message")
