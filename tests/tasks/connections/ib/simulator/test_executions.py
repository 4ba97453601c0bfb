"""What was executed, what it has cost, and what it has made of the position; corrections and busts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tasks.connections.ib.simulator.book import Holding
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import AAPL_CALL, listed
from tasks.connections.ib.simulator.trading.fees import commission
from tasks.connections.ib.simulator.trading.ledger import Ledger, Trade
from tasks.connections.ib.simulator.trading.matching import Fill, Side, is_touched, rest, sweep, trail

AAPL = 265598
ONE, TWO = "DU1234567", "DU7654321"
NOTHING = 1.7976931348623157e308
Start = Callable[..., SimulatedGateway]


def test_the_fee_schedule() -> None:
    apple = listed("AAPL")
    assert commission(apple, 100, 12_000) == 1.0  # 0.50 is less than the least
    assert commission(apple, 1000, 120_000) == 5.0
    assert commission(apple, 10, 30) == 0.3  # never more than a hundredth of the value
    assert commission(AAPL_CALL, 1, 3.0) == 1.0
    assert commission(AAPL_CALL, 10, 30.0) == 6.5


def test_a_sweep_goes_up_the_book_in_doubling_sizes() -> None:
    side = Side(price=10.0, size=100, tick=0.01)
    assert sweep(True, 650, None, side) == [Fill(100, 10.0, 2), Fill(200, 10.01, 2), Fill(350, 10.02, 2)]
    assert sweep(True, 650, 10.01, side) == [Fill(100, 10.0, 2), Fill(200, 10.01, 2)]
    assert sweep(True, 650, 9.99, side) == []
    assert sweep(False, 150, None, side) == [Fill(100, 10.0, 2), Fill(50, 9.99, 2)]


def test_what_rests_gets_half_of_the_size_shown_at_its_own_price() -> None:
    assert rest(True, 650, 10.2, Side(10.0, 101, 0.01)) == [Fill(50, 10.2, 1)]
    assert rest(True, 20, 10.2, Side(10.0, 100, 0.01)) == [Fill(20, 10.2, 1)]
    assert rest(True, 20, 9.9, Side(10.0, 100, 0.01)) == []


def test_stops_and_trails() -> None:
    assert is_touched(is_buy=True, stop=10, last=10, if_touched=False)
    assert not is_touched(is_buy=False, stop=10, last=10.5, if_touched=False)
    assert is_touched(is_buy=False, stop=10, last=10.5, if_touched=True)  # sell if touched
    assert trail(False, None, 100, 2, None) == 98
    assert trail(False, 98, 101, 2, None) == 99
    assert trail(False, 99, 90, 2, None) == 99
    assert trail(True, 103, 100, None, 1.0) == 101


def test_average_cost_and_profit_by_hand() -> None:
    apple = listed("AAPL")
    ledger = Ledger([Holding(ONE, apple, 100, 50.0)], [ONE], 10_000)
    # adding: (100×50 + 100×60 + 1) / 200
    assert ledger.trade(ONE, apple, "a", Trade(100, 60.0, 1.0)) is None
    assert ledger.position(ONE, apple).average_cost == pytest.approx(55.005)
    # closing 150: 150×(70 − 55.005) − 2
    assert ledger.trade(ONE, apple, "b", Trade(-150, 70.0, 2.0)) == pytest.approx(2247.25)
    # through zero: 50 closed, 30 opened short, the commission 8 shared 5 to 3
    assert ledger.trade(ONE, apple, "c", Trade(-80, 65.0, 8.0)) == pytest.approx(50 * (65 - 55.005) - 5)
    short = ledger.position(ONE, apple)
    assert (short.quantity, short.average_cost) == (-30, pytest.approx(65 - 3 / 30))
    # buying the short back
    assert ledger.trade(ONE, apple, "d", Trade(30, 60.0, 1.0)) == pytest.approx(30 * (64.9 - 60) - 1)
    assert ledger.cash[ONE] == pytest.approx(10_000 - 6001 + 10_498 + 5192 - 1801)
    assert ledger.quantities(ONE) == {}


def test_an_option_counts_a_hundredfold() -> None:
    ledger = Ledger([], [ONE], 10_000)
    ledger.trade(ONE, AAPL_CALL, "a", Trade(2, 3.0, 1.3))
    assert ledger.position(ONE, AAPL_CALL).average_cost == pytest.approx(300.65)
    assert ledger.cash[ONE] == pytest.approx(10_000 - 601.3)


def test_a_correction_is_as_if_it_had_been_so_from_the_start() -> None:
    apple = listed("AAPL")
    right, wrong = Ledger([], [ONE], 0), Ledger([], [ONE], 0)
    for ledger, price in ((right, 51.0), (wrong, 50.0)):
        ledger.trade(ONE, apple, "a", Trade(100, price, 1.0))
        ledger.trade(ONE, apple, "b", Trade(-60, 55.0, 1.0))
    assert wrong.amend(ONE, apple, "a", Trade(100, 51.0, 1.0)) is None
    assert wrong.position(ONE, apple) == right.position(ONE, apple)
    assert wrong.cash == right.cash


def test_what_is_settled_counts_and_can_no_longer_be_corrected() -> None:
    apple = listed("AAPL")
    whole, settled = Ledger([], [ONE], 0), Ledger([], [ONE], 0)
    for ledger in (whole, settled):
        for key, quantity, price in (("a", 100, 50.0), ("b", -130, 55.0), ("c", 40, 52.0)):
            ledger.trade(ONE, apple, key, Trade(quantity, price, 1.0))
    settled.settle(ONE, apple, "a")
    settled.settle(ONE, apple, "b")
    for ledger in (whole, settled):
        ledger.amend(ONE, apple, "c", Trade(40, 53.0, 1.0))
    one, other = whole.position(ONE, apple), settled.position(ONE, apple)
    assert (one.quantity, one.average_cost, one.realised) == (other.quantity, other.average_cost, other.realised)
    assert whole.cash[ONE] == pytest.approx(settled.cash[ONE])
    assert list(other.trades) == ["c"]


def test_each_fill_has_its_id_and_its_commission_once(trader: Any, told: Any) -> None:
    size = trader.touch(AAPL).ask_size
    messages = trader.trade("AAPL", "BUY", size + 1000)
    ids = [execution for execution, *_ in told.fills(messages)]
    assert len(set(ids)) == len(ids) > 1
    assert all(execution.endswith(".01.01") for execution in ids)
    charged = told.commissions(messages)
    assert list(charged) == ids
    assert sum(cost for cost, _ in charged.values()) == pytest.approx(0.005 * (size + 1000))
    assert {profit for _, profit in charged.values()} == {NOTHING}


def test_a_sale_reports_the_profit_it_takes(trader: Any, told: Any) -> None:
    messages = trader.trade("AAPL", "SELL", 100)
    ((_, _, _, price),) = told.fills(messages)
    ((cost, profit),) = told.commissions(messages).values()
    assert profit == pytest.approx(100 * (price - 131.42) - cost, abs=1e-4)


def test_two_gateways_never_give_the_same_ids(start_gateway: Start, hire: Any, told: Any) -> None:
    first, second = (hire(start_gateway()) for _ in range(2))
    second.gateway.trading.clearing._run += 1  # as if it had been started a second later
    ids = [told.fills(trader.trade("AAPL", "BUY", 1))[0][0] for trader in (first, second)]
    assert ids[0] != ids[1]


def test_a_correction_comes_under_the_next_revision_and_moves_the_position(trader: Any, told: Any) -> None:
    messages = trader.trade("AAPL", "BUY", 100)
    ((first, _, _, price),) = told.fills(messages)
    trader.send(61, 1)
    trader.settle()
    trader.gateway.faults.correction = 1
    messages = trader.settle()
    ((second, side, quantity, corrected),) = told.fills(messages)
    assert (first[:-3], first[-3:], second[-3:]) == (second[:-3], ".01", ".02")
    assert (side, quantity, corrected) == ("BOT", 100, round(price - 0.01, 2))
    (position,) = [message for message in messages if message[0] == "61"]
    assert float(position[-1]) == pytest.approx((2400 * 131.42 + 100 * corrected + 1) / 2500)
    trader.send(7, 3, 5, 0, "", "", "", "", "", "")
    assert [execution for execution, *_ in told.fills(trader.settle())] == [second]


def test_a_bust_takes_the_trade_back(trader: Any, told: Any) -> None:
    trader.trade("AAPL", "BUY", 100)
    trader.gateway.faults.bust = 1
    messages = trader.settle()
    ((execution, _, quantity, _),) = told.fills(messages)
    assert (execution[-3:], quantity) == (".02", 0)
    held = trader.gateway.trading.ledger.position(ONE, listed("AAPL"))
    assert (held.quantity, held.average_cost) == (2400, 131.42)
    assert trader.gateway.trading.ledger.cash[ONE] == 1_000_000


def test_a_late_commission_comes_when_its_time_has(start_gateway: Start, hire: Any, told: Any) -> None:
    trader = hire(start_gateway(faults=Faults(late_commission=5)))
    messages = trader.trade("AAPL", "BUY", 100)
    ((execution, *_),) = told.fills(messages)
    assert told.commissions(messages) == {}
    trader.send(7, 3, 5, 0, "", "", "", "", "", "")
    assert told.commissions(trader.settle()) == {}
    assert told.commissions(trader.move("2022-12-28 15:45:04")) == {}
    assert told.commissions(trader.move("2022-12-28 15:45:05")) == {execution: (1.0, NOTHING)}


def test_executions_by_filter_of_todays_and_of_whom(start_gateway: Start, hire: Any, told: Any) -> None:
    gateway = start_gateway(now="2022-12-27T18:00:00Z")
    one, other, master = hire(gateway, 1), hire(gateway, 2), hire(gateway, 0)
    one.trade("AAPL", "BUY", 1)
    one.move("2022-12-28 10:00:00")
    one.trade("AAPL", "BUY", 2)
    one.trade("KO", "SELL", 3, account=TWO)
    other.trade("AAPL", "BUY", 4)

    def ask(client: Any, *criteria: Any) -> list[float]:
        client.settle()
        client.send(7, 3, 9, *criteria)
        messages = client.settle()
        assert messages[-1] == ["55", "1", "9"]
        return [quantity for _, _, quantity, _ in told.fills(messages)]

    anything = (0, "", "", "", "", "", "")
    assert ask(one, *anything) == [2, 3]  # yesterday's is gone
    assert ask(other, *anything) == [4]
    assert ask(master, *anything) == [2, 3, 4]
    assert ask(master, 2, "", "", "", "", "", "") == [4]
    assert ask(master, 0, TWO, "", "", "", "", "") == [3]
    assert ask(master, 0, "", "", "AAPL", "STK", "SMART", "BUY") == [2, 4]
    assert ask(master, 0, "", "20221228-15:00:01", "", "", "", "") == []
    one.send(7, 3, 9, 0, "", "noon", "", "", "", "")
    assert told.errors(one.settle())[0][1] == 320
