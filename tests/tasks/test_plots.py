"""Plots are well-formed pictures in which lengths and places are the numbers'."""

from __future__ import annotations

import base64
from datetime import date
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from tasks.drawing import data_uri
from tasks.plots import bars, intervals, lines, scatter

SVG = "{http://www.w3.org/2000/svg}"


def drawn(svg, kind):
    return [each.attrib for each in ElementTree.fromstring(svg).iter(SVG + kind)]  # noqa: S314 - our own picture


def texts(svg):
    return [each.text for each in ElementTree.fromstring(svg).iter(SVG + "text")]  # noqa: S314 - our own picture


def test_bars_are_as_long_as_their_values_and_lie_on_their_side_of_zero():
    svg = bars("Exposure, USD", ["AAPL", "P&G", "KO"], [400_000.0, 0.0, -100_000.0])
    _paper, long, none, short = drawn(svg, "rect")
    assert float(long["width"]) == pytest.approx(4 * float(short["width"]), abs=0.3)
    assert float(none["width"]) == 0
    (zero,) = drawn(svg, "line")
    assert float(long["x"]) == pytest.approx(float(zero["x1"]), abs=0.2)
    assert float(short["x"]) + float(short["width"]) == pytest.approx(float(zero["x1"]), abs=0.2)
    assert texts(svg) == ["Exposure, USD", "AAPL", "400,000", "P&G", "0", "KO", "-100,000"]


@pytest.mark.parametrize("values", [[], [0.0], [-1.0, -2.0], [1e12]])
def test_bars_of_any_book_stay_on_the_paper(values):
    svg = bars("x", ["A"] * len(values), values)
    for bar in drawn(svg, "rect"):
        assert float(bar.get("x", 0)) >= 0
        assert float(bar.get("x", 0)) + float(bar["width"]) <= 720


def test_a_point_on_the_line_is_drawn_on_the_line():
    svg = scatter("AAPL", [-0.02, 0.0, 0.04], [-0.03, 0.01, 0.07], (0.0, 1.5), ("SPY's", "AAPL's"))
    *_grid, line = drawn(svg, "line")
    (path,) = drawn(svg, "path")
    points = [tuple(map(float, dot.removesuffix("h0").split())) for dot in path["d"].split("M")[1:]]
    assert len(points) == 3
    (x1, y1), (x2, y2) = (float(line["x1"]), float(line["y1"])), (float(line["x2"]), float(line["y2"]))
    assert points[0] == pytest.approx((x1, y1), abs=0.2)  # -0.03 = 1.5 × -0.02
    assert x2 == pytest.approx(points[2][0], abs=0.2)
    assert y2 > points[2][1]  # 0.07 is above 1.5 × 0.04
    assert y2 < y1
    assert {"-2 %", "0 %", "4 %"} <= set(texts(svg))


def test_one_point_is_enough():
    assert len(drawn(scatter("x", [0.01], [0.01], (0.0, 1.0), ("a", "b")), "path")) == 1


def test_an_image_carries_its_whole_picture():
    address = data_uri("<svg/>")
    assert address.startswith("data:image/svg+xml;base64,")
    assert base64.b64decode(address.partition(",")[2]) == b"<svg/>"


def test_an_interval_is_as_wide_as_it_is_and_its_point_lies_in_it():
    svg = intervals("Betas", ["AAPL", "KO"], [1.5, 0.5], [(1.25, 1.75), (float("nan"), float("nan"))], at=1.0)
    points = [tuple(map(float, each["d"].removeprefix("M").removesuffix("h0").split())) for each in drawn(svg, "path")]
    (interval,) = [each for each in drawn(svg, "line") if each["stroke-width"] == "2.4"]
    (one,) = [each for each in drawn(svg, "line") if "stroke-dasharray" in each]
    begin, end, at = float(interval["x1"]), float(interval["x2"]), float(one["x1"])
    assert points[0][0] == pytest.approx((begin + end) / 2, abs=0.1)
    assert end - begin == pytest.approx(points[0][0] - at, abs=0.2), "both are 0.5 wide"
    assert at - points[1][0] == pytest.approx(points[0][0] - at, abs=0.2), "0.5 is as far below 1 as 1.5 above"
    assert points[0][1] < points[1][1], "the first is on top"
    assert {"AAPL", "KO", "0.5", "1.75"} <= set(texts(svg))


def test_lines_over_time_break_where_there_is_nothing_and_are_named_at_their_ends():
    days = [date(2022, 1, 3), date(2022, 2, 1), date(2022, 3, 1), date(2022, 4, 1)]
    gap = float("nan")
    svg = lines("Rolling", days, {"AAPL": [1.0, 1.5, gap, 1.25], "KO": [0.5, 0.5, 0.5, gap]})
    apple, coke = [each["d"] for each in drawn(svg, "path") if each.get("fill") == "none"]
    assert (apple.count("M"), apple.count("L")) == (2, 1)
    assert (coke.count("M"), coke.count("L")) == (1, 2)
    places = [tuple(map(float, point.split())) for point in apple.replace("M", "L").split("L")[1:]]
    assert places[1][1] < places[2][1] < places[0][1], "1.5 is above 1.25 is above 1"
    whole = places[2][0] - places[0][0]
    assert (places[1][0] - places[0][0]) / whole == pytest.approx(29 / 88, abs=0.002), "by the calendar"
    assert {"AAPL", "KO", "Feb 2022", "Mar 2022", "Apr 2022"} <= set(texts(svg))


def test_names_of_lines_that_end_together_can_both_be_read():
    svg = lines("Rolling", [date(2022, 1, 3), date(2022, 2, 1)], {"A": [1.0, 1.2], "B": [1.0, 1.2], "C": [1.0, 1.19]})
    heights = sorted(
        float(each.attrib["y"])
        for each in ElementTree.fromstring(svg).iter(SVG + "text")  # noqa: S314 - our own picture
        if each.text in "ABC"
    )
    assert min(b - a for a, b in pairwise(heights)) >= 14.9


def test_a_steep_line_stays_in_its_picture():
    svg = scatter("x", [-0.02, 0.0, 0.02], [-0.01, 0.0, 0.01], (0.0, 40.0), ("a", "b"))
    *grid, fit = drawn(svg, "line")
    heights = [float(each[end]) for each in grid for end in ("y1", "y2")]
    assert min(heights) - 0.2 <= float(fit["y2"]) < float(fit["y1"]) <= max(heights) + 0.2


def test_a_picture_says_what_it_is_and_takes_a_pages_colours():
    (svg,) = [ElementTree.fromstring(bars("P&L", ["A"], [1.0]))]  # noqa: S314 - our own picture
    assert (svg.attrib["role"], svg.attrib["aria-label"]) == ("img", "P&L")
    assert "var(--up,#" in next(iter(svg.findall(SVG + "rect")[1:])).attrib["style"]
