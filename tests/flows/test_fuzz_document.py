"""Whatever a file holds, reading it ends soon, in little memory, with a document or with sentences: no traceback."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flows.check import check_file, render
from flows.document import DEEPEST, MOST_BYTES, MOST_NODES, Document, parse, read
from tasks.registry import catalog

ROOT = Path(__file__).parents[2]
SHIPPED = [path.read_text() for path in sorted((ROOT / "pipelines").glob("[!_]*.yaml"))]
TOKENS = [
    *("steps:", "stream:", "in:", "with:", "task:", "{", "}", "[", "]", ",", ":", "?", "-", "|", ">", "|-", ">+", "&"),
    *("*", "&a", "*a", "!", "!!str", "!!python/object:os.system", "%YAML", "---", "...", "#", "'", '"', "\\", "~", "a"),
    *("null", "true", "0x1F", "0o17", "1e400", ".inf", ".nan", "-0", "''", '""', "<<", "$a", "${", "${a}", "$$", "@"),
    *("`", "\t", "\ufeff", "\u2028", "\x85", "\0", "\x07", "é", "🦔", "\n", "\n  ", "\n    ", " ", "\r\n", "\n- "),
    *(": ", ", "),
]
SECONDS, BYTES = 10.0, 200_000_000
"""Far more than any of these takes on a busy machine; a bomb takes all there is."""

TEXTS = st.text(max_size=300) | st.lists(st.sampled_from(TOKENS), max_size=80).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=30,
)
LENIENT = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def holds(document: Document) -> None:
    """What is true of every document: either it is readable or it says why not; each span is inside its text."""
    assert document.readable or document.diagnostics
    lines = (
        document.text.count("\n") + document.text.count("\r") + sum(map(document.text.count, "\x85\u2028\u2029")) + 1
    )
    for one in document.diagnostics:
        assert one.message
        assert one.span.width >= 1
        assert one.span.column >= 1
        assert 1 <= one.span.line <= lines or not document.text
    for location in document.spans:
        document.value_at(location)


def in_bounds(text: str) -> Document:
    tracemalloc.start()
    begun = time.process_time()
    try:
        document = parse(text, "trial.yaml")
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - begun < SECONDS
    assert most < BYTES
    return document


@LENIENT
@given(TEXTS)
@example("a: &a [*a, *a]")
@example("? {a: b}\n: c")
@example("%TAG ! tag:x,2000:\n---\n!a b")
@example("a: !!timestamp 2024-01-01")
@example("'a\n\n  b': 1\n\"c\\x41\": 2")
@example("0o8: 0x\n1_000: 1e999")
@example("\udc80")
def test_any_text_is_read_or_refused_in_sentences(text):
    holds(parse(text, "trial.yaml"))


@LENIENT
@given(st.data())
def test_a_right_file_with_anything_put_into_it_is_read_or_refused(data):
    text = data.draw(st.sampled_from(SHIPPED))
    for _ in range(data.draw(st.integers(1, 5))):
        first = data.draw(st.integers(0, len(text)))
        last = min(len(text), first + data.draw(st.integers(0, 20)))
        text = text[:first] + data.draw(st.sampled_from(TOKENS) | st.text(max_size=5)) + text[last:]
    holds(parse(text, "trial.yaml"))


@LENIENT
@given(VALUES, st.booleans())
def test_what_another_program_wrote_is_read_as_what_it_is(value, flow):
    """Text that PyYAML would quote for YAML 1.1 stays text; numbers, lists and mappings come back."""
    text = yaml.safe_dump({"x": value}, default_flow_style=flow)  # with `allow_unicode` it loses U+0085 itself
    document = parse(text, "trial.yaml")
    holds(document)
    if document.readable and not document.diagnostics and isinstance(value, bool | int | str | list):
        assert same(document.value["x"], value)


def same(one: object, other: object) -> bool:
    if isinstance(other, list):
        return isinstance(one, list) and len(one) == len(other) and all(map(same, one, other))
    return one == other if isinstance(other, bool | int | str) else True


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
def test_any_values_under_the_grammar_s_keys_are_checked_without_a_traceback(tmp_path, value):
    for shape in (
        {"steps": value},
        {"steps": {"a": value}},
        {"steps": {"a": {"task": value, "in": value, "with": value}}},
    ):
        text = yaml.safe_dump({**shape, "schedule": value, "params": value, "output": value}, allow_unicode=True)
        path = tmp_path / "trial.yaml"
        result = check_file(path, catalog(), None, tmp_path, [], lambda _, text=text: parse(text, "trial.yaml"))
        assert result.plan is None
        assert result.errors
        assert render(result)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "{a: " * 50_000,
        "- " * 50_000,
        "? " * 20_000,
        "a:\n" + "".join(f"{' ' * level}b:\n" for level in range(2_000)),
        "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 60))]),
        "a: &a {b: &b {c: *a}}",
        "x: " + "&a " * 10_000,
        "- &a [" + "x, " * 100_000 + "]\n- *a\n- *a",
        "a: " + "9" * 100_000,
        "a: 0x" + "f" * 100_000,
        "a: 1e" + "9" * 5_000,
        "a: '" + "x" * 900_000 + "'",
        "#" * 900_000,
        "\n" * 900_000,
        ": " * 200_000,
        "$" * 100_000,
        "a: {" + ", ".join(f"k{n}: v" for n in range(60_000)) + "}",
        "k: 1\n" * 50_000,
    ],
    ids=lambda text: f"{text[:12]!r}…{len(text)}",
)
def test_bombs_are_refused_or_read_soon_and_in_little_memory(text):
    document = in_bounds(text)
    holds_soon(document)


def holds_soon(document: Document) -> None:
    assert document.readable or document.diagnostics
    assert len(document.spans) <= MOST_NODES
    assert all(len(location) <= DEEPEST for location in document.spans)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
@example(b"\xff\xfea\x00")
@example(b"a: \xc3")
@example(b"\xef\xbb\xbfa: 1")
def test_any_bytes_are_read_or_refused(tmp_path, content):
    path = tmp_path / "trial.yaml"
    path.write_bytes(content)
    holds(read(path))


def test_a_file_that_is_larger_than_any_pipeline_is_not_parsed(tmp_path):
    path = tmp_path / "trial.yaml"
    path.write_bytes(b"a" * (MOST_BYTES + 1))
    (one,) = read(path).diagnostics
    assert one.code == "unreadable-file"
