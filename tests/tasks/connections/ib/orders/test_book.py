"""What the broker tells of orders, each thing once, whatever the order that it comes in."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.connections.ib.codes import meaning
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.messages import BrokerMessage
from tasks.connections.ib.orders.book import OrderBook
from tasks.connections.ib.orders.fills import Fill, split
from tasks.connections.ib.orders.known import BookOrder
from tasks.connections.ib.orders.states import plain_status
from tasks.connections.ib.rows.orders import Commission, CompletedOrder, Execution, Margins, OpenOrder, OrderStatus

NAN = math.nan
SPY = Contract(756733, "SPY", "STK", "USD")
MARGINS = Margins(NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, "", "")


def opened(status: str = "Submitted", order_id: int = 1, perm_id: int = 9, **more: Any) -> OpenOrder:
    terms: dict[str, Any] = {
        "order_id": order_id,
        "client_id": 17,
        "perm_id": perm_id,
        "reference": "r1",
        "account": "DU1",
        "contract": SPY,
        "action": "BUY",
        "quantity": 100.0,
        "order_type": "LMT",
        "limit_price": 380.0,
        "stop_price": NAN,
        "time_in_force": "DAY",
        "status": status,
        "oca_group": "",
        "parent_id": 0,
        "algo": "",
        "is_preview": False,
        "margins": MARGINS,
    }
    return OpenOrder(**{**terms, **more})


def status(word: str, filled: float = 0.0, order_id: int = 1, perm_id: int = 9, price: float = 0.0) -> OrderStatus:
    return OrderStatus(order_id, 17, perm_id, word, filled, 100.0 - filled, price, price, 0, "")


def executed(execution_id: str, quantity: float, price: float = 380.0, **more: Any) -> Execution:
    terms: dict[str, Any] = {
        "execution_id": execution_id,
        "order_id": 1,
        "client_id": 17,
        "perm_id": 9,
        "reference": "r1",
        "account": "DU1",
        "contract": SPY,
        "action": "BUY",
        "quantity": quantity,
        "price": price,
        "time": "20221228 15:45:00",
        "exchange": "ARCA",
        "liquidity": 2,
        "cumulative": 0.0,
        "average_price": price,
    }
    return Execution(**{**terms, **more})


def completed(word: str, filled: float, perm_id: int = 9, reference: str = "r1") -> CompletedOrder:
    return CompletedOrder(perm_id, reference, "DU1", SPY, "BUY", 100.0, filled, "LMT", 380.0, NAN, "DAY", word, "", "")


def said(code: int, text: str = "no", order_id: int = 1) -> BrokerMessage:
    return BrokerMessage(0, order_id, code, text, meaning(code), "")


class Here:
    """As much of a connection as the book wants to know."""

    client_id = 17


def book_of(*events: Any) -> OrderBook:
    book = OrderBook()
    book.entered(Here())  # type: ignore[arg-type]  # its client id is all that counts
    for event in events:
        book.event(event)
    return book


def only(book: OrderBook) -> BookOrder:
    (order,) = book.orders()
    return order


def test_an_order_is_one_whether_it_is_known_by_its_id_or_by_the_brokers() -> None:
    book = book_of(opened("PendingSubmit", perm_id=0), status("PreSubmitted"), opened("Submitted"))
    assert (only(book).key, only(book).perm_id, only(book).status) == ("17:1", 9, "Submitted")


def test_one_that_was_entered_by_hand_is_known_by_the_brokers_id_alone() -> None:
    book = book_of(opened(order_id=0, perm_id=5), opened(order_id=0, perm_id=6), status("Filled", 100.0, 0, 5))
    assert {order.key: order.status for order in book.orders()} == {"perm:5": "Filled", "perm:6": "Submitted"}


@pytest.mark.parametrize(
    ("words", "last"),
    [
        (["Submitted", "PreSubmitted"], "Submitted"),
        (["PreSubmitted", "Submitted", "PendingSubmit"], "Submitted"),
        (["Submitted", "Filled", "Submitted"], "Filled"),
        (["Submitted", "Cancelled", "PendingCancel", "Submitted"], "Cancelled"),
        (["PendingCancel", "Submitted"], "PendingCancel"),
        (["Submitted", "Inactive"], "Inactive"),
        (["Inactive", "PreSubmitted"], "PreSubmitted"),  # it was held, and no longer is
        (["Filled", "Cancelled"], "Filled"),
    ],
)
def test_a_status_never_goes_back(words: list[str], last: str) -> None:
    assert only(book_of(opened("PendingSubmit"), *(status(word) for word in words))).status == last


def test_what_was_filled_never_becomes_less() -> None:
    book = book_of(opened(), status("Submitted", 60.0, price=380.0), status("Submitted", 30.0, price=379.0))
    assert (only(book).filled, only(book).average_price, only(book).remaining) == (60.0, 380.0, 40.0)


def test_executions_count_where_no_status_is_told() -> None:
    book = book_of(opened("PreSubmitted"), executed("a.b.01.01", 60.0, 380.0), executed("a.c.01.01", 40.0, 381.0))
    assert (only(book).status, only(book).filled, only(book).average_price) == ("Filled", 100.0, 380.4)


def test_an_execution_is_counted_once_and_replaced_by_its_correction() -> None:
    first, corrected = executed("a.b.01.01", 60.0), executed("a.b.01.02", 60.0, 379.5)
    for events in ([first, first, corrected], [corrected, first], [first, corrected, first, corrected]):
        (fill,) = book_of(opened(), *events).fills()
        assert (fill.execution_id, fill.correction, fill.quantity, fill.price) == ("a.b.01", 2, 60.0, 379.5)


def test_a_bust_leaves_an_execution_of_nothing() -> None:
    book = book_of(opened(), executed("a.b.01.01", 60.0), executed("a.b.01.02", 0.0))
    assert [(fill.correction, fill.quantity) for fill in book.fills()] == [(2, 0.0)]


def test_a_commission_may_come_before_or_after_and_belongs_to_one_revision() -> None:
    fill, cost = executed("a.b.01.01", 60.0), Commission("a.b.01.01", 1.25, "USD", NAN)
    for events in ([fill, cost], [cost, fill], [cost, fill, cost]):
        assert [fill.commission for fill in book_of(opened(), *events).fills()] == [1.25]
    corrected = executed("a.b.01.02", 60.0)
    (waiting,) = book_of(opened(), fill, cost, corrected).fills()
    assert math.isnan(waiting.commission)
    later = Commission("a.b.01.02", 1.5, "USD", NAN)
    assert book_of(opened(), fill, cost, corrected, later).fills()[0].commission == 1.5


def test_the_legs_of_a_combination_are_not_counted_as_the_combination() -> None:
    bag = Contract(0, "SPY", "BAG", "USD")
    events = [executed("a.b.01.01", 5.0, contract=bag), executed("a.b.02.01", 5.0), executed("a.b.03.01", 10.0)]
    for shuffled in itertools.permutations(events):
        book = book_of(opened(contract=bag, quantity=10.0), *shuffled)
        assert (only(book).filled, only(book).status) == (5.0, "Submitted")
        assert len(book.fills()) == 3


def test_a_completed_order_is_the_one_that_was_open() -> None:
    book = book_of(opened(), completed("Cancelled", 20.0))
    assert (only(book).key, only(book).status, only(book).filled) == ("17:1", "Cancelled", 20.0)
    unseen = book_of(opened("PendingSubmit", perm_id=0), completed("Filled", 100.0))
    assert (only(unseen).key, only(unseen).perm_id, only(unseen).status) == ("17:1", 9, "Filled")
    other = book_of(opened(), completed("Filled", 100.0, perm_id=10, reference="r2"))
    assert len(other.orders()) == 2


def test_why_an_order_was_rejected_is_kept_whichever_comes_first() -> None:
    for events in ([said(201, "margin"), opened("Inactive")], [opened("Inactive"), said(201, "margin")]):
        order = only(book_of(*events))
        assert (order.reason, order.is_rejected) == ("201: margin", True)
        assert plain_status(order.status, 0.0, 100.0, is_rejected=order.is_rejected) == "rejected"


def test_a_cancel_that_was_asked_for_is_no_error() -> None:
    order = only(book_of(opened(), said(202, "Order Canceled - reason:"), status("Cancelled")))
    assert (order.reason, order.is_rejected) == ("", False)
    why = only(book_of(opened(), said(202, "Order Canceled - reason:Too late"), status("Cancelled")))
    assert why.reason == "Too late"


def test_an_order_that_is_only_asked_about_is_none() -> None:
    book = book_of(opened(is_preview=True))
    assert book.orders() == []
    assert book.preview(1) is not None


def test_what_changes_nothing_is_not_told() -> None:
    told: list[Any] = []
    book = OrderBook(lambda route, row, received: told.append((route, row)))
    for event in (opened(), opened(), status("Submitted"), status("Submitted"), executed("a.b.01.01", 1.0)) * 2:
        book.event(event)
    assert [route for route, _ in told] == ["orders", "orders", "executions"]


EVENTS = [
    *(opened("PendingSubmit", perm_id=0), opened("PreSubmitted"), opened("Submitted")),
    *(status("PreSubmitted"), status("Submitted", 40.0, price=380.0), status("Filled", 100.0, price=380.4)),
    *(executed("a.b.01.01", 40.0, 380.0), executed("a.c.01.01", 60.0, 381.0), executed("a.c.01.02", 60.0, 380.5)),
    *(Commission("a.b.01.01", 1.0, "USD", NAN), Commission("a.c.01.02", 1.5, "USD", NAN)),
    completed("Filled", 100.0),
]


@settings(max_examples=200, deadline=None)
@given(st.permutations(EVENTS), st.lists(st.sampled_from(EVENTS), max_size=12), st.randoms(use_true_random=False))
def test_in_whatever_order_and_however_often_they_come_the_end_is_the_same(
    events: list[Any], again: list[Any], chance: random.Random
) -> None:
    mixed = list(events)
    for event in again:
        mixed.insert(chance.randint(0, len(mixed)), event)
    book = book_of(*mixed)
    order = only(book)
    assert (order.status, order.filled, order.quantity, order.perm_id, order.reference) == (
        "Filled",
        100.0,
        100.0,
        9,
        "r1",
    )
    fills: dict[str, Fill] = {fill.execution_id: fill for fill in book.fills()}
    assert {key: (fill.correction, fill.quantity, fill.price, fill.commission) for key, fill in fills.items()} == {
        "a.b.01": (1, 40.0, 380.0, 1.0),
        "a.c.01": (2, 60.0, 380.5, 1.5),
    }


@pytest.mark.parametrize(
    ("execution_id", "root", "revision"),
    [
        ("0001.63a.01.02", "0001.63a.01", 2),
        ("U+1_20221228.01", "U+1_20221228", 1),
        ("plain", "plain", 1),
        ("a.x", "a.x", 1),
    ],
)
def test_an_execution_id_is_its_root_and_how_often_it_was_told(execution_id: str, root: str, revision: int) -> None:
    assert split(execution_id) == (root, revision)


@pytest.mark.parametrize(
    ("word", "filled", "is_rejected", "told"),
    [
        ("PendingSubmit", 0.0, False, "sent"),
        ("PreSubmitted", 0.0, False, "working"),
        ("Submitted", 0.0, False, "working"),
        ("Submitted", 40.0, False, "partially_filled"),
        ("Submitted", 100.0, False, "filled"),
        ("Filled", 100.0, False, "filled"),
        ("Cancelled", 0.0, False, "cancelled"),
        ("Cancelled", 40.0, False, "cancelled"),
        ("Cancelled", 0.0, True, "rejected"),
        ("Cancelled", 40.0, True, "cancelled"),
        ("Inactive", 0.0, True, "rejected"),
        ("Inactive", 0.0, False, "sent"),
        ("", 100.0, False, "filled"),
    ],
)
def test_the_desks_own_words(word: str, filled: float, is_rejected: bool, told: str) -> None:
    assert plain_status(word, filled, 100.0, is_rejected=is_rejected) == told
