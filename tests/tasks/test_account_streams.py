"""What accounts are worth, hold and earn, followed while an order fills."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import pytest

from schemas.accounts import AccountPnl, AccountSummaries, AccountValues, Holdings, PositionPnl
from schemas.book import Positions
from tasks.account_streams import (
    watch_account_pnl,
    watch_account_summary,
    watch_account_values,
    watch_portfolio,
    watch_position_pnl,
)
from tasks.accounts import read_portfolio
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Order
from tasks.connections.ib.simulator.book import Holding
from tasks.connections.ib.simulator.instruments import listed
from tasks.connections.problems import DataProblem
from tasks.positions import watch_positions

AAPL, KO = listed("AAPL"), listed("KO")
TWO = (Holding("DU1", AAPL, 10, 100.0), Holding("DU2", KO, -5, 60.0))

Opened = Callable[..., Any]
Taking = Callable[..., Any]


def trade(market: Any, reference: str, action: str, quantity: float) -> None:
    """Buy or sell AAPL in DU1."""
    market.broker.authorise(OrderPolicy(mode="send", accounts=["DU1"]))
    contract = Contract(265598, "AAPL", "STK", "USD")
    market.broker.place([Order(reference, "DU1", contract, action, quantity)], date(2022, 12, 28))  # type: ignore[arg-type]


def test_positions_come_whole_then_as_they_change_and_a_closed_one_once_more(opened: Opened, taking: Taking) -> None:
    market = opened(*TWO, Holding("DU1", KO, 0, 0.0))
    stream = watch_positions(market.broker, market.run)
    first = next(stream).rows
    Positions.validate(first)
    assert first[["account", "symbol", "quantity"]].values.tolist() == [["DU1", "AAPL", 10.0], ["DU2", "KO", -5.0]]
    trade(market, "close", "SELL", 10.0)
    batches = taking(stream, enough=lambda rows: (rows["quantity"] == 0).any())
    last = batches[-1].rows.to_dict("records")[-1]
    assert (last["account"], last["symbol"], last["quantity"]) == ("DU1", "AAPL", 0.0)


def test_only_the_accounts_asked_for(opened: Opened, taking: Taking) -> None:
    market = opened(*TWO)
    (batch,) = taking(watch_positions(market.broker, market.run, accounts=["DU2"]))
    assert batch.rows["account"].tolist() == ["DU2"]
    (batch,) = taking(watch_account_summary(market.broker, market.run, accounts=["DU2"]))
    assert batch.rows["account"].tolist() == ["DU2"]
    for watch in (watch_positions, watch_account_summary, watch_account_values, watch_account_pnl):
        with pytest.raises(DataProblem, match="doesn't manage DU9"):
            watch(market.broker, market.run, accounts=["DU9"])


def test_the_first_summary_is_whole(opened: Opened, taking: Taking) -> None:
    market = opened(*TWO)
    (batch,) = taking(watch_account_summary(market.broker, market.run), rows=2)
    AccountSummaries.validate(batch.rows)
    assert batch.rows["account"].tolist() == ["DU1", "DU2"]
    assert batch.rows.notna().all(axis=None)


def test_values_of_each_account(opened: Opened, taking: Taking) -> None:
    market = opened(*TWO)
    batches = taking(
        watch_account_values(market.broker, market.run), enough=lambda rows: rows["account"].nunique() == 2
    )
    for batch in batches:
        AccountValues.validate(batch.rows)
    rows = pd.concat([batch.rows for batch in batches])
    assert (rows["tag"] == "NetLiquidation").sum() == 2


def test_a_portfolio_is_of_one_account_and_goes_on_after_another_is_read(opened: Opened, taking: Taking) -> None:
    market = opened(*TWO)
    with pytest.raises(DataProblem, match=r"one account's portfolio, and this login manages DU1, DU2\. Name one"):
        watch_portfolio(market.broker, market.run)
    stream = watch_portfolio(market.broker, market.run, account="DU1")
    first = next(stream).rows
    Holdings.validate(first)
    assert first[["account", "symbol", "quantity"]].values.tolist() == [["DU1", "AAPL", 10.0]]
    assert read_portfolio(market.broker, market.run, accounts=["DU2"])["symbol"].tolist() == ["KO"]
    trade(market, "more", "BUY", 5.0)
    batches = taking(stream, enough=lambda rows: (rows["quantity"] == 15).any())
    assert {account for batch in batches for account in batch.rows["account"]} == {"DU1"}
    assert batches[-1].rows["quantity"].tolist()[-1] == 15.0


def test_the_portfolio_of_a_login_with_one_account_needs_no_name(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL)
    (batch,) = taking(watch_portfolio(market.broker, market.run))
    assert batch.rows["account"].tolist() == ["DU1"]


def test_profit_and_loss_move_with_the_market(opened: Opened, taking: Taking) -> None:
    market = opened(*TWO, speed=60.0)
    batches = taking(watch_account_pnl(market.broker, market.run), enough=lambda rows: rows["daily_pnl"].nunique() > 3)
    for batch in batches:
        AccountPnl.validate(batch.rows)
    assert {account for batch in batches for account in batch.rows["account"]} == {"DU1", "DU2"}
    market.gateway.clock.move_to(pd.Timestamp("2022-12-28T20:45Z"))
    batches = taking(
        watch_position_pnl(market.held, market.broker, market.run), enough=lambda rows: rows["daily_pnl"].nunique() > 3
    )
    for batch in batches:
        PositionPnl.validate(batch.rows)
    times = [batch.time for batch in batches]
    assert times == sorted(times)
    assert {key for batch in batches for key in batch.rows["con_id"]} == {265598, 8894}
