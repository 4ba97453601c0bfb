"""`$secret.name` is found where the desk file says, and nowhere else; what it is, is never said."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from flows.commands.desk import show_desk
from flows.desk import Desk, DeskError, load_desk
from tasks.connections.problems import Problem
from tasks.connections.scrubbing import scrubbed

PLANTED = "Xq7-planted-hunter2"
ROOT = Path(__file__).parents[2]

Load = Callable[..., Desk]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home, beside the project."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("HEDGEROW_SECRET_DATABASE", raising=False)
    return folder


@pytest.fixture
def load(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """A project whose only connection is a database by a secret."""
    pipelines = tmp_path / "project" / "pipelines"
    pipelines.mkdir(parents=True)
    monkeypatch.setenv("HEDGEROW_PROJECT", str(pipelines.parent))

    def make(secrets: str) -> Desk:
        text = f"secrets: {secrets}\nconnections:\n  tables: {{kind: sql, url: $secret.database}}\n"
        (pipelines / "_desk.yaml").write_text(text)
        return load_desk(pipelines)

    return make


def keep(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def url(desk: Desk) -> str:
    found: str = desk.connections["tables"].settings.url
    return found


def refused(desk: Desk) -> str:
    with pytest.raises(DeskError) as error:
        url(desk)
    assert error.value.diagnostics[0].span.line == 3
    return str(error.value)


class Vault(KeyringBackend):
    """A keyring of the tests; locked where it says so."""

    priority = 1  # type: ignore[assignment] # a number where the class has a property
    held: ClassVar[dict[tuple[str, str], str]] = {}
    locked: ClassVar[bool] = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked(PLANTED)
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Vault]]:
    before = keyring.get_keyring()
    keyring.set_keyring(Vault())
    yield Vault
    keyring.set_keyring(before)
    Vault.held.clear()


def test_a_file_outside_the_project_holds_them(load: Load, home: Path) -> None:
    keep(home / ".config/hedgerow/secrets.yaml", f"database: sqlite:///{PLANTED}.db\npin: 007\n")
    desk = load("{file: ~/.config/hedgerow/secrets.yaml}")
    assert url(desk) == f"sqlite:///{PLANTED}.db"
    assert desk.secrets.find("pin").value == "007"
    assert PLANTED not in repr(desk.connections["tables"].settings)
    assert PLANTED not in repr(desk.secrets.find("database"))


def test_the_environment_comes_first_unless_the_desk_says_otherwise(
    load: Load, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(home / "s.yaml", "database: sqlite:///filed.db\n")
    monkeypatch.setenv("HEDGEROW_SECRET_DATABASE", "sqlite:///exported.db")
    assert url(load("{file: ~/s.yaml}")) == "sqlite:///exported.db"
    assert url(load("{from: [file, environment], file: ~/s.yaml}")) == "sqlite:///filed.db"


def test_what_is_nowhere_is_told_with_every_place_looked_at(load: Load, vault: type[Vault], home: Path) -> None:
    keep(home / "s.yaml", "other: 1\n")
    told = refused(load("{from: [environment, file, keyring], file: ~/s.yaml}"))
    assert (
        "no secret `database`: looked for environment variable HEDGEROW_SECRET_DATABASE, then `database` in"
        " ~/s.yaml, then `database` of `hedgerow` in the keyring" in told
    )
    assert "[missing-secret]" in told
    assert "HEDGEROW_SECRET_DATABASE is not set [missing-variable]" in refused(load("{}"))
    assert "looked for environment variable" in refused(load("{file: ~/not-there.yaml}"))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606, 0o660])
def test_a_file_that_others_can_use_is_refused(load: Load, home: Path, mode: int) -> None:
    keep(home / "s.yaml", "database: sqlite://\n", mode)
    told = refused(load("{file: ~/s.yaml}"))
    assert f"can be used by others than its owner (mode {mode:04o})" in told
    assert "chmod 600 ~/s.yaml" in told


def test_a_file_that_a_repository_would_take_along_is_refused(load: Load, home: Path, tmp_path: Path) -> None:
    keep(tmp_path / "project" / "secrets.yaml", "database: sqlite://\n")
    assert "is inside this project, and could be committed" in refused(
        load(f"{{file: {tmp_path}/project/secrets.yaml}}")
    )
    other = tmp_path / "other"
    keep(other / "deep" / "s.yaml", "database: sqlite://\n")
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    assert f"is inside the repository {other}" in refused(load(f"{{file: {other}/deep/s.yaml}}"))
    (home / "s.yaml").symlink_to(other / "deep" / "s.yaml")
    assert f"is inside the repository {other}" in refused(load("{file: ~/s.yaml}"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"- {PLANTED}\n", "line 1: expected a name and one text"),
        (f"{PLANTED}\n", "line 1: expected a name and one text"),
        (f"database:\n  deep: {PLANTED}\n", "line 2: expected a name and one text"),
        (f"database: {PLANTED}\nother: '{PLANTED}\n", "is no YAML, line 3"),
        (f"database: {PLANTED}\ndatabase: x\n", "has two of one name, the second in line 2"),
        (f"pin: {PLANTED}\ndatabase:\n", "line 2: expected a name and one text"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_and_never_quoted(load: Load, home: Path, text: str, told: str) -> None:
    keep(home / "s.yaml", text)
    said = refused(load("{file: ~/s.yaml}"))
    assert told in said
    assert PLANTED not in said


def test_a_relative_path_is_refused(load: Load) -> None:
    assert "Write it from the root, or from `~`" in refused(load("{file: secrets.yaml}"))


def test_the_keyring_holds_them_under_the_desks_service(load: Load, vault: type[Vault]) -> None:
    keyring.set_password("fund", "database", "sqlite:///ringed.db")
    assert url(load("{from: [keyring], service: fund}")) == "sqlite:///ringed.db"


def test_a_locked_keyring_is_told_and_what_comes_after_it_is_not_taken(
    load: Load, vault: type[Vault], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Vault, "locked", True)
    monkeypatch.setenv("HEDGEROW_SECRET_DATABASE", "sqlite:///wrong.db")
    told = refused(load("{from: [keyring, environment]}"))
    assert "keyring can't be asked for `database` of `hedgerow` in the keyring: KeyringLocked" in told
    assert PLANTED not in told


def test_prefect_without_an_api_is_told(load: Load, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(home))
    told = refused(load("{from: [prefect]}"))
    assert "Prefect Secret block `database`, and no Prefect API is configured here" in told


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("{from: [file]}", "`from` names a file: say which"),
        ("{from: [environment], file: ~/s.yaml}", "add `file` to it"),
        ("{from: [environment, environment]}", "names a place twice"),
        ("{from: [vault]}", "expected one of"),
        ("{form: [file]}", "Did you mean `from`?"),
    ],
)
def test_a_wrong_key_is_told_with_its_place(load: Load, keys: str, told: str) -> None:
    with pytest.raises(DeskError) as error:
        load(keys)
    assert told.lower() in str(error.value).lower()
    assert error.value.diagnostics[0].span.line == 1


def test_what_came_from_a_file_is_kept_out_of_every_problem(load: Load, home: Path) -> None:
    keep(home / "s.yaml", f"database: postgresql://desk:{PLANTED}@db.example.com/hedges\n")
    url(load("{file: ~/s.yaml}"))
    assert scrubbed(f"can't reach desk:{PLANTED}@db") == "can't reach $secret.database@db"
    assert PLANTED not in str(Problem(f"password {PLANTED} was refused"))


def test_hedgerow_desk_says_where_secrets_are_and_not_what(
    load: Load, home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    keep(home / "s.yaml", f"database: sqlite:///{tmp_path}/{PLANTED}.db\n")
    load("{file: ~/s.yaml}")
    assert show_desk(None, 20, as_json=False) == 0
    told = capsys.readouterr().out
    assert "✓ $secret.database  from `database` in ~/s.yaml, for tables" in told
    assert "✓ tables" in told
    assert PLANTED not in told


def test_hedgerow_desk_is_unwell_where_a_secret_is_nowhere_or_trading_is_halted(load: Load) -> None:
    load("{}")
    command = [sys.executable, "-m", "flows", "desk"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "✗ $secret.database  environment variable HEDGEROW_SECRET_DATABASE is not set, for tables" in done.stdout
    assert "✓ orders" in done.stdout
    subprocess.run([sys.executable, "-m", "flows", "halt", "fat finger"], cwd=ROOT, capture_output=True, check=True)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "trading is HALTED: fat finger" in done.stdout


def test_hedgerow_desk_shows_profile_policy_and_limits(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipelines = tmp_path / "project" / "pipelines"
    pipelines.mkdir(parents=True)
    monkeypatch.setenv("HEDGEROW_PROJECT", str(pipelines.parent))
    (pipelines / "_desk.yaml").write_text(
        """
name: fund
connections: {tables: {kind: sql}}
orders: {mode: plan, accounts: [DU1, DU2], notional: 2000000, quote_age: 5s}
profiles: {paper: {name: paper, orders: {mode: approve, accounts: [DU9]}}}
"""
    )
    assert show_desk(None, 20, as_json=False) == 0
    told = capsys.readouterr().out.split()
    assert " ".join(told[:2]) == "desk fund"
    assert "mode plan accounts DU1, DU2 notional 2,000,000 quote_age 5 s" in " ".join(told)
    assert show_desk("paper", 20, as_json=False) == 0
    told = capsys.readouterr().out.split()
    assert " ".join(told[:4]) == "desk paper, profile paper"
    assert "mode approve accounts DU9 notional 2,000,000" in " ".join(told)
