"""A few seconds of the trading soak; and that it sees what is wrong."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.values import Order
from tasks.connections.ib.simulator.gateway import SimulatedGateway

SCRIPT = Path(__file__).with_name("trading.py")
SPY = Contract(756733, "SPY", "STK", "USD")


@pytest.fixture(scope="module")
def soak() -> Any:
    spec = importlib.util.spec_from_file_location("soak_trading", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_few_seconds_of_it_hold() -> None:
    asked = ["--minutes", "1.5", "--speed", "20", "--every", "0.8", "--seed", "7"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *asked], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wrong: 0" in done.stdout


def test_it_sees_an_order_that_is_there_twice_one_that_is_lost_and_books_that_differ(soak: Any, tmp_path: Path) -> None:
    """Each is brought about behind the desk's back."""
    with (
        SimulatedGateway(cash=1e9) as gateway,
        Broker("gateway", Settings(port=gateway.port), tmp_path) as broker,
    ):
        broker.authorise(soak.POLICY)
        findings = soak.Findings()
        desk = soak.Desk(broker, findings)
        order = Order("r1", "DU1234567", SPY, "BUY", 10.0)
        desk.place([order])
        desk.meant["r2"] = "filled"
        broker.place([replace(order, reference="r3")], date(2022, 12, 28))
        soak.compare(gateway, broker, desk, findings)
        assert findings.wrong == ["r2 was placed and isn't there"]

        findings.wrong.clear()
        first, second = gateway.trading.registry.all()
        second.values = {**second.values, "orderRef": "r1"}
        first.filled = 9.0
        broker.positions = lambda timeout=30.0: []  # type: ignore[method-assign]  # it tells of none
        broker._borrowed().book._fills._fills.popitem()
        broker._borrowed().book._fills.add = lambda row: None  # type: ignore[method-assign]  # it forgets
        soak.compare(gateway, broker, desk, findings)
        told = " | ".join(findings.wrong)
        for part in ("r1 is there 2 times", "order 17:1 is told as", "execution ", "position "):
            assert part in told, findings.wrong
