"""A pipeline is shown with what each step takes and yields; what acts stands out; nothing lies upon another."""

from __future__ import annotations

import itertools
import random
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from flows.check import check_file, render
from flows.desk import load_desk
from flows.picture.boxes import boxes
from flows.picture.layers import GAP, Size, bend, place
from flows.picture.listing import listing
from flows.picture.page import page
from flows.picture.svg import picture
from flows.plan import Plan
from tasks.registry import catalog

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "pipelines"
SHIPPED = sorted(path.stem for path in FOLDER.glob("[!_]*.yaml"))
SVG = "{http://www.w3.org/2000/svg}"


def plan_of(path: Path) -> Plan:
    checked = check_file(path, catalog(), load_desk(FOLDER), FOLDER)
    assert checked.plan is not None, render(checked)
    return checked.plan


LIVE = """
stream:
  trades: {task: watch_trades, in: {universe: held}, keep: all}
  quotes: {task: watch_quotes, in: {universe: held}, keep: latest}
steps:
  held: {task: read_positions}
  betas: {task: read_rows, with: {table: betas}, schema: Betas}
  exposure: {task: mark_exposure, in: {positions: held, quotes: quotes, betas: betas}, every: 20s}
  save: {task: write_rows, in: trades, with: {table: trades}, after: [exposure]}
output: exposure
"""


@pytest.fixture
def live(tmp_path: Path) -> Plan:
    path = tmp_path / "live.yaml"
    path.write_text(LIVE)
    return plan_of(path)


def test_the_text_says_what_each_step_takes_and_yields_and_which_act(live):
    shown = listing(live)
    assert "≋ trades    watch_trades    → Trades (log)" in shown
    assert "≋ quotes    watch_quotes    → Quotes (table)" in shown
    assert "universe ← held (Universe table)" in shown
    assert re.search(r"^  exposure +mark_exposure +→ Exposures \(table\) +=", shown, re.MULTILINE)
    assert "[every 20s at most]" in shown
    save = shown[shown.index("▲ save") :]
    assert "rows ← trades (Trades log)" in save
    assert "· exposure: after it" in save


@pytest.mark.parametrize("name", SHIPPED)
def test_every_step_and_every_frame_of_a_shipped_file_is_in_the_picture(name):
    plan = plan_of(FOLDER / f"{name}.yaml")
    root = ElementTree.fromstring(picture(plan))  # noqa: S314 - our own
    drawn = {group.get("data-step"): group for group in root.iter(f"{SVG}g")}
    steps = [*plan.sources, *plan.steps]
    assert set(drawn) == {step.name for step in steps}
    ways = [(way.get("data-from"), way.get("data-to")) for way in root.iter(f"{SVG}path")]
    for step in steps:
        words = " ".join(text.text or "" for text in drawn[step.name].iter(f"{SVG}text"))
        for edge in step.edges:
            assert (edge.source.step, step.name) in ways
            assert f"{edge.parameter}: {(edge.schema or edge.kind).__name__}" in words
        for schema in step.outputs.values():
            assert schema.__name__ in words
        is_effect = step.task is not None and step.task.kind == "effect"
        assert ("effect" in (drawn[step.name].get("class") or "").split()) == is_effect


@pytest.mark.parametrize("name", SHIPPED)
def test_no_box_lies_upon_another_and_no_text_leaves_its_box(name):
    root = ElementTree.fromstring(picture(plan_of(FOLDER / f"{name}.yaml")))  # noqa: S314 - our own
    found = []
    for group in root.iter(f"{SVG}g"):
        rect = next(group.iter(f"{SVG}rect"))
        x, y, width, height = (float(rect.get(key) or 0) for key in ("x", "y", "width", "height"))
        found.append((x, y, x + width, y + height))
        for text in group.iter(f"{SVG}text"):
            assert 7.3 * len(text.text or "") <= width
            assert y < float(text.get("y") or 0) < y + height
    for (left, top, right, bottom), (x, y, to_x, to_y) in itertools.combinations(found, 2):
        assert right <= x or to_x <= left or bottom <= y or to_y <= top


@pytest.mark.parametrize("name", SHIPPED)
def test_no_edge_runs_through_a_box(name):
    root = ElementTree.fromstring(picture(plan_of(FOLDER / f"{name}.yaml")))  # noqa: S314 - our own
    found = []
    for group in root.iter(f"{SVG}g"):
        rect = next(group.iter(f"{SVG}rect"))
        x, y, width, height = (float(rect.get(key) or 0) for key in ("x", "y", "width", "height"))
        found.append((x + 1, y + 1, x + width - 1, y + height - 1))
    for way in root.iter(f"{SVG}path"):
        if "last" in (way.get("class") or ""):
            continue
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", way.get("d") or "")]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        for start in range(0, len(points) - 1, 3):
            for x, y in on_curve(points[start : start + 4]):
                inside = [box for box in found if box[0] < x < box[2] and box[1] < y < box[3]]
                assert not inside, (way.get("data-from"), way.get("data-to"), x, y)


def on_curve(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points of a cubic Bézier curve."""
    found = []
    for step in range(21):
        t = step / 20
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
        x, y = (sum(weight * point[axis] for weight, point in zip(weights, points, strict=True)) for axis in (0, 1))
        found.append((x, y))
    return found


def test_boxes_are_ordered_so_that_edges_that_need_not_cross_do_not():
    names = [*"abcd", *"wxyz"]
    placed = place({name: Size(50, 30) for name in names}, [("a", "z"), ("b", "y"), ("c", "x"), ("d", "w")])
    heights = [placed[name].middle for name in "abcd"]
    assert heights == sorted(heights)
    assert [placed[name].middle for name in "zyxw"] == heights


def test_a_log_is_a_thick_line_and_what_was_before_a_dotted_one():
    drawn = picture(plan_of(FOLDER / "risk_watch.yaml"))
    (before,) = re.findall(r'<path class="way last" data-from="(\w+)" data-to="(\w+)"', drawn)
    assert before == ("limits", "limits")
    assert 'class="way edge log"' not in drawn


def test_logs_and_tables_are_told_apart(live):
    ways = re.findall(r'<path class="way edge( log)?" data-from="(\w+)" data-to="(\w+)"', picture(live))
    assert {(first, last) for log, first, last in ways if log} == {("trades", "save")}


def test_steps_are_boxed_after_what_they_follow(live):
    names = [box.name for box in boxes(live)]
    assert names.index("held") < names.index("trades") < names.index("save")


def test_text_of_a_file_can_not_become_markup(tmp_path):
    path = tmp_path / "live.yaml"
    path.write_text("description: '</p><script>alert(1)</script>'\n" + LIVE)
    shown = page(plan_of(path))
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert" in shown


@pytest.mark.parametrize("seed", range(20))
def test_any_graph_is_drawn_with_edges_to_the_right_and_gaps_between(seed):
    dice = random.Random(seed)  # noqa: S311 - guards nothing
    names = [f"n{number}" for number in range(dice.randint(1, 30))]
    edges = [(one, other) for one, other in itertools.combinations(names, 2) if dice.random() < 0.12]
    sizes = {name: Size(100.0, dice.uniform(40, 150)) for name in names}
    placed = place(sizes, edges)
    for first, last in edges:
        assert placed[first].layer < placed[last].layer
        for layer in range(placed[first].layer + 1, placed[last].layer):
            assert placed[bend(first, last, layer)].layer == layer
    for one, other in itertools.combinations(names, 2):
        if placed[one].layer == placed[other].layer:
            apart = abs(placed[one].middle - placed[other].middle)
            assert apart >= (sizes[one].height + sizes[other].height) / 2 + GAP - 1e-6


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_in_a_browser_a_click_on_a_step_lights_what_it_takes_and_feeds(tmp_path):
    from playwright.sync_api import sync_playwright

    path = tmp_path / "graph.html"
    path.write_text(page(plan_of(FOLDER / "beta_hedge.yaml")))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 2100, "height": 900})
        wrong: list[object] = []
        shown.on("console", lambda message: wrong.append(message.text))
        shown.on("pageerror", lambda error: wrong.append(str(error)))
        shown.on("request", lambda request: None if request.url.startswith("file:") else wrong.append(request.url))
        shown.goto(path.as_uri())
        shown.click('[data-step="betas"] .name')
        lit = shown.eval_on_selector_all(".way.lit", "ways => ways.map(way => [way.dataset.from, way.dataset.to])")
        overflow = shown.evaluate(
            """() => [...document.querySelectorAll("[data-step]")].filter(step => {
              const box = step.querySelector("rect").getBBox();
              return [...step.querySelectorAll("text")].some(text => {
                const at = text.getBBox();
                return at.x < box.x || at.x + at.width > box.x + box.width;
              });
            }).length"""
        )
        browser.close()
    assert wrong == []
    assert ["returns", "betas"] in lit
    assert ["betas", "exposure"] in lit
    assert all("betas" in way for way in lit)
    assert overflow == 0
