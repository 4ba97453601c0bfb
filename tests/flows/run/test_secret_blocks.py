"""`$secret.name` in a Secret block of a real Prefect server."""

from __future__ import annotations

import pytest
from prefect.blocks.system import Secret

from flows.desk import DeskError, load_desk
from tasks.connections.problems import ConnectionProblem

DESK = """
secrets: {from: [environment, prefect]}
connections:
  tables: {kind: sql, url: $secret.desk_database}
"""


def url(folder):
    return load_desk(folder).connections["tables"].settings.url


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "_desk.yaml").write_text(DESK)
    return tmp_path


def test_a_block_holds_it_under_its_name_with_dashes(folder, tracked, monkeypatch):
    with pytest.raises(DeskError, match="then Prefect Secret block `desk-database`"):
        url(folder)
    Secret(value="sqlite:///blocked.db").save("desk-database")
    assert url(folder) == "sqlite:///blocked.db"
    monkeypatch.setenv("HEDGEROW_SECRET_DESK_DATABASE", "sqlite:///exported.db")
    assert url(folder) == "sqlite:///exported.db"


def test_a_server_that_is_away_is_worth_another_try(folder, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with pytest.raises(ConnectionProblem, match="can't be asked for Prefect Secret block `desk-database`"):
        url(folder)
