"""An alert in the forms that its services want."""

from __future__ import annotations

import pandas as pd

from schemas.frame import schema_of
from schemas.orders import Orders
from tasks.messages import together, told

NASTY = "<b>&\"'```</b>"


def test_what_a_frame_holds_is_text_in_mail_and_cannot_end_a_chats_code():
    frame = pd.DataFrame({"symbol": [NASTY, "B"], "value": [1.5, -2.0]})
    alert = told(NASTY, NASTY, frame, {}, "hedgerow explain 1")
    html = alert.message("info", "key").html
    assert "<b>" not in html
    assert html.count("&lt;b&gt;&amp;&quot;&#x27;```&lt;/b&gt;") == 3
    assert alert.markdown.count("```") - alert.markdown.partition("```\n")[0].count("```") == 2


def test_a_text_message_keeps_its_command_whole():
    alert = told("Breaks", "x" * 1000, None, {}, "hedgerow explain 4f2a71143254 alarm")
    assert len(alert.short) == 300
    assert alert.short.startswith("Breaks: xxx")
    assert alert.short.endswith("… hedgerow explain 4f2a71143254 alarm")
    brief = told("Breaks", "Two of them.", None, {}, "hedgerow explain 4f2a")
    assert brief.short == "Breaks: Two of them. hedgerow explain 4f2a"


def test_orders_are_told_by_what_became_of_them():
    orders = pd.DataFrame({name: [""] * 3 for name in schema_of(Orders).columns})
    orders["status"] = ["filled", "partially_filled", "filled"]
    assert told("Orders", "", orders, {}, "x").text.startswith("3 orders: 2 filled, 1 partially filled.")


def test_many_failures_are_counted():
    alert = told("Down", "", None, {f"step_{n}": "It broke." for n in range(13)}, "x")
    assert alert.text.count("It broke.") == 10
    assert "… and 3 more steps failed." in alert.text


def test_several_together_are_each_told_whole():
    parts = [told(title, f"About {title}.", None, {}, f"hedgerow explain {title}") for title in ("One", "Two", "Two")]
    both = together(parts)
    assert both.title == "3 alerts: One, Two (2 times)"
    for part in parts:
        assert part.text in both.text
        assert part.html in both.html
        assert part.markdown in both.markdown
    assert both.short == "3 alerts: One, Two (2 times)"
    assert together(parts[:1]) == parts[0]
