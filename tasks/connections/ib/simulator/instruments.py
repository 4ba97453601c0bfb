"""What is traded in the simulated market.

The contract ids of AAPL, AMD, JNJ, JPM, KO, MSFT, SPX and SPY are the broker's own; those from
900000000 up are made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Instrument:
    """A contract, where its prices come from, and what the client may see of it."""

    con_id: int
    symbol: str
    security_type: str = "STK"
    currency: str = "USD"
    listing: str = "NASDAQ"
    name: str = ""
    multiplier: str = ""
    """As on the wire: empty for stocks."""
    expiry: str = ""
    strike: float = 0.0
    right: str = ""
    exchange: str = "SMART"
    minimum_tick: float = 0.01
    series: str = ""
    """Symbol of the closes that its prices follow; empty: it has none."""
    scale: float = 1.0
    """Its price over that of the series."""
    underlying: int = 0
    """Contract id of what an option is on; its price then follows from Black–Scholes."""
    volatility: float = 0.35
    """Of the underlying, a year, for an option's price."""
    permission: Literal["live", "partial", "delayed", "none"] = "live"
    """What the user pays to see: live quotes, only last session's close, delayed quotes, or nothing."""
    has_history: bool = True
    is_quoted: bool = True
    is_halted: bool = False
    quote_scale: float = 1.0
    """What its quotes are multiplied with: for quotes that nobody should believe."""

    @property
    def local_symbol(self) -> str:
        """The exchange's name for it; for options OCC's: symbol, date, right, strike in thousandths."""
        if self.security_type != "OPT":
            return self.symbol
        return f"{self.symbol:<6}{self.expiry[2:]}{self.right}{round(self.strike * 1000):08d}"

    @property
    def trading_class(self) -> str:
        return self.symbol if self.security_type == "OPT" else "NMS" if self.listing == "NASDAQ" else self.symbol

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Where it may be routed to."""
        if self.security_type == "OPT":
            return self.exchange, "CBOE"
        return tuple(dict.fromkeys((self.exchange, self.listing)))

    @property
    def stock_type(self) -> str:
        """The broker's word for what kind of stock it is."""
        if self.security_type != "STK":
            return ""
        return "ETF" if self.listing == "ARCA" else "COMMON"

    def fields(self, exchange: str = "") -> list[str]:
        """The eleven fields of a contract in positions: id to trading class, without the listing exchange."""
        return [
            *(str(self.con_id), self.symbol, self.security_type, self.expiry, f"{self.strike:.10g}", self.right),
            *(self.multiplier, exchange, self.currency, self.local_symbol, self.trading_class),
        ]


def _stock(con_id: int, symbol: str, listing: str, name: str) -> Instrument:
    return Instrument(con_id, symbol, listing=listing, name=name, series=symbol)


STOCKS = (
    _stock(265598, "AAPL", "NASDAQ", "APPLE INC"),
    _stock(4391, "AMD", "NASDAQ", "ADVANCED MICRO DEVICES"),
    _stock(900000003, "BAC", "NYSE", "BANK OF AMERICA CORP"),
    _stock(900000004, "BBY", "NYSE", "BEST BUY CO INC"),
    _stock(900000005, "CVX", "NYSE", "CHEVRON CORP"),
    _stock(900000006, "GE", "NYSE", "GENERAL ELECTRIC CO"),
    _stock(900000007, "HD", "NYSE", "HOME DEPOT INC"),
    _stock(8719, "JNJ", "NYSE", "JOHNSON & JOHNSON"),
    _stock(1520593, "JPM", "NYSE", "JPMORGAN CHASE & CO"),
    _stock(8894, "KO", "NYSE", "COCA-COLA CO/THE"),
    _stock(900000011, "LLY", "NYSE", "ELI LILLY & CO"),
    _stock(900000012, "MRK", "NYSE", "MERCK & CO. INC."),
    _stock(272093, "MSFT", "NASDAQ", "MICROSOFT CORP"),
    _stock(900000014, "PEP", "NASDAQ", "PEPSICO INC"),
    _stock(900000015, "PFE", "NYSE", "PFIZER INC"),
    _stock(900000016, "PG", "NYSE", "PROCTER & GAMBLE CO/THE"),
    _stock(900000017, "RRC", "NYSE", "RANGE RESOURCES CORP"),
    _stock(900000018, "UNH", "NYSE", "UNITEDHEALTH GROUP INC"),
    _stock(900000019, "WMT", "NYSE", "WALMART INC"),
    _stock(900000020, "XOM", "NYSE", "EXXON MOBIL CORP"),
)

SPY = Instrument(756733, "SPY", listing="ARCA", name="SPDR S&P 500 ETF TRUST", series="SPX", scale=0.1)
SPX = Instrument(416904, "SPX", "IND", listing="CBOE", name="S&P 500 STOCK INDEX", exchange="CBOE", series="SPX")
AAPL_CALL = Instrument(
    *(900000101, "AAPL", "OPT", "USD", "", "APPLE INC", "100", "20230317", 130.0, "C"),
    underlying=265598,
    has_history=False,
)

LISTED = (*STOCKS, SPY, SPX, AAPL_CALL)


def listed(symbol: str) -> Instrument:
    """The stock, fund or index of this symbol. Raises `KeyError`."""
    for instrument in LISTED:
        if instrument.symbol == symbol and instrument.security_type != "OPT":
            return instrument
    raise KeyError(symbol)
