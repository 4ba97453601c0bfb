"""What a person sees of the live beta hedge, in a real browser, from its first firing to after its end."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[3]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DRAWS = ("--enable-unsafe-swiftshader",)
"""Plots need WebGL2, which a machine with no graphics has only so."""
FAST = "{name: fast, connections: {gateway: {at: 2022-12-28T15:00:00Z, speed: 20}}}"
READY = 30_000
COUNT_BLUE = """async (picture) => {
    const image = new Image();
    image.src = "data:image/png;base64," + picture;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const pixels = canvas.getImageData(0, 0, image.width, image.height).data;
    let blue = 0;
    for (let at = 0; at < pixels.length; at += 4) blue += pixels[at + 2] > pixels[at] + 60;
    return blue;
}"""


class Run:
    """`hedgerow run beta_hedge_live --view`, in a project of its own."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(ROOT / "pipelines", folder / "pipelines")
        with (folder / "pipelines" / "_desk.yaml").open("a") as desk:
            desk.write(f"  fast: {FAST}\n")
        self._folder = folder
        self._env = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": ""}
        subprocess.run(self._command("beta_hedge"), cwd=folder, env=self._env, check=True, capture_output=True)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*self._command("beta_hedge_live"), "--view", "0"],
            cwd=self._folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if found := re.search(r"live page: (http://127\.0\.0\.1:\d+/[\w-]+/)", line):
                self.address = found.group(1)
                return
        raise AssertionError("".join(lines))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=20)

    @staticmethod
    def _command(pipeline: str) -> list[str]:
        return [sys.executable, "-m", "flows", "run", pipeline, "--desk", "fast", "--untracked"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    run = Run(tmp_path_factory.mktemp("live"))
    yield run
    if run.process.poll() is None:
        run.stop()


@pytest.fixture
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium


def opened(browser: Any, address: str, seen: list[str], complaints: list[str]) -> Any:
    page = browser.new_context(viewport={"width": 1600, "height": 950}, color_scheme="dark").new_page()
    page.set_default_timeout(READY)
    page.on("request", lambda request: seen.append(request.url))
    page.on("websocket", lambda socket: seen.append(socket.url))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    return page


def test_where_plots_cant_be_drawn_the_page_says_so_and_shows_the_rest(run, chromium):
    browser = chromium.launch(executable_path=CHROMIUM, args=[*QUIET, "--disable-3d-apis"])
    page = opened(browser, run.address, [], [])
    page.locator(".chart", has_text="has no WebGL2").first.wait_for()
    page.locator("[data-table=quotes] td", has_text="MSFT").first.wait_for()
    browser.close()


def test_the_book_is_watched_from_the_first_firing_to_after_the_end(run, chromium):
    from playwright.sync_api import expect

    expect.set_options(timeout=READY)
    browser = chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *DRAWS])
    seen: list[str] = []
    complaints: list[str] = []
    try:
        page = opened(browser, run.address, seen, complaints)
        page.locator("#condition", has_text="live").wait_for()
        trade = page.locator(".figure", has_text="Trade").locator("b")
        expect(trade).to_have_text(re.compile(r"SELL [\d,]+"))
        for table in ("exposure", "quotes"):
            page.locator(f"[data-table={table}] td", has_text="MSFT").first.wait_for()
        page.locator("[data-table='*steps'] td", has_text="quotes").first.wait_for()
        page.locator("#told li", has_text="SPY's price is simulated, not live.").wait_for()

        expect(page.locator("#firing")).not_to_have_text(page.locator("#firing").inner_text())
        for chart in page.locator(".panel.chart .body").all():
            expect_line(page, chart)

        page.get_by_role("tab", name="betas").click()
        page.locator("[data-table=betas] td", has_text="AAPL").first.wait_for()
        page.get_by_role("tab", name="steps").click()

        page.locator("#theme").click()
        page.locator(":root[data-theme=light]").wait_for()
        page.locator("perspective-viewer[theme='Pro Light']").first.wait_for()
        page.reload()
        page.locator(":root[data-theme=light]").wait_for()
        page.locator("[data-table=exposure] td", has_text="MSFT").first.wait_for()

        run.stop()
        page.locator("#condition", has_text="ended: cancelled").wait_for()
        page.locator("#notice", has_text="this is its last state").wait_for()
        page.get_by_role("tab", name="positions").click()  # what was never looked at is there too
        page.locator("[data-table=positions] td", has_text="DU1234567").first.wait_for()

        asked = [urlsplit(url) for url in seen]
        assert {url.hostname for url in asked if url.scheme not in {"data", "blob"}} == {"127.0.0.1"}
        assert [said for said in complaints if "ERR_CONNECTION_REFUSED" not in said] == []
    finally:
        browser.close()


def expect_line(page: Any, chart: Any) -> None:
    """The plot's line is there: pixels that are bluer than anything else on it."""
    for _ in range(20):
        picture = base64.b64encode(chart.screenshot()).decode()
        if page.evaluate(COUNT_BLUE, picture) > 100:
            return
        page.wait_for_timeout(500)
    raise AssertionError("the plot is blank")
