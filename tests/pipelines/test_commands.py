"""The commands that look things up, and what they say to a slip of the hand."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest


def test_list_shows_each_pipeline_with_its_schedule(hedgerow):
    line = next(line for line in hedgerow("list", COLUMNS="120").stdout.splitlines() if line.startswith("beta_hedge"))
    assert "XNYS close - 15m" in line
    assert "Hedge the book's equity beta" in line


def test_a_task_is_shown_with_its_frames_arguments_and_types_in_words(hedgerow):
    shown = " ".join(hedgerow("tasks", "size_hedge", COLUMNS="160").stdout.split())
    assert "in exposure Exposures" in shown
    assert "with minimum_r_squared a number, at least 0, less than 1 default 0.333333" in shown
    assert "with rounding one of `nearest`, `toward_zero` default nearest" in shown
    assert "yields Hedges" in shown
    everything = hedgerow("tasks", COLUMNS="160").stdout
    assert all(name in everything for name in ("read_positions", "pull_history", "regress_betas", "send_alert"))


def test_a_schema_is_shown_with_its_columns_key_and_checks(hedgerow):
    shown = " ".join(hedgerow("schemas", "Prices", COLUMNS="160").stdout.split())
    assert "con_id (key) int64 greater_than(0)" in shown
    assert "close float64 greater_than(0)" in shown
    assert "Betas" in hedgerow("schemas").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tasks", "size_hege"], "Did you mean `size_hedge`?"),
        (["schemas", "Beta"], "Did you mean `Betas`?"),
        (["run", "beta_hege"], "Did you mean `beta_hedge`?"),
        (["run", "nowhere/beta_hedge.yaml"], "There is no file nowhere/beta_hedge.yaml"),
        (["explain", "beta_hedge"], "beta_hedge"),
        (["gateway", "--at", "noon"], "--at noon is no instant"),
    ],
)
def test_a_name_that_is_none_is_told_with_what_was_meant(hedgerow, arguments, words):
    done = hedgerow(*arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_a_project_the_folder_is_asked_for(hedgerow, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    hedgerow.root = elsewhere
    done = hedgerow("check")
    assert done.returncode == 2
    assert "holds pipelines/" in done.stderr


def test_a_broken_file_hides_no_other_and_runs_nothing(hedgerow):
    hedgerow.edit("beta_hedge.yaml", lambda text: text.replace("task: regress_betas", "task: regress_beta"))
    (hedgerow.root / "pipelines" / "other.yml").write_text("steps: {}\n")
    done = hedgerow("check")
    assert done.returncode == 1
    assert "beta_hedge.yaml:15:17: no task `regress_beta` [unknown-task]" in done.stdout
    assert "other.yml" in done.stdout
    refused = hedgerow("run", "beta_hedge")
    assert refused.returncode == 1
    assert "[unknown-task]" in refused.stderr
    assert not (hedgerow.root / ".hedgerow").exists()


def test_with_no_desk_file_all_but_the_connections_is_checked_and_nothing_runs(hedgerow):
    (hedgerow.root / "pipelines" / "_desk.yaml").unlink()
    checked = hedgerow("check")
    assert checked.returncode == 0, checked.stdout
    assert "Connections are not checked" in checked.stdout
    refused = hedgerow("run", "beta_hedge")
    assert refused.returncode == 1
    assert "_desk.yaml" in refused.stderr


def test_ctrl_c_ends_a_run_at_once_and_the_journal_says_so(hedgerow):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        port = mute.getsockname()[1]
        hedgerow.edit("_desk.yaml", lambda text: text.replace("port: 4002}", f"port: {port}, timeout: 60s}}"))
        run = subprocess.Popen(
            [sys.executable, "-m", "flows", "run", "beta_hedge", "--desk", "paper", "--untracked"],
            cwd=hedgerow.root,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        mute.settimeout(30)
        connection, _ = mute.accept()
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
        connection.close()
    assert run.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert "crashed" in hedgerow("runs", "--desk", "paper").stdout


def test_a_gateway_serves_until_it_is_told_to_stop(hedgerow):
    gateway = subprocess.Popen(
        [sys.executable, "-m", "flows", "gateway", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert gateway.stdout is not None
    address = gateway.stdout.readline()
    assert "2022-12-28 20:45:00 UTC" in address
    port = int(address.split(":")[1].split(",")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"API\0" + (9).to_bytes(4, "big") + b"v100..157")
        assert b"157" in connection.recv(100)
    gateway.send_signal(signal.SIGINT)
    told, errors = gateway.communicate(timeout=60)
    assert gateway.returncode == 0
    assert "stopped" in told
    assert errors == ""
