"""What was filled, and orders at the broker, as frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from schemas.frame import Frame, schema_of
from schemas.orders import Cancellations, CompletedOrders, Executions, OpenOrders, OrderStatuses, Previews
from tasks.connections.clock import ManualClock
from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.times import moment
from tasks.connections.ib.orders.values import Order
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.problems import DataProblem, Refused
from tasks.executions import read_executions, watch_executions
from tasks.orders import plan_orders
from tasks.placed_orders import (
    cancel_orders,
    preview_orders,
    read_completed_orders,
    read_open_orders,
    read_order_statuses,
    watch_orders,
)
from tasks.run import Run

SESSION = date(2022, 12, 28)
SPY = Contract(756733, "SPY", "STK", "USD")
ACCOUNT = "DU1234567"


@pytest.fixture
def gateway() -> Iterator[SimulatedGateway]:
    with SimulatedGateway() as started:
        yield started


@pytest.fixture
def broker(gateway: SimulatedGateway, tmp_path: Path) -> Iterator[Broker]:
    with Broker("gateway", Settings(port=gateway.port), tmp_path) as made:
        made.authorise(OrderPolicy(mode="send", accounts=["DU1234567", "DU7654321"]))
        yield made


@pytest.fixture
def run(gateway: SimulatedGateway) -> Run:
    return Run("r", "p", SESSION, key="k", clock=ManualClock(gateway.clock.now()))


@pytest.fixture
def place(broker: Broker) -> Callable[..., None]:
    def send(reference: str, **terms: Any) -> None:
        order = Order(**{"reference": reference, "account": ACCOUNT, "contract": SPY, "action": "BUY",
                         "quantity": 100.0, **terms})  # fmt: skip
        broker.place([order], SESSION)

    return send


def valid(frame: pd.DataFrame, model: type[Frame]) -> pd.DataFrame:
    return schema_of(model).validate(frame)


def test_executions_have_price_venue_side_time_and_what_they_cost(broker: Broker, run: Run, place: Any) -> None:
    place("a")
    place("b", action="SELL", quantity=40.0)
    frame = valid(read_executions(broker, run), Executions)
    bought, sold = frame.to_dict("records")
    assert (bought["action"], bought["quantity"], bought["reference"], bought["symbol"]) == ("BUY", 100.0, "a", "SPY")
    assert (sold["action"], sold["quantity"], sold["con_id"]) == ("SELL", 40.0, 756733)
    assert str(bought["time"]) == "2022-12-28 20:45:00+00:00"
    assert (bought["liquidity"], bought["correction"]) == ("removed", 1)
    assert bought["commission"] == 1.0  # the simulated schedule's least
    assert sold["price"] < bought["price"], "sold at the bid, bought at the ask"


def test_an_execution_is_told_once_as_corrected_last_and_a_bust_has_no_quantity(
    gateway: SimulatedGateway, broker: Broker, run: Run, place: Any
) -> None:
    place("a")
    (before,) = read_executions(broker, run).to_dict("records")
    gateway.faults.correction = 1
    place("b", quantity=1.0)  # time passes at the gateway with each message
    rows = {row["execution_id"]: row for row in valid(read_executions(broker, run), Executions).to_dict("records")}
    assert len(rows) == 2
    corrected = [row for row in rows.values() if row["correction"] == 2]
    assert len(corrected) == 1
    assert before["correction"] == 1


def test_a_commission_that_has_not_come_yet_is_null_and_said(
    gateway: SimulatedGateway, broker: Broker, run: Run, place: Any, notes: list[str]
) -> None:
    gateway.faults.late_commission = 60.0
    place("a")
    frame = valid(read_executions(broker, run), Executions)
    assert math.isnan(frame["commission"].iloc[0])
    assert notes == ["The commission of 1 execution is not told yet."]


def test_an_earlier_session_is_not_the_brokers_to_tell(broker: Broker, run: Run) -> None:
    with pytest.raises(DataProblem, match="tells of executions back to midnight only, not of 2022-12-27"):
        read_executions(broker, run, date(2022, 12, 27))
    assert len(valid(read_executions(broker, run), Executions)) == 0


def test_open_orders_are_those_of_every_program(
    broker: Broker, gateway: SimulatedGateway, place: Any, tmp_path: Path
) -> None:
    place("a", order_type="LMT", limit_price=300.0)
    with Broker("other", Settings(port=gateway.port, client_id=99), tmp_path / "other") as other:
        other.authorise(OrderPolicy(mode="send", accounts=["DU1234567", "DU7654321"]))
        terms = {"order_type": "STP", "stop_price": 350.0}
        other.place([Order("x", "DU7654321", SPY, "SELL", 5.0, **terms)], SESSION)
        frame = valid(read_open_orders(broker), OpenOrders)
    columns = ["order", "client_id", "reference", "account", "action", "remaining", "order_type", "limit_price"]
    told = frame[columns].astype(object)
    assert told.where(told.notna(), None).values.tolist() == [
        ["17:1", 17, "a", "DU1234567", "BUY", 100.0, "LMT", 300.0],
        ["99:2", 99, "x", "DU7654321", "SELL", 5.0, "STP", None],
    ]
    assert frame["stop_price"].tolist()[1] == 350.0


def test_an_order_that_is_over_is_no_longer_open_but_completed(broker: Broker, place: Any) -> None:
    place("a")
    place("b", order_type="LMT", limit_price=300.0)
    statuses = valid(read_order_statuses(broker), OrderStatuses)
    assert statuses[["reference", "status", "filled", "remaining"]].astype(object).values.tolist() == [
        ["a", "Filled", 100.0, 0.0],
        ["b", "Submitted", 0.0, 100.0],
    ]
    assert valid(read_open_orders(broker), OpenOrders)["reference"].tolist() == ["b"]
    completed = valid(read_completed_orders(broker), CompletedOrders)
    assert completed[["reference", "status", "filled"]].astype(object).values.tolist() == [["a", "Filled", 100.0]]


def test_cancelling_says_what_became_of_each(broker: Broker, place: Any) -> None:
    place("a")
    place("b", order_type="LMT", limit_price=300.0)
    orders = pd.DataFrame({"reference": pd.Series(["b", "a", "", "b"], dtype=object)})
    frame = valid(cancel_orders(orders, broker), Cancellations)
    assert frame[["reference", "status", "filled"]].astype(object).values.tolist() == [
        ["b", "cancelled", 0.0],
        ["a", "filled", 100.0],
    ]
    with pytest.raises(Refused, match="nobody was never sent"):
        cancel_orders(pd.DataFrame({"reference": ["nobody"]}), broker)


def test_a_preview_tells_margins_and_cost_and_places_nothing(
    broker: Broker, gateway: SimulatedGateway, run: Run, hedges: Any
) -> None:
    hedge = hedges({"con_id": 756733, "symbol": "SPY", "price": 378.0, "quantity": 100.0})
    intents = plan_orders(hedge, OrderPolicy(accounts=[ACCOUNT]), run)
    row = valid(preview_orders(intents, run, broker), Previews).iloc[0]
    # Half of about 37,800 is borrowed at most: the initial margin goes up by the other half.
    assert row["initial_after"] - row["initial_before"] == pytest.approx(18_900, rel=0.01)
    assert row["maintenance_after"] - row["maintenance_before"] == pytest.approx(9_450, rel=0.01)
    assert (row["commission"], row["commission_currency"], row["reason"]) == (1.0, "USD", "")
    assert gateway.trading.registry.all() == []
    assert broker.executions() == []


def test_orders_and_executions_are_followed_as_they_change(broker: Broker, run: Run, place: Any) -> None:
    place("a", order_type="LMT", limit_price=300.0)
    with watch_orders(broker, run) as orders, watch_executions(broker, run) as executions:
        first = next(orders).rows
        assert valid(first, OpenOrders)[["reference", "remaining"]].values.tolist() == [["a", 100.0]]
        place("b", quantity=3.0)
        seen: dict[str, float] = {}
        while seen.get("b") != 0.0:
            seen |= {row.reference: row.remaining for row in next(orders).rows.itertuples()}
        filled = valid(next(executions).rows, Executions)
        assert filled[["reference", "quantity"]].values.tolist() == [["b", 3.0]]
        broker.cancel(["a"])
        while seen.get("a") != 0.0:
            seen |= {row.reference: row.remaining for row in next(orders).rows.itertuples()}


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("20221228  15:45:00", "EST", "2022-12-28 20:45:00"),
        ("20221228 15:45:00 US/Eastern", "UTC", "2022-12-28 20:45:00"),
        ("20220701 15:45:00", "America/New_York", "2022-07-01 19:45:00"),  # summer
        ("20220701 15:45:00", "EST", "2022-07-01 19:45:00"),  # as gateways say it, all year round
        ("20221228-20:45:00", "America/New_York", "2022-12-28 20:45:00"),
        ("20221228 09:30:00 Europe/Berlin", "", "2022-12-28 08:30:00"),
        ("1672260300", "", "2022-12-28 20:45:00"),
    ],
)
def test_the_brokers_times_are_read_in_their_zone(text: str, zone: str, utc: str) -> None:
    assert f"{moment(text, zone):%Y-%m-%d %H:%M:%S}" == utc


@pytest.mark.parametrize(("text", "zone"), [("20221228 15:45:00", "Middle Earth"), ("yesterday", "UTC"), ("", "UTC")])
def test_a_time_that_cannot_be_read_is_said(text: str, zone: str) -> None:
    with pytest.raises(DataProblem, match=r"time"):
        moment(text, zone)
