"""Orders that are bound to one another: brackets, and groups of which one cancels or reduces the others."""

from __future__ import annotations

from typing import Any

import pytest

AAPL = 265598


def bracket(trader: Any, entry: float, quantity: int = 100, **last: Any) -> None:
    trader.place("AAPL", "BUY", quantity, "LMT", lmtPrice=entry, transmit=False)
    parent = trader.number
    trader.place("AAPL", "SELL", quantity, "LMT", lmtPrice=140, transmit=False, parentId=parent)
    trader.place("AAPL", "SELL", quantity, "STP", auxPrice=110, parentId=parent, **last)


def test_nothing_moves_until_the_last_is_sent(trader: Any, told: Any) -> None:
    trader.place("AAPL", "BUY", 100, "LMT", lmtPrice=130, transmit=False)
    trader.place("AAPL", "SELL", 100, "LMT", lmtPrice=140, transmit=False, parentId=1)
    messages = trader.settle()
    assert {status for status, *_ in told.statuses(messages)} == {"PendingSubmit"}
    assert told.fills(messages) == []
    messages = trader.trade("AAPL", "SELL", 100, "STP", auxPrice=110, parentId=1)
    assert told.statuses(messages, 1)[-1] == ("Filled", 100, 0)
    assert told.statuses(messages, 2)[-1] == ("Submitted", 0, 100)
    assert told.statuses(messages, 3)[-1] == ("PreSubmitted", 0, 100)


def test_children_are_a_group_and_one_takes_the_other_off(trader: Any, told: Any) -> None:
    bracket(trader, 130)
    messages = trader.settle()
    groups = {order["orderId"]: order["ocaGroup"] for order in told.opened(messages)}
    assert groups[2] == groups[3] == str(told.opened(messages)[0]["permId"])
    messages = trader.trade("AAPL", "SELL", 100, "LMT", lmtPrice=120, orderId=2, parentId=1)
    assert told.statuses(messages, 2)[-1] == ("Filled", 100, 0)
    assert told.statuses(messages, 3)[-1] == ("Cancelled", 0, 100)


def test_children_go_with_a_parent_that_never_filled(trader: Any, told: Any) -> None:
    bracket(trader, 90)
    trader.settle()
    trader.send(4, 1, 1, "")
    messages = trader.settle()
    assert [told.statuses(messages, number)[-1][0] for number in (1, 2, 3)] == ["Cancelled"] * 3


def test_children_guard_what_a_parent_has_filled_before_it_is_cancelled(trader: Any, told: Any) -> None:
    touch = trader.touch(AAPL)
    bracket(trader, touch.ask, touch.ask_size + 300)
    trader.settle()
    trader.send(4, 1, 1, "")
    messages = trader.settle()
    assert told.statuses(messages, 1)[-1] == ("Cancelled", touch.ask_size, 300)
    assert told.statuses(messages, 2)[-1] == ("Submitted", 0, touch.ask_size)
    assert told.statuses(messages, 3)[-1] == ("PreSubmitted", 0, touch.ask_size)


@pytest.mark.parametrize(("kind", "left"), [(1, None), (2, 600), (3, 600)])
def test_a_partial_fill_cancels_the_others_or_takes_its_share_off_them(
    trader: Any, told: Any, kind: int, left: int | None
) -> None:
    trader.trade("AAPL", "BUY", 1000, "LMT", lmtPrice=100, ocaGroup="g", ocaType=kind)
    trader.trade("MSFT", "BUY", 1000, "LMT", lmtPrice=100, ocaGroup="other", ocaType=kind)
    touch = trader.touch(AAPL)
    whole = int(touch.ask_size / 0.4)
    messages = trader.trade("AAPL", "BUY", whole, "LMT", lmtPrice=touch.ask, ocaGroup="g", ocaType=kind)
    assert told.statuses(messages, 3)[-1] == ("Submitted", touch.ask_size, whole - touch.ask_size)
    if left is None:
        assert told.statuses(messages, 1) == [("Cancelled", 0, 1000)]
    else:
        assert told.statuses(messages, 1) == [("Submitted", 0, left)]
    assert told.statuses(messages, 2) == []


def test_cancelling_one_of_a_group_leaves_the_others(trader: Any, told: Any) -> None:
    for price in (100, 101):
        trader.trade("AAPL", "BUY", 10, "LMT", lmtPrice=price, ocaGroup="g", ocaType=1)
    trader.send(4, 1, 1, "")
    messages = trader.settle()
    assert told.statuses(messages, 1)[-1][0] == "Cancelled"
    assert told.statuses(messages, 2) == []


def test_cancelling_what_was_never_sent_on(trader: Any, told: Any) -> None:
    trader.place("AAPL", "BUY", 100, "LMT", lmtPrice=130, transmit=False)
    trader.settle()
    trader.send(4, 1, 1, "")
    assert told.statuses(trader.settle()) == [("ApiCancelled", 0, 100)]


def test_a_late_child_gives_its_parent_nothing_more(trader: Any, told: Any) -> None:
    touch = trader.touch(AAPL)
    trader.trade("AAPL", "BUY", touch.ask_size + 500, "LMT", lmtPrice=touch.ask)
    messages = trader.trade("AAPL", "SELL", 100, "LMT", lmtPrice=140, parentId=1)
    assert told.fills(messages) == []
    assert told.statuses(messages, 2)[-1][0] == "PreSubmitted"
