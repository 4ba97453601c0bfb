"""What is wrong with a pipeline is shown as one types it, over the protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

ROOT = Path(__file__).parents[3]

INNER = """\
params: {benchmark: SPY}
steps:
  book: {task: read_positions}
  quotes: {task: read_quotes, in: {universe: book}, with: {benchmark: $benchmark}}
output: quotes
"""

HALVES = [
    "",
    "\n",
    "steps",
    "steps:\n  - ",
    "- - [",
    "{",
    '"',
    "a: &a [*a]",
    "? x\n: y",
    "\t",
    "steps: 1",
    "\x00",
    "params: {a: }\nsteps: {b: {with: {c: [$",
    "steps:\n  x: {task: read_positions, in: }}}",
]


def test_a_file_that_is_right_has_no_mistakes(editor: Any, pipelines: Path) -> None:
    path = pipelines / "beta_hedge.yaml"
    editor.open(path)
    assert editor.diagnostics(path) == []


def test_a_misspelt_task_is_marked_where_it_stands_as_soon_as_it_is_typed(editor: Any, pipelines: Path) -> None:
    path = pipelines / "beta_hedge.yaml"
    editor.open(path)
    editor.replace(path, "task: plan_orders", "task: plan_order")
    (found,) = editor.diagnostics(path)
    line = editor.texts[path].split("\n").index("  intents: {task: plan_order, in: hedge}")
    assert found.range == lsp.Range(lsp.Position(line, 18), lsp.Position(line, 28))
    assert found.message == "no task `plan_order`\ndid you mean `plan_orders`?"
    assert (found.code, found.source, found.severity) == ("unknown-task", "hedgerow", lsp.DiagnosticSeverity.Error)
    editor.replace(path, "plan_order", "plan_orders")
    assert editor.diagnostics(path) == []


def test_columns_are_counted_as_the_editor_does(editor: Any, pipelines: Path) -> None:
    """A character beyond the basic plane is two of an editor's columns, and an e with an accent is one."""
    path = pipelines / "beta_hedge.yaml"
    editor.open(path)
    editor.replace(path, "intents: {task: plan_orders, in: hedge}", 'intents: {"task": plan_orders, in: hedge, é𝄞: 1}')
    (found,) = editor.diagnostics(path)
    line = editor.texts[path].split("\n")[found.range.start.line]
    assert line.index("é") == 44
    assert (found.range.start.character, found.range.end.character) == (44, 47)
    editor.replace(path, "é𝄞: 1}", "é𝄞: 1, x: 2}")
    assert [one.range.start.character for one in editor.diagnostics(path)] == [44, 52]


def test_line_breaks_that_only_yaml_knows_shift_nothing(editor: Any, pipelines: Path) -> None:
    path = pipelines / "beta_hedge.yaml"
    text = path.read_text()
    editor.open(path, "# one\u2028# two\x85# three\n" + text.replace("task: plan_orders", "task: plan_order"))
    (found,) = editor.diagnostics(path)
    line = editor.texts[path].split("\n")[found.range.start.line]
    assert line[found.range.start.character : found.range.end.character] == "plan_order"
    editor.replace(path, "task: plan_order,", "task: plan_orders,")
    assert editor.diagnostics(path) == []


def test_a_half_written_file_says_where_it_breaks_and_is_whole_again_afterwards(editor: Any, pipelines: Path) -> None:
    path = pipelines / "beta_hedge.yaml"
    editor.open(path)
    editor.replace(path, "in: hedge}\n  orders", "in: hedge\n  orders")
    assert editor.codes(path) == ["syntax"]
    editor.replace(path, "in: hedge\n  orders", "in: hedge}\n  orders")
    assert editor.diagnostics(path) == []


def test_what_is_open_counts_for_the_files_that_inline_it_or_run_after_it(editor: Any, pipelines: Path) -> None:
    inner, outer, later = (pipelines / f"{name}.yaml" for name in ("inner", "outer", "later"))
    inner.write_text(INNER)
    outer.write_text("steps:\n  quotes: {pipeline: inner, with: {benchmark: SPY}}\n")
    later.write_text("schedule: {after: outer}\nsteps:\n  book: {task: read_positions}\n")
    for path in (inner, outer, later):
        editor.open(path)
        assert editor.codes(path) == []
    editor.replace(inner, "params: {benchmark: SPY}", "params: {index: SPY}")
    editor.replace(inner, "$benchmark", "$index")
    editor.until_codes(outer, ["unknown-argument"])
    assert "benchmark" in inner.read_text(), "the file on disk is as it was"
    editor.shut(inner)
    editor.until_codes(outer, [])


def test_the_desk_is_checked_and_its_connections_count_before_it_is_saved(editor: Any, pipelines: Path) -> None:
    desk, path = pipelines / "_desk.yaml", pipelines / "beta_hedge.yaml"
    editor.open(path)
    editor.open(desk)
    assert editor.diagnostics(desk) == editor.diagnostics(path) == []
    editor.replace(desk, "  tables: {kind: sql}", "  tables: {kind: sqll}")
    (found,) = editor.diagnostics(desk)
    assert found.code == "unknown-connection"
    assert found.range.start.character == 17
    editor.replace(desk, "  tables: {kind: sqll}\n", "")
    assert editor.diagnostics(desk) == []
    editor.until_codes(path, ["missing-connection"])


def test_closed_files_are_checked_too_when_they_change(editor: Any, pipelines: Path) -> None:
    path = pipelines / "beta_hedge.yaml"
    editor.open(pipelines / "rolling_betas.yaml")
    path.write_text(path.read_text().replace("output: hedge", "output: hedges"))
    editor.changed_on_disk(path)
    editor.until_codes(path, ["unknown-step"])
    path.unlink()
    editor.changed_on_disk(path)
    editor.until_codes(path, [])


def test_other_yaml_is_left_alone(editor: Any, pipelines: Path) -> None:
    other = pipelines.parent / "docker-compose.yaml"
    editor.open(other, "services: {web: {image: nginx}}\n")
    editor.open(pipelines / "beta_hedge.yaml")
    editor.diagnostics(pipelines / "beta_hedge.yaml")
    assert other.as_uri() not in editor._told
    assert editor.hover(other, "ser|vices") == ""
    assert editor.complete(other, "ser|vices") == []


@pytest.mark.parametrize("text", HALVES)
def test_nothing_that_is_half_written_breaks_the_server(editor: Any, pipelines: Path, text: str) -> None:
    path = pipelines / "draft.yaml"
    editor.open(path, text)
    assert editor.codes(path)
    marked = text + "|"
    editor.complete(path, marked)
    editor.hover(path, marked)
    editor.definition(path, marked)
    editor.fixes(path, marked)
    editor.wait(
        editor.client.text_document_document_symbol_async(
            lsp.DocumentSymbolParams(lsp.TextDocumentIdentifier(path.as_uri()))
        )
    )
    assert editor.messages == []


def test_each_step_of_typing_a_pipeline_is_answered(editor: Any, pipelines: Path) -> None:
    """Typed in small pieces, with completions asked for in between: nothing fails, and in the end it is right."""
    whole = (ROOT / "pipelines" / "rolling_betas.yaml").read_text()
    path = pipelines / "typed.yaml"
    editor.open(path, "")
    for end in [*range(2, len(whole), 2), len(whole)]:
        editor.versions[path] += 1
        text = editor.texts[path]
        at = lsp.Position(text.count("\n"), len(text.rpartition("\n")[2]))
        change = lsp.TextDocumentContentChangePartial(lsp.Range(at, at), whole[len(text) : end])
        document = lsp.VersionedTextDocumentIdentifier(editor.versions[path], path.as_uri())
        editor._send(editor.client.text_document_did_change, lsp.DidChangeTextDocumentParams(document, [change]))
        editor.texts[path] = whole[:end]
        if end % 5 == 0:
            editor.complete(path, whole[:end] + "|")
    assert editor.codes(path) == []
    assert editor.messages == []


def test_a_folder_without_pipelines_is_said_to_have_none(start: Any, tmp_path: Path) -> None:
    editor = start(tmp_path)
    editor.until(lambda: bool(editor.messages))
    assert f"Neither {tmp_path} nor a folder above it holds pipelines/" in editor.messages[0]
