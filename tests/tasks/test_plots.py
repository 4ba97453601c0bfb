"""Plots are well-formed pictures in which lengths and places are the numbers'."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

import pytest

from tasks.drawing import data_uri
from tasks.plots import bars, scatter

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
