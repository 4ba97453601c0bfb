"""A run's orders: sent, put before a person, halted; and what `hedgerow approve`, `halt` and `status` say of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from pandera.typing import DataFrame

from flows.__main__ import main
from flows.batch import Finished, run_batch
from flows.check import check_file, render
from flows.check.parameters import bind
from flows.desk import load_desk
from schemas.orders import Intents
from tasks.connections.ib.orders.ledger import Ledger
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.declare import task
from tasks.registry import Catalog, catalog

PIPELINE = """
steps:
  intents: {task: make_intents, with: {quantity: %s}}
  orders: {task: place_orders, in: intents%s}
"""


@task
def make_intents(quantity: float = 100.0) -> DataFrame[Intents]:
    """An order of SPY."""
    text = {"account": "DU1234567", "role": "entry", "symbol": "SPY", "security_type": "STK", "currency": "USD"}
    terms = {"action": "BUY", "order_type": "MKT", "time_in_force": "DAY"}
    return pd.DataFrame(  # type: ignore[return-value]  # validated by the run
        {
            **{name: pd.Categorical([value]) for name, value in {**text, **terms}.items()},
            "con_id": np.array([756733], dtype=np.int64),
            "multiplier": [1.0],
            "quantity": [quantity],
            "limit_price": [float("nan")],
            "stop_price": [float("nan")],
            "algo": pd.Series([""], dtype=object),
            "reference_price": [380.0],
            "notional": [380.0 * quantity],
            "allowed": [True],
            "reason": pd.Series([""], dtype=object),
        }
    )


@dataclass
class Project:
    """A project on a simulated gateway in this process, whose orders can be counted there."""

    root: Path
    gateway: SimulatedGateway

    def desk(self, orders: str) -> None:
        text = f"name: demo\nconnections:\n  gateway: {{kind: ib, port: {self.gateway.port}, clock: gateway}}\n"
        (self.root / "pipelines" / "_desk.yaml").write_text(f"{text}orders: {{accounts: [DU1234567], {orders}}}\n")

    def run(self, more: str = "", quantity: float = 100.0, **options: Any) -> Finished:
        path = self.root / "pipelines" / "trade.yaml"
        path.write_text(PIPELINE % (quantity, more))
        desk = load_desk(self.root / "pipelines", None)
        real = catalog()
        tasks = Catalog({**real.tasks, "make_intents": make_intents.spec}, real.schemas)
        checked = check_file(path, tasks, desk, self.root / "pipelines")
        assert checked.plan is not None, render(checked)
        return run_batch(checked.plan, desk, bind(checked.plan, {}), untracked=True, **options)

    def start(self, **options: Any) -> Callable[[], Finished]:
        """Run in a thread; the result when called, within 20 s."""
        finished: list[Finished] = []
        thread = threading.Thread(target=lambda: finished.append(self.run(**options)))
        thread.start()

        def result() -> Finished:
            thread.join(20)
            return finished[0]

        return result

    def waiting(self) -> str:
        """The reference of the order that waits, as soon as one does."""
        ledger = Ledger(load_desk(self.root / "pipelines", None).data)
        looked = threading.Event()
        for _ in range(200):
            if found := ledger.intents(state="waiting"):
                return found[0].reference
            looked.wait(0.05)
        raise AssertionError("no order waits within 10 s")

    @property
    def held(self) -> list[tuple[float, str]]:
        """(quantity, status) of each order at the gateway."""
        return [(order.quantity, order.status) for order in self.gateway.trading.registry.all()]


def hedgerow(*arguments: str) -> Any:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("HEDGEROW_PROJECT", str(tmp_path))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (tmp_path / "pipelines").mkdir()
    with SimulatedGateway() as gateway:
        made = Project(tmp_path, gateway)
        made.desk("mode: send")
        yield made


def order_of(finished: Finished) -> Any:
    outcome = finished.outcomes["orders"]
    assert outcome.status == "completed", outcome.reason
    return outcome.frames[None].iloc[0]


def test_a_run_on_a_desk_that_sends_places_its_orders_once_however_often_it_is_repeated(project: Project) -> None:
    first, second = order_of(project.run()), order_of(project.run())
    assert (first["status"], first["filled"], first["reference"]) == ("filled", 100.0, second["reference"])
    assert project.held == [(100.0, "Filled")]
    assert order_of(project.run(again=1))["reference"] != first["reference"]
    assert len(project.held) == 2


def test_a_past_session_places_nothing(project: Project) -> None:
    finished = project.run(session=date(2022, 12, 27))
    assert finished.outcomes["orders"].notes == ("not done: 2022-12-27 is past, and a past session never acts",)
    assert project.held == []


def test_a_pipeline_may_be_more_cautious_than_the_desk_and_never_less(project: Project) -> None:
    assert order_of(project.run(", with: {mode: plan}"))["status"] == "planned"
    project.desk("mode: plan")
    assert order_of(project.run(", with: {mode: send}"))["status"] == "planned"
    assert project.held == []


def test_orders_wait_until_a_person_approves_them(project: Project) -> None:
    project.desk("mode: approve")
    result = project.start()
    reference = project.waiting()
    shown = hedgerow("approve").output
    assert "BUY 100 SPY MKT in DU1234567" in shown
    assert "38,000.00" in shown
    assert project.held == []
    done = hedgerow("approve", reference[:20])
    assert (done.exit_code, done.output.startswith("approved: BUY 100 SPY")) == (0, True), done.output
    order = order_of(result())
    assert (order["status"], order["filled"]) == ("filled", 100.0)
    assert hedgerow("approve").output == "desk demo: no order is waiting to be approved\n"


def test_a_person_may_say_no(project: Project) -> None:
    project.desk("mode: approve")
    result = project.start()
    project.waiting()
    run = Ledger(load_desk(project.root / "pipelines", None).data).intents(state="waiting")[0].run
    assert hedgerow("approve", run, "--reject", "--reason", "too late in the day").exit_code == 0
    order = order_of(result())
    assert order["status"] == "rejected"
    assert "said no: too late in the day" in order["reason"]
    assert project.held == []


def test_what_nobody_approves_in_time_is_never_sent(project: Project) -> None:
    project.desk("mode: approve")
    result = project.start(more=", with: {approval: 300ms}")
    reference = project.waiting()
    order = order_of(result())
    assert (order["status"], order["reason"]) == ("expired", "nobody approved it in time")
    late = hedgerow("approve", reference)
    assert late.exit_code == 1
    assert "No order of" in late.output
    assert order_of(project.run(more=", with: {approval: 300ms}"))["status"] == "expired"
    assert project.held == []


def test_a_step_whose_time_is_up_while_it_waits_lets_its_orders_expire(project: Project) -> None:
    project.desk("mode: approve")
    result = project.start(more=", timeout: 1s")
    reference = project.waiting()
    assert order_of(result())["status"] == "expired"
    assert hedgerow("approve", reference).exit_code == 1
    assert project.held == []


def test_approving_what_is_not_there_says_so(project: Project) -> None:
    done = hedgerow("approve", "nothing")
    assert done.exit_code == 1
    assert "No order of `nothing` is waiting" in done.output


def test_a_halted_desk_sends_nothing_until_it_is_resumed(project: Project) -> None:
    done = hedgerow("halt", "fat finger")
    assert done.exit_code == 0
    assert "desk demo: trading is halted" in done.output
    finished = project.run()
    assert finished.outcomes["orders"].status == "failed"
    assert "Trading is halted: fat finger." in finished.outcomes["orders"].reason
    assert project.held == []
    told = {each["name"]: each for each in json.loads(hedgerow("status", "--json").output)["connections"]}
    assert not told["orders"]["well"]
    assert told["orders"]["told"] == "trading is HALTED: fat finger; `hedgerow resume` ends it"
    assert "it was halted: fat finger" in hedgerow("resume").output
    assert hedgerow("resume").output == "desk demo: trading is not halted\n"
    assert order_of(project.run())["status"] == "filled"


def test_halting_cancels_every_open_order_where_it_is_told_to(project: Project) -> None:
    from tasks.connections.ib.broker import Broker, Settings
    from tasks.connections.ib.contracts import Contract
    from tasks.connections.ib.orders.policy import OrderPolicy
    from tasks.connections.ib.orders.values import Order

    settings = Settings(port=project.gateway.port, client_id=99)  # another desk's
    with Broker("other", settings, project.root / "other") as other:
        other.authorise(OrderPolicy(mode="send", accounts=["DU1234567", "DU7654321"]))
        contract = Contract(756733, "SPY", "STK", "USD")
        other.place([Order("x", "DU1234567", contract, "BUY", 5.0, "LMT", limit_price=300.0)], date(2022, 12, 28))
        assert [status for _, status in project.held] == ["Submitted"]
        done = hedgerow("halt", "--cancel")
        assert done.exit_code == 0, done.output
        assert "gateway: every open order was cancelled" in done.output
        assert [status for _, status in project.held] == ["Cancelled"]


def test_a_halted_desk_approves_nothing(project: Project) -> None:
    project.desk("mode: approve")
    result = project.start(more=", with: {approval: 5s}")
    reference = project.waiting()
    hedgerow("halt")
    done = hedgerow("approve", reference)
    assert done.exit_code == 1
    assert "Nothing is approved." in done.output
    assert hedgerow("approve", reference, "--reject").exit_code == 0
    assert order_of(result())["status"] == "rejected"
    assert project.held == []


def test_status_tells_of_orders_that_nobody_knows_the_fate_of(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> Any:
        return {each["name"]: each for each in json.loads(hedgerow("status", "--json").output)["connections"]}["orders"]

    assert (told()["well"], told()["told"]) == (True, "mode send")
    project.gateway.faults.dropped_orders = 1
    assert project.run(", with: {patience: 300ms}").outcomes["orders"].status == "failed"
    assert told()["well"], "it may still be on its way"
    monkeypatch.setattr("flows.health.IN_FLIGHT", pd.Timedelta(0))
    assert told()["told"] == "mode send, 1 of unknown fate: their runs, run again, find out"
    assert not told()["well"]
    assert order_of(project.run(", with: {patience: 300ms}"))["status"] == "filled"
    assert told()["well"]
    assert project.held == [(100.0, "Filled")]
