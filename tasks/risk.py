"""What the book risks: exposure, concentration, value at risk, expected shortfall, drawdown."""

from __future__ import annotations

import math
from typing import Annotated, Any, cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.accounts import AccountSummaries
from schemas.book import Exposures
from schemas.limits import UNITS, Equity, RiskFigures
from schemas.market import Returns
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.run import Run
from tasks.tail_risk import drawdown, historical, parametric
from tasks.wording import counted, listed

Level = Annotated[float, Field(gt=0.5, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]


@task
def measure_exposure(
    exposure: DataFrame[Exposures],
    run: Run,
    summary: DataFrame[AccountSummaries] | None = None,
    unpriced: Share = 0.1,
) -> DataFrame[RiskFigures]:
    """Gross, net and beta-weighted exposure, and how much of it is in one place.

    ::

        gross           Σ |value|                   net        Σ value
        beta_weighted   Σ beta · value, of the covered
        largest         max over contracts of |Σ value| / gross
        gross_leverage  gross / net liquidation     net_leverage  |net| / net liquidation

    Parameters
    ----------
    exposure
        The book, in one currency. A position without a price counts nowhere, and is told.
    run
        Its clock says when.
    summary
        The accounts; without them there is no leverage.
    unpriced
        The most of the positions, by count, that may be without a price: of more the figures are null, since
        what is known would pass for the book. So it is in a stream's first moments.

    Returns
    -------
    RiskFigures
        gross, net, beta_weighted, largest, uncovered (the positions' share without price or beta, by count),
        and where the accounts are known gross_leverage and net_leverage.

    Raises
    ------
    DataProblem
        An account is in another currency than the book.
    """
    missing = int(exposure["value"].isna().sum())
    value = np.nan_to_num(exposure["value"].to_numpy())
    covered = exposure["covered"].to_numpy()
    gross, net = math.fsum(np.abs(value).tolist()), math.fsum(value.tolist())
    currency = str(exposure["currency"].iloc[0]) if len(exposure) else ""
    by_contract = exposure.assign(value=value).groupby("con_id", observed=True)["value"].sum().abs()
    largest = float(by_contract.max()) / gross if gross else 0.0
    where = ""
    if gross:
        first = exposure[exposure["con_id"] == by_contract.idxmax()].iloc[0]
        where = f"{first['symbol']} {first['security_type']}"
    weighted = math.fsum(exposure["beta_exposure"].to_numpy()[covered].tolist())
    if missing:
        note(f"{counted(missing, 'position')} without a price count nowhere.")
    figures: list[tuple[str, float, str, str]] = [
        ("gross", gross, "money", counted(len(exposure), "position")),
        ("net", net, "money", counted(len(exposure), "position")),
        ("beta_weighted", weighted, "money", f"{int(covered.sum())} of {counted(len(exposure), 'position')} covered"),
        ("largest", largest, "fraction", where),
        ("uncovered", float((~covered).mean()) if len(covered) else 0.0, "fraction", "by count"),
    ]
    if summary is not None:
        worth = _worth(summary, currency)
        figures += [
            ("gross_leverage", gross / worth, "times", f"net liquidation {worth:,.0f}"),
            ("net_leverage", abs(net) / worth, "times", f"net liquidation {worth:,.0f}"),
        ]
    if missing > unpriced * len(exposure):
        told = f"{missing} of {counted(len(exposure), 'position')} without a price"
        figures = [(name, math.nan, unit, told) for name, _, unit, _ in figures]
    return _figures(figures, currency, run)


@task
def measure_tail(
    exposure: DataFrame[Exposures],
    returns: DataFrame[Returns],
    run: Run,
    level: Level = 0.95,
    summary: DataFrame[AccountSummaries] | None = None,
    unpriced: Share = 0.1,
) -> DataFrame[RiskFigures]:
    """Value at risk and expected shortfall of today's book over one session, from the contracts' own past.

    Today's book is held through each past session t::

        ΔP&L_t  Σ value · return_t                  over the positions that have both
        r_t     ΔP&L_t / net liquidation

    never the change of an unrealised P&L in percent of itself, which is infinite when it crosses 0.

    Parameters
    ----------
    exposure
        The book, in one currency.
    returns
        Simple daily returns. A session in which a position has none counts without it, and the share of the
        gross value that has a return in the median session is told.
    run
        Its clock says when.
    level
        α: 0.95 names the figures var_95, cvar_95 ….
    summary
        The accounts: with them the figures also come as fractions of net liquidation.
    unpriced
        The most of the positions, by count, that may be without a price: of more the figures are null.

    Returns
    -------
    RiskFigures
        var_α, cvar_α (historical), var_α_normal, cvar_α_normal (parametric), in money; and each with
        `_of_worth` as a fraction where the accounts are known. Null where there are fewer than 20 sessions.
    """
    currency = str(exposure["currency"].iloc[0]) if len(exposure) else ""
    held = exposure.dropna(subset=["value"]).groupby("con_id", observed=True)["value"].sum()
    past = returns[returns["con_id"].isin(held.index)].dropna(subset=["return"])
    gain = past["con_id"].map(held).to_numpy() * past["return"].to_numpy()
    by_session = pd.Series(gain).groupby(past["session"].to_numpy()).sum()
    known = past["con_id"].map(held.abs()).groupby(past["session"].to_numpy()).sum()
    gross = float(held.abs().sum())
    share = float(known.median()) / gross if gross and len(known) else 0.0
    without = exposure[exposure["value"].notna() & ~exposure["con_id"].isin(past["con_id"])]
    if len(without):
        names = dict.fromkeys(without["symbol"].astype(str))
        note(f"Without returns, and so without risk here: {listed(names, 10)}.")
    detail = f"{counted(len(by_session), 'session')}, {share:.0%} of the gross value has returns"
    pnl = by_session.to_numpy()
    name = f"{100 * level:g}".replace(".", "_")
    figures: list[tuple[str, float, str, str]] = []
    for suffix, tail in (("", historical(pnl, level)), ("_normal", parametric(pnl, level))):
        figures += [
            (f"var_{name}{suffix}", tail.var, "money", detail),
            (f"cvar_{name}{suffix}", tail.cvar, "money", detail),
        ]
    missing = int(exposure["value"].isna().sum())
    if missing > unpriced * len(exposure):
        told = f"{missing} of {counted(len(exposure), 'position')} without a price"
        figures = [(figure, math.nan, unit, told) for figure, _, unit, _ in figures]
    if summary is not None:
        worth = _worth(summary, currency)
        figures += [(f"{figure}_of_worth", value / worth, "fraction", text) for figure, value, _, text in figures]
    return _figures(figures, currency, run)


@task
def measure_drawdown(
    equity: DataFrame[Equity], run: Run, level: Level = 0.95, summary: DataFrame[AccountSummaries] | None = None
) -> DataFrame[RiskFigures]:
    """Drawdown of the desk's worth, and the tail of its own daily returns.

    ::

        r_t   (worth_t - flows_t) / worth_{t-1} - 1       money paid in or out is no gain and no loss
        curve Π (1 + r_t)

    Parameters
    ----------
    equity
        Worth at the end of each session; of several accounts their sum. In one currency.
    run
        Its clock says when.
    level
        α of the expected shortfall.
    summary
        The accounts now: the curve then goes on to this moment.

    Returns
    -------
    RiskFigures
        drawdown (now), worst_drawdown, sessions_below_peak, return_var_α, return_cvar_α.
    """
    daily = equity.groupby("session", observed=True)[["net_liquidation", "flows"]].sum().sort_index()
    worth, flows = daily["net_liquidation"].to_numpy(), daily["flows"].to_numpy()
    if summary is not None and len(worth):
        worth = np.append(worth, float(summary["net_liquidation"].sum()))
        flows = np.append(flows, 0.0)
    returns = (worth[1:] - flows[1:]) / worth[:-1] - 1 if len(worth) > 1 else np.empty(0)
    curve = np.cumprod(np.concatenate([[1.0], 1 + returns])) if len(worth) else np.empty(0)
    fallen = drawdown(curve)
    tail = historical(returns, level)
    name = f"{100 * level:g}".replace(".", "_")
    detail = counted(len(worth), "session")
    return _figures(
        [
            ("drawdown", fallen.now, "fraction", detail),
            ("worst_drawdown", fallen.worst, "fraction", detail),
            ("sessions_below_peak", float(fallen.sessions), "days", detail),
            (f"return_var_{name}", tail.var, "fraction", detail),
            (f"return_cvar_{name}", tail.cvar, "fraction", detail),
        ],
        "",
        run,
    )


@task
def gather_figures(
    first: DataFrame[RiskFigures],
    second: DataFrame[RiskFigures] | None = None,
    third: DataFrame[RiskFigures] | None = None,
    fourth: DataFrame[RiskFigures] | None = None,
) -> DataFrame[RiskFigures]:
    """The figures of several tasks in one frame.

    Raises
    ------
    DataProblem
        Two of them have a figure of the same name.
    """
    given = [frame for frame in (first, second, third, fourth) if frame is not None]
    names = [str(name) for frame in given for name in frame["figure"]]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataProblem(f"{listed(repeated)}: measured twice.", "Give the tasks other levels, or leave one out.")
    rows = pd.concat([frame.astype({"figure": object, "unit": object, "currency": object}) for frame in given])
    return _typed(rows.reset_index(drop=True))


def _worth(summary: pd.DataFrame, currency: str) -> float:
    others = sorted(set(summary["currency"].astype(str)) - {currency}) if currency else []
    if others:
        raise DataProblem(
            f"The book is in {currency}, and accounts are in {listed(others)}.", "Watch accounts of one currency."
        )
    worth = float(summary["net_liquidation"].sum())
    return worth if worth > 0 else math.nan


def _figures(figures: list[tuple[str, float, str, str]], currency: str, run: Run) -> DataFrame[RiskFigures]:
    rows = pd.DataFrame(figures, columns=["figure", "value", "unit", "detail"])
    rows["currency"] = [currency if unit == "money" else "" for unit in rows["unit"]]
    rows["time"] = pd.DatetimeIndex([run.now()] * len(rows)).as_unit("ns")
    return _typed(rows[["figure", "value", "unit", "currency", "detail", "time"]])


def _typed(rows: pd.DataFrame) -> DataFrame[RiskFigures]:
    columns: dict[str, Any] = {
        "figure": pd.Categorical(rows["figure"], categories=list(dict.fromkeys(rows["figure"]))),
        "unit": pd.Categorical(rows["unit"], categories=UNITS),
        "currency": pd.Categorical(rows["currency"]),
    }
    return cast("DataFrame[RiskFigures]", rows.assign(**columns))
