"""Between a task and the wire: nothing that acts goes out unless the desk's policy lets it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.connections.ib.orders.halt import Halt
from tasks.connections.ib.orders.ledger import Limits
from tasks.connections.ib.orders.limits import Quoted, broken_limits, leg_faults, notional_of, price_faults
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Order
from tasks.connections.problems import ConnectionProblem, Refused
from tasks.connections.scope import Scope

if TYPE_CHECKING:
    from tasks.connections.ib.bridge import Bridge


class Guard:
    """The desk's policy, held against every order.

    Parameters
    ----------
    policy
        The desk's; None: a connection that nobody has let trade. It refuses everything.
    halt
        The desk's kill switch.
    """

    def __init__(self, policy: OrderPolicy | None, halt: Halt) -> None:
        self.policy = policy
        self._halt = halt

    def allowed(self) -> OrderPolicy:
        """The policy of a connection that may trade. Raises `Refused`."""
        if self.policy is None:
            raise Refused(
                "Nothing was sent: this connection is read-only.",
                "Orders go out in a run alone, whose desk file says `orders: {mode: approve | send}`.",
            )
        return self.policy

    def sending(self) -> OrderPolicy:
        """The policy of a desk that sends orders. Raises `Refused`."""
        policy = self.allowed()
        if policy.mode == "plan":
            raise Refused(
                "Nothing was sent: the desk only plans orders.",
                "Set `orders: {mode: approve | send}` in the desk file.",
            )
        self._halt.check()
        return policy

    @property
    def wants_quotes(self) -> bool:
        """Whether any of its limits needs the market's price."""
        policy = self.policy
        return policy is not None and (policy.price_collar or policy.notional or policy.notional_per_day) is not None

    @property
    def limits(self) -> Limits:
        """What all of the desk's runs together may send."""
        policy = self.allowed()
        return Limits(policy.notional_per_day, policy.orders_per_minute)

    def faults(self, order: Order, quoted: Quoted) -> list[str]:
        """Every limit of the desk's that an order breaks, in words."""
        policy = self.allowed()
        notional = notional_of(order, quoted)
        found = broken_limits(policy, order.account, order.contract.symbol, order.quantity, notional)
        if not policy.accounts:
            found.append("the desk's file names no account that may trade")
        if math.isnan(notional) and (policy.notional or policy.notional_per_day) is not None:
            found.append("nobody knows its price, and notional is limited")
        return [*found, *leg_faults(order, quoted, policy), *price_faults(order, quoted, policy)]

    def check_now(self, bridge: Bridge, scope: Scope, what: str, *, is_cancel: bool = False) -> None:
        """Right before the bytes of an order or a cancel go out. Raises `Refused`, `DeadlinePassed` or
        `ConnectionProblem`; a cancel also goes out where trading is halted."""
        self.allowed()
        if not scope.may_act:
            raise Refused(f"{what} was not sent: only an effect of the present session acts.")
        scope.deadline.check(what)
        if is_cancel:
            return
        self.sending()
        if not bridge.may_trade:
            lacks = ", ".join(lack.name for lack in bridge.condition.lacks) or "its session"
            raise ConnectionProblem(
                f"{what} was not sent: the gateway at {bridge.host}:{bridge.port} lacks {lacks}.",
                "Orders go out again once it is back.",
            )


def day_uses(orders: Sequence[Order], notionals: Sequence[float]) -> list[float]:
    """What each uses of its account's day: all of it, but nothing where it only leaves what its parent enters."""
    by_reference = {order.reference: order for order in orders}
    uses = []
    for order, notional in zip(orders, notionals, strict=True):
        parent = by_reference.get(order.parent)
        leaves = (
            parent is not None
            and parent.contract == order.contract
            and parent.action != order.action
            and order.quantity <= parent.quantity
        )
        uses.append(0.0 if leaves or math.isnan(notional) else notional)
    return uses
