"""The orders that intents are."""

from __future__ import annotations

import hashlib
import math
from typing import Any, cast

import pandas as pd

from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.values import Action, Order
from tasks.run import Run


def orders_of(intents: pd.DataFrame, run: Run) -> list[Order]:
    """The orders that intents are, in their order; exits belong to their entry."""
    made: list[Order] = []
    families = intents.groupby(["account", "con_id"], observed=True, sort=False)["role"].agg(list).to_dict()
    for row in intents.to_dict("records"):
        account, con_id, role = str(row["account"]), int(row["con_id"]), str(row["role"])
        family = families[account, con_id]
        entry = _reference(run.key or run.id, account, con_id)
        algo, *parameters = str(row["algo"]).split(" ")
        pairs = [part.partition("=") for part in parameters]
        is_exit = role != "entry" and "entry" in family
        multiplier = "" if row["multiplier"] == 1 else f"{row['multiplier']:g}"
        made.append(
            Order(
                reference=entry if role == "entry" else f"{entry}-{role}",
                account=account,
                contract=Contract(
                    con_id, str(row["symbol"]), str(row["security_type"]), str(row["currency"]), multiplier=multiplier
                ),
                action=cast("Action", str(row["action"])),
                quantity=float(row["quantity"]),
                order_type=str(row["order_type"]),
                limit_price=None if math.isnan(row["limit_price"]) else float(row["limit_price"]),
                stop_price=None if math.isnan(row["stop_price"]) else float(row["stop_price"]),
                time_in_force=cast("Any", str(row["time_in_force"])),
                algo=algo,
                algo_parameters=tuple((name, value) for name, _, value in pairs),
                parent=entry if is_exit else "",
                oca_group=f"{entry}-exits" if is_exit else "",
                oca_type=2 if is_exit else 0,
                transmit=role == family[-1],
                reference_price=float(row["reference_price"]),
            )
        )
    return made


def _reference(key: str, account: str, con_id: int) -> str:
    """One order's idempotency key: the effect's and the row's."""
    row = hashlib.sha256(f"{account}\x00{con_id}".encode()).hexdigest()[:12]
    return f"{key}-{row}" if key else row
