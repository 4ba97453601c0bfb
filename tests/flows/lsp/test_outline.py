"""What stands where is known as the parser knows it, and also where the parser gives up."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.document import Location, parse
from flows.lsp.outline import outline, place_at
from flows.lsp.positions import Text

ROOT = Path(__file__).parents[3]
FILES = sorted([*(ROOT / "pipelines").glob("*.yaml"), *(ROOT / "tests" / "errors").glob("*.yaml")])

STEP = """\
steps:
  book: {task: read_positions}
  prices:
    task: pull_history
    in: {universe: book}   # a comment
    with:
      benchmark: "SPY"
      symbols:
      - A
      - B
    retry: {times: 4,
            delay: 15s}
output: prices
"""


READABLE = [path for path in FILES if parse(path.read_text(), path.name).readable]


@pytest.mark.parametrize("path", READABLE, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_keys_and_values_stand_where_the_parser_says(path: Path) -> None:
    document = parse(path.read_text(), path.name)
    text = Text(document.text)
    found = {(token.location, token.start, token.end) for token in outline(document.text).tokens}
    places = {location: text.at(span) for location, span in document.key_spans.items()}
    for location, span in document.spans.items():
        value, (start, end) = document.value_at(location), text.at(span)
        if not isinstance(value, dict | list) and document.text[start:end].strip():
            assert (location, start, end) in found
    for location, (start, end) in places.items():
        assert (location, start, end) in found


@pytest.mark.parametrize(
    ("marked", "location", "slot", "prefix"),
    [
        ("|steps:", (), "key", ""),
        ("{task: read_|positions}", ("steps", "book", "task"), "value", "read_"),
        ("  prices:\n    |task", ("steps", "prices"), "either", ""),
        ("  prices:\n    ta|sk", ("steps", "prices"), "either", "ta"),
        ("pull_history\n    i|n", ("steps", "prices"), "key", "i"),
        ("{uni|verse", ("steps", "prices", "in"), "key", "uni"),
        ("universe: |book", ("steps", "prices", "in", "universe"), "value", ""),
        ('benchmark: "SP|Y', ("steps", "prices", "with", "benchmark"), "value", '"SP'),
        ("      - |A", ("steps", "prices", "with", "symbols", 0), "value", ""),
        ("      - B|", ("steps", "prices", "with", "symbols", 1), "either", "B"),
        ("            |delay", ("steps", "prices", "retry"), "key", ""),
        ("output: |prices", ("output",), "value", ""),
        ("prices\n|", (), "key", ""),
    ],
)
def test_a_cursor_is_where_a_person_sees_it(marked: str, location: Location, slot: str, prefix: str) -> None:
    assert STEP.count(marked.replace("|", "")) >= 1
    offset = STEP.rindex(marked.replace("|", "")) + marked.index("|")
    place = place_at(STEP, offset)
    assert place is not None
    assert (place.location, place.slot, place.prefix) == (location, slot, prefix)


def test_nothing_is_written_in_a_comment_or_right_after_a_colon() -> None:
    assert place_at(STEP, STEP.index("comment") + 3) is None
    assert place_at(STEP, STEP.index("output:") + len("output:")) is None


@pytest.mark.parametrize(
    "broken",
    [
        "steps:\n  a: {task: read_positions, in: [b, \n  c: {task: send_alert}\noutput: c\n",
        'steps:\n  a: {task: "read_positions}\n  c: {task: send_alert}\noutput: c\n',
        "steps:\n  a:\n    task: 'read\n  c: {task: send_alert}\noutput: c\n",
        "steps:\n  a: {task: read_positions}}}\n  c: {task: send_alert}\noutput: c\n",
        "steps:\n  a:\n   task: x\n    in: y\n  c: {task: send_alert}\noutput: c\n",
        "steps:\n  a: @x\n  c: {task: send_alert}\noutput: c\n",
    ],
)
def test_what_is_never_closed_swallows_nothing_below_it(broken: str) -> None:
    assert not parse(broken, "broken.yaml").readable
    found = outline(broken)
    assert found.children(("steps",)) == ["a", "c"]
    assert found.value(("steps", "c", "task")) == "send_alert"
    assert found.value(("output",)) == "c"


def test_text_in_a_block_is_no_key() -> None:
    source = "description: |\n  steps: none\n\n  and more: text\nsteps:\n  a: {task: b}\n"
    assert outline(source).children(()) == ["description", "steps"]


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab:-,{}[]\"'#&*!|>$ \n\t\r\u2028é𝄞"), max_size=60), st.data())
def test_any_text_has_an_outline(source: str, data: st.DataObject) -> None:
    for token in outline(source).tokens:
        assert 0 <= token.start <= token.end <= len(source)
    place = place_at(source, data.draw(st.integers(0, len(source))))
    assert place is None or 0 <= place.start <= len(source)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(READABLE), st.data())
def test_cut_off_anywhere_what_stands_before_is_still_known(path: Path, data: st.DataObject) -> None:
    """However a file ends in the middle, the keys of whole lines above keep their places."""
    source = path.read_text()
    cut = data.draw(st.integers(0, len(source)))
    whole_lines = source.rfind("\n", 0, cut) + 1
    before = [token for token in outline(source).tokens if token.end < whole_lines]
    assert set(before) <= set(outline(source[:cut]).tokens)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab\n\r\u2028\x85é𝄞"), max_size=40), st.data())
def test_an_editor_s_position_leads_back_to_its_offset(source: str, data: st.DataObject) -> None:
    text = Text(source)
    offset = data.draw(st.integers(0, len(source)))
    inside = source[offset - 1 : offset + 1] == "\r\n"
    if not inside:
        assert text.offset(text.position(offset)) == offset
