"""Groups of fields that several messages about orders share, and when they are there."""

from __future__ import annotations

import math

from tasks.connections.ib.simulator.trading.grammar import (
    Many,
    OneOf,
    Rules,
    Values,
    flag,
    maybe_number,
    maybe_whole,
    name,
    number,
    text,
    where,
    whole,
    word,
)


def is_combination(order: Values) -> bool:
    """Several contracts traded as one."""
    return bool(order.get("secType") == "BAG")


def is_delta_neutral(order: Values) -> bool:
    """Hedged by the broker with the underlying; "None" is a word for not."""
    return bool(order.get("deltaNeutralOrderType"))


def is_scaled(order: Values) -> bool:
    """In several components at prices apart."""
    return (order.get("scalePriceIncrement") or 0.0) > 0


def is_pegged_to_benchmark(order: Values) -> bool:
    """Follows another contract's price."""
    return order.get("orderType") in ("PEG BENCH", "PEGBENCH")


def is_pegged_to_best(order: Values) -> bool:
    """Competes with the best price."""
    return order.get("orderType") in ("PEG BEST", "PEGBEST")


def has_mid_offsets(order: Values) -> bool:
    """Rests at an offset from the middle."""
    if is_pegged_to_best(order):
        return bool(order.get("competeAgainstBestOffset") == math.inf)
    return order.get("orderType") in ("PEG MID", "PEGMID")


CONTRACT = (
    *whole("conId"),
    *text("symbol", "secType", "lastTradeDateOrContractMonth"),
    *number("strike"),
    *text("right", "multiplier", "exchange", "currency", "localSymbol", "tradingClass"),
)
"""A contract as an answer names it; a request has the primary exchange besides."""

CONTRACT_ASKED = (*CONTRACT[:8], *text("primaryExchange"), *CONTRACT[8:])

TAGS: Rules = text("tag", "value")

COMBINATION: Rules = (
    Many(
        "comboLegs",
        (
            *whole("conId", "ratio"),
            *text("action", "exchange"),
            *whole("openClose", "shortSaleSlot"),
            *text("designatedLocation"),
            *whole("exemptCode"),
        ),
    ),
    Many("orderComboLegs", maybe_number("price")),
    Many("smartComboRoutingParams", TAGS),
)

SCALE: Rules = (
    *maybe_whole("scaleInitLevelSize", "scaleSubsLevelSize"),
    *maybe_number("scalePriceIncrement"),
    where(
        is_scaled,
        *maybe_number("scalePriceAdjustValue"),
        *maybe_whole("scalePriceAdjustInterval"),
        *maybe_number("scaleProfitOffset"),
        *flag("scaleAutoReset"),
        *maybe_whole("scaleInitPosition", "scaleInitFillQty"),
        *flag("scaleRandomPercent"),
    ),
)

HEDGE: Rules = (
    *word("hedgeType", "D", "B", "F", "P"),
    where(lambda order: bool(order.get("hedgeType")), *text("hedgeParam")),
)

DELTA_NEUTRAL_CONTRACT: Rules = (
    *flag("hasDeltaNeutralContract"),
    where(
        lambda order: bool(order.get("hasDeltaNeutralContract")),
        *whole("deltaNeutralContractId"),
        *number("deltaNeutralContractDelta", "deltaNeutralContractPrice"),
    ),
)

ALGORITHM: Rules = (
    *name("algoStrategy"),
    where(lambda order: bool(order.get("algoStrategy")), Many("algoParams", TAGS)),
)

BENCHMARK: Rules = (
    where(
        is_pegged_to_benchmark,
        *whole("referenceContractId"),
        *flag("isPeggedChangeAmountDecrease"),
        *maybe_number("peggedChangeAmount", "referenceChangeAmount"),
        *text("referenceExchangeId"),
    ),
)

CONDITIONS: Rules = (
    Many(
        "conditions",
        (
            OneOf(
                "condType",
                {
                    1: (
                        *text("conjunction"),
                        *flag("isMore"),
                        *number("price"),
                        *whole("conId"),
                        *text("exch"),
                        *whole("triggerMethod"),
                    ),
                    3: (*text("conjunction"), *flag("isMore"), *text("time")),
                    4: (*text("conjunction"), *flag("isMore"), *number("percent")),
                    5: text("conjunction", "secType", "exch", "symbol"),
                    6: (
                        *text("conjunction"),
                        *flag("isMore"),
                        *whole("volume"),
                        *whole("conId"),
                        *text("exch"),
                    ),
                    7: (
                        *text("conjunction"),
                        *flag("isMore"),
                        *maybe_number("changePercent"),
                        *whole("conId"),
                        *text("exch"),
                    ),
                },
            ),
        ),
    ),
    where(lambda order: bool(order.get("conditions")), *flag("conditionsIgnoreRth", "conditionsCancelOrder")),
)
