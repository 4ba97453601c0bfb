"""Explanations on a screen and as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from flows.explain import explain, render, to_object
from flows.explain.tables import shown
from flows.journal import Journal

AAPL, SPY = 265598, 756733


def screen(journal: Journal, run: str, step: str, width: int, **where: str) -> str:
    console = Console(file=io.StringIO(), width=width)
    render(explain(journal, run, step, where), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO, given above
    assert max(map(len, text.splitlines())) <= width
    return str(text)


def test_the_tree_names_steps_rows_and_messages(journal: Journal, hedge_run: str) -> None:
    text = screen(journal, hedge_run, "hedge", 110, con_id=str(AAPL))
    assert 'hedge  make_hedge(benchmark: "SPY")  run 5eed of beta_hedge, session 2022-11-23' in text
    assert "exposure ← exposure  make_exposure" in text
    assert f"Exposures: 2 of 5 rows where con_id = {AAPL}" in text
    assert "“betas is made”" in text
    assert f"← gateway history #0 con_id {AAPL}  17|{AAPL}|bars" in text
    assert "as above" in text


def test_long_listings_are_cut_in_the_middle_with_how_many(journal: Journal, hedge_run: str) -> None:
    text = screen(journal, hedge_run, "returns", 100, con_id=str(AAPL))
    listed = explain(journal, hedge_run, "returns", {"con_id": str(AAPL)}).root.rows[0].frame
    assert f"… {len(listed) - 7} rows between" in text
    assert str(listed["session"].iloc[0].date()) in text
    assert str(listed["session"].iloc[-1].date()) in text
    assert str(listed["session"].iloc[10].date()) not in text


def test_a_narrow_screen_turns_few_rows_and_counts_columns_of_many(journal: Journal, hedge_run: str) -> None:
    few = screen(journal, hedge_run, "exposure", 60, con_id=str(AAPL))
    assert next(line.split()[-2:] for line in few.splitlines() if "account   " in line) == ["DU1", "DU2"]
    assert "more columns on a wider screen" in screen(journal, hedge_run, "exposure", 60)


def test_what_looks_like_markup_is_shown_as_it_is(
    journal: Journal, begin: Callable[..., None], record: Callable[..., object]
) -> None:
    begin("odd")
    record("odd", "texts[red]", pd.DataFrame({"note": ["[bold]x[/]", "[/]"]}), "")
    text = screen(journal, "odd", "texts[red]", 80)
    assert "[bold]x[/]" in text
    assert "texts[red]" in text


def test_json_has_every_row_and_message_exactly(journal: Journal, hedge_run: str) -> None:
    told = json.loads(json.dumps(to_object(explain(journal, hedge_run, "betas", {"con_id": str(AAPL)}))))
    step = told["step"]
    frame = journal.frame(journal.run(hedge_run).step("betas").outputs[None])
    (row,) = frame[frame["con_id"] == AAPL].to_dict("records")
    (stated,) = step["frames"][0]["rows"]
    assert stated["beta"] == row["beta"]
    assert stated["first_session"] == "2022-09-07"
    (returns,) = step["inputs"]
    assert len(returns["frames"][0]["rows"]) == 2 * row["observations"]
    (prices,) = returns["inputs"]
    assert [one["payload"] for one in prices["messages"]][:1] == [f"17\0{AAPL}\0bars"]
    assert prices["messages"][0]["time"].startswith("1970-01-01T00:00:00")


def test_json_says_null_for_what_is_not_there(journal: Journal, hedge_run: str) -> None:
    told = to_object(explain(journal, hedge_run, "exposure", {"covered": "false"}))
    (row,) = told["step"]["frames"][0]["rows"]
    assert row["beta"] is None
    assert row["covered"] is False
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.3034612345, "1.30346"),
        (-1585032.4, "-1,585,032.40"),
        (float("nan"), "–"),
        (None, "–"),
        ("", ""),
        (265598, "265598"),
        (pd.Timestamp("2022-12-28"), "2022-12-28"),
        (pd.Timestamp("2022-12-28 20:45", tz="UTC"), "2022-12-28 20:45:00 UTC"),
        (pd.NaT, "–"),
        (True, "True"),
    ],
)
def test_values_are_shown_for_a_person(value: Any, text: str) -> None:
    assert shown(value) == text
