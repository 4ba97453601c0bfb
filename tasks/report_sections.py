"""What a report tells of each kind of frame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from tasks import exhibits
from tasks.page import facts, figure, frame_table, heading, paragraph, side_by_side, table
from tasks.shown import cell, money
from tasks.summaries import book_sentences, coverage_sentence, figures, headline, trade_sentence
from tasks.wording import counted

REGRESSIONS = 4
"""Regressions that are drawn."""
NARROW = 480
"""Width of a picture beside another."""


def hedge_section(hedge: pd.DataFrame) -> Iterator[str]:
    """The trade, and what it leaves of the exposure. Takes `Hedges`."""
    for number, row in enumerate(hedge.itertuples()):
        yield paragraph(trade_sentence(row), "lead")
        yield paragraph(book_sentences(row))
        yield facts(figures(hedge.iloc[[number]]))
        yield figure(exhibits.before_and_after(row).svg)
    if hedge.empty:
        yield paragraph("There is nothing to hedge.", "lead")


def orders_section(orders: pd.DataFrame) -> Iterator[str]:
    """The orders and what became of them. Takes `Orders`."""
    yield heading("Orders")
    if orders.empty:
        yield paragraph("None.")
        return
    yield paragraph(headline(orders))
    shown = ["symbol", "action", "quantity", "account", "role", "order_type", "limit_price", "status", "filled"]
    yield frame_table("Orders of this run", orders[[*shown, "average_price", "reason"]])


def exposure_section(exposure: pd.DataFrame) -> Iterator[str]:
    """Each position's part in the book's beta, and what has none. Takes `Exposures`."""
    yield heading("Exposure by position")
    yield paragraph(coverage_sentence(exposure))
    covered = exposure[exposure["covered"]]
    if len(covered):
        yield figure(
            exhibits.beta_exposure(covered).svg, "Beta times value of each contract: what its market risk comes to."
        )
        yield _positions(covered)
    uncovered = exposure[~exposure["covered"]]
    if len(uncovered):
        yield heading("Not covered", 3)
        yield paragraph(f"{counted(len(uncovered), 'position')} that the hedge knows nothing of, and why.")
        yield frame_table(
            "Positions without a price or a beta",
            uncovered[["symbol", "security_type", "account", "quantity", "value", "reason", "con_id"]],
        )


def _positions(covered: pd.DataFrame) -> str:
    largest = covered.iloc[np.argsort(-covered["beta_exposure"].abs(), kind="stable")]
    currency = largest["currency"].iloc[0]
    columns: dict[str, Any] = {
        "position": exhibits.called(largest),
        "account": largest["account"],
        "quantity": largest["quantity"],
        "price": largest["price"],
        f"value, {currency}": largest["value"].map(_whole),
        "beta": largest["beta"].map("{:.3f}".format),
        "R²": largest["r_squared"].map("{:.2f}".format, na_action="ignore"),
        f"beta exposure, {currency}": largest["beta_exposure"].map(_whole),
    }
    caption = "Covered positions, the largest beta exposure first"
    return table(caption, list(columns), zip(*columns.values(), strict=True), list(columns)[2:])


def betas_section(betas: pd.DataFrame, exposure: pd.DataFrame | None, returns: pd.DataFrame | None) -> Iterator[str]:
    """The betas, how sure each is, and the regressions behind the largest exposures. Takes `Betas`."""
    yield heading("Betas")
    picture = exhibits.beta_intervals(betas)
    if picture is None:
        yield paragraph("None could be regressed.")
    else:
        yield figure(picture.svg, "The dashed line is a beta of 1: a contract that moves as its benchmark does.")
    yield _betas(betas)
    if exposure is not None and returns is not None:
        covered = exposure[exposure["covered"]]
        drawn = list(exhibits.regressions(covered, betas, returns, REGRESSIONS, NARROW))
        if drawn:
            yield heading("The regressions behind the largest exposures", 3)
            yield paragraph(
                "Each point is a session, each line least squares' or the estimator's; ± is the standard error."
            )
            yield side_by_side(figure(each.svg) for each in drawn)


def _betas(betas: pd.DataFrame) -> str:
    largest = betas.iloc[np.argsort(-betas["beta"], kind="stable")]
    columns: dict[str, Any] = {
        "symbol": largest["symbol"],
        "beta": largest["beta"].map(_three),
        f"{exhibits.CONFIDENCE:.0%} interval": exhibits.interval_texts(largest),
        "standard error": largest["beta_error"].map(_three),
        "R²": largest["r_squared"].map("{:.2f}".format, na_action="ignore"),
        "residual volatility": largest["residual_volatility"].map("{:.2%}".format, na_action="ignore"),
        "sessions": largest["observations"],
        "from": largest["first_session"],
        "to": largest["last_session"],
    }
    numbers = [name for name in columns if name not in ("symbol", "from", "to")]
    if "raw_beta" in largest:
        columns |= {"as regressed": largest["raw_beta"].map(_three), "its weight": largest["weight"].map(_three)}
        numbers += ["as regressed", "its weight"]
    if (largest["reason"] != "").any():
        columns["reason"] = largest["reason"]
    caption = "Betas, the largest first; the residual volatility is that of a session"
    return table(caption, list(columns), zip(*columns.values(), strict=True), numbers)


def rolling_section(rolling: pd.DataFrame, exposure: pd.DataFrame | None) -> Iterator[str]:
    """How the betas have moved. Takes `RollingBetas`."""
    yield heading("Betas over time")
    picture = exhibits.rolling(rolling, None if exposure is None else exposure[exposure["covered"]])
    if picture is None:
        yield paragraph("No window had returns enough.")
        return
    yield figure(picture.svg, "Each point is the beta over the window that ends there.")
    known = rolling[rolling["beta"].notna()]
    spread = known.groupby("symbol", observed=True)["beta"].agg(["min", "median", "max", "last", "count"])
    rows = [(name, *map(_three, row[:4]), int(row[4])) for name, *row in spread.itertuples()]
    heads = ("symbol", "lowest", "median", "highest", "last", "windows")
    yield table("Each contract's beta over all windows", heads, rows, heads[1:])


def loadings_section(loadings: pd.DataFrame) -> Iterator[str]:
    """What each contract takes of each factor. Takes `Loadings`."""
    yield heading("Factor loadings")
    wide = loadings.pivot(index="con_id", columns="factor", values="loading")
    names = loadings.drop_duplicates("con_id").set_index("con_id")
    factors = [str(name) for name in wide.columns]
    rows = [
        (names["symbol"][con_id], *map(_three, row), cell(names["adjusted_r_squared"][con_id]), names["reason"][con_id])
        for con_id, *row in wide.itertuples()
    ]
    heads = ("symbol", *factors, "adjusted R²", "reason")
    caption = "Return of each contract for one of each factor's, the others held still"
    yield table(caption, heads, rows, heads[1:-1])


def _three(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _whole(amount: float) -> str:
    return money(round(amount)).removesuffix(".00")
