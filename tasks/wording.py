"""How sentences for people say lists and numbers."""

from __future__ import annotations

from collections.abc import Iterable


def listed(items: Iterable[object], shown: int = 5, separator: str = ", ") -> str:
    """The first few of the items, and how many more there are: `A, B and 3 more`."""
    texts = [str(item) for item in items]
    more = len(texts) - shown
    return separator.join(texts[:shown]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 contract`, `2 contracts`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def amount(number: float) -> str:
    """A quantity of money or contracts, as precise as it is: `1,250,000`, `0.5`."""
    return f"{number:,.10g}"
