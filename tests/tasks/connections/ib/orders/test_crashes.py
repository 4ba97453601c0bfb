"""A process that is killed (kill -9) while it places an order, wherever it is, and what a rerun then does."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.client_ids import ClientId
from tasks.connections.ib.orders.desk import Unknown
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Order
from tasks.connections.ib.simulator.gateway import SimulatedGateway

Make = Callable[..., Order]
Held = Callable[[], list[tuple[str, str, float, str]]]
PROJECT = Path(__file__).resolve().parents[5]

PLACE = """
import os, signal, sys
from datetime import date
from pathlib import Path

from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.framing import Transport
from tasks.connections.ib.orders.guard import Guard
from tasks.connections.ib.orders.ledger import Ledger
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Order

point, port, folder, terms = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def after(owner, name, wanted=lambda *given: True):
    call = getattr(owner, name)

    def dying(*given, **named):
        result = call(*given, **named)
        if wanted(*given):
            die()
        return result

    setattr(owner, name, dying)


def before(owner, name):
    setattr(owner, name, lambda *given, **named: die())


if point == "meant":
    after(Ledger, "begin")
elif point == "about to send":
    after(Guard, "check_now")
elif point == "sent":
    after(Transport, "sendMsg", lambda self, frame: frame[4:6] == b"3\\0")
elif point == "heard":
    before(Ledger, "placed")
elif point == "recorded":
    after(Ledger, "placed")
with Broker("gateway", Settings(port=port, timeout="5s"), folder) as broker:
    broker.authorise(OrderPolicy(mode="send", accounts=["DU1234567", "DU7654321"]))
    print(broker.place([Order.from_json(terms)], date(2022, 12, 28))[0].perm_id)
"""


@pytest.fixture
def place(gateway: SimulatedGateway, tmp_path: Path, order: Make) -> Callable[..., subprocess.Popen[str]]:
    """Place the order in a process of its own, which is killed at a point."""

    def start(point: str = "") -> subprocess.Popen[str]:
        given = [point, str(gateway.port), str(tmp_path / "desk"), order().to_json()]
        return subprocess.Popen(
            [sys.executable, "-c", PLACE, *given],
            cwd=PROJECT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start


@pytest.mark.parametrize("point", ["meant", "about to send", "sent", "heard", "recorded"])
def test_however_it_is_killed_a_rerun_leaves_exactly_one_order(
    place: Callable[..., subprocess.Popen[str]],
    trader: Broker,
    order: Make,
    session: date,
    at_gateway: Held,
    point: str,
) -> None:
    process = place(point)
    said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, said
    (placed,) = trader.place([order()], session)
    assert (placed.status, placed.order_id, placed.client_id) == ("filled", 1, 17)
    assert at_gateway() == [("r1", "BUY", 100.0, "Filled")]
    assert trader.place([order()], session)[0].perm_id == placed.perm_id
    assert sum(fill.quantity for fill in trader.executions()) == 100.0


def test_two_processes_that_place_the_same_order_at_once_place_it_once(
    place: Callable[..., subprocess.Popen[str]], at_gateway: Held
) -> None:
    processes = [place(), place(), place()]
    said = [process.communicate(timeout=90) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert len({out for out, _ in said}) == 1
    assert at_gateway() == [("r1", "BUY", 100.0, "Filled")]


@pytest.mark.parametrize("point", ["meant", "sent"])
def test_an_order_that_may_have_been_sent_is_sent_again_only_as_the_client_that_sent_it(
    place: Callable[..., subprocess.Popen[str]],
    gateway: SimulatedGateway,
    tmp_path: Path,
    order: Make,
    session: date,
    at_gateway: Held,
    point: str,
) -> None:
    """Another run has taken that client id since: what is there is taken up, what isn't is left alone."""
    place(point).communicate(timeout=60)
    other = ClientId(tmp_path / "desk", "127.0.0.1", gateway.port, 17)
    settings = Settings(port=gateway.port, timeout="2s")
    with Broker("gateway", settings, tmp_path / "desk") as broker:
        broker.authorise(OrderPolicy(mode="send", accounts=["DU1234567", "DU7654321"]))
        if point == "sent":
            assert broker.place([order()], session)[0].status == "filled"
        else:
            with pytest.raises(Unknown, match="may have been sent as client 17, which another run is now"):
                broker.place([order()], session)
            assert at_gateway() == []
            other.give_back()
            assert broker.place([order()], session)[0].client_id == 17
    assert len(at_gateway()) == 1
    other.give_back()
