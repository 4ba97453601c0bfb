"""The desk's record of orders: what is on disk before anything is sent."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from tasks.connections.clock import WallClock
from tasks.connections.ib.orders.ledger import Ledger, Limits
from tasks.connections.ib.orders.values import Order
from tasks.connections.problems import DeadlinePassed, Problem, Refused
from tasks.connections.scope import Deadline, Scope, entered

Make = Callable[..., Order]
FREE = Limits(None, None)
GATEWAY = "127.0.0.1:4002"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


def begin(
    ledger: Ledger, orders: list[Order], session: date, *, limits: Limits = FREE, client_id: int = 17
) -> list[int]:
    notionals = [order.quantity * 10 for order in orders]
    return [intent.order_id for intent in ledger.begin(orders, session, notionals, GATEWAY, client_id, 5, limits)]


def test_ids_are_the_gateways_and_beyond_and_never_used_twice(ledger: Ledger, order: Make, session: date) -> None:
    assert begin(ledger, [order("a"), order("b")], session) == [5, 6]
    ledger.unsent("b")
    assert begin(ledger, [order("c")], session) == [7], "an id that was never sent stays used"
    assert begin(ledger, [order("d")], session, client_id=18) == [5], "each client counts for itself"
    assert ledger.reserve_id(GATEWAY, 17, 100) == 100
    assert begin(ledger, [order("e")], session) == [101]


def test_ids_end_before_those_of_requests_begin(ledger: Ledger, order: Make, session: date) -> None:
    ledger.reserve_id(GATEWAY, 17, 999_999)
    with pytest.raises(Refused, match="Reset the order id sequence in TWS"):
        begin(ledger, [order("a")], session)
    assert ledger.find("a") is None


def test_what_is_about_to_be_sent_is_on_disk_for_everyone(
    ledger: Ledger, order: Make, session: date, tmp_path: Path
) -> None:
    made = order("a", reference_price=380.0)
    with entered(Scope(run="run1", step="orders")):
        begin(ledger, [made], session)
    other = Ledger(tmp_path)
    intent = other.find("a")
    assert intent is not None
    assert (intent.state, intent.gateway, intent.client_id, intent.order_id) == ("sending", GATEWAY, 17, 5)
    assert (intent.run, intent.step, intent.order, intent.session) == ("run1", "orders", made, session)
    assert [each.reference for each in other.intents(run="run1", state="sending")] == ["a"]


def test_the_days_use_is_an_accounts_and_a_sessions_and_is_given_back_by_a_refusal_alone(
    ledger: Ledger, order: Make, session: date
) -> None:
    limits = Limits(2_500.0, None)
    begin(ledger, [order("a"), order("b")], session, limits=limits)  # 1,000 each
    with pytest.raises(Refused, match="3,000 of notional in DU1234567 on 2022-12-28, 2,000 of it sent before"):
        begin(ledger, [order("c")], session, limits=limits)
    assert ledger.find("c") is None
    begin(ledger, [order("d", account="DU9")], session, limits=limits)
    begin(ledger, [order("e")], session + timedelta(days=1), limits=limits)
    ledger.placed("a", perm_id=1, status="cancelled", filled=0.0, average_price=None)
    assert ledger.used("DU1234567", session) == 2_000.0, "a cancelled order was sent all the same"
    ledger.refused("b", "201")
    assert ledger.used("DU1234567", session) == 1_000.0
    begin(ledger, [order("c")], session, limits=limits)


def test_runs_at_once_never_use_more_of_the_day_together_than_there_is(
    order: Make, session: date, tmp_path: Path
) -> None:
    refused: list[str] = []

    def use(number: int) -> None:
        ledger = Ledger(tmp_path)
        for part in range(5):
            try:
                begin(ledger, [order(f"{number}-{part}")], session, limits=Limits(10_000.0, None))
            except Refused as refusal:
                refused.append(refusal.reason)
        ledger.close()

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 10
    assert Ledger(tmp_path).used("DU1234567", session) == 10_000.0


def test_a_persons_answer_counts_once_and_only_while_it_is_waited_for(
    ledger: Ledger, order: Make, session: date
) -> None:
    now = WallClock().now().value
    ledger.wait([order("a"), order("b")], session, [1.0, 1.0], now + 10**12)
    ledger.wait([order("late")], session, [1.0], now - 1)
    assert ledger.decide(["a", "late", "nobody"], "approved", "") == ["a"]
    assert ledger.decide(["a"], "rejected", "too late") == []
    ledger.expire(["a", "b", "late"], "over")
    states = {each: ledger.find(each).state for each in ("a", "b", "late")}  # type: ignore[union-attr]  # they are there
    assert states == {"a": "approved", "b": "waiting", "late": "expired"}
    ledger.wait([order("b", quantity=900.0)], session, [9.0], now + 10**13)
    assert ledger.find("b").order.quantity == 100.0, "what was shown stands"  # type: ignore[union-attr]


def test_whoever_waits_for_a_reference_gives_up_at_the_steps_deadline(ledger: Ledger, tmp_path: Path) -> None:
    with ledger.exclusive(["a"]):
        deadline = Deadline(0.3)
        with (
            entered(Scope(deadline=deadline)),
            pytest.raises(DeadlinePassed),
            Ledger(tmp_path).exclusive(["a"]),
        ):
            raise AssertionError("two at once")
    with Ledger(tmp_path).exclusive(["a", "b", "c"]):
        pass


def test_a_damaged_record_stops_orders_and_says_so(ledger: Ledger, order: Make, session: date, tmp_path: Path) -> None:
    begin(ledger, [order("a")], session)
    ledger.close()
    for leftover in (tmp_path / "orders").glob("orders.db-*"):
        leftover.unlink()
    (tmp_path / "orders" / "orders.db").write_bytes(b"not a database at all" * 300)
    with pytest.raises(Problem, match=r"The record of orders .* is damaged: .* Without it no order is sent"):
        begin(Ledger(tmp_path), [order("b")], session)


def test_a_record_of_a_newer_version_is_left_alone(ledger: Ledger, order: Make, session: date, tmp_path: Path) -> None:
    begin(ledger, [order("a")], session)
    ledger.close()
    with sqlite3.connect(tmp_path / "orders" / "orders.db") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(Problem, match="has format 99"):
        Ledger(tmp_path).find("a")
