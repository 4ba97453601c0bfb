"""Sentences name a few things and count the rest."""

from __future__ import annotations

from tasks.wording import amount, counted, listed


def test_a_long_list_is_cut_and_counted():
    assert listed("ABC") == "A, B, C"
    assert listed("ABCDEFG", shown=3) == "A, B, C and 4 more"
    assert listed([]) == ""


def test_a_noun_agrees_with_its_number():
    assert [counted(n, "position") for n in (0, 1, 2000)] == ["0 positions", "1 position", "2,000 positions"]
    assert counted(2, "price is", "prices are") == "2 prices are"


def test_an_amount_is_as_precise_as_it_is():
    assert [amount(n) for n in (1_250_000.0, 0.5, -37.63, 3.0)] == ["1,250,000", "0.5", "-37.63", "3"]
