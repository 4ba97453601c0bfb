"""A book in a file and closes on disk, hedged with no gateway: the numbers, the mistakes, and where they come from."""

from __future__ import annotations

import csv
from datetime import timedelta

import exchange_calendars
import numpy as np
import pandas as pd
import pytest

NO_GATEWAY = """\
name: files
connections:
  frames: {kind: arctic}
  tables: {kind: sql}
  alerts: {kind: notify}
"""


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_hedge_is_what_the_weighted_recipe_gives_on_these_files(hedgerow):
    done = hedgerow.json("run", "hedge_from_files")
    assert done["status"] == "completed", done
    data = hedgerow.root / "pipelines" / "data"
    closes = pd.DataFrame(rows(data / "closes.csv"))
    wide = closes.astype({"close": float}).pivot(index="date", columns="conid", values="close")
    returns = wide.pct_change().iloc[1:].to_numpy()
    weights = 0.5 ** (np.arange(252)[::-1] / 126)
    x = returns[:, wide.columns.get_loc("756733")]
    value = hedged = 0.0
    for holding in rows(data / "holdings.csv"):
        y = returns[:, wide.columns.get_loc(holding["Conid"])]
        slope, _ = np.polyfit(x, y, 1, w=np.sqrt(weights))
        (xx, xy), (_, yy) = np.cov(x, y, aweights=weights)
        held = float(holding["Quantity"].replace(",", "")) * wide[holding["Conid"]].iloc[-1]
        value += held
        hedged += slope * held if xy**2 / (xx * yy) > 1 / 3 else 0.0
    (hedge,) = done["steps"]["hedge"]["frame"]
    spy = wide["756733"].iloc[-1]
    assert hedge["portfolio_value"] == pytest.approx(value, rel=1e-12)
    assert hedge["hedged_exposure"] == pytest.approx(hedged, rel=1e-9)
    assert hedge["exact_quantity"] == pytest.approx(-hedged / spy, rel=1e-9)
    assert (hedge["price"], hedge["price_kind"], hedge["market_data"]) == (spy, "close", "stored")
    assert hedge["positions"] == hedge["covered_positions"] == 15


def test_a_desk_without_a_gateway_hedges_on_its_own_files_of_today(hedgerow):
    (hedgerow.root / "pipelines" / "_desk.yaml").write_text(NO_GATEWAY)
    assert "no errors" in hedgerow("check", "pipelines/hedge_from_files.yaml").stdout
    data = hedgerow.root / "pipelines" / "data"
    # The shipped closes, moved to the latest sessions of the wall's clock.
    calendar = exchange_calendars.get_calendar("XNYS")
    closes = pd.DataFrame(rows(data / "closes.csv"))
    over = calendar.sessions[calendar.closes <= pd.Timestamp.now(tz="UTC") - timedelta(minutes=1)][-253:]  # noqa: TID251
    moved = dict(zip(sorted(closes["date"].unique()), over.strftime("%Y-%m-%d"), strict=True))
    closes.assign(date=closes["date"].map(moved)).to_csv(data / "closes.csv", index=False)
    done = hedgerow.json("run", "hedge_from_files", "-p", "half_life=100000")
    assert done["status"] == "completed", done
    assert done["steps"]["hedge"]["frame"][0]["quantity"] < -3000


def test_prices_in_the_desks_own_store_do_as_well(hedgerow):
    (hedgerow.root / "pipelines" / "store_closes.yaml").write_text(
        "steps:\n"
        "  prices:\n"
        "    task: read_csv\n"
        "    schema: Prices\n"
        "    with: {path: pipelines/data/closes.csv, columns: {session: date, con_id: conid}}\n"
        "  save: {task: write_frame, in: prices, with: {library: market, symbol: closes}}\n"
    )
    from_file = hedgerow.json("run", "hedge_from_files")
    assert hedgerow.json("run", "store_closes")["status"] == "completed"

    def stored(text: str) -> str:
        begin, end = text.index("  prices:\n    task"), text.index("  returns:")
        step = "  prices: {task: read_frame, schema: Prices, with: {library: market, symbol: closes}}\n"
        return (text[:begin] + step + text[end:]).replace("  closes: pipelines/data/closes.csv\n", "")

    hedgerow.edit("hedge_from_files.yaml", stored)
    from_store = hedgerow.json("run", "hedge_from_files")
    assert from_store["status"] == "completed", from_store
    assert from_store["steps"]["hedge"]["frame"] == from_file["steps"]["hedge"]["frame"]


def test_explain_leads_to_the_file_by_its_hash(hedgerow):
    import hashlib

    run = hedgerow.json("run", "hedge_from_files")
    content = (hedgerow.root / "pipelines" / "data" / "holdings.csv").read_bytes()
    told = hedgerow("explain", run["run"], "positions", "--where", "con_id=265598", COLUMNS="200").stdout
    assert "Positions: 2 of 15 rows" in told
    assert hashlib.sha256(content).hexdigest() in told


def test_mistakes_in_the_holdings_are_told_all_at_once(hedgerow):
    path = hedgerow.root / "pipelines" / "data" / "holdings.csv"
    text = path.read_text().replace('"2,400"', '"2,40O"').replace(",272093,", ",,")
    path.write_text(text)
    done = hedgerow("run", "hedge_from_files")
    assert done.returncode == 1
    told = " ".join(done.stdout.split())
    assert "pipelines/data/holdings.csv:2: column `Quantity`: expected a number, got `2,40O`" in told
    assert "pipelines/data/holdings.csv:3: column `Conid`: is empty" in told


def test_a_past_session_is_not_hedged_on_the_book_of_today_but_on_its_own(hedgerow):
    refused = hedgerow("run", "hedge_from_files", "--session", "2022-12-23")
    assert refused.returncode == 1
    assert "says what is true now, not what was on 2022-12-23" in " ".join(refused.stdout.split())
    data = hedgerow.root / "pipelines" / "data"
    (data / "2022-12-23.csv").write_text((data / "holdings.csv").read_text())
    hedgerow.edit(
        "hedge_from_files.yaml",
        lambda text: text.replace("path: $holdings", 'path: "pipelines/data/${run.session}.csv"').replace(
            "  holdings: pipelines/data/holdings.csv\n", ""
        ),
    )
    done = hedgerow.json("run", "hedge_from_files", "--session", "2022-12-23")
    assert done["status"] == "completed", done
    assert {row["time"][:10] for row in done["steps"]["quotes"]["frame"]} == {"2022-12-23"}
    assert {row["last_session"][:10] for row in done["steps"]["betas"]["frame"]} == {"2022-12-23"}
