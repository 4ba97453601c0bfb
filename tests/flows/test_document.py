"""A file's text becomes values with their places, by YAML 1.2; what is no such file says why."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.document import DEEPEST, Document, parse, read


def only(document: Document) -> tuple[int, int, str]:
    """Line, column and message of the only thing that is wrong."""
    assert len(document.diagnostics) == 1
    (diagnostic,) = document.diagnostics
    return diagnostic.span.line, diagnostic.span.column, diagnostic.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("16:10", "16:10"),
        ("1_000", "1_000"),
        ("2024-12-31", "2024-12-31"),
        ("0o17", 15),
        ("0x1F", 31),
        ("007", 7),
        ("-3", -3),
        ("+3", 3),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", -math.inf),
        ("True", True),
        ("false", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("'5'", "5"),
        ('"true"', "true"),
        ("''", ""),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    read_value = parse(f"key: {text}\n", "f").value["key"]
    assert read_value == value
    assert type(read_value) is type(value)


def test_a_number_that_is_none_is_one():
    assert math.isnan(parse("key: .nan", "f").value["key"])


def test_keys_are_text():
    assert parse("{1: a, true: b, on: c, 1.5: d}", "f").value == {"1": "a", "true": "b", "on": "c", "1.5": "d"}


def test_each_value_and_key_has_its_place():
    document = parse("steps:\n  betas:\n    with: {minimum: 30, names: [a, 'b c']}\n", "f")
    value = document.at(("steps", "betas", "with", "minimum"))
    assert (value.line, value.column, value.width) == (3, 21, 2)
    item = document.at(("steps", "betas", "with", "names", 1))
    assert (item.line, item.column, item.width) == (3, 36, 5)
    key = document.key(("steps", "betas"))
    assert (key.line, key.column, key.width) == (2, 3, 5)
    assert document.at(("steps", "gone", "further")) == document.at(("steps",))


def test_places_count_characters_not_bytes():
    span = parse("é: [ü, 世界, x]\n", "f").at(("é", 2))
    assert (span.line, span.column) == (1, 12)


def test_an_alias_has_its_own_place_and_its_anchor_s_value():
    document = parse("x-limits: &limits {min: 30}\nfirst: *limits\nsecond: *limits\n", "f")
    assert document.value["second"] == {"min": 30}
    assert document.at(("second",)).line == 3


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 1, "`a` is already defined at line 1"),
        ("a: {b: 1, b: 2}\n", 1, 11, "`b` is already defined at line 1"),
        ("", 1, 1, "the file is empty"),
        ("# only a comment\n", 1, 1, "the file is empty"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document begins here"),
        ("%YAML 1.1\n---\na: on\n", 1, 1, "directives (`%YAML`, `%TAG`) are not taken; files are read as YAML 1.2"),
        (
            "a: !!python/object:os.system x\n",
            1,
            4,
            "tags such as `tag:yaml.org,2002:python/object:os.system` are not taken",
        ),
        ("a: !mine [1]\n", 1, 4, "tags such as `!mine` are not taken"),
        ("<<: {a: 1}\n", 1, 1, "YAML 1.2 has no merge keys"),
        ("a: *nothing\n", 1, 4, "no `&nothing` stands before this"),
        ("a: &self [*self]\n", 1, 11, "`*self` stands inside what it repeats"),
        ("a:\n\t- b\n", 2, 1, "a tab can't indent"),
        ("? [a, b]\n: c\n", 1, 3, "a key must be plain text"),
        ("a: [1, 2\nb: 3\n", 1, 4, "this list is not closed, or lacks a `,` between its items"),
        ("a: {b: ${c}, d: 1}\n", 1, 4, "this mapping is not closed, or lacks a `,` between its keys"),
        ("a: 'open\n", 1, 4, "this quote is never closed"),
        ("a: b: c\n", 1, 5, "a `key: value` can't stand here"),
        ("a: @b\n", 1, 4, "text can't begin with `@`"),
        ("a:\n  b: 1\n c: 2\n", 3, 2, "this line fits none above it"),
        ('a: "\\q"\n', 1, 5, "no such escape in double quotes"),
        ("a: \x07\n", 1, 4, "character U+0007 can't stand in a YAML file"),
        (f"a: {'9' * 5000}\n", 1, 4, "a whole number of 5000 digits is more than 100"),
    ],
)
def test_what_is_refused_says_where_and_why(text, line, column, message):
    assert only(parse(text, "f")) == (line, column, message)


def test_text_with_braces_in_a_flow_mapping_is_told_to_be_quoted():
    (diagnostic,) = parse("a: {b: trades/${run.session}}\n", "f").diagnostics
    assert diagnostic.hint == "text with `${` in it needs quotes here"


def test_duplicates_do_not_hide_what_follows():
    assert len(parse("a: 1\na: 2\nb: {c: 1, c: 2}\n", "f").diagnostics) == 2


def test_depth_is_bounded_whether_written_or_unfolded():
    assert only(parse("[" * 100_000, "f"))[2] == f"nested more than {DEEPEST} levels deep"
    chain = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 2000))
    assert only(parse(chain, "f"))[2] == f"its aliases unfold the file over {DEEPEST} levels deep"


def test_an_alias_bomb_is_refused_before_it_unfolds():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert only(parse(bomb, "f"))[2] == "its aliases unfold the file into more than 50,000 values"


def test_files_that_are_none_say_so(tmp_path: Path):
    (tmp_path / "a.yml").write_text("steps: {}")
    (tmp_path / "a.txt").write_text("steps: {}")
    (tmp_path / "marked.yaml").write_bytes(b"\xef\xbb\xbfsteps: {}")
    (tmp_path / "latin.yaml").write_bytes("a: 1\nb: café\n".encode("latin-1"))
    (tmp_path / "large.yaml").write_bytes(b"#" * 1_000_001)
    (tmp_path / "folder.yaml").mkdir()
    assert only(read(tmp_path / "a.yml"))[2] == "the file ends in `.yml`, which nothing here looks at"
    assert only(read(tmp_path / "a.txt"))[2] == "the file is no pipeline: those end in `.yaml`"
    assert only(read(tmp_path / "none.yaml"))[2] == "the file can't be read: no such file or directory"
    assert only(read(tmp_path / "folder.yaml"))[2] == "the file can't be read: is a directory"
    assert only(read(tmp_path / "marked.yaml"))[2] == "the file begins with a byte order mark"
    assert only(read(tmp_path / "latin.yaml")) == (2, 7, "the file is not UTF-8: byte 0xe9 can't be read")
    assert (
        only(read(tmp_path / "large.yaml"))[2] == "the file holds 1,000,001 bytes; a pipeline file may hold 1,000,000"
    )
    for document in map(read, tmp_path.iterdir()):
        assert not document.readable


def test_windows_line_ends_are_lines():
    document = parse("a: 1\r\nb:\r\n  c: 2\r\n", "f")
    assert document.value == {"a": 1, "b": {"c": 2}}
    assert document.at(("b", "c")).line == 3


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab1:-[]{},'\"|>&*!#%@`$~<? \n\t\\é\u2028")), max_size=60))
def test_no_text_breaks_the_reader(text):
    document = parse(text, "f")
    assert document.readable or document.diagnostics
    for diagnostic in document.diagnostics:
        assert diagnostic.span.line >= 1
        assert diagnostic.span.column >= 1
