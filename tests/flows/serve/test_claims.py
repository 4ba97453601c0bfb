"""A slot has one run, whoever asks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd

from flows.desk import Desk
from flows.serve.claims import claim, claimed
from tasks.run import OrderPolicy

NOON = pd.Timestamp("2026-11-27T12:00:00Z")


def desk(folder: Path) -> Desk:
    return Desk("test", folder, folder / "data", {}, OrderPolicy())


def test_the_first_to_claim_a_slot_has_it_also_when_it_runs_again(tmp_path: Path) -> None:
    ours = desk(tmp_path)
    assert claim(ours, "hedge", NOON, "one") == "one"
    assert claim(ours, "hedge", NOON, "two") == "one"
    assert claim(ours, "hedge", NOON, "one") == "one"
    assert claimed(ours, "hedge") == {NOON}


def test_pipelines_profiles_and_instants_have_their_own_slots(tmp_path: Path) -> None:
    ours = desk(tmp_path)
    claim(ours, "hedge", NOON, "one")
    assert claim(ours, "report", NOON, "two") == "two"
    assert claim(replace(ours, profile="paper"), "hedge", NOON, "three") == "three"
    assert claim(ours, "hedge", NOON + pd.Timedelta("1s"), "four") == "four"


def test_of_many_at_once_one_has_it(tmp_path: Path) -> None:
    ours = desk(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        owners = set(pool.map(lambda number: claim(ours, "hedge", NOON, f"run-{number}"), range(64)))
    assert len(owners) == 1


def test_what_is_long_past_is_forgotten(tmp_path: Path) -> None:
    ours = desk(tmp_path)
    for day in ("2026-01-02", "2026-08-20", "2026-11-27"):
        claim(ours, "hedge", pd.Timestamp(f"{day}T12:00:00Z"), "one")
    claimed(ours, "hedge")
    assert claimed(ours, "hedge") == {pd.Timestamp("2026-08-20T12:00:00Z"), NOON}
