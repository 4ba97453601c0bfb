"""What all tests share: the servers that the desk's stores are tried on, and secrets that end with a test."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

S3_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def no_other_tests_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process keeps out every secret that it has looked up; another test's may be a word of this one's."""
    monkeypatch.setattr("tasks.connections.scrubbing._kept_out", set())


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Address of a PostgreSQL server of this test session; skips where there is none to start."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    found = str(programs[-1]) if programs else shutil.which("postgres")
    if found is None:
        pytest.skip("PostgreSQL isn't installed here: `apt-get install postgresql`")
    folder = Path(tempfile.mkdtemp(prefix="hedgerow-pg-"))
    # It refuses to run as root.
    who: list[str] = []
    if os.geteuid() == 0:
        try:
            account = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL doesn't run as root, and there is no user `postgres`")
        os.chown(folder, account.pw_uid, account.pw_gid)
        who = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    programs_folder = Path(found).parent
    try:
        initdb = [programs_folder / "initdb", "-D", folder / "data", "-A", "trust", "-U", "desk", "--no-sync"]
        subprocess.run([*who, *initdb], check=True, capture_output=True, cwd="/")
        control = [*who, programs_folder / "pg_ctl", "-D", folder / "data", "-w"]
        log = ["-l", folder / "log", "-o"]
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=50"
        subprocess.run([*control, *log, options, "start"], check=True, capture_output=True, cwd="/")
        try:
            yield f"postgresql://desk@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd="/")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql: str) -> str:
    """Address of an empty database of one test: a schema of its own."""
    import psycopg

    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{postgresql}?options=-csearch_path%3D{name}"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[int]:
    """Port of an S3 server; in a process of its own, since ArcticDB holds the interpreter while it waits."""
    pytest.importorskip("moto.server", reason="moto isn't installed here: `pip install 'hedgerow[test]'`")
    server = subprocess.Popen(
        [sys.executable, "-c", S3_SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield int(server.stdout.readline())
    finally:
        server.stdin.close()
        server.wait(20)


@pytest.fixture
def s3_bucket(s3_server: int) -> Callable[[], str]:
    """Makes buckets: the address of each, with no keys in it."""

    def make() -> str:
        name = f"b{uuid.uuid4().hex[:20]}"
        urlopen(Request(f"http://127.0.0.1:{s3_server}/{name}", method="PUT")).read()
        return f"s3://127.0.0.1:{name}?port={s3_server}"

    return make
