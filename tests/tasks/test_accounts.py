"""What accounts are worth, hold and earn, over the wire."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from schemas.accounts import AccountPnl, Accounts, AccountSummaries, AccountValues, Holdings, PositionPnl
from tasks.account_frames import account_values, summaries
from tasks.accounts import (
    read_account_pnl,
    read_account_summary,
    read_account_values,
    read_accounts,
    read_portfolio,
    read_position_pnl,
)
from tasks.connections.ib.rows.accounts import AccountValue
from tasks.connections.ib.simulator.book import Holding
from tasks.connections.ib.simulator.instruments import AAPL_CALL, listed
from tasks.connections.problems import DataProblem

AAPL, KO = listed("AAPL"), listed("KO")
TWO = (Holding("DU2", KO, -5, 60.0), Holding("DU1", AAPL, 10, 100.0))
NOW = pd.Timestamp("2022-12-28T20:45Z")
AFTER_CLOSE = "2022-12-28T22:00Z"

Opened = Callable[..., Any]


def test_the_accounts_of_the_login(opened: Opened) -> None:
    frame = read_accounts(opened(*TWO).broker)
    Accounts.validate(frame)
    assert frame["account"].tolist() == ["DU1", "DU2"]


def test_a_summary_is_one_row_an_account_and_its_parts_add_up(opened: Opened) -> None:
    market = opened(*TWO, now=AFTER_CLOSE, cash=50_000.0)
    frame = read_account_summary(market.broker, market.run)
    AccountSummaries.validate(frame)
    one, two = frame.to_dict("records")
    # The closes of 2022-12-28: AAPL 125.674, KO 62.613.
    assert (one["account"], one["currency"], one["total_cash"]) == ("DU1", "USD", 50_000.0)
    assert one["net_liquidation"] == pytest.approx(50_000 + 10 * 125.674, abs=0.5)
    assert one["gross_position_value"] == pytest.approx(10 * 125.674, abs=0.5)
    assert two["net_liquidation"] == pytest.approx(50_000 - 5 * 62.6, abs=0.5)
    assert one["available_funds"] == pytest.approx(one["equity_with_loan"] - one["initial_margin"], abs=0.02)
    assert one["excess_liquidity"] == pytest.approx(one["equity_with_loan"] - one["maintenance_margin"], abs=0.02)
    assert one["day_trades_remaining"] == -1
    assert (frame["time"] == market.run.now()).all()


def test_only_the_accounts_asked_for_and_none_that_the_login_does_not_manage(opened: Opened) -> None:
    market = opened(*TWO)
    assert read_account_summary(market.broker, market.run, accounts=["DU2"])["account"].tolist() == ["DU2"]
    assert set(read_account_values(market.broker, market.run, accounts=["DU1"])["account"]) == {"DU1"}
    assert read_portfolio(market.broker, market.run, accounts=["DU1"])["symbol"].tolist() == ["AAPL"]
    assert read_account_pnl(market.broker, market.run, accounts=["DU1"])["account"].tolist() == ["DU1"]
    for read in (read_account_summary, read_account_values, read_portfolio, read_account_pnl):
        with pytest.raises(DataProblem, match=r"doesn't manage DU9\. Its accounts are DU1, DU2"):
            read(market.broker, market.run, accounts=["DU9"])


def test_values_hold_every_figure_as_text_and_as_number_where_it_is_one(opened: Opened) -> None:
    market = opened(*TWO, cash=50_000.0)
    frame = read_account_values(market.broker, market.run)
    AccountValues.validate(frame)
    found = frame.set_index(["account", "tag", "currency"])
    assert found.loc[("DU1", "TotalCashValue", "USD"), "value"] == 50_000.0
    assert found.loc[("DU1", "AccountType", ""), "text"] == "INDIVIDUAL"
    assert math.isnan(found.loc[("DU1", "AccountType", ""), "value"])
    assert frame["account"].is_monotonic_increasing


def test_an_unset_figure_is_null_and_the_last_of_two_counts() -> None:
    rows = [
        AccountValue("DU1", "", "Cushion", "", "0.5"),
        AccountValue("DU1", "", "Cushion", "", "0.75"),
        AccountValue("DU1", "", "SMA", "USD", "1.7976931348623157E308"),
    ]
    frame = account_values(rows, NOW)
    assert frame["value"].fillna(-9).tolist() == [0.75, -9]
    assert frame["text"].tolist() == ["0.75", "1.7976931348623157E308"]


def test_a_summary_that_lacks_figures_has_nulls() -> None:
    frame = summaries({"DU1": {"Cushion": AccountValue("DU1", "", "Cushion", "", "0.25")}}, NOW)
    AccountSummaries.validate(frame)
    (row,) = frame.to_dict("records")
    assert (row["cushion"], row["currency"], row["account_type"]) == (0.25, "", "")
    assert math.isnan(row["net_liquidation"])


def test_a_portfolio_is_the_positions_with_the_brokers_valuation(opened: Opened) -> None:
    market = opened(*TWO, Holding("DU1", AAPL_CALL, 2, 500.0), Holding("DU1", KO, 0, 0.0), now=AFTER_CLOSE)
    frame = read_portfolio(market.broker, market.run)
    Holdings.validate(frame)
    assert frame[["account", "symbol", "security_type", "quantity"]].values.tolist() == [
        ["DU1", "AAPL", "STK", 10.0],
        ["DU1", "AAPL", "OPT", 2.0],
        ["DU2", "KO", "STK", -5.0],
    ]
    stock, option, _ = frame.to_dict("records")
    assert stock["market_price"] == pytest.approx(125.674, abs=0.02)
    assert stock["unrealized_pnl"] == pytest.approx(10 * (stock["market_price"] - 100), abs=0.02)
    assert option["market_value"] == pytest.approx(2 * option["market_price"] * 100, abs=0.02)


def test_profit_and_loss_of_accounts_and_positions_agree(opened: Opened) -> None:
    market = opened(*TWO, now=AFTER_CLOSE)
    accounts = read_account_pnl(market.broker, market.run)
    AccountPnl.validate(accounts)
    positions = read_position_pnl(market.held, market.broker, market.run)
    PositionPnl.validate(positions)
    assert positions[["account", "con_id", "quantity"]].values.tolist() == [["DU1", 265598, 10.0], ["DU2", 8894, -5.0]]
    # AAPL went from 129.652 to 125.674.
    assert positions["daily_pnl"].iloc[0] == pytest.approx(10 * (125.674 - 129.652), abs=0.2)
    assert accounts["daily_pnl"].tolist() == pytest.approx(positions["daily_pnl"].tolist(), abs=0.05)
    assert accounts["unrealized_pnl"].tolist() == pytest.approx(positions["unrealized_pnl"].tolist(), abs=0.05)
    assert positions["value"].iloc[1] < 0


def test_without_positions_there_is_no_profit_and_loss(opened: Opened) -> None:
    market = opened(Holding("DU1", AAPL, 0, 0.0))
    frame = read_position_pnl(market.held, market.broker, market.run)
    PositionPnl.validate(frame)
    assert frame.empty
    assert read_portfolio(market.broker, market.run).empty
