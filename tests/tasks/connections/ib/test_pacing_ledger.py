"""The broker counts what a login asks for, whichever process asks: so do all processes of a desk."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from tasks.connections.ib.broker import Broker
from tasks.connections.ib.client_ids import ClientId, is_free
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.pacing_ledger import HistorySlots, PacingLedger
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.problems import DeadlinePassed, Problem
from tasks.connections.scope import Deadline, Scope, entered


class Time:
    """A clock that sleeping moves."""

    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds + 1e-9


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def ledgers(tmp_path: Path, clock: Time) -> list[PacingLedger]:
    """Those of two processes."""
    made = [PacingLedger(tmp_path, "127.0.0.1", 4002, now=clock.now, sleep=clock.sleep) for _ in range(2)]
    for owner, ledger in enumerate(made, 17):
        ledger.belongs_to(owner)
    return made


def moments(clock: Time, ask: Callable[[int], None], count: int) -> list[float]:
    """When each of `count` requests was let through, in seconds from now."""
    start, found = clock.at, []
    for number in range(count):
        ask(number)
        found.append(round(clock.at - start, 3))
    return found


def test_an_identical_request_of_another_process_waits_for_fifteen_seconds(
    ledgers: list[PacingLedger], clock: Time
) -> None:
    assert moments(clock, lambda i: ledgers[i % 2].enter("SPY 5 D", f"{i}", 0, "History"), 3) == [0, 15, 30]


def test_fewer_than_six_for_one_contract_in_two_seconds(ledgers: list[PacingLedger], clock: Time) -> None:
    found = moments(clock, lambda i: ledgers[i % 2].enter(f"{i}", "SPY SMART TRADES", 0, "History"), 11)
    assert found == [0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 4]


def test_sixty_of_fine_bars_in_ten_minutes(ledgers: list[PacingLedger], clock: Time) -> None:
    found = moments(clock, lambda i: ledgers[i % 2].enter(f"{i}", f"{i}", 1, "History"), 61)
    assert found[59:] == [0, 600]


def test_bids_and_asks_count_twice(ledgers: list[PacingLedger], clock: Time) -> None:
    found = moments(clock, lambda i: ledgers[i % 2].enter(f"{i}", f"{i}", 2, "History"), 31)
    assert found[29:] == [0, 600]


def test_daily_bars_are_not_counted_for_ten_minutes(ledgers: list[PacingLedger], clock: Time) -> None:
    assert moments(clock, lambda i: ledgers[0].enter(f"{i}", f"{i}", 0, "History"), 500)[-1] == 0


def test_another_gateway_has_a_budget_of_its_own(ledgers: list[PacingLedger], clock: Time, tmp_path: Path) -> None:
    ledgers[0].enter("SPY 5 D", "SPY", 0, "History")
    other = PacingLedger(tmp_path, "127.0.0.1", 7497, now=clock.now, sleep=clock.sleep)
    assert moments(clock, lambda i: other.enter("SPY 5 D", "SPY", 0, "History"), 1) == [0]


def test_what_was_written_before_the_system_started_holds_up_nothing(ledgers: list[PacingLedger], clock: Time) -> None:
    ledgers[0].enter("SPY 5 D", "SPY", 0, "History")
    clock.at = 3.0
    assert moments(clock, lambda i: ledgers[1].enter("SPY 5 D", "SPY", 0, "History"), 1) == [0]


def test_a_request_that_was_lost_may_be_made_again_at_once(ledgers: list[PacingLedger], clock: Time) -> None:
    ledgers[0].enter("SPY 5 D", "SPY", 0, "History")
    ledgers[0].forget("SPY 5 D")
    assert moments(clock, lambda i: ledgers[1].enter("SPY 5 D", "SPY", 0, "History"), 1) == [0]


def test_fifty_under_way_over_all_processes(ledgers: list[PacingLedger]) -> None:
    numbers = [ledgers[i % 2].begin() for i in range(50)]
    assert None not in numbers
    assert ledgers[0].begin() is ledgers[1].begin() is None
    ledgers[1].end(1)
    assert ledgers[0].begin() is None  # not written down yet
    ledgers[1].settle()
    assert ledgers[0].begin() is not None


def test_what_is_under_way_for_minutes_is_over(ledgers: list[PacingLedger], clock: Time) -> None:
    for _ in range(50):
        ledgers[0].begin()
    clock.at += 181
    assert ledgers[1].begin() is not None


HOLDER = """
import sys
from pathlib import Path
from tasks.connections.ib.client_ids import ClientId
from tasks.connections.ib.pacing_ledger import PacingLedger
folder = Path(sys.argv[1])
lent = ClientId(folder, "127.0.0.1", 4002, 17)
ledger = PacingLedger(folder, "127.0.0.1", 4002)
ledger.belongs_to(lent.number)
print(sum(ledger.begin() is not None for _ in range(60)), flush=True)
sys.stdin.readline()
"""


def test_a_killed_process_leaves_nothing_under_way(tmp_path: Path) -> None:
    ledger = PacingLedger(tmp_path, "127.0.0.1", 4002, lambda number: is_free(tmp_path, "127.0.0.1", 4002, number))
    ledger.belongs_to(99)
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"50"
        assert ledger.begin() is None
        other.kill()
        other.wait()
    assert ledger.begin() is not None


def test_its_client_ids_next_holder_starts_with_nothing_under_way(tmp_path: Path) -> None:
    before = PacingLedger(tmp_path, "127.0.0.1", 4002)
    before.belongs_to(17)
    for _ in range(50):
        before.begin()
    assert ClientId(tmp_path, "127.0.0.1", 4002, 17).number == 17
    after = PacingLedger(tmp_path, "127.0.0.1", 4002)
    after.belongs_to(17)
    assert after.begin() is not None


GREEDY = """
import sys
from pathlib import Path
from tasks.connections.ib.pacing_ledger import PacingLedger
ledger = PacingLedger(Path(sys.argv[1]), "127.0.0.1", 4002)
sys.stdin.readline()
print(sum(ledger._try(f"{sys.argv[2]} {i}", f"{sys.argv[2]} {i}", 1) == 0 for i in range(40)), flush=True)
"""


def test_processes_that_ask_at_once_share_one_budget(tmp_path: Path) -> None:
    """Three want 40 each of the 60."""
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", GREEDY, str(tmp_path), str(i)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for i in range(3)
    ]
    for process in asking:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    assert sum(int(process.communicate(timeout=30)[0]) for process in asking) == 60


def test_counting_costs_next_to_nothing(tmp_path: Path) -> None:
    ledger = PacingLedger(tmp_path, "127.0.0.1", 4002)
    spent = []
    for i in range(300):
        started = time.perf_counter()
        ledger.enter(f"{i}", f"{i}", 0, "History")
        spent.append(time.perf_counter() - started)
    assert median(spent) < 1e-3


def test_a_step_out_of_time_is_not_counted(ledgers: list[PacingLedger], clock: Time) -> None:
    deadline = Deadline()
    deadline.abandon()
    with entered(Scope(deadline=deadline)), pytest.raises(DeadlinePassed, match="History was not sent"):
        ledgers[0].enter("SPY 5 D", "SPY", 0, "History")
    assert moments(clock, lambda i: ledgers[0].enter("SPY 5 D", "SPY", 0, "History"), 1) == [0]


def test_slots_of_a_full_desk_are_waited_for_until_the_steps_time_is_up(ledgers: list[PacingLedger]) -> None:
    for _ in range(50):
        ledgers[0].begin()
    slots = HistorySlots(ledgers[1])
    with entered(Scope(deadline=Deadline(0.1))), pytest.raises(DeadlinePassed):
        slots.take("History", lambda: None)
    assert all(slots._free.acquire(timeout=0) for _ in range(50))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "pacing").write_text("a file")
    with pytest.raises(Problem, match=r"data folder can't be written: .*pacing.*Mend its permissions"):
        PacingLedger(tmp_path, "127.0.0.1", 4002).enter("SPY", "SPY", 0, "History")


def test_two_brokers_of_one_desk_share_it(
    gateway: SimulatedGateway, connect: Callable[..., Broker], tmp_path: Path
) -> None:
    spy = Contract(756733, "SPY", "STK", "USD")
    one, two = connect(gateway.port), connect(gateway.port, client_id=30)
    one.daily_history([spy], 5)
    with entered(Scope(deadline=Deadline(0.5))), pytest.raises(DeadlinePassed):
        two.daily_history([spy], 5)
    assert two.daily_history([spy], 6)
    one._borrowed().histories.slots.settle()
    ledger = PacingLedger(tmp_path / "desk", "127.0.0.1", gateway.port)
    with ledger._transaction() as database:
        assert database.execute("SELECT count(*) FROM under_way").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM asked").fetchone() == (2,)
