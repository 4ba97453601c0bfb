"""What contracts are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tasks.connections.ib.callbacks.sink import Callbacks
from tasks.connections.ib.client import plain_contract
from tasks.connections.ib.contracts import ContractDetails, number
from tasks.connections.ib.rows.reference import Chain, Match


class ReferenceCallbacks(Callbacks):
    """Contracts, those that match a pattern, and chains of options."""

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:  # noqa: N802, N803
        contract = contractDetails.contract
        listing = contract.primaryExchange or contract.exchange
        details = ContractDetails(
            contract=plain_contract(contract),
            name=contractDetails.longName,
            listing=listing,
            minimum_tick=number(contractDetails.minTick),
            time_zone=contractDetails.timeZoneId,
            market_name=contractDetails.marketName,
            underlying=int(contractDetails.underConId),
            underlying_symbol=contractDetails.underSymbol,
            underlying_type=contractDetails.underSecType,
            expiry=contractDetails.realExpirationDate,
            last_trade_time=contractDetails.lastTradeTime,
            stock_type=contractDetails.stockType,
            industry=contractDetails.industry,
            category=contractDetails.category,
            subcategory=contractDetails.subcategory,
            order_types=contractDetails.orderTypes,
            exchanges=contractDetails.validExchanges,
            market_rules=contractDetails.marketRuleIds,
            trading_hours=contractDetails.tradingHours,
            liquid_hours=contractDetails.liquidHours,
            price_magnifier=int(contractDetails.priceMagnifier),
            identifiers=tuple((str(each.tag), str(each.value)) for each in contractDetails.secIdList or ()),
        )
        self._sink.row(reqId, details)

    def bondContractDetails(self, reqId: int, contractDetails: Any) -> None:  # noqa: N802, N803
        self.contractDetails(reqId, contractDetails)

    def contractDetailsEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self._sink.end(reqId)

    def symbolSamples(self, reqId: int, contractDescriptions: Any) -> None:  # noqa: N802, N803
        for description in contractDescriptions:
            contract = replace(plain_contract(description.contract), exchange=description.contract.primaryExchange)
            name = getattr(description.contract, "description", "")
            self._sink.row(reqId, Match(contract, name, tuple(description.derivativeSecTypes or ())))
        self._sink.end(reqId)

    def securityDefinitionOptionParameter(  # noqa: N802
        self,
        reqId: int,  # noqa: N803
        exchange: str,
        underlyingConId: int,  # noqa: N803
        tradingClass: str,  # noqa: N803
        multiplier: str,
        expirations: Any,
        strikes: Any,
    ) -> None:
        chain = Chain(
            exchange,
            int(underlyingConId),
            tradingClass,
            str(multiplier),
            tuple(sorted(expirations)),
            tuple(sorted(float(strike) for strike in strikes)),
        )
        self._sink.row(reqId, chain)

    def securityDefinitionOptionParameterEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self._sink.end(reqId)
