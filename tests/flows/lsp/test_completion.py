"""What may be written is offered, the likeliest first, also where the file can't be read yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp


@pytest.fixture
def hedge(editor: Any, pipelines: Path) -> Path:
    """The shipped hedge, open."""
    path = pipelines / "beta_hedge.yaml"
    editor.open(path)
    return path


@pytest.fixture
def draft(editor: Any, pipelines: Path) -> Path:
    """A pipeline that is being written."""
    path = pipelines / "draft.yaml"
    editor.open(path, "steps:\n  book: {task: read_positions}\n  quotes:\n    task: read_quotes\n    \n")
    return path


def test_keys_of_the_file_that_are_not_there_yet(editor: Any, draft: Path) -> None:
    editor.replace(draft, "    \n", "\n")
    labels = editor.labels(draft, "read_quotes\n|")
    assert {"description", "schedule", "params", "output", "on_failure"} <= set(labels)
    assert "steps" not in labels


def test_keys_of_a_step_that_go_with_what_is_there(editor: Any, draft: Path) -> None:
    labels = editor.labels(draft, "read_quotes\n    |")
    assert labels[:2] == ["in", "with"]
    assert {"when", "after", "retry", "timeout", "schema", "each", "last"} <= set(labels)
    assert not {"task", "pipeline", "every", "max_age"} & set(labels), "there is a task, and no stream"


def test_keys_of_a_schedule_that_go_together(editor: Any, hedge: Path) -> None:
    assert set(editor.labels(hedge, "{calendar: XNYS, |at")) == {"at", "from", "until", "every", "missed"}


def test_a_key_is_written_with_its_colon_once(editor: Any, draft: Path) -> None:
    (offered,) = [item for item in editor.complete(draft, "read_quotes\n    |") if item.label == "when"]
    assert offered.text_edit.new_text == "when: "
    (renamed,) = [item for item in editor.complete(draft, "    ta|sk: read_quotes") if item.label == "task"]
    assert renamed.text_edit.new_text == "task"


def test_tasks_of_the_place_with_their_documentation(editor: Any, hedge: Path) -> None:
    items = {item.label: item for item in editor.complete(hedge, "task: |size_hedge")}
    assert items["size_hedge"].detail == "How many contracts of the instrument bring the book's beta to its target."
    assert "watch_quotes" not in items, "a source is no step"
    resolved = editor.wait(editor.client.completion_item_resolve_async(items["size_hedge"]))
    assert "exposure: Exposures" in resolved.documentation.value
    live = hedge.parent / "beta_hedge_live.yaml"
    editor.open(live)
    streams = editor.labels(live, "positions: {task: |watch_positions")
    assert "watch_quotes" in streams
    assert "size_hedge" not in streams
    failing = editor.labels(hedge, "on_failure: {task: |send_alert")
    assert "size_hedge" not in failing, "after a failure there are no frames"


def test_steps_whose_schema_fits_come_first(editor: Any, hedge: Path) -> None:
    """compute_returns takes Prices, which only `prices` yields; mark_exposure takes a Universe, which positions are."""
    items = editor.complete(hedge, "in: |prices}")
    assert items[0].label == "prices"
    assert items[0].detail == "Prices"
    assert editor.labels(hedge, "{universe: |positions}\n")[0] == "positions"
    assert editor.labels(hedge, "[positions, quotes, |betas]")[0] == "betas"


def test_a_step_that_waits_for_this_one_is_not_offered(editor: Any, hedge: Path) -> None:
    labels = editor.labels(hedge, "task: compute_returns, in: |prices")
    assert {"positions", "prices", "quotes"} <= set(labels)
    assert not {"returns", "betas", "exposure", "hedge", "intents", "orders"} & set(labels)


def test_fields_of_a_step_with_several_frames(editor: Any, draft: Path) -> None:
    editor.replace(draft, "    \n", "    in: {}\n  found: {task: reconcile}\n")
    task = next(iter(editor.labels(draft, "in: {|}")))
    assert task == "universe"


def test_arguments_of_the_task_the_required_ones_first(editor: Any, hedge: Path) -> None:
    items = editor.complete(hedge, "with: {|instrument: $benchmark")
    assert [item.label for item in items][:3] == ["instrument", "target_beta", "band"]
    editor.replace(hedge, "with: {instrument: $benchmark}", "with: {instrument: $benchmark, }")
    labels = editor.labels(hedge, "with: {instrument: $benchmark, |}")
    assert "instrument" not in labels
    assert "rounding" in labels


def test_words_that_an_argument_may_be(editor: Any, hedge: Path) -> None:
    editor.replace(hedge, "with: {instrument: $benchmark}", "with: {instrument: $benchmark, rounding: , at_close: t}")
    assert editor.labels(hedge, "rounding: |,")[:2] == ["nearest", "toward_zero"]
    assert editor.labels(hedge, "at_close: t|}")[:2] == ["true", "false"]


def test_parameters_whose_type_suits_come_first(editor: Any, hedge: Path) -> None:
    assert editor.labels(hedge, "{instrument: $|benchmark")[0] == "$benchmark"
    assert editor.labels(hedge, "returns: $|returns}")[0] == "$returns"
    assert editor.labels(hedge, "title: Beta hedge $run|.session")[0] == "$benchmark"
    items = {item.label: item for item in editor.complete(hedge, "title: Beta hedge $ru|n.session")}
    edit = items["$run.session"].text_edit
    line = editor.texts[hedge].split("\n")[edit.range.start.line]
    assert line[edit.range.start.character : edit.range.end.character] == "$run.session"


def test_a_braced_parameter_keeps_its_braces(editor: Any, hedge: Path) -> None:
    editor.replace(hedge, "symbol: betas", 'symbol: "betas/${ru}"')
    items = {item.label: item for item in editor.complete(hedge, 'symbol: "betas/${ru|}"')}
    edit = items["$run.session"].text_edit
    line = editor.texts[hedge].split("\n")[edit.range.start.line]
    assert line[edit.range.start.character : edit.range.end.character] == "${ru}"
    assert edit.new_text == "${run.session}"


def test_connections_of_the_kind_that_is_needed(editor: Any, draft: Path) -> None:
    editor.replace(draft, "    \n", "    with: {broker: }\n")
    assert editor.labels(draft, "with: {broker: |}") == ["gateway"]


def test_calendars_timezones_schemas_and_pipelines(editor: Any, draft: Path) -> None:
    editor.replace(
        draft, "    \n", "    schema: \n  inner: {pipeline: }\nschedule: {calendar: , timezone: , missed: , after: }\n"
    )
    assert "XNYS" in editor.labels(draft, "calendar: |,")
    assert "America/New_York" in editor.labels(draft, "timezone: |,")
    assert editor.labels(draft, "missed: |,") == ["skip", "run"]
    assert "Betas" in editor.labels(draft, "schema: |\n")
    assert "beta_hedge" in editor.labels(draft, "pipeline: |}")
    assert "draft" not in editor.labels(draft, "after: |}")


def test_parameters_of_another_pipeline(editor: Any, draft: Path) -> None:
    editor.open(draft.parent / "beta_hedge.yaml")
    editor.diagnostics(draft.parent / "beta_hedge.yaml")
    editor.replace(draft, "    \n", "  inner: {pipeline: beta_hedge, with: {}}\n")
    assert editor.labels(draft, "with: {|}}") == ["benchmark", "returns"]


def test_the_desk_file(editor: Any, pipelines: Path) -> None:
    desk = pipelines / "_desk.yaml"
    editor.open(desk)
    assert editor.labels(desk, "kind: |ib")[:4] == ["ib", "arctic", "sql", "notify"]
    assert "host" in editor.labels(desk, "{kind: ib, |simulated")
    assert editor.labels(desk, "  mode: |plan") == ["plan", "approve", "send"]
    assert "price_collar" in editor.labels(desk, "  |mode: plan")
    assert "port" not in editor.labels(desk, "simulated: false, |port")[:0]


def test_a_file_that_can_not_be_read_completes_from_what_was_last_known(editor: Any, hedge: Path) -> None:
    """The frames' schemas are those of the last whole file; the names are those that are written now."""
    editor.replace(hedge, "in: prices}", "in: ")
    assert editor.codes(hedge) == ["syntax"]
    items = editor.complete(hedge, "returns: {task: compute_returns, in: |")
    assert items[0].label == "prices"
    assert items[0].detail == "Prices"
    editor.replace(hedge, "output: hedge", "output: [\n  \n")
    assert "task" in editor.labels(hedge, "prices:\n    |task")


def test_nothing_is_offered_in_a_comment_or_for_a_step_s_own_name(editor: Any, hedge: Path) -> None:
    assert editor.complete(hedge, "# Positions whose| regression") == []
    assert editor.complete(hedge, "\n  po|sitions: {task") == []


def test_every_offer_is_in_place_of_what_is_typed(editor: Any, hedge: Path) -> None:
    for marked in ("task: size_|hedge", "when: inte|nts", "{calendar: XN|YS", "output: he|dge"):
        items = editor.complete(hedge, marked)
        assert items
        for item in items:
            assert isinstance(item.text_edit, lsp.TextEdit)
            line = editor.texts[hedge].split("\n")[item.text_edit.range.start.line]
            written = line[item.text_edit.range.start.character : item.text_edit.range.end.character]
            assert written in marked.replace("|", "")
            assert " " not in written
