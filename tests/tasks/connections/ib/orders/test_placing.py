"""Each order is at the broker once, whatever is repeated, dropped or slow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.desk import Unknown
from tasks.connections.ib.orders.values import Leg, Order, bracket
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.problems import DataProblem, DeadlinePassed
from tasks.connections.scope import Deadline, Scope, entered

Make = Callable[..., Order]
Held = Callable[[], list[tuple[str, str, float, str]]]
AAPL = Contract(265598, "AAPL", "STK", "USD")


def test_a_market_order_is_filled_and_known_by_its_reference(
    trader: Broker, order: Make, session: date, at_gateway: Held
) -> None:
    (placed,) = trader.place([order()], session)
    assert (placed.status, placed.filled, placed.order_id, placed.client_id) == ("filled", 100.0, 1, 17)
    assert placed.perm_id > 0
    assert 370 < placed.average_price < 390
    assert at_gateway() == [("r1", "BUY", 100.0, "Filled")]


def test_the_same_reference_is_never_sent_again_and_gives_what_became_of_it(
    trader: Broker, order: Make, session: date, at_gateway: Held, wire: list[bytes]
) -> None:
    first = trader.place([order()], session)
    assert trader.place([order()], session) == first
    assert trader.place([order(quantity=900.0)], session) == first, "even if other terms are asked for"
    assert len(wire) == len(at_gateway()) == 1


def test_another_process_of_the_desk_knows_what_was_sent(
    authorised: Callable[..., Broker], order: Make, session: date, at_gateway: Held
) -> None:
    with authorised() as one:
        (first,) = one.place([order()], session)
    (again,) = authorised().place([order()], session)
    assert (again.status, again.perm_id, again.filled) == (first.status, first.perm_id, first.filled)
    assert len(at_gateway()) == 1


def test_threads_that_place_the_same_order_at_once_place_it_once(
    trader: Broker, order: Make, session: date, at_gateway: Held
) -> None:
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.extend(trader.place([order()], session))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len({result.perm_id for result in results}) == 1
    assert len(results) == 6
    assert len(at_gateway()) == 1


def test_order_ids_go_up_also_after_a_restart_and_past_what_the_gateway_offers(
    authorised: Callable[..., Broker], order: Make, session: date
) -> None:
    with authorised() as one:
        ids = [placed.order_id for placed in one.place([order("a"), order("b")], session)]
    # The ledger knows better than a gateway that has forgotten.
    two = authorised()
    two.ledger.reserve_id(f"127.0.0.1:{two.settings.port}", 17, 40)
    ids += [placed.order_id for placed in two.place([order("c")], session)]
    assert ids == [1, 2, 41]


def test_what_the_broker_rejects_is_said_and_gives_back_its_share_of_the_day(
    authorised: Callable[..., Broker], order: Make, session: date
) -> None:
    trader = authorised(notional_per_day=1e9)
    (placed,) = trader.place([order(quantity=1_000_000.0, reference_price=400.0)], session)
    assert placed.status == "rejected"
    assert placed.reason.startswith("201: ")
    assert "MARGIN" in placed.reason
    assert trader.ledger.used("DU1234567", session) == 0.0
    (again,) = trader.place([order(quantity=1_000_000.0)], session)
    assert again.status == "rejected"


def test_what_is_filled_counts_for_the_day(authorised: Callable[..., Broker], order: Make, session: date) -> None:
    trader = authorised(notional_per_day=100_000)
    (first,) = trader.place([order("a", reference_price=400.0)], session)
    (second,) = trader.place([order("b", quantity=200.0, reference_price=400.0)], session)
    assert (first.status, second.status) == ("filled", "refused")
    assert second.reason == (
        "120,000 of notional in DU1234567 on 2022-12-28, 40,000 of it sent before; 100,000 a day allowed"
    )
    assert trader.ledger.used("DU1234567", session) == 40_000.0
    (other_day,) = trader.place([order("c", quantity=200.0, reference_price=400.0)], session + timedelta(days=1))
    assert other_day.status == "filled"


@pytest.mark.parametrize("fault", ["silent", "kicked"])
def test_an_order_that_nobody_answers_for_is_unknown_and_the_next_try_finds_out(
    gateway: SimulatedGateway, trader: Broker, order: Make, session: date, at_gateway: Held, fault: str
) -> None:
    trader.place([order("before")], session)
    if fault == "silent":
        gateway.faults.dropped_orders = 1
    else:
        gateway.faults.kick_on = 3
    with pytest.raises(Unknown, match=r"BUY 100 SPY MKT in DU1234567 .*Run it again"):
        trader.place([order()], session, patience=0.5)
    assert trader.ledger.find("r1").state == "sending"  # type: ignore[union-attr]  # it is there
    gateway.faults.kick_on = None
    (placed,) = trader.place([order()], session)
    assert (placed.status, placed.order_id) == ("filled", 2), "under the id that it was sent with at first"
    assert [row for row in at_gateway() if row[0] == "r1"] == [("r1", "BUY", 100.0, "Filled")]


def test_a_market_order_without_a_status_is_known_by_its_executions(
    gateway: SimulatedGateway, trader: Broker, order: Make, session: date
) -> None:
    gateway.faults.skipped_market_status = True
    (placed,) = trader.place([order()], session)
    assert (placed.status, placed.filled) == ("filled", 100.0)


def test_messages_that_come_twice_or_the_wrong_way_round_change_nothing(
    gateway: SimulatedGateway, trader: Broker, order: Make, session: date
) -> None:
    gateway.faults.duplicate_callbacks = gateway.faults.reordered_callbacks = True
    (placed,) = trader.place([order(quantity=3000.0)], session)
    assert placed.filled <= 3000.0
    assert sum(fill.quantity for fill in trader.executions()) == 3000.0
    (found,) = [known for known in trader.known_orders() if known.reference == "r1"]
    assert (found.status, found.filled, found.remaining) == ("Filled", 3000.0, 0.0)


def test_a_step_that_is_abandoned_and_wakes_later_sends_nothing(
    trader: Broker, order: Make, session: date, at_gateway: Held, wire: list[bytes]
) -> None:
    """It sleeps at the worst place: its intent is on disk, and the message is about to go out."""
    trader.open()
    deadline, asleep, wake = Deadline(), threading.Event(), threading.Event()
    begin = trader.ledger.begin

    def sleepy(*args: Any, **kwargs: Any) -> Any:
        intents = begin(*args, **kwargs)
        asleep.set()
        wake.wait(10)
        return intents

    trader.ledger.begin = sleepy  # type: ignore[method-assign]  # where a slow disk would hold it up
    errors: list[BaseException] = []

    def step() -> None:
        with entered(Scope(deadline=deadline)):
            try:
                trader.place([order()], session)
            except BaseException as error:
                errors.append(error)

    thread = threading.Thread(target=step)
    thread.start()
    assert asleep.wait(10)
    deadline.abandon()
    wake.set()
    thread.join(10)
    assert [type(error) for error in errors] == [DeadlinePassed]
    assert wire == []
    assert trader.ledger.find("r1") is None, "not a byte went out: it is as if it had never been meant"
    trader.ledger.begin = begin  # type: ignore[method-assign]  # as it was
    assert trader.place([order()], session)[0].status == "filled"
    assert len(at_gateway()) == 1


def test_a_step_abandoned_while_another_holds_the_socket_sends_nothing(
    trader: Broker, order: Make, session: date, wire: list[bytes]
) -> None:
    trader.place([order("first")], session)
    sending = trader._bridge()._client.conn._sending
    deadline = Deadline()
    with sending:  # somebody else's long message is going out
        thread = threading.Thread(target=_place_in, args=(trader, order(), session, deadline))
        thread.start()
        while trader.ledger.find("r1") is None:
            thread.join(0.01)
        thread.join(0.1)
        deadline.abandon()
    thread.join(10)
    assert len(wire) == 1


def _place_in(trader: Broker, order: Order, session: date, deadline: Deadline) -> None:
    with entered(Scope(deadline=deadline)), pytest.raises(DeadlinePassed):
        trader.place([order], session)


def test_a_bracket_is_held_back_until_it_is_whole_and_its_exits_belong_to_it(
    trader: Broker, order: Make, session: date, gateway: SimulatedGateway
) -> None:
    entry = order(order_type="LMT", limit_price=370.0)
    results = trader.place(bracket(entry, take_profit=400.0, stop_loss=350.0), session)
    assert [result.status for result in results] == ["working", "working", "working"]
    first, profit, loss = gateway.trading.registry.all()
    assert (first.values["transmit"], profit.parent, loss.parent) == (False, first, first) or first.is_transmitted
    assert (profit.values["action"], profit.values["orderType"], profit.values["lmtPrice"]) == ("SELL", "LMT", 400.0)
    assert (loss.values["orderType"], loss.values["auxPrice"]) == ("STP", 350.0)
    # Once more: nothing changes.
    again = trader.place(bracket(entry, take_profit=400.0, stop_loss=350.0), session)
    assert [result.perm_id for result in again] == [result.perm_id for result in results]


def test_a_family_is_refused_whole(authorised: Callable[..., Broker], order: Make, session: date, wire: Any) -> None:
    entry = order(order_type="LMT", limit_price=370.0)
    _, profit, loss = bracket(entry, take_profit=400.0, stop_loss=350.0)
    trader = authorised(quantity=100)
    results = trader.place([replace(entry, transmit=False), profit, replace(loss, quantity=200.0)], session)
    assert [result.status for result in results] == ["refused"] * 3
    assert results[0].reason == "an order of its family is refused"
    assert wire == []


@pytest.mark.parametrize(
    "terms",
    [
        {"order_type": "STP", "stop_price": 400.0},
        {"order_type": "STP LMT", "stop_price": 400.0, "limit_price": 401.0},
        {"order_type": "TRAIL", "trail": 2.0},
        {"order_type": "TRAIL", "trail_percent": 1.5},
        {"order_type": "TRAIL LIMIT", "trail": 2.0, "limit_offset": 0.5, "stop_price": 390.0},
        {"order_type": "MOC"},
        {"order_type": "LOC", "limit_price": 380.0},
        {"algo": "Adaptive", "algo_parameters": (("adaptivePriority", "Normal"),)},
        {"order_type": "LMT", "limit_price": 300.0, "time_in_force": "GTC", "oca_group": "g1", "oca_type": 1},
        {"order_type": "LMT", "limit_price": 300.0, "outside_hours": True},
    ],
    ids=lambda terms: " ".join(str(value) for value in terms.values()),
)
def test_every_kind_of_order_is_taken_by_the_gateway_as_it_is_meant(
    trader: Broker, order: Make, session: date, gateway: SimulatedGateway, terms: dict[str, Any]
) -> None:
    (placed,) = trader.place([order(**terms)], session)
    assert placed.status in ("working", "partially_filled", "filled"), placed
    (held,) = gateway.trading.registry.all()
    assert held.kind == terms.get("order_type", "MKT")
    assert held.values["eTradeOnly"] in (False, None)
    assert held.values["firmQuoteOnly"] in (False, None)
    if terms.get("algo"):
        assert held.values["algoStrategy"] == "Adaptive"
    if "trail_percent" in terms:
        assert held.values["trailingPercent"] == 1.5
    if "oca_group" in terms:
        assert (held.values["ocaGroup"], held.values["ocaType"]) == ("g1", 1)


def test_a_combination_is_one_order_whose_legs_are_filled_together(
    trader: Broker, order: Make, session: date, at_gateway: Held
) -> None:
    combination = order(
        contract=Contract(symbol="SPY", security_type="BAG", currency="USD", exchange="SMART"),
        quantity=10.0,
        legs=(Leg(756733, 1, "BUY"), Leg(265598, 2, "SELL")),
    )
    (placed,) = trader.place([combination], session)
    assert (placed.status, placed.filled) == ("filled", 10.0), "its legs' executions are not counted again"
    assert len(at_gateway()) == 1


def test_an_order_that_makes_no_sense_is_refused_before_anything_is_sent_or_kept(
    trader: Broker, order: Make, session: date, wire: list[bytes]
) -> None:
    with pytest.raises(DataProblem, match="LMT needs a limit price"):
        trader.place([order("good"), order("bad", order_type="LMT")], session)
    assert wire == []
    assert trader.ledger.find("good") is None


def test_the_steps_listener_sees_the_orders_messages_as_on_the_wire(
    trader: Broker, order: Make, session: date, witness: Any
) -> None:
    with entered(Scope(listener=witness)):
        trader.place([order("a"), order("b", order_type="LMT", limit_price=300.0)], session)
    told = [
        (message.request, message.direction, message.payload.split("\0")[0])
        for message in witness.messages
        if message.kind == "order"
    ]
    assert (1, "sent", "3") in told
    assert {kind for number, direction, kind in told if (number, direction) == (1, "received")} >= {"3", "5", "11"}
    assert {kind for number, direction, kind in told if (number, direction) == (2, "received")} == {"3", "5"}
    (sent,) = [each for each in witness.messages if (each.request, each.direction) == (2, "sent")]
    assert sent.payload.split("\0")[2] == "756733"
    assert "300.0" in sent.payload.split("\0")


def test_what_is_followed_goes_on_after_the_connection_was_dropped_and_is_known_to_be_whole(
    gateway: SimulatedGateway, trader: Broker, order: Make, session: date
) -> None:
    trader.place([order(order_type="LMT", limit_price=300.0)], session)
    trader._borrowed()._keeper._waits = iter([0.05] * 100)
    orders, executions = trader.watch_orders(), trader.watch_executions()
    assert [(row.reference, row.status) for _, _, row in orders.take(1)] == [("r1", "Submitted")]
    gateway.kick()
    while not orders.stale:
        orders.take(0.01)
    # It is cancelled at the broker while nobody is connected.
    (held,) = gateway.trading.registry.all()
    gateway._listener.call(gateway.trading.cancel, held)
    told: list[str] = []
    while "Cancelled" not in told or orders.stale or executions.stale:
        told += [row.status for _, _, row in orders.take(0.05)]
    trader.place([order("r2", quantity=3.0)], session)
    found = {row.reference: row.quantity for _, _, row in executions.take(2)}
    assert found == {"r2": 3.0}
    orders.close()
    executions.close()


def test_an_open_order_is_never_taken_for_gone_however_many_ask_at_once(
    trader: Broker, order: Make, session: date
) -> None:
    trader.place([order(f"r{number}", order_type="LMT", limit_price=300.0) for number in range(5)], session)
    orders = trader.watch_orders()
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.extend(len(trader.open_orders()) for _ in range(4))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert counts == [5] * 24
    assert {row.status for _, _, row in orders.take(0)} == {"Submitted"}
    orders.close()
