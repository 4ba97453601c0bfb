"""What the book's risk is, and what would hedge it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame, Instant, Session


class Betas(Frame):
    """Regression of each contract's returns on the benchmark's, one row a contract."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id",)

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    benchmark_id: np.int64 = pa.Field(gt=0, metadata={"refers_to": "con_id"}, description="The benchmark's con_id")
    beta: np.float64 = pa.Field(nullable=True, description="Null where there were too few observations")
    intercept: np.float64 = pa.Field(nullable=True, description="Return per session")
    r_squared: np.float64 = pa.Field(nullable=True, ge=0, le=1)
    beta_error: np.float64 = pa.Field(nullable=True, ge=0, description="Standard error of beta")
    intercept_error: np.float64 = pa.Field(nullable=True, ge=0, description="Standard error of the intercept")
    residual_volatility: np.float64 = pa.Field(
        nullable=True, ge=0, description="Standard deviation of the residuals, per session, n − 2 degrees of freedom"
    )
    observations: np.int64 = pa.Field(ge=0, description="Sessions on which both have a return")
    first_session: Session = pa.Field(nullable=True)
    last_session: Session = pa.Field(nullable=True)
    reason: object = pa.Field(description="Why there is no beta; empty where there is one")


class ShrunkBetas(Betas):
    """Betas drawn toward what is likely before any return is seen, by how precise each is."""

    raw_beta: np.float64 = pa.Field(nullable=True, description="As it was regressed")
    raw_error: np.float64 = pa.Field(nullable=True, ge=0, description="Standard error of that")
    prior: np.float64 = pa.Field(nullable=True, description="What it is drawn toward")
    prior_deviation: np.float64 = pa.Field(nullable=True, ge=0, description="How far from it a true beta usually is")
    weight: np.float64 = pa.Field(
        nullable=True, ge=0, le=1, description="Of the beta as regressed; the rest is the prior's"
    )


class RollingBetas(Frame):
    """Betas over a window of sessions that moves on, one row a contract and the window's last session."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "last_session")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    benchmark_id: np.int64 = pa.Field(gt=0, metadata={"refers_to": "con_id"}, description="The benchmark's con_id")
    first_session: Session = pa.Field(description="Of the window")
    last_session: Session = pa.Field(description="Of the window")
    beta: np.float64 = pa.Field(nullable=True, description="Null where the window has too few observations")
    beta_error: np.float64 = pa.Field(nullable=True, ge=0, description="Standard error of beta")
    intercept: np.float64 = pa.Field(nullable=True, description="Return per session")
    r_squared: np.float64 = pa.Field(nullable=True, ge=0, le=1)
    residual_volatility: np.float64 = pa.Field(nullable=True, ge=0, description="Per session")
    observations: np.int64 = pa.Field(ge=0, description="Sessions of the window on which both have a return")


class Loadings(Frame):
    """Regression of each contract's returns on several factors' at once, one row a contract and factor."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "factor_id")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    factor_id: np.int64 = pa.Field(gt=0, metadata={"refers_to": "con_id"}, description="The factor's con_id")
    factor: Category = pa.Field(description="The factor's symbol")
    loading: np.float64 = pa.Field(nullable=True, description="Return for one of the factor's, the others held still")
    loading_error: np.float64 = pa.Field(nullable=True, ge=0, description="Standard error of the loading")
    t_statistic: np.float64 = pa.Field(nullable=True, description="loading / loading_error")
    intercept: np.float64 = pa.Field(
        nullable=True, description="Return per session; the same in all rows of a contract"
    )
    intercept_error: np.float64 = pa.Field(nullable=True, ge=0)
    r_squared: np.float64 = pa.Field(nullable=True, ge=0, le=1, description="Of all factors together")
    adjusted_r_squared: np.float64 = pa.Field(nullable=True, le=1, description="The same, less what chance alone gives")
    residual_volatility: np.float64 = pa.Field(nullable=True, ge=0, description="Per session")
    observations: np.int64 = pa.Field(ge=0, description="Sessions on which it and every factor have a return")
    first_session: Session = pa.Field(nullable=True)
    last_session: Session = pa.Field(nullable=True)
    reason: object = pa.Field(description="Why there are no loadings; empty where there are")


class Hedges(Frame):
    """The trade that brings the book's beta to its target: one row."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id",)
    __summary__: ClassVar[bool] = True

    con_id: np.int64 = pa.Field(gt=0, description="The hedge instrument")
    symbol: Category
    security_type: Category
    currency: Category
    multiplier: np.float64 = pa.Field(gt=0)
    portfolio_value: np.float64 = pa.Field(description="Sum of value over the priced positions")
    portfolio_beta: np.float64 = pa.Field(nullable=True, description="beta_exposure over the covered positions' value")
    beta_exposure: np.float64 = pa.Field(description="Sum of beta × value over the covered positions")
    hedged_exposure: np.float64 = pa.Field(description="The part of it whose regression explains enough to be hedged")
    target_beta: np.float64
    band: np.float64 = pa.Field(ge=0)
    quantity: np.float64 = pa.Field(description="Contracts to trade; negative sells; 0 inside the band")
    exact_quantity: np.float64 = pa.Field(description="The same before rounding")
    rounding: Category = pa.Field(isin=["nearest", "toward_zero"])
    price: np.float64 = pa.Field(gt=0)
    price_kind: Category
    market_data: Category
    notional: np.float64 = pa.Field(description="quantity × price × multiplier")
    positions: np.int64 = pa.Field(ge=0)
    covered_positions: np.int64 = pa.Field(ge=0)
    coverage_by_count: np.float64 = pa.Field(ge=0, le=1)
    coverage_by_value: np.float64 = pa.Field(
        ge=0, le=1, nullable=True, description="Of gross value; null with no value"
    )
    time: Instant = pa.Field(description="When it was sized, by the run's clock")
    session: Session
