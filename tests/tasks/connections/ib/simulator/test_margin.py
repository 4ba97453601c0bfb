"""What an account must hold, what it is worth, and that it can't buy more than it can pay for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tasks.connections.ib.simulator.book import Holding
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import AAPL_CALL, listed
from tasks.connections.ib.simulator.trading.margin import margins

AAPL = 265598
ONE, TWO = "DU1234567", "DU7654321"
Start = Callable[..., SimulatedGateway]


def priced(**prices: float) -> Callable[[Any], float]:
    return lambda item: prices["option" if item.security_type == "OPT" else item.symbol]


def test_stocks_by_hand() -> None:
    money = margins(10_000, [(listed("AAPL"), 100), (listed("KO"), -50)], priced(AAPL=120.0, KO=60.0), priced())
    assert money.equity_with_loan == money.net_liquidation == 10_000 + 12_000 - 3_000
    assert money.initial == 0.5 * 12_000 + 0.5 * 3_000
    assert money.maintenance == 0.25 * 12_000 + 0.30 * 3_000
    assert money.available == 19_000 - 7_500
    assert money.excess == 19_000 - 3_900
    assert money.buying_power == 23_000
    assert money.gross == 15_000
    assert money.cushion == pytest.approx(15_100 / 19_000)


def test_options_by_hand() -> None:
    # the call of strike 130 at 5 on 120: written, 500 and 20 % of 12,000 less the 1,000 it is out of the money
    written = margins(10_000, [(AAPL_CALL, -1)], priced(option=5.0), lambda _: 120.0)
    assert written.initial == written.maintenance == 500 + 2_400 - 1_000
    assert (written.equity_with_loan, written.net_liquidation) == (10_000, 9_500)
    # far out of the money the least is 10 % of the underlying
    assert margins(0, [(AAPL_CALL, -1)], priced(option=0.1), lambda _: 80.0).initial == pytest.approx(10 + 800)
    held = margins(10_000, [(AAPL_CALL, 1)], priced(option=5.0), lambda _: 120.0)
    assert (held.initial, held.equity_with_loan, held.net_liquidation) == (0, 10_000, 10_500)


@pytest.fixture
def poor(start_gateway: Start, hire: Any) -> Any:
    """An account with ten thousand dollars and nothing else."""
    return hire(start_gateway(book=[], cash=10_000))


def test_an_order_that_cannot_be_paid_for_is_refused(poor: Any, told: Any) -> None:
    price = poor.touch(AAPL).last
    most = int(20_000 / price) - 2
    messages = poor.trade("AAPL", "BUY", most + 10)
    ((number, code, text),) = told.errors(messages)
    assert (number, code) == (1, 201)
    assert "MUST EXCEED THE INITIAL MARGIN" in text
    assert told.statuses(messages) == [("Inactive", 0, most + 10)]
    poor.send(16, 1)
    assert poor.settle() == [["53", "1"]]
    # its number is used
    assert told.errors(poor.trade("AAPL", "BUY", 1, orderId=1))[0][:2] == (1, 103)
    assert told.statuses(poor.trade("AAPL", "BUY", most))[-1][0] == "Filled"
    # now nothing more goes, but selling always does
    assert told.errors(poor.trade("AAPL", "BUY", 20))[0][1] == 201
    assert told.statuses(poor.trade("AAPL", "SELL", most))[-1][0] == "Filled"


def test_orders_that_wait_count_as_if_they_were_filled(poor: Any, told: Any) -> None:
    assert told.errors(poor.trade("AAPL", "BUY", 100, "LMT", lmtPrice=100)) == []
    assert told.errors(poor.trade("AAPL", "BUY", 100, "LMT", lmtPrice=100))[0][1] == 201
    poor.send(58, 1)
    poor.settle()
    assert told.errors(poor.trade("AAPL", "BUY", 100, "LMT", lmtPrice=100)) == []


def test_a_change_is_checked_like_a_new_order(poor: Any, told: Any) -> None:
    poor.trade("AAPL", "BUY", 100, "LMT", lmtPrice=100)
    assert told.errors(poor.trade("AAPL", "BUY", 500, "LMT", lmtPrice=100, orderId=1))[0][1] == 201
    poor.send(5, 1)
    assert [order["totalQuantity"] for order in told.opened(poor.settle())] == [100]


def test_what_if_says_what_the_order_then_does(poor: Any, told: Any) -> None:
    (before,) = told.opened(poor.trade("AAPL", "BUY", 50, whatIf=True))
    assert before["initMarginBefore"] == 0
    assert before["equityWithLoanBefore"] == 10_000
    poor.trade("AAPL", "BUY", 50)
    (after,) = told.opened(poor.trade("AAPL", "BUY", 1, whatIf=True))
    assert after["initMarginBefore"] == pytest.approx(before["initMarginAfter"], abs=0.01)
    assert after["equityWithLoanBefore"] == pytest.approx(before["equityWithLoanAfter"], abs=2)
    (dear,) = told.opened(poor.trade("AAPL", "BUY", 5000, whatIf=True))
    assert "would be rejected" in dear["warningText"]


def summary(client: Any, tags: str, request: int = 5) -> dict[tuple[str, str], str]:
    client.send(62, 1, request, "All", tags)
    messages = client.settle()
    assert messages[-1] == ["64", "1", str(request)]
    return {(m[3], m[4]): m[5] for m in messages if m[0] == "63"}


def test_the_summary_adds_up_and_changes_with_a_trade(trader: Any) -> None:
    values = summary(trader, "NetLiquidation,TotalCashValue,GrossPositionValue,BuyingPower")
    assert {account for account, _ in values} == {ONE, TWO}
    market, now = trader.gateway.market, trader.gateway.clock.nanoseconds()
    held = list(trader.gateway.trading.ledger.positions(ONE))
    worth = sum(p.quantity * market.price(p.instrument, now) for p in held)
    assert float(values[ONE, "NetLiquidation"]) == pytest.approx(1_000_000 + worth, abs=0.01)
    messages = trader.trade("AAPL", "SELL", 10)
    cash = [m[5] for m in messages if m[0] == "63" and m[3:5] == [ONE, "TotalCashValue"]]
    assert cash == [f"{1_000_000 + 10 * trader.touch(AAPL).bid - 1:.2f}"]
    assert not [m for m in messages if m[0] == "63" and m[3] == TWO]


def test_two_summaries_at_a_time(trader: Any, told: Any) -> None:
    summary(trader, "NetLiquidation", 1)
    assert "CashBalance" in {tag for _, tag in summary(trader, "$LEDGER:ALL", 2)}
    trader.send(62, 1, 3, "All", "NetLiquidation")
    assert [(n, code) for n, code, _ in told.errors(trader.settle())] == [(3, 322)]
    trader.send(63, 1, 1)
    summary(trader, "NetLiquidation", 3)


def test_account_updates_and_positions_by_account(trader: Any) -> None:
    trader.send(6, 2, 1, TWO)
    messages = trader.settle()
    assert messages[-1] == ["54", "1", TWO]
    portfolio = {m[3]: m for m in messages if m[0] == "7" and m[4] == "STK"}
    assert set(portfolio) == {"AAPL", "UNH", "BAC", "CVX", "RRC", "WMT", "PFE"}
    apple = portfolio["AAPL"]
    last = trader.touch(AAPL).last
    assert [float(x) for x in apple[13:18]] == pytest.approx([900, last, 900 * last, 148.77, 900 * (last - 148.77)])
    assert apple[-1] == TWO
    # another account's trade says nothing here; its own does
    assert [m for m in trader.trade("AAPL", "BUY", 1) if m[0] in ("6", "7")] == []
    changed = [m for m in trader.trade("AAPL", "BUY", 1, account=TWO) if m[0] == "7"]
    assert [(m[3], float(m[13])) for m in changed] == [("AAPL", 901)]
    trader.send(6, 2, 0, TWO)
    assert [m for m in trader.trade("AAPL", "BUY", 1, account=TWO) if m[0] in ("6", "7")] == []
    trader.send(74, 1, 8, ONE, "")
    messages = trader.settle()
    assert {m[3] for m in messages if m[0] == "71"} == {ONE}
    assert messages[-1] == ["72", "1", "8"]


def test_positions_are_told_after_each_fill_until_cancelled(trader: Any) -> None:
    trader.send(61, 1)
    assert len([m for m in trader.settle() if m[0] == "61"]) == 16
    (told,) = [m for m in trader.trade("KO", "BUY", 1600) if m[0] == "61"][-1:]
    assert (told[2], told[4], float(told[-2])) == (ONE, "KO", 0)
    trader.send(64, 1)
    assert [m for m in trader.trade("KO", "BUY", 1) if m[0] == "61"] == []


def test_the_days_profit_by_hand(start_gateway: Start, hire: Any) -> None:
    book = [Holding(ONE, listed("KO"), 100, 60.0)]
    trader = hire(start_gateway(book=book, now="2022-12-27T20:00:00Z"))
    trader.trade("KO", "SELL", 10)
    trader.move("2022-12-28 11:00:00")
    market, now = trader.gateway.market, trader.gateway.clock.nanoseconds()
    last, before = market.quote(listed("KO"), now).last, market.quote(listed("KO"), now).close
    trader.send(94, 5, ONE, "", 8894)
    ((*_, position, daily, unrealised, realised, value),) = [m for m in trader.settle() if m[0] == "95"]
    assert [float(x) for x in (position, daily, unrealised, realised, value)] == pytest.approx(
        [90, 90 * (last - before), 90 * (last - 60), 0, 90 * last], abs=1e-3
    )
    messages = trader.trade("KO", "SELL", 40)
    (sold,) = [float(m[20]) for m in messages if m[0] == "11"]
    (*_, position, daily, _, realised, _) = [m for m in messages if m[0] == "95"][-1]
    assert float(realised) == pytest.approx(40 * (sold - 60) - 1, abs=1e-3)
    assert float(daily) == pytest.approx(50 * (last - before) + 40 * (sold - before) - 1, abs=1e-3)


def test_unknown_accounts_are_refused(trader: Any, told: Any) -> None:
    for message in ((74, 1, 8, "X", ""), (76, 1, 8, "X", "", 0), (92, 8, "X", ""), (94, 8, "X", "", 5), (6, 2, 1, "X")):
        trader.send(*message)
        ((_, code, text),) = told.errors(trader.settle())
        assert code == 321
        assert "'X'" in text
