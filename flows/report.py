"""What a run came to, in Markdown, for whoever opens it in Prefect's UI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from flows.context import RunContext
from flows.graph import Node
from flows.markup import frame_table, literal, table
from flows.outcome import Outcome
from flows.plan import Port
from schemas.book import Exposures
from schemas.frame import Frame
from schemas.market import Returns
from schemas.orders import Orders
from schemas.risk import Betas, Hedges, RollingBetas
from tasks.drawing import data_uri
from tasks.exhibits import (
    Exhibit,
    beta_exposure,
    beta_intervals,
    called,
    interval_texts,
    regressions,
    rolling,
)  # fmt: skip
from tasks.summaries import book_sentences, coverage_sentence, trade_sentence

ROWS = 30
"""Rows of a table in the report; the steps' own artifacts have more."""


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
    parts += [*_orders(found), *_exposures(found), *_betas(found), *_rolling(found), *_output(found, context)]
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
            yield f"## {literal(trade_sentence(hedge))}\n\n{literal(book_sentences(hedge))}"


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
        yield f"## {_title('Exposure', port)}\n\n{literal(coverage_sentence(frame))}"
        covered = frame[frame["covered"]]
        if len(covered):
            yield _image(beta_exposure(covered))
            yield _positions(covered)
            yield from _regression(found, covered)
        if len(covered) < len(frame):
            named = ["symbol", "security_type", "con_id", "account", "quantity", "value", "reason"]
            uncovered = frame[~frame["covered"]][named]
            yield f"### Not covered\n\n{_head(uncovered, ('quantity', 'value'))}"


def _image(exhibit: Exhibit) -> str:
    return f"![{literal(exhibit.title)}]({data_uri(exhibit.svg)})"


def _positions(covered: pd.DataFrame) -> str:
    """Covered positions, the largest beta exposure first."""
    biggest = covered.iloc[np.argsort(-covered["beta_exposure"].abs(), kind="stable")]
    kept = biggest.head(ROWS)
    shown = {
        "position": called(kept),
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


def _regression(found: _Found, covered: pd.DataFrame) -> Iterator[str]:
    """The regression of the largest exposure that isn't the benchmark's own."""
    for _, betas in found.of(Betas):
        for _, returns in found.of(Returns):
            for exhibit in regressions(covered, betas, returns):
                yield _image(exhibit)
                return


def _betas(found: _Found) -> Iterator[str]:
    for port, frame in found.of(Betas):
        largest = frame.iloc[np.argsort(-frame["beta"], kind="stable")]
        kept = largest.head(ROWS)
        shown = {
            "symbol": kept["symbol"],
            "beta": kept["beta"].map("{:.3f}".format, na_action="ignore"),
            "95 % interval": interval_texts(kept),
            "standard error": kept["beta_error"].map("{:.3f}".format, na_action="ignore"),
            "R²": kept["r_squared"].map("{:.2f}".format, na_action="ignore"),
            "residual volatility a session": kept["residual_volatility"].map("{:.2%}".format, na_action="ignore"),
            "sessions": kept["observations"],
        }
        if (kept["reason"] != "").any():
            shown["reason"] = kept["reason"]
        lines = table(list(shown), zip(*shown.values(), strict=True), tuple(shown)[1:7])
        yield f"## {_title('Betas', port)}\n\n{lines}{_more(largest)}"
        if (picture := beta_intervals(frame)) is not None:
            yield _image(picture)


def _rolling(found: _Found) -> Iterator[str]:
    """Rolling betas of the contracts that the book is most exposed to, where it is known."""
    exposures = [frame[frame["covered"]] for _, frame in found.of(Exposures)]
    for port, frame in found.of(RollingBetas):
        if (picture := rolling(frame, exposures[0] if exposures else None)) is not None:
            yield f"## {_title('Rolling', port)}\n\n{_image(picture)}"


def _output(found: _Found, context: RunContext) -> Iterator[str]:
    """What the pipeline yields, where nothing above has told it."""
    port = context.plan.output
    if port is None or (there := found.at(port)) is None:
        return
    schema, frame = there
    if len(frame) and issubclass(schema, Hedges | Orders | Exposures | Betas | RollingBetas):
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
