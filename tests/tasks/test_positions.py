from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from schemas.book import Positions
from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.simulator.book import Holding
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import AAPL_CALL, listed
from tasks.connections.problems import DataProblem
from tasks.positions import read_positions

AAPL, KO = listed("AAPL"), listed("KO")

Hold = Callable[..., Broker]


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """A broker whose accounts hold these."""
    with ExitStack() as stack:

        def make(*book: Holding) -> Broker:
            gateway = stack.enter_context(SimulatedGateway(book=list(book)))
            return stack.enter_context(Broker("gateway", Settings(port=gateway.port), tmp_path))

        yield make


def test_the_same_contract_in_two_accounts_is_two_rows(hold: Hold) -> None:
    book = hold(Holding("DU2", AAPL, 30, 140.5), Holding("DU1", AAPL, -20, 131.4), Holding("DU1", KO, 5, 60.0))
    frame = read_positions(book)
    Positions.validate(frame)
    assert frame[["account", "symbol", "quantity", "average_cost"]].values.tolist() == [
        ["DU1", "KO", 5.0, 60.0],
        ["DU1", "AAPL", -20.0, 131.4],
        ["DU2", "AAPL", 30.0, 140.5],
    ]


def test_an_options_cost_includes_its_multiplier_and_it_carries_its_underlyings_symbol(hold: Hold) -> None:
    (row,) = read_positions(hold(Holding("DU1", AAPL_CALL, 10, 912.5))).to_dict("records")
    assert (row["symbol"], row["security_type"], row["multiplier"]) == ("AAPL", "OPT", 100.0)
    assert (row["quantity"], row["average_cost"]) == (10.0, 912.5)


def test_a_position_closed_today_is_none(hold: Hold) -> None:
    frame = read_positions(hold(Holding("DU1", AAPL, 0, 0.0), Holding("DU1", KO, 0.5, 60.0)))
    assert frame["symbol"].tolist() == ["KO"]


def test_an_empty_book_is_a_frame_without_rows(hold: Hold) -> None:
    frame = read_positions(hold(Holding("DU1", AAPL, 0, 0.0)))
    Positions.validate(frame)
    assert frame.empty


def test_only_the_accounts_asked_for(hold: Hold) -> None:
    book = hold(Holding("DU1", AAPL, 1, 1.0), Holding("DU2", AAPL, 2, 1.0), Holding("DU3", AAPL, 3, 1.0))
    assert read_positions(book, accounts=["DU3", "DU1"])["quantity"].tolist() == [1.0, 3.0]
    with pytest.raises(DataProblem, match=r"doesn't manage DU8, DU9\. Its accounts are DU1, DU2, DU3"):
        read_positions(book, accounts=["DU9", "DU8", "DU1"])
