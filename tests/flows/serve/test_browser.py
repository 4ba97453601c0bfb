"""What a person does in Prefect's pages: fill in a pipeline's form, see a bad value refused, watch the run."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESK = "name: demo\nconnections:\n  gateway: {kind: ib, simulated: true}\n"
ASKED = """
    description: Prices, on request.
    params:
      sessions: {default: 5, min: 2, max: 50, description: How many daily returns}
      kind: {default: simple, enum: [simple, log], description: Of the returns}
    steps:
      positions: {task: read_positions}
      prices: {task: pull_history, in: {universe: positions}, with: {returns: $sessions}}
      returns: {task: compute_returns, in: prices, with: {kind: $kind}}
    output: returns
    """


@pytest.fixture
def page() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET])
        page = browser.new_page(viewport={"width": 1400, "height": 1200})
        page.set_default_timeout(30_000)
        yield page
        browser.close()


def test_a_run_is_asked_for_by_the_form_and_seen_with_its_steps(new_up, page):
    up = new_up({"_desk": DESK, "asked": ASKED})
    pages = f"http://127.0.0.1:{up.port}"
    page.goto(f"{pages}/deployments/deployment/{up.deployments()['asked']['id']}/run")
    for text in ("How many daily returns", "Of the returns", "The trading session, if not that of its slot"):
        page.get_by_text(text).wait_for()
    number = page.locator("input[type=number]").first
    assert number.input_value() == "5"

    number.fill("1")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("1 is less than the minimum of 2").first.wait_for()
    assert up.flow_runs("asked") == []

    number.fill("7")
    page.get_by_role("button", name="Submit").click()
    (created,) = up.until(lambda: up.flow_runs("asked"), "the form makes a flow run")
    run = up.finished(created["id"])
    assert run["state_type"] == "COMPLETED"
    assert run["parameters"]["sessions"] == 7
    page.goto(f"{pages}/runs/flow-run/{run['id']}")
    page.get_by_text("asked 2022-12-28").first.wait_for()
    page.get_by_text("Task Runs", exact=True).click()
    for step in ("positions", "prices", "returns"):
        page.get_by_text(step, exact=True).first.wait_for()
    page.get_by_text("Artifacts", exact=True).click()
    page.get_by_text("asked-returns").first.wait_for()
    assert edges(up, run["id"]) == {("positions", "prices"), ("prices", "returns")}


def edges(up: Any, flow_run: str) -> set[tuple[str, str]]:
    """What the page draws its graph from."""
    url = f"http://127.0.0.1:{up.port}/api/flow_runs/{flow_run}/graph-v2"
    with urllib.request.urlopen(url, timeout=20) as answer:
        nodes = dict(json.load(answer)["nodes"])
    return {(node["label"], nodes[child["id"]]["label"]) for node in nodes.values() for child in node["children"]}
