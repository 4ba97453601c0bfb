"""From any row back to what it was made from: those rows, no others, and the messages that brought them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows.explain import Evidence, Explanation, explain
from flows.journal import Journal, Producer
from tasks.connections.arctic import FrameStore
from tasks.connections.arctic_query import Selection
from tasks.connections.problems import Problem
from tasks.connections.sql import Database
from tasks.frames import read_frame, upsert_frame, write_frame
from tasks.rows import read_rows, write_rows
from tasks.run import Run

AAPL, MSFT, SPY, OPTION = 265598, 272093, 756733, 900000101

Recorder = Callable[..., object]

RUN = Run("r", "p", date(2022, 12, 28))


def at(explanation: Explanation, *parameters: str) -> Evidence:
    """What stands at the end of a path of parameters."""
    found = explanation.root
    for parameter in parameters:
        (found,) = (given for given in found.inputs if given.parameter == parameter)
    return found


def frame(evidence: Evidence) -> pd.DataFrame:
    (rows,) = evidence.rows
    return rows.frame


def test_a_position_s_part_of_the_hedge_leads_to_the_bars_and_the_messages(journal: Journal, hedge_run: str) -> None:
    told = explain(journal, hedge_run, "hedge", {"con_id": str(AAPL)})
    assert told.remarks == (
        f"No row of hedge has con_id = {AAPL}: its rows are shown whole, and what they came from is narrowed.",
    )
    assert frame(told.root)["con_id"].tolist() == [SPY]
    exposure = frame(at(told, "exposure"))
    assert exposure[["account", "con_id"]].to_numpy().tolist() == [["DU1", AAPL], ["DU2", AAPL]]
    assert frame(at(told, "exposure", "betas"))["con_id"].tolist() == [AAPL]
    assert frame(at(told, "exposure", "positions"))["quantity"].tolist() == [100.0, 50.0]
    assert frame(at(told, "exposure", "quotes"))["con_id"].tolist() == [AAPL]
    returns = at(told, "exposure", "betas", "returns")
    assert set(frame(returns)["con_id"]) == {AAPL, SPY}
    pulled = at(told, "exposure", "betas", "returns", "prices")
    assert [(one.con_id, one.payload.split("\0")[0]) for one in pulled.messages] == [
        (AAPL, "17"), (SPY, "17"), (None, "4"),
    ]  # fmt: skip
    assert [one.parameter for one in pulled.inputs] == ["universe"]


def test_beta_is_recomputed_from_the_very_bars_that_are_listed(journal: Journal, hedge_run: str) -> None:
    for con_id in (AAPL, MSFT):
        told = explain(journal, hedge_run, "betas", {"con_id": str(con_id)})
        listed = frame(at(told, "returns", "prices")).pivot(index="session", columns="con_id", values="close")
        assert set(listed.columns) == {con_id, SPY}
        change = (listed / listed.shift() - 1).dropna()
        (stated,) = frame(told.root).to_dict("records")
        assert len(change) == stated["observations"]
        assert (change.index[0], change.index[-1]) == (stated["first_session"], stated["last_session"])
        market = change[SPY] - change[SPY].mean()
        beta = float((market * change[con_id]).sum() / (market**2).sum())
        assert beta == pytest.approx(stated["beta"], rel=1e-12)


def test_bars_outside_the_regression_are_not_listed(journal: Journal, hedge_run: str) -> None:
    """MSFT is listed from 19 September on: its first return is of the 20th, and the bars before aren't SPY's part."""
    told = explain(journal, hedge_run, "betas", {"con_id": str(MSFT)})
    sessions = frame(at(told, "returns", "prices")).groupby("con_id")["session"].agg(["min", "max"])
    assert sessions["min"].to_dict() == dict.fromkeys((MSFT, SPY), pd.Timestamp("2022-09-19"))
    assert frame(at(told, "returns"))["session"].min() == pd.Timestamp("2022-09-20")


def test_a_return_leads_to_its_close_and_the_one_before(journal: Journal, hedge_run: str) -> None:
    told = explain(journal, hedge_run, "returns", {"con_id": str(AAPL), "session": "2022-10-10"})
    (made,) = frame(told.root)["return"]
    closes = frame(at(told, "prices"))
    assert closes["session"].tolist() == [pd.Timestamp("2022-10-07"), pd.Timestamp("2022-10-10")]
    assert made == pytest.approx(closes["close"].iloc[1] / closes["close"].iloc[0] - 1, rel=1e-12)


def test_the_benchmark_s_own_position_is_no_part_of_another_s_exposure(journal: Journal, hedge_run: str) -> None:
    told = explain(journal, hedge_run, "exposure", {"con_id": str(AAPL), "account": "DU2"})
    assert frame(told.root)["account"].tolist() == ["DU2"]
    assert frame(at(told, "positions"))[["account", "con_id"]].to_numpy().tolist() == [["DU2", AAPL]]
    assert frame(at(told, "quotes"))["con_id"].tolist() == [AAPL]


def test_an_uncovered_position_leads_to_the_message_that_says_why(journal: Journal, hedge_run: str) -> None:
    told = explain(journal, hedge_run, "exposure", {"con_id": str(OPTION)})
    assert frame(told.root)["reason"].tolist() == ["no beta: no history"]
    pulled = at(told, "betas", "returns", "prices")
    assert frame(pulled).empty
    assert [one.payload.split("\0")[-1] for one in pulled.messages] == ["no data", "HMDS is fine"]


def test_without_a_condition_the_hedge_is_made_from_the_whole_book(journal: Journal, hedge_run: str) -> None:
    told = explain(journal, hedge_run, "hedge", None)
    assert told.remarks == ()
    assert len(frame(at(told, "exposure"))) == 5
    assert frame(at(told, "quotes"))["con_id"].tolist() == [SPY]
    assert len(at(told, "exposure", "betas", "returns", "prices").messages) == 5


def test_the_same_rows_are_told_once(journal: Journal, hedge_run: str) -> None:
    told = explain(journal, hedge_run, "exposure", {"con_id": str(AAPL)})
    assert not at(told, "positions").repeated
    again = at(told, "quotes", "universe")
    assert again.repeated
    assert again.inputs == ()


def test_a_condition_may_hold_only_further_up(journal: Journal, hedge_run: str) -> None:
    told = explain(journal, hedge_run, "betas", {"con_id": str(AAPL), "session": "2022-10-10"})
    assert "session = 2022-10-10" in told.remarks[0]
    assert set(frame(at(told, "returns"))["session"]) == {pd.Timestamp("2022-10-10")}
    assert set(frame(at(told, "returns", "prices"))["session"]) == set(pd.to_datetime(["2022-10-07", "2022-10-10"]))


def test_no_step_named_is_what_the_pipeline_yields(
    journal: Journal, hedge_run: str, begin: Callable[..., None], record: Recorder
) -> None:
    assert explain(journal, hedge_run, None, None).root.step.step == "hedge"
    begin("else", text="steps: {}\n")
    record("else", "quotes", pd.DataFrame({"a": [1]}), "Quotes")
    record("else", "tell", pd.DataFrame({"to": ["desk"]}), "Alerts")
    assert explain(journal, "else", None, None).root.step.step == "quotes"


@pytest.mark.parametrize(
    ("step", "where", "said"),
    [
        ("hedg", {}, "has no step `hedg`. Did you mean hedge?"),
        ("hedge.gaps", {}, "Step `hedge` has no frame `gaps`. It yields one frame."),
        ("hedge", {"conid": "1"}, "Neither `hedge` nor a frame that it came from has a column `conid`. Did you mean"),
        ("hedge", {"con_id": "AAPL"}, "`AAPL` is no value of column `con_id`, which is int64."),
        ("returns", {"session": "soon"}, "`soon` is no value of column `session`"),
        ("exposure", {"covered": "maybe"}, "`maybe` is no value of column `covered`, which is bool."),
        ("hedge", {"con_id": "1"}, "No row of `hedge`, nor of what it came from, has con_id = 1."),
        ("hedge", {"session": "2031-01-01"}, "has session = 2031-01-01."),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_said(
    journal: Journal, hedge_run: str, step: str, where: dict[str, str], said: str
) -> None:
    with pytest.raises(Problem) as told:
        explain(journal, hedge_run, step, where)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({"covered": "false"}, 1),
        ({"symbol": "AAPL"}, 3),
        ({"quantity": "-20"}, 1),
        ({"reason": "no beta: no history"}, 1),
    ],
)
def test_conditions_are_read_by_their_column_s_type(
    journal: Journal, hedge_run: str, where: dict[str, str], rows: int
) -> None:
    assert len(frame(explain(journal, hedge_run, "exposure", where).root)) == rows


def test_a_stored_frame_leads_to_the_run_that_wrote_it(
    hedge_run: str, begin: Callable[..., None], record: Recorder, tmp_path: Path, journal: Journal
) -> None:
    with FrameStore("frames", FrameStore.Settings(), tmp_path) as store:
        betas = journal.frame(journal.run(hedge_run).step("betas").outputs[None])
        run = Run(hedge_run, "beta_hedge", date(2022, 11, 23), "save", "key")
        receipt = write_frame(betas, store, run, "risk", "betas")
        record(hedge_run, "save", receipt, "FrameWrites", {"frame": ("betas", None)})
        begin("1ive", "beta_hedge_live")
        record("1ive", "betas", read_frame(store, RUN, "risk", "betas"), "Betas", task="read_frame")
    told = explain(journal, "1ive", "betas", {"con_id": str(AAPL)})
    assert told.root.remark == "risk/betas version 0 of `frames`, written by run 5eed"
    assert at(told, "written by").run.id == hedge_run
    assert frame(at(told, "written by"))["symbol"].tolist() == ["betas"]
    assert frame(at(told, "written by", "frame"))["con_id"].tolist() == [AAPL]
    assert set(frame(at(told, "written by", "frame", "returns"))["con_id"]) == {AAPL, SPY}


def test_part_of_a_stored_frame_leads_there_too_and_is_not_copied(
    hedge_run: str, begin: Callable[..., None], record: Recorder, tmp_path: Path, journal: Journal
) -> None:
    with FrameStore("frames", FrameStore.Settings(), tmp_path) as store:
        betas = journal.frame(journal.run(hedge_run).step("betas").outputs[None])
        run = Run(hedge_run, "beta_hedge", date(2022, 11, 23), "save_part", "key")
        receipt = write_frame(betas, store, run, "part", "betas")
        record(hedge_run, "save_part", receipt, "FrameWrites", {"frame": ("betas", None)})
        begin("1ive9", "beta_hedge_live")
        part = read_frame(store, RUN, "part", "betas", columns=["con_id", "beta"], where={"con_id": AAPL})
        ref = record("1ive9", "betas", part, "", task="read_frame")
    assert ref.origin is not None
    assert ref.origin["selection"] == {"columns": ["con_id", "beta"], "where": {"con_id": AAPL}}
    told = explain(journal, "1ive9", "betas", None)
    assert told.root.remark == "part/betas version 0 of `frames`, written by run 5eed"


def test_each_row_of_a_frame_that_grew_leads_to_the_run_that_brought_it(tmp_path: Path) -> None:
    def bars(con_id: int, day: int, close: float) -> pd.DataFrame:
        return pd.DataFrame({"con_id": [con_id], "session": pd.to_datetime([f"2022-12-{day}"]), "close": [close]})

    def versions(origin: Mapping[str, Any]) -> Sequence[int] | None:
        found = store.select(origin["library"], origin["symbol"], Selection(), origin["version"]).versions
        return None if found is None else [int(one) for one in found]

    def read(origin: Mapping[str, Any]) -> pd.DataFrame:
        return store.read(origin["library"], origin["symbol"], origin["version"])[0]

    def begun(run: str) -> None:
        described = {"params": {}, "desk": {}, "versions": {}, "slot": "manual", "clock": "wall", "trigger": "test"}
        started = pd.Timestamp("2022-11-23 20:45", tz="UTC")
        journal.begin_run(run=run, pipeline="pull", text="", session=RUN.session, started=started, **described)

    def step(run: str, name: str, made: pd.DataFrame, schema: str, **inputs: tuple[str, str | None]) -> None:
        journal.begin_step(run=run, step=name, task=name, item=None, source_hash="", arguments={}, inputs=inputs)
        ref = journal.put_frame(made, schema)
        journal.end_step(run, name, "completed", seconds=0.1, attempts=1, outputs={None: ref}, notes=[])

    with (
        FrameStore("frames", FrameStore.Settings(), tmp_path) as store,
        Journal(tmp_path, read, versions) as journal,
    ):
        for run, pulled in (("a1", bars(AAPL, 27, 1.0)), ("b2", bars(MSFT, 28, 2.0)), ("c3", bars(AAPL, 27, 3.0))):
            begun(run)
            step(run, "bars", pulled, "")
            of = Run(run, "pull", RUN.session, "save", run)
            receipt = upsert_frame(pulled, store, of, "market", "bars", key=["con_id", "session"])
            step(run, "save", receipt, "FrameWrites", frame=("bars", None))
        begun("d4")
        step("d4", "prices", read_frame(store, RUN, "market", "bars"), "")
        told = explain(journal, "d4", "prices", {"con_id": str(AAPL)})
        assert told.root.remark == "market/bars version 2 of `frames`, written by run c3"  # a1's bar was corrected
        assert frame(at(told, "written by", "frame"))["close"].tolist() == [3.0]
        both = explain(journal, "d4", "prices", None)
        assert [one.run.id for one in both.root.inputs] == ["c3", "b2"]


def test_rows_of_a_table_lead_to_the_runs_that_wrote_them(
    begin: Callable[..., None], record: Recorder, tmp_path: Path, journal: Journal
) -> None:
    with Database("tables", Database.Settings(), tmp_path) as database:
        for run, con_id in (("f1", AAPL), ("f2", MSFT)):
            begin(run, "pull")
            fills = pd.DataFrame({"exec_id": [run], "con_id": [con_id]})
            record(run, "fills", fills, "")
            journal.intend(f"key-{run}", run, "save")
            receipt = write_rows(fills, database, Run(run, "pull", RUN.session, "save", f"key-{run}"), "fills")
            record(run, "save", receipt, "RowWrites", {"rows": ("fills", None)})
        begin("f3", "eod")
        read = read_rows(database, "fills")
        record("f3", "ours", read, "", task="read_rows")
        write_rows(read.tail(1), database, Run("f9", "other", RUN.session, "save", "key-f1"), "fills")  # since then
    told = explain(journal, "f3", "ours", {"con_id": str(MSFT)})
    assert told.root.remark == "table fills of `tables`, written by run f2"
    assert frame(at(told, "written by", "rows"))["exec_id"].tolist() == ["f2"]
    assert explain(journal, "f3", "ours", None).root.remark.endswith("written by runs f2, f1")
    assert journal.frame(journal.run("f3").step("ours").outputs[None])["exec_id"].tolist() == ["f1", "f2"]


def test_a_stored_frame_that_no_run_wrote_says_so(
    begin: Callable[..., None], record: Recorder, tmp_path: Path, journal: Journal
) -> None:
    with FrameStore("frames", FrameStore.Settings(), tmp_path) as store:
        store.write("bought", "betas", pd.DataFrame({"con_id": [AAPL]}), {})
        begin("theirs")
        record("theirs", "betas", read_frame(store, RUN, "bought", "betas"), "")
    told = explain(journal, "theirs", "betas", None)
    assert told.root.remark == "bought/betas version 0 of `frames`, which no run in this journal wrote"


def test_a_repeated_effect_leads_to_the_run_that_had_it(
    begin: Callable[..., None], journal: Journal, record: Recorder
) -> None:
    """The order was sized by the first run's hedge, whatever the second run would have sized."""
    order = pd.DataFrame({"con_id": [SPY], "quantity": [12.0]})
    for run, quantity in (("sent", 12.0), ("repeated", 99.0)):
        begin(run)
        record(run, "hedge", pd.DataFrame({"con_id": [SPY], "quantity": [quantity]}), "")
        journal.begin_step(
            run=run,
            step="orders",
            task="place_orders",
            item=None,
            source_hash="",
            arguments={"$key": "slot"},
            inputs={"intents": ("hedge", None)},
        )
        outputs = {None: journal.put_frame(order, "")}
        if run == "sent":
            journal.intend("slot", run, "orders")
        journal.done("slot", outputs)
        journal.end_step(run, "orders", "completed", seconds=0.0, attempts=1, outputs=outputs)
    told = explain(journal, "repeated", "orders", None)
    assert [given.parameter for given in told.root.inputs] == ["done by"]
    assert frame(at(told, "done by", "intents"))["quantity"].tolist() == [12.0]


def test_yesterday_s_output_leads_into_yesterday_s_run(
    begin: Callable[..., None], record: Recorder, journal: Journal
) -> None:
    for run, quantity in (("day1", 5.0), ("day2", 7.0)):
        begin(run, "stops")
        record(run, "held", pd.DataFrame({"con_id": [AAPL], "stop": [quantity]}), "")
        known = {"known": Producer("day1", "stops")} if run == "day2" else {}
        inputs = {"held": ("held", None), **known}
        record(run, "stops", pd.DataFrame({"con_id": [AAPL], "stop": [quantity]}), "", inputs)
    told = explain(journal, "day2", "stops", None)
    assert at(told, "known").run.id == "day1"
    assert frame(at(told, "known", "held"))["stop"].tolist() == [5.0]


def test_gathered_rows_lead_to_their_own_item_only(
    begin: Callable[..., None], record: Recorder, journal: Journal, hedge_run: str
) -> None:
    begin("each")
    betas = journal.frame(journal.run(hedge_run).step("betas").outputs[None])
    for number in range(2):
        record("each", f"betas[{number}]", betas.iloc[[number]].reset_index(drop=True), "Betas")
    parts = {f"frame.{number}": (f"betas[{number}]", None) for number in range(2)}
    record("each", "betas", betas.head(2), "Betas", parts, task="gather")
    told = explain(journal, "each", "betas", {"con_id": str(MSFT)})
    assert [given.step.step for given in told.root.inputs] == ["betas[1]"]


def test_one_frame_of_several_is_asked_for_by_its_field(begin: Callable[..., None], journal: Journal) -> None:
    begin("two")
    journal.begin_step(run="two", step="split", task="split", item=None, source_hash="", arguments={}, inputs={})
    frames = {name: pd.DataFrame({"con_id": [number]}) for number, name in enumerate(["left", "right"])}
    outputs = {name: journal.put_frame(made, "") for name, made in frames.items()}
    journal.end_step("two", "split", "completed", seconds=0.0, attempts=1, outputs=outputs)
    assert [rows.field for rows in explain(journal, "two", "split", None).root.rows] == ["left", "right"]
    assert frame(explain(journal, "two", "split.right", None).root)["con_id"].tolist() == [1]
    with pytest.raises(Problem, match=r"no frame `rigth`. It has left, right"):
        explain(journal, "two", "split.rigth", None)


def test_a_failed_step_says_why_and_what_it_was_given(
    begin: Callable[..., None], record: Recorder, journal: Journal
) -> None:
    begin("bad")
    record("bad", "prices", pd.DataFrame({"con_id": [AAPL]}), "")
    given = {"prices": ("prices", None)}
    journal.begin_step(run="bad", step="returns", task="r", item=None, source_hash="", arguments={}, inputs=given)
    journal.end_step("bad", "returns", "failed", seconds=0.0, attempts=1, error="gap in AAPL", outputs={})
    told = explain(journal, "bad", "returns", None)
    assert told.root.remark == "failed: gap in AAPL"
    assert frame(at(told, "prices"))["con_id"].tolist() == [AAPL]


def test_a_frame_that_is_gone_is_said_and_the_rest_is_told(
    begin: Callable[..., None], record: Recorder, journal: Journal, tmp_path: Path
) -> None:
    begin("old")
    with FrameStore("frames", FrameStore.Settings(), tmp_path) as store:
        store.write("risk", "betas", pd.DataFrame({"con_id": np.arange(20_000)}), {})
        record("old", "betas", read_frame(store, RUN, "risk", "betas"), "")
    record("old", "hedge", pd.DataFrame({"con_id": [SPY]}), "Hedges", {"betas": ("betas", None)})
    told = explain(journal, "old", "hedge", None)
    (lost,) = at(told, "betas").rows
    assert "which isn't open here" in lost.lost
    assert lost.total == 20_000
