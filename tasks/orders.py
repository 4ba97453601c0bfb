"""From a hedge to orders, within what the desk allows."""

from __future__ import annotations

import hashlib
from typing import Literal, cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame

from schemas.orders import Intents, Orders
from schemas.risk import Hedges
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.run import OrderPolicy, Run
from tasks.wording import amount, counted, listed


@task
def plan_orders(
    hedge: DataFrame[Hedges],
    policy: OrderPolicy,
    account: str | None = None,
    order_type: Literal["MKT", "LMT"] = "MKT",
) -> DataFrame[Intents]:
    """Orders for the hedge, each within the desk's limits or refused whole: none is clipped to fit.

    Parameters
    ----------
    hedge
        What to trade; a quantity of 0 asks for no order.
    policy
        The desk's limits. Those in money are in the currency of the contract.
    account
        Who trades; the first of the policy's accounts where it isn't given.
    order_type
        MKT: at the market.  LMT: at the price that the hedge was sized at, or better.

    Returns
    -------
    Intents
        A row an order. Where a limit forbids it, `allowed` is false and `reason` names every such
        limit. `notional_per_day` is held against the sum of this plan alone, row by row.

    Raises
    ------
    DataProblem
        Neither the desk nor the pipeline says which account trades.
    """
    trader = account or next(iter(policy.accounts), "")
    if not trader:
        # Also where there is nothing to trade: it should show on the first day, not on the first order.
        raise DataProblem(
            "Nobody says which account trades.",
            "Set `orders: {accounts: […]}` in the desk file, or `account:` in the step.",
        )
    trades = hedge[hedge["quantity"].to_numpy() != 0]
    quantity = trades["quantity"].abs().to_numpy()
    price = trades["price"].to_numpy()
    notional = quantity * price * trades["multiplier"].to_numpy()
    reasons: list[str] = []
    spent = 0.0
    for symbol, contracts, money in zip(trades["symbol"].astype(str), quantity, notional, strict=True):
        broken = _broken_limits(policy, trader, symbol, contracts, money)
        if not broken and policy.notional_per_day is not None and spent + money > policy.notional_per_day:
            total = amount(round(spent + money, 2))
            broken = [f"{total} of notional so far, {amount(policy.notional_per_day)} a day allowed"]
        spent += 0.0 if broken else money
        reasons.append("; ".join(broken))
        if broken:
            note(f"Refused: {amount(contracts)} {symbol} in {trader}: {reasons[-1]}.")
    frame = pd.DataFrame(
        {
            "account": pd.Categorical([trader] * len(trades), categories=[trader]),
            "con_id": trades["con_id"].to_numpy(),
            "symbol": trades["symbol"].array,
            "security_type": trades["security_type"].array,
            "currency": trades["currency"].array,
            "multiplier": trades["multiplier"].to_numpy(),
            "action": pd.Categorical(
                np.where(trades["quantity"] > 0, "BUY", "SELL").tolist(), categories=["BUY", "SELL"]
            ),
            "quantity": quantity,
            "order_type": pd.Categorical([order_type] * len(trades), categories=["MKT", "LMT"]),
            "limit_price": price if order_type == "LMT" else np.full(len(trades), np.nan),
            "reference_price": price,
            "notional": notional,
            "allowed": np.array([not reason for reason in reasons], dtype=bool),
            "reason": np.array(reasons, dtype=object),
        }
    )
    return cast("DataFrame[Intents]", frame)


def _broken_limits(policy: OrderPolicy, account: str, symbol: str, quantity: float, notional: float) -> list[str]:
    """What the desk forbids about this order, in words."""
    broken = []
    if policy.accounts and account not in policy.accounts:
        broken.append(f"account {account} may not trade, only {listed(policy.accounts)}")
    if policy.symbols is not None and symbol not in policy.symbols:
        others = f", only {listed(policy.symbols)}" if policy.symbols else ": the desk's list of symbols is empty"
        broken.append(f"{symbol} may not be traded{others}")
    if policy.quantity is not None and quantity > policy.quantity:
        broken.append(f"{amount(quantity)} contracts, {amount(policy.quantity)} in one order allowed")
    if policy.notional is not None and notional > policy.notional:
        broken.append(f"{amount(round(notional, 2))} of notional, {amount(policy.notional)} in one order allowed")
    return broken


@task(effect=True)
def place_orders(intents: DataFrame[Intents], run: Run, policy: OrderPolicy) -> DataFrame[Orders]:
    """Place the orders: for now they are only planned, and nothing is sent.

    Parameters
    ----------
    intents
        What to trade.
    run
        Its key makes each order's reference.
    policy
        The desk's; its `mode` is what an order will need to be sent, once there is sending.

    Returns
    -------
    Orders
        A row an intent: `planned`, or `refused` with the limit that refuses it. `reference` is the
        same whenever this step is repeated for the same slot, and another for every other order.
    """
    only_plans = policy.mode != "plan"
    allowed = intents["allowed"].to_numpy()
    planned = int(allowed.sum())
    if only_plans and len(intents):
        note(f"Nothing was sent: this version only plans orders, though the desk's mode is `{policy.mode}`.")
    elif len(intents):
        note(f"Nothing was sent: {counted(planned, 'order')} planned, {len(intents) - planned} refused.")
    references = [
        _reference(run.key, str(account), int(con_id))
        for account, con_id in zip(intents["account"], intents["con_id"], strict=True)
    ]
    frame = pd.DataFrame(
        {
            "account": intents["account"].array,
            "con_id": intents["con_id"].to_numpy(),
            "symbol": intents["symbol"].array,
            "action": intents["action"].array,
            "quantity": intents["quantity"].to_numpy(),
            "order_type": intents["order_type"].array,
            "limit_price": intents["limit_price"].to_numpy(),
            "status": pd.Categorical(
                np.where(allowed, "planned", "refused").tolist(), categories=["planned", "refused"]
            ),
            "reason": np.where(
                allowed, "this version only plans" if only_plans else "", intents["reason"].to_numpy()
            ).astype(object),
            "reference": np.array(references, dtype=object),
        }
    )
    return cast("DataFrame[Orders]", frame)


def _reference(key: str, account: str, con_id: int) -> str:
    """One order's idempotency key: the effect's and the row's."""
    row = hashlib.sha256(f"{account}\x00{con_id}".encode()).hexdigest()[:12]
    return f"{key}-{row}" if key else row
