"""Orders that are bound to one another: brackets, and groups of which one cancels the others (OCA).

OCA types: 1, a fill cancels the others; 2 and 3, it reduces them in proportion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tasks.connections.ib.simulator.trading.order import Order

CANCELS, REDUCES_WITH_BLOCK, REDUCES = 1, 2, 3


def adopt(order: Order, parent: Order | None) -> None:
    """Bind a child to its parent: it waits until that is filled, and its siblings are a group with it."""
    if parent is None:
        return
    order.parent = parent
    parent.children.append(order)
    if not order.values["ocaGroup"]:
        order.values |= {"ocaGroup": str(parent.perm_id), "ocaType": REDUCES}


def released_by(order: Order) -> list[Order]:
    """What sending an order sends with it: its parent and that one's other children, the parent first."""
    if order.parent is None:
        return [order]
    family = [order.parent, *order.parent.children]
    for member in family:
        member.values["transmit"] = True
    return [member for member in family if member.is_live]


def orphans(order: Order) -> list[Order]:
    """The live children of an order that is over and was never wholly filled."""
    return [child for child in order.children if child.is_live] if order.status != "Filled" else []


def reduced_by(order: Order, filled: float, others: Iterable[Order]) -> Iterator[tuple[Order, float]]:
    """The quantity that each other order of a group is left with after a fill of one.

    Type 1: what it has filled itself, that is, it is over. Types 2 and 3: its own quantity less
    the same share of it, in whole contracts: quantity − quantity × filled / (quantity of the filled one).
    """
    for other in others:
        if order.values["ocaType"] not in (REDUCES_WITH_BLOCK, REDUCES):
            yield other, other.filled
        else:
            share = 1.0 if order.status == "Filled" else filled / order.quantity
            total = 0.0 if order.status == "Filled" else float(round(other.quantity * (1 - share)))
            yield other, max(total, other.filled)
