"""Frames as Markdown tables that show what is in them, whatever it is."""

from __future__ import annotations

import pandas as pd

from flows.markup import frame_table, literal, table


def test_values_are_written_as_a_person_reads_them_and_numbers_end_flush():
    frame = pd.DataFrame({"symbol": ["A", "B"], "value": [1234567.891, float("nan")], "covered": [True, False]})
    assert frame_table(frame) == (
        "| symbol | value | covered |\n| --- | ---: | --- |\n| A | 1,234,567.89 | yes |\n| B |  | no |"
    )


def test_one_row_is_a_list_of_its_fields():
    time = pd.Timestamp("2022-12-28 20:45", tz="UTC")
    assert frame_table(pd.DataFrame({"quantity": [-4165.0], "time": [time]})) == (
        "| field | value |\n| --- | --- |\n| quantity | -4,165 |\n| time | 2022-12-28 20:45:00Z |"
    )


def test_text_that_means_something_in_markdown_stands_for_itself():
    assert table(["a_b"], [["x|y *z* `c`\n<b>"]]) == "| a\\_b |\n| --- |\n| x\\|y \\*z\\* \\`c\\` \\<b\\> |"


def test_a_long_value_is_cut():
    assert literal("x" * 1000) == "x" * 299 + "…"
