"""What the desk's database adds to bare SQLAlchemy Core inserts: 100,000 rows of executions.

Run: `python tests/benchmarks/rows.py [URL]`; SQLite without one. Both insert the same columns from the same frame;
ratios count, not seconds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy

from tasks.connections.sql import Database
from tasks.rows import write_rows
from tasks.run import Run

ROWS = 100_000
LIMIT = 1.5
TIMES = 5


def executions() -> pd.DataFrame:
    """Ten columns, as a day of fills has them."""
    random = np.random.default_rng(7)
    times = pd.date_range("2025-03-03 14:30", periods=ROWS, freq="100ms", tz="UTC", unit="ns")
    return pd.DataFrame(
        {
            "exec_id": [f"0000{number:08}.01" for number in range(ROWS)],
            "con_id": random.integers(1, 10**9, ROWS),
            "symbol": pd.Categorical.from_codes(random.integers(0, 50, ROWS), [f"U{n:02}" for n in range(50)]),
            "account": "DU1234567",
            "side": pd.Categorical.from_codes(random.integers(0, 2, ROWS), ["BOT", "SLD"]),
            "quantity": random.integers(1, 1000, ROWS).astype("float64"),
            "price": [Decimal(int(cents)) / 100 for cents in random.integers(100, 50_000, ROWS)],
            "commission": random.uniform(0, 5, ROWS),
            "time": times,
            "session": pd.Timestamp("2025-03-03"),
        }
    )


def bare(frame: pd.DataFrame, engine: sqlalchemy.Engine, table: sqlalchemy.Table) -> None:
    """The same rows by SQLAlchemy Core, with the types that it would give them by itself."""
    rows: list[dict[str, Any]] = frame.astype({"symbol": object, "side": object}).to_dict("records")  # type: ignore[assignment]
    with engine.begin() as connection:
        connection.execute(table.insert(), rows)


def main(url: str = "sqlite") -> int:
    """Print the table; 1 where a ratio is beyond the limit."""
    frame = executions()
    kinds: dict[str, Any] = {
        "exec_id": sqlalchemy.Text, "con_id": sqlalchemy.BigInteger, "symbol": sqlalchemy.Text,
        "account": sqlalchemy.Text, "side": sqlalchemy.Text, "quantity": sqlalchemy.Double,
        "price": sqlalchemy.Numeric(18, 2), "commission": sqlalchemy.Double,
        "time": sqlalchemy.DateTime(timezone=True), "session": sqlalchemy.Date,
    }  # fmt: skip
    found: dict[str, list[float]] = {"append": [], "upsert": [], "bare": []}
    with tempfile.TemporaryDirectory() as folder:
        database = Database("tables", Database.Settings(url=url), Path(folder)).open()
        own = f"sqlite:///{folder}/bare.db" if url == "sqlite" else url.replace("postgresql:", "postgresql+psycopg:")
        engine = sqlalchemy.create_engine(own)
        for number in range(TIMES):
            columns = [sqlalchemy.Column(name, kind) for name, kind in kinds.items()]
            table = sqlalchemy.Table(f"bare_{number}", sqlalchemy.MetaData(), *columns)
            table.create(engine)
            run = Run("r", "p", date(2025, 3, 3), "s", f"k{number}")
            for what, call in (
                ("append", lambda n=number, r=run: write_rows(frame, database, r, f"append_{n}")),
                ("upsert", lambda n=number, r=run: write_rows(frame, database, r, f"upsert_{n}", unique=["exec_id"])),
                ("bare", lambda t=table: bare(frame, engine, t)),
            ):
                begun = time.perf_counter()
                call()
                found[what].append(time.perf_counter() - begun)
        database.close()
        engine.dispose()
    print(f"{'':10}{'seconds':>10}{'ratio':>8}   {ROWS:,} rows, {url.partition(':')[0]}")
    for what, seconds in found.items():
        print(f"{what:10}{min(seconds):10.3f}{min(seconds) / min(found['bare']):8.2f}")
    return int(min(found["append"]) > LIMIT * min(found["bare"]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
