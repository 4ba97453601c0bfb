"""No two processes of a desk meet on one client id."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.connections.ib.broker import Broker
from tasks.connections.ib.client_ids import COUNT, ClientId
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.problems import ConnectionProblem

OTHER = """
import sys
from pathlib import Path
from tasks.connections.ib.broker import Broker, Settings
with Broker("gateway", Settings(port=int(sys.argv[1]), timeout="5s"), Path(sys.argv[2])) as broker:
    print(len(broker.positions()), flush=True)
    sys.stdin.readline()
"""


def test_each_has_the_next_id_that_is_free(tmp_path: Path) -> None:
    first, second = (ClientId(tmp_path, "127.0.0.1", 4002, 17) for _ in range(2))
    assert (first.number, second.number) == (17, 18)
    first.give_back()
    assert ClientId(tmp_path, "127.0.0.1", 4002, 17).number == 17
    assert ClientId(tmp_path, "127.0.0.1", 7497, 17).number == 17


def test_any_thread_may_give_it_back(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as thread:
        lent = thread.submit(ClientId, tmp_path, "127.0.0.1", 4002, 17).result()
    lent.give_back()
    assert ClientId(tmp_path, "127.0.0.1", 4002, 17).number == 17


def test_when_there_is_none_left_another_try_may_find_one(tmp_path: Path) -> None:
    lent = [ClientId(tmp_path, "127.0.0.1", 4002, 17) for _ in range(COUNT)]
    with pytest.raises(ConnectionProblem, match="All 32 client ids from 17 on are in use"):
        ClientId(tmp_path, "127.0.0.1", 4002, 17)
    lent[5].give_back()
    assert ClientId(tmp_path, "127.0.0.1", 4002, 17).number == 22


def test_two_processes_use_one_gateway_and_a_killed_one_leaves_its_id(
    gateway: SimulatedGateway, connect: Callable[..., Broker], tmp_path: Path
) -> None:
    desk = tmp_path / "desk"
    command = [sys.executable, "-c", OTHER, str(gateway.port), str(desk)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"16"
        assert len(connect(gateway.port).positions()) == 16
        other.kill()
    assert ClientId(desk, "127.0.0.1", gateway.port, 17).number == 17
