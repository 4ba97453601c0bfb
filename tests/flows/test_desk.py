"""The desk file names connections and what may be traded, keeps secrets, and says what is wrong with it."""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from flows.desk import Desk, DeskError, NoDesk, load_desk
from tasks.connections import base
from tasks.connections.base import Connection
from tasks.connections.durations import Duration
from tasks.connections.problems import Problem

ROOT = Path(__file__).parents[2]


class Wire(Connection):
    """A connection with settings of every kind."""

    kind = "wire"

    class Settings(base.Settings):
        """What the tests set."""

        simulated: bool = False
        host: str = "127.0.0.1"
        port: int | None = None
        login: str = ""
        timeout: Duration = timedelta(seconds=10)
        channels: dict[str, str] | None = None

    def _open(self) -> None: ...

    def _close(self) -> None: ...


Load = Callable[..., Desk]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    module = types.ModuleType("wires")
    module.Wire = Wire  # type: ignore[attr-defined] # a module made here
    monkeypatch.setitem(sys.modules, "wires", module)
    monkeypatch.setitem(base.KINDS, "wire", "wires:Wire")
    folder = tmp_path / "pipelines"
    folder.mkdir()

    def run(text: str, profile: str | None = None) -> Desk:
        (folder / "_desk.yaml").write_text(text)
        return load_desk(folder, profile)

    return run


FILE = """\
name: demo
connections:
  gateway: {kind: wire, simulated: true, timeout: 5s}
  other: {kind: wire}
orders: {accounts: [DU1], quantity: 100}
profiles:
  paper:
    data: /var/paper
    connections:
      gateway: {simulated: false, port: $env.WIRE_PORT, login: $secret.wire}
      third: {kind: wire, channels: {ops: "mail://$secret.mail"}}
    orders: {mode: approve}
"""


def told(error: pytest.ExceptionInfo[DeskError]) -> list[tuple[int, str, str]]:
    return [(one.span.line, one.code, one.message) for one in error.value.diagnostics]


def test_a_desk_is_what_its_file_says(load, tmp_path):
    desk = load(FILE)
    assert desk.name == "demo"
    assert desk.root == tmp_path
    assert desk.data == tmp_path / ".hedgerow"
    assert list(desk.connections) == ["gateway", "other"]
    assert desk.connections["gateway"].cls is Wire
    assert desk.connections["gateway"].settings.timeout == timedelta(seconds=5)
    assert (desk.orders.mode, desk.orders.accounts, desk.orders.quantity) == ("plan", ["DU1"], 100)


def test_a_profile_overrides_connections_and_orders_key_by_key_and_the_rest_whole(load, monkeypatch):
    monkeypatch.setenv("WIRE_PORT", "4002")
    monkeypatch.setenv("HEDGEROW_SECRET_WIRE", "hunter2")
    desk = load(FILE, "paper")
    settings = desk.connections["gateway"].settings
    assert (settings.simulated, settings.port, settings.timeout) == (False, 4002, timedelta(seconds=5))
    assert settings.login == "hunter2"
    assert list(desk.connections) == ["gateway", "other", "third"]
    assert (desk.orders.mode, desk.orders.quantity) == ("approve", 100)
    assert desk.data == Path("/var/paper")
    assert desk.profile == "paper"


def test_a_profile_keeps_its_data_apart_so_that_no_run_takes_another_desks_frames(load, tmp_path):
    assert load(FILE.replace("    data: /var/paper\n", ""), "paper").data == tmp_path / ".hedgerow" / "paper"


def test_a_profile_that_changes_the_kind_starts_anew(load):
    desk = load(FILE.replace("simulated: false, port: $env.WIRE_PORT, login: $secret.wire", "kind: notify"), "paper")
    assert desk.connections["gateway"].kind == "notify"
    assert desk.connections["gateway"].given == {}


def test_secrets_are_never_shown(load, monkeypatch):
    monkeypatch.setenv("WIRE_PORT", "4002")
    monkeypatch.setenv("HEDGEROW_SECRET_WIRE", "hunter2")
    monkeypatch.setenv("HEDGEROW_SECRET_MAIL", "swordfish")
    desk = load(FILE, "paper")
    gateway, third = desk.connections["gateway"].settings, desk.connections["third"].settings
    assert third.channels == {"ops": "mail://swordfish"}
    for shown in (repr(desk), repr(gateway), str(gateway), str(gateway.model_dump()), gateway.model_dump_json()):
        assert "hunter2" not in shown
    for shown in (repr(third), str(third), str(third.model_dump()), third.model_dump_json(), str(desk.redacted())):
        assert "swordfish" not in shown
    assert isinstance(gateway, Wire.Settings)
    assert desk.redacted()["connections"]["gateway"]["login"] == "$secret.wire"


def test_a_secret_of_the_wrong_kind_is_not_told_either(load, monkeypatch):
    monkeypatch.setenv("HEDGEROW_SECRET_PORT", "hunter2")
    desk = load("connections: {gateway: {kind: wire, port: $secret.port}}")
    with pytest.raises(DeskError) as error:
        _ = desk.connections["gateway"].settings
    assert "hunter2" not in str(error.value)
    assert told(error) == [(1, "bad-value", "`port`: what `$secret.port` holds doesn't suit")]


def test_a_missing_variable_matters_only_where_it_is_used(load, monkeypatch):
    monkeypatch.delenv("WIRE_PORT", raising=False)
    desk = load(FILE, "paper")
    assert desk.connections["other"].settings.port is None
    with pytest.raises(DeskError) as error:
        _ = desk.connections["gateway"].settings
    assert told(error) == [
        (10, "missing-variable", "connection `gateway`: environment variable WIRE_PORT is not set"),
        (10, "missing-variable", "connection `gateway`: environment variable HEDGEROW_SECRET_WIRE is not set"),
    ]


def test_everything_wrong_is_told_at_once_with_its_place(load):
    with pytest.raises(DeskError) as error:
        load("""\
connections:
  gateway: {kind: wyre}
  other: {simulated: true}
  third: {kind: wire, prot: 4002, timeout: 5, host: $benchmark}
profiles:
  paper:
    connections:
      third: {port: many}
""")
    assert told(error) == [
        (2, "unknown-connection", "no connection of kind `wyre`"),
        (3, "missing-key", "connection `other` lacks its `kind`"),
        (4, "unknown-key", "unknown key `prot`"),
        (4, "bad-value", "`timeout`: expected a duration such as 500ms, 30s, 2m or 1h30m, got 5"),
        (4, "unknown-reference", "connection `third`: no `$benchmark` in a desk file"),
        (8, "bad-value", "`port`: expected a whole number, got text `many`"),
    ]
    assert "did you mean `wire`?" in str(error.value)
    assert "did you mean `port`?" in str(error.value)


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("", 1, "syntax"),
        ("[a", 1, "syntax"),
        ("a", 1, "bad-value"),
        ("connectons: {}", 1, "unknown-key"),
        ("orders: {mode: go}", 1, "bad-value"),
        ("orders: {quantity: -1}", 1, "bad-value"),
        ("connections: {gateway: [ib]}", 1, "bad-value"),
        ("connections: {gateway: {kind: [ib]}}", 1, "unknown-connection"),
        ("profiles: {paper: {nmae: x}}", 1, "unknown-key"),
        ("profiles:\n  paper: {orders: {mode: go}}", 2, "bad-value"),
    ],
)
def test_a_file_of_the_wrong_shape_says_so(load, text, line, code):
    with pytest.raises(DeskError) as error:
        load(text)
    assert [(one[0], one[1]) for one in told(error)] == [(line, code)]


def test_an_unknown_profile_names_the_nearest(load):
    with pytest.raises(DeskError, match="did you mean `paper`"):
        load(FILE, "papr")
    with pytest.raises(DeskError, match="the file has no profiles"):
        load("name: demo", "paper")


def test_no_desk_file_says_what_to_write(tmp_path):
    with pytest.raises(NoDesk, match=r"no desk file .*_desk\.yaml") as error:
        load_desk(tmp_path)
    assert "simulated: true" in error.value.instruction


def test_a_desk_error_survives_a_process_boundary(load):
    with pytest.raises(DeskError) as error:
        load("orders: {mode: go}")
    again = pickle.loads(pickle.dumps(error.value))  # noqa: S301 - our own bytes
    assert str(again) == str(error.value)
    assert again.diagnostics == error.value.diagnostics


def test_the_shipped_desk_is_right_and_sends_nothing():
    desk = load_desk(ROOT / "pipelines")
    assert desk.orders.mode == "plan"
    assert {spec.kind for spec in desk.connections.values()} == {"ib", "arctic", "sql", "notify"}
    for spec in desk.connections.values():
        assert spec.settings is not None
    paper = load_desk(ROOT / "pipelines", "paper")
    assert paper.connections["gateway"].settings.port == 4002
    assert paper.name != desk.name
    assert not isinstance(paper, Problem)
