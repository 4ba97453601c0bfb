"""How each kind of frame is shown: which columns, in which order, with how many digits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flows.stream.page.columns import Kind
from schemas.book import Exposures, Positions
from schemas.frame import Frame
from schemas.limits import LimitStates, RiskFigures
from schemas.market import Quotes
from schemas.orders import Intents, OpenOrders, Orders
from schemas.risk import Betas, Hedges

AGE = "age"
"""A column that is added where a schema says when each row was last true: seconds since."""

Form = Literal["price", "money", "quantity", "ratio", "percent", "count", "id", "age", "trade", "number"]

_DIGITS: dict[Form, dict[str, Any]] = {
    "price": {"minimumFractionDigits": 2, "maximumFractionDigits": 4},
    "money": {"minimumFractionDigits": 0, "maximumFractionDigits": 0},
    "quantity": {"minimumFractionDigits": 0, "maximumFractionDigits": 2},
    "ratio": {"minimumFractionDigits": 3, "maximumFractionDigits": 3},
    "percent": {"style": "percent", "minimumFractionDigits": 1, "maximumFractionDigits": 1},
    "count": {"minimumFractionDigits": 0, "maximumFractionDigits": 0},
    "id": {"minimumFractionDigits": 0, "maximumFractionDigits": 0, "useGrouping": False},
    "age": {"minimumFractionDigits": 0, "maximumFractionDigits": 0},
    "trade": {"minimumFractionDigits": 0, "maximumFractionDigits": 2},
    "number": {"minimumFractionDigits": 0, "maximumFractionDigits": 4},
}
_FORMS: dict[str, Form] = {
    **dict.fromkeys(
        ("price", "bid", "ask", "last", "close", "average_cost", "average_price", "limit_price", "stop_price",
         "reference_price", "open", "high", "low", "strike"),
        "price",
    ),
    **dict.fromkeys(
        ("value", "pnl", "notional", "beta_exposure", "hedged_exposure", "portfolio_value", "net_liquidation"), "money"
    ),
    **dict.fromkeys(("quantity", "exact_quantity", "filled", "remaining", "size", "volume", "multiplier"), "quantity"),
    **dict.fromkeys(("beta", "portfolio_beta", "target_beta", "band", "r_squared", "beta_error", "loading"), "ratio"),
    **dict.fromkeys(("coverage_by_count", "coverage_by_value", "weight"), "percent"),
    AGE: "age",
}  # fmt: skip


def form_of(name: str, kind: Kind) -> Form:
    """How a column of numbers is written, by its name."""
    if name in _FORMS:
        return _FORMS[name]
    if kind == "integer":
        return "id" if name.endswith("_id") else "count"
    return "number"


def digits_of(name: str, kind: Kind) -> dict[str, Any]:
    """The same in the browser's terms (`Intl.NumberFormat`)."""
    return dict(_DIGITS[form_of(name, kind)])


@dataclass(frozen=True)
class Figure:
    """A number in large type."""

    label: str
    column: str
    form: Form
    main: bool = False
    unit: str = ""
    """A column that says of what it is."""


@dataclass(frozen=True)
class Chart:
    """Numbers of a frame of one row, over the day."""

    title: str
    lines: Mapping[str, str]
    """Each line's name, and the column that it shows; `upper` and `lower` are the edges of the band."""


@dataclass(frozen=True)
class Look:
    """How a kind of frame is shown."""

    columns: tuple[str, ...] = ()
    """First, in this order; empty: all, with what identifies a row first."""
    sort: tuple[tuple[str, str], ...] = ()
    rank: int = 0
    """Frames of a higher rank have a panel of their own; those of 0 stand behind tabs."""
    moment: str = ""
    """The column that says when a row was last true."""
    styles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    charts: tuple[Chart, ...] = ()


SIGNED = {"fg_mode": "color"}
BAR = {"fg_mode": "label-bar"}
PULSE = {"bg_mode": "pulse"}

_LOOKS: dict[type[Frame], Look] = {
    Hedges: Look(
        columns=("symbol", "quantity", "exact_quantity", "price", "notional", "portfolio_beta", "beta_exposure"),
        figures=(
            Figure("Book's beta", "portfolio_beta", "ratio", main=True),
            Figure("Trade", "quantity", "trade", main=True, unit="symbol"),
            Figure("Notional", "notional", "money", main=True, unit="currency"),
            Figure("Beta exposure", "beta_exposure", "money"),
            Figure("Hedged part", "hedged_exposure", "money"),
            Figure("Book's value", "portfolio_value", "money"),
            Figure("Target", "target_beta", "ratio"),
            Figure("Band ±", "band", "ratio"),
            Figure("Price", "price", "price"),
            Figure("Positions", "positions", "count"),
            Figure("Covered", "coverage_by_value", "percent"),
        ),
        charts=(
            Chart("the book's beta and its band", {"beta": "portfolio_beta", "upper": "upper", "lower": "lower"}),
            Chart("contracts to trade", {"trade": "quantity"}),
        ),
    ),
    Exposures: Look(
        columns=(
            *("symbol", "account", "security_type", "quantity", "price", "value", "pnl"),
            *("beta", "beta_exposure", "r_squared", "reason"),
        ),
        sort=(("beta_exposure", "desc abs"),),
        rank=3,
        styles={"beta_exposure": BAR, "pnl": SIGNED},
    ),
    Quotes: Look(
        columns=("symbol", "security_type", "bid", "ask", "last", "price", "price_kind", AGE, "market_data", "time"),
        sort=(("symbol", "asc"),),
        rank=2,
        moment="time",
        styles={"price": PULSE, AGE: {"bg_mode": "gradient", "bg_gradient": 60}},
    ),
    LimitStates: Look(
        columns=("figure", "value", "limit", "status", "since", "clears_at", "unit", "tellings", "detail"),
        sort=(("status", "asc"), ("figure", "asc")),
        rank=4,
        styles={"status": {"fg_mode": "series"}},
    ),
    RiskFigures: Look(columns=("figure", "value", "unit", "currency", "detail"), rank=1),
    Positions: Look(columns=("account", "symbol", "quantity", "average_cost", "security_type", "currency")),
    Betas: Look(columns=("symbol", "beta", "beta_error", "r_squared", "observations", "last_session", "reason")),
    Intents: Look(
        columns=("symbol", "action", "quantity", "order_type", "limit_price", "notional", "allowed", "reason", "role")
    ),
    OpenOrders: Look(
        columns=("symbol", "action", "quantity", "filled", "remaining", "status", "average_price", "limit_price",
                 "order_type", "time", "reason"),
        sort=(("time", "desc"),),
    ),
    Orders: Look(
        columns=("symbol", "action", "quantity", "status", "filled", "average_price", "order_type", "reason")
    ),
}  # fmt: skip
_PLAIN = Look()


def look_of(model: type[Frame] | None) -> Look:
    """Of the schema, or of the nearest one that it is made from; all columns where none is known."""
    for each in model.__mro__ if model is not None else ():
        if each in _LOOKS:
            return _LOOKS[each]
    return _PLAIN
