"""Who answers which message; each subject adds its own."""

from __future__ import annotations

from tasks.connections.ib.simulator import (
    accounts,
    chains,
    contracts,
    history,
    news,
    options,
    quotes,
    realtime,
    reference,
    ticks,
)
from tasks.connections.ib.simulator.session import Handler
from tasks.connections.ib.simulator.trading import requests

HANDLERS: dict[int, Handler] = {
    **accounts.HANDLERS,
    **chains.HANDLERS,
    **contracts.HANDLERS,
    **history.HANDLERS,
    **news.HANDLERS,
    **options.HANDLERS,
    **quotes.HANDLERS,
    **realtime.HANDLERS,
    **reference.HANDLERS,
    **ticks.HANDLERS,
    **requests.HANDLERS,
}
