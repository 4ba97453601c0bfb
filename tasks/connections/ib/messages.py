"""What the gateway says with a code, as a row."""

from __future__ import annotations

from typing import NamedTuple

from tasks.connections.ib.codes import Meaning, sentence


class BrokerMessage(NamedTuple):
    """An error or a notice.

    Watchers get as events those that name no request under way: `request` is then an order's id, or -1.
    All go to whoever has subscribed to the route `errors`.
    """

    time_ns: int
    """When it came, nanoseconds since 1970."""
    request: int
    """The request's number, from 1,000,000 on, or the order's id; negative where it belongs to none."""
    code: int
    text: str
    """As the broker sent it."""
    meaning: Meaning
    what: str
    """What was asked, in words; empty where it names no request."""

    @property
    def sentence(self) -> str:
        """For a person."""
        return sentence(self.code, self.text)
