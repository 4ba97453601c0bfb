"""What was probably meant is offered in the place of the mistake, and mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("right", "wrong", "marked", "title"),
    [
        ("task: plan_orders", "task: plan_order", "plan_o|rder", "Change to `plan_orders`"),
        ("[exposure, quotes]", "[exposre, quotes]", "[expo|sre", "Change to `exposure`"),
        ("{universe: positions}\n    with", "{univers: positions}\n    with", "{univ|ers:", "Change to `universe`"),
        ("{instrument: $benchmark}", "{instrument: $bnchmark}", "$bn|chmark", "Change to `benchmark`"),
        ("{instrument: $benchmark}", "{instrumnt: $benchmark}", "{instr|umnt", "Change to `instrument`"),
        ("Beta hedge $run.session", "Beta hedge $run.sesion", "$run.ses|ion", "Change to `$run.session`"),
        ("timeout: 2m}", "timout: 2m}", "tim|out", "Change to `timeout`"),
        ("calendar: XNYS", "calendar: XNYSE", "XN|YSE", "Change to `XNYS`"),
    ],
)
def test_a_misspelt_name_is_mended(
    editor: Any, pipelines: Path, right: str, wrong: str, marked: str, title: str
) -> None:
    path = pipelines / "beta_hedge.yaml"
    text = editor.open(path)
    editor.replace(path, right, wrong)
    assert editor.codes(path) != []
    fixes = editor.fixes(path, marked)
    assert fixes == {title: text}


def test_the_schema_of_an_untyped_frame_is_stated(editor: Any, pipelines: Path) -> None:
    path = pipelines / "kept.yaml"
    text = (
        "steps:\n  betas: {task: read_frame, with: {library: risk, symbol: betas}}\n"
        "  positions: {task: read_positions}\n  quotes: {task: read_quotes, in: {universe: positions}}\n"
        "  exposure: {task: mark_exposure, in: [positions, quotes, betas]}\noutput: exposure\n"
    )
    editor.open(path, text)
    assert editor.codes(path) == ["untyped-frame"]
    fixed = editor.fixes(path, "quotes, be|tas]")
    assert fixed == {"Add `schema: Betas` to `betas`": text.replace("read_frame,", "read_frame, schema: Betas,")}


def test_where_nothing_is_near_or_nothing_is_wrong_nothing_is_offered(editor: Any, pipelines: Path) -> None:
    path = pipelines / "beta_hedge.yaml"
    editor.open(path)
    assert editor.fixes(path, "task: plan_o|rders") == {}
    editor.replace(path, "task: plan_orders", "task: zzz")
    assert editor.fixes(path, "task: z|zz") == {}
