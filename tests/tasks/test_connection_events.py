"""What becomes of a connection, what was asked over it, and what the broker said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from schemas.connection import BrokerMessages, ConnectionEvents, Requests
from tasks.connection_events import (
    read_broker_messages,
    read_connection_events,
    read_requests,
    watch_broker_messages,
    watch_connection_events,
)
from tasks.connections.ib.codes import Meaning
from tasks.connections.ib.keeper import Patience
from tasks.connections.ib.messages import BrokerMessage
from tasks.connections.ib.simulator.instruments import listed
from tasks.connections.problems import DataProblem
from tasks.positions import read_positions, watch_positions
from tasks.quotes import watch_quotes
from tasks.reference import find_contracts

AAPL = listed("AAPL")

Opened = Callable[..., Any]
Taking = Callable[..., Any]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dropped connection is made again at once."""
    monkeypatch.setattr("tasks.connections.ib.pool.Patience", lambda: Patience(first=0.05, jitter=0.0))


def test_a_drop_and_what_follows_are_events_and_sources_go_on(soon: None, opened: Opened, taking: Taking) -> None:
    market = opened(AAPL)
    events = watch_connection_events(market.broker)
    assert "connected" in set(next(events).rows["event"])
    positions = watch_positions(market.broker, market.run)
    assert next(positions).rows["symbol"].tolist() == ["AAPL"]
    market.gateway.kick()
    batches = taking(events, enough=lambda rows: "resubscribed" in set(rows["event"]))
    for batch in batches:
        ConnectionEvents.validate(batch.rows)
    told = [event for batch in batches for event in batch.rows["event"]]
    told = [event for event in told if event in ("lost", "connected", "resubscribed")]
    assert told == ["lost", "connected", "resubscribed"]
    again = taking(positions)
    assert again[-1].rows["quantity"].tolist() == [1.0]
    frame = read_connection_events(market.broker)
    ConnectionEvents.validate(frame)
    assert frame["number"].tolist() == list(range(len(frame)))
    assert (frame["event"] == "connected").sum() == 2
    assert frame["time"].is_monotonic_increasing
    assert set(frame["port"]) == {market.gateway.port}


def test_a_watched_log_tells_what_was_before_and_each_row_once(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL)
    read_positions(market.broker)
    before = read_connection_events(market.broker)
    stream = watch_connection_events(market.broker)
    first = next(stream).rows
    assert first.drop(columns="number").equals(before.drop(columns="number"))
    market.gateway.act("connectivity_lost")
    batches = taking(stream, enough=lambda rows: len(rows) >= 1)
    rows = pd.concat([first, *(batch.rows for batch in batches)])
    assert rows["number"].tolist() == list(range(len(rows)))
    assert (rows["code"] == 1100).sum() == 1
    assert rows[rows["code"] == 1100]["event"].tolist() == ["degraded"]


def test_what_the_broker_says_is_kept_with_what_was_asked(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL)
    with pytest.raises(DataProblem):
        find_contracts(["SPYX"], market.broker)
    frame = read_broker_messages(market.broker)
    BrokerMessages.validate(frame)
    (refusal,) = frame[frame["code"] == 200].to_dict("records")
    assert (refusal["meaning"], refusal["what"]) == ("failed", "Details of SPYX STK USD")
    assert refusal["request"] >= 1_000_000
    assert set(frame[frame["meaning"] == "info"]["code"]) == {2104, 2106, 2158}
    stream = watch_broker_messages(market.broker)
    assert next(stream).rows["code"].tolist() == frame["code"].tolist()
    with pytest.raises(DataProblem):
        find_contracts(["SPYY"], market.broker)
    (batch,) = taking(stream)
    assert batch.rows["what"].tolist() == ["Details of SPYY STK USD"]


@pytest.mark.parametrize("meaning", Meaning)
def test_whatever_a_code_means_its_message_is_a_row(opened: Opened, meaning: Meaning) -> None:
    market = opened(AAPL)
    read_positions(market.broker)
    message = BrokerMessage(1_672_260_300_000_000_000, -1, 1100, "Connectivity has been lost", meaning, "")
    market.broker._borrowed().routes.publish("errors", message, message.time_ns)
    frame = read_broker_messages(market.broker)
    BrokerMessages.validate(frame)
    last = frame.iloc[-1]
    assert last["meaning"] == meaning.value
    assert last["sentence"].startswith("The gateway has lost the broker: no orders until it is back. (1100")


def test_requests_say_how_each_stands(opened: Opened) -> None:
    market = opened(AAPL)
    read_positions(market.broker)
    with pytest.raises(DataProblem):
        find_contracts(["SPYX"], market.broker)
    quotes = watch_quotes(market.held, market.broker, market.run)
    next(quotes)
    frame = read_requests(market.broker).set_index("kind")
    Requests.validate(frame.reset_index())
    assert frame.loc["contract details", "status"] == "failed"
    assert "200" in frame.loc["contract details", "problem"]
    assert frame.loc["quotes", ["status", "con_id"]].tolist() == ["subscribed", 265598]
    assert pd.isna(frame.loc["quotes", "seconds"])
    positions = frame.loc["positions"]
    assert set(positions["status"]) == {"answered"}
    assert (positions["rows"] == 1).all()
    assert (positions["seconds"] > 0).all()
    quotes.close()
    after = read_requests(market.broker).set_index("kind")
    assert after.loc["quotes", "status"] == "closed"
    assert after["request"].is_monotonic_increasing


def test_a_request_without_an_answer_is_waiting(opened: Opened) -> None:
    market = opened(AAPL)
    bridge = market.broker._bridge()
    bridge.ask("nothing", "Nothing", lambda client, number: None, connection="gateway")
    (row,) = read_requests(market.broker).query("kind == 'nothing'").to_dict("records")
    assert (row["status"], row["rows"]) == ("waiting", 0)
    assert pd.isna(row["seconds"])


def test_a_row_that_was_kept_and_comes_again_is_told_once(opened: Opened, taking: Taking) -> None:
    """An event is kept before it is published: one between the two would be in both."""
    market = opened(AAPL)
    read_positions(market.broker)
    (known, *_) = market.broker.connection_events()
    stream = watch_connection_events(market.broker)
    count = len(next(stream).rows)
    (subscription,) = stream._subscriptions.values()
    subscription.add(known, known.time_ns)
    subscription.add(known._replace(code=9), known.time_ns)
    (batch,) = taking(stream)
    assert batch.rows[["number", "code"]].values.tolist() == [[count, 9]]
