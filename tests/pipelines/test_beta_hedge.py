"""The beta hedge from end to end: the real client, the wire protocol, real closes, and where each number comes from."""

from __future__ import annotations

import csv
import gzip
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tasks.connections.ib.simulator.gateway import SimulatedGateway

CLOSES = Path(__file__).resolve().parents[2] / "tasks" / "connections" / "ib" / "closes"


def closes() -> dict[str, np.ndarray]:
    """Closes by symbol straight from the shipped files; SPY is the index over ten."""
    found: dict[str, list[float]] = {}
    for name in ("sp500_dataset.csv.gz", "sp500_index.csv.gz"):
        with gzip.open(CLOSES / name, "rt") as file:
            for row in csv.DictReader(file):
                del row["Date"]
                for symbol, value in row.items():
                    found.setdefault(symbol, []).append(float(value))
    found["SPY"] = [value / 10 for value in found.pop("SP500")]
    return {symbol: np.array(values) for symbol, values in found.items()}


def test_the_hedge_is_what_the_published_recipe_gives_on_these_closes(hedgerow):
    done = hedgerow.json("run", "beta_hedge")
    assert done["status"] == "completed", done
    assert done["session"] == "2022-12-28"
    steps = done["steps"]
    history = closes()
    spy = history["SPY"][-254:-1]  # 253 closes up to the session before: the market of the 28th is still open
    x = spy[1:] / spy[:-1] - 1
    expected = {}
    for row in steps["betas"]["frame"]:
        price = history[row["symbol"]][-254:-1]
        y = price[1:] / price[:-1] - 1
        slope, _ = np.polyfit(x, y, 1)
        expected[row["con_id"]] = (slope, np.corrcoef(x, y)[0, 1] ** 2)
        assert row["beta"] == pytest.approx(slope, rel=1e-9)
        assert row["r_squared"] == pytest.approx(expected[row["con_id"]][1], rel=1e-9)
        assert row["observations"] == 252
    quotes = {row["con_id"]: row for row in steps["quotes"]["frame"]}
    value = exposure = hedged = 0.0
    for row in steps["positions"]["frame"]:
        quote = quotes[row["con_id"]]
        held = row["quantity"] * quote["price"] * row["multiplier"]
        value += held
        if row["con_id"] in expected:
            beta, r_squared = expected[row["con_id"]]
            exposure += beta * held
            hedged += beta * held if r_squared > 1 / 3 else 0.0
    (hedge,) = steps["hedge"]["frame"]
    assert hedge["portfolio_value"] == pytest.approx(value, rel=1e-12)
    assert hedge["beta_exposure"] == pytest.approx(exposure, rel=1e-9)
    assert hedge["hedged_exposure"] == pytest.approx(hedged, rel=1e-9)
    exact = -hedged / hedge["price"]
    assert hedge["exact_quantity"] == pytest.approx(exact, rel=1e-9)
    assert hedge["quantity"] == np.sign(exact) * np.floor(abs(exact) + 0.5)
    assert hedge["notional"] == pytest.approx(hedge["quantity"] * hedge["price"], rel=1e-12)
    assert hedge["market_data"] == "simulated"


def test_the_same_contract_in_two_accounts_is_two_rows_and_counted_once_each(hedgerow):
    steps = hedgerow.json("run", "beta_hedge")["steps"]
    apple = [row for row in steps["positions"]["frame"] if row["symbol"] == "AAPL" and row["security_type"] == "STK"]
    assert len({row["account"] for row in apple}) == len(apple) == 2
    marked = [row for row in steps["exposure"]["frame"] if row["con_id"] == apple[0]["con_id"]]
    assert sum(row["quantity"] for row in marked) == sum(row["quantity"] for row in apple)
    uncovered = [row for row in steps["exposure"]["frame"] if not row["covered"]]
    assert {row["security_type"] for row in uncovered} == {"OPT"}
    assert all(row["reason"] for row in uncovered)


def test_a_beta_is_recomputed_from_the_bars_that_explain_lists(hedgerow):
    run = hedgerow.json("run", "beta_hedge")
    apple = next(row for row in run["steps"]["betas"]["frame"] if row["symbol"] == "AAPL")
    told = hedgerow.json("explain", run["run"], "hedge", "--where", f"con_id={apple['con_id']}")
    steps = {step["step"]: step for step in _all_steps(told["step"])}
    assert {"hedge", "exposure", "betas", "returns", "prices", "positions", "quotes"} <= set(steps)
    (beta,) = _rows(steps["betas"])
    assert beta["beta"] == apple["beta"]
    assert {row["con_id"] for row in _rows(steps["exposure"])} == {apple["con_id"]}
    bars = _rows(steps["prices"])
    prices = {
        con_id: np.array([row["close"] for row in bars if row["con_id"] == con_id])
        for con_id in (apple["con_id"], beta["benchmark_id"])
    }
    assert {len(price) for price in prices.values()} == {253}
    y, x = (price[1:] / price[:-1] - 1 for price in prices.values())
    slope = np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2)
    assert abs(slope - beta["beta"]) <= 1e-12
    messages = steps["prices"]["messages"]
    assert {message["con_id"] for message in messages} <= {apple["con_id"], beta["benchmark_id"], None}
    raw = next(m["payload"] for m in messages if m["con_id"] == apple["con_id"] and m["direction"] == "received")
    assert str(bars[0]["close"]) in raw or repr(float(bars[0]["close"])) in raw


def _all_steps(told):
    """Every step of the explanation that is told in full."""
    if not told.get("repeated"):
        yield told
        for source in told["inputs"]:
            yield from _all_steps(source)


def _rows(step):
    (frame,) = step["frames"]
    return frame["rows"]


def test_a_second_run_repeats_no_effect_and_gives_the_same_hedge(hedgerow):
    first = hedgerow.json("run", "beta_hedge")
    second = hedgerow.json("run", "beta_hedge")
    assert second["steps"]["hedge"]["frame"] == first["steps"]["hedge"]["frame"]
    assert first["run"] in second["steps"]["save_hedge"]["notes"][0]
    listed = hedgerow("runs").stdout
    assert first["run"] in listed
    assert second["run"] in listed


def test_a_changed_parameter_changes_the_hedge(hedgerow):
    whole = hedgerow.json("run", "beta_hedge")
    short = hedgerow.json("run", "beta_hedge", "-p", "returns=60")
    assert {row["observations"] for row in short["steps"]["betas"]["frame"]} == {60}
    assert (
        short["steps"]["hedge"]["frame"][0]["exact_quantity"] != whole["steps"]["hedge"]["frame"][0]["exact_quantity"]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-p", "returns=10"], ["returns", "10", "30"]),
        (["-p", "returns=many"], ["returns", "many"]),
        (["-p", "benchmrk=SPY"], ["benchmrk", "benchmark"]),
        (["-p", "returns"], ["-p name=value"]),
        (["--session", "2022-12-26"], ["2022-12-26 is no session", "2022-12-23"]),
        (["--session", "2022-12-27"], ["past session 2022-12-27", "`positions`"]),
        (["--desk", "papr"], ["papr", "paper"]),
    ],
)
def test_a_bad_argument_is_told_before_anything_runs(hedgerow, arguments, words):
    done = hedgerow("run", "beta_hedge", *arguments)
    assert done.returncode == 1
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr


def test_a_benchmark_that_the_broker_does_not_know_fails_in_a_sentence(hedgerow):
    done = hedgerow("run", "beta_hedge", "-p", "benchmark=SPYY")
    assert done.returncode == 1
    assert "SPYY" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_failed_run_explains_from_its_output_back_to_what_failed(hedgerow):
    assert hedgerow("run", "beta_hedge", "-p", "benchmark=SPYY").returncode == 1
    told = hedgerow.json("explain", "beta_hedge")
    steps = {step["step"]: step for step in _all_steps(told["step"])}
    assert steps["hedge"]["status"] == steps["exposure"]["status"] == "blocked"
    assert steps["quotes"]["status"] == "failed"
    assert any("No security definition" in message["payload"] for message in steps["quotes"]["messages"])


def _no_patience(text: str) -> str:
    return text.replace("retry: 2,", "retry: 0,").replace("retry: {times: 4, delay: 15s, backoff: 2}", "retry: 0")


def _paper(port: int, more: str = ""):
    return lambda text: text.replace("port: 4002}", f"port: {port}, timeout: 1s{more}}}")


def _failure(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 1, done.stdout + done.stderr
    steps = json.loads(done.stdout)["steps"]
    return {name: step["reason"] for name, step in steps.items() if step["status"] == "failed"}


def test_a_gateway_that_is_absent_is_said_with_its_address(hedgerow):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hedgerow.edit("_desk.yaml", _paper(port))
    hedgerow.edit("beta_hedge.yaml", _no_patience)
    failed = _failure(hedgerow("run", "beta_hedge", "--desk", "paper", "--json"))
    assert f"127.0.0.1:{port}" in failed["positions"]


def test_a_gateway_that_is_mute_is_given_up_on(hedgerow):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        hedgerow.edit("_desk.yaml", _paper(mute.getsockname()[1]))
        hedgerow.edit("beta_hedge.yaml", _no_patience)
        failed = _failure(hedgerow("run", "beta_hedge", "--desk", "paper", "--json"))
    assert "positions" in failed


def test_a_client_id_in_use_is_said_and_not_tried_again(hedgerow):
    with SimulatedGateway() as gateway, socket.create_connection(("127.0.0.1", gateway.port)) as other:
        _start_client(other, 17)
        hedgerow.edit("_desk.yaml", _paper(gateway.port, ", clock: gateway"))
        done = hedgerow("run", "beta_hedge", "--desk", "paper")
    assert done.returncode == 1
    assert "client id 17" in (done.stdout + done.stderr).lower().replace("client_id", "client id")
    assert "↻" not in done.stdout


def _start_client(connection: socket.socket, client_id: int) -> None:
    """Shake hands as a client and take a client id."""

    def framed(text: bytes) -> bytes:
        return len(text).to_bytes(4, "big") + text

    connection.sendall(b"API\0" + framed(b"v100..157"))
    connection.settimeout(5)
    assert connection.recv(4096)
    connection.sendall(framed(b"71\x002\x00%d\x00\x00" % client_id))
    assert connection.recv(4096)


def test_a_gateway_in_another_process_serves_a_run(hedgerow):
    with SimulatedGateway() as gateway:
        hedgerow.edit("_desk.yaml", _paper(gateway.port, ", clock: gateway"))
        done = hedgerow.json("run", "beta_hedge", "--desk", "paper")
    assert done["status"] == "completed", done
    assert done["session"] == "2022-12-28"


def test_a_data_folder_that_cannot_be_written_is_named(hedgerow):
    (hedgerow.root / ".hedgerow").write_text("in the way")
    done = hedgerow("run", "beta_hedge")
    assert done.returncode == 1
    assert ".hedgerow" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_runs_at_once_lose_nothing(hedgerow):
    results = []
    threads = [threading.Thread(target=lambda: results.append(hedgerow("run", "beta_hedge"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = sorted(result.returncode for result in results)
    refused = [result.stderr for result in results if result.returncode]
    assert codes in ([0, 0], [0, 1])
    assert all("already running" in text for text in refused)


def test_every_shipped_pipeline_checks(hedgerow):
    done = hedgerow("check")
    assert done.returncode == 0, done.stdout
    assert "no errors" in done.stdout


def test_hedgerow_is_the_same_as_python_m_flows():
    told = subprocess.run([sys.executable, "-m", "flows", "--help"], capture_output=True, text=True, check=True).stdout
    for command in ("check", "run", "list", "tasks", "schemas", "runs", "explain", "gateway"):
        assert f"  {command} " in told
