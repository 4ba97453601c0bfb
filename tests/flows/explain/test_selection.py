"""Which rows of an input some rows were made from."""

from __future__ import annotations

import pandas as pd

from flows.explain.selection import Wanted, choose
from schemas.book import Exposures, Positions


def test_keys_of_several_columns_match_together() -> None:
    """AAPL in one account and MSFT in another are not MSFT in the one and AAPL in the other."""
    book = pd.DataFrame({"account": ["DU1", "DU1", "DU2", "DU2"], "con_id": [1, 2, 1, 2]}).astype(
        {"account": "category"}
    )
    wanted = Wanted(book.iloc[[0, 3]], Exposures)
    rows, said, _ = choose(book, Positions, wanted)
    assert list(rows.index) == [0, 3]
    assert said == "account in DU1, DU2, con_id in 1, 2"


def test_nothing_shared_is_everything() -> None:
    told = pd.DataFrame({"to": ["desk"], "title": ["Beta hedge"]})
    book = pd.DataFrame({"account": ["DU1", "DU2"], "con_id": [1, 2]})
    rows, said, _ = choose(book, Positions, Wanted(told))
    assert len(rows) == 2
    assert said == ""
