"""A report: what it tells, that it stands alone, and how it is written."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from schemas.audit import FileWrites
from schemas.frame import schema_of
from tasks.betas import regress_betas
from tasks.connections.clock import ManualClock
from tasks.connections.content import content_id
from tasks.connections.problems import DataProblem, DeadlinePassed, Problem
from tasks.connections.scope import Deadline, Scope, entered
from tasks.report import write_report
from tasks.rolling import roll_betas
from tasks.run import Run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
NASTY = "<script>document.title='owned'</script>&\"'"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    clock = ManualClock("2022-12-28 20:45")
    return Run("run-1", "beta_hedge", date(2022, 12, 28), "report", "key", clock, root=tmp_path, profile="paper")


@pytest.fixture
def told(panel: Callable[..., pd.DataFrame], exposures: Any, hedges: Any) -> dict[str, pd.DataFrame]:
    """A book of three contracts, its betas and its hedge; one position isn't covered."""
    returns = panel(4, 252)
    betas = regress_betas(returns, "SPY")
    own = {"benchmark_id": 1, "security_type": "STK", "price": 50.0}
    exposure = exposures(
        {**own, "con_id": 2, "symbol": "C2", "value": 60_000.0, "beta": 1.5, "quantity": 1200.0},
        {**own, "con_id": 3, "symbol": NASTY, "value": -30_000.0, "beta": 0.5, "quantity": -600.0},
        {**own, "con_id": 4, "symbol": "C4", "value": 10_000.0, "reason": "no beta: too <few> returns"},
    )
    trade = {"con_id": 1, "symbol": "SPY", "price": 378.0, "quantity": -198.0, "notional": -74_844.0}
    book = {"portfolio_value": 40_000.0, "portfolio_beta": 2.5, "beta_exposure": 75_000.0, "hedged_exposure": 75_000.0}
    hedge = hedges({**trade, **book, "positions": 3, "covered_positions": 2})
    rolling = roll_betas(returns, "SPY", window=63)
    return {"hedge": hedge, "exposure": exposure, "betas": betas, "returns": returns, "rolling": rolling}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET])
        yield browser
        browser.close()


@pytest.fixture
def seen(browser: Any, run: Run, told: dict[str, pd.DataFrame]) -> Iterator[Callable[..., Any]]:
    """Opens the report, and keeps what the browser asks for and complains of."""
    pages = []

    def see(**options: Any) -> Any:
        write_report(run, "report.html", **told)
        page = browser.new_page(**options)
        pages.append(page)
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.goto(f"file://{run.root}/report.html")
        return page

    yield see
    for page in pages:
        page.close()


def test_a_browser_shows_it_whole_and_asks_nobody_else(seen, run):
    page = seen(viewport={"width": 1100, "height": 900})
    assert page.asked == [f"file://{run.root}/report.html"]
    assert page.complaints == []
    assert page.title() == "beta_hedge 2022-12-28"
    assert [page.locator("h2").nth(n).inner_text() for n in range(4)] == [
        "Exposure by position", "Betas", "Betas over time", "Where it comes from",
    ]  # fmt: skip
    assert page.locator(".lead").inner_text() == "Sell 198 SPY at 378 USD (mid, live), 74,844.00 USD in all."
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing sticks out"


def test_on_a_phone_nothing_sticks_out(seen):
    page = seen(viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_it_is_light_or_dark_as_its_reader_likes(seen):
    def luminance(page: Any, what: str, of: str) -> float:
        color = page.evaluate(f"getComputedStyle(document.querySelector({what!r})).{of}")
        return sum(map(float, color.removeprefix("rgb(").removesuffix(")").split(","))) / 3

    light, dark = seen(color_scheme="light"), seen(color_scheme="dark")
    assert luminance(light, "body", "backgroundColor") == 255
    assert luminance(dark, "body", "backgroundColor") < 40
    assert luminance(dark, "td", "color") > 200
    assert luminance(dark, "svg text", "fill") > 200, "pictures too"
    assert luminance(dark, "svg rect", "fill") < 40
    dark.emulate_media(media="print")
    assert luminance(dark, "body", "backgroundColor") == 255, "on paper it is light"


def test_whoever_cannot_see_is_read_tables_and_pictures(seen):
    page = seen()
    pictures = page.locator("svg")
    assert pictures.count() >= 5
    assert page.locator("svg[role=img][aria-label]").count() == pictures.count()
    names = [pictures.nth(n).get_attribute("aria-label") for n in range(pictures.count())]
    assert "Betas with their 95% intervals" in names
    assert "Beta-weighted exposure, USD" in names
    tables = page.locator("table")
    assert page.locator("table > caption").count() == tables.count() >= 4
    assert page.locator("thead th:not([scope=col])").count() == 0
    assert page.locator("tbody tr > th[scope=row]").count() == page.locator("tbody tr").count()
    assert page.locator("html[lang=en]").count() == 1


def test_what_stands_in_a_frame_is_text_whatever_it_looks_like(seen):
    page = seen()
    assert page.title() == "beta_hedge 2022-12-28"
    assert page.get_by_text(NASTY, exact=True).first.is_visible()
    assert page.get_by_text("no beta: too <few> returns").is_visible()
    assert page.locator("script").count() == 0


def test_the_numbers_are_those_of_the_frames(seen, told):
    page = seen()

    def row(caption: str, name: str) -> list[str]:
        found = page.locator("table", has_text=caption).locator("tbody tr", has=page.locator(f"th:text-is('{name}')"))
        return found.first.locator("th, td").all_inner_texts()

    assert row("Covered positions", "C2")[2:] == ["1,200", "50", "60,000", "1.500", "0.50", "90,000"]
    assert row("without a price or a beta", "C4")[3:6] == ["1", "10,000", "no beta: too <few> returns"]
    beta = told["betas"].set_index("symbol").loc["C2"]
    reach = 1.9694983934211 * beta["beta_error"]  # t(0.975; 250), from a table of Student's distribution
    assert row("Betas, the largest first", "C2")[1:5] == [
        f"{beta['beta']:.3f}",
        f"{beta['beta'] - reach:.3f} to {beta['beta'] + reach:.3f}",
        f"{beta['beta_error']:.3f}",
        f"{beta['r_squared']:.2f}",
    ]
    last = told["rolling"].query("symbol == 'C2'")["beta"]
    assert row("over all windows", "C2")[1:] == [
        f"{last.min():.3f}", f"{last.median():.3f}", f"{last.max():.3f}", f"{last.iloc[-1]:.3f}", str(len(last)),
    ]  # fmt: skip


def test_it_says_where_it_comes_from(run, told):
    write_report(run, "report.html", **told)
    page = (run.root / "report.html").read_text()
    assert "<dt>run</dt><dd>run-1</dd>" in page
    assert f"<dt>pandas</dt><dd>{pd.__version__}</dd>" in page
    assert content_id(told["betas"])[:16] in page
    assert "hedgerow explain run-1 report --desk paper\n" in page
    assert "hedgerow explain run-1 report --desk paper --where con_id=2<" in page, "the largest position"


def test_the_receipt_is_of_the_file_as_it_stands_there(run, told, notes):
    frame = schema_of(FileWrites).validate(write_report(run, **told))
    (receipt,) = frame.to_dict("records")
    assert receipt["path"] == "reports/beta_hedge-2022-12-28.html"
    content = (run.root / receipt["path"]).read_bytes()
    assert receipt["bytes"] == len(content)
    assert receipt["sha256"] == hashlib.sha256(content).hexdigest()
    assert notes[0].startswith("report written to reports/beta_hedge-2022-12-28.html, ")


def test_the_same_report_again_leaves_the_file_alone(run, told, notes):
    write_report(run, "report.html", **told)
    before = (run.root / "report.html").stat()
    write_report(run, "report.html", **told)
    after = (run.root / "report.html").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert notes[1] == "report.html has the same report already"


def test_who_reads_the_old_report_goes_on_reading_it_whole(run, told):
    write_report(run, "report.html", hedge=told["hedge"])
    with (run.root / "report.html").open() as reading:
        half = reading.read(200)
        write_report(replace(run, id="run-2"), "report.html", **told)
        assert (half + reading.read()).endswith("</html>\n")
    assert [path.name for path in run.root.iterdir()] == ["report.html"], "nothing is left lying about"


@pytest.mark.parametrize("name", ["hedge", "exposure", "betas", "rolling"])
def test_any_of_its_frames_alone_makes_a_report(run, told, name):
    write_report(run, "report.html", **{name: told[name]})
    assert "Where it comes from" in (run.root / "report.html").read_text()


@pytest.mark.parametrize("name", ["hedge", "exposure", "betas", "returns", "rolling"])
def test_frames_with_no_rows_are_told_of_too(run, told, name):
    write_report(run, "report.html", **{**told, name: told[name].iloc[:0]})
    assert (run.root / "report.html").read_text().endswith("</html>\n")


def test_betas_that_could_not_be_regressed_say_why(run, panel):
    returns = panel(2, 40)
    returns.loc[(returns["symbol"] == "C2") & (returns.index % 40 > 3), "return"] = float("nan")
    betas = regress_betas(returns, "SPY")
    (reason,) = betas.loc[betas["symbol"] == "C2", "reason"]
    assert reason
    write_report(run, "report.html", betas=betas)
    assert reason in (run.root / "report.html").read_text()
    write_report(run, "report.html", betas=betas[betas["symbol"] == "C2"])
    page = (run.root / "report.html").read_text()
    assert "None could be regressed." in page
    assert reason in page


def test_a_book_of_thousands_is_folded_and_cut(run, exposures):
    rows = [{"value": 1000.0 + n, "beta": 1.0, "symbol": f"S{n}"} for n in range(600)]
    write_report(run, "report.html", exposure=exposures(*rows))
    page = (run.root / "report.html").read_text()
    assert "The first 500 of 600 rows." in page
    assert "<summary>Covered positions, the largest beta exposure first: 600 rows</summary>" in page
    assert "586 others" in page


def test_a_report_of_nothing_is_refused(run):
    with pytest.raises(DataProblem, match="nothing to tell"):
        write_report(run)


@pytest.mark.parametrize(
    ("path", "words"),
    [("report.txt", "report.txt names none"), ("taken.html", "something else is in its way"),
     ("file/report.html", "something else is in its way")],
)  # fmt: skip
def test_a_path_that_cannot_be_is_refused(run, told, path, words):
    (run.root / "taken.html").mkdir()
    (run.root / "file").write_text("x")
    with pytest.raises(DataProblem, match=words):
        write_report(run, path, **told)


def test_a_full_disk_leaves_the_report_before(run, told, monkeypatch):
    write_report(run, "report.html", hedge=told["hedge"])
    before = (run.root / "report.html").read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Problem, match=r"report.html can't be written: No space left on device"):
        write_report(run, "report.html", **told)
    assert (run.root / "report.html").read_bytes() == before
    assert [path.name for path in run.root.iterdir()] == ["report.html"]


def test_a_step_out_of_time_writes_nothing(run, told):
    deadline = Deadline()
    deadline.abandon()
    with entered(Scope(deadline=deadline)), pytest.raises(DeadlinePassed):
        write_report(run, "report.html", **told)
    assert list(run.root.iterdir()) == []
