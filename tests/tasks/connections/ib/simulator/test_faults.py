"""Faults by script: what is read from the file, and what each does to a client."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.framing import FrameBuffer
from tasks.connections.ib.simulator.book_file import read_book
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.script import ACTIONS, Action, Chance, Cue, parse_script, read_script
from tasks.connections.problems import ConnectionProblem, DataProblem

AAPL = [265598, "", "", "", 0, "", "", "SMART", "", "", "", ""]

SCRIPT = """
faults:
  - {at: +30s, do: kick}
  - {at: 2022-12-28T15:50:00-05:00, do: restart, down: 500ms}
  - {on: placeOrder, nth: 2, do: drop_orders, n: 3}
  - {on: 20, do: connectivity_lost, for: 2m, data: lost}
random:
  every: 5s
  kinds: [mute, {do: farm_down, farm: history}]
  seed: 3
"""


@pytest.fixture
def play(start_gateway: Callable[..., SimulatedGateway]) -> Callable[..., SimulatedGateway]:
    """A gateway that follows a script."""
    return lambda text, **options: start_gateway(script=parse_script(text, "faults.yaml"), **options)


def errors(messages: list[list[str]]) -> list[int]:
    return [int(message[3]) for message in messages if message[0] == "4"]


def test_a_script_says_what_happens_and_when() -> None:
    script = parse_script(SCRIPT, "faults.yaml")
    assert script.cues == (
        Cue(Action("kick"), after=30.0),
        Cue(Action("restart", {"down": 0.5}), at=1_672_260_600_000_000_000),
        Cue(Action("drop_orders", {"n": 3}), on=3, nth=2),
        Cue(Action("connectivity_lost", {"for": 120.0, "data": "lost"}), on=20),
    )
    assert script.chance == Chance(5.0, (Action("mute"), Action("farm_down", {"farm": "history"})), 3)
    assert script.chance.actions[1]["for"] == 10.0  # as documented


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("faults:\n  - {at: +1s, do: kikc}", "2:19: there is no fault `kikc`; did you mean `kick`?"),
        ("faults:\n  - {at: +1s, do: restart, donw: 3s}", "2:28: a fault has no key `donw`; did you mean `down`?"),
        ("faults:\n  - {at: +1s, do: mute, down: 3s}", "2:25: a fault has no key `down`"),
        ("faults:\n  - {at: 1s, do: kick}", "2:10: `1s` is no moment"),
        ("faults:\n  - {at: 2022-12-28T15:50, do: kick}", "2:10: `2022-12-28T15:50` has no time zone"),
        ("faults:\n  - {at: +1s, on: 3, do: kick}", "2:5: a fault takes either `at` or `on`"),
        ("faults:\n  - {do: kick}", "2:5: a fault takes either `at` or `on`"),
        ("faults:\n  - {at: +1s}", "2:5: a fault says what to `do`"),
        ("faults:\n  - {at: +1s, nth: 2, do: kick}", "2:20: `nth` counts messages"),
        ("faults:\n  - {on: placeOrders, do: kick}", "2:10: there is no message `placeOrders`; did you mean `placeOr"),
        ("faults:\n  - {at: +1s, do: mute, for: ten}", "2:30: `ten` is no duration"),
        ("faults:\n  - {at: +1s, do: mute, for: 1s, for: 2s}", "2:34: the key `for` is given twice"),
        ("faults:\n  - {at: +1s, do: bust, n: 0}", "2:28: `0` is no whole number"),
        ("faults:\n  - {at: +1s, do: farm_down, farm: cattle}", "2:36: `cattle` is none of market, history"),
        ("faults:\n  - !!python/name:os.system x", "2:5: a fault is a mapping"),
        ("faults:\n  - {at: +1s, do: !exec kick}", "2:19: here a single value is expected, without a tag"),
        ("faults: all of them", "1:9: here a list is expected"),
        ("fault: []", "1:1: a script has no key `fault`; did you mean `faults`?"),
        ("random: {every: 5s}", "1:9: `random` takes `every` and `kinds`"),
        ("random: {every: 0s, kinds: [kick]}", "takes at least one kind, and an `every` above 0"),
        ("faults: [", "this is no YAML"),
        ("--- 1\n--- 2", "this is no YAML"),
        ("[1, 2]", "1:1: a script is a mapping"),
    ],
)
def test_mistakes_are_told_where_they_are(text: str, told: str) -> None:
    with pytest.raises(DataProblem) as error:
        parse_script(text, "faults.yaml")
    assert f"faults.yaml:{told}" in error.value.reason or told in error.value.reason


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("faults:\n  - {at: +1s, do: kikc}\n  - {at: +1q, do: kick}\nradnom: {}\n")
    with pytest.raises(DataProblem) as error:
        read_script(path)
    assert len(error.value.reason.splitlines()) == 3
    with pytest.raises(DataProblem, match="can't be read"):
        read_script(tmp_path / "none.yaml")
    assert parse_script("", "faults.yaml").cues == ()


def test_every_fault_is_documented() -> None:
    text = (Path(__file__).parents[5] / "docs" / "simulator-faults.md").read_text()
    for name, arguments in ACTIONS.items():
        assert f"`{name}`" in text
        line = next(line for line in text.splitlines() if line.startswith(f"| `{name}`"))
        assert all(f"`{argument}`" in line for argument in arguments)


def test_a_message_can_be_the_cue(play: Callable[..., SimulatedGateway], hire: Callable[..., Any]) -> None:
    gateway = play("faults: [{on: reqPositions, nth: 2, do: kick}]")
    one, two = hire(gateway, client_id=1), hire(gateway, client_id=2)
    one.send(61, 1)
    assert one.settle()[-1][0] == "62"
    one.send(61, 1)
    assert (one.read(), two.read()) == ([], [])  # both connections are closed, with no answer
    assert [action.do for action in gateway.director.done] == ["kick"]
    assert hire(gateway, client_id=1).settle() == []


def test_a_desks_gateway_follows_a_script_too(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("faults: [{on: reqAccountSummary, do: half_message}]")
    with Broker("gateway", Settings(simulated=True, faults=str(path), timeout="2s"), tmp_path) as broker:
        assert len(broker.positions()) == 16
        with pytest.raises(ConnectionProblem):
            broker.account_summary(timeout=2.0)
        assert len(broker.positions()) == 16  # connected again
    with pytest.raises(ValueError, match="`faults` are a simulated gateway's"):
        Settings(port=4002, faults=str(path))


def test_a_moment_of_the_market_can_be_the_cue(play: Callable[..., SimulatedGateway], hire: Callable[..., Any]) -> None:
    gateway = play("faults: [{at: 2022-12-28T20:50:00Z, do: kick}]")
    trader = hire(gateway)
    assert trader.move("2022-12-28 15:49:59") == []
    trader.gateway.clock.move_to(gateway.clock.now().replace(minute=50, second=0))
    assert trader.read() == []


def test_real_time_can_be_the_cue(play: Callable[..., SimulatedGateway], hire: Callable[..., Any]) -> None:
    started = time.monotonic()
    trader = hire(play("faults: [{at: +150ms, do: kick}]"))
    assert trader.read() == []
    assert time.monotonic() - started >= 0.14


def test_a_restart_refuses_connections_for_a_while(gateway: SimulatedGateway, hire: Callable[..., Any]) -> None:
    trader = hire(gateway)
    gateway.act("restart", down=0.2)
    assert trader.read() == []
    refused = 0
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", gateway.port), 1).close()
            break
        except ConnectionRefusedError:
            refused += 1
            time.sleep(0.02)
    assert refused >= 3
    assert hire(gateway).settle() == []


@pytest.mark.parametrize(("data", "code"), [("kept", 1102), ("lost", 1101)])
def test_connectivity_comes_back_with_or_without_the_data(
    start_gateway: Callable[..., SimulatedGateway], hire: Callable[..., Any], data: str, code: int
) -> None:
    gateway = start_gateway(now="2022-12-28T17:00Z", speed=30.0)
    trader = hire(gateway)
    trader.send(97, 5, *AAPL, "Last", 0, 0)
    trader.settle()
    gateway.act("connectivity_lost", data=data, **{"for": 0.3})
    messages = [trader.read()]
    while code not in errors(messages):
        messages.append(trader.read())
    assert errors(messages) == [1100, code]
    began = errors([messages[-1]]) and next(i for i, m in enumerate(messages) if m[0] == "4")
    assert {m[0] for m in messages[began + 1 : -1]} <= {"99"}
    assert sum(m[0] == "99" for m in messages[began + 1 : -1]) == 0
    trader.send(98, 5)
    assert errors(trader.settle()) == ([] if data == "kept" else [300])


def test_a_farm_that_is_down_serves_nothing(gateway: SimulatedGateway, hire: Callable[..., Any]) -> None:
    trader = hire(gateway)
    gateway.act("farm_down", farm="history", **{"for": 0.6})
    assert errors([trader.read()]) == [2105]
    trader.send(20, 5, *AAPL, 0, "", "1 day", "1 D", 1, "TRADES", 2, 0, "")
    assert "HMDS server is not connected" in trader.settle()[0][4]
    assert errors([trader.read()]) == [2106]
    trader.send(20, 5, *AAPL, 0, "", "1 day", "1 D", 1, "TRADES", 2, 0, "")
    assert trader.settle()[0][0] == "17"
    gateway.act("farm_down", farm="market", **{"for": 0.6})
    assert errors([trader.read()]) == [2103]
    trader.send(1, 11, 6, *AAPL, 0, "", 1, 0, "")
    assert [m[0] for m in trader.settle()] == ["58", "81", "57"]  # the end, and not one tick
    assert errors([trader.read()]) == [2104]


def test_faults_that_overlap_end_with_the_last(gateway: SimulatedGateway, hire: Callable[..., Any]) -> None:
    trader = hire(gateway)
    gateway.act("connectivity_lost", **{"for": 0.3})
    gateway.act("farm_down", farm="history", **{"for": 0.6})
    gateway.act("duplicate_callbacks", **{"for": 0.6})
    gateway.act("duplicate_callbacks", **{"for": 0.3})
    assert errors([trader.read() for _ in range(3)]) == [1100, 2105, 1102]
    assert gateway.faults.closed_farms == {"history"}
    assert gateway.faults.duplicate_callbacks
    assert errors([trader.read()]) == [2106]
    until = time.monotonic() + 5
    while gateway.faults.duplicate_callbacks and time.monotonic() < until:
        time.sleep(0.01)
    assert gateway.faults.closed_farms == frozenset()
    assert not gateway.faults.duplicate_callbacks


def test_a_mute_gateway_answers_late(gateway: SimulatedGateway, hire: Callable[..., Any]) -> None:
    trader = hire(gateway)
    gateway.act("mute", **{"for": 0.3})
    started = time.monotonic()
    time.sleep(0.05)
    assert trader.settle() == []
    assert time.monotonic() - started > 0.25


def test_half_a_message_and_the_end(gateway: SimulatedGateway, hire: Callable[..., Any]) -> None:
    trader = hire(gateway)
    gateway.act("half_message")
    received = b""
    while chunk := trader.socket.recv(65536):
        received += chunk
    assert 4 < len(received) < 4 + int.from_bytes(received[:4], "big")


@pytest.mark.parametrize(("fault", "bytes_sent"), [("slow_reader", 200), ("slow_writer", 200)])
def test_a_slow_gateway(gateway: SimulatedGateway, hire: Callable[..., Any], fault: str, bytes_sent: int) -> None:
    trader = hire(gateway)
    gateway.act(fault, rate=1000, **{"for": 5.0})
    time.sleep(0.05)
    started = time.monotonic()
    if fault == "slow_writer":
        trader.send(17, 1)
        for _ in range(8):
            trader.send(17, 1)
        assert len(trader.settle()) == 9
    else:
        trader.send(81, 5, "A" * bytes_sent)
        assert trader.settle()[0][0] == "79"
    assert time.monotonic() - started > 0.15


def test_a_slow_client_holds_up_nobody(
    start_gateway: Callable[..., SimulatedGateway], hire: Callable[..., Any]
) -> None:
    gateway = start_gateway(now="2022-12-28T17:00Z")
    stuck, other = hire(gateway, client_id=1), hire(gateway, client_id=2)
    stuck.send(1, 11, 5, *AAPL, 0, "", 0, 0, "")
    stuck.settle()
    gateway.act("burst", ticks=400_000)  # and nobody reads them
    started = time.monotonic()
    assert other.settle() == []
    assert time.monotonic() - started < 2


def test_a_burst_has_so_many_ticks(gateway: SimulatedGateway, hire: Callable[..., Any]) -> None:
    trader = hire(gateway)
    trader.send(1, 11, 5, *AAPL, 0, "", 0, 0, "")
    trader.settle()
    gateway.act("burst", ticks=20_000)
    buffer, messages = FrameBuffer(), 0
    while messages < 20_000:
        chunk = trader.socket.recv(1 << 18)
        assert chunk
        found = buffer.feed(chunk)
        assert all(message.startswith(b"1\x006\x005\x00") for message in found)
        messages += len(found)
    assert messages == 20_000
    assert trader.settle() == []


def test_faults_of_orders_reach_the_trading_side(gateway: SimulatedGateway, hire: Callable[..., Any]) -> None:
    trader = hire(gateway)
    gateway.act("drop_orders", n=2)
    gateway.act("late_commission", seconds=7, **{"for": 0.5})
    gateway.act("duplicate_callbacks", **{"for": 0.5})
    trader.settle()
    faults = gateway.faults
    assert (faults.dropped_orders, faults.late_commission, faults.duplicate_callbacks) == (2, 7, True)
    until = time.monotonic() + 5
    while faults.duplicate_callbacks and time.monotonic() < until:
        time.sleep(0.02)
    assert (faults.dropped_orders, faults.late_commission, faults.duplicate_callbacks) == (2, 0.0, False)
    with pytest.raises(ValueError, match="kick takes"):
        gateway.act("kick", n=3)


def test_chance_is_the_same_for_the_same_seed(play: Callable[..., SimulatedGateway]) -> None:
    def run(seed: int) -> list[str]:
        kinds = "[mute, duplicate_callbacks, reorder_callbacks, {do: drop_orders, n: 1}]"
        gateway = play(f"random: {{every: 10ms, kinds: {kinds}, seed: {seed}}}")
        until = time.monotonic() + 5
        while len(gateway.director.done) < 12 and time.monotonic() < until:
            time.sleep(0.01)
        gateway.stop()
        return [action.do for action in gateway.director.done[:12]]

    first = run(3)
    assert len(first) == 12
    assert first == run(3) != run(4)
    assert len(set(first)) > 2


def test_too_many_messages_a_second_end_the_connection(
    start_gateway: Callable[..., SimulatedGateway], hire: Callable[..., Any]
) -> None:
    trader = hire(start_gateway(pacing=True))
    for _ in range(200):
        trader.send(49, 1)
    messages = []
    while message := trader.read():
        messages.append(message)
    assert [m[4] for m in messages if m[0] == "4"] == [
        f"Max rate of messages per second has been exceeded:max=50 rec=51 ({time})" for time in (1, 2, 3)
    ]


def test_a_book_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "book.csv"
    path.write_text("account,symbol,quantity,average_cost,con_id\nDU1,AAPL,100,120.5,\nDU1,,-2,310,900000101\n")
    stock, option = read_book(path)
    assert (stock.account, stock.instrument.con_id, stock.quantity, stock.average_cost) == ("DU1", 265598, 100, 120.5)
    assert (option.instrument.con_id, option.quantity) == (900000101, -2)
    path.write_text("account,symbol,quantity,average_cost\nDU1,APPL,ten,1\n,MSFT,1,nan\n")
    with pytest.raises(DataProblem) as error:
        read_book(path)
    told = error.value.reason.splitlines()
    assert [line.removeprefix(str(path)) for line in told] == [
        ":2: there is no contract `APPL`; did you mean `AAPL`?.",
        ":2: the quantity is no number.",
        ":3: it takes an account.",
        ":3: the average cost is no number.",
    ]
    path.write_text("")
    with pytest.raises(DataProblem, match="a book has the columns account, symbol"):
        read_book(path)
