"""A share of the fuzz of the gateway: 20,000 mutated messages; the soak sends a million."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("fuzz_gateway.py")


@pytest.fixture(scope="module")
def fuzzer() -> Any:
    spec = importlib.util.spec_from_file_location("fuzz_gateway", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_whatever_is_sent_is_read_or_refused_aloud(fuzzer: Any) -> None:
    outcome = fuzzer.fuzz_parser(14_000, seed=3)
    assert outcome.failures == []
    assert 0.9 * outcome.sent < outcome.refused < outcome.sent


def test_the_gateway_answers_each_counts_the_bad_ones_and_goes_on(fuzzer: Any) -> None:
    outcome = fuzzer.fuzz(6_000, seed=4)
    assert outcome.failures == []
    assert outcome.sent == 6_000
    assert outcome.refused == outcome.counted > 1_000


def test_a_gateway_that_fails_is_noticed(fuzzer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.connections.ib.simulator.trading import requests

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("no")

    monkeypatch.setattr(requests, "arrive", broken)
    outcome = fuzzer.fuzz(400, seed=5)
    assert outcome.failures
    assert "ZeroDivisionError" in outcome.failures[0]
    assert outcome.refused > outcome.counted
