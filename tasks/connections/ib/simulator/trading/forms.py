"""The messages about orders, field by field: placing one, an open one, a completed one.

Names are those of the broker's published client. Source: its protocol at server versions 157 to 178.
"""

from __future__ import annotations

import math

from tasks.connections.ib.simulator.trading.grammar import (
    Many,
    Obsolete,
    OneOf,
    Rules,
    Values,
    before,
    flag,
    maybe_number,
    maybe_whole,
    number,
    since,
    text,
    unset_number,
    where,
    whole,
)


def is_combination(order: Values) -> bool:
    """Several contracts traded as one."""
    return bool(order["secType"] == "BAG")


def is_delta_neutral(order: Values) -> bool:
    """Hedged by the broker with the underlying; "None" is a word for not."""
    return bool(order["deltaNeutralOrderType"])


def is_scaled(order: Values) -> bool:
    """In several components at prices apart."""
    return (order.get("scalePriceIncrement") or 0.0) > 0


def is_pegged_to_benchmark(order: Values) -> bool:
    """Follows another contract's price."""
    return order["orderType"] in ("PEG BENCH", "PEGBENCH")


def is_pegged_to_best(order: Values) -> bool:
    """Competes with the best price."""
    return order["orderType"] in ("PEG BEST", "PEGBEST")


def has_mid_offsets(order: Values) -> bool:
    """Rests at an offset from the middle."""
    if is_pegged_to_best(order):
        return bool(order["competeAgainstBestOffset"] == math.inf)
    return order["orderType"] in ("PEG MID", "PEGMID")


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

HEDGE: Rules = (*text("hedgeType"), where(lambda order: bool(order["hedgeType"]), *text("hedgeParam")))

DELTA_NEUTRAL_CONTRACT: Rules = (
    *flag("hasDeltaNeutralContract"),
    where(
        lambda order: bool(order.get("hasDeltaNeutralContract")),
        *whole("deltaNeutralContractId"),
        *number("deltaNeutralContractDelta", "deltaNeutralContractPrice"),
    ),
)

ALGORITHM: Rules = (
    *text("algoStrategy"),
    where(lambda order: bool(order["algoStrategy"]), Many("algoParams", TAGS)),
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

PLACE_ORDER: Rules = (
    *whole("orderId"),
    *CONTRACT_ASKED,
    *text("secIdType", "secId"),
    *text("action"),
    *maybe_number("totalQuantity"),
    *text("orderType"),
    *maybe_number("lmtPrice", "auxPrice"),
    *text("tif", "ocaGroup", "account", "openClose"),
    *whole("origin"),
    *text("orderRef"),
    *flag("transmit"),
    *whole("parentId"),
    *flag("blockOrder", "sweepToFill"),
    *whole("displaySize", "triggerMethod"),
    *flag("outsideRth", "hidden"),
    where(is_combination, *COMBINATION),
    Obsolete("sharesAllocation"),
    *number("discretionaryAmt"),
    *text("goodAfterTime", "goodTillDate", "faGroup", "faMethod", "faPercentage"),
    before(177, *text("faProfile")),
    *text("modelCode"),
    *whole("shortSaleSlot"),
    *text("designatedLocation"),
    *whole("exemptCode", "ocaType"),
    *text("rule80A", "settlingFirm"),
    *flag("allOrNone"),
    *maybe_whole("minQty"),
    *maybe_number("percentOffset"),
    *flag("eTradeOnly", "firmQuoteOnly"),
    *maybe_number("nbboPriceCap"),
    *whole("auctionStrategy"),
    *maybe_number("startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper"),
    *flag("overridePercentageConstraints"),
    *maybe_number("volatility"),
    *maybe_whole("volatilityType"),
    *text("deltaNeutralOrderType"),
    *maybe_number("deltaNeutralAuxPrice"),
    where(
        is_delta_neutral,
        *whole("deltaNeutralConId"),
        *text("deltaNeutralSettlingFirm", "deltaNeutralClearingAccount", "deltaNeutralClearingIntent"),
        *text("deltaNeutralOpenClose"),
        *flag("deltaNeutralShortSale"),
        *whole("deltaNeutralShortSaleSlot"),
        *text("deltaNeutralDesignatedLocation"),
    ),
    *flag("continuousUpdate"),
    *maybe_whole("referencePriceType"),
    *maybe_number("trailStopPrice", "trailingPercent"),
    *SCALE,
    *text("scaleTable", "activeStartTime", "activeStopTime"),
    *HEDGE,
    *flag("optOutSmartRouting"),
    *text("clearingAccount", "clearingIntent"),
    *flag("notHeld"),
    *DELTA_NEUTRAL_CONTRACT,
    *ALGORITHM,
    *text("algoId"),
    *flag("whatIf"),
    *text("orderMiscOptions"),
    *flag("solicited", "randomizeSize", "randomizePrice"),
    *BENCHMARK,
    *CONDITIONS,
    *text("adjustedOrderType"),
    *maybe_number(
        *("triggerPrice", "lmtPriceOffset", "adjustedStopPrice", "adjustedStopLimitPrice", "adjustedTrailingAmount")
    ),
    *whole("adjustableTrailingUnit"),
    *text("extOperator", "softDollarTierName", "softDollarTierValue"),
    *maybe_number("cashQty"),
    *text("mifid2DecisionMaker", "mifid2DecisionAlgo", "mifid2ExecutionTrader", "mifid2ExecutionAlgo"),
    *flag("dontUseAutoPriceForHedge", "isOmsContainer", "discretionaryUpToLimitPrice"),
    *maybe_whole("usePriceMgmtAlgo"),
    since(158, *maybe_whole("duration")),
    since(160, *maybe_whole("postToAts")),
    since(162, *flag("autoCancelParent")),
    since(166, *text("advancedErrorOverride")),
    since(169, *text("manualOrderTime")),
    since(
        170,
        where(lambda order: order["exchange"] == "IBKRATS", *maybe_whole("minTradeQty")),
        where(is_pegged_to_best, *maybe_whole("minCompeteSize"), *maybe_number("competeAgainstBestOffset")),
        where(has_mid_offsets, *maybe_number("midOffsetAtWhole", "midOffsetAtHalf")),
    ),
)
"""3, after the message's number."""

_TICKET: Rules = (
    *text("action"),
    *number("totalQuantity"),
    *text("orderType"),
    *maybe_number("lmtPrice", "auxPrice"),
    *text("tif", "ocaGroup", "account", "openClose"),
    *whole("origin"),
    *text("orderRef"),
)

_PEGS_AND_SIZES: Rules = (
    *maybe_whole("minTradeQty", "minCompeteSize"),
    *maybe_number("competeAgainstBestOffset", "midOffsetAtWhole", "midOffsetAtHalf"),
)

OPEN_ORDER: Rules = (
    *whole("orderId"),
    *CONTRACT,
    *_TICKET,
    *whole("clientId", "permId"),
    *flag("outsideRth", "hidden"),
    *number("discretionaryAmt"),
    *text("goodAfterTime"),
    Obsolete("sharesAllocation"),
    *text("faGroup", "faMethod", "faPercentage"),
    before(177, *text("faProfile")),
    *text("modelCode", "goodTillDate", "rule80A"),
    *maybe_number("percentOffset"),
    *text("settlingFirm"),
    *whole("shortSaleSlot"),
    *text("designatedLocation"),
    *whole("exemptCode", "auctionStrategy"),
    *maybe_number("startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper"),
    *whole("displaySize"),
    *flag("blockOrder", "sweepToFill", "allOrNone"),
    *maybe_whole("minQty"),
    *whole("ocaType"),
    *flag("eTradeOnly", "firmQuoteOnly"),
    *maybe_number("nbboPriceCap"),
    *whole("parentId", "triggerMethod"),
    *maybe_number("volatility"),
    *whole("volatilityType"),
    *text("deltaNeutralOrderType"),
    *maybe_number("deltaNeutralAuxPrice"),
    where(
        is_delta_neutral,
        *whole("deltaNeutralConId"),
        *text("deltaNeutralSettlingFirm", "deltaNeutralClearingAccount", "deltaNeutralClearingIntent"),
        *text("deltaNeutralOpenClose"),
        *flag("deltaNeutralShortSale"),
        *whole("deltaNeutralShortSaleSlot"),
        *text("deltaNeutralDesignatedLocation"),
    ),
    *flag("continuousUpdate"),
    *whole("referencePriceType"),
    *maybe_number("trailStopPrice", "trailingPercent", "basisPoints"),
    *maybe_whole("basisPointsType"),
    *text("comboLegsDescrip"),
    *COMBINATION,
    *SCALE,
    *HEDGE,
    *flag("optOutSmartRouting"),
    *text("clearingAccount", "clearingIntent"),
    *flag("notHeld"),
    *DELTA_NEUTRAL_CONTRACT,
    *ALGORITHM,
    *flag("solicited", "whatIf"),
    *text("status"),
    *unset_number("initMarginBefore", "maintMarginBefore", "equityWithLoanBefore"),
    *unset_number("initMarginChange", "maintMarginChange", "equityWithLoanChange"),
    *unset_number("initMarginAfter", "maintMarginAfter", "equityWithLoanAfter"),
    *maybe_number("commission", "minCommission", "maxCommission"),
    *text("commissionCurrency", "warningText"),
    *flag("randomizeSize", "randomizePrice"),
    *BENCHMARK,
    *CONDITIONS,
    *text("adjustedOrderType"),
    *unset_number("triggerPrice", "trailStopPrice", "lmtPriceOffset"),
    *unset_number("adjustedStopPrice", "adjustedStopLimitPrice", "adjustedTrailingAmount"),
    *whole("adjustableTrailingUnit"),
    *text("softDollarTierName", "softDollarTierValue", "softDollarTierDisplayName"),
    *unset_number("cashQty"),
    *flag("dontUseAutoPriceForHedge", "isOmsContainer", "discretionaryUpToLimitPrice"),
    *whole("usePriceMgmtAlgo"),
    since(158, *maybe_whole("duration")),
    since(160, *maybe_whole("postToAts")),
    since(162, *flag("autoCancelParent")),
    since(170, *_PEGS_AND_SIZES),
)
"""5, after the message's number."""

COMPLETED_ORDER: Rules = (
    *CONTRACT,
    *_TICKET,
    *whole("permId"),
    *flag("outsideRth", "hidden"),
    *number("discretionaryAmt"),
    *text("goodAfterTime", "faGroup", "faMethod", "faPercentage"),
    before(177, *text("faProfile")),
    *text("modelCode", "goodTillDate", "rule80A"),
    *maybe_number("percentOffset"),
    *text("settlingFirm"),
    *whole("shortSaleSlot"),
    *text("designatedLocation"),
    *whole("exemptCode"),
    *maybe_number("startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper"),
    *whole("displaySize"),
    *flag("sweepToFill", "allOrNone"),
    *maybe_whole("minQty"),
    *whole("ocaType", "triggerMethod"),
    *maybe_number("volatility"),
    *whole("volatilityType"),
    *text("deltaNeutralOrderType"),
    *maybe_number("deltaNeutralAuxPrice"),
    where(
        is_delta_neutral,
        *whole("deltaNeutralConId"),
        *flag("deltaNeutralShortSale"),
        *whole("deltaNeutralShortSaleSlot"),
        *text("deltaNeutralDesignatedLocation"),
    ),
    *flag("continuousUpdate"),
    *whole("referencePriceType"),
    *maybe_number("trailStopPrice", "trailingPercent"),
    *text("comboLegsDescrip"),
    *COMBINATION,
    *SCALE,
    *HEDGE,
    *text("clearingAccount", "clearingIntent"),
    *flag("notHeld"),
    *DELTA_NEUTRAL_CONTRACT,
    *ALGORITHM,
    *flag("solicited"),
    *text("status"),
    *flag("randomizeSize", "randomizePrice"),
    *BENCHMARK,
    *CONDITIONS,
    *unset_number("trailStopPrice", "lmtPriceOffset", "cashQty"),
    *flag("dontUseAutoPriceForHedge", "isOmsContainer"),
    *text("autoCancelDate"),
    *number("filledQuantity"),
    *whole("refFuturesConId"),
    *flag("autoCancelParent"),
    *text("shareholder"),
    *flag("imbalanceOnly", "routeMarketableToBbo"),
    *whole("parentPermId"),
    *text("completedTime", "completedStatus"),
    since(170, *_PEGS_AND_SIZES),
)
"""101, after the message's number."""
