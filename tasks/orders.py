"""From a hedge to orders at the broker, within what the desk allows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.orders import Intents, OpenOrders, Orders
from schemas.risk import Hedges
from tasks.columns import frame_of
from tasks.connections.durations import Duration
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.orders.limits import broken_limits
from tasks.connections.ib.orders.values import Action, Order, Placed
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.intents import orders_of
from tasks.order_frames import orders_frame
from tasks.run import OrderPolicy, Run
from tasks.wording import amount, counted, listed

EXITS: dict[str, Action] = {"BUY": "SELL", "SELL": "BUY"}


@task
def plan_orders(
    hedge: DataFrame[Hedges],
    policy: OrderPolicy,
    run: Run,
    working: DataFrame[OpenOrders] | None = None,
    placed: DataFrame[Orders] | None = None,
    cooldown: Duration = timedelta(0),
    account: str | None = None,
    order_type: Literal["MKT", "LMT", "MOC", "LOC"] = "MKT",
    time_in_force: Literal["DAY", "GTC", "IOC", "FOK", "OPG"] = "DAY",
    algo: str | None = None,
    algo_parameters: dict[str, str] | None = None,
    take_profit: float | None = None,
    stop_loss: float | None = None,
) -> DataFrame[Intents]:
    """Orders for the hedge, each within the desk's limits or refused whole: none is clipped to fit.

    Parameters
    ----------
    hedge
        What to trade; a quantity of 0 asks for no order.
    policy
        The desk's limits. Those in money are in the currency of the contract.
    working
        Orders that are at the broker already: what they will still trade of a contract, in the same account,
        is not asked for again. Nothing is planned against an order that works the other way beyond what undoes
        it, and nothing where more is working than is wanted.
    run
        Its clock says when a cooldown is over.
    placed
        What was placed last: `last: {placed: orders}`.
    cooldown
        So long after an order was placed in a contract and account, and after any order working there was last
        filled, no other one is planned there. Between an order's fill and the position that it makes there is a
        moment in which the book still looks as it did: without a cooldown a stream would trade twice. An order that
        was refused is not tried again any sooner: a stream would send it with each tick.
    account
        Who trades; the first of the policy's accounts where it isn't given.
    order_type
        MKT: at the market.  LMT: at the price that the hedge was sized at, or better.  MOC, LOC: the same at the
        close.
    time_in_force
        How long the orders work.
    algo
        One of the broker's algorithms, such as `Adaptive`.
    algo_parameters
        Its parameters, by the broker's names for them: `{adaptivePriority: Normal}`.
    take_profit, stop_loss
        Fractions of the price, such as 0.02: each order goes with a limit order that takes this profit, with a stop
        order at this loss, or with both, of which the one cancels the other.

    Returns
    -------
    Intents
        A row an order. Where a limit forbids it, `allowed` is false and `reason` names every such
        limit. `notional_per_day` is held against the sum of this plan alone, row by row; what was sent before
        counts when they are placed.

    Raises
    ------
    DataProblem
        Neither the desk nor the pipeline says which account trades, or a fraction is none.
    """
    trader = account or next(iter(policy.accounts), "")
    if not trader:
        # Also where there is nothing to trade: it should show on the first day, not on the first order.
        raise DataProblem(
            "Nobody says which account trades.",
            "Set `orders: {accounts: […]}` in the desk file, or `account:` in the step.",
        )
    for name, fraction in (("take_profit", take_profit), ("stop_loss", stop_loss)):
        if fraction is not None and not 0 < fraction < 1:
            raise DataProblem(f"`{name}` is {fraction:g}, and must be a fraction between 0 and 1.", "2 % is 0.02.")
    terms = " ".join([algo or "", *(f"{key}={value}" for key, value in (algo_parameters or {}).items())]).strip()
    rows: list[dict[str, Any]] = []
    spent = 0.0
    for trade in hedge.to_dict("records"):
        symbol, price = str(trade["symbol"]), float(trade["price"])
        wanted = _still_wanted(float(trade["quantity"]), trader, int(trade["con_id"]), symbol, working)
        if wanted == 0 or _is_cooling(trader, int(trade["con_id"]), placed, working, run.now() - cooldown):
            continue
        quantity = abs(wanted)
        money = quantity * price * float(trade["multiplier"])
        broken = broken_limits(policy, trader, symbol, quantity, money)
        if not broken and policy.notional_per_day is not None and spent + money > policy.notional_per_day:
            total = amount(round(spent + money, 2))
            broken = [f"{total} of notional so far, {amount(policy.notional_per_day)} a day allowed"]
        spent += 0.0 if broken else money
        reason = "; ".join(broken)
        if broken:
            note(f"Refused: {amount(quantity)} {symbol} in {trader}: {reason}.")
        entry = {
            "account": trader,
            "con_id": trade["con_id"],
            "role": "entry",
            "symbol": symbol,
            "security_type": str(trade["security_type"]),
            "currency": str(trade["currency"]),
            "multiplier": trade["multiplier"],
            "action": "BUY" if wanted > 0 else "SELL",
            "quantity": quantity,
            "order_type": order_type,
            "limit_price": price if order_type in ("LMT", "LOC") else math.nan,
            "stop_price": math.nan,
            "time_in_force": time_in_force,
            "algo": terms,
            "reference_price": price,
            "notional": money,
            "allowed": not reason,
            "reason": reason,
        }
        rows += [entry, *_exits(entry, take_profit, stop_loss)]
    columns = {name: [row[name] for row in rows] for name in Intents.to_schema().columns}
    return cast("DataFrame[Intents]", frame_of(Intents, columns))


def _still_wanted(
    quantity: float, account: str, con_id: int, symbol: str, working: DataFrame[OpenOrders] | None
) -> float:
    """What is wanted beyond what works already."""
    if working is None or quantity == 0:
        return quantity
    same = working[(working["con_id"] == con_id) & (working["account"] == account)]
    # An order that waits for another one, or to be triggered, trades nothing yet.
    same = same[(same["parent_id"] == 0) & ~same["order_type"].isin(["STP", "STP LMT", "TRAIL", "TRAIL LIMIT"])]
    signs = same["action"].map({"BUY": 1.0, "SELL": -1.0}).astype(float)
    under_way = float((signs * same["remaining"].fillna(0.0)).sum())
    if under_way == 0:
        return quantity
    left = quantity - under_way
    if left * quantity <= 0:
        left = 0.0
    note(
        f"{amount(under_way)} {symbol} in {account} are working already: {amount(left)} of {amount(quantity)} is left."
    )
    return left


def _is_cooling(
    account: str,
    con_id: int,
    placed: DataFrame[Orders] | None,
    working: DataFrame[OpenOrders] | None,
    since: pd.Timestamp,
) -> bool:
    """Whether an order of this contract and account was placed, or filled in part, after that."""
    filled = None if working is None else working[working["filled"] > 0]
    return any(
        bool(((orders["con_id"] == con_id) & (orders["account"] == account) & (orders["time"] > since)).any())
        for orders in (placed, filled)
        if orders is not None
    )


def _exits(entry: Mapping[str, Any], take_profit: float | None, stop_loss: float | None) -> list[dict[str, Any]]:
    """What leaves the position again, at a profit or a loss."""
    price, up = entry["reference_price"], 1.0 if entry["action"] == "BUY" else -1.0
    leave = {**entry, "action": EXITS[entry["action"]], "algo": "", "time_in_force": "GTC", "limit_price": math.nan}
    found = []
    if take_profit is not None:
        limit = round(price * (1 + up * take_profit), 2)
        found.append({**leave, "role": "take_profit", "order_type": "LMT", "limit_price": limit})
    if stop_loss is not None:
        stop = round(price * (1 - up * stop_loss), 2)
        found.append({**leave, "role": "stop_loss", "order_type": "STP", "stop_price": stop})
    return found


@task(effect=True)
def place_orders(
    intents: DataFrame[Intents],
    run: Run,
    policy: OrderPolicy,
    broker: Broker,
    mode: Literal["plan", "approve", "send"] | None = None,
    wait: Literal["ack", "fill"] = "ack",
    patience: Duration = timedelta(seconds=10),
    approval: Duration = timedelta(minutes=15),
) -> DataFrame[Orders]:
    """Place the orders, each once, whatever is repeated or killed; or ask a person first; or only say what would be.

    Parameters
    ----------
    intents
        What to trade.
    run
        Its key makes each order's reference.
    policy
        The desk's. Its limits are held against each order once more, by the connection, with what all runs have
        used of the day.
    broker
        Where to.
    mode
        plan: send nothing.  approve: wait for `hedgerow approve`.  send.  The more cautious of this and the
        desk's counts.
    wait
        ack: until the broker has taken each order.  fill: until each is filled or over.
    patience
        How long to wait for that.
    approval
        How long a person has to approve, at most until the step's timeout; then the orders expire, and are never sent.

    Returns
    -------
    Orders
        A row an intent. `reference` is the same whenever this step is repeated for the same slot, and another for
        every other order. In mode `fill`, an order that isn't filled in time is reported as far as it has come.

    Raises
    ------
    Refused
        Trading is halted.
    Unknown
        The broker doesn't say whether it has an order. Running the step again finds out, and doubles nothing.
    """
    orders = orders_of(intents, run)
    most = policy.most_cautious(mode)
    rows = list(zip(orders, intents["role"].astype(str), intents["allowed"], intents["reason"], strict=True))
    passed = [order for order, _, allowed, _ in rows if allowed]
    if most == "plan" or run.past:
        placed = {order.reference: Placed(order.reference, "planned") for order in passed}
    elif passed:
        undecided = _ask(broker, passed, run, approval) if most == "approve" else {}
        to_place = [order for order in passed if order.reference not in undecided]
        sent = broker.place(to_place, run.session, patience.total_seconds()) if to_place else []
        placed = undecided | {result.reference: result for result in sent}
        if wait == "fill":
            followed = broker.follow([order.reference for order in to_place], patience.total_seconds())
            placed |= {each.reference: each for each in followed}
    else:
        placed = {}
    results = [
        (result.order or order, role, result)
        for order, role, _, reason in rows
        for result in [placed.get(order.reference) or Placed(order.reference, "refused", str(reason))]
    ]
    _tell([result for _, _, result in results], most)
    return cast("DataFrame[Orders]", orders_frame(results, run.now()))


def _ask(broker: Broker, orders: list[Order], run: Run, approval: timedelta) -> dict[str, Placed]:
    """Wait until a person has decided; the orders that are not to be sent."""
    note(f"Waiting for approval of {listed(orders, separator='; ')}: `hedgerow approve {run.id}`.")
    decided = broker.ask_approval(orders, run.session, approval.total_seconds())
    return {
        reference: Placed(reference, intent.state, intent.reason, order=intent.order)
        for reference, intent in decided.items()
        if intent.state in ("rejected", "expired")
    }


def _tell(results: list[Placed], mode: str) -> None:
    if not results:
        return
    counts = Counter(result.status for result in results)
    if mode == "plan":
        note(f"Nothing was sent: {counted(counts['planned'], 'order')} planned, {counts['refused']} refused.")
        return
    note(f"{counted(len(results), 'order')}: " + ", ".join(f"{count} {name}" for name, count in counts.items()) + ".")
    for result in results:
        if result.status in ("refused", "rejected") and result.reason:
            note(f"{result.order or result.reference}: {result.status}: {result.reason}.")
