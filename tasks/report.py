"""A report that a person reads: one HTML file, whole in itself."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.audit import FileWrites
from schemas.book import Exposures
from schemas.market import Returns
from schemas.orders import Orders
from schemas.risk import Betas, Hedges, Loadings, RollingBetas
from tasks.connections.content import content_id
from tasks.connections.problems import DataProblem
from tasks.connections.scope import current, note
from tasks.declare import task
from tasks.page import commands, document, facts, heading, paragraph, table
from tasks.report_file import write_whole
from tasks.report_sections import (
    betas_section,
    exposure_section,
    hedge_section,
    loadings_section,
    orders_section,
    rolling_section,
)  # fmt: skip
from tasks.run import Run

PACKAGES = ("hedgerow", "prefect", "pandas", "numpy", "pandera", "scikit-learn", "arcticdb", "ibapi")
"""Packages whose versions a report names."""


@task(effect=True)
def write_report(
    run: Run,
    path: str = "",
    title: str = "",
    hedge: DataFrame[Hedges] | None = None,
    orders: DataFrame[Orders] | None = None,
    exposure: DataFrame[Exposures] | None = None,
    betas: DataFrame[Betas] | None = None,
    returns: DataFrame[Returns] | None = None,
    rolling: DataFrame[RollingBetas] | None = None,
    loadings: DataFrame[Loadings] | None = None,
) -> DataFrame[FileWrites]:
    """Write what is given as an HTML page: one file with no outside assets, light or dark, fit to be printed.

    It tells the trade and what it leaves, the orders, each position's exposure and what isn't covered and why, the
    betas with their intervals and the regressions behind the largest exposures, rolling betas and factor loadings;
    and where all of it comes from. Frames that aren't given are left out.

    The file is written whole or not at all: who reads it meanwhile has the one before.

    Parameters
    ----------
    path
        Where to write it; relative paths start in the project's folder. By default `reports/`, by pipeline and
        session.
    title
        Of the page; by default the pipeline and its session.
    hedge, orders, exposure, betas, returns, rolling, loadings
        What to tell. The regressions are drawn where exposure, betas and returns are all given.

    Returns
    -------
    DataFrame[FileWrites]
        The file: `send_alert` takes it as its `files`.

    Raises
    ------
    DataProblem
        No frame is given; the path isn't that of an `.html` file, or leads nowhere.
    DeadlinePassed
        The step ran out of its time before anything was written.
    """
    given: dict[str, pd.DataFrame | None] = {
        "hedge": hedge, "orders": orders, "exposure": exposure, "betas": betas, "returns": returns,
        "rolling": rolling, "loadings": loadings,
    }  # fmt: skip
    frames = {name: frame for name, frame in given.items() if frame is not None}
    if not frames:
        raise DataProblem(
            "The report has nothing to tell: none of the frames that it can tell of is given.",
            f"Give it some, as in `in: [hedge, exposure, betas, returns]`; it knows {', '.join(given)}.",
        )
    name = title or f"{run.pipeline} {run.session}"
    place = path or f"reports/{run.pipeline}-{run.session}.html"
    if not place.endswith((".html", ".htm")):
        raise DataProblem(f"A report is an HTML page, and {place} names none.", "Have `path` end in .html.")
    body = "\n".join([heading(name, 1), *_sections(run, frames), *_provenance(run, frames)])
    content = document(name, body).encode()
    current().deadline.check(f"Report {place}")
    if write_whole(run.root / place, place, content):
        note(f"report written to {place}, {len(content) / 1000:,.0f} kB")
    else:
        note(f"{place} has the same report already")
    digest = hashlib.sha256(content).hexdigest()
    row = {"path": [place], "title": [name], "bytes": [len(content)], "sha256": [digest]}
    return cast("DataFrame[FileWrites]", pd.DataFrame(row))


def _sections(run: Run, frames: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    yield paragraph(
        f"Session {run.session}, run {run.id} of {run.pipeline}, {run.now():%Y-%m-%d %H:%M:%S} UTC.", "faint"
    )
    hedge, exposure = frames.get("hedge"), frames.get("exposure")
    if hedge is not None:
        yield from hedge_section(hedge)
    if (orders := frames.get("orders")) is not None:
        yield from orders_section(orders)
    if exposure is not None:
        yield from exposure_section(exposure)
    if (betas := frames.get("betas")) is not None:
        yield from betas_section(betas, exposure, frames.get("returns"))
    if (rolling := frames.get("rolling")) is not None:
        yield from rolling_section(rolling, exposure)
    if (loadings := frames.get("loadings")) is not None:
        yield from loadings_section(loadings)


def _provenance(run: Run, frames: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Where all of it comes from."""
    yield heading("Where it comes from")
    yield facts(
        [
            ("run", run.id),
            ("pipeline", run.pipeline),
            ("session", str(run.session)),
            ("desk's profile", run.profile or "none"),
            ("written, by the run's clock", f"{run.now():%Y-%m-%d %H:%M:%S} UTC"),
            ("python", platform.python_version()),
            *_versions(),
        ]
    )
    rows = [(name, f"{len(frame):,}", content_id(frame)[:16]) for name, frame in frames.items()]
    yield table("What the report was given, by the names of the journal", ("frame", "rows", "content"), rows, ("rows",))
    yield paragraph("Every number can be followed to the broker's messages:")
    yield commands([run.explain, *_of_contract(run, frames)])


def _versions() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue


def _of_contract(run: Run, frames: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """The command for one contract: the largest position, where positions are told of."""
    exposure = frames.get("exposure")
    if exposure is not None and len(exposure):
        largest = exposure["value"].abs().fillna(0.0).to_numpy().argmax()
        yield f"{run.explain} --where con_id={exposure['con_id'].iloc[int(largest)]}"
