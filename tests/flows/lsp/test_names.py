"""A name is explained, and leads to where it is defined and to where it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

OUTER = """\
schedule: {after: inner}
steps:
  quotes: {pipeline: inner, with: {index: SPY}}
"""

INNER = """\
description: Quotes of the book.
params: {index: {default: SPY, description: What it is measured against}}
steps:
  book: {task: read_positions}
  quotes: {task: read_quotes, in: {universe: book}, with: {benchmark: $index}}
output: quotes
"""


@pytest.fixture
def hedge(editor: Any, pipelines: Path) -> Path:
    """The shipped hedge, open."""
    path = pipelines / "beta_hedge.yaml"
    editor.open(path)
    return path


def test_a_task_shows_its_signature_and_what_it_computes(editor: Any, hedge: Path) -> None:
    told = editor.hover(hedge, "task: size_h|edge")
    assert "exposure: Exposures" in told
    assert "instrument: text" in told
    assert "band: a number ≥ 0 = 0" in told
    assert "rounding: one of nearest, toward_zero = nearest" in told
    assert ") → Hedges" in told
    assert "How many contracts of the instrument bring the book's beta to its target." in told
    assert "exact quantity = (target_beta · V - H) / (price · multiplier)" in told


def test_an_argument_shows_its_type_and_what_the_task_says_of_it(editor: Any, hedge: Path) -> None:
    assert editor.hover(hedge, "with: {instru|ment: $benchmark}") == (
        "`instrument`: text\n\nSymbol of what to trade: a stock, a fund, a future … in the book's currency."
    )
    told = editor.hover(hedge, "in: {uni|verse: positions}")
    assert told.startswith("`universe`: a frame of Universe")


def test_a_step_shows_the_columns_of_its_frame(editor: Any, hedge: Path) -> None:
    told = editor.hover(hedge, "in: [posi|tions, quotes, betas]")
    assert "`positions`: **Positions**" in told
    assert "| `account` *(key)* | category |  |" in told
    assert "| `quantity` | float64 | Contracts held; negative when short |" in told


def test_a_parameter_shows_the_type_that_follows_from_its_uses(editor: Any, hedge: Path) -> None:
    assert editor.hover(hedge, "returns: $retu|rns").startswith(
        "`$returns`: a whole number ≥ 30, by default `252`\n\nDaily returns in the regression"
    )
    assert "a date" in editor.hover(hedge, "Beta hedge $run.ses|sion")


def test_keys_of_the_grammar_say_what_they_are_for(editor: Any, hedge: Path) -> None:
    assert editor.hover(hedge, "cal|endar: XNYS") == "`calendar`: An exchange calendar, such as XNYS"
    assert editor.hover(hedge, "wh|en: intents") == "`when`: Run only if that step has rows, or has none"


def test_where_nothing_is_named_nothing_is_said(editor: Any, hedge: Path) -> None:
    assert editor.hover(hedge, "# Positions whose regre|ssion") == ""
    assert editor.definition(hedge, "description: Hedge the bo|ok's") == []


def test_a_task_and_its_arguments_lead_to_its_source(editor: Any, hedge: Path) -> None:
    assert editor.definition(hedge, "task: size_h|edge") == [("hedge.py", "def size_hedge(")]
    assert editor.definition(hedge, "with: {instru|ment: $benchmark}") == [("hedge.py", "instrument: str,")]


def test_steps_and_parameters_lead_to_where_they_are_defined(editor: Any, hedge: Path) -> None:
    assert editor.definition(hedge, "when: int|ents") == [
        ("beta_hedge.yaml", "intents: {task: plan_orders, in: hedge}")
    ]
    assert editor.definition(hedge, "returns: $retu|rns") == [
        ("beta_hedge.yaml", "returns: {default: 252, min: 30, description: Daily returns in the regression}")
    ]


def test_a_schema_leads_to_its_source(editor: Any, pipelines: Path) -> None:
    path = pipelines / "kept.yaml"
    editor.open(path, "steps:\n  betas: {task: read_frame, with: {library: risk, symbol: betas}, schema: Betas}\n")
    assert editor.definition(path, "schema: Be|tas") == [("risk.py", "class Betas(Frame):")]
    assert "**Betas**" in editor.hover(path, "schema: Be|tas")


def test_another_pipeline_leads_to_its_file_and_its_arguments_to_its_parameters(editor: Any, pipelines: Path) -> None:
    (pipelines / "inner.yaml").write_text(INNER)
    path = pipelines / "outer.yaml"
    editor.open(path, OUTER)
    for marked in ("after: in|ner", "pipeline: in|ner"):
        assert editor.definition(path, marked) == [("inner.yaml", "description: Quotes of the book.")]
    assert editor.definition(path, "{ind|ex: SPY}") == [
        ("inner.yaml", "params: {index: {default: SPY, description: What it is measured against}}")
    ]
    assert "Quotes of the book." in editor.hover(path, "pipeline: in|ner")
    assert editor.hover(path, "{ind|ex: SPY}").startswith("`$index`: text or nothing, by default `SPY`")


def test_a_connection_leads_to_the_desk_file(editor: Any, pipelines: Path) -> None:
    path = pipelines / "rows.yaml"
    editor.open(path, "steps:\n  book: {task: read_positions, with: {broker: gateway}}\n")
    assert editor.definition(path, "broker: gate|way") == [("_desk.yaml", "gateway: {kind: ib, simulated: true}")]
    assert "of kind `ib`" in editor.hover(path, "broker: gate|way")
    desk = pipelines / "_desk.yaml"
    editor.open(desk)
    ((file, line),) = editor.definition(desk, "frames: {kind: arc|tic")
    assert file == "arctic.py"
    assert line.startswith("class FrameStore(")
    assert ("rows.yaml", "book: {task: read_positions, with: {broker: gateway}}") in editor.references(
        desk, "gate|way: {kind: ib, simulated: true}"
    )


def test_every_use_of_a_parameter_is_found_in_all_files(editor: Any, pipelines: Path) -> None:
    inner = pipelines / "inner.yaml"
    inner.write_text(INNER)
    (pipelines / "outer.yaml").write_text(OUTER)
    editor.open(inner)
    uses = [
        ("inner.yaml", "quotes: {task: read_quotes, in: {universe: book}, with: {benchmark: $index}}"),
        ("outer.yaml", "quotes: {pipeline: inner, with: {index: SPY}}"),
    ]
    assert editor.references(inner, "params: {ind|ex", defining=False) == uses
    assert len(editor.references(inner, "params: {ind|ex")) == 3


def test_names_are_known_in_a_file_that_is_half_written(editor: Any, hedge: Path) -> None:
    editor.replace(hedge, "in: hedge}\n  orders", "in: [hedge\n  orders")
    assert editor.codes(hedge) == ["syntax"]
    assert "**Exposures**" in editor.hover(hedge, "in: [expo|sure, quotes]")
    assert editor.definition(hedge, "when: int|ents") == [
        ("beta_hedge.yaml", "intents: {task: plan_orders, in: [hedge")
    ]


def test_the_outline_lists_parameters_and_steps_with_what_they_call(editor: Any, hedge: Path) -> None:
    parameters = lsp.DocumentSymbolParams(lsp.TextDocumentIdentifier(hedge.as_uri()))
    found = editor.wait(editor.client.text_document_document_symbol_async(parameters))
    sections = {symbol.name: symbol for symbol in found}
    assert [child.name for child in sections["params"].children] == ["benchmark", "returns"]
    steps = {child.name: child for child in sections["steps"].children}
    assert list(steps)[:3] == ["positions", "prices", "returns"]
    assert steps["prices"].detail == "pull_history"
    lines = editor.texts[hedge].split("\n")
    first, last = steps["prices"].range.start.line, steps["prices"].range.end.line
    assert lines[first] == "  prices:"
    assert lines[last] == "    retry: {times: 4, delay: 15s, backoff: 2}"
