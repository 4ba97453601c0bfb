"""A function's signature is its contract, and it stays a plain function."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pytest
from pandera.typing import DataFrame
from pydantic import Field

from schemas.frame import Frame
from schemas.market import Prices, Returns
from tasks.connections.arctic import FrameStore
from tasks.declare import DeclarationError, Task, source, task, validating
from tasks.returns import compute_returns
from tasks.run import OrderPolicy, Run
from tasks.validate import FrameBroken

S = TypeVar("S", bound=Frame)


def prices(closes: list[float]) -> pd.DataFrame:
    sessions = pd.to_datetime(["2022-12-23", "2022-12-27", "2022-12-28"])[: len(closes)]
    return pd.DataFrame(
        {
            "con_id": np.ones(len(closes), dtype=np.int64),
            "symbol": pd.Categorical(["A"] * len(closes)),
            "session": sessions.astype("datetime64[ns]"),
            "close": closes,
        }
    )


class Two(NamedTuple):
    """Two frames."""

    low: DataFrame[Prices]
    high: DataFrame[Returns]


def test_each_parameter_is_told_by_its_type():
    @task(reads="as_of")
    def some(
        prices: DataFrame[Prices],
        extra: DataFrame[Returns] | None,
        store: FrameStore,
        run: Run,
        policy: OrderPolicy,
        any_frame: pd.DataFrame,
        kind: Literal["a", "b"],
        share: Annotated[float, Field(ge=0)] = 0.5,
    ) -> Two:
        """Some."""

    spec = some.spec
    assert spec.kind == "as_of"
    assert {name: (frame.schema, frame.optional) for name, frame in spec.frames.items()} == {
        "prices": (Prices, False),
        "extra": (Returns, True),
        "any_frame": (None, False),
    }
    assert spec.connections == {"store": FrameStore}
    assert spec.injected == {"run": Run, "policy": OrderPolicy}
    assert {name: argument.required for name, argument in spec.arguments.items()} == {"kind": True, "share": False}
    assert spec.arguments["share"].default == 0.5
    assert {name: output.schema for name, output in spec.outputs.items()} == {"low": Prices, "high": Returns}
    assert spec.summary == "Some."


def test_a_generic_task_shares_its_variable_with_its_output():
    @task
    def same(frame: DataFrame[S]) -> DataFrame[S]:
        return frame

    assert same.spec.frames["frame"].variable == same.spec.outputs[None].variable == "S"
    assert same.spec.frames["frame"].schema is None


def test_kinds():
    def nothing() -> DataFrame[Prices]:
        return prices([1.0])

    assert task(nothing).spec.kind == "pure"
    assert task(reads="now")(nothing).spec.kind == "now"
    assert task(effect=True)(nothing).spec.kind == "effect"
    assert source(nothing).spec.kind == "source"
    with pytest.raises(DeclarationError, match="either reads the world or changes it"):
        task(reads="now", effect=True)


def test_an_effect_may_return_nothing_and_another_task_may_not():
    def silent(run: Run) -> None:
        pass

    assert task(effect=True)(silent).spec.outputs == {}
    with pytest.raises(DeclarationError, match=r"`silent` must say what it returns: `-> DataFrame\[Schema\]`"):
        _ = task(silent).spec


def unnamed(*frames: DataFrame[Prices]) -> DataFrame[Prices]:
    return frames[0]


def untyped(prices) -> DataFrame[Prices]:
    return prices


def a_dict(prices: DataFrame[Prices]) -> dict[str, int]:
    return {}


def defaulted(prices: DataFrame[Prices] = prices([1.0])) -> DataFrame[Prices]:  # noqa: B008 - the mistake meant
    return prices


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (unnamed, "parameter `frames` must be an ordinary named one"),
        (untyped, "parameter `prices` needs a type"),
        (a_dict, "must return `DataFrame[Schema]` or a NamedTuple of them"),
        (defaulted, "frame `prices` may only default to None"),
    ],
)
def test_a_signature_that_can_be_no_contract_says_why(function, words):
    with pytest.raises(DeclarationError) as caught:
        _ = task(function).spec
    assert words in str(caught.value)
    assert function.__name__ in str(caught.value)


def test_a_task_is_called_as_the_plain_function_that_it_is():
    assert isinstance(compute_returns, Task)
    assert compute_returns.__name__ == "compute_returns"
    assert compute_returns(prices([1.0, 2.0, 1.0]))["return"].tolist() == [1.0, -0.5]


def test_validating_holds_inputs_and_outputs_and_lets_columns_be_more_than_asked():
    def halve(frame: DataFrame[Prices], by: float = 2.0) -> DataFrame[Prices]:
        return frame.assign(close=frame["close"] / by)

    checked = validating(halve, task(halve).spec)
    assert checked(prices([1.0]).assign(volume=5), by=4.0)["close"].tolist() == [0.25]
    with pytest.raises(FrameBroken, match="task `halve`: input `frame` broke schema Prices"):
        checked(prices([-1.0]))
    with pytest.raises(FrameBroken, match="task `halve` broke schema Prices"):
        checked(prices([1.0]), by=-1.0)
    with pytest.raises(FrameBroken, match="input `frame` is list, not a frame"):
        checked([1, 2])
