"""What a run came to, in Markdown, for whoever opens it in Prefect's UI."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from flows.context import RunContext
from flows.graph import Node
from flows.markup import frame_table, literal, table
from flows.outcome import Outcome
from flows.plan import Port
from flows.plots import bars, data_uri, scatter
from flows.terminal import cell
from schemas.book import Exposures
from schemas.frame import Frame
from schemas.market import Returns
from schemas.orders import Orders
from schemas.risk import Betas, Hedges
from tasks.exposure import coverage
from tasks.wording import counted

ROWS = 30
"""Rows of a table in the report; the steps' own artifacts have more."""
BARS = 15


def explain_command(context: RunContext, step: str = "") -> str:
    """The command that shows where a run's, or one of its steps', numbers come from."""
    profile = f" --desk {context.desk.profile}" if context.desk.profile else ""
    return f"hedgerow explain {context.id}{f' {step}' if step else ''}{profile}"


def report(nodes: Sequence[Node], outcomes: Mapping[str, Outcome], context: RunContext) -> str:
    """The run in words, tables and plots: what it knows how to tell, of the kinds of frames that are there.

    Parameters
    ----------
    nodes
        All nodes of the run, in order.
    outcomes
        How each ended, by its name.
    context
        The run.
    """
    found = _Found(nodes, outcomes)
    parts = [*_failures(outcomes), *_headlines(found), _where_from(context)]
    parts += [*_orders(found), *_exposures(found), *_betas(found), *_output(found, context)]
    parts += [*_notes(outcomes), *_steps(outcomes)]
    return "\n\n".join(parts)


class _Found:
    """The frames of a run by kind: those of the file's own steps, items gathered."""

    def __init__(self, nodes: Sequence[Node], outcomes: Mapping[str, Outcome]) -> None:
        self._frames: list[tuple[Port, type[Frame], pd.DataFrame]] = []
        for node in nodes:
            if node.prefix or node.item is not None:
                continue
            for name, schema in node.step.outputs.items():
                frame = outcomes[node.name].frame(name)
                if schema is not None and frame is not None:
                    self._frames.append((Port(node.name, name), schema, frame))

    def of(self, kind: type[Frame]) -> Iterator[tuple[Port, pd.DataFrame]]:
        """Frames of this kind that have rows, each with the step that yields it."""
        return ((port, frame) for port, schema, frame in self._frames if issubclass(schema, kind) and len(frame))

    def at(self, port: Port) -> tuple[type[Frame], pd.DataFrame] | None:
        """The frame of this step; None where it has none."""
        return next(((schema, frame) for place, schema, frame in self._frames if place == port), None)


def _headlines(found: _Found) -> Iterator[str]:
    for _, frame in found.of(Hedges):
        for hedge in frame.itertuples():
            yield _headline(hedge)


def _headline(hedge: Any) -> str:
    """A hedge in words."""
    currency, size = hedge.currency, abs(hedge.quantity)
    price = f"{cell(hedge.price)} {currency} ({hedge.price_kind}, {str(hedge.market_data).replace('_', ' ')})"
    if hedge.quantity:
        side = "Buy" if hedge.quantity > 0 else "Sell"
        trade = f"{side} {cell(size)} {hedge.symbol} at {price}, {_money(abs(hedge.notional))} {currency} in all."
    else:
        trade = f"Nothing to trade in {hedge.symbol}, at {price}."
    left = hedge.hedged_exposure + hedge.notional
    portfolio_beta = "" if math.isnan(hedge.portfolio_beta) else f", a beta of {hedge.portfolio_beta:.3f}"
    by_value = "" if math.isnan(hedge.coverage_by_value) else f" and {hedge.coverage_by_value:.1%} of the gross value"
    return (
        f"## {literal(trade)}\n\n"
        f"The book is worth {_money(hedge.portfolio_value)} {currency}, with a beta exposure of"
        f" {_money(hedge.beta_exposure)} {currency}{portfolio_beta}. Of it {_money(hedge.hedged_exposure)} can be"
        f" hedged; after the trade {_money(left)} would be left. The target is a beta of {hedge.target_beta:g}"
        f"{f', give or take {hedge.band:g}' if hedge.band else ''}."
        f" Covered: {hedge.covered_positions} of {counted(hedge.positions, 'position')}{by_value}."
    )


def _failures(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    # A list, because long lines of a table are cut off.
    stopped = [
        f"- **{literal(name)}** {status}: {literal(each.reason)}"
        for status in ("failed", "blocked")
        for name, each in outcomes.items()
        if each.status == status
    ]
    if stopped:
        yield "## Failed\n\n" + "\n".join(stopped)


def _where_from(context: RunContext) -> str:
    past = " This session was over: nothing was sent." if context.past else ""
    return (
        f"Run `{context.id}` of {literal(context.plan.name)}, session {context.session}.{past}"
        f" Where every number comes from: `{explain_command(context)}`"
    )


def _orders(found: _Found) -> Iterator[str]:
    shown = ["action", "quantity", "symbol", "account", "order_type", "limit_price", "status", "reason"]
    for port, frame in found.of(Orders):
        yield f"## {_title('Orders', port)}\n\n{_head(frame[shown], ('quantity', 'limit_price'))}"


def _exposures(found: _Found) -> Iterator[str]:
    for port, frame in found.of(Exposures):
        yield f"## {_title('Exposure', port)}\n\n{_coverage(frame)}"
        covered = frame[frame["covered"]]
        if len(covered):
            labels, values = _by_contract(covered)
            title = f"Beta-weighted exposure, {covered['currency'].iloc[0]}"
            yield f"![{title}]({data_uri(bars(title, labels, values))})"
            yield _positions(covered)
            yield from _regression(found, covered)
        if len(covered) < len(frame):
            named = ["symbol", "security_type", "con_id", "account", "quantity", "value", "reason"]
            uncovered = frame[~frame["covered"]][named]
            yield f"### Not covered\n\n{_head(uncovered, ('quantity', 'value'))}"


def _positions(covered: pd.DataFrame) -> str:
    """Covered positions, the largest beta exposure first."""
    biggest = covered.iloc[np.argsort(-covered["beta_exposure"].abs(), kind="stable")]
    kept = biggest.head(ROWS)
    shown = {
        "position": _named(kept),
        "account": kept["account"],
        "quantity": kept["quantity"],
        "price": kept["price"],
        "value": kept["value"].map("{:,.0f}".format),
        "beta": kept["beta"].map("{:.3f}".format),
        "R²": kept["r_squared"].map("{:.2f}".format),
        "beta exposure": kept["beta_exposure"].map("{:,.0f}".format),
    }
    numbers = ("quantity", "price", "value", "beta", "R²", "beta exposure")
    return table(list(shown), zip(*shown.values(), strict=True), numbers) + _more(biggest)


def _named(exposure: pd.DataFrame) -> pd.Series[str]:
    """What to call each position: an option carries its underlying's symbol."""
    symbols, kinds = exposure["symbol"].astype(str), exposure["security_type"].astype(str)
    return symbols.where(kinds == "STK", symbols + " " + kinds)


def _coverage(exposure: pd.DataFrame) -> str:
    by_count, by_value = coverage(exposure)
    of_value = "" if by_value is None else f" and {by_value:.1%} of the gross value that is known"
    positions = counted(len(exposure), "position")
    return f"{int(exposure['covered'].sum())} of {positions} covered: {by_count:.1%} by count{of_value}."


def _by_contract(covered: pd.DataFrame) -> tuple[list[str], list[float]]:
    """Beta exposure a contract, the largest first; the smallest together where there are many."""
    total = covered["beta_exposure"].groupby(covered["con_id"]).sum()
    name = _named(covered).groupby(covered["con_id"]).first()
    order = total.abs().sort_values(ascending=False, kind="stable").index
    labels, values = [str(name[con_id]) for con_id in order], [float(total[con_id]) for con_id in order]
    if len(values) > BARS:
        kept = BARS - 1
        labels, values = (
            [*labels[:kept], f"{len(values) - kept} others"],
            [*values[:kept], math.fsum(values[kept:])],
        )
    return labels, values


def _regression(found: _Found, covered: pd.DataFrame) -> Iterator[str]:
    """The regression of the largest exposure that isn't the benchmark's own."""
    others = covered[covered["con_id"] != covered["benchmark_id"]]
    if others.empty:
        return
    total = others["beta_exposure"].groupby(others["con_id"]).sum().abs()
    con_id = int(total.idxmax())
    for _, betas in found.of(Betas):
        beta: Any
        for beta in betas[betas["con_id"] == con_id].itertuples():
            for _, returns in found.of(Returns):
                wide = _together(returns, con_id, beta.benchmark_id)
                if wide is not None and not math.isnan(beta.beta):
                    yield _fit_plot(beta, *wide)
                    return


def _together(
    returns: pd.DataFrame, con_id: int, benchmark_id: int
) -> tuple[str, pd.Series[float], pd.Series[float]] | None:
    """The benchmark's symbol, and the returns of both on the sessions on which both have one."""
    own = returns[returns["con_id"] == con_id].set_index("session")["return"].dropna()
    benchmark = returns[returns["con_id"] == benchmark_id]
    other = benchmark.set_index("session")["return"].dropna()
    shared = own.index.intersection(other.index)
    return None if shared.empty else (str(benchmark["symbol"].iloc[0]), other[shared], own[shared])


def _fit_plot(beta: Any, benchmark: str, x: pd.Series[float], y: pd.Series[float]) -> str:
    error = "" if math.isnan(beta.beta_error) else f" ± {beta.beta_error:.3f}"
    title = (
        f"{beta.symbol} on {benchmark}: beta {beta.beta:.3f}{error}, R² {beta.r_squared:.2f},"
        f" {counted(beta.observations, 'session')}"
    )
    names = (f"{benchmark}'s daily return", f"{beta.symbol}'s daily return")
    svg = scatter(title, x.tolist(), y.tolist(), (beta.intercept, beta.beta), names)
    return f"![{literal(title)}]({data_uri(svg)})"


def _betas(found: _Found) -> Iterator[str]:
    for port, frame in found.of(Betas):
        largest = frame.iloc[np.argsort(-frame["beta"], kind="stable")]
        kept = largest.head(ROWS)
        shown = {
            "symbol": kept["symbol"],
            "beta": kept["beta"].map("{:.3f}".format, na_action="ignore"),
            "standard error": kept["beta_error"].map("{:.3f}".format, na_action="ignore"),
            "R²": kept["r_squared"].map("{:.2f}".format, na_action="ignore"),
            "residual volatility a session": kept["residual_volatility"].map("{:.2%}".format, na_action="ignore"),
            "sessions": kept["observations"],
        }
        if (kept["reason"] != "").any():
            shown["reason"] = kept["reason"]
        lines = table(list(shown), zip(*shown.values(), strict=True), tuple(shown)[1:6])
        yield f"## {_title('Betas', port)}\n\n{lines}{_more(largest)}"


def _output(found: _Found, context: RunContext) -> Iterator[str]:
    """What the pipeline yields, where nothing above has told it."""
    port = context.plan.output
    if port is None or (there := found.at(port)) is None:
        return
    schema, frame = there
    if len(frame) and issubclass(schema, Hedges | Orders | Exposures | Betas):
        return
    yield f"## {literal(port)}\n\n{frame_table(frame.head(ROWS)) if len(frame) else 'No rows.'}{_more(frame)}"


def _notes(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    told = [f"- {literal(name)}: {literal(note)}" for name, outcome in outcomes.items() for note in outcome.notes]
    if told:
        yield "## Notes\n\n" + "\n".join(told)


def _steps(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    rows = [
        (name, each.status, "" if each.rows is None else f"{each.rows:,}", f"{each.seconds:.3f}", each.attempts)
        for name, each in list(outcomes.items())[: 10 * ROWS]
    ]
    more = f"\n\n… {len(outcomes) - len(rows):,} more" if len(outcomes) > len(rows) else ""
    heads = ("step", "status", "rows", "seconds", "attempts")
    yield f"## Steps\n\n{table(heads, rows, ('rows', 'seconds', 'attempts'))}{more}"


def _head(frame: pd.DataFrame, right: Sequence[str]) -> str:
    """The first rows as a table."""
    names = [str(name) for name in frame.columns]
    rows = frame.head(ROWS).itertuples(index=False, name=None)
    return table([name.replace("_", " ") for name in names], rows, [name.replace("_", " ") for name in right]) + _more(
        frame
    )


def _more(frame: pd.DataFrame) -> str:
    return f"\n\n… {len(frame) - ROWS:,} more rows" if len(frame) > ROWS else ""


def _title(what: str, port: Port) -> str:
    """`Betas`, or which betas where the step isn't named for them."""
    return what if str(port) == what.lower() else f"{what}: {literal(port)}"


def _money(amount: float) -> str:
    """Money to its cent."""
    return f"{amount:,.2f}".replace("-0.00", "0.00") if abs(amount) < 0.005 else f"{amount:,.2f}"
