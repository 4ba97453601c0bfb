"""Frames from files: what is read, and what is told of a file that isn't what it should be."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.book import Positions
from schemas.frame import schema_of
from schemas.market import Prices, Quotes, Returns
from tasks.connections.problems import DataProblem, Refused
from tasks.connections.scope import Scope, entered
from tasks.files import read_csv, read_parquet
from tasks.run import Run

HOLDINGS = """\
Account,Conid,Symbol,Class,Currency,Listing,Multiplier,Position,Cost
DU1,265598,AAPL,STK,USD,NASDAQ,1,"2,400",131.42
DU1,8894,KO,STK,USD,NYSE,1,"-1,600",60.95

DU2,265598,AAPL,STK,USD,,1,900,148.77
"""
COLUMNS = {
    "account": "Account",
    "con_id": "Conid",
    "symbol": "Symbol",
    "security_type": "Class",
    "currency": "Currency",
    "exchange": "Listing",
    "multiplier": "Multiplier",
    "quantity": "Position",
    "average_cost": "Cost",
}
PRICES = "con_id,symbol,session,close\n1,A,2022-12-27,10\n1,A,2022-12-28,11.5\n2,B,2022-12-28,.5\n"


@pytest.fixture
def run(tmp_path):
    return Run("r", "p", date(2022, 12, 28), root=tmp_path, schema=Prices)


@pytest.fixture
def holdings(run):
    (run.root / "holdings.csv").write_text(HOLDINGS)
    return replace(run, schema=Positions)


def prices_of(run, text: str, name: str = "prices.csv", **named) -> pd.DataFrame:
    (run.root / name).write_text(text)
    return read_csv(run, name, **named)


def refusal(call, *arguments, **named) -> list[str]:
    with pytest.raises(DataProblem) as refused:
        call(*arguments, **named)
    return str(refused.value).splitlines()


def test_a_book_is_read_by_a_map_of_its_columns(holdings):
    frame = schema_of(Positions).validate(read_csv(holdings, "holdings.csv", columns=COLUMNS, thousands=","))
    assert frame["account"].tolist() == ["DU1", "DU1", "DU2"]
    assert frame["con_id"].tolist() == [265598, 8894, 265598]
    assert frame["quantity"].tolist() == [2400.0, -1600.0, 900.0]
    assert frame["average_cost"].tolist() == [131.42, 60.95, 148.77]
    assert frame["exchange"].tolist() == ["NASDAQ", "NYSE", ""]


def test_a_constant_stands_in_for_a_column(holdings):
    given = {name: theirs for name, theirs in COLUMNS.items() if name not in ("currency", "multiplier")}
    arguments = {"constants": {"currency": "CAD", "multiplier": 1}, "thousands": ",", "other_columns": "ignore"}
    frame = schema_of(Positions).validate(read_csv(holdings, "holdings.csv", columns=given, **arguments))
    assert frame["currency"].tolist() == ["CAD"] * 3
    assert frame["multiplier"].tolist() == [1.0] * 3
    with pytest.raises(DataProblem, match="The constant of `multiplier`: expected a number, got `one`"):
        read_csv(
            holdings,
            "holdings.csv",
            columns=given,
            **{**arguments, "constants": {"currency": "CAD", "multiplier": "one"}},
        )


def test_every_missing_and_strange_column_is_named_at_once(holdings):
    told = refusal(read_csv, holdings, "holdings.csv", columns={**COLUMNS, "con_id": "ConId", "quantty": "Position"})
    assert told == [
        "holdings.csv: `columns:` names `quantty`, which is no column of Positions; did you mean `quantity`?",
        "holdings.csv: no column `ConId`, for `con_id`, in the header; did you mean `Conid`?",
        "holdings.csv: 1 column that Positions has no use for: `Conid`; `other_columns: ignore` leaves out what "
        "isn't named.",
    ]


def test_columns_may_be_ignored_but_never_missed(holdings):
    (holdings.root / "wide.csv").write_text(HOLDINGS.replace("Cost\n", "Cost,Mark\n").replace("2\n", "2,1\n").replace(
        "95\n", "95,1\n").replace("77\n", "77,1\n"))  # fmt: skip
    assert refusal(read_csv, holdings, "wide.csv", columns=COLUMNS, thousands=",")[0].startswith(
        "wide.csv: 1 column that Positions has no use for: `Mark`"
    )
    frame = read_csv(holdings, "wide.csv", columns=COLUMNS, thousands=",", other_columns="ignore")
    assert frame.equals(read_csv(holdings, "holdings.csv", columns=COLUMNS, thousands=","))


def test_a_header_that_names_a_column_twice_is_refused(run):
    assert refusal(prices_of, run, "con_id,symbol,session,close,close\n1,A,2022-12-27,1,2\n") == [
        "prices.csv: column `close`: stands more than once in the header."
    ]


def test_every_bad_cell_is_told_with_its_line_and_column(holdings):
    (holdings.root / "bad.csv").write_text(
        HOLDINGS.replace("265598,AAPL,STK,USD,NASDAQ", "26x,AAPL,STK,USD,NASDAQ").replace("NYSE,1,", "NYSE,,")
        .replace("900,148", '"9,00",148')
    )  # fmt: skip
    assert refusal(read_csv, holdings, "bad.csv", columns=COLUMNS, thousands=",") == [
        "bad.csv:2: column `Conid`: expected a whole number, got `26x`",
        "bad.csv:3: column `Multiplier`: is empty",
        'bad.csv:5: column `Position`: expected a number, got `9,00` (a number with `decimal: ",", thousands: "."`).',
    ]


def test_what_the_schema_forbids_is_told_with_its_line_too(run):
    text = "con_id,symbol,session,close\n1,A,2022-12-27,10\n0,B,2022-12-27,1\n1,A,2022-12-27,11\n3,C,2022-12-27,-4\n"
    assert refusal(prices_of, run, text) == [
        "prices.csv:2: another row has the same key (con_id, session)",
        "prices.csv:3: column `con_id`: `0` fails greater_than(0)",
        "prices.csv:4: another row has the same key (con_id, session)",
        "prices.csv:5: column `close`: `-4.0` fails greater_than(0).",
    ]


def test_lines_are_those_of_an_editor_even_where_cells_hold_line_breaks(run):
    text = 'con_id,symbol,session,close\n1,"A\nclass B",2022-12-27,10\n\n2,B,2022-12-27,ten\n'
    assert refusal(prices_of, run, text) == ["prices.csv:5: column `close`: expected a number, got `ten`."]


def test_of_many_faults_the_first_twenty_are_told_and_the_rest_counted(run):
    rows = "".join(f"{number},A,2022-12-27,x\n" for number in range(1, 1001))
    told = refusal(prices_of, run, "con_id,symbol,session,close\n" + rows)
    assert len(told) == 21
    assert told[0] == "prices.csv:2: column `close`: expected a number, got `x`"
    assert told[-1] == "… and 980 more faults."


def test_rows_of_another_length_are_refused(run):
    assert refusal(prices_of, run, "con_id,symbol,session,close\n1,A,2022-12-27\n1,A,2022-12-28,1,2\n") == [
        "prices.csv:2: 3 cells, and the header has 4",
        "prices.csv:3: 5 cells, and the header has 4.",
    ]
    told = refusal(prices_of, run, "con_id;symbol;session;close\n1;A;2022-12-27;1,5\n")
    assert told[-1].endswith("The header is one column: is `,` what separates cells?")


def test_a_continental_file_is_read_as_it_is_written(run):
    text = "﻿Bericht vom 28.12.2022\r\ncon_id;symbol;session;close\r\n1 ; Ä ;27.12.2022; 1.234,5 \r\n"
    (run.root / "kurse.csv").write_bytes(text.encode("utf-8"))
    notation = {"separator": ";", "decimal": ",", "thousands": ".", "dates": "%d.%m.%Y", "skip": 1}
    frame = schema_of(Prices).validate(read_csv(run, "kurse.csv", **notation))
    assert frame.iloc[0].tolist() == [1, "Ä", pd.Timestamp("2022-12-27"), 1234.5]


def test_another_encoding_has_to_be_named(run):
    (run.root / "latin.csv").write_bytes(
        "con_id,symbol,session,close\n1,A,2022-12-27,1\n2,Ä,2022-12-27,1\n".encode("cp1252")
    )
    told = refusal(read_csv, run, "latin.csv")
    assert told == ["latin.csv:3: what stands there isn't utf-8. Name the file's own by `encoding:`, such as cp1252."]
    assert read_csv(run, "latin.csv", encoding="cp1252")["symbol"].tolist() == ["A", "Ä"]
    assert refusal(read_csv, run, "latin.csv", encoding="klingon") == [
        "There is no encoding `klingon`. Such as utf-8, cp1252 or latin-1."
    ]


def test_a_gzipped_file_is_read_and_a_torn_one_refused(run):
    packed = gzip.compress(PRICES.encode())
    (run.root / "prices.csv.gz").write_bytes(packed)
    assert read_csv(run, "prices.csv.gz")["close"].tolist() == [10.0, 11.5, 0.5]
    (run.root / "prices.csv.gz").write_bytes(packed[:-9])
    assert "is no whole gzip file" in refusal(read_csv, run, "prices.csv.gz")[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "prices.csv is empty. Its first line must name its columns."),
        ("\n\n", "prices.csv is empty."),
        ('con_id,symbol,session,close\n1,"A"x,2022-12-27,1\n', "prices.csv:2: not CSV"),
        ('con_id,symbol,session,close\n1,"A,2022-12-27,1\n', "not CSV: unexpected end of data"),
    ],
)
def test_what_is_no_table_is_refused(run, text, words):
    assert words in refusal(prices_of, run, text)[0]


def test_a_header_alone_is_an_empty_frame(run):
    frame = schema_of(Prices).validate(prices_of(run, "con_id,symbol,session,close\n"))
    assert frame.empty


def test_a_file_that_is_not_there_is_told_with_the_nearest_name(run):
    (run.root / "data").mkdir()
    (run.root / "data" / "prices.csv").write_text(PRICES)
    assert refusal(read_csv, run, "data/price.csv") == [
        "There is no file data/price.csv. Did you mean data/prices.csv?"
    ]
    assert refusal(read_csv, run, "dat/x.csv") == [
        "There is no file dat/x.csv. Relative paths start in the project's folder."
    ]
    assert refusal(read_csv, run, "data") == ["data is a folder. Name a file in it."]


def test_without_a_schema_nothing_says_what_a_file_holds(run):
    told = refusal(prices_of, replace(run, schema=None), PRICES)
    assert told == ["Nothing says what kind of frame prices.csv holds. Say it at the step, as in `schema: Positions`."]


def test_times_take_their_zone_from_the_file_or_from_the_step(run):
    quotes = replace(run, schema=Quotes)
    names = [name for name in schema_of(Quotes).columns if name != "time"]
    constants = dict.fromkeys(names, None) | {
        "con_id": 1, "symbol": "A", "security_type": "STK", "currency": "USD", "multiplier": 1,
        "price_kind": "none", "market_data": "none",
    }  # fmt: skip
    (run.root / "quotes.csv").write_text("time\n2022-12-28 16:00\n")
    told = refusal(read_csv, quotes, "quotes.csv", constants=constants)
    assert told == [
        "quotes.csv:2: column `time`: `2022-12-28 16:00` names no zone (say whose time it is by `timezone:`)."
    ]
    frame = read_csv(quotes, "quotes.csv", constants=constants, timezone="America/New_York")
    assert frame["time"].tolist() == [pd.Timestamp("2022-12-28 21:00", tz="UTC")]
    assert np.isnan(frame["bid"][0])


def test_rows_of_later_sessions_are_not_seen(run, notes):
    early = replace(run, session=date(2022, 12, 27), past=True)
    assert prices_of(early, PRICES)["session"].unique().tolist() == [pd.Timestamp("2022-12-27")]
    assert notes == ["prices.csv: 2 rows of sessions after 2022-12-27 left out."]


def test_a_book_of_today_is_not_the_book_of_a_past_session(holdings):
    past = replace(holdings, past=True)
    with pytest.raises(Refused, match="says what is true now, not what was on 2022-12-28"):
        read_csv(past, "holdings.csv", columns=COLUMNS, thousands=",")
    (holdings.root / "holdings").mkdir()
    (holdings.root / "holdings" / "2022-12-28.csv").write_text(HOLDINGS)
    assert len(read_csv(past, "holdings/2022-12-28.csv", columns=COLUMNS, thousands=",")) == 3


def test_of_a_file_that_dates_its_rows_only_the_sessions_own_are_taken(holdings):
    dated = "Day," + HOLDINGS.replace("\nDU", "\n2022-12-28,DU").replace("2022-12-28,DU2", "2022-12-27,DU2")
    (holdings.root / "dated.csv").write_text(dated)
    arguments = {"columns": COLUMNS, "thousands": ",", "session_column": "Day"}
    assert read_csv(holdings, "dated.csv", **arguments)["account"].tolist() == ["DU1", "DU1"]
    before = replace(holdings, session=date(2022, 12, 27), past=True)
    assert read_csv(before, "dated.csv", **arguments)["account"].tolist() == ["DU2"]
    told = refusal(read_csv, replace(holdings, session=date(2022, 12, 23)), "dated.csv", **arguments)
    assert told[0].startswith("dated.csv has no row of session 2022-12-23: its rows are of 2022-12-27 to 2022-12-28.")


def test_which_file_it_was_is_kept_with_the_step(run):
    class Listener:
        messages: list = []  # noqa: RUF012 - one listener, one test

        def message(self, message):
            self.messages.append(message)

        def note(self, text):
            pass

    with entered(Scope(listener=Listener())):
        prices_of(run, PRICES)
    (message,) = Listener.messages
    path, hashed, size, modified = message.payload.split("\0")
    assert (message.connection, message.kind, path) == ("file", "csv", "prices.csv")
    assert hashed == f"sha256 {hashlib.sha256(PRICES.encode()).hexdigest()}"
    assert size == f"{len(PRICES)} bytes"
    assert modified.startswith("modified 20")


def parquet(run, table: dict, name: str = "prices.parquet", **named) -> pd.DataFrame:
    pq.write_table(pa.table(table), run.root / name)
    return read_parquet(run, name, **named)


SOUND = {
    "con_id": pa.array([1, 1, 2], pa.int32()),
    "symbol": pa.array(["A", "A", "B"]).dictionary_encode(),
    "session": pa.array([date(2022, 12, 27), date(2022, 12, 28), date(2022, 12, 28)]),
    "close": pa.array([10.0, 11.5, 0.5], pa.float32()),
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"con_id": pa.array([1.0, 1.0, 2.0])},
        {"con_id": pa.array(["1", "1", "2"]), "close": pa.array(["10", "11.5", ".5"])},
        {"session": pa.array(["2022-12-27", "2022-12-28", "2022-12-28"])},
        {"session": SOUND["session"].cast(pa.timestamp("us"))},
        {"close": pa.array([10, 11.5, 0.5], pa.float64()).cast(pa.decimal128(12, 4))},
    ],
    ids=["as the frame", "whole floats", "text", "dates as text", "midnights", "decimals"],
)
def test_the_same_frame_comes_from_parquet_whatever_types_it_was_kept_in(run, changed):
    frame = schema_of(Prices).validate(parquet(run, {**SOUND, **changed}))
    pd.testing.assert_frame_equal(frame, prices_of(run, PRICES))


def test_parquet_columns_are_mapped_and_bad_values_told_with_their_row(run):
    renamed = {"id" if name == "con_id" else name: column for name, column in SOUND.items()}
    assert parquet(run, renamed, columns={"con_id": "id"})["con_id"].tolist() == [1, 1, 2]
    told = refusal(parquet, run, {**SOUND, "con_id": pa.array([1, None, 2.5]), "close": pa.array([1.0, -1.0, None])})
    assert told == [
        "prices.parquet:2: column `con_id`: is empty",
        "prices.parquet:3: column `close`: is empty",
        "prices.parquet:3: column `con_id`: expected a whole number, got `2.5`.",
    ]


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("close", pa.array([True, False, True]), "bool can't be taken for float64"),
        ("con_id", pa.array([date(2022, 1, 1)] * 3), "date32[day] can't be taken for int64"),
        ("close", pa.array([2**53 + 1, 1, 1]), "`9007199254740993` has no exact double"),
        ("close", pa.array([float("inf"), 1.0, 1.0]), "`inf` is no number"),
        ("con_id", pa.array([float("inf"), 1.0, 1.0]), "expected a whole number, got `inf`"),
        ("session", pa.array([1, 2, 3]).cast(pa.timestamp("s")).cast(pa.timestamp("s", "UTC")), "can't be taken for"),
        (
            "session",
            pa.array([0, 400_000, 2], pa.int32()).cast(pa.date32()),
            "parquet:2: column `session`: is a date beyond",
        ),
        ("session", pa.array([0, 1, 2]).cast(pa.timestamp("s")), "expected a date, got `1970-01-01T00:00:01"),
    ],
)
def test_a_value_that_would_not_be_the_same_is_refused(run, column, values, words):
    assert words in "\n".join(refusal(parquet, run, {**SOUND, column: values}))


def test_instants_in_parquet_are_utc_or_have_a_zone_given(run):
    from schemas.audit import Alerts

    alerts = replace(run, schema=Alerts)
    moments = pd.to_datetime(["2022-12-28 16:00", "2022-11-06 01:30"])
    text = {"to": ["a", "b"], "title": ["x", "y"], "body": ["", ""], "rows": [0, 1], "status": ["logged", "sent"]}
    text |= {"by": ["log", "mail"], "severity": ["info", "info"], "reason": ["", ""]}
    zoned = {**text, "time": pa.array(moments.tz_localize("America/New_York", ambiguous=True))}
    frame = parquet(alerts, zoned)
    assert frame["time"].dt.hour.tolist() == [21, 5]
    naive = {**text, "time": pa.array(moments)}
    assert "times that name no zone" in refusal(parquet, alerts, naive)[0]
    assert "happens twice" in refusal(parquet, alerts, naive, timezone="America/New_York")[0]
    assert parquet(alerts, naive, timezone="Asia/Tokyo")["time"].dt.hour.tolist() == [7, 16]


def test_what_is_no_parquet_file_is_refused(run):
    (run.root / "prices.parquet").write_text(PRICES)
    assert refusal(read_parquet, run, "prices.parquet")[0].startswith("prices.parquet is no Parquet file: ")


def test_null_returns_are_gaps_in_either_format(run):
    returns = replace(run, schema=Returns)
    text = "con_id,symbol,session,return\n1,A,2022-12-27,\n1,A,2022-12-28,-0.01\n"
    from_text = prices_of(returns, text, missing=["n/a"])
    columns = {**{name: SOUND[name].slice(0, 2) for name in ("con_id", "symbol", "session")}, "return": [None, -0.01]}
    pd.testing.assert_frame_equal(parquet(returns, columns), from_text)
    assert from_text["return"].isna().tolist() == [True, False]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_in_words_or_read_and_nothing_else(run, data):
    """Whatever became of its bytes: no traceback, and no frame that isn't of its schema."""
    pq.write_table(pa.table(SOUND), run.root / "sound.parquet")
    for name, sound, read in (
        ("prices.csv", PRICES.encode(), read_csv),
        ("prices.parquet", (run.root / "sound.parquet").read_bytes(), read_parquet),
    ):
        damaged = bytearray(sound)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(damaged)))
            damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        (run.root / name).write_bytes(damaged)
        try:
            schema_of(Prices).validate(read(run, name))
        except DataProblem as problem:
            told = str(problem)
            assert name in told
